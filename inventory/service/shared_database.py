"""The database that the watches of all accounts share."""

import threading
from datetime import UTC, datetime

from sqlalchemy.engine import Engine

from inventory.config.settings import Settings
from inventory.errors import DatabaseError, WrongSchema
from inventory.service.state_log import StateLog
from inventory.store import database, schema


class SharedDatabase:
    """The engine and the settings of all watches; follows a replaced file, migrates, and logs outages once.

    `run_interval` is the number of seconds between two runs. It is computed with this host's clock, so it only
    decides how long to wait. The database's clock decides whether a run is due.
    """

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self.engine = engine
        self.settings = settings
        self.timetable = settings.timetable
        self.run_interval = self.timetable.interval(datetime.now(UTC))
        self._state = StateLog("the database is back", "the database cannot be used")
        self._migration_lock = threading.Lock()  # Alembic keeps its context in module globals

    def require_ready(self) -> None:
        """Raise WrongSchema if waiting cannot help. An outage is logged only: the watches try again."""
        try:
            self._prepare()
        except WrongSchema:
            raise
        except DatabaseError as error:
            self._state.failed(error)

    def is_ready(self) -> bool:
        """Return whether the database can be used now, and log it if that has changed."""
        try:
            self._prepare()
        except DatabaseError as error:
            self._state.failed(self._find_cause(error))
            return False
        self._state.succeeded()
        return True

    def _find_cause(self, error: DatabaseError) -> DatabaseError:
        """Return the error that explains it best.

        If a SQLite file was replaced meanwhile and the new one cannot be used, that is the error that says so.
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
