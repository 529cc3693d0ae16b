"""Find the troubles of an account as of a run, and which of them are new. Pure functions of rows of `sync_runs`."""

from collections.abc import Sequence
from datetime import timedelta

from inventory.config.alerts import Trouble
from inventory.errors import Forbidden, Unauthorized
from inventory.read.relations import Row

KEY_REFUSED_CODES = (Unauthorized.error_code, Forbidden.error_code)

REPORTED_STATUSES = ("held", "partial", "failed")
"""The statuses of runs whose alerts were sent. An abandoned run's process could not send any."""


def troubles_of(run: Row, stale_after: timedelta) -> set[Trouble]:
    """Return the troubles as of a run.

    `run` is a row of `sync_runs` with `known_since`: the time of the last complete run, else of the account's creation.
    """
    found: set[Trouble] = set()
    if run["status"] == "held":
        found.add("held")
    if not run["complete"]:
        if run["error_code"] in KEY_REFUSED_CODES:
            found.add("key_refused")
        if run["started_at"] - run["known_since"] > stale_after:
            found.add("stale")
    return found


def begun_and_ended(run: Row, earlier: Sequence[Row], stale_after: timedelta) -> tuple[set[Trouble], set[Trouble]]:
    """Return the troubles that begin with this run, and those that end with it.

    `earlier` are the runs between the account's last success and this run. If several have the same status, error code
    and `known_since`, only the last of them is needed.
    """
    reported = {
        trouble for each in earlier if each["status"] in REPORTED_STATUSES for trouble in troubles_of(each, stale_after)
    }
    if run["status"] == "succeeded":
        return set(), reported
    if run["status"] not in REPORTED_STATUSES:  # abandoned: the next run reports
        return set(), set()
    return troubles_of(run, stale_after) - reported, set()
