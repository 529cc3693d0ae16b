"""Find how old the last complete run of each account is, and which accounts are stale."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from inventory.errors import UsageError
from inventory.read.queries import account_names
from inventory.read.relations import Row, columns, matching, read_rows, relation
from inventory.times import brief, iso


def freshness(connection: Connection, *, account: str | None = None, named: Sequence[str] = ()) -> list[Row]:
    """Return the row of `sync_freshness` of each account that is not retired, or only that of `account`.

    For each account in `named` that the database lacks, add a row with None as times and status, and 0 as counts. The
    rows are sorted by the accounts' names. Raise UsageError if `account` is retired. If `account` is given, it must be
    in the database or in `named`, and `named` must hold no other account.
    """
    table, view = relation("accounts"), relation("sync_freshness")
    active = sa.select(table.c.account).where(table.c.retired_at.is_(None))
    query = sa.select(view).where(view.c.account.in_(active), *matching(view, account=account))
    found = read_rows(connection, query)
    zeros = dict.fromkeys(("failures_since_complete", "live_instances", "missing_instances"), 0)
    for name in set(named) - set(account_names(connection)):
        found.append(dict.fromkeys(columns("sync_freshness")) | zeros | {"account": name})
    found.sort(key=lambda row: row["account"])
    if account is not None and not found:
        raise UsageError(f"The account {account!r} is retired: it is not synced any more.")
    return found


def why_stale(row: Row, now: datetime, limit: timedelta | None) -> str | None:
    """Return in words why an account is stale, or None if it is not. `row` is its row of `sync_freshness`.

    An account is stale if its last attempt is in the future, if it has no complete run, or if the last complete run is
    older than `limit`. If `limit` is None, any age is allowed.
    """
    name = row["account"]
    if row["last_attempt_at"] is not None and row["last_attempt_at"] > now:
        return f"{name}: its last run, at {iso(row['last_attempt_at'])}, is in the future by the database's clock"
    if row["last_complete_at"] is None:
        return f"{name}: never synced to the end"
    age = now - row["last_complete_at"]
    if limit is not None and age > limit:
        return f"{name}: the last complete run is {brief(age)} old, more than {brief(limit)}"
    return None


def last_runs(connection: Connection) -> list[Row]:
    """Return `account`, `status` and `error_code` of the last finished run of each account that is not retired.

    An account without a finished run is left out.
    """
    table, runs_ = relation("accounts"), relation("sync_runs")
    last = (  # a subquery for each account, which uses the index on account and time
        sa.select(runs_.c.run_id)
        .where(runs_.c.account == table.c.account, runs_.c.status != "running")
        .order_by(runs_.c.started_at.desc())
        .limit(1)
        .correlate(table)
        .scalar_subquery()
    )
    wanted = sa.select(last).select_from(table).where(table.c.retired_at.is_(None))
    found = relation("sync_runs").alias("found")
    query = sa.select(found.c.account, found.c.status, found.c.error_code)
    return read_rows(connection, query.where(found.c.run_id.in_(wanted)))


def held(connection: Connection) -> dict[str, int]:
    """Return a dict from the name of each account to the number of its held instances, which may be 0."""
    table, state = relation("accounts"), relation("instance_state")
    number = (  # a subquery for each account, which uses the index on account and presence
        sa.select(sa.func.count())
        .where(state.c.account == table.c.account, state.c.presence == "missing", state.c.held)
        .correlate(table)
        .scalar_subquery()
    )
    rows = connection.execute(sa.select(table.c.account, number.label("number")).select_from(table))
    return {row.account: row.number for row in rows}


def delivered_checkpoints(connection: Connection) -> dict[str, datetime]:
    """Return a dict from each account's name to the time at which a checkpoint of its log was last delivered.

    If none was ever delivered, the account is left out.
    """
    table = relation("accounts")
    query = sa.select(table.c.account, table.c.checkpoint_at).where(table.c.checkpoint_at.is_not(None))
    return {row["account"]: row["checkpoint_at"] for row in read_rows(connection, query)}
