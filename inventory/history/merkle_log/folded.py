"""Compute a root over old versions of an account, after folding them in memory as `prune` folds them in the database.

A stretch is a series of consecutive versions of one episode with the same type and region. In each stretch,
`prune --before T` takes the versions that ended at T or earlier, and puts one version in their place.

The root is the same before, during and after a prune. Entry 0 of a log holds such a root over all versions from before
the log. The entry of a prune holds such a root over these versions and all versions that began before T. This root is
needed because the roots in older entries can no longer be recomputed once their versions are folded.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from inventory.history.merkle_log.entries import closing_leaf, count_leaf, opening_leaf
from inventory.merkle import root_of
from inventory.store import database, stretches
from inventory.store.tables import instance_state, instance_versions

Version = dict[str, Any]

VERSION_COLUMNS = (
    "instance_id", "episode", "valid_from", "valid_to", "opened_by_run_id", "opened_as", "closed_as", "last_seen_at",
    *stretches.SAME, "episode_creator", "content_hash", "closed_log_index",
)  # fmt: skip

_FROM_FIRST = ("episode", "valid_from", "opened_by_run_id", "opened_as")
"""The columns that a folded version takes from the first of the versions it replaces. The others are from the last."""

_PROGRESS = 100_000
"""The number of versions that are read between two calls of `progress`."""


@dataclass(frozen=True)
class HistoryScope:
    """The scope of a root: the versions of an account that the root covers, as they were at one entry of the log."""

    entry: int
    """The index of that entry. A version that a later entry closed counts as open."""
    last_run_id: int
    """The id of the last run up to that entry. A version that a later run opened is not covered."""
    earlier_run_id: int = 0
    """The id of the last run from before the log; 0 if there was none.

    All versions that this run or an earlier run opened are covered.
    """
    before: Any = None
    """All versions that began before this time are covered too. Covered versions that ended by this time are folded.

    If None, no further versions are covered, and nothing is folded. The type is that of the versions' times: datetime,
    or text as SQLite stores it.
    """


def history_root(
    versions: Iterable[Version],
    counts: Iterable[tuple[str, int]],
    scope: HistoryScope,
    folding: Callable[[int], None] = lambda _: None,
) -> bytes:
    """Return the root over the versions that `scope` covers.

    `versions` are all versions of the account, sorted by the bytes of the instance's id and then by `valid_from`.
    `counts` are pairs (instance id, number of versions that the instance has had), sorted by the bytes of the id.
    `read_history` returns both.

    `folding` is called for each instance, with the number of its versions that are folded into others in memory. The
    number is 0 if `prune` has already folded them in the database.
    """
    return root_of(_leaves(versions, counts, scope, folding))


def read_history(
    connection: Connection, account: str, progress: Callable[[int], None] = lambda _: None
) -> tuple[Iterator[Version], Iterator[tuple[str, int]]]:
    """Return the iterators `versions` and `counts` that `history_root` takes. Each reads its rows while it is iterated.

    `progress` is called about once in 100,000 versions, with the number of versions read so far.
    """
    version, state = instance_versions.c, instance_state.c
    versions = (
        sa.select(*(version[name] for name in VERSION_COLUMNS))
        .where(version.account == account)
        .order_by(database.by_bytes(connection, version.instance_id), version.valid_from)
    )
    counts = (
        sa.select(state.instance_id, state.versions)
        .where(state.account == account)
        .order_by(database.by_bytes(connection, state.instance_id))
    )

    def read() -> Iterator[Version]:
        number = 0
        for rows in database.stream(connection, versions):
            yield from (dict(row._mapping) for row in rows)  # noqa: SLF001 - SQLAlchemy's public name
            if number // _PROGRESS != (number := number + len(rows)) // _PROGRESS:
                progress(number)

    return read(), ((row.instance_id, row.versions) for rows in database.stream(connection, counts) for row in rows)


def fold(versions: Iterable[Version], before: Any) -> Iterator[Version]:
    """Yield the versions of one instance, after folding those that ended at `before` or earlier.

    `versions` come in order of time. In each stretch, the versions that ended at `before` or earlier become one
    version. This version has the columns _FROM_FIRST of the first of them, and all other columns of the last. All other
    versions are yielded unchanged. If `before` is None, nothing is folded.
    """
    folded: Version | None = None
    for version in versions:
        ended = before is not None and version["valid_to"] is not None and version["valid_to"] <= before
        if folded is not None:
            same = version["opened_as"] == "changed" and all(version[name] == folded[name] for name in stretches.SAME)
            if ended and same:
                folded = {**version, **{name: folded[name] for name in _FROM_FIRST}}
                continue
            yield folded
        folded = version if ended else None
        if not ended:
            yield version
    if folded is not None:
        yield folded


def _leaves(
    versions: Iterable[Version],
    counts: Iterable[tuple[str, int]],
    scope: HistoryScope,
    folding: Callable[[int], None],
) -> Iterator[bytes]:
    """Yield the leaf hashes of each instance that has a covered version.

    The covered versions are folded first. For each version that results come the leaf of its start and, if it is
    closed, the leaf of its end. Then comes the leaf of the number of versions that the instance had up to
    `scope.last_run_id`.
    """
    counts = iter(counts)
    for instance_id, group in groupby(versions, key=lambda version: version["instance_id"]):
        later, covered = 0, []
        for version in group:
            later += version["opened_by_run_id"] > scope.last_run_id
            if _is_covered(version, scope):
                covered.append(_as_of(version, scope.entry))
        folded = list(fold(covered, scope.before))
        folding(len(covered) - len(folded))
        for version in folded:
            yield opening_leaf(instance_id, version)
            if version["valid_to"] is not None:
                yield closing_leaf(instance_id, version)
        count = next((count for id_, count in counts if id_ == instance_id), 0)
        if covered:
            yield count_leaf(instance_id, count - later)


def _is_covered(version: Version, scope: HistoryScope) -> bool:
    if version["opened_by_run_id"] > scope.last_run_id:
        return False
    is_early = scope.before is not None and version["valid_from"] < scope.before
    return bool(is_early or version["opened_by_run_id"] <= scope.earlier_run_id)


def _as_of(version: Version, entry: int) -> Version:
    """Return the version as it was at the entry with this index: open, if a later entry closed it."""
    if version["closed_log_index"] is None or version["closed_log_index"] <= entry:
        return version
    return {**version, "valid_to": None, "closed_as": None, "last_seen_at": None}
