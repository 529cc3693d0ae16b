"""The database's version: the only importer of Alembic, and only where it is needed.

Migrations lie in the package (an installed wheel) or beside it (a checkout). There is one chain for both backends.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from inventory.errors import UsageError, WrongSchema
from inventory.store.catalogue import VIEWS
from inventory.store.database import describe, is_sqlite, reading, writing
from inventory.store.postgresql import OLDEST_POSTGRESQL
from inventory.store.sqlite import use_wal
from inventory.store.tables import METADATA, JSONText, UTCDateTime

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0002"
"""The revision this program works with; a test compares it with the newest file in migrations/versions."""

AUTOGENERATE = ("alembic.autogenerate.*", "~alembic.autogenerate.comments")
"""What autogenerate compares: not the comments, which `views.py` knows and `env.py` writes."""

_UPGRADE_LOCK = 7_465_316_001  # a number of ours for pg_advisory_xact_lock: one upgrade at a time


def location() -> Path:
    """Where the migrations lie."""
    package = Path(__file__).parents[1]
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
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    try:
        ScriptDirectory.from_config(config()).get_revisions(revision)
    except CommandError:
        raise UsageError(
            f"There is no revision {revision}. `inventory db upgrade` without one goes to the newest."
        ) from None
    with migrating(engine) as connection:
        command.upgrade(config(connection), revision)


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
        return [*compare_metadata(context, METADATA), *(("add_view", name) for name in sorted(views))]


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
