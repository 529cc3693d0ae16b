"""Sync every account when it is due, until a signal: the loop behind `inventory run`.

Each account has one job in APScheduler (`timer.py`), which calls the account's watch (`watch.py`). The database decides
whether a run is due: by its own clock, and in the transaction that claims the run (`a-due-run-is-made-once`). So any
number of processes may check the same account, and a check that finds nothing to do costs a few small reads.

A check returns the seconds until the next one. After a run the next check is made at once: it finds that nothing is
due, and learns when something will be. Where another process is at work the next check comes within that process's
lease, since it may die.
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
    """Sync every account whenever it is due, until `stop` is set; return whether every run had ended by then.

    Wait for a database that is down. Each observer gets the Outcome of every attempt, in the account's thread. Raises
    UsageError if no account has a key, WrongSchema if waiting cannot make the database usable.
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
    """Raise the first account's UsageError if no account has a key."""
    errors = []
    for name in names:
        try:
            settings.accounts_to_sync(name)
        except UsageError as error:
            errors.append(error)
        else:
            return
    raise errors[0]
