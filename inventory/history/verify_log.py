"""Check the Merkle log of an account: recompute every entry from the rows, and the tree from the entries.

`prune` may have folded versions that a run from before `pruned_before` opened or closed. So the root over the changes
of such a run is not recomputed, but taken from the run's row. Instead the folded history is compared with the root in
the entry of the newest prune. Of a run that `prune` dropped, only the hash of its entry is left.
"""

import heapq
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

from inventory.history.account_check import AccountCheck
from inventory.history.findings import CheckedLog
from inventory.history.merkle_log import missing
from inventory.history.merkle_log.dropped import free_places, read_hashes
from inventory.history.merkle_log.entries import (
    ACT_COLUMNS,
    CLOSED,
    OPENED,
    RUN_COLUMNS,
    Json,
    act_entry,
    closing_leaf,
    details_text,
    entry_bytes,
    hex_or_none,
    history_in,
    is_run_id,
    iso_microseconds,
    opening_leaf,
    run_entry,
    without_nulls,
)
from inventory.history.merkle_log.folded import VERSION_COLUMNS, HistoryScope, history_root
from inventory.history.merkle_log.start import run_leaf
from inventory.merkle import Frontier, hash_leaf, root_of
from inventory.record import is_nested_deeper
from inventory.store import database
from inventory.store.tables import APPLIED, instance_state, instance_versions, operator_actions, sync_runs

_HASHES = ("entry_hash", "changes_root", "missing_digest")
"""The columns of `sync_runs` that are null if the run has no entry in the log."""

_RUN = (*RUN_COLUMNS, "log_index", "entry_hash", "changes_root", "missing_digest", "cleared_digest")
_ACT = (*ACT_COLUMNS, "details", "log_index", "entry_hash")
_OPENING = (
    "instance_id", "episode", "valid_from", "valid_to", "opened_as", "opened_by_run_id", "closed_log_index",
    "episode_creator", "content_hash",
)  # fmt: skip
_CLOSING = (
    "instance_id", "episode", "valid_to", "closed_as", "last_seen_at", "closed_log_index", "episode_creator",
    "content_hash",
)  # fmt: skip

_DEEPEST = 20
"""The maximum nesting depth of a JSON object that is read from a row. The program writes at most three levels.

Without this limit, a changed row could reach the limit of Python's recursion.
"""

_Source = tuple[int, Callable[[Any], bytes], Any]
"""The index of an entry; the function that replays the entry and returns its hash; the argument of that function."""


@dataclass
class _Replay:
    """What the entries that were replayed so far say about the account."""

    name: str | None
    retired_at: str | None = None
    pruned_before: str | None = None
    missing: str | None = None
    """The missing digest in hex after the last applied run or accept so far; None if it covers no instance."""
    history: str | None = None
    """The root, in hex, over the versions that `scope` covers; None if there is no such root.

    It comes from the entry of the newest prune, or from entry 0 if there was no prune.
    """
    scope: HistoryScope | None = None
    runs: dict[int, int] = field(default_factory=dict)
    """The index of each run's entry, by run id."""
    changes: dict[int, tuple[str, bool]] = field(default_factory=dict)
    """A dict from the index of an entry to a pair: the root over its changes in hex, and whether it can be compared.

    The root cannot be compared if `prune` may have folded one of the versions. It is "" if only the hash of the entry
    is left.
    """
    by_hash: int = 0
    """The number of entries that cannot be computed from the rows alone (`CheckedLog.by_hash`)."""
    acts: int = 0
    """The number of acts so far."""
    running: bool = False
    """Whether the account has a run with the status `running`."""


class LogCheck:
    """The check of one account's log. `row` is the account's row, with its values as the driver returned them."""

    def __init__(self, check: AccountCheck, row: Mapping[str, Any]) -> None:
        self._check = check
        self._row = row
        self._start = self._read_start()
        earlier = self._earlier = history_in(self._start)
        self._earlier_run_id = earlier.get("last_run_id", 0)
        self._earlier_runs: list[bytes] = []
        self._replay = _Replay(
            self._start.get("account"),
            retired_at=earlier.get("retired_at"),
            pruned_before=earlier.get("pruned_before"),
            missing=earlier.get("missing"),
            history=earlier.get("versions"),
            scope=HistoryScope(0, self._earlier_run_id, self._earlier_run_id) if earlier else None,
        )
        self._first_wrong: int | None = None
        self._first_kept: tuple[str, int] | None = None
        """The place of the first run that `prune` keeps together with all runs after it.

        None if there is no such run, or if the account has no `pruned_before`.

        The place is ("log", index of the run's entry). For a run from before the log, it is ("runs", N), where N is the
        number of runs before it that are left.
        """
        self._may_drop = False
        """Whether a prune was replayed."""
        self._last_dropped = 0
        """The highest index of an entry of which only the hash is left; 0 if there is none."""
        self._unfolded = 0
        """The number of versions that the newest prune has not folded yet."""

    def run(self, sizes: Iterable[int] = ()) -> CheckedLog:
        """Check the log, and report each breach; return what was found, with the roots of the tree at these sizes."""
        tree, roots = Frontier(), {}
        wanted = set(sizes)
        for entry_hash in self._entries():
            tree.append(entry_hash)
            if tree.size in wanted:
                roots[tree.size] = tree.root()
        ends_well = (tree.size, tree.hashes) == (self._row["log_size"], self._row["log_frontier"])
        if not ends_well and self._first_wrong is None:
            self._report(None, "its log does not end as the account's row says")
        self._check_account()
        self._check_drops()
        self._check_earlier_runs()
        self._check_changes()
        self._check_missing()
        self._check_history()
        return CheckedLog(
            account=self._check.account,
            log_id=self._row["log_id"],
            since=at if isinstance(at := self._start.get("at"), str) else None,
            size=tree.size,
            by_hash=self._replay.by_hash,
            roots=roots,
            first_wrong=self._first_wrong,
            pruned_at=self._replay.scope.entry if self._replay.scope else None,
            unfolded=self._unfolded,
        )

    # -- the entries

    def _entries(self) -> Iterator[bytes]:
        """Yield the hash of each entry, in order. The hash is recomputed if the row of the entry is still there."""
        yield hash_leaf((self._row["log_start"] or "").encode())
        expected = 1
        found = heapq.merge(self._runs(), self._acts(), self._dropped(), key=itemgetter(0))
        for index, replay, row in found:  # not replayed in the sources: `merge` reads them ahead of the entries' order
            if index != expected:
                what = "is there twice" if index < expected else f"is followed by entry {index}"
                self._report(None, f"entry {expected - 1} of its log {what}", wrong=min(index, expected))
            expected = index + 1
            yield replay(row)

    def _runs(self) -> Iterator[_Source]:
        for row in self._check.rows(sync_runs, _RUN, sync_runs.c.run_id):
            for what in self._find_wrong_hashes(row):
                self._report(row.run_id, what)
            if row.status == "running":
                self._replay.running = True
                continue
            self._limit_drops(row)
            if row.log_index is None and row.run_id <= self._earlier_run_id:
                self._earlier_runs.append(run_leaf(row._asdict()))
            elif row.log_index is None:
                self._report(row.run_id, "it has no entry in the log")
            else:
                yield row.log_index, self._replay_run, row

    def _find_wrong_hashes(self, row: Any) -> Iterator[str]:
        """Yield texts about hashes and digests in a run's row that must be null, but are not."""
        is_pruned = self._check.may_be_pruned(row.started_at)
        if row.log_index is None and any(getattr(row, name) is not None for name in _HASHES):
            yield "it has no entry in the log, but a hash of one"
        if row.cleared_digest is not None and (row.fleet_digest is not None or not is_pruned):
            yield "its digest is kept as cleared, though no prune cleared it"
        if row.fleet_digest is not None and is_pruned:
            yield "it has a digest, though a prune has cleared it"

    def _limit_drops(self, row: Any) -> None:
        """Update `_first_kept` from a finished run. Call this for each finished run, in the order of the run ids.

        `prune` keeps the last complete run that started at `pruned_before` or earlier, and all runs after it. If there
        is no such run, it keeps the runs that started at `pruned_before` or later.
        """
        before = self._check.pruned_before
        if before is None:
            return
        is_kept = row.complete and row.started_at <= before
        if is_kept or (self._first_kept is None and row.started_at >= before):
            is_earlier = row.log_index is None
            self._first_kept = ("runs", len(self._earlier_runs)) if is_earlier else ("log", row.log_index)

    def _replay_run(self, row: Any) -> bytes:
        replay, index = self._replay, row.log_index
        returned, replay.retired_at = replay.retired_at is not None, None
        replay.runs[row.run_id] = index
        if row.status in APPLIED:
            replay.missing = hex_or_none(row.missing_digest)
        if row.changes_root is not None:
            is_whole = not self._check.may_be_pruned(row.started_at)
            replay.changes[index] = (row.changes_root.hex(), is_whole)
            replay.by_hash += not is_whole
        entry = run_entry(self._row["log_id"], index, row._asdict(), returned=returned)
        return self._hash(entry, row.entry_hash, row.run_id)

    def _acts(self) -> Iterator[_Source]:
        order = operator_actions.c.log_index
        for row in self._check.rows(operator_actions, _ACT, order, kind="log"):
            yield row.log_index, self._replay_act, row

    def _replay_act(self, row: Any) -> bytes:
        replay, details = self._replay, _as_object(row.details)
        if row.details != details_text(without_nulls(details)):
            self._report(
                None, f"the details of entry {row.log_index} are not as they were written", wrong=row.log_index
            )
        if row.action == "rename":
            if details.get("from") != replay.name:
                self._report(None, f"entry {row.log_index} renames {details.get('from')}, but it was {replay.name}")
            replay.name = details.get("to")
        elif row.action == "retire":
            replay.retired_at = iso_microseconds(row.occurred_at)
        elif row.action == "prune":
            replay.pruned_before, replay.history = details.get("before"), details.get("history")
            self._may_drop = True
            if details.get("acts") != replay.acts:
                what = f"entry {row.log_index} is a prune after {details.get('acts')} acts, but {replay.acts} are there"
                self._report(None, what, wrong=row.log_index)
            last_run_id = details.get("last_run_id", 0)
            if not is_run_id(last_run_id):
                self._report(None, f"entry {row.log_index} is a prune without the last run", wrong=row.log_index)
                last_run_id = 0
            replay.scope = HistoryScope(row.log_index, last_run_id, self._earlier_run_id, self._check.pruned_before)
        else:
            replay.missing = details.get("missing")
            replay.changes[row.log_index] = (details.get("changes", ""), True)
        replay.acts += 1
        return self._hash(act_entry(self._row["log_id"], row.log_index, row._asdict(), details), row.entry_hash, None)

    def _dropped(self) -> Iterator[_Source]:
        for index, entry_hash in read_hashes(self._check.connection, self._row["log_id"], "log"):
            self._last_dropped = index
            # Its root cannot be compared. But a version that the run closed, to settle an old absence, may still exist.
            self._replay.changes[index] = ("", False)
            yield index, self._replay_dropped, entry_hash

    def _replay_dropped(self, entry_hash: bytes) -> bytes:
        self._replay.by_hash += 1
        self._replay.retired_at = None  # it was a run, and every run brings a retired account back
        return entry_hash

    def _hash(self, entry: Json, stored: bytes, run_id: int | None) -> bytes:
        """Return the hash of an entry as recomputed. Report a breach if it is not the stored one."""
        try:
            recomputed = hash_leaf(entry_bytes(entry))
        except ValueError:  # a damaged row holds a number that no entry can have
            recomputed = hash_leaf(b"")
        if recomputed != stored:
            what = "its row is" if run_id is not None else f"entry {entry['index']}, an act of a person, is"
            self._report(run_id, f"{what} not what the log recorded", wrong=entry["index"])
        return recomputed

    # -- what follows from the entries

    def _check_account(self) -> None:
        """Check the account's row against what the log says."""
        row, replay, start = self._row, self._replay, self._start
        retired_at, pruned_before = _iso(row["retired_at"]), _iso(row["pruned_before"])
        returns_now = replay.running and retired_at is None
        checks = {
            f"the log says that its name is {replay.name}": replay.name == row["account"],
            "retired_at does not follow from the log": retired_at == replay.retired_at or returns_now,
            "pruned_before does not follow from the log": pruned_before == replay.pruned_before,
            "provider or created_at is not what the log recorded": (start.get("provider"), start.get("created_at"))
            == (row["provider"], _iso(row["created_at"])),
            "its log is that of another id": start.get("log") == row["log_id"],
        }
        for what in (what for what, holds in checks.items() if not holds):
            self._report(None, what)

    def _check_earlier_runs(self) -> None:
        """Check the runs from before the log against entry 0."""
        earlier = self._earlier
        if not earlier:
            return
        dropped = list(read_hashes(self._check.connection, self._row["log_id"], "runs"))
        places = list(islice(free_places([index for index, _ in dropped]), len(self._earlier_runs) + 1))
        tree, number = self._first_kept or ("log", 0)
        if dropped and (not self._may_drop or (tree == "runs" and dropped[-1][0] > places[number])):
            self._report(
                None, "a run from before the log is known by its hash only, though no prune dropped it", wrong=0
            )
        kept = zip(places, self._earlier_runs, strict=False)
        leaves = [hash_ for _, hash_ in heapq.merge(kept, dropped, key=itemgetter(0))]
        is_misplaced = any(index < 0 for index, _ in dropped)
        if is_misplaced or (len(leaves), root_of(leaves).hex()) != (earlier.get("run_count"), earlier.get("runs")):
            self._report(None, "the runs from before the log are not those that entry 0 recorded", wrong=0)

    def _check_drops(self) -> None:
        """Find the newest entry of which only the hash is left. Report it if `prune` cannot have dropped its run."""
        tree, index = self._first_kept or ("log", self._replay.scope.entry if self._replay.scope else 0)
        limit = index if self._may_drop and tree == "log" else 0
        if self._last_dropped >= limit and self._last_dropped:
            what = f"entry {self._last_dropped} is known by its hash only, though no prune can have dropped it"
            self._report(None, what, wrong=self._last_dropped)

    def _check_changes(self) -> None:
        """For each entry, check the root over the versions that it opened or closed.

        Leave out the roots that cannot be compared (`_Replay.changes`).
        """
        replay = self._replay
        changes = heapq.merge(self._openings(), self._closings())
        for index, group in groupby(changes, key=itemgetter(0)):
            root, is_whole = replay.changes.pop(index, ("", True))
            if is_whole and root_of(leaf for *_, leaf in group).hex() != root:
                self._report_changes(index)
        for index, (_, is_whole) in replay.changes.items():
            if is_whole:
                self._report_changes(index)

    def _report_changes(self, index: int) -> None:
        run_id = next((run_id for run_id, found in self._replay.runs.items() if found == index), None)
        what = f"the versions that entry {index} of the log opened or closed are not those that it recorded"
        self._report(run_id, what, wrong=index)

    def _openings(self) -> Iterator[tuple[int, str, int, bytes]]:
        """Yield (index of the entry, instance id, OPENED, leaf) for each version that a run with an entry opened.

        Report a version if it was opened by a run without an entry, or if it has ended and no later entry closed it.
        Leave out the versions that a run from before the log opened: `_check_history` compares them.
        """
        version = instance_versions.c
        order = (version.opened_by_run_id, database.by_bytes(self._check.connection, version.instance_id))
        for row in self._check.rows(
            instance_versions, _OPENING, *order, where=version.opened_by_run_id > self._earlier_run_id
        ):
            index = self._replay.runs.get(row.opened_by_run_id)
            if index is None:
                what = f"it opened a version of {row.instance_id}, but has no entry in the log"
                self._report(row.opened_by_run_id, what)
                continue
            if row.valid_to is not None and (row.closed_log_index is None or row.closed_log_index <= index):
                what = f"the version of {row.instance_id} that it opened has ended, but no later entry closed it"
                self._report(row.opened_by_run_id, what)
            yield index, row.instance_id, OPENED, opening_leaf(row.instance_id, row._asdict())

    def _closings(self) -> Iterator[tuple[int, str, int, bytes]]:
        version = instance_versions.c
        order = (version.closed_log_index, database.by_bytes(self._check.connection, version.instance_id))
        for row in self._check.rows(instance_versions, _CLOSING, *order, where=version.closed_log_index.is_not(None)):
            yield row.closed_log_index, row.instance_id, CLOSED, closing_leaf(row.instance_id, row._asdict())

    def _check_missing(self) -> None:
        """Check that the missing digest, recomputed from `instance_state`, is the newest one in the log."""
        state = instance_state.c
        rows = self._check.rows(
            instance_state,
            missing.COLUMNS,
            database.by_bytes(self._check.connection, state.instance_id),
            where=missing.unsettled(self._row["last_complete_run_id"]),
        )
        found = missing.digest_states(row._asdict() for row in rows)
        if hex_or_none(found) != self._replay.missing:
            self._report(None, "what is missing, or when it was last seen, is not what the log recorded")

    def _check_history(self) -> None:
        """Compare the recomputed root over old versions (`history_root`) with the root in the newest prune's entry.

        If there was no prune, compare it with the root in entry 0. If there is no such root either, do nothing.
        """
        scope = self._replay.scope
        if scope is None:
            return
        versions, states = instance_versions.c, instance_state.c
        by_bytes = [database.by_bytes(self._check.connection, each.instance_id) for each in (versions, states)]
        rows = self._check.rows(instance_versions, VERSION_COLUMNS, by_bytes[0], versions.valid_from)
        counts = self._check.rows(instance_state, ("instance_id", "versions"), by_bytes[1])
        root = history_root((row._asdict() for row in rows), counts, scope, self._count_unfolded)
        if root.hex() != self._replay.history:
            when = "the last prune" if scope.entry else "the start of the log"
            self._report(None, f"the older history is not what it was at {when}", wrong=scope.entry)

    # -- helpers

    def _count_unfolded(self, versions: int) -> None:
        self._unfolded += versions

    def _read_start(self) -> Json:
        """Return entry 0 as a JSON object. Report a breach if it is not what a log begins with."""
        start = _as_object(self._row["log_start"])
        try:
            text = entry_bytes(start).decode()
        except ValueError:  # it holds a number or a text that no entry can have
            text = None
        has_form = start.get("kind") == "start" and ("history" not in start or history_in(start))
        if text != self._row["log_start"] or not has_form:
            self._report(None, "entry 0 of its log is not what a log begins with")
        return start

    def _report(self, run_id: int | None, what: str, *, wrong: int | None = None) -> None:
        if wrong is not None:
            self._first_wrong = wrong if self._first_wrong is None else min(wrong, self._first_wrong)
        self._check.report("log", run_id, None, what)


def known_at_start(log_start: Any) -> tuple[frozenset[str] | None, int]:
    """Return two things that entry 0 of a log says of the time before the log.

    The first is the set of the fields in which the state of an instance differed from its newest version when the log
    began; None if there is no log. The second is the id of the last run from before the log; 0 if there was none.
    """
    if log_start is None:
        return None, 0
    earlier = history_in(_as_object(log_start))
    return frozenset(earlier.get("ignored", ())), earlier.get("last_run_id", 0)


def _as_object(text: Any) -> Json:
    """Return the JSON object in a text; an empty object if the text is anything else or nested deeper than _DEEPEST."""
    try:
        found = json.loads(text)
        too_deep = is_nested_deeper(json.dumps(found), _DEEPEST)
    except (ValueError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, dict) and not too_deep else {}


def _iso(time: Any) -> str | None:
    return None if time is None else iso_microseconds(time)
