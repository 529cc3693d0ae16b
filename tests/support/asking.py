"""A look into a database for the while of a question."""

from contextlib import contextmanager

from inventory.config.database_url import parse_url
from inventory.store.database import connect, reading


@contextmanager
def asking(url, zone=None):
    """A reading connection; on PostgreSQL the session's time zone may be another one."""
    engine = connect(parse_url(url))
    try:
        with reading(engine) as connection:
            if zone and engine.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SET LOCAL TIME ZONE '{zone}'")
            yield connection
    finally:
        engine.dispose()
