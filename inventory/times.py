"""Parse and format times and durations as people write them."""

import re
from datetime import UTC, datetime, timedelta

from inventory.errors import UsageError
from inventory.masks import hide_key_words

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_duration(text: str) -> timedelta:
    """Return the duration that a text means: `90s`, `5m`, `3h`, `2d`, `1w`, or a sum like `1h30m`.

    A number without a unit means seconds. Raise UsageError for any other text, and for a duration that is too long.
    """
    spelled = text.strip().lower()
    if re.fullmatch(r"\d+", spelled):
        spelled += "s"
    if not re.fullmatch(r"(\d+[smhdw])+", spelled):
        raise UsageError(f"{hide_key_words(repr(text))} is no duration. Write one like 90s, 5m, 3h or 2d.")
    parts = re.findall(r"(\d+)([smhdw])", spelled)
    try:
        return sum((timedelta(**{_UNITS[unit]: int(number)}) for number, unit in parts), timedelta())
    except (OverflowError, ValueError):  # ValueError: more digits than Python converts to a number
        raise UsageError(f"{hide_key_words(repr(text[:40]))} is too long a duration.") from None


def is_relative(text: str) -> bool:
    """Return whether a time is written relative to now, like `2d`."""
    return re.fullmatch(r"\s*(\d+[smhdwSMHDW])+\s*", text) is not None


def parse_time(text: str, now: datetime) -> datetime:
    """Return the UTC time that a text means: a time in ISO 8601, or a duration like `2d`, counted back from `now`.

    The duration must have a unit. A time without a zone is in UTC. Raise UsageError for any other text.
    """
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
    """Return a duration as text: `12m 5s`, `9d 2h`; `-5s` if negative; `0s` if it rounds to zero.

    The duration is rounded to seconds. The text has the largest unit that is not zero, and the next smaller unit if
    that is not zero either. All smaller units are cut off: a day and five minutes give `1d`.
    """
    left = round(abs(value.total_seconds()))
    parts = []
    for unit, seconds in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        number, left = divmod(left, seconds)
        parts.append(f"{number}{unit}" if number else "")
    first = next((index for index, part in enumerate(parts) if part), len(parts) - 1)
    words = " ".join(filter(None, parts[first : first + 2])) or "0s"
    return f"-{words}" if value < timedelta() and words != "0s" else words


def format_duration(value: timedelta) -> str:
    """Return a duration in the form that `parse_duration` accepts, such as `1h30m`, rounded to seconds.

    The duration must not be negative.
    """
    left, text = round(value.total_seconds()), ""
    for unit, seconds in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        number, left = divmod(left, seconds)
        text += f"{number}{unit}" if number else ""
    return text or "0s"


def iso(value: datetime) -> str:
    """Return a time as ISO 8601 text in UTC that ends in `Z`, with microseconds only if they are not zero."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
