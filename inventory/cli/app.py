"""The commands and their groups."""

from typing import Annotated

import typer

from inventory import __version__
from inventory.cli import (
    account,
    config,
    database,
    doctor,
    explore,
    history,
    look,
    play,
    prune,
    report,
    run,
    status,
    sync,
    verify,
)
from inventory.cli.help import OPERATE, QUERY, SYNC, TRUST, TRY, GroupedCommands


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"inventory {__version__}")
        raise typer.Exit


app = typer.Typer(
    name="inventory",
    cls=GroupedCommands,
    help="The whole history of your fal compute instances in SQLite or PostgreSQL.",
    epilog="`inventory COMMAND --help` has examples, and says what the command writes.",
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


app.command("sync", rich_help_panel=SYNC)(sync.sync_command)
app.command("run", rich_help_panel=SYNC)(run.run_command)
app.command("list", rich_help_panel=QUERY)(look.list_command)
app.command("show", rich_help_panel=QUERY)(history.show_command)
app.command("changes", rich_help_panel=QUERY)(history.changes_command)
app.command("creators", rich_help_panel=QUERY)(history.creators_command)
app.command("report", rich_help_panel=QUERY)(report.report_command)
app.command("explore", rich_help_panel=QUERY)(explore.explore_command)
app.command("status", rich_help_panel=TRUST)(status.status_command)
app.command("runs", rich_help_panel=TRUST)(look.runs_command)
app.command("missing", rich_help_panel=TRUST)(sync.missing_command)
app.command("verify", rich_help_panel=TRUST)(verify.verify_command)
app.command("doctor", rich_help_panel=OPERATE)(doctor.doctor_command)
app.command("config", rich_help_panel=OPERATE)(config.config_command)
app.add_typer(account.app, name="account", rich_help_panel=OPERATE)
app.add_typer(database.app, name="db", rich_help_panel=OPERATE)
app.command("prune", rich_help_panel=OPERATE)(prune.prune_command)
app.command("demo", rich_help_panel=TRY)(play.demo_command)
app.command("simulate", rich_help_panel=TRY)(play.simulate_command)
