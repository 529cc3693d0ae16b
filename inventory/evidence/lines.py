"""Make files of a bundle from a part of an account's log, and from the versions that its entries opened and closed."""

import heapq
import json
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from inventory.config.signing import Signer
from inventory.errors import BreachFound
from inventory.history.merkle_log.entries import CLOSED, OPENED, act_entry, entry_bytes, iso_microseconds, run_entry
from inventory.history.merkle_log.hashes import read_entry_hashes
from inventory.merkle import HASH_SIZE, Frontier, hash_leaf
from inventory.record import PAYLOAD
from inventory.store import database
from inventory.store.tables import instance_versions, operator_actions, sync_runs


@dataclass(frozen=True)
class LogPart:
    """The part of an account's log in a bundle: from the entry of the run `first` to the entry of the run `last`.

    `row` is the account's row of `accounts`. `first` and `last` are rows of `sync_runs`, of two complete runs.
    """

    row: Any
    first: Any
    last: Any


def read_log_part(connection: Connection, part: LogPart, signer: Signer) -> dict[str, bytes]:
    """Return the files of an account in the bundle, as a dict from file name to content.

    leaves.bin and the lists are not among them. Raise BreachFound if the rows of the runs and acts, or the log as a
    whole, are not what was recorded.
    """
    first, last = part.first.log_index, part.last.log_index
    tree = Frontier()
    for _, hash_ in read_entry_hashes(connection, part.row._asdict(), 0, first):
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
    for _, hash_ in read_entry_hashes(connection, part.row._asdict(), last + 1, part.row.log_size):
        tree.append(hash_)
    if tree.hashes != part.row.log_frontier:
        raise _breach(part, "the log does not end as the account's row says")
    return {
        "checkpoint": str(note).encode(),
        "tree.json": json_line({"first": first, "edge": edge}),
        "entries.jsonl": b"".join(text + b"\n" for text in lines),
        "fleet.jsonl": b"".join(_fleet(connection, part)),
        "changes.jsonl": _changes(connection, part),
    }


def _in_part(column: Any, part: LogPart) -> Any:
    return column.between(part.first.log_index, part.last.log_index)


def _runs(connection: Connection, part: LogPart) -> Iterator[tuple[int, bytes]]:
    run = sync_runs.c
    query = sa.select(sync_runs).where(run.account == part.row.account, _in_part(run.log_index, part))
    for found in connection.execute(query.order_by(run.log_index)).mappings():
        row: dict[str, Any] = {**found}
        index = row["log_index"]
        for returned in (False, True):  # no column says whether the run brought a retired account back: try both
            text = entry_bytes(run_entry(part.row.log_id, index, row, returned=returned))
            if hash_leaf(text) == row["entry_hash"]:
                yield index, text
                break
        else:
            raise _breach(part, f"run {row['run_id']} is not what entry {index} recorded")


def _acts(connection: Connection, part: LogPart) -> Iterator[tuple[int, bytes]]:
    act = operator_actions.c
    query = sa.select(operator_actions).where(act.account == part.row.account, _in_part(act.log_index, part))
    for found in connection.execute(query.order_by(act.log_index)).mappings():
        row: dict[str, Any] = {**found}
        text = entry_bytes(act_entry(part.row.log_id, row["log_index"], row, json.loads(row["details"])))
        if hash_leaf(text) != row["entry_hash"]:
            raise _breach(part, f"act {row['action_id']} is not what entry {row['log_index']} recorded")
        yield row["log_index"], text


def _fleet(connection: Connection, part: LogPart) -> Iterator[bytes]:
    """Yield a line of fleet.jsonl for each version that was open after the run `part.first`.

    The lines are in the order of the instances' ids, by the bytes of the id.
    """
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
            yield json_line({"instance_id": row.instance_id, "fields": _fields(row)})


def _changes(connection: Connection, part: LogPart) -> bytes:
    """Return the content of changes.jsonl: a line for each opening and each closing of a version.

    These are the changes of the log entries after the entry of the run `part.first`, up to and including the entry of
    the run `part.last`. The lines are in the order of the entries, and within an entry in the order of the ids, by the
    bytes of the id. If one entry closed a version of an instance and opened the next one, the closing comes first.
    """
    lines = bytearray()  # there may be many lines, and a list of them would need more memory
    for *_, line in heapq.merge(_closings(connection, part), _openings(connection, part)):
        lines += line
    return bytes(lines)


def _openings(connection: Connection, part: LogPart) -> Iterator[tuple[int, bytes, int, bytes]]:
    """Yield (index of the entry, id in bytes, OPENED, line) for each opening in changes.jsonl, in the order of lines.

    `line` is the line of changes.jsonl.
    """
    version, run = instance_versions.c, sync_runs.c
    query = (
        sa.select(instance_versions, run.log_index)
        .join(sync_runs, run.run_id == version.opened_by_run_id)
        .where(
            version.account == part.row.account,
            run.log_index > part.first.log_index,
            run.log_index <= part.last.log_index,
        )
        .order_by(run.log_index, database.by_bytes(connection, version.instance_id))
    )
    for rows in database.stream(connection, query):
        for row in rows:
            about = {"opened_as": row.opened_as, "valid_from": iso_microseconds(row.valid_from), "fields": _fields(row)}
            yield row.log_index, row.instance_id.encode(), OPENED, _change(row, row.log_index, about)


def _closings(connection: Connection, part: LogPart) -> Iterator[tuple[int, bytes, int, bytes]]:
    """Yield (index of the entry, id in bytes, CLOSED, line) for each closing in changes.jsonl, in the order of lines.

    `line` is the line of changes.jsonl.
    """
    version = instance_versions.c
    query = (
        sa.select(instance_versions)
        .where(
            version.account == part.row.account,
            version.closed_log_index > part.first.log_index,
            version.closed_log_index <= part.last.log_index,
        )
        .order_by(version.closed_log_index, database.by_bytes(connection, version.instance_id))
    )
    for rows in database.stream(connection, query):
        for row in rows:
            about = {"closed_as": row.closed_as, "valid_to": iso_microseconds(row.valid_to)}
            if row.last_seen_at is not None:
                about["last_seen_at"] = iso_microseconds(row.last_seen_at)
            yield row.closed_log_index, row.instance_id.encode(), CLOSED, _change(row, row.closed_log_index, about)


def _change(row: Any, entry: int, about: dict[str, Any]) -> bytes:
    creator = {} if row.episode_creator is None else {"creator": row.episode_creator}
    return json_line({"entry": entry, "instance_id": row.instance_id, "episode": row.episode} | creator | about)


def _fields(row: Any) -> dict[str, str]:
    return {name: value for name in PAYLOAD if (value := getattr(row, name)) is not None}


def json_line(value: Any) -> bytes:
    """Return a value as a line of JSON in UTF-8, with sorted keys and a newline at its end."""
    return f"{json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(',', ':'))}\n".encode()


def _breach(part: LogPart, what: str) -> BreachFound:
    return BreachFound(
        f"Account {part.row.account}: {what}; no bundle was written. `inventory verify` says what differs."
    )
