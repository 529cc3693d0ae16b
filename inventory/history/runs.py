"""The lease: one run per account at a time, over any number of processes and hosts on one database.

A lease is a random token in the account's row. Its heartbeat is in the run's row of `sync_runs` (for `prune` and
`missing --accept`, which are no runs, in the account's row). A lease whose heartbeat is older than its length is dead;
so is, at once, one whose holder was a process of this host that is gone. A run whose lease was taken over cannot write
any more: `fence` checks the token inside the transaction that applies it.
"""

import os
import secrets
import socket
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from inventory import __version__, log
from inventory.config.timetable import Timetable
from inventory.errors import AccountBusy, DatabaseError, Interrupted, LeaseLost, UsageError
from inventory.masks import hide_key_words
from inventory.store import database
from inventory.store.database import Clock
from inventory.store.tables import accounts, sync_runs
from inventory.times import iso

BEATS_PER_LEASE = 4

logger = log.get(__name__)

_at_work: set[str] = set()
"""Tokens of the leases that this process is using now."""


@dataclass(frozen=True)
class Lease:
    """The right to write of one account; `run_id` is None for work that is no run."""

    account: str
    token: str
    seconds: float
    run_id: int | None = None
    file: object = None
    """The identity of the SQLite file that it was taken in."""
    lost: threading.Event = field(default_factory=threading.Event)


class NotDue(Exception):
    """No failure: the account's next run is not due yet, by the database's clock, whoever made the last."""

    def __init__(self, seconds: float) -> None:
        """Keep in how many seconds it will be."""
        super().__init__(f"due in {seconds:.1f} s")
        self.seconds = seconds


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
        held = connection.execute(database.for_update(connection, _account(account))).mappings().one()
        moment = database.now(connection, clock)  # now that whoever had the row has let it go
        _turn_away(connection, held, moment)
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
        _take(connection, lease, "sync", moment)
        if held["retired_at"] is not None:
            connection.execute(sa.update(accounts).where(accounts.c.account == account).values(retired_at=None))
        # without the fleet's digest (`prune` clears old ones) nobody knows what a quiet run should repeat
        walk_digest = held["walk_digest"] if fleet_digest is not None else None
        return Run(lease, run_id, account, started_at, complete, walk_digest, fleet_digest)


@contextmanager
def holding(
    engine: Engine, account: str, purpose: str, lease_seconds: float, clock: Clock | None = None
) -> Iterator[Lease]:
    """The lease for work that is no run (`prune`, say, or `rename`), with heartbeats, given back at the end."""
    _refuse(engine, account, clock)
    lease = Lease(account, secrets.token_hex(16), lease_seconds, file=database.identity(engine))
    taken = False
    try:
        with database.writing(engine, idle_limit=lease_seconds) as connection:
            held = connection.execute(database.for_update(connection, _account(account))).mappings().first()
            if held is None:
                raise UsageError(f"There is no account {hide_key_words(repr(account))} in the database.")
            moment = database.now(connection, clock)
            _turn_away(connection, held, moment)
            taken = True  # before it is: a signal may interrupt this block after its commit
            _take(connection, lease, purpose, moment)
        with beating(engine, lease, clock):
            yield lease
    finally:
        try:
            if taken:
                _give_back(engine, lease)
        except KeyboardInterrupt:  # a signal raises it once, so this time it is given back
            _give_back(engine, lease)
            raise


@dataclass(frozen=True)
class Held:
    """A lease as it is found: whose it is, and whether that process is still at work."""

    who: str
    alive: bool


def lease_of(connection: Connection, account: str, moment: datetime) -> Held | None:
    """Who has the account's lease, dead or alive; None where nobody has."""
    held = connection.execute(_account(account)).mappings().first()
    if held is None or held["lease_token"] is None:
        return None
    try:
        _turn_away(connection, held, moment)
    except AccountBusy:
        return Held(_who(held), alive=True)
    return Held(_who(held), alive=False)


def fence(connection: Connection, lease: Lease) -> None:
    """Lock the account's row and return if the lease is still ours; else LeaseLost.

    The first statement of every transaction that writes. DatabaseError where another thread has since begun to work
    with a file that replaced the one of the lease: it may be a copy that holds the same lease.
    """
    if database.identity(connection) is not lease.file:
        raise DatabaseError(
            f"The database {database.describe(connection.engine)} was replaced in the meantime; nothing of this was "
            "applied. Run again."
        )
    held = connection.execute(database.for_update(connection, _account(lease.account))).mappings().first()
    if held is None or held["lease_token"] != lease.token:
        raise LeaseLost(
            f"Account {lease.account}: another process took this run's lease over; nothing of this run was applied. "
            "Its own run will tell the fleet's state."
        )


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
        sa.update(accounts).where(accounts.c.account == run.account).values({**_NO_LEASE, **(account or {})})
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


@contextmanager
def beating(engine: Engine, lease: Lease, clock: Clock | None = None) -> Iterator[None]:
    """Heartbeats from a thread of their own while the block runs. `lease.lost` is set when one finds the lease gone."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(lease.seconds / BEATS_PER_LEASE):
            try:
                with database.writing(engine, idle_limit=lease.seconds) as connection:
                    moment = database.now(connection, clock)
                    if not connection.execute(_heartbeat(lease, moment)).rowcount:
                        lease.lost.set()
                        return
            except DatabaseError as error:
                logger.warning("no heartbeat", account=lease.account, reason=str(error))

    thread = threading.Thread(target=copy_context().run, args=(beat,), name=f"heartbeat-{lease.account}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        _at_work.discard(lease.token)


_NO_LEASE: dict[str, None] = dict.fromkeys(
    (
        "lease_token", "lease_purpose", "lease_run_id", "lease_seconds", "lease_heartbeat_at",
        "lease_host", "lease_pid", "lease_process_started",
    )
)  # fmt: skip


def _account(account: str) -> sa.Select[Any]:
    return sa.select(accounts).where(accounts.c.account == account)


def _heartbeat(lease: Lease, moment: datetime) -> sa.Update:
    if lease.run_id is None:
        return sa.update(accounts).where(accounts.c.lease_token == lease.token).values(lease_heartbeat_at=moment)
    ours = sa.exists().where(accounts.c.account == lease.account, accounts.c.lease_token == lease.token)
    return (
        sa.update(sync_runs)
        .where(sync_runs.c.run_id == lease.run_id, sync_runs.c.status == "running", ours)
        .values(heartbeat_at=moment)
    )


def _take(connection: Connection, lease: Lease, purpose: str, moment: datetime) -> None:
    _at_work.add(lease.token)
    connection.execute(
        sa.update(accounts)
        .where(accounts.c.account == lease.account)
        .values(
            lease_token=lease.token,
            lease_purpose=purpose,
            lease_run_id=lease.run_id,
            lease_seconds=lease.seconds,
            lease_heartbeat_at=moment,
            lease_host=_host(),
            lease_pid=os.getpid(),
            lease_process_started=_process_started(os.getpid()),
        )
    )


def _give_back(engine: Engine, lease: Lease) -> None:
    with database.writing(engine) as connection:
        # by the token alone: the account may have another name by now
        connection.execute(sa.update(accounts).where(accounts.c.lease_token == lease.token).values(_NO_LEASE))


def _refuse(engine: Engine, account: str, clock: Clock | None, timetable: Timetable | None = None) -> None:
    """Turn a second one, or one too early, away at once: without a lock, and without waiting for the holder's."""
    with database.reading(engine) as connection:
        held = connection.execute(_account(account)).mappings().first()
        if held is not None:
            moment = database.now(connection, clock)
            _turn_away(connection, held, moment)
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


def _turn_away(connection: Connection, held: sa.RowMapping, moment: datetime) -> None:
    """Raise AccountBusy where the account's lease is alive."""
    if held["lease_token"] is None:
        return
    heartbeat, length = held["lease_heartbeat_at"], timedelta(seconds=held["lease_seconds"])
    if held["lease_run_id"] is not None:
        row = connection.execute(
            sa.select(sync_runs.c.status, sync_runs.c.heartbeat_at).where(sync_runs.c.run_id == held["lease_run_id"])
        ).first()
        if row is None or row.status != "running":
            return
        heartbeat = row.heartbeat_at
    # a heartbeat from the future: the clock stepped back, and a living holder would have beaten again since
    if not moment - length < heartbeat <= moment + length or _died_here(held):
        return
    raise AccountBusy(
        f"Account {held['account']}: {_who(held)} is at work; its lease ends at {iso(heartbeat + length)} "
        "unless it goes on. Nothing was done; try again later.",
        seconds=(heartbeat + length - moment).total_seconds(),
    )


def _who(held: sa.RowMapping) -> str:
    what = "a sync" if held["lease_purpose"] == "sync" else f"`{held['lease_purpose']}`"
    return f"{what} of process {held['lease_pid']} on {held['lease_host'].partition('/')[0]}"


def _host() -> str:
    """Return what a process id and a start time are unique in: the host, since its boot, and the container.

    Earlier versions wrote it without the boot, and another kind of start time: their leases are those of another host.
    """
    try:
        processes = str(Path("/proc/self/ns/pid").readlink())
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:  # no such files but on Linux
        processes = boot = ""
    return f"{socket.gethostname()}/{uuid.getnode():x}/{processes}/{boot}"


def _process_started(pid: int) -> float | None:
    """Return when a process started, in clock ticks since the boot, which no step of the clock changes.

    None where it cannot be told: the process is gone, /proc hides it, or the system is not Linux.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # the fields from the third on; the second, the name in brackets, may hold blanks and brackets
    return float(stat.rpartition(b")")[2].split()[19])


def _died_here(held: sa.RowMapping) -> bool:
    """Whether the holder was a process of this host that is gone (or its number is another process's now).

    This very process is gone from a lease that it could not give back, the database being away.
    """
    if held["lease_host"] != _host():
        return False
    if held["lease_pid"] == os.getpid():
        return held["lease_token"] not in _at_work
    try:
        os.kill(held["lease_pid"], 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # another user's
    started, then = _process_started(held["lease_pid"]), held["lease_process_started"]
    return started is not None and then is not None and started != then
