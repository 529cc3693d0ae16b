"""What is exported: every relation, the kind of each column, and the time by which its rows are split into files."""

from dataclasses import dataclass
from datetime import date

import pyarrow as pa
from sqlalchemy.engine import Connection

from inventory.store.catalogue import RELATIONS
from inventory.store.columns import GROWS_BY, LEASE, Column, Relation
from inventory.store.kinds import Kind, column_kinds

ARROW: dict[Kind, pa.DataType] = {
    "text": pa.string(),
    "time": pa.timestamp("us", tz="UTC"),
    "day": pa.date32(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "bytes": pa.string(),
}
"""The type of each kind. Bytes, which are hashes, are text in hexadecimal; JSON is text."""

PRIVATE = {column.name for column in LEASE}
"""The columns that are left out: a secret of the process that works on an account, and its host."""

DROPPED = Relation(
    "dropped_entries",
    "table",
    "Internal: the hashes of log entries whose rows `prune` has dropped.",
    (
        Column("log_id", "Internal: the id of the log."),
        Column("tree", "Internal: log, or runs for the runs from before the log."),
        Column("first_index", "Internal: the index of the first hash."),
        Column("hashes", "Internal: the hashes, joined."),
    ),
)
"""A table without which the log cannot be computed from the files."""

_ORDER = (
    "account", "instance_id", "episode", "valid_from", "event", "field", "instance_type", "region", "run_id",
    "action_id", "creator_user_nickname", "day", "log_id", "tree", "first_index",
)  # fmt: skip
"""The columns by which rows are ordered, after the time: so that the same rows give the same file."""

_SHORT_ORDER = {"instance_versions": ("account", "instance_id")}
"""The same for a large relation, in which these tell rows of one time apart. Fewer columns are sorted faster."""


@dataclass(frozen=True)
class Exported:
    """A relation as it is exported."""

    name: str
    kinds: dict[str, Kind]
    """The kind of each column, in their order."""
    schema: pa.Schema
    """Its columns as Arrow has them. The meanings are in the metadata of the fields and of the schema."""

    @property
    def split_by(self) -> str | None:
        """Return the column whose month says in which file a row is; None if there is one file."""
        return GROWS_BY.get(self.name)

    @property
    def order(self) -> list[str]:
        """Return the columns by which the rows are ordered."""
        first = [] if self.split_by is None else [self.split_by]
        wanted = _SHORT_ORDER.get(self.name, _ORDER)
        return [*first, *(name for name in wanted if name in self.kinds and name not in first)]


def exported_relations(connection: Connection) -> list[Exported]:
    """Return all relations, with the kinds of their columns as the database declares them."""
    found = []
    for relation in (*RELATIONS, DROPPED):
        kinds = {name: kind for name, kind in column_kinds(connection, relation).items() if name not in PRIVATE}
        fields = [
            pa.field(column.name, ARROW[kinds[column.name]], metadata={"description": column.meaning})
            for column in relation.columns
            if column.name in kinds
        ]
        schema = pa.schema(fields, metadata={"description": relation.meaning})
        found.append(Exported(relation.name, kinds, schema))
    return found


def month_of(day: date) -> str:
    """Return the month of a day, like `2026-03`."""
    return f"{day:%Y-%m}"


def month_start(month: str, *, after: int = 0) -> date:
    """Return the first day of a month, or of the month so many months after it."""
    number = int(month[:4]) * 12 + int(month[5:]) - 1 + after
    return date(number // 12, number % 12 + 1, 1)
