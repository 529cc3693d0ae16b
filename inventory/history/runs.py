"""Open, close and fail a run, and whether one is due."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from inventory import __version__, log
from inventory.config.timetable import Timetable
from inventory.errors import DatabaseError, Interrupted, LeaseLost
from inventory.history.lease import NO_LEASE, Lease, acquire, fence, raise_if_leased, select_account
from inventory.store import database
from inventory.store.database import Clock
from inventory.store.tables import accounts, sync_runs
from inventory.times import iso

logger = log.get(__name__)


@dataclass(frozen=True)
class Run:
    """An open run, and what it needs to know of the runs before it."""

    lease: Lease
    run_id: int
    account: str
    started_at: datetime
    last_complete_run_id: int | None
    walk_digest: str | None
    """What a walk equals that brings nothing new; null where the last complete run left any missing or unlisted."""
    fleet_digest: str | None


class NotDue(Exception):
    """No failure: the account's next run is not due yet, by the database's clock, whoever made the last."""

    def __init__(self, seconds: float) -> None:
        """Keep in how many seconds it will be."""
        super().__init__(f"due in {seconds:.1f} s")
        self.seconds = seconds


def open_run(
    engine: Engine,
    account: str,
    *,
    trigger: str,
    api_url: str,
    api_key_id: str,
    lease_seconds: float,
    expected_seconds: float | None = None,
    timetable: Timetable | None = None,
    clock: Clock | None = None,
) -> Run:
    """A `running` row in `sync_runs` and the lease; raises AccountBusy where another holds it.

    With a `timetable`, raises NotDue where an attempt was made since the last time at which one was due: of many who
    wake up for the same run, one gets it, since the account's row is locked while that is looked up.

    `started_at` is the database's clock (or `clock`), a microsecond after the account's last run at the least.
    """
    _refuse(engine, account, clock, timetable)
    with database.writing(engine, idle_limit=lease_seconds) as connection:
        database.insert_if_absent(
            connection,
            accounts,
            {"account": account, "provider": "fal", "created_at": database.now(connection, clock)},
        )
        held = connection.execute(database.for_update(connection, select_account(account))).mappings().one()
        moment = database.now(connection, clock)  # now that whoever had the row has let it go
        raise_if_leased(connection, held, moment)
        if timetable is not None:
            _require_due(connection, account, timetable, moment)
            expected_seconds = timetable.interval(moment)
        last = connection.execute(
            sa.select(sync_runs.c.started_at)
            .where(sync_runs.c.account == account)
            .order_by(sync_runs.c.started_at.desc())
            .limit(1)
        ).scalar()
        started_at = moment
        if last is not None and moment <= last:
            started_at = last + timedelta(microseconds=1)
            logger.warning("the clock stepped back", account=account, now=iso(moment), last_run=iso(last))
        connection.execute(
            sa.update(sync_runs)
            .where(sync_runs.c.account == account, sync_runs.c.status == "running")
            .values(
                status="abandoned",
                finished_at=moment,
                error_code=LeaseLost.error_code,
                error="its process died, or lost its lease, before it could apply anything",
            )
        )
        complete = held["last_complete_run_id"]
        previous, fleet_digest = connection.execute(
            sa.select(sync_runs.c.started_at, sync_runs.c.fleet_digest).where(sync_runs.c.run_id == complete)
        ).first() or (None, None)
        run_id = connection.execute(
            sa.insert(sync_runs)
            .values(
                account=account,
                trigger=trigger,
                status="running",
                started_at=started_at,
                heartbeat_at=moment,
                previous_complete_at=previous,
                expected_seconds=expected_seconds,
                api_url=api_url,
                api_key_id=api_key_id,
                version=__version__,
            )
            .returning(sync_runs.c.run_id)
        ).scalar_one()
        lease = Lease(account, secrets.token_hex(16), lease_seconds, run_id, database.identity(connection))
        acquire(connection, lease, "sync", moment)
        if held["retired_at"] is not None:
            connection.execute(sa.update(accounts).where(accounts.c.account == account).values(retired_at=None))
        # without the fleet's digest (`prune` clears old ones) nobody knows what a quiet run should repeat
        walk_digest = held["walk_digest"] if fleet_digest is not None else None
        return Run(lease, run_id, account, started_at, complete, walk_digest, fleet_digest)


def last_known(account: str) -> sa.Select[Any]:
    """The run whose key and address a sudden loss is judged by: the last that succeeded, else that applied anything."""
    return (
        sa.select(sync_runs)
        .where(sync_runs.c.account == account, sync_runs.c.status.in_(("succeeded", "held", "partial")))
        .order_by((sync_runs.c.status == "succeeded").desc(), sync_runs.c.started_at.desc())
        .limit(1)
    )


def close_run(
    connection: Connection, run: Run, *, now: datetime, account: Mapping[str, Any] | None = None, **values: Any
) -> None:
    """The run's last word, in a transaction that is already fenced: its columns, the account's, and no lease."""
    connection.execute(
        sa.update(sync_runs).where(sync_runs.c.run_id == run.run_id).values(finished_at=now, heartbeat_at=now, **values)
    )
    connection.execute(
        sa.update(accounts).where(accounts.c.account == run.account).values({**NO_LEASE, **(account or {})})
    )


def fail_run(engine: Engine, run: Run, clock: Clock | None = None, **values: Any) -> None:
    """Record that nothing of the run was applied, and in `values` why.

    Where even that fails, the next run marks it abandoned.
    """
    try:
        with database.writing(engine, idle_limit=run.lease.seconds) as connection:
            fence(connection, run.lease)
            moment = database.now(connection, clock)
            close_run(connection, run, now=moment, status="failed", **values)
    except (DatabaseError, LeaseLost) as second:
        logger.warning(
            "the failed run could not be recorded", account=run.account, run_id=run.run_id, reason=str(second)
        )


def _refuse(engine: Engine, account: str, clock: Clock | None, timetable: Timetable | None = None) -> None:
    """Turn a second one, or one too early, away at once: without a lock, and without waiting for the holder's."""
    with database.reading(engine) as connection:
        held = connection.execute(select_account(account)).mappings().first()
        if held is not None:
            moment = database.now(connection, clock)
            raise_if_leased(connection, held, moment)
            if timetable is not None:
                _require_due(connection, account, timetable, moment)


def _require_due(connection: Connection, account: str, timetable: Timetable, moment: datetime) -> None:
    """Raise NotDue where the account's last attempt, whatever came of it, is too young.

    One that was cut short, by a signal or by the death of its process, is made good at once.
    """
    last = connection.execute(
        sa.select(sync_runs.c.status, sync_runs.c.started_at, sync_runs.c.heartbeat_at, sync_runs.c.error_code)
        .where(sync_runs.c.account == account)
        .order_by(sync_runs.c.started_at.desc())
        .limit(1)
    ).first()
    if last is None or last.status in {"running", "abandoned"} or last.error_code == Interrupted.error_code:
        return
    # after a step back of the clock `started_at` goes on from where it was; the heartbeat tells the time
    at = min(last.started_at, last.heartbeat_at)
    interval = timetable.interval(moment)
    left = timetable.left(at, moment)
    if left > 0 and (at - moment).total_seconds() <= interval:
        raise NotDue(left)
