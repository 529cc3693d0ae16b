"""Check an export from its files alone: compute each account's log and the digest of each run's fleet again.

The files are those of the manifest; every entry of the log follows from the rows, and the root of the log is that of
the checkpoint; the versions give, for each run with a digest, the fleet of that digest.
"""

import hashlib
import heapq
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from inventory.errors import BreachFound, UsageError
from inventory.export.folder import Manifest, read_manifest
from inventory.history.merkle_log.entries import (
    CLOSED,
    OPENED,
    act_entry,
    closing_leaf,
    entry_bytes,
    opening_leaf,
    run_entry,
)
from inventory.history.verify_digests import Fleet
from inventory.merkle import HASH_SIZE, Frontier, hash_leaf, root_of
from inventory.record import PAYLOAD, Record, hash_records

Row = dict[str, Any]


@dataclass
class Rebuilt:
    """What was computed again and agrees."""

    files: int = 0
    accounts: list[str] = field(default_factory=list)
    """A line for each account."""

    def text(self) -> str:
        """Return what agrees, in words."""
        lines = [f"{self.files} files are those of the manifest.", *self.accounts]
        return "\n".join([*lines, "Compare the checkpoints in manifest.json with one that somebody else keeps."])


def rebuild(folder: Path, progress: Callable[[str], object] = lambda _: None) -> Rebuilt:
    """Check the export in a folder, and return what agrees.

    Raises BreachFound, whose message begins with the file that differs; UsageError if the folder holds no whole export
    as Parquet.
    """
    manifest = read_manifest(folder)
    if manifest is None or not manifest.about:
        raise UsageError(f"{folder} holds no complete export. `inventory export {folder}` makes one.")
    if manifest.style != "parquet" or manifest.since is not None:
        raise UsageError(
            f"{folder} does not hold all of the history as Parquet: from less, nothing can be computed again."
        )
    done = Rebuilt(_check_files(folder, manifest, progress))
    for name, about in manifest.about["accounts"].items():
        done.accounts.append(_Account(folder, manifest, name, progress).check(about))
    return done


def _check_files(folder: Path, manifest: Manifest, progress: Callable[[str], object]) -> int:
    """Check that the files are those of the manifest, and return their number."""
    there = {str(path.relative_to(folder)) for path in folder.glob("**/*.parquet")}
    for name in sorted(there ^ manifest.files.keys()):
        raise BreachFound(f"{name}: it is {'not in manifest.json' if name in there else 'missing'}.")
    for name, about in manifest.files.items():
        progress(f"{name}: hashing")
        with (folder / name).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != about["sha256"]:
                raise BreachFound(f"{name}: it is not the file whose SHA-256 is in manifest.json.")
    return len(manifest.files)


class _Account:
    """The check of one account."""

    def __init__(self, folder: Path, manifest: Manifest, name: str, progress: Callable[[str], object]) -> None:
        self._folder = folder
        self._manifest = manifest
        self._name = name
        self._progress = progress

    def check(self, about: Row) -> str:
        """Compute the log and the digests, and return what agrees. Raises BreachFound."""
        row = next(each for each in self._rows("accounts") if each["account"] == self._name)
        runs = sorted(self._rows("sync_runs"), key=itemgetter("started_at"))
        self._progress(f"{self._name}: computing the log")
        acts = list(self._rows("operator_actions"))
        entries = self._check_log(row, runs, acts, about["position"])
        self._progress(f"{self._name}: computing the changes")
        self._check_changes(row, runs, acts)
        self._progress(f"{self._name}: computing the digests")
        digests = self._check_digests(runs)
        log = f"{entries:,} entries of its log" if entries else "no log yet"
        return f"account {self._name}: {len(runs):,} runs, {digests:,} digests, {log}: all agree."

    def _tables(self, relation: str, columns: list[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows of the account in each file of a relation, in the order of the files."""
        for name in sorted(self._manifest.files):
            if name.partition("/")[0].partition(".")[0] == relation:
                table = pq.read_table(self._folder / name, columns=columns)
                yield table.filter(pc.equal(table["account"], self._name)) if "account" in table.column_names else table

    def _rows(self, relation: str) -> Iterator[Row]:
        for table in self._tables(relation):
            yield from table.to_pylist()

    def _check_log(self, row: Row, runs: list[Row], acts: list[Row], position: Row) -> int:
        """Compute each entry of the log and its root, and return the number of entries."""
        log_id = row["log_id"]
        if log_id is None:
            return 0
        dropped = (
            (each["first_index"] + number, bytes.fromhex(each["hashes"])[start : start + HASH_SIZE])
            for each in self._rows("dropped_entries")
            if (each["log_id"], each["tree"]) == (log_id, "log")
            for number, start in enumerate(range(0, len(each["hashes"]) // 2, HASH_SIZE))
        )
        logged = ((run["log_index"], _run_hash(log_id, run)) for run in runs if run["log_index"] is not None)
        acted = ((act["log_index"], _act_hash(log_id, act)) for act in acts)
        found = sorted([(0, hash_leaf(row["log_start"].encode())), *logged, *acted, *dropped], key=itemgetter(0))
        tree = Frontier()
        for index, hash_ in found:
            if index != tree.size:
                raise self._breach("sync_runs", f"entry {tree.size} of the log is missing")
            tree.append(hash_)
        if (tree.size, tree.root().hex()) != (position["log_size"], position["root"]):
            raise self._breach("sync_runs", "the log that follows from the rows is not that of the checkpoint")
        return tree.size

    def _check_changes(self, row: Row, runs: list[Row], acts: list[Row]) -> None:
        """Check that the versions opened and closed in each entry are those that it committed to.

        `prune` has folded what came before `pruned_before`.
        """
        whole = [run for run in runs if row["pruned_before"] is None or run["started_at"] >= row["pruned_before"]]
        expected = {run["log_index"]: run["changes_root"] for run in whole if run["changes_root"] is not None}
        expected |= {act["log_index"]: json.loads(act["details"]).get("changes") for act in acts}
        entry_of = {run["run_id"]: run["log_index"] for run in runs}
        leaves: dict[int, list[tuple[bytes, int, bytes]]] = {index: [] for index, root in expected.items() if root}
        for version in self._rows("instance_versions"):
            id_, content = version["instance_id"], version | {"content_hash": _bytes(version["content_hash"])}
            opened, closed = entry_of.get(version["opened_by_run_id"]), version["closed_log_index"]
            if opened in leaves:
                leaves[opened].append((id_.encode(), OPENED, opening_leaf(id_, content)))
            if closed in leaves:
                leaves[closed].append((id_.encode(), CLOSED, closing_leaf(id_, content)))
        for index, changes in leaves.items():
            if root_of(leaf for *_, leaf in sorted(changes)).hex() != expected[index]:
                what = f"the versions that entry {index} of the log opened or closed are not those that it recorded"
                raise self._breach("instance_versions", what)

    def _check_digests(self, runs: list[Row]) -> int:
        """Build the fleet of each run from the versions, compare it with the run's digest, and return their number."""
        changes = self._read_changes()
        change, digest, checked = next(changes, None), None, 0
        with Fleet() as fleet:
            for run in runs:
                while change is not None and change[0] <= run["started_at"]:
                    fleet.put(*change[2:])
                    digest, change = None, next(changes, None)
                if run["fleet_digest"] is None:
                    continue
                digest = digest or fleet.digest()
                if digest != run["fleet_digest"]:
                    raise self._breach(
                        "instance_versions", f"the fleet of run {run['run_id']} is not that of its digest"
                    )
                checked += 1
        return checked

    def _read_changes(self) -> Iterator[tuple[Any, int, str, bytes | None]]:
        """Yield time, order, id and hash of each opening and closing of a version, in order."""
        columns = ["account", "instance_id", *PAYLOAD, "valid_from", "valid_to", "content_hash"]
        openings: list[tuple[Any, int, str, bytes | None]] = []
        closings: list[tuple[Any, int, str, bytes | None]] = []
        for table in self._tables("instance_versions", columns):
            values = table.to_pydict()
            records = [
                Record(*row) for row in zip(values["instance_id"], *(values[name] for name in PAYLOAD), strict=True)
            ]
            for id_, hash_, stored, begin, end in zip(
                values["instance_id"], hash_records(records), values["content_hash"], values["valid_from"],
                values["valid_to"], strict=True,
            ):  # fmt: skip
                if hash_.hex() != stored:
                    raise self._breach("instance_versions", f"a version of {id_} is not that of its hash")
                openings.append((begin, 1, id_, hash_))
                if end is not None:
                    closings.append((end, 0, id_, None))
        yield from heapq.merge(sorted(closings, key=itemgetter(0)), openings, key=itemgetter(0, 1))

    def _breach(self, relation: str, what: str) -> BreachFound:
        return BreachFound(f"{relation}: account {self._name}: {what}.")


def _run_hash(log_id: str, run: Row) -> bytes:
    """Return the hash of a run's entry."""
    row = run | {name: _bytes(run[name]) for name in ("changes_root", "missing_digest")}
    entries = [entry_bytes(run_entry(log_id, run["log_index"], row, returned=returned)) for returned in (False, True)]
    return next((hash_ for hash_ in map(hash_leaf, entries) if hash_.hex() == run["entry_hash"]), hash_leaf(entries[0]))


def _act_hash(log_id: str, act: Row) -> bytes:
    """Return the hash of an act's entry."""
    return hash_leaf(entry_bytes(act_entry(log_id, act["log_index"], act, json.loads(act["details"]))))


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)
