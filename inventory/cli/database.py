"""`db`: the database's version."""

from typing import Annotated

import typer

from inventory import database, schema
from inventory.cli.options import DatabaseOption
from inventory.errors import DatabaseError
from inventory.settings import load

app = typer.Typer(help="The database's version: upgrade, show, check.", no_args_is_help=True, rich_markup_mode=None)


@app.command("upgrade")
def upgrade(
    revision: Annotated[str, typer.Argument(help="Where to; the newest by default.")] = "head",
    url: DatabaseOption = None,
) -> None:
    """Make the tables and views, or bring them to this version.

    \b
    Examples:
      inventory db upgrade
      inventory db upgrade --database postgresql://inventory@db/inventory
    """
    engine = database.connect(database.parse_url(load(database_url=url).database_url), create=True)
    try:
        with database.reading(engine) as connection:
            before = schema.current(connection)
        schema.upgrade(engine, revision)
        with database.reading(engine) as connection:
            after = schema.current(connection)
        done = "is at" if before == after else f"went from {before or 'empty'} to"
        print(f"{database.describe(engine)} {done} revision {after}.")
    finally:
        engine.dispose()


@app.command("current")
def current(url: DatabaseOption = None) -> None:
    """Show the database's revision, and this program's.

    \b
    Examples:
      inventory db current
    """
    engine = database.connect(database.parse_url(load(database_url=url).database_url))
    try:
        with database.reading(engine) as connection:
            found = schema.current(connection)
        print(f"{found or 'empty'} (this program: {schema.HEAD})")
    finally:
        engine.dispose()


@app.command("check")
def check(url: DatabaseOption = None) -> None:
    """Check that the database's tables are those of this version; exit 7 where not.

    \b
    Examples:
      inventory db check
    """
    engine = database.connect(database.parse_url(load(database_url=url).database_url))
    try:
        schema.require_current(engine)
        differences = schema.differences(engine)
        if differences:
            raise DatabaseError(
                f"{len(differences)} tables or columns of {database.describe(engine)} are not as this version made "
                "them: "
                f"{', '.join(str(difference[0]) for difference in differences if isinstance(difference, tuple))}. "
                "Someone changed them by hand; put them back, or move the data into a new database."
            )
        print(f"{database.describe(engine)} is at revision {schema.HEAD}, and as it should be.")
    finally:
        engine.dispose()
