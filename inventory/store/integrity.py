"""Let the database check its own tables and indexes for damage.

SQLite has the pragmas `integrity_check` and `quick_check`. The second is faster, but does not compare indexes with
tables. On PostgreSQL the extension `amcheck` makes the checks, if it is installed and the role may use it.
"""

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from inventory.errors import DatabaseError
from inventory.store.database import describe, is_sqlite
from inventory.store.tables import METADATA

MOST = 100
"""The largest number of faults that one check reports.

On PostgreSQL each table and each index has a check of its own. On SQLite one check reads the whole file, and another
one follows all foreign keys.
"""

_AMCHECK = sa.text("""
    SELECT
        quote_ident(nspname) AS schema,
        count(DISTINCT proname) FILTER (WHERE pronargs > 1) AS functions,
        bool_and(
            has_schema_privilege(pg_namespace.oid, 'USAGE') AND has_function_privilege(pg_proc.oid, 'EXECUTE')
        ) AS may
    FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace
    LEFT JOIN pg_proc ON pronamespace = pg_namespace.oid AND proname IN ('bt_index_check', 'verify_heapam')
    WHERE extname = 'amcheck' GROUP BY nspname
""")
"""The query that finds the PostgreSQL schema of amcheck, and whether this role can use its functions.

This module calls two functions of amcheck, each with more than one argument. `functions` is how many of the two exist
in that form: an amcheck that is older than the server may lack one. `may` says whether this role may call them. If
amcheck is not installed, the query returns no row.
"""

_BTREES = sa.text(r"""
    SELECT indexrelid, indexrelid\:\:regclass\:\:text AS name FROM pg_index
    JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_am ON pg_am.oid = relam
    WHERE indrelid = ANY(CAST(:tables AS regclass[])) AND indisvalid AND amname = 'btree' ORDER BY 2
""")

_DANGLING = sa.text(f"""
    SELECT foreign_key."table", foreign_key.parent
    FROM sqlite_master JOIN pragma_foreign_key_check(sqlite_master.name) AS foreign_key
    WHERE sqlite_master.type = 'table' AND sqlite_master.name IN :tables LIMIT {MOST}
""").bindparams(sa.bindparam("tables", expanding=True))
"""The query for rows of the program's tables that refer to a row that is not there. A user's tables are not checked."""


def find_damage(connection: Connection, *, quick: bool = False) -> Iterator[str]:
    """Yield a line of text for each fault that the database finds in its own tables and indexes.

    If `quick`, SQLite neither compares indexes with tables nor checks foreign keys, and PostgreSQL checks nothing.
    PostgreSQL also checks nothing if `why_unchecked` returns a reason. PostgreSQL 13 checks only indexes.
    """
    if is_sqlite(connection):
        yield from _sqlite(connection, quick=quick)
    elif not quick and why_unchecked(connection) is None:
        yield from _postgresql(connection)


def why_unchecked(connection: Connection) -> str | None:
    """Return a message that says why the database cannot check itself, and what to do; None if it can check itself."""
    if is_sqlite(connection):
        return None
    found = connection.execute(_AMCHECK).one_or_none()
    if found is None:
        why, remedy = "the extension amcheck is not installed", "CREATE EXTENSION amcheck;"
    elif found.functions < 1 + _has_heap_check(connection):
        why, remedy = "the extension amcheck is older than the server", "ALTER EXTENSION amcheck UPDATE;"
    elif found.may:
        return None
    else:
        why = "this role may not use the extension amcheck"
        remedy = (
            f"GRANT USAGE ON SCHEMA {found.schema} TO ...; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {found.schema} "
            "TO ...; or run as a role that may."
        )
    return f"The server did not check its tables and indexes for damage: {why}. To have them checked: {remedy}"


def require_whole(connection: Connection) -> None:
    """Raise DatabaseError if SQLite's quick check finds damage. On PostgreSQL, which has no such check, do nothing."""
    faults = list(find_damage(connection, quick=True))
    if faults:
        raise DatabaseError(
            f"The database {describe(connection.engine)} is damaged: {faults[0]}"
            f"{f', and {len(faults) - 1} faults more' if len(faults) > 1 else ''}. Put a backup in its place; "
            "`inventory verify` shows more."
        )


def _sqlite(connection: Connection, *, quick: bool) -> Iterator[str]:
    check = "quick_check" if quick else "integrity_check"
    try:
        for (what,) in connection.exec_driver_sql(f"PRAGMA {check}({MOST})"):
            if what != "ok":
                yield from str(what).splitlines()
        if not quick:
            for table, parent in connection.execute(_DANGLING, {"tables": list(METADATA.tables)}):
                yield f"a row of {table} refers to a row of {parent} that is not there"
    except DBAPIError as error:
        if getattr(error.orig, "sqlite_errorname", "") not in {"SQLITE_CORRUPT", "SQLITE_NOTADB"}:
            raise
        yield str(error.orig)


def _postgresql(connection: Connection) -> Iterator[str]:
    schema = connection.execute(_AMCHECK).one().schema
    heap = sa.text(
        f"SELECT blkno, msg FROM {schema}.verify_heapam(CAST(:table AS regclass), check_toast => true) LIMIT {MOST}"
    )
    index = sa.text(f"SELECT {schema}.bt_index_check(CAST(:index AS oid), heapallindexed => true)")
    if _has_heap_check(connection):
        for table in METADATA.tables:
            for place, what in _rows_or_fault(connection, heap, table=table):
                yield f"table {table}{'' if place is None else f', block {place}'}: {what}"
    for oid, name in connection.execute(_BTREES, {"tables": list(METADATA.tables)}).all():
        for (what,) in _rows_or_fault(connection, index, index=oid):
            if what:
                yield f"index {name}: {what}"


def _has_heap_check(connection: Connection) -> bool:
    """Return whether the amcheck that comes with this server can check tables: True from PostgreSQL 14 on."""
    return (connection.dialect.server_version_info or ()) >= (14,)


def _rows_or_fault(connection: Connection, query: sa.TextClause, **values: object) -> list[tuple[object, ...]]:
    """Return the rows of a query that checks a table or an index.

    If the query fails because of damage, return one row with the server's message, in the form of the query's rows:
    `(None, message)` for a table, `(message,)` for an index. Return no row for an index that cannot be checked now.
    """
    try:
        with connection.begin_nested():
            return [tuple(row) for row in connection.execute(query, values)]
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None) or ""
        if state == "40001":  # the index is younger than this snapshot, so it cannot be compared with its table
            return []
        if not state.startswith("XX"):  # XX: internal errors; XX001 and XX002 mean damaged data
            raise
        what = " ".join(str(error.orig).split())
        return [(None, what) if "table" in values else (what,)]
