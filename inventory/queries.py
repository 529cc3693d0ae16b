"""The questions people ask, as rows of the contract's relations: dicts with their column names, times aware in UTC."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from inventory.tables import JSONText, UTCDateTime
from inventory.views import RELATIONS

Row = dict[str, Any]

_TIMES = ("_at", "_since", "_after", "_before", "_from", "_to", "_start", "_end")
_BOOLEANS = ("held", "complete")


def relation(name: str) -> sa.TableClause:
    """A table or view of the contract, its columns typed by their names; without the internal ones."""
    found = next(relation for relation in RELATIONS if relation.name == name)
    shown = (column.name for column in found.columns if not column.meaning.startswith("Internal:"))
    return sa.table(name, *(sa.column(column, _type(column)) for column in shown))


def instances(
    connection: Connection,
    *,
    account: str | None = None,
    all_: bool = False,
    presence: str | None = None,
    creator: str | None = None,
    region: str | None = None,
    type_: str | None = None,
    status: str | None = None,
) -> list[Row]:
    """Rows of `instances`: the fleet now (live and missing), or every instance ever seen with `all_`."""
    view = relation("instances")
    wanted = {
        "account": account,
        "presence": presence,
        "creator_user_nickname": creator,
        "region": region,
        "instance_type": type_,
        "status": status,
    }
    query = sa.select(view).where(*(view.c[name] == value for name, value in wanted.items() if value is not None))
    if not all_ and presence is None:
        query = query.where(view.c.presence.in_(("live", "missing")))
    return _rows(connection, query.order_by(view.c.account, view.c.first_seen_at, view.c.instance_id))


def runs(connection: Connection, *, account: str | None = None, failed: bool = False, limit: int = 20) -> list[Row]:
    """Rows of `sync_runs`, the newest first; `failed` leaves those that did not succeed."""
    table = relation("sync_runs")
    query = sa.select(table)
    if account is not None:
        query = query.where(table.c.account == account)
    if failed:
        query = query.where(table.c.status.not_in(("succeeded", "running")))
    return _rows(connection, query.order_by(table.c.run_id.desc()).limit(limit))


def run(connection: Connection, run_id: int) -> Row:
    """One row of `sync_runs`."""
    table = relation("sync_runs")
    return _rows(connection, sa.select(table).where(table.c.run_id == run_id))[0]


def events(connection: Connection, *, account: str | None = None, limit: int = 20) -> list[Row]:
    """Rows of `instance_events`, the newest first."""
    view = relation("instance_events")
    query = sa.select(view)
    if account is not None:
        query = query.where(view.c.account == account)
    return _rows(connection, query.order_by(view.c.occurred_at.desc(), view.c.instance_id).limit(limit))


def creators(connection: Connection, *, account: str | None = None) -> list[Row]:
    """Rows of `creators`, the busiest first."""
    view = relation("creators")
    query = sa.select(view)
    if account is not None:
        query = query.where(view.c.account == account)
    return _rows(connection, query.order_by(view.c.account, view.c.gpu_hours_low.desc()))


def account_names(connection: Connection) -> list[str]:
    """The accounts of the database."""
    table = relation("accounts")
    return list(connection.scalars(sa.select(table.c.account).order_by(table.c.account)))


def _rows(connection: Connection, query: sa.Select[Any]) -> list[Row]:
    return [dict(row) for row in connection.execute(query).mappings()]


def _type(name: str) -> sa.types.TypeEngine[Any]:
    if name.endswith(_TIMES):
        return UTCDateTime()
    if name in _BOOLEANS:
        return sa.Boolean()
    return JSONText() if name == "extra" else sa.types.NullType()
