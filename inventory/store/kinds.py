"""Find the kind of each column (text, time, number, ...) of a table or view from the column's type in the database."""

from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from inventory.store.columns import Relation

Kind = Literal["text", "time", "day", "integer", "number", "boolean", "bytes"]
"""The kind of the values in a column. It has the same name on both backends. The kind of a column of JSON is `text`."""

_KINDS: tuple[tuple[type[Any], Kind], ...] = (
    (sa.DateTime, "time"),
    (sa.Date, "day"),
    (sa.Boolean, "boolean"),
    (sa.Integer, "integer"),
    (sa.Numeric, "number"),
    (sa.Float, "number"),
    (sa.LargeBinary, "bytes"),
)


def column_kinds(connection: Connection, relation: Relation) -> dict[str, Kind]:
    """Return the kind of each column of a table or view, by column name. The order is that of `relation.columns`."""
    types = {column["name"]: column["type"] for column in sa.inspect(connection).get_columns(relation.name)}
    return {column.name: _kind(types[column.name]) for column in relation.columns}


def _kind(type_: object) -> Kind:
    return next((kind for class_, kind in _KINDS if isinstance(type_, class_)), "text")
