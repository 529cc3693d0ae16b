"""Decide which process delivers the checkpoint of an account, and record when it was delivered.

Each log has one delivery on each day (UTC) on which its account is synced. `accounts.checkpoint_at` is the time of the
last one. It is set first, in a transaction that the delivery to a folder is a part of, so that only one process
delivers. If the delivery fails, the transaction is rolled back, or `hand_back` restores the earlier time: the next run
tries again.
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement

from inventory.store.tables import accounts


@dataclass(frozen=True)
class Claim:
    """The right and the duty to deliver a checkpoint of an account."""

    account: str
    claimed_at: datetime
    earlier: datetime | None
    """The time of the delivery before."""


def is_due(connection: Connection, account: str, now: datetime) -> bool:
    """Return whether the account has a log of which no checkpoint was delivered on this day (UTC)."""
    return connection.scalar(sa.select(accounts.c.account).where(*_due(account, now))) is not None


def claim(connection: Connection, account: str, now: datetime) -> Claim | None:
    """Record a delivery at this time and return the claim; None if another process has delivered on this day."""
    earlier = connection.scalar(sa.select(accounts.c.checkpoint_at).where(accounts.c.account == account))
    claimed = connection.execute(sa.update(accounts).where(*_due(account, now)).values(checkpoint_at=now)).rowcount
    return Claim(account, now, earlier) if claimed else None


def hand_back(connection: Connection, claimed: Claim) -> None:
    """Record that a delivery has failed, unless another one was recorded after it."""
    row = accounts.c
    connection.execute(
        sa.update(accounts)
        .where(row.account == claimed.account, row.checkpoint_at == claimed.claimed_at)
        .values(checkpoint_at=claimed.earlier)
    )


def _due(account: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions. A delivery in the future does not count: the clock stepped back after it."""
    row, today = accounts.c, now.replace(hour=0, minute=0, second=0, microsecond=0)
    delivered = sa.or_(row.checkpoint_at.is_(None), row.checkpoint_at < today, row.checkpoint_at > now)
    return row.account == account, row.log_id.is_not(None), delivered
