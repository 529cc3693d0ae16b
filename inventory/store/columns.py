"""The classes for a relation and a column, and groups of columns of which the catalogue is made."""

from dataclasses import dataclass
from typing import Literal

from inventory.record import PAYLOAD


@dataclass(frozen=True)
class Column:
    """A column and its meaning. A meaning that begins with `Internal:` marks a column that is not public."""

    name: str
    meaning: str


@dataclass(frozen=True)
class Relation:
    """A table or view, with its columns in the order of docs/schema.md."""

    name: str
    kind: Literal["table", "view"]
    meaning: str
    columns: tuple[Column, ...]


JSON_OBJECTS = ("extra", "details")
"""The names of the public columns that hold a JSON object. Queries return it as text."""

ACCOUNT = Column("account", "The account: one API key's workspace, under the name the user chose.")
INSTANCE_ID = Column("instance_id", "fal's id of the instance; unique within the account.")
EPISODE = Column("episode", "Number of the presence, from 1: a return after vanishing starts the next.")

_FIELDS = {
    column.name: column
    for column in (
        Column("instance_type", "fal's type, such as gpu_8x_h100_sxm5."),
        Column("gpu_count", "GPUs of the instance, from its type gpu_<n>x_<model>; null if the type does not say."),
        Column("gpu_model", "GPU model, from its type gpu_<n>x_<model>; null if the type does not say."),
        Column("region", "fal's region, such as us-west."),
        Column("sector", "fal's sector; null if none was given."),
        Column("ip", "IP address; null if none was given."),
        Column("status", "fal's status, such as ready or stopped."),
        Column("creator_user_nickname", "Who created it, as fal gave it; null if fal did not."),
        Column("extra", "Every other field that fal sent, a JSON object with sorted keys; null if there is none."),
    )
}
AS_STORED = tuple(_FIELDS[name] for name in (*PAYLOAD, "gpu_count", "gpu_model"))
"""The columns for what fal sent of an instance, and for its GPUs, in the order of the columns in the tables."""

AS_SHOWN = tuple(_FIELDS.values())
"""The same columns in the order of the columns in the views."""

PRESENCE = (
    Column("presence", "live; missing: absent, not yet proven gone; vanished: proven gone."),
    Column("held", "Whether it is missing and waits for a person to settle it."),
    Column("first_seen_at", "Time (UTC) of the run that first saw it, ever."),
)
ABSENCE = (
    Column("missing_since", "Time (UTC) of the complete run that found it missing; null unless it is missing."),
    Column("vanished_at", "Time (UTC) of the first complete run that lacked it; null unless it vanished."),
    Column("episodes", "Number of its presences so far."),
    Column("versions", "Number of its versions so far."),
)
INSTANCE = (
    ACCOUNT,
    INSTANCE_ID,
    *AS_SHOWN,
    *PRESENCE,
    Column("last_seen_at", "Time (UTC) of the last run known to have seen it."),
    *ABSENCE,
)

LEASE = (
    Column("fencing_token", "Internal: secret of the process that works on the account; null if none does."),
    Column("lease_purpose", "Internal: what that process does: sync, prune, accept, rename or retire."),
    Column("lease_run_id", "Internal: its run."),
    Column("lease_seconds", "Internal: seconds without a heartbeat after which it counts as dead."),
    Column("lease_heartbeat_at", "Internal: time (UTC) of its last heartbeat, where it has no run."),
    Column("lease_host", "Internal: its host."),
    Column("lease_pid", "Internal: its process id on that host."),
    Column("lease_process_started", "Internal: when that process started, in clock ticks since the boot."),
)
"""The columns of `accounts` about the process that works on the account."""

LOG_OF_ACCOUNT = (
    Column("log_id", "Internal: random id of its Merkle log, which outlives a rename."),
    Column("log_start", "Internal: entry 0 of its log, as the JSON text that was hashed."),
    Column("log_size", "Internal: number of entries in its log."),
    Column("log_frontier", "Internal: hashes of the complete subtrees on the right edge of its log's tree."),
)
"""The columns of `accounts` about the log of the account."""

ENTRY_OF_RUN = (
    Column("log_index", "Index of its entry in the account's log; null while it runs, or from before the log."),
    Column("entry_hash", "Internal: hash of that entry."),
    Column("changes_root", "Internal: Merkle root over the versions that it opened and closed."),
    Column("missing_digest", "Internal: Merkle root over what it left missing or otherwise unsettled."),
    Column("cleared_digest", "Internal: the fleet_digest that prune has cleared."),
)
"""The columns of `sync_runs` about the log entry of the run."""

COUNTS = (
    Column("pages", "Number of pages read."),
    Column("instances_seen", "Number of different instances seen."),
    Column("duplicates", "Number of items that came again."),
    Column("rejected", "Number of items without a usable id, or nested too deeply to keep."),
    Column("appeared", "Number of instances first seen at this run's time."),
    Column("changed", "Number of instances of which a tracked field changed at this run's time."),
    Column("reappeared", "Number of instances back after vanishing at this run's time."),
    Column("vanished", "Number of instances gone at this run's time, also where that was settled later."),
    Column("missing", "Number of instances that the run left missing."),
)
"""The columns of `sync_runs` that count what the run read and found."""

GROWS_BY = {
    "sync_runs": "started_at",
    "operator_actions": "occurred_at",
    "instance_versions": "valid_from",
    "instance_events": "occurred_at",
    "instance_field_changes": "changed_at",
    "instance_episodes": "appeared_at",
    "fleet_daily": "day",
    "observation_daily": "day",
    "sync_gaps": "gap_start",
}
"""The relations that get more rows as time passes, each with the column that holds the time or the day of a row."""
