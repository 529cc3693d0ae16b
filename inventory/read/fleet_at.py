"""The fleet as of a time, and the complete runs around that time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from inventory.errors import UsageError
from inventory.read.relations import Row, first_row, matching, read_rows, relation, stream_rows
from inventory.store.columns import AS_SHOWN
from inventory.times import iso

AS_OF_COLUMNS = (
    "account", "instance_id", *(column.name for column in AS_SHOWN), "valid_from", "valid_to", "episode",
)  # fmt: skip


@dataclass(frozen=True)
class RunsAround:
    """The complete runs of an account around a time T, and the gap in which T lies."""

    account: str
    before: Row | None
    """The last complete run at or before T: `run_id` and `started_at`.

    None if the account has no complete run at all. This is possible only if `retired` is true.
    """
    after: Row | None
    """The first complete run after T; None if there is none."""
    exact: bool
    """Whether T is the start time of `before`."""
    gap: Row | None = None
    """The row of `sync_gaps` for the gap that contains T; None if there is none."""
    retired: bool = False
    """Whether the account is retired, and has no complete run at T or later. If so, its fleet at T is unknown."""


def runs_around(connection: Connection, at: datetime, account: str | None = None) -> list[RunsAround]:
    """Return the RunsAround of each account around the time `at`, or only that of `account`.

    Raise UsageError if the fleet of an account at that time is unknown. It is unknown before the account's first
    complete run, after its last one, and where `prune` folded the history. There is one exception: if no `account` is
    given, a retired account without a complete run at that time or later is returned with `retired` set. Also raise
    UsageError if there is no account, or if this exception applies to every account.
    """
    table = relation("accounts")
    query = sa.select(table).where(*matching(table, account=account)).order_by(table.c.account)
    rows = list(read_rows(connection, query))
    found = [_around_in_account(connection, at, row, asked=account is not None, alone=len(rows) == 1) for row in rows]
    if all(runs.retired for runs in found):
        raise UsageError(f"Nothing is known of {iso(at)}: no account was synced then.")
    return found


def _around_in_account(connection: Connection, at: datetime, account: Row, *, asked: bool, alone: bool) -> RunsAround:
    name = account["account"]
    table = relation("sync_runs")
    complete = sa.select(table.c.run_id, table.c.started_at).where(table.c.account == name, table.c.complete)
    newest, oldest = complete.order_by(table.c.started_at.desc()), complete.order_by(table.c.started_at)
    before = first_row(connection, newest.where(table.c.started_at <= at))
    after = first_row(connection, oldest.where(table.c.started_at > at))
    retired = account["retired_at"] is not None and not asked
    other = "" if alone else " To leave this account out, name another one with --account."
    exact = before is not None and before["started_at"] == at
    if retired and after is None and not exact:
        return RunsAround(name, before, None, exact=False, retired=True)
    if before is None:
        why = f"its first complete run was at {iso(after['started_at'])}" if after else "it has no complete run yet"
        raise UsageError(f"The fleet of account {name!r} at {iso(at)} is not known: {why}.{other}")
    if account["pruned_before"] is not None and at < account["pruned_before"]:
        raise UsageError(
            f"The fleet of account {name!r} at {iso(at)} is not known any more: `inventory prune` folded its history "
            f"before {iso(account['pruned_before'])}.{other}"
        )
    if after is None and not exact:
        raise UsageError(
            f"The fleet of account {name!r} at {iso(at)} is not known: its last complete run was at "
            f"{iso(before['started_at'])}. `inventory list` without --at shows what that run left.{other}"
        )
    gaps = relation("sync_gaps")
    within = sa.select(gaps).where(gaps.c.account == name, gaps.c.gap_start == before["started_at"])
    return RunsAround(name, before, after, exact, None if exact else first_row(connection, within))


def as_of(
    connection: Connection,
    at: datetime,
    accounts: Sequence[str],
    *,
    creator: str | None = None,
    region: str | None = None,
    type_: str | None = None,
    status: str | None = None,
) -> Iterator[Row]:
    """Yield the versions that were valid at a time, sorted by account and id. The keys of a row are AS_OF_COLUMNS.

    Only versions of `accounts` are yielded. Each keyword argument limits the versions to one value of a column.
    """
    table = relation("instance_versions")
    wanted = matching(table, creator_user_nickname=creator, region=region, instance_type=type_, status=status)
    # coalesce() keeps SQLite from using the index on these columns: the index on the times is much faster
    account, instance_id = (sa.func.coalesce(table.c[name], "") for name in ("account", "instance_id"))
    query = sa.select(*(table.c[name] for name in AS_OF_COLUMNS)).where(
        table.c.valid_from <= at,
        sa.or_(table.c.valid_to.is_(None), table.c.valid_to > at),
        account.in_(accounts),
        *wanted,
    )
    return stream_rows(connection, query.order_by(account, instance_id))
