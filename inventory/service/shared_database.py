"""The database that the watches of all accounts share."""

import threading
from datetime import UTC, datetime

from sqlalchemy.engine import Engine

from inventory.config.settings import Settings
from inventory.errors import DatabaseError, WrongSchema
from inventory.service.state_log import StateLog
from inventory.store import database, schema


class SharedDatabase:
    """The engine and the settings that the watches of all accounts use.

    `require_ready` and `is_ready` prepare the database: they accept a SQLite file that has replaced the old one, and
    create or migrate the tables if `auto_migrate` is set. If waiting cannot make the database usable, for example
    because its tables are another program's, `require_ready` raises WrongSchema, and `is_ready` logs it. An outage is
    logged when it begins and when it ends.

    `run_interval` is the schedule's time from one run to the next, in seconds. It is computed once, when this object is
    made, with this host's clock. It only limits waits: the database's clock decides whether a run is due.
    """

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self.engine = engine
        self.settings = settings
        self.timetable = settings.timetable
        self.run_interval = self.timetable.interval(datetime.now(UTC))
        self._state = StateLog("the database is back", "the database cannot be used")
        self._migration_lock = threading.Lock()  # Alembic keeps its context in module globals

    def require_ready(self) -> None:
        """Prepare the database; raise WrongSchema if it cannot be used, and waiting would not help.

        Any other DatabaseError is only logged, because the watches try again.
        """
        try:
            self._prepare()
        except WrongSchema:
            raise
        except DatabaseError as error:
            self._state.failed(error)

    def is_ready(self) -> bool:
        """Prepare the database, and return whether it can be used. Log when an outage begins or ends."""
        try:
            self._prepare()
        except DatabaseError as error:
            self._state.failed(self._find_cause(error))
            return False
        self._state.succeeded()
        return True

    def _find_cause(self, error: DatabaseError) -> DatabaseError:
        """Return the error that says best why the database cannot be used: `error`, or a later one.

        If a SQLite file was replaced in the meantime and the new file cannot be used, return the error that says so.
        """
        try:
            database.follow(self.engine)
        except DatabaseError as cause:
            return cause
        return error

    def _prepare(self) -> None:
        database.follow(self.engine)
        with database.reading(self.engine) as connection:
            revision = schema.current(connection)
        if revision != schema.HEAD:
            with self._migration_lock:
                schema.prepare(self.engine, auto_migrate=self.settings.auto_migrate)
