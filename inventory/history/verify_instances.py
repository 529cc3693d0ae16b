"""Check each instance of an account: its versions in order of time, and its row of `instance_state` against them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, zip_longest
from operator import attrgetter, itemgetter
from typing import Any

import sqlalchemy as sa

from inventory.history.account_check import AccountCheck, format_time
from inventory.record import PAYLOAD, Record, differing_fields, gpus, hash_records, is_as_written, tracker
from inventory.store import database, stretches
from inventory.store.tables import instance_state, instance_versions

_PAYLOAD_COLUMNS = (*PAYLOAD, "gpu_count", "gpu_model", "episode_creator")
_VERSION = (
    "instance_id", *_PAYLOAD_COLUMNS, "episode", "valid_from", "valid_to", "opened_by_run_id", "closed_by_run_id",
    "opened_as", "closed_as", "last_seen_at", "content_hash", "moved", "closed_log_index",
)  # fmt: skip
_STATE = (
    "instance_id", *_PAYLOAD_COLUMNS, "presence", "held", "first_seen_at", "missing_since", "vanished_at", "episodes",
    "versions", "seen_run_id", "missing_run_id", "unlisted_runs", "row_hash", "version_hash", "ignored",
)  # fmt: skip
_RECORD = slice(1 + len(PAYLOAD))
"""The positions of a Record's fields in a row that was read with the columns _VERSION or _STATE."""

_stretch = attrgetter(*stretches.SAME)

_OPENED_AS = {None: "appeared", "changed": "changed", "vanished": "reappeared"}
"""A dict from `closed_as` of one version to `opened_as` of the next. The key None is for the first version."""

_cached_gpus = lru_cache(10_000)(gpus)
_cached_tracker = lru_cache(100)(tracker)


@dataclass
class _Versions:
    """What was read so far of one instance's versions, in order of time."""

    first: Any = None
    last: Any = None
    last_hash: bytes | None = None
    creator: Any = None
    """The creator of the current episode, as far as its versions were read."""
    episodes: int = 0
    count: int = 0


def hash_record(content: Any) -> bytes:
    """Return the hash of a record. `content` has the fields of a Record, in their order."""
    return hash_records([content])[0]


def check_instances(check: AccountCheck) -> None:
    """Check all instances with their versions, and count the versions in `check.events`."""
    version, state = instance_versions.c, instance_state.c
    same = (version.account == state.account, version.instance_id == state.instance_id)
    has_version = sa.exists().where(*same).correlate(instance_state)
    has_state = sa.exists().where(*same).correlate(instance_versions)
    version_order = (version.instance_id, version.valid_from)
    # the conditions give both streams the same ids in the same order, however the database sorts texts
    versions = check.rows(instance_versions, _VERSION, *version_order, where=has_state, kind="version")
    grouped = groupby(versions, key=itemgetter(0))
    states = check.rows(instance_state, _STATE, state.instance_id, where=has_version, kind="state")
    for group, row in zip_longest(grouped, states):
        if group is None or row is None or group[0] != row.instance_id:
            first = row.instance_id if group is None else group[0]
            what = f"the versions and the instances do not match from {first} on: an index may be damaged"
            check.report("storage", None, None, what)
            break
        _check_instance(check, row, group[1])
        check.findings.instances += 1
        if check.findings.instances % database.BATCH == 0:
            check.progress(f"{check.account}: {check.findings.versions:,} versions")
    for row in check.rows(instance_versions, _VERSION, *version_order, where=~has_state, kind="version"):
        check.report("version", row.opened_by_run_id, row.instance_id, "a version without an instance")
        _count_events(check, row)
    for row in check.rows(instance_state, _STATE, state.instance_id, where=~has_version, kind="state"):
        check.report("state", None, row.instance_id, "an instance without a version")


def _count_events(check: AccountCheck, version: Any) -> None:
    check.findings.versions += 1
    check.events[version.opened_by_run_id, version.opened_as] += 1
    if version.closed_as == "vanished":
        check.events[version.closed_by_run_id, "vanished"] += 1


def _check_instance(check: AccountCheck, state: Any, history: Iterator[Any]) -> None:
    read = _Versions()
    for version in history:
        _count_events(check, version)
        if read.last is None or read.last.closed_as == "vanished":
            read.episodes, read.creator = read.episodes + 1, None
        read.creator = read.creator or version.creator_user_nickname
        if check.pruned_before is not None and version.valid_to is not None and version.valid_to <= check.pruned_before:
            read.creator = version.episode_creator  # the version that first had a creator may have been folded
        hash_ = hash_record(version[_RECORD])
        if version.content_hash != hash_:
            what = "its fields are not those that the run recorded"
            check.report("version", version.opened_by_run_id, version.instance_id, what)
        for what in _find_wrong_start(check, version, read, same=hash_ == read.last_hash):
            check.report("version", version.opened_by_run_id, version.instance_id, what)
        for what in _find_wrong_end(check, version):
            run_id = version.opened_by_run_id if version.closed_by_run_id is None else version.closed_by_run_id
            check.report("version", run_id, version.instance_id, what)
        read.first, read.last, read.last_hash, read.count = read.first or version, version, hash_, read.count + 1
    for what in _find_wrong_state(check, state, read):
        check.report("state", state.seen_run_id, state.instance_id, what)
    for what in _find_never_ignored(check, state, read.last):
        check.report("state", state.seen_run_id, state.instance_id, what)


def _find_never_ignored(check: AccountCheck, state: Any, last: Any) -> Iterator[str]:
    """Yield a text for each contradiction between an instance's state and the fields that the runs ignored.

    The run that opened the newest version, or a later run, must have ignored:

    - each field that the state's column `ignored` names. This is not checked if the newest version opened before the
      log began.
    - each field in which the state differs from the newest version. If the newest version opened before the log began,
      the fields that differed when the log began are allowed too.

    Check nothing if the account has no log.
    """
    if check.ignored_before is None:
        return
    ignored = check.ignored_since(last.opened_by_run_id)
    named = {*filter(None, state.ignored.split(","))} - ignored
    if named and last.opened_by_run_id > check.earlier_run_id:
        yield f"it says that {', '.join(sorted(named))} was ignored, but no run did since its newest version"
    differing = differing_fields(*(Record._make(row[_RECORD]) for row in (state, last))) - ignored
    if differing:
        yield f"its {', '.join(sorted(differing))} differs from its newest version, and was never ignored since"


def _find_wrong_start(check: AccountCheck, version: Any, read: _Versions, *, same: bool) -> Iterator[str]:
    """Yield a text for each contradiction at the start of a version.

    The version is compared with the run that opened it, and with the version before it. The fields of the version are
    also compared with each other. `same` says whether the version has the same content as the version before it.
    """
    before = read.last
    opened, closed_as = check.runs.get(version.opened_by_run_id), None if before is None else before.closed_as
    if opened is None or opened.started_at != version.valid_from:
        yield f"valid_from {format_time(version.valid_from)} is not the time of the run"
    if _is_implausible(version):
        yield "an empty field should be null, or the GPUs do not match the type"
    if version.episode_creator != read.creator:
        yield f"episode_creator is {version.episode_creator}, not {read.creator}"
    if version.episode != read.episodes:
        yield f"it should be episode {read.episodes}"
    if version.opened_as != _OPENED_AS.get(closed_as):
        yield f"it opens as {version.opened_as} after {closed_as or 'nothing'}"
    if before is None:
        return
    if before.valid_to is None or before.valid_to > version.valid_from:
        yield f"it overlaps the version before it, which is valid to {format_time(before.valid_to)}"
    elif (before.valid_to == version.valid_from) != (closed_as == "changed"):
        yield f"the version before it {closed_as} at {format_time(before.valid_to)}"
    if closed_as == "changed":
        yield from _find_wrong_change(version, before, same=same)


def _find_wrong_change(version: Any, before: Any, *, same: bool) -> Iterator[str]:
    """Yield a text for each contradiction between a version and the version before it, which closed as `changed`."""
    if same:
        yield "nothing changed from the version before it"
    if not version.moved and _stretch(version) != _stretch(before):
        yield "its type or region is not that of the version before it, but `moved` is false"


def _find_wrong_end(check: AccountCheck, version: Any) -> Iterator[str]:
    """Yield a text for each contradiction at the end of a version.

    The end is compared with the run that closed the version, and with the start of the version. An open version must
    have no end.
    """
    if version.closed_as is None:
        end = (version.valid_to, version.closed_by_run_id, version.last_seen_at, version.closed_log_index)
        if end != (None,) * len(end):
            yield "it is open, but has the time, the run or the entry of a close"
        return
    closed = check.runs.get(version.closed_by_run_id)
    if closed is None or closed.started_at != version.valid_to:
        yield f"valid_to {format_time(version.valid_to)} is not the time of the run"
    elif version.valid_to <= version.valid_from:
        yield "it ends before it begins"
    elif version.closed_as == "vanished":
        seen = version.last_seen_at
        if not closed.complete:
            yield "it vanished in a run that was not complete"
        earliest = max(version.valid_from, closed.previous_complete_at or version.valid_from)
        is_run_time = seen in check.start_times or check.may_be_pruned(seen)
        if seen is None or not earliest <= seen < version.valid_to or not is_run_time:
            yield f"last_seen_at {format_time(seen)} is not the time of a run that may have been the last to see it"
    if version.closed_as == "changed" and version.last_seen_at is not None:
        yield "it did not vanish, but has a last_seen_at"


def _find_wrong_state(check: AccountCheck, state: Any, read: _Versions) -> Iterator[str]:
    """Yield a text for each contradiction between a row of `instance_state` and the instance's versions or the runs."""
    first, last = read.first, read.last
    seen, missing = check.runs.get(state.seen_run_id), check.runs.get(state.missing_run_id)
    vanished, is_missing = state.presence == "vanished", state.presence == "missing"
    checks = {
        "the newest version is closed as changed, and none follows": last.closed_as != "changed",
        f"it is {state.presence}, but its newest version says otherwise": vanished == (last.valid_to is not None),
        "vanished_at is not the end of its newest version": state.vanished_at == (last.valid_to if vanished else None),
        "first_seen_at is not the start of its first version": state.first_seen_at == first.valid_from,
        f"it counts {state.episodes} episodes, the history has {read.episodes}": state.episodes == read.episodes,
        f"it counts {state.versions} versions, the history has {read.count}": state.versions == read.count
        or (check.may_be_pruned(first.valid_from) and state.versions > read.count),
        "episode_creator is not that of its newest version": state.episode_creator == last.episode_creator,
        "the run that last saw it does not exist, or did not start at last_seen_at": seen is not None
        and (seen.started_at == last.last_seen_at if vanished else seen.started_at >= last.valid_from),
        "missing_since is not the time of the run that first lacked it": (
            missing is not None and missing.started_at == state.missing_since
            if is_missing
            else state.missing_since is None and state.missing_run_id is None
        ),
        "it is held, but not missing": is_missing or not state.held,
        f"unlisted_runs is {state.unlisted_runs}": 0 <= state.unlisted_runs < 1 << 31,
        "its newest version is not what the last run saw": state.version_hash == read.last_hash,
        "its fields are not what the last run saw": state.row_hash == _compute_row_hash(state)
        and not _is_implausible(state),
    }
    return (what for what, holds in checks.items() if not holds)


def _compute_row_hash(state: Any) -> bytes | None:
    """Return what `row_hash` in a row of `instance_state` should be; None if `extra` is not JSON as a run writes it.

    If `version_hash` equals `row_hash` and no field is ignored, the form of the JSON is not checked, because the hash
    of the newest version covers it.
    """
    try:
        is_covered = state.extra is None or (state.row_hash == state.version_hash and not state.ignored)
        if not is_covered and not is_as_written(state.extra):
            return None
        track = _cached_tracker(tuple(filter(None, state.ignored.split(","))))
        return hash_record(track(Record._make(state[_RECORD])))
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def _is_implausible(row: Any) -> bool:
    """Return whether a field is an empty text or has U+0000, or the GPUs do not match the type. No run writes that.

    The hash of a record does not show such values: an empty text is hashed like a null, U+0000 separates the fields,
    and the GPUs are not hashed.
    """
    content = row[1 : 1 + len(PAYLOAD)]
    if "" in content or "\0" in " ".join(filter(None, content)):
        return True
    return (row.gpu_count, row.gpu_model) != _cached_gpus(row.instance_type)
