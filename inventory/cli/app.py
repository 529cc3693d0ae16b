"""The Typer app of the program: the list of all commands, and the options that come before a command."""

from typing import Annotated, Any

import typer

from inventory import __version__
from inventory.cli.command_list import CommandList, ListedCommand, Places

COMMANDS: Places = {
    "Copy the fleet": {
        "sync": ("sync.sync_command", "Copy each account's fleet as it is now, once."),
        "run": ("run.run_command", "Sync every account on schedule, until a signal."),
    },
    "Ask the history": {
        "list": ("look.list_command", "List the fleet now, or as it was at a time."),
        "show": ("history.show_command", "Show the life of one instance: creator, times, hours, changes."),
        "changes": ("history.changes_command", "List what appeared, changed, vanished or came back, and when."),
        "creators": ("history.creators_command", "List who created how many, how many are live, and their hours."),
        "report": ("report.report_command", "Write one HTML page with charts of the whole history."),
        "export": ("export.export_command", "Write every table and view as Parquet files, for a data lake."),
        "dashboards": ("dashboards.app", "Write dashboards that BI tools import."),
        "explore": ("explore.explore_command", "Open the SQLite database in a browser, read-only."),
    },
    "Trust the record": {
        "status": ("status.status_command", "Show how old each account's last complete run is."),
        "runs": ("look.runs_command", "List the attempts to sync: when, how each ended, what it found."),
        "missing": ("missing.missing_command", "List what is absent and not vanished; accept that it is gone."),
        "verify": ("verify.verify_command", "Check the history against its digests, its log and checkpoints."),
        "evidence": ("evidence.evidence_command", "Write a bundle that an auditor can check without this program."),
        "checkpoint": ("checkpoint.app", "Print a checkpoint of each log, to be kept elsewhere."),
    },
    "Operate": {
        "doctor": ("doctor.doctor_command", "Check everything that a sync needs, and say what to do."),
        "config": ("config.config_command", "Show every setting in force, and where its value came from."),
        "prune": ("prune.prune_command", "Make old history coarse: the only command that deletes history."),
        "account": ("account.app", "List, rename or retire the accounts of the database."),
        "db": ("database.app", "Upgrade, show or check the database, or grant reading."),
    },
    "Try it without a key": {
        "demo": ("play.demo_command", "Watch a made-up fleet for a month, in a minute."),
        "simulate": ("play.simulate_command", "Serve a made-up, lively fleet as fal's API does."),
    },
}


class Commands(CommandList):
    """The group of all commands of this program, under the titles of COMMANDS."""

    places = COMMANDS


def loaded() -> dict[str, Any]:
    """Import all commands and groups; return a dict from the name of each to its Click object."""
    return {name: each.load() for name, each in Commands().commands.items() if isinstance(each, ListedCommand)}


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"inventory {__version__}")
        raise typer.Exit


app = typer.Typer(
    name="inventory",
    cls=Commands,
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
        bool, typer.Option("--debug", help="Show the traceback of a failure. Works before or after the command.")
    ] = False,
) -> None:
    """The whole history of your fal compute instances in SQLite or PostgreSQL."""
