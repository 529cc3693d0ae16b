"""Queries and small statements in the form that each backend needs. Statements for many rows at once are in `bulk`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from inventory.store.backend import is_sqlite

BATCH = 2_000
"""Rows per statement: large enough to be fast, small enough to keep memory flat."""


def for_update(connection: Connection, statement: sa.Select[Any]) -> sa.Select[Any]:
    """Return the query with `FOR UPDATE`, which locks its rows until the transaction ends.

    On SQLite it is returned unchanged, because a write transaction has locked the whole file already.
    """
    return statement if is_sqlite(connection) else statement.with_for_update()


def insert_if_absent(connection: Connection, table: sa.Table, values: Mapping[str, Any]) -> None:
    """Insert a row unless the table already has one with its key."""
    names = list(values)
    connection.execute(
        sa.text(
            f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)}) "
            "ON CONFLICT DO NOTHING"
        ).bindparams(*(sa.bindparam(name, type_=table.c[name].type) for name in names)),
        dict(values),
    )


def stream(connection: Connection, statement: sa.Select[Any]) -> Iterator[Sequence[sa.Row[Any]]]:
    """Yield the rows of a query in lists of at most BATCH rows, so that memory stays flat."""
    result = connection.execute(statement, execution_options={"yield_per": BATCH})
    try:
        yield from result.partitions()
    finally:
        # After an exception in the caller, the connection may be closed before this generator ends. On SQLite, closing
        # the result would then fail.
        if not (connection.closed and is_sqlite(connection)):
            result.close()


def expect_many_rows(connection: Connection) -> None:
    """Make PostgreSQL avoid nested-loop joins, where another join is possible, for the rest of the transaction.

    After a large write, PostgreSQL's statistics of the tables are out of date. The planner then expects one row where
    there are many, and chooses a nested loop, which reads a whole table for each of these rows.
    """
    if not is_sqlite(connection):
        connection.exec_driver_sql("SET LOCAL enable_nestloop = off")


def among(connection: Connection, column: sa.Column[Any], values: Sequence[str]) -> sa.ColumnElement[bool]:
    """Return the condition that the column equals one of the values.

    PostgreSQL gets all values as one array, which it plans faster than a list. The condition is
    `IN (SELECT unnest(array))`. The usual form `= ANY(array)` can make PostgreSQL read all rows of an account, as long
    as the table has no statistics.
    """
    if is_sqlite(connection):
        return column.in_(values)
    array = sa.bindparam(None, list(values), type_=sa.ARRAY(sa.Text))
    return column.in_(sa.select(sa.func.unnest(array)))


def by_bytes(connection: Connection, column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """Return the column, for ORDER BY, with a collation that orders texts by their bytes in UTF-8.

    SQLite uses that order by default. On PostgreSQL the default is the collation of the database.
    """
    return column if is_sqlite(connection) else column.collate("C")


def batches(rows: Iterable[Any], size: int = BATCH) -> Iterator[list[Any]]:
    """Yield lists of at most `size` rows."""
    rows = iter(rows)
    while batch := list(islice(rows, size)):
        yield batch
