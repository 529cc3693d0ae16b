"""Call the check of each account at the time that its last check asked for, with APScheduler."""

import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.date import DateTrigger

from inventory import log
from inventory.background import GRACE_SECONDS
from inventory.service.threads import DaemonThreads
from inventory.service.watch import RETRY_SECONDS, AccountWatch

MAX_THREADS = 32
"""The largest number of runs at the same time in one process.

The runs share the 15 connections of the engine's pool, each for short transactions, and wait up to 30 s for a free one.
So several processes stay below PostgreSQL's default limit of 100 connections, even if all accounts are due.
"""

CLOCK_CHECK_SECONDS = 5
"""The seconds between two checks whether the host slept or its clock was set."""

logger = log.get(__name__)


class Timer:
    """APScheduler with one job for each account: a job calls `check`, which returns the seconds until the next call."""

    def __init__(self, watches: dict[str, AccountWatch], stop: threading.Event) -> None:
        self._watches = watches
        self._stop = stop
        self._threads = DaemonThreads(min(len(watches), MAX_THREADS))
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": self._threads},
            # a job that is late still runs, and only once
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        self._scheduler.add_listener(self._plan_next, EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)

    def run(self) -> bool:
        """Check the accounts until `stop` is set; return whether every run ended within GRACE_SECONDS after that."""
        self._scheduler.start()
        for name, watch in self._watches.items():
            self._plan(name, watch.jitter())
        while not self._stop.is_set():
            before = _clock_offset()
            self._stop.wait(CLOCK_CHECK_SECONDS)
            if abs(_clock_offset() - before) > 1:
                self._check_all()
        logger.info("stopping")
        self._scheduler.shutdown(wait=False)
        return self._wait_for_runs()

    def _wait_for_runs(self) -> bool:
        end = time.monotonic() + GRACE_SECONDS
        while self._threads.busy and time.monotonic() < end:
            time.sleep(0.02)
        if left := sorted(self._threads.busy):
            logger.warning("stopped in the middle of a run; the next run makes up for it", accounts=", ".join(left))
        else:
            logger.info("stopped")
        return not left

    def _plan(self, name: str, seconds: float) -> None:
        at = datetime.now(UTC) + timedelta(seconds=seconds)
        trigger = DateTrigger(at, timezone=UTC)
        self._scheduler.add_job(self._watches[name].check, trigger, id=name, replace_existing=True)

    def _plan_next(self, event: Any) -> None:
        # in a listener and not in the job: while the job runs, APScheduler refuses to start another with the same id
        if not self._stop.is_set():
            self._plan(event.job_id, RETRY_SECONDS if event.exception else event.retval)

    def _check_all(self) -> None:
        """Check every account soon. After a sleep or a step of the clock, APScheduler's waits are wrong."""
        logger.info("this host slept, or its clock was set; checking every account")
        for name, watch in self._watches.items():
            with suppress(JobLookupError):  # the account's job is running, so it is not planned
                self._scheduler.modify_job(name, next_run_time=datetime.now(UTC) + timedelta(seconds=watch.jitter()))


def _clock_offset() -> float:
    """Return the time of day minus the monotonic clock, in seconds.

    The result changes when the time of day is set, and when the host wakes from sleep: the monotonic clock stood still
    meanwhile.
    """
    return time.time() - time.monotonic()
