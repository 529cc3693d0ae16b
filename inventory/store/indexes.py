"""Bulk-load empty PostgreSQL tables: drop their indexes, load, rebuild."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from inventory.store.database import is_sqlite

MANY = 10_000
"""From this number of rows on, it is faster to drop the indexes of an empty table and to rebuild them."""


@contextmanager
def rebuilt_after_load(connection: Connection, tables: Sequence[sa.Table], rows: int) -> Iterator[None]:
    """Drop the indexes of empty PostgreSQL tables, and rebuild them at the end of the block.

    `rows` is the number of rows that the block inserts. The insertion takes two thirds of the time that it would take
    with the indexes. The tables are locked until the transaction ends, so no other transaction sees them without
    indexes. If this process freezes before that, the server ends this session after at most 10 s. Readers wait for
    up to 30 s before they fail.

    The indexes stay as they are on SQLite, and for fewer rows than MANY. They also stay if a table has rows or a
    trigger, if an index is on an expression or has a property that rebuilding it would lose, if another object depends
    on an index, if this role may not rebuild the indexes, or if another session uses the tables.
    """
    rebuild = [] if is_sqlite(connection) or rows < MANY else _drop_indexes(connection, tables)
    yield
    for statement in rebuild:
        _execute(connection, statement)


def _drop_indexes(connection: Connection, tables: Sequence[sa.Table]) -> list[str]:
    """Drop the indexes of empty tables, if that is possible without waiting.

    Return the SQL statements that create the indexes again; an empty list if they were not dropped.
    """
    names = [table.name for table in tables]
    if not _empty(connection, names):
        return []
    try:
        with connection.begin_nested() as savepoint:
            _execute(connection, f"LOCK TABLE {', '.join(names)} IN ACCESS EXCLUSIVE MODE NOWAIT")
            if not _empty(connection, names) or connection.scalar(_CUSTOMIZED, {"tables": names}):
                savepoint.rollback()
                return []
            found = connection.execute(_INDEXES, {"tables": names}).all()
            drop, create = [drop for drop, _ in found], [create for _, create in found]
            for statement in (*drop, *create, *drop):  # create once, to prove that they can be created again
                _execute(connection, statement)
            _execute(connection, _LIMIT_IDLE_TIME)
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return []  # another session uses the tables, another role owns them, or a user's view depends on a key
    return create


def _empty(connection: Connection, names: Sequence[str]) -> bool:
    return not any(_execute(connection, f"SELECT EXISTS (SELECT FROM {name})").scalar() for name in names)


# True if an index has a property that rebuilding it would lose, or if a table has a trigger. A trigger could look up
# rows while there is no index.
_CUSTOMIZED = sa.text("""
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

_LIMIT_IDLE_TIME = """
    SELECT set_config(name, '10s', true) FROM pg_settings
    WHERE name = 'idle_in_transaction_session_timeout' AND CAST(setting AS integer) NOT BETWEEN 1 AND 10000
"""


def _execute(connection: Connection, statement: str) -> sa.CursorResult[Any]:
    return connection.exec_driver_sql(statement.replace("%", "%%"))  # psycopg takes a single % for a placeholder
