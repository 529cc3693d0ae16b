"""Compute the entries of a log from rows, according to docs/log.md and without any code of the program."""

import hashlib
import json
import struct
from datetime import UTC, datetime, timedelta

from support.rfc6962 import tree_hash

NULL = -(2**63)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OPENED = {"appeared": 1, "changed": 2, "reappeared": 3}
CLOSED = {"changed": 2, "vanished": 4}
NOT_LOGGED = {
    "account", "vanished", "log_index", "entry_hash", "changes_root", "missing_digest", "cleared_digest"
}  # fmt: skip


def parsed(time):
    """Return a time as an aware datetime in UTC. `time` is a text in UTC (SQLite), or an aware datetime."""
    return datetime.fromisoformat(time).replace(tzinfo=UTC) if isinstance(time, str) else time.astimezone(UTC)


def text_of(time):
    return f"{parsed(time):%Y-%m-%dT%H:%M:%S.%f}Z"


def number_of(time):
    """Return the microseconds from EPOCH to `time`; NULL if it is None."""
    return NULL if time is None else (parsed(time) - EPOCH) // timedelta(microseconds=1)


def canonical(value):
    """Return a value as bytes of canonical JSON (RFC 8785), without the nulls in objects.

    The result is right only for what an entry holds: ASCII keys, texts, booleans, and numbers that need no exponent.
    """

    def plain(each):
        if isinstance(each, dict):
            return {name: plain(inner) for name, inner in each.items() if inner is not None}
        return int(each) if isinstance(each, float) and each.is_integer() else each

    return json.dumps(plain(value), ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def run_row(row):
    run = {name: text_of(value) if name.endswith("_at") and value is not None else value for name, value in row.items()}
    run["complete"] = bool(run["complete"])
    run["fleet_digest"] = row["fleet_digest"] or row["cleared_digest"]
    return {name: value for name, value in run.items() if name not in NOT_LOGGED}


def opening(version):
    head = struct.pack(
        ">cqqB", b"o", version["episode"], number_of(version["valid_from"]), OPENED[version["opened_as"]]
    )
    return head + content(version)


def closing(version):
    times = number_of(version["valid_to"]), number_of(version["last_seen_at"])
    entry = -1 if version["closed_log_index"] is None else version["closed_log_index"]
    return struct.pack(">cqqqqB", b"c", version["episode"], *times, entry, CLOSED[version["closed_as"]]) + content(
        version
    )


def content(version):
    names = ("instance_type", "region", "sector", "ip", "status", "creator_user_nickname", "extra")
    content_hash = hashlib.sha256("\0".join(version[name] or "" for name in names).encode()).digest()
    return content_hash + f"{version['instance_id']}\0{version['episode_creator'] or ''}".encode()


def changes_of(versions, run_id, index):
    """Return the root (hex) over the openings by run `run_id` and the closings by entry `index`.

    Return None if there are none.
    """
    leaves = [
        ((each["instance_id"].encode(), 1), opening(each)) for each in versions if each["opened_by_run_id"] == run_id
    ]
    leaves += [
        ((each["instance_id"].encode(), 0), closing(each)) for each in versions if each["closed_log_index"] == index
    ]
    return tree_hash([leaf for _, leaf in sorted(leaves)]).hex() if leaves else None


def missing_digest(states, last_complete_run_id):
    leaves = [
        struct.pack(
            ">cBBqqq", b"m", state["presence"] == "missing", bool(state["held"]), state["unlisted_runs"],
            state["seen_run_id"], -1 if state["missing_run_id"] is None else state["missing_run_id"],
        ) + state["instance_id"].encode()
        for state in sorted(states, key=lambda state: state["instance_id"].encode())
        if state["presence"] == "missing"
        or state["unlisted_runs"] > 0
        or (state["presence"] == "live" and state["seen_run_id"] > (last_complete_run_id or 0))
    ]  # fmt: skip
    return tree_hash(leaves).hex() if leaves else None


def history_of(versions, counts, before):
    """Return the root (hex) over the folded history: the versions that began before the time `before`.

    `versions` are already folded. `counts` is a dict from an instance id to the number of versions that the instance
    has had.
    """
    leaves = []
    for instance_id in sorted(counts, key=str.encode):
        covered = [
            each for each in versions if each["instance_id"] == instance_id and parsed(each["valid_from"]) < before
        ]
        for each in sorted(covered, key=lambda each: parsed(each["valid_from"])):
            leaves += [opening(each)] + ([] if each["valid_to"] is None else [closing(each)])
        if covered:
            leaves.append(struct.pack(">cq", b"n", counts[instance_id]) + instance_id.encode())
    return tree_hash(leaves).hex()


def entries_of(account, runs, acts, versions):
    """Return a list with the bytes of each entry of an account's log, in order.

    `account` is a row of `accounts`; `runs`, `acts` and `versions` are all rows of this account. Raise AssertionError
    if `prune` has dropped the row of an entry. The key `returned` of an entry says that the run brought a retired
    account back. No row has this value: it is computed from entry 0 and from the acts of retiring.
    """
    log_id = account["log_id"]
    found = [(0, account["log_start"].encode())]
    rows = [(run["log_index"], run, None) for run in runs if run["log_index"] is not None]
    rows += [(act["log_index"], None, act) for act in acts]
    retired = "retired_at" in json.loads(account["log_start"]).get("history", {})
    for index, run, act in sorted(rows, key=lambda row: row[0]):
        entry = {"log": log_id, "index": index}
        if run is not None:
            changes = changes_of(versions, run["run_id"], index)
            missing = run["missing_digest"] and bytes(run["missing_digest"]).hex()
            entry |= {"kind": "run", "run": run_row(run), "changes": changes, "missing": missing}
            entry["returned"], retired = retired or None, False
        else:
            columns = {"occurred_at": text_of(act["occurred_at"])} | {
                name: act[name] for name in ("action_id", "action", "actor", "reason")
            }
            entry |= {"kind": "act", "act": columns, "details": json.loads(act["details"])}
            retired = retired or act["action"] == "retire"
        found.append((index, canonical(entry)))
    assert [index for index, _ in found] == list(range(len(found)))
    return [entry for _, entry in found]
