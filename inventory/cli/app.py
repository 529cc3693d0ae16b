"""The commands and their groups. Each is imported when it is called: help and completion need no library of theirs."""

import gc
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from inventory import __version__

COMMANDS = {
    "sync": ("sync.sync_command", "Copy the fleet as it is now into the database, once, for each account."),
    "run": (
        "run.run_command",
        "Sync every account on schedule until SIGTERM, SIGINT or SIGHUP, which end a run under way within seconds.",
    ),
    "list": ("look.list_command", "List the fleet as of the last runs: what is live, and what is missing."),
    "show": (
        "history.show_command",
        "Tell the life of one instance: who created it, when it was there, and what changed.",
    ),
    "changes": (
        "history.changes_command",
        "List what happened, the newest first: what appeared, changed, vanished and came back.",
    ),
    "creators": (
        "history.creators_command",
        "List who created what: how many instances, how many are live now, and for how many hours at least.",
    ),
    "status": ("status.status_command", "Tell how old each account's last complete run is."),
    "runs": ("look.runs_command", "List the runs, the newest first: when, how each ended, and what it found."),
    "missing": ("sync.missing_command", "List what is missing: absent, and neither proven gone nor seen again."),
    "verify": (
        "verify.verify_command",
        (
            "Check the whole history: rebuild the fleet as each complete run left it, and compare it with the run's "
            "digest."
        ),
    ),
    "report": (
        "report.report_command",
        (
            "Write one HTML page with charts: the fleet over time, GPU hours, lifetimes, creators, changes, gaps, "
            "freshness."
        ),
    ),
    "explore": (
        "explore.explore_command",
        "Look into the SQLite database in a browser, on this machine only, until Ctrl-C.",
    ),
    "prune": (
        "prune.prune_command",
        (
            "Fold old history: of each episode, the versions that ended by then become one where type and region are "
            "the same."
        ),
    ),
    "config": ("config.config_command", "Show every setting in force, and where its value came from."),
    "doctor": (
        "doctor.doctor_command",
        "Check settings, database, schema, keys, the API, clocks and leases, and say what to do about each.",
    ),
    "simulate": (
        "play.simulate_command",
        "Serve a made-up, lively fleet as fal's API does, on this machine only, until Ctrl-C.",
    ),
    "demo": (
        "play.demo_command",
        "Watch a made-up fleet for a month in a minute: the real sync over real HTTP, with a simulated clock.",
    ),
    "account": ("account.app", "The accounts of the database: list, rename, retire."),
    "db": ("database.app", "The database's version: upgrade, show, check."),
}
"""Where each command or group is defined, and the first sentence of its help."""


class ListedCommand(TyperCommand):
    """A command or group before it is imported: what the list of all commands says of it."""

    def __init__(self, name: str, place: str, summary: str) -> None:
        super().__init__(name, help=summary)
        self._place = place

    def load(self) -> Any:
        """Import the command, and return it as it is called."""
        module, _, function = self._place.partition(".")
        found = getattr(import_module(f"inventory.cli.{module}"), function)
        if not gc.isenabled():
            gc.freeze()  # what is imported stays: a search for cycles in it takes as long as a tenth of the import
            gc.enable()
        if isinstance(found, typer.Typer):
            found.info.name = self.name
            return get_group(found)
        alone = typer.Typer(rich_markup_mode=None, add_completion=False)
        alone.command(self.name)(found)
        return get_command(alone)


class CommandsByName(TyperGroup):
    """The group of all commands, which imports the one that is called."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {name: ListedCommand(name, *told) for name, told in COMMANDS.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        """Return name, command and arguments of the command that is called."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, ListedCommand) else command, rest


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"inventory {__version__}")
        raise typer.Exit


app = typer.Typer(
    name="inventory",
    cls=CommandsByName,
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
