"""The command `explore`: show the SQLite database in a browser with Datasette."""

import json
import sys
from typing import Annotated

import typer

from inventory import log
from inventory.cli.opening import loaded, opened
from inventory.cli.options import DatabaseOption
from inventory.cli.signals import stop_on_signal
from inventory.config.database_url import parse_url, sqlite_path
from inventory.config.extras import require
from inventory.errors import UsageError
from inventory.store import database, schema


def explore_command(
    port: Annotated[
        int, typer.Option("--port", metavar="PORT", min=0, max=65535, help="Where to listen; 0 picks a free one.")
    ] = 8001,
    browser: Annotated[bool, typer.Option("--open/--no-open", help="Open a browser, on a terminal.")] = True,
    metadata: Annotated[
        bool, typer.Option("--metadata", help="Print the metadata for a Datasette of your own; start nothing.")
    ] = False,
    url: DatabaseOption = None,
) -> None:
    """Open the SQLite database in a browser, read-only.

    It is served on this machine only, until Ctrl-C. Datasette shows the tables and views with their meanings, and
    ready-made queries. Datasette comes with the extra `explore`: pip install '.[explore]' from a checkout. Writes
    nothing.

    \b
    Examples:
      inventory explore
      inventory explore --port 0 --no-open --database sqlite:///demo.db
      inventory explore --metadata > metadata.json
    """
    from inventory.read.datasette import metadata as made
    from inventory.read.datasette import serving

    settings = loaded(database_url=url)
    file = sqlite_path(parse_url(settings.database_url))
    if file is None:
        raise UsageError("Datasette opens SQLite only. docs/bi.md connects other tools to PostgreSQL.")
    if metadata:
        print(json.dumps(made(file.stem), indent=2))
        return
    require("explore")
    with opened(settings.database_url) as engine:
        schema.require_current(engine)
        opened_file = database.file_of(engine)
    with serving(file, port) as (address, at_work), stop_on_signal() as stop:
        print(f"{file} is at {address} until Ctrl-C.", flush=True)
        if browser and sys.stdout.isatty():
            import webbrowser

            webbrowser.open(address)
        while at_work() and not stop.wait(0.5):
            if opened_file is not None:  # if the file was replaced, Datasette would still show the old file
                opened_file.check("explore has ended")
    log.say("Stopped.")
