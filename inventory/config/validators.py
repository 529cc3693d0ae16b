"""Validators of settings. Each of them turns a text into the value that a field holds."""

from typing import Any

from inventory.errors import UsageError
from inventory.times import parse_duration


def split_names(value: Any) -> Any:
    """Return the names in a comma-separated text or in a list, as a sorted tuple; any other value unchanged.

    The names are stripped, empty ones are left out, and each comes once.
    """
    if isinstance(value, str):
        value = value.split(",")
    if isinstance(value, list | tuple):
        return tuple(sorted({str(name).strip() for name in value} - {""}))
    return value


def lowercase(value: Any) -> Any:
    """Return a text in lower case, and any other value unchanged."""
    return value.lower() if isinstance(value, str) else value


def read_duration(value: Any) -> Any:
    """Return the duration that a text such as `1h30m` names, and any value that is no text unchanged.

    Raises ValueError if the text is no duration.
    """
    if isinstance(value, str):
        try:
            return parse_duration(value)
        except UsageError as error:
            raise ValueError(str(error)) from None
    return value
