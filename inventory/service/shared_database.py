"""The database that the watches of all accounts share: follow it, migrate it, log when it fails and when it is back."""

import threading
from datetime import UTC, datetime

from sqlalchemy.engine import Engine

from inventory.config.settings import Settings
from inventory.errors import DatabaseError, WrongSchema
from inventory.service.state_log import StateLog
from inventory.store import database, schema


class SharedDatabase:
    """The database and the settings, which all accounts share."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self.engine = engine
        self.settings = settings
        self.timetable = settings.timetable
        self.often = self.timetable.interval(datetime.now(UTC))
        """Seconds between two runs, about: nothing is decided by this host's clock."""
        self._state = StateLog("the database is back", "the database cannot be used")
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
