"""The difference between what was seen and what was known, as rows of `instance_state` and `instance_versions`.

`plan` reads and computes, in batches, and writes nothing; `apply` writes what a plan says. One instance's step is a
pure function: `_seen`, `_vanish` or `_lose`. Every time recorded is that of a run.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from inventory.spool import NEWCOMERS, Known, Spool
from inventory.store import bulk, database, indexes
from inventory.store.database import BATCH, batches
from inventory.store.tables import FIELDS, PAYLOAD, instance_state, instance_versions, sync_runs
from inventory.wire import Row, gpus, masked, tracker

State = dict[str, Any]

NO_RUN = -1
"""The run id of a Moment that is no run's; nothing recorded ever bears it."""


@dataclass(frozen=True)
class Moment:
    """The run whose time and number everything of it bears."""

    account: str
    run_id: int
    started_at: datetime
    last_complete_run_id: int | None
    ignored: tuple[str, ...] = ()


@dataclass
class Step:
    """What one batch does to the database."""

    new: list[State] = field(default_factory=list)
    written: list[State] = field(default_factory=list)
    closed: list[dict[str, Any]] = field(default_factory=list)
    opened: list[dict[str, Any]] = field(default_factory=list)
    kept: list[tuple[str, bytes]] = field(default_factory=list)
    """Ids, and hashes of their open versions, of which only the row changed (ignore_changes)."""
    gone: list[State] = field(default_factory=list)
    """The vanished ones as they last were."""


def known(connection: Connection, account: str) -> Iterator[Known]:
    """What the database holds of the account's live and missing instances, streamed."""
    state = instance_state.c
    statement = sa.select(
        state.instance_id,
        state.row_hash,
        state.version_hash,
        state.ignored,
        state.presence,
        state.held,
        state.unlisted_runs,
    ).where(state.account == account, state.presence.in_(("live", "missing")))
    for rows in database.stream(connection, statement):
        for row in rows:
            yield Known._make(row)


def missing(connection: Connection, account: str) -> dict[str, bool]:
    """Ids of the account's missing instances, and whether each is held."""
    state = instance_state.c
    rows = connection.execute(
        sa.select(state.instance_id, state.held).where(state.account == account, state.presence == "missing")
    )
    return {row.instance_id: row.held for row in rows}


def plan(
    connection: Connection, moment: Moment, spool: Spool, *, complete: bool, brake: bool, newcomers: bool = True
) -> Iterator[Step]:
    """The steps that make the database say what the spool says.

    `complete`: the walk was, so that what is absent is treated. `brake`: what would vanish becomes missing and held.
    `newcomers` False leaves those out that were never seen before: `appear` writes them.
    """
    _learn_returning(connection, moment, spool)
    tracked = tracker(moment.ignored)
    for batch in batches(spool.differing(newcomers=newcomers)):
        before = _states(connection, moment.account, [row.instance_id for row, _, _ in batch])
        step = Step()
        for row, row_hash, listed in batch:
            _seen(step, moment, before.get(row.instance_id), row, tracked(row), row_hash, listed=listed)
        spool.keep_versions(step.kept)
        yield step
    if not complete:
        return
    gone = spool.gone()
    yield from _losing(connection, moment, gone, held=True) if brake else _vanishing(connection, moment, gone)
    yield from _losing(connection, moment, spool.unsettled(), held=False)


def appear(connection: Connection, moment: Moment, spool: Spool) -> int:
    """Everything never seen before has its state and first version; returns how many.

    The same as `plan` and `apply` do for a newcomer, without a detour through Python for each row: a first run has
    nothing else to do. After `plan`, and not with `ignore_changes`, under which a version holds less than the row.
    """
    types = dict.fromkeys(NEWCOMERS, "TEXT") | {
        "extra": "JSON", "hash": "BYTEA", "gpu_count": "INTEGER"
    }  # fmt: skip
    fields = ", ".join(FIELDS)
    seen = "instance_type, region, sector, ip, status, creator"
    state = f"""
        INSERT INTO instance_state (account, instance_id, {fields}, extra, gpu_count, gpu_model, presence,
            first_seen_at, episodes, versions, seen_run_id, episode_creator, row_hash, version_hash)
        SELECT :account, id, {seen}, extra, gpu_count, gpu_model, 'live', :at, 1, 1, :run_id, creator, hash, hash
        FROM """
    version = f"""
        INSERT INTO instance_versions (account, instance_id, {fields}, extra, gpu_count, gpu_model, episode,
            valid_from, opened_by_run_id, opened_as, episode_creator, content_hash)
        SELECT :account, id, {seen}, extra, gpu_count, gpu_model, 1, :at, :run_id, 'appeared', creator, hash
        FROM """
    born = {"account": moment.account, "at": moment.started_at, "run_id": moment.run_id}
    source = bulk.SourceTable("newcomers", types, spool.newcomers(BATCH))
    with indexes.rebuilt_after_load(connection, (instance_state, instance_versions), spool.count()):
        return bulk.insert_from_file(connection, source, (state, version), born)


def _learn_returning(connection: Connection, moment: Moment, spool: Spool) -> None:
    """Let the spool know which of its newcomers vanished once: they are none."""
    state = instance_state.c
    vanished = sa.select(state.instance_id).where(state.account == moment.account, state.presence == "vanished")
    if connection.execute(vanished.limit(1)).first() is None:
        return
    for ids in batches(spool.newcomer_ids()):
        found = connection.scalars(vanished.where(database.among(connection, state.instance_id, ids)))
        # a hash that no row has: what comes back is always written
        spool.learn(Known(id_, b"", b"", "", "vanished", held=False, unlisted_runs=0) for id_ in found)


def accept(connection: Connection, moment: Moment, only: Collection[str] | None = None) -> Iterator[Step]:
    """The steps that settle the missing, or `only` these, as vanished, at the time since when each is missing."""
    ids = missing(connection, moment.account).keys()
    yield from _vanishing(connection, moment, sorted(ids if only is None else ids & set(only)))


def _vanishing(connection: Connection, moment: Moment, ids: Iterable[str]) -> Iterator[Step]:
    for batch in batches(ids):
        states = _states(connection, moment.account, batch).values()
        times = _times(connection, moment, states)
        step = Step()
        for state in states:
            _vanish(step, moment, state, times)
        yield step


def _losing(connection: Connection, moment: Moment, ids: Iterable[str], *, held: bool) -> Iterator[Step]:
    for batch in batches(ids):
        step = Step()
        for state in _states(connection, moment.account, batch).values():
            _lose(step, moment, state, held=held)
        yield step


def apply(connection: Connection, moment: Moment, step: Step, counts: dict[str, int]) -> None:
    """Write a step; adds to `counts` (appeared, changed, reappeared, vanished, settled).

    What bears an earlier run's time (a late settlement) is added to that run's own counts, and to `settled`.
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
    count(moment, step, counts)
    closed_by = (version["closed_by_run_id"] for version in step.closed if version["closed_as"] == "vanished")
    earlier = Counter(run_id for run_id in closed_by if run_id != moment.run_id)
    for run_id, vanished in earlier.items():
        connection.execute(
            sa.update(sync_runs).where(sync_runs.c.run_id == run_id).values(vanished=sync_runs.c.vanished + vanished)
        )


def count(moment: Moment, step: Step, counts: dict[str, int]) -> None:
    """Add what a step does to `counts`."""
    for version in step.opened:
        counts[version["opened_as"]] += 1
    for version in step.closed:
        if version["closed_as"] == "vanished":
            counts["vanished" if version["closed_by_run_id"] == moment.run_id else "settled"] += 1


def settled(moment: Moment, step: Step) -> list[str]:
    """Ids of those that vanish in this step, but at an earlier run's time."""
    gone = (version for version in step.closed if version["closed_as"] == "vanished")
    return [version["instance_id"] for version in gone if version["closed_by_run_id"] != moment.run_id]


def _seen(
    step: Step, moment: Moment, before: State | None, row: Row, tracked: Row, row_hash: bytes, *, listed: bool
) -> None:
    """The instance is there: new, back, changed, or as it was."""
    ignored = ",".join(moment.ignored)
    state: State = {
        **_payload(row),
        "presence": "live",
        "held": False,
        "missing_since": None,
        "vanished_at": None,
        "seen_run_id": moment.run_id,
        "missing_run_id": None,
        "unlisted_runs": 0 if listed else (before["unlisted_runs"] if before else 0) + 1,
        "row_hash": row_hash,
        "ignored": ignored,
    }
    key = {"account": moment.account, "instance_id": row.instance_id}
    if before is None or before["presence"] == "vanished":
        opened_as = "appeared" if before is None else "reappeared"
        state |= {
            "first_seen_at": moment.started_at if before is None else before["first_seen_at"],
            "episodes": 1 if before is None else before["episodes"] + 1,
            "versions": 1 if before is None else before["versions"] + 1,
            "episode_creator": tracked.creator_user_nickname,
            "version_hash": row_hash,
        }
        (step.new if before is None else step.written).append(key | state)
        step.opened.append(_version(moment, key, state, tracked, opened_as))
        return
    changed = (
        before["row_hash"] != row_hash
        and before["version_hash"] != row_hash  # back to what the version holds, after changes that opened none
        and _really(before, row, ignored)
    )
    state |= {
        "first_seen_at": before["first_seen_at"],
        "episodes": before["episodes"],
        "versions": before["versions"] + changed,
        "episode_creator": before["episode_creator"] or (tracked.creator_user_nickname if changed else None),
        "version_hash": row_hash if changed else before["version_hash"],
    }
    step.written.append(key | state)
    if changed:
        step.closed.append(_closing(key, moment.started_at, moment.run_id, "changed", None))
        step.opened.append(_version(moment, key, state, tracked, "changed"))
    else:
        step.kept.append((row.instance_id, before["version_hash"]))


def _vanish(step: Step, moment: Moment, before: State, times: Mapping[int, datetime]) -> None:
    """The instance is proven gone, since the first complete run that lacked it."""
    late = before["presence"] == "missing"
    at = before["missing_since"] if late else moment.started_at
    run_id = before["missing_run_id"] if late else moment.run_id
    seen_run_id = _last_seen(moment, before)
    step.written.append(
        _absent(before, presence="vanished", vanished_at=at, seen_run_id=seen_run_id, missing_since=None)
    )
    step.gone.append(before)
    key = {"account": moment.account, "instance_id": before["instance_id"]}
    step.closed.append(_closing(key, at, run_id, "vanished", times[seen_run_id]))


def _lose(step: Step, moment: Moment, before: State, *, held: bool) -> None:
    """The instance is missing: absent, and not proven gone. Nothing is written where that is known."""
    first = before["presence"] == "live"
    if not first and not held:
        return
    step.written.append(
        _absent(
            before,
            presence="missing",
            held=held,
            seen_run_id=_last_seen(moment, before),
            missing_since=moment.started_at if first else before["missing_since"],
            missing_run_id=moment.run_id if first else before["missing_run_id"],
        )
    )


def _absent(before: State, **values: Any) -> State:
    """A state row whose payload stays as it was last seen."""
    base = {
        "account": before["account"],
        "instance_id": before["instance_id"],
        "presence": None,
        "held": False,
        "missing_since": None,
        "vanished_at": None,
        "seen_run_id": None,
        "missing_run_id": None,
        "unlisted_runs": 0,
    }
    return base | values


def _last_seen(moment: Moment, before: State) -> int:
    """The run that last saw it: for a live one the last complete run, or a later one that recorded something of it."""
    seen: int = before["seen_run_id"]
    return max(seen, moment.last_complete_run_id or 0) if before["presence"] == "live" else seen


def _really(before: State, row: Row, ignored: str) -> bool:
    """Whether a field differs that is tracked now and was tracked when the state was last written.

    A secret that was stored before secrets were hidden counts as hidden.
    """
    both = tuple(sorted({*before["ignored"].split(","), *ignored.split(",")} - {""}))
    fields = tracker(both)
    return fields(masked(Row(before["instance_id"], *(before[name] for name in PAYLOAD)))) != fields(row)


def _payload(row: Row) -> dict[str, Any]:
    gpu_count, gpu_model = gpus(row.instance_type)
    return {
        **{name: getattr(row, name) for name in FIELDS},
        "extra": row.extra,
        "gpu_count": gpu_count,
        "gpu_model": gpu_model,
    }


def _version(
    moment: Moment, key: Mapping[str, str], state: Mapping[str, Any], tracked: Row, opened_as: str
) -> dict[str, Any]:
    return {
        **key,
        "episode": state["episodes"],
        "valid_from": moment.started_at,
        "opened_by_run_id": moment.run_id,
        "opened_as": opened_as,
        **_payload(tracked),
        "episode_creator": state["episode_creator"],
        "content_hash": state["version_hash"],
    }


def _closing(
    key: Mapping[str, str], at: datetime, run_id: int, closed_as: str, last_seen_at: datetime | None
) -> dict[str, Any]:
    return {**key, "valid_to": at, "closed_by_run_id": run_id, "closed_as": closed_as, "last_seen_at": last_seen_at}


def _states(connection: Connection, account: str, ids: list[str]) -> dict[str, State]:
    """The state rows of these ids that exist, by id."""
    rows = connection.execute(
        sa.select(instance_state).where(
            instance_state.c.account == account, database.among(connection, instance_state.c.instance_id, ids)
        )
    ).mappings()
    return {row["instance_id"]: dict(row) for row in rows}


def _times(connection: Connection, moment: Moment, states: Any) -> dict[int, datetime]:
    """`started_at` of the runs that last saw these instances."""
    run_ids = {_last_seen(moment, state) for state in states}
    rows = connection.execute(
        sa.select(sync_runs.c.run_id, sync_runs.c.started_at).where(sync_runs.c.run_id.in_(run_ids))
    )
    return {row.run_id: row.started_at for row in rows}
