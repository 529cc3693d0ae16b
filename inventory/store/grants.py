"""Let a role read the tables, on PostgreSQL."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from inventory.errors import DatabaseError, UsageError
from inventory.store.catalogue import VIEWS
from inventory.store.database import is_sqlite, writing
from inventory.store.schema import require_current
from inventory.store.tables import METADATA


@dataclass(frozen=True)
class Reader:
    """What there is to say of a role that may now read."""

    schema: str
    """Where the tables are."""
    logs_in: bool
    creates_tables: bool
    """It may make tables of its own there, as every role may in `public` before PostgreSQL 15."""


def grant_reader(engine: Engine, role: str) -> Reader:
    """The role reads all our tables and views, those to come included, and writes none; twice is as good as once.

    No role is made, and none loses a right: UsageError where it is not there, or may write.
    """
    if is_sqlite(engine):
        raise UsageError(
            "SQLite has no roles: who may read the file may read it all, so its permissions are the read-only access. "
            "See docs/bi.md."
        )
    require_current(engine)
    with writing(engine, kept="nothing was granted") as connection:

        def ask(expression: str, **names: str) -> Any:
            return connection.execute(sa.text(f"SELECT {expression}"), {"role": role} | names).scalar()

        quoted = connection.dialect.identifier_preparer.quote_identifier
        reader = quoted(role)
        logs_in = ask("rolcanlogin FROM pg_roles WHERE rolname = :role")
        if logs_in is None:
            raise UsageError(
                f"There is no role {role}; nothing was granted. Who may make roles makes it: "
                f"CREATE ROLE {reader.replace('%%', '%')} LOGIN PASSWORD '...';"
            )
        schema, owner, base = connection.exec_driver_sql(
            "SELECT nspname, pg_get_userbyid(relowner), current_database() "
            "FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace "
            "WHERE pg_class.oid = 'accounts'::regclass"
        ).one()
        if not ask("pg_has_role(:owner, 'USAGE')", owner=owner):
            raise DatabaseError(
                f"The tables are those of the role {owner}, which alone may let others read them. "
                "Nothing was granted; run as it."
            )
        if ask("pg_has_role(:role, :owner, 'MEMBER')", owner=owner):
            raise UsageError(
                f"The role {role} owns the tables, is a member of {owner}, which does, or is a superuser: it writes "
                "whatever is granted. Nothing was changed; name another one."
            )
        ours = [f"{quoted(schema)}.{name}" for name in (*METADATA.tables, *VIEWS, "alembic_version")]
        later = f"ALTER DEFAULT PRIVILEGES FOR ROLE {quoted(owner)} IN SCHEMA {quoted(schema)}"
        for statement in (
            f"GRANT CONNECT ON DATABASE {quoted(base)} TO {reader}",
            f"GRANT USAGE ON SCHEMA {quoted(schema)} TO {reader}",
            f"GRANT SELECT ON {', '.join(ours)} TO {reader}",
            f"{later} GRANT SELECT ON TABLES TO {reader}",
        ):
            connection.exec_driver_sql(statement)
        reaches = "has_database_privilege(:role, current_database(), 'CONNECT')"
        if not ask(f"{reaches} AND has_schema_privilege(:role, :schema, 'USAGE')", schema=schema):
            raise DatabaseError(  # GRANT itself only warns
                f"The role {role} may not connect to the database or use the schema {schema}, and only their owner can "
                "let it: GRANT CONNECT ON DATABASE, GRANT USAGE ON SCHEMA. Nothing was granted; then run again."
            )
        writes = connection.scalars(
            sa.text(
                "SELECT relname FROM pg_class WHERE oid = ANY(CAST(:ours AS regclass[])) AND "
                "(has_table_privilege(:role, oid, 'INSERT, UPDATE, DELETE, TRUNCATE') "
                "OR has_any_column_privilege(:role, oid, 'INSERT, UPDATE')) ORDER BY relname"
            ),
            {"role": role, "ours": ours},
        ).all()
        if writes:
            raise UsageError(
                f"The role {role} may write to {', '.join(writes)}: by a right of its own, of PUBLIC, or of a role it "
                "is in. Nothing was changed; take that right away (REVOKE), or name another role."
            )
        return Reader(
            schema, logs_in, creates_tables=ask("has_schema_privilege(:role, :schema, 'CREATE')", schema=schema)
        )
