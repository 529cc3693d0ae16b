"""Validators of settings. Each of them turns a text into the value that a field holds."""

import re
from typing import Any

from inventory.errors import UsageError
from inventory.times import parse_duration


def split_names(value: Any) -> Any:
    """Return the names in a comma-separated text or in a list of such texts, as a sorted tuple.

    The names are stripped, empty ones are left out, and each comes once. A value that is no text and no list is
    returned unchanged. Raise ValueError if a name holds a character that not every database can store.
    """
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list | tuple):
        return value
    names = {name.strip() for text in value for name in str(text).split(",")} - {""}
    if any(re.search("[\\0\ud800-\udfff]", name) for name in names):
        raise ValueError("a name holds a character that cannot be stored")
    return tuple(sorted(names))


def lowercase(value: Any) -> Any:
    """Return a text in lower case, and any other value unchanged."""
    return value.lower() if isinstance(value, str) else value


def read_duration(value: Any) -> Any:
    """Return the duration that a text such as `1h30m` names. Return any other value unchanged.

    Raise ValueError if the text is no duration, or one that is too long.
    """
    if isinstance(value, str):
        try:
            return parse_duration(value)
        except UsageError as error:
            raise ValueError(str(error)) from None
    return value
