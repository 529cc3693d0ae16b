"""Columns that several tables and views share, and their meanings."""

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
    """A table or view, with its columns in order."""

    name: str
    kind: Literal["table", "view"]
    meaning: str
    columns: tuple[Column, ...]


JSON_OBJECTS = ("extra", "details")
"""The columns that hold a JSON object."""

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
AS_SHOWN = tuple(_FIELDS.values())

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
