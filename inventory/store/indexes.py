"""Bulk-load empty PostgreSQL tables: drop their indexes, load, rebuild."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from inventory.store.database import is_sqlite

MANY = 10_000
"""So many rows for an empty table are worth its indexes being made again."""


@contextmanager
def rebuilt_after_load(connection: Connection, tables: Sequence[sa.Table], rows: int) -> Iterator[None]:
    """A while in which the tables are given that many rows; PostgreSQL fills empty ones in two thirds of the time.

    It makes their indexes afterwards rather than row by row: within this transaction, so that nothing is ever seen
    without them, and only where they are just as a migration made them, can be made again by this role, and nobody else
    is at the tables, which are locked for it. A process that freezes meanwhile is thrown out before readers give up.
    """
    made_again = [] if is_sqlite(connection) or rows < MANY else _without_indexes(connection, tables)
    yield
    for statement in made_again:
        _execute(connection, statement)


def _without_indexes(connection: Connection, tables: Sequence[sa.Table]) -> list[str]:
    """Drop the indexes of empty tables, if it can be done at once; returns the statements that make them."""
    names = [table.name for table in tables]
    if not _empty(connection, names):
        return []
    try:
        with connection.begin_nested() as savepoint:
            _execute(connection, f"LOCK TABLE {', '.join(names)} IN ACCESS EXCLUSIVE MODE NOWAIT")
            if not _empty(connection, names) or connection.scalar(_TOUCHED, {"tables": names}):
                savepoint.rollback()
                return []
            found = connection.execute(_INDEXES, {"tables": names}).all()
            drop, make = [drop for drop, _ in found], [make for _, make in found]
            for statement in (*drop, *make, *drop):  # first the proof, while it costs nothing, that they can be made
                _execute(connection, statement)
            _execute(connection, _THROWN_OUT)
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return []  # others are at the tables, they are another role's, or a view of the user's needs a key
    return make


def _empty(connection: Connection, names: Sequence[str]) -> bool:
    return not any(_execute(connection, f"SELECT EXISTS (SELECT FROM {name})").scalar() for name in names)


# Whether the tables or their indexes bear what an index made again would lose, or what looks up rows meanwhile.
_TOUCHED = sa.text("""
    SELECT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = ANY(CAST(:tables AS regclass[])))
    OR EXISTS (
        SELECT FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
        LEFT JOIN pg_constraint ON conindid = indexrelid
        WHERE indrelid = ANY(CAST(:tables AS regclass[]))
        AND (
            indisreplident OR indisclustered OR indexprs IS NOT NULL OR reltablespace <> 0 OR reloptions IS NOT NULL
            OR obj_description(indexrelid, 'pg_class') IS NOT NULL
            OR obj_description(pg_constraint.oid, 'pg_constraint') IS NOT NULL
        )
    )
""")

_INDEXES = sa.text(r"""
    SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid\:\:regclass, conname),
        format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid\:\:regclass, conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE conrelid = ANY(CAST(:tables AS regclass[])) AND contype IN ('p', 'u', 'x')
    UNION ALL
    SELECT format('DROP INDEX %s', indexrelid\:\:regclass), pg_get_indexdef(indexrelid)
    FROM pg_index WHERE indrelid = ANY(CAST(:tables AS regclass[]))
    AND indexrelid NOT IN (SELECT conindid FROM pg_constraint WHERE contype IN ('p', 'u', 'x'))
""")

_THROWN_OUT = """
    SELECT set_config(name, '10s', true) FROM pg_settings
    WHERE name = 'idle_in_transaction_session_timeout' AND CAST(setting AS integer) NOT BETWEEN 1 AND 10000
"""


def _execute(connection: Connection, statement: str) -> sa.CursorResult[Any]:
    return connection.exec_driver_sql(statement.replace("%", "%%"))  # or psycopg takes it for a parameter's place
