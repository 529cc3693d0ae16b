"""Read a relation from either database as Arrow tables, in batches.

Both databases write the rows as CSV (PostgreSQL by COPY, SQLite by its function `printf`), and Arrow parses this CSV.
That is several times as fast as passing each value through Python.
"""

import sqlite3
from collections.abc import Iterator
from datetime import date
from typing import Any

import psycopg
import pyarrow as pa
from pyarrow import csv
from sqlalchemy.engine import Connection

from inventory.export.relations import ARROW, Exported
from inventory.store import database
from inventory.store.driver_errors import explain
from inventory.store.kinds import Kind

BLOCK = 1 << 20
"""The least number of bytes of CSV that are parsed together, except at the end of a relation."""

_SQLITE: dict[Kind, tuple[str, str]] = {
    "text": ("%Q", "{}"),
    "time": ("%s", "{}"),
    "day": ("%s", "{}"),
    "integer": ("%s", "{}"),
    "number": ("%s", "CASE WHEN {0} IS NOT NULL THEN printf('%!.17g', {0}) END"),
    "boolean": ("%s", "{}"),
    "bytes": ("%s", "lower(hex({}))"),
}
"""By kind: the `printf` format of a value, and its SQL expression, in which the braces stand for the column.

`%Q` puts a text in quotes, and writes NULL for a null.
"""

_POSTGRESQL: dict[Kind, str] = {
    "text": "{}::text",
    "time": "{} AT TIME ZONE 'UTC'",
    "day": "{}",
    "integer": "{}",
    "number": "{}::float8",
    "boolean": "{}",
    "bytes": "encode({}, 'hex')",
}

_PARSED = ARROW | {"time": pa.timestamp("us")}
"""For each kind of column: the Arrow type to which CSV text is parsed. Times have no zone here, as in the text."""


def read_tables(
    connection: Connection, relation: Exported, begin: date | None = None, end: date | None = None
) -> Iterator[pa.Table]:
    """Yield the rows of a relation in the order of `relation.order`, as one table for each block of CSV.

    In a relation that is split by month, `begin` is the first day of the rows, and `end` the day after the last; None
    means no limit. If there are no such rows, yield nothing. Raise DatabaseError if the database fails.
    """
    sqlite = database.is_sqlite(connection)
    blocks = _blocks((_sqlite_rows if sqlite else _copied_rows)(connection, relation, begin, end))
    options: dict[str, Any] = {
        "parse_options": csv.ParseOptions(quote_char="'" if sqlite else '"', newlines_in_values=True),
        "convert_options": csv.ConvertOptions(
            column_types={name: _PARSED[kind] for name, kind in relation.kinds.items()},
            null_values=["", "NULL"] if sqlite else [""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t", "1"],
            false_values=["f", "0"],
        ),
    }
    names = list(relation.kinds)
    for block in blocks:
        # as one block for Arrow too: Arrow fails if a row is longer than its block
        whole = csv.ReadOptions(column_names=names, block_size=len(block))
        yield csv.read_csv(pa.BufferReader(block), read_options=whole, **options).cast(relation.schema)


def _blocks(rows: Iterator[bytes | memoryview]) -> Iterator[bytes]:
    """Yield whole rows of CSV, joined to blocks of at least BLOCK bytes. The last block may be smaller."""
    block = bytearray()
    for row in rows:
        block += row
        if len(block) >= BLOCK:
            yield bytes(block)
            block.clear()
    if block:
        yield bytes(block)


def _sqlite_rows(connection: Connection, relation: Exported, begin: date | None, end: date | None) -> Iterator[bytes]:
    formats = ",".join(_SQLITE[kind][0] for kind in relation.kinds.values())
    values = ", ".join(_SQLITE[kind][1].format(f'"{name}"') for name, kind in relation.kinds.items())
    query = f"SELECT printf('{formats}\n', {values}) {_source(relation, begin, end, '')}"
    try:
        driver: Any = connection.connection.driver_connection
        for (row,) in driver.execute(query):
            yield row.encode()
    except sqlite3.Error as error:
        raise explain(connection.engine, error, "nothing was written to it") from error


def _copied_rows(
    connection: Connection, relation: Exported, begin: date | None, end: date | None
) -> Iterator[bytes | memoryview]:
    values = ", ".join(_POSTGRESQL[kind].format(f'"{name}"') for name, kind in relation.kinds.items())
    query = f"COPY (SELECT {values} {_source(relation, begin, end, '+00')}) TO STDOUT (FORMAT csv)"
    connection.exec_driver_sql("SET LOCAL datestyle = 'ISO'")
    try:
        driver: Any = connection.connection.driver_connection
        with driver.cursor() as cursor, cursor.copy(query) as copy:
            yield from copy
    except psycopg.Error as error:
        raise explain(connection.engine, error, "nothing was written to it") from error


def _source(relation: Exported, begin: date | None, end: date | None, zone: str) -> str:
    """Return the clauses FROM, WHERE and ORDER BY. `zone` follows each time: `+00` on PostgreSQL, empty on SQLite."""
    by = relation.split_by
    time = f" 00:00:00.000000{zone}" if by is not None and relation.kinds[by] == "time" else ""
    conditions = [f"{by} >= '{begin}{time}'"] if begin else []
    conditions += [f"{by} < '{end}{time}'"] if end else []
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    by_bytes = ' COLLATE "C"' if zone else ""  # not by the locale; SQLite orders by bytes anyway
    order = ", ".join(f"{name}{by_bytes if relation.kinds[name] == 'text' else ''}" for name in relation.order)
    return f"FROM {relation.name} {where} ORDER BY {order}"
