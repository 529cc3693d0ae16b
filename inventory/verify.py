"""Whether the history contradicts itself or its digests: snapshots rebuilt from the versions alone, and all invariants.

It finds contradictions and accidents. Who rewrites rows, hashes and digests consistently leaves none.

The database's own checks come first, where it has them. An account takes three passes, in memory that grows with its
runs only: its runs; instance by instance, the versions and the state; run by run, the digests. Values are compared as
the driver gives them, so that the very form of a time counts. A value that its column cannot hold, which SQLite lets
in, is a breach; something of the right type takes its place in what is checked further.
"""

import hashlib
import heapq
import math
import re
import sqlite3
from collections import Counter, namedtuple
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import groupby, zip_longest
from operator import itemgetter
from typing import Any, NamedTuple, Self

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.types import NullType

from inventory import database, schema, storage
from inventory.errors import DatabaseError
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
    "versions", "seen_run_id", "missing_run_id", "unlisted_runs", "row_hash", "version_hash", "ignored",
)  # fmt: skip
_CONTENT = slice(1 + len(PAYLOAD))


class Breach(NamedTuple):
    """One contradiction; `kind` is storage (which names no account), account, run, version, state or digest."""

    kind: str
    account: str | None
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
    progress("the database's own checks of its tables and indexes")
    try:
        for what in storage.damages(connection):
            _add(findings, Breach("storage", None, None, None, what))
        for name in schema.changed_views(connection):
            what = f"the view {name} is not as this version made it, and may answer wrongly"
            _add(findings, Breach("storage", None, None, None, what))
        database.expect_many_rows(connection)
        _check_accounts(connection, account, findings, progress)
    except DBAPIError as error:
        if not findings.count:
            raise
        what = f"what is damaged keeps the rest from being read: {' '.join(str(error.orig).split())}"
        _add(findings, Breach("storage", None, None, None, what))
    return findings


def _check_accounts(
    connection: Connection, only: str | None, findings: Findings, progress: Callable[[str], None]
) -> None:
    """Check each account, or that one; then also that every row is of one."""
    columns = _Columns(accounts, accounts.c.keys(), sqlite=database.is_sqlite(connection), thorough=True)
    query = columns.select().where(sa.true() if only is None else accounts.c.account == only)
    for found in connection.execute(query.order_by(accounts.c.account)).all():
        wrong = columns.wrong(found)
        row = columns.mended(found, wrong)
        for what in columns.told(found, wrong):
            _add(findings, Breach("account", row.account, None, None, what))
        _Verifier(connection, row.account, row.pruned_before, findings, progress).verify(row.last_complete_run_id)
    if only is not None:
        return
    for table in (sync_runs, instance_versions, instance_state):
        known = sa.exists().where(accounts.c.account == table.c.account)
        for name in connection.scalars(sa.select(_raw(table.c.account)).where(~known).distinct().limit(SHOWN)):
            what = f"rows of {table.name} name it, but it is not there"
            _add(findings, Breach("account", name if type(name) is str else repr(name), None, None, what))


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

    def _breach(self, kind: str, run_id: int | None, instance_id: str | None, what: str) -> None:
        _add(self.findings, Breach(kind, self.account, run_id, instance_id, what))

    def _old(self, time: Any) -> bool:
        """Whether `prune` may have dropped what was then."""
        return self.pruned is not None and time is not None and time < self.pruned

    # -- runs

    def _check_runs(self, last_complete: Any) -> None:
        names = ("run_id", "status", "complete", "missing", "fleet_digest", "started_at", "previous_complete_at")
        counted = (*names, *EVENTS)
        others = (column.name for column in sync_runs.c if column.name not in counted)
        before: _Run | None = None
        complete: tuple[Any, Any] = (None, None)  # the last one's id and time
        for row in self._rows(sync_runs, (*counted, *others), sync_runs.c.run_id, kind="run"):
            run_id, status, whole, missing, digest, at, previous, *counts = row[: len(counted)]
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
        found = list(map(str, self.connection.scalars(query.order_by(version.instance_id).limit(SUSPECTS + 1))))
        names = ", ".join(found[:SUSPECTS]) + (" and others" if len(found) > SUSPECTS else "")
        return found[0] if len(found) == 1 else None, names

    # -- instances

    def _check_instances(self) -> None:
        version, state = instance_versions.c, instance_state.c
        same = (version.account == state.account, version.instance_id == state.instance_id)
        has_version = sa.exists().where(*same).correlate(instance_state)
        has_state = sa.exists().where(*same).correlate(instance_versions)
        # both streams have the same ids in the same order, whatever the database's order of texts is
        versions = self._rows(
            instance_versions, _VERSION, version.instance_id, version.valid_from, where=has_state, kind="version"
        )
        grouped = groupby(versions, key=itemgetter(0))
        states = self._rows(instance_state, _STATE, state.instance_id, where=has_version, kind="state")
        for group, row in zip_longest(grouped, states):
            if group is None or row is None or group[0] != row.instance_id:
                first = row.instance_id if group is None else group[0]
                what = f"the versions and the instances do not match from {first} on: an index may be damaged"
                self._breach("storage", None, None, what)
                break
            self._check_instance(row, group[1])
            self.findings.instances += 1
            if self.findings.instances % database.BATCH == 0:
                self.progress(f"{self.account}: {self.findings.versions:,} versions")
        for row in self._rows(
            instance_versions, _VERSION, version.instance_id, version.valid_from, where=~has_state, kind="version"
        ):
            self._breach("version", row.opened_by_run_id, row.instance_id, "a version without an instance")
            self._note(row)
        for row in self._rows(instance_state, _STATE, state.instance_id, where=~has_version, kind="state"):
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
            f"unlisted_runs is {state.unlisted_runs}": 0 <= state.unlisted_runs < 1 << 31,
            "its newest version is not what the last run saw": state.version_hash == version_hash,
            "its fields are not what the last run saw": state.row_hash == _tracked_hash(state)
            and not _implausible(state),
        }
        return (what for what, holds in checks.items() if not holds)

    # -- digests

    def _check_digests(self, *, sound: bool) -> None:
        """Step from run to run with the fleet's hashes by id, and compare where there is a digest."""
        steps = heapq.merge(self._closings(), self._openings(), key=itemgetter(0, 1))
        step = next(steps, None)
        digest, good, bad = None, None, None
        order = sync_runs.c.started_at
        with _Fleet() as fleet:
            for number, (run_id, at, expected) in enumerate(
                self._rows(sync_runs, ("run_id", "started_at", "fleet_digest"), order)
            ):
                while step is not None and step[0] <= at:
                    fleet.put(*step[2:])
                    digest = None
                    step = next(steps, None)
                if number % 10 == 0:
                    self.progress(f"{self.account}: digest {number + 1:,} of {len(self.runs):,}")
                if expected is None:
                    continue
                digest = digest or fleet.digest()
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
            yield at, 1, content[0], _hash(content)

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
        self,
        table: sa.Table,
        names: tuple[str, ...],
        *order: ColumnElement[Any],
        where: Any = None,
        kind: str | None = None,
    ) -> Iterator[Any]:
        """Rows of the account, streamed; what a column cannot hold is replaced, and a breach of this kind, if any."""
        columns = _Columns(
            table, names, sqlite=database.is_sqlite(self.connection), thorough=table is sync_runs and kind is not None
        )
        query = columns.select().where(table.c.account == self.account)
        query = query if where is None else query.where(where)
        for rows in database.stream(self.connection, query.order_by(*order)):
            for row in rows:
                wrong = columns.wrong(row)
                if not wrong:
                    yield row
                    continue
                mended = columns.mended(row, wrong)
                for what in columns.told(row, wrong) if kind is not None else ():
                    run_id = getattr(mended, "opened_by_run_id", getattr(mended, "run_id", None))
                    self._breach(kind or "", run_id, getattr(mended, "instance_id", None), what)
                yield mended


class _Kind(NamedTuple):
    """What a column can hold."""

    type: type
    """The Python type of its values, as the driver gives them."""
    holds: Callable[[Any], bool]
    """Whether a value of that type is one of the column's."""
    instead: Callable[[Any], Any]
    """A value of that type, which no run has written, for one that is none."""


class _Columns:
    """The columns of a query, and what each of them can hold.

    `thorough` looks at every value. Else a row is known by the types of its values, and by the values that are of a
    closed set: whether a number or a time is the right one is then left to who compares it.
    """

    def __init__(self, table: sa.Table, names: Iterable[str], *, sqlite: bool, thorough: bool = False) -> None:
        self._columns = [table.c[name] for name in names]
        closed = _closed_sets(table)
        self._kinds = [_kind(column, closed.get(column.name), sqlite=sqlite) for column in self._columns]
        self._few = [
            place
            for place, column in enumerate(self._columns)
            if column.name in closed or isinstance(column.type, sa.Boolean)
        ]
        self._thorough = thorough
        self._fine: set[tuple[Any, ...]] = set()
        self._record: Any = namedtuple("_Record", [column.name for column in self._columns])  # type: ignore[misc]  # noqa: PYI024

    def select(self) -> sa.Select[Any]:
        """The query, its values as the driver gives them."""
        return sa.select(*(_raw(column).label(column.name) for column in self._columns))

    def wrong(self, row: Any) -> list[int]:
        """The places of the values that their columns cannot hold."""
        key = (*map(type, row), *[row[place] for place in self._few])
        if key in self._fine:
            return []
        wrong = [
            place
            for place, (value, column, kind) in enumerate(zip(row, self._columns, self._kinds, strict=True))
            if not (column.nullable if value is None else type(value) is kind.type and kind.holds(value))
        ]
        if not wrong and not self._thorough:
            self._fine.add(key)
        return wrong

    def told(self, row: Any, wrong: list[int]) -> Iterator[str]:
        """What is wrong, a sentence each."""
        for place in wrong:
            yield f"{self._columns[place].name} is {row[place]!r:.80}, which is no value of that column"

    def mended(self, row: Any, wrong: list[int]) -> Any:
        """The row with values of the right types in those places."""
        values = list(row)
        for place in wrong:
            values[place] = self._kinds[place].instead(values[place])
        return self._record._make(values)


def _kind(column: sa.Column[Any], closed: set[str] | None, *, sqlite: bool) -> _Kind:
    type_ = column.type
    if isinstance(type_, UTCDateTime):
        no_time = datetime.fromisoformat(_NO_TIME)
        ours = _Kind(datetime, lambda value: bool(value != no_time), lambda _: no_time)
        return _Kind(str, _is_time, lambda _: _NO_TIME) if sqlite else ours
    if isinstance(type_, sa.Boolean):
        return _Kind(int if sqlite else bool, lambda value: value in (0, 1), lambda _: False)
    if isinstance(type_, sa.Integer):
        limit = 1 << (63 if isinstance(type_, sa.BigInteger) else 31)
        return _Kind(int, lambda value: 0 <= value < limit, lambda _: -1)
    if isinstance(type_, sa.LargeBinary):
        return _Kind(bytes, lambda _: True, lambda _: b"")
    if isinstance(type_, sa.Double):
        return _Kind(float, math.isfinite, lambda _: 0.0)
    return _Kind(str, lambda value: closed is None or value in closed, repr)


class _Fleet:
    """The hashes of a fleet by id, in a private temporary SQLite file, so that memory stays flat. A context manager."""

    def __enter__(self) -> Self:
        self._db = sqlite3.connect("", isolation_level=None)  # a file of SQLite's own, gone with the connection
        self._db.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA temp_store = FILE; PRAGMA cache_size = -32768;"
            "CREATE TABLE fleet (id BLOB PRIMARY KEY, hash BLOB) WITHOUT ROWID; BEGIN"
        )
        self._latest: dict[bytes, bytes | None] = {}
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def put(self, instance_id: str, hash_: bytes | None) -> None:
        """The instance is now that, or None: gone."""
        self._latest[instance_id.encode()] = hash_
        if len(self._latest) >= database.BATCH:
            self._write()

    def digest(self) -> str:
        """As a run records it: by the order of UTF-8, in which blobs are sorted."""
        self._write()
        digest = hashlib.sha256()
        found = self._db.execute("SELECT id, hash FROM fleet ORDER BY id")
        while rows := found.fetchmany(database.BATCH):
            digest.update(b"".join([id_ + b"\0" + hash_ for id_, hash_ in rows]))
        return digest.hexdigest()

    def _write(self) -> None:
        latest = sorted(self._latest.items())  # neighbours share pages
        try:
            self._db.executemany("DELETE FROM fleet WHERE id = ?", [(id_,) for id_, hash_ in latest if hash_ is None])
            self._db.executemany("REPLACE INTO fleet VALUES (?, ?)", [row for row in latest if row[1] is not None])
        except sqlite3.Error as error:
            raise DatabaseError(
                f"The temporary file of this check failed: {error}; the database was only read. "
                "Give TMPDIR a folder with more room, then run again."
            ) from error
        self._latest.clear()


_COMPLETE = ("succeeded", "held")
_AFTER = {None: "appeared", "changed": "changed", "vanished": "reappeared"}
"""As what a version opens, by how the one before it closed."""

_gpus = lru_cache(10_000)(gpus)
_tracker = lru_cache(100)(tracker)

_NO_TIME = "9999-12-30 00:00:00.000000+00"
"""What stands for a time that Python cannot hold, or that is none: one that no run has."""

_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", re.ASCII)
_CLOSED_SET = re.compile(r"(\w+) IN \((.*)\)")


def _closed_sets(table: sa.Table) -> dict[str, set[str]]:
    """The values of each column of which a CHECK lists all."""
    checks = (str(check.sqltext) for check in table.constraints if isinstance(check, sa.CheckConstraint))
    found = filter(None, map(_CLOSED_SET.fullmatch, checks))
    return {check[1]: set(re.findall(r"'(\w+)'", check[2])) for check in found}


def _is_time(text: str) -> bool:
    """Whether a time in SQLite is in the one form that the program writes, and on the calendar."""
    try:
        return _TIME.fullmatch(text) is not None and bool(datetime.fromisoformat(text))
    except ValueError:
        return False


def _raw(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The column's value as the driver gives it. A time that Python cannot hold is one that no run has."""
    raw = sa.type_coerce(column, NullType())
    if not isinstance(column.type, UTCDateTime):
        return raw
    first: ColumnElement[Any] = sa.literal_column("'0001-01-03 00:00:00.000000+00'")
    last: ColumnElement[Any] = sa.literal_column(f"'{_NO_TIME}'")
    return sa.type_coerce(sa.case((raw.between(first, last), raw), (raw.is_not(None), last)), NullType())


def _add(findings: Findings, breach: Breach) -> None:
    findings.count += 1
    if len(findings.breaches) < SHOWN:
        findings.breaches.append(breach)


def _hash(content: Any) -> bytes:
    return hash_rows([content])[0]


def _tracked_hash(state: Any) -> bytes | None:
    """What `row_hash` should be; None where `extra` is none of ours."""
    try:
        return _hash(_tracker(tuple(filter(None, state.ignored.split(","))))(Row._make(state[_CONTENT])))
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def _implausible(row: Any) -> bool:
    """Whether fields say by another form what their hash does not tell apart, or the GPUs are not those of the type."""
    content = row[1 : 1 + len(PAYLOAD)]
    if "" in content or "\0" in " ".join(filter(None, content)):
        return True
    return (row.gpu_count, row.gpu_model) != _gpus(row.instance_type)


def _text(time: Any) -> str:
    return iso(time) if isinstance(time, datetime) else str(time)
