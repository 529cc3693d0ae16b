"""The PostgreSQL engine: its settings, and the checks at the start of each transaction."""

import logging
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine

from inventory.errors import DatabaseError, WrongSchema
from inventory.store.backend import LOCK_WAIT_SECONDS, describe, is_sqlite
from inventory.store.driver_errors import GET_THE_RIGHT

OLDEST_POSTGRESQL = 13

_KEEPALIVES = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60_000}
"""Settings of libpq. If the server disappears, as in a failover, libpq drops the connection after one minute.

By default it would wait for two hours.
"""

TRANSACTION_SETTINGS = {
    "lock_timeout": f"{LOCK_WAIT_SECONDS}s",
    "client_encoding": "UTF8",
    "array_nulls": "on",
    "standard_conforming_strings": "on",
    "bytea_output": "hex",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "cursor_tuple_fraction": "1",  # plan for cursors that are read to their end
    "quote_all_identifiers": "off",  # otherwise reflection gives the names of types in quotes
}
"""The settings of every transaction. They override the settings of the server, the database, the role and PGOPTIONS.

They limit the wait for a lock, and decide how values are read and written. Most settings that do not change results,
such as statement_timeout, are not among them.
"""


def postgresql_engine(url: URL) -> Engine:
    """Return an engine for PostgreSQL; it connects when it is first used."""
    arguments: dict[str, Any] = {
        "prepare_threshold": None,  # no prepared statements: the next session that a pooler gives us may lack them
        "connect_timeout": LOCK_WAIT_SECONDS,
        "application_name": "inventory",
        "client_encoding": "UTF8",  # beats PGCLIENTENCODING
        **{name: value for name, value in _KEEPALIVES.items() if name not in url.query},
    }
    # psycopg warns of a session time zone that Python does not know. Such a zone does no harm: each time has an offset
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    engine = sa.create_engine(
        url,
        pool_pre_ping=True,  # the server may have been restarted between two runs
        isolation_level="READ COMMITTED",  # the default of the database or role may be another
        connect_args=arguments,
    ).execution_options(preserve_rowcount=True)

    @event.listens_for(engine, "connect")
    def _(dbapi_connection: Any, _record: object) -> None:
        from psycopg.types.string import TextLoader  # psycopg is slow to import, and SQLite does without it

        dbapi_connection.adapters.register_loader("json", TextLoader)

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        _begin_postgresql(connection)

    return engine


def _begin_postgresql(connection: Connection) -> None:
    """Set TRANSACTION_SETTINGS for this transaction, and check that the database can be used.

    The connection's option `inventory_settings` adds settings or replaces some. Raise WrongSchema if the database is
    not in UTF-8. Raise DatabaseError if the transaction was opened for writing, but the database is read-only. The
    settings and checks are repeated in each transaction, because a pooler in transaction mode may give each transaction
    another session. One statement does everything, which saves round trips.
    """
    options = connection.get_execution_options()
    settings = TRANSACTION_SETTINGS | options.get("inventory_settings", {})
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


def require_version(connection: Connection) -> None:
    """Raise WrongSchema if a PostgreSQL server is too old.

    For SQLite, do nothing: `sqlite_engine` has checked the version of the library.
    """
    version = connection.dialect.server_version_info or ()
    if not is_sqlite(connection) and version < (OLDEST_POSTGRESQL,):
        number = ".".join(map(str, version))
        raise WrongSchema(f"PostgreSQL {OLDEST_POSTGRESQL} or newer is needed; this one is {number}.")


def require_sequences(connection: Connection, table: str) -> None:
    """Raise DatabaseError if the role may not use a sequence that numbers the rows of the table.

    A role that may insert into a table may still lack this right. `database.try_to_write` inserts no rows, so its
    INSERT takes no number from the sequence, and does not fail.
    """
    query = """
        SELECT CAST(CAST(seqrelid AS regclass) AS text) FROM pg_sequence JOIN pg_depend ON objid = seqrelid
        WHERE classid = CAST('pg_class' AS regclass) AND refclassid = CAST('pg_class' AS regclass)
        AND refobjid = CAST(:table AS regclass) AND deptype = 'a'
        AND NOT has_sequence_privilege(seqrelid, 'USAGE, UPDATE')
    """
    sequence = connection.scalar(sa.text(query), {"table": table})
    if sequence is not None:
        raise DatabaseError(
            f"The database {describe(connection.engine)} failed: permission denied for sequence {sequence}; "
            f"nothing was written. {GET_THE_RIGHT}"
        )
