"""How far each account's history was exported, and which months of which relation may have changed since."""

from collections.abc import Mapping
from datetime import datetime
from itertools import product
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping
from sqlalchemy.sql.elements import ColumnElement

from inventory.errors import UsageError
from inventory.export.manifest import Position
from inventory.export.relations import month_of, month_start
from inventory.history.merkle_log.entries import iso_microseconds
from inventory.history.merkle_log.hashes import read_entry_hashes
from inventory.merkle import Frontier
from inventory.store import database
from inventory.store.columns import GROWS_BY
from inventory.store.tables import accounts, instance_state, instance_versions, operator_actions, sync_runs

Months = set[str]

ACTS_ON_ALL = ("prune", "rename", "retire")
"""The acts after which the next export writes every file again."""

SINCE_LAST_RUN = ("fleet_daily", "observation_daily", "sync_gaps")
"""The relations whose recent months are always exported again, up to the present month.

A later run may change any row of these months. In `observation_daily` and `sync_gaps`, the passing of time alone adds
or changes rows too. The first of these months is that of the earliest `Position.since` of all accounts. If an account
was retired at the last export, its `Position.since` does not count. For an account that was added since the last
export, the time at which it was added counts instead.
"""


NOTHING = Position(None, 0, None, 0, "0001-01-03T00:00:00.000000Z")
"""The position of an account of which nothing was exported."""


def read_positions(connection: Connection) -> dict[str, Position]:
    """Return the present position of each account, by the name of the account."""
    run, state, found = sync_runs.c, instance_state.c, {}
    for row in connection.execute(sa.select(accounts).order_by(accounts.c.account)).mappings():
        own = run.account == row["account"]
        ended = sa.select(sa.func.max(run.run_id)).where(own, run.status != "running")
        complete = sa.select(sa.func.max(run.started_at)).where(own, run.complete)
        absent = sa.select(sa.func.min(state.missing_since)).where(state.account == row["account"])
        times = [time for time in (connection.scalar(complete), connection.scalar(absent)) if time is not None]
        size, hashes = row["log_size"] or 0, row["log_frontier"] or b""
        found[row["account"]] = Position(
            log_id=row["log_id"],
            log_size=size,
            root=Frontier(size, hashes).root().hex() if size else None,
            last_run_id=connection.scalar(ended) or 0,
            since=iso_microseconds(min(times, default=row["created_at"])),
            retired=row["retired_at"] is not None,
        )
    return found


def touched_months(connection: Connection, before: Mapping[str, Position]) -> dict[str, Months] | None:
    """Return a dict from the name of each relation to the months whose rows may have changed since an export.

    The relations are those of GROWS_BY. A month is a text like `2026-03`. `before` holds the positions that the export
    recorded, by the name of the account. Return None if the rows of every month may have changed, or if an account had
    no log at the export. Raise UsageError if an account had a log at the export, but no log of the database begins with
    the same entries.
    """
    rows = connection.execute(sa.select(accounts).order_by(accounts.c.account)).mappings().all()
    now = {row["account"]: row for row in rows}
    all_months = False
    for name, position in before.items():
        if position.log_id is None:  # nothing shows that this is the same history
            all_months = True
            continue
        row = next((each for each in rows if each["log_id"] == position.log_id), now.get(name))
        if row is None or not _continues(connection, row, position):
            raise UsageError(
                f"The folder holds an export of another history of account {name}, or of a newer one. "
                "Name another folder for this database."
            )
        all_months = all_months or row["account"] != name or _has_act(connection, name, position)
    if all_months:
        return None
    touched: dict[str, Months] = {name: set() for name in GROWS_BY}
    for name, row in now.items():
        position = before.get(name, NOTHING)
        _add(connection, touched, name, position)
        if position.retired and row["retired_at"] is None:
            return None
    this_month = month_of(database.now(connection).date())
    starts = [position.since for position in before.values() if not position.retired]
    starts += [iso_microseconds(row["created_at"]) for name, row in now.items() if name not in before]
    for start, name in product(starts, SINCE_LAST_RUN):
        touched[name] |= _all_from(start[:7], this_month)
    return touched


def _continues(connection: Connection, row: RowMapping, position: Position) -> bool:
    """Return whether the log of the account's row still begins with the entries that were there at a position.

    The position must have a log.
    """
    if row["log_id"] != position.log_id or row["log_size"] < position.log_size:
        return False
    tree = Frontier()
    for _, hash_ in read_entry_hashes(connection, {**row}, 0, position.log_size):
        tree.append(hash_)
    return (tree.size, tree.root().hex()) == (position.log_size, position.root)


def _has_act(connection: Connection, account: str, position: Position) -> bool:
    act = operator_actions.c
    query = sa.select(act.action_id).where(
        act.account == account, act.log_index >= position.log_size, act.action.in_(ACTS_ON_ALL)
    )
    return connection.execute(query.limit(1)).first() is not None


def _add(connection: Connection, touched: dict[str, Months], account: str, position: Position) -> None:
    """Add to `touched`, by relation, the months in which rows of an account may have changed since a position."""
    run, act = sync_runs.c, operator_actions.c
    version, first = instance_versions.c, instance_versions.alias("first").c
    own = version.account == account
    since = datetime.fromisoformat(position.since)
    recent, ended = version.valid_from >= since, version.valid_to >= since
    opened = sa.and_(own, recent, version.opened_by_run_id > position.last_run_id)
    closed = sa.and_(own, ended, version.closed_log_index >= position.log_size)
    if position.log_id is None:  # a version closed before the log began has no entry
        later = sa.or_(version.closed_by_run_id > position.last_run_id, version.closed_log_index.is_not(None))
        closed = sa.and_(own, later)
    vanished = sa.and_(closed, version.closed_as == "vanished")

    def months(column: ColumnElement[Any], *where: ColumnElement[bool]) -> Months:
        text = (
            sa.func.substr(sa.type_coerce(column, sa.Text), 1, 7)
            if database.is_sqlite(connection)
            else sa.func.to_char(sa.func.timezone("UTC", column), "YYYY-MM")
        )
        return {*connection.scalars(sa.select(text).where(*where).distinct())}

    same_episode = (first.account == version.account, first.instance_id == version.instance_id)
    episode = (*same_episode, first.episode == version.episode, first.opened_as != "changed")
    touched["sync_runs"] |= months(run.started_at, run.account == account, run.run_id > position.last_run_id)
    touched["sync_runs"] |= months(version.valid_to, vanished)
    touched["operator_actions"] |= months(act.occurred_at, act.account == account, act.log_index >= position.log_size)
    touched["instance_versions"] |= months(version.valid_from, opened) | months(version.valid_from, closed)
    touched["instance_events"] |= months(version.valid_from, opened) | months(version.valid_to, vanished)
    touched["instance_field_changes"] |= months(version.valid_from, opened)
    for changed in (opened, closed, sa.and_(own, version.valid_to.is_(None))):
        touched["instance_episodes"] |= months(first.valid_from, changed, *episode)
    for name in SINCE_LAST_RUN:
        for column in (version.valid_from, version.valid_to):
            touched[name] |= months(column, opened if column is version.valid_from else closed)
        touched[name] |= months(version.last_seen_at, vanished)
        touched[name] |= months(run.started_at, run.account == account, run.run_id > position.last_run_id)


def _all_from(first: str, last: str) -> Months:
    months: Months = set()
    while first <= last:
        months.add(first)
        first = month_of(month_start(first, after=1))
    return months
