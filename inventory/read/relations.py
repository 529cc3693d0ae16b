"""The tables and views of the catalogue, without their internal columns, and functions that read their rows.

A row is a dict by column name. Its times are aware datetimes in UTC.
"""

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from inventory.record import clean
from inventory.store import database
from inventory.store.catalogue import RELATIONS
from inventory.store.columns import JSON_OBJECTS
from inventory.store.tables import JSONText, UTCDateTime, damaged

Row = dict[str, Any]


_TIMES = ("_at", "_since", "_after", "_before", "_from", "_to", "_start", "_end")


_BOOLEANS = ("held", "complete")


def relation(name: str) -> sa.TableClause:
    """Return a table or view without its internal columns. The type of a column follows from the column's name."""
    return sa.table(name, *(sa.column(column, _type(column)) for column in columns(name)))


def columns(name: str) -> list[str]:
    """Return the names of the columns of a table or view, without the internal ones, in the order of the catalogue."""
    found = next(relation for relation in RELATIONS if relation.name == name)
    return [column.name for column in found.columns if not column.meaning.startswith("Internal:")]


def matching(source: sa.TableClause, **wanted: str | None) -> list[sa.ColumnElement[bool]]:
    """Return a list of conditions: `column = value` for each keyword argument whose value is not None.

    In the values, characters that cannot be stored are replaced, as in all texts that are stored.
    """
    return [source.c[name] == clean(value) for name, value in wanted.items() if value is not None]


def first_row(connection: Connection, query: sa.Select[Any]) -> Row | None:
    """Return the first row of a query, or None."""
    return next(iter(read_rows(connection, query.limit(1))), None)


def read_rows(connection: Connection, query: sa.Select[Any]) -> list[Row]:
    """Return all rows of a query as a list. For many rows use `stream_rows`."""
    return [_plain(row) for row in connection.execute(query)]


def stream_rows(connection: Connection, query: sa.Select[Any]) -> Iterator[Row]:
    """Yield the rows of a query. They are read in batches, so that memory stays flat."""
    for rows in database.stream(connection, query):
        yield from map(_plain, rows)


def _plain(row: sa.Row[Any]) -> Row:
    """Return the row as a dict.

    Raise DatabaseError if a value is bytes, or if a column of JSON_OBJECTS holds neither null nor a JSON object. SQLite
    would accept such values in any column, but this program writes none.
    """
    plain = dict(zip(row._fields, row, strict=True))
    if bytes in map(type, row):
        raise damaged("bytes where a text or a number belongs")
    for name in JSON_OBJECTS:
        if not _is_object(plain.get(name)):
            raise damaged(f"{plain[name]!r:.80} where a JSON object belongs")
    return plain


def _is_object(text: str | None) -> bool:
    try:
        return text is None or type(json.loads(text)) is dict
    except (ValueError, TypeError, RecursionError):
        return False


def _type(name: str) -> sa.types.TypeEngine[Any]:
    if name.endswith(_TIMES):
        return UTCDateTime()
    if name in _BOOLEANS:
        return sa.Boolean()
    return JSONText() if name in JSON_OBJECTS else sa.types.NullType()
