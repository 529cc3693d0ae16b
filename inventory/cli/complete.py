"""What the shell completes a word to: values that the database holds. It never fails and prints nothing of its own."""

import contextlib
import re
from collections.abc import Callable

import typer

MOST = 200
"""Words offered at once."""

_HARMLESS = re.compile(r"[\w.@:/+-]+")


def values(relation: str, column: str) -> Callable[[typer.Context, str], list[str]]:
    """Return a function for Typer that completes a word to values of a column, in order.

    Only words that a shell takes as they are: a nickname like `$(rm x)` must not come to stand on somebody's line.
    """

    def complete(context: typer.Context, incomplete: str) -> list[str]:
        with contextlib.suppress(Exception):
            from inventory.cli.opening import open_for_reading
            from inventory.read import queries

            with open_for_reading(context.params.get("url")) as connection:
                found = queries.beginning(connection, relation, column, incomplete, limit=MOST)
                return [value for value in found if _HARMLESS.fullmatch(value)]
        return []

    return complete
