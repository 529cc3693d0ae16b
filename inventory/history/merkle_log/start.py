"""Begin the Merkle log of an account with entry 0: the account's name, and roots over all history before the log."""

import secrets
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from inventory import __version__, log
from inventory.history.merkle_log.entries import Json, entry_bytes, hex_or_none, iso_microseconds, logged_run
from inventory.history.merkle_log.folded import HistoryScope, history_root, read_history
from inventory.history.merkle_log.missing import missing_digest
from inventory.merkle import Frontier, hash_leaf, root_of
from inventory.record import PAYLOAD, Record, differing_fields
from inventory.store import database
from inventory.store.tables import accounts, instance_state, instance_versions, sync_runs

logger = log.get(__name__)


def begin_log(connection: Connection, row: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
    """Begin the log of an account that has none, and return the account's new row.

    `row` is the account's row, which the caller has locked. `now` is written into entry 0. If the account has finished
    runs, all its runs and versions are read, to compute the roots over them.
    """
    log_id = secrets.token_hex(16)
    entry = {
        "kind": "start",
        "log": log_id,
        "index": 0,
        "at": iso_microseconds(now),
        "version": __version__,
        "account": row["account"],
        "provider": row["provider"],
        "created_at": iso_microseconds(row["created_at"]),
        "history": _earlier_history(connection, row),
    }
    text = entry_bytes(entry)
    frontier = Frontier()
    frontier.append(hash_leaf(text))
    columns = {
        "log_id": log_id,
        "log_start": text.decode(),
        "log_size": frontier.size,
        "log_frontier": frontier.hashes,
    }
    connection.execute(sa.update(accounts).where(accounts.c.account == row["account"]).values(columns))
    return {**row, **columns}


def run_leaf(run: Mapping[str, Any]) -> bytes:
    """Return the leaf hash of a run from before the log. `run` is the run's row of `sync_runs`."""
    return hash_leaf(entry_bytes(logged_run(run)))


def _earlier_history(connection: Connection, row: Mapping[str, Any]) -> Json | None:
    """Return the object `history` of entry 0, or None if the account has no finished run."""
    account, run = row["account"], sync_runs.c
    finished = (run.account == account, run.status != "running")
    last_run_id, count = connection.execute(sa.select(sa.func.max(run.run_id), sa.func.count()).where(*finished)).one()
    if last_run_id is None:
        return None
    logger.info("the log of the account begins: all of its history is read, once", account=account, runs=count)
    rows = database.stream(connection, sa.select(sync_runs).where(*finished).order_by(run.run_id))
    scope = HistoryScope(entry=0, last_run_id=last_run_id, earlier_run_id=last_run_id)
    versions = history_root(*read_history(connection, account, lambda read: _tell(account, read)), scope)
    missing = missing_digest(connection, account, row["last_complete_run_id"])
    return {
        "last_run_id": last_run_id,
        "run_count": count,
        "runs": root_of(map(run_leaf, _mappings(rows))).hex(),
        "versions": versions.hex(),
        "missing": hex_or_none(missing),
        "ignored": sorted(_ignored_fields(connection, account)) or None,
        "retired_at": _time(row["retired_at"]),
        "pruned_before": _time(row["pruned_before"]),
    }


def _ignored_fields(connection: Connection, account: str) -> set[str]:
    """Return the names of all fields in which some instance, as last seen, differs from its newest version.

    Where `extra` differs, the names are the differing keys of `extra`. Such a field was ignored
    (`ignored-fields-open-no-version`).
    """
    state, version, newer = instance_state.c, instance_versions.c, instance_versions.alias().c
    newest = (
        sa.select(sa.func.max(newer.valid_from))
        .where(newer.account == state.account, newer.instance_id == state.instance_id)
        .scalar_subquery()
    )
    columns = (*(state[name] for name in PAYLOAD), *(version[name].label(f"version_{name}") for name in PAYLOAD))
    rows = database.stream(
        connection,
        sa.select(*columns)
        .join_from(
            instance_state,
            instance_versions,
            sa.and_(
                version.account == state.account,
                version.instance_id == state.instance_id,
                version.valid_from == newest,
            ),
        )
        .where(state.account == account, sa.or_(state.row_hash != state.version_hash, state.ignored != "")),
    )
    number = len(PAYLOAD)
    found: set[str] = set()
    for row in (row for some in rows for row in some):
        found |= differing_fields(Record("", *row[:number]), Record("", *row[number:]))
    return found


def _mappings(parts: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
    return (row._mapping for rows in parts for row in rows)  # noqa: SLF001 - SQLAlchemy's public name for it


def _time(value: datetime | None) -> str | None:
    return None if value is None else iso_microseconds(value)


def _tell(account: str, versions: int) -> None:
    logger.info("reading the history for the log", account=account, versions=versions)
