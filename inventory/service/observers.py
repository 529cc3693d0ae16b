"""The observers of runs that are configured: the metrics, the alerts, the delivery of checkpoints, the daily files."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.engine import Engine

from inventory.config.extras import require
from inventory.config.settings import Settings
from inventory.config.timetable import Timetable
from inventory.service.closing import CLOSING_SECONDS, Deadline


@contextmanager
def observing(
    engine: Engine,
    settings: Settings,
    *,
    metrics: str | None = None,
    scheduled: bool = True,
    stop: threading.Event | None = None,
) -> Iterator[list[Callable[[Any], None]]]:
    """Yield the observers of runs that `settings` and `metrics` ask for: functions that take an Outcome.

    `metrics` is the address HOST:PORT at which metrics are served. If `scheduled` is False,
    as for a single `sync`, no report and no export is written, and an attempt that began no run sends no alert. Raise
    UsageError if an address or the key for checkpoints cannot be used, or if a library is not installed.

    At the end of the block, wait until the queued alerts are sent, and until the daily files that were begun are
    written. Wait for at most CLOSING_SECONDS, and for less after `stop` is set (`closing.py`). If no channel has
    accepted a checkpoint when the wait for alerts ends, undo the record of its delivery, so that a later run delivers
    one. Undoing the records may go on after the time limit.
    """
    observers: list[Callable[[Any], None]] = []
    daily_files = scheduled and wants_files(settings)
    if metrics is None and settings.alerts is None and not wants_checkpoints(settings) and not daily_files:
        yield observers
        return
    limit, alerts, files = stale_after(settings), None, None
    with ExitStack() as stack:
        if metrics is not None:
            require("metrics")
            from inventory.service.metrics import DatabaseCollector
            from inventory.service.metrics_server import serve_metrics

            collector = DatabaseCollector(engine, limit, named=settings.accounts_named())
            served = stack.enter_context(serve_metrics(collector, metrics, accounts=settings.names_to_sync()))
            observers.append(served.observe)
        if settings.alerts is not None:
            require("alerts")
            from inventory.service.alerts import Alerts

            alerts = Alerts(engine, settings.alerts, limit, scheduled=scheduled)
            stack.callback(alerts.close, CLOSING_SECONDS, stop)
            observers.append(alerts.observe)
        if wants_checkpoints(settings):
            from inventory.service.checkpoints import CheckpointDelivery

            send = alerts.send_checkpoint if alerts and _sends_checkpoints(settings) else None
            observers.append(CheckpointDelivery(engine, settings, send).observe)
        if daily_files:
            for extra, is_named in (("report", settings.report_file), ("export", settings.export_dir)):
                if is_named is not None:
                    require(extra)
            from inventory.service.daily_files import DailyFiles

            files = DailyFiles(engine, settings)
            observers.append(files.observe)
        try:
            yield observers
        finally:
            deadline = Deadline(CLOSING_SECONDS, stop)
            stack.close()
            if files is not None:
                files.wait(deadline)


def wants_checkpoints(settings: Settings) -> bool:
    """Return whether the settings ask for checkpoints."""
    return settings.checkpoint_dir is not None or _sends_checkpoints(settings)


def wants_files(settings: Settings) -> bool:
    """Return whether the settings name a report or an export."""
    return settings.report_file is not None or settings.export_dir is not None


def _sends_checkpoints(settings: Settings) -> bool:
    """Return whether the settings ask for checkpoints on the alert channels."""
    return settings.alerts is not None and "checkpoint" in settings.alerts.on


def stale_after(settings: Settings) -> timedelta:
    """Return the greatest age that the last complete run may have before the account is stale.

    If the alerts have the setting `stale_after`, return it. Otherwise compute the age from the schedule.
    """
    if settings.alerts is not None and settings.alerts.stale_after is not None:
        return settings.alerts.stale_after
    return stale_after_of_schedule(settings.timetable, datetime.now(UTC))


def stale_after_of_schedule(timetable: Timetable, now: datetime) -> timedelta:
    """Return the schedule's longest pause plus twice its shortest, but at least a minute.

    The pauses are those of `Timetable.pauses`. Twice the shortest leaves time for runs that fail or take long.
    """
    shortest, longest = timetable.pauses(now)
    return max(timedelta(seconds=longest + 2 * shortest), timedelta(minutes=1))
