"""List the accounts of the database with their freshness."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from inventory.read import relations
from inventory.read.relations import Row

COLUMNS = (*relations.columns("accounts"), *(name for name in relations.columns("sync_freshness") if name != "account"))
"""The public columns of `accounts`, then those of `sync_freshness` except `account`."""


def list_accounts(connection: Connection, account: str | None = None) -> list[Row]:
    """Return a row for each account, or only for `account`, sorted by name. The keys of a row are COLUMNS.

    Retired accounts are included.
    """
    table, view = relations.relation("accounts"), relations.relation("sync_freshness")
    wanted = [table.c[name] if name in table.c else view.c[name] for name in COLUMNS]
    query = sa.select(*wanted).select_from(table.outerjoin(view, table.c.account == view.c.account))
    if account is not None:
        query = query.where(table.c.account == account)
    return [dict(row) for row in connection.execute(query.order_by(table.c.account)).mappings()]
