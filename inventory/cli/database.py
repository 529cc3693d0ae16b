"""The commands of `db`: migrate the database, check it, and grant the right to read it."""

from typing import Annotated, Any

import typer

from inventory import log
from inventory.cli.opening import loaded, opened, opened_as_is
from inventory.cli.options import DatabaseOption
from inventory.errors import DatabaseError, UsageError
from inventory.read.render import printable
from inventory.record import clean
from inventory.store import database, grants, integrity, schema, tampering

app = typer.Typer(
    help="""Upgrade, show or check the database, or grant reading.

    `upgrade` writes the schema and `grant-reader` the rights of a role; the others write nothing. A sync upgrades the
    database by itself, unless INVENTORY_AUTO_MIGRATE is false.

    \b
    Examples:
      inventory db upgrade
      inventory db check --database postgresql://inventory@db/inventory
      inventory db grant-reader bi
    """,
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("upgrade")
def upgrade(
    revision: Annotated[str, typer.Argument(metavar="REVISION", help="Where to; the newest by default.")] = "head",
    url: DatabaseOption = None,
) -> None:
    """Create the tables and views, or bring them to this version.

    Writes the schema, in one transaction, and no history.

    \b
    Examples:
      inventory db upgrade
      inventory db upgrade --database postgresql://inventory@db/inventory
    """
    if revision in {"", "base"}:
        raise UsageError("An upgrade goes up: name a revision, or none for the newest.")
    settings = loaded(database_url=url)
    schema.require_revision(revision)
    with opened(settings.database_url, create=True) as engine:
        with database.reading(engine) as connection:
            before = schema.current(connection)
        schema.upgrade(engine, revision)
        with database.reading(engine) as connection:
            after = schema.current(connection)
        done = "is at" if before == after else f"went from {before or 'empty'} to"
        print(f"{database.describe(engine)} {done} revision {after}.")


@app.command("current")
def current(url: DatabaseOption = None) -> None:
    """Show the database's revision, and this program's.

    Writes nothing.

    \b
    Examples:
      inventory db current
    """
    with opened(loaded(database_url=url).database_url) as engine:
        with database.reading(engine) as connection:
            found = schema.current(connection)
        print(f"{found or 'empty'} (this program: {schema.HEAD})")


@app.command("check")
def check(url: DatabaseOption = None) -> None:
    """Check that the tables and views are those of this version.

    A SQLite file is also checked for damage. Exits with 7 if anything is wrong. Writes nothing.

    \b
    Examples:
      inventory db check
    """
    with opened_as_is(loaded(database_url=url).database_url) as engine:
        with database.reading(engine, temporary_views=True) as connection:
            integrity.require_whole(connection)
            if unchecked := tampering.why_views_are_unchecked(connection):
                log.say(unchecked)
        differences = schema.differences(engine)
        if differences:
            due = ", ".join(map(_describe, differences))
            raise DatabaseError(
                f"{database.describe(engine)} differs from what this version creates; to be changed: {due}. "
                "Somebody changed it by hand. Undo that, or move the data into a new database."
            )
        print(f"{database.describe(engine)} is at revision {schema.HEAD}, and as it should be.")


@app.command("grant-reader")
def grant_reader(
    role: Annotated[str, typer.Argument(metavar="ROLE", help="An existing role of the server.")],
    url: DatabaseOption = None,
) -> None:
    """Let a PostgreSQL role read everything and write nothing.

    For BI tools. The grant covers all tables and views, also those of later versions. The role must exist, because this
    program sets no passwords: CREATE ROLE bi LOGIN PASSWORD '...'. Run as the role that upgrades the database. Running
    it again does no harm. Writes the rights of the role, and no row.

    \b
    Examples:
      inventory db grant-reader bi --database postgresql://inventory@db/inventory
    """
    settings = loaded(database_url=url)
    # create=True: if there is no SQLite file, the error still says that SQLite has no roles, and no file is created
    with opened(settings.database_url, create=True) as engine:
        found = grants.grant_reader(engine, clean(role))
        print(printable(f"{role} may read the schema {found.schema} of {database.describe(engine)}, and not write."))
    if not found.logs_in:
        log.say(printable(f"{role} cannot log in itself: grant it to the roles that are to read."))
    if found.creates_tables:
        log.say(
            printable(
                f"{role} may create tables of its own in the schema {found.schema}, as every role may by default "
                f"before PostgreSQL 15. To forbid that: REVOKE CREATE ON SCHEMA {found.schema} FROM PUBLIC;"
            )
        )


def _describe(difference: Any) -> str:
    """Return an item of `schema.differences` as text, such as `add_view instances` or `remove_column calendar.note`."""
    if isinstance(difference, list):  # several changes of one column
        return ", ".join(map(_describe, difference))
    what, *parts = difference
    names = (part if isinstance(part, str) else getattr(part, "name", None) for part in parts)
    return " ".join([str(what), ".".join(name for name in names if name)])
