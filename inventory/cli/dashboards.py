"""The commands of `dashboards`: write dashboards that BI tools import."""

from pathlib import Path
from typing import Annotated

import typer

from inventory.cli.opening import loaded
from inventory.config.database_url import parse_url, sqlite_path
from inventory.errors import UsageError
from inventory.store import database, schema
from inventory.whole_file import whole_file

app = typer.Typer(
    help="""Write dashboards that BI tools import.

    The dashboards ask tables and views of the database, and hold no password. The commands neither read nor write the
    database.

    \b
    Examples:
      inventory dashboards superset --output fleet.zip
      inventory dashboards grafana
    """,
    no_args_is_help=True,
    rich_markup_mode=None,
)


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


@app.command("superset")
def superset_command(
    output: Annotated[Path, typer.Option("--output", metavar="FILE", help="The zip to write.")] = Path("superset.zip"),
    uri: Annotated[
        str | None,
        typer.Option(
            "--database-uri", metavar="URI", help="The database as Superset opens it; by default that of the settings."
        ),
    ] = None,
) -> None:
    """Write a bundle that Superset imports: datasets, charts, and the dashboards Fleet and Audit.

    Import it in Superset's page (Dashboards, Import) or by Superset's REST API. A second import replaces what the first
    one brought. A password in the URI is masked, and Superset asks for it. Without --database-uri, the bundle names the
    database of the settings. Writes the file, and nothing to the database.

    \b
    Examples:
      inventory dashboards superset --output fleet.zip
      inventory dashboards superset --database-uri postgresql://bi@db/fleet
    """
    from inventory.dashboards.superset import masked_uri, superset_uri, write_bundle

    if uri is None:
        url = parse_url(loaded().database_url)
        file = sqlite_path(url)
        uri = superset_uri(url if file is None else url.set(database=str(file.absolute())))
    shown = masked_uri(uri)
    with (
        schema.scratch_database() as engine,
        database.reading(engine) as connection,
        whole_file(output, binary=True) as written,
    ):
        write_bundle(written, connection, shown)
    print(f"{output} is complete. Import it in Superset: Dashboards, Import.")
