"""Statements that the two backends write differently, but for many rows at once: `bulk`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from inventory.store.backend import is_sqlite

BATCH = 2_000
"""Rows per statement: large enough for speed, small enough that memory stays flat."""


def for_update(connection: Connection, statement: sa.Select[Any]) -> sa.Select[Any]:
    """The same query, locking its rows. On SQLite the whole file is locked already."""
    return statement if is_sqlite(connection) else statement.with_for_update()


def insert_if_absent(connection: Connection, table: sa.Table, values: Mapping[str, Any]) -> None:
    """Insert a row unless one of its key is there already."""
    names = list(values)
    connection.execute(
        sa.text(
            f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)}) "
            "ON CONFLICT DO NOTHING"
        ).bindparams(*(sa.bindparam(name, type_=table.c[name].type) for name in names)),
        dict(values),
    )


def stream(connection: Connection, statement: sa.Select[Any]) -> Iterator[Sequence[sa.Row[Any]]]:
    """The rows of a query in batches, at flat memory."""
    result = connection.execution_options(yield_per=BATCH).execute(statement)
    yield from result.partitions()


def expect_many_rows(connection: Connection) -> None:
    """On PostgreSQL, let no statement of this transaction join row by row.

    Where the statistics are older than a large write, the planner expects one row, and reads all for each of many.
    """
    if not is_sqlite(connection):
        connection.exec_driver_sql("SET LOCAL enable_nestloop = off")


def among(connection: Connection, column: sa.Column[Any], values: Sequence[str]) -> sa.ColumnElement[bool]:
    """Whether a column is one of many values, as one parameter on PostgreSQL (where each costs time to plan)."""
    if is_sqlite(connection):
        return column.in_(values)
    return column == sa.func.any(sa.bindparam(None, list(values), type_=sa.ARRAY(sa.Text)))


def batches(rows: Iterable[Any], size: int = BATCH) -> Iterator[list[Any]]:
    """Lists of at most `size` rows."""
    rows = iter(rows)
    while batch := list(islice(rows, size)):
        yield batch
