"""Sync one account where it is due, report the outcome, and say when to look again."""

import random
import threading
from collections.abc import Callable, Sequence

from inventory import log
from inventory.config.keys import Account
from inventory.errors import (
    AccountBusy,
    DatabaseError,
    Interrupted,
    InventoryError,
    UsageError,
)
from inventory.history.runs import BEATS_PER_LEASE, NotDue
from inventory.service.shared_database import SharedDatabase
from inventory.service.state_log import StateLog
from inventory.sync import Outcome, sync

TRY_AGAIN_SECONDS = 30
"""The longest wait after an attempt that left no run: no database, no key."""

LONGEST_WAIT_SECONDS = 3600
"""An account is looked at so often at least: the clocks of this host and of the database may part."""

Observer = Callable[[Outcome], None]

logger = log.get(__name__)


class AccountWatch:
    """One account: looked at, synced where it is due, told of."""

    def __init__(
        self, name: str, base: SharedDatabase, stop: threading.Event, observers: Sequence[Observer], *, crowd: int
    ) -> None:
        self._name = name
        self._base = base
        self._stop = stop
        self._observers = observers
        self._deaf: set[Observer] = set()
        self._again = min(TRY_AGAIN_SECONDS, base.often)
        self._spread = min(base.often / 20, (crowd - 1) / 10)
        self._state = StateLog("sync works again", "sync failed", account=name)
        self._news = log.News()

    @property
    def jitter(self) -> float:
        """A little while, so that the accounts do not all begin at once; none where there is one account."""
        return random.uniform(0, self._spread)  # noqa: S311 - it keeps no secret

    def look(self) -> float:
        """Sync the account where it is due; the seconds after which it is worth while to look again."""
        if self._stop.is_set():
            return self._again
        try:
            (account,) = self._base.settings.accounts_to_sync(self._name)  # each time: a key file may have been changed
        except UsageError as error:
            self._tell(Outcome(self._name, error=error))
            return self._again
        if not self._base.is_ready():
            return self._again
        try:
            outcome = self._attempt(account)
        except NotDue as wait:
            logger.debug("not due", account=self._name, seconds=round(wait.seconds, 1))
            return min(wait.seconds, LONGEST_WAIT_SECONDS) + self.jitter
        if outcome.run_id is None and isinstance(outcome.error, AccountBusy):
            logger.debug("another process is at work", account=self._name, reason=str(outcome.error))
            beat = self._base.settings.lease_seconds / BEATS_PER_LEASE
            return max(0.05, min(outcome.error.seconds, beat, self._base.often))
        self._tell(outcome)
        self._news.turn()
        recorded = outcome.run_id is not None and not isinstance(outcome.error, DatabaseError)
        return 0 if recorded else self._again  # at once: the database knows when the next one is due

    def _attempt(self, account: Account) -> Outcome:
        base = self._base
        try:
            with log.bound(account=account.name, **self._news.names):
                return sync(
                    base.engine, account, base.settings, trigger="schedule", timetable=base.timetable, stop=self._stop
                )
        except NotDue:
            raise
        except Exception as error:
            logger.exception("a fault of inventory itself", account=account.name)
            return Outcome(account.name, error=InventoryError(f"A fault of inventory itself: {type(error).__name__}."))

    def _tell(self, outcome: Outcome) -> None:
        """The log has what is new, the observers have it all."""
        happened = {name: count for name, count in outcome.counts.items() if count}
        run = {} if outcome.run_id is None else {"run_id": outcome.run_id}
        if outcome.error is None or happened:
            tell = logger.info if happened else logger.debug
            seconds = round(outcome.seconds, 1)
            tell("synced", account=self._name, **run, status=outcome.status, **happened, seconds=seconds)
        if isinstance(outcome.error, Interrupted):
            logger.info("interrupted", account=self._name, **run, reason=str(outcome.error))
        elif outcome.error is not None:
            self._state.failed(outcome.error, **run)
        else:
            self._state.works(**run)
        for observer in self._observers:
            try:
                observer(outcome)
            except Exception:  # noqa: BLE001 - whatever it is, a sync goes on
                tell_of = logger.debug if observer in self._deaf else logger.exception
                tell_of("an observer failed", account=self._name, **run)
                self._deaf.add(observer)
