"""The schema's revision: find it, require it, migrate to it.

Of the program's modules only this one imports Alembic, and only inside the functions that need it, because the import
takes a tenth of a second. The folder of migrations is in the package (an installed wheel) or beside it (a checkout).
There is one chain of revisions for both backends.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from inventory.errors import UsageError, WrongSchema
from inventory.lean_imports import without
from inventory.store.catalogue import VIEWS
from inventory.store.database import connect, describe, is_sqlite, reading, writing
from inventory.store.postgresql import require_version
from inventory.store.sqlite import use_wal
from inventory.store.tables import METADATA, JSONText, UTCDateTime, complete

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0006"
"""The revision this program works with; a test compares it with the newest file in migrations/versions."""

AUTOGENERATE = ("alembic.autogenerate.*", "~alembic.autogenerate.comments")
"""Alembic's plugins for comparing tables, except the plugin for comments: migrations/env.py writes all comments."""

_COMPARED = "inventory_compared"
"""The name of the temporary view with which `changed_views` compares a view on PostgreSQL."""

_VIEW_TEXT = sa.text("SELECT pg_get_viewdef(CAST(:name AS regclass))")
_UPGRADE_LOCK = 7_465_316_001  # our key for pg_advisory_xact_lock: one upgrade at a time


def location() -> Path:
    """Return the folder of the migrations."""
    package = Path(__file__).parents[1]
    return next(place for place in (package / "migrations", package.parent / "migrations") if place.is_dir())


def _import_alembic() -> None:
    """Import Alembic, but without Pygments. Call this before any import from Alembic.

    Alembic's template library would import Pygments, which takes 4 MB of memory and only colours error messages.
    """
    with without("mako.ext.pygmentplugin"):
        import_module("alembic.config")


def config(connection: Connection | None = None) -> "Config":
    """Return a configuration for Alembic, made without a file. If `connection` is given, migrations run on it."""
    _import_alembic()
    from alembic.config import Config

    configuration = Config()
    configuration.set_main_option("script_location", str(location()))
    if connection is not None:
        configuration.attributes["connection"] = connection
    return configuration


def current(connection: Connection) -> str | None:
    """Return the database's revision; None if it has no tables. Raise WrongSchema if its tables are not inventory's."""
    tables = set(sa.inspect(connection).get_table_names())
    versioned = "alembic_version" in tables
    revision = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() if versioned else None
    if revision and {"accounts", "sync_runs"} <= tables:
        return str(revision)
    if revision or tables - {"alembic_version"}:  # a downgrade to the base leaves that table, without a row
        raise WrongSchema(
            f"The database {describe(connection.engine)} holds tables that are not inventory's; nothing was written. "
            "Name an empty or another one with --database."
        )
    return None


def require_current(engine: Engine) -> None:
    """Raise WrongSchema unless the database is at this program's revision. The message says what to do."""
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
    """Create or migrate the tables, unless the database is at this program's revision already.

    Raise WrongSchema instead if `auto_migrate` is False, or if the database cannot be migrated.
    """
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
    """Migrate to `revision` in one transaction. Raise UsageError if it is unknown, WrongSchema as `migrating` does."""
    _import_alembic()
    from alembic import command

    require_revision(revision)
    with migrating(engine) as connection:
        command.upgrade(config(connection), revision)


@contextmanager
def scratch_database() -> Iterator[Engine]:
    """Yield an engine on an empty temporary SQLite database of the newest revision. Raise DatabaseError on failure."""
    from inventory.scratch import scratch_folder

    with scratch_folder() as folder:
        engine = connect(sa.make_url(f"sqlite:///{folder / 'empty.db'}"), create=True)
        try:
            upgrade(engine)
            yield engine
        finally:
            engine.dispose()


def require_revision(revision: str) -> None:
    """Raise UsageError if this program has no such revision. `head` stands for the newest one."""
    if revision != "head" and not known(revision):
        raise UsageError(f"There is no revision {revision!r}. `inventory db upgrade` without one goes to the newest.")


@contextmanager
def migrating(engine: Engine) -> Iterator[Connection]:
    """Open a write transaction for migrations and yield its connection.

    If another process migrates, wait for it: on PostgreSQL without a limit; on SQLite for 30 s, then raise
    DatabaseError. Before the transaction begins, put a SQLite database into WAL mode. Raise WrongSchema if the database
    has tables that are not inventory's, if its revision is unknown, or if the PostgreSQL server is too old.
    """
    if is_sqlite(engine):
        with reading(engine) as connection:
            current(connection)  # raise for a file that is not inventory's, before `use_wal` changes it
        use_wal(engine)
    with writing(engine) as connection:
        if not is_sqlite(engine):
            require_version(connection)
            connection.exec_driver_sql("SET LOCAL lock_timeout = 0")  # no limit: wait while another migrates
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_UPGRADE_LOCK})")
        found = current(connection)
        if found is not None and not known(found):
            raise WrongSchema(
                f"The database {describe(engine)} is at revision {found}, which this version of inventory does not "
                "know; nothing was written. Install the newer version."
            )
        yield connection


def differences(engine: Engine) -> list[Any]:
    """Return the changes that the tables and views need to have the form that this program expects.

    The list is empty if no change is needed. A change is a tuple that begins with the name of an action, such as
    ("add_view", "instances"). All changes of one existing column form one element of the result: a list of such tuples.
    """
    _import_alembic()
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with reading(engine, temporary_views=True) as connection:
        context = MigrationContext.configure(
            connection, opts={"include_object": include_object, "autogenerate_plugins": AUTOGENERATE}
        )
        views = set(VIEWS) - set(sa.inspect(connection).get_view_names())
        return [
            *compare_metadata(context, complete()),
            *(("add_view", name) for name in sorted(views)),
            *(("change_view", name) for name in changed_views(connection)),
        ]


def changed_views(connection: Connection) -> list[str]:
    """Return the names of inventory's views whose definition in the database differs from the one in the migrations.

    Missing views are not among them. On PostgreSQL the list is empty if no temporary view may be created.
    """
    if is_sqlite(connection):
        return sorted(name for name, sql in _view_texts(connection).items() if sql != _migrated_views().get(name, sql))
    return [name for name in VIEWS if _differs_on_postgresql(connection, name)]


def _differs_on_postgresql(connection: Connection, name: str) -> bool:
    """Return whether a view in a PostgreSQL database differs from the view that the newest migration creates.

    Return False if the view is missing, or if no temporary view may be created. Return True if the view of the
    migration cannot be created on the tables of this database.

    PostgreSQL does not keep the SQL of a view. It writes a text of the definition each time that it is asked. A dump
    holds this text. If the view is restored from the dump, the server may write another text for it. So two texts are
    accepted. To get them, this function creates a temporary view from the migration's SQL, and another one from the
    text that the server writes for the first.
    """
    if connection.scalar(sa.text("SELECT to_regclass(:name) IS NULL"), {"name": name}):
        return False  # `differences` and `find_tampering` report a missing view
    texts = []
    try:
        with connection.begin_nested() as savepoint:
            _, _, query = _newest_view_text(name).partition(f"CREATE VIEW {name} AS")
            for _ in range(2):
                connection.execute(sa.text(f"CREATE TEMP VIEW {_COMPARED} AS {query}".replace(":", r"\:")))
                query = connection.scalar(_VIEW_TEXT, {"name": _COMPARED}) or ""
                texts.append(query)
                connection.exec_driver_sql(f"DROP VIEW {_COMPARED}")
            savepoint.rollback()
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None) or ""
        if state in {"25006", "42501"}:  # the transaction may only read; the role may create no temporary view
            return False
        if not state.startswith("42"):  # such as a lock or a statement that took too long
            raise
        return True  # this version's view cannot be created here, because a relation that it reads has other columns
    return connection.scalar(_VIEW_TEXT, {"name": name}) not in texts


def _newest_view_text(name: str) -> str:
    """Return the SQL that creates the newest version of a view on PostgreSQL, from its file in migrations/views."""
    files = location().glob(f"views/{name}_v*.sql")
    newest = max(
        (int(version[1]), version[2] is not None, file)
        for file in files
        if (version := re.fullmatch(rf"{name}_v(\d+)(\.postgresql)?\.sql", file.name))
    )
    return newest[2].read_text(encoding="utf-8")


@cache
def _migrated_views() -> dict[str, str]:
    """Return the SQL text of each view by name, as the migrations create it in a SQLite database in memory."""
    _import_alembic()
    from alembic import command

    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        command.upgrade(config(connection), HEAD)
        return _view_texts(connection)


def _view_texts(connection: Connection) -> dict[str, str]:
    rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'view'")
    return dict(iter(rows))


def include_object(_object: object, name: str | None, type_: str, reflected: bool, _compare_to: object) -> bool:
    """Return whether Alembic compares an object: False for a table in the database that is not inventory's."""
    return not (type_ == "table" and reflected and name not in METADATA.tables and name != "alembic_version")


def render_item(kind: str, item: object, _context: object) -> str | Literal[False]:
    """Return the code that a new revision uses for a type defined in `tables`; False for all else.

    A revision must not import `tables`, because that module changes later. False lets Alembic write its own code.
    """
    plain: dict[type, str] = {UTCDateTime: "sa.DateTime(timezone=True)", JSONText: "sa.JSON()"}
    return plain.get(type(item), False) if kind == "type" else False


def known(revision: str) -> bool:
    """Return whether this version knows the revision, and so can migrate a database from it."""
    return revision in _revisions()


@cache
def _revisions() -> frozenset[str]:
    _import_alembic()
    from alembic.script import ScriptDirectory

    return frozenset(script.revision for script in ScriptDirectory.from_config(config()).walk_revisions())
