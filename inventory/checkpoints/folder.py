"""Files of checkpoints: write one file per log into a folder, and read the files that an auditor has kept.

The folder may be a git repository. The file of a log keeps its name, and each new checkpoint replaces the whole file.
So each commit of the file has one checkpoint.
"""

import fcntl
import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from stat import S_ISDIR, S_ISREG

from inventory.checkpoints.checkpoint import SUFFIX, Checkpoint, CheckpointNote, parse_checkpoints
from inventory.checkpoints.signed_note import Note, NoteError
from inventory.errors import AccountBusy, BreachFound, UsageError

MAX_BYTES = 1 << 20
"""The size in bytes of the largest file of checkpoints that is read. A larger file is refused."""

_ID_DIGITS = 8
"""How many digits of a log's id are in the name of the log's file. They are the first digits of the id."""

LOCK_WAIT_SECONDS = 10.0
"""How long to wait while another process writes a checkpoint into the folder. A write usually takes milliseconds."""


@dataclass(frozen=True)
class KeptCheckpoint:
    """A checkpoint that was read from a file."""

    file: Path
    found: CheckpointNote

    @property
    def checkpoint(self) -> Checkpoint:
        """Return the checkpoint without its signatures."""
        return self.found.checkpoint


def write_checkpoint(
    folder: Path, account: str, checkpoint: Checkpoint, note: Note, *, wait_seconds: float | None = None
) -> Path:
    """Write the note of a checkpoint into the file of its log, and return the file. Make the folder if it is missing.

    Raise BreachFound if a checkpoint in the present file contradicts the new one. Raise UsageError if the file cannot
    be written, if the parent of the folder is missing, or if the present file holds something else than checkpoints.
    Raise AccountBusy if another process keeps the folder locked for `wait_seconds` (by default
    LOCK_WAIT_SECONDS). In all these cases the file stays as it was.
    """
    try:
        folder.mkdir(exist_ok=True)
        with _locked(folder, LOCK_WAIT_SECONDS if wait_seconds is None else wait_seconds):
            file = _find_file(folder, account, checkpoint.log_id)
            _require_continuation(file, account, checkpoint)
            _replace(file, str(note).encode())
    except OSError as error:
        raise UsageError(
            f"The checkpoint of account {account} cannot be written to {folder}: {error.strerror or error}; what was "
            "there is as it was. Make the folder and let this user write it, or name another one."
        ) from error
    return file


def read_checkpoints(paths: Iterable[Path]) -> list[KeptCheckpoint]:
    """Return all checkpoints in these files and folders.

    In a folder and the folders below it, all files `*.checkpoint` are read. Files and folders in it whose names begin
    with a dot are left out. Raise UsageError for a file that cannot be read or holds something else, and for a folder
    that cannot be read or has no such file in it.
    """
    files = {file.absolute(): file for path in paths for file in _files(path)}  # each file once, even if named twice
    return [KeptCheckpoint(file, found) for file in files.values() for found in _read(file)]


@contextmanager
def _locked(folder: Path, wait_seconds: float) -> Iterator[None]:
    """Keep other processes from writing checkpoints into the folder during the block.

    Raise AccountBusy if another process still has the lock after `wait_seconds`. The lock is on the folder itself, so
    the folder needs no lock file.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        end = time.monotonic() + wait_seconds
        while not _try_lock(descriptor):
            if time.monotonic() > end:
                raise AccountBusy(f"Another process writes checkpoints to {folder}; none was written. Run again later.")
            time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    """Lock an open folder until it is closed. Return False if another process has locked it, else True.

    On a file system without such locks, return True without a lock.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _find_file(folder: Path, account: str, log_id: str) -> Path:
    """Return the path of the log's file in the folder. If there is no such file yet, return a path for a new one.

    The name of a file ends with the first digits of the log's id and SUFFIX. An existing file is found by this end.
    The name begins with the name that the account had when the file was made, with three changes. Only the characters
    A-Z, a-z, 0-9, `.`, `_` and `-` are kept: `-` replaces each series of others. Then each `.` and `-` at either end is
    removed, and the rest is cut to 60 characters. If nothing is left, the file's name begins with `account`.
    """
    end = f"-{log_id[:_ID_DIGITS]}{SUFFIX}"
    there = sorted(file for file in folder.iterdir() if file.name.endswith(end) and not file.name.startswith("."))
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", account).strip(".-")[:60] or "account"
    return there[0] if there else folder / f"{name}{end}"


def _require_continuation(file: Path, account: str, new: Checkpoint) -> None:
    """Raise BreachFound if a checkpoint in the file contradicts the new one.

    A checkpoint contradicts the new one if it covers more entries, or as many entries with another root, or if it
    belongs to another log. Raise UsageError if the file cannot be read or holds something else.
    """
    if not file.exists():
        return
    for old in (each.checkpoint for each in _read(file)):
        if old.log_id != new.log_id:
            raise BreachFound(
                f"Account {account}: {file} holds a checkpoint of another log, whose id begins with the same digits: "
                "the log may have been begun anew. The file stays as it was. `inventory verify --against` says more."
            )
        if old.size > new.size or (old.size == new.size and old.root != new.root):
            raise BreachFound(
                f"Account {account}: {file} covers {old.size:,} entries of its log that are not those of the database "
                f"(it has {new.size:,}): entries were changed or removed, or an older copy was put back. The file "
                "stays as it was. `inventory verify --against` says more."
            )


def _replace(file: Path, content: bytes) -> None:
    part = file.parent / f".{file.name}.{token_hex(4)}.part"
    try:
        with part.open("xb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        part.replace(file)
    finally:
        with suppress(OSError):
            part.unlink()


def _files(path: Path) -> list[Path]:
    """Return all files of checkpoints in the folder `path` and the folders below it, sorted.

    If `path` is a file, return only this file. In a folder, files and folders whose names begin with a dot are left
    out, and links to folders are not followed. Raise UsageError if the folder has no such file, or if the path or a
    folder below it cannot be read.
    """
    found: list[Path] = []
    try:
        if not S_ISDIR(path.stat().st_mode):
            return [path]
        for folder, folders, names in os.walk(path, onerror=_raise):
            folders[:] = [name for name in folders if not name.startswith(".")]
            files = (Path(folder, name) for name in names if name.endswith(SUFFIX) and not name.startswith("."))
            found += [file for file in files if S_ISREG(file.stat().st_mode)]
    except OSError as error:
        raise UsageError(f"{error.filename or path} cannot be read: {error.strerror or error}.") from None
    if not found:
        raise UsageError(f"{path} has no checkpoint in it: no file *{SUFFIX}. Name the folder that has them.")
    return sorted(found)


def _raise(error: OSError) -> None:
    raise error


def _read(file: Path) -> Iterator[CheckpointNote]:
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise NoteError("it is too large")  # noqa: TRY301 - the handler below adds the name of the file
        yield from parse_checkpoints(content.decode())
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror or error}.") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file} is no checkpoint: it is not UTF-8. Compare it with another copy.") from None
    except NoteError as error:
        raise UsageError(f"{file} is no checkpoint: {error}. Compare it with another copy.") from None
