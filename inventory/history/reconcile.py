"""Reconcile the database with what a run saw: plan the difference in batches, and write it.

`plan` reads and computes, and writes nothing into the database. `apply` writes one planned step. `insert_newcomers`
writes all newcomers without planning them. The module `difference` computes the rows of a single instance.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import Enum, auto
from itertools import chain
from typing import Any, Self, cast

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.types import NullType

from inventory.history.difference import (
    count_events,
    last_seen_run,
    open_episode,
    payload_columns,
    record_missing,
    record_seen,
    record_vanished,
)
from inventory.history.merkle_log.entries import OPENED, leaf_content, opening_head
from inventory.history.step import RunStamp, SeenInstance, State, Step
from inventory.merkle import hash_leaf, root_of
from inventory.record import PAYLOAD, Record, tracker
from inventory.spool import NEWCOMERS, Known, Spool, digest_fleet
from inventory.store import bulk, database, indexes
from inventory.store.database import BATCH, batches
from inventory.store.tables import instance_state, instance_versions, sync_runs

PLANNED = 500
"""The number of instances that are planned and written together. Each takes 6 kB of memory until it is written."""


class Absent(Enum):
    """The treatment of the instances that a run did not see."""

    UNTOUCHED = auto()
    """They stay as they are, because the walk was not complete (`incomplete-walk-removes-nothing`)."""
    SETTLED = auto()
    """The instances that are proven gone vanish; the others become missing (`absence-is-proven`)."""
    HELD = auto()
    """The instances that are proven gone become missing and held; the others become missing (`brake`)."""

    @classmethod
    def after(cls, *, complete: bool, brake: bool) -> Self:
        """Return the treatment after a walk. `complete`: the walk was complete. `brake`: the brake applies."""
        if not complete:
            return cls.UNTOUCHED
        return cls.HELD if brake else cls.SETTLED


# -- read


def stream_known(connection: Connection, account: str, only: Iterable[str] | None = None) -> Iterator[Known]:
    """Yield what `Spool.learn` needs of each live or missing instance of the account.

    The instances come in the order of their ids, by the bytes of the ids in UTF-8. With `only`, yield just the
    instances with these ids. The ids must come in the same order.
    """
    state = instance_state.c
    columns = (
        state.instance_id,
        state.row_hash,
        state.version_hash,
        state.ignored,
        state.presence,
        state.held,
        state.unlisted_runs,
    )
    statement: Any = (
        sa.select(*(sa.type_coerce(column, NullType()) for column in columns))  # unconverted, for speed
        .where(state.account == account, state.presence.in_(("live", "missing")))
        .order_by(database.by_bytes(connection, state.instance_id))
    )
    if only is None:
        for rows in database.stream(connection, statement):
            yield from cast("Sequence[Known]", rows)
        return
    for ids in batches(only):
        some = statement.where(database.among(connection, state.instance_id, ids))
        yield from cast("Sequence[Known]", connection.execute(some).all())


def fleet_digest(connection: Connection, account: str) -> str:
    """Return the fleet digest in hex, computed from the live instances in the database.

    It equals what `Spool.fleet_digest` returns after a run that saw every live instance.
    """
    state = instance_state.c
    statement = (
        sa.select(state.instance_id, sa.type_coerce(state.version_hash, NullType()))
        .where(state.account == account, state.presence == "live")
        .order_by(database.by_bytes(connection, state.instance_id))
    )
    return digest_fleet(database.stream(connection, statement))


def find_missing(connection: Connection, account: str) -> dict[str, bool]:
    """Return the ids of the account's missing instances, each with True if the instance is held, else False."""
    state = instance_state.c
    rows = connection.execute(
        sa.select(state.instance_id, state.held).where(state.account == account, state.presence == "missing")
    )
    return {row.instance_id: row.held for row in rows}


# -- plan


def plan(
    connection: Connection, stamp: RunStamp, spool: Spool, absent: Absent, *, newcomers: bool = True
) -> Iterator[Step]:
    """Yield the steps that record what a run saw. `absent` says how to treat the instances that the run did not see.

    If `newcomers` is False, the instances that the account never had are left out: `insert_newcomers` writes them.
    """
    _exclude_returning(connection, stamp, spool)
    track = tracker(stamp.ignored)
    for batch in batches(spool.differing(newcomers=newcomers), PLANNED):
        step = _plan_seen(connection, stamp, batch, track)
        spool.keep_versions(step.kept)
        yield step
        del step  # free its memory before the next step is made
    if absent is Absent.UNTOUCHED:
        return
    gone = spool.gone()
    if absent is Absent.HELD:
        yield from _plan_missing(connection, stamp, gone, held=True)
    else:
        yield from _plan_vanished(connection, stamp, gone)
    yield from _plan_missing(connection, stamp, spool.unsettled(), held=False)


def _plan_seen(
    connection: Connection, stamp: RunStamp, batch: list[tuple[Record, bytes, bool]], track: Callable[[Record], Record]
) -> Step:
    before = _read_states(connection, stamp.account, [record.instance_id for record, _, _ in batch])
    step = Step()
    for record, row_hash, listed in batch:
        payload, tracked_record = payload_columns(record), track(record)
        tracked = payload if tracked_record is record else payload_columns(tracked_record)
        seen = SeenInstance(record.instance_id, payload, tracked, row_hash, listed)
        record_seen(step, stamp, before.get(record.instance_id), seen)
    return step


def plan_acceptance(connection: Connection, stamp: RunStamp, only: Collection[str] | None = None) -> Iterator[Step]:
    """Yield the steps that make the account's missing instances vanish.

    If `only` is given, just the instances with these ids vanish.
    """
    ids = find_missing(connection, stamp.account).keys()
    yield from _plan_vanished(connection, stamp, sorted(ids if only is None else ids & set(only)))


def _exclude_returning(connection: Connection, stamp: RunStamp, spool: Spool) -> None:
    """Tell the spool which of its newcomers are vanished instances that have returned.

    The spool then does not count these as newcomers any more.
    """
    state = instance_state.c
    vanished = sa.select(state.instance_id).where(state.account == stamp.account, state.presence == "vanished")
    if connection.execute(vanished.limit(1)).first() is None:
        return
    for ids in batches(spool.newcomer_ids()):
        found = connection.scalars(vanished.where(database.among(connection, state.instance_id, ids)))
        spool.know_vanished(found)


def _plan_vanished(connection: Connection, stamp: RunStamp, ids: Iterable[str]) -> Iterator[Step]:
    for batch in batches(ids, PLANNED):
        states = _read_states(connection, stamp.account, batch).values()
        started_at = _read_start_times(connection, {last_seen_run(stamp, state) for state in states})
        step = Step()
        for state in states:
            record_vanished(step, stamp, state, started_at)
        yield step
        del states, step


def _plan_missing(connection: Connection, stamp: RunStamp, ids: Iterable[str], *, held: bool) -> Iterator[Step]:
    for batch in batches(ids, PLANNED):
        step = Step()
        for state in _read_states(connection, stamp.account, batch).values():
            record_missing(step, stamp, state, held=held)
        yield step
        del step


def _read_states(connection: Connection, account: str, ids: list[str]) -> dict[str, State]:
    """Return the rows of `instance_state` with these ids, by id. An id without a row is left out."""
    rows = connection.execute(
        sa.select(instance_state).where(
            instance_state.c.account == account, database.among(connection, instance_state.c.instance_id, ids)
        )
    ).mappings()
    return {row["instance_id"]: dict(row) for row in rows}


def _read_start_times(connection: Connection, run_ids: Collection[int]) -> dict[int, datetime]:
    rows = connection.execute(
        sa.select(sync_runs.c.run_id, sync_runs.c.started_at).where(sync_runs.c.run_id.in_(run_ids))
    )
    return {row.run_id: row.started_at for row in rows}


# -- write


def apply(connection: Connection, stamp: RunStamp, step: Step, counts: dict[str, int]) -> None:
    """Write a step, and add its events to `counts` (appeared, changed, reappeared, vanished, settled).

    If an instance vanishes at the time of an earlier run, the `vanished` count of that run is raised
    (`settled-at-first-absence`).
    """
    bulk.update_rows(
        connection,
        instance_versions,
        ("account", "instance_id"),
        step.closed,
        where="instance_versions.valid_to IS NULL",
    )
    bulk.insert_rows(connection, instance_state, step.new)
    bulk.update_rows(connection, instance_state, ("account", "instance_id"), step.written)
    bulk.insert_rows(connection, instance_versions, step.opened)
    count_events(stamp, step, counts)
    closed_by = (version["closed_by_run_id"] for version in step.closed if version["closed_as"] == "vanished")
    earlier = Counter(run_id for run_id in closed_by if run_id != stamp.run_id)
    for run_id, vanished in earlier.items():
        connection.execute(
            sa.update(sync_runs).where(sync_runs.c.run_id == run_id).values(vanished=sync_runs.c.vanished + vanished)
        )


def changes_root(stamp: RunStamp, spool: Spool, *, newcomers: bool) -> bytes | None:
    """Return the Merkle root over the starts and the ends of versions that the run records; None if there are none.

    The caller must have added the leaves of all planned steps to the spool (`Spool.keep_changes`). With `newcomers`,
    the leaves of the versions that `insert_newcomers` writes are computed here and added.
    """
    changes = spool.changes()
    if newcomers:
        head = opening_head("appeared", 1, stamp.started_at)
        opened = (
            (id_, OPENED, hash_leaf(head + leaf_content(id_, creator, hash_)))
            for id_, creator, hash_ in spool.newcomer_versions()
        )
        changes = heapq.merge(changes, opened)
    first = next(changes, None)
    return None if first is None else root_of(leaf for _, _, leaf in chain((first,), changes))


class _SQL(str):
    """An SQL expression that stands in a row instead of a value."""

    __slots__ = ()


def insert_newcomers(connection: Connection, stamp: RunStamp, spool: Spool) -> int:
    """Insert the row of `instance_state` and the first version of every newcomer in the spool.

    Return the number of newcomers.

    `plan` and `apply` would write the same rows. Here the rows do not pass through Python one by one, which makes a
    first run faster. Call this after `plan`, which tells the spool which instances have returned. Do not call it if the
    run ignores fields (`ignore_changes`): then the version must hold fewer fields than the row of `instance_state`.
    """
    types = dict.fromkeys(NEWCOMERS, "TEXT") | {
        "extra": "JSON", "hash": "BYTEA", "gpu_count": "INTEGER"
    }  # fmt: skip
    column: Any = _SQL
    payload = {name: column(name) for name in (*PAYLOAD, "gpu_count", "gpu_model")}
    newcomer = SeenInstance(column("id"), payload, payload, column("hash"), listed=True)
    stamp_in_sql = RunStamp(column(":account"), column(":run_id"), column(":at"), None)
    state, version = open_episode(stamp_in_sql, newcomer, None)
    statements = (_insert_select(instance_state, state), _insert_select(instance_versions, version))
    parameters = {"account": stamp.account, "at": stamp.started_at, "run_id": stamp.run_id}
    source = bulk.SourceTable("newcomers", types, spool.newcomers(BATCH))
    with indexes.rebuilt_after_load(connection, (instance_state, instance_versions), spool.count()):
        return bulk.insert_from_file(connection, source, statements, parameters)


def _insert_select(table: sa.Table, row: Mapping[str, Any]) -> str:
    """Return `INSERT ... SELECT ... FROM ` for a row of SQL expressions and constants. None columns are left out."""
    values = {name: _in_sql(value) for name, value in row.items() if value is not None}
    return f"INSERT INTO {table.name} ({', '.join(values)}) SELECT {', '.join(values.values())} FROM "


def _in_sql(value: Any) -> str:
    if isinstance(value, _SQL):
        return value
    return f"'{value}'" if isinstance(value, str) else str(value).lower()
