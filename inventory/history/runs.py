"""Open, close and fail a run. A run is one row of `sync_runs`, and holds the account's lease while it is open."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from inventory import __version__, log
from inventory.config.timetable import Timetable
from inventory.errors import AccountBusy, DatabaseError, Interrupted, LeaseLost
from inventory.history.lease import (
    NO_LEASE,
    Lease,
    acquire,
    fence,
    find_account,
    first_heartbeat,
    lock_account,
    new_lease,
    raise_if_leased,
)
from inventory.history.merkle_log.append import RunEnd, append_run, prepare_account
from inventory.store import database
from inventory.store.database import Clock
from inventory.store.tables import APPLIED, accounts, sync_runs
from inventory.times import iso

logger = log.get(__name__)


class NotDue(Exception):
    """A run that is not due yet, by the database's clock. This is not a failure."""

    def __init__(self, seconds: float) -> None:
        """Keep the number of seconds until the next run is due."""
        super().__init__(f"due in {seconds:.1f} s")
        self.seconds = seconds


@dataclass(frozen=True)
class RunRequest:
    """The run that `open_run` is asked to open. `trigger` says what started it: manual, schedule or demo."""

    account: str
    trigger: str
    api_url: str
    """The address of the API as it is stored: without a key."""
    api_key_id: str
    lease_seconds: float
    expected_seconds: float | None = None
    """Seconds from this run to the next, if the caller knows them. With a `timetable`, its interval is used instead."""
    timetable: Timetable | None = None
    """If given, the run is opened only if a run is due by this schedule."""
    ignore_changes: tuple[str, ...] = ()
    max_vanish: float | None = None
    max_gap_seconds: float | None = None


@dataclass(frozen=True)
class Run:
    """An open run, with what it needs from the last complete run of its account."""

    lease: Lease
    run_id: int
    account: str
    started_at: datetime
    last_complete_run_id: int | None
    walk_digest: str | None
    """The fingerprint of the last complete run's list.

    None if this run must compare its list with the database even if the list is the same. That is so if instances are
    missing, for example, or were found by id only.
    """
    fleet_digest: str | None
    """The fleet digest of the last complete run; None if there is no such run, or if it has no digest."""
    returned: bool = False
    """Whether the run brings a retired account back."""


def open_run(engine: Engine, request: RunRequest, clock: Clock | None = None) -> Run:
    """Insert a `running` row into `sync_runs`, acquire the lease, and return the open run.

    If the account is unknown, it is inserted. If it is retired, it is brought back. If it has no log, the log is begun.
    An earlier run that is still `running` is marked as `abandoned`.

    `started_at` is the time of the database's clock, or of `clock` if it is given. If that time is too early for a run
    of this account, `started_at` is the earliest time that is allowed (`_start_time`, `times-increase`). Raise
    AccountBusy if another process holds the lease, or has just renamed the account.

    With a `timetable`, raise NotDue if no run is due. This is checked while the account's row is locked. So of many
    processes that wake up for the same run only one opens it (`a-due-run-is-made-once`).
    """
    account, expected_seconds = request.account, request.expected_seconds
    _raise_early(engine, request, clock)
    with database.writing(engine, idle_limit=request.lease_seconds) as connection:
        database.insert_if_absent(
            connection,
            accounts,
            {"account": account, "provider": "fal", "created_at": database.now(connection, clock)},
        )
        row = lock_account(connection, account)
        if row is None:  # this transaction waited for the row's lock while another process renamed the account
            raise AccountBusy(
                f"Account {account}: it was renamed in the meantime. Nothing was done; change its name in the "
                "configuration too, or the next sync begins a second history."
            )
        now = database.now(connection, clock)  # read after the lock: another process may have held the row for long
        raise_if_leased(connection, row, now)
        if request.timetable is not None:
            _raise_if_not_due(connection, account, request.timetable, now)
            expected_seconds = request.timetable.interval(now)
        started_at = _start_time(connection, row, now)
        heartbeat = first_heartbeat(connection, row, prepare_account(connection, row, now), now, clock)
        previous, fleet_digest = connection.execute(
            sa.select(sync_runs.c.started_at, sync_runs.c.fleet_digest).where(
                sync_runs.c.run_id == row["last_complete_run_id"]
            )
        ).first() or (None, None)
        run_id = connection.execute(
            sa.insert(sync_runs)
            .values(
                account=account,
                trigger=request.trigger,
                status="running",
                started_at=started_at,
                heartbeat_at=heartbeat,
                previous_complete_at=previous,
                expected_seconds=expected_seconds,
                api_url=request.api_url,
                api_key_id=request.api_key_id,
                version=__version__,
                ignore_changes=",".join(request.ignore_changes) or None,
                max_vanish=request.max_vanish,
                max_gap_seconds=request.max_gap_seconds,
            )
            .returning(sync_runs.c.run_id)
        ).scalar_one()
        lease = new_lease(account, request.lease_seconds, run_id=run_id, file=database.identity(connection))
        acquire(connection, lease, "sync", heartbeat)
        returned = row["retired_at"] is not None
        if returned:
            connection.execute(sa.update(accounts).where(accounts.c.account == account).values(retired_at=None))
        # A run with an unchanged list copies the last fleet digest. `prune` may have cleared that digest: then the run
        # must compare its list with the database, and compute a digest.
        walk_digest = row["walk_digest"] if fleet_digest is not None else None
        last_complete = row["last_complete_run_id"]
        return Run(lease, run_id, account, started_at, last_complete, walk_digest, fleet_digest, returned)


def close_run(
    connection: Connection,
    run: Run,
    row: Mapping[str, Any],
    *,
    now: datetime,
    account: Mapping[str, Any] | None = None,
    **values: Any,
) -> None:
    """Write the final columns of the run and of its account, append the run's entry to the log, and release the lease.

    `row` is what `fence` returned. `values` are columns of `sync_runs`, `account` are columns of `accounts`.
    """
    opened = connection.execute(sa.select(sync_runs).where(sync_runs.c.run_id == run.run_id)).mappings().one()
    columns = {"finished_at": now, "heartbeat_at": now, **values}
    append_run(connection, row, {**opened}, RunEnd(columns, run.returned, {**NO_LEASE, **(account or {})}))


def fail_run(engine: Engine, run: Run, clock: Clock | None = None, **values: Any) -> None:
    """Close the run as `failed`: nothing of it was applied. `values` are columns of `sync_runs`, such as `error`.

    If the run cannot be closed, because the database fails or the lease is lost, only log a warning. A later run or act
    then marks this run as `abandoned`, or has done so already.
    """
    try:
        with database.writing(engine, idle_limit=run.lease.seconds) as connection:
            row = fence(connection, run.lease)
            close_run(connection, run, row, now=database.now(connection, clock), status="failed", **values)
    except (DatabaseError, LeaseLost) as second:
        logger.warning(
            "the failed run could not be recorded", account=run.account, run_id=run.run_id, reason=str(second)
        )


def is_applied(engine: Engine, run: Run) -> bool:
    """Return whether the run's row says that the run was applied; False also if the database does not answer."""
    with suppress(DatabaseError), database.reading(engine) as connection:
        status = connection.scalar(sa.select(sync_runs.c.status).where(sync_runs.c.run_id == run.run_id))
        return status in APPLIED
    return False


def last_applied(account: str) -> sa.Select[Any]:
    """Return the query for the run whose API key and address the brake compares with the present ones (`brake`).

    That is the last `succeeded` run of the account. If there is none, it is the last run that was `held` or `partial`.
    """
    return (
        sa.select(sync_runs)
        .where(sync_runs.c.account == account, sync_runs.c.status.in_(APPLIED))
        .order_by((sync_runs.c.status == "succeeded").desc(), sync_runs.c.started_at.desc())
        .limit(1)
    )


def _start_time(connection: Connection, row: Mapping[str, Any], now: datetime) -> datetime:
    """Return the start time of the account's next run: `now`, or the earliest time that is allowed if that is later.

    A run must start at least a microsecond after the account's last run. It must not start before `pruned_before`,
    because what was recorded before that time counts as pruned. If the clock was set back, `now` may be too early.
    """
    account, pruned_before = row["account"], row["pruned_before"]
    last: datetime | None = connection.execute(
        sa.select(sync_runs.c.started_at)
        .where(sync_runs.c.account == account)
        .order_by(sync_runs.c.started_at.desc())
        .limit(1)
    ).scalar()
    following = None if last is None else last + timedelta(microseconds=1)
    earliest = max((time for time in (following, pruned_before) if time is not None), default=now)
    if now >= earliest:
        return now
    logger.warning("the clock stepped back", account=account, now=iso(now), starts=iso(earliest))
    return earliest


def _raise_early(engine: Engine, request: RunRequest, clock: Clock | None) -> None:
    """Raise AccountBusy if another process holds the lease, NotDue if no run is due.

    The account's row is not locked for this check, because another process may keep it locked for long.
    """
    with database.reading(engine) as connection:
        row = find_account(connection, request.account)
        if row is None:
            return
        now = database.now(connection, clock)
        raise_if_leased(connection, row, now)
        if request.timetable is not None:
            _raise_if_not_due(connection, request.account, request.timetable, now)


def _raise_if_not_due(connection: Connection, account: str, timetable: Timetable, now: datetime) -> None:
    """Raise NotDue if the account's last attempt, successful or not, is too recent.

    A run is due at once if a signal interrupted the last attempt, or if its process died or lost the lease. The same
    holds if the last attempt is more than an interval in the future, because the clock was set back.
    """
    last = connection.execute(
        sa.select(sync_runs.c.status, sync_runs.c.started_at, sync_runs.c.heartbeat_at, sync_runs.c.error_code)
        .where(sync_runs.c.account == account)
        .order_by(sync_runs.c.started_at.desc())
        .limit(1)
    ).first()
    if last is None or last.status in {"running", "abandoned"} or last.error_code == Interrupted.error_code:
        return
    # After the clock was set back, `started_at` may be later than the clock (`_start_time`); the heartbeat is not.
    attempted_at = min(last.started_at, last.heartbeat_at)
    interval = timetable.interval(now)
    left = timetable.left(attempted_at, now)
    if left > 0 and (attempted_at - now).total_seconds() <= interval:
        raise NotDue(left)
