"""Private temporary folders, and the removal of those that killed processes left behind.

A folder is in use for as long as somebody holds the lock (`flock`) on the file `lock` in it. The kernel drops the lock
when its holder ends, however that comes.
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
"""What the program puts into such a folder. One that holds anything else is not removed."""
_DAY = 86_400
"""Age in seconds at which a folder without a lock is removed: made by an earlier version, or never finished."""


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a private folder under TMPDIR, and remove it in the end; DatabaseError where none can be made.

    Removes first what killed processes of the same user left there.
    """
    with ExitStack() as stack:
        try:
            _sweep()
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=_PREFIX)))
            # Locked before it has its name: a `lock` that nobody holds is that of a process that has ended.
            lock = os.open(folder / _UNLOCKED, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            stack.callback(os.close, lock)
            with suppress(OSError):  # a file system without locks: the folder counts as one without a lock
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                (folder / _UNLOCKED).rename(folder / _LOCK)
        except OSError as error:
            raise no_room(error) from error
        yield folder


def no_room(error: Exception) -> DatabaseError:
    """Return the error for a temporary file that cannot be written."""
    try:
        place = f"{tempfile.gettempdir()} (TMPDIR)"
    except FileNotFoundError:
        place = "TMPDIR"
    return DatabaseError(
        f"The temporary file of this run, under {place}, failed: {error}; nothing was applied. "
        "Give TMPDIR a folder with more room, then run again."
    )


def _sweep() -> None:
    """Remove the folders of this user that nobody uses. Follows no link, and leaves what cannot be removed."""
    with suppress(OSError):
        parent = os.open(tempfile.gettempdir(), os.O_RDONLY | os.O_DIRECTORY)
        try:
            for name in filter(_NAME.fullmatch, os.listdir(parent)):  # noqa: PTH208 - by descriptor
                with suppress(OSError):
                    _remove_if_unused(parent, name)
        finally:
            os.close(parent)


def _remove_if_unused(parent: int, name: str) -> None:
    """Remove one folder, unless it is another user's, is in use, or holds what this program did not put there."""
    folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    lock = None
    try:
        files = os.listdir(folder)  # noqa: PTH208 - by descriptor
        if os.fstat(folder).st_uid != os.geteuid() or not all(map(_FILES.fullmatch, files)):
            return
        if _LOCK in files:
            lock = os.open(_LOCK, os.O_RDWR | os.O_NOFOLLOW, dir_fd=folder)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises OSError where somebody holds it
        elif _age(folder, files) < _DAY:
            return
        for file in sorted(files, key=_LOCK.__eq__):  # the lock last: whoever is killed here leaves a folder with it
            os.unlink(file, dir_fd=folder)
        os.rmdir(name, dir_fd=parent)
    finally:
        for descriptor in filter(None, (lock, folder)):
            os.close(descriptor)


def _age(folder: int, files: list[str]) -> float:
    """Return the seconds since the folder or a file in it was written."""
    times = [
        os.fstat(folder).st_mtime,
        *(os.stat(file, dir_fd=folder, follow_symlinks=False).st_mtime for file in files),
    ]
    return time.time() - max(times)
