"""When an account is due: so long after its last attempt, or by a cron expression. They only count, and have no clock.

Cron here is what cron is elsewhere: Sunday is 0 and 7, and where day and weekday are both given, either is enough.
APScheduler's CronTrigger, which does the counting, has 0 for Monday and wants both.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from inventory.times import brief

_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MOMENT = timedelta(microseconds=1)
_LONGEST = timedelta(days=366 * 12)
"""Further back no fire time is looked for: 29 February may be eight years away."""


class Timetable(Protocol):
    """When the next run of an account is due, by the times of the database."""

    def left(self, last: datetime, now: datetime) -> float:
        """Seconds until the run after the attempt at `last` is due; zero or less where it is due now."""

    def interval(self, now: datetime) -> float:
        """Seconds from one run to the next, for a run that is due now: its `expected_seconds`."""


@dataclass(frozen=True)
class Every:
    """Due so long after the last attempt began."""

    period: timedelta

    def left(self, last: datetime, now: datetime) -> float:
        """Seconds until the run after `last` is due."""
        return (last + self.period - now).total_seconds()

    def interval(self, now: datetime) -> float:  # noqa: ARG002 - it is always the same
        """The period."""
        return self.period.total_seconds()

    def __str__(self) -> str:
        """As the line at the start says it."""
        return f"every {brief(self.period)}"


@dataclass(frozen=True)
class Cron:
    """Due at the times of a cron expression of five fields, in UTC; ValueError where it is none, or never comes."""

    expression: str
    _triggers: tuple[Any, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Read the expression."""
        fields = self.expression.split()
        if len(fields) != 5:  # noqa: PLR2004 - as many as cron has
            raise ValueError("a cron expression has five fields: minute, hour, day, month, weekday")
        minute, hour, day, month, weekday = fields
        both = not day.startswith("*") and not weekday.startswith("*")
        weekday = _weekdays(weekday)
        either = [(day, "*"), ("*", weekday)] if both else [(day, weekday)]
        begin = datetime(2000, 1, 1, tzinfo=UTC)
        triggers = (_trigger(minute, hour, *days, month) for days in either)
        # 31 February is looked for up to the year 9999: once, not at every question
        possible = tuple(trigger for trigger in triggers if trigger.get_next_fire_time(None, begin))
        if not possible:
            raise ValueError(f"{self.expression!r} never comes")
        object.__setattr__(self, "_triggers", possible)

    def after(self, moment: datetime) -> datetime | None:
        """The first fire time after a moment."""
        found = (trigger.get_next_fire_time(None, moment + _MOMENT) for trigger in self._triggers)
        return min(filter(None, found), default=None)

    def until(self, moment: datetime) -> datetime | None:
        """The last fire time that is not after a moment."""
        back = timedelta(minutes=1)
        while back < _LONGEST:
            fire = self.after(moment - back)
            if fire is not None and fire <= moment:
                while (later := self.after(fire)) is not None and later <= moment:
                    fire = later
                return fire
            back *= 2
        return None

    def left(self, last: datetime, now: datetime) -> float:
        """Seconds until the first fire time after `last`."""
        fire = self.after(last)
        return (fire - now).total_seconds() if fire else _LONGEST.total_seconds()

    def interval(self, now: datetime) -> float:
        """The longer of the ways from the fire time that is due to its two neighbours: a weekend is no gap."""
        fire = self.until(now) or now
        around = [abs(other - fire) for other in (self.until(fire - _MOMENT), self.after(fire)) if other]
        return max(around, default=_LONGEST).total_seconds()

    def __str__(self) -> str:
        """As the line at the start says it."""
        return f"by cron {self.expression!r}, UTC"


def _trigger(minute: str, hour: str, day: str, weekday: str, month: str) -> Any:
    from apscheduler.triggers.cron import CronTrigger  # only where there is an expression

    return CronTrigger(minute=minute, hour=hour, day=day, month=month, day_of_week=weekday, second=0, timezone=UTC)


def _weekdays(text: str) -> str:
    """The weekdays as a list of names, counted from Sunday; `*` as it is."""
    if text == "*":
        return text
    names: list[str] = []
    for part in text.lower().split(","):
        found = re.fullmatch(r"(?:\*|([0-7]|[a-z]{3})(?:-([0-7]|[a-z]{3}))?)(?:/([1-7]))?", part)
        if not found:
            raise ValueError(f"{part!r} is no weekday; write 0 to 7 (0 and 7 are Sunday) or mon to sun, lists, ranges")
        first, last, step = found.groups()
        begin = _number(first) if first else 0
        end = _number(last) if last else 6 if step or not first else begin
        if last and end < begin:
            end += 7  # fri-mon, and 5-0
        names += [_WEEKDAYS[number % 7] for number in range(begin, end + 1, int(step or 1))]
    return ",".join(dict.fromkeys(names))


def _number(name: str) -> int:
    if name.isdecimal():
        return int(name)
    if name not in _WEEKDAYS:
        raise ValueError(f"{name!r} is no weekday")
    return _WEEKDAYS.index(name)
