"""Values of the database as a page holds them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, overload

from inventory.read.render import printable

LONGEST = 200
"""Characters: a longer string from the API is cut in the page."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass
class Words:
    """Things by number, in the order in which they came."""

    numbers: dict[Any, int] = field(default_factory=dict)

    def number(self, word: Any) -> int:
        """Return the word's number; a new word gets the next one."""
        return self.numbers.setdefault(word, len(self.numbers))


@overload
def micros(time: datetime) -> int: ...
@overload
def micros(time: datetime | None) -> int | None: ...
def micros(time: datetime | None) -> int | None:
    """Microseconds since 1970; None of None."""
    return None if time is None else (time - _EPOCH) // _MICROSECOND


def value_of(value: Any) -> Any:
    """Return a time in microseconds, a string as printable text of at most LONGEST, and any other value as it is."""
    if isinstance(value, datetime):
        return micros(value)
    if not isinstance(value, str):
        return value
    text = printable(value[: LONGEST + 1])
    return f"{text[:LONGEST]}…" if len(text) > LONGEST else text
