"""Read rows as the driver returns them, and find values that are not valid in their columns.

SQLite stores any value in any column. Its times are read as text, so that their exact form is checked too.
"""

import math
import re
from collections import namedtuple
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.types import NullType

from inventory.store.tables import UTCDateTime

_NO_TIME = "9999-12-30 00:00:00.000000+00"
"""A time that no run has. It replaces values that are not times, and times that Python cannot represent."""

_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", re.ASCII)
_CLOSED_SET = re.compile(r"(\w+) IN \((.*)\)")


class ValueRule(NamedTuple):
    """The rule for the values of one column."""

    type: type
    """The Python type in which the driver returns the values."""
    accepts: Callable[[Any], bool]
    """Return whether a value of that type is valid."""
    replace: Callable[[Any], Any]
    """Return a value of that type to use instead of an invalid value: if possible one that no run writes."""


class StoredColumns:
    """The columns of a query, with the ValueRule of each.

    With `thorough`, every value of every row is checked. Otherwise a row counts as valid if an earlier valid row had
    values of the same types, and the same values in the columns that allow only a few values. This is enough, because
    `verify` compares numbers and times with other rows in any case.
    """

    def __init__(self, table: sa.Table, names: tuple[str, ...], *, sqlite: bool, thorough: bool) -> None:
        """Make the rules of the columns `names` of the table."""
        self._columns = [table.c[name] for name in names]
        closed_sets = _read_closed_sets(table)
        self._rules = [_make_rule(column, closed_sets.get(column.name), sqlite=sqlite) for column in self._columns]
        self._few_values = [
            position
            for position, column in enumerate(self._columns)
            if column.name in closed_sets or isinstance(column.type, sa.Boolean)
        ]
        self._thorough = thorough
        self._valid: set[tuple[Any, ...]] = set()
        self._record: Any = namedtuple("_Record", [column.name for column in self._columns])  # type: ignore[misc]  # noqa: PYI024
        self.query: sa.Select[Any] = sa.select(*(raw_value(column).label(column.name) for column in self._columns))
        """The query for the columns, each as `raw_value`, from the whole table."""

    def find_invalid(self, row: Any) -> list[int]:
        """Return the positions, from 0 on, of the invalid values in a row."""
        key = (*map(type, row), *[row[position] for position in self._few_values])
        if key in self._valid:
            return []
        invalid = [
            position
            for position, (value, column, rule) in enumerate(zip(row, self._columns, self._rules, strict=True))
            if not (column.nullable if value is None else type(value) is rule.type and rule.accepts(value))
        ]
        if not invalid and not self._thorough:
            self._valid.add(key)
        return invalid

    def describe(self, row: Any, invalid: list[int]) -> Iterator[str]:
        """Yield a text for each invalid value. `invalid` has their positions in the row."""
        for position in invalid:
            yield f"{self._columns[position].name} is {row[position]!r:.80}, which is not a valid value of that column"

    def repair(self, row: Any, invalid: list[int]) -> Any:
        """Return the row with the values at the positions `invalid` replaced by values of the right type."""
        values = list(row)
        for position in invalid:
            values[position] = self._rules[position].replace(values[position])
        return self._record._make(values)


@cache
def stored_columns(table: sa.Table, names: tuple[str, ...], *, sqlite: bool, thorough: bool = False) -> StoredColumns:
    """Return the StoredColumns for these arguments. A later call with the same arguments returns the same object."""
    return StoredColumns(table, names, sqlite=sqlite, thorough=thorough)


def raw_value(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return an SQL expression for a column's value as the driver returns it: SQLAlchemy does not convert it.

    In a column of times, the expression replaces values outside of 0001-01-03 to 9999-12-30, such as PostgreSQL's
    `infinity`, by `_NO_TIME`.
    """
    raw = sa.type_coerce(column, NullType())
    if not isinstance(column.type, UTCDateTime):
        return raw
    first: ColumnElement[Any] = sa.literal_column("'0001-01-03 00:00:00.000000+00'")
    last: ColumnElement[Any] = sa.literal_column(f"'{_NO_TIME}'")
    return sa.type_coerce(sa.case((raw.between(first, last), raw), (raw.is_not(None), last)), NullType())


def _make_rule(column: sa.Column[Any], closed_set: set[str] | None, *, sqlite: bool) -> ValueRule:
    type_ = column.type
    if isinstance(type_, UTCDateTime):
        return _make_time_rule(sqlite=sqlite)
    if isinstance(type_, sa.Boolean):
        return ValueRule(int if sqlite else bool, lambda value: value in (0, 1), lambda _: False)
    if isinstance(type_, sa.Integer):
        limit = 1 << (63 if isinstance(type_, sa.BigInteger) else 31)
        return ValueRule(int, lambda value: 0 <= value < limit, lambda _: -1)
    if isinstance(type_, sa.LargeBinary):
        return ValueRule(bytes, lambda _: True, lambda _: b"")
    if isinstance(type_, sa.Double):
        return ValueRule(float, math.isfinite, lambda _: 0.0)
    return ValueRule(str, lambda value: closed_set is None or value in closed_set, repr)


def _make_time_rule(*, sqlite: bool) -> ValueRule:
    if sqlite:
        return ValueRule(str, _is_time, lambda _: _NO_TIME)
    no_time = datetime.fromisoformat(_NO_TIME)
    return ValueRule(datetime, lambda value: bool(value != no_time), lambda _: no_time)


def _read_closed_sets(table: sa.Table) -> dict[str, set[str]]:
    """Return the allowed values by column name, for each column with a CHECK constraint that lists them."""
    checks = (str(check.sqltext) for check in table.constraints if isinstance(check, sa.CheckConstraint))
    found = filter(None, map(_CLOSED_SET.fullmatch, checks))
    return {check[1]: set(re.findall(r"'(\w+)'", check[2])) for check in found}


def _is_time(text: str) -> bool:
    """Return whether a text has the form in which the program writes times into SQLite, and its date and time exist."""
    try:
        return _TIME.fullmatch(text) is not None and bool(datetime.fromisoformat(text))
    except ValueError:
        return False
