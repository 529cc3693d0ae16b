"""Which backend a connection has, and how its database is called in messages."""

from sqlalchemy.engine import Connection, Engine

from inventory.config.database_url import render_masked

LOCK_WAIT_SECONDS = 30


def describe(engine: Engine) -> str:
    """The database as it may be shown: a file's path, or a URL without its password and most of its parameters."""
    if is_sqlite(engine):
        return engine.url.database or ""
    return render_masked(
        engine.url.set(query={name: value for name, value in engine.url.query.items() if name in {"host", "port"}})
    )


def is_sqlite(bind: Engine | Connection) -> bool:
    """Whether this is SQLite."""
    return bind.dialect.name == "sqlite"
