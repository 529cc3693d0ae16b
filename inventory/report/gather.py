"""What a page shows, read in one snapshot and made compact: JSON of columns, strings and times told once.

Times are whole microseconds since 1970, exact in JavaScript, where a number holds integers up to 2^53.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from inventory import database, queries
from inventory.queries import Row
from inventory.render import printable

MOST_EPISODES = 200_000
"""Of more the page would be too slow to open; its period then begins where the last so many do."""
NEWEST_CHANGES = 500
LONGEST = 200
"""Characters: a longer string from the API is cut in the page."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_EPISODE = (
    "account", "instance_id", "episode", "creator_user_nickname", "instance_type", "gpu_count", "appeared_after",
    "appeared_at", "last_seen_at", "vanished_at",
)  # fmt: skip


CHANGE = ("occurred_at", "event", "instance_id", "instance_type", "region", "status", "creator_user_nickname")


@dataclass
class Words:
    """Things by number, in the order in which they came."""

    numbers: dict[Any, int] = field(default_factory=dict)

    def number(self, word: Any) -> int:
        """The word's number, a new one where it is new."""
        return self.numbers.setdefault(word, len(self.numbers))


def gather(
    connection: Connection, *, written_at: datetime, since: datetime | None = None, account: str | None = None
) -> dict[str, Any]:
    """All that the page shows of the accounts (or that one), from `since` on, as JSON values.

    `begins` is the beginning of its period; null: that of the record. `cut`: it is later than was asked for, since the
    page would hold more than MOST_EPISODES.
    """
    begins, cut = since, False
    if (earliest := _beginning_of_the_last(connection, MOST_EPISODES, since, account)) is not None:
        begins, cut = earliest, True
    accounts = _accounts(connection, account)
    numbers = {row["account"]: number for number, row in enumerate(accounts)}
    return {
        "written": micros(written_at),
        "begins": micros(begins),
        "cut": cut,
        "accounts": [{name: _value(value) for name, value in row.items()} for row in accounts],
        "episodes": _episodes(connection, begins, account, numbers),
        "gaps": _gaps(connection, begins, account, numbers),
        "changes": _changes(connection, begins, account, numbers),
    }


def micros(time: datetime | None) -> int | None:
    """Microseconds since 1970; None of None."""
    return None if time is None else (time - _EPOCH) // _MICROSECOND


def _beginning_of_the_last(
    connection: Connection, most: int, since: datetime | None, account: str | None
) -> datetime | None:
    """The time after which no more than so many episodes were seen; None where there are no more at all."""
    view = queries.relation("instance_episodes")
    query = sa.select(view.c.last_seen_at).where(*_within(view, since, account))
    found: datetime | None = connection.scalar(query.order_by(view.c.last_seen_at.desc()).offset(most).limit(1))
    return found


def _within(view: sa.TableClause, since: datetime | None, account: str | None) -> list[sa.ColumnElement[bool]]:
    """The episodes of the account with a part in the period, as `queries.creators` sees it."""
    wanted = [] if account is None else [view.c.account == account]
    if since is not None:
        wanted.append(sa.or_(view.c.last_seen_at > since, view.c.appeared_at >= since, view.c.vanished_at >= since))
    return wanted


def _accounts(connection: Connection, account: str | None) -> list[Row]:
    """Rows of `sync_freshness`, also of the retired, each with `retired_at` and `first_complete_at`."""
    view, table, runs = (queries.relation(name) for name in ("sync_freshness", "accounts", "sync_runs"))
    begun = sa.select(runs.c.account, sa.func.min(runs.c.started_at).label("first_complete_at"))
    first = begun.where(runs.c.complete).group_by(runs.c.account).subquery()
    query = sa.select(view, table.c.retired_at, first.c.first_complete_at).select_from(
        view.join(table, table.c.account == view.c.account).outerjoin(first, first.c.account == view.c.account)
    )
    if account is not None:
        query = query.where(view.c.account == account)
    return [dict(row) for row in connection.execute(query.order_by(view.c.account)).mappings()]


def _episodes(connection: Connection, since: datetime | None, account: str | None, numbers: dict[str, int]) -> Row:
    """Columns of `instance_episodes` in the order of appearance, each a list of numbers.

    `appeared` counts on from the episode before. `after` is back from there (0: null), `seen` on from there, `gone` on
    from `seen` (0: null); all of them places in `times`, which counts on too. `first`: it is the instance's first one.
    `live`: as presence has it.
    """
    view = queries.relation("instance_episodes")
    query = sa.select(*(view.c[name] for name in _EPISODE)).where(*_within(view, since, account))
    missing = {(row["account"], row["instance_id"]) for row in queries.instances(connection, presence="missing")}
    creators, types = Words(), Words()
    rows: list[tuple[Any, ...]] = []
    for episode in (row for batch in database.stream(connection, query) for row in batch):
        live = episode.vanished_at is None and (episode.account, episode.instance_id) not in missing
        rows.append(
            (
                micros(episode.appeared_at),
                micros(episode.appeared_after),
                micros(episode.last_seen_at),
                micros(episode.vanished_at),
                numbers[episode.account],
                creators.number(episode.creator_user_nickname),
                types.number((episode.instance_type, episode.gpu_count)),
                (1 if episode.episode == 1 else 0) + (2 if live else 0),
            )
        )
    rows.sort(key=itemgetter(0))
    times = sorted({time for row in rows for time in row[:4] if time is not None})
    place = {time: number for number, time in enumerate(times)}
    columns: dict[str, list[int]] = {
        name: [] for name in ("appeared", "after", "seen", "gone", "account", "creator", "type", "flags")
    }
    before = 0
    for appeared, after, seen, gone, *others in rows:
        at, last = place[appeared], place[seen]
        row = (
            at - before,
            0 if after is None else at - place[after],
            last - at,
            0 if gone is None else place[gone] - last,
            *others,
        )
        for column, number in zip(columns.values(), row, strict=True):
            column.append(number)
        before = at
    return columns | {
        "times": _counted_on(times),
        "creators": [_value(name) for name in creators.numbers],
        "types": [[_value(name), gpus] for name, gpus in types.numbers],
    }


def _gaps(
    connection: Connection, since: datetime | None, account: str | None, numbers: dict[str, int]
) -> list[list[Any]]:
    """The account's number, `gap_start`, `gap_end`, `failed_runs` of every gap with a part in the period, by time."""
    view = queries.relation("sync_gaps")
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
    """The newest events as CHANGE has their columns, `fields` being lists of field, old and new value."""
    rows = queries.events(connection, account=account, since=since, limit=NEWEST_CHANGES)
    return [
        [
            numbers[row["account"]],
            *(_value(row[name]) for name in CHANGE),
            [[_value(part[name]) for name in ("field", "old_value", "new_value")] for part in row["fields"]],
        ]
        for row in queries.with_fields(connection, rows)
    ]


def _counted_on(numbers: Sequence[int]) -> list[int]:
    """Each number less the one before it."""
    return [number - before for before, number in pairwise([0, *numbers])]


def _value(value: Any) -> Any:
    """A time in microseconds; a string without characters that act, and of at most LONGEST; else as it is."""
    if isinstance(value, datetime):
        return micros(value)
    if not isinstance(value, str):
        return value
    text = printable(value[: LONGEST + 1])
    return f"{text[:LONGEST]}…" if len(text) > LONGEST else text
