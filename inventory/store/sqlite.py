"""The SQLite engine: its pragmas, how it begins a transaction, and the file that it has open."""

import sqlite3
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import SAWarning

from inventory.errors import UsageError, WrongSchema
from inventory.store.backend import LOCK_WAIT_SECONDS, is_sqlite
from inventory.store.driver_errors import as_database_error, explain
from inventory.store.sqlite_file import SQLiteFile

OLDEST_SQLITE = (3, 38)
"""The oldest version of SQLite that has all functions that the views use, such as `unixepoch` and `->>`."""


_OF_URI = frozenset({"mode", "cache", "vfs", "immutable", "nolock", "psow", "modeof"})
"""The parameters of SQLite itself. The driver passes them on only with `uri=true`."""
_OF_DRIVER = frozenset({"uri", "timeout", "isolation_level", "detect_types", "check_same_thread", "cached_statements"})


def require_known_parameters(url: URL) -> None:
    """Raise UsageError if a SQLite URL has a parameter that would be ignored, or a value that cannot be read.

    Unknown parameters would be ignored, and so would those of SQLite itself without `uri=true`. For example, with
    `mode=ro` alone the file would be writable.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", SAWarning)
            url.get_dialect()().create_connect_args(url)
        is_known = url.query.keys() <= _OF_URI | _OF_DRIVER and all(
            isinstance(each, str) for each in url.query.values()
        )
    except (SAWarning, ValueError, TypeError):
        is_known = False
    if not is_known:
        raise UsageError(
            "The database URL has a parameter that SQLite does not take, or whose value cannot be read. Correct it or "
            "take it out. To open a file read-only, write sqlite:///file:NAME?mode=ro&uri=true."
        )


def sqlite_engine(url: URL, file: SQLiteFile, *, create: bool) -> Engine:
    """Return an engine for a SQLite file; it opens the file when it is first used.

    Raise WrongSchema if the SQLite library of this Python is older than OLDEST_SQLITE.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise WrongSchema(
            f"SQLite {'.'.join(map(str, OLDEST_SQLITE))} or newer is needed; this Python has {sqlite3.sqlite_version}. "
            "Use a newer Python, or PostgreSQL."
        )
    engine = sa.create_engine(
        url,
        # Keep no idle connection: between two pieces of work the file is closed, has no -wal, and can be replaced.
        # A new connection takes a millisecond.
        poolclass=sa.pool.NullPool,
        connect_args={"timeout": LOCK_WAIT_SECONDS, "check_same_thread": False},
        execution_options={"inventory_file": file},
    )

    @event.listens_for(engine, "do_connect")
    def _(_dialect: object, _record: object, names: Sequence[str], options: Mapping[str, Any]) -> sqlite3.Connection:
        return file.open(names[0], create=create, **options)

    @event.listens_for(engine, "connect")
    def _(dbapi_connection: sqlite3.Connection, _record: object) -> None:
        dbapi_connection.isolation_level = None  # otherwise the driver begins transactions itself; see `begin` below
        dbapi_connection.execute("PRAGMA foreign_keys = ON")
        dbapi_connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        writes = connection.get_execution_options().get("inventory_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
        connection.exec_driver_sql("PRAGMA schema_version")  # BEGIN alone does not open the -wal
        file.remember_companions(connection.connection.driver_connection)

    return engine


def file_of(bind: Engine | Connection) -> SQLiteFile | None:
    """Return the SQLiteFile of a database; None for PostgreSQL."""
    file: SQLiteFile | None = bind.engine.get_execution_options().get("inventory_file")
    return file


def identity(bind: Engine | Connection) -> object:
    """Return an object that identifies the SQLite file in use. Compare two such objects with `is`.

    The object is the same until `follow` accepts a file that has replaced the old one. It is None for PostgreSQL, and
    before the first connection to a SQLite file.
    """
    file = file_of(bind)
    return None if file is None else file.identity


def follow(engine: Engine) -> None:
    """Accept the file that has replaced the SQLite file in use; raise DatabaseError if that is not safe.

    Do nothing on PostgreSQL, and if the file was not replaced. A long-running process calls this between two pieces of
    work, never during one.
    """
    if (file := file_of(engine)) is not None:
        file.follow()


def use_wal(engine: Engine) -> None:
    """Put a SQLite database into WAL mode, outside a transaction. The file keeps that mode."""
    with as_database_error(engine), engine.connect() as connection:
        try:
            connection.connection.driver_connection.execute("PRAGMA journal_mode = WAL")  # type: ignore[union-attr]
        except sqlite3.Error as error:
            raise explain(engine, error, "nothing was written") from error


def readers_wait(connection: Connection) -> bool:
    """Return whether readers and a writer wait for each other. They do on SQLite without WAL mode.

    For example, a copy of a SQLite file that VACUUM INTO made is not in WAL mode.
    """
    return is_sqlite(connection) and connection.exec_driver_sql("PRAGMA journal_mode").scalar() != "wal"


def attach(connection: Connection, file: Path) -> None:
    """Attach a SQLite file under the name `file` until the connection is closed; do nothing on PostgreSQL.

    Call it after the transaction has begun. If the file were attached earlier, BEGIN IMMEDIATE would lock it too, and
    no other connection of this process could write to it.
    """
    if is_sqlite(connection):
        connection.exec_driver_sql("ATTACH DATABASE ? AS file", (str(file),))
