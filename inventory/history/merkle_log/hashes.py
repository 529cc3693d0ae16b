"""Read the hashes of the entries of an account's log from the database."""

import heapq
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from inventory.history.merkle_log.dropped import read_hashes
from inventory.merkle import hash_leaf
from inventory.store.tables import operator_actions, sync_runs


def read_entry_hashes(
    connection: Connection, row: Mapping[str, Any], first: int, end: int
) -> Iterator[tuple[int, bytes]]:
    """Yield (index, hash) of each entry with an index from `first` (included) to `end` (excluded).

    The entries come in the order of their indexes. `row` is the account's row. The hash of entry 0 is computed. All
    other hashes are read: from the row of the run or act, or from `dropped_entries` if `prune` has dropped the run.
    """
    if first == 0 < end:
        yield 0, hash_leaf((row["log_start"] or "").encode())
    dropped = (each for each in read_hashes(connection, row["log_id"], "log") if first <= each[0] < end)
    stored = [
        map(tuple, connection.execute(
            sa.select(table.c.log_index, table.c.entry_hash)
            .where(table.c.account == row["account"], table.c.log_index >= first, table.c.log_index < end)
            .order_by(table.c.log_index)
        ))
        for table in (sync_runs, operator_actions)
    ]  # fmt: skip
    yield from heapq.merge(*stored, dropped)
