"""The commands of `dashboards`: write dashboards that BI tools import."""

from pathlib import Path
from typing import Annotated

import typer

from inventory.errors import UsageError
from inventory.whole_file import whole_file

app = typer.Typer(
    help="""Write dashboards that BI tools import.

    They ask the views of the database, and hold no password. They read and write nothing in the database.

    \b
    Examples:
      inventory dashboards grafana
      inventory dashboards grafana --output /etc/grafana/inventory
    """,
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def _group() -> None:
    """Make `grafana` a command of its own, though it is the only one."""


@app.command("grafana")
def grafana_command(
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="The folder to write to.")] = Path("grafana"),
) -> None:
    """Write two dashboards and alert rules for Grafana, on a PostgreSQL data source.

    fleet.json and audit.json are imported in Grafana's page (Dashboards, New, Import) or provisioned. alerts.json is
    provisioned, and asks the data source with the uid `inventory`. Writes the three files, and nothing to the database.

    \b
    Examples:
      inventory dashboards grafana
      inventory dashboards grafana --output /etc/grafana/inventory
    """
    from inventory.dashboards.grafana import files

    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{output} cannot be made: {error.strerror}. Name another folder.") from error
    for name, content in files().items():
        with whole_file(output / name) as file:
            file.write(content)
        print(output / name)
