"""Daemon threads in which APScheduler runs its jobs."""

import threading
from queue import SimpleQueue
from typing import Any

from apscheduler.executors.base import BaseExecutor, run_job


class DaemonThreads(BaseExecutor):  # type: ignore[misc] # APScheduler has no types
    """An executor of APScheduler with `number` daemon threads. `busy` holds the ids of the jobs that are running.

    APScheduler's own threads are not daemons: one that waits for a silent database or socket keeps the process alive.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.busy: set[str] = set()
        self._jobs: SimpleQueue[tuple[Any, Any]] = SimpleQueue()
        for _ in range(number):
            threading.Thread(target=self._work, name="accounts", daemon=True).start()

    def _do_submit_job(self, job: Any, run_times: Any) -> None:
        self._jobs.put((job, run_times))

    def _work(self) -> None:
        while True:
            job, run_times = self._jobs.get()
            self.busy.add(job.id)
            # APScheduler's own executors pass this private name too
            events = run_job(job, job._jobstore_alias, run_times, self._logger.name)  # noqa: SLF001
            self.busy.discard(job.id)
            self._run_job_success(job.id, events)
