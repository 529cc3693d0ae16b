"""The digest of what the versions do not tell about the instances of an account."""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement

from inventory.history.merkle_log.entries import missing_leaf
from inventory.merkle import root_of
from inventory.store import database
from inventory.store.tables import instance_state

COLUMNS = ("instance_id", "presence", "held", "unlisted_runs", "seen_run_id", "missing_run_id")


def unsettled(last_complete_run_id: int | None) -> ColumnElement[bool]:
    """Return the condition for instances that the digest covers.

    These are the missing ones, those that answer by id but are on no list, and the live ones that a run saw after the
    last complete one.
    """
    state = instance_state.c
    seen_since = sa.and_(state.presence == "live", state.seen_run_id > (last_complete_run_id or 0))
    return sa.or_(state.presence == "missing", state.unlisted_runs > 0, seen_since)


def missing_digest(connection: Connection, account: str, last_complete_run_id: int | None) -> bytes | None:
    """Return the digest: a Merkle root in the order of the ids, or None if the versions tell everything."""
    state = instance_state.c
    statement = (
        sa.select(*(state[name] for name in COLUMNS))
        .where(state.account == account, unsettled(last_complete_run_id))
        .order_by(database.by_bytes(connection, state.instance_id))
    )
    return digest_states(dict(row._mapping) for rows in database.stream(connection, statement) for row in rows)  # noqa: SLF001 - SQLAlchemy's public name


def digest_states(states: Iterable[Mapping[str, Any]]) -> bytes | None:
    """Return the digest of these rows of `instance_state`, which come in the order of their ids."""
    leaves = [missing_leaf(state) for state in states]
    return root_of(leaves) if leaves else None
