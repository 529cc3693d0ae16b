"""Check the fleet digests of an account's runs: rebuild the fleet of each run from the versions alone."""

import hashlib
import heapq
import sqlite3
from collections.abc import Iterator
from operator import itemgetter
from typing import Any, NamedTuple, Self

from inventory.errors import DatabaseError
from inventory.history.account_check import AccountCheck
from inventory.history.stored_values import raw_value
from inventory.history.verify_instances import hash_record
from inventory.record import PAYLOAD
from inventory.store import database
from inventory.store.tables import instance_versions, sync_runs


class _Mismatch(NamedTuple):
    """One or more successive runs whose fleet digests do not match the versions. Runs without a digest are skipped."""

    first_run_id: Any
    last_at: Any
    """The start of the last of these runs."""
    runs: int
    """The number of these runs."""
    matched_at: Any
    """The start of the last run with a matching digest before these runs; None if there is none."""


def check_digests(check: AccountCheck, *, sound: bool) -> None:
    """Compare each run's fleet digest, if it has one, with the fleet that the versions give for the time of the run.

    The fleet is rebuilt in order of time. An instance is in the fleet from the start of each of its versions until just
    before the end of that version.

    `sound` is true if the checks of the account's runs, instances and counts found no breach.
    """
    changes = heapq.merge(_closings(check), _openings(check), key=itemgetter(0, 1))
    change = next(changes, None)
    digest, matched_at, mismatch = None, None, None
    with Fleet() as fleet:
        for number, (run_id, at, expected) in enumerate(
            check.rows(sync_runs, ("run_id", "started_at", "fleet_digest"), sync_runs.c.started_at)
        ):
            while change is not None and change[0] <= at:
                fleet.put(*change[2:])
                digest = None
                change = next(changes, None)
            if number % 10 == 0:
                check.progress(f"{check.account}: digest {number + 1:,} of {len(check.runs):,}")
            if expected is None:
                continue
            digest = digest or fleet.digest()
            if digest != expected:
                mismatch = (
                    _Mismatch(run_id, at, 1, matched_at)
                    if mismatch is None
                    else mismatch._replace(last_at=at, runs=mismatch.runs + 1)
                )
                continue
            if mismatch is not None:
                _report(check, mismatch, at, sound=sound)
            matched_at, mismatch = at, None
    if mismatch is not None:
        _report(check, mismatch, None, sound=sound)
    for _ in changes:  # streams must be read to their ends; changes after the last run were reported by other checks
        pass


def _closings(check: AccountCheck) -> Iterator[tuple[Any, int, str, None]]:
    column = instance_versions.c.valid_to
    for at, id_ in check.rows(instance_versions, ("valid_to", "instance_id"), column, where=column.is_not(None)):
        yield at, 0, id_, None  # 0: sorts before the versions that open at the same time


def _openings(check: AccountCheck) -> Iterator[tuple[Any, int, str, bytes]]:
    names = ("valid_from", "instance_id", *PAYLOAD)
    for at, *content in check.rows(instance_versions, names, instance_versions.c.valid_from):
        yield at, 1, content[0], hash_record(content)


def _report(check: AccountCheck, mismatch: _Mismatch, until: Any, *, sound: bool) -> None:
    """Report the runs of a mismatch as one breach, and name the instances that may explain it.

    An instance may explain it if one of its versions is part of the fleet at all of these runs, but at no other run
    that has a digest. `until` is the start of the next run whose digest matches; None if there is none. If not `sound`,
    no instance is named, because other breaches may explain the mismatch.
    """
    version = instance_versions.c
    ends_after = raw_value(version.valid_to) > mismatch.last_at
    only, names = check.find_suspects(
        raw_value(version.valid_from) <= check.runs[mismatch.first_run_id].started_at,
        *([] if mismatch.matched_at is None else [raw_value(version.valid_from) > mismatch.matched_at]),
        version.valid_to.is_(None) | ends_after
        if until is None
        else ends_after & (raw_value(version.valid_to) <= until),
    )
    what = "its digest does not match the versions"
    if mismatch.runs > 1:
        what += f", and neither do those of the next {mismatch.runs - 1} runs with a digest"
    if not sound:
        only = None
        what += "; other breaches of this account may explain it"
    elif names:
        what += f"; one changed version of {names} would explain it"
    check.report("digest", mismatch.first_run_id, only, what)


class Fleet:
    """A fleet: the hash of each instance by id. It is in a private temporary SQLite file, so that memory stays flat.

    `put` and `digest` raise DatabaseError if the file cannot be written.
    """

    def __enter__(self) -> Self:
        self._db = sqlite3.connect("", isolation_level=None)  # SQLite deletes the file with the connection
        self._db.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA temp_store = FILE; PRAGMA cache_size = -32768;"
            "CREATE TABLE fleet (id BLOB PRIMARY KEY, part BLOB) WITHOUT ROWID; BEGIN"
        )
        self._latest: dict[bytes, bytes | None] = {}
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def put(self, instance_id: str, hash_: bytes | None) -> None:
        """Set the hash of an instance; None removes the instance."""
        id_ = instance_id.encode()
        self._latest[id_] = None if hash_ is None else id_ + b"\0" + hash_
        if len(self._latest) >= database.BATCH:
            self._write()

    def digest(self) -> str:
        """Return the fleet digest in hex, as a run records it (`digest-of-the-fleet`)."""
        self._write()
        digest = hashlib.sha256()
        found = self._db.execute("SELECT part FROM fleet ORDER BY id")
        while rows := found.fetchmany(database.BATCH):
            digest.update(b"".join([part for (part,) in rows]))
        return digest.hexdigest()

    def _write(self) -> None:
        latest = sorted(self._latest.items())  # sorted: neighbours are in the same page of the file
        try:
            self._db.executemany("DELETE FROM fleet WHERE id = ?", [(id_,) for id_, part in latest if part is None])
            self._db.executemany("REPLACE INTO fleet VALUES (?, ?)", [row for row in latest if row[1] is not None])
        except sqlite3.Error as error:
            raise DatabaseError(
                f"The temporary file of this check failed: {error}; the database was only read. "
                "Give TMPDIR a folder with more room, then run again."
            ) from error
        self._latest.clear()
