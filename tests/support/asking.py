"""Read-only connections for tests that query a database."""

from contextlib import contextmanager

from inventory.config.database_url import parse_url
from inventory.store.database import connect, reading


@contextmanager
def asking(url, zone=None):
    """Yield a read-only Connection to the database of `url`. On PostgreSQL, `zone` is the session's time zone."""
    engine = connect(parse_url(url))
    try:
        with reading(engine) as connection:
            if zone and engine.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SET LOCAL TIME ZONE '{zone}'")
            yield connection
    finally:
        engine.dispose()
