"""Find where a stretch begins.

A stretch is an unbroken series of versions of one episode that have the same type and region. A version with another
type or region begins the next stretch. Hours are counted by stretch.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.sql.elements import ColumnElement

SAME = ("instance_type", "region")
"""The fields that stay the same in a stretch. The GPU count stays the same too, because it follows from the type."""


MAY_BEGIN = sa.text("(opened_as <> 'changed' OR moved)")
"""A condition on `instance_versions`. The first version of every stretch meets it, and few other versions do.

The text is the condition of the index `ix_instance_versions_stretches`, word for word: SQLite uses a partial index only
for a condition that it recognises. A query for the starts of stretches may apply `begins` to only the versions that
meet this condition. The result is the same, because each version that is left out has the type and the region of the
version before it.
"""


def begins(version: ReadOnlyColumnCollection[str, Any]) -> ColumnElement[bool]:
    """Return a condition on the columns of `instance_versions` that is true for the first version of each stretch.

    The condition has a window function, which SQL does not allow in WHERE. So a query must select the condition as a
    column of a subquery, and filter outside it.
    """
    before = {
        name: sa.func.lag(version[name]).over(
            partition_by=(version["account"], version["instance_id"]), order_by=version["valid_from"]
        )
        for name in SAME
    }
    return sa.or_(version["opened_as"] != "changed", *(version[name].is_distinct_from(before[name]) for name in SAME))
