"""Fold old versions into fewer, and drop runs that nothing refers to. Nothing else deletes history.

Folding replaces the old versions of a stretch (`store/stretches.py`) by one version. The new version has the
start of the first old one, and the end and the fields of the last.

`prune` first verifies the account's history, also against its log. Then it makes several transactions. The first one
records the act, the root over the folded history, and the time from which on the history is complete
(`pruned_before`). Then one transaction for each batch of instances folds their versions. The last one drops runs.
`prune` may be stopped between any two transactions. What is left is correct, and the next `prune` continues. The
history from `pruned_before` on stays as it was (`prune-keeps-the-answers`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from inventory.errors import BreachFound, UsageError
from inventory.history.lease import fence, find_account, hold_lease
from inventory.history.merkle_log.append import Act, append_act
from inventory.history.merkle_log.dropped import keep_run_hashes
from inventory.history.merkle_log.entries import earlier_run_id, iso_microseconds
from inventory.history.merkle_log.folded import HistoryScope, history_root, read_history
from inventory.history.pruned_rows import droppable_runs, ended_versions, fold_batch
from inventory.history.verify import verify_history
from inventory.store import database
from inventory.store.database import Clock
from inventory.store.tables import accounts, operator_actions, sync_runs
from inventory.times import iso
from inventory.wording import counted


@dataclass(frozen=True)
class PruneRequest:
    """The account to prune, and the time before which its history is folded."""

    account: str
    before: datetime
    reason: str | None = None
    """The reason that was given by the person who prunes."""


@dataclass
class PruneResult:
    """The numbers of versions that were folded into others, and of runs that were dropped, in one account."""

    account: str
    versions: int = 0
    runs: int = 0
    nothing_older: bool = False
    """Whether no run of the account began before the time that counts (`_up_to`). If so, a prune records nothing."""


def would_prune(
    connection: Connection, request: PruneRequest, *, checking: Callable[[str], None] = lambda _: None
) -> PruneResult:
    """Return what `prune` would return, apart from the runs of dead processes.

    The account must exist. Its lease is not checked.

    A run that is still `running`, but whose process is dead, is not counted. `prune` first marks such a run as
    abandoned, and then may drop and count it.

    `checking` is called with a text while the history is verified. Raise UsageError for a time in the future,
    BreachFound if the history has a breach.
    """
    _raise_if_future(request.before, database.now(connection))
    _raise_if_breached(connection, request.account, checking)
    pruned_before = connection.scalar(sa.select(accounts.c.pruned_before).where(accounts.c.account == request.account))
    request = _up_to(request, pruned_before)
    if not _has_history_before(connection, request):
        return PruneResult(request.account, nothing_older=True)
    return _count(connection, request)


def prune(  # noqa: PLR0913 - options by name, as the command has them
    engine: Engine,
    request: PruneRequest,
    *,
    lease_seconds: float,
    clock: Clock | None = None,
    progress: Callable[[PruneResult], None] = lambda _: None,
    checking: Callable[[str], None] = lambda _: None,
) -> PruneResult:
    """Fold the versions that ended at the requested time or earlier. Then drop earlier runs that nothing refers to.

    If an earlier prune had a later time, that time counts instead of the requested one (`_up_to`). If an earlier prune
    has done all of this, or if no run of the account is older than the time, nothing is folded or dropped, and no act
    is recorded.

    These stay: the fleet at that time and at any later time, all episodes with their times and creators, and all hours
    and GPU hours of the instances. Each run that one of these refers to stays too. Some runs stay in any case: the last
    complete run that started at the requested time or earlier, all runs after that run, the run that the brake looks at
    (`runs.last_applied`), and the last run with each value of `ignore_changes`, except null.

    `checking` is called with a text while the history is verified, and `progress` with the result so far after each
    batch of instances. Raise UsageError for an unknown account or a time in the future, BreachFound if the history has
    a breach, AccountBusy if another process holds the account's lease, LeaseLost if another process has taken it over.
    """
    result = PruneResult(request.account)
    kept = "what was folded stays folded, the rest is unchanged"
    with hold_lease(engine, request.account, "prune", lease_seconds, clock) as lease:
        with database.reading(engine) as connection:
            _raise_if_future(request.before, database.now(connection, clock))
            _raise_if_breached(connection, request.account, checking)
            row = find_account(connection, request.account)
            assert row is not None  # noqa: S101 - the account exists: its lease is held
            request = _up_to(request, row["pruned_before"])
            if not _has_history_before(connection, request):
                return PruneResult(request.account, nothing_older=True)
            if row["pruned_before"] == request.before and _count(connection, request) == result:
                return result  # an act that changes nothing is not recorded
            root = _read_folded_root(connection, row, request)
        with database.writing(engine, idle_limit=lease.seconds) as connection:
            row = fence(connection, lease)
            _record_pruned_before(connection, row, request, root, database.now(connection, clock))
        last_id: str | None = ""
        while last_id is not None:
            with database.writing(engine, idle_limit=lease.seconds, kept=kept) as connection:
                fence(connection, lease, kept=kept)
                last_id, folded = fold_batch(connection, request.account, request.before, last_id)
            result.versions += folded
            progress(result)
        with database.writing(engine, idle_limit=lease.seconds, kept=kept) as connection:
            row = fence(connection, lease, kept=kept)
            droppable = droppable_runs(connection, request.account, request.before)
            keep_run_hashes(connection, row, droppable)
            result.runs = connection.execute(sa.delete(sync_runs).where(*droppable)).rowcount
    return result


def _count(connection: Connection, request: PruneRequest) -> PruneResult:
    """Return how many versions are still to be folded, and how many runs to be dropped."""
    versions = sa.select(sa.func.count()).where(ended_versions(request.account, request.before).c.folds)
    dropped = (
        sa.select(sa.func.count())
        .select_from(sync_runs)
        .where(*droppable_runs(connection, request.account, request.before))
    )
    return PruneResult(request.account, connection.scalar(versions) or 0, connection.scalar(dropped) or 0)


def _has_history_before(connection: Connection, request: PruneRequest) -> bool:
    """Return whether a run of the account began before the requested time. If none did, there is nothing to fold."""
    older = sa.exists().where(sync_runs.c.account == request.account, sync_runs.c.started_at < request.before)
    return bool(connection.scalar(sa.select(older)))


def _raise_if_future(before: datetime, now: datetime) -> None:
    if before > now:
        raise UsageError(f"{iso(before)} is in the future; nothing was pruned. Give a time in the past.")


def _up_to(request: PruneRequest, pruned_before: datetime | None) -> PruneRequest:
    """Return the request with the later of its time and `pruned_before`.

    So a prune also folds what an earlier prune left. There are two cases. The earlier prune may have been stopped. Or
    an instance was missing during the earlier prune, and a later run or act recorded that it had vanished at a time up
    to `pruned_before` (`settled-at-first-absence`).
    """
    return request if pruned_before is None else replace(request, before=max(request.before, pruned_before))


def _raise_if_breached(connection: Connection, account: str, checking: Callable[[str], None]) -> None:
    found = verify_history(connection, account=account, progress=checking)
    if found.count:
        raise BreachFound(
            f"Account {account}: {counted(found.count, 'breach', 'breaches')}: the history is not "
            "what its log recorded; nothing was folded. `inventory verify` names what differs; compare with a backup."
        )


class _FoldedRoot(NamedTuple):
    """The Merkle root over the history as it will be after folding, with two numbers that the act records too."""

    last_run_id: int
    """The id of the account's last run; 0 if there is none."""
    acts: int
    """The number of acts before this prune. Acts are never dropped."""
    history: bytes


def _read_folded_root(connection: Connection, row: Mapping[str, Any], request: PruneRequest) -> _FoldedRoot:
    """Return the root over the history as it will be after folding.

    The caller holds the lease, so no run changes the history meanwhile.
    """
    last = connection.scalar(sa.select(sa.func.max(sync_runs.c.run_id)).where(sync_runs.c.account == request.account))
    scope = HistoryScope(row["log_size"], last or 0, earlier_run_id(row), request.before)
    acts = connection.scalar(
        sa.select(sa.func.count()).select_from(operator_actions).where(operator_actions.c.account == request.account)
    )
    root = history_root(*read_history(connection, request.account), scope)
    return _FoldedRoot(scope.last_run_id, acts or 0, root)


def _record_pruned_before(
    connection: Connection, row: Mapping[str, Any], request: PruneRequest, root: _FoldedRoot, now: datetime
) -> None:
    """Record the act and `pruned_before`, and clear the fleet digests of the runs before the requested time.

    The digests are kept in the column `cleared_digest`, because the log entries of these runs contain them.
    """
    details = {
        "before": iso_microseconds(request.before),
        "last_run_id": root.last_run_id,
        "acts": root.acts,
        "history": root.history.hex(),
    }
    append_act(connection, row, Act("prune", now, details, request.reason))
    own = accounts.c.account == request.account
    connection.execute(sa.update(accounts).where(own).values(pruned_before=request.before))
    connection.execute(
        sa.update(sync_runs)
        .where(
            sync_runs.c.account == request.account,
            sync_runs.c.started_at < request.before,
            sync_runs.c.fleet_digest.is_not(None),
        )
        .values(fleet_digest=None, cleared_digest=sync_runs.c.fleet_digest)
    )
