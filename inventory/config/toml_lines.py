"""In which line of a TOML file a value begins. tomllib reads values without their places."""

import tomllib
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

Place = Sequence[str | int]
"""How to come to a value: names of tables and numbers in lists, such as ("accounts", 0, "name")."""


def line_of(text: str, place: Place) -> int | None:
    """The line, from 1, in which the value begins; what holds it, where it is not there; None where not even that is.

    The text is TOML. It is read from its beginning to the end of some line, to find the first such end behind which the
    value is there.
    """
    number = text.count("\n") + 1
    for length in range(len(place), 0, -1):
        end = bisect_left(range(number + 1), True, key=lambda upto, length=length: _has(text, upto, place[:length]))  # type: ignore[misc]
        if end <= number:
            return _read(text, end - 1)[0] + 1  # behind the last whole value before it
    return None


def _has(text: str, upto: int, place: Place) -> bool:
    value: Any = _read(text, upto)[1]
    for part in place:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return False
    return True


@lru_cache(maxsize=256)  # the same beginnings serve the search for one value after the other
def _read(text: str, upto: int) -> tuple[int, dict[str, Any]]:
    """What so many lines hold, and how many of them: fewer where they end in the midst of a value."""
    lines = text.split("\n")
    while upto:
        try:
            return upto, tomllib.loads("\n".join(lines[:upto]) + "\n")
        except tomllib.TOMLDecodeError:
            upto -= 1
    return 0, {}
