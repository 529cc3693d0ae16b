"""Verify that the history contradicts neither itself nor the digests of its runs.

This finds contradictions and accidents. It does not find rows that somebody rewrote consistently, with their hashes and
digests (`verify-finds-contradictions`).

The database's own checks come first, where it has them. Each account is then read three times: its runs; instance by
instance, the versions and the state; run by run, the digests. Memory grows only with the number of runs. Values are
compared as the driver returns them. A value that its column cannot hold is a breach; it is replaced by a value of the
right type before further checks.
"""

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from inventory.history.account_check import AccountCheck
from inventory.history.findings import SHOWN, Breach, Findings
from inventory.history.stored_values import StoredColumns, raw_value
from inventory.history.verify_digests import check_digests
from inventory.history.verify_instances import check_instances
from inventory.history.verify_runs import check_counts, check_runs
from inventory.store import database, integrity, schema
from inventory.store.tables import accounts, instance_state, instance_versions, sync_runs


def verify(
    connection: Connection, *, account: str | None = None, progress: Callable[[str], None] = lambda _: None
) -> Findings:
    """Return all breaches in the history of one account, or of all accounts."""
    findings = Findings()
    progress("the database's own checks of its tables and indexes")
    try:
        for what in integrity.find_damage(connection):
            findings.add(Breach("storage", None, None, None, what))
        for name in schema.changed_views(connection):
            what = f"the view {name} differs from the one that this version creates, and may give wrong answers"
            findings.add(Breach("storage", None, None, None, what))
        database.expect_many_rows(connection)
        _check_accounts(connection, account, findings, progress)
    except DBAPIError as error:
        if not findings.count:
            raise
        what = f"the rest cannot be read because of damage: {' '.join(str(error.orig).split())}"
        findings.add(Breach("storage", None, None, None, what))
    return findings


def _check_accounts(
    connection: Connection, only: str | None, findings: Findings, progress: Callable[[str], None]
) -> None:
    """Check each account, or only one. When all are checked, also check that every row belongs to an account."""
    columns = StoredColumns(accounts, accounts.c.keys(), sqlite=database.is_sqlite(connection), thorough=True)
    query = columns.select().where(sa.true() if only is None else accounts.c.account == only)
    for found in connection.execute(query.order_by(accounts.c.account)).all():
        invalid = columns.find_invalid(found)
        row = columns.repair(found, invalid)
        for what in columns.describe(found, invalid):
            findings.add(Breach("account", row.account, None, None, what))
        check = AccountCheck(connection, row.account, row.pruned_before, findings, progress)
        _check_account(check, row.last_complete_run_id)
    if only is not None:
        return
    for table in (sync_runs, instance_versions, instance_state):
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
