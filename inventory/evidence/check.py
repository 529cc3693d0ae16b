#!/usr/bin/env python3
"""Check a bundle of evidence about a fleet of compute instances. Needs Python 3.11 or newer, and nothing else.

    python3 check.py BUNDLE.zip [--key VERIFIER_KEY] [--against CHECKPOINT]
    python3 check.py BUNDLE.zip prove INSTANCE_ID TIME

`inventory evidence` wrote the bundle, with this file in it. For each account the bundle holds the fleet before the
period, every entry of the account's Merkle log in the period, what each entry opened and closed, and lists of these as
CSV. This file computes all of it again: every entry and the root of the log, the digest of the fleet after every
complete run, and every list, byte for byte. With `cryptography` installed it also checks the signature of the
checkpoint.

Exit codes: 0 all agrees; 9 something differs, and the line names the file; 2 wrong arguments.
"""

import argparse
import csv
import hashlib
import io
import json
import struct
import sys
import zipfile
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

FORMAT = "inventory evidence 1"
FIELDS = ("instance_type", "region", "sector", "ip", "status", "creator_user_nickname", "extra")
"""The fields of an instance, in the order in which they are hashed."""

DEFAULT_GAP = 25 * 3600
"""Seconds between two complete runs that count as observed where a run names neither a schedule nor a longest gap."""

_OPENED = {"appeared": 1, "changed": 2, "reappeared": 3}
_CLOSED = {"changed": 2, "vanished": 4}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NEVER = -(1 << 63)
_DAY = 86_400_000_000
_HASH_SIZE = 32

Json = dict[str, Any]
Rows = list[list[Any]]


class Differs(Exception):
    """A file that is not what it should be. The message begins with the file's name."""


# -- Hashes: RFC 6962 with SHA-256


def hash_leaf(data: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(b"\0" + data).digest()


def append(nodes: list[bytes], size: int, node: bytes) -> int:
    """Append a leaf's hash to the right edge of a tree of `size` leaves, and return the new size."""
    rest = size
    while rest & 1:
        node = hashlib.sha256(b"\1" + nodes.pop() + node).digest()
        rest >>= 1
    nodes.append(node)
    return size + 1


def root_of_edge(nodes: list[bytes]) -> bytes:
    """Return the root of the tree with that right edge."""
    if not nodes:
        return hashlib.sha256(b"").digest()
    *larger, root = nodes
    for left in reversed(larger):
        root = hashlib.sha256(b"\1" + left + root).digest()
    return root


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the root of the tree with these leaves' hashes."""
    nodes: list[bytes] = []
    size = 0
    for leaf in leaves:
        size = append(nodes, size, leaf)
    return root_of_edge(nodes)


def content_hash(fields: Mapping[str, str | None]) -> bytes:
    """Return the hash of an instance's fields."""
    return hashlib.sha256("\0".join(fields.get(name) or "" for name in FIELDS).encode()).digest()


def micros(text: str | None) -> int:
    """Return a time as microseconds since 1970; for none, a number that no time has."""
    if text is None:
        return _NEVER
    since = datetime.fromisoformat(text) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def leaf_of(change: Json, hash_: bytes) -> bytes:
    """Return the leaf of a change: a version that was opened or closed. `hash_` is that of its fields."""
    if "opened_as" in change:
        numbers = (change["episode"], micros(change["valid_from"]), _OPENED[change["opened_as"]])
        head = struct.pack(">cqqB", b"o", *numbers)
    else:
        times = micros(change["valid_to"]), micros(change.get("last_seen_at"))
        head = struct.pack(">cqqqqB", b"c", change["episode"], *times, change["entry"], _CLOSED[change["closed_as"]])
    return hash_leaf(head + hash_ + f"{change['instance_id']}\0{change.get('creator', '')}".encode())


# -- The fleet, change by change


@dataclass
class Instance:
    """An instance that is there: its fields, its creator as far as known, and since when its presence is on record."""

    fields: dict[str, str | None]
    creator: str | None
    appeared_at: str | None = None
    hash_: bytes = b""

    def __post_init__(self) -> None:
        self.hash_ = content_hash(self.fields)


@dataclass
class Event:
    """What one entry says happened to an instance."""

    entry: int
    at: str
    """The time of the entry's run or act."""
    run: Json
    """Its run; empty for an act."""
    change: Json
    before: Instance | None
    after: Instance | None


@dataclass
class Account:
    """The part of a bundle that is about one account."""

    name: str
    folder: str
    first: int
    edge: list[bytes]
    lines: list[bytes]
    fleet_lines: list[Json]
    changes: list[Json]
    since: str
    until: str
    entries: list[Json] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    start: dict[str, Instance] = field(default_factory=dict)
    end: dict[str, Instance] = field(default_factory=dict)
    measured: list[tuple[int, int, int, bool]] | None = None
    _closed_now: dict[str, Instance] = field(default_factory=dict)
    """Versions that an entry has closed as changed and has not opened anew yet."""
    _last_digest: str | None = None

    def differs(self, file: str, what: str) -> Differs:
        """Return the error about one of the account's files."""
        return Differs(f"{self.folder}/{file}: {what}")

    def replay(self) -> bytes:
        """Check the lines against the entries and return the root of the log. Raises Differs."""
        self.entries = [self._entry(number, line) for number, line in enumerate(self.lines)]
        fleet = {line["instance_id"]: self.instance_of(line) for line in self.fleet_lines}
        if list(fleet) != sorted(fleet, key=str.encode) or len(fleet) != len(self.fleet_lines):
            raise self.differs("fleet.jsonl", "the ids are not in order")
        if not self.entries or digest(fleet) != self.entries[0].get("run", {}).get("fleet_digest"):
            raise self.differs("fleet.jsonl", "the fleet is not the one whose digest its run committed")
        by_entry = {index: list(group) for index, group in groupby(self.changes, key=lambda change: change["entry"])}
        if sum(map(len, by_entry.values())) != len(self.changes) or list(by_entry) != sorted(by_entry):
            raise self.differs("changes.jsonl", "the entries are not in order")
        self.start = dict(fleet)
        for entry in self.entries[1:]:
            self._apply(entry, by_entry.pop(entry["index"], []), fleet)
            if time_of(entry) < self.since:
                self.start = dict(fleet)
            if time_of(entry) < self.until:
                self.end = dict(fleet)
        if by_entry:
            raise self.differs("changes.jsonl", f"there is no entry {next(iter(by_entry))}")
        if not any(time_of(entry) < self.until for entry in self.entries[1:]):
            self.end = dict(self.start)
        nodes, size = list(self.edge), self.first
        for line in self.lines:
            size = append(nodes, size, hash_leaf(line))
        return root_of_edge(nodes)

    def _entry(self, number: int, line: bytes) -> Json:
        entry = json.loads(line)
        if entry["index"] != self.first + number:
            raise self.differs("entries.jsonl", f"entry {self.first + number} is missing")
        return dict(entry)

    def instance_of(self, line: Json) -> Instance:
        """Return the instance in a line of the fleet."""
        fields = {name: line["fields"].get(name) for name in FIELDS}
        return Instance(fields, fields["creator_user_nickname"])

    def _apply(self, entry: Json, changes: list[Json], fleet: dict[str, Instance]) -> None:
        """Apply the changes of an entry to the fleet, and check them against what the entry commits to."""
        index, run = entry["index"], entry.get("run", {})
        leaves = []
        for change in changes:
            event = self._event(entry, change, fleet)
            leaves.append(leaf_of(change, (event.after or event.before or Instance({}, None)).hash_))
            self.events.append(event)
        wanted = entry.get("changes") or entry.get("details", {}).get("changes")
        if (root_of(leaves).hex() if leaves or wanted else None) != wanted:
            raise self.differs("changes.jsonl", f"the changes of entry {index} are not those that it committed to")
        if run.get("fleet_digest") and (changes or run["fleet_digest"] != self._last_digest):
            if digest(fleet) != run["fleet_digest"]:
                raise self.differs("changes.jsonl", f"the fleet after entry {index} is not the one it committed to")
            self._last_digest = run["fleet_digest"]

    def _event(self, entry: Json, change: Json, fleet: dict[str, Instance]) -> Event:
        id_, run = change["instance_id"], entry.get("run", {})
        before = fleet.get(id_)
        if "opened_as" in change:
            earlier = self._closed_now.pop(id_, None)
            if before is not None or (change["opened_as"] == "changed") != (earlier is not None):
                raise self.differs("changes.jsonl", f"{id_} opens in entry {entry['index']} while it is there")
            appeared = earlier.appeared_at if earlier else change["valid_from"]
            fields = {name: change["fields"].get(name) for name in FIELDS}
            creator = change.get("creator") or (earlier.creator if earlier else None)
            after = fleet[id_] = Instance(fields, creator, appeared)
            return Event(entry["index"], time_of(entry), run, change, earlier, after)
        if before is None:
            raise self.differs("changes.jsonl", f"{id_} closes in entry {entry['index']}, but it was not there")
        del fleet[id_]
        if change["closed_as"] == "changed":
            self._closed_now[id_] = before
        return Event(entry["index"], time_of(entry), run, change, before, None)


def digest(fleet: Mapping[str, Instance]) -> str:
    """Return the digest of a fleet, as the runs record it."""
    parts = (id_.encode() + b"\0" + fleet[id_].hash_ for id_ in sorted(fleet, key=str.encode))
    return hashlib.sha256(b"".join(parts)).hexdigest()


def time_of(entry: Json) -> str:
    """Return the time of an entry: the start of its run, or the time of its act."""
    return str(entry["run"]["started_at"] if "run" in entry else entry["act"]["occurred_at"])


# -- The lists


def lists(account: Account) -> dict[str, str]:
    """Return the text of each CSV file of an account, by name. `replay` comes first."""
    events = [event for event in account.events if account.since <= event.at < account.until]
    runs = [entry for entry in account.entries if "run" in entry]
    inside = [entry for entry in account.entries if account.since <= time_of(entry) < account.until]
    acts = [entry for entry in inside if "act" in entry]
    tables: dict[str, tuple[str, Rows]] = {
        "population_start.csv": (POPULATION, _population(account.start)),
        "population_end.csv": (POPULATION, _population(account.end)),
        "creations.csv": (
            "appeared_at,appeared_after,instance_id,event,creator,instance_type,region,status,run_id,entry",
            [_creation(event) for event in events if event.change.get("opened_as") in CREATED],
        ),
        "changes.csv": (
            "changed_at,instance_id,field,old_value,new_value,run_id,entry",
            [row for event in events if event.change.get("opened_as") == "changed" for row in _differences(event)],
        ),
        "disappearances.csv": (
            "vanished_at,last_seen_at,instance_id,creator,instance_type,region,settled_at,entry",
            [_disappearance(event) for event in events if event.change.get("closed_as") == "vanished"],
        ),
        "creators.csv": ("creator,there_at_start,created,vanished,there_at_end", _creators(account, events)),
        "runs.csv": (",".join((*RUN_COLUMNS, "entry")), [_run(entry) for entry in inside if "run" in entry]),
        "gaps.csv": ("gap_start,gap_end,seconds,failed_runs", _gaps(account, runs)),
        "observed.csv": (
            "day,observed_seconds,share,longest_interval_seconds,complete_runs,failed_runs", _observed(account, runs),
        ),
        "acts.csv": ("occurred_at,action,actor,reason,details,entry", [_act(entry) for entry in acts]),
    }  # fmt: skip
    return {name: csv_text(header.split(","), rows) for name, (header, rows) in tables.items()}


CREATED = frozenset({"appeared", "reappeared"})
POPULATION = ",".join(("instance_id", *FIELDS))
RUN_COLUMNS = (
    "run_id", "started_at", "finished_at", "status", "complete", "trigger", "expected_seconds", "instances_seen",
    "appeared", "changed", "reappeared", "missing", "error_code", "api_key_id", "version",
)  # fmt: skip


def csv_text(header: list[str], rows: Rows) -> str:
    """Return a CSV file. A text that a spreadsheet could take for a formula gets an apostrophe in front."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerows([header, *([_cell(value) for value in row] for row in rows)])
    return file.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    text = str(value)
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r", "\n"} else text


def _population(fleet: Mapping[str, Instance]) -> Rows:
    return [[id_, *fleet[id_].fields.values()] for id_ in sorted(fleet, key=str.encode)]


def _creation(event: Event) -> list[Any]:
    after, change = event.after or Instance({}, None), event.change
    kept = [after.fields[name] for name in ("instance_type", "region", "status")]
    names = (change["instance_id"], change["opened_as"], after.creator)
    times = (change["valid_from"], event.run.get("previous_complete_at"))
    return [*times, *names, *kept, event.run.get("run_id"), event.entry]


def _differences(event: Event) -> Iterator[list[Any]]:
    if event.before is None or event.after is None:
        return
    for name in FIELDS:
        pair = event.before.fields[name], event.after.fields[name]
        if pair[0] != pair[1]:
            yield [
                event.change["valid_from"],
                event.change["instance_id"],
                name,
                *pair,
                event.run.get("run_id"),
                event.entry,
            ]


def _disappearance(event: Event) -> list[Any]:
    before, change = event.before or Instance({}, None), event.change
    kept = [before.fields[name] for name in ("instance_type", "region")]
    times = (change["valid_to"], change.get("last_seen_at"))
    return [*times, change["instance_id"], before.creator, *kept, event.at, event.entry]


def _creators(account: Account, events: list[Event]) -> Rows:
    created = [event.after for event in events if event.change.get("opened_as") in CREATED]
    vanished = [event.before for event in events if event.change.get("closed_as") == "vanished"]
    groups = (account.start.values(), created, vanished, account.end.values())
    columns = [Counter(each.creator for each in group if each is not None) for group in groups]
    names = {name for column in columns for name in column}
    return [[name, *(column[name] for column in columns)] for name in sorted(names, key=lambda name: name or "")]


def _run(entry: Json) -> list[Any]:
    return [*(entry["run"].get(name) for name in RUN_COLUMNS), entry["index"]]


def _act(entry: Json) -> list[Any]:
    details = json.dumps(entry["details"], ensure_ascii=False, sort_keys=True)
    return [*(entry["act"].get(name) for name in ("occurred_at", "action", "actor", "reason")), details, entry["index"]]


def spans(runs: list[Json]) -> Iterator[tuple[str, str, int, bool]]:
    """Yield (start, end, failed runs, whether it is a gap) of the time between each two neighbouring complete runs."""
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
    """Return the spans with their times in microseconds, computed once."""
    if account.measured is None:
        account.measured = [(micros(start), micros(end), failed, gap) for start, end, failed, gap in spans(runs)]
    return account.measured


# -- The bundle


class Bundle:
    """The files of a bundle, whose hashes are checked when they are read. Raises Differs."""

    def __init__(self, path: Path) -> None:
        try:
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
                self.files = {name: self._read(archive, name) for name in names}
        except (zipfile.BadZipFile, OSError, EOFError) as error:
            raise Differs(f"{path}: it is no whole bundle: {error}") from None
        if len(names) != len(self.files):
            raise Differs(f"{path}: a file is in it twice")
        manifest = self.files.pop("manifest.json", b"")
        if self.files.pop("manifest.sha256", b"").decode() != f"{hashlib.sha256(manifest).hexdigest()}\n":
            raise Differs("manifest.json or manifest.sha256: the one is not the hash of the other")
        self.manifest: Json = json.loads(manifest)
        if self.manifest.get("format") != FORMAT:
            raise Differs(f"manifest.json: this program checks the format {FORMAT!r} only")
        for name in sorted({*self.files, *self.manifest["files"]}):
            content, wanted = self.files.get(name), self.manifest["files"].get(name)
            if content is None or wanted is None:
                raise Differs(f"{name}: it is {'missing' if content is None else 'not in manifest.json'}")
            if hashlib.sha256(content).hexdigest() != wanted:
                raise Differs(f"{name}: its content is not the one in manifest.json")

    @staticmethod
    def _read(archive: zipfile.ZipFile, name: str) -> bytes:
        try:
            return archive.read(name)
        except Exception as error:  # noqa: BLE001 - a damaged file raises errors of many kinds
            raise Differs(f"{name}: it cannot be read: {error}") from None

    def accounts(self) -> Iterator[Account]:
        """Yield the account of each folder."""
        for about in self.manifest["accounts"]:
            yield read_account(self.files, about, self.manifest["since"], self.manifest["until"])


def read_account(files: Mapping[str, bytes], about: Mapping[str, str], since: str, until: str) -> Account:
    """Return the account that a line of the manifest is about, from its files."""
    folder = about["folder"]
    lines = {name: files[f"{folder}/{name}.jsonl"].split(b"\n")[:-1] for name in ("entries", "fleet", "changes")}
    tree = json.loads(files[f"{folder}/tree.json"])
    return Account(
        name=about["account"],
        folder=folder,
        first=tree["first"],
        edge=[bytes.fromhex(text) for text in tree["edge"]],
        lines=lines["entries"],
        fleet_lines=[json.loads(line) for line in lines["fleet"]],
        changes=[json.loads(line) for line in lines["changes"]],
        since=since,
        until=until,
    )


@dataclass
class Checkpoint:
    """A checkpoint: the text that is signed, the origin, size and root in it, and the lines of signatures below."""

    text: str
    origin: str
    size: int
    root: bytes
    signatures: list[str]

    @classmethod
    def parse(cls, name: str, content: bytes) -> "Checkpoint":
        """Return the checkpoint in a file of one. Raises Differs."""
        try:
            text, _, below = content.decode().partition("\n\n")
            text = text.removesuffix("\n") + "\n"
            origin, size, root = text.split("\n")[:3]
            return cls(text, origin, int(size), b64decode(root, validate=True), below.split("\n")[:-1])
        except ValueError:
            raise Differs(f"{name}: it is no checkpoint") from None

    def signed_by(self, key: str) -> bool:
        """Return whether the verifier key, under the origin as its name, has signed it. Needs `cryptography`."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        material = b64decode(key.split("+", 2)[2], validate=True)
        id_ = hashlib.sha256(f"{self.origin}\n".encode() + material).digest()[:4]
        for line in self.signatures:
            _, name, encoded = line.split(" ")
            value = b64decode(encoded)
            if name == self.origin and value[:4] == id_:
                try:
                    Ed25519PublicKey.from_public_bytes(material[1:]).verify(value[4:], self.text.encode())
                except InvalidSignature:
                    return False
                return True
        return False


def check(path: Path, *, key: str | None = None, against: Iterable[Path] = (), say: Callable[[str], object]) -> Bundle:
    """Check the bundle, say in plain words what was checked, and return it. Raises Differs."""
    bundle = Bundle(path)
    kept = [Checkpoint.parse(str(file), file.read_bytes()) for file in against]
    say(f"period: {bundle.manifest['since']} to {bundle.manifest['until']}")
    for account in bundle.accounts():
        root, name = account.replay(), f"{account.folder}/checkpoint"
        checkpoint = Checkpoint.parse(name, bundle.files[name])
        size = account.first + len(account.lines)
        if (checkpoint.size, checkpoint.root) != (size, root):
            raise Differs(f"{account.folder}/entries.jsonl: the entries and the tree are not those of the checkpoint")
        if any(entry.get("log") != checkpoint.origin.rpartition("/")[2] for entry in account.entries):
            raise Differs(f"{account.folder}/entries.jsonl: an entry is of another log than the checkpoint")
        for file, text in lists(account).items():
            if bundle.files.get(f"{account.folder}/{file}") != text.encode():
                raise Differs(f"{account.folder}/{file}: it is not what follows from the entries")
        say(
            f"account {account.name}: {len(account.lines):,} entries ({account.first} to {size - 1}), "
            f"{len(account.changes):,} changes, {len(lists(account))} lists: all agree"
        )
        say(f"  checkpoint: {checkpoint.origin}, {size} entries, root {b64encode(root).decode()}")
        say(f"  {_signature(checkpoint, name, key)}")
        for each in kept:
            if each.origin.rpartition("/")[2] == checkpoint.origin.rpartition("/")[2]:
                say(f"  {_compare(account, each)}")
    return bundle


def _signature(checkpoint: Checkpoint, name: str, key: str | None) -> str:
    if not checkpoint.signatures:
        return "unsigned: nothing shows who made it"
    if key is None:
        return "signature not checked: give the verifier key, which you have from its owner, with --key"
    try:
        good = checkpoint.signed_by(key)
    except ImportError:
        return "signature not checked: `pip install cryptography` is needed for that"
    except (ValueError, IndexError):
        raise Differs("--key: it is no verifier key") from None
    if not good:
        raise Differs(f"{name}: it is not signed by this key")
    return "signed by this key"


def _compare(account: Account, kept: Checkpoint) -> str:
    """Compare a checkpoint that somebody kept with the log as it was at that size, if the bundle reaches there."""
    nodes, size = list(account.edge), account.first
    for line in [b"", *account.lines]:
        if line:
            size = append(nodes, size, hash_leaf(line))
        if size == kept.size:
            if root_of_edge(nodes) != kept.root:
                raise account.differs("entries.jsonl", f"the kept checkpoint of {size} entries is of another history")
            return f"agrees with the kept checkpoint of {size} entries"
    return f"the kept checkpoint of {kept.size} entries is outside this bundle: use `inventory verify --against`"


PROVES = """
What this shows: the lists follow from the entries, each entry is as it was when the checkpoint was made, and the fleet
after each complete run is the one whose digest that run recorded.
What it does not show: that the API told the truth, and that the log was not made anew before the checkpoint. For that,
compare it with a checkpoint that somebody else kept (--against). Who acted is what the host of the database said.
"""


# -- One instance at one time


def prove(bundle: Bundle, instance_id: str, time: str, say: Callable[[str], object]) -> None:
    """Say whether the instance existed at the time, who created it, and which entries show it."""
    at = datetime.fromisoformat(time)
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    moment = f"{at.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
    for account in bundle.accounts():
        account.replay()
        complete = [entry for entry in account.entries if entry.get("run", {}).get("complete")]
        earlier = [entry for entry in complete if time_of(entry) <= moment]
        later = [entry for entry in complete if time_of(entry) > moment]
        say(f"account {account.name}: {_answer(account, instance_id, moment)}")
        if earlier:
            say(f"  last complete run before: entry {earlier[-1]['index']}, {time_of(earlier[-1])}")
        if later:
            say(f"  first complete run after: entry {later[0]['index']}, {time_of(later[0])}")
        if not earlier or not later:
            say("  the time is outside the runs of this bundle: nothing is shown")


def _answer(account: Account, instance_id: str, moment: str) -> str:
    """Return in words what the versions of the instance say about the time."""
    line = next((line for line in account.fleet_lines if line["instance_id"] == instance_id), None)
    instance = None if line is None else account.instance_of(line)
    shown = f" (the fleet of entry {account.first})" if instance else ""
    for event in (event for event in account.events if event.change["instance_id"] == instance_id):
        change = event.change
        if change.get("valid_from", "") > moment:
            before = event.run.get("previous_complete_at") or ""
            if instance is None and before < moment:
                later = change["valid_from"]
                return f"not known: it was not there at {before}, and was by {later} (entry {event.entry})"
            break
        if "opened_as" in change:
            instance = event.after
        elif change["closed_as"] == "vanished" and change["valid_to"] <= moment:
            instance = None
        elif change["closed_as"] == "vanished" and change["last_seen_at"] < moment:
            return f"not known: last seen {change['last_seen_at']}, gone by {change['valid_to']} (entry {event.entry})"
        else:
            continue
        shown = f" (entry {event.entry})"
    if instance is None:
        return f"it did not exist then{shown}"
    return f"it existed then, created by {instance.creator or 'nobody known'}{shown}"


def main() -> int:
    """Run the command line and return its exit code."""
    parser = argparse.ArgumentParser(description="Check a bundle of evidence that `inventory evidence` made.")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--key", help="the verifier key of whoever signs the checkpoints")
    parser.add_argument("--against", type=Path, action="append", default=[], help="a checkpoint that somebody kept")
    parser.add_argument("command", nargs="?", choices=("prove",))
    parser.add_argument("instance_id", nargs="?")
    parser.add_argument("time", nargs="?", help="like 2026-03-06T22:00, in UTC")
    given = parser.parse_args()
    if given.command and not given.time:
        parser.error("prove needs an INSTANCE_ID and a TIME")
    say: Callable[[str], object] = print if not given.command else lambda _: None
    try:
        bundle = check(given.bundle, key=given.key, against=given.against, say=say)
        if given.command:
            prove(bundle, given.instance_id, given.time, print)
    except Differs as error:
        print(f"DIFFERS {error}")
        return 9
    except (KeyError, TypeError, ValueError, IndexError) as error:
        print(f"DIFFERS {given.bundle}: it has not the form of a bundle: {type(error).__name__}: {error}")
        return 9
    say(PROVES)
    return 0


if __name__ == "__main__":
    sys.exit(main())
