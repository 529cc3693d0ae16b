"""Take a checkpoint of each log of a database, and check a database against checkpoints."""

from collections import defaultdict
from typing import NamedTuple

import sqlalchemy as sa

from inventory.history.verify import verify, verify_history
from inventory.merkle import Frontier
from inventory.store.tables import accounts


class Checkpoint(NamedTuple):
    """A checkpoint of a log: the id of the log, the number of its entries, and the root hash over these entries."""

    log_id: str
    size: int
    root: bytes


def take_checkpoints(connection):
    """Return a list with a Checkpoint of each log of the database, in the order of the log ids."""
    columns = (accounts.c.log_id, accounts.c.log_size, accounts.c.log_frontier)
    rows = connection.execute(sa.select(*columns).where(accounts.c.log_id.is_not(None)).order_by(accounts.c.log_id))
    return [Checkpoint(log_id, size, Frontier(size, hashes).root()) for log_id, size, hashes in rows]


class Verdict(NamedTuple):
    """The result of a check: the breaches of the history itself, and its differences from checkpoints.

    `breaches` has Breach objects, `differences` has texts. A Verdict is true if it has a breach or a difference.
    """

    breaches: list
    differences: list

    def __bool__(self):
        return bool(self.breaches or self.differences)


def check(connection, checkpoints, *, allow_pruned=False, allow_unfinished=False):
    """Run `verify` on the whole database, compare its logs with `checkpoints`, and return the Verdict.

    If history that a checkpoint covers was pruned, that is a difference, unless `allow_pruned` is true. If a log with
    a checkpoint has an unfinished prune, that is a difference too, unless `allow_unfinished` is true.
    """
    found = verify(connection, sizes=_sizes(checkpoints))
    return compare(found, checkpoints, allow_pruned=allow_pruned, allow_unfinished=allow_unfinished)


def check_rows(connection, checkpoints, *, account=None, allow_pruned=False, allow_unfinished=False):
    """Run `verify_history` on all accounts or on one, compare the logs with `checkpoints`, and return the Verdict.

    `verify_history` leaves out the checks of storage, views, triggers and calendar, which take most of the time of
    `check`. If `account` is given, all `checkpoints` must be of the log of this account. `check` says what
    `allow_pruned` and `allow_unfinished` mean.
    """
    found = verify_history(connection, account=account, sizes=_sizes(checkpoints))
    return compare(found, checkpoints, allow_pruned=allow_pruned, allow_unfinished=allow_unfinished)


def _sizes(checkpoints):
    sizes = defaultdict(set)
    for checkpoint in checkpoints:
        sizes[checkpoint.log_id].add(checkpoint.size)
    return sizes


def compare(found, checkpoints, *, allow_pruned, allow_unfinished):
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
        elif not allow_unfinished and log.unfolded:
            differences.append(f"{log.account}: the prune of entry {log.pruned_at} has not finished")
    return Verdict(found.breaches, differences)
