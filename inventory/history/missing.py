"""The history as a whole: what is done to it outside of a run."""

from collections.abc import Collection

from sqlalchemy.engine import Engine

from inventory.history import reconcile
from inventory.history.lease import fence, hold_lease
from inventory.history.reconcile import NO_RUN, Moment
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
    """All missing instances of the account, held or not, have vanished, each at the time since when it was missing.

    Returns their ids, in order; with `only`, these alone, as somebody saw them listed. The runs that first lacked them
    count them as vanished; no run of its own is recorded, and what the last run says it left missing stays as it was.
    Where none is left missing, the next complete run is `succeeded` again, and bears a digest.
    Raises UsageError for an unknown account, AccountBusy while another holds it, LeaseLost.
    """
    counts = {"vanished": 0, "settled": 0}
    settled: list[str] = []
    with (
        hold_lease(engine, account, "missing --accept", lease_seconds, clock) as lease,
        database.writing(engine, idle_limit=lease.seconds) as connection,
    ):
        fence(connection, lease)
        moment = Moment(account, NO_RUN, database.now(connection, clock), None)
        # the account's walk_digest is null while anything is missing, so the next run compares everything
        for step in reconcile.accept(connection, moment, only):
            reconcile.apply(connection, moment, step, counts)
            settled += reconcile.settled(moment, step)
    return sorted(settled)
