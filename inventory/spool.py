"""The spool: a private temporary SQLite file that holds the records of one run and compares them with the database.

It orders, de-duplicates and hashes the records. The memory that it takes does not grow with the fleet, and the code is
the same for both backends. Only the difference is written to the database. The spool takes bytes and records, and knows
nothing of HTTP.

The tables and the view of the file:

- `bodies`: unparsed pages, kept while the list may be the same as in an earlier walk.
- `seen`: the records from the API.
- `known`: the instances of the database that are absent or may have to be written.
- `new`: the listed ids for which the database has no live or missing instance. If the database has no such instance at
  all, the table is empty.
- `final`: the hashes of open versions that stay open although the instance's row in `instance_state` is written.
- `gone`: the ids that were marked as proven gone; only those still absent count.
- `changes`: the Merkle leaves of the versions that the run opens and closes, for its log entry.
- `types`: the number and model of GPUs of each instance type.
- `newcomers` (view): the records of instances that were never seen before.
"""

import hashlib
import json
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from types import TracebackType
from typing import Any, NamedTuple, Self

from inventory.record import FIELDS, LONGEST_ID, Record, gpus, hash_records, tracker
from inventory.scratch import scratch_folder, temporary_file_failed

BY_ID = 0
"""The walk number of records that were fetched by their id."""

_COLUMNS = ("id", *FIELDS, "extra", "hash")

NEWCOMERS = (*_COLUMNS, "gpu_count", "gpu_model")
"""The columns of the view `newcomers`, in order."""

_SCHEMA = f"""
PRAGMA page_size = 16384;  -- a tenth quicker than 4096
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA temp_store = FILE;
PRAGMA cache_size = -2048;
CREATE TABLE bodies (number INTEGER PRIMARY KEY, body);
CREATE TABLE seen (id TEXT PRIMARY KEY, {", ".join(_COLUMNS[1:])}, walk) WITHOUT ROWID;
CREATE TABLE known (
    id TEXT PRIMARY KEY, row_hash, version_hash, ignored, presence, held, unlisted
) WITHOUT ROWID;
CREATE TABLE new (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE final (id TEXT PRIMARY KEY, version_hash) WITHOUT ROWID;
CREATE TABLE gone (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE changes (id TEXT, part, leaf, PRIMARY KEY (id, part)) WITHOUT ROWID;
CREATE TABLE types (instance_type TEXT PRIMARY KEY, gpu_count, gpu_model) WITHOUT ROWID;
"""

_NEWCOMERS = f"""
DROP VIEW IF EXISTS newcomers;
CREATE VIEW newcomers AS
    SELECT {", ".join(f"seen.{name}" for name in _COLUMNS)}, gpu_count, gpu_model
    FROM %s LEFT JOIN known ON known.id = seen.id LEFT JOIN types ON types.instance_type = seen.instance_type
    WHERE known.id IS NULL ORDER BY seen.id;
"""
_AMONG_ALL = "seen"
_AMONG_NEW = "new CROSS JOIN seen ON seen.id = new.id"
"""The source of the view `newcomers`: the records whose ids are in `new`.

If the database has no live or missing instance, `new` is empty, and the source is _AMONG_ALL: all records.
"""

_AFTER_ALL_IDS = chr(sys.maxunicode) * (LONGEST_ID + 1)

_ROWS = 500
"""Rows per INSERT. This takes half the time of one INSERT per row, and other threads can run during an INSERT."""

_NOT_SEEN = "FROM known LEFT JOIN seen ON seen.id = known.id WHERE seen.id IS NULL"
_ABSENT = f"{_NOT_SEEN} AND NOT known.held"


class Known(NamedTuple):
    """The columns of `instance_state` that the comparison needs, for one live or missing instance."""

    instance_id: str
    row_hash: bytes
    version_hash: bytes
    ignored: str
    presence: str
    held: bool
    unlisted_runs: int


class Spool:
    """The spool of one run. It makes a file under TMPDIR, and removes the file at the end of the `with` block.

    `ignored` is the setting `ignore_changes`. Raise DatabaseError if the file cannot be written.
    """

    def __init__(self, ignored: tuple[str, ...] = ()) -> None:
        self.ignored = ",".join(ignored)
        self.ids_by_walk: Counter[int] = Counter()
        """The number of different ids that each walk brought, by walk number.

        For BY_ID, without those that `expire_unlisted` removed.
        """
        self._live_before = 0
        self._tracked = tracker(ignored) if ignored else None
        with ExitStack() as opening:
            self.file = opening.enter_context(scratch_folder()) / "spool"
            try:
                self._db = sqlite3.connect(self.file, isolation_level=None, check_same_thread=False)
                opening.callback(self._db.close)
                self._db.executescript(_SCHEMA + _NEWCOMERS % _AMONG_ALL)
            except sqlite3.Error as error:
                raise temporary_file_failed(error) from error
            self._open = opening.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._open.close()
        if isinstance(error, sqlite3.Error):
            raise temporary_file_failed(error) from error

    # The records from the API

    def keep_body(self, number: int, body: bytes) -> None:
        """Keep the body of page `number`, unparsed."""
        self._db.execute("INSERT OR REPLACE INTO bodies VALUES (?, ?)", (number, body))

    def bodies(self, first: int) -> Iterator[tuple[int, bytes]]:
        """Yield (page number, body) of each kept page from page `first` on, in the order of the page numbers."""
        sql = "SELECT number FROM bodies WHERE number >= ? ORDER BY number"
        for (number,) in self._db.execute(sql, (first,)).fetchall():
            yield number, self._db.execute("SELECT body FROM bodies WHERE number = ?", (number,)).fetchone()[0]

    def drop_body(self, number: int) -> None:
        """Delete the body of page `number`."""
        self._db.execute("DELETE FROM bodies WHERE number = ?", (number,))

    def add(self, walk: int, records: list[Record]) -> int:
        """Add records of the walk with number `walk`; return how many of their ids are new to that walk.

        A record replaces an earlier record with the same id, also if another walk added the earlier record.
        """
        hashes = hash_records([self._tracked(record) for record in records] if self._tracked else records)
        types = [(name, *gpus(name)) for name in {record.instance_type for record in records} if name is not None]
        with self._transaction():
            self._db.executemany("INSERT OR IGNORE INTO types VALUES (?, ?, ?)", types)
            new = self._insert("IGNORE", walk, records, hashes)
            if new < len(records):
                ids = {record.instance_id for record in records}
                sql = "SELECT count(*) FROM seen WHERE walk = ? AND id IN (SELECT value FROM json_each(?))"
                again = self._number(sql, walk, json.dumps(sorted(ids)))
                # `again` counts the ids inserted just now and the ids that this walk had before
                new = len(ids) - (again - new)
                self._insert("REPLACE", walk, records, hashes)
        self.ids_by_walk[walk] += new
        return new

    def _insert(self, rule: str, walk: int, records: list[Record], hashes: list[bytes]) -> int:
        """Insert records into `seen`; return the number of rows written.

        `rule` says what happens to a record whose id is in `seen` already: IGNORE or REPLACE.
        """
        written = 0
        for start in range(0, len(records), _ROWS):
            part = slice(start, start + _ROWS)
            values: list[object] = [walk]
            for record, hash_ in zip(records[part], hashes[part], strict=True):
                values += record
                values.append(hash_)
            written += self._db.execute(_insert_statement(rule, len(records[part])), values).rowcount
        return written

    def count(self) -> int:
        """Return the number of instances in `seen`."""
        return self._number("SELECT count(*) FROM seen")

    # The instances in the database

    def learn(self, known: Iterable[Known]) -> None:
        """Compare the table `seen` with the live and missing instances of the database.

        The parameter `known` has these instances, in the order of their ids.

        After the call, the table `known` holds only those that are absent or may have to be written, usually few. The
        table `new` holds the listed ids that the parameter does not have. If the parameter is empty, so is the table
        `new`. Rows of an earlier call are deleted.
        """
        usual = (self.ignored, "live", False, 0)
        last, live = "", 0
        different: list[Known] = []
        new: list[tuple[str]] = []
        none_left = (_AFTER_ALL_IDS, b"")
        with self._transaction():
            self._db.execute("DELETE FROM known")
            self._db.execute("DELETE FROM new")
            listed = self._db.execute("SELECT id, hash FROM seen WHERE walk <> ? ORDER BY id", (BY_ID,))
            id_, hash_ = next(listed, none_left)
            for row in known:
                last = row[0]
                while id_ < last:
                    new.append((id_,))
                    id_, hash_ = next(listed, none_left)
                if id_ == last:
                    if not (row[1] == row[2] == hash_ and row[3:] == usual):
                        different.append(row)
                    id_, hash_ = next(listed, none_left)
                else:
                    different.append(row)
                live += row[4] == "live"
                if len(different) + len(new) >= _ROWS:
                    self._keep(different, new)
            self._keep(different, new)
            if last:
                self._db.execute("INSERT INTO new SELECT id FROM seen WHERE id > ? AND walk <> ?", (last, BY_ID))
        self._live_before = live
        self._db.executescript(_NEWCOMERS % (_AMONG_NEW if last else _AMONG_ALL))

    def know_vanished(self, ids: Iterable[str]) -> None:
        """Add `ids` to the table `known`. They must be ids of vanished instances that this run has seen again.

        After this, such an instance is not a newcomer, and `differing` yields its record.
        """
        rows = ((id_, b"", b"", "", "vanished", False, 0) for id_ in ids)  # no record has an empty hash: each differs
        with self._transaction():
            self._db.executemany("INSERT INTO known VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def _keep(self, different: list[Known], new: list[tuple[str]]) -> None:
        self._db.executemany("INSERT INTO known VALUES (?, ?, ?, ?, ?, ?, ?)", different)
        self._db.executemany("INSERT INTO new VALUES (?)", new)
        different.clear()
        new.clear()

    def count_live_before(self) -> int:
        """Return how many of the instances that `learn` got were live before this run."""
        return self._live_before

    def absent(self, limit: int = -1) -> list[str]:
        """Return the ids, in order, of absent instances: live or missing, not held, and not in `seen`.

        At most `limit` ids are returned; -1 means no limit.
        """
        sql = f"SELECT known.id {_ABSENT} ORDER BY known.id LIMIT ?"
        return [id_ for (id_,) in self._db.execute(sql, (limit,))]

    def count_absent(self) -> int:
        """Return the number of ids that `absent` returns without a limit."""
        return self._number(f"SELECT count(*) {_ABSENT}")

    def mark_gone(self, instance_id: str) -> None:
        """Mark an absent instance as proven gone."""
        self._db.execute("INSERT OR IGNORE INTO gone VALUES (?)", (instance_id,))

    def mark_absent_gone(self) -> None:
        """Mark every instance that `absent` returns without a limit as proven gone."""
        self._db.execute(f"INSERT OR IGNORE INTO gone SELECT known.id {_ABSENT}")

    def expire_unlisted(self, runs: int) -> None:
        """Mark as gone each instance that `runs` complete runs in a row have found by id but on no list.

        The present run counts as the last of them. Delete the record of each such instance from `seen`.
        """
        sql = "SELECT id FROM seen JOIN known USING (id) WHERE walk = ? AND unlisted >= ?"
        for (id_,) in self._db.execute(sql, (BY_ID, runs - 1)).fetchall():
            self._db.execute("DELETE FROM seen WHERE id = ?", (id_,))
            self.ids_by_walk[BY_ID] -= 1
            self.mark_gone(id_)

    def count_vanishing(self) -> int:
        """Return the number of absent instances that are proven gone."""
        return self._number(f"SELECT count(*) {_ABSENT} AND known.id IN (SELECT id FROM gone)")

    def count_lost(self) -> int:
        """Return the number of absent instances that count as lost.

        An absent instance counts if it was live before this run, if it is proven gone, or both.
        """
        return self._number(
            f"SELECT count(*) {_ABSENT} AND (known.presence = 'live' OR known.id IN (SELECT id FROM gone))"
        )

    def still_missing(self) -> Iterator[tuple[str, bool]]:
        """Yield (id, would_vanish) of each instance that was missing before this run and is not in `seen`.

        `would_vanish` is true if the instance is proven gone and is not held.
        """
        vanishes = "NOT known.held AND known.id IN (SELECT id FROM gone)"
        for id_, would_vanish in self._db.execute(f"SELECT known.id, {vanishes} {_NOT_SEEN} AND presence = 'missing'"):
            yield id_, bool(would_vanish)

    # The difference

    def differing(self, *, newcomers: bool) -> Iterator[tuple[Record, bytes, bool]]:
        """Yield (record, hash, listed) for each record that must be written, in the order of the ids.

        The hash is that of the record's tracked fields. `listed` is False if the instance was found by its id. Without
        `newcomers`, instances that were never seen before are left out.
        """
        some = "SELECT id FROM known"
        if newcomers:
            some += " UNION ALL SELECT id FROM newcomers"
        sql = f"""
            SELECT seen.* FROM ({some}) AS some CROSS JOIN seen USING (id) LEFT JOIN known USING (id)
            WHERE known.id IS NULL OR known.row_hash <> seen.hash OR known.ignored <> ?
                OR known.presence <> 'live' OR known.unlisted > 0 OR seen.walk = ?
            ORDER BY seen.id
        """
        for *fields, hash_, walk in self._db.execute(sql, (self.ignored, BY_ID)):
            yield Record._make(fields), hash_, walk != BY_ID

    def seen_ids(self) -> Iterator[str]:
        """Yield the ids of all instances in `seen`, in order."""
        for (id_,) in self._db.execute("SELECT id FROM seen ORDER BY id"):
            yield id_

    def newcomer_ids(self) -> Iterator[str]:
        """Yield the ids of the view `newcomers`, in order."""
        for (id_,) in self._db.execute("SELECT id FROM newcomers"):
            yield id_

    def newcomers(self, size: int) -> Iterator[list[str]]:
        """Yield the rows of the view `newcomers` in the order of the ids, in groups of at most `size` rows.

        A group is a list of JSON arrays, one for each column of NEWCOMERS; hashes are in hex. SQLite builds the arrays,
        so other threads can run meanwhile.
        """
        columns = ", ".join(f"json_group_array({'hex(hash)' if name == 'hash' else name})" for name in NEWCOMERS)
        sql = f"SELECT max(id), {columns} FROM (SELECT * FROM newcomers WHERE id > ? ORDER BY id LIMIT ?)"
        last = ""
        while last is not None:
            last, *arrays = self._db.execute(sql, (last, size)).fetchone()
            if last is not None:
                yield arrays

    def gone(self) -> Iterator[str]:
        """Yield the ids, in order, of absent instances that are proven gone."""
        for (id_,) in self._db.execute(f"SELECT known.id {_ABSENT} AND known.id IN (SELECT id FROM gone) ORDER BY 1"):
            yield id_

    def unsettled(self) -> Iterator[str]:
        """Yield the ids, in order, of absent instances that are not proven gone."""
        sql = f"SELECT known.id {_ABSENT} AND known.id NOT IN (SELECT id FROM gone) ORDER BY 1"
        for (id_,) in self._db.execute(sql):
            yield id_

    def keep_versions(self, hashes: Iterable[tuple[str, bytes]]) -> None:
        """Add rows to the table `final`, as (instance id, hash of the open version).

        Pass each instance whose row in `instance_state` is written, but whose open version stays open. For example, it
        was missing and is seen again without a change, or the setting `ignore_changes` was changed.
        """
        with self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO final VALUES (?, ?)", hashes)

    def keep_changes(self, changes: Iterable[tuple[str, int, bytes]]) -> None:
        """Add Merkle leaves for the run's log entry, as (instance id, part, leaf).

        `part` is the place of a leaf among the leaves of the same instance.
        """
        with self._transaction():
            self._db.executemany("INSERT INTO changes VALUES (?, ?, ?)", changes)

    def forget_changes(self) -> None:
        """Delete what `keep_changes` added. Call it when the transaction of the run was rolled back."""
        self._db.execute("DELETE FROM changes")

    def changes(self) -> Iterator[tuple[str, int, bytes]]:
        """Yield what `keep_changes` added, in the order of instance id and part."""
        yield from self._db.execute("SELECT id, part, leaf FROM changes ORDER BY id, part")

    def newcomer_versions(self) -> Iterator[tuple[str, str | None, bytes]]:
        """Yield (id, creator, hash) of each row of the view `newcomers`, in the order of the ids."""
        yield from self._db.execute("SELECT id, creator_user_nickname, hash FROM newcomers ORDER BY id")

    def fleet_digest(self) -> str:
        """Return the fleet digest after this run: the SHA-256, in hex, over all open versions.

        It is right only if `seen` holds the whole fleet, and no instance is missing.
        """
        found = self._db.execute(
            """
            SELECT seen.id, coalesce(
                final.version_hash,
                CASE WHEN known.row_hash = seen.hash THEN known.version_hash END,
                seen.hash
            )
            FROM seen LEFT JOIN known ON known.id = seen.id LEFT JOIN final ON final.id = seen.id
            ORDER BY seen.id
            """
        )
        return digest_fleet(iter(lambda: found.fetchmany(1000), []))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Run the block in one transaction. One transaction per row would take six to ten times as long."""
        self._db.execute("BEGIN")
        yield
        self._db.execute("COMMIT")  # no ROLLBACK after a failure: nobody reads the file then

    def _number(self, sql: str, *parameters: object) -> int:
        return int(self._db.execute(sql, parameters).fetchone()[0])


def digest_fleet(rows: Iterable[Iterable[Any]]) -> str:
    """Return the fleet digest in hex.

    `rows` yields lists of pairs (instance id, hash of the open version), in the order of the ids.
    """
    digest = hashlib.sha256()
    for some in rows:
        digest.update(b"".join([id_.encode() + b"\0" + hash_ for id_, hash_ in some]))
    return digest.hexdigest()


@cache
def _insert_statement(rule: str, rows: int) -> str:
    row = f"(?1{', ?' * len(_COLUMNS)})"  # ?1 is the number of the walk: one value for all rows
    return f"INSERT OR {rule} INTO seen (walk, {', '.join(_COLUMNS)}) VALUES {', '.join([row] * rows)}"
