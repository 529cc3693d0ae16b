"""What is exported: the relations, the kinds of their columns, and the column whose month decides the file of a row."""

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
"""The Arrow type for each kind of column. Bytes, which are hashes, become text in hexadecimal. JSON is of kind text."""

PRIVATE = {column.name for column in LEASE}
"""The columns that are left out: those of an account's lease, which hold a secret and the name of a host."""

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
"""The table of dropped log entries. Without it the log cannot be computed from the files."""

_ORDER = (
    "account", "instance_id", "episode", "valid_from", "event", "field", "instance_type", "region", "run_id",
    "action_id", "creator_user_nickname", "day", "log_id", "tree", "first_index",
)  # fmt: skip
"""The columns that order the rows of a relation, as far as it has them. The column `split_by` comes before all of them.

In a fixed order the same rows always give the same file.
"""

_SHORT_ORDER = {"instance_versions": ("account", "instance_id")}
"""By relation: the columns that are used instead of _ORDER.

In this large relation they suffice to tell rows of the same time apart, and fewer columns are sorted faster.
"""


@dataclass(frozen=True)
class Exported:
    """A relation as it is exported."""

    name: str
    kinds: dict[str, Kind]
    """The kind of each column by its name, in the order of the columns."""
    schema: pa.Schema
    """The columns as an Arrow schema. Its metadata hold the meaning of the relation, as `description`.

    The metadata of each field hold the meaning of the column in the same way.
    """

    @property
    def split_by(self) -> str | None:
        """Return the column whose month says in which file a row is; None if the relation has only one file."""
        return GROWS_BY.get(self.name)

    @property
    def order(self) -> list[str]:
        """Return the names of the columns by which the rows are ordered, the most significant first."""
        first = [] if self.split_by is None else [self.split_by]
        wanted = _SHORT_ORDER.get(self.name, _ORDER)
        return [*first, *(name for name in wanted if name in self.kinds and name not in first)]


def exported_relations(connection: Connection) -> list[Exported]:
    """Return all relations that are exported, with the kinds of their columns as the database declares them."""
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
    return day.isoformat()[:7]  # strftime does not pad years before 1000


def month_start(month: str, *, after: int = 0) -> date:
    """Return the first day of a month, given like `2026-03`, or of the month that is `after` months later."""
    number = int(month[:4]) * 12 + int(month[5:]) - 1 + after
    return date(number // 12, number % 12 + 1, 1)
