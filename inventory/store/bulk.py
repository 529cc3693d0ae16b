"""Insert or update many rows at once, in the way that is fastest on each backend.

PostgreSQL gets each batch of rows in one statement, with one array per column (`unnest`). This is as fast as COPY. It
is also safer: if the process freezes between two batches, `idle_in_transaction_session_timeout` ends its session.
During a COPY this timeout would not act.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from inventory.store.database import is_sqlite
from inventory.store.tables import UTCDateTime, require_zone


@dataclass(frozen=True)
class SourceTable:
    """A table of the SQLite file that `database.writing` attaches, and its rows in a form for PostgreSQL."""

    name: str
    types: Mapping[str, str]
    """The type of each column on PostgreSQL, by the name of the column."""
    batches: Iterable[Sequence[str]]
    """The rows of the table in batches. A batch has one JSON array for each column, in the order of `types`.

    The values of a BYTEA column are in hexadecimal, and none is null.
    """


def insert_rows(connection: Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows in one statement. Each row maps column names to values; all rows must have the same columns."""
    if not rows:
        return
    if is_sqlite(connection):
        connection.execute(sa.insert(table), [dict(row) for row in rows])
        return
    names = list(rows[0])
    source = _unnest(_types(connection, table, names))
    connection.execute(sa.text(f"INSERT INTO {table.name} ({', '.join(names)}) {source}"), _arrays(names, rows))


def insert_from_file(
    connection: Connection,
    source: SourceTable,
    statements: Sequence[str],
    parameters: Mapping[str, Any],
) -> int:
    """Run each INSERT statement over all rows of `source`; return the number of rows in `source`.

    Each statement ends before the name of the source table: `INSERT ... SELECT ... FROM `. The name is added here. A
    statement must insert one row for each row of the source. `parameters` are the values of the statements' parameters.
    SQLite reads the attached file itself, which is four times as fast as passing the rows through Python. PostgreSQL
    gets each batch only once, because all statements are combined into one.
    """
    bound = [sa.bindparam(name, type_=UTCDateTime) for name, value in parameters.items() if isinstance(value, datetime)]
    if is_sqlite(connection):
        return max(
            connection.execute(sa.text(f"{statement}file.{source.name}").bindparams(*bound), dict(parameters)).rowcount
            for statement in statements
        )
    *firsts, last = (f"{insert}{source.name}" for insert in statements)
    parts = [f"{source.name} AS ({_unnest(source.types)})"]
    parts += [f"part_{number} AS ({insert})" for number, insert in enumerate(firsts)]
    statement = sa.text(f"WITH {', '.join(parts)} {last}").bindparams(*bound)
    types = source.types
    prepared = (dict(zip(types, map(_from_json, arrays, types.values()), strict=True)) for arrays in source.batches)
    inserted = 0
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as ahead:  # prepare a batch while the server inserts one
        upcoming = ahead.submit(next, prepared, None)
        while (batch := upcoming.result()) is not None:
            upcoming = ahead.submit(next, prepared, None)
            inserted += connection.execute(statement, {**parameters, **batch}).rowcount
    return inserted


def update_rows(
    connection: Connection,
    table: sa.Table,
    key: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    *,
    where: str = "true",
) -> int:
    """Update one row of the table for each mapping in `rows`; return the number of updated rows.

    The names in a mapping are columns, and all mappings must have the same names. The columns named in `key` identify
    the row, and the other columns are set. `where` is a further condition in SQL; its text must come from the program,
    never from a user or the API.
    """
    if not rows:
        return 0
    names = list(rows[0])
    values = [name for name in names if name not in key]
    if is_sqlite(connection):
        found = " AND ".join(f"{name} = :{name}" for name in key)
        assigned = ", ".join(f"{name} = :{name}" for name in values)
        statement = sa.text(f"UPDATE {table.name} SET {assigned} WHERE {found} AND {where}").bindparams(
            *(sa.bindparam(name, type_=table.c[name].type) for name in names)
        )
        return connection.execute(statement, [dict(row) for row in rows]).rowcount
    found = " AND ".join(f"{table.name}.{name} = new.{name}" for name in key)
    assigned = ", ".join(f"{name} = new.{name}" for name in values)
    source = f"({_unnest(_types(connection, table, names))}) AS new"
    return connection.execute(
        sa.text(f"UPDATE {table.name} SET {assigned} FROM {source} WHERE {found} AND {where}"), _arrays(names, rows)
    ).rowcount


def _arrays(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> dict[str, str | list[Any]]:
    return {name: _array([row[name] for row in rows]) for name in names}


def _array(values: Sequence[Any]) -> str | list[Any]:
    """Return the values as a parameter for a PostgreSQL array.

    For bytes, texts, integers and booleans, the parameter is a text in PostgreSQL's form of an array, such as `{1,2}`.
    This is eight times faster than a list. For other values, and for texts with control characters, the parameter is a
    list. Raise ValueError for a time without a zone.
    """
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bytes}:
        values = [None if value is None else f"\\x{value.hex()}" for value in values]
    elif kinds != {str} and not kinds <= {int, bool}:
        for value in values:
            if isinstance(value, datetime):
                require_zone(value)
        return list(values)
    return _from_json(json.dumps(values, ensure_ascii=False))


def _from_json(array: str, type_: str = "") -> str | list[Any]:
    """Return a JSON array as a parameter for a PostgreSQL array.

    The parameter is a text in PostgreSQL's form of an array. This form has other brackets than JSON, and no escapes for
    control characters. If `array` has such escapes, the parameter is a list instead. If `type_` is BYTEA, `array` must
    hold hexadecimal values and no nulls.
    """
    if type_ == "BYTEA":
        inner = array[2:-2].replace('","', ",\\\\x")
        return f"{{\\\\x{inner}}}"
    return list(json.loads(array)) if _ESCAPE.search(array) else f"{{{array[1:-1]}}}"


_ESCAPE = re.compile(r"\\[bfnrtu]")  # also matches an escaped backslash before such a letter, which does no harm


def _types(connection: Connection, table: sa.Table, names: Sequence[str]) -> dict[str, str]:
    return {name: table.c[name].type.compile(connection.dialect) for name in names}


def _unnest(types: Mapping[str, str]) -> str:
    """Return a query that turns one array for each column into rows; the arrays are parameters with the columns' names.

    `unnest` is faster in SELECT than in FROM.
    """
    return f"SELECT {', '.join(f'unnest(CAST(:{name} AS {type_}[])) AS {name}' for name, type_ in types.items())}"
