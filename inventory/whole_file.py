"""Write a file as a whole: first check that the file can be written, and replace the old file only at the end."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EACCES, EINVAL
from pathlib import Path
from secrets import token_hex
from typing import IO, Any

from inventory.errors import UsageError

_SQLITE = b"SQLite format 3\0"
"""The first bytes of each SQLite database."""


@contextmanager
def whole_file(path: Path, *, binary: bool = False) -> Iterator[IO[Any]]:
    """Yield a new file, open for writing. It replaces the file at `path` only if the block ends without an error.

    If `path` is a link, the new file replaces the file to which the link points. The new file has the permissions of
    the old file, as far as this user may give them (`_give_permissions`).

    Raise UsageError if the file cannot be written, if `require_replaceable` refuses `path`, or if an OSError leaves the
    block. The old file is then unchanged.
    """
    target = Path(os.path.realpath(path))
    part = target.parent / f".{target.name}.{token_hex(4)}.part"
    try:
        old = require_replaceable(path)
        with part.open("xb") if binary else part.open("x", encoding="utf-8") as file:
            if old is not None:
                _give_permissions(file.fileno(), old)
            yield file
        os.replace(part, target)  # noqa: PTH105 - replaces an existing file too
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror or error}; nothing was changed. Name another file."
        ) from error
    finally:
        with suppress(OSError):
            part.unlink()


def _give_permissions(descriptor: int, old: os.stat_result) -> None:
    """Give an open file the owner, the group and the permissions of the old file.

    Only root may change the owner, so for another user only the group is set. If the group cannot be set either, the
    present group of the file gets no permissions.
    """
    mode = old.st_mode & 0o777
    try:
        os.fchown(descriptor, old.st_uid, old.st_gid)
    except OSError:
        try:
            os.fchown(descriptor, -1, old.st_gid)
        except OSError:
            mode &= 0o707
    os.fchmod(descriptor, mode)


def require_replaceable(path: Path) -> os.stat_result | None:
    """Return the os.stat_result of the file that `whole_file` would replace, or None if no file exists at `path`.

    Raise OSError if the file must not be replaced. That is so in these cases:

    - It is a folder, or another file that is not regular.
    - It cannot be read, so nobody knows whether it is a database.
    - It is a SQLite database, which may hold the history.

    Raise OSError also for the path `-`, which usually means stdout: `whole_file` does not write there.
    """
    if str(path) == "-":
        raise OSError(EINVAL, "nothing is written to stdout")
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise OSError(EINVAL, "it is a folder")
    if not stat.S_ISREG(found.st_mode):
        raise OSError(EINVAL, "it is not a regular file")
    try:
        with path.open("rb") as file:
            begin = file.read(len(_SQLITE))
    except PermissionError:
        raise OSError(EACCES, "it cannot be read, and may be a database") from None
    if begin == _SQLITE:
        raise OSError(EINVAL, "it is a SQLite database")
    return found
