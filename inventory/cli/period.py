"""The period that --since and --until name."""

from datetime import UTC, datetime

from sqlalchemy.engine import Connection

from inventory.errors import UsageError
from inventory.store import database
from inventory.times import is_relative, parse_time


def read_period(
    connection: Connection, since: str | None, until: str | None
) -> tuple[datetime | None, datetime | None]:
    """Return both times, relative ones by the database's clock. Raise UsageError if the second is not the later one."""
    return _times(since, until, database.now(connection))


def require_period(since: str | None, until: str | None) -> None:
    """Raise UsageError if the second time is not after the first, whatever the clock says. This opens no database."""
    if since and until and is_relative(since) == is_relative(until):
        _times(since, until, datetime.now(UTC))


def _times(since: str | None, until: str | None, now: datetime) -> tuple[datetime | None, datetime | None]:
    begin, end = (None if text is None else parse_time(text, now) for text in (since, until))
    if begin is not None and end is not None and begin >= end:
        raise UsageError(f"--since {since} is not before --until {until}.")
    return begin, end
