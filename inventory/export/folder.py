"""The folder of an export: its manifest, its lock, and files that replace the old ones only when all are complete.

`manifest.json` is written last. So the hashes in it tell a reader whether a file is of this export. The next export
completes one that was killed.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inventory.errors import AccountBusy, UsageError

FORMAT = "inventory export 1"
MANIFEST = "manifest.json"
_LOCK = ".inventory-export.lock"
_PART = ".part"


@dataclass
class Manifest:
    """What a folder holds."""

    style: str
    """parquet or csv."""
    since: str | None = None
    """The first month of the relations that are split by month; None for all."""
    about: dict[str, Any] = field(default_factory=dict)
    """The time, the program and the position of each account; empty until the first export is complete."""
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By path in the folder: the number of rows, the size in bytes, and the SHA-256 of each file."""

    def text(self) -> str:
        """Return the content of the file."""
        content = {"format": FORMAT, "style": self.style, "since": self.since, **self.about, "files": self.files}
        return f"{json.dumps(content, indent=1, sort_keys=True)}\n"


def read_manifest(folder: Path) -> Manifest | None:
    """Return the manifest of a folder; None if it has none.

    Raises UsageError if it cannot be read, or is not that of an export.
    """
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        format_, style, since, files = (content.pop(name) for name in ("format", "style", "since", "files"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{folder / MANIFEST} cannot be read: {error.strerror or error}.") from error
    except (ValueError, KeyError, AttributeError, TypeError):
        format_ = None
    if format_ != FORMAT:
        raise UsageError(f"{folder / MANIFEST} is not the manifest of an export. Name another folder.")
    return Manifest(style, since, content, files)


class Folder:
    """A folder that this process alone writes to."""

    def __init__(self, path: Path, manifest: Manifest, *, is_new: bool) -> None:
        self.path = path
        self.manifest = manifest
        self.is_new = is_new
        self._written: dict[str, dict[str, Any]] = {}

    def is_there(self, name: str) -> bool:
        """Return whether a file of the manifest is still there, with its size."""
        about = self.manifest.files.get(name)
        with suppress(OSError):
            return about is not None and (self.path / name).stat().st_size == about["bytes"]
        return False

    def part(self, name: str) -> Path:
        """Return the path at which to write a new file, which `keep` then names."""
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        return _part(self.path / name)

    def keep(self, name: str, rows: int) -> None:
        """Note that a new file is complete."""
        with self.part(name).open("rb+") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
            self._written[name] = {"rows": rows, "bytes": file.tell(), "sha256": digest}

    def finish(self, names: set[str], about: dict[str, Any]) -> None:
        """Replace the old files by the new ones, remove those that are not among `names`, and write the manifest."""
        for name in self._written:
            _part(self.path / name).replace(self.path / name)
        files = {name: each for name, each in (self.manifest.files | self._written).items() if name in names}
        for name in self.manifest.files.keys() - names:
            (self.path / name).unlink(missing_ok=True)
        self.manifest = Manifest(self.manifest.style, self.manifest.since, about, files)
        self.write_manifest()

    def write_manifest(self) -> None:
        """Write the manifest."""
        part = _part(self.path / MANIFEST)
        with part.open("w", encoding="utf-8") as file:
            file.write(self.manifest.text())
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.path / MANIFEST)

    def remove_parts(self) -> None:
        """Remove what is not complete."""
        for pattern in (f".*{_PART}", f"*/.*{_PART}"):
            for part in self.path.glob(pattern):
                part.unlink(missing_ok=True)


def _part(file: Path) -> Path:
    """Return where a file is written before it is complete: under a name that other tools pass over."""
    return file.with_name(f".{file.name}{_PART}")


@contextmanager
def open_folder(path: Path, style: str, since: str | None) -> Iterator[Folder]:
    """Yield the folder of an export, which is made if it is missing.

    Raises UsageError if it holds other files, an export of another kind, or cannot be written; AccountBusy if another
    export writes to it.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        _opened(path, style, since)  # before the lock: no file is made in a folder of others
        with _locked(path / _LOCK, fcntl.LOCK_EX, os.O_CREAT):
            folder = _opened(path, style, since)
            folder.remove_parts()
            if folder.is_new:
                folder.write_manifest()  # so that an export that is killed leaves a folder that is known as one
            try:
                yield folder
            finally:
                with suppress(OSError):
                    folder.remove_parts()
    except OSError as error:
        raise cannot_write(path, error) from error


@contextmanager
def shared_lock(path: Path) -> Iterator[None]:
    """Keep exports from writing to a folder during the block; raise AccountBusy if one is writing to it."""
    try:
        with _locked(path / _LOCK, fcntl.LOCK_SH):
            yield
    except FileNotFoundError:  # a folder without a lock, such as a copy, or none at all
        yield


@contextmanager
def _locked(file: Path, how: int, flags: int = 0) -> Iterator[None]:
    lock = os.open(file, os.O_RDONLY | flags, 0o644)
    try:
        try:
            fcntl.flock(lock, how | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AccountBusy(f"Another export writes to {file.parent}; nothing was done. Run again later.") from None
        yield
    finally:
        os.close(lock)


def _opened(path: Path, style: str, since: str | None) -> Folder:
    found = read_manifest(path)
    if found is None:
        ours = {_LOCK, _part(path / MANIFEST).name}
        if strangers := sorted(each.name for each in path.iterdir() if each.name not in ours):
            raise UsageError(
                f"{path} holds files that are not of an export, such as {strangers[0]!r}. Name an empty folder."
            )
        return Folder(path, Manifest(style, since), is_new=True)
    if found.style != style:
        raise UsageError(
            f"{path} holds an export as {found.style}. Use --format {found.style}, or name another folder."
        )
    if found.since != since:
        first = f"from {found.since} on" if found.since else "of all time"
        raise UsageError(f"{path} holds an export {first}. Name the same month with --since, or another folder.")
    return Folder(path, found, is_new=False)


def cannot_write(path: Path, error: OSError) -> UsageError:
    """Return the error for a folder that cannot be written."""
    return UsageError(
        f"{path} cannot be written: {error.strerror or error}. Make room or name another folder. The next export into "
        "the folder completes it."
    )
