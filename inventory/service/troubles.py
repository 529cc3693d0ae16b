"""Find the troubles of an account after a run, and which of them the run begins or ends.

A trouble is `held`, `stale` or `key_refused`. The functions are pure: they read only the rows of `sync_runs` that they
are given.
"""

from collections.abc import Sequence
from datetime import timedelta

from inventory.config.alerts import Trouble
from inventory.errors import Forbidden, Unauthorized
from inventory.read.relations import Row

KEY_REFUSED_CODES = (Unauthorized.error_code, Forbidden.error_code)

REPORTED_STATUSES = ("held", "partial", "failed")
"""The statuses of runs that report troubles. An abandoned run reports none: its process died or lost its lease."""


def troubles_of(run: Row, stale_after: timedelta) -> set[Trouble]:
    """Return the troubles of the account after a run.

    `run` is a row of `sync_runs` with one more key, `known_since`: the time of the last complete run before it or, if
    there is none, the time at which the account was created.
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
    """Return two sets: the troubles that begin with this run, and those that end with it.

    `earlier` are the runs of the account between its last `succeeded` run and this run. Of runs with the same status,
    error code and `known_since`, only the last is needed.
    """
    reported = {
        trouble for each in earlier if each["status"] in REPORTED_STATUSES for trouble in troubles_of(each, stale_after)
    }
    if run["status"] == "succeeded":
        return set(), reported
    if run["status"] not in REPORTED_STATUSES:  # abandoned: the next run reports
        return set(), set()
    return troubles_of(run, stale_after) - reported, set()
