"""The lease: one run per account at a time, over any number of processes and hosts on one database.

A lease is a random token in the account's row. Its heartbeat is in the run's row of `sync_runs` (for `prune` and
`missing --accept`, which are no runs, in the account's row). A lease whose heartbeat is older than its length is dead;
so is, at once, one whose holder was a process of this host that is gone. A run whose lease was taken over cannot write
any more: `fence` checks the token inside the transaction that applies it.
"""

import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from inventory import log
from inventory.errors import AccountBusy, DatabaseError, LeaseLost, UsageError
from inventory.history.processes import host_id, process_started
from inventory.masks import hide_key_words
from inventory.store import database
from inventory.store.database import Clock
from inventory.store.tables import accounts, sync_runs
from inventory.times import iso

BEATS_PER_LEASE = 4

logger = log.get(__name__)

_tokens_in_use: set[str] = set()
"""Tokens of the leases that this process is using now."""

NO_LEASE: dict[str, None] = dict.fromkeys(
    (
        "lease_token", "lease_purpose", "lease_run_id", "lease_seconds", "lease_heartbeat_at",
        "lease_host", "lease_pid", "lease_process_started",
    )
)  # fmt: skip


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


@dataclass(frozen=True)
class LeaseHolder:
    """A lease as it is found: whose it is, and whether that process is still at work."""

    who: str
    alive: bool


@contextmanager
def hold_lease(
    engine: Engine, account: str, purpose: str, lease_seconds: float, clock: Clock | None = None
) -> Iterator[Lease]:
    """The lease for work that is no run (`prune`, say, or `rename`), with heartbeats, given back at the end."""
    with database.reading(engine) as connection:  # without a lock, and without waiting for the holder's
        held = connection.execute(select_account(account)).mappings().first()
        if held is not None:
            raise_if_leased(connection, held, database.now(connection, clock))
    lease = Lease(account, secrets.token_hex(16), lease_seconds, file=database.identity(engine))
    taken = False
    try:
        with database.writing(engine, idle_limit=lease_seconds) as connection:
            held = connection.execute(database.for_update(connection, select_account(account))).mappings().first()
            if held is None:
                raise UsageError(f"There is no account {hide_key_words(repr(account))} in the database.")
            moment = database.now(connection, clock)
            raise_if_leased(connection, held, moment)
            taken = True  # before it is: a signal may interrupt this block after its commit
            acquire(connection, lease, purpose, moment)
        with send_heartbeats(engine, lease, clock):
            yield lease
    finally:
        try:
            if taken:
                _release(engine, lease)
        except KeyboardInterrupt:  # a signal raises it once, so this time it is given back
            _release(engine, lease)
            raise


@contextmanager
def send_heartbeats(engine: Engine, lease: Lease, clock: Clock | None = None) -> Iterator[None]:
    """Heartbeats from a thread of their own while the block runs. `lease.lost` is set when one finds the lease gone."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(lease.seconds / BEATS_PER_LEASE):
            try:
                with database.writing(engine, idle_limit=lease.seconds) as connection:
                    moment = database.now(connection, clock)
                    if not connection.execute(_renew(lease, moment)).rowcount:
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
        _tokens_in_use.discard(lease.token)


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
    held = connection.execute(database.for_update(connection, select_account(lease.account))).mappings().first()
    if held is None or held["lease_token"] != lease.token:
        raise LeaseLost(
            f"Account {lease.account}: another process took this run's lease over; nothing of this run was applied. "
            "Its own run will tell the fleet's state."
        )


def find_holder(connection: Connection, account: str, moment: datetime) -> LeaseHolder | None:
    """Who has the account's lease, dead or alive; None where nobody has."""
    held = connection.execute(select_account(account)).mappings().first()
    if held is None or held["lease_token"] is None:
        return None
    try:
        raise_if_leased(connection, held, moment)
    except AccountBusy:
        return LeaseHolder(_describe(held), alive=True)
    return LeaseHolder(_describe(held), alive=False)


def raise_if_leased(connection: Connection, held: sa.RowMapping, moment: datetime) -> None:
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
    if not moment - length < heartbeat <= moment + length or _has_died(held):
        return
    raise AccountBusy(
        f"Account {held['account']}: {_describe(held)} is at work; its lease ends at {iso(heartbeat + length)} "
        "unless it goes on. Nothing was done; try again later.",
        seconds=(heartbeat + length - moment).total_seconds(),
    )


def _describe(held: sa.RowMapping) -> str:
    what = "a sync" if held["lease_purpose"] == "sync" else f"`{held['lease_purpose']}`"
    return f"{what} of process {held['lease_pid']} on {held['lease_host'].partition('/')[0]}"


def select_account(account: str) -> sa.Select[Any]:
    """Return the query for the account's row."""
    return sa.select(accounts).where(accounts.c.account == account)


def _renew(lease: Lease, moment: datetime) -> sa.Update:
    if lease.run_id is None:
        return sa.update(accounts).where(accounts.c.lease_token == lease.token).values(lease_heartbeat_at=moment)
    ours = sa.exists().where(accounts.c.account == lease.account, accounts.c.lease_token == lease.token)
    return (
        sa.update(sync_runs)
        .where(sync_runs.c.run_id == lease.run_id, sync_runs.c.status == "running", ours)
        .values(heartbeat_at=moment)
    )


def acquire(connection: Connection, lease: Lease, purpose: str, moment: datetime) -> None:
    """Write the lease into the account's row, which the caller has locked."""
    _tokens_in_use.add(lease.token)
    connection.execute(
        sa.update(accounts)
        .where(accounts.c.account == lease.account)
        .values(
            lease_token=lease.token,
            lease_purpose=purpose,
            lease_run_id=lease.run_id,
            lease_seconds=lease.seconds,
            lease_heartbeat_at=moment,
            lease_host=host_id(),
            lease_pid=os.getpid(),
            lease_process_started=process_started(os.getpid()),
        )
    )


def _release(engine: Engine, lease: Lease) -> None:
    with database.writing(engine) as connection:
        # by the token alone: the account may have another name by now
        connection.execute(sa.update(accounts).where(accounts.c.lease_token == lease.token).values(NO_LEASE))


def _has_died(held: sa.RowMapping) -> bool:
    """Whether the holder was a process of this host that is gone (or its number is another process's now).

    This very process is gone from a lease that it could not give back, the database being away.
    """
    if held["lease_host"] != host_id():
        return False
    if held["lease_pid"] == os.getpid():
        return held["lease_token"] not in _tokens_in_use
    try:
        os.kill(held["lease_pid"], 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # another user's
    started, then = process_started(held["lease_pid"]), held["lease_process_started"]
    return started is not None and then is not None and started != then
