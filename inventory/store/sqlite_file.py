"""The file of a SQLite database: notice when somebody removes or replaces it.

SQLite does not notice that. An open connection continues to write into the old file. A new connection replays a
leftover `-wal` of the old file into the new one. So `SQLiteFile.open` opens every connection of an engine. This method
compares the file at the path with the one that this process opened first, or that `follow` has accepted since. The
"companions" of a database file are the `-wal`, `-shm` and `-journal` beside it.
"""

import fcntl
import os
import sqlite3
import stat
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit
from weakref import WeakSet

from inventory import log
from inventory.errors import DatabaseError

CLOSING_SECONDS = 30
"""The longest time in seconds that `follow` waits for this process to close its connections to the old file."""

_SUFFIXES = ("-wal", "-shm", "-journal")
_IN_USE_BYTE = 128  # each process that uses a `-shm` locks this byte of it: UNIX_SHM_DMS in SQLite's os_unix.c

logger = log.get(__name__)


class _FileIdentity:
    """The identity of a file: its device and inode number.

    On Linux no other file can get the same numbers while this object exists, because it holds the file open.
    """

    _descriptor: int | None = None

    def __init__(self, path: Path) -> None:
        if sys.platform == "linux":
            # O_PATH is necessary: closing any other descriptor would drop the locks that SQLite holds on the file.
            self._descriptor = os.open(path, os.O_PATH)
        self._found = path.stat() if self._descriptor is None else os.fstat(self._descriptor)

    def __del__(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)

    def is_same(self, found: os.stat_result) -> bool:
        return (found.st_dev, found.st_ino) == (self._found.st_dev, self._found.st_ino)


class _Connection(sqlite3.Connection):
    """A connection that tells its SQLiteFile when it is closed."""

    file: "SQLiteFile | None" = None
    has_wal: bool = False
    """Whether this connection has begun a transaction. In WAL mode, the `-wal` is open from then on."""

    def close(self) -> None:
        if self.file is not None and self.has_wal:
            self.file._empty_wal(self)  # noqa: SLF001 - of this module
        super().close()
        if self.file is not None:
            self.file._forget(self)  # noqa: SLF001 - of this module


class SQLiteFile:
    """The file of a SQLite database, shared by all connections of this process. Symbolic links are followed."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._real = self.path.resolve()
        self._opened: _FileIdentity | None = None
        """The file that was opened first, or that `follow` has accepted since; None before the first connection."""
        self._companions: dict[Path, _FileIdentity] = {}
        """The companions of the opened file by path. They are recorded only while that file is surely at its path."""
        self._connections: WeakSet[_Connection] = WeakSet()
        self._changed = threading.Condition(threading.RLock())

    def open(self, name: str, *, create: bool, uri: bool = False, **options: Any) -> sqlite3.Connection:
        """Return a connection. A missing file is created only with `create`, and only by the first connection.

        `name`, `uri` and `options` are arguments for `sqlite3.connect`, as SQLAlchemy makes them from the URL. Raise
        DatabaseError if the file was removed or replaced since the first connection.
        """
        with self._changed:
            self.check()
            self._make_companions_writable()
            location = _uri(name, uri=uri, create=create and self._opened is None)
            try:
                connection = sqlite3.connect(location, uri=True, factory=_Connection, **options)
            except sqlite3.OperationalError:
                self.check()  # if the file was removed since the first check, say so
                raise
            try:
                self._opened = self._opened or self._identify()
                self.check()
            except BaseException:
                connection.close()
                raise
            connection.file = self
            self._connections.add(connection)
            return connection

    def check(self, kept: str = "nothing was written") -> None:
        """Raise DatabaseError if the file was removed or replaced, or cannot be looked at.

        `kept` says what happened to the data.
        """
        with self._changed:
            if self._opened is None:
                return
            found = self._stat(self.path, kept)
            if found is None:
                raise DatabaseError(
                    f"The database file {self.path} was removed while this process worked with it; {kept}. "
                    "Put it back; or, to begin a new one, start again."
                )
            if not self._opened.is_same(found):
                raise DatabaseError(
                    f"The database file {self.path} was replaced while this process worked with it; {kept}. Run again."
                )

    @property
    def identity(self) -> object:
        """Return an object that is the same until `follow` accepts another file; None before the first connection."""
        return self._opened

    def remember_companions(self, connection: object = None) -> None:
        """Record the identities of the -wal, -shm and -journal, unless the database file was removed or replaced.

        After a replacement, these may belong to the new file. Pass a `connection` that has just begun a transaction:
        from now on, it counts as a connection that has the `-wal` open.
        """
        if isinstance(connection, _Connection):
            connection.has_wal = True
        with self._changed, suppress(OSError):
            beside = {}
            for name in self._companion_paths():
                with suppress(FileNotFoundError):
                    beside[name] = _FileIdentity(name)
            found = self._stat(self.path)
            if found is not None and self._opened is not None and self._opened.is_same(found):
                self._companions = beside

    def follow(self) -> None:
        """Accept the file that has replaced the opened one; do nothing if there is no other file at the path.

        Raise DatabaseError if the new file is empty, if SQLite would replay data of the old file into it, if this
        process does not close its connections to the old file within CLOSING_SECONDS, or if the file cannot be looked
        at.
        """
        with self._changed:
            found = self._stat(self.path)
            if self._opened is None or found is None or self._opened.is_same(found):
                return
            # a connection that closes later could take the new file's `-wal` for its own
            if not self._changed.wait_for(lambda: not self._connections, CLOSING_SECONDS):
                raise DatabaseError(
                    f"The database file {self.path} was replaced, and this process still has the old one open; "
                    "nothing was written. This process tries again."
                )
            found = self._stat(self.path)
            if found is None:
                return
            if not found.st_size:
                raise DatabaseError(
                    f"The database file {self.path} was replaced by an empty one; nothing was written. "
                    "Put a backup there; or, to begin a new one, start again."
                )
            self._raise_if_leftovers(found)
            self._opened = self._identify()
            logger.warning("the database file was replaced; going on with the new one", file=str(self.path))

    def _make_companions_writable(self) -> None:
        """Give read-only companions the mode of the database file, if that file is writable.

        SQLite creates companions with the mode of the database. A companion that was created while the database was
        read-only stays read-only.
        """
        found = self._stat(self.path)
        if found is None or not os.access(self.path, os.W_OK):
            return
        for name in self._companion_paths():
            if self._stat(name) is not None and not os.access(name, os.W_OK):
                with suppress(OSError):  # if another user owns the companion, SQLite will say that it cannot write
                    name.chmod(stat.S_IMODE(found.st_mode))

    def _raise_if_leftovers(self, database: os.stat_result) -> None:
        """Raise DatabaseError if SQLite would apply the -wal, -shm or -journal of the old file to the new one.

        `database` is the os.stat_result of the new file.
        """
        if self.path.resolve() != self._real:
            return  # a symbolic link was changed: SQLite looks for companions beside the new target
        wal, shm, journal = self._companion_paths()
        old = {name for name in (wal, journal) if self._is_old(name, database)}
        holds_data = any(found.st_size for name in old if (found := self._stat(name)))
        # If no process has the old file open, empty companions are harmless: SQLite makes a new -shm.
        shared = _is_in_use(shm) and (self._is_companion(shm) or wal in old or self._stat(wal) is None)
        if holds_data or shared:
            names = ", ".join(name.name for name in (wal, shm, journal) if self._stat(name))
            raise DatabaseError(
                f"The database file {self.path} was replaced, but {names} beside it would write the old one's data "
                "into the new one; nothing was read or written. Close what else has the old file open and remove "
                "these; if they came with the new file, start again instead."
            )

    def _is_old(self, name: Path, database: os.stat_result) -> bool:
        """Return whether a file beside the new database is a companion of the old one."""
        found = self._stat(name)
        # Another process may have made this companion after our last connection, and been killed. Then `_companions`
        # lacks it. But it is older than the ctime of the new database, which was set when the database was moved here.
        return found is not None and (self._is_companion(name) or found.st_ctime_ns < database.st_ctime_ns)

    def _is_companion(self, name: Path) -> bool:
        found = self._stat(name)
        return found is not None and name in self._companions and self._companions[name].is_same(found)

    def _companion_paths(self) -> list[Path]:
        real = self.path.resolve()
        return [real.with_name(real.name + ending) for ending in _SUFFIXES]

    def _identify(self) -> _FileIdentity:
        try:
            identity = _FileIdentity(self.path)
        except OSError as error:
            raise _unusable(self.path, error) from error
        self._real, self._companions = self.path.resolve(), {}
        return identity

    def _stat(self, path: Path, kept: str = "nothing was written") -> os.stat_result | None:
        try:
            return path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _unusable(self.path, error, kept) from error

    def _empty_wal(self, connection: _Connection) -> None:
        """Write the -wal into the old file and empty the -wal, if the database file was removed or replaced.

        If the -wal kept its content, SQLite would replay the old data into the new file. While another process reads
        the old file, the -wal cannot be emptied. If the file is still in its place, do nothing: SQLite empties the -wal
        when the last connection is closed.
        """
        try:
            self.check()
        except DatabaseError:
            with suppress(sqlite3.Error):
                connection.execute("PRAGMA busy_timeout = 0")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _forget(self, connection: _Connection) -> None:
        with self._changed:
            self._connections.discard(connection)
            if not self._connections:
                with suppress(DatabaseError):  # the next connection raises it again
                    self.remember_companions()
            self._changed.notify_all()


def _is_in_use(shm: Path) -> bool:
    """Return whether another process has a database open through this `-shm`; also true if that cannot be found out.

    Such a process locks one byte of the `-shm`. Call this only while this process has no connection to the database:
    the check would drop the locks that such a connection holds on the `-shm`.
    """
    try:
        with shm.open("r+b") as opened:
            fcntl.lockf(opened, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _IN_USE_BYTE)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def _uri(name: str, *, uri: bool, create: bool) -> str:
    """Return the URI with which SQLite opens the file; without `create`, SQLite does not create a missing one."""
    mode = "rwc" if create else "rw"
    if not uri:
        return f"file:{quote(os.fsencode(name))}?mode={mode}"
    location = name.partition("#")[0]
    if not location.startswith("file:"):
        location = f"file:{location}"
    if parse_qs(urlsplit(location).query).get("mode", ["rwc"])[-1] != "rwc":
        return location  # the caller asks for fewer rights, such as mode=ro
    return f"{location}{'&' if '?' in location else '?'}mode={mode}"


def _unusable(path: Path, error: OSError, kept: str = "nothing was written") -> DatabaseError:
    return DatabaseError(f"The database file {path} cannot be used: {error.strerror}; {kept}.")
