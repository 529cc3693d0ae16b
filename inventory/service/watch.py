"""Watch one account: sync it if a run is due, report the outcome, and say when to check again."""

import random
import threading
from collections.abc import Callable, Sequence

from inventory import log
from inventory.config.keys import Account
from inventory.errors import AccountBusy, DatabaseError, Interrupted, UsageError
from inventory.history.lease import BEATS_PER_LEASE
from inventory.history.runs import NotDue
from inventory.outcome import Outcome
from inventory.service.shared_database import SharedDatabase
from inventory.service.state_log import StateLog
from inventory.sync import SyncOptions, sync

RETRY_SECONDS = 30
"""The longest wait after a check that failed and recorded no run, for example because there is no key."""

MAX_WAIT_SECONDS = 3600
"""The longest wait between two checks of an account, apart from the jitter.

In a longer wait the clocks of this host and of the database could drift apart.
"""

Observer = Callable[[Outcome], None]

logger = log.get(__name__)


class AccountWatch:
    """The watch of one account in `inventory run`: it syncs the account, logs the outcome, and calls the observers.

    Each observer gets the Outcome of each attempt. No observer is called if no run was due, if another process works on
    the account, or if the database could not be prepared. With a larger `number_of_accounts`, the random delay of a
    check (`jitter`) may be longer.
    """

    def __init__(
        self,
        name: str,
        shared: SharedDatabase,
        stop: threading.Event,
        observers: Sequence[Observer],
        *,
        number_of_accounts: int,
    ) -> None:
        self._name = name
        self._shared = shared
        self._stop = stop
        self._observers = observers
        self._failed_observers: set[Observer] = set()
        self._retry_seconds = min(RETRY_SECONDS, shared.run_interval)
        self._max_jitter = min(shared.run_interval / 20, (number_of_accounts - 1) / 10)
        self._state = StateLog("sync works again", "sync failed", account=name)
        self._second_walk = StateLog(
            "runs end without an error again", "the second walk failed", is_minor=True, account=name
        )
        self._repeats = log.RepeatFilter()

    def jitter(self) -> float:
        """Return a random delay in seconds, so that accounts are not all checked at once; 0 for a single account."""
        return random.uniform(0, self._max_jitter)  # noqa: S311 - it keeps no secret

    def check(self) -> float:
        """Sync the account if a run is due; return the seconds until the next check."""
        if self._stop.is_set():
            return self._retry_seconds
        try:
            # read at each check, because a key file may have changed
            (account,) = self._shared.settings.accounts_to_sync(self._name)
        except UsageError as error:
            self._report(Outcome(self._name, error=error))
            return self._retry_seconds
        if not self._shared.is_ready():
            return self._retry_seconds
        try:
            outcome = self._sync(account)
        except NotDue as wait:
            logger.debug("not due", account=self._name, seconds=round(wait.seconds, 1))
            return min(wait.seconds, MAX_WAIT_SECONDS) + self.jitter()
        if outcome.run_id is None and isinstance(outcome.error, AccountBusy):
            logger.debug("another process is at work", account=self._name, reason=str(outcome.error))
            heartbeat = self._shared.settings.lease_seconds / BEATS_PER_LEASE
            return max(0.05, min(outcome.error.seconds, heartbeat, self._shared.run_interval))
        self._report(outcome)
        self._repeats.start_round()
        recorded = outcome.run_id is not None and not isinstance(outcome.error, DatabaseError)
        return 0 if recorded else self._retry_seconds  # 0: the next check learns from the database when a run is due

    def _sync(self, account: Account) -> Outcome:
        shared = self._shared
        with log.bound(account=account.name, **self._repeats.names):
            options = SyncOptions(trigger="schedule", timetable=shared.timetable, stop=self._stop)
            outcome = sync(shared.engine, account, shared.settings, options)
        if outcome.fault is not None:
            logger.error("a fault of inventory itself", account=account.name, exc_info=outcome.fault)
        return outcome

    def _report(self, outcome: Outcome) -> None:
        """Log what is new in an outcome, and pass the outcome to every observer."""
        counts = {name: count for name, count in outcome.counts.items() if count}
        run = {} if outcome.run_id is None else {"run_id": outcome.run_id}
        if outcome.error is None or counts:
            write = logger.info if counts else logger.debug
            seconds = round(outcome.seconds, 1)
            write("synced", account=self._name, **run, status=outcome.status, **counts, seconds=seconds)
        if isinstance(outcome.error, Interrupted):
            logger.info("interrupted", account=self._name, **run, reason=str(outcome.error))
        elif outcome.error is not None and outcome.exit_code:
            self._state.failed(outcome.error, **run)
        else:
            self._state.succeeded(**run)
            if outcome.error is None:
                self._second_walk.succeeded(**run)
            else:
                self._second_walk.failed(outcome.error, **run)
        for observer in self._observers:
            try:
                observer(outcome)
            except Exception:  # noqa: BLE001 - a failing observer must not stop the sync
                write = logger.debug if observer in self._failed_observers else logger.exception
                write("an observer failed", account=self._name, **run)
                self._failed_observers.add(observer)
            else:
                self._failed_observers.discard(observer)
