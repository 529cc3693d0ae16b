"""Every account synced whenever it is due, until a signal: the loop behind `inventory run`.

APScheduler has one job an account, and each job has one next time: when a look at the account ends, it says in how many
seconds the next one is worth while. Whether a run is due, the database says, by its own clock and in the transaction
that claims the run, so that any number of processes may look; a look that finds nothing to do costs a few small reads.

The look after a run finds that nothing is due, and so when something will be. One that finds another process at work
comes back within that one's lease, since it may die.
"""

import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from queue import SimpleQueue
from typing import Any

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED
from apscheduler.executors.base import BaseExecutor, run_job
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.date import DateTrigger
from sqlalchemy.engine import Engine

from inventory import __version__, background, log
from inventory.config.keys import Account
from inventory.config.settings import Settings
from inventory.errors import (
    AccountBusy,
    DatabaseError,
    Interrupted,
    InventoryError,
    LeaseLost,
    MassVanish,
    UsageError,
    WrongSchema,
)
from inventory.history.runs import BEATS_PER_LEASE, NotDue
from inventory.store import database, schema
from inventory.sync import Outcome, sync
from inventory.times import brief

AT_ONCE = 32
"""Runs at once in one process. Their short transactions share the engine's pool of 15 connections, each waiting up to
30 s for one: several processes stay below PostgreSQL's usual 100 connections even when all accounts are due at once."""

GRACE_SECONDS = 8
"""After the signal, so long for walks to be recorded: less than the 10 s after which Docker kills."""

TRY_AGAIN_SECONDS = 30
"""The longest wait after an attempt that left no run: no database, no key."""

LONGEST_WAIT_SECONDS = 3600
"""An account is looked at so often at least: the clocks of this host and of the database may part."""

CLOCK_LOOK_SECONDS = 5

Observer = Callable[[Outcome], None]

logger = log.get(__name__)


def serve(engine: Engine, settings: Settings, *, stop: threading.Event, observers: Sequence[Observer] = ()) -> bool:
    """Sync every account whenever it is due, until `stop` is set; whether all work had ended by then.

    Raises UsageError where no account has a key, and WrongSchema where the database is not one to work with; a
    database that is away is waited for. Each observer gets the Outcome of every attempt, from the account's thread.
    """
    names = settings.names_to_sync()
    _require_a_key(settings, names)
    logger.info(
        "started",
        version=__version__,
        database=database.describe(engine),
        accounts=", ".join(names),
        schedule=str(settings.timetable),
    )
    base = _Base(engine, settings)
    try:
        background.wait_or_stop(background.start(base.require_ready), stop)
    except Interrupted:
        return False
    watches = {name: _Watch(name, base, stop, observers, crowd=len(names)) for name in names}
    return _Timer(watches, stop).run()


class _State:
    """Well or failing, and told once for each change."""

    def __init__(self, well: str, failing: str, **names: str) -> None:
        self._words = well, failing
        self._names = names
        self._kind: type | None = None
        self._since = 0.0
        self._lock = threading.Lock()

    def failed(self, error: InventoryError, **names: Any) -> None:
        """It fails for this reason."""
        kind = type(error)
        with self._lock:
            tell = logger.debug if kind is self._kind else logger.warning if _waits(error) else logger.error
            words = "instances are held" if isinstance(error, MassVanish) else self._words[1]
            tell(words, **self._names, **names, code=error.error_code, reason=str(error))
            if self._kind is None:
                self._since = time.monotonic()
            self._kind = kind

    def works(self, **names: Any) -> None:
        """It is well."""
        with self._lock:
            if self._kind is not None:
                after = brief(timedelta(seconds=time.monotonic() - self._since))
                logger.info(self._words[0], **self._names, **names, after=after)
            self._kind = None


class _Base:
    """The database and the settings, which all accounts share."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self.engine = engine
        self.settings = settings
        self.timetable = settings.timetable
        self.often = self.timetable.interval(datetime.now(UTC))
        """Seconds between two runs, about: nothing is decided by this host's clock."""
        self._state = _State("the database is back", "the database cannot be used")
        self._migrating = threading.Lock()  # Alembic keeps what it works on in its module

    def require_ready(self) -> None:
        """Return where the database can be used, or may be later; else WrongSchema."""
        try:
            self._prepare()
        except WrongSchema:
            raise
        except DatabaseError as error:
            self._state.failed(error)

    def is_ready(self) -> bool:
        """Whether the database can be used now."""
        try:
            self._prepare()
        except DatabaseError as error:
            self._state.failed(error)
            return False
        self._state.works()
        return True

    def _prepare(self) -> None:
        database.follow(self.engine)
        with database.reading(self.engine) as connection:
            found = schema.current(connection)
        if found != schema.HEAD:
            with self._migrating:
                schema.prepare(self.engine, auto_migrate=self.settings.auto_migrate)


class _Watch:
    """One account: looked at, synced where it is due, told of."""

    def __init__(
        self, name: str, base: _Base, stop: threading.Event, observers: Sequence[Observer], *, crowd: int
    ) -> None:
        self._name = name
        self._base = base
        self._stop = stop
        self._observers = observers
        self._deaf: set[Observer] = set()
        self._again = min(TRY_AGAIN_SECONDS, base.often)
        self._spread = min(base.often / 20, (crowd - 1) / 10)
        self._state = _State("sync works again", "sync failed", account=name)
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


class _Timer:
    """APScheduler, and a job for each account."""

    def __init__(self, watches: dict[str, _Watch], stop: threading.Event) -> None:
        self._watches = watches
        self._stop = stop
        self._threads = _Threads(min(len(watches), AT_ONCE))
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


class _Threads(BaseExecutor):  # type: ignore[misc] # APScheduler bears no types
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


def _require_a_key(settings: Settings, names: Sequence[str]) -> None:
    """Return where any account has a key; else the first one's UsageError."""
    errors = []
    for name in names:
        try:
            settings.accounts_to_sync(name)
        except UsageError as error:
            errors.append(error)
        else:
            return
    raise errors[0]


def _waits(error: InventoryError) -> bool:
    """Whether it is for a person to settle, or for another process, and nothing is broken."""
    return isinstance(error, MassVanish | LeaseLost)


def _wall() -> float:
    """What the time of day is ahead of a clock that nobody sets and that sleeps when the machine does."""
    return time.time() - time.monotonic()
