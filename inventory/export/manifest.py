"""`manifest.json` in the folder of an export: what the folder holds, and how far each account was exported."""

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from inventory.errors import BreachFound, UsageError
from inventory.history.merkle_log.entries import iso_microseconds
from inventory.store.schema import HEAD, known

FORMAT = "inventory export 1"
MANIFEST = "manifest.json"


def _time(text: str) -> str:
    """Return the text if it is a time as `iso_microseconds` writes it; else raise ValueError."""
    if not text.endswith("Z") or iso_microseconds(datetime.fromisoformat(text)) != text:
        raise ValueError("it is not a time with microseconds in UTC")
    return text


Count = Annotated[int, Field(ge=0, lt=2**63)]
Time = Annotated[str, AfterValidator(_time)]
FileName = Annotated[str, Field(pattern=r"^[a-z_]+(/[0-9a-z-]+)?\.(parquet|csv)$")]
"""The path of a file in the folder, such as `accounts.parquet` or `sync_runs/2026-03.parquet`.

A forged path that leads out of the folder is refused, because an export removes old files.
"""


@dataclass(frozen=True)
class Position:
    """How far an account was exported: the size and the root of its log, and its last finished run."""

    log_id: str | None
    log_size: Count
    root: str | None
    """The root hash over the entries of the log, in hexadecimal; None if the log is empty."""
    last_run_id: Count
    since: Time
    """In ISO 8601: the start of the last complete run, or the earliest `missing_since`, whichever is earlier.

    If the account has neither, it is the time at which the account was added. A version that opens after the
    export has a `valid_from` after `since`. A version that closes after the export has a `valid_to` at `since` or
    later.
    """
    retired: bool = False


@dataclass(frozen=True)
class AccountEntry:
    """How far an account was exported, and the checkpoint of its log then. Without a log, the checkpoint is None."""

    position: Position
    checkpoint: str | None


@dataclass(frozen=True)
class FileEntry:
    """The number of rows of a file, its size in bytes, and its SHA-256 in hexadecimal."""

    rows: Count
    bytes: Count
    sha256: str


@dataclass(frozen=True)
class About:
    """The time of an export, the program's version, the schema's revision, and the accounts by name."""

    as_of: Time
    program: str
    revision: Annotated[str, Field(min_length=1)]
    accounts: dict[str, AccountEntry]


@dataclass
class Manifest:
    """The content of `manifest.json`: what the folder of an export holds."""

    style: Literal["parquet", "csv"]
    since: str | None = None
    """The first month, like `2026-03`, of the relations that are split by month; None for all months."""
    about: About | None = None
    """None until the first export is complete."""
    files: dict[FileName, FileEntry] = field(default_factory=dict)
    """The files by their paths in the folder."""

    def text(self) -> str:
        """Return the content of `manifest.json` as JSON text."""
        content = asdict(self)
        content |= {"format": FORMAT} | (content.pop("about") or {})
        return f"{json.dumps(content, indent=1, sort_keys=True)}\n"


def read_manifest(folder: Path) -> Manifest | None:
    """Return the manifest of a folder; None if the folder has no manifest.

    Raise UsageError if the file cannot be read, if it is not a JSON object whose `format` is FORMAT, or if a newer
    version of the program wrote it. Raise BreachFound if any other value that is needed has a form that no export
    writes.
    """
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
        raise UsageError(f"{path} is not the manifest of an export. Name another folder.")
    revision = content.get("revision", HEAD)
    if isinstance(revision, str) and revision not in {HEAD, ""} and not known(revision):
        raise UsageError(
            f"{folder} holds an export of a newer version of inventory. Install that, or name another folder."
        )
    own = {name: content.pop(name) for name in ("style", "since", "files") if name in content}
    try:
        # as JSON: in Python values, strict validation would accept only instances of the classes, and no dicts
        return TypeAdapter(Manifest).validate_json(json.dumps(own | {"about": content or None}), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = " ".join(map(str, first["loc"]))
        raise BreachFound(
            f"{path} does not have the form that an export writes ({where}: {first['msg']}). Compare with a copy; to "
            "make it anew, export into another folder."
        ) from error
