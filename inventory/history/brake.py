"""Decide whether the brake holds a sudden loss of instances, until a person accepts it (`brake`)."""

from collections import Counter, defaultdict
from collections.abc import Iterator
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
"""A loss of fewer instances than this is suspicious only if the API key or address has changed."""


@dataclass(frozen=True)
class _Loss:
    """A loss of instances, with what the brake needs to judge it."""

    lost: int
    """The number of instances that were lost."""
    before: int
    """The number of instances that were there before the loss."""
    run: sa.Row[Any] | None
    """The run whose API key and address are compared with the present ones; None if there is no such run."""


def brake_applies(connection: Connection, account: Account, settings: Settings, spool: Spool) -> bool:
    """Return whether the brake applies: whether the instances that would vanish must be held instead.

    The brake applies if some instances would vanish, and the loss of this run is suspicious. It also applies if the
    loss of an earlier run is suspicious, and some instances of that loss would vanish now. A `max_vanish` of 1 or more
    turns the brake off.

    A loss is suspicious if two conditions hold. First, it is more than the share `max_vanish` of the instances that
    were there before. Second, the number of its instances is at least FEW, or the API key or address has changed.

    The loss of this run is the instances that would vanish, and those that were live before the run and are absent
    without proof. The present API key and address are compared with those of the run that `runs.last_applied` finds.
    """
    if settings.max_vanish >= 1 or not spool.count_vanishing():
        return False
    source = mask_url(settings.api_url), account.key.id

    def is_suspicious(loss: _Loss) -> bool:
        # A quotient, because 0.29 * 100 is less than 29: by a product, 29 of 100 would be more than the share 0.29.
        if loss.before and loss.lost / loss.before <= settings.max_vanish:
            return False
        return loss.lost >= FEW or (loss.run is not None and (loss.run.api_url, loss.run.api_key_id) != source)

    last = connection.execute(runs.last_applied(account.name)).first()
    if is_suspicious(_Loss(spool.count_lost(), spool.count_live_before(), last)):
        return True
    return any(map(is_suspicious, _earlier_losses(connection, account.name, spool)))


def _earlier_losses(connection: Connection, account: str, spool: Spool) -> Iterator[_Loss]:
    """Yield the loss of each earlier run, if some instances of that loss would vanish in this run.

    The loss of an earlier run is the instances that it was the first to lack, and that are still absent. `_Loss.run`
    is one of the runs that last saw these instances: the latest complete one, or the latest one if none was complete.
    Runs after that one are not used, because they may have seen another workspace.
    """
    state = instance_state.c
    lost: Counter[int] = Counter()
    seen_by: defaultdict[int, set[int]] = defaultdict(set)
    vanishing: set[int] = set()
    for batch in database.batches(spool.still_missing()):
        vanishes = dict(batch)
        rows = connection.execute(
            sa.select(state.instance_id, state.missing_run_id, state.seen_run_id).where(
                state.account == account, database.among(connection, state.instance_id, [*vanishes])
            )
        )
        for row in rows:
            lost[row.missing_run_id] += 1
            seen_by[row.missing_run_id].add(row.seen_run_id)
            if vanishes[row.instance_id]:
                vanishing.add(row.missing_run_id)
    for missing_run_id in vanishing:
        run = connection.execute(
            sa.select(sync_runs)
            .where(sync_runs.c.run_id.in_(seen_by[missing_run_id]))
            .order_by(sync_runs.c.complete.desc(), sync_runs.c.started_at.desc())
            .limit(1)
        ).one()
        yield _Loss(lost[missing_run_id], run.instances_seen, run)
