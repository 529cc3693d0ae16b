"""Checkpoints of all logs of a database, and the check of a database against them."""

from collections import defaultdict
from typing import NamedTuple

import sqlalchemy as sa

from inventory.history.findings import Findings
from inventory.history.verify import _check_accounts, verify
from inventory.merkle import Frontier
from inventory.store import database
from inventory.store.tables import accounts


class Checkpoint(NamedTuple):
    """The size and the root of a log: what somebody else keeps."""

    log_id: str
    size: int
    root: bytes


def take_checkpoints(connection):
    """Return a checkpoint of each log."""
    columns = (accounts.c.log_id, accounts.c.log_size, accounts.c.log_frontier)
    rows = connection.execute(sa.select(*columns).where(accounts.c.log_id.is_not(None)).order_by(accounts.c.log_id))
    return [Checkpoint(log_id, size, Frontier(size, hashes).root()) for log_id, size, hashes in rows]


def verify_rows(connection, sizes, account=None):
    """Do all that `verify` does but its checks of files, views, triggers and calendar, which take most of the time."""
    findings = Findings()
    database.expect_many_rows(connection)
    _check_accounts(connection, account, sizes, findings, lambda _: None)
    return findings


class Verdict(NamedTuple):
    """What `verify` found: contradictions in the history itself, and what differs from checkpoints."""

    breaches: list
    differences: list

    def __bool__(self):
        return bool(self.breaches or self.differences)


def check(connection, checkpoints, *, allow_pruned=False):
    """Verify the database against all checkpoints."""
    return compare(verify(connection, sizes=_sizes(checkpoints)), checkpoints, allow_pruned=allow_pruned)


def check_rows(connection, checkpoints, *, account=None, allow_pruned=False):
    """Verify all rows against all checkpoints, or those of one account against its checkpoints."""
    return compare(verify_rows(connection, _sizes(checkpoints), account), checkpoints, allow_pruned=allow_pruned)


def _sizes(checkpoints):
    sizes = defaultdict(set)
    for checkpoint in checkpoints:
        sizes[checkpoint.log_id].add(checkpoint.size)
    return sizes


def compare(found, checkpoints, *, allow_pruned):
    logs = {log.log_id: log for log in found.logs}
    differences = []
    for checkpoint in checkpoints:
        log = logs.get(checkpoint.log_id)
        if log is None:
            differences.append(f"there is no log {checkpoint.log_id}")
        elif checkpoint.size > log.size:
            differences.append(f"{log.account}: the checkpoint has {checkpoint.size} entries, the log {log.size}")
        elif log.roots[checkpoint.size] != checkpoint.root:
            differences.append(f"{log.account}: another history up to entry {checkpoint.size - 1}")
        elif not allow_pruned and log.pruned_at and log.pruned_at >= checkpoint.size:
            differences.append(f"{log.account}: what the checkpoint covers was pruned by entry {log.pruned_at}")
    return Verdict(found.breaches, differences)
