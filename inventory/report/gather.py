"""Read the data of a page. The episodes are compact: they are stored in columns, with each time and text only once.

Times are whole microseconds since 1970. JavaScript's numbers hold them exactly, because they are below 2^53.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from inventory.read import queries, relations
from inventory.read.acts import acts, describe_act
from inventory.read.creators import episode_stretches
from inventory.read.relations import Row
from inventory.read.render import printable
from inventory.report.totals import totals
from inventory.report.values import Numbering, micros, value_of
from inventory.store import database

MOST_STRETCHES = 200_000
"""The largest number of stretches in a page. A page with more would open too slowly, so it holds only totals."""
NEWEST_CHANGES = 500
NEWEST_ACTS = 500
_FIRST, _LIVE, _LAST, _KNOWN = 1, 2, 4, 8
"""Flags of a row of an episode.

_FIRST: this is the first row of an instance's first episode. _LIVE: this is the last row of an instance that is live.
_LAST: this is the last row of its episode. _KNOWN: all GPU counts of the episode are known.
"""

CHANGE = ("occurred_at", "event", "instance_id", "instance_type", "region", "status", "creator_user_nickname")


def gather(
    connection: Connection, *, written_at: datetime, since: datetime | None = None, account: str | None = None
) -> dict[str, Any]:
    """Return the data of the page as JSON values: all accounts or only `account`, from `since` on.

    In the result, `begins` is the start of the period; null means the whole history. One of `episodes` and `totals` is
    null. If the episodes have more than MOST_STRETCHES stretches, `totals` is used, and the period begins at midnight
    (UTC), because GPU hours are counted by day. `changes` and `acts` are the newest ones of the period.
    """
    accounts = _accounts(connection, account)
    numbers = {row["account"]: number for number, row in enumerate(accounts)}
    creators = Numbering()
    episodes = counted = None
    if _has_too_many_stretches(connection, since, account):
        since = since and since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        counted = totals(connection, since, account, accounts, creators)
    else:
        episodes = _episodes(connection, since, account, numbers, creators)
    return {
        "written": micros(written_at),
        "begins": micros(since),
        "accounts": [{name: value_of(value) for name, value in row.items()} for row in accounts],
        "creators": [value_of(name) for name in creators.numbers],
        "episodes": episodes,
        "totals": counted,
        "observed": _observed(connection, since, written_at, accounts),
        "gaps": _gaps(connection, since, account, numbers),
        "changes": _changes(connection, since, account, numbers),
        "acts": _acts(connection, since, account, numbers),
    }


def shown(data: dict[str, Any]) -> int:
    """Return the number of episodes in the data that `gather` returned."""
    if data["totals"]:
        return int(data["totals"]["episodes"])
    return sum(1 for flags in data["episodes"]["flags"] if flags & _LAST)


def _has_too_many_stretches(connection: Connection, since: datetime | None, account: str | None) -> bool:
    """Return whether the period has more than MOST_STRETCHES stretches.

    Episodes are counted first, which is faster. Too many episodes have too many stretches: each has at least one.
    """
    view, part = relations.relation("instance_episodes"), episode_stretches(account, since)
    episodes = sa.select(view.c.episode).where(sa.true() if account is None else view.c.account == account)
    if since is not None:
        episodes = episodes.where(sa.or_(view.c.vanished_at.is_(None), view.c.vanished_at >= since))
    stretches = sa.select(part.c.episode).where(*_within(part, since))
    counts = (
        sa.select(sa.func.count()).select_from(query.limit(MOST_STRETCHES + 1).subquery())
        for query in (episodes, stretches)
    )
    return any((connection.scalar(count) or 0) > MOST_STRETCHES for count in counts)


def _within(part: sa.Subquery, since: datetime | None) -> list[sa.ColumnElement[bool]]:
    """Return the SQL conditions for the stretches that lie at least partly in the period from `since` on.

    The last stretch of an episode ends when the instance was last seen. It is included even if it ends before the
    period, unless the instance vanished before the period. If it has no length, the stretch before it is included too.
    """
    if since is None:
        return []
    not_gone = sa.or_(part.c.vanished_at.is_(None), part.c.vanished_at >= since)
    is_last = part.c.ended_at == part.c.last_seen_at
    return [sa.or_(part.c.ended_at > since, sa.and_(is_last, not_gone))]


def _accounts(connection: Connection, account: str | None) -> list[Row]:
    """Return the rows of `sync_freshness`, sorted by account, with `retired_at` and `first_complete_at` added.

    Retired accounts are included.
    """
    view, table, runs = (relations.relation(name) for name in ("sync_freshness", "accounts", "sync_runs"))
    begun = sa.select(runs.c.account, sa.func.min(runs.c.started_at).label("first_complete_at"))
    first = begun.where(runs.c.complete).group_by(runs.c.account).subquery()
    query = sa.select(view, table.c.retired_at, first.c.first_complete_at).select_from(
        view.join(table, table.c.account == view.c.account).outerjoin(first, first.c.account == view.c.account)
    )
    if account is not None:
        query = query.where(view.c.account == account)
    return [dict(row) for row in connection.execute(query.order_by(view.c.account)).mappings()]


def _episodes(
    connection: Connection,
    since: datetime | None,
    account: str | None,
    numbers: dict[str, int],
    creators: Numbering,
) -> Row:
    """Return the episodes of the period as columns, each a list of integers. The rows are sorted by `began`.

    An episode has a row for each unbroken time in which the instance had the same type. `times` holds all times in
    order, in microseconds, each as the difference from the time before it. Five columns stand for times. They do not
    hold the times, but differences of indexes in `times`. In the formulas below, a name means the index of its time:

    - `began`: the start of the row. The column holds `began` - `began` of the previous row; in the first row, `began`.
    - `appeared`: the start of the episode. The column holds `began` - `appeared`.
    - `after`: the last complete run before the episode. The column holds `appeared` - `after`; 0 means null.
    - `seen`: the start of the episode's next row; in the last row, when the instance was last seen. The column holds
      `seen` - `began`.
    - `gone`: when the instance vanished; null in all rows but the last. The column holds `gone` - `seen`; 0 means null.

    `account`, `creator` and `type` are indexes into the lists of accounts, creators and `types`. A type is [name,
    number of GPUs]. `flags` are the bits _FIRST, _LIVE, _LAST and _KNOWN.
    """
    part, state = episode_stretches(account, since), relations.relation("instance_state")
    same = sa.and_(state.c.account == part.c.account, state.c.instance_id == part.c.instance_id)
    query = (
        sa.select(part, state.c.presence)
        .outerjoin(state, same)
        .where(*_within(part, since))
        .order_by(part.c.account, part.c.instance_id, part.c.began_at)
    )
    times, types = Numbering(), Numbering()

    def index(time: datetime | None) -> int | None:
        return None if time is None else times.number(time)

    rows: list[list[Any]] = []  # numbers of times, not times, because many are the same
    before: Any = None
    for stretch in (row for batch in database.stream(connection, query) for row in batch):
        type_ = types.number((stretch.instance_type, stretch.gpu_count))
        is_same = before is not None and all(
            getattr(stretch, name) == getattr(before, name) for name in ("account", "instance_id", "episode")
        )
        if is_same and type_ == rows[-1][-2]:  # only the region has changed
            began = rows.pop()[0]
        else:
            began = index(stretch.began_at)
            if is_same:
                rows[-1][4] = None
                rows[-1][-1] &= ~(_LAST | _LIVE)
        before = stretch
        is_live = stretch.vanished_at is None and stretch.presence == "live"
        rows.append(
            [
                began,
                index(stretch.appeared_at),
                index(stretch.appeared_after),
                index(stretch.ended_at),
                index(stretch.vanished_at),
                numbers[stretch.account],
                creators.number(stretch.creator_user_nickname),
                type_,
                (_FIRST if stretch.episode == 1 and began == index(stretch.appeared_at) else 0)
                | (_LIVE if is_live else 0)
                | _LAST
                | (_KNOWN if stretch.gpus_known else 0),
            ]
        )
    order = sorted(times.numbers)
    place = {times.number(time): rank for rank, time in enumerate(order)}
    rows.sort(key=lambda row: place[row[0]])
    columns: dict[str, list[int]] = {
        name: [] for name in ("began", "appeared", "after", "seen", "gone", "account", "creator", "type", "flags")
    }
    last = 0
    for began, appeared, after, seen, gone, *others in rows:
        at, first, end = place[began], place[appeared], place[seen]
        row = (
            at - last, at - first, 0 if after is None else first - place[after], end - at,
            0 if gone is None else place[gone] - end, *others,
        )  # fmt: skip
        for column, number in zip(columns.values(), row, strict=True):
            column.append(number)
        last = at
    return columns | {
        "times": _differences([micros(time) for time in order]),
        "types": [[value_of(name), gpus] for name, gpus in types.numbers],
    }


def _observed(
    connection: Connection, since: datetime | None, written_at: datetime, accounts: list[Row]
) -> list[list[Any]]:
    """Return how much of each month was observed: a row for each month and account, the newest month first.

    A row is [account number, begin, end, observed seconds, longest interval in seconds, complete runs, failed runs].
    A row is about the time from `begin` to `end`. `begin` is the later of two times: the account's first complete run,
    and the start of the month's first day (UTC) in the view `observation_daily`. `end` is the earliest of three times:
    the end of the month, the time at which the account was retired, and the time at which the page was written. With
    `since`, the days (UTC) before the day of `since` are left out.
    """
    view, calendar = relations.relation("observation_daily"), relations.relation("calendar")
    day, month_of = sa.type_coerce(view.c.day, sa.Date), sa.type_coerce(calendar.c.month, sa.Date)
    sums = (view.c.observed_seconds, view.c.complete_runs, view.c.failed_runs)
    query = sa.select(
        view.c.account, month_of, sa.func.min(day), sa.func.max(view.c.longest_interval_seconds),
        *map(sa.func.sum, sums),
    ).join_from(view, calendar, calendar.c.day == view.c.day)  # fmt: skip
    if since is not None:
        query = query.where(day >= since.astimezone(UTC).date())
    found = {}
    for name, month, first, longest, *counted in connection.execute(query.group_by(view.c.account, calendar.c.month)):
        found[month, name] = first, longest, counted
    rows = []
    for (month, name), (first, longest, (seconds, complete, failed)) in sorted(found.items(), reverse=True):
        for number, row in enumerate(accounts):
            if row["account"] == name:
                begin = max(_midnight(first), row["first_complete_at"])
                end = min(_midnight((month + timedelta(days=31)).replace(day=1)), row["retired_at"] or written_at)
                rows.append([number, micros(begin), micros(max(begin, end)), seconds, longest, complete, failed])
    return rows


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _gaps(
    connection: Connection, since: datetime | None, account: str | None, numbers: dict[str, int]
) -> list[list[Any]]:
    """Return [account number, start, end (None if open), failed runs] for each gap of the period, sorted by start."""
    view = relations.relation("sync_gaps")
    query = sa.select(view)
    if account is not None:
        query = query.where(view.c.account == account)
    if since is not None:
        query = query.where(sa.or_(view.c.gap_end.is_(None), view.c.gap_end > since))
    return [
        [numbers[row.account], micros(row.gap_start), micros(row.gap_end), row.failed_runs]
        for row in connection.execute(query.order_by(view.c.gap_start, view.c.account))
    ]


def _changes(
    connection: Connection, since: datetime | None, account: str | None, numbers: dict[str, int]
) -> list[list[Any]]:
    """Return the newest events of the period as lists, the newest first, at most NEWEST_CHANGES.

    A list has the account number, the values of the columns in CHANGE, and a list that has [field, old value, new
    value] for each field that changed.
    """
    rows = list(queries.events(connection, account=account, since=since, limit=NEWEST_CHANGES))
    return [
        [
            numbers[row["account"]],
            *(value_of(row[name]) for name in CHANGE),
            [[value_of(part[name]) for name in ("field", "old_value", "new_value")] for part in row["fields"]],
        ]
        for row in queries.with_fields(connection, rows)
    ]


def _acts(
    connection: Connection, since: datetime | None, account: str | None, numbers: dict[str, int]
) -> list[list[Any]]:
    """Return at most NEWEST_ACTS acts, newest first: [account number, time, action, what was done, actor, reason]."""
    return [
        [
            numbers[row["account"]],
            micros(row["occurred_at"]),
            *(text and printable(text) for text in (row["action"], describe_act(row), row["actor"], row["reason"])),
        ]
        for row in acts(connection, account=account, since=since, limit=NEWEST_ACTS)
    ]


def _differences(numbers: Sequence[int]) -> list[int]:
    """Return the difference of each number from the number before it; the first number stays as it is."""
    return [number - before for before, number in pairwise([0, *numbers])]
