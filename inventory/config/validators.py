"""Validators that several settings share: they turn text into the value that a field holds."""

from typing import Any

from inventory.errors import UsageError
from inventory.times import parse_duration


def split_names(value: Any) -> Any:
    """Return the names in a comma-separated text or in a list: stripped, sorted, each once."""
    if isinstance(value, str):
        value = value.split(",")
    if isinstance(value, list | tuple):
        return tuple(sorted({str(name).strip() for name in value} - {""}))
    return value


def lowercase(value: Any) -> Any:
    """Return a text in lower case, and any other value unchanged."""
    return value.lower() if isinstance(value, str) else value


def read_duration(value: Any) -> Any:
    """Return the duration that a text such as `1h30m` names, and any other value unchanged. Raises ValueError."""
    if isinstance(value, str):
        try:
            return parse_duration(value)
        except UsageError as error:
            raise ValueError(str(error)) from None
    return value
