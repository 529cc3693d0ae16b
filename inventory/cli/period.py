"""Read and check the period that --since and --until give."""

from datetime import UTC, datetime

from sqlalchemy.engine import Connection

from inventory.errors import UsageError
from inventory.store import database
from inventory.times import is_relative, parse_time


def read_period(
    connection: Connection, since: str | None, until: str | None
) -> tuple[datetime | None, datetime | None]:
    """Return both times in UTC; None stays None. A relative time such as `2d` counts back from the database's clock.

    Raise UsageError if a text is no time, or if `since` is not before `until`.
    """
    return _times(since, until, database.now(connection))


def require_period(since: str | None, until: str | None) -> None:
    """Raise UsageError if `since` is not before `until`. Call this before the database is opened.

    Two absolute times are compared, and so are two relative ones. To compare an absolute time with a relative one, the
    database's clock is needed: only `read_period` does that.
    """
    if since and until and is_relative(since) == is_relative(until):
        _times(since, until, datetime.now(UTC))


def _times(since: str | None, until: str | None, now: datetime) -> tuple[datetime | None, datetime | None]:
    begin, end = (None if text is None else parse_time(text, now) for text in (since, until))
    if begin is not None and end is not None and begin >= end:
        raise UsageError(f"--since {since} is not before --until {until}.")
    return begin, end
