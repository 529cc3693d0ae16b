"""Tell the backends apart, and name a database in messages."""

from sqlalchemy.engine import Connection, Engine

from inventory.config.database_url import render_masked

LOCK_WAIT_SECONDS = 30
"""The longest wait for a lock that another process holds. A migration on PostgreSQL waits for locks without a limit.

It is also the longest wait for a connection to a PostgreSQL server, counted for each address of the server separately.
"""


def describe(engine: Engine) -> str:
    """Return the name of a database for messages: the SQLite file, or the PostgreSQL URL without its password.

    A SQLite file is named by its path or its `file:` URI. Of a PostgreSQL URL's parameters, only `host` and `port`
    are kept. If the place of the password in the URL is not certain, return `masks.NOT_SHOWN`.
    """
    if is_sqlite(engine):
        return engine.url.database or ""
    return render_masked(
        engine.url.set(query={name: value for name, value in engine.url.query.items() if name in {"host", "port"}})
    )


def is_sqlite(bind: Engine | Connection) -> bool:
    """Return whether the backend is SQLite; if not, it is PostgreSQL."""
    return bind.dialect.name == "sqlite"
