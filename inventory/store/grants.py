"""Grant a PostgreSQL role the right to read, and only that."""

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
class ReaderRole:
    """Facts about a role that may now read."""

    schema: str
    """The schema of the tables."""
    logs_in: bool
    creates_tables: bool
    """Whether it may create tables there, as every role may in `public` before PostgreSQL 15."""


def grant_reader(engine: Engine, role: str) -> ReaderRole:
    """Let the role read all tables and views of inventory, also those that later versions add.

    Granting again changes nothing. No role is created, and none loses a right.
    Raise UsageError if the role does not exist or may write. Raise DatabaseError if this role may not grant.
    """
    if is_sqlite(engine):
        raise UsageError(
            "SQLite has no roles: who may read the file may read it all, so its permissions are the read-only access. "
            "See docs/bi.md."
        )
    require_current(engine)
    with writing(engine, kept="nothing was granted") as connection:

        def look_up(expression: str, **names: str) -> Any:
            return connection.execute(sa.text(f"SELECT {expression}"), {"role": role} | names).scalar()

        quoted = connection.dialect.identifier_preparer.quote_identifier
        reader = quoted(role)
        logs_in = look_up("rolcanlogin FROM pg_roles WHERE rolname = :role")
        if logs_in is None:
            raise UsageError(
                f"There is no role {role}; nothing was granted. Who may make roles makes it: "
                f"CREATE ROLE {reader.replace('%%', '%')} LOGIN PASSWORD '...';"
            )
        schema, owner, database = connection.exec_driver_sql(
            "SELECT nspname, pg_get_userbyid(relowner), current_database() "
            "FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace "
            "WHERE pg_class.oid = 'accounts'::regclass"
        ).one()
        if not look_up("pg_has_role(:owner, 'USAGE')", owner=owner):
            raise DatabaseError(
                f"The tables are those of the role {owner}, which alone may let others read them. "
                "Nothing was granted; run as it."
            )
        if look_up("pg_has_role(:role, :owner, 'MEMBER')", owner=owner):
            raise UsageError(
                f"The role {role} owns the tables, is a member of {owner}, which does, or is a superuser: it writes "
                "whatever is granted. Nothing was changed; name another one."
            )
        relations = [f"{quoted(schema)}.{name}" for name in (*METADATA.tables, *VIEWS, "alembic_version")]
        future = f"ALTER DEFAULT PRIVILEGES FOR ROLE {quoted(owner)} IN SCHEMA {quoted(schema)}"
        for statement in (
            f"GRANT CONNECT ON DATABASE {quoted(database)} TO {reader}",
            f"GRANT USAGE ON SCHEMA {quoted(schema)} TO {reader}",
            f"GRANT SELECT ON {', '.join(relations)} TO {reader}",
            f"{future} GRANT SELECT ON TABLES TO {reader}",
        ):
            connection.exec_driver_sql(statement)
        may_connect = "has_database_privilege(:role, current_database(), 'CONNECT')"
        if not look_up(f"{may_connect} AND has_schema_privilege(:role, :schema, 'USAGE')", schema=schema):
            raise DatabaseError(  # GRANT only warns in this case
                f"The role {role} may not connect to the database or use the schema {schema}, and only their owner can "
                "let it: GRANT CONNECT ON DATABASE, GRANT USAGE ON SCHEMA. Nothing was granted; then run again."
            )
        writable = connection.scalars(
            sa.text(
                "SELECT relname FROM pg_class WHERE oid = ANY(CAST(:ours AS regclass[])) AND "
                "(has_table_privilege(:role, oid, 'INSERT, UPDATE, DELETE, TRUNCATE') "
                "OR has_any_column_privilege(:role, oid, 'INSERT, UPDATE')) ORDER BY relname"
            ),
            {"role": role, "ours": relations},
        ).all()
        if writable:
            raise UsageError(
                f"The role {role} may write to {', '.join(writable)}: by a right of its own, of PUBLIC, or of a role "
                "it is in. Nothing was changed; take that right away (REVOKE), or name another role."
            )
        return ReaderRole(
            schema, logs_in, creates_tables=look_up("has_schema_privilege(:role, :schema, 'CREATE')", schema=schema)
        )
