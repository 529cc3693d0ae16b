"""The entries of an account's Merkle log, and the leaves of the trees whose roots the entries hold.

All functions are pure: they read no database and no clock.

An entry is canonical JSON (RFC 8785). It holds the id of its log, its own index, and a `kind`:

- `start`: entry 0, with the account's name and the roots over all history from before the log.
- `run`: a finished run, with its row in `sync_runs`, the root over the versions that the run opened and closed,
  and the missing digest.
- `act`: an act of a person, with its row in `operator_actions`.

The leaf for the start or the end of a version is bytes: numbers of fixed width, the content hash, then texts. U+0000
separates two texts, because no stored text contains it. The two leaves for an instance (`count_leaf`, `missing_leaf`)
are numbers and its id. docs/log.md describes every entry and leaf byte by byte.
"""

import codecs
import json
import struct
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import rfc8785

from inventory.merkle import hash_leaf
from inventory.store.tables import EVENTS, damaged, sync_runs

# rfc8785 uses this codec. Python loads a codec from a file at its first use. Load it now, because at the end of a run
# there may be no free file descriptor.
codecs.lookup("utf-16be")

Json = dict[str, Any]

UNLOGGED = ("account", "vanished", "log_index", "entry_hash", "changes_root", "missing_digest", "cleared_digest")
"""The columns of `sync_runs` that are not under the key `run` of a run's entry.

An entry never changes, but a rename changes `account`, and `vanished` grows if a missing instance is settled later.
The other columns serve the log.
"""

RUN_COLUMNS = tuple(column.name for column in sync_runs.c if column.name not in UNLOGGED)
"""The columns of `sync_runs` under the key `run` of a run's entry."""

ACT_COLUMNS = ("action_id", "occurred_at", "action", "actor", "reason")
"""The columns of `operator_actions` under the key `act` of an entry. `details` has a key of its own."""

CLOSED, OPENED = 0, 1
"""Sort keys for two changes of one instance in one entry: a version is closed before the next one is opened."""

_NEVER = -(1 << 63)
"""The number that stands for a null time."""

_NO_TIME = _NEVER + 1
"""The number that stands for a text that is no time."""

_CODES: dict[str, int] = {event: number for number, event in enumerate(EVENTS, 1)}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_OPENING = struct.Struct(">cqqB")
_CLOSING = struct.Struct(">cqqqqB")
_COUNT = struct.Struct(">cq")
_MISSING = struct.Struct(">c??qqq")


def log_start(row: Mapping[str, Any]) -> Json:
    """Return entry 0 of an account's log. `row` is the account's row. Raise DatabaseError if it has no entry 0."""
    try:
        found = json.loads(row["log_start"])
    except (ValueError, TypeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise damaged(f"the log of account {row['account']} has no entry 0")
    return found


def earlier_history(row: Mapping[str, Any]) -> Json:
    """Return the object `history` of entry 0 of an account's log; empty if no run had finished when the log began.

    `row` is the account's row. Raise DatabaseError if that row has no entry 0, or if the `history` in entry 0 is
    not valid (see `history_in`).
    """
    start = log_start(row)
    found = history_in(start)
    if "history" in start and not found:
        raise damaged(f"entry 0 of the log of account {row['account']} is not what a log begins with")
    return found


def history_in(start: Json) -> Json:
    """Return the object `history` of entry 0.

    Return an empty object if entry 0 has no such object, or if `last_run_id` or `ignored` in it is not valid.
    """
    found = start.get("history")
    if not isinstance(found, dict) or not is_run_id(found.get("last_run_id")):
        return {}
    ignored = found.get("ignored", [])
    return found if isinstance(ignored, list) and all(isinstance(name, str) for name in ignored) else {}


def is_run_id(value: Any) -> bool:
    """Return whether a value of a JSON object can be the id of a run, or 0, which stands for none."""
    return type(value) is int and 0 <= value < 1 << 63


def earlier_run_id(row: Mapping[str, Any]) -> int:
    """Return the id of the last run that finished before the log of an account began; 0 if there was none.

    `row` is the account's row. Raise DatabaseError as `earlier_history` does.
    """
    return int(earlier_history(row).get("last_run_id", 0))


def entry_bytes(entry: Json) -> bytes:
    """Return an entry as canonical JSON (RFC 8785), without the keys whose value is null.

    Raise ValueError if the entry holds a number or a text that canonical JSON cannot represent.
    """
    return bytes(rfc8785.dumps(without_nulls(entry)))


def run_entry(log_id: str, index: int, row: Mapping[str, Any], *, returned: bool = False) -> Json:
    """Return the entry of a finished run.

    `row` is the run's row of `sync_runs`. `returned` says whether the run brought a retired account back.
    """
    return {
        "kind": "run",
        "log": log_id,
        "index": index,
        "run": logged_run(row),
        "changes": hex_or_none(row["changes_root"]),
        "missing": hex_or_none(row["missing_digest"]),
        "returned": returned or None,
    }


def act_entry(log_id: str, index: int, row: Mapping[str, Any], details: Json) -> Json:
    """Return the entry of an act of a person. `row` has the ACT_COLUMNS. `details` is a JSON object."""
    act = {name: _as_json(name, row[name]) for name in ACT_COLUMNS}
    return {"kind": "act", "log": log_id, "index": index, "act": act, "details": details}


def details_text(details: Json) -> str:
    """Return the details of an act as the JSON text that is stored. Equal objects give equal texts: keys are sorted."""
    return json.dumps(details, ensure_ascii=False, sort_keys=True)


def logged_run(row: Mapping[str, Any]) -> Json:
    """Return a run's row as its entry holds it: the RUN_COLUMNS as JSON values.

    If `prune` has moved the fleet digest to the column `cleared_digest`, the digest is taken from there.
    """
    run = {name: _as_json(name, row[name]) for name in RUN_COLUMNS}
    run["complete"] = bool(run["complete"])
    run["fleet_digest"] = row["fleet_digest"] or row["cleared_digest"]
    return run


def opening_leaf(instance_id: str, version: Mapping[str, Any]) -> bytes:
    """Return the leaf hash for the start of a version.

    The leaf covers the episode, the time at which the version opened, the event that opened it (`opened_as`), and the
    content of the version (`leaf_content`).
    """
    head = opening_head(version["opened_as"], version["episode"], version["valid_from"])
    return hash_leaf(head + _content(instance_id, version))


def opening_head(opened_as: str, episode: int, valid_from: Any) -> bytes:
    """Return the first bytes of the leaf for the start of a version. The bytes of `leaf_content` follow them."""
    return _OPENING.pack(b"o", episode, microseconds(valid_from), _CODES.get(opened_as, 0))


def closing_leaf(instance_id: str, version: Mapping[str, Any]) -> bytes:
    """Return the leaf hash for the end of a version.

    The leaf covers the episode, the time at which the version closed, the event that closed it (`closed_as`), the index
    of the log entry that records the close, the time at which the instance was last seen, and the content of the
    version.
    """
    times = microseconds(version["valid_to"]), microseconds(version["last_seen_at"])
    entry = -1 if version["closed_log_index"] is None else version["closed_log_index"]
    head = _CLOSING.pack(b"c", version["episode"], *times, entry, _CODES.get(version["closed_as"], 0))
    return hash_leaf(head + _content(instance_id, version))


def count_leaf(instance_id: str, versions: int) -> bytes:
    """Return the leaf hash for the number of versions that an instance has had."""
    return hash_leaf(_COUNT.pack(b"n", versions) + instance_id.encode())


def missing_leaf(state: Mapping[str, Any]) -> bytes:
    """Return the leaf hash for an instance that the missing digest covers. `state` is its row of `instance_state`."""
    missing_run_id = -1 if state["missing_run_id"] is None else state["missing_run_id"]
    numbers = _MISSING.pack(
        b"m",
        state["presence"] == "missing",
        bool(state["held"]),
        state["unlisted_runs"],
        state["seen_run_id"],
        missing_run_id,
    )
    return hash_leaf(numbers + state["instance_id"].encode())


def microseconds(time: Any) -> int:
    """Return a time as microseconds since 1970. `time` is an aware datetime, or text as SQLite stores it.

    For None, and for a text that is no time, return two different numbers that no time has.
    """
    if time is None:
        return _NEVER
    if isinstance(time, str):
        try:
            time = datetime.fromisoformat(time).replace(tzinfo=UTC)
        except ValueError:  # the database is damaged: this must not look like a null time
            return _NO_TIME
    since = time - _EPOCH
    return int((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


def iso_microseconds(time: Any) -> str:
    """Return a time as `YYYY-MM-DDTHH:MM:SS.ffffffZ`. `time` is an aware datetime, or text as SQLite stores it."""
    if isinstance(time, str):
        return f"{time[:10]}T{time[11:]}Z"
    return f"{time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def leaf_content(instance_id: str, creator: str | None, content_hash: bytes | None) -> bytes:
    """Return the last bytes of the leaf for the start or the end of a version: its content.

    They are the content hash, the instance's id, a zero byte, and the creator of the episode.
    """
    return (content_hash or b"") + f"{instance_id}\0{creator or ''}".encode()


def _content(instance_id: str, version: Mapping[str, Any]) -> bytes:
    return leaf_content(instance_id, version["episode_creator"], version["content_hash"])


def _as_json(name: str, value: Any) -> Any:
    return iso_microseconds(value) if name.endswith("_at") and value is not None else value


def hex_or_none(value: bytes | None) -> str | None:
    """Return a hash in hexadecimal, or None for None."""
    return None if value is None else value.hex()


def without_nulls(value: Any) -> Any:
    """Return a JSON value without the keys whose value is null, also in objects inside objects (but not in lists)."""
    if not isinstance(value, dict):
        return value
    return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}
