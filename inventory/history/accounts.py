"""Rename or retire an account of the database."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError

from inventory.config.keys import require_account_name
from inventory.errors import UsageError
from inventory.history.lease import fence, hold_lease
from inventory.store import database
from inventory.store.database import Clock
from inventory.store.tables import accounts, instance_state, instance_versions, sync_runs


@dataclass(frozen=True)
class RenamedRows:
    """How many rows of each kind now have the new name."""

    runs: int
    instances: int
    versions: int


def rename(engine: Engine, old: str, new: str, *, lease_seconds: float, clock: Clock | None = None) -> RenamedRows:
    """Rename an account and its whole history in one transaction.

    Raise UsageError if there is no account `old`, or already one named `new`; AccountBusy if another process holds it.
    """
    require_account_name(new)
    if new == old:
        raise UsageError(f"The account is named {old!r} already; nothing was changed.")
    with hold_lease(engine, old, "rename", lease_seconds, clock) as lease:
        with database.writing(engine, idle_limit=lease.seconds, kept="the account kept its name") as connection:
            fence(connection, lease)
            runs = connection.scalar(sa.select(sa.func.count()).where(sync_runs.c.account == old)) or 0
            try:  # the foreign key renames the runs
                connection.execute(_rename_in(accounts, old, new))
            except IntegrityError:
                raise UsageError(
                    f"There is an account {new!r} already, and two histories cannot be merged; nothing was changed. "
                    f"Choose another name, or retire {old!r} with `inventory account retire`."
                ) from None
            instances, versions = (
                connection.execute(_rename_in(table, old, new)).rowcount
                for table in (instance_state, instance_versions)
            )
        return RenamedRows(runs, instances, versions)


def retire(engine: Engine, account: str, *, lease_seconds: float, clock: Clock | None = None) -> bool:
    """Mark an account as retired until its next sync; return False if it already was. Its history stays.

    Raise UsageError if there is no such account, AccountBusy if another process holds it.
    """
    with hold_lease(engine, account, "retire", lease_seconds, clock) as lease:
        with database.writing(engine, idle_limit=lease.seconds) as connection:
            fence(connection, lease)
            updated = connection.execute(
                sa.update(accounts)
                .where(accounts.c.account == account, accounts.c.retired_at.is_(None))
                .values(retired_at=database.now(connection, clock))
            )
        return updated.rowcount == 1


def _rename_in(table: sa.Table, old: str, new: str) -> sa.Update:
    return sa.update(table).where(table.c.account == old).values(account=new)
