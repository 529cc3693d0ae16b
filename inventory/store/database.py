"""Connect to the database, read and write it in short transactions, and ask it for the time.

`reading(engine)` and `writing(engine)` open all transactions on the database. Statements in them wait up to 30 s for a
lock; a migration on PostgreSQL waits without a limit. On SQLite, `writing` takes the write lock at its start (`BEGIN
IMMEDIATE`), so that no other writer can make the transaction fail halfway. The code that only one backend needs is in
`sqlite` and `postgresql`; single statements are in `statements`.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.engine import URL, Connection, Engine

from inventory.config.database_url import sqlite_path
from inventory.errors import DatabaseError
from inventory.store.backend import describe, is_sqlite
from inventory.store.driver_errors import as_database_error, as_unconfirmed
from inventory.store.postgresql import postgresql_engine, require_sequences, require_version
from inventory.store.sqlite import (
    attach,
    file_of,
    follow,
    identity,
    readers_wait,
    require_known_parameters,
    sqlite_engine,
)
from inventory.store.sqlite_file import SQLiteFile
from inventory.store.statements import (
    BATCH,
    among,
    batches,
    by_bytes,
    expect_many_rows,
    for_update,
    insert_if_absent,
    stream,
)

__all__ = [
    "BATCH",
    "MAKE_OR_NAME",
    "Clock",
    "among",
    "batches",
    "by_bytes",
    "connect",
    "connect_beside",
    "describe",
    "expect_many_rows",
    "file_of",
    "follow",
    "for_update",
    "identity",
    "insert_if_absent",
    "is_sqlite",
    "now",
    "readers_wait",
    "reading",
    "require_version",
    "stream",
    "try_to_write",
    "writing",
]

Clock = Callable[[], datetime]
"""A function that returns the time (aware, UTC). It is used instead of the database's clock."""

MAKE_OR_NAME = "`inventory sync` makes it, or `inventory db upgrade`; --database names another one."
"""The part of a message that says what to do if there is no database."""


def connect(url: URL, *, create: bool = False, remedy: str = MAKE_OR_NAME) -> Engine:
    """Return an engine, without opening anything.

    Raise DatabaseError if it cannot be found out whether a SQLite file exists. If `create` is False, also raise
    DatabaseError for a missing file; `remedy` is the part of this message that says what to do. Raise WrongSchema if
    this Python's SQLite is too old. Raise UsageError if the URL of a SQLite file has a parameter that cannot be used.
    """
    if file := sqlite_path(url):
        require_known_parameters(url)
        try:
            known, is_there = SQLiteFile(file), file.exists()
        except (OSError, RuntimeError) as error:  # RuntimeError: symbolic links that go in a circle
            reason = error.strerror if isinstance(error, OSError) else "its links go in a circle"
            raise DatabaseError(f"The database file {file} cannot be used: {reason}; nothing was written.") from error
        if not create and not is_there:
            raise DatabaseError(f"There is no database at {file.absolute()}. {remedy}")
        return sqlite_engine(url, known, create=create)
    return postgresql_engine(url)


def connect_beside(engine: Engine) -> Engine:
    """Return another engine for the same database, with its own connections; it never creates a file."""
    file = file_of(engine)
    return postgresql_engine(engine.url) if file is None else sqlite_engine(engine.url, file, create=False)


@contextmanager
def reading(engine: Engine, *, temporary_views: bool = False) -> Iterator[Connection]:
    """Open a transaction for reading and yield its connection. All statements in it see the same snapshot.

    The transaction is rolled back at the end. With `temporary_views`, it may create temporary views on PostgreSQL, if
    the server and the role allow that. Raise DatabaseError if the database fails.
    """
    with as_database_error(engine), engine.connect() as connection:
        if not is_sqlite(engine):
            connection = connection.execution_options(  # noqa: PLW2901 - the same connection, with its isolation level
                # Do not use the option postgresql_readonly: it would leave the pooled connection set to READ WRITE for
                # later transactions, even if default_transaction_read_only is on.
                isolation_level="REPEATABLE READ",
                inventory_settings={} if temporary_views else {"transaction_read_only": "on"},
            )
        with connection.begin() as transaction:
            yield connection
            transaction.rollback()  # SQLite refuses to commit once it has met a damaged page


@contextmanager
def writing(
    engine: Engine, *, idle_limit: float | None = None, kept: str = "nothing was written", file: Path | None = None
) -> Iterator[Connection]:
    """Open a write transaction and yield its connection. Commit at the end; roll back if the block raises an exception.

    `idle_limit`: if no statement comes for this number of seconds, PostgreSQL ends the session and rolls back. So a
    frozen process cannot hold its locks for ever. The limit has no effect on SQLite: there other writers wait 30 s for
    the lock, and then raise DatabaseError.
    `kept`: the part of the message of a DatabaseError that says what happened to the data.
    `file`: a SQLite file to attach to the connection, so that `bulk.insert_from_file` can read its tables. It has no
    effect on PostgreSQL.
    Raise DatabaseError if the database fails, or if a SQLite database was removed or replaced during the transaction.
    Raise Unconfirmed if the connection to PostgreSQL is lost during the commit.
    """
    with as_database_error(engine, kept), engine.connect() as connection:
        settings = {}
        if idle_limit is not None:
            settings["idle_in_transaction_session_timeout"] = max(1, round(idle_limit * 1000))
        connection = connection.execution_options(  # noqa: PLW2901
            inventory_writes=True, inventory_settings=settings
        )
        with as_unconfirmed(engine) as commit_begins, connection.begin():
            if file is not None:
                attach(connection, file)
            yield connection
            if (own := file_of(engine)) is not None:
                own.check(kept)
            commit_begins()
        if own is not None:
            own.check("what was just written is in the old file only")


def try_to_write(engine: Engine, tables: Iterable[str]) -> None:
    """Raise DatabaseError if locks or missing rights prevent writing to the tables. Nothing is written."""
    with writing(engine) as connection:
        for table in tables:
            connection.exec_driver_sql(f"UPDATE {table} SET account = account WHERE false")
            if not is_sqlite(connection):  # SQLite has no rights by table, and an INSERT would change its row counter
                connection.exec_driver_sql(f"INSERT INTO {table} SELECT * FROM {table} WHERE false")
                require_sequences(connection, table)
        connection.rollback()  # a commit would write the first page of an empty SQLite file


def now(connection: Connection, clock: Clock | None = None) -> datetime:
    """Return the time (UTC) of `clock` if it is given, else of the PostgreSQL server or, for SQLite, of this host."""
    if clock is not None:
        return clock()
    if is_sqlite(connection):
        return datetime.now(UTC)
    value: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    return value.astimezone(UTC)
