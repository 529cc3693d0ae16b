"""Queries for instances, events and runs, and for the names of accounts.

Most of them return rows of the public tables and views as dicts. The others return sorted lists of texts.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from inventory.errors import UsageError
from inventory.read.relations import Row, matching, read_rows, relation, stream_rows
from inventory.store import database
from inventory.store.tables import damaged


def instances(
    connection: Connection,
    *,
    account: str | None = None,
    all_: bool = False,
    presence: str | None = None,
    creator: str | None = None,
    region: str | None = None,
    type_: str | None = None,
    status: str | None = None,
) -> Iterator[Row]:
    """Yield rows of `instances`, sorted by account, then by `first_seen_at`.

    By default these are the rows of live and missing instances. With `all_`, they are the rows of all instances ever
    seen. With `presence`, they are the rows with this presence. Each other argument limits the rows to one value of a
    column.
    """
    view = relation("instances")
    wanted = matching(
        view,
        account=account,
        presence=presence,
        creator_user_nickname=creator,
        region=region,
        instance_type=type_,
        status=status,
    )
    query = sa.select(view).where(*wanted)
    if not all_ and presence is None:
        query = query.where(view.c.presence.in_(("live", "missing")))
    return stream_rows(connection, query.order_by(view.c.account, view.c.first_seen_at, view.c.instance_id))


def runs(connection: Connection, *, account: str | None = None, failed: bool = False, limit: int = 20) -> Iterator[Row]:
    """Yield at most `limit` rows of `sync_runs`, the newest first.

    With `failed`, yield only the rows of finished runs whose status is not `succeeded`.
    """
    table = relation("sync_runs")
    query = sa.select(table).where(*matching(table, account=account))
    if failed:
        query = query.where(table.c.status.not_in(("succeeded", "running")))
    return stream_rows(connection, query.order_by(table.c.run_id.desc()).limit(limit))


def run(connection: Connection, run_id: int) -> Row:
    """Return the row of a run in `sync_runs`. The run must exist."""
    table = relation("sync_runs")
    return read_rows(connection, sa.select(table).where(table.c.run_id == run_id))[0]


def events(
    connection: Connection,
    *,
    account: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    event: str | None = None,
    creator: str | None = None,
    instance: str | None = None,
    limit: int | None = 20,
) -> Iterator[Row]:
    """Yield rows of `instance_events`, the newest first, from `since` (included) to `until` (excluded).

    `limit` is the largest number of rows; None means no limit. Each other argument limits the rows to one value of a
    column. Raise UsageError if `instance` is unknown.
    """
    view = relation("instance_events")
    query = sa.select(view).where(*matching(view, account=account, event=event, creator_user_nickname=creator))
    if instance is not None:  # limit the accounts too: an index that begins with the account can then be used
        query = query.where(
            view.c.account.in_(holders(connection, instance, account)), *matching(view, instance_id=instance)
        )
    if since is not None:
        query = query.where(view.c.occurred_at >= since)
    if until is not None:
        query = query.where(view.c.occurred_at < until)
    query = query.order_by(view.c.occurred_at.desc(), view.c.account, view.c.instance_id).limit(limit)
    return stream_rows(connection, query)


def with_fields(connection: Connection, rows: Iterable[Row]) -> Iterator[Row]:
    """Yield the rows that `events` returned, in the same order, each with a list `fields`.

    For a change, `fields` holds a dict with `field`, `old_value` and `new_value` for each field that changed. For any
    other event it is empty.
    """
    # one query for each batch: the events of a batch lie in one period, and the periods of the batches hardly overlap,
    # so all queries together cost about as much as one query for all events
    for batch in database.batches(rows):
        fields = _fields(connection, [row for row in batch if row["event"] == "changed"])
        for row in batch:
            yield row | {"fields": fields.get(_change_key(row, "occurred_at"), []) if row["event"] == "changed" else []}


def _fields(connection: Connection, changes: Sequence[Row]) -> dict[tuple[Any, ...], list[Row]]:
    """Return a dict from the `_change_key` of each change to the list of its changed fields.

    `changes` must be sorted by `occurred_at`, the newest first.
    """
    if not changes:
        return {}
    view = relation("instance_field_changes")
    query = sa.select(view).where(
        view.c.changed_at >= changes[-1]["occurred_at"],
        view.c.changed_at <= changes[0]["occurred_at"],
        view.c.account.in_({row["account"] for row in changes}),
        view.c.instance_id.in_({row["instance_id"] for row in changes}),
    )
    wanted = {_change_key(row, "occurred_at") for row in changes}
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in stream_rows(connection, query.order_by(view.c.field)):
        if (key := _change_key(row, "changed_at")) in wanted:
            found.setdefault(key, []).append({name: row[name] for name in ("field", "old_value", "new_value")})
    return found


def _change_key(row: Row, time: str) -> tuple[Any, ...]:
    return row[time], row["account"], row["instance_id"]


def biographies(connection: Connection, instance_id: str, account: str | None = None) -> list[Row]:
    """Return the whole history of an instance: one dict for each account that has seen it.

    Each dict is a row of `instances` in which `episodes`, `versions`, `events` and `field_changes` are lists of rows,
    the oldest first. The lists `episodes` and `versions` replace the row's counts of these names. With `account`,
    search only this account. Raise UsageError if the instance is unknown, DatabaseError if it has no versions.
    """
    parts = {
        "episodes": ("instance_episodes", ("episode",)),
        "versions": ("instance_versions", ("valid_from",)),
        "events": ("instance_events", ("occurred_at",)),
        "field_changes": ("instance_field_changes", ("changed_at", "field")),
    }
    found = []
    for name in holders(connection, instance_id, account):
        (row,) = _of_one(connection, "instances", name, instance_id, ())
        for part, (source, order) in parts.items():
            row[part] = _of_one(connection, source, name, instance_id, order)
        if not row["episodes"]:
            raise damaged(f"the instance {instance_id!r} of the account {name!r} has no versions")
        found.append(row)
    return found


def _of_one(connection: Connection, source: str, account: str, instance_id: str, order: Sequence[str]) -> list[Row]:
    view = relation(source)
    query = sa.select(view).where(*matching(view, account=account, instance_id=instance_id))
    return read_rows(connection, query.order_by(*(view.c[name] for name in order)))


def holders(connection: Connection, instance_id: str, account: str | None = None) -> list[str]:
    """Return the names of the accounts that ever saw the instance, sorted. Raise UsageError if no account saw it.

    With `account`, only this account is searched.
    """
    names = account_names(connection) if account is None else [account]
    table = relation("instance_state")
    query = sa.select(table.c.account).where(table.c.account.in_(names), *matching(table, instance_id=instance_id))
    found = list(connection.scalars(query.order_by(table.c.account)))
    if not found:
        where = "this database" if account is None else f"the account {account!r}"
        raise UsageError(f"There is no instance {instance_id!r} in {where}. `inventory list --all` has all.")
    return found


def account_names(connection: Connection) -> list[str]:
    """Return the names of all accounts in the database, sorted."""
    table = relation("accounts")
    return list(connection.scalars(sa.select(table.c.account).order_by(table.c.account)))


def values_with_prefix(connection: Connection, name: str, column: str, prefix: str, *, limit: int) -> list[str]:
    """Return the values of a text column that begin with a prefix: each value once, sorted, at most `limit`.

    `name` is the table or view. On SQLite the case of ASCII letters does not matter.
    """
    values = relation(name).c[column]
    query = sa.select(values).where(values.startswith(prefix, autoescape=True)).distinct().order_by(values)
    return list(connection.scalars(query.limit(limit)))
