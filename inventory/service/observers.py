"""Who is told of each run: the metrics and the alerts, where they are asked for."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.engine import Engine

from inventory.config.extras import require
from inventory.config.settings import Settings
from inventory.config.timetable import Timetable

WEEK = timedelta(days=8)
MOST_RUNS = 3_000
"""Of a schedule so many runs are looked at for its longest pause: more than an office week of runs by the minute."""


@contextmanager
def watched(
    engine: Engine, settings: Settings, *, metrics: str | None = None, parting: float
) -> Iterator[list[Callable[[Any], None]]]:
    """The observers of runs for this while; `parting` is how many seconds the end waits for alerts still to be sent.

    Raises UsageError where an address cannot be had, or the library is not installed.
    """
    observers: list[Callable[[Any], None]] = []
    if metrics is None and settings.alerts is None:
        yield observers
        return
    limit = stale_after(settings)
    with ExitStack() as stack:
        if metrics is not None:
            require("metrics")
            from inventory.service.metrics_server import serve

            served = stack.enter_context(serve(engine, metrics, limit, accounts=settings.names_to_sync()))
            observers.append(served.observe)
        if settings.alerts is not None:
            require("alerts")
            from inventory.service.alerts import sending

            observers.append(stack.enter_context(sending(engine, settings.alerts, limit, parting)).observe)
        yield observers


def stale_after(settings: Settings) -> timedelta:
    """The age of a last complete run that is too much: as set, else by the schedule."""
    if settings.alerts is not None and settings.alerts.stale_after is not None:
        return settings.alerts.stale_after
    return by_schedule(settings.timetable, datetime.now(UTC))


def by_schedule(timetable: Timetable, now: datetime) -> timedelta:
    """The schedule's longest pause, and twice its shortest, for runs that fail or take long; at least a minute."""
    pauses, end = [timetable.interval(now)], now + WEEK
    while now < end and len(pauses) < MOST_RUNS:
        now += timedelta(seconds=pauses[-1])
        pauses.append(timetable.interval(now))
    return max(timedelta(seconds=max(pauses) + 2 * min(pauses)), timedelta(minutes=1))
