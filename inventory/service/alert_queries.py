"""Read what alerts need from the database: a run with the runs before it, and the instances that an alert lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from inventory.config.alerts import AlertRule
from inventory.read.relations import Row, relation
from inventory.record import clean
from inventory.store import database
from inventory.store.tables import Event

NEW_EVENTS: tuple[Event, ...] = ("appeared", "reappeared")
"""The events that open an episode."""

MAX_LISTED = 20
"""The largest number of instances that one alert lists."""


@dataclass(frozen=True)
class InstanceList:
    """The instances of an alert. `rows` has at most MAX_LISTED of the instances, `total` is the number of all."""

    rows: list[Row]
    total: int


def run_with_earlier(connection: Connection, run_id: int | None) -> tuple[Row, list[Row]]:
    """Return a run, and a list of those earlier runs of its account that came after the last success.

    The last success is the last `succeeded` run before this run. If there is none, the list has all earlier runs.

    The run is a row of `sync_runs` with one more key, `known_since`: the time of the last complete run before this run
    or, if there is none, the time at which the account was created. The earlier runs have only the keys that
    `begun_and_ended` needs: `status`, `complete`, `error_code`, `known_since` and `started_at`. Earlier runs that
    differ only in `started_at` are one row, with the latest `started_at`.
    """
    runs, accounts = relation("sync_runs"), relation("accounts")
    known_since = sa.func.coalesce(runs.c.previous_complete_at, accounts.c.created_at, type_=accounts.c.created_at.type)
    joined = runs.join(accounts, accounts.c.account == runs.c.account)
    (run,) = connection.execute(
        sa.select(runs, known_since.label("known_since")).select_from(joined).where(runs.c.run_id == run_id)
    ).mappings()
    return dict(run), _earlier_runs(connection, run["account"], run["started_at"])


def failed_attempt_with_earlier(connection: Connection, account: str) -> tuple[Row, list[Row]] | None:
    """Return a made-up run for an attempt that began no run, and a list of the earlier runs of the account.

    The made-up run has the status `failed` and starts now. It has the keys that an alert of the trouble `stale` needs,
    except `error`, which the caller adds. `run_with_earlier` describes the earlier runs and their form. Return None
    instead if the account is retired, or is not in the database.
    """
    accounts, fresh = relation("accounts"), relation("sync_freshness")
    query = (
        sa.select(accounts.c.created_at, fresh.c.last_complete_at)
        .select_from(accounts.join(fresh, fresh.c.account == accounts.c.account))
        .where(accounts.c.account == account, accounts.c.retired_at.is_(None))
    )
    found = connection.execute(query).one_or_none()
    if found is None:
        return None
    now = database.now(connection)
    run = {
        "account": account,
        "status": "failed",
        "complete": False,
        "error_code": None,
        "started_at": now,
        "previous_complete_at": found.last_complete_at,
        "known_since": found.last_complete_at or found.created_at,
    }
    return run, _earlier_runs(connection, account, now)


def _earlier_runs(connection: Connection, account: str, before: datetime) -> list[Row]:
    """Return the earlier runs that `run_with_earlier` describes, for a run that began at the time `before`."""
    runs, accounts = relation("sync_runs"), relation("accounts")
    known_since = sa.func.coalesce(runs.c.previous_complete_at, accounts.c.created_at, type_=accounts.c.created_at.type)
    joined = runs.join(accounts, accounts.c.account == runs.c.account)
    is_earlier = runs.c.account == account, runs.c.started_at < before
    success = sa.select(runs.c.started_at).where(*is_earlier, runs.c.status == "succeeded")
    last_success = connection.scalar(success.order_by(runs.c.started_at.desc()).limit(1))
    alike = runs.c.status, runs.c.complete, runs.c.error_code, known_since.label("known_since")
    query = sa.select(*alike, sa.func.max(runs.c.started_at).label("started_at")).select_from(joined).where(*is_earlier)
    if last_success is not None:
        query = query.where(runs.c.started_at > last_success)
    return [dict(row) for row in connection.execute(query.group_by(*alike)).mappings()]


def held_instances(connection: Connection, account: str) -> InstanceList:
    """Return the missing instances of an account that the brake holds (`brake`)."""
    state = relation("instance_state")
    query = _instances(state).where(state.c.account == account, state.c.presence == "missing", state.c.held)
    return _listed(connection, query)


def aged_instances(connection: Connection, rule: AlertRule, run: Row, age: timedelta) -> InstanceList:
    """Return the instances that match the rule and reached `age` since the last complete run before `run`.

    They reached it after the start of that earlier run, and not later than the start of `run`. The age of an instance
    is the time since its last episode began. Vanished instances are left out. An earlier complete run must exist.
    """
    versions, state = relation("instance_versions"), relation("instance_state")
    same_episode = sa.and_(
        versions.c.account == state.c.account,
        versions.c.instance_id == state.c.instance_id,
        versions.c.episode == state.c.episodes,
    )
    query = (
        _instances(state, rule)
        .select_from(versions.join(state, same_episode))
        .where(
            versions.c.account == run["account"],
            versions.c.opened_as.in_(NEW_EVENTS),
            versions.c.valid_from > run["previous_complete_at"] - age,
            versions.c.valid_from <= run["started_at"] - age,
            state.c.presence != "vanished",
        )
    )
    return _listed(connection, query)


def instances_with_event(connection: Connection, rule: AlertRule, run: Row, events: Sequence[Event]) -> InstanceList:
    """Return the instances that match the rule and for which this run recorded one of the events."""
    view = relation("instance_events")
    query = _instances(view, rule).where(
        view.c.account == run["account"],
        view.c.occurred_at == run["started_at"],
        view.c.run_id == run["run_id"],
        view.c.event.in_(events),
    )
    return _listed(connection, query)


def settled_instances(connection: Connection, rule: AlertRule, run: Row, ids: Sequence[str]) -> list[Row]:
    """Return a row for each instance in `ids` that matches the rule.

    `ids` is `Outcome.settled` of `run`: the instances that `run` recorded as vanished at the time of an earlier run.
    """
    state = relation("instance_state")
    found: list[Row] = []
    for batch in database.batches(ids):
        query = _instances(state, rule).where(state.c.account == run["account"], state.c.instance_id.in_(batch))
        found += [dict(row) for row in connection.execute(query).mappings()]
    return found


def _instances(source: sa.TableClause, rule: AlertRule | None = None) -> sa.Select[Any]:
    """Return a query for the columns that an alert shows, limited to the creator and the type if a rule names them."""
    query = sa.select(source.c.instance_id, source.c.instance_type, source.c.region, source.c.creator_user_nickname)
    if rule is not None and rule.creator is not None:
        query = query.where(source.c.creator_user_nickname == clean(rule.creator))
    if rule is not None and rule.type is not None:
        query = query.where(source.c.instance_type == clean(rule.type))
    return query


def _listed(connection: Connection, query: sa.Select[Any]) -> InstanceList:
    total: int = connection.execute(sa.select(sa.func.count()).select_from(query.subquery())).scalar_one()
    rows = connection.execute(query.order_by("instance_id").limit(MAX_LISTED)).mappings()
    return InstanceList([dict(row) for row in rows], total)
