"""Old history made coarse: the only thing that ever deletes.

First the account says from when on its history is whole (`pruned_before`); then, some instances at a time, the versions
before that time are folded; last the runs go that nothing needs. Whoever stops it in between leaves a true history
behind, only less of it folded, and the next `prune` goes on. What is true at or after that time stays as it was.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.sql.elements import ColumnElement

from inventory.errors import UsageError
from inventory.history import runs
from inventory.history.lease import fence, hold_lease
from inventory.record import PAYLOAD
from inventory.store import bulk, database, stretches
from inventory.store.database import BATCH, Clock
from inventory.store.tables import accounts, instance_state, instance_versions, sync_runs
from inventory.times import iso

_LAST = (
    *PAYLOAD,
    "gpu_count",
    "gpu_model",
    "episode_creator",
    "content_hash",
    "valid_to",
    "closed_by_run_id",
    "closed_as",
    "last_seen_at",
)
"""What a folded version has of the last that it stands for; the rest is of the first, which began the stretch."""


@dataclass
class Pruned:
    """What was folded and dropped of one account, or would be."""

    account: str
    versions: int = 0
    """Versions that others stand for now."""
    runs: int = 0


def would_prune(connection: Connection, account: str, before: datetime) -> Pruned:
    """What `prune` would do; raises as it does."""
    _refuse_future(before, database.now(connection))
    versions = sa.select(sa.func.count()).where(_ended(account, before).c.folds)
    dropped = sa.select(sa.func.count()).select_from(sync_runs).where(*_unneeded(connection, account, before))
    return Pruned(account, connection.scalar(versions) or 0, connection.scalar(dropped) or 0)


def prune(
    engine: Engine,
    account: str,
    before: datetime,
    *,
    lease_seconds: float,
    clock: Clock | None = None,
    progress: Callable[[Pruned], None] = lambda _: None,
) -> Pruned:
    """Fold the versions that ended until `before`, stretch by stretch; drop the runs before it that nothing needs.

    Kept are the fleet at any time from `before` on, episodes with their times and creators, all hours, the runs that
    any of it refers to, and all runs since the last complete one before that time. Raises UsageError for an unknown
    account or a time in the future, AccountBusy while another holds the account, LeaseLost.
    """
    done = Pruned(account)
    kept = "what was folded stays so, the rest is as it was"
    with hold_lease(engine, account, "prune", lease_seconds, clock) as lease:
        with database.writing(engine, idle_limit=lease.seconds) as connection:
            fence(connection, lease)
            _refuse_future(before, database.now(connection, clock))
            _promise_less(connection, account, before)
        after: str | None = ""
        while after is not None:
            with database.writing(engine, idle_limit=lease.seconds, kept=kept) as connection:
                fence(connection, lease)
                after = _fold(connection, done, before, after)
            progress(done)
        with database.writing(engine, idle_limit=lease.seconds, kept=kept) as connection:
            fence(connection, lease)
            done.runs = connection.execute(sa.delete(sync_runs).where(*_unneeded(connection, account, before))).rowcount
    return done


def _refuse_future(before: datetime, now: datetime) -> None:
    if before > now:
        raise UsageError(f"{iso(before)} lies in the future; nothing was pruned. Give a time that is past.")


def _promise_less(connection: Connection, account: str, before: datetime) -> None:
    """From now on nobody expects the history before that time to be whole."""
    own = accounts.c.account == account
    is_later = sa.or_(accounts.c.pruned_before.is_(None), accounts.c.pruned_before < before)
    connection.execute(sa.update(accounts).where(own, is_later).values(pruned_before=before))
    connection.execute(
        sa.update(sync_runs)
        .where(sync_runs.c.account == account, sync_runs.c.started_at < before, sync_runs.c.fleet_digest.is_not(None))
        .values(fleet_digest=None)
    )


def _fold(connection: Connection, done: Pruned, before: datetime, after: str) -> str | None:
    """The next instances by id, behind `after`, are folded; returns the last of them, None where there are none."""
    state, version = instance_state.c, instance_versions.c
    some = (
        sa.select(state.instance_id)
        .where(state.account == done.account, state.instance_id > after)
        .order_by(state.instance_id)
        .limit(BATCH)
        .subquery()
    )
    # by the database, whose order of texts may be another than Python's
    upto: str | None = connection.scalar(sa.select(sa.func.max(some.c.instance_id)))
    if upto is None:
        return None
    marked = _ended(done.account, before, version.instance_id > after, version.instance_id <= upto)
    numbered = sa.select(
        marked,
        sa.func.sum(sa.case((marked.c.folds, 0), else_=1))
        .over(partition_by=marked.c.instance_id, order_by=marked.c.valid_from)
        .label("stretch"),
    ).subquery()
    several = (
        sa.select(
            numbered.c.instance_id,
            sa.func.min(numbered.c.valid_from).label("first"),
            sa.func.max(numbered.c.valid_from).label("last"),
        )
        .group_by(numbered.c.instance_id, numbered.c.stretch)
        .having(sa.func.count() > 1)
        .subquery()
    )
    rows = connection.execute(
        sa.select(
            version.account,
            version.instance_id,
            several.c.first.label("valid_from"),
            *(version[name] for name in _LAST),
        )
        .join(several, sa.and_(version.instance_id == several.c.instance_id, version.valid_from == several.c.last))
        .where(version.account == done.account)
    ).mappings()
    folds = [dict(row) for row in rows]
    folded = sa.select(marked.c.instance_id, marked.c.valid_from).where(marked.c.folds)
    done.versions += connection.execute(
        sa.delete(instance_versions).where(
            version.account == done.account, sa.tuple_(version.instance_id, version.valid_from).in_(folded)
        )
    ).rowcount
    bulk.update_rows(connection, instance_versions, ("account", "instance_id", "valid_from"), folds)
    return upto


def _ended(account: str, before: datetime, *where: ColumnElement[bool]) -> sa.Subquery:
    """Return the versions that ended by then; those that are not the first of their stretch have `folds`."""
    version = instance_versions.c
    return (
        sa.select(
            version.instance_id,
            version.valid_from,
            version.opened_by_run_id,
            sa.not_(stretches.begins(version)).label("folds"),
        )
        .where(version.account == account, version.valid_to <= before, *where)
        .subquery()
    )


def _unneeded(connection: Connection, account: str, before: datetime) -> tuple[ColumnElement[bool], ...]:
    """Runs that nothing refers to once the versions are folded.

    The last complete run before that time stays, as one side of the fleet at that time; and whatever failed since, so
    that a gap across that time stays whole. So does the run whose key and address the brake compares the next one with.
    """
    run, version, state = sync_runs.c, instance_versions.c, instance_state.c
    mine = run.account == account
    since = connection.scalar(
        sa.select(sa.func.max(run.started_at)).where(mine, run.complete, run.started_at <= before)
    )
    known = connection.scalar(runs.last_applied(account).with_only_columns(run.run_id))
    ended = _ended(account, before)
    not_ended = sa.or_(version.valid_to.is_(None), version.valid_to > before)
    needed = sa.union(
        # what a version closed as changed names is what the next one opened by
        sa.select(ended.c.opened_by_run_id).where(sa.not_(ended.c.folds)),
        sa.select(version.opened_by_run_id).where(version.account == account, not_ended),
        sa.select(version.closed_by_run_id).where(version.account == account, version.closed_as == "vanished"),
        sa.select(state.seen_run_id).where(state.account == account),
        sa.select(state.missing_run_id).where(state.account == account, state.missing_run_id.is_not(None)),
    )
    return (
        mine,
        run.started_at < (since or before),
        run.status != "running",
        run.run_id != (known or 0),
        run.run_id.not_in(needed),
    )
