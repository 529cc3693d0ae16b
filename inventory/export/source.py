"""Read a relation from either database as Arrow tables, in batches.

Both databases write the rows as CSV (PostgreSQL by COPY, SQLite by its function `printf`), and Arrow parses this CSV.
That is several times as fast as passing each value through Python.
"""

import io
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
"""The number of bytes of CSV that are parsed together."""

_ROWS = 5_000
"""The number of rows that are fetched from SQLite together."""

_SQLITE: dict[Kind, tuple[str, str]] = {
    "text": ("%Q", "{}"),
    "time": ("%s", "{}"),
    "day": ("%s", "{}"),
    "integer": ("%s", "{}"),
    "number": ("%s", "CASE WHEN {0} IS NOT NULL THEN printf('%!.17g', {0}) END"),
    "boolean": ("%s", "{}"),
    "bytes": ("%s", "lower(hex({}))"),
}
"""By kind: the `printf` format of a value, and its SQL expression, in which the column replaces the braces.

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
"""The Arrow type as which the text of each kind is parsed. Times have no zone here, because the text has none."""


def read_tables(
    connection: Connection, relation: Exported, begin: date | None = None, end: date | None = None
) -> Iterator[pa.Table]:
    """Yield the rows of a relation in the order of `relation.order`, as one table for each block of CSV.

    In a relation that is split by month, `begin` is the first day of the rows, and `end` the day after the last; None
    means no limit. A relation without such rows yields nothing. Raises DatabaseError if a COPY from PostgreSQL fails.
    """
    sqlite = database.is_sqlite(connection)
    lines = _sqlite_lines(connection, relation, begin, end) if sqlite else _copied(connection, relation, begin, end)
    first = next(lines, None)
    if first is None:
        return
    options: dict[str, Any] = {
        "read_options": csv.ReadOptions(column_names=list(relation.kinds), block_size=BLOCK),
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
    with io.BufferedReader(_Lines(first, lines), BLOCK) as file, csv.open_csv(file, **options) as batches:
        for batch in batches:
            yield pa.Table.from_batches([batch]).cast(relation.schema)


class _Lines(io.RawIOBase):
    """A readable file whose content comes from an iterator of bytes."""

    def __init__(self, first: bytes, rest: Iterator[bytes]) -> None:
        self._rest = rest
        self._left = memoryview(first)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Copy the next bytes into the buffer, and return their number; 0 at the end of the content."""
        view = memoryview(buffer)
        while not self._left:
            found = next(self._rest, None)
            if found is None:
                return 0
            self._left = memoryview(found)
        size = min(len(view), len(self._left))
        view[:size] = self._left[:size]
        self._left = self._left[size:]
        return size


def _sqlite_lines(connection: Connection, relation: Exported, begin: date | None, end: date | None) -> Iterator[bytes]:
    formats = ",".join(_SQLITE[kind][0] for kind in relation.kinds.values())
    values = ", ".join(_SQLITE[kind][1].format(f'"{name}"') for name, kind in relation.kinds.items())
    query = f"SELECT printf('{formats}', {values}) {_source(relation, begin, end, '')}"
    for rows in connection.execution_options(stream_results=True).exec_driver_sql(query).partitions(_ROWS):
        yield "".join([f"{row[0]}\n" for row in rows]).encode()


def _copied(connection: Connection, relation: Exported, begin: date | None, end: date | None) -> Iterator[bytes]:
    values = ", ".join(_POSTGRESQL[kind].format(f'"{name}"') for name, kind in relation.kinds.items())
    query = f"COPY (SELECT {values} {_source(relation, begin, end, '+00')}) TO STDOUT (FORMAT csv)"
    connection.exec_driver_sql("SET LOCAL datestyle = 'ISO'")
    try:
        driver: Any = connection.connection.driver_connection
        with driver.cursor() as cursor, cursor.copy(query) as copy:
            block = bytearray()
            for row in copy:
                block += row
                if len(block) >= BLOCK:
                    yield bytes(block)
                    block.clear()
            if block:
                yield bytes(block)
    except psycopg.Error as error:
        raise explain(connection.engine, error, "nothing was written to it") from error


def _source(relation: Exported, begin: date | None, end: date | None, zone: str) -> str:
    """Return the clauses FROM, WHERE and ORDER BY. `zone` ends a time in SQL: `+00` on PostgreSQL, empty on SQLite."""
    by = relation.split_by
    time = f" 00:00:00.000000{zone}" if by is not None and relation.kinds[by] == "time" else ""
    conditions = [f"{by} >= '{begin}{time}'"] if begin else []
    conditions += [f"{by} < '{end}{time}'"] if end else []
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    by_bytes = ' COLLATE "C"' if zone else ""  # not by the locale; SQLite orders by bytes anyway
    order = ", ".join(f"{name}{by_bytes if relation.kinds[name] == 'text' else ''}" for name in relation.order)
    return f"FROM {relation.name} {where} ORDER BY {order}"
