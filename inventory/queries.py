"""The questions people ask, as rows of the contract's relations: dicts with their column names, times aware in UTC."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from inventory import database, stretches
from inventory.errors import UsageError
from inventory.tables import JSONText, UTCDateTime, damaged
from inventory.times import brief, iso
from inventory.views import RELATIONS
from inventory.wire import clean

Row = dict[str, Any]

AS_OF_COLUMNS = (
    "account", "instance_id", "instance_type", "gpu_count", "gpu_model", "region", "sector", "ip", "status",
    "creator_user_nickname", "extra", "valid_from", "valid_to", "episode",
)  # fmt: skip

_TIMES = ("_at", "_since", "_after", "_before", "_from", "_to", "_start", "_end")
_BOOLEANS = ("held", "complete")
_HOUR = timedelta(hours=1)


def relation(name: str) -> sa.TableClause:
    """A table or view of the contract, its columns typed by their names; without the internal ones."""
    return sa.table(name, *(sa.column(column, _type(column)) for column in columns(name)))


def columns(name: str) -> list[str]:
    """The names of a relation's columns, without the internal ones."""
    found = next(relation for relation in RELATIONS if relation.name == name)
    return [column.name for column in found.columns if not column.meaning.startswith("Internal:")]


def instances(
    connection: Connection,
    *,
    account: str | None = None,
    all_: bool = False,
    presence: str | None = None,
    creator: str | None = None,
    region: str | None = None,
    type_: str | None = None,
    status: str | None = None,
) -> Iterator[Row]:
    """Yield rows of `instances`: the fleet now (live and missing), or every instance ever seen with `all_`."""
    view = relation("instances")
    wanted = _matching(
        view,
        account=account,
        presence=presence,
        creator_user_nickname=creator,
        region=region,
        instance_type=type_,
        status=status,
    )
    query = sa.select(view).where(*wanted)
    if not all_ and presence is None:
        query = query.where(view.c.presence.in_(("live", "missing")))
    return _streamed(connection, query.order_by(view.c.account, view.c.first_seen_at, view.c.instance_id))


@dataclass(frozen=True)
class Sight:
    """What is known of an account's fleet at a time T: the complete runs around it, and the gap in which it lies."""

    account: str
    before: Row
    """The last complete run at or before T: `run_id`, `started_at`."""
    after: Row | None
    """The first complete run after T; None where there is none."""
    exact: bool
    """T is the very time of `before`."""
    gap: Row | None = None
    """Row of `sync_gaps`; None where T lies in none."""
    retired: bool = False
    """Retired, and T is later than its last complete run: nothing is known of its fleet at T."""


def sights(connection: Connection, at: datetime, account: str | None = None) -> list[Sight]:
    """What each account (or that one) knows of the time.

    Raises UsageError where one does not know it: before its first or after its last complete run, or before what
    `prune` left. Only one that was retired before may stand aside, unless it alone is asked for.
    """
    table = relation("accounts")
    query = sa.select(table).where(*_matching(table, account=account)).order_by(table.c.account)
    found = [_sight(connection, at, row, alone=account is not None) for row in _rows(connection, query)]
    if all(sight.retired for sight in found):
        raise UsageError(f"Nothing is known of {iso(at)}: no account was synced then.")
    return found


def _sight(connection: Connection, at: datetime, account: Row, *, alone: bool) -> Sight:
    name = account["account"]
    table = relation("sync_runs")
    complete = sa.select(table.c.run_id, table.c.started_at).where(table.c.account == name, table.c.complete)
    newest, oldest = complete.order_by(table.c.started_at.desc()), complete.order_by(table.c.started_at)
    before = _first(connection, newest.where(table.c.started_at <= at))
    after = _first(connection, oldest.where(table.c.started_at > at))
    other = "" if alone else " --account asks another account alone."
    if before is None:
        why = f"its first complete run was at {iso(after['started_at'])}" if after else "it has no complete run yet"
        raise UsageError(f"The fleet of account {name!r} at {iso(at)} is not known: {why}.{other}")
    if account["pruned_before"] is not None and at < account["pruned_before"]:
        raise UsageError(
            f"The fleet of account {name!r} at {iso(at)} is not known any more: `inventory prune` folded its history "
            f"before {iso(account['pruned_before'])}.{other}"
        )
    exact = before["started_at"] == at
    if after is None and not exact:
        if account["retired_at"] is not None and not alone:
            return Sight(name, before, None, exact=False, retired=True)
        raise UsageError(
            f"The fleet of account {name!r} at {iso(at)} is not known: its last complete run was at "
            f"{iso(before['started_at'])}. `inventory list` without --at shows what that run left.{other}"
        )
    gaps = relation("sync_gaps")
    within = sa.select(gaps).where(gaps.c.account == name, gaps.c.gap_start == before["started_at"])
    return Sight(name, before, after, exact, None if exact else _first(connection, within))


def as_of(
    connection: Connection,
    at: datetime,
    accounts: Sequence[str],
    *,
    creator: str | None = None,
    region: str | None = None,
    type_: str | None = None,
    status: str | None = None,
) -> Iterator[Row]:
    """Yield the fleet as it was at that time: AS_OF_COLUMNS of `instance_versions`, the fields as they then were."""
    table = relation("instance_versions")
    wanted = _matching(table, creator_user_nickname=creator, region=region, instance_type=type_, status=status)
    # expressions: for the bare columns SQLite would leave the index by times and read everything
    account, instance_id = (sa.func.coalesce(table.c[name], "") for name in ("account", "instance_id"))
    query = sa.select(*(table.c[name] for name in AS_OF_COLUMNS)).where(
        table.c.valid_from <= at,
        sa.or_(table.c.valid_to.is_(None), table.c.valid_to > at),
        account.in_(accounts),
        *wanted,
    )
    return _streamed(connection, query.order_by(account, instance_id))


def runs(connection: Connection, *, account: str | None = None, failed: bool = False, limit: int = 20) -> Iterator[Row]:
    """Yield rows of `sync_runs`, the newest first; `failed` leaves those that did not succeed."""
    table = relation("sync_runs")
    query = sa.select(table).where(*_matching(table, account=account))
    if failed:
        query = query.where(table.c.status.not_in(("succeeded", "running")))
    return _streamed(connection, query.order_by(table.c.run_id.desc()).limit(limit))


def run(connection: Connection, run_id: int) -> Row:
    """One row of `sync_runs`."""
    table = relation("sync_runs")
    return _rows(connection, sa.select(table).where(table.c.run_id == run_id))[0]


def events(
    connection: Connection,
    *,
    account: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    event: str | None = None,
    creator: str | None = None,
    instance: str | None = None,
    limit: int | None = 20,
) -> Iterator[Row]:
    """Yield rows of `instance_events`, the newest first: from `since` on, and before `until`.

    Raises UsageError for an unknown instance.
    """
    view = relation("instance_events")
    query = sa.select(view).where(*_matching(view, account=account, event=event, creator_user_nickname=creator))
    if instance is not None:  # with its accounts, since the key of the table begins with them
        query = query.where(
            view.c.account.in_(holders(connection, instance, account)), *_matching(view, instance_id=instance)
        )
    if since is not None:
        query = query.where(view.c.occurred_at >= since)
    if until is not None:
        query = query.where(view.c.occurred_at < until)
    query = query.order_by(view.c.occurred_at.desc(), view.c.account, view.c.instance_id).limit(limit)
    return _streamed(connection, query)


def with_fields(connection: Connection, rows: Iterable[Row]) -> Iterator[Row]:
    """Yield rows of `events`, in their order, each with `fields`: of a change its `field`, `old_value`, `new_value`."""
    # by stretches of time that hardly overlap, so that all of them together cost little more than the whole view
    for batch in database.batches(rows):
        fields = _fields(connection, [row for row in batch if row["event"] == "changed"])
        for row in batch:
            yield row | {"fields": fields.get(_change(row, "occurred_at"), []) if row["event"] == "changed" else []}


def _fields(connection: Connection, changes: Sequence[Row]) -> dict[tuple[Any, ...], list[Row]]:
    if not changes:
        return {}
    view = relation("instance_field_changes")
    query = sa.select(view).where(
        view.c.changed_at >= changes[-1]["occurred_at"],
        view.c.changed_at <= changes[0]["occurred_at"],
        view.c.account.in_({row["account"] for row in changes}),
        view.c.instance_id.in_({row["instance_id"] for row in changes}),
    )
    wanted = {_change(row, "occurred_at") for row in changes}
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in _streamed(connection, query.order_by(view.c.field)):
        if (key := _change(row, "changed_at")) in wanted:
            found.setdefault(key, []).append({name: row[name] for name in ("field", "old_value", "new_value")})
    return found


def _change(row: Row, time: str) -> tuple[Any, ...]:
    return row[time], row["account"], row["instance_id"]


def biographies(connection: Connection, instance_id: str, account: str | None = None) -> list[Row]:
    """All that is known of an instance, once for each account that knows it.

    Rows of `instances` in which `episodes` and `versions` are lists of rows, as are `events` and `field_changes`; all
    in the order of time. Raises UsageError for an unknown instance.
    """
    parts = {
        "episodes": ("instance_episodes", ("episode",)),
        "versions": ("instance_versions", ("valid_from",)),
        "events": ("instance_events", ("occurred_at",)),
        "field_changes": ("instance_field_changes", ("changed_at", "field")),
    }
    found = []
    for name in holders(connection, instance_id, account):
        (row,) = _of_one(connection, "instances", name, instance_id, ())
        for part, (source, order) in parts.items():
            row[part] = _of_one(connection, source, name, instance_id, order)
        if not row["episodes"]:
            raise damaged(f"the instance {instance_id!r} of the account {name!r} has no versions")
        found.append(row)
    return found


def _of_one(connection: Connection, source: str, account: str, instance_id: str, order: Sequence[str]) -> list[Row]:
    view = relation(source)
    query = sa.select(view).where(*_matching(view, account=account, instance_id=instance_id))
    return _rows(connection, query.order_by(*(view.c[name] for name in order)))


def holders(connection: Connection, instance_id: str, account: str | None = None) -> list[str]:
    """The accounts (of all, or of that one) that ever saw the instance. UsageError where none did."""
    names = account_names(connection) if account is None else [account]
    table = relation("instance_state")
    query = sa.select(table.c.account).where(table.c.account.in_(names), *_matching(table, instance_id=instance_id))
    found = list(connection.scalars(query.order_by(table.c.account)))
    if not found:
        where = "this database" if account is None else f"the account {account!r}"
        raise UsageError(f"There is no instance {instance_id!r} in {where}. `inventory list --all` has all.")
    return found


def creators(
    connection: Connection,
    *,
    account: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Row]:
    """Rows of `creators`, by account, the busiest first.

    With a period, from `since` on and before `until`: only what was created in it, and only its share of the hours. Who
    had nothing in it has no row. `live_now` is now in any case.
    """
    try:
        if since is None and until is None:
            view = relation("creators")
            rows = _rows(connection, sa.select(view).where(*_matching(view, account=account)))
        else:
            live = _live_now(connection)
            rows = _creators_within(connection, account, since, until)
            rows = [row | {"live_now": live.get((row["account"], row["creator_user_nickname"]), 0)} for row in rows]
        return sorted(
            rows, key=lambda row: (row["account"], -(row["gpu_hours_low"] or 0), row["creator_user_nickname"] or "")
        )
    except (TypeError, OverflowError) as error:
        raise damaged(f"an episode of which nothing can be counted ({error})") from error


def _live_now(connection: Connection) -> dict[tuple[str, str | None], int]:
    """How many instances of each account and creator are live, as the view `creators` counts them."""
    episodes, state = relation("instance_episodes"), relation("instance_state")
    same = sa.and_(state.c.account == episodes.c.account, state.c.instance_id == episodes.c.instance_id)
    who = episodes.c.account, episodes.c.creator_user_nickname
    query = sa.select(*who, sa.func.count()).select_from(episodes.join(state, same))
    query = query.where(episodes.c.vanished_at.is_(None), state.c.presence == "live").group_by(*who)
    return {(account, creator): number for account, creator, number in connection.execute(query)}


def _creators_within(
    connection: Connection, account: str | None, since: datetime | None, until: datetime | None
) -> list[Row]:
    part = episode_stretches(account)
    query = sa.select(part)
    if since is not None:
        query = query.where(sa.or_(part.c.ended_at > since, part.c.began_at >= since))
    if until is not None:
        query = query.where(part.c.began_at < until)
    found: dict[tuple[str, str | None], Row] = {}
    times: dict[tuple[str, str | None], tuple[timedelta, timedelta | None]] = {}
    for stretch in (row for batch in database.stream(connection, query) for row in batch):
        key = stretch.account, stretch.creator_user_nickname
        row = found.setdefault(key, dict.fromkeys(columns("creators")) | dict.fromkeys(_COUNTED, 0))
        row["account"], row["creator_user_nickname"] = key
        _count_creation(row, stretch, since)
        there = _overlap(stretch, since, until)
        hours, gpu_hours = times.get(key, (timedelta(), None))
        if stretch.gpus_known:
            gpu_hours = (gpu_hours or timedelta()) + there * stretch.gpu_count
        times[key] = hours + there, gpu_hours
    for key, (hours, gpu_hours) in times.items():
        found[key] |= {"hours_low": hours / _HOUR, "gpu_hours_low": None if gpu_hours is None else gpu_hours / _HOUR}
    return list(found.values())


def episode_stretches(account: str | None = None) -> sa.Subquery:
    """Return `instance_episodes` split where type or region changed: `began_at` to `ended_at`, with type and GPU count.

    `gpus_known`: the counts of all stretches of the episode are known, else its GPU hours are not.
    """
    version, view = relation("instance_versions").c, relation("instance_episodes").c
    names = ("account", "instance_id", "episode")
    marked = (
        sa.select(
            *(version[name] for name in (*names, "valid_from", "instance_type", "gpu_count")),
            stretches.begins(version).label("begins"),
        )
        .where(sa.true() if account is None else version.account == clean(account))
        .subquery()
    )
    episode = [marked.c[name] for name in names]
    starts = (
        sa.select(
            *(marked.c[name] for name in (*names, "valid_from", "instance_type", "gpu_count")),
            sa.func.lead(marked.c.valid_from)
            .over(partition_by=episode, order_by=marked.c.valid_from)
            .label("next_from"),
            (
                sa.func.count().over(partition_by=episode)
                == sa.func.count(marked.c.gpu_count).over(partition_by=episode)
            ).label("gpus_known"),
        )
        .where(marked.c.begins)
        .subquery()
    )
    kept = "creator_user_nickname", "appeared_after", "appeared_at", "last_seen_at", "vanished_at"
    episodes = (
        sa.select(*(view[name] for name in (*names, *kept)))
        .where(sa.true() if account is None else view.account == clean(account))
        .cte("episodes")
        .prefix_with("MATERIALIZED")  # else SQLite looks at all episodes for every stretch
    )
    ended_at = sa.func.coalesce(starts.c.next_from, episodes.c.last_seen_at)
    return (
        sa.select(
            episodes,
            *(starts.c[name] for name in ("instance_type", "gpu_count", "gpus_known")),
            starts.c.valid_from.label("began_at"),
            sa.type_coerce(ended_at, UTCDateTime()).label("ended_at"),
        )
        .join(episodes, sa.and_(*(starts.c[name] == episodes.c[name] for name in names)))
        .subquery()
    )


_COUNTED = ("instances_created", "created_before_watch", "live_now")


def _count_creation(row: Row, stretch: sa.Row[Any], since: datetime | None) -> None:
    """Count the instance if this is the first stretch of its first episode, and began in the period."""
    at = stretch.began_at
    if stretch.episode != 1 or at != stretch.appeared_at or (since is not None and at < since):
        return
    if stretch.appeared_after is None:
        row["created_before_watch"] += 1
        return
    row["instances_created"] += 1
    row["first_created_at"] = min(row["first_created_at"] or at, at)
    row["last_created_at"] = max(row["last_created_at"] or at, at)


def _overlap(stretch: sa.Row[Any], since: datetime | None, until: datetime | None) -> timedelta:
    begin: datetime = stretch.began_at if since is None else max(stretch.began_at, since)
    end: datetime = stretch.ended_at if until is None else min(stretch.ended_at, until)
    return max(end - begin, timedelta())


def freshness(connection: Connection, *, account: str | None = None, named: Sequence[str] = ()) -> list[Row]:
    """Rows of `sync_freshness` of the accounts that are not retired, and of `named` ones that the database lacks.

    Raises UsageError if that one account is retired.
    """
    table, view = relation("accounts"), relation("sync_freshness")
    active = sa.select(table.c.account).where(table.c.retired_at.is_(None))
    query = sa.select(view).where(view.c.account.in_(active), *_matching(view, account=account))
    found = _rows(connection, query)
    zeros = dict.fromkeys(("failures_since_complete", "live_instances", "missing_instances"), 0)
    for name in set(named) - set(account_names(connection)):
        found.append(dict.fromkeys(columns("sync_freshness")) | zeros | {"account": name})
    found.sort(key=lambda row: row["account"])
    if account is not None and not found:
        raise UsageError(f"The account {account!r} is retired: it is not synced any more.")
    return found


def why_stale(row: Row, now: datetime, limit: timedelta | None) -> str | None:
    """Why the account of a row of `sync_freshness` is stale, older than `limit` or worse; None where it is not."""
    name = row["account"]
    if row["last_attempt_at"] is not None and row["last_attempt_at"] > now:
        return f"{name}: its last run, at {iso(row['last_attempt_at'])}, lies in the future of the database's clock"
    if row["last_complete_at"] is None:
        return f"{name}: never synced to the end"
    age = now - row["last_complete_at"]
    if limit is not None and age > limit:
        return f"{name}: the last complete run is {brief(age)} old, more than {brief(limit)}"
    return None


def last_runs(connection: Connection) -> list[Row]:
    """`account`, `status` and `error_code` of the last run that has ended, of each account that is not retired."""
    table, runs_ = relation("accounts"), relation("sync_runs")
    last = (  # once an account, by the index of account and time
        sa.select(runs_.c.run_id)
        .where(runs_.c.account == table.c.account, runs_.c.status != "running")
        .order_by(runs_.c.started_at.desc())
        .limit(1)
        .correlate(table)
        .scalar_subquery()
    )
    wanted = sa.select(last).select_from(table).where(table.c.retired_at.is_(None))
    found = relation("sync_runs").alias("found")
    told = sa.select(found.c.account, found.c.status, found.c.error_code)
    return _rows(connection, told.where(found.c.run_id.in_(wanted)))


def held(connection: Connection) -> dict[str, int]:
    """How many instances of each account are held."""
    table, state = relation("accounts"), relation("instance_state")
    number = (  # once an account, by the index of account and presence
        sa.select(sa.func.count())
        .where(state.c.account == table.c.account, state.c.presence == "missing", state.c.held)
        .correlate(table)
        .scalar_subquery()
    )
    rows = connection.execute(sa.select(table.c.account, number.label("number")).select_from(table))
    return {row.account: row.number for row in rows}


def account_names(connection: Connection) -> list[str]:
    """The accounts of the database."""
    table = relation("accounts")
    return list(connection.scalars(sa.select(table.c.account).order_by(table.c.account)))


def beginning(connection: Connection, name: str, column: str, start: str, *, limit: int) -> list[str]:
    """The values of a text column that begin so, in order."""
    values = relation(name).c[column]
    query = sa.select(values).where(values.startswith(start, autoescape=True)).distinct().order_by(values)
    return list(connection.scalars(query.limit(limit)))


def _matching(source: sa.TableClause, **wanted: str | None) -> list[sa.ColumnElement[bool]]:
    """That each column has the value wanted of it; None wants none.

    What no database can store is looked for as what was stored in its place.
    """
    return [source.c[name] == clean(value) for name, value in wanted.items() if value is not None]


def _first(connection: Connection, query: sa.Select[Any]) -> Row | None:
    return next(iter(_rows(connection, query.limit(1))), None)


def _rows(connection: Connection, query: sa.Select[Any]) -> list[Row]:
    return [_plain(row) for row in connection.execute(query)]


def _streamed(connection: Connection, query: sa.Select[Any]) -> Iterator[Row]:
    """Yield the rows at flat memory."""
    for rows in database.stream(connection, query):
        yield from map(_plain, rows)


def _plain(row: sa.Row[Any]) -> Row:
    """Return the row as a dict. Raise DatabaseError for what SQLite lets in and no run has written."""
    plain = dict(zip(row._fields, row, strict=True))
    if bytes in map(type, row):
        raise damaged("bytes where a text or a number belongs")
    if not _is_object(plain.get("extra")):
        raise damaged(f"{plain['extra']!r:.80} where a JSON object belongs")
    return plain


def _is_object(extra: str | None) -> bool:
    try:
        return extra is None or type(json.loads(extra)) is dict
    except (ValueError, TypeError, RecursionError):
        return False


def _type(name: str) -> sa.types.TypeEngine[Any]:
    if name.endswith(_TIMES):
        return UTCDateTime()
    if name in _BOOLEANS:
        return sa.Boolean()
    return JSONText() if name == "extra" else sa.types.NullType()
