"""The brake: hold a sudden loss of instances until a person accepts it (`brake`)."""

from sqlalchemy.engine import Connection

from inventory.config.keys import Account
from inventory.config.settings import Settings
from inventory.history import runs
from inventory.spool import Spool

FEW = 10
"""Below this number of vanishing instances the brake applies only after a change of key or address."""


def brake_applies(connection: Connection, account: Account, settings: Settings, spool: Spool) -> bool:
    """Return whether more instances would vanish than `max_vanish` allows. If so, they are held."""
    vanishing, live = spool.count_vanishing(), spool.count_live_before()
    # a quotient, not a product: 29 / 100 is 0.29, while 0.29 * 100 is less than 29
    if settings.max_vanish >= 1 or not vanishing or (live and vanishing / live <= settings.max_vanish):
        return False
    last = connection.execute(runs.last_applied(account.name)).first()
    source_changed = last is not None and (last.api_url, last.api_key_id) != (settings.api_url, account.key.id)
    return vanishing >= FEW or source_changed
