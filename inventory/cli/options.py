"""Options that several commands share."""

import re
from datetime import UTC, datetime
from typing import Annotated

import typer

from inventory.cli.complete import values
from inventory.config.timetable import LONGEST, SHORTEST
from inventory.errors import UsageError
from inventory.masks import hide_keys
from inventory.read.render import Format
from inventory.times import parse_duration, parse_time

LONGEST_REASON = 1_000
"""The largest number of characters in a reason."""

MOST_ROWS = 1_000_000_000
"""The largest value of --limit."""

DatabaseOption = Annotated[
    str | None,
    typer.Option("--database", metavar="URL", help="Which database [INVENTORY_DATABASE_URL]."),
]
AccountOption = Annotated[
    str | None,
    typer.Option("--account", metavar="NAME", help="Only this account.", autocompletion=values("accounts", "account")),
]


def a_time(text: str | None) -> str | None:
    """Return the text if it is a time, else raise UsageError. None stays None.

    Typer calls this function before the command begins.
    """
    if text is not None:
        parse_time(text, datetime.now(UTC))
    return text


def an_interval(text: str | None) -> str | None:
    """Return the text if it is an interval from 1 second to 366 days, else raise UsageError. None stays None.

    Typer calls this function before the command begins.
    """
    if text is not None and not SHORTEST <= parse_duration(text) <= LONGEST:
        raise UsageError("--expected takes an interval from 1s to 366d.")
    return text


def a_reason(text: str | None) -> str | None:
    """Return the stripped text if it is a valid reason, else raise UsageError. None stays None.

    A valid reason is one line of 1 to LONGEST_REASON characters, none of them a control character or a lone surrogate.
    Nothing in it has the form of a key (`masks.hide_keys`). Typer calls this function before the command begins.
    """
    if text is None:
        return None
    reason = text.strip()
    if not 1 <= len(reason) <= LONGEST_REASON:
        raise UsageError(f"--reason takes 1 to {LONGEST_REASON:,} characters; {len(reason):,} were given.")
    if re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", reason):
        raise UsageError("--reason takes one line of text in UTF-8, without line breaks and control characters.")
    if hide_keys(reason) != reason:
        raise UsageError("--reason holds what looks like a key, and the database keeps a reason. Leave the key out.")
    return reason


ReasonOption = Annotated[
    str | None,
    typer.Option("--reason", metavar="TEXT", callback=a_reason, help="Why: one line, kept in operator_actions."),
]
CreatorOption = Annotated[
    str | None,
    typer.Option(
        "--creator",
        metavar="NICKNAME",
        help="Only those whose creator_user_nickname is this.",
        autocompletion=values("creators", "creator_user_nickname"),
    ),
]
FormatOption = Annotated[Format, typer.Option("--format", metavar="FORMAT", help="How to print: table, json or csv.")]
