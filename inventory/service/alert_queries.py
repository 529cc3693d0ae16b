"""What alerts read from the database: a run and those before it, and the instances that a rule is about."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from inventory.config.alerts import AlertRule
from inventory.read.queries import Row, relation
from inventory.record import clean
from inventory.store import database

SHOWN = 20
"""Instances that one alert lists."""


def history(connection: Connection, run_id: int | None) -> tuple[Row, list[Row]]:
    """The run, and the runs since its account's last success before it, those that are alike as one (the last)."""
    runs, accounts = relation("sync_runs"), relation("accounts")
    known_since = sa.func.coalesce(runs.c.previous_complete_at, accounts.c.created_at, type_=accounts.c.created_at.type)
    both = runs.join(accounts, accounts.c.account == runs.c.account)
    (run,) = connection.execute(
        sa.select(runs, known_since.label("known_since")).select_from(both).where(runs.c.run_id == run_id)
    ).mappings()
    earlier = runs.c.account == run["account"], runs.c.started_at < run["started_at"]
    success = sa.select(runs.c.started_at).where(*earlier, runs.c.status == "succeeded")
    last = connection.scalar(success.order_by(runs.c.started_at.desc()).limit(1))
    alike = runs.c.status, runs.c.complete, runs.c.error_code, known_since.label("known_since")
    query = sa.select(*alike, sa.func.max(runs.c.started_at).label("started_at")).select_from(both).where(*earlier)
    if last is not None:
        query = query.where(runs.c.started_at > last)
    return dict(run), [dict(row) for row in connection.execute(query.group_by(*alike)).mappings()]


def aged(rule: AlertRule, run: Row, limit: timedelta) -> sa.Select[Any]:
    """The instances whose episode became so old between the last complete run and this one."""
    versions, state = relation("instance_versions"), relation("instance_state")
    same = sa.and_(
        versions.c.account == state.c.account,
        versions.c.instance_id == state.c.instance_id,
        versions.c.episode == state.c.episodes,
    )
    return (
        instances(state, rule)
        .select_from(versions.join(state, same))
        .where(
            versions.c.account == run["account"],
            versions.c.opened_as.in_(("appeared", "reappeared")),
            versions.c.valid_from > run["previous_complete_at"] - limit,
            versions.c.valid_from <= run["started_at"] - limit,
            state.c.presence != "vanished",
        )
    )


def events(connection: Connection, rule: AlertRule, run: Row, names: Sequence[str]) -> tuple[list[Row], int]:
    """Return the first instances that the run recorded with one of these events, and how many there are."""
    view = relation("instance_events")
    query = instances(view, rule).where(
        view.c.account == run["account"],
        view.c.occurred_at == run["started_at"],
        view.c.run_id == run["run_id"],
        view.c.event.in_(names),
    )
    return some(connection, query)


def settled(connection: Connection, rule: AlertRule, run: Row, ids: Sequence[str]) -> list[Row]:
    """Those that are gone since an earlier run, as only this one found out."""
    state = relation("instance_state")
    found: list[Row] = []
    for batch in database.batches(ids):
        query = instances(state, rule).where(state.c.account == run["account"], state.c.instance_id.in_(batch))
        found += [dict(row) for row in connection.execute(query).mappings()]
    return found


def instances(source: sa.TableClause, rule: AlertRule | None = None) -> sa.Select[Any]:
    """What an alert tells of instances, of those that the rule is about."""
    query = sa.select(source.c.instance_id, source.c.instance_type, source.c.region, source.c.creator_user_nickname)
    if rule is not None and rule.creator is not None:
        query = query.where(source.c.creator_user_nickname == clean(rule.creator))
    if rule is not None and rule.type is not None:
        query = query.where(source.c.instance_type == clean(rule.type))
    return query


def some(connection: Connection, query: sa.Select[Any]) -> tuple[list[Row], int]:
    """The first rows, and how many there are."""
    number: int = connection.execute(sa.select(sa.func.count()).select_from(query.subquery())).scalar_one()
    rows = connection.execute(query.order_by("instance_id").limit(SHOWN)).mappings()
    return [dict(row) for row in rows], number
