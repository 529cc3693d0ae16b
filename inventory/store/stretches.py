"""Stretches: neighbouring versions of an episode with the same type and region. Hours belong to a stretch."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.sql.elements import ColumnElement

SAME = ("instance_type", "region")
"""What stays the same in a stretch. The GPU count does too, since it follows from the type."""


def begins(version: ReadOnlyColumnCollection[str, Any]) -> ColumnElement[bool]:
    """Return whether a version begins a stretch, for columns of `instance_versions`.

    It is a window function over the versions of an instance, so it belongs into the columns of a subquery.
    """
    before = {
        name: sa.func.lag(version[name]).over(
            partition_by=(version["account"], version["instance_id"]), order_by=version["valid_from"]
        )
        for name in SAME
    }
    return sa.or_(version["opened_as"] != "changed", *(version[name].is_distinct_from(before[name]) for name in SAME))
