"""The bytes that the entries and trees of an account's Merkle log commit to. Pure functions.

An entry is canonical JSON (RFC 8785). It holds the id of its log, its own index, and a `kind`:

- `start`: entry 0, with the account's name and all history from before the log.
- `run`: a finished run, with its row in `sync_runs`, and the roots of its changes and of what it left unsettled.
- `act`: an act of a person, with its row in `operator_actions`.

A change of a version, and an instance that is not settled, are leaves of fixed-width bytes followed by texts. U+0000
separates the texts, which no stored text contains.
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

codecs.lookup("utf-16be")  # rfc8785 needs it: loaded here, because a run may end where no file can be opened any more

Json = dict[str, Any]

UNLOGGED = ("account", "vanished", "log_index", "entry_hash", "changes_root", "missing_digest", "cleared_digest")
"""The columns of `sync_runs` that are no part of the row in an entry.

A rename changes `account`; a later settlement changes `vanished`; the others serve the log.
"""

RUN_COLUMNS = tuple(column.name for column in sync_runs.c if column.name not in UNLOGGED)

ACT_COLUMNS = ("action_id", "occurred_at", "action", "actor", "reason")
"""The columns of `operator_actions` in an entry, which also holds the object in `details`."""

CLOSED, OPENED = 0, 1
"""The order of two changes of one instance in one entry: its version is closed, then the next one opens."""

_NEVER = -(1 << 63)
"""The number for a time that is null."""

_NO_TIME = _NEVER + 1

_CODES: dict[str, int] = {event: number for number, event in enumerate(EVENTS, 1)}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_OPENING = struct.Struct(">cqqB")
_CLOSING = struct.Struct(">cqqqqB")
_COUNT = struct.Struct(">cq")
_MISSING = struct.Struct(">c??qqq")


def earlier_history(row: Mapping[str, Any]) -> Json:
    """Return what entry 0 of an account's log holds of the time before the log; empty if there was no run.

    Raises DatabaseError if the row has no entry 0.
    """
    try:
        found: Json = json.loads(row["log_start"])
    except (ValueError, TypeError):
        raise damaged(f"the log of account {row['account']} has no entry 0") from None
    return found.get("history") or {}


def earlier_run_id(row: Mapping[str, Any]) -> int:
    """Return the id of the last run from before the log of an account, from entry 0; 0 if there was none."""
    return int(earlier_history(row).get("last_run_id", 0))


def entry_bytes(entry: Json) -> bytes:
    """Return the bytes of an entry: canonical JSON, in which a null is left out."""
    return bytes(rfc8785.dumps(without_nulls(entry)))


def run_entry(log_id: str, index: int, row: Mapping[str, Any], *, returned: bool = False) -> Json:
    """Return the entry of a finished run. `row` is its row, `returned` says that it brought a retired account back."""
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
    """Return the entry of an act of a person. `row` has the ACT_COLUMNS."""
    act = {name: _as_json(name, row[name]) for name in ACT_COLUMNS}
    return {"kind": "act", "log": log_id, "index": index, "act": act, "details": details}


def details_text(details: Json) -> str:
    """Return the text in which the details of an act are stored: there is only one for an object."""
    return json.dumps(details, ensure_ascii=False, sort_keys=True)


def logged_run(row: Mapping[str, Any]) -> Json:
    """Return the row of a run as entries hold it. `prune` moves an older digest to `cleared_digest`."""
    run = {name: _as_json(name, row[name]) for name in RUN_COLUMNS}
    run["complete"] = bool(run["complete"])
    run["fleet_digest"] = row["fleet_digest"] or row["cleared_digest"]
    return run


def opening_leaf(instance_id: str, version: Mapping[str, Any]) -> bytes:
    """Return the leaf for the start of a version: when and as what it opened, and what it held."""
    head = opening_head(version["opened_as"], version["episode"], version["valid_from"])
    return hash_leaf(head + _content(instance_id, version))


def opening_head(opened_as: str, episode: int, valid_from: Any) -> bytes:
    """Return the first bytes of an opening leaf. `leaf_content` follows."""
    return _OPENING.pack(b"o", episode, microseconds(valid_from), _CODES.get(opened_as, 0))


def closing_leaf(instance_id: str, version: Mapping[str, Any]) -> bytes:
    """Return the leaf for the end of a version: when, as what and by which entry it closed, and what it held."""
    times = microseconds(version["valid_to"]), microseconds(version["last_seen_at"])
    entry = -1 if version["closed_log_index"] is None else version["closed_log_index"]
    head = _CLOSING.pack(b"c", version["episode"], *times, entry, _CODES.get(version["closed_as"], 0))
    return hash_leaf(head + _content(instance_id, version))


def count_leaf(instance_id: str, versions: int) -> bytes:
    """Return the leaf for the number of versions that an instance has had."""
    return hash_leaf(_COUNT.pack(b"n", versions) + instance_id.encode())


def missing_leaf(state: Mapping[str, Any]) -> bytes:
    """Return the leaf for an instance of which the versions do not tell everything: see `missing_digest`."""
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
    """Return a time as microseconds since 1970; for null a number that no time has. `time` may be SQLite's text."""
    if time is None:
        return _NEVER
    if isinstance(time, str):
        try:
            time = datetime.fromisoformat(time).replace(tzinfo=UTC)
        except ValueError:  # in a damaged database: it becomes another number that no time has
            return _NO_TIME
    since = time - _EPOCH
    return int((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


def iso_microseconds(time: Any) -> str:
    """Return a time as `YYYY-MM-DDTHH:MM:SS.ffffffZ`. `time` may be SQLite's text."""
    if isinstance(time, str):
        return f"{time[:10]}T{time[11:]}Z"
    return f"{time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def leaf_content(instance_id: str, creator: str | None, content_hash: bytes | None) -> bytes:
    """Return the last bytes of an opening or a closing leaf: what the version held, of which instance."""
    return (content_hash or b"") + f"{instance_id}\0{creator or ''}".encode()


def _content(instance_id: str, version: Mapping[str, Any]) -> bytes:
    return leaf_content(instance_id, version["episode_creator"], version["content_hash"])


def _as_json(name: str, value: Any) -> Any:
    return iso_microseconds(value) if name.endswith("_at") and value is not None else value


def hex_or_none(value: bytes | None) -> str | None:
    """Return a hash in hex; None for none."""
    return None if value is None else value.hex()


def without_nulls(value: Any) -> Any:
    """Return a JSON value without the nulls in its objects."""
    if not isinstance(value, dict):
        return value
    return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}
