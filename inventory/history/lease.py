"""The lease on an account. Of all processes on all hosts, only the one that holds the lease may write the history.

A lease is a random fencing token in the account's row, with a length in seconds. The heartbeat of a run is in its row
of `sync_runs`; the heartbeat of other work, such as `prune` or `missing --accept`, is in the account's row. A lease is
dead in any of these cases:

- Its last heartbeat is at least the length of the lease ago.
- Its last heartbeat is more than that length in the future, because the clock was set back.
- Its run is no longer `running`.
- Its holder was a process of this host that is gone.
- Its holder is this process, but this process no longer uses the lease.

Another process may then take the lease over (`one-run-per-account`).

A holder begins each transaction that writes history with `fence`, which checks the token. So a process that lost its
lease cannot write history any more (`a-lost-lease-writes-nothing`).
"""

import os
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from inventory import log
from inventory.errors import AccountBusy, DatabaseError, LeaseLost, UsageError
from inventory.history.merkle_log.append import prepare_account
from inventory.history.merkle_log.entries import earlier_history
from inventory.history.processes import host_id, is_dead, start_time
from inventory.masks import hide_key_words
from inventory.store import database
from inventory.store.database import Clock
from inventory.store.tables import accounts, sync_runs
from inventory.times import iso

BEATS_PER_LEASE = 4
"""The number of heartbeats that a holder sends in the length of a lease."""

NO_LEASE: dict[str, None] = dict.fromkeys(
    (
        "fencing_token", "lease_purpose", "lease_run_id", "lease_seconds", "lease_heartbeat_at",
        "lease_host", "lease_pid", "lease_process_started",
    )
)  # fmt: skip
"""The columns of `accounts` that hold a lease, each as None. Writing them releases the lease."""

logger = log.get(__name__)

_tokens_in_use: set[str] = set()
"""The tokens of the leases that this process uses now."""


@dataclass(frozen=True)
class Lease:
    """The right to write the history of one account. `run_id` is None for work that is not a run."""

    account: str
    token: str
    seconds: float
    run_id: int | None = None
    file: object = None
    """The identity of the SQLite file in which the lease was acquired; None on PostgreSQL."""
    lost: threading.Event = field(default_factory=threading.Event)
    """Set by the first heartbeat that does not find this lease in the database any more."""


@dataclass(frozen=True)
class LeaseHolder:
    """The process that holds a lease: a text that names the process and its work, and whether the lease is alive."""

    description: str
    alive: bool


# -- acquire, renew, release


@contextmanager
def hold_lease(
    engine: Engine, account: str, purpose: str, lease_seconds: float, clock: Clock | None = None
) -> Iterator[Lease]:
    """Hold the account's lease during the block, with heartbeats, for work that is not a run, such as `prune`.

    Raise UsageError if there is no such account, AccountBusy if another process holds the lease.
    """
    with database.reading(engine) as connection:  # without a lock: the holder may have locked the row for long
        row = find_account(connection, account)
        if row is not None:
            raise_if_leased(connection, row, database.now(connection, clock))
    lease = new_lease(account, lease_seconds, file=database.identity(engine))
    acquired = False
    try:
        with database.writing(engine, idle_limit=lease_seconds) as connection:
            row = lock_account(connection, account)
            if row is None:
                raise UsageError(f"There is no account {hide_key_words(repr(account))} in the database.")
            now = database.now(connection, clock)
            raise_if_leased(connection, row, now)
            prepared = prepare_account(connection, row, now)
            acquired = True  # set early: a signal may interrupt this block just after its commit
            acquire(connection, lease, purpose, first_heartbeat(connection, row, prepared, now, clock))
        with send_heartbeats(engine, lease, clock):
            yield lease
    finally:
        try:
            if acquired:
                _release(engine, lease)
        except KeyboardInterrupt:  # signals raise it only once, so the second attempt is not interrupted
            _release(engine, lease)
            raise


def new_lease(account: str, seconds: float, *, run_id: int | None = None, file: object) -> Lease:
    """Return a lease with a new token, for `acquire`."""
    return Lease(account, secrets.token_hex(16), seconds, run_id, file)


def acquire(connection: Connection, lease: Lease, purpose: str, heartbeat: datetime) -> None:
    """Write the lease into the account's row. The caller has locked the row and found no lease that is alive.

    `heartbeat` is the time of the first heartbeat.
    """
    _tokens_in_use.add(lease.token)
    connection.execute(
        sa.update(accounts)
        .where(accounts.c.account == lease.account)
        .values(
            fencing_token=lease.token,
            lease_purpose=purpose,
            lease_run_id=lease.run_id,
            lease_seconds=lease.seconds,
            lease_heartbeat_at=heartbeat,
            lease_host=host_id(),
            lease_pid=os.getpid(),
            lease_process_started=start_time(os.getpid()),
        )
    )


def first_heartbeat(
    connection: Connection, before: Mapping[str, Any], prepared: Mapping[str, Any], now: datetime, clock: Clock | None
) -> datetime:
    """Return the time of a lease's first heartbeat.

    `before` and `prepared` are the account's row before and after `prepare_account`. The time is `now`, which was read
    before that call. But if the call has begun the log of an account with a history, it has read all of that history.
    Reading may take longer than the length of the lease: a lease that counts from `now` could be dead already. So in
    this case the present time is read again.
    """
    has_read_all = before["log_id"] is None and earlier_history(prepared)
    return database.now(connection, clock) if has_read_all else now


@contextmanager
def send_heartbeats(engine: Engine, lease: Lease, clock: Clock | None = None) -> Iterator[None]:
    """Send heartbeats from a thread during the block. Set `lease.lost` when a heartbeat does not find the lease."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(lease.seconds / BEATS_PER_LEASE):
            try:
                with database.writing(engine, idle_limit=lease.seconds) as connection:
                    now = database.now(connection, clock)
                    if not connection.execute(_heartbeat(lease, now)).rowcount:
                        lease.lost.set()
                        return
            except DatabaseError as error:
                logger.warning("a heartbeat failed", account=lease.account, reason=str(error))

    thread = threading.Thread(target=copy_context().run, args=(beat,), name=f"heartbeat-{lease.account}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        _tokens_in_use.discard(lease.token)


def _heartbeat(lease: Lease, now: datetime) -> sa.Update:
    if lease.run_id is None:
        return sa.update(accounts).where(accounts.c.fencing_token == lease.token).values(lease_heartbeat_at=now)
    ours = sa.exists().where(accounts.c.account == lease.account, accounts.c.fencing_token == lease.token)
    return (
        sa.update(sync_runs)
        .where(sync_runs.c.run_id == lease.run_id, sync_runs.c.status == "running", ours)
        .values(heartbeat_at=now)
    )


def _release(engine: Engine, lease: Lease) -> None:
    """Release the lease. If the database fails, only log a warning: the work is done, and the lease ends by itself."""
    try:
        with database.writing(engine) as connection:
            # found by its token alone: the account may have been renamed
            connection.execute(sa.update(accounts).where(accounts.c.fencing_token == lease.token).values(NO_LEASE))
    except DatabaseError as error:
        logger.warning("the lease was not released and ends by itself", account=lease.account, reason=str(error))


# -- check


def fence(connection: Connection, lease: Lease, *, kept: str = "nothing of this was applied") -> dict[str, Any]:
    """Lock the account's row and return it; raise LeaseLost unless the row holds the token of this lease.

    The holder of a lease calls this first in each transaction that writes history. `kept` is a part of each error
    message: it says what happened to the data.

    Raise DatabaseError if the lease was acquired in another SQLite file: the file was replaced since then, and this
    process has begun to use the new one (`database.follow`). The new file may be a copy that holds the same token. So
    the token alone does not show that the file was replaced.
    """
    if database.identity(connection) is not lease.file:
        raise DatabaseError(
            f"The database {database.describe(connection.engine)} was replaced in the meantime; {kept}. Run again."
        )
    row = lock_account(connection, lease.account)
    if row is None or row["fencing_token"] != lease.token:
        raise LeaseLost(
            f"Account {lease.account}: another process took the lease over; {kept}. "
            + ("Run again." if lease.run_id is None else "The other run records the fleet.")
        )
    return row


def lock_account(connection: Connection, account: str) -> dict[str, Any] | None:
    """Lock the account's row until the transaction ends, and return it; None if there is no such account."""
    found = connection.execute(database.for_update(connection, _select_account(account))).mappings().first()
    return None if found is None else {**found}


def find_account(connection: Connection, account: str) -> dict[str, Any] | None:
    """Return the account's row without locking it; None if there is no such account."""
    found = connection.execute(_select_account(account)).mappings().first()
    return None if found is None else {**found}


def raise_if_leased(connection: Connection, row: Mapping[str, Any], now: datetime) -> None:
    """Raise AccountBusy if the lease in this row of `accounts` is alive."""
    if row["fencing_token"] is None:
        return
    heartbeat, length = row["lease_heartbeat_at"], timedelta(seconds=row["lease_seconds"])
    if row["lease_run_id"] is not None:
        run = connection.execute(
            sa.select(sync_runs.c.status, sync_runs.c.heartbeat_at).where(sync_runs.c.run_id == row["lease_run_id"])
        ).first()
        if run is None or run.status != "running":
            return
        heartbeat = run.heartbeat_at
    # A heartbeat far in the future: the clock was set back. A holder that is alive would have sent another since then.
    if not now - length < heartbeat <= now + length or _holder_died(row):
        return
    raise AccountBusy(
        f"Account {row['account']}: {_describe(row)} is at work; its lease ends at {iso(heartbeat + length)} "
        "unless it is renewed. Nothing was done; try again later.",
        seconds=(heartbeat + length - now).total_seconds(),
    )


def find_holder(connection: Connection, account: str, now: datetime) -> LeaseHolder | None:
    """Return the holder of the account's lease, whether the lease is dead or alive; None if there is no lease."""
    row = find_account(connection, account)
    if row is None or row["fencing_token"] is None:
        return None
    try:
        raise_if_leased(connection, row, now)
    except AccountBusy:
        return LeaseHolder(_describe(row), alive=True)
    return LeaseHolder(_describe(row), alive=False)


def _select_account(account: str) -> sa.Select[Any]:
    return sa.select(accounts).where(accounts.c.account == account)


def _describe(row: Mapping[str, Any]) -> str:
    work = "a sync" if row["lease_purpose"] == "sync" else f"`{row['lease_purpose']}`"
    return f"{work} of process {row['lease_pid']} on {row['lease_host'].partition('/')[0]}"


def _holder_died(row: Mapping[str, Any]) -> bool:
    """Return whether the holder was a process of this host that is gone.

    A lease that this process holds, but no longer uses, counts as dead too. Such a lease was not released, because the
    database did not answer at that time.
    """
    if row["lease_host"] != host_id():
        return False
    if row["lease_pid"] == os.getpid():
        return row["fencing_token"] not in _tokens_in_use
    return is_dead(row["lease_pid"], row["lease_process_started"])
