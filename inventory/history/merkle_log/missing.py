"""The missing digest: a Merkle root over the instances about which the versions of an account do not say everything.

For example, no version says that an instance is missing or held, or in how many runs in a row it was unlisted.
"""

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
    """Return the condition on `instance_state` for the instances that the missing digest covers.

    These are the missing instances, the unlisted ones, and the live ones whose `seen_run_id` is later than the last
    complete run of the account. `last_complete_run_id` is None if no run of the account was complete.
    """
    state = instance_state.c
    seen_since = sa.and_(state.presence == "live", state.seen_run_id > (last_complete_run_id or 0))
    return sa.or_(state.presence == "missing", state.unlisted_runs > 0, seen_since)


def missing_digest(connection: Connection, account: str, last_complete_run_id: int | None) -> bytes | None:
    """Return the missing digest of an account, or None if it covers no instance.

    The leaves are in the order of the instances' ids, by the bytes of the ids in UTF-8.
    """
    state = instance_state.c
    statement = (
        sa.select(*(state[name] for name in COLUMNS))
        .where(state.account == account, unsettled(last_complete_run_id))
        .order_by(database.by_bytes(connection, state.instance_id))
    )
    return digest_states(dict(row._mapping) for rows in database.stream(connection, statement) for row in rows)  # noqa: SLF001 - SQLAlchemy's public name


def digest_states(states: Iterable[Mapping[str, Any]]) -> bytes | None:
    """Return the missing digest over these rows of `instance_state`. The rows come in the order of the ids.

    Return None if there is no row.
    """
    leaves = [missing_leaf(state) for state in states]
    return root_of(leaves) if leaves else None
