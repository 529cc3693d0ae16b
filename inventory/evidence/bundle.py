"""Make a bundle of evidence: read each account's log of the period, compute the lists from it, and write one zip file.

The module `check` computes the lists, and checks the files against the log before they are written. An auditor runs the
same module. The same program, database, period and signing key give the same bytes, whenever and on whatever host the
bundle is made.
"""

import hashlib
import io
import zipfile
from collections.abc import Callable
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
from inventory.evidence.lines import LogPart, json_line, read_log_part
from inventory.evidence.questions import questions
from inventory.history.merkle_log.entries import iso_microseconds
from inventory.history.odd_values import odd_values_as_breach
from inventory.store.tables import accounts, sync_runs

_DATE = (1980, 1, 1, 0, 0, 0)
"""The date of every file in the zip: the earliest that the format knows."""

_LINES = ".jsonl"
"""The suffix of the files that are compressed in the zip. All other files are stored as they are."""

_MODE = 0o100644 << 16  # a regular file that everybody may read; the zip format has the mode in the upper 16 bits


@dataclass(frozen=True)
class Period:
    """The period of a bundle. The time `since` is in the period, the time `until` is not."""

    since: datetime
    until: datetime


def write_bundle(  # noqa: PLR0913 - the last three are options, passed by name
    connection: Connection,
    file: IO[bytes],
    period: Period,
    signer: Signer,
    *,
    only: str | None = None,
    progress: Callable[[str], object] = lambda _: None,
    leave_out: Callable[[str], object] = lambda _: None,
) -> dict[str, check.Account]:
    """Write the bundle of a period into `file`, and return a dict from the name of each account in it to its Account.

    The bundle is about the account `only`; if `only` is None, about all accounts. An account whose log does not prove
    the whole period is left out: `leave_out` is called with a text that names the account and says why. `progress` is
    called before each step, with a text that names the step. `signer` signs the checkpoints.

    Raise UsageError if no account can be in the bundle. If only one account was tried, this error has the reason, and
    `leave_out` is not called. Raise BreachFound if the history is not what the log recorded. If a column of times
    holds a text that is no time, DatabaseError may be raised instead.
    """
    files: dict[str, bytes] = {}
    about, found = [], {}
    for number, part in enumerate(_parts(connection, period, only, leave_out), 1):
        name, folder = part.row.account, f"account-{number}"
        with odd_values_as_breach(connection, "no bundle was written", name):
            progress(f"{name}: reading the log")
            files |= {f"{folder}/{key}": value for key, value in read_log_part(connection, part, signer).items()}
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
    """Check the files of an account with the module `check`, and add leaves.bin and the lists to `files`.

    `about` is the account's object in the manifest. Return the checked account. Raise BreachFound if the files and the
    log do not agree.
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


def _parts(
    connection: Connection, period: Period, only: str | None, leave_out: Callable[[str], object]
) -> list[LogPart]:
    """Return the LogPart of the account `only`, or of each account if `only` is None.

    An account whose log does not prove the whole period is left out: `leave_out` is called with a text that names the
    account and says why. Raise UsageError if no account is left. If only one account was tried, this error has the
    reason, and `leave_out` is not called.
    """
    row = accounts.c
    query = sa.select(row.account, row.log_id, row.log_start, row.log_size, row.log_frontier, row.pruned_before)
    if only is not None:
        query = query.where(row.account == only)
    parts, why = [], {}
    for each in connection.execute(query.order_by(row.account)).all():
        try:
            parts.append(LogPart(each, _first_run(connection, each, period), _last_run(connection, each, period)))
        except UsageError as error:
            why[each.account] = str(error)
    if not parts and len(why) == 1:
        raise UsageError("".join(f"Account {name} cannot be in the bundle: {text}" for name, text in why.items()))
    for name, text in why.items():
        leave_out(f"account {name} is left out: {text}")
    if not parts:
        raise UsageError("No account can be in the bundle." if why else "There is no account yet: a sync makes one.")
    return parts


def _first_run(connection: Connection, row: Any, period: Period) -> Any:
    """Return the row of the run with which the account's part of the log begins in the bundle.

    It is the last run before the period that has both a fleet digest and a log entry. `row` is the account's row. Raise
    UsageError if there is no such run.
    """
    if row.log_id is None:
        raise UsageError("it has no log yet; its next run begins it.")
    run = sync_runs.c
    proven = (run.account == row.account, run.fleet_digest.is_not(None), run.log_index.is_not(None))
    query = sa.select(sync_runs).where(*proven, run.started_at < period.since).order_by(run.run_id.desc()).limit(1)
    found = connection.execute(query).first()
    if found is None:
        earliest = connection.scalar(sa.select(sa.func.min(run.started_at)).where(*proven))
        if earliest is None:
            raise UsageError(
                "it has no complete run with a digest of the whole fleet yet; the next one that leaves nothing missing "
                "records one."
            )
        why = "history was pruned" if row.pruned_before else "no run in the log recorded a digest of the whole fleet"
        first = iso_microseconds(earliest + timedelta(microseconds=1))  # the run itself is before the period
        raise UsageError(
            f"it can be proven from {first} on (before that, {why}). With --account {row.account}, name that time or a "
            "later one as --since."
        )
    return found


def _last_run(connection: Connection, row: Any, period: Period) -> Any:
    """Return the row of the run with which the account's part of the log ends in the bundle.

    It is the first complete run that started at the end of the period or later, and has a log entry. `row` is the
    account's row. Raise UsageError if there is no such run.
    """
    run = sync_runs.c
    complete = (run.account == row.account, run.complete, run.log_index.is_not(None))
    query = sa.select(sync_runs).where(*complete, run.started_at >= period.until).order_by(run.run_id).limit(1)
    found = connection.execute(query).first()
    if found is None:
        latest = connection.scalar(sa.select(sa.func.max(run.started_at)).where(*complete))
        raise UsageError(
            f"--until is after its last complete run{f', {iso_microseconds(latest)}' if latest else ''}: what came "
            f"later is not known. With --account {row.account}, name an earlier time as --until."
        )
    return found


def _write(file: IO[bytes], files: dict[str, bytes], about: list[dict[str, str]], period: Period) -> None:
    """Write the zip: `files`, the manifest, and the hash of the manifest.

    `about` is the list `accounts` of the manifest: one object for each account. Files of JSON lines are compressed with
    bzip2, because the output of bzip2 is the same on every host. All other files are stored.
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
