"""The exceptions of the program, with their exit codes and their values of `sync_runs.error_code`.

A failure has a class of its own only if some caller treats the failure differently. The number is the exit code::

    InventoryError                       1
    ├── UsageError                       2   bad flag, setting, id, account, time
    ├── ApiError                         4   the walk could not go on
    │   ├── Unauthorized                 3   401
    │   ├── Forbidden                    3   403
    │   ├── RateLimited                  4   429 on the last attempt, or with too long a wait
    │   ├── ServerError                  4   5xx or another unexpected status
    │   ├── NetworkError                 4   no connection, a timeout, a broken connection
    │   ├── BadResponse                  4   200, but not as documented; or an id or cursor that no request can carry
    │   ├── CursorLoop                   4   a list without an end: a cursor came twice, for example
    │   ├── RejectedItems                4   an item that cannot be kept: without a usable id, for example
    │   └── Interrupted                  4   a signal ended the walk or other work
    ├── MassVanish                       5   the brake holds instances until a person decides
    ├── AccountBusy                      6   another process holds the account's lease, or uses the same folder
    │   └── LeaseLost                    6   another process has taken over the lease of this run or other work
    ├── DatabaseError                    7   missing, locked, full, damaged
    │   ├── Collision                    7   a deadlock or a serialization failure: retrying may help at once
    │   ├── Unconfirmed                  7   the connection was lost during a commit: the commit may have succeeded
    │   └── WrongSchema                  7   not inventory's, or of another version, for example: retrying does not help
    ├── Stale                            8   no complete run for too long: `inventory status`
    └── BreachFound                      9   a contradiction in the history, in an export or with a checkpoint

`str(error)` is one line for a person: what happened, what was kept, what to do. No key is ever in this line.
"""

import errno
from collections.abc import Iterator
from typing import ClassVar


class InventoryError(Exception):
    """An error with a message for a person. If the error is of no subclass, the program or the host has a fault.

    `error_code` is None if the error has no code in `sync_runs`.
    """

    exit_code: ClassVar[int] = 1
    error_code: ClassVar[str | None] = None


class UsageError(InventoryError):
    """A flag, a setting, an id, an account or a time that cannot be used."""

    exit_code = 2


class ApiError(InventoryError):
    """A failure of a walk, or of a request for one instance by its id.

    `status` is the HTTP status of the answer, or None if the error is not about the status of one answer.
    """

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
    """Status 429 on the last attempt, or with a longer wait in Retry-After than `retry_max_wait` allows."""

    error_code = "rate_limited"


class ServerError(ApiError):
    """Status 5xx or any other unexpected status.

    For a status that is retried, the error is raised after the last attempt, or if Retry-After asks for a longer wait
    than `retry_max_wait` allows.
    """

    error_code = "server_error"


class NetworkError(ApiError):
    """No connection, a broken connection, or a timeout on the last attempt; or a proxy that refuses to connect."""

    error_code = "network"


class BadResponse(ApiError):
    """Status 200 with a body that is not the documented JSON, is too large, or contradicts itself or the request.

    Also an id or a cursor from the API that no request can carry.
    """

    error_code = "bad_response"


class CursorLoop(ApiError):
    """A list without an end.

    A cursor came twice or was empty, many pages in a row brought no new id, or the list has too many items.
    """

    error_code = "cursor_loop"


class RejectedItems(ApiError):
    """One or more rejected items: the walk reached the end of the list, but is not complete."""

    error_code = "rejected_items"


class Interrupted(ApiError):
    """A signal that ended a walk or other work."""

    error_code = "interrupted"


class MassVanish(InventoryError):
    """Instances that this run or an earlier run holds, because more would have vanished than `max_vanish` allows."""

    exit_code = 5
    error_code = "mass_vanish"


class AccountBusy(InventoryError):
    """An account that another process works on or has just renamed, or a folder that another process uses.

    `seconds` is the time until the lease ends if no further heartbeat comes; 0 if that is not known.
    """

    exit_code = 6

    def __init__(self, message: str, *, seconds: float = 0) -> None:
        super().__init__(message)
        self.seconds = seconds


class LeaseLost(AccountBusy):
    """A lease that another process has taken over.

    If it was the lease of a run, nothing of the run was applied. If it was that of `prune`, what `prune` had folded
    until then stays folded.
    """

    error_code = "lease_lost"


class DatabaseError(InventoryError):
    """A database or a temporary file that cannot be used: it is missing, locked, full or damaged, for example.

    Also an OSError of this host that ended a run.
    """

    exit_code = 7
    error_code = "database"


class Collision(DatabaseError):
    """A deadlock with another session, or a serialization failure.

    Nothing was written. The same transaction may succeed when it is made again at once.
    """


class Unconfirmed(DatabaseError):
    """The loss of the connection during a commit. It is not known whether the transaction was committed."""


class WrongSchema(DatabaseError):
    """A database that cannot be used as it is. Retrying does not help.

    The database is empty, holds tables of another program, or has another revision of the schema. Or it is in
    PostgreSQL, but not in UTF-8. Or the server, or this Python's SQLite library, is too old.
    """


class Stale(InventoryError):
    """An account that is stale, or a database into which no account is synced.

    An account is stale if it has no complete run, if its last complete run is longer ago than `--max-age`, or if its
    last attempt is in the future.
    """

    exit_code = 8


class BreachFound(InventoryError):
    """A contradiction in the history, or between the history and a digest, a log entry, a checkpoint or an export."""

    exit_code = 9


def _subclasses(kind: type[InventoryError]) -> Iterator[type[InventoryError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _subclasses(child)


ERROR_CODES = tuple(dict.fromkeys(kind.error_code for kind in _subclasses(InventoryError) if kind.error_code))
"""Every value that `sync_runs.error_code` can have, except null."""


def explain_host_fault(error: BaseException) -> str | None:
    """Return a phrase that says what this host lacks or refuses; None if this host is not the cause of the error."""
    if isinstance(error, MemoryError):
        return "there is not enough memory (see `ulimit -v`)"
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return "it cannot start a thread (see `ulimit -u` and `ulimit -v`)"
    if isinstance(error, OSError) and error.errno in {errno.EMFILE, errno.ENFILE}:
        return f"{error.strerror} (see `ulimit -n`)"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return f"a library cannot be loaded: {error}" if isinstance(error, ImportError) else None
