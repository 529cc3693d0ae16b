"""Compute the root over old versions, folded as `prune` folds them.

The root is the same before, during and after the folding. Entry 0 of a log holds it for all versions from before the
log. The entry of a prune holds it for these too, and for all versions that began before the time of the prune. The
entries that opened or closed such versions can no longer be recomputed from the rows.
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
"""The columns that a folded version takes from the first version of its stretch; the others are those of the last."""

_PROGRESS = 100_000
"""Versions between two calls of `progress`."""


@dataclass(frozen=True)
class FoldedHistory:
    """The versions of an account that a root covers, as they were at one entry of its log."""

    entry: int
    """Index of the entry. What was closed by a later one counts as open."""
    last_run_id: int
    """The last run up to that entry."""
    earlier_run_id: int = 0
    """All versions that this run or an earlier one opened are covered: those from before the log. 0: there are none."""
    before: Any = None
    """All versions from before this time are covered, and folded if they ended by then; None: nothing is folded.

    It is a time of the same type as those of the versions.
    """


def history_root(versions: Iterable[Version], counts: Iterable[tuple[str, int]], scope: FoldedHistory) -> bytes:
    """Return the root over the covered versions.

    `versions` are the rows of all versions of the account in the order of id and time, `counts` the ids of its
    instances in the same order, each with the number of versions that it has had. `read_history` reads both.
    """
    return root_of(_leaves(versions, counts, scope))


def read_history(
    connection: Connection, account: str, progress: Callable[[int], None] = lambda _: None
) -> tuple[Iterator[Version], Iterator[tuple[str, int]]]:
    """Return the arguments for `history_root`; call `progress` now and then with the number of versions read."""
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
    """Yield the versions of one instance with each stretch of those that ended by `before` folded into one.

    They come in order of time. Each stretch becomes a version with the start of its first and the rest of its last.
    """
    folded: Version | None = None
    for version in versions:
        ended = before is not None and version["valid_to"] is not None and version["valid_to"] <= before
        continues = (
            folded is not None
            and ended
            and version["opened_as"] == "changed"
            and all(version[name] == folded[name] for name in stretches.SAME)
        )
        if continues and folded is not None:
            folded = {**version, **{name: folded[name] for name in _FROM_FIRST}}
            continue
        if folded is not None:
            yield folded
        folded = version if ended else None
        if not ended:
            yield version
    if folded is not None:
        yield folded


def _leaves(versions: Iterable[Version], counts: Iterable[tuple[str, int]], scope: FoldedHistory) -> Iterator[bytes]:
    """Yield the leaves of each instance with a covered version: of its versions, then of their number."""
    counts = iter(counts)
    for instance_id, group in groupby(versions, key=lambda version: version["instance_id"]):
        later, covered = 0, []
        for version in group:
            later += version["opened_by_run_id"] > scope.last_run_id
            if _is_covered(version, scope):
                covered.append(_as_of(version, scope.entry))
        for version in fold(covered, scope.before):
            yield opening_leaf(instance_id, version)
            if version["valid_to"] is not None:
                yield closing_leaf(instance_id, version)
        count = next((count for id_, count in counts if id_ == instance_id), 0)
        if covered:
            yield count_leaf(instance_id, count - later)


def _is_covered(version: Version, scope: FoldedHistory) -> bool:
    if version["opened_by_run_id"] > scope.last_run_id:
        return False
    is_early = scope.before is not None and version["valid_from"] < scope.before
    return bool(is_early or version["opened_by_run_id"] <= scope.earlier_run_id)


def _as_of(version: Version, entry: int) -> Version:
    """Return the version as it was at that entry."""
    if version["closed_log_index"] is None or version["closed_log_index"] <= entry:
        return version
    return {**version, "valid_to": None, "closed_as": None, "last_seen_at": None}
