"""The difference that one run makes to one instance, as rows of `instance_state` and `instance_versions`.

These functions are pure: they read no database and add rows to a Step. Every time in these rows is the start of a run
(`one-time-per-run`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from inventory.history.merkle_log.entries import CLOSED, OPENED, closing_leaf, opening_leaf
from inventory.record import FIELDS, PAYLOAD, Record, gpus, mask_record, tracker
from inventory.store import stretches

State = dict[str, Any]
"""A row of `instance_state`."""

Version = dict[str, Any]
"""A row of `instance_versions`."""

NO_RUN = -1
"""The run id in a RunStamp that belongs to no run. It is never written."""


@dataclass(frozen=True)
class RunStamp:
    """The run id and start time stamped on every row that a run writes, with the context to compute the rows."""

    account: str
    run_id: int
    started_at: datetime
    last_complete_run_id: int | None
    ignored: tuple[str, ...] = ()
    """The setting `ignore_changes`."""
    log_index: int = 0
    """Index of the entry in the account's log that will hold what is written."""


@dataclass(frozen=True)
class SeenInstance:
    """An instance as a run saw it."""

    instance_id: str
    payload: Mapping[str, Any]
    """The `payload_columns` of its record."""
    tracked: Mapping[str, Any]
    """The same without the ignored fields, as a version stores it."""
    row_hash: bytes
    """The hash of the tracked fields."""
    listed: bool
    """Whether a list contained it; if not, it was found by its id."""


class Change(NamedTuple):
    """The start or the end of a version, as a leaf of the tree in a run's entry. The tree is in their order."""

    instance_id: str
    part: int
    """CLOSED or OPENED."""
    leaf: bytes


@dataclass
class Step:
    """The rows that one batch writes."""

    new: list[State] = field(default_factory=list)
    """States to insert."""
    written: list[State] = field(default_factory=list)
    """States to update."""
    closed: list[Version] = field(default_factory=list)
    """The columns that close the open version of an instance."""
    opened: list[Version] = field(default_factory=list)
    """Versions to insert."""
    kept: list[tuple[str, bytes]] = field(default_factory=list)
    """Instances whose open version stays although their row changed (`ignore_changes`): id and version hash."""
    gone: list[State] = field(default_factory=list)
    """States of the vanished instances as they were before."""
    changes: list[Change] = field(default_factory=list)
    """The leaves of the closed and opened versions in the account's log."""


def record_seen(step: Step, stamp: RunStamp, before: State | None, seen: SeenInstance) -> None:
    """Record that the instance exists. `before` is its state; None if it was never seen."""
    if before is None or before["presence"] == "vanished":
        state, version = open_episode(stamp, seen, before)
        (step.new if before is None else step.written).append(state)
        _open(step, version)
        return
    changed = (
        before["row_hash"] != seen.row_hash
        and before["version_hash"] != seen.row_hash  # equal: an ignored change was undone, the open version still holds
        and _tracked_fields_differ(before, seen, stamp.ignored)
    )
    state = {
        **_live_state(stamp, seen, before),
        "first_seen_at": before["first_seen_at"],
        "episodes": before["episodes"],
        "versions": before["versions"] + changed,
        "episode_creator": before["episode_creator"] or (seen.tracked["creator_user_nickname"] if changed else None),
        "version_hash": seen.row_hash if changed else before["version_hash"],
    }
    step.written.append(state)
    if changed:
        end = {"valid_to": stamp.started_at, "closed_by_run_id": stamp.run_id}
        _close(step, stamp, before, {**end, "closed_as": "changed", "last_seen_at": None})
        _open(step, _opening(stamp, seen, state, "changed", moved=_may_have_moved(before, seen)))
    else:
        step.kept.append((seen.instance_id, before["version_hash"]))


def open_episode(stamp: RunStamp, seen: SeenInstance, before: State | None) -> tuple[State, Version]:
    """Return the state and the first version of an episode.

    `before` is None for a newcomer, else the state of a vanished instance that has returned
    (`a-return-is-a-new-episode`). This is the only definition of the rows of a newcomer.
    """
    state = {
        **_live_state(stamp, seen, before),
        "first_seen_at": stamp.started_at if before is None else before["first_seen_at"],
        "episodes": 1 if before is None else before["episodes"] + 1,
        "versions": 1 if before is None else before["versions"] + 1,
        "episode_creator": seen.tracked["creator_user_nickname"],
        "version_hash": seen.row_hash,
    }
    return state, _opening(stamp, seen, state, "appeared" if before is None else "reappeared", moved=False)


def record_vanished(step: Step, stamp: RunStamp, before: State, started_at: Mapping[int, datetime]) -> None:
    """Record that the instance is proven gone, at the time of the first complete run that lacked it.

    `started_at` has the start time of the run that last saw it, by run id.
    """
    was_missing = before["presence"] == "missing"
    vanished_at = before["missing_since"] if was_missing else stamp.started_at
    run_id = before["missing_run_id"] if was_missing else stamp.run_id
    seen_run_id = last_seen_run(stamp, before)
    step.written.append(_absent_state(before, presence="vanished", vanished_at=vanished_at, seen_run_id=seen_run_id))
    step.gone.append(before)
    end = {"valid_to": vanished_at, "closed_by_run_id": run_id}
    _close(step, stamp, before, {**end, "closed_as": "vanished", "last_seen_at": started_at[seen_run_id]})


def record_missing(step: Step, stamp: RunStamp, before: State, *, held: bool) -> None:
    """Record that the instance is absent, but not proven gone. Write nothing if that is recorded already."""
    was_live = before["presence"] == "live"
    if not was_live and not held:
        return
    step.written.append(
        _absent_state(
            before,
            presence="missing",
            held=held,
            seen_run_id=last_seen_run(stamp, before),
            missing_since=stamp.started_at if was_live else before["missing_since"],
            missing_run_id=stamp.run_id if was_live else before["missing_run_id"],
        )
    )


def last_seen_run(stamp: RunStamp, before: State) -> int:
    """Return the id of the run that last saw the instance.

    The state of a live instance is not written by runs in which nothing changed (`last-seen-by-join`). It was seen by
    the last complete run, or by a later run that wrote its state.
    """
    seen: int = before["seen_run_id"]
    return max(seen, stamp.last_complete_run_id or 0) if before["presence"] == "live" else seen


def count_events(stamp: RunStamp, step: Step, counts: dict[str, int]) -> None:
    """Add the events of a step to `counts`; one that vanishes as of an earlier run counts as `settled`."""
    for version in step.opened:
        counts[version["opened_as"]] += 1
    for version in step.closed:
        if version["closed_as"] == "vanished":
            counts["vanished" if version["closed_by_run_id"] == stamp.run_id else "settled"] += 1


def settled_ids(stamp: RunStamp, step: Step) -> list[str]:
    """Return the ids of the instances that vanish in this step at the time of an earlier run."""
    vanished = (version for version in step.closed if version["closed_as"] == "vanished")
    return [version["instance_id"] for version in vanished if version["closed_by_run_id"] != stamp.run_id]


def payload_columns(record: Record) -> dict[str, Any]:
    """Return the columns of a state or a version that hold the instance itself."""
    gpu_count, gpu_model = gpus(record.instance_type)
    return {
        **{name: getattr(record, name) for name in FIELDS},
        "extra": record.extra,
        "gpu_count": gpu_count,
        "gpu_model": gpu_model,
    }


def _live_state(stamp: RunStamp, seen: SeenInstance, before: State | None) -> State:
    """Return the columns of a state that do not depend on its versions."""
    return {
        "account": stamp.account,
        "instance_id": seen.instance_id,
        **seen.payload,
        "presence": "live",
        "held": False,
        "missing_since": None,
        "vanished_at": None,
        "seen_run_id": stamp.run_id,
        "missing_run_id": None,
        "unlisted_runs": 0 if seen.listed else (before["unlisted_runs"] if before else 0) + 1,
        "row_hash": seen.row_hash,
        "ignored": ",".join(stamp.ignored),
    }


def _absent_state(before: State, **values: Any) -> State:
    """Return the columns of a state that change when its instance is absent; its payload stays as last seen."""
    unset = {
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
    return unset | values


def _tracked_fields_differ(before: State, seen: SeenInstance, ignored: tuple[str, ...]) -> bool:
    """Return whether a tracked field differs. Fields ignored now, or when the state was last written, do not count.

    Stored secrets of earlier versions, which did not hide them, are hidden before the comparison.
    """
    ignored_then_or_now = tuple(sorted({*before["ignored"].split(","), *ignored} - {""}))
    track = tracker(ignored_then_or_now)
    then, now = (Record(seen.instance_id, *(row[name] for name in PAYLOAD)) for row in (before, seen.payload))
    return track(mask_record(then)) != track(now)


def _may_have_moved(before: State, seen: SeenInstance) -> bool:
    """Return whether type or region may have changed: false only if they equal those of the open version.

    If the two hashes are equal, the state shows what the open version holds. They differ after `ignore_changes` was
    changed.
    """
    if before["row_hash"] != before["version_hash"]:
        return True
    ignored = before["ignored"].split(",")
    return any(seen.tracked[name] != (None if name in ignored else before[name]) for name in stretches.SAME)


def _opening(stamp: RunStamp, seen: SeenInstance, state: State, opened_as: str, *, moved: bool) -> Version:
    return {
        "account": stamp.account,
        "instance_id": seen.instance_id,
        "episode": state["episodes"],
        "valid_from": stamp.started_at,
        "opened_by_run_id": stamp.run_id,
        "opened_as": opened_as,
        **seen.tracked,
        "episode_creator": state["episode_creator"],
        "content_hash": state["version_hash"],
        "moved": moved,
    }


def _open(step: Step, version: Version) -> None:
    """Add a version to those that the step inserts."""
    step.opened.append(version)
    id_ = version["instance_id"]
    step.changes.append(Change(id_, OPENED, opening_leaf(id_, version)))


def _close(step: Step, stamp: RunStamp, before: State, end: Mapping[str, Any]) -> None:
    """Add the end of the open version of an instance to those that the step writes.

    `before` is its state. `end` has `valid_to`, `closed_by_run_id`, `closed_as` and `last_seen_at`.
    """
    key = {"account": before["account"], "instance_id": before["instance_id"]}
    end = {**end, "closed_log_index": stamp.log_index}
    step.closed.append({**key, **end})
    version = {
        **end,
        "episode": before["episodes"],
        "episode_creator": before["episode_creator"],
        "content_hash": before["version_hash"],
    }
    id_ = before["instance_id"]
    step.changes.append(Change(id_, CLOSED, closing_leaf(id_, version)))
