"""A Typer group that lists its commands under titles, and imports a command only when it is called."""

import gc
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

Places = Mapping[str, Mapping[str, tuple[str, str]]]
"""A dict from each title to a dict of the commands and groups under it.

The inner dict goes from the name of a command or group to (place, summary). The place is `module.name` in this package,
where `name` is a function or a Typer app. The summary is the text beside the name in the list of commands.
"""


class ListedCommand(TyperCommand):
    """A command or group that is listed but not imported yet."""

    def __init__(self, name: str, title: str, place: str, summary: str) -> None:
        super().__init__(name, help=summary, rich_help_panel=title)
        self._place = place

    def load(self) -> Any:
        """Import the command or group, and return it as a Click object."""
        module, _, function = self._place.partition(".")
        found = getattr(import_module(f"inventory.cli.{module}"), function)
        if not gc.isenabled():
            gc.freeze()  # imported objects stay: to search them for cycles takes a tenth of the import time
            gc.enable()
        if isinstance(found, typer.Typer):
            found.info.name = self.name
            return get_group(found)
        alone = typer.Typer(rich_markup_mode=None, add_completion=False)
        alone.command(self.name)(found)
        return get_command(alone)


class CommandList(TyperGroup):
    """A group that lists its commands under their titles, and imports the command that is called."""

    places: Places

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {
            name: ListedCommand(name, title, *place)
            for title, commands in self.places.items()
            for name, place in commands.items()
        }

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        """Return the name of the called command, the imported command, and the arguments after the name."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, ListedCommand) else command, rest

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - the library's signature
        """For each title, write a section with its commands and their whole summaries."""
        widest = max(map(len, self.commands))
        for title, commands in self.places.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(widest), summary) for name, (_, summary) in commands.items()])
