"""The accounts of the database: list, rename, retire. An account that is here and synced by nobody is a stale twin."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import IntegrityError

from inventory.config.keys import require_account_name
from inventory.errors import UsageError
from inventory.history import runs
from inventory.read import queries
from inventory.read.queries import Row
from inventory.store import database
from inventory.store.database import Clock
from inventory.store.tables import accounts, instance_state, instance_versions, sync_runs

COLUMNS = (*queries.columns("accounts"), *(name for name in queries.columns("sync_freshness") if name != "account"))


@dataclass(frozen=True)
class Renamed:
    """How much bears the new name now."""

    runs: int
    instances: int
    versions: int


def listed(connection: Connection, account: str | None = None) -> list[Row]:
    """Rows of `accounts`, the retired ones too, each with what `sync_freshness` says of it, by COLUMNS."""
    table, view = queries.relation("accounts"), queries.relation("sync_freshness")
    wanted = [table.c[name] if name in table.c else view.c[name] for name in COLUMNS]
    query = sa.select(*wanted).select_from(table.outerjoin(view, table.c.account == view.c.account))
    if account is not None:
        query = query.where(table.c.account == account)
    return [dict(row) for row in connection.execute(query.order_by(table.c.account)).mappings()]


def rename(engine: Engine, old: str, new: str, *, lease_seconds: float, clock: Clock | None = None) -> Renamed:
    """The account and all that is known of it bear the new name, by one transaction.

    Raises UsageError where there is no `old`, or a `new` already; AccountBusy while another process is at work on it.
    """
    require_account_name(new)
    if new == old:
        raise UsageError(f"The account is named {old!r} already; nothing was changed.")
    with runs.holding(engine, old, "rename", lease_seconds, clock) as lease:
        with database.writing(engine, idle_limit=lease.seconds, kept="the account kept its name") as connection:
            runs.fence(connection, lease)
            known = connection.scalar(sa.select(sa.func.count()).where(sync_runs.c.account == old)) or 0
            try:  # the runs follow by their foreign key
                connection.execute(_renamed(accounts, old, new))
            except IntegrityError:
                raise UsageError(
                    f"There is an account {new!r} already, and two histories do not become one; nothing was changed. "
                    f"Choose another name, or let {old!r} rest: `inventory account retire`."
                ) from None
            instances, versions = (
                connection.execute(_renamed(table, old, new)).rowcount for table in (instance_state, instance_versions)
            )
        return Renamed(known, instances, versions)


def retire(engine: Engine, account: str, *, lease_seconds: float, clock: Clock | None = None) -> bool:
    """The account counts as synced no more, until a sync of it begins; False where that was so already.

    Its history stays. Raises UsageError where there is no such account, AccountBusy while it is being synced.
    """
    with runs.holding(engine, account, "retire", lease_seconds, clock) as lease:
        with database.writing(engine, idle_limit=lease.seconds) as connection:
            runs.fence(connection, lease)
            done = connection.execute(
                sa.update(accounts)
                .where(accounts.c.account == account, accounts.c.retired_at.is_(None))
                .values(retired_at=database.now(connection, clock))
            )
        return done.rowcount == 1


def _renamed(table: sa.Table, old: str, new: str) -> sa.Update:
    return sa.update(table).where(table.c.account == old).values(account=new)
