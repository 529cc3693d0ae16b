"""Load the settings and open the database for a command."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from sqlalchemy.engine import Connection, Engine

from inventory import log
from inventory.config.database_url import parse_url
from inventory.config.settings import Settings, load
from inventory.errors import UsageError
from inventory.masks import hide_key_words
from inventory.store import database, schema


def loaded(**flags: Any) -> Settings:
    """Load the settings, configure the log as they say, and return them.

    A flag that is not None overrides every other source of the same setting.
    """
    settings = load(**flags)
    log.configure(settings.log_format, settings.log_level)
    return settings


@contextmanager
def opened(url: str, *, create: bool = False, remedy: str = database.MAKE_OR_NAME) -> Iterator[Engine]:
    """Yield an engine for the database at `url`. Close the connections of the engine at the end.

    Without `create`, raise DatabaseError if the SQLite file is missing; `remedy` is the end of its message. With
    `create`, the first connection creates the file.
    """
    engine = database.connect(parse_url(url), create=create, remedy=remedy)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def opened_as_is(url: str) -> Iterator[Engine]:
    """Yield an engine for a database at this program's revision. Raise DatabaseError if there is no such database.

    Nothing is created or migrated.
    """
    with opened(url) as engine:
        schema.require_current(engine)
        yield engine


@contextmanager
def open_for_reading(
    url: str | None, account: str | None = None, *, temporary_views: bool = False
) -> Iterator[Connection]:
    """Yield a connection in a read transaction. Nothing is created or migrated.

    `url` is the value of --database; if it is None, the settings name the database. With `temporary_views`, the
    transaction may create temporary views on PostgreSQL. Raise DatabaseError if there is no database at this program's
    revision. Raise UsageError if the database does not have the account.
    """
    with (
        opened_as_is(loaded(database_url=url).database_url) as engine,
        database.reading(engine, temporary_views=temporary_views) as connection,
    ):
        require_account(connection, account)
        yield connection


def opened_for_runs(settings: Settings) -> AbstractContextManager[Engine]:
    """Return a context manager like `opened`, for the database into which accounts are synced.

    With `auto_migrate`, the first connection creates a missing SQLite file. Without `auto_migrate`, the start of the
    block raises DatabaseError if the file is missing.
    """
    remedy = "INVENTORY_AUTO_MIGRATE is off: run `inventory db upgrade` first."
    return opened(settings.database_url, create=settings.auto_migrate, remedy=remedy)


@contextmanager
def open_for_writing(settings: Settings) -> Iterator[Engine]:
    """Yield an engine for a database at this program's revision.

    With `auto_migrate`, first create or migrate the database. Raise WrongSchema if it cannot be migrated. Without
    `auto_migrate`, change nothing: raise DatabaseError for a missing SQLite file, and WrongSchema for a database that
    is empty or at another revision.
    """
    with opened_for_runs(settings) as engine:
        schema.prepare(engine, auto_migrate=settings.auto_migrate)
        yield engine


def require_account(connection: Connection, account: str | None) -> None:
    """Raise UsageError if the database has no account of this name. If `account` is None, raise nothing."""
    from inventory.read import queries

    names = queries.account_names(connection)
    if account is not None and account not in names:
        there = ", ".join(names) or "none yet"
        raise UsageError(f"There is no account {hide_key_words(repr(account))} in this database; it has {there}.")
