"""Rename or retire an account of the database."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError

from inventory.config.keys import require_account_name
from inventory.errors import UsageError
from inventory.history.lease import fence, hold_lease
from inventory.history.merkle_log.append import Act, append_act
from inventory.store import database
from inventory.store.database import Clock
from inventory.store.tables import accounts, instance_state, instance_versions, sync_runs


@dataclass(frozen=True)
class RenamedRows:
    """The numbers of rows in `sync_runs`, `instance_state` and `instance_versions` that got the new name."""

    runs: int
    instances: int
    versions: int


def rename(  # noqa: PLR0913 - options by name, as the command has them
    engine: Engine, old: str, new: str, *, reason: str | None = None, lease_seconds: float, clock: Clock | None = None
) -> RenamedRows:
    """Rename an account and its whole history in one transaction, and record the act with its reason.

    Return the numbers of renamed rows.

    Raise UsageError if there is no account `old`, or if `new` is in use or is not allowed as a name; AccountBusy if
    another process holds the lease of `old`; LeaseLost if another process has taken the lease over.
    """
    require_account_name(new)
    if new == old:
        raise UsageError(f"The account is named {old!r} already; nothing was changed.")
    with hold_lease(engine, old, "rename", lease_seconds, clock) as lease:
        with database.writing(engine, idle_limit=lease.seconds, kept="the account kept its name") as connection:
            row = fence(connection, lease)
            runs = connection.scalar(sa.select(sa.func.count()).where(sync_runs.c.account == old)) or 0
            try:  # the foreign keys (ON UPDATE CASCADE) rename the account in the rows of its runs and acts
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
            act = Act("rename", database.now(connection, clock), {"from": old, "to": new}, reason)
            append_act(connection, {**row, "account": new}, act)
        return RenamedRows(runs, instances, versions)


def retire(
    engine: Engine, account: str, *, reason: str | None = None, lease_seconds: float, clock: Clock | None = None
) -> bool:
    """Mark an account as retired, and record the act with its reason. The next sync removes the mark.

    Return True; or False, without a new record, if the account was retired already.

    Raise UsageError if there is no such account, AccountBusy if another process holds its lease, LeaseLost if another
    process has taken the lease over.
    """
    with hold_lease(engine, account, "retire", lease_seconds, clock) as lease:
        with database.writing(engine, idle_limit=lease.seconds) as connection:
            row = fence(connection, lease)
            if row["retired_at"] is not None:
                return False
            now = database.now(connection, clock)
            connection.execute(sa.update(accounts).where(accounts.c.account == account).values(retired_at=now))
            append_act(connection, row, Act("retire", now, reason=reason))
        return True


def _rename_in(table: sa.Table, old: str, new: str) -> sa.Update:
    return sa.update(table).where(table.c.account == old).values(account=new)
