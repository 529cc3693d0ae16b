"""The types that `difference` works with: RunStamp, State and SeenInstance are its input, a Step holds its results."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

State = dict[str, Any]
"""A row of `instance_state`."""

Version = dict[str, Any]
"""A row of `instance_versions`."""

NO_RUN = -1
"""The `run_id` of a RunStamp for work that is not a run. It is written into no row."""


@dataclass(frozen=True)
class RunStamp:
    """The id and the start time of a run, with the other values that are needed to compute the rows that it writes.

    The rows carry this id and this time. Some columns are about an earlier run instead: the run that first saw the
    instance, last saw it, or first lacked it. For example, if an instance was missing before and vanishes now, its
    version ends with the id and the time of the first complete run that lacked it (`settled-at-first-absence`).

    For work that is not a run, `run_id` is NO_RUN, and `started_at` is the present time.
    """

    account: str
    run_id: int
    started_at: datetime
    last_complete_run_id: int | None
    """The account's last complete run before this one; None if there is none."""
    ignored: tuple[str, ...] = ()
    """The setting `ignore_changes`."""
    log_index: int = 0
    """The index that the entry of this run or act will have in the account's log."""


@dataclass(frozen=True)
class SeenInstance:
    """An instance as a run saw it."""

    instance_id: str
    payload: Mapping[str, Any]
    """What `difference.payload_columns` returns for the record."""
    tracked: Mapping[str, Any]
    """The same columns as a version stores them: ignored fields are None, and `extra` has no ignored keys."""
    row_hash: bytes
    """The hash of the tracked fields."""
    listed: bool
    """True if the instance was on a list; False if it was found by its id."""


class Change(NamedTuple):
    """The opening or closing of a version, as a leaf for the log.

    To get the leaves in the order of their tree, sort these tuples.
    """

    instance_id: str
    part: int
    """CLOSED or OPENED."""
    leaf: bytes


@dataclass
class Step:
    """The plan for one batch of instances: the rows to write, and data for the log, the fleet digest and a preview."""

    new: list[State] = field(default_factory=list)
    """Rows to insert into `instance_state`."""
    written: list[State] = field(default_factory=list)
    """Rows of `instance_state` to update, each with account, id and the columns to set."""
    closed: list[Version] = field(default_factory=list)
    """Open versions to close, each with account, id and the columns of `instance_versions` to set."""
    opened: list[Version] = field(default_factory=list)
    """Rows to insert into `instance_versions`."""
    kept: list[tuple[str, bytes]] = field(default_factory=list)
    """A pair (id, version hash) for each seen instance whose state is updated while its version stays open."""
    gone: list[State] = field(default_factory=list)
    """The states of the instances that vanish, as they were before."""
    changes: list[Change] = field(default_factory=list)
    """The leaves for the log: one for each version in `closed`, and one for each version in `opened`."""
