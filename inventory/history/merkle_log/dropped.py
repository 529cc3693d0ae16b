"""Keep the hashes of the runs that `prune` drops, so that the Merkle trees over them can still be recomputed.

There are two trees. `log` is the tree over the entries of a log. `runs` is the tree over the runs from before the log,
which have no entry of their own; entry 0 holds the root of this tree. The row of such a run does not store the run's
index in the tree. That index follows from the kept hashes. The free indexes are those for which no hash is kept. The
runs that are not dropped have the free indexes, in the order of the run ids.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement

from inventory.history.merkle_log.start import run_leaf
from inventory.merkle import HASH_SIZE
from inventory.store.tables import dropped_entries, sync_runs

MOST = 1024
"""The maximum number of hashes in one row of `dropped_entries`."""


def keep_run_hashes(connection: Connection, row: Mapping[str, Any], droppable: Sequence[ColumnElement[bool]]) -> None:
    """Insert into `dropped_entries` the hash of each run that will be dropped.

    For a run with a log entry, that is the hash of the entry. For a run from before the log, it is the leaf hash in the
    tree `runs`. `row` is the account's row. `droppable` are the conditions on `sync_runs` that select the runs.
    """
    run, log_id = sync_runs.c, row["log_id"]
    logged = connection.execute(
        sa.select(run.log_index, run.entry_hash).where(*droppable, run.log_index.is_not(None)).order_by(run.run_id)
    )
    _keep_hashes(connection, log_id, "log", ((index, hash_) for index, hash_ in logged))
    dropped = connection.execute(sa.select(sync_runs).where(*droppable, run.log_index.is_(None))).mappings()
    leaves = {each["run_id"]: run_leaf({**each}) for each in dropped}
    if not leaves:
        return
    earlier = connection.scalars(
        sa.select(run.run_id).where(run.account == row["account"], run.log_index.is_(None)).order_by(run.run_id)
    ).all()
    places = free_places([index for index, _ in read_hashes(connection, log_id, "runs")])
    _keep_hashes(
        connection,
        log_id,
        "runs",
        [(place, leaves[run_id]) for run_id, place in zip(earlier, places, strict=False) if run_id in leaves],
    )


def _keep_hashes(connection: Connection, log_id: str, tree: str, entries: Iterable[tuple[int, bytes]]) -> None:
    """Insert hashes into `dropped_entries`. Each row holds hashes of consecutive indexes; MOST limits their number.

    `entries` are pairs (index in the tree, hash), in the order of the indexes.
    """
    rows: list[dict[str, Any]] = []
    first, hashes = 0, b""
    for index, hash_ in chain(entries, [(-1, b"")]):
        if hashes and (index != first + len(hashes) // HASH_SIZE or len(hashes) == MOST * HASH_SIZE):
            rows.append({"log_id": log_id, "tree": tree, "first_index": first, "hashes": hashes})
            hashes = b""
        first = first if hashes else index
        hashes += hash_
    if rows:
        connection.execute(sa.insert(dropped_entries), rows)


def read_hashes(connection: Connection, log_id: str, tree: str) -> Iterator[tuple[int, bytes]]:
    """Yield (index, hash) of each dropped leaf of the tree `log` or `runs`, in the order of the indexes.

    SQLite stores any value in any column. A value of a wrong type is replaced, so that `verify` can report a breach: a
    first index that is not an integer becomes -1; hashes that are not bytes become the bytes of the value's `repr`.
    """
    stored = dropped_entries.c
    rows = connection.execute(
        sa.select(stored.first_index, stored.hashes)
        .where(stored.log_id == log_id, stored.tree == tree)
        .order_by(stored.first_index)
    ).all()
    for index, value in rows:
        first = index if isinstance(index, int) else -1
        hashes = value if isinstance(value, bytes) else repr(value).encode()
        for number, start in enumerate(range(0, len(hashes), HASH_SIZE)):
            yield first + number, hashes[start : start + HASH_SIZE]


def free_places(dropped: Iterable[int]) -> Iterator[int]:
    """Yield the indexes from 0 on that are not in `dropped`, without an end. `dropped` is in ascending order."""
    place = 0
    for taken in dropped:
        yield from range(place, taken)
        place = taken + 1
    while True:
        yield place
        place += 1
