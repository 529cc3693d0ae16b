"""Every account synced whenever it is due, until a signal: the loop behind `inventory run`.

APScheduler has one job an account, and each job has one next time: when a look at the account ends, it says in how many
seconds the next one is worth while. Whether a run is due, the database says, by its own clock and in the transaction
that claims the run, so that any number of processes may look; a look that finds nothing to do costs a few small reads.

The look after a run finds that nothing is due, and so when something will be. One that finds another process at work
comes back within that one's lease, since it may die.
"""

import threading
from collections.abc import Sequence

from sqlalchemy.engine import Engine

from inventory import __version__, background, log
from inventory.config.settings import Settings
from inventory.errors import (
    Interrupted,
    UsageError,
)
from inventory.service.shared_database import SharedDatabase
from inventory.service.timer import Timer
from inventory.service.watch import AccountWatch, Observer
from inventory.store import database

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
    base = SharedDatabase(engine, settings)
    try:
        background.wait_or_stop(background.start(base.require_ready), stop)
    except Interrupted:
        return False
    watches = {name: AccountWatch(name, base, stop, observers, crowd=len(names)) for name in names}
    return Timer(watches, stop).run()


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
