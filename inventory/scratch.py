"""Private temporary folders, and the removal of those that are left from killed processes.

A folder is in use while a process holds the lock (`flock`) on the file `lock` in that folder. The kernel releases the
lock when the process ends, also when the process is killed.
"""

import fcntl
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from inventory.errors import DatabaseError

_PREFIX = "inventory-"
_NAME = re.compile(rf"{_PREFIX}[a-z0-9_]{{8}}")
_LOCK = "lock"
_UNLOCKED = "lock.new"
_FILES = re.compile(r"(spool|empty\.db)(-wal|-shm|-journal)?|lock(\.new)?")
"""Names of the files that the program puts into a folder. A folder with any other file is not removed."""
_DAY = 86_400
"""Age in seconds at which a folder without a lock file is removed.

A younger folder may be in use: its process does not hold the lock yet, or its file system has no locks.
"""


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield a new private folder under TMPDIR, and remove it after the block; raise DatabaseError if none can be made.

    First remove this user's folders under TMPDIR that are left from killed processes.
    """
    with ExitStack() as stack:
        try:
            _sweep()
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True)))
            # The file is locked before it gets the name `lock`. So if nobody holds the lock of a file `lock`, the
            # process that made the file has ended.
            lock = os.open(folder / _UNLOCKED, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            stack.callback(os.close, lock)
            with suppress(OSError):  # without locks in the file system, the file keeps its first name
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                (folder / _UNLOCKED).rename(folder / _LOCK)
        except OSError as error:
            raise temporary_file_failed(error) from error
        yield folder


def temporary_file_failed(error: Exception) -> DatabaseError:
    """Return the DatabaseError for a temporary file or folder that cannot be made or written."""
    try:
        place = f"{tempfile.gettempdir()} (TMPDIR)"
    except FileNotFoundError:
        place = "TMPDIR"
    return DatabaseError(
        f"A temporary file under {place} failed: {error}; nothing was applied. "
        "Give TMPDIR a folder with more room, then run again."
    )


def _sweep() -> None:
    """Remove this user's scratch folders that are not in use. Follow no link, and skip what cannot be removed."""
    with suppress(OSError):
        parent = os.open(tempfile.gettempdir(), os.O_RDONLY | os.O_DIRECTORY)
        try:
            for name in filter(_NAME.fullmatch, os.listdir(parent)):  # noqa: PTH208 - pathlib takes no descriptor
                with suppress(OSError):
                    _remove_if_unused(parent, name)
        finally:
            os.close(parent)


def _remove_if_unused(parent: int, name: str) -> None:
    """Remove the folder `name`, if this program made it and no process uses it.

    `parent` is the descriptor of the folder around it. Leave the folder if another user owns it, if it holds a file of
    another program, or if it has no lock file and was last written less than a day ago. Raise OSError if a process
    holds the lock, or if the folder cannot be removed.
    """
    folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    lock = None
    try:
        files = os.listdir(folder)  # noqa: PTH208 - pathlib takes no descriptor
        if os.fstat(folder).st_uid != os.geteuid() or not all(map(_FILES.fullmatch, files)):
            return
        if _LOCK in files:
            lock = os.open(_LOCK, os.O_RDWR | os.O_NOFOLLOW, dir_fd=folder)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises OSError if a process holds it
        elif _age(folder, files) < _DAY:
            return
        # the lock file last: after a kill in this loop, the folder still counts as one of an ended process
        for file in sorted(files, key=_LOCK.__eq__):
            os.unlink(file, dir_fd=folder)
        os.rmdir(name, dir_fd=parent)
    finally:
        for descriptor in (lock, folder):
            if descriptor is not None:
                os.close(descriptor)


def _age(folder: int, files: list[str]) -> float:
    """Return the seconds since the folder or one of its files was last written."""
    times = [
        os.fstat(folder).st_mtime,
        *(os.stat(file, dir_fd=folder, follow_symlinks=False).st_mtime for file in files),
    ]
    return time.time() - max(times)
