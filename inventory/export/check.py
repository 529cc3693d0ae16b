"""Check an export from its files alone: compute each account's log and the digest of each run's fleet again.

The tables are loaded into a temporary SQLite database, which is verified like any other database. Each entry of a log
is computed again from its row. If a run has a fleet digest, this digest is computed again from the versions. Then the
root of each log is compared with the checkpoint in the manifest.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError

from inventory.checkpoints.checkpoint import CheckpointNote, parse_checkpoints
from inventory.errors import BreachFound, UsageError
from inventory.export.folder import shared_lock
from inventory.export.manifest import About, Manifest, read_manifest
from inventory.export.relations import Exported, exported_relations
from inventory.history.findings import Findings
from inventory.history.verify import verify
from inventory.store import database, schema
from inventory.store.database import BATCH
from inventory.store.kinds import Kind
from inventory.store.tables import METADATA
from inventory.wording import counted

TABLES = (
    "accounts", "sync_runs", "instance_state", "instance_versions", "operator_actions", "dropped_entries", "calendar",
)  # fmt: skip
"""The tables that are loaded, in an order in which a row comes after the rows that it refers to."""


@dataclass
class CheckedExport:
    """The result of a check that found no difference: what was computed again."""

    files: int
    findings: Findings
    accounts: list[str] = field(default_factory=list)
    """A line of text for each account that has a log."""

    def text(self) -> str:
        """Return the result as lines of text for a person."""
        found = self.findings
        counts = (found.runs, "run"), (found.instances, "instance"), (found.versions, "version")
        lines = [
            f"{self.files:,} files are those of manifest.json.",
            f"verified: {', '.join(counted(*each) for each in counts)}; every digest matches",
            *self.accounts,
            "The views were compared with manifest.json only.",
            "Only a checkpoint that somebody else keeps shows whether a log was rewritten from its start.",
        ]
        return "\n".join(lines)


def check_export(folder: Path, progress: Callable[[str], None] = lambda _: None) -> CheckedExport:
    """Check the export in a folder from its files alone, and return what was checked.

    `progress` is called with a line of text now and then. Raise these errors:

    - BreachFound if something differs. The message says where.
    - UsageError if the folder holds no complete export of the whole history as Parquet, if a newer version of the
      program wrote the export, or if a file cannot be read.
    - AccountBusy if an export writes to the folder.
    - DatabaseError if the temporary database fails, for example for lack of room.
    - MemoryError if the host lacks memory.
    """
    with shared_lock(folder):
        manifest = read_manifest(folder)
        if manifest is None or manifest.about is None:
            raise UsageError(f"{folder} holds no complete export. `inventory export {folder}` makes one.")
        if manifest.style != "parquet" or manifest.since is not None:
            raise UsageError(
                f"{folder} is an export as CSV, or of some months only. --check needs the whole history as Parquet."
            )
        files = _check_files(folder, manifest, progress)
        with schema.scratch_database() as engine:
            _load(engine, folder, manifest, progress)
            with database.reading(engine) as connection:
                return _verify(connection, files, manifest.about, progress)


def _check_files(folder: Path, manifest: Manifest, progress: Callable[[str], None]) -> int:
    """Return the number of Parquet files in the folder.

    Raise BreachFound unless they are the files of the manifest, with the same hashes. Raise UsageError if a file cannot
    be read.
    """
    there = {str(path.relative_to(folder)) for path in folder.glob("**/*.parquet")}
    for name in sorted(there ^ manifest.files.keys()):
        try:
            (folder / name).stat()
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as error:  # such as a folder that may not be searched
            raise _cannot_read(folder / name, error) from error
        raise BreachFound(f"{name}: it is {'not in manifest.json' if name in there else 'missing'}. {_REMEDY}")
    for name, about in manifest.files.items():
        progress(f"{name}: hashing")
        try:
            with (folder / name).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise _cannot_read(folder / name, error) from error
        if found != about.sha256:
            raise BreachFound(f"{name}: it is not the file whose SHA-256 is in manifest.json. {_REMEDY}")
    return len(manifest.files)


def _cannot_read(file: Path, error: OSError) -> UsageError:
    reason = os.strerror(error.errno or 0)
    return UsageError(f"{file} cannot be read: {reason}. Nothing differed so far. Make it readable, then check again.")


_REMEDY = "Compare with a copy; to make it anew, delete it and export again."


def _load(engine: sa.Engine, folder: Path, manifest: Manifest, progress: Callable[[str], None]) -> None:
    """Load the tables into an empty database.

    Raise BreachFound if a file does not hold rows of its table, UsageError if a file cannot be read, MemoryError if the
    host lacks memory, DatabaseError if the host lacks room for the database.
    """
    with database.reading(engine) as connection:
        relations = {relation.name: relation for relation in exported_relations(connection)}
    with database.writing(engine) as connection:
        for name in TABLES:
            progress(f"{name}: loading")
            connection.execute(sa.delete(METADATA.tables[name]))
            for file in sorted(manifest.files):
                if file.partition("/")[0].partition(".")[0] == name:
                    try:
                        _insert(connection, relations[name], folder / file)
                    except (MemoryError, OperationalError):  # a fault of this host, which says nothing of the file
                        raise
                    except Exception as error:  # a forged file may have any form
                        if isinstance(error, OSError) and error.errno:  # for a damaged file, Arrow sets no errno
                            raise _cannot_read(folder / file, error) from error
                        reason = " ".join(str(error).split())
                        raise BreachFound(f"{file}: it does not hold rows of {name}: {reason:.200}") from error


def _insert(connection: Connection, relation: Exported, file: Path) -> None:
    names = relation.schema.names
    columns, marks = ", ".join(f'"{name}"' for name in names), ", ".join("?" * len(names))
    statement = f"INSERT INTO {relation.name} ({columns}) VALUES ({marks})"
    with file.open("rb") as opened:  # Arrow itself opens no file whose name is not UTF-8
        for batch in pq.ParquetFile(opened).iter_batches(BATCH, columns=names):
            values = [
                map(
                    _to_sqlite(relation.kinds[name]),
                    batch.column(name).cast(relation.schema.field(name).type).to_pylist(),
                )
                for name in names
            ]
            connection.exec_driver_sql(statement, list(zip(*values, strict=True)))


def _to_sqlite(kind: Kind) -> Callable[[Any], Any]:
    """Return a function that turns a value from a column of this kind into the value that SQLite stores."""
    if kind == "time":
        return lambda value: None if value is None else _time(value)
    if kind == "day":
        return lambda value: None if value is None else value.isoformat()
    if kind == "bytes":
        return lambda value: None if value is None else bytes.fromhex(value)
    return lambda value: value


def _time(value: datetime) -> str:
    return value.replace(tzinfo=None).isoformat(" ", "microseconds")


def _verify(connection: Connection, files: int, about: About, progress: Callable[[str], None]) -> CheckedExport:
    """Verify the loaded database, compare each log with its checkpoint, and return the result.

    Raise BreachFound if anything differs.
    """
    checkpoints = dict(_checkpoints(about))
    rows = connection.execute(sa.select(METADATA.tables["accounts"])).mappings()
    logs = {row["account"]: row["log_id"] for row in rows}
    stated = {name: note and note.checkpoint.log_id for name, note in checkpoints.items()}
    if logs != stated:
        raise BreachFound("manifest.json: its accounts and checkpoints are not those of accounts.parquet.")
    sizes = {note.checkpoint.log_id: {note.checkpoint.size} for note in checkpoints.values() if note is not None}
    done = CheckedExport(files, verify(connection, sizes=sizes, progress=progress))
    if done.findings.count:
        first = done.findings.breaches[0]
        where = "".join([
            "" if first.account is None else f"account {first.account}: ",
            "" if first.instance_id is None else f"instance {first.instance_id}: ",
            "" if first.run_id is None else f"run {first.run_id}: ",
        ])  # fmt: skip
        more = f" (and {done.findings.count - 1} more)" if done.findings.count > 1 else ""
        raise BreachFound(f"{where}{first.what}{more}. The files do not hold what the log recorded.")
    for log in done.findings.logs:
        note = checkpoints[log.account]
        if note is None or log.size != note.checkpoint.size or log.roots.get(log.size) != note.checkpoint.root:
            raise BreachFound(f"account {log.account}: its log is not that of the checkpoint in manifest.json.")
        entries = counted(log.size, "entry", "entries")
        done.accounts.append(f"account {log.account}: {entries} of its log, as its checkpoint says")
    return done


def _checkpoints(about: About) -> Iterator[tuple[str, CheckpointNote | None]]:
    """Yield (name, checkpoint) for each account in the manifest. The checkpoint is None if the account has no log.

    Raise BreachFound if a checkpoint is not in the right form.
    """
    try:
        for name, account in about.accounts.items():
            if account.checkpoint is None:
                yield name, None
            else:
                (note,) = parse_checkpoints(account.checkpoint)
                yield name, note
    except ValueError as error:
        raise BreachFound(f"manifest.json: its checkpoints are not in the right form: {error!s:.200}.") from error
