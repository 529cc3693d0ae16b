"""Times and durations as people write them."""

import re
from datetime import UTC, datetime, timedelta

from inventory.errors import UsageError
from inventory.masks import hide_key_words

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_duration(text: str) -> timedelta:
    """`90s`, `5m`, `3h`, `2d`, `1w`, or several in a row (`1h30m`); a bare number is seconds. Raises UsageError."""
    written = text.strip().lower()
    if re.fullmatch(r"\d+", written):
        written += "s"
    if not re.fullmatch(r"(\d+[smhdw])+", written):
        raise UsageError(f"{hide_key_words(repr(text))} is no duration. Write one like 90s, 5m, 3h or 2d.")
    parts = re.findall(r"(\d+)([smhdw])", written)
    try:
        return sum((timedelta(**{_UNITS[unit]: int(number)}) for number, unit in parts), timedelta())
    except (OverflowError, ValueError):  # ValueError: more digits than Python turns into a number
        raise UsageError(f"{hide_key_words(repr(text[:40]))} is too long a duration.") from None


def is_relative(text: str) -> bool:
    """Return whether a time is written relative to now, like `2d`."""
    return re.fullmatch(r"\s*(\d+[smhdwSMHDW])+\s*", text) is not None


def parse_time(text: str, now: datetime) -> datetime:
    """A UTC time from ISO 8601 (no zone means UTC) or relative to `now` (`2d` is two days ago). Raises UsageError."""
    try:
        if is_relative(text):
            return now - parse_duration(text)
        value = datetime.fromisoformat(text.strip())
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{hide_key_words(repr(text))} is no time. "
            "Write ISO 8601 like 2026-03-06T22:00Z, or a time ago like 3h or 2d."
        ) from None


def brief(value: timedelta) -> str:
    """A duration as people say it, by its two largest units: `12m 5s`, `3h 40m`, `9d 2h`; `-5s` below zero."""
    left = round(abs(value.total_seconds()))
    parts = []
    for unit, seconds in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        number, left = divmod(left, seconds)
        parts.append(f"{number}{unit}" if number else "")
    first = next((place for place, part in enumerate(parts) if part), len(parts) - 1)
    words = " ".join(filter(None, parts[first : first + 2])) or "0s"
    return f"-{words}" if value < timedelta() and words != "0s" else words


def written(value: timedelta) -> str:
    """A duration as `parse_duration` reads it, such as `1h30m`; to the second."""
    left, text = round(value.total_seconds()), ""
    for unit, seconds in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        number, left = divmod(left, seconds)
        text += f"{number}{unit}" if number else ""
    return text or "0s"


def iso(value: datetime) -> str:
    """ISO 8601 with `Z`; microseconds only where there are any."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
