"""What is wrong with an account as of a run, and which of it is new. Pure functions of rows of `sync_runs`."""

from collections.abc import Sequence
from datetime import timedelta

from inventory.config.alerts import Trouble
from inventory.read.queries import Row

REFUSED = ("unauthorized", "forbidden")
ENDED = ("held", "partial", "failed")
"""What a run may end as whose alerts were sent. An abandoned one's process was not there to."""


def troubles(run: Row, stale_after: timedelta) -> set[Trouble]:
    """What is wrong as of this run: a row of `sync_runs`, with `known_since`, the last complete one's time if any."""
    found: set[Trouble] = set()
    if run["status"] == "held":
        found.add("held")
    if not run["complete"]:
        if run["error_code"] in REFUSED:
            found.add("key_refused")
        if run["started_at"] - run["known_since"] > stale_after:
            found.add("stale")
    return found


def due(run: Row, before: Sequence[Row], stale_after: timedelta) -> tuple[set[Trouble], set[Trouble]]:
    """The troubles that this run is the first to have since the account's last success, and those that it ends.

    `before` are the runs between that success and this one; of several that are alike the last will do.
    """
    told = {trouble for each in before if each["status"] in ENDED for trouble in troubles(each, stale_after)}
    if run["status"] == "succeeded":
        return set(), told
    if run["status"] not in ENDED:  # taken over, or cut off before it could say so: the next run tells
        return set(), set()
    return troubles(run, stale_after) - told, set()
