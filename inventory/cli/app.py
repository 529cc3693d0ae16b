"""The commands and their groups."""

from typing import Annotated

import typer

from inventory import __version__
from inventory.cli import database, explore, history, look, play, prune, run, status, sync, verify


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"inventory {__version__}")
        raise typer.Exit


app = typer.Typer(
    name="inventory",
    help="The whole history of your fal compute instances in SQLite or PostgreSQL.",
    epilog="Try it without a key: inventory demo",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of a failure. May stand anywhere.")
    ] = False,
) -> None:
    """The whole history of your fal compute instances in SQLite or PostgreSQL."""


app.command("sync")(sync.sync_command)
app.command("run")(run.run_command)
app.command("list")(look.list_command)
app.command("show")(history.show_command)
app.command("changes")(history.changes_command)
app.command("creators")(history.creators_command)
app.command("status")(status.status_command)
app.command("runs")(look.runs_command)
app.command("missing")(sync.missing_command)
app.command("verify")(verify.verify_command)
app.command("explore")(explore.explore_command)
app.command("prune")(prune.prune_command)
app.add_typer(database.app, name="db")
app.command("simulate")(play.simulate_command)
app.command("demo")(play.demo_command)
