"""A stretch: consecutive versions of an episode with the same type and region. Hours are counted per stretch."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.sql.elements import ColumnElement

SAME = ("instance_type", "region")
"""The fields that stay the same in a stretch. The GPU count does too, as it follows from the type."""


MAY_BEGIN = sa.text("(opened_as <> 'changed' OR moved)")
"""A condition on `instance_versions` that every first version of a stretch meets, and few others.

It is the condition of a partial index, word for word. `begins` is right over these versions alone, because those
between two of them have the type and region of the first.
"""


def begins(version: ReadOnlyColumnCollection[str, Any]) -> ColumnElement[bool]:
    """Return a condition on the columns of `instance_versions`: the version begins a stretch.

    It uses a window function over the versions of an instance, so it must be a column of a subquery.
    """
    before = {
        name: sa.func.lag(version[name]).over(
            partition_by=(version["account"], version["instance_id"]), order_by=version["valid_from"]
        )
        for name in SAME
    }
    return sa.or_(version["opened_as"] != "changed", *(version[name].is_distinct_from(before[name]) for name in SAME))
