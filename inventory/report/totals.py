"""Count the totals of a page whose episodes are too many to be counted in the browser."""

from array import array
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, time
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from inventory.read import relations
from inventory.read.creators import list_creators
from inventory.read.relations import Row
from inventory.report.charts import COLOURS
from inventory.report.values import Numbering, micros, value_of
from inventory.store import database

MAX_POINTS = 700
"""The largest number of evenly spaced times at which the fleet is counted. A chart could hardly show more."""
MOST_CREATORS = 1_000
"""The largest number of creators in a table or chart.

The table of creators keeps those with the most GPU hours, and the chart of lifetimes those with the most episodes.
"""

_MINUTE = 60_000_000  # microseconds
_QUANTILES = {10: "low10", 25: "low25", 50: "low50"}, {50: "high50", 75: "high75", 90: "high90"}


def totals(
    connection: Connection,
    since: datetime | None,
    account: str | None,
    accounts: Sequence[Row],
    creators: Numbering,
) -> dict[str, Any]:
    """Return the figures, charts and tables of the period, counted as the page's script counts them from episodes.

    `kinds` are the names of the most frequent types, and one name for all others if there are more types than COLOURS.
    `fleet` and `hours` have a list for each of these kinds, in the same order.
    """
    view, table = relations.relation("instance_versions"), relations.relation("instance_state")
    made = list_creators(connection, account=account, since=since)
    lives, episodes, ended = _lifetimes(connection, since, account, creators)
    days = _days(connection, since, account)
    kinds = _Kinds(days, _types(connection, since, account))
    live = sa.select(table.c.gpu_count, sa.func.count()).where(table.c.presence == "live", *_of(table, account))
    live_by_size = connection.execute(live.group_by(table.c.gpu_count)).all()
    vanished = sa.select(sa.func.count()).where(view.c.closed_as == "vanished", *_of(view, account))
    if since is not None:
        vanished = vanished.where(view.c.valid_to >= since)
    return {
        "episodes": episodes,
        "ended": ended,
        "figures": {
            "live": sum(count for _, count in live_by_size),
            "gpus": sum((gpus or 0) * count for gpus, count in live_by_size),
            "created": sum(row["instances_created"] for row in made),
            "vanished": connection.scalar(vanished),
            "gpuHours": sum(row["gpu_hours_low"] or 0 for row in made),
        },
        "kinds": kinds.names,
        "fleet": _fleet(connection, since, account, accounts, kinds),
        "hours": _hours(days, kinds),
        "lifetimes": lives,
        "creators": _creators(made, accounts, creators),
        "creators_in_all": len(made),
    }


class _Kinds:
    """The kinds into which the types of a chart are grouped. Each kind has a colour.

    The types are sorted by their frequency in `days`, the most frequent first. Those of `types` that are not in `days`
    come last. Each type is a kind of its own. But if there are more types than COLOURS, the last kind stands for all
    types that have no kind of their own.
    """

    def __init__(self, days: Sequence[sa.Row[Any]], types: Sequence[str | None]) -> None:
        often: dict[str | None, int] = defaultdict(int, dict.fromkeys(types, 0))
        for row in days:
            often[row.instance_type] += row.instances
        order = sorted(often, key=lambda name: (-often[name], name or ""))
        own = order if len(order) <= COLOURS else order[: COLOURS - 1]
        self.numbers = {name: number for number, name in enumerate(own)}
        self.names = ["no type" if name is None else value_of(name) for name in own]
        if len(own) < len(order):
            self.names.append("other types")

    def number(self, type_: str | None) -> int:
        return self.numbers.get(type_, len(self.names) - 1)


def _of(source: sa.TableClause, account: str | None) -> list[sa.ColumnElement[bool]]:
    return [] if account is None else [source.c.account == account]


def _types(connection: Connection, since: datetime | None, account: str | None) -> Sequence[str | None]:
    """Return the types of all versions that `_fleet` counts.

    `_days` may lack one of these types: it counts an instance only until the instance was last seen. `_fleet` may count
    the instance longer: until it is known to be gone.
    """
    view = relations.relation("instance_versions")
    return connection.scalars(
        sa.select(view.c.instance_type).distinct().where(*_of(view, account), *_open_in_period(view, since))
    ).all()


def _open_in_period(view: sa.TableClause, since: datetime | None) -> list[sa.ColumnElement[bool]]:
    """Return the SQL condition for the versions that are open or were closed after `since`."""
    return [] if since is None else [sa.or_(view.c.valid_to.is_(None), view.c.valid_to > since)]


def _days(connection: Connection, since: datetime | None, account: str | None) -> Sequence[sa.Row[Any]]:
    """Return a row for each day and type, sorted by day: `day`, `instance_type`, `instances` and `gpu_hours`."""
    view = relations.relation("fleet_daily")
    day = sa.type_coerce(view.c.day, sa.Date)
    query = sa.select(
        day.label("day"),
        view.c.instance_type,
        sa.func.sum(view.c.instances).label("instances"),
        sa.func.sum(view.c.gpu_hours).label("gpu_hours"),
    ).where(*_of(view, account))
    if since is not None:
        query = query.where(day >= since.date())
    return connection.execute(query.group_by(view.c.day, view.c.instance_type).order_by(view.c.day)).all()


def _hours(days: Sequence[sa.Row[Any]], kinds: _Kinds) -> dict[str, Any]:
    """Return the GPU hours as a dict of two lists.

    `at` holds the start of each day (midnight UTC), in microseconds since 1970. `gpus` holds a list for each kind, with
    the GPU hours of each day.
    """
    at = sorted({row.day for row in days})
    place = {day: number for number, day in enumerate(at)}
    gpus = [[0.0] * len(at) for _ in kinds.names]
    for row in days:
        gpus[kinds.number(row.instance_type)][place[row.day]] += row.gpu_hours or 0
    return {"at": [micros(datetime.combine(day, time(), UTC)) for day in at], "gpus": gpus}


def _fleet(
    connection: Connection,
    since: datetime | None,
    account: str | None,
    accounts: Sequence[Row],
    kinds: _Kinds,
) -> dict[str, Any]:
    """Return the size of the fleet over time as a dict of three lists.

    `at` holds times in microseconds since 1970. `counts` and `gpus` hold a list for each kind, with the number of
    instances or of GPUs at each of these times.
    """
    points = _find_points(connection, since, account, accounts)
    counts, gpus = ([[0] * (len(points) + 1) for _ in kinds.names] for _ in range(2))
    # a retired account is not observed any more: its fleet is shown up to its last complete run
    until = {row["account"]: micros(row["last_complete_at"]) for row in accounts if row["retired_at"] is not None}
    view = relations.relation("instance_versions")
    for column, sign in ((view.c.valid_from, 1), (view.c.valid_to, -1)):
        names = (view.c.account, view.c.instance_type, view.c.gpu_count, column.label("at"))
        query = (
            sa.select(*names, sa.func.count().label("number"))
            .where(column.is_not(None), *_of(view, account), *_open_in_period(view, since))
            .group_by(*names[:3], column)
        )
        for row in (row for batch in database.stream(connection, query) for row in batch):
            kind, size, at = kinds.number(row.instance_type), row.gpu_count or 0, micros(row.at)
            edges = [(at, sign)]
            if row.account in until:  # nothing is shown after that run, so each edge is undone there
                last = until[row.account]
                edges = [] if last is None or at > last else [*edges, (last + 1, -sign)]
            for edge, way in edges:
                place = bisect_left(points, edge)
                counts[kind][place] += way * row.number
                gpus[kind][place] += way * row.number * size
    for sums in (*counts, *gpus):
        for place in range(1, len(sums)):
            sums[place] += sums[place - 1]
        sums.pop()
    return {"at": points, "counts": counts, "gpus": gpus}


def _find_points(
    connection: Connection, since: datetime | None, account: str | None, accounts: Sequence[Row]
) -> list[int]:
    """Return the times at which the fleet is counted, in ascending order, in microseconds since 1970.

    The first time is the first complete run of any account, or `since` if that is later. The last time is the last
    complete run of any account. The times between them are evenly spaced whole minutes, and the starts and ends of
    gaps. The list is empty if no account has a complete run, or if the last one was before `since`.
    """
    known = [row for row in accounts if row["first_complete_at"] is not None]
    if not known:
        return []
    start = micros(min(row["first_complete_at"] for row in known))
    start = max(start, micros(since) if since else start)
    end = micros(max(row["last_complete_at"] for row in known))
    step = -(-(end - start) // MAX_POINTS // _MINUTE) * _MINUTE or _MINUTE
    gaps = relations.relation("sync_gaps")
    query = sa.select(gaps.c.gap_start, gaps.c.gap_end).where(*_of(gaps, account))
    edges = (micros(at) for row in connection.execute(query) for at in row if at is not None)
    grid = range(-(-start // step) * step, end, step)
    return sorted({start, end, *grid, *(at for at in edges if start <= at <= end)}) if start <= end else []


def _lifetimes(
    connection: Connection, since: datetime | None, account: str | None, creators: Numbering
) -> tuple[list[Row], int, int]:
    """Return a tuple with three elements.

    1. A list with a row for each creator, at most MOST_CREATORS. The creator with the most episodes comes first.
    2. The number of all episodes of the period.
    3. The number of those episodes whose start and end are known.

    A row has `who` (the creator's number), `episodes` (how many), `ended` (how many with a known start and end), and
    quantiles under the names in _QUANTILES. Of each `ended` episode, a lower and an upper bound of its hours are known.
    `low...` are quantiles of the lower bounds, `high...` of the upper bounds. All are None if `ended` is 0.
    """
    view = relations.relation("instance_episodes")
    query = sa.select(view.c.creator_user_nickname, view.c.hours_low, view.c.hours_high).where(*_of(view, account))
    if since is not None:
        query = query.where(sa.or_(view.c.last_seen_at > since, view.c.appeared_at >= since))
    episodes: Counter[str | None] = Counter()
    lows: dict[str | None, array[float]] = defaultdict(lambda: array("d"))
    highs: dict[str | None, array[float]] = defaultdict(lambda: array("d"))
    for row in (row for batch in database.stream(connection, query) for row in batch):
        episodes[row.creator_user_nickname] += 1
        if row.hours_high is not None:
            lows[row.creator_user_nickname].append(row.hours_low)
            highs[row.creator_user_nickname].append(row.hours_high)
    ended = sum(map(len, lows.values()))
    rows = []
    for creator, number in episodes.most_common(MOST_CREATORS):
        life: Row = {"who": creators.number(creator), "episodes": number, "ended": len(lows[creator])}
        for bounds, names in zip((lows, highs), _QUANTILES, strict=True):
            ordered = sorted(bounds[creator])
            life |= {name: _quantile(ordered, percent / 100) for percent, name in names.items()}
        rows.append(life)
    return rows, episodes.total(), ended


def _quantile(ordered: Sequence[float], part: float) -> float | None:
    """Return the quantile at `part` (0 to 1) of numbers in ascending order; None if there are no numbers.

    A quantile between two numbers is interpolated, as in the page's script.
    """
    if not ordered:
        return None
    low, rest = divmod(part * (len(ordered) - 1), 1)
    value = ordered[int(low)]
    return value + rest * (ordered[min(int(low) + 1, len(ordered) - 1)] - value)


def _creators(made: Sequence[Row], accounts: Sequence[Row], creators: Numbering) -> list[Row]:
    """Return at most MOST_CREATORS rows of `list_creators`, sorted by GPU hours, the most first.

    The keys are renamed as the page's script needs them. Accounts and creators are numbers. Times are in microseconds
    since 1970.
    """
    numbers = {row["account"]: number for number, row in enumerate(accounts)}
    busiest = sorted(made, key=lambda row: (-(row["gpu_hours_low"] or 0), -row["hours_low"]))
    return [
        {
            "account": numbers[row["account"]],
            "who": creators.number(row["creator_user_nickname"]),
            "created": row["instances_created"],
            "before": row["created_before_watch"],
            "live": row["live_now"],
            "first": micros(row["first_created_at"]),
            "last": micros(row["last_created_at"]),
            "hours": row["hours_low"],
            "gpuHours": row["gpu_hours_low"],
        }
        for row in busiest[:MOST_CREATORS]
    ]
