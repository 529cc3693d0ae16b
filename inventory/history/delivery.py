"""Decide which process delivers the checkpoint of an account, and record when it was delivered.

A checkpoint of each log is delivered at most once a day (UTC), unless the clock is set back. `accounts.checkpoint_at`
is the time of the last delivery. `claim` sets it before anything is delivered, so that only one of several processes
delivers. The file of the checkpoint is written in the same transaction. If the file cannot be written, the transaction
is rolled back. The alert channels get the checkpoint after the commit. If none of them accepts it, `hand_back` restores
the earlier time. After either failure the next run tries again.
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement

from inventory.store.tables import accounts


@dataclass(frozen=True)
class Claim:
    """A delivery that was recorded before it is made. The process that has the Claim makes the delivery."""

    account: str
    claimed_at: datetime
    earlier: datetime | None
    """The time of the delivery before this one; None if there was none."""


def is_due(connection: Connection, account: str, now: datetime) -> bool:
    """Return whether a checkpoint of the account's log is due for delivery at `now`.

    It is due if none was delivered so far on the day of `now` (UTC). It is never due for an account without a log.
    """
    return connection.scalar(sa.select(accounts.c.account).where(*_due(account, now))) is not None


def claim(connection: Connection, account: str, now: datetime) -> Claim | None:
    """Record a delivery at the time `now` and return its Claim. Return None if no delivery is due any more."""
    earlier = connection.scalar(sa.select(accounts.c.checkpoint_at).where(accounts.c.account == account))
    claimed = connection.execute(sa.update(accounts).where(*_due(account, now)).values(checkpoint_at=now)).rowcount
    return Claim(account, now, earlier) if claimed else None


def hand_back(connection: Connection, claimed: Claim) -> None:
    """Restore the time `claimed.earlier` after the delivery failed, unless another delivery was recorded since."""
    row = accounts.c
    connection.execute(
        sa.update(accounts)
        .where(row.account == claimed.account, row.checkpoint_at == claimed.claimed_at)
        .values(checkpoint_at=claimed.earlier)
    )


def _due(account: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions on the row of `accounts` under which a delivery is due.

    A delivery with a time in the future does not count: the clock was set back after it.
    """
    row, today = accounts.c, now.replace(hour=0, minute=0, second=0, microsecond=0)
    delivered = sa.or_(row.checkpoint_at.is_(None), row.checkpoint_at < today, row.checkpoint_at > now)
    return row.account == account, row.log_id.is_not(None), delivered
