"""Count the instances of each creator and their hours, over all time or within a period."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from inventory.read.relations import Row, columns, matching, read_rows, relation
from inventory.record import clean
from inventory.store import database, stretches
from inventory.store.tables import UTCDateTime, damaged

_HOUR = timedelta(hours=1)


_COUNTED = ("instances_created", "created_before_watch", "live_now")


def list_creators(
    connection: Connection,
    *,
    account: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Row]:
    """Return rows of `creators`, sorted by account, then by `gpu_hours_low`, the highest first.

    `since` (included) and `until` (excluded) limit the counting to a period. Then a row counts only the instances that
    were created in the period, and only the hours in it. A creator who had no instance in the period has no row.
    `live_now` does not depend on the period. Raise DatabaseError if the values of an episode cannot be counted.
    """
    try:
        if since is None and until is None:
            view = relation("creators")
            rows = read_rows(connection, sa.select(view).where(*matching(view, account=account)))
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
    """Return a dict from (account, creator) to the number of live instances, counted as in the view `creators`."""
    episodes, state = relation("instance_episodes"), relation("instance_state")
    same = sa.and_(state.c.account == episodes.c.account, state.c.instance_id == episodes.c.instance_id)
    who = episodes.c.account, episodes.c.creator_user_nickname
    query = sa.select(*who, sa.func.count()).select_from(episodes.join(state, same))
    query = query.where(episodes.c.vanished_at.is_(None), state.c.presence == "live").group_by(*who)
    return {(account, creator): number for account, creator, number in connection.execute(query)}


def _creators_within(
    connection: Connection, account: str | None, since: datetime | None, until: datetime | None
) -> list[Row]:
    part = episode_stretches(account, since)
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


def episode_stretches(account: str | None = None, since: datetime | None = None) -> sa.Subquery:
    """Return a subquery with a row for each stretch: a part of an episode in which type and region stayed the same.

    A row has `account`, `instance_id` and `episode`. Of the episode it has `creator_user_nickname`, `appeared_after`,
    `appeared_at`, `last_seen_at` and `vanished_at`. Of the stretch it has `instance_type`, `gpu_count`, `began_at` and
    `ended_at`. The last stretch of an episode ends when the instance was last seen. `gpus_known` is true if the GPU
    count of every stretch of the episode is known; otherwise the GPU hours of the episode are unknown. With `account`,
    the rows are of this account only. With `since`, there are no rows of episodes that vanished before this time.
    """
    version, view = relation("instance_versions").c, relation("instance_episodes").c
    names = ("account", "instance_id", "episode")
    marked = (
        sa.select(
            *(version[name] for name in (*names, "valid_from", "instance_type", "gpu_count")),
            stretches.begins(version).label("begins"),
        )
        .where(stretches.MAY_BEGIN, sa.true() if account is None else version.account == clean(account))
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
        .where(sa.true() if since is None else sa.or_(view.vanished_at.is_(None), view.vanished_at >= since))
        .cte("episodes")
        .prefix_with("MATERIALIZED")  # otherwise SQLite reads all episodes again for every stretch
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


def _count_creation(row: Row, stretch: sa.Row[Any], since: datetime | None) -> None:
    """Count the stretch's instance in `row` if its first episode begins with this stretch, at `since` or later.

    If the instance was first seen by the account's first complete run or earlier, count it in `created_before_watch`.
    Otherwise count it in `instances_created`, and update `first_created_at` and `last_created_at`.
    """
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
