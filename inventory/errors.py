"""The exceptions of the program, each with its exit code and its `error_code`.

A class exists only if some caller treats it differently from others::

    InventoryError                       1
    ├── UsageError                       2   bad flag, setting, id, account, time
    ├── ApiError                         4   the walk could not go on
    │   ├── Unauthorized                 3   401
    │   ├── Forbidden                    3   403
    │   ├── RateLimited                  4   429 beyond the budget
    │   ├── ServerError                  4   5xx or another unexpected status, beyond the retries
    │   ├── NetworkError                 4   no connection, a time limit, a broken connection
    │   ├── BadResponse                  4   200, but not in the documented form
    │   ├── CursorLoop                   4   a cursor came twice
    │   ├── RejectedItems                4   an item without a usable id
    │   └── Interrupted                  4   a signal ended the walk
    ├── MassVanish                       5   the brake holds instances until a person decides
    ├── AccountBusy                      6   another process holds the account
    │   └── LeaseLost                    6   another process has taken over this run's lease
    ├── DatabaseError                    7   lost, locked, full
    │   └── WrongSchema                  7   not inventory's, or of another version: retrying does not help
    ├── Stale                            8   `status --max-age`
    └── BreachFound                      9   `verify`, `prune`

`str(error)` is one line for a person: what happened, what was kept, what to do. It never contains a key.
"""

import errno
from collections.abc import Iterator
from typing import ClassVar


class InventoryError(Exception):
    """An error with a message for a person. The base class means a fault of the program or of this host."""

    exit_code: ClassVar[int] = 1
    error_code: ClassVar[str | None] = None


class UsageError(InventoryError):
    """A flag, a setting, an id, an account or a time that cannot be used."""

    exit_code = 2


class ApiError(InventoryError):
    """The API did not give what a walk needs; `status` is the HTTP status, or None without an answer."""

    exit_code = 4
    error_code = "server_error"

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Unauthorized(ApiError):
    """Status 401: the API does not know the key."""

    exit_code = 3
    error_code = "unauthorized"


class Forbidden(ApiError):
    """Status 403: the key may not list compute instances."""

    exit_code = 3
    error_code = "forbidden"


class RateLimited(ApiError):
    """Status 429, with no attempt left or with a longer wait than the retry budget allows."""

    error_code = "rate_limited"


class ServerError(ApiError):
    """Status 5xx or any undocumented status, after the last attempt."""

    error_code = "server_error"


class NetworkError(ApiError):
    """No connection, a broken one, or a timeout, after the last attempt."""

    error_code = "network"


class BadResponse(ApiError):
    """Status 200 with a body that is not the documented JSON, is too large, or contradicts itself."""

    error_code = "bad_response"


class CursorLoop(ApiError):
    """A cursor that came twice. Following it would never end."""

    error_code = "cursor_loop"


class RejectedItems(ApiError):
    """An item without a usable id: the walk reached its end, but is not complete."""

    error_code = "rejected_items"


class Interrupted(ApiError):
    """A signal that ended the walk."""

    error_code = "interrupted"


class MassVanish(InventoryError):
    """More vanishing instances than `max_vanish` allows: they are held."""

    exit_code = 5
    error_code = "mass_vanish"


class AccountBusy(InventoryError):
    """An account whose lease another process holds; `seconds` is the time until it ends without a heartbeat."""

    exit_code = 6

    def __init__(self, message: str, *, seconds: float = 0) -> None:
        super().__init__(message)
        self.seconds = seconds


class LeaseLost(AccountBusy):
    """A lease that another process has taken over; nothing of this run was applied."""

    error_code = "lease_lost"


class DatabaseError(InventoryError):
    """A database that is lost, locked or full."""

    exit_code = 7
    error_code = "database"


class Collision(DatabaseError):
    """A deadlock with another session, or a serialization failure: nothing was written, and it may work at once."""


class WrongSchema(DatabaseError):
    """A database that is not inventory's, or is of another version; retrying does not help."""


class Stale(InventoryError):
    """An account without a complete run within the limit, or a database into which no account is synced."""

    exit_code = 8


class BreachFound(InventoryError):
    """A history that contradicts itself or its digests."""

    exit_code = 9


def _subclasses(kind: type[InventoryError]) -> Iterator[type[InventoryError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _subclasses(child)


ERROR_CODES = tuple(dict.fromkeys(kind.error_code for kind in _subclasses(InventoryError) if kind.error_code))
"""Every value of `sync_runs.error_code`."""


def explain_host_fault(error: BaseException) -> str | None:
    """Return a phrase that says what this host lacks or refuses; None if the error has another cause."""
    if isinstance(error, MemoryError):
        return "there is not enough memory (see `ulimit -v`)"
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return "it cannot start a thread (see `ulimit -u` and `ulimit -v`)"
    if isinstance(error, OSError) and error.errno in {errno.EMFILE, errno.ENFILE}:
        return f"{error.strerror} (see `ulimit -n`)"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return f"a library cannot be loaded: {error}" if isinstance(error, ImportError) else None
