"""Options that several commands share."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from inventory.cli.complete import values
from inventory.read.render import Format
from inventory.times import parse_time

DatabaseOption = Annotated[
    str | None,
    typer.Option("--database", metavar="URL", help="Which database [INVENTORY_DATABASE_URL]."),
]
AccountOption = Annotated[
    str | None,
    typer.Option("--account", metavar="NAME", help="Only this account.", autocompletion=values("accounts", "account")),
]


def a_time(text: str | None) -> str | None:
    """Return the text if it is a time, else raise UsageError. Typer calls it before the command begins."""
    if text is not None:
        parse_time(text, datetime.now(UTC))
    return text


CreatorOption = Annotated[
    str | None,
    typer.Option(
        "--creator",
        metavar="NICKNAME",
        help="Only those that this person created.",
        autocompletion=values("creators", "creator_user_nickname"),
    ),
]
FormatOption = Annotated[Format, typer.Option("--format", metavar="FORMAT", help="How to print: table, json or csv.")]
