"""The schema of a database, as the database itself describes it."""

import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from inventory.store import schema
from inventory.store.database import is_sqlite

MANY_COLUMNS = 1_500
"""A PostgreSQL database with a table of this many columns, dropped ones included, is not downgraded again."""


def catalogue(engine):
    """Return the definitions of all tables, indexes, constraints and views of the database.

    The result is a list with one list for each query: the `repr` of each row, sorted.
    """
    queries = (
        ["SELECT type, name, tbl_name, sql FROM sqlite_master"]
        if is_sqlite(engine)
        else [
            """SELECT table_name, ordinal_position, column_name, data_type, is_nullable, column_default, is_identity
            FROM information_schema.columns WHERE table_schema = 'public'""",
            """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
            WHERE connamespace = 'public'::regnamespace""",
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
            "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public'",
        ]
    )
    with engine.connect() as connection:
        return [sorted(map(repr, connection.execute(sa.text(query)))) for query in queries]


def older_revisions():
    """Return all revisions except the newest, beginning with the oldest."""
    return [each.revision for each in ScriptDirectory.from_config(schema.config()).walk_revisions()][:0:-1]


def downgrade(engine, revision):
    """Migrate the database down to `revision`."""
    with schema.migrating(engine) as connection:
        command.downgrade(schema.config(connection), revision)


def can_downgrade(engine):
    """Return True if the database can be migrated down and up once more.

    Each such migration drops columns and adds them again. PostgreSQL allows 1,600 columns in a table, and it also
    counts those that were dropped.
    """
    if is_sqlite(engine):
        return True
    with engine.connect() as connection:
        return connection.scalar(sa.text("SELECT max(attnum) FROM pg_attribute")) < MANY_COLUMNS
