"""Shell completion with values of the database. It never fails, and prints no messages."""

import contextlib
import re
from collections.abc import Callable

import typer

MOST = 200
"""The largest number of values that are offered at once."""

_HARMLESS = re.compile(r"[\w.@:/+-]+")


def values(relation: str, column: str) -> Callable[[typer.Context, str], list[str]]:
    """Return a completion function for Typer.

    It offers the values of a column of a table or view that begin with the typed text, sorted. On SQLite the case of
    ASCII letters does not matter. It never offers a value that a shell would interpret, such as the nickname `$(rm x)`.
    After any error it offers nothing.
    """

    def complete(context: typer.Context, incomplete: str) -> list[str]:
        with contextlib.suppress(Exception):
            from inventory.cli.opening import open_for_reading
            from inventory.read import queries

            with open_for_reading(context.params.get("url")) as connection:
                found = queries.values_with_prefix(connection, relation, column, incomplete, limit=MOST)
                return [value for value in found if _HARMLESS.fullmatch(value)]
        return []

    return complete
