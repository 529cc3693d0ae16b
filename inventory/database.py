"""The engine from a URL, and everything in which SQLite and PostgreSQL differ, but for many rows at once: `bulk`.

Two ways into the database, both short: `reading(engine)` and `writing(engine)`. A write takes its lock at the start
(`BEGIN IMMEDIATE`), so that it never fails halfway for another writer; both wait up to 30 s for a lock.
"""

import logging
import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from inventory import log
from inventory.errors import DatabaseError, UsageError, WrongSchema
from inventory.masks import HARMLESS_PARAMETERS, hide_key_words, is_secret_name, mask_url
from inventory.sqlite_file import SQLiteFile

LOCK_WAIT_SECONDS = 30
OLDEST_POSTGRESQL = 13
Clock = Callable[[], datetime]
"""Where the time comes from instead of the database, in UTC."""

_ALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60_000}
"""For libpq: a server that went without a word, as in a failover, is given up after a minute, not after two hours."""

_SETTINGS = {
    "lock_timeout": f"{LOCK_WAIT_SECONDS}s",
    "client_encoding": "UTF8",
    "array_nulls": "on",
    "standard_conforming_strings": "on",
    "bytea_output": "hex",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "cursor_tuple_fraction": "1",  # every cursor is read to its end
    "quote_all_identifiers": "off",  # or the names of types are reflected with quotes
}
"""What each PostgreSQL transaction is told, whatever the server, the database, the role or PGOPTIONS says: how long to
wait for a lock, and everything that decides how values are read and written. Settings that leave the results alone,
such as statement_timeout, stay as they are."""

BATCH = 2_000
"""Rows per statement: large enough for speed, small enough that memory stays flat."""


def parse_url(text: str) -> URL:
    """A SQLAlchemy URL of one of the two backends; plain `postgres://` and `postgresql://` mean psycopg 3.

    Raises UsageError, without the text, which may hold a password.
    """
    try:
        url = make_url(re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", text))
    except (ArgumentError, ValueError):
        url = None
    if url is None or _is_ambiguous(text, url):
        raise UsageError(
            "The database URL cannot be read. Give one like sqlite:///inventory.db or postgresql://user@host/name "
            "(in a password, @ is written %40, / %2F, ? %3F, # %23 and : %3A)."
        )
    for secret in (url.password or "", *_parameters(url, is_secret_name)):
        log.hide(secret)
        log.hide(quote(secret, safe=""))  # as a driver may quote it
    if any(map(is_secret_name, url.query)):  # a & in a password makes a parameter of what follows
        for rest in (*_strange(url), *_parameters(url, lambda name: name in _strange(url))):
            log.hide(rest)
    backend = url.get_backend_name()
    if backend == "postgresql" and url.get_driver_name() == "psycopg":
        return url
    if backend == "sqlite" and url.get_driver_name() == "pysqlite":
        if url.database in (None, "", ":memory:"):
            raise UsageError("A SQLite database in memory keeps no history. Name a file: sqlite:///inventory.db.")
        return url
    name = hide_key_words(url.drivername)
    raise UsageError(f"{name} is not a backend of inventory. Use sqlite:///... or postgresql://...")


def _is_ambiguous(text: str, url: URL) -> bool:
    """Return whether another reading of the URL than SQLAlchemy's could take a part of it for the password.

    A password may hold a / or a ?, as SQLAlchemy lets it, while nothing else explains the @ behind it.
    """
    if url.get_backend_name() == "sqlite":
        return bool(url.host or url.username or url.password)
    before, at, after = text.partition("://")[2].partition("@")
    if not at or "@" in after:
        return bool(at)
    if url.username is None:  # then the @ must be in a parameter
        known = _parameters(url, lambda name: is_secret_name(name) or name in HARMLESS_PARAMETERS)
        return not any("@" in value for value in known)
    return re.search(r"\?.*=", before) is not None


def _parameters(url: URL, wanted: Callable[[str], bool]) -> list[str]:
    """Return the values of the URL's parameters that have such a name."""
    values = (value for name, value in url.query.items() if wanted(name))
    return [each for value in values for each in ([value] if isinstance(value, str) else value)]


def _strange(url: URL) -> list[str]:
    return [name for name in url.query if not is_secret_name(name) and name not in HARMLESS_PARAMETERS]


def masked(url: URL) -> str:
    """Return the whole URL, but for its secrets."""
    return (
        url.render_as_string()
        if url.get_backend_name() == "sqlite"
        else mask_url(url.render_as_string(hide_password=False))
    )


def describe(engine: Engine) -> str:
    """The database as it may be shown: a file's path, or a URL without its password and most of its parameters."""
    if is_sqlite(engine):
        return engine.url.database or ""
    return masked(
        engine.url.set(query={name: value for name, value in engine.url.query.items() if name in {"host", "port"}})
    )


def is_sqlite(bind: Engine | Connection) -> bool:
    """Whether this is SQLite."""
    return bind.dialect.name == "sqlite"


def sqlite_file(url: URL) -> Path | None:
    """The file of a SQLite database, also of a `file:` URI; None for PostgreSQL."""
    if url.get_backend_name() != "sqlite":
        return None
    name = url.database or ""
    return Path(unquote(urlsplit(name).path) if name.startswith("file:") else name)


def connect(url: URL, *, create: bool = False) -> Engine:
    """An engine; opens nothing yet. Without `create`, a SQLite file that is not there is a DatabaseError."""
    if file := sqlite_file(url):
        if not create and not file.exists():
            raise DatabaseError(
                f"There is no database at {file}. `inventory sync` makes it; --database names another one."
            )
        return _sqlite(url, SQLiteFile(file), create=create)
    return _postgresql(url)


def connect_beside(engine: Engine) -> Engine:
    """Return an engine with connections of its own to the same database; it creates no file."""
    file = file_of(engine)
    return _postgresql(engine.url) if file is None else _sqlite(engine.url, file, create=False)


def file_of(bind: Engine | Connection) -> SQLiteFile | None:
    """Return the file of a SQLite database; None for PostgreSQL."""
    file: SQLiteFile | None = bind.engine.get_execution_options().get("inventory_file")
    return file


def identity(bind: Engine | Connection) -> object:
    """Return an object that is another one once `follow` has accepted another SQLite file; None for PostgreSQL."""
    file = file_of(bind)
    return None if file is None else file.identity


def follow(engine: Engine) -> None:
    """Accept another file that was put in the place of a SQLite database; DatabaseError where it cannot be.

    Only for a process that goes on for long, and only between two pieces of work.
    """
    if (file := file_of(engine)) is not None:
        file.follow()


def _sqlite(url: URL, file: SQLiteFile, *, create: bool) -> Engine:
    engine = sa.create_engine(
        url,
        # With no connection kept, no file is open while nobody works: it can be replaced then, and has no -wal.
        # A new connection costs a millisecond.
        poolclass=sa.pool.NullPool,
        connect_args={"timeout": LOCK_WAIT_SECONDS, "check_same_thread": False},
        execution_options={"inventory_file": file},
    )

    @event.listens_for(engine, "do_connect")
    def _(_dialect: object, _record: object, names: Sequence[str], options: Mapping[str, Any]) -> sqlite3.Connection:
        return file.open(names[0], create=create, **options)

    @event.listens_for(engine, "connect")
    def _(dbapi_connection: sqlite3.Connection, _record: object) -> None:
        dbapi_connection.isolation_level = None  # we say BEGIN ourselves, see below
        dbapi_connection.execute("PRAGMA foreign_keys = ON")
        dbapi_connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        writes = connection.get_execution_options().get("inventory_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
        connection.exec_driver_sql("PRAGMA schema_version")  # BEGIN alone opens no -wal
        file.note(connection.connection.driver_connection)

    return engine


def _postgresql(url: URL) -> Engine:
    arguments: dict[str, Any] = {
        "prepare_threshold": None,  # a pooler in transaction mode hands prepared statements to the wrong client
        "connect_timeout": LOCK_WAIT_SECONDS,
        "application_name": "inventory",
        "client_encoding": "UTF8",  # beats PGCLIENTENCODING
        **{name: value for name, value in _ALIVE.items() if name not in url.query},
    }
    # it warns of a session's time zone that has no name; each time comes with its offset all the same
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    engine = sa.create_engine(
        url,
        pool_pre_ping=True,  # the server may have been restarted between two runs
        isolation_level="READ COMMITTED",  # the default of the database or role may be another
        connect_args=arguments,
    ).execution_options(preserve_rowcount=True)

    @event.listens_for(engine, "connect")
    def _(dbapi_connection: Any, _record: object) -> None:
        from psycopg.types.string import TextLoader  # only where the backend is PostgreSQL

        dbapi_connection.adapters.register_loader("json", TextLoader)

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        _begin_postgresql(connection)

    return engine


def _begin_postgresql(connection: Connection) -> None:
    """Set what the program relies on for one transaction; raise DatabaseError where the database cannot serve it.

    In each transaction, since a pooler in transaction mode may give each another session. One statement for all, for
    the sake of the round trips.
    """
    options = connection.get_execution_options()
    settings = _SETTINGS | options.get("inventory_settings", {})
    made = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in settings.items())
    encoding, read_only, standby = connection.exec_driver_sql(
        "SELECT current_setting('server_encoding'), current_setting('transaction_read_only') = 'on', "
        f"pg_is_in_recovery(), {made}"
    ).one()[:3]
    if encoding != "UTF8":
        raise WrongSchema(
            f"The database {describe(connection.engine)} has the encoding {encoding}, which cannot hold every text; "
            "nothing was written. Make one in UTF-8 and name that: "
            "CREATE DATABASE inventory ENCODING 'UTF8' TEMPLATE template0;"
        )
    if read_only and options.get("inventory_writes"):
        why = (
            "its server is a standby. Name the primary, or wait until this one is promoted."
            if standby
            else "default_transaction_read_only is on, by a setting of the database, the role or the server. "
            "Who set it can turn it off: ALTER DATABASE or ALTER ROLE ... RESET default_transaction_read_only;"
        )
        raise DatabaseError(f"The database {describe(connection.engine)} may only be read; nothing was written: {why}")


@contextmanager
def faults(engine: Engine, kept: str = "nothing was written") -> Iterator[None]:
    """Turn what the driver raises into a DatabaseError of one line; `kept` says what became of the data."""
    try:
        yield
    except DBAPIError as error:
        raise _explained(engine, error.orig or error, kept) from error
    except SQLAlchemyError as error:
        raise _failed(engine, " ".join(str(error).split()), kept) from error
    except UnicodeDecodeError as error:  # SQLite speaks of a damaged name
        raise _failed(engine, f"it holds what is no UTF-8 ({error.reason})", kept) from error


def use_wal(engine: Engine) -> None:
    """Put a SQLite database into WAL mode, which its file keeps; outside a transaction, where alone it can be done."""
    with faults(engine), engine.connect() as connection:
        try:
            connection.connection.driver_connection.execute("PRAGMA journal_mode = WAL")  # type: ignore[union-attr]
        except sqlite3.Error as error:
            raise _explained(engine, error, "nothing was written") from error


def _explained(engine: Engine, cause: BaseException, kept: str) -> DatabaseError:
    reason = " ".join(str(cause).split())
    if "database is locked" in reason or type(cause).__name__ == "LockNotAvailable":
        reason = f"locked by another process for over {LOCK_WAIT_SECONDS} s"
    if is_sqlite(engine) and ("disk is full" in reason or "disk I/O" in reason):
        reason = f"{reason} ({_room(engine)})"
    return _failed(engine, reason, kept)


def _room(engine: Engine) -> str:
    """Say how much room is left for a SQLite database and for the files that it sorts in: "full" may mean either."""
    folder = sqlite_file(engine.url) or Path()
    sorting = os.environ.get("SQLITE_TMPDIR") or os.environ.get("TMPDIR") or "/var/tmp"  # noqa: S108 - as SQLite does
    told = []
    for what, place in (("its folder", folder.absolute().parent), ("TMPDIR, where it sorts,", sorting)):
        with suppress(OSError):
            told.append(f"{what} {place} has {shutil.disk_usage(place).free / 1e6:,.1f} MB left")
    return "; ".join(told)


def _failed(engine: Engine, reason: str, kept: str) -> DatabaseError:
    return DatabaseError(f"The database {describe(engine)} failed: {reason}; {kept}. Run again when it is well.")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection in one read transaction: every statement sees the same snapshot on SQLite and on PostgreSQL."""
    with faults(engine), engine.connect() as connection:
        if not is_sqlite(engine):
            connection = connection.execution_options(  # noqa: PLW2901 - the same connection, told its isolation
                # not by postgresql_readonly: after it, the pooled connection says READ WRITE in each later transaction,
                # whatever default_transaction_read_only says
                isolation_level="REPEATABLE READ",
                inventory_settings={"transaction_read_only": "on"},
            )
        with connection.begin() as transaction:
            yield connection
            transaction.rollback()  # SQLite refuses to commit once it has met a damaged page


@contextmanager
def writing(
    engine: Engine, *, idle_limit: float | None = None, kept: str = "nothing was written", file: Path | None = None
) -> Iterator[Connection]:
    """A connection in one write transaction, committed at the end.

    `idle_limit`: after so many seconds without a statement PostgreSQL ends the session and rolls back, so that a
    frozen process cannot hold its locks for ever. (On SQLite the others wait, then give up.)
    `file`: a SQLite file that `insert_from_file` may read.
    """
    with faults(engine, kept), engine.connect() as connection:
        settings = {}
        if idle_limit is not None:
            settings["idle_in_transaction_session_timeout"] = max(1, round(idle_limit * 1000))
        connection = connection.execution_options(  # noqa: PLW2901
            inventory_writes=True, inventory_settings=settings
        )
        with connection.begin():
            if file is not None:
                _attach(connection, file)
            yield connection
            if (own := file_of(engine)) is not None:
                own.check(kept)
        if own is not None:
            own.check("what was just written is in the old file only")


def _attach(connection: Connection, file: Path) -> None:
    """On SQLite, the tables of a file are there under `file.` until the connection is closed.

    Attached once the transaction has begun: BEGIN IMMEDIATE takes the write lock of every file attached before it, and
    the owner of this one could not write it any more.
    """
    if is_sqlite(connection):
        connection.exec_driver_sql("ATTACH DATABASE ? AS file", (str(file),))


def require_version(engine: Engine, version: Sequence[Any]) -> None:
    """Return if a server of that version will do; else DatabaseError. Python brings its own SQLite."""
    if not is_sqlite(engine) and tuple(version) < (OLDEST_POSTGRESQL,):
        number = ".".join(map(str, version))
        raise DatabaseError(f"PostgreSQL {OLDEST_POSTGRESQL} or newer is needed; this one is {number}.")


def readers_wait(connection: Connection) -> bool:
    """Whether readers and a writer wait for each other: SQLite outside of WAL mode, as some ways to copy leave it."""
    return is_sqlite(connection) and connection.exec_driver_sql("PRAGMA journal_mode").scalar() != "wal"


def try_to_write(engine: Engine, tables: Iterable[str]) -> None:
    """Return if rows of the tables may be written, by locks and rights; else DatabaseError. No row is."""
    with writing(engine) as connection:
        for table in tables:
            connection.exec_driver_sql(f"UPDATE {table} SET account = account WHERE false")
            if not is_sqlite(connection):  # SQLite has no rights by table, and would write its counter of rows
                connection.exec_driver_sql(f"INSERT INTO {table} SELECT * FROM {table} WHERE false")


def now(connection: Connection, clock: Clock | None = None) -> datetime:
    """The time of `clock`, where one is injected; else of the database's, in UTC. SQLite has its host's."""
    if clock is not None:
        return clock()
    if is_sqlite(connection):
        return datetime.now(UTC)
    value: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    return value.astimezone(UTC)


def for_update(connection: Connection, statement: sa.Select[Any]) -> sa.Select[Any]:
    """The same query, locking its rows. On SQLite the whole file is locked already."""
    return statement if is_sqlite(connection) else statement.with_for_update()


def insert_if_absent(connection: Connection, table: sa.Table, values: Mapping[str, Any]) -> None:
    """Insert a row unless one of its key is there already."""
    names = list(values)
    connection.execute(
        sa.text(
            f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)}) "
            "ON CONFLICT DO NOTHING"
        ).bindparams(*(sa.bindparam(name, type_=table.c[name].type) for name in names)),
        dict(values),
    )


def stream(connection: Connection, statement: sa.Select[Any]) -> Iterator[Sequence[sa.Row[Any]]]:
    """The rows of a query in batches, at flat memory."""
    with connection.execution_options(yield_per=BATCH).execute(statement) as result:
        yield from result.partitions()


def expect_many_rows(connection: Connection) -> None:
    """On PostgreSQL, let no statement of this transaction join row by row.

    Where the statistics are older than a large write, the planner expects one row, and reads all for each of many.
    """
    if not is_sqlite(connection):
        connection.exec_driver_sql("SET LOCAL enable_nestloop = off")


def among(connection: Connection, column: sa.Column[Any], values: Sequence[str]) -> sa.ColumnElement[bool]:
    """Whether a column is one of many values, as one parameter on PostgreSQL (where each costs time to plan)."""
    if is_sqlite(connection):
        return column.in_(values)
    return column == sa.func.any(sa.bindparam(None, list(values), type_=sa.ARRAY(sa.Text)))


def batches(rows: Iterable[Any], size: int = BATCH) -> Iterator[list[Any]]:
    """Lists of at most `size` rows."""
    rows = iter(rows)
    while batch := list(islice(rows, size)):
        yield batch
