"""Every failure a caller may want to tell from another, each with its exit code and its `error_code`.

A class exists only where someone decides differently because of it::

    InventoryError                       1
    ├── UsageError                       2   bad flag, setting, id, account, time
    ├── ApiError                         4   the walk could not go on
    │   ├── Unauthorized                 3   401
    │   ├── Forbidden                    3   403
    │   ├── RateLimited                  4   429 beyond the budget
    │   ├── ServerError                  4   5xx or another unexpected status, beyond the retries
    │   ├── NetworkError                 4   no connection, a time limit, a broken connection
    │   ├── BadResponse                  4   200, but not what was promised
    │   ├── CursorLoop                   4   a cursor came twice
    │   ├── RejectedItems                4   an item without a usable id
    │   └── Interrupted                  4   a signal ended the walk
    ├── MassVanish                       5   the brake holds instances for a person's word
    ├── AccountBusy                      6   another process holds the account
    │   └── LeaseLost                    6   another process took this run's lease over
    ├── DatabaseError                    7   lost, locked, full
    │   └── WrongSchema                  7   not ours, or of another version: waiting does not help
    ├── Stale                            8   `status --max-age`
    └── BreachFound                      9   `verify`

`str(error)` is one line for a person: what happened, what was kept, what to do. It never bears a key.
"""

import errno
from collections.abc import Iterator
from typing import ClassVar


class InventoryError(Exception):
    """A fault with a message for a person; the base says "ours", or of this host (exit 1)."""

    exit_code: ClassVar[int] = 1
    error_code: ClassVar[str | None] = None


class UsageError(InventoryError):
    """A flag, a setting, an id, an account or a time that cannot be used."""

    exit_code = 2


class ApiError(InventoryError):
    """The API did not give what a walk needs; `status` is the HTTP status, where there was one."""

    exit_code = 4
    error_code = "server_error"

    def __init__(self, message: str, *, status: int | None = None) -> None:
        """Keep the message and the HTTP status."""
        super().__init__(message)
        self.status = status


class Unauthorized(ApiError):
    """401: the key is not known."""

    exit_code = 3
    error_code = "unauthorized"


class Forbidden(ApiError):
    """403: the key may not list compute instances."""

    exit_code = 3
    error_code = "forbidden"


class RateLimited(ApiError):
    """429, and the wait asked for, or the number of attempts, is beyond the budget."""

    error_code = "rate_limited"


class ServerError(ApiError):
    """5xx, or any other status nobody promised, after the last attempt."""

    error_code = "server_error"


class NetworkError(ApiError):
    """No connection, a broken one, or one slower than the time limit, after the last attempt."""

    error_code = "network"


class BadResponse(ApiError):
    """A 200 whose body is not the JSON promised, is too large, or contradicts itself."""

    error_code = "bad_response"


class CursorLoop(ApiError):
    """A cursor came twice: following it would never end."""

    error_code = "cursor_loop"


class RejectedItems(ApiError):
    """An item without a usable id: the walk reached its end, but is not complete."""

    error_code = "rejected_items"


class Interrupted(ApiError):
    """A signal ended the walk."""

    error_code = "interrupted"


class MassVanish(InventoryError):
    """More instances would vanish than `max_vanish` allows: they are held."""

    exit_code = 5
    error_code = "mass_vanish"


class AccountBusy(InventoryError):
    """Another process holds the account's lease."""

    exit_code = 6

    def __init__(self, message: str, *, seconds: float = 0) -> None:
        """Keep the message, and in how many seconds the lease ends unless it goes on."""
        super().__init__(message)
        self.seconds = seconds


class LeaseLost(AccountBusy):
    """Another process took the lease over; nothing of this run was applied."""

    error_code = "lease_lost"


class DatabaseError(InventoryError):
    """The database is lost, locked, full, not ours, or of another version."""

    exit_code = 7
    error_code = "database"


class WrongSchema(DatabaseError):
    """The database answers, but is not inventory's, or is of another version."""


class Stale(InventoryError):
    """An account's last complete run is older than asked for."""

    exit_code = 8


class BreachFound(InventoryError):
    """The history contradicts itself or its digests."""

    exit_code = 9


def _subclasses(kind: type[InventoryError]) -> Iterator[type[InventoryError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _subclasses(child)


ERROR_CODES = tuple(dict.fromkeys(kind.error_code for kind in _subclasses(InventoryError) if kind.error_code))
"""Every value of `sync_runs.error_code`."""


def lacking(error: BaseException) -> str | None:
    """Return in words what this host lacks or refuses, if that is what the error says; else None."""
    if isinstance(error, MemoryError):
        return "there is not enough memory (see `ulimit -v`)"
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return "it cannot start a thread (see `ulimit -u` and `ulimit -v`)"
    if isinstance(error, OSError) and error.errno in {errno.EMFILE, errno.ENFILE}:
        return f"{error.strerror} (see `ulimit -n`)"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return f"a library cannot be loaded: {error}" if isinstance(error, ImportError) else None
