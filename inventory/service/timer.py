"""Call each account's watch when it is due: APScheduler with one job an account."""

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
from inventory.service.threads import DaemonThreads
from inventory.service.watch import TRY_AGAIN_SECONDS, AccountWatch

AT_ONCE = 32
"""Runs at once in one process. Their short transactions share the engine's pool of 15 connections, each waiting up to
30 s for one: several processes stay below PostgreSQL's usual 100 connections even when all accounts are due at once."""

GRACE_SECONDS = 8
"""After the signal, so long for walks to be recorded: less than the 10 s after which Docker kills."""

CLOCK_LOOK_SECONDS = 5

logger = log.get(__name__)


class Timer:
    """APScheduler, and a job for each account."""

    def __init__(self, watches: dict[str, AccountWatch], stop: threading.Event) -> None:
        self._watches = watches
        self._stop = stop
        self._threads = DaemonThreads(min(len(watches), AT_ONCE))
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": self._threads},
            # late is better than never, and once is enough
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        self._scheduler.add_listener(self._looked, EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)

    def run(self) -> bool:
        """Look at the accounts until the end; whether all work had ended by then."""
        self._scheduler.start()
        for name, watch in self._watches.items():
            self._plan(name, watch.jitter)
        while not self._stop.is_set():
            before = _wall()
            self._stop.wait(CLOCK_LOOK_SECONDS)
            if abs(_wall() - before) > 1:
                self._look_at_all()
        logger.info("stopping")
        self._scheduler.shutdown(wait=False)
        end = time.monotonic() + GRACE_SECONDS
        while self._threads.busy and time.monotonic() < end:
            time.sleep(0.02)
        if left := sorted(self._threads.busy):
            logger.warning("stopped in the middle of a run, which the next one makes good", accounts=", ".join(left))
        else:
            logger.info("stopped")
        return not left

    def _plan(self, name: str, seconds: float) -> None:
        at = datetime.now(UTC) + timedelta(seconds=seconds)
        self._scheduler.add_job(self._watches[name].look, DateTrigger(at, timezone=UTC), id=name, replace_existing=True)

    def _looked(self, event: Any) -> None:
        # here, when APScheduler has forgotten the job of the look that ended: before, it would refuse a second one
        if not self._stop.is_set():
            self._plan(event.job_id, TRY_AGAIN_SECONDS if event.exception else event.retval)

    def _look_at_all(self) -> None:
        """After a sleep of the machine, or a step of its clock, by which APScheduler counts."""
        logger.info("this host slept, or its clock was set; looking at every account")
        for name, watch in self._watches.items():
            with suppress(JobLookupError):  # it is being looked at
                self._scheduler.modify_job(name, next_run_time=datetime.now(UTC) + timedelta(seconds=watch.jitter))


def _wall() -> float:
    """What the time of day is ahead of a clock that nobody sets and that sleeps when the machine does."""
    return time.time() - time.monotonic()
