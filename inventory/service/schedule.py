"""Sync every account when it is due, until a signal: the loop behind `inventory run`.

Each account has one job in APScheduler (`timer.py`). The job calls `AccountWatch.check` (`watch.py`), which makes a run
if one is due. Whether a run is due follows from the database's clock, in the transaction that opens the run
(`a-due-run-is-made-once`). So any number of processes may check the same account. A check that finds nothing to do only
costs a few small reads.

A check returns the seconds until the next check of the account. After a run that was recorded it returns 0: the next
check finds that no run is due, and learns when one will be. After a failure that was not recorded, it returns at most
RETRY_SECONDS. If another process works on the account, the next check is made at the latest when the lease of that
process ends, because that process may die.
"""

import threading
from collections.abc import Sequence

from sqlalchemy.engine import Engine

from inventory import __version__, background, log
from inventory.config.settings import Settings
from inventory.errors import Interrupted, UsageError
from inventory.service.shared_database import SharedDatabase
from inventory.service.timer import Timer
from inventory.service.watch import AccountWatch, Observer
from inventory.store import database

logger = log.get(__name__)


def sync_on_schedule(
    engine: Engine, settings: Settings, *, stop: threading.Event, observers: Sequence[Observer] = ()
) -> bool:
    """Sync every account whenever it is due, until `stop` is set.

    Return whether every run ended within GRACE_SECONDS (`background.py`) after `stop` was set. If `stop` was set before
    the database had answered, return False. If the database is down, wait for it. Raise UsageError if no account has a
    key, and WrongSchema if waiting cannot make the database usable.

    After each attempt, each observer is called with the Outcome, in the thread that made the attempt. No observer is
    called if no run was due, if another process works on the account, or if the database could not be prepared.
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
    shared = SharedDatabase(engine, settings)
    try:
        background.wait_or_stop(background.start(shared.require_ready), stop)
    except Interrupted:
        return False
    watches = {name: AccountWatch(name, shared, stop, observers, number_of_accounts=len(names)) for name in names}
    return Timer(watches, stop).run()


def _require_a_key(settings: Settings, names: Sequence[str]) -> None:
    """If no key is usable, raise the UsageError of the first account."""
    errors = []
    for name in names:
        try:
            settings.accounts_to_sync(name)
        except UsageError as error:
            errors.append(error)
        else:
            return
    raise errors[0]
