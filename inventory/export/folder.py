"""The folder of an export: its manifest, its lock, and its files.

New files have temporary names, and replace the old files only when all new files are complete. `manifest.json` is
replaced last. So the hashes in it tell a reader whether a file belongs to the export that the manifest describes. If an
export is killed, the next one completes it.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Literal

from inventory.errors import AccountBusy, UsageError
from inventory.export.manifest import MANIFEST, About, FileEntry, Manifest, read_manifest

Style = Literal["parquet", "csv"]
_LOCK = ".inventory-export.lock"
_PART = ".part"


class Folder:
    """The folder of an export.

    `open_folder` yields it, and keeps other exports from writing to the folder during its block.
    """

    def __init__(self, path: Path, manifest: Manifest, *, is_new: bool) -> None:
        self.path = path
        self.manifest = manifest
        self.is_new = is_new
        self._written: dict[str, FileEntry] = {}

    def is_there(self, name: str) -> bool:
        """Return whether a file of the manifest is in the folder, and has the size that the manifest says."""
        about = self.manifest.files.get(name)
        with suppress(OSError):
            return about is not None and (self.path / name).stat().st_size == about.bytes
        return False

    def part(self, name: str) -> Path:
        """Return the temporary path of a new file, and make the folder for it. `finish` gives the file its name."""
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        return _part(self.path / name)

    def keep(self, name: str, rows: int) -> None:
        """Sync a complete new file to the disk, hash it, and record it as a file of this export.

        The file is still at its temporary path. `rows` is the number of its rows.
        """
        with self.part(name).open("rb+") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
            self._written[name] = FileEntry(rows, file.tell(), digest)

    def finish(self, names: set[str], about: About) -> None:
        """Give the new files their names, remove old files that are not in `names`, and write the manifest.

        `names` are the paths of all files that belong to the export. `about` is for the manifest.
        """
        files = {name: each for name, each in (self.manifest.files | self._written).items() if name in names}
        manifest = Manifest(self.manifest.style, self.manifest.since, about, files)
        manifest.text()  # a value that JSON cannot hold must stop this before any file changes
        for name in self._written:
            _part(self.path / name).replace(self.path / name)
        for name in self.manifest.files.keys() - names:
            (self.path / name).unlink(missing_ok=True)
        self.manifest = manifest
        self.write_manifest()

    def write_manifest(self) -> None:
        """Replace the file `manifest.json` with the content of `self.manifest`."""
        part = _part(self.path / MANIFEST)
        with part.open("w", encoding="utf-8") as file:
            file.write(self.manifest.text())
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.path / MANIFEST)

    def remove_parts(self) -> None:
        """Remove the temporary files that an unfinished export may have left."""
        for pattern in (f".*{_PART}", f"*/.*{_PART}"):
            for part in self.path.glob(pattern):
                part.unlink(missing_ok=True)


def _part(file: Path) -> Path:
    """Return the temporary path of a file. Its name begins with a dot, so that other tools ignore it."""
    return file.with_name(f".{file.name}{_PART}")


@contextmanager
def open_folder(path: Path, style: Style, since: str | None) -> Iterator[Folder]:
    """Yield the folder of an export, and lock it during the block. Make the folder if it is missing.

    Raise UsageError if the folder holds files but no export, if it holds an export with another format or another
    first month, or if it cannot be written. Raise AccountBusy if another export writes to it, or if `export --check`
    reads it. Also raise the errors of `read_manifest`.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        _opened(path, style, since)  # before the lock file is made: a folder with other files stays as it is
        with _locked(path / _LOCK, fcntl.LOCK_EX, os.O_CREAT):
            folder = _opened(path, style, since)
            folder.remove_parts()
            if folder.is_new:
                folder.write_manifest()  # if this export is killed, the next one accepts the folder
            try:
                yield folder
            finally:
                with suppress(OSError):
                    folder.remove_parts()
    except OSError as error:
        raise cannot_write(path, error) from error


@contextmanager
def shared_lock(path: Path) -> Iterator[None]:
    """Keep exports from writing to a folder during the block. Do nothing if the folder has no lock file.

    Raise AccountBusy if an export is writing to it. Raise UsageError if the lock file cannot be opened or locked.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(_locked(path / _LOCK, fcntl.LOCK_SH))
        except FileNotFoundError:  # no lock file, as in a copy, or no folder
            pass
        except OSError as error:
            raise UsageError(f"{path / _LOCK} cannot be read: {error.strerror or error}.") from error
        yield


@contextmanager
def _locked(file: Path, how: int, flags: int = 0) -> Iterator[None]:
    lock = os.open(file, os.O_RDONLY | flags, 0o644)
    try:
        try:
            fcntl.flock(lock, how | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AccountBusy(
                f"Another export, or `export --check`, uses {file.parent}; nothing was done. Run again later."
            ) from None
        yield
    finally:
        os.close(lock)


def _opened(path: Path, style: Style, since: str | None) -> Folder:
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
