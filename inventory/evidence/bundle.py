"""Make a bundle of evidence: read each account's log of the period, compute the lists from it, and write one zip file.

The lists come from `check`, the very file that an auditor runs. So the bundle is checked before it is written. The
same period of the same database gives the same bytes: nothing in a bundle depends on the time or the host.
"""

import hashlib
import heapq
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from inventory.config.signing import Signer
from inventory.errors import BreachFound, UsageError
from inventory.evidence import check
from inventory.evidence.cover import cover_page
from inventory.evidence.questions import questions
from inventory.history.merkle_log.dropped import read_hashes
from inventory.history.merkle_log.entries import act_entry, entry_bytes, iso_microseconds, run_entry
from inventory.merkle import HASH_SIZE, Frontier, hash_leaf
from inventory.record import PAYLOAD
from inventory.store import database
from inventory.store.tables import accounts, instance_versions, operator_actions, sync_runs

_DATE = (1980, 1, 1, 0, 0, 0)
"""The date of every file in the zip: the earliest that the format knows."""

_LINES = ".jsonl"
"""The end of the names of files with lines for the checker. They are compressed; what people open is not."""

_MODE = 0o100644 << 16


@dataclass(frozen=True)
class Period:
    """The period of a bundle: from `since`, which is part of it, to `until`, which is not."""

    since: datetime
    until: datetime


@dataclass(frozen=True)
class _Part:
    """An account and the entries of its log that a bundle needs: those of `first` to `last`, two complete runs."""

    row: Any
    first: Any
    last: Any


def write_bundle(  # noqa: PLR0913 - `only` and `progress` are options, passed by name
    connection: Connection,
    file: IO[bytes],
    period: Period,
    signer: Signer,
    *,
    only: str | None = None,
    progress: Callable[[str], object] = lambda _: None,
) -> dict[str, check.Account]:
    """Write the bundle of the account `only`, or of all that have a log, and return what is in it, by account.

    Raises UsageError if the period is not wholly in the record that the log proves; BreachFound if the history is not
    what the log recorded.
    """
    files: dict[str, bytes] = {}
    about, found = [], {}
    for number, part in enumerate(_parts(connection, period, only), 1):
        name, folder = part.row.account, f"account-{number}"
        progress(f"{name}: reading the log")
        files |= {f"{folder}/{key}": value for key, value in _lines(connection, part, signer).items()}
        about.append({"account": name, "folder": folder, "log": part.row.log_id})
        progress(f"{name}: computing the lists")
        found[name] = _complete(files, about[-1], period)
    files["queries.sql"] = questions(period.since, period.until, list(found)).encode()
    files["check.py"] = Path(check.__file__).read_bytes()
    files["cover.html"] = cover_page(list(found.values()), files["queries.sql"].decode()).encode()
    progress("writing the bundle")
    _write(file, files, about, period)
    return found


def _complete(files: dict[str, bytes], about: dict[str, str], period: Period) -> check.Account:
    """Check an account's lines as an auditor does, and add the lists that follow from them."""
    times = iso_microseconds(period.since), iso_microseconds(period.until)
    made = check.read_account(files, about, *times)
    folder = about["folder"]
    try:
        root = made.replay()
        checkpoint = check.Checkpoint.parse("checkpoint", files[f"{folder}/checkpoint"])
        if root != checkpoint.root:
            raise made.differs("entries.jsonl", "the entries are not those of the log")
    except check.Differs as error:
        raise BreachFound(
            f"Account {about['account']}: the history is not what its log recorded ({error}); no bundle was written. "
            "`inventory verify` says more."
        ) from None
    files |= {f"{folder}/{name}": text.encode() for name, text in check.lists(made).items()}
    return made


def _parts(connection: Connection, period: Period, only: str | None) -> Iterator[_Part]:
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
        yield _Part(each, _first_run(connection, each, period), _last_run(connection, each, period))


def _first_run(connection: Connection, row: Any, period: Period) -> Any:
    """Return the last run before the period that committed to a digest of the whole fleet."""
    run = sync_runs.c
    proven = (run.account == row.account, run.fleet_digest.is_not(None), run.log_index.is_not(None))
    query = sa.select(sync_runs).where(*proven, run.started_at < period.since).order_by(run.run_id.desc()).limit(1)
    found = connection.execute(query).first()
    if found is None:
        earliest = connection.scalar(sa.select(sa.func.min(run.started_at)).where(*proven))
        if earliest is None:
            raise UsageError(f"Account {row.account} has no complete run in its log that settled everything yet.")
        why = "before that, history was pruned" if row.pruned_before else "before that, there is no log"
        raise UsageError(
            f"Account {row.account} can be proven from {iso_microseconds(earliest)} on ({why}). Name a later --since."
        )
    return found


def _last_run(connection: Connection, row: Any, period: Period) -> Any:
    """Return the first complete run at or after the end of the period."""
    run = sync_runs.c
    complete = (run.account == row.account, run.complete, run.log_index.is_not(None))
    query = sa.select(sync_runs).where(*complete, run.started_at >= period.until).order_by(run.run_id).limit(1)
    found = connection.execute(query).first()
    if found is None:
        latest = connection.scalar(sa.select(sa.func.max(run.started_at)).where(*complete))
        raise UsageError(
            f"--until is after the last complete run of account {row.account}"
            f"{f', {iso_microseconds(latest)}' if latest else ''}: what came later is not known. Name an earlier time."
        )
    return found


def _lines(connection: Connection, part: _Part, signer: Signer) -> dict[str, bytes]:
    """Return the files about an account's log, without the lists."""
    first, last = part.first.log_index, part.last.log_index
    tree = Frontier()
    for _, hash_ in _hashes(connection, part, 0, first):
        tree.append(hash_)
    hashes = tree.hashes
    edge = [hashes[at : at + HASH_SIZE].hex() for at in range(0, len(hashes), HASH_SIZE)]
    if tree.size != first:
        raise _breach(part, "an entry is missing")
    lines: list[bytes] = []
    for index, text in heapq.merge(_runs(connection, part), _acts(connection, part), key=itemgetter(0)):
        if index != first + len(lines):
            raise _breach(part, f"entry {first + len(lines)} is missing")
        lines.append(text)
        tree.append(hash_leaf(text))
    note = signer.checkpoint(part.row.log_id, last + 1, tree.root())[1]
    for _, hash_ in _hashes(connection, part, last + 1, part.row.log_size):
        tree.append(hash_)
    if tree.hashes != part.row.log_frontier:
        raise _breach(part, "the log does not end as the account's row says")
    return {
        "checkpoint": str(note).encode(),
        "tree.json": _json({"first": first, "edge": edge}),
        "entries.jsonl": b"".join(text + b"\n" for text in lines),
        "fleet.jsonl": b"".join(_fleet(connection, part)),
        "changes.jsonl": b"".join(text for *_, text in sorted(_changes(connection, part))),
    }


def _hashes(connection: Connection, part: _Part, first: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield index and hash of the entries from `first` on, without `end`, in order."""
    if first == 0 < end:
        yield 0, hash_leaf(part.row.log_start.encode())
    dropped = (each for each in read_hashes(connection, part.row.log_id, "log") if first <= each[0] < end)
    stored = [
        map(tuple, connection.execute(
            sa.select(table.c.log_index, table.c.entry_hash)
            .where(table.c.account == part.row.account, table.c.log_index >= first, table.c.log_index < end)
            .order_by(table.c.log_index)
        ))
        for table in (sync_runs, operator_actions)
    ]  # fmt: skip
    yield from heapq.merge(*stored, dropped)


def _in_part(column: Any, part: _Part) -> Any:
    return column.between(part.first.log_index, part.last.log_index)


def _runs(connection: Connection, part: _Part) -> Iterator[tuple[int, bytes]]:
    run = sync_runs.c
    query = sa.select(sync_runs).where(run.account == part.row.account, _in_part(run.log_index, part))
    for found in connection.execute(query.order_by(run.log_index)).mappings():
        row: dict[str, Any] = {**found}
        index = row["log_index"]
        for returned in (False, True):  # whether it brought the account back is in its entry only
            text = entry_bytes(run_entry(part.row.log_id, index, row, returned=returned))
            if hash_leaf(text) == row["entry_hash"]:
                yield index, text
                break
        else:
            raise _breach(part, f"run {row['run_id']} is not what entry {index} recorded")


def _acts(connection: Connection, part: _Part) -> Iterator[tuple[int, bytes]]:
    act = operator_actions.c
    query = sa.select(operator_actions).where(act.account == part.row.account, _in_part(act.log_index, part))
    for found in connection.execute(query.order_by(act.log_index)).mappings():
        row: dict[str, Any] = {**found}
        text = entry_bytes(act_entry(part.row.log_id, row["log_index"], row, json.loads(row["details"])))
        if hash_leaf(text) != row["entry_hash"]:
            raise _breach(part, f"act {row['action_id']} is not what entry {row['log_index']} recorded")
        yield row["log_index"], text


def _fleet(connection: Connection, part: _Part) -> Iterator[bytes]:
    """Yield a line for each version that was open after the first run, in the order of the ids."""
    version = instance_versions.c
    query = (
        sa.select(version.instance_id, *(version[name] for name in PAYLOAD))
        .where(
            version.account == part.row.account,
            version.opened_by_run_id <= part.first.run_id,
            sa.or_(version.valid_to.is_(None), version.closed_log_index > part.first.log_index),
        )
        .order_by(database.by_bytes(connection, version.instance_id))
    )
    for rows in database.stream(connection, query):
        for row in rows:
            yield _json({"instance_id": row.instance_id, "fields": _fields(row)})


def _changes(connection: Connection, part: _Part) -> Iterator[tuple[int, bytes, int, bytes]]:
    """Yield entry, id, order and line of each opening and closing after the first run."""
    version, run = instance_versions.c, sync_runs.c
    opened = (
        sa.select(instance_versions, run.log_index)
        .join(sync_runs, run.run_id == version.opened_by_run_id)
        .where(
            version.account == part.row.account,
            run.log_index > part.first.log_index,
            run.log_index <= part.last.log_index,
        )
    )
    for rows in database.stream(connection, opened):
        for row in rows:
            about = {"opened_as": row.opened_as, "valid_from": iso_microseconds(row.valid_from), "fields": _fields(row)}
            yield row.log_index, row.instance_id.encode(), 1, _change(row, row.log_index, about)
    closed = sa.select(instance_versions).where(
        version.account == part.row.account,
        version.closed_log_index > part.first.log_index,
        version.closed_log_index <= part.last.log_index,
    )
    for rows in database.stream(connection, closed):
        for row in rows:
            about = {"closed_as": row.closed_as, "valid_to": iso_microseconds(row.valid_to)}
            if row.last_seen_at is not None:
                about["last_seen_at"] = iso_microseconds(row.last_seen_at)
            yield row.closed_log_index, row.instance_id.encode(), 0, _change(row, row.closed_log_index, about)


def _change(row: Any, entry: int, about: dict[str, Any]) -> bytes:
    creator = {} if row.episode_creator is None else {"creator": row.episode_creator}
    return _json({"entry": entry, "instance_id": row.instance_id, "episode": row.episode} | creator | about)


def _fields(row: Any) -> dict[str, str]:
    return {name: value for name in PAYLOAD if (value := getattr(row, name)) is not None}


def _json(value: Any) -> bytes:
    """Return a line of JSON."""
    return f"{json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(',', ':'))}\n".encode()


def _write(file: IO[bytes], files: dict[str, bytes], about: list[dict[str, str]], period: Period) -> None:
    """Write the zip. Lines are compressed by bzip2, whose output is the same everywhere; the rest is stored."""
    manifest = _json(
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


def _breach(part: _Part, what: str) -> BreachFound:
    return BreachFound(
        f"Account {part.row.account}: {what}; no bundle was written. `inventory verify` says what differs."
    )
