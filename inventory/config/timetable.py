"""Schedules: a fixed time after the last attempt, or a cron expression. Nothing here reads a clock.

A cron expression has its usual meaning: Sunday is 0 and 7, and if day and weekday are both given, it is enough that a
time matches one of them. APScheduler's CronTrigger computes the times, but counts weekdays from Monday, and requires
both to match. So `Cron` translates the expression for CronTrigger.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from inventory.times import brief

SHORTEST, LONGEST = timedelta(seconds=1), timedelta(days=366)
"""The shortest and the longest period that a user may set for an `Every`. A `Cron` has no such limits."""

_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_TICK = timedelta(microseconds=1)
_YEAR = timedelta(days=366)
_TWELVE_YEARS = timedelta(days=366 * 12)
"""The limit of a search for an earlier fire time, and the interval of a schedule that has no further fire time."""


class Timetable(Protocol):
    """A schedule of an account's runs. All times are the database's."""

    def left(self, last: datetime, now: datetime) -> float:
        """Return the seconds until the next run is due; zero or less if it is due now.

        `last` is the time of the last attempt.
        """

    def interval(self, now: datetime) -> float:
        """Return the time that the schedule plans between two neighbouring runs around `now`, in seconds.

        A run that is due at `now` records this number as `expected_seconds`.
        """

    def pauses(self, now: datetime) -> tuple[float, float]:
        """Return the shortest and the longest pause between two neighbouring runs, in seconds.

        Only the pauses of one year count. The year begins with the day of the first run after `now`.
        """


@dataclass(frozen=True)
class Every:
    """A schedule with a fixed period, counted from the start of the last attempt."""

    period: timedelta

    def left(self, last: datetime, now: datetime) -> float:
        """Return the seconds until one period has passed since `last`; zero or less if it has passed already."""
        return (last + self.period - now).total_seconds()

    def interval(self, now: datetime) -> float:  # noqa: ARG002 - the protocol's parameter
        """Return the period in seconds."""
        return self.period.total_seconds()

    def pauses(self, now: datetime) -> tuple[float, float]:  # noqa: ARG002 - the protocol's parameter
        """Return the period in seconds, twice."""
        return self.period.total_seconds(), self.period.total_seconds()

    def __str__(self) -> str:
        return f"every {brief(self.period)}"


@dataclass(frozen=True)
class Cron:
    """A schedule by a cron expression of five fields, in UTC.

    The constructor raises ValueError if the expression is wrong or never fires.
    """

    expression: str
    _triggers: tuple[Any, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        fields = self.expression.split()
        if len(fields) != 5:  # noqa: PLR2004 - cron has five
            raise ValueError("a cron expression has five fields: minute, hour, day, month, weekday")
        minute, hour, day, month, weekday = fields
        both = not day.startswith("*") and not weekday.startswith("*")
        weekday = _weekdays(weekday)
        either = [(day, "*"), ("*", weekday)] if both else [(day, weekday)]
        begin = datetime(2000, 1, 1, tzinfo=UTC)
        triggers = (_trigger(minute, hour, *days, month) for days in either)
        # for a date such as 31 February, APScheduler searches up to the year 9999: do this once, not at each call
        possible = tuple(trigger for trigger in triggers if trigger.get_next_fire_time(None, begin))
        if not possible:
            raise ValueError(f"{self.expression!r} never comes")
        object.__setattr__(self, "_triggers", possible)

    def after(self, time: datetime) -> datetime | None:
        """Return the first fire time after a time; None if there is none."""
        found = (trigger.get_next_fire_time(None, time + _TICK) for trigger in self._triggers)
        return min(filter(None, found), default=None)

    def until(self, time: datetime) -> datetime | None:
        """Return the last fire time at or before a time; None if there is none in the 2**22 minutes (8 years) before.

        The search begins 1 minute before the time, then 2 minutes before, then 4 and so on, as long as this is less
        than _TWELVE_YEARS.
        """
        back = timedelta(minutes=1)
        while back < _TWELVE_YEARS:
            fire = self.after(time - back)
            if fire is not None and fire <= time:
                while (later := self.after(fire)) is not None and later <= time:
                    fire = later
                return fire
            back *= 2
        return None

    def left(self, last: datetime, now: datetime) -> float:
        """Return the seconds until the first fire time after `last`; twelve years if there is none."""
        fire = self.after(last)
        return (fire - now).total_seconds() if fire else _TWELVE_YEARS.total_seconds()

    def interval(self, now: datetime) -> float:
        """Return the longer of two pauses in seconds: before and after the last fire time at or before `now`.

        So a pause at weekends is no gap: the runs before and after the weekend expect the long pause. If `until` finds
        no such fire time, use `now` instead of it. If only one of the two pauses exists, return that one. If none
        exists, return twelve years.
        """
        fire = self.until(now) or now
        around = [abs(other - fire) for other in (self.until(fire - _TICK), self.after(fire)) if other]
        return max(around, default=_TWELVE_YEARS).total_seconds()

    def pauses(self, now: datetime) -> tuple[float, float]:
        """Return the shortest and the longest pause between two neighbouring fire times, in seconds.

        Only the pauses of one year count. The year begins with the day of the first fire time after `now`. If there is
        no pause, return twelve years twice.
        """
        first = (self.after(now) or now).replace(hour=0, minute=0, second=0, microsecond=0)
        fire, found = self.after(first - _TICK) or first, []
        while fire < first + _YEAR and (later := self.after(fire)):
            found.append((later - fire).total_seconds())
            # A later day fires at the same times of day as the first day, or not at all. So the pauses within it are
            # known: continue at its last fire time.
            fire = later if later.date() == fire.date() else datetime.combine(later.date(), fire.timetz())
        return min(found, default=_TWELVE_YEARS.total_seconds()), max(found, default=_TWELVE_YEARS.total_seconds())

    def __str__(self) -> str:
        return f"by cron {self.expression!r}, UTC"


def _trigger(minute: str, hour: str, day: str, weekday: str, month: str) -> Any:
    from apscheduler.triggers.cron import CronTrigger  # imported late: only cron needs it

    return CronTrigger(minute=minute, hour=hour, day=day, month=month, day_of_week=weekday, second=0, timezone=UTC)


def _weekdays(text: str) -> str:
    """Return the weekday field of a cron expression as names separated by commas, such as `mon,tue`; `*` stays.

    Numbers are counted from Sunday, which is 0 and 7. Raise ValueError if the field is invalid.
    """
    if text == "*":
        return text
    names: list[str] = []
    for part in text.lower().split(","):
        found = re.fullmatch(r"(?:\*|([0-7]|[a-z]{3})(?:-([0-7]|[a-z]{3}))?)(?:/([1-7]))?", part)
        if not found:
            raise ValueError(f"{part!r} is no weekday; write 0 to 7 (0 and 7 are Sunday) or mon to sun, lists, ranges")
        first, last, step = found.groups()
        begin = _number(first) if first else 0
        if step and not last:
            begin %= 7  # 7/2 is 0/2
        end = _number(last) if last else 6 if step or not first else begin
        if last and end < begin:
            end += 7  # as in fri-mon and 5-0
        names += [_WEEKDAYS[number % 7] for number in range(begin, end + 1, int(step or 1))]
    return ",".join(dict.fromkeys(names))


def _number(name: str) -> int:
    """Return the number of a weekday, given as a name or as digits. Numbers are counted from Sunday, which is 0.

    Raise ValueError if no weekday has this name.
    """
    if name.isdecimal():
        return int(name)
    if name not in _WEEKDAYS:
        raise ValueError(f"{name!r} is no weekday")
    return _WEEKDAYS.index(name)
