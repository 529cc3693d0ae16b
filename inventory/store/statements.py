"""Queries and statements that differ between the backends. Those for many rows at once are in `bulk`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from inventory.store.backend import is_sqlite

BATCH = 2_000
"""Rows per statement: large enough to be fast, small enough to keep memory flat."""


def for_update(connection: Connection, statement: sa.Select[Any]) -> sa.Select[Any]:
    """Return the query with a lock on its rows. On SQLite the transaction has locked the whole file already."""
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
    """Yield the rows of a query in batches; memory stays flat."""
    result = connection.execute(statement, execution_options={"yield_per": BATCH})
    try:
        yield from result.partitions()
    finally:
        # a generator that an exception has left behind may end only after its SQLite connection was closed
        if not (connection.closed and is_sqlite(connection)):
            result.close()


def expect_many_rows(connection: Connection) -> None:
    """Forbid nested-loop joins for the rest of the transaction, on PostgreSQL.

    After a large write the statistics are out of date. The planner then expects one row, and would read a whole table
    for each of many.
    """
    if not is_sqlite(connection):
        connection.exec_driver_sql("SET LOCAL enable_nestloop = off")


def among(connection: Connection, column: sa.Column[Any], values: Sequence[str]) -> sa.ColumnElement[bool]:
    """Return a condition: the column equals one of the values. PostgreSQL gets one array, as it plans that faster.

    The array is joined: with `= ANY` and without statistics, PostgreSQL would read all rows of the account.
    """
    if is_sqlite(connection):
        return column.in_(values)
    array = sa.bindparam(None, list(values), type_=sa.ARRAY(sa.Text))
    return column.in_(sa.select(sa.func.unnest(array)))


def by_bytes(connection: Connection, column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """Return an ordering of texts by their bytes in UTF-8, on PostgreSQL whatever the database's collation is."""
    return column if is_sqlite(connection) else column.collate("C")


def batches(rows: Iterable[Any], size: int = BATCH) -> Iterator[list[Any]]:
    """Yield lists of at most `size` rows."""
    rows = iter(rows)
    while batch := list(islice(rows, size)):
        yield batch
