"""Decide whether the brake holds a sudden loss of instances, until a person accepts it (`brake`)."""

from sqlalchemy.engine import Connection

from inventory.config.keys import Account
from inventory.config.settings import Settings
from inventory.history import runs
from inventory.masks import mask_url
from inventory.spool import Spool

FEW = 10
"""If fewer instances than this would vanish, the brake applies only after the API key or address has changed."""


def brake_applies(connection: Connection, account: Account, settings: Settings, spool: Spool) -> bool:
    """Return whether the brake applies: whether the instances that would vanish must be held instead.

    It applies if two conditions hold. First, these instances are more than the share `max_vanish` of those that were
    live before the run. Second, they are at least FEW, or the API key or address has changed since the run that
    `runs.last_applied` finds. A `max_vanish` of 1 or more turns the brake off.
    """
    vanishing, live = spool.count_vanishing(), spool.count_live_before()
    # a quotient, not a product: 29 / 100 is 0.29, while 0.29 * 100 is less than 29
    if settings.max_vanish >= 1 or not vanishing or (live and vanishing / live <= settings.max_vanish):
        return False
    last = connection.execute(runs.last_applied(account.name)).first()
    source = mask_url(settings.api_url), account.key.id
    source_changed = last is not None and (last.api_url, last.api_key_id) != source
    return vanishing >= FEW or source_changed
