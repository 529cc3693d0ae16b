"""Record missing instances as vanished because a person says so, outside of a run."""

from collections.abc import Collection

from sqlalchemy.engine import Engine

from inventory.history import reconcile
from inventory.history.difference import settled_ids
from inventory.history.lease import fence, hold_lease
from inventory.history.merkle_log.append import Act, append_act
from inventory.history.merkle_log.entries import hex_or_none
from inventory.history.merkle_log.missing import missing_digest
from inventory.history.step import NO_RUN, Change, RunStamp
from inventory.merkle import root_of
from inventory.store import database
from inventory.store.database import Clock


def accept_missing(  # noqa: PLR0913 - options by name, as the command has them
    engine: Engine,
    account: str,
    *,
    only: Collection[str] | None = None,
    reason: str | None = None,
    lease_seconds: float,
    clock: Clock | None = None,
) -> list[str]:
    """Record the account's missing instances as vanished, also the held ones. Return their ids, sorted.

    With `only`, do this only for the missing instances with these ids; any other id is ignored. Each instance vanishes
    at its `missing_since`. No run is inserted. For each instance, the `vanished` count of the first complete run that
    lacked it is raised by 1 (`settled-at-first-absence`). The `missing` counts of runs stay unchanged. If at least one
    instance vanished, the act is recorded with its `reason` in `operator_actions`.

    Raise UsageError for an unknown account, AccountBusy if another process holds the lease, LeaseLost if another
    process has taken the lease over.
    """
    counts = {"vanished": 0, "settled": 0}
    settled: list[str] = []
    with (
        hold_lease(engine, account, "missing --accept", lease_seconds, clock) as lease,
        database.writing(engine, idle_limit=lease.seconds) as connection,
    ):
        row = fence(connection, lease)
        now = database.now(connection, clock)
        stamp = RunStamp(account, NO_RUN, now, None, log_index=row["log_size"])
        changes: list[Change] = []
        # walk_digest need not be cleared. It is null while an instance is missing, so the next run compares its list
        # with the database anyway.
        for step in reconcile.plan_acceptance(connection, stamp, only):
            reconcile.apply(connection, stamp, step, counts)
            settled += settled_ids(stamp, step)
            changes += step.changes
        if settled:
            unsettled = missing_digest(connection, account, row["last_complete_run_id"])
            details = {
                "instances": len(settled),
                "changes": root_of(change.leaf for change in sorted(changes)).hex(),
                "missing": hex_or_none(unsettled),
            }
            append_act(connection, row, Act("accept", now, details, reason))
    return sorted(settled)
