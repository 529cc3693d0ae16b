"""`db`: the database's version."""

from typing import Annotated, Any

import typer

from inventory import database, schema
from inventory.cli.options import DatabaseOption, opened
from inventory.errors import DatabaseError, UsageError
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
    if revision in {"", "base"}:
        raise UsageError("An upgrade goes up: name a revision, or none for the newest.")
    with opened(load(database_url=url).database_url, create=True) as engine:
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

    \b
    Examples:
      inventory db current
    """
    with opened(load(database_url=url).database_url) as engine:
        with database.reading(engine) as connection:
            found = schema.current(connection)
        print(f"{found or 'empty'} (this program: {schema.HEAD})")


@app.command("check")
def check(url: DatabaseOption = None) -> None:
    """Check that the database's tables are those of this version; exit 7 where not.

    \b
    Examples:
      inventory db check
    """
    with opened(load(database_url=url).database_url) as engine:
        schema.require_current(engine)
        differences = schema.differences(engine)
        if differences:
            due = ", ".join(map(_due, differences))
            raise DatabaseError(
                f"{database.describe(engine)} is not as this version made it; what is due: {due}. "
                "Someone changed it by hand; put that back, or move the data into a new database."
            )
        print(f"{database.describe(engine)} is at revision {schema.HEAD}, and as it should be.")


def _due(difference: Any) -> str:
    """A difference in words: `add_view instances`, `remove_column calendar.note`."""
    if isinstance(difference, list):  # several changes of one column
        return ", ".join(map(_due, difference))
    what, *parts = difference
    names = (part if isinstance(part, str) else getattr(part, "name", None) for part in parts)
    return " ".join([str(what), ".".join(name for name in names if name)])
