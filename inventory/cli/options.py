"""Options that several commands share, and how a command gets its database."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from sqlalchemy.engine import Connection, Engine

from inventory import database, log, queries, schema
from inventory.cli.complete import values
from inventory.errors import UsageError
from inventory.masks import hide_key_words
from inventory.render import Format
from inventory.settings import Settings, load
from inventory.times import parse_time

DatabaseOption = Annotated[
    str | None,
    typer.Option("--database", metavar="URL", help="The database [INVENTORY_DATABASE_URL; sqlite:///inventory.db]."),
]
AccountOption = Annotated[
    str | None,
    typer.Option("--account", metavar="NAME", help="Only this account.", autocompletion=values("accounts", "account")),
]


def a_time(text: str | None) -> str | None:
    """Return the text if it is a time; else raise UsageError, before anything is opened. For Typer."""
    if text is not None:
        parse_time(text, datetime.now(UTC))
    return text


CreatorOption = Annotated[
    str | None,
    typer.Option("--creator", metavar="NICKNAME", autocompletion=values("creators", "creator_user_nickname")),
]
FormatOption = Annotated[Format, typer.Option("--format", help="How to print.")]


def loaded(**flags: Any) -> Settings:
    """The settings, flags first; the log is from now on as they say."""
    settings = load(**flags)
    log.configure(settings.log_format, settings.log_level)
    return settings


@contextmanager
def opened(url: str, *, create: bool = False) -> Iterator[Engine]:
    """An engine for this while. Without `create`, a SQLite file that is not there is a DatabaseError."""
    engine = database.connect(database.parse_url(url), create=create)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def opened_as_is(url: str) -> Iterator[Engine]:
    """An engine on a database of the right version, which is neither made nor migrated."""
    with opened(url) as engine:
        schema.require_current(engine)
        yield engine


@contextmanager
def open_for_reading(url: str | None, account: str | None = None) -> Iterator[Connection]:
    """A connection to a database of the right version, which is neither made nor migrated; the account is known."""
    with opened_as_is(loaded(database_url=url).database_url) as engine, database.reading(engine) as connection:
        require_account(connection, account)
        yield connection


@contextmanager
def open_for_writing(settings: Settings) -> Iterator[Engine]:
    """An engine whose database is made or migrated first, where that is allowed."""
    with opened(settings.database_url, create=True) as engine:
        schema.prepare(engine, auto_migrate=settings.auto_migrate)
        yield engine


def require_account(connection: Connection, account: str | None) -> None:
    """Return if the database knows the account, or none is asked for; else UsageError."""
    names = queries.account_names(connection)
    if account is not None and account not in names:
        there = ", ".join(names) or "none yet"
        raise UsageError(f"There is no account {hide_key_words(repr(account))} in this database; it has {there}.")
