"""Find the line of a TOML file in which a value begins. tomllib does not keep line numbers."""

import tomllib
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

Place = Sequence[str | int]
"""The path to a value: keys of tables and indexes of arrays, such as ("accounts", 0, "name")."""


def line_of(text: str, place: Place) -> int | None:
    """Return the number of the line, from 1, in which the value at `place` begins.

    For a value inside an array `[...]` or an inline table `{...}` of several lines, the line is the first one of the
    array or table. If the text lacks the value, return the line of its nearest parent; None if no parent is there
    either. The text must be valid TOML. A binary search over the number of lines finds the shortest prefix of the text
    that holds the value.
    """
    number = text.count("\n") + 1
    for length in range(len(place), 0, -1):
        end = bisect_left(range(number + 1), True, key=lambda upto, length=length: _has(text, upto, place[:length]))  # type: ignore[misc]
        if end <= number:
            return _read(text, end - 1)[0] + 1  # the line after the longest valid prefix without the value
    return None


def _has(text: str, upto: int, place: Place) -> bool:
    """Return whether the first `upto` lines hold the value at `place`."""
    value: Any = _read(text, upto)[1]
    for part in place:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return False
    return True


@lru_cache(maxsize=256)  # searches for several values read the same prefixes
def _read(text: str, upto: int) -> tuple[int, dict[str, Any]]:
    """Find the longest prefix of at most `upto` lines that is valid TOML; return its number of lines and its values."""
    lines = text.split("\n")
    while upto:
        try:
            return upto, tomllib.loads("\n".join(lines[:upto]) + "\n")
        except tomllib.TOMLDecodeError:
            upto -= 1
    return 0, {}
