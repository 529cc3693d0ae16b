"""The SQL of `prune`: which versions are folded into others, and which runs nothing refers to.

The functions take the account, and the time before which its history is folded.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement

from inventory.history import runs
from inventory.record import PAYLOAD
from inventory.store import bulk, stretches
from inventory.store.database import BATCH
from inventory.store.tables import instance_state, instance_versions, sync_runs

_FROM_LAST = (
    *PAYLOAD,
    "gpu_count",
    "gpu_model",
    "episode_creator",
    "content_hash",
    "valid_to",
    "closed_by_run_id",
    "closed_as",
    "last_seen_at",
    "closed_log_index",
)
"""The columns that a folded version takes from the last version that it replaces. The others are from the first."""


def fold_batch(connection: Connection, account: str, before: datetime, after: str) -> tuple[str | None, int]:
    """Fold versions of the next batch of instances: those with the lowest ids above `after`, at most BATCH of them.

    Only versions that ended at `before` or earlier are folded. Return the last id of the batch, and the number of
    versions that were folded into others. The id is None if no instance was left.
    """
    state, version = instance_state.c, instance_versions.c
    batch = (
        sa.select(state.instance_id)
        .where(state.account == account, state.instance_id > after)
        .order_by(state.instance_id)
        .limit(BATCH)
        .subquery()
    )
    # the database computes the last id, because it may order texts differently than Python
    last_id: str | None = connection.scalar(sa.select(sa.func.max(batch.c.instance_id)))
    if last_id is None:
        return None, 0
    ended = ended_versions(account, before, version.instance_id > after, version.instance_id <= last_id)
    updates = _read_folded_rows(connection, account, ended)
    folds = sa.select(ended.c.instance_id, ended.c.valid_from).where(ended.c.folds)
    deleted = connection.execute(
        sa.delete(instance_versions).where(
            version.account == account, sa.tuple_(version.instance_id, version.valid_from).in_(folds)
        )
    ).rowcount
    bulk.update_rows(connection, instance_versions, ("account", "instance_id", "valid_from"), updates)
    return last_id, deleted


def _read_folded_rows(connection: Connection, account: str, ended: sa.Subquery) -> list[dict[str, Any]]:
    """Return a row for each series of versions that is folded into one. `ended` is what `ended_versions` returned.

    The row has the key of the first version of the series, and the columns _FROM_LAST of the last version.
    """
    version = instance_versions.c
    numbered = sa.select(
        ended,
        sa.func.sum(sa.case((ended.c.folds, 0), else_=1))
        .over(partition_by=ended.c.instance_id, order_by=ended.c.valid_from)
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
            *(version[name] for name in _FROM_LAST),
        )
        .join(several, sa.and_(version.instance_id == several.c.instance_id, version.valid_from == several.c.last))
        .where(version.account == account)
    ).mappings()
    return [dict(row) for row in rows]


def ended_versions(account: str, before: datetime, *where: ColumnElement[bool]) -> sa.Subquery:
    """Return a subquery for the account's versions that ended at `before` or earlier. `where` are further conditions.

    The column `folds` is true for each version that does not begin a stretch. Such a version is folded into the version
    before it.
    """
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


def droppable_runs(connection: Connection, account: str, before: datetime) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for the runs that may be dropped: nothing refers to them once the versions are folded.

    These runs stay in any case:

    - the last complete run that started at `before` or earlier, and all runs after it. The fleet at the time `before`
      depends on them, and so does a gap that spans that time. If there is no such run, the runs that started at
      `before` or later stay.
    - the run that the brake looks at (`runs.last_applied`)
    - a run that is still `running`
    - the last run with each value of `ignore_changes`, except null
    """
    run, version, state = sync_runs.c, instance_versions.c, instance_state.c
    own = run.account == account
    last_complete_at = connection.scalar(
        sa.select(sa.func.max(run.started_at)).where(own, run.complete, run.started_at <= before)
    )
    last_applied = connection.scalar(runs.last_applied(account).with_only_columns(run.run_id))
    ended = ended_versions(account, before)
    not_ended = sa.or_(version.valid_to.is_(None), version.valid_to > before)
    needed = (
        # the run that closed a version as changed also opened the next one, so `opened_by_run_id` is enough
        sa.select(ended.c.opened_by_run_id).where(sa.not_(ended.c.folds)),
        sa.select(version.opened_by_run_id).where(version.account == account, not_ended),
        sa.select(version.closed_by_run_id).where(version.account == account, version.closed_as == "vanished"),
        # `last_seen_at` may be the time of a partial run. If it is the time of a complete run, that run is not needed:
        # the run that closed the version stays, and has the same time as its `previous_complete_at`
        sa.select(run.run_id)
        .join(instance_versions, sa.and_(version.account == run.account, version.last_seen_at == run.started_at))
        .where(own, run.status == "partial", version.closed_as == "vanished"),
        sa.select(state.seen_run_id).where(state.account == account),
        sa.select(state.missing_run_id).where(state.account == account, state.missing_run_id.is_not(None)),
        # a state may differ from its newest version in an ignored field: `verify` looks for a run that ignored it
        sa.select(sa.func.max(run.run_id)).where(own, run.ignore_changes.is_not(None)).group_by(run.ignore_changes),
    )
    return (
        own,
        run.started_at < (last_complete_at or before),
        run.status != "running",
        run.run_id != (last_applied or 0),
        # EXCEPT: with NOT IN, PostgreSQL would search all these ids again for each run; with NOT EXISTS, SQLite would
        run.run_id.in_(sa.except_(sa.select(run.run_id).where(own), *needed)),
    )
