"""Load the settings and open the database for a command."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.engine import Connection, Engine

from inventory import log
from inventory.config.database_url import parse_url
from inventory.config.settings import Settings, load
from inventory.errors import UsageError
from inventory.masks import hide_key_words
from inventory.read import queries
from inventory.store import database, schema


def loaded(**flags: Any) -> Settings:
    """Load the settings, in which `flags` take precedence, and configure the log."""
    settings = load(**flags)
    log.configure(settings.log_format, settings.log_level)
    return settings


@contextmanager
def opened(url: str, *, create: bool = False) -> Iterator[Engine]:
    """Open an engine for the block; without `create`, raise DatabaseError if there is no SQLite file."""
    engine = database.connect(parse_url(url), create=create)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def opened_as_is(url: str) -> Iterator[Engine]:
    """Open an engine on a database of the right version; create and migrate nothing."""
    with opened(url) as engine:
        schema.require_current(engine)
        yield engine


@contextmanager
def open_for_reading(
    url: str | None, account: str | None = None, *, temporary_views: bool = False
) -> Iterator[Connection]:
    """Open a connection to a database of the right version that knows the account; create and migrate nothing."""
    with (
        opened_as_is(loaded(database_url=url).database_url) as engine,
        database.reading(engine, temporary_views=temporary_views) as connection,
    ):
        require_account(connection, account)
        yield connection


@contextmanager
def open_for_writing(settings: Settings) -> Iterator[Engine]:
    """Open an engine; create or migrate its database first, if the settings allow it."""
    with opened(settings.database_url, create=True) as engine:
        schema.prepare(engine, auto_migrate=settings.auto_migrate)
        yield engine


def require_account(connection: Connection, account: str | None) -> None:
    """Raise UsageError if the database has no account of this name. None means any account."""
    names = queries.account_names(connection)
    if account is not None and account not in names:
        there = ", ".join(names) or "none yet"
        raise UsageError(f"There is no account {hide_key_words(repr(account))} in this database; it has {there}.")
