"""The texts of docs/commands.md and of the man page, made from the definitions of the commands."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from inventory.cli.app import COMMANDS, loaded
from setting_pages import SETTINGS, VARIABLES

DOCS = Path(__file__).parents[1] / "docs"

INTRODUCTION = """\
# Commands

Written from the program by `make pages`; a test compares them. `inventory --help` and `man inventory` say the same.

Results go to stdout, everything else to stderr. Times are shown in UTC, and read as ISO 8601 with any zone (none means
UTC) or as a time ago: `90m`, `3h`, `2d`. On a terminal too narrow for a table, each row has lines of its own.

After `inventory --install-completion` the Tab key completes commands, options, and the names and ids that the database
knows. `--debug`, anywhere, shows the traceback of a failure. [Exit and error codes](codes.md) says what each code asks
for.
"""


@dataclass(frozen=True)
class Command:
    """One command as `--help` describes it."""

    name: str
    title: str
    summary: str
    text: str
    examples: str
    options: tuple[tuple[str, str], ...]


def commands() -> Iterator[Command]:
    """Yield each command, and each group that can run without a subcommand, in the order of `inventory --help`."""
    commands = loaded()
    for title, names in COMMANDS.items():
        for name in names:
            if getattr(commands[name], "invoke_without_command", False):
                yield _command(name, title, commands[name])
            for below, leaf in getattr(commands[name], "commands", {"": commands[name]}).items():
                yield _command(f"{name} {below}".strip(), title, leaf)


def commands_markdown() -> str:
    """Return the text of docs/commands.md."""
    lines = [INTRODUCTION.rstrip()]
    title = None
    for command in commands():
        if command.title != title:
            title = command.title
            lines += ["", f"## {title}"]
        lines += ["", f"### `inventory {command.name}`", "", command.summary, "", _wrapped(command.text), ""]
        lines += ["```sh", *command.examples.splitlines(), "```", "", "| option | meaning |", "|---|---|"]
        lines += [f"| `{name}` | {_marked(text)} |" for name, text in command.options]
    return "\n".join([*lines, ""])


def man_page() -> str:
    """Return the text of docs/inventory.1, for `man`."""
    found = list(commands())
    lines = [
        '.TH INVENTORY 1 "" "" "User Commands"',
        ".SH NAME",
        r"inventory \- the whole history of your fal compute instances in SQLite or PostgreSQL",
        ".SH SYNOPSIS",
        ".B inventory",
        r"[\-\-debug] COMMAND [OPTIONS]",
        ".SH DESCRIPTION",
        _roff(
            "Copies the compute instances of one or more fal accounts into a database, on a schedule, and keeps their "
            "whole history. Results go to stdout, everything else to stderr. Times are UTC, and are read as ISO 8601 "
            "or as a time ago: 90m, 3h, 2d."
        ),
        ".SH COMMANDS",
    ]
    for command in found:
        lines += [f".SS {_roff(f'inventory {command.name}')}", _roff(command.summary), ".PP", _roff(command.text)]
        for name, text in command.options:
            lines += [".TP", f".B {_roff(name)}", _roff(text)]
        lines += [".PP", "Examples:", ".PP", ".nf", ".RS"]
        lines += [_roff(line) for line in command.examples.splitlines()]
        lines += [".RE", ".fi"]
    lines += [".SH ENVIRONMENT", _roff("A flag beats the environment, which beats the file, which beats the default.")]
    for name, default, text in [*VARIABLES, *SETTINGS]:
        lines += [".TP", f".B {_roff(name)}", _roff(text if default == "-" else f"{text} Default: {default}.")]
    lines += [
        ".SH FILES",
        ".TP",
        ".B inventory.toml",
        _roff(
            "The settings, in the working directory; INVENTORY_CONFIG names another file. Names are lower case there."
        ),
        ".TP",
        ".B inventory.db",
        _roff("The database, in the working directory, unless INVENTORY_DATABASE_URL names another."),
        ".SH EXIT STATUS",
    ]
    for code, text in exit_codes():
        lines += [".TP", f".B {code}", _roff(text)]
    return "\n".join([*lines, ""])


def exit_codes() -> list[tuple[str, str]]:
    """Return pairs of an exit code and its meaning, from the table in docs/codes.md.

    A test compares this table with the program.
    """
    return re.findall(r"^\| (\d) \| ([^|]+?) \|", (DOCS / "codes.md").read_text(encoding="utf-8"), re.MULTILINE)


def _command(name: str, title: str, command: Any) -> Command:
    """Return a new Command. Its texts are the parts of `command.help`; its options are the parameters of `command`."""
    about, _, examples = command.help.partition("\b\nExamples:\n")
    summary, _, text = about.strip().partition("\n\n")
    context = typer.Context(command)
    return Command(
        name=name,
        title=title,
        summary=summary,
        text=re.sub(r"(?<!\n)\n(?!\n)", " ", text.strip()),
        examples="\n".join(line.removeprefix("  ") for line in examples.splitlines()),
        options=tuple(_option(*each.get_help_record(context)) for each in command.params),
    )


def _option(name: str, text: str) -> tuple[str, str]:
    """Return two texts: the option without its type ` <str>`, and its meaning without repeated blanks."""
    return name.removesuffix(" <str>"), re.sub(r" +", " ", text)


def _wrapped(text: str) -> str:
    """Return the paragraphs of a help text as Markdown, wrapped like the other pages."""
    paragraphs = _marked(text).split("\n\n")
    return "\n\n".join(textwrap.fill(each, 120, break_on_hyphens=False) for each in paragraphs)


def _marked(text: str) -> str:
    """Return a help text as Markdown: options and variables are marked as code."""
    text = re.sub(r"`[^`]+`|(?<![\w-])--\w[\w-]*|\bINVENTORY_\w+", lambda found: f"`{found[0].strip('`')}`", text)
    return text.replace("<", "&lt;")


def _roff(text: str) -> str:
    """Return a text escaped for roff, so that no line is read as a request and hyphens can be copied."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "")
    return re.sub(r"^(?=[.'])", r"\\&", text, flags=re.MULTILINE)
