"""Turn the errors of a driver into a DatabaseError with a message of one line."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from inventory.config.database_url import sqlite_path
from inventory.errors import Collision, DatabaseError, Unconfirmed
from inventory.store.backend import LOCK_WAIT_SECONDS, describe, is_sqlite

_COLLISIONS = {"40001", "40P01"}
"""PostgreSQL's codes of a serialization failure and a deadlock."""

_WHEN_IT_WORKS = "Run again when the database works."

GET_THE_RIGHT = "Connect as a role that has the right, or grant it."
"""The part of a message that says what to do if a role of PostgreSQL lacks a right."""

_NO_RIGHT = "42501"
"""PostgreSQL's code of an insufficient privilege."""

_LOST = ("08", "57P")
"""The beginnings of PostgreSQL's codes for a lost connection and for a server that stops."""


@contextmanager
def as_database_error(engine: Engine, kept: str = "nothing was written") -> Iterator[None]:
    """Turn each error that SQLAlchemy raises in the block, including those of the driver, into a DatabaseError.

    Do the same with each UnicodeDecodeError. `kept` is the part of the DatabaseError's message that says what happened
    to the data.
    """
    try:
        yield
    except DBAPIError as error:
        raise explain(engine, error.orig or error, kept) from error
    except SQLAlchemyError as error:
        raise _failed(engine, " ".join(str(error).split()), kept) from error
    except UnicodeDecodeError as error:  # a name in a damaged SQLite file
        raise _failed(engine, f"it holds text that is not UTF-8 ({error.reason})", kept) from error


@contextmanager
def as_unconfirmed(engine: Engine) -> Iterator[Callable[[], None]]:
    """Raise Unconfirmed if the connection to PostgreSQL is lost during the commit at the end of the block.

    Yield a function that the block must call just before the commit. All other errors leave the block unchanged: after
    such an error the transaction is certainly rolled back.
    """
    committing = False

    def commit_begins() -> None:
        nonlocal committing
        committing = True

    try:
        yield commit_begins
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None)  # None: psycopg found the connection closed
        is_lost = state is None or state.startswith(_LOST)
        if is_sqlite(engine) or not committing or not is_lost:
            raise
        reason = " ".join(str(error.orig).split())
        raise Unconfirmed(
            f"The database {describe(engine)} failed during the commit: {reason}; it is not known whether the data "
            "was written. Look before you run again."
        ) from error


def explain(engine: Engine, cause: BaseException, kept: str) -> DatabaseError:
    """Return the DatabaseError for an error of the driver.

    `kept` is the part of the message that says what happened to the data. If another process holds a lock, or if a
    SQLite file is read-only or its disk is full, the message says more than that of the driver. If a role of PostgreSQL
    lacks a right, the message says what to do. Return a Collision for a deadlock or a serialization failure on
    PostgreSQL.
    """
    reason = " ".join(str(cause).split())
    if "database is locked" in reason or type(cause).__name__ == "LockNotAvailable":
        reason = f"locked by another process for over {LOCK_WAIT_SECONDS} s"
    if is_sqlite(engine) and ("disk is full" in reason or "disk I/O" in reason):
        reason = f"{reason} ({_free_space(engine)})"
    if is_sqlite(engine) and "readonly database" in reason:
        reason = f"{reason} (check the permissions of the file, its folder, and what ends in -wal or -shm beside it)"
    state = getattr(cause, "sqlstate", None)
    remedy = GET_THE_RIGHT if state == _NO_RIGHT else _WHEN_IT_WORKS
    failed = _failed(engine, reason, kept, remedy)
    return Collision(str(failed)) if state in _COLLISIONS else failed


def _free_space(engine: Engine) -> str:
    """Return a text with the free space, in MB, of the folder of the database and of the folder of temporary files.

    SQLite sorts in temporary files, and its message "disk is full" does not say which of the two folders is full. A
    folder whose free space cannot be read is left out.
    """
    folder = sqlite_path(engine.url) or Path()
    sorting = os.environ.get("SQLITE_TMPDIR") or os.environ.get("TMPDIR") or "/var/tmp"  # noqa: S108 - as SQLite does
    places = []
    for what, place in (("its folder", folder.absolute().parent), ("TMPDIR, where it sorts,", sorting)):
        with suppress(OSError):
            places.append(f"{what} {place} has {shutil.disk_usage(place).free / 1e6:,.1f} MB left")
    return "; ".join(places)


def _failed(engine: Engine, reason: str, kept: str, remedy: str = _WHEN_IT_WORKS) -> DatabaseError:
    return DatabaseError(f"The database {describe(engine)} failed: {reason}; {kept}. {remedy}")
