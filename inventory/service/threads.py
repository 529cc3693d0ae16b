"""Daemon threads in which APScheduler runs its jobs."""

import threading
from queue import SimpleQueue
from typing import Any

from apscheduler.executors.base import BaseExecutor, run_job


class DaemonThreads(BaseExecutor):  # type: ignore[misc] # APScheduler bears no types
    """Daemon threads: one that waits for a database or a socket cannot keep the process from its end."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.busy: set[str] = set()
        self._waiting: SimpleQueue[tuple[Any, Any]] = SimpleQueue()
        for _ in range(number):
            threading.Thread(target=self._work, name="accounts", daemon=True).start()

    def _do_submit_job(self, job: Any, run_times: Any) -> None:
        self._waiting.put((job, run_times))

    def _work(self) -> None:
        while True:
            job, run_times = self._waiting.get()
            self.busy.add(job.id)
            events = run_job(job, job._jobstore_alias, run_times, self._logger.name)  # noqa: SLF001 - as its own do
            self.busy.discard(job.id)
            self._run_job_success(job.id, events)
