"""Whether the history contradicts itself or its digests: snapshots rebuilt from the versions alone, and all invariants.

It finds contradictions and accidents. Who rewrites rows, hashes and digests consistently leaves none.

An account takes three passes at flat memory (its runs and its live fleet): its runs; instance by instance, the versions
and the state; run by run, the digests. Values are compared as the driver gives them, so that the very form of a time
counts, and one of another type, which SQLite lets in, is a breach and no failure.
"""

import hashlib
import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.types import NullType

from inventory import database
from inventory.tables import PAYLOAD, UTCDateTime, accounts, instance_state, instance_versions, sync_runs
from inventory.times import iso
from inventory.wire import Row, gpus, hash_rows, tracker

SHOWN = 100
"""Breaches that are kept; the others are counted."""

SUSPECTS = 5
"""Instances named for one digest."""

EVENTS = ("appeared", "changed", "reappeared", "vanished")

_PAYLOAD = (*PAYLOAD, "gpu_count", "gpu_model", "episode_creator")
_VERSION = (
    "instance_id", *_PAYLOAD, "episode", "valid_from", "valid_to", "opened_by_run_id", "closed_by_run_id",
    "opened_as", "closed_as", "last_seen_at", "content_hash",
)  # fmt: skip
_STATE = (
    "instance_id", *_PAYLOAD, "presence", "held", "first_seen_at", "missing_since", "vanished_at", "episodes",
    "versions", "seen_run_id", "missing_run_id", "row_hash", "version_hash", "ignored",
)  # fmt: skip
_CONTENT = slice(1 + len(PAYLOAD))


class Breach(NamedTuple):
    """One contradiction; `kind` is account, run, version, state or digest."""

    kind: str
    account: str
    run_id: int | None
    instance_id: str | None
    what: str


@dataclass
class Findings:
    """What was looked at, and what was found."""

    runs: int = 0
    instances: int = 0
    versions: int = 0
    count: int = 0
    """Of all breaches; `breaches` holds the first of them."""
    breaches: list[Breach] = field(default_factory=list)


class _Run(NamedTuple):
    started_at: Any
    previous_complete_at: Any
    complete: bool
    counts: tuple[int, ...]


class _Stretch(NamedTuple):
    """Neighbouring complete runs whose digests do not match."""

    first: Any
    last: Any
    runs: int
    after: Any
    """The time of the last run before them whose digest does match, if there is one."""


def verify(
    connection: Connection, *, account: str | None = None, progress: Callable[[str], None] = lambda _: None
) -> Findings:
    """Everything that contradicts itself or its digests in the history of one account, or of all."""
    findings = Findings()
    known = sa.select(accounts.c.account)
    for row in connection.execute(
        sa.select(
            accounts.c.account, accounts.c.last_complete_run_id, _raw(accounts.c.pruned_before).label("pruned_before")
        )
        .where(sa.true() if account is None else accounts.c.account == account)
        .order_by(accounts.c.account)
    ).all():
        _Verifier(connection, row.account, row.pruned_before, findings, progress).verify(row.last_complete_run_id)
    for table in (instance_versions, instance_state) if account is None else ():
        for name in connection.scalars(sa.select(table.c.account).where(table.c.account.not_in(known)).distinct()):
            _add(findings, Breach("account", name, None, None, f"rows of {table.name} name it, but it is not there"))
    return findings


class _Verifier:
    """The checks of one account."""

    def __init__(
        self, connection: Connection, account: str, pruned: Any, findings: Findings, progress: Callable[[str], None]
    ) -> None:
        self.connection = connection
        self.account = account
        self.pruned = pruned
        self.findings = findings
        self.progress = progress
        self.runs: dict[Any, _Run] = {}
        self.events: Counter[tuple[Any, Any]] = Counter()

    def verify(self, last_complete: Any) -> None:
        before = self.findings.count
        self._check_runs(last_complete)
        self.times = {run.started_at for run in self.runs.values()}
        self._check_instances()
        self._check_counts()
        self._check_digests(sound=self.findings.count == before)

    def _breach(self, kind: str, run_id: Any, instance_id: Any, what: str) -> None:
        _add(self.findings, Breach(kind, self.account, run_id, instance_id, what))

    def _old(self, time: Any) -> bool:
        """Whether `prune` may have dropped what was then."""
        return self.pruned is not None and time is not None and time < self.pruned

    # -- runs

    def _check_runs(self, last_complete: Any) -> None:
        names = ("run_id", "status", "complete", "missing", "fleet_digest", "started_at", "previous_complete_at")
        before: _Run | None = None
        complete: tuple[Any, Any] = (None, None)  # the last one's id and time
        for row in self._rows(sync_runs, (*names, *EVENTS), sync_runs.c.run_id):
            run_id, status, whole, missing, digest, at, previous, *counts = row
            run = self.runs[run_id] = _Run(at, previous, bool(whole), tuple(counts))
            wrong = {
                "it did not start after the run before it": before is not None and at <= before.started_at,
                f"its status is {status}, but complete says otherwise": run.complete != (status in _COMPLETE),
                f"its previous_complete_at is {_text(previous)}, the last complete run before it started at "
                f"{_text(complete[1])}": previous != complete[1]
                and not (self._old(previous) and (complete[1] is None or complete[1] < previous)),
                "it was complete and left nothing missing, but has no digest": run.complete
                and missing == 0
                and digest is None
                and not self._old(at),
                "it has a digest, but was not complete or left some missing": digest is not None
                and (missing != 0 or not run.complete),
            }
            for what in (what for what, is_so in wrong.items() if is_so):
                self._breach("run", run_id, None, what)
            before = run
            complete = (run_id, at) if run.complete else complete
        if last_complete != complete[0]:
            what = f"its last complete run is {complete[0]}, but last_complete_run_id says {last_complete}"
            self._breach("account", last_complete, None, what)
        self.findings.runs += len(self.runs)

    def _check_counts(self) -> None:
        """What a run says it did is what bears its id."""
        for run_id, run in self.runs.items():
            for event, counted in zip(EVENTS, run.counts, strict=True):
                there = self.events.pop((run_id, event), 0)
                if there != counted and not self._old(run.started_at):
                    by, as_ = (
                        ("closed_by_run_id", "closed_as") if event == "vanished" else ("opened_by_run_id", "opened_as")
                    )
                    own = (instance_versions.c[by] == run_id, instance_versions.c[as_] == event)
                    only, names = self._suspects(*own) if there > counted else (None, "")
                    what = f"it counts {counted} {event}, the history has {there}"
                    self._breach("run", run_id, only, what + (f": {names}" if names else ""))

    def _suspects(self, *where: ColumnElement[bool]) -> tuple[str | None, str]:
        """The instance with such a version, if there is just one; and the names of the first few."""
        if self.findings.count >= SHOWN:  # nobody would see them, and each costs a look at all versions
            return None, ""
        version = instance_versions.c
        query = sa.select(version.instance_id).where(version.account == self.account, *where).distinct()
        found = self.connection.scalars(query.order_by(version.instance_id).limit(SUSPECTS + 1)).all()
        names = ", ".join(found[:SUSPECTS]) + (" and others" if len(found) > SUSPECTS else "")
        return found[0] if len(found) == 1 else None, names

    # -- instances

    def _check_instances(self) -> None:
        version, state = instance_versions.c, instance_state.c
        same = (version.account == state.account, version.instance_id == state.instance_id)
        has_version = sa.exists().where(*same).correlate(instance_state)
        has_state = sa.exists().where(*same).correlate(instance_versions)
        # both streams have the same ids in the same order, whatever the database's order of texts is
        versions = self._rows(instance_versions, _VERSION, version.instance_id, version.valid_from, where=has_state)
        grouped = groupby(versions, key=itemgetter(0))
        states = self._rows(instance_state, _STATE, state.instance_id, where=has_version)
        for (_, history), row in zip(grouped, states, strict=True):
            self._check_instance(row, history)
            self.findings.instances += 1
            if self.findings.instances % database.BATCH == 0:
                self.progress(f"{self.account}: {self.findings.versions:,} versions")
        for row in self._rows(instance_versions, _VERSION, version.instance_id, version.valid_from, where=~has_state):
            self._breach("version", row.opened_by_run_id, row.instance_id, "a version without an instance")
            self._note(row)
        for row in self._rows(instance_state, _STATE, state.instance_id, where=~has_version):
            self._breach("state", None, row.instance_id, "an instance without a version")

    def _note(self, version: Any) -> None:
        self.findings.versions += 1
        self.events[version.opened_by_run_id, version.opened_as] += 1
        if version.closed_as == "vanished":
            self.events[version.closed_by_run_id, "vanished"] += 1

    def _check_instance(self, state: Any, history: Iterator[Any]) -> None:
        first = before = creator = hash_before = None
        episodes = versions = 0
        for version in history:
            self._note(version)
            if before is None or before.closed_as == "vanished":
                episodes, creator = episodes + 1, None
            creator = creator or version.creator_user_nickname
            if self.pruned is not None and version.valid_to is not None and version.valid_to <= self.pruned:
                creator = version.episode_creator  # `prune` keeps it, not the versions that bore it
            hash_ = _hash(version[_CONTENT])
            if version.content_hash != hash_:
                what = "its fields are not those that the run recorded"
                self._breach("version", version.opened_by_run_id, version.instance_id, what)
            for what in self._wrong_start(version, before, episodes, creator, same=hash_ == hash_before):
                self._breach("version", version.opened_by_run_id, version.instance_id, what)
            for what in self._wrong_end(version):
                run_id = version.opened_by_run_id if version.closed_by_run_id is None else version.closed_by_run_id
                self._breach("version", run_id, version.instance_id, what)
            first, before, hash_before, versions = first or version, version, hash_, versions + 1
        for what in self._wrong_state(state, first, before, hash_before, versions, episodes):
            self._breach("state", state.seen_run_id, state.instance_id, what)

    def _wrong_start(self, version: Any, before: Any, episode: int, creator: Any, *, same: bool) -> Iterator[str]:
        """What contradicts the run that opened it, its own fields, or the version before it."""
        opened, ended_as = self.runs.get(version.opened_by_run_id), None if before is None else before.closed_as
        if opened is None or opened.started_at != version.valid_from:
            yield f"valid_from {_text(version.valid_from)} is not the time of the run"
        if _implausible(version):
            yield "a field is empty that should be null, or the GPUs are not those of the type"
        if version.episode_creator != creator:
            yield f"episode_creator is {version.episode_creator}, not {creator}"
        if version.episode != episode:
            yield f"it should be episode {episode}"
        if version.opened_as != _AFTER.get(ended_as):
            yield f"it opens as {version.opened_as} after {ended_as or 'nothing'}"
        if before is None:
            return
        if before.valid_to is None or before.valid_to > version.valid_from:
            yield f"it overlaps the version before it, which is valid to {_text(before.valid_to)}"
        elif (before.valid_to == version.valid_from) != (ended_as == "changed"):
            yield f"the version before it {ended_as} at {_text(before.valid_to)}"
        if ended_as == "changed" and same:
            yield "nothing changed from the version before it"

    def _wrong_end(self, version: Any) -> Iterator[str]:
        """What contradicts the run that closed it, or its own start."""
        ends = (version.valid_to, version.closed_by_run_id, version.last_seen_at)
        if version.closed_as is None:
            if ends != (None, None, None):
                yield "it is open, but says when or by which run it was closed"
            return
        closed = self.runs.get(version.closed_by_run_id)
        if closed is None or closed.started_at != version.valid_to:
            yield f"valid_to {_text(version.valid_to)} is not the time of the run"
        elif version.valid_to <= version.valid_from:
            yield "it ends before it begins"
        elif version.closed_as == "vanished":
            seen = version.last_seen_at
            if not closed.complete:
                yield "it vanished in a run that was not complete"
            least = max(version.valid_from, closed.previous_complete_at or version.valid_from)
            if seen is None or not least <= seen < version.valid_to or not (seen in self.times or self._old(seen)):
                yield f"last_seen_at {_text(seen)} is not the time of a run that may have been the last to see it"
        if version.closed_as == "changed" and version.last_seen_at is not None:
            yield "it did not vanish, but says when it was last seen"

    def _wrong_state(
        self, state: Any, first: Any, last: Any, version_hash: bytes | None, versions: int, episodes: int
    ) -> Iterator[str]:
        """What contradicts the versions."""
        seen, missing = self.runs.get(state.seen_run_id), self.runs.get(state.missing_run_id)
        vanished, is_missing = state.presence == "vanished", state.presence == "missing"
        checks = {
            "the newest version is closed as changed, and none follows": last.closed_as != "changed",
            f"it is {state.presence}, but its newest version says otherwise": vanished == (last.valid_to is not None),
            "vanished_at is not the end of its newest version": state.vanished_at
            == (last.valid_to if vanished else None),
            "first_seen_at is not the start of its first version": state.first_seen_at == first.valid_from,
            f"it counts {state.episodes} episodes, the history has {episodes}": state.episodes == episodes,
            f"it counts {state.versions} versions, the history has {versions}": state.versions == versions
            or (self._old(first.valid_from) and state.versions > versions),
            "episode_creator is not that of its newest version": state.episode_creator == last.episode_creator,
            "the run that last saw it is not there, or is not when it was last seen": seen is not None
            and (not vanished or seen.started_at == last.last_seen_at),
            "missing_since is not the time of the run that first lacked it": (
                missing is not None and missing.started_at == state.missing_since
                if is_missing
                else state.missing_since is None and state.missing_run_id is None
            ),
            "it is held, but not missing": is_missing or not state.held,
            "its newest version is not what the last run saw": state.version_hash == version_hash,
            "its fields are not what the last run saw": state.row_hash == _tracked_hash(state)
            and not _implausible(state),
        }
        return (what for what, holds in checks.items() if not holds)

    # -- digests

    def _check_digests(self, *, sound: bool) -> None:
        """Step from run to run with the fleet's hashes by id, and compare where there is a digest."""
        fleet: dict[str, bytes] = {}
        steps = heapq.merge(self._closings(), self._openings(), key=itemgetter(0, 1))
        step = next(steps, None)
        digest, good, bad = None, None, None
        order = sync_runs.c.started_at
        for number, (run_id, at, expected) in enumerate(
            self._rows(sync_runs, ("run_id", "started_at", "fleet_digest"), order)
        ):
            while step is not None and step[0] <= at:
                _, _, instance_id, part = step
                if part is None:
                    fleet.pop(instance_id, None)
                else:
                    fleet[instance_id] = part
                digest = None
                step = next(steps, None)
            if number % 10 == 0:
                self.progress(f"{self.account}: digest {number + 1:,} of {len(self.runs):,}")
            if expected is None:
                continue
            digest = digest or hashlib.sha256(b"".join([fleet[id_] for id_ in sorted(fleet)])).hexdigest()
            if digest != expected:
                bad = _Stretch(run_id, at, 1, good) if bad is None else bad._replace(last=at, runs=bad.runs + 1)
                continue
            if bad is not None:
                self._tell(bad, at, sound=sound)
            good, bad = at, None
        if bad is not None:
            self._tell(bad, None, sound=sound)
        for _ in steps:  # after the last run: none, or breaches by now; a stream is read to its end
            pass

    def _closings(self) -> Iterator[tuple[Any, int, str, None]]:
        column = instance_versions.c.valid_to
        for at, id_ in self._rows(instance_versions, ("valid_to", "instance_id"), column, where=column.is_not(None)):
            yield at, 0, id_, None  # before what opens at the same time

    def _openings(self) -> Iterator[tuple[Any, int, str, bytes]]:
        names = ("valid_from", "instance_id", *PAYLOAD)
        for at, *content in self._rows(instance_versions, names, instance_versions.c.valid_from):
            yield at, 1, content[0], content[0].encode() + b"\0" + _hash(content)

    def _tell(self, bad: _Stretch, until: Any, *, sound: bool) -> None:
        """A breach that names the instances of which one changed version would break just these digests."""
        version = instance_versions.c
        ends = _raw(version.valid_to) > bad.last
        only, names = self._suspects(
            _raw(version.valid_from) <= self.runs[bad.first].started_at,
            *([] if bad.after is None else [_raw(version.valid_from) > bad.after]),
            version.valid_to.is_(None) | ends if until is None else ends & (_raw(version.valid_to) <= until),
        )
        what = "its digest is not that of the versions"
        if bad.runs > 1:
            what += f", nor are those of the {bad.runs - 1} runs with a digest that follow"
        if not sound:
            only = None
            what += "; other breaches of this account may explain it"
        elif names:
            what += f"; one changed version of {names} would explain it"
        self._breach("digest", bad.first, only, what)

    # -- reading

    def _rows(
        self, table: sa.Table, names: tuple[str, ...], *order: ColumnElement[Any], where: Any = None
    ) -> Iterator[Any]:
        """Rows of the account, streamed, with values as the driver gives them."""
        query = sa.select(*(_raw(table.c[name]).label(name) for name in names)).where(table.c.account == self.account)
        query = query if where is None else query.where(where)
        for rows in database.stream(self.connection, query.order_by(*order)):
            yield from rows


_COMPLETE = ("succeeded", "held")
_AFTER = {None: "appeared", "changed": "changed", "vanished": "reappeared"}
"""As what a version opens, by how the one before it closed."""

_gpus = cache(gpus)
_tracker = cache(tracker)


def _raw(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The column's value as the driver gives it. A time that Python cannot hold is one that no run has."""
    raw = sa.type_coerce(column, NullType())
    if not isinstance(column.type, UTCDateTime):
        return raw
    first: ColumnElement[Any] = sa.literal_column("'0001-01-03 00:00:00.000000+00'")
    last: ColumnElement[Any] = sa.literal_column("'9999-12-30 00:00:00.000000+00'")
    return sa.type_coerce(sa.case((raw.between(first, last), raw), (raw.is_not(None), last)), NullType())


def _add(findings: Findings, breach: Breach) -> None:
    findings.count += 1
    if len(findings.breaches) < SHOWN:
        findings.breaches.append(breach)


def _hash(content: Any) -> bytes:
    """The row's hash; of values that are no text, one that no row has."""
    try:
        return hash_rows([content])[0]
    except TypeError:
        return hash_rows([Row._make(map(repr, content))])[0]


def _tracked_hash(state: Any) -> bytes | None:
    """What `row_hash` should be; None where `extra` is none of ours."""
    try:
        return _hash(_tracker(tuple(filter(None, state.ignored.split(","))))(Row._make(state[_CONTENT])))
    except (ValueError, TypeError, AttributeError):
        return None


def _implausible(row: Any) -> bool:
    """Whether fields say by another form what their hash does not tell apart, or the GPUs are not those of the type."""
    content = row[1 : 1 + len(PAYLOAD)]
    if "" in content or any(type(value) is str and "\0" in value for value in content):
        return True
    type_ = row.instance_type
    return (type_ is None or type(type_) is str) and (row.gpu_count, row.gpu_model) != _gpus(type_)


def _text(time: Any) -> str:
    return iso(time) if isinstance(time, datetime) else str(time)
