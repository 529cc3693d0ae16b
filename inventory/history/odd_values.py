"""Distinguish errors that a value in the database causes from faults of the program."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import Connection

from inventory.errors import BreachFound
from inventory.history.verify import verify_history
from inventory.store import database

_ODD_VALUE = (ValueError, TypeError, AttributeError, LookupError, OverflowError, RecursionError, struct.error)
"""The errors of code that meets a value of another type or form than it expects."""


@contextmanager
def odd_values_as_breach(connection: Connection, kept: str, account: str | None = None) -> Iterator[None]:
    """Raise BreachFound if an odd value of the history, such as a text in a column of numbers, stops the block.

    SQLite stores any value in any column. If the block raises one of the errors _ODD_VALUE, the history of the account
    is verified; if `account` is None, the history of all accounts. If no breach is found, the error is a fault of the
    program, and is raised as it is. `kept` is a part of the message of BreachFound: it says what became of the block's
    work.
    """
    try:
        yield
    except _ODD_VALUE as error:
        # by another connection: the error may have ended the transaction of this one
        with database.reading(connection.engine) as other:
            found = verify_history(other, account=account)
        if not found.count:
            raise
        whose = "" if account is None else f"Account {account}: "
        raise BreachFound(
            f"{whose}{'T' if account is None else 't'}he history holds a value that no run has written; {kept}. "
            "`inventory verify` names it; compare with a backup."
        ) from error
