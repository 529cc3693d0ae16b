"""The database's version: the only importer of Alembic, and only where it is needed.

Migrations lie in the package (an installed wheel) or beside it (a checkout). There is one chain for both backends.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from inventory.database import OLDEST_POSTGRESQL, describe, is_sqlite, reading, use_wal, writing
from inventory.errors import DatabaseError, UsageError, WrongSchema
from inventory.tables import METADATA, JSONText, UTCDateTime
from inventory.views import VIEWS

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0002"
"""The revision this program works with; a test compares it with the newest file in migrations/versions."""

AUTOGENERATE = ("alembic.autogenerate.*", "~alembic.autogenerate.comments")
"""What autogenerate compares: not the comments, which `views.py` knows and `env.py` writes."""

_UPGRADE_LOCK = 7_465_316_001  # a number of ours for pg_advisory_xact_lock: one upgrade at a time


def location() -> Path:
    """Where the migrations lie."""
    package = Path(__file__).parent
    return next(place for place in (package / "migrations", package.parent / "migrations") if place.is_dir())


def config(connection: Connection | None = None) -> "Config":
    """Alembic's configuration, made here rather than read from a file; migrations run on `connection`."""
    from alembic.config import Config  # Alembic costs a tenth of a second

    made = Config()
    made.set_main_option("script_location", str(location()))
    if connection is not None:
        made.attributes["connection"] = connection
    return made


def current(connection: Connection) -> str | None:
    """The database's revision; None for an empty one. A database with other people's tables is a WrongSchema."""
    tables = set(sa.inspect(connection).get_table_names())
    versioned = "alembic_version" in tables
    revision = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() if versioned else None
    if revision and {"accounts", "sync_runs"} <= tables:
        return str(revision)
    if revision or tables - {"alembic_version"}:  # a downgrade to nothing leaves that one, without a row
        raise WrongSchema(
            f"The database {describe(connection.engine)} holds tables that are not inventory's; nothing was written. "
            "Name an empty or another one with --database."
        )
    return None


def require_current(engine: Engine) -> None:
    """Return when the database is of this program's version; else WrongSchema names the command that helps."""
    with reading(engine) as connection:
        found = current(connection)
    if found == HEAD:
        return
    if found is None:
        raise WrongSchema(
            f"The database {describe(engine)} is empty. `inventory sync` or `inventory db upgrade` fills it."
        )
    if known(found):
        raise WrongSchema(
            f"The database {describe(engine)} is at the older revision {found}. Run `inventory db upgrade` first."
        )
    raise WrongSchema(
        f"The database {describe(engine)} is at revision {found}, which this version of inventory does not know. "
        "Install the newer version."
    )


def prepare(engine: Engine, *, auto_migrate: bool) -> None:
    """Make the database ready to be written: create or migrate it where allowed, else require that it is current."""
    with reading(engine) as connection:
        found = current(connection)
    if found == HEAD:
        return
    if not auto_migrate:
        if found is None:
            raise WrongSchema(
                f"The database {describe(engine)} has no tables yet, and INVENTORY_AUTO_MIGRATE is off. "
                "Run `inventory db upgrade` first."
            )
        require_current(engine)
    upgrade(engine)


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Migrate up to `revision`, in one transaction; two at once are safe: the second finds the work done."""
    from alembic import command

    require_revision(revision)
    with migrating(engine) as connection:
        command.upgrade(config(connection), revision)


def require_revision(revision: str) -> None:
    """Raise UsageError if there is no such revision."""
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    try:
        ScriptDirectory.from_config(config()).get_revisions(revision)
    except CommandError:
        raise UsageError(
            f"There is no revision {revision}. `inventory db upgrade` without one goes to the newest."
        ) from None


@contextmanager
def migrating(engine: Engine) -> Iterator[Connection]:
    """A write transaction that only one process at a time may have, on a database that is empty or ours."""
    if is_sqlite(engine):
        with reading(engine) as connection:
            current(connection)  # refuses the file of other people before it is touched
        use_wal(engine)
    with writing(engine) as connection:
        if not is_sqlite(engine):
            version = connection.exec_driver_sql("SHOW server_version_num").scalar_one()
            if int(version) < OLDEST_POSTGRESQL * 10_000:
                raise WrongSchema(f"PostgreSQL {OLDEST_POSTGRESQL} or newer is needed; this one is {version}.")
            connection.exec_driver_sql("SET LOCAL lock_timeout = 0")  # two first starts: the second waits its turn
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_UPGRADE_LOCK})")
        found = current(connection)
        if found is not None and not known(found):
            raise WrongSchema(
                f"The database {describe(engine)} is at revision {found}, which this version of inventory does not "
                "know; nothing was written. Install the newer version."
            )
        yield connection


def differences(engine: Engine) -> list[Any]:
    """What must change to make the database's tables and views those of this version: empty when all is well.

    As autogenerate writes it: tuples that begin with what to do, such as ("add_view", "instances").
    """
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with reading(engine) as connection:
        context = MigrationContext.configure(
            connection, opts={"include_object": include_object, "autogenerate_plugins": AUTOGENERATE}
        )
        views = set(VIEWS) - set(sa.inspect(connection).get_view_names())
        return [
            *compare_metadata(context, METADATA),
            *(("add_view", name) for name in sorted(views)),
            *(("change_view", name) for name in changed_views(connection)),
        ]


def changed_views(connection: Connection) -> list[str]:
    """Return the names of our views in SQLite whose text is another than a migration wrote: none on PostgreSQL.

    PostgreSQL keeps no text to compare, and writes one anew in each version.
    """
    if not is_sqlite(connection):
        return []
    return sorted(name for name, sql in _view_texts(connection).items() if sql != _migrated_views().get(name, sql))


@cache
def _migrated_views() -> dict[str, str]:
    """Return the text of each view as the migrations make it, from a database in memory."""
    from alembic import command

    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        command.upgrade(config(connection), HEAD)
        return _view_texts(connection)


def _view_texts(connection: Connection) -> dict[str, str]:
    rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'view'")
    return dict(iter(rows))


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


def include_object(_object: object, name: str | None, type_: str, reflected: bool, _compare_to: object) -> bool:
    """Views are not autogenerate's business; everything else in the schema is."""
    return not (type_ == "table" and reflected and name not in METADATA.tables and name != "alembic_version")


def render_item(kind: str, item: object, _context: object) -> str | Literal[False]:
    """A plain SQLAlchemy type for one of ours in an autogenerated revision, which outlives `tables.py`."""
    plain: dict[type, str] = {UTCDateTime: "sa.DateTime(timezone=True)", JSONText: "sa.JSON()"}
    return plain.get(type(item), False) if kind == "type" else False


def known(revision: str) -> bool:
    """Whether this version can bring a database of that revision up to date."""
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    try:
        return ScriptDirectory.from_config(config()).get_revision(revision) is not None
    except CommandError:
        return False
