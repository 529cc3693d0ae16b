"""Read the heads of the accounts' logs: the size of each, and the root of its tree."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from inventory.merkle import Frontier
from inventory.store.tables import accounts, damaged


@dataclass(frozen=True)
class LogHead:
    """The id of an account's log, with its present number of entries and root."""

    account: str
    log_id: str
    size: int
    root: bytes


def read_log_ids(connection: Connection, account: str | None = None) -> dict[str, str | None]:
    """Return the id of each account's log, by the name of the account.

    If `account` is given, the dict has only this account. An id is None if the account has no log: no run or act has
    begun one.
    """
    row = accounts.c
    query = sa.select(row.account, row.log_id).order_by(row.account)
    wanted = query if account is None else query.where(row.account == account)
    return {found.account: found.log_id for found in connection.execute(wanted)}


def read_heads(connection: Connection, account: str | None = None) -> list[LogHead]:
    """Return the head of each account's log. If `account` is given, return only the head of its log.

    Raise DatabaseError if a log is damaged.
    """
    row = accounts.c
    query = sa.select(row.account, row.log_id, row.log_size, row.log_frontier).where(row.log_id.is_not(None))
    wanted = query if account is None else query.where(row.account == account)
    heads = []
    for name, log_id, size, hashes in connection.execute(wanted.order_by(row.account)):
        try:
            root = Frontier(size, hashes).root()
        except (ValueError, TypeError):
            raise damaged(f"the log of account {name} has hashes that do not fit its size") from None
        heads.append(LogHead(name, log_id, size, root))
    return heads
