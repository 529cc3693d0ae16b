"""Read the acts of persons, and describe each act in words."""

import json
from collections.abc import Iterator
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from inventory.read.relations import Row, matching, relation, stream_rows
from inventory.read.render import cell


def acts(
    connection: Connection,
    *,
    account: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int | None = None,
) -> Iterator[Row]:
    """Yield rows of `operator_actions`, the newest first, from `since` (included) to `until` (excluded).

    With `account`, yield only the rows of this account. With `limit`, yield no more rows than this.
    """
    table = relation("operator_actions")
    query = sa.select(table).where(*matching(table, account=account))
    if since is not None:
        query = query.where(table.c.occurred_at >= since)
    if until is not None:
        query = query.where(table.c.occurred_at < until)
    return stream_rows(connection, query.order_by(table.c.action_id.desc()).limit(limit))


def describe_act(act: Row) -> str:
    """Return in words what was done, from the columns `action` and `details` of a row of `operator_actions`.

    For an unknown action, return `details` unchanged.
    """
    details = json.loads(act["details"])
    if act["action"] == "accept":
        count = details.get("instances")
        return f"{count} {'instance' if count == 1 else 'instances'} settled as vanished"
    if act["action"] == "prune":
        return f"history before {_time(details.get('before'))} folded"
    if act["action"] == "rename":
        return f"{details.get('from')} is now {details.get('to')}"
    return "no longer synced" if act["action"] == "retire" else act["details"]


def _time(text: str | None) -> str:
    """Return an ISO 8601 time in the form that tables show. A text that is no time is returned unchanged."""
    try:
        return cell(datetime.fromisoformat(text or ""))
    except ValueError:
        return f"{text}"
