"""The list of commands in `inventory --help`: grouped by purpose, each summary complete."""

from typing import Any

from typer.core import TyperGroup

SYNC = "Copy the fleet"
QUERY = "Ask the history"
TRUST = "Trust the record"
OPERATE = "Operate"
TRY = "Try it without a key"


class GroupedCommands(TyperGroup):
    """A group that lists its commands under the title of each one's `rich_help_panel`."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - the library's signature
        """Write one section for each title, in the order in which the commands were added."""
        sections: dict[str, list[tuple[str, str]]] = {}
        widest = max(map(len, self.commands))
        for name, command in self.commands.items():
            title = getattr(command, "rich_help_panel", None) or "Commands"
            # the limit is beyond any first sentence: the library would end a longer one in "..."
            sections.setdefault(title, []).append((name.ljust(widest), command.get_short_help_str(limit=1000)))
        for title, rows in sections.items():
            with formatter.section(title):
                formatter.write_dl(rows)
