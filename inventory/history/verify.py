"""Verify that the history of each account contradicts neither itself, nor the digests of its runs, nor its log.

The checks find contradictions and accidents. They do not find rows that somebody rewrote together with all hashes and
digests that depend on them (`verify-finds-contradictions`).

The checks of the database as a whole come first. Then each account is checked in four parts: its runs; each instance
with its versions; the fleet digests of its runs; the log. Rows are read as streams. Memory grows with the number of
runs, and not with the number of versions.

Values are compared as the driver returns them. A value that is not valid in its column is a breach. It is replaced by a
value of the right type before further checks.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from inventory.history.account_check import AccountCheck
from inventory.history.findings import SHOWN, Breach, Findings
from inventory.history.stored_values import raw_value, stored_columns
from inventory.history.verify_digests import check_digests
from inventory.history.verify_instances import check_instances
from inventory.history.verify_log import LogCheck, known_at_start
from inventory.history.verify_runs import check_counts, check_runs
from inventory.store import database, integrity
from inventory.store.tables import (
    accounts,
    dropped_entries,
    instance_state,
    instance_versions,
    operator_actions,
    sync_runs,
)
from inventory.store.tampering import find_tampering

Sizes = Mapping[str, Iterable[int]]


def verify(
    connection: Connection,
    *,
    account: str | None = None,
    sizes: Sizes = MappingProxyType({}),
    progress: Callable[[str], None] = lambda _: None,
) -> Findings:
    """Check the database, and the history of one account or of all accounts; return the findings.

    `sizes` maps the id of a log to numbers of entries. For each number N, `CheckedLog.roots` gets the root of the
    tree over the first N entries. `progress` is called with a text that says what is checked. Raise
    DBAPIError if something cannot be read and no breach was found before, DatabaseError if the temporary file of the
    check cannot be written.
    """
    findings = Findings()
    progress("the database's own checks of its tables and indexes")
    try:
        for what in integrity.find_damage(connection):
            findings.add(Breach("storage", None, None, None, what))
        for what in find_tampering(connection):
            findings.add(Breach("storage", None, None, None, what))
        database.expect_many_rows(connection)
        _check_accounts(connection, account, sizes, findings, progress)
    except DBAPIError as error:
        if not findings.count:
            raise
        what = f"the rest cannot be read because of damage: {' '.join(str(error.orig).split())}"
        findings.add(Breach("storage", None, None, None, what))
    return findings


def verify_history(
    connection: Connection,
    *,
    account: str | None = None,
    sizes: Sizes = MappingProxyType({}),
    progress: Callable[[str], None] = lambda _: None,
) -> Findings:
    """Check the history as `verify` does, but not the database as a whole; return the findings.

    The checks of the storage, the views, the triggers and the calendar are left out. Raise DatabaseError if the
    temporary file of the check cannot be written.
    """
    findings = Findings()
    database.expect_many_rows(connection)
    _check_accounts(connection, account, sizes, findings, progress)
    return findings


def _check_accounts(
    connection: Connection, only: str | None, sizes: Sizes, findings: Findings, progress: Callable[[str], None]
) -> None:
    """Check all accounts, or the account `only`.

    If `only` is None, also report names of accounts and ids of logs that occur in other tables, but not in `accounts`.
    """
    columns = stored_columns(accounts, tuple(accounts.c.keys()), sqlite=database.is_sqlite(connection), thorough=True)
    query = columns.query.where(sa.true() if only is None else accounts.c.account == only)
    log_ids: set[str] = set()
    for found in connection.execute(query.order_by(accounts.c.account)).all():
        invalid = columns.find_invalid(found)
        row = columns.repair(found, invalid)
        for what in columns.describe(found, invalid):
            findings.add(Breach("account", row.account, None, None, what))
        ignored_before, earlier_run_id = known_at_start(row.log_start)
        check = AccountCheck(
            connection, row.account, row.pruned_before, findings, progress, ignored_before, earlier_run_id
        )
        _check_account(check, row.last_complete_run_id)
        if row.log_id is not None:
            progress(f"{row.account}: the log")
            if row.log_id in log_ids:
                check.report("log", None, None, "its log is also that of another account")
            log_ids.add(row.log_id)
            findings.logs.append(LogCheck(check, row._asdict()).run(sizes.get(row.log_id, ())))
    if only is not None:
        return
    unknown = sa.select(dropped_entries.c.log_id).where(
        ~sa.exists().where(accounts.c.log_id == dropped_entries.c.log_id)
    )
    for log_id in connection.scalars(unknown.distinct().limit(SHOWN)):
        findings.add(
            Breach(
                "log", None, None, None, f"hashes of dropped entries name the log {log_id!r:.40}, which no account has"
            )
        )
    for table in (sync_runs, instance_versions, instance_state, operator_actions):
        known = sa.exists().where(accounts.c.account == table.c.account)
        for name in connection.scalars(sa.select(raw_value(table.c.account)).where(~known).distinct().limit(SHOWN)):
            what = f"rows of {table.name} name this account, but it does not exist"
            findings.add(Breach("account", name if type(name) is str else repr(name), None, None, what))


def _check_account(check: AccountCheck, last_complete_run_id: int | None) -> None:
    before = check.findings.count
    check_runs(check, last_complete_run_id)
    check_instances(check)
    check_counts(check)
    check_digests(check, sound=check.findings.count == before)
