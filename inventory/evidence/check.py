#!/usr/bin/env python3
"""Check a bundle of evidence about a fleet of compute instances. Needs Python 3.11 or newer, and nothing else.

    python3 check.py BUNDLE.zip [--key VERIFIER_KEY] [--against CHECKPOINTS]
    python3 check.py BUNDLE.zip prove INSTANCE_ID TIME [--key VERIFIER_KEY] [--against CHECKPOINTS]

`inventory evidence` wrote the bundle, with this file in it. For each account the bundle holds:

- the fleet as it was before the period;
- every entry of the account's Merkle log in the period. An entry is about a run or about an act of a person;
- the changes of each entry. A change is the start or the end of a version, and a version is a time in which all fields
  of an instance stayed the same;
- lists as CSV, which follow from the entries and the changes.

This program computes again: the hash of every entry and the root of the log, the root over the changes of each entry,
the digest of the fleet after each complete run that recorded one, and every list, byte for byte. Given `--key`, it also
checks the signature of the checkpoint, for which it needs the library `cryptography`. Given `--against`, it also
compares the log with checkpoints that somebody kept outside the bundle.

With `prove`, it says whether an instance existed at a time, and who created it. For this it checks the log, the changes
of each entry and the fleet before the period, but not the lists.

Exit codes:

- 0: all agrees. This is also the code if `prove` answers `not known`.
- 9: something differs. A line names the file. It names the bundle if the bundle, or a file in it, has the wrong form.
- 2: the arguments are wrong, the bundle or a file of `--against` cannot be opened, a file of `--against` has the wrong
  form, or the library for `--key` is missing.
- 1: this host has too little memory, or fails while it reads the bundle or writes the result. This says nothing about
  the bundle.
"""

import argparse
import gc
import hashlib
import io
import json
import os
import re
import struct
import sys
import zipfile
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate, groupby, pairwise
from pathlib import Path
from typing import Any

FORMAT = "inventory evidence 1"
FIELDS = ("instance_type", "region", "sector", "ip", "status", "creator_user_nickname", "extra")
"""The fields of an instance, in the order in which they are hashed."""

BY_CHANGE = ("creations.csv", "changes.csv", "disappearances.csv")
"""The lists whose lines are added while the changes are replayed, one change after the other."""

DEFAULT_GAP = 25 * 3600
"""The longest time between two complete runs that is not a gap, in seconds.

This default applies if the second run has neither `expected_seconds` nor `max_gap_seconds`.
"""

_OPENED = {"appeared": 1, "changed": 2, "reappeared": 3}
_CLOSED = {"changed": 2, "vanished": 4}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NEVER = -(1 << 63)
_DAY = 86_400_000_000
_HASH_SIZE = 32
_EMPTY_ROOT = hashlib.sha256(b"").hexdigest()
_GROUP = struct.Struct(">QI")
"""The head of a group in leaves.bin: the index of an entry, and the number of its leaves.

leaves.bin has a group for each entry with changes. After the head come the length of each leaf, in four bytes, and then
the leaves.
"""

Json = dict[str, Any]
Rows = list[list[Any]]


_MARK = "\N{EM DASH}"
"""The first character of a line that is a signature of a checkpoint."""
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)


class Differs(Exception):
    """The error that a file is not what it should be. The message begins with the file's name."""


# -- Hashes: RFC 6962 with SHA-256


def hash_leaf(data: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(b"\0" + data).digest()


def append(nodes: list[bytes], size: int, node: bytes) -> int:
    """Append the leaf hash `node` to a tree of `size` leaves, and return the new size.

    `nodes` is the edge of the tree: the roots of its complete subtrees, the largest first. It is changed in place.
    """
    rest = size
    while rest & 1:
        node = hashlib.sha256(b"\1" + nodes.pop() + node).digest()
        rest >>= 1
    nodes.append(node)
    return size + 1


def root_of_edge(nodes: list[bytes]) -> bytes:
    """Return the root of the tree whose edge is `nodes` (see `append`)."""
    if not nodes:
        return hashlib.sha256(b"").digest()
    *larger, root = nodes
    for left in reversed(larger):
        root = hashlib.sha256(b"\1" + left + root).digest()
    return root


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the root of the tree over these leaf hashes."""
    nodes = list(leaves)
    while len(nodes) > 1:
        pairs = [b"\1" + left + right for left, right in zip(nodes[::2], nodes[1::2], strict=False)]
        nodes = [*hash_all(pairs), *nodes[len(nodes) & ~1 :]]
    return nodes[0] if nodes else hashlib.sha256(b"").digest()


def hash_all(texts: Iterable[bytes]) -> list[bytes]:
    """Return the SHA-256 hash of each text, in the same order."""
    copy, hashes = hashlib.sha256().copy, []  # to copy a new hash object is quicker than to make one
    for text in texts:
        one = copy()
        one.update(text)
        hashes.append(one.digest())
    return hashes


def content_hash(fields: Mapping[str, str | None]) -> bytes:
    """Return the SHA-256 of an instance's FIELDS, joined by zero bytes; a field without a value counts as empty."""
    return hashlib.sha256("\0".join(fields.get(name) or "" for name in FIELDS).encode()).digest()


def micros(text: str | None) -> int:
    """Return a time like `2026-03-06T22:00:00.000000Z` in microseconds since 1970.

    For None, return the smallest signed 64-bit number. Raise ValueError if the text has another form.
    """
    if text is None:
        return _NEVER
    if not _TIME.fullmatch(text):
        raise ValueError(f"{text!r} is no time in the form of a bundle")
    since = datetime.fromisoformat(text) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def time_text(microseconds: int) -> str:
    """Return a time, given in microseconds since 1970, as text like `2026-03-06T22:00:00.000000Z`."""
    return (_EPOCH + timedelta(microseconds=microseconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def leaf_of(change: Json, hash_: bytes) -> bytes:
    """Return the bytes that are hashed for the start or the end of a version.

    They begin with the zero byte that RFC 6962 puts before each leaf. `change` is a parsed line of changes.jsonl.
    `hash_` is the `content_hash` of the version that the change opens or closes.
    """
    if "opened_as" in change:
        numbers = (change["episode"], micros(change["valid_from"]), _OPENED[change["opened_as"]])
        head = struct.pack(">cqqB", b"o", *numbers)
    else:
        times = micros(change["valid_to"]), micros(change.get("last_seen_at"))
        head = struct.pack(">cqqqqB", b"c", change["episode"], *times, change["entry"], _CLOSED[change["closed_as"]])
    return b"\0" + head + hash_ + f"{change['instance_id']}\0{change.get('creator', '')}".encode()


def change_in(leaf: bytes, entry: int) -> Json:
    """Return the change that a leaf describes, as a parsed line of changes.jsonl without `fields`.

    `entry` is the index of the log entry to which the leaf belongs.
    """
    if leaf[1:2] == b"o":
        size = struct.calcsize(">qqB")
        episode, begin, how = struct.unpack(">qqB", leaf[2 : 2 + size])
        change: Json = {"opened_as": _name_of(how, _OPENED), "valid_from": time_text(begin)}
    else:
        size = struct.calcsize(">qqqqB")
        episode, end, seen, _, how = struct.unpack(">qqqqB", leaf[2 : 2 + size])
        change = {"closed_as": _name_of(how, _CLOSED), "valid_to": time_text(end)}
        if seen != _NEVER:
            change["last_seen_at"] = time_text(seen)
    id_, _, creator = leaf[2 + size + _HASH_SIZE :].decode().partition("\0")
    return change | {"entry": entry, "episode": episode, "instance_id": id_} | ({"creator": creator} if creator else {})


def _name_of(number: int, numbers: Mapping[str, int]) -> str:
    return next(name for name, each in numbers.items() if each == number)


# -- The fleet, change by change


def fields_of(line: Json) -> dict[str, str | None]:
    """Return a dict from each name in FIELDS to its value in a parsed line of fleet.jsonl or changes.jsonl.

    The value is None for a field that the line lacks or that is null. Raise ValueError if any other value is not text
    or is empty, or if the line has a field that is not in FIELDS.
    """
    found = {name: line["fields"].get(name) for name in FIELDS}
    if line["fields"].keys() - found.keys() or not all(value is None or _is_text(value) for value in found.values()):
        raise ValueError(f"a line holds fields of another form: {line['instance_id']!r:.80}")
    return found


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


@dataclass(slots=True)
class Episode:
    """One unbroken presence of an instance. `creator` is None if the creator is not known.

    The creator is the first one that the API gave in the episode. `known_from` says where the name comes from:

    - "log": from the latest of the replayed changes of the episode. A change holds the creator that was known when it
      was recorded, and the log commits to this name.
    - "field": from the field `creator_user_nickname` of a line of fleet.jsonl. No change of the episode was replayed
      yet. The name need not be that of the first creator: the field may have changed earlier in the episode.
    """

    creator: str | None
    known_from: str = "log"


@dataclass
class Version:
    """A version of an instance: its fields, and the episode that it belongs to."""

    fields: dict[str, str | None]
    episode: Episode
    hash_: bytes = b""

    def __post_init__(self) -> None:
        self.hash_ = content_hash(self.fields)


@dataclass
class Account:
    """The part of a bundle that is about one account. The fields with a default are computed, all others are read.

    `log` is the id of the account's log. `lines` are the log entries in the bundle, as JSON. `entries` are the same
    entries, parsed. `first` is the index of the first of them. `edge` is the edge of the log's tree before this first
    entry was appended (see `append`). The period is from `since` (included) to `until` (excluded). `start` and `end`
    are the fleet at the start and at the end of the period, by instance id. `created` and `vanished` are the numbers of
    creations and of disappearances in the period, by creator.
    """

    name: str
    folder: str
    log: str
    first: int
    edge: list[bytes]
    lines: list[bytes]
    fleet_lines: list[Json]
    changes: bytes
    """The content of changes.jsonl. Its lines are parsed one at a time, because there may be many."""
    leaves: bytes
    """The content of leaves.bin."""
    since: str
    until: str
    entries: list[Json] = field(default_factory=list)
    times: list[str] = field(default_factory=list)
    """The result of `increasing_times` for `entries`. These times decide which entries are in the period."""
    start: dict[str, Version] = field(default_factory=dict)
    end: dict[str, Version] = field(default_factory=dict)
    rows: dict[str, bytearray] = field(default_factory=lambda: {name: bytearray() for name in BY_CHANGE})
    """The lines of each list in BY_CHANGE, by the name of the list. They are bytes, because there may be many."""
    created: Counter[str | None] = field(default_factory=Counter)
    vanished: Counter[str | None] = field(default_factory=Counter)
    changed: int = 0
    """The number of changes that were replayed."""
    measured: list[tuple[int, int, int, bool]] | None = None
    """The result of `spans_of`, or None as long as it has not been computed."""
    _creations: list[tuple[Episode, str, str]] = field(default_factory=list)
    """For each line of creations.csv: the episode, the text before the creator, and the text after the creator."""
    _closed_now: dict[str, Version] = field(default_factory=dict)
    """The versions that were closed as changed, by instance id, until the next version of the instance is opened."""
    _last_digest: str | None = None
    """The digest of the fleet if it was checked after the last change, else None."""

    def differs(self, file: str, what: str) -> Differs:
        """Return the error that a file of the account is wrong. `file` is its name, `what` says what is wrong."""
        return Differs(f"{self.folder}/{file}: {what}")

    def begin(self) -> dict[str, Version]:
        """Parse the entries. Check their order, the period that they cover, and the fleet before the period.

        Return the fleet before the period: a dict from instance id to version. Raise Differs if a check fails.
        """
        self.entries = [self._entry(number, line) for number, line in enumerate(self.lines)]
        self._require_period()
        self.times = increasing_times(self.entries)
        fleet = {line["instance_id"]: self.version_of(line) for line in self.fleet_lines}
        if list(fleet) != sorted(fleet, key=str.encode) or len(fleet) != len(self.fleet_lines):
            raise self.differs("fleet.jsonl", "the ids are not in order")
        if digest(fleet) != self.entries[0]["run"].get("fleet_digest"):
            raise self.differs("fleet.jsonl", "the fleet is not the one whose digest its run committed")
        return fleet

    def root(self) -> bytes:
        """Return the root of the log over all entries up to the last one in the bundle."""
        nodes, size = list(self.edge), self.first
        for line in self.lines:
            size = append(nodes, size, hash_leaf(line))
        return root_of_edge(nodes)

    def replay(self, keep: Callable[[bytes], object]) -> None:
        """Apply all changes to the fleet, and check the changes and the fleet against the entries.

        Fill in the fields that have a default, except `measured`. Call `keep` with the bytes of each group that
        leaves.bin should have, in order. Raise Differs if a check fails.
        """
        fleet = self.begin()
        self.start, self.end = dict(fleet), dict(fleet)
        groups = groupby(self.read_changes(), key=lambda change: change["entry"])
        following = next(groups, None)
        for entry, time in zip(self.entries[1:], self.times[1:], strict=True):
            if following is None or following[0] != entry["index"]:
                self._apply(entry, [], fleet)
                continue
            keep(self._apply(entry, list(following[1]), fleet))
            following = next(groups, None)
            if time < self.since:
                self.start = dict(fleet)
            if time < self.until:
                self.end = dict(fleet)
        if following is not None:
            raise self.differs("changes.jsonl", f"entry {following[0]} is not there, or not in order")
        for episode, head, tail in self._creations:  # not earlier: a later change may say who the creator is
            self.created[episode.creator] += 1
            self.rows["creations.csv"] += f"{head},{_cell(episode.creator)},{tail}".encode()
        self._creations.clear()

    def read_changes(self) -> Iterator[Json]:
        """Yield each line of changes.jsonl, parsed."""
        return map(json.loads, io.BytesIO(self.changes))

    def changes_of(self, instance_id: str) -> list[Json]:
        """Return the changes of an instance, decoded from leaves.bin, in the order of the log. Call `begin` first.

        Each change has the form of a parsed line of changes.jsonl, but without `fields`. Raise Differs unless
        leaves.bin holds exactly the changes that the entries committed to.
        """
        expected = {entry["index"]: committed(entry) for entry in self.entries[1:]}
        expected = {index: root for index, root in expected.items() if root not in {None, _EMPTY_ROOT}}
        data, at, latest, found = self.leaves, 0, 0, []
        text = f"{instance_id}\0".encode()
        while at < len(data):
            index, count = _GROUP.unpack_from(data, at)
            lengths = struct.unpack_from(f">{count}I", data, at + _GROUP.size)
            begin = at + _GROUP.size + 4 * count
            leaves = [data[start:end] for start, end in pairwise(accumulate(lengths, initial=begin))]
            at = begin + sum(lengths)
            if index <= latest or root_of(hash_all(leaves)).hex() != expected.pop(index, None):
                raise self.differs("leaves.bin", f"the changes of entry {index} are not those that it committed to")
            if data.find(text, begin, at) >= 0:
                found += [change_in(leaf, index) for leaf in leaves if text in leaf]
            latest = index
        if expected:
            raise self.differs("leaves.bin", f"the changes of entry {min(expected)} are missing")
        return [change for change in found if change["instance_id"] == instance_id]

    def is_in_period(self, entry: Json) -> bool:
        """Return whether an entry is in the period. Its time in `times` decides. Call `begin` first."""
        number: int = entry["index"] - self.first
        return self.since <= self.times[number] < self.until

    def _require_period(self) -> None:
        """Raise Differs unless the first and the last entry enclose the period.

        Both must be entries of complete runs. The first run must be before `since`, the last one at or after `until`.
        Raise ValueError if a limit of the period does not have the form of a time.
        """
        ends = [self.entries[0], self.entries[-1]] if self.entries else [{}]
        micros(self.since), micros(self.until)  # raises ValueError for a time in another form
        if self.first < 1 or not all(entry.get("run", {}).get("complete") for entry in ends):
            raise self.differs("entries.jsonl", "the first and the last entry are not those of complete runs")
        if not time_of(ends[0]) < self.since < self.until <= time_of(ends[-1]):
            raise self.differs("entries.jsonl", "the entries do not reach from before the period to its end")

    def _entry(self, number: int, line: bytes) -> Json:
        entry = json.loads(line)
        if entry["index"] != self.first + number:
            raise self.differs("entries.jsonl", f"entry {self.first + number} is missing")
        return dict(entry)

    def version_of(self, line: Json) -> Version:
        """Return the version in a line of fleet.jsonl."""
        fields = fields_of(line)
        return Version(fields, Episode(fields["creator_user_nickname"], "field"))

    def _apply(self, entry: Json, changes: list[Json], fleet: dict[str, Version]) -> bytes:
        """Apply an entry's changes to the fleet, and check the changes and the new fleet against the entry.

        Return the group that leaves.bin should have for this entry (see `_GROUP`). An entry without changes has no
        group in leaves.bin: ignore what is returned for it. Raise Differs if a check fails.
        """
        index, run = entry["index"], entry.get("run", {})
        leaves = [leaf_of(change, self._change(entry, change, fleet)) for change in changes]
        self.changed += len(changes)
        wanted = committed(entry)
        if (root_of(hash_all(leaves)).hex() if leaves or wanted else None) != wanted:
            raise self.differs("changes.jsonl", f"the changes of entry {index} are not those that it committed to")
        if changes:
            self._last_digest = None
        if run.get("fleet_digest") not in {None, self._last_digest}:
            if digest(fleet) != run["fleet_digest"]:
                raise self.differs("changes.jsonl", f"the fleet after entry {index} is not the one it committed to")
            self._last_digest = run["fleet_digest"]
        lengths = struct.pack(f">{len(leaves)}I", *map(len, leaves))
        return b"".join([_GROUP.pack(index, len(leaves)), lengths, *leaves])

    def _change(self, entry: Json, change: Json, fleet: dict[str, Version]) -> bytes:
        """Apply a change to the fleet, and add its lines to the lists if its entry is in the period.

        Return the `content_hash` of the version that the change opens or closes. Raise Differs if the change does not
        fit the fleet, such as the end of a version that is not open. Raise ValueError if a value has the wrong form.
        """
        id_, index = change["instance_id"], entry["index"]
        if not _is_text(id_) or not _is_text(change.get("creator", "nobody")):
            raise ValueError("an id or a creator is no text")
        there = fleet.pop(id_, None)
        if "opened_as" in change:
            if there is not None:
                raise self.differs("changes.jsonl", f"entry {index} opens {id_}, but it is already open")
            before = self._closed_now.pop(id_, None)
            if (change["opened_as"] == "changed") != (before is not None):
                raise self.differs("changes.jsonl", f"entry {index} opens {id_}, but not as it was closed")
            fields = fields_of(change)
            found = fleet[id_] = Version(fields, Episode(None) if before is None else before.episode)
        else:
            if there is None:
                raise self.differs("changes.jsonl", f"entry {index} closes {id_}, but it is not open")
            before = found = there
            if change["closed_as"] == "changed":
                self._closed_now[id_] = there
        found.episode.creator, found.episode.known_from = change.get("creator"), "log"
        if self.is_in_period(entry):
            self._list(entry, change, before or found, found)
        return found.hash_

    def _list(self, entry: Json, change: Json, before: Version, after: Version) -> None:
        """Add the lines about a change to the lists, and count disappearances by creator.

        The parts of a line about a creation go into `_creations`, until the creator is known.
        If a version is opened as changed, `before` is the version before it and `after` the new one. For any other
        change, both are the version that is opened or closed.
        """
        id_, index, run = change["instance_id"], entry["index"], entry.get("run", {})
        if change.get("opened_as") == "changed":
            for name in FIELDS:
                pair = before.fields[name], after.fields[name]
                if pair[0] != pair[1]:
                    row = [change["valid_from"], id_, name, *pair, run.get("run_id"), index]
                    self.rows["changes.csv"] += csv_line(row).encode()
        elif "opened_as" in change:
            kept = [after.fields[name] for name in ("instance_type", "region", "status")]
            head = csv_line([change["valid_from"], run.get("previous_complete_at"), id_, change["opened_as"]])
            tail = csv_line([*kept, run.get("run_id"), index])
            self._creations.append((after.episode, head.removesuffix("\n"), tail))
        elif change["closed_as"] == "vanished":
            creator = before.episode.creator
            self.vanished[creator] += 1
            kept = [before.fields[name] for name in ("instance_type", "region")]
            row = [change["valid_to"], change.get("last_seen_at"), id_, creator, *kept, time_of(entry), index]
            self.rows["disappearances.csv"] += csv_line(row).encode()


def digest(fleet: Mapping[str, Version]) -> str:
    """Return the digest of a fleet in hexadecimal, as runs record it in `fleet_digest`.

    It is the SHA-256 over the id, a zero byte and the `content_hash` of each instance, in the order of the ids.
    """
    parts = (id_.encode() + b"\0" + fleet[id_].hash_ for id_ in sorted(fleet, key=str.encode))
    return hashlib.sha256(b"".join(parts)).hexdigest()


def committed(entry: Json) -> str | None:
    """Return the root over the changes of an entry, in hexadecimal, as the entry holds it; None if it holds none."""
    found: str | None = entry.get("changes") or entry.get("details", {}).get("changes")
    return found


def time_of(entry: Json) -> str:
    """Return the time of an entry: the start of its run, or the time of its act."""
    return str(entry["run"]["started_at"] if "run" in entry else entry["act"]["occurred_at"])


def increasing_times(entries: list[Json]) -> list[str]:
    """Return the time of each entry, corrected so that the times never decrease along the log.

    The times of runs are kept: the program makes sure that they increase. If a clock was changed, the time of an act
    may be before the run that precedes the act in the log, or after the run that follows it. The time of the act is
    then moved between the times of these two runs. Otherwise the fleet at a limit of the period might not fit the
    changes in the period. The last entry must be of a run.
    """
    limit, times = "", []
    for entry in reversed(entries):
        limit = time_of(entry) if "run" in entry else limit
        times.append(min(time_of(entry), limit))
    return list(accumulate(reversed(times), max))


# -- The lists


def lists(account: Account) -> Iterator[tuple[str, bytes]]:
    """Yield (name, content) of each CSV file of an account. Call `replay` first."""
    runs = [entry for entry in account.entries if "run" in entry]
    inside = [entry for entry in account.entries if account.is_in_period(entry)]
    tables: dict[str, Iterable[list[Any]]] = {
        "population_start.csv": _population(account.start),
        "population_end.csv": _population(account.end),
        "creators.csv": _creators(account),
        "runs.csv": (_run(entry) for entry in inside if "run" in entry),
        "gaps.csv": _gaps(account, runs),
        "observed.csv": _observed(account, runs),
        "acts.csv": (_act(entry) for entry in inside if "act" in entry),
    }
    for name, header in LISTS.items():
        lines = account.rows[name] if name in BY_CHANGE else "".join(map(csv_line, tables[name])).encode()
        yield name, f"{header}\n".encode() + lines


RUN_COLUMNS = (
    "run_id", "started_at", "finished_at", "status", "complete", "trigger", "expected_seconds", "instances_seen",
    "appeared", "changed", "reappeared", "missing", "error_code", "api_key_id", "version",
)  # fmt: skip
LISTS = {
    "population_start.csv": ",".join(("instance_id", *FIELDS)),
    "population_end.csv": ",".join(("instance_id", *FIELDS)),
    "creations.csv": "appeared_at,appeared_after,instance_id,event,creator,instance_type,region,status,run_id,entry",
    "changes.csv": "changed_at,instance_id,field,old_value,new_value,run_id,entry",
    "disappearances.csv": "vanished_at,last_seen_at,instance_id,creator,instance_type,region,settled_at,entry",
    "creators.csv": "creator,known_from,there_at_start,created,vanished,there_at_end",
    "runs.csv": ",".join((*RUN_COLUMNS, "entry")),
    "gaps.csv": "gap_start,gap_end,seconds,failed_runs",
    "observed.csv": "day,observed_seconds,share,longest_interval_seconds,complete_runs,failed_runs",
    "acts.csv": "occurred_at,action,actor,reason,details,entry",
}
"""The header of each list of an account, by the name of its file."""


def csv_line(row: Iterable[Any]) -> str:
    """Return a line of a CSV file. A text that a spreadsheet could take for a formula gets an apostrophe in front."""
    return f"{','.join(map(_cell, row))}\n"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    text = f"'{value}" if str(value)[:1] in {"=", "+", "-", "@", "\t", "\r", "\n"} else str(value)
    if any(character in text for character in ',"\r\n'):  # the csv module quotes differently in some versions of Python
        quoted = text.replace('"', '""')
        return f'"{quoted}"'
    return text


def _population(fleet: Mapping[str, Version]) -> Rows:
    return [[id_, *fleet[id_].fields.values()] for id_ in sorted(fleet, key=str.encode)]


def _creators(account: Account) -> Rows:
    fleets = (account.start, account.end)
    start, end = (
        Counter((each.episode.creator, each.episode.known_from) for each in fleet.values()) for fleet in fleets
    )
    created, vanished = (
        Counter({(name, "log"): count for name, count in counts.items()})
        for counts in (account.created, account.vanished)
    )
    columns = (start, created, vanished, end)
    keys = sorted({key for column in columns for key in column}, key=lambda key: (key[0] or "", key[1]))
    return [[*key, *(column[key] for column in columns)] for key in keys]


def _run(entry: Json) -> list[Any]:
    return [*(entry["run"].get(name) for name in RUN_COLUMNS), entry["index"]]


def _act(entry: Json) -> list[Any]:
    details = json.dumps(entry["details"], ensure_ascii=False, sort_keys=True)
    return [*(entry["act"].get(name) for name in ("occurred_at", "action", "actor", "reason")), details, entry["index"]]


def spans(runs: list[Json]) -> Iterator[tuple[str, str, int, bool]]:
    """Yield (start, end, failed, is_gap) for the time between each complete run and the next one.

    `start` and `end` are the times of the two runs. `failed` is the number of incomplete runs between them, and
    `is_gap` says whether the time between them is a gap. `runs` are the entries of runs, in order.
    """
    complete = [entry["run"] for entry in runs if entry["run"].get("complete")]
    failed = [entry["run"]["started_at"] for entry in runs if not entry["run"].get("complete")]
    for one, two in pairwise(complete):
        start, end = one["started_at"], two["started_at"]
        between = sum(start < at < end for at in failed)
        allowed = 2 * two.get("expected_seconds", 0) or two.get("max_gap_seconds") or DEFAULT_GAP
        yield start, end, between, between > 0 or micros(end) - micros(start) > allowed * 1_000_000


def _gaps(account: Account, runs: list[Json]) -> Rows:
    rows: Rows = []
    for start, end, failed, is_gap in spans(runs):
        begin, stop = max(start, account.since), min(end, account.until)
        if is_gap and begin < stop:
            rows.append([begin, stop, (micros(stop) - micros(begin)) / 1e6, failed])
    return rows


def _observed(account: Account, runs: list[Json]) -> Rows:
    first, last = micros(account.since), micros(account.until)
    rows: Rows = []
    for day in range(first // _DAY, (last - 1) // _DAY + 1):
        begin, end = max(first, day * _DAY), min(last, (day + 1) * _DAY)
        known, longest = 0, 0
        for start, stop, _, is_gap in spans_of(account, runs):
            if start < end and stop > begin:
                longest = max(longest, stop - start)
                known += 0 if is_gap else min(stop, end) - max(start, begin)
        of_day = [each["run"].get("complete", False) for each in runs if begin <= micros(time_of(each)) < end]
        date = (_EPOCH + timedelta(microseconds=day * _DAY)).date().isoformat()
        counts = (of_day.count(True), of_day.count(False))
        rows.append([date, known / 1e6, known / (end - begin), longest / 1e6 if longest else None, *counts])
    return rows


def spans_of(account: Account, runs: list[Json]) -> list[tuple[int, int, int, bool]]:
    """Return what `spans` yields as a list, with times in microseconds since 1970. The list is computed only once."""
    if account.measured is None:
        account.measured = [(micros(start), micros(end), failed, gap) for start, end, failed, gap in spans(runs)]
    return account.measured


# -- The bundle

COMMON = ("check.py", "cover.html", "manifest.json", "manifest.sha256", "queries.sql")
PROVING = ("checkpoint", "tree.json", "entries.jsonl", "fleet.jsonl", "leaves.bin")
"""The files of an account that `prove` reads."""
SOURCES = (*PROVING, "changes.jsonl")
"""The files of an account, without its lists.

Two files hold the changes: changes.jsonl as JSON, leaves.bin as the bytes that are hashed.
"""


class Bundle:
    """The manifest of a bundle, and the files that were read, by name. Their hashes were compared with the manifest.

    `of_account` holds the names of the files to read in the folder of each account; None means all. The files in COMMON
    are always read. Raise Differs if a file that is read is damaged, if a file is missing, or if a file does not belong
    in a bundle. Raise OSError if this host cannot read the bundle.
    """

    def __init__(self, path: Path, of_account: Collection[str] | None = None) -> None:
        with path.open("rb") as file:
            while file.read(1 << 20):  # an error of the disk is raised here; below, it would count as a damaged bundle
                pass
        try:
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
                read = [
                    name for name in names
                    if of_account is None or name in COMMON or name.partition("/")[2] in of_account
                ]  # fmt: skip
                self.files = {name: self._read(archive, name) for name in read}
        except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError, ValueError) as error:
            raise Differs(f"{path}: it is not a complete bundle: {error}") from None
        if len(names) != len({*names}):
            raise Differs(f"{path}: a file is in it twice")
        manifest = self.files.get("manifest.json", b"")
        if self.files.get("manifest.sha256") != f"{hashlib.sha256(manifest).hexdigest()}\n".encode():
            raise Differs("manifest.sha256: it is not the hash of manifest.json")
        self.manifest: Json = json.loads(manifest)
        if self.manifest["format"] != FORMAT:
            raise Differs(f"manifest.json: this program checks the format {FORMAT!r} only")
        folders = [about["folder"] for about in self.manifest["accounts"]]
        if not folders or folders != [f"account-{number}" for number in range(1, len(folders) + 1)]:
            raise Differs("manifest.json: it names no accounts, or not in order")
        expected = {*COMMON, *(f"{folder}/{name}" for folder in folders for name in (*SOURCES, *LISTS))}
        for name in sorted(expected ^ {*names}):
            raise Differs(f"{name}: it is {'missing' if name in expected else 'no file of a bundle'}")
        for name in sorted(self.files.keys() - {"manifest.json", "manifest.sha256"}):
            if hashlib.sha256(self.files[name]).hexdigest() != self.manifest["files"].get(name):
                raise Differs(f"{name}: its hash is not the one in manifest.json")

    @staticmethod
    def _read(archive: zipfile.ZipFile, name: str) -> bytes:
        try:
            return archive.read(name)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - a damaged file raises errors of many kinds
            raise Differs(f"{name}: it cannot be read: {error}") from None

    def accounts(self) -> Iterator[Account]:
        """Yield the Account of each folder, in the order of the manifest. Raise Differs like `read_account`."""
        for about in self.manifest["accounts"]:
            yield read_account(self.files, about, self.manifest["since"], self.manifest["until"])


def read_account(files: Mapping[str, bytes], about: Mapping[str, str], since: str, until: str) -> Account:
    """Return the Account whose object in manifest.json is `about`.

    `files` is a dict from file name to content. It may lack changes.jsonl and leaves.bin. `since` and `until` are the
    limits of the period. Raise Differs if the last line of a .jsonl file has no line break.
    """
    folder = about["folder"]
    for name in ("entries", "fleet", "changes"):
        if (files.get(f"{folder}/{name}.jsonl") or b"\n")[-1:] != b"\n":
            raise Differs(f"{folder}/{name}.jsonl: its last line has no end")
    lines = {name: files[f"{folder}/{name}.jsonl"].split(b"\n")[:-1] for name in ("entries", "fleet")}
    tree = json.loads(files[f"{folder}/tree.json"])
    return Account(
        name=about["account"],
        folder=folder,
        log=about["log"],
        first=tree["first"],
        edge=[bytes.fromhex(text) for text in tree["edge"]],
        lines=lines["entries"],
        fleet_lines=[json.loads(line) for line in lines["fleet"]],
        changes=files.get(f"{folder}/changes.jsonl", b""),
        leaves=files.get(f"{folder}/leaves.bin", b""),
        since=since,
        until=until,
    )


@dataclass
class Checkpoint:
    """A checkpoint: the number of entries (`size`) of a log and the root over them.

    `text` is what is signed. Its first three lines are `origin`, `size` and `root`; the origin names the log. The lines
    below `text` are `signatures`.
    """

    text: str
    origin: str
    size: int
    root: bytes
    signatures: list[str]

    @classmethod
    def parse(cls, content: bytes) -> "Checkpoint":
        """Return the checkpoint in the content of a file. Raise ValueError if the file does not hold exactly one."""
        (found,) = cls.parse_all(content)
        return found

    @classmethod
    def parse_all(cls, content: bytes) -> list["Checkpoint"]:
        """Return the checkpoints in the content of a file. A blank line separates two checkpoints.

        Raise ValueError if the file holds no checkpoint, two without a blank line between, or a text that is not part
        of a checkpoint.
        """
        return [cls._parse(note) for note in re.split(f"\n\n(?!{_MARK} )", content.decode().rstrip("\n"))]

    @classmethod
    def _parse(cls, note: str) -> "Checkpoint":
        text, *below = note.split("\n\n")
        signatures = [line for block in below for line in block.split("\n")]
        origin, size, root, *more = text.split("\n")
        if any(re.fullmatch("[0-9]+", line) and len(following) == len(root) for line, following in pairwise(more)):
            raise ValueError("no blank line separates two checkpoints")
        if not all(line.startswith(f"{_MARK} ") for line in signatures):
            raise ValueError("a line below a checkpoint is no signature")
        return cls(f"{text}\n", origin, int(size), b64decode(root, validate=True), signatures)

    @property
    def log(self) -> str:
        """Return the id of the log: the last part of the origin."""
        return self.origin.rpartition("/")[2]

    def signed_by(self, key: bytes) -> bool:
        """Return whether an Ed25519 public key has signed the checkpoint. Needs `cryptography`.

        A signature counts only if it names the origin as the name of the key.
        """
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        id_ = hashlib.sha256(f"{self.origin}\n\x01".encode() + key).digest()[:4]
        for line in self.signatures:
            mark, name, encoded = (*line.split(" "), "", "")[:3]
            value = b64decode(encoded)
            if (mark, name, value[:4]) == (_MARK, self.origin, id_):
                try:
                    Ed25519PublicKey.from_public_bytes(key).verify(value[4:], self.text.encode())
                except InvalidSignature:
                    return False
                return True
        return False


def parse_key(text: str) -> bytes:
    """Return the 32 bytes of the public key in a verifier key `NAME+ID+KEY`. NAME and ID are not checked.

    Raise ValueError if KEY is not the base64 of the byte 0x01 (for Ed25519) and the 32 bytes.
    """
    material = b64decode(text.split("+", 2)[-1], validate=True)
    if material[:1] != b"\x01" or len(material) != 1 + _HASH_SIZE:
        raise ValueError("it is no verifier key of Ed25519")
    return material[1:]


@dataclass
class Kept:
    """What the auditor has from outside the bundle: a verifier key, and the checkpoints in each file, by file name.

    A file of `inventory checkpoint` has a checkpoint for each log of the database, also for logs that are not in the
    bundle.
    """

    key: bytes | None = None
    against: Mapping[str, list[Checkpoint]] = field(default_factory=dict)
    _used: set[str] = field(default_factory=set)

    def compare(self, bundle: "Bundle", account: Account) -> list[str]:
        """Compare the account's entries with the checkpoint in the bundle, and with each kept checkpoint of the log.

        If there is a key, also check the signature of the checkpoint in the bundle. Return lines that say what agrees
        and what could not be compared. Raise Differs if anything differs.
        """
        checkpoint, root = Checkpoint.parse(bundle.files[f"{account.folder}/checkpoint"]), account.root()
        size = account.first + len(account.lines)
        if (checkpoint.size, checkpoint.root) != (size, root):
            raise account.differs("entries.jsonl", "the entries and the tree are not those of the checkpoint")
        if {account.log, *(entry["log"] for entry in account.entries)} != {checkpoint.log}:
            raise account.differs("entries.jsonl", "the entries, the checkpoint and manifest.json name several logs")
        said = [
            f"  checkpoint: {plain(checkpoint.origin)}, {size} entries, root {b64encode(root).decode()}",
            f"  {_signature(account, checkpoint, self.key)}",
        ]
        pairs = ((file, each) for file, found in self.against.items() for each in found)
        same_log = [(file, each) for file, each in pairs if each.log == checkpoint.log]
        for file, each in same_log:
            self._used.add(file)
            said.append(f"  {plain(file)}: {_compare(account, each)}")
        if self.against and not same_log:
            said.append("  NOT COMPARED: no kept checkpoint is of this log; it may have been begun anew")
        return said

    def require_all_used(self) -> None:
        """Raise Differs if a file of `against` has no checkpoint of a log in the bundle.

        Call `compare` for each account first.
        """
        for file in self.against.keys() - self._used:
            raise Differs(f"{plain(file)}: it is a checkpoint of another log than those in the bundle")


def check(path: Path, kept: Kept | None = None, say: Callable[[str], object] = lambda _: None) -> None:
    """Check the whole bundle. Call `say` with each line of the report. Raise Differs if a check fails."""
    bundle, kept = Bundle(path), kept or Kept()
    say(f"period: {bundle.manifest['since']} to {bundle.manifest['until']}")
    for account in bundle.accounts():
        leaves = hashlib.sha256()
        account.replay(leaves.update)
        if leaves.digest() != hashlib.sha256(account.leaves).digest():
            raise account.differs("leaves.bin", "it differs from what was computed from the log")
        compared = kept.compare(bundle, account)
        for file, content in lists(account):
            if bundle.files[f"{account.folder}/{file}"] != content:
                raise account.differs(file, "it differs from the list that was computed from the log")
        say(
            f"{account.folder}, called {plain(account.name)}: {len(account.lines):,} entries ({account.first} to "
            f"{account.first + len(account.lines) - 1}), {account.changed:,} changes, {len(LISTS)} lists: all agree"
        )
        for line in compared:
            say(line)
    kept.require_all_used()


def _signature(account: Account, checkpoint: Checkpoint, key: bytes | None) -> str:
    if key is not None:
        if not checkpoint.signed_by(key):
            raise account.differs("checkpoint", "it is not signed by this key")
        return "signed by this key"
    if not checkpoint.signatures:
        return "unsigned: nothing shows who made it"
    return "signature not checked: give the verifier key, which you have from its owner, with --key"


def _compare(account: Account, kept: Checkpoint) -> str:
    """Return a phrase that says that the kept checkpoint agrees with the log, or that it is outside the bundle.

    Raise Differs if the log had another root when it had the size of the checkpoint.
    """
    nodes, size = list(account.edge), account.first
    for line in [None, *account.lines]:
        if line is not None:
            size = append(nodes, size, hash_leaf(line))
        if size == kept.size:
            if root_of_edge(nodes) != kept.root:
                raise account.differs("entries.jsonl", f"the log had another root at {size} entries: it was rewritten")
            return f"agrees, {size} entries"
    return f"its {kept.size} entries are outside this bundle: use `inventory verify --against`"


def plain(text: str) -> str:
    """Return the text with an escape for each unprintable character, so that it cannot control a terminal."""
    return "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in text)


PROVES = """
What this shows: the lists follow from the entries, each entry is as it was when the checkpoint was made, and the fleet
after each complete run that recorded a digest is the one of that digest.
What it does not show: whether the API told the truth, and whether the log was rewritten from its start before the
checkpoint was made. Against such a rewrite, compare the log with a checkpoint that somebody else kept (--against). The
name of an account and who acted are what the host of the database said. cover.html and queries.sql are no part of the
proof: rely on the lists.
"""


# -- One instance at one time


def prove(path: Path, instance_id: str, at: datetime, kept: Kept, say: Callable[[str], object]) -> None:
    """Say for each account whether the instance existed at the time, who created it, and which entries show it.

    First check the fleet before the period, the root of the log, and the changes that each entry committed to. Do not
    read the lists. Call `say` with each line of the answer. Raise Differs if a check fails.
    """
    moment = f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
    bundle = Bundle(path, PROVING)
    for account in bundle.accounts():
        account.begin()
        compared, changes = kept.compare(bundle, account), account.changes_of(instance_id)
        complete = [entry for entry in account.entries if entry.get("run", {}).get("complete")]
        earlier = [entry for entry in complete if time_of(entry) <= moment]
        later = [entry for entry in complete if time_of(entry) > moment]
        name = f"{account.folder}, called {plain(account.name)}"
        if not earlier or (not later and time_of(earlier[-1]) != moment):
            say(f"{name}: not known: the time is outside the runs of this bundle")
            continue
        say(f"{name}: {plain(_answer(account, instance_id, changes, moment))}")
        say(f"  last complete run before: entry {earlier[-1]['index']}, {time_of(earlier[-1])}")
        if later:
            say(f"  first complete run after: entry {later[0]['index']}, {time_of(later[0])}")
        for line in compared:
            say(line)
    kept.require_all_used()


def _answer(account: Account, instance_id: str, changes: list[Json], moment: str) -> str:
    """Return a sentence that says whether the instance existed at the time `moment`, or that this is not known.

    `changes` are the changes of the instance, in the order of the log.
    """
    line = next((line for line in account.fleet_lines if line["instance_id"] == instance_id), None)
    who = "" if line is None else _creator_of(line, changes)
    is_there = line is not None
    shown = f" (the fleet of entry {account.first})" if is_there else ""
    for change in changes:
        entry = f"entry {change['entry']}"
        if change.get("valid_from", "") > moment:
            run = account.entries[change["entry"] - account.first].get("run", {})
            before, by = run.get("previous_complete_at") or "", change["valid_from"]
            if not is_there and before < moment:
                return f"not known: it was not there at {before}, and was there by {by} ({entry})"
            break
        if "opened_as" in change:
            is_there, who = True, _created_by(change["episode"], changes)
        elif change["closed_as"] == "vanished" and change["valid_to"] <= moment:
            is_there = False
        elif change["closed_as"] == "vanished" and change["last_seen_at"] < moment:
            return f"not known: last seen {change['last_seen_at']}, gone by {change['valid_to']} ({entry})"
        else:
            continue
        shown = f" ({entry})"
    if is_there and _last_shown(account, changes) < moment:
        return f"not known: it may have been missing, because no entry of that time or later shows it{shown}"
    if is_there:
        return f"it existed then, {who}{shown}"
    runs = [entry for entry in account.entries if "run" in entry]
    if any(is_gap and start < moment < end for start, end, _, is_gap in spans(runs)):
        return f"not known: it was not there before or after, but nobody watched at that time{shown}"
    return f"it did not exist then{shown}"


def _last_shown(account: Account, changes: list[Json]) -> str:
    """Return the latest time for which the bundle shows whether an instance was there.

    `changes` are the changes of the instance. The start of a version counts at its `valid_from`, the end of a version
    at its `valid_to`, or at its `last_seen_at` if the instance vanished. A run with a `fleet_digest` counts too: it
    left no instance missing, so it shows for each instance whether the instance was there.
    """
    times = [time_of(entry) for entry in account.entries if entry.get("run", {}).get("fleet_digest")]
    times += [change.get("valid_from") or change.get("last_seen_at") or change["valid_to"] for change in changes]
    return max(times)


def _creator_of(line: Json, changes: list[Json]) -> str:
    """Return in words who created the instance in `line`, a line of fleet.jsonl.

    `changes` are all changes of this instance in the bundle. If there are any, the first one closes the version in
    `line`, and the changes of the same episode say who created it. Without changes, the text gives only the line's
    field `creator_user_nickname`.
    """
    if changes and "closed_as" in changes[0]:
        return _created_by(changes[0]["episode"], changes)
    name = line["fields"].get("creator_user_nickname") or "nothing"
    return f"with {name} in its field creator_user_nickname; the bundle does not say who created it"


def _created_by(episode: int, changes: list[Json]) -> str:
    """Return in words who created the instance in an episode.

    At least one of the `changes` must be of this episode. The last one of them counts.
    """
    *_, last = (change for change in changes if change["episode"] == episode)
    return f"created by {last.get('creator') or 'nobody known'}"


def main() -> int:
    """Run the command line and return its exit code."""
    gc.disable()  # saves a tenth of the time; the data has no reference cycles, so nothing needs the collector
    parser = argparse.ArgumentParser(description="Check a bundle of evidence that `inventory evidence` made.")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--key", help="the verifier key of whoever signs the checkpoints")
    parser.add_argument(
        "--against", type=Path, action="append", default=[], help="a file of checkpoints that somebody kept"
    )
    parser.add_argument("command", nargs="?", choices=("prove",))
    parser.add_argument("instance_id", nargs="?")
    parser.add_argument("time", nargs="?", help="like 2026-03-06T22:00, in UTC")
    given = parser.parse_intermixed_args()
    key, against, at = None, {}, datetime.now(UTC)
    try:
        given.bundle.open("rb").close()
        for file in given.against:
            against[str(file)] = Checkpoint.parse_all(file.read_bytes())
        if given.key is not None:
            key = parse_key(given.key)
            import cryptography  # noqa: F401 - needed for the signature only
        if given.command:
            at = datetime.fromisoformat(given.time or "")
            at = (at.replace(tzinfo=UTC) if at.tzinfo is None else at).astimezone(UTC)
    except OSError as error:
        parser.error(f"{error.filename}: {error.strerror}")
    except ImportError:
        parser.error("--key needs a library: pip install cryptography")
    except (ValueError, OverflowError, IndexError):
        parser.error("a key, a checkpoint or a time has not the right form; prove takes an id and a time in UTC")
    return _report(given, Kept(key, against), at)


def _report(given: argparse.Namespace, kept: Kept, at: datetime) -> int:
    """Check, print what was found, and return the exit code.

    If the lines cannot be written, the code is 1 instead of 0. But it stays 0 if the program that reads them has ended.
    """
    said: list[str] = []
    try:
        if given.command:
            prove(given.bundle, given.instance_id, at, kept, said.append)
        else:
            check(given.bundle, kept, said.append)
            said.append(PROVES)
        code = 0
    except Differs as error:
        said.append(f"DIFFERS {plain(str(error))}")
        code = 9
    except MemoryError:
        said.append(f"NOT CHECKED {given.bundle}: this host has not enough memory. Run it on another host.")
        code = 1
    except OSError as error:
        said.append(f"NOT CHECKED {given.bundle}: this host cannot read it: {error.strerror}.")
        code = 1
    except Exception as error:  # noqa: BLE001 - a forged file may have any form
        said.append(f"DIFFERS {given.bundle}: a file in it has the wrong form: {plain(str(error)):.200}")
        code = 9
    if isinstance(sys.stdout, io.TextIOWrapper):  # it is None if stdout is closed
        sys.stdout.reconfigure(errors="backslashreplace")  # writes an escape if the locale lacks a character
    try:
        print("\n".join(said), flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes stdout once more at its end
        if not isinstance(error, BrokenPipeError):
            print(f"error: the result (exit code {code}) cannot be written: {error.strerror}", file=sys.stderr)
            code = code or 1
    return code


if __name__ == "__main__":
    sys.exit(main())
