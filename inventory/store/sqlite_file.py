"""The file of a SQLite database, and whether it is still the one that this process opened.

SQLite does not notice when its file is removed or replaced: it goes on writing into the old one, and a `-wal` that the
old one left behind is replayed into whatever lies at the path by then. So every connection is opened here, which
compares the file at the path with the one that was opened first.
"""

import fcntl
import os
import sqlite3
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
"""How long `follow` waits for this process's own connections to the old file."""

_BESIDE = ("-wal", "-shm", "-journal")
_IN_USE_BYTE = 128  # UNIX_SHM_DMS in SQLite's os_unix.c

logger = log.get(__name__)


class _Known:
    """A file that is known again. On Linux no other file gets its inode number while this object lives."""

    _descriptor: int | None = None

    def __init__(self, path: Path) -> None:
        """Raise FileNotFoundError if there is no such file."""
        if sys.platform == "linux":
            # Only O_PATH will do: closing any other descriptor of the file drops the locks that SQLite holds on it.
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
    """Whether it has opened the -wal, whatever lies at that path by now."""

    def close(self) -> None:
        if self.file is not None and self.has_wal:
            self.file._empty_wal(self)  # noqa: SLF001 - of this module
        super().close()
        if self.file is not None:
            self.file._closed(self)  # noqa: SLF001 - of this module


class SQLiteFile:
    """The file of a SQLite database, shared by all of a process's connections to it. Symbolic links are followed."""

    def __init__(self, path: Path) -> None:
        """Open nothing yet."""
        self.path = path.absolute()
        self._real = self.path.resolve()
        self._known: _Known | None = None
        """The file that was opened first, or that `follow` accepted since; None before the first connection."""
        self._beside: dict[Path, _Known] = {}
        """The files that lay beside the known one when they were last known to be its own."""
        self._connections: WeakSet[_Connection] = WeakSet()
        self._changed = threading.Condition(threading.RLock())

    def open(self, name: str, *, create: bool, uri: bool = False, **options: Any) -> sqlite3.Connection:
        """Return a connection; only with `create`, and only the first, makes a file that is not there.

        Raises DatabaseError where the file was removed or replaced since the first connection.
        """
        with self._changed:
            self.check()
            place = _place(name, uri=uri, create=create and self._known is None)
            connection = sqlite3.connect(place, uri=True, factory=_Connection, **options)
            try:
                self._known = self._known or self._know()
                self.check()
            except BaseException:
                connection.close()
                raise
            connection.file = self
            self._connections.add(connection)
            return connection

    def check(self, kept: str = "nothing was written") -> None:
        """Return if the known file is in its place; else DatabaseError. `kept` says what became of the data."""
        with self._changed:
            if self._known is None:
                return
            found = self._look(self.path)
            if found is None:
                raise DatabaseError(
                    f"The database file {self.path} was removed while this process worked with it; {kept}. "
                    "Put it back; or, to begin a new one, start again."
                )
            if not self._known.is_same(found):
                raise DatabaseError(
                    f"The database file {self.path} was replaced while this process worked with it; {kept}. Run again."
                )

    @property
    def identity(self) -> object:
        """Return an object that stays the same until `follow` accepts another file."""
        return self._known

    def note(self, connection: object = None) -> None:
        """Remember what lies beside the file, unless it was removed or replaced and that may be another one's.

        `connection` has begun a transaction, and by that has opened what lies there.
        """
        if isinstance(connection, _Connection):
            connection.has_wal = True
        with self._changed, suppress(OSError):
            beside = {}
            for name in self._names():
                with suppress(FileNotFoundError):
                    beside[name] = _Known(name)
            found = self._look(self.path)
            if found is not None and self._known is not None and self._known.is_same(found):
                self._beside = beside

    def follow(self) -> None:
        """Accept the file that has replaced the known one; return also where nothing was replaced.

        Raises DatabaseError where the new file is empty, or where SQLite would replay into it what the old one left.
        """
        with self._changed:
            found = self._look(self.path)
            if self._known is None or found is None or self._known.is_same(found):
                return
            # one that closes later could take the new file's `-wal` for its own
            if not self._changed.wait_for(lambda: not self._connections, CLOSING_SECONDS):
                raise DatabaseError(
                    f"The database file {self.path} was replaced, and this process still has the old one open; "
                    "nothing was written. It tries again."
                )
            found = self._look(self.path)
            if found is None:
                return
            if not found.st_size:
                raise DatabaseError(
                    f"The database file {self.path} was replaced by an empty one; nothing was written. "
                    "Put a backup there; or, to begin a new one, start again."
                )
            self._refuse_remains(found)
            self._known = self._know()
            logger.warning("the database file was replaced; going on with the new one", file=str(self.path))

    def _refuse_remains(self, database: os.stat_result) -> None:
        """Raise DatabaseError if SQLite would use what the old file left beside the new database."""
        if self.path.resolve() != self._real:
            return  # a link leads elsewhere, to files of other names
        wal, shm, journal = self._names()
        old = {name for name in (wal, journal) if self._is_old(name, database)}
        holds_data = any(found.st_size for name in old if (found := self._look(name)))
        # Without data they do no harm, unless somebody still works with the old file: else SQLite makes the -shm anew.
        shared = _is_in_use(shm) and (self._is_noted(shm) or wal in old or self._look(wal) is None)
        if holds_data or shared:
            names = ", ".join(name.name for name in (wal, shm, journal) if self._look(name))
            raise DatabaseError(
                f"The database file {self.path} was replaced, but {names} beside it would write the old one's data "
                "into the new one; nothing was read or written. Close what else has the old file open and remove "
                "these; if they came with the new file, start again instead."
            )

    def _is_old(self, name: Path, database: os.stat_result) -> bool:
        """Whether a file beside the new database was made for the old one."""
        found = self._look(name)
        # A process that came after our last connection, and was killed, leaves a file that is not in `_beside`. But
        # nobody has touched it since the new file came to its place, which sets that one's ctime.
        return found is not None and (self._is_noted(name) or found.st_ctime_ns < database.st_ctime_ns)

    def _is_noted(self, name: Path) -> bool:
        found = self._look(name)
        return found is not None and name in self._beside and self._beside[name].is_same(found)

    def _names(self) -> list[Path]:
        real = self.path.resolve()
        return [real.with_name(real.name + ending) for ending in _BESIDE]

    def _know(self) -> _Known:
        try:
            known = _Known(self.path)
        except OSError as error:
            raise _unusable(self.path, error) from error
        self._real, self._beside = self.path.resolve(), {}
        return known

    def _look(self, path: Path) -> os.stat_result | None:
        try:
            return path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _unusable(self.path, error) from error

    def _empty_wal(self, connection: _Connection) -> None:
        """Bring what is in the -wal of a replaced file into that file: SQLite would replay it into the new one.

        SQLite does so itself at the last close, but not where the file is not in its place. What another process that
        has the old file open needs stays.
        """
        try:
            self.check()
        except DatabaseError:
            with suppress(sqlite3.Error):
                connection.execute("PRAGMA busy_timeout = 0")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _closed(self, connection: _Connection) -> None:
        with self._changed:
            self._connections.discard(connection)
            if not self._connections:
                with suppress(DatabaseError):  # the next connection meets it, too
                    self.note()
            self._changed.notify_all()


def _is_in_use(shm: Path) -> bool:
    """Whether somebody has a database open by this `-shm`: SQLite then holds a lock on one byte of it."""
    try:
        # closing it drops the locks of this process, which has no connection now
        with shm.open("r+b") as opened:
            fcntl.lockf(opened, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _IN_USE_BYTE)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def _place(name: str, *, uri: bool, create: bool) -> str:
    """Return the URI by which SQLite opens a file and, unless it may create it, only one that is there."""
    mode = "rwc" if create else "rw"
    if not uri:
        return f"file:{quote(os.fsencode(name))}?mode={mode}"
    place = name.partition("#")[0]
    if not place.startswith("file:"):
        place = f"file:{place}"
    if parse_qs(urlsplit(place).query).get("mode", ["rwc"])[-1] != "rwc":
        return place  # less than that was asked for
    return f"{place}{'&' if '?' in place else '?'}mode={mode}"


def _unusable(path: Path, error: OSError) -> DatabaseError:
    return DatabaseError(f"The database file {path} cannot be used: {error.strerror}; nothing was written.")
