"""Make a bundle of evidence: read each account's log of the period, compute the lists from it, and write one zip file.

The module `check` computes the lists, and checks the files against the log before they are written. An auditor runs the
same module. The same program, database, period and signing key give the same bytes, whenever and on whatever host the
bundle is made.
"""

import hashlib
import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from inventory.config.signing import Signer
from inventory.errors import BreachFound, UsageError
from inventory.evidence import check
from inventory.evidence.cover import cover_page
from inventory.evidence.lines import LogPart, json_line, read_lines
from inventory.evidence.questions import questions
from inventory.history.merkle_log.entries import iso_microseconds
from inventory.history.odd_values import odd_values_as_breach
from inventory.store.tables import accounts, sync_runs

_DATE = (1980, 1, 1, 0, 0, 0)
"""The date of every file in the zip: the earliest that the format knows."""

_LINES = ".jsonl"
"""The suffix of the files that are compressed in the zip. All other files are stored as they are."""

_MODE = 0o100644 << 16


@dataclass(frozen=True)
class Period:
    """The period of a bundle: from `since`, which is part of it, to `until`, which is not."""

    since: datetime
    until: datetime


def write_bundle(  # noqa: PLR0913 - `only` and `progress` are options, passed by name
    connection: Connection,
    file: IO[bytes],
    period: Period,
    signer: Signer,
    *,
    only: str | None = None,
    progress: Callable[[str], object] = lambda _: None,
) -> dict[str, check.Account]:
    """Write the bundle of the account `only`, or of all accounts that have a log.

    Return what is in the bundle: each Account, by the name of the account. `progress` is called before each step, with
    a text that says what is done. Raises UsageError if there is no log, or if the log does not prove the whole period;
    BreachFound if the history is not what the log recorded.
    """
    files: dict[str, bytes] = {}
    about, found = [], {}
    for number, part in enumerate(_parts(connection, period, only), 1):
        name, folder = part.row.account, f"account-{number}"
        with odd_values_as_breach(connection, "no bundle was written", name):
            progress(f"{name}: reading the log")
            files |= {f"{folder}/{key}": value for key, value in read_lines(connection, part, signer).items()}
            about.append({"account": name, "folder": folder, "log": part.row.log_id})
            progress(f"{name}: computing the lists")
            found[name] = _complete(files, about[-1], period)
    files["queries.sql"] = questions(period.since, period.until, list(found)).encode()
    files["check.py"] = Path(check.__file__).read_bytes()
    files["cover.html"] = cover_page(files, list(found.values())).encode()
    progress("writing the bundle")
    _write(file, files, about, period)
    return found


def _complete(files: dict[str, bytes], about: dict[str, str], period: Period) -> check.Account:
    """Check the files of an account as `check` does for an auditor, and add leaves.bin and the lists to `files`.

    `about` is the account's object in the manifest. Return the checked account. Raises BreachFound.
    """
    times = iso_microseconds(period.since), iso_microseconds(period.until)
    made = check.read_account(files, about, *times)
    folder = about["folder"]
    try:
        leaves = io.BytesIO()
        made.replay(leaves.write)
        checkpoint = check.Checkpoint.parse(files[f"{folder}/checkpoint"])
        if made.root() != checkpoint.root:
            raise made.differs("entries.jsonl", "the entries are not those of the log")
    except check.Differs as error:
        raise BreachFound(
            f"Account {about['account']}: the history is not what its log recorded ({error}); no bundle was written. "
            "`inventory verify` says more."
        ) from None
    files[f"{folder}/leaves.bin"] = leaves.getvalue()
    for name, content in check.lists(made):
        files[f"{folder}/{name}"] = content
        made.rows.pop(name, None)  # `files` has these lines now: a second copy would only take memory
    return made


def _parts(connection: Connection, period: Period, only: str | None) -> Iterator[LogPart]:
    row = accounts.c
    query = sa.select(row.account, row.log_id, row.log_start, row.log_size, row.log_frontier, row.pruned_before).where(
        row.log_id.is_not(None)
    )
    if only is not None:
        query = query.where(row.account == only)
    found = connection.execute(query.order_by(row.account)).all()
    if not found:
        which = "No account" if only is None else f"Account {only}"
        raise UsageError(f"{which} has {'a log' if only is None else 'no log'} yet: its next run begins it.")
    for each in found:
        yield LogPart(each, _first_run(connection, each, period), _last_run(connection, each, period))


def _first_run(connection: Connection, row: Any, period: Period) -> Any:
    """Return the row of the last run before the period. Only runs with a fleet digest and a log entry count.

    Raises UsageError if there is no such run.
    """
    run = sync_runs.c
    proven = (run.account == row.account, run.fleet_digest.is_not(None), run.log_index.is_not(None))
    query = sa.select(sync_runs).where(*proven, run.started_at < period.since).order_by(run.run_id.desc()).limit(1)
    found = connection.execute(query).first()
    if found is None:
        earliest = connection.scalar(sa.select(sa.func.min(run.started_at)).where(*proven))
        if earliest is None:
            raise UsageError(f"Account {row.account} has no complete run with a digest of the whole fleet yet.")
        why = "before that, history was pruned" if row.pruned_before else "before that, there is no log"
        first = iso_microseconds(earliest + timedelta(microseconds=1))  # the run itself is before the period
        raise UsageError(
            f"Account {row.account} can be proven from {first} on ({why}). Name that time or a later one as --since."
        )
    return found


def _last_run(connection: Connection, row: Any, period: Period) -> Any:
    """Return the row of the first complete run at or after the end of the period. Only runs with a log entry count.

    Raises UsageError if there is no such run.
    """
    run = sync_runs.c
    complete = (run.account == row.account, run.complete, run.log_index.is_not(None))
    query = sa.select(sync_runs).where(*complete, run.started_at >= period.until).order_by(run.run_id).limit(1)
    found = connection.execute(query).first()
    if found is None:
        latest = connection.scalar(sa.select(sa.func.max(run.started_at)).where(*complete))
        raise UsageError(
            f"--until is after the last complete run of account {row.account}"
            f"{f', {iso_microseconds(latest)}' if latest else ''}: what came later is not known. "
            "Name an earlier time, or choose another account with --account."
        )
    return found


def _write(file: IO[bytes], files: dict[str, bytes], about: list[dict[str, str]], period: Period) -> None:
    """Write the zip: `files`, the manifest, and the hash of the manifest. `about` are the manifest's accounts.

    Files of JSON lines are compressed with bzip2, because its output is the same on every host. All others are stored.
    """
    manifest = json_line(
        {
            "format": check.FORMAT,
            "since": iso_microseconds(period.since),
            "until": iso_microseconds(period.until),
            "accounts": about,
            "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        }
    )
    added = {"manifest.json": manifest, "manifest.sha256": f"{hashlib.sha256(manifest).hexdigest()}\n".encode()}
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in sorted((files | added).items()):
            entry = zipfile.ZipInfo(name, _DATE)
            entry.compress_type = zipfile.ZIP_BZIP2 if name.endswith(_LINES) else zipfile.ZIP_STORED
            entry.create_system, entry.external_attr = 3, _MODE
            archive.writestr(entry, content)
