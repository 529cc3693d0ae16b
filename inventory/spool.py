"""What a run has seen, in a private temporary SQLite file: ordered, without duplicates, hashed, and compared with what
the database knows. Memory stays flat, it is the same for both backends, and the database sees only the difference.

`pages` holds pages as they came, unread, for as long as the list may be that of the last complete run to the letter:
then nobody needs to read them. Else `seen` holds what came from the API, `known` what the database held before the run,
`newcomers` what is in the first and not in the second.
"""

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from types import TracebackType
from typing import NamedTuple, Self

from inventory.record import FIELDS, Record, gpus, hash_records, tracker
from inventory.scratch import no_room, scratch_folder

BY_ID = 0
"""The "walk" of a row that no list brought, only the question by id."""

_COLUMNS = ("id", *FIELDS, "extra", "hash")

NEWCOMERS = (*_COLUMNS, "gpu_count", "gpu_model")
"""The columns of `newcomers`."""

_SCHEMA = f"""
PRAGMA page_size = 16384;  -- a tenth quicker than 4096 here
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA temp_store = FILE;
PRAGMA cache_size = -8192;
CREATE TABLE bodies (number INTEGER PRIMARY KEY, body);
CREATE TABLE seen (id TEXT PRIMARY KEY, {", ".join(_COLUMNS[1:])}, walk) WITHOUT ROWID;
CREATE TABLE known (
    id TEXT PRIMARY KEY, row_hash, version_hash, ignored, presence, held, unlisted
) WITHOUT ROWID;
CREATE TABLE final (id TEXT PRIMARY KEY, version_hash) WITHOUT ROWID;
CREATE TABLE gone (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE types (instance_type TEXT PRIMARY KEY, gpu_count, gpu_model) WITHOUT ROWID;
CREATE VIEW newcomers AS
    SELECT {", ".join(f"seen.{name}" for name in _COLUMNS)}, gpu_count, gpu_model
    FROM seen LEFT JOIN known ON known.id = seen.id LEFT JOIN types ON types.instance_type = seen.instance_type
    WHERE known.id IS NULL ORDER BY seen.id;
"""

_ROWS = 500
"""Rows a statement: SQLite takes half the time of one statement a row, and lets other threads run meanwhile."""

_ABSENT = "FROM known LEFT JOIN seen ON seen.id = known.id WHERE seen.id IS NULL AND NOT known.held"


class Known(NamedTuple):
    """What the database holds of a live or missing instance, as far as the comparison needs it."""

    instance_id: str
    row_hash: bytes
    version_hash: bytes
    ignored: str
    presence: str
    held: bool
    unlisted_runs: int


class Spool:
    """A context manager; the file is gone with it. A full disk is a DatabaseError."""

    def __init__(self, ignored: tuple[str, ...] = ()) -> None:
        """Make the file, in the system's temporary folder (TMPDIR); raises DatabaseError where there is no room."""
        self.ignored = ",".join(ignored)
        self.brought: Counter[int] = Counter()
        """How many instances each walk brought, whether another had brought them before or not."""
        self._tracked = tracker(ignored) if ignored else None
        self._pages_digest = hashlib.sha256()
        with ExitStack() as opening:
            self.file = opening.enter_context(scratch_folder()) / "spool"
            try:
                self._db = sqlite3.connect(self.file, isolation_level=None, check_same_thread=False)
                opening.callback(self._db.close)
                self._db.executescript(_SCHEMA)
            except sqlite3.Error as error:
                raise no_room(error) from error
            self._open = opening.pop_all()

    def __enter__(self) -> Self:
        """The spool itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Remove the file; what SQLite says of it becomes a DatabaseError."""
        self._open.close()
        if isinstance(error, sqlite3.Error):
            raise no_room(error) from error

    # -- what the API says

    def add_fingerprint(self, fingerprint: bytes) -> None:
        """Add the fingerprint of the next page to `pages_digest`."""
        self._pages_digest.update(fingerprint)

    def pages_digest(self) -> str:
        """Return the SHA-256 in hex over the fingerprints of all pages, in the order in which they were added."""
        return self._pages_digest.hexdigest()

    def keep_body(self, body: bytes) -> None:
        """Keep the body of a page unparsed."""
        self._db.execute("INSERT INTO bodies (body) VALUES (?)", (body,))

    def take_bodies(self) -> Iterator[bytes]:
        """Yield the bodies that were kept, in order, and delete each."""
        for (number,) in self._db.execute("SELECT number FROM bodies ORDER BY number").fetchall():
            sql = "DELETE FROM bodies WHERE number = ? RETURNING body"
            yield self._db.execute(sql, (number,)).fetchone()[0]

    def add(self, walk: int, rows: list[Record]) -> int:
        """Keep rows, the later of two of one id winning; returns how many ids were new to this walk."""
        hashes = hash_records([self._tracked(row) for row in rows] if self._tracked else rows)
        types = [(name, *gpus(name)) for name in {row.instance_type for row in rows} if name is not None]
        with self._writing():
            self._db.executemany("INSERT OR IGNORE INTO types VALUES (?, ?, ?)", types)
            new = self._put("IGNORE", walk, rows, hashes)
            if new < len(rows):
                ids = {row.instance_id for row in rows}
                sql = "SELECT count(*) FROM seen WHERE walk = ? AND id IN (SELECT value FROM json_each(?))"
                again = self._one(sql, walk, json.dumps(sorted(ids)))
                # of this walk before this page: those counted now, less those that the first statement has just put in
                new = len(ids) - (again - new)
                self._put("REPLACE", walk, rows, hashes)
        self.brought[walk] += new
        return new

    def _put(self, rule: str, walk: int, rows: list[Record], hashes: list[bytes]) -> int:
        put = 0
        for start in range(0, len(rows), _ROWS):
            part = slice(start, start + _ROWS)
            values: list[object] = [walk]
            for row, hash_ in zip(rows[part], hashes[part], strict=True):
                values += row
                values.append(hash_)
            put += self._db.execute(_insert(rule, len(rows[part])), values).rowcount
        return put

    def count(self) -> int:
        """How many instances were seen at all."""
        return self._one("SELECT count(*) FROM seen")

    # -- what the database knows

    def learn(self, known: Iterable[Known]) -> None:
        """Keep what the database holds of live and missing instances."""
        with self._writing():
            self._db.executemany("INSERT INTO known VALUES (?, ?, ?, ?, ?, ?, ?)", known)

    def live_before(self) -> int:
        """How many instances were live before this run."""
        return self._one("SELECT count(*) FROM known WHERE presence = 'live'")

    def absent(self, limit: int = -1) -> list[str]:
        """Ids of live and missing instances that were not seen and are not held, in order."""
        sql = f"SELECT known.id {_ABSENT} ORDER BY known.id LIMIT ?"
        return [id_ for (id_,) in self._db.execute(sql, (limit,))]

    def count_absent(self) -> int:
        """Return how many `absent` names without a limit."""
        return self._one(f"SELECT count(*) {_ABSENT}")

    def settle(self, instance_id: str) -> None:
        """The absent instance is proven gone."""
        self._db.execute("INSERT OR IGNORE INTO gone VALUES (?)", (instance_id,))

    def settle_absent(self) -> None:
        """All that are absent are proven gone."""
        self._db.execute(f"INSERT OR IGNORE INTO gone SELECT known.id {_ABSENT}")

    def expire_unlisted(self, runs: int) -> None:
        """Those that answer by id, but are on no list for the `runs`-th complete run in a row, are gone."""
        sql = "SELECT id FROM seen JOIN known USING (id) WHERE walk = ? AND unlisted >= ?"
        for (id_,) in self._db.execute(sql, (BY_ID, runs - 1)).fetchall():
            self._db.execute("DELETE FROM seen WHERE id = ?", (id_,))
            self.settle(id_)

    def vanishing(self) -> int:
        """How many would vanish."""
        return self._one(f"SELECT count(*) {_ABSENT} AND known.id IN (SELECT id FROM gone)")

    # -- the difference

    def differing(self, *, newcomers: bool) -> Iterator[tuple[Record, bytes, bool]]:
        """What must be written of what was seen: row, hash of its tracked fields, whether a list brought it."""
        # without newcomers the known ones lead: on a first run there are none
        both = "seen LEFT JOIN known" if newcomers else "known CROSS JOIN seen"
        sql = f"""
            SELECT seen.* FROM {both} ON known.id = seen.id
            WHERE known.id IS NULL OR known.row_hash <> seen.hash OR known.ignored <> ?
                OR known.presence <> 'live' OR known.unlisted > 0 OR seen.walk = ?
            ORDER BY seen.id
        """
        for *fields, hash_, walk in self._db.execute(sql, (self.ignored, BY_ID)):
            yield Record._make(fields), hash_, walk != BY_ID

    def newcomer_ids(self) -> Iterator[str]:
        """Ids of what was seen and is not known, in order."""
        for (id_,) in self._db.execute("SELECT id FROM newcomers"):
            yield id_

    def newcomers(self, size: int) -> Iterator[list[str]]:
        """The rows of `newcomers` in order, up to `size` at a time, each column as a JSON array, the hash in hex.

        SQLite writes the arrays itself, and lets other threads run meanwhile.
        """
        columns = ", ".join(f"json_group_array({'hex(hash)' if name == 'hash' else name})" for name in NEWCOMERS)
        sql = f"SELECT max(id), {columns} FROM (SELECT * FROM newcomers WHERE id > ? ORDER BY id LIMIT ?)"
        last = ""
        while last is not None:
            last, *arrays = self._db.execute(sql, (last, size)).fetchone()
            if last is not None:
                yield arrays

    def gone(self) -> Iterator[str]:
        """Ids of absent instances that are proven gone, in order."""
        for (id_,) in self._db.execute(f"SELECT known.id {_ABSENT} AND known.id IN (SELECT id FROM gone) ORDER BY 1"):
            yield id_

    def unsettled(self) -> Iterator[str]:
        """Ids of absent instances that are not proven gone, in order."""
        sql = f"SELECT known.id {_ABSENT} AND known.id NOT IN (SELECT id FROM gone) ORDER BY 1"
        for (id_,) in self._db.execute(sql):
            yield id_

    def keep_versions(self, hashes: Iterable[tuple[str, bytes]]) -> None:
        """By id: the open version of that hash stays although the row differs (ignore_changes has changed)."""
        with self._writing():
            self._db.executemany("INSERT OR REPLACE INTO final VALUES (?, ?)", hashes)

    def fleet_digest(self) -> str:
        """SHA-256 in hex over what the open versions hold after this run, if it leaves nothing missing."""
        return self._hash(
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

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction for many rows: one for each row takes six to ten times as long."""
        self._db.execute("BEGIN")
        yield
        self._db.execute("COMMIT")  # after a failure nobody reads the file any more

    def _one(self, sql: str, *parameters: object) -> int:
        return int(self._db.execute(sql, parameters).fetchone()[0])

    def _hash(self, sql: str) -> str:
        digest = hashlib.sha256()
        cursor = self._db.execute(sql)
        while rows := cursor.fetchmany(1000):
            digest.update(b"".join([id_.encode() + b"\0" + hash_ for id_, hash_ in rows]))
        return digest.hexdigest()


@cache
def _insert(rule: str, rows: int) -> str:
    row = f"(?1{', ?' * len(_COLUMNS)})"  # ?1 is the walk's number
    return f"INSERT OR {rule} INTO seen (walk, {', '.join(_COLUMNS)}) VALUES {', '.join([row] * rows)}"
