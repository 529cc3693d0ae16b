"""Decide whether the brake holds a sudden loss of instances, until a person accepts it (`brake`)."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from inventory.config.keys import Account
from inventory.config.settings import Settings
from inventory.history import runs
from inventory.masks import mask_url
from inventory.spool import Spool
from inventory.store import database
from inventory.store.tables import instance_state, sync_runs

FEW = 10
"""If fewer instances than this would vanish, the brake applies only after the API key or address has changed."""


@dataclass(frozen=True)
class _Loss:
    """The number of instances lost, the number that were there before, and the run whose source is compared."""

    lost: int
    before: int
    run: sa.Row[Any] | None


def brake_applies(connection: Connection, account: Account, settings: Settings, spool: Spool) -> bool:
    """Return whether the brake applies: whether the instances that would vanish must be held instead.

    It applies if two conditions hold. First, these instances are more than the share `max_vanish` of those that were
    live before the run. Second, they are at least FEW, or the API key or address has changed since the run that
    `runs.last_applied` finds. A `max_vanish` of 1 or more turns the brake off.

    If some of these instances were missing before the run, it also applies if the same two conditions hold for a loss
    that `_earlier_losses` yields.
    """
    vanishing = spool.count_vanishing()
    if settings.max_vanish >= 1 or not vanishing:
        return False
    source = mask_url(settings.api_url), account.key.id

    def is_suspicious(loss: _Loss) -> bool:
        # a quotient, not a product: 29 / 100 is 0.29, while 0.29 * 100 is less than 29
        if loss.before and loss.lost / loss.before <= settings.max_vanish:
            return False
        return loss.lost >= FEW or (loss.run is not None and (loss.run.api_url, loss.run.api_key_id) != source)

    last = connection.execute(runs.last_applied(account.name)).first()
    if is_suspicious(_Loss(vanishing, spool.count_live_before(), last)):
        return True
    return any(map(is_suspicious, _earlier_losses(connection, account.name, spool)))


def _earlier_losses(connection: Connection, account: str, spool: Spool) -> Iterator[_Loss]:
    """Yield the losses that began in an earlier run and of which some instances would vanish in this run.

    A loss is the instances that one run was the first to lack, and that are held or would vanish now. It is compared
    with the last complete run that saw one of them. Runs since then may have seen another workspace.
    """
    vanishing, before = _count_by_loss(connection, account, spool.vanishing_missing())
    if not vanishing:
        return
    held, _ = _count_by_loss(connection, account, spool.still_held())
    for missing_run_id, number in vanishing.items():
        run = connection.execute(
            sa.select(sync_runs)
            .where(sync_runs.c.run_id.in_(before[missing_run_id]))
            .order_by(sync_runs.c.complete.desc(), sync_runs.c.started_at.desc())
            .limit(1)
        ).one()
        yield _Loss(number + held[missing_run_id], run.instances_seen, run)


def _count_by_loss(
    connection: Connection, account: str, ids: Iterable[str]
) -> tuple[Counter[int], dict[int, set[int]]]:
    """Return two dicts by the id of the run that was the first to lack some of these instances.

    The first gives the number of these instances, the second the ids of the runs that last saw them.
    """
    state = instance_state.c
    numbers: Counter[int] = Counter()
    seen_by: dict[int, set[int]] = {}
    for batch in database.batches(ids):
        rows = connection.execute(
            sa.select(state.missing_run_id, state.seen_run_id, sa.func.count().label("number"))
            .where(state.account == account, database.among(connection, state.instance_id, batch))
            .group_by(state.missing_run_id, state.seen_run_id)
        )
        for row in rows:
            numbers[row.missing_run_id] += row.number
            seen_by.setdefault(row.missing_run_id, set()).add(row.seen_run_id)
    return numbers, seen_by
