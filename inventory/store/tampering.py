"""Find what makes queries answer wrongly although the history is right: a changed view, a trigger, a missing day.

Each table of the program must exist, as a table. Each view of the program must exist, as a view, and have the text that
this version of the program gives it. No table or view may have a trigger, a rule, a policy, row-level security or a
child table. The calendar must have exactly the days that the migrations gave it.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from itertools import zip_longest

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from inventory.store import schema
from inventory.store.backend import is_sqlite
from inventory.store.catalogue import VIEWS
from inventory.store.tables import METADATA

FIRST_DAY, LAST_DAY = date(2020, 1, 1), date(2049, 12, 31)
"""The first and the last day of the calendar, as revision 0001 fills it."""

_SQLITE_TRIGGERS = """
    SELECT 'the trigger ' || name || ' on ' || tbl_name FROM sqlite_master
    WHERE type = 'trigger' AND lower(tbl_name) IN (SELECT value FROM json_each(:names)) ORDER BY 1
"""

_POSTGRESQL_ATTACHED = r"""
    WITH own AS (SELECT oid, relname, relrowsecurity FROM pg_class WHERE oid = ANY(CAST(:names AS regclass[])))
    SELECT format('the trigger %s on %s', tgname, relname) FROM pg_trigger JOIN own ON own.oid = tgrelid
    WHERE NOT tgisinternal
    UNION ALL
    SELECT format('the rule %s on %s', rulename, relname) FROM pg_rewrite JOIN own ON own.oid = ev_class
    WHERE rulename <> '_RETURN'
    UNION ALL
    SELECT format('the policy %s on %s', polname, relname) FROM pg_policy JOIN own ON own.oid = polrelid
    UNION ALL
    SELECT format('row-level security on %s', relname) FROM own WHERE relrowsecurity
    UNION ALL
    SELECT format('the child table %s of %s', CAST(CAST(inhrelid AS regclass) AS text), relname)
    FROM pg_inherits JOIN own ON own.oid = inhparent
    ORDER BY 1
"""


def find_tampering(connection: Connection) -> Iterator[str]:
    """Yield a line of text for each violation of the rules in the module's docstring.

    The columns of tables are not compared. The texts of views are not compared if `why_views_are_unchecked` returns a
    message. A wrong calendar gets one line, which names the first wrong day.
    """
    kinds = _kinds_of_relations(connection)
    for name, kind in _own_relations().items():
        if kinds.get(name) != kind:
            yield f"{name} is {kinds.get(name, 'missing')}, and should be a {kind}"
    for name in schema.changed_views(connection):
        yield f"the view {name} differs from the one that this version creates, and may give wrong answers"
    yield from _find_attached(connection, [name for name in _own_relations() if name in kinds])
    if kinds.get("calendar") == "table":
        yield from _find_wrong_day(connection)


def why_views_are_unchecked(connection: Connection) -> str | None:
    """Return a message that says why the views cannot be compared with those of this version; None if they can.

    PostgreSQL keeps no text of a view, so the comparison needs temporary views, which the server may refuse.
    """
    if is_sqlite(connection):
        return None
    try:
        with connection.begin_nested() as savepoint:
            connection.exec_driver_sql("CREATE TEMP VIEW inventory_check AS SELECT 1 AS one")
            savepoint.rollback()
    except DBAPIError as error:
        reason = " ".join(str(error.orig).split("\n")[0].split())
        return f"The views were not compared with those of this version, which needs a temporary view: {reason}."
    return None


def _own_relations() -> dict[str, str]:
    return dict.fromkeys(METADATA.tables, "table") | dict.fromkeys(VIEWS, "view")


def _kinds_of_relations(connection: Connection) -> dict[str, str]:
    inspector = sa.inspect(connection)
    return dict.fromkeys(inspector.get_table_names(), "table") | dict.fromkeys(inspector.get_view_names(), "view")


def _find_attached(connection: Connection, names: list[str]) -> Iterator[str]:
    if is_sqlite(connection):
        found = connection.execute(sa.text(_SQLITE_TRIGGERS).bindparams(sa.bindparam("names", names, type_=sa.JSON)))
    else:
        found = connection.execute(sa.text(_POSTGRESQL_ATTACHED), {"names": names})
    for (what,) in found.all():
        yield f"{what} is not this program's, and may change what is read or written"


def _find_wrong_day(connection: Connection) -> Iterator[str]:
    """Compare the table `calendar` with the days that the migrations gave it.

    If they differ, yield one line of text. It names the first day that is wrong, missing or added.
    """
    days = "SELECT CAST(day AS TEXT) || ' ' || CAST(week AS TEXT) || ' ' || CAST(month AS TEXT) AS day FROM calendar"
    joined = "group_concat(day, ',')" if is_sqlite(connection) else "string_agg(day, ',')"
    stored = connection.exec_driver_sql(f"SELECT {joined} FROM ({days} ORDER BY calendar.day) AS days").scalar() or ""
    if stored == _days():  # the database joins the days into one text: ten times as fast as a row for each
        return
    pairs = zip_longest(str(stored).split(","), _days().split(","), fillvalue="")
    at = next(min(filter(None, pair)) for pair in pairs if pair[0] != pair[1])
    yield f"the calendar is not this program's from {at[:10]} on, so answers by day may be wrong"


@cache
def _days() -> str:
    """Return the whole calendar as one text: each day, the Monday of its week and the first day of its month."""
    days = [FIRST_DAY + timedelta(days=number) for number in range((LAST_DAY - FIRST_DAY).days + 1)]
    return ",".join(f"{day} {day - timedelta(days=day.weekday())} {day.replace(day=1)}" for day in days)
