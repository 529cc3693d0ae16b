"""Compute what a run writes about one instance: its state (row of `instance_state`) and its versions.

An act that accepts missing instances as gone uses `record_vanished` too. The functions read no database and no clock.
Every time in the rows is the start of a run (`one-time-per-run`). The parameter `before` is the state of the instance
before the run or act; None for a newcomer.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from inventory.history.merkle_log.entries import CLOSED, OPENED, closing_leaf, opening_leaf
from inventory.history.step import Change, RunStamp, SeenInstance, State, Step, Version
from inventory.record import FIELDS, PAYLOAD, Record, gpus, mask_record, tracker
from inventory.store import stretches


def record_seen(step: Step, stamp: RunStamp, before: State | None, seen: SeenInstance) -> None:
    """Record in the step that a run saw the instance: add the rows to write, and the leaves for the log."""
    if before is None or before["presence"] == "vanished":
        state, version = open_episode(stamp, seen, before)
        (step.new if before is None else step.written).append(state)
        _open(step, version)
        return
    changed = (
        before["row_hash"] != seen.row_hash
        and before["version_hash"] != seen.row_hash  # if these are equal, the open version has the seen values
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
    """Return the new state of a newcomer or of a returning instance, and the first version of its new episode.

    See `a-return-is-a-new-episode`. `reconcile.insert_newcomers` builds its SQL from the result of this function.
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
    """Record in the step that the instance vanished: add the rows to write, and the leaf for the log.

    The instance vanishes at the time of the first complete run that lacked it (`settled-at-first-absence`).

    `started_at` maps run ids to start times, and must contain the run that last saw the instance (`last_seen_run`).
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
    """Record in the step that the instance is missing: add the row to write.

    `held` says whether the brake holds the instance. If the instance is missing already, it keeps its `missing_since`,
    and a row is added only if `held` is true.
    """
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

    A run does not write `seen_run_id` of a live instance that it finds unchanged (`last-seen-by-join`). So a live
    instance was last seen by the last complete run, or by the run in `seen_run_id` if that is later.
    """
    seen: int = before["seen_run_id"]
    return max(seen, stamp.last_complete_run_id or 0) if before["presence"] == "live" else seen


def count_events(stamp: RunStamp, step: Step, counts: dict[str, int]) -> None:
    """Add the events of a step to `counts`, by name.

    An instance that vanishes at the time of an earlier run counts as `settled`, and not as `vanished`.
    """
    for version in step.opened:
        counts[version["opened_as"]] += 1
    for version in step.closed:
        if version["closed_as"] == "vanished":
            counts["vanished" if version["closed_by_run_id"] == stamp.run_id else "settled"] += 1


def settled_ids(stamp: RunStamp, step: Step) -> list[str]:
    """Return the ids of the instances that this step records as vanished, but at the time of an earlier run."""
    vanished = (version for version in step.closed if version["closed_as"] == "vanished")
    return [version["instance_id"] for version in vanished if version["closed_by_run_id"] != stamp.run_id]


def payload_columns(record: Record) -> dict[str, Any]:
    """Return a dict from column names to a record's values, for FIELDS, `extra`, `gpu_count` and `gpu_model`."""
    gpu_count, gpu_model = gpus(record.instance_type)
    return {
        **{name: getattr(record, name) for name in FIELDS},
        "extra": record.extra,
        "gpu_count": gpu_count,
        "gpu_model": gpu_model,
    }


def _live_state(stamp: RunStamp, seen: SeenInstance, before: State | None) -> State:
    """Return the state of a live instance, without `first_seen_at` and the columns about episodes and versions."""
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
    """Return the columns to set in the state of an absent instance.

    `values` replaces some of the defaults below. The columns that are not returned keep their values in the row.
    """
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
    """Return whether a tracked field of the instance differs between its state `before` and `seen`.

    A field is not compared if it is ignored now, or was ignored when `before` was written. Secrets in `before` are
    hidden before the comparison, because earlier versions of this program stored them.
    """
    ignored_then_or_now = tuple(sorted({*before["ignored"].split(","), *ignored} - {""}))
    track = tracker(ignored_then_or_now)
    then, now = (Record(seen.instance_id, *(row[name] for name in PAYLOAD)) for row in (before, seen.payload))
    return track(mask_record(then)) != track(now)


def _may_have_moved(before: State, seen: SeenInstance) -> bool:
    """Return whether the new version of the instance may have another type or region than its open version.

    Return True if the type or the region differs, or if the values of the open version are not known. They are known if
    `row_hash` and `version_hash` of `before` are equal: then the open version has the values of `before`, but None in
    the fields that `before["ignored"]` names. The hashes may differ after the setting `ignore_changes` was changed.
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
    """Add a version to those that the step inserts, and its opening to the leaves for the log."""
    step.opened.append(version)
    id_ = version["instance_id"]
    step.changes.append(Change(id_, OPENED, opening_leaf(id_, version)))


def _close(step: Step, stamp: RunStamp, before: State, end: Mapping[str, Any]) -> None:
    """Add the closing of an instance's open version to the rows that the step writes, and to the leaves for the log.

    `end` has the values of `valid_to`, `closed_by_run_id`, `closed_as` and `last_seen_at`.
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
