"""Append to the Merkle log of an account: one entry for each finished run and each act of a person.

An entry's index and hash are stored in the row of the run or act. The size of the tree and the hashes of its complete
subtrees (`Frontier`) are stored in the account's row. So a quiet run still writes only these two rows. Each public
function takes the account's row, which the caller has locked, and writes in the caller's transaction
(`every-run-and-act-is-logged`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from inventory.errors import LeaseLost
from inventory.history.merkle_log.actor import describe_actor
from inventory.history.merkle_log.entries import (
    Json,
    act_entry,
    details_text,
    earlier_history,
    entry_bytes,
    run_entry,
)
from inventory.merkle import Frontier, hash_leaf
from inventory.record import clean
from inventory.store.statements import for_update
from inventory.store.tables import accounts, damaged, operator_actions, sync_runs

Row = Mapping[str, Any]
"""A row of `accounts`, which the caller has locked."""


def prepare_account(connection: Connection, row: Row, now: datetime) -> Row:
    """Prepare an account for a new lease, and return the account's new row.

    Begin the account's log if there is none. Mark the account's `running` run, if there is one, as abandoned. Call this
    just before the lease is acquired. At that moment a run that is still `running` belongs to a process that has died
    or lost its lease.
    """
    if row["log_id"] is None:
        from inventory.history.merkle_log.start import begin_log

        row = begin_log(connection, row, now)
    running = sa.select(sync_runs).where(sync_runs.c.account == row["account"], sync_runs.c.status == "running")
    # locked, because a late heartbeat must not change the row after it was hashed
    run = connection.execute(for_update(connection, running)).mappings()
    if (dead := run.first()) is None:
        return row
    columns = {
        "status": "abandoned",
        "finished_at": now,
        "error_code": LeaseLost.error_code,
        "error": "its process died, or lost its lease, before it could apply anything",
    }
    return append_run(connection, row, {**dead}, RunEnd(columns, returned=_was_retired(connection, row)))


@dataclass(frozen=True)
class RunEnd:
    """The end of a run, as `append_run` writes it."""

    columns: Mapping[str, Any]
    """The values to write into the run's row, by column of `sync_runs`."""
    returned: bool = False
    """Whether the run brought a retired account back."""
    account: Mapping[str, Any] = field(default_factory=dict)
    """The values to write into the account's row, by column of `accounts`."""


def append_run(connection: Connection, row: Row, run: Mapping[str, Any], end: RunEnd) -> Row:
    """Write the end of a run together with its log entry, and return the account's new row.

    `row` is the account's row. `run` is the run's row of `sync_runs` as it was before the end.
    """
    final = {**run, **end.columns}
    entry = run_entry(row["log_id"], row["log_size"], final, returned=end.returned)
    row, entry_hash = _append(connection, row, entry, end.account)
    connection.execute(
        sa.update(sync_runs)
        .where(sync_runs.c.run_id == run["run_id"])
        .values(**end.columns, log_index=entry["index"], entry_hash=entry_hash)
    )
    return row


@dataclass(frozen=True)
class Act:
    """An act of a person: accept, prune, rename or retire, with the reason that the person gave."""

    action: str
    occurred_at: datetime
    details: Json = field(default_factory=dict)
    """A JSON object. Its numbers must be integers. Keys whose value is None are not stored."""
    reason: str | None = None


def append_act(connection: Connection, row: Row, done: Act) -> Row:
    """Insert an act into `operator_actions` together with its log entry, and return the account's new row.

    If the clock stepped back, the time of the act may be earlier than the time of the previous entry.
    """
    details = {name: value for name, value in done.details.items() if value is not None}
    act = {
        "occurred_at": done.occurred_at,
        "action": done.action,
        "actor": describe_actor(connection),
        "reason": None if done.reason is None else clean(done.reason) or None,
    }
    index = row["log_size"]
    action_id = connection.execute(
        sa.insert(operator_actions)
        .values(
            account=row["account"],
            **act,
            details=details_text(details),
            log_index=index,
            entry_hash=b"",
        )
        .returning(operator_actions.c.action_id)
    ).scalar_one()  # the entry holds this id, so its hash is known only after the insert
    entry = act_entry(row["log_id"], index, {**act, "action_id": action_id}, details)
    row, entry_hash = _append(connection, row, entry, {})
    own = operator_actions.c.action_id == action_id
    connection.execute(sa.update(operator_actions).where(own).values(entry_hash=entry_hash))
    return row


def _append(connection: Connection, row: Row, entry: Json, own: Mapping[str, Any]) -> tuple[Row, bytes]:
    """Append an entry to the account's tree. Write the new tree, and the columns `own`, into the account's row.

    Return the account's new row and the hash of the entry. Raise DatabaseError if the stored tree is damaged.
    """
    try:
        frontier = Frontier(row["log_size"], row["log_frontier"])
    except (ValueError, TypeError):
        raise damaged(f"the log of account {row['account']} has hashes that do not fit its size") from None
    entry_hash = hash_leaf(entry_bytes(entry))
    frontier.append(entry_hash)
    columns = {**own, "log_size": frontier.size, "log_frontier": frontier.hashes}
    connection.execute(sa.update(accounts).where(accounts.c.account == row["account"]).values(columns))
    return {**row, **columns}, entry_hash


def _was_retired(connection: Connection, row: Row) -> bool:
    """Return whether the account was retired after its last run that has an entry in the log.

    The column `retired_at` does not say so: when a run brings the account back, the column is cleared
    as soon as that run opens.
    """
    act = operator_actions.c
    retired = sa.select(sa.func.max(act.log_index)).where(act.account == row["account"], act.action == "retire")
    index = connection.scalar(retired)
    if index is None and "retired_at" in earlier_history(row):
        index = 0  # it was retired before the log began
    if index is None:
        return False
    # Count the acts since then. If there are fewer acts than entries, a run is among the entries. The rows of the runs
    # cannot be counted: `prune` may have dropped some.
    acts = sa.select(sa.func.count()).where(act.account == row["account"], act.log_index > index)
    acts_since: int = connection.execute(acts).scalar_one()
    return bool(index + 1 + acts_since == row["log_size"])
