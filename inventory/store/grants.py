"""Grant a PostgreSQL role the right to read, and only that."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from inventory.errors import DatabaseError, UsageError
from inventory.store.catalogue import VIEWS
from inventory.store.database import is_sqlite, writing
from inventory.store.schema import require_current
from inventory.store.tables import METADATA


@dataclass(frozen=True)
class ReaderRole:
    """Facts about a role that was granted the right to read."""

    schema: str
    """The PostgreSQL schema in which inventory's tables are."""
    logs_in: bool
    creates_tables: bool
    """Whether the role may create tables in that schema, as every role may in `public` before PostgreSQL 15."""


class _Role:
    """A role of the PostgreSQL server, with a connection to ask about its rights."""

    def __init__(self, connection: Connection, name: str) -> None:
        self.connection, self.name = connection, name
        self.quoted = _quote(connection, name)

    def look_up(self, expression: str, **names: str) -> Any:
        """Return the value of `SELECT expression`; None if this query returns no row.

        In the expression, `:role` is the name of the role. `names` are the values of further parameters.
        """
        statement = sa.text(f"SELECT {expression}")
        return self.connection.execute(statement, {"role": self.name} | names).scalar()


@dataclass(frozen=True)
class _Tables:
    """The place of inventory's tables and views in the server, and their owner."""

    schema: str
    owner: str
    database: str
    relations: list[str]
    """The quoted names of the tables and views."""


def grant_reader(engine: Engine, role: str) -> ReaderRole:
    """Let the role read all tables and views of inventory, and all that their owner adds to the same schema later.

    Return facts about the role. A second call changes nothing. No role is created, and no right is taken away.
    Raise UsageError if the database is SQLite, if the role does not exist, or if the role may also write to the tables.
    Raise WrongSchema if the database is not at this program's revision. Raise DatabaseError if the connected user may
    not grant the rights, or if the role cannot get the right to connect to the database or to use the schema. Unless
    the error is Unconfirmed, nothing was granted.

    A role with NOINHERIT can use the rights of the roles that it is a member of, but only after SET ROLE. This function
    does not notice a right to write that the role has in this way. But it always refuses a member of the owner's role.
    """
    if is_sqlite(engine):
        raise UsageError(
            "SQLite has no roles: whoever may read the file may read all of it. Allow that by the permissions of the "
            "file and its folder: see docs/bi.md."
        )
    require_current(engine)
    with writing(engine, kept="nothing was granted") as connection:
        reader = _Role(connection, role)
        logs_in = reader.look_up("rolcanlogin FROM pg_roles WHERE rolname = :role")
        if logs_in is None:
            raise UsageError(
                f"There is no role {role}; nothing was granted. A role with CREATEROLE can create it: "
                f"CREATE ROLE {reader.quoted.replace('%%', '%')} LOGIN PASSWORD '...';"
            )
        tables = _find_tables(connection)
        _raise_unless_grantable(reader, tables)
        _grant(reader, tables)
        _raise_unless_only_reading(reader, tables)
        creates_tables = reader.look_up("has_schema_privilege(:role, :schema, 'CREATE')", schema=tables.schema)
        return ReaderRole(tables.schema, logs_in, creates_tables=creates_tables)


def _find_tables(connection: Connection) -> _Tables:
    schema, owner, database = connection.exec_driver_sql(
        "SELECT nspname, pg_get_userbyid(relowner), current_database() "
        "FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace "
        "WHERE pg_class.oid = 'accounts'::regclass"
    ).one()
    prefix = _quote(connection, schema)
    relations = [f"{prefix}.{name}" for name in (*METADATA.tables, *VIEWS, "alembic_version")]
    return _Tables(schema, owner, database, relations)


def _raise_unless_grantable(reader: _Role, tables: _Tables) -> None:
    if not reader.look_up("pg_has_role(:owner, 'USAGE')", owner=tables.owner):
        raise DatabaseError(
            f"The tables belong to the role {tables.owner}, and only that role can grant the right to read them. "
            "Nothing was granted; connect as that role."
        )
    if reader.look_up("pg_has_role(:role, :owner, 'MEMBER')", owner=tables.owner):
        raise UsageError(
            f"The role {reader.name} may write in any case: it is a superuser, or the owner of the tables, or a member "
            f"of the owner {tables.owner}. Nothing was changed; name another role."
        )


def _grant(reader: _Role, tables: _Tables) -> None:
    schema, owner, database = (
        _quote(reader.connection, name) for name in (tables.schema, tables.owner, tables.database)
    )
    for statement in (
        f"GRANT CONNECT ON DATABASE {database} TO {reader.quoted}",
        f"GRANT USAGE ON SCHEMA {schema} TO {reader.quoted}",
        f"GRANT SELECT ON {', '.join(tables.relations)} TO {reader.quoted}",
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema} GRANT SELECT ON TABLES TO {reader.quoted}",
    ):
        reader.connection.exec_driver_sql(statement)


def _raise_unless_only_reading(reader: _Role, tables: _Tables) -> None:
    may_connect = "has_database_privilege(:role, current_database(), 'CONNECT')"
    may_use = "has_schema_privilege(:role, :schema, 'USAGE')"
    if not reader.look_up(f"{may_connect} AND {may_use}", schema=tables.schema):
        raise DatabaseError(  # in this case GRANT only warns
            f"The role {reader.name} may not connect to the database or use the schema {tables.schema}, and only their "
            "owner can allow it: GRANT CONNECT ON DATABASE, GRANT USAGE ON SCHEMA. Nothing was granted; then run again."
        )
    writable = reader.connection.scalars(
        sa.text(
            "SELECT relname FROM pg_class WHERE oid = ANY(CAST(:relations AS regclass[])) AND "
            "(has_table_privilege(:role, oid, 'INSERT, UPDATE, DELETE, TRUNCATE') "
            "OR has_any_column_privilege(:role, oid, 'INSERT, UPDATE')) ORDER BY relname"
        ),
        {"role": reader.name, "relations": tables.relations},
    ).all()
    if writable:
        raise UsageError(
            f"The role {reader.name} may write to {', '.join(writable)}: by a right of its own, of PUBLIC, or of a "
            "role it is in. Nothing was changed; take that right away (REVOKE), or name another role."
        )


def _quote(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote_identifier(name)
