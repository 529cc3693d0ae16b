"""Settle missing instances as vanished, outside of a run."""

from collections.abc import Collection

from sqlalchemy.engine import Engine

from inventory.history import reconcile
from inventory.history.difference import NO_RUN, RunStamp, settled_ids
from inventory.history.lease import fence, hold_lease
from inventory.store import database
from inventory.store.database import Clock


def accept_missing(
    engine: Engine,
    account: str,
    *,
    only: Collection[str] | None = None,
    lease_seconds: float,
    clock: Clock | None = None,
) -> list[str]:
    """Record the account's missing instances as vanished, held or not, each at its `missing_since`.

    With `only`, record just those with these ids. Return the recorded ids, sorted. No run is inserted: the first
    complete run without an instance counts it as vanished (`settled-at-first-absence`). The `missing` of the last run
    stays as it was. If no instance is left missing, the next complete run is `succeeded` and has a digest again.

    Raise UsageError for an unknown account, AccountBusy if another process holds it, LeaseLost.
    """
    counts = {"vanished": 0, "settled": 0}
    settled: list[str] = []
    with (
        hold_lease(engine, account, "missing --accept", lease_seconds, clock) as lease,
        database.writing(engine, idle_limit=lease.seconds) as connection,
    ):
        fence(connection, lease)
        stamp = RunStamp(account, NO_RUN, database.now(connection, clock), None)
        # walk_digest is null while any instance is missing, so the next run compares the whole list anyway
        for step in reconcile.plan_acceptance(connection, stamp, only):
            reconcile.apply(connection, stamp, step, counts)
            settled += settled_ids(stamp, step)
    return sorted(settled)
