"""Convert values from the database into values for the JSON data of a page."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, overload

from inventory.read.render import printable

LONGEST = 200
"""The number of characters after which a text from the API is cut in the page."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass
class Numbering:
    """Numbers for values, from 0, in the order in which the values first occur."""

    numbers: dict[Any, int] = field(default_factory=dict)

    def number(self, value: Any) -> int:
        """Return the number of a value; a new value gets the next number."""
        return self.numbers.setdefault(value, len(self.numbers))


@overload
def micros(time: datetime) -> int: ...
@overload
def micros(time: datetime | None) -> int | None: ...
def micros(time: datetime | None) -> int | None:
    """Return a time as whole microseconds since 1970; None for None."""
    return None if time is None else (time - _EPOCH) // _MICROSECOND


def value_of(value: Any) -> Any:
    """Return a value in the form that the page needs.

    A time becomes microseconds since 1970. A string becomes printable text, cut after LONGEST characters. Any other
    value is returned as it is.
    """
    if isinstance(value, datetime):
        return micros(value)
    if not isinstance(value, str):
        return value
    text = printable(value[: LONGEST + 1])
    return f"{text[:LONGEST]}…" if len(text) > LONGEST else text
