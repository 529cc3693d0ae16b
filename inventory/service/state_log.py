"""Log a state that persists once when it begins and once when it ends."""

import threading
import time
from datetime import timedelta
from typing import Any

from inventory import log
from inventory.errors import InventoryError, LeaseLost, MassVanish
from inventory.times import brief

logger = log.get(__name__)


class StateLog:
    """Well or failing, and told once for each change."""

    def __init__(self, well: str, failing: str, **names: str) -> None:
        self._words = well, failing
        self._names = names
        self._kind: type | None = None
        self._since = 0.0
        self._lock = threading.Lock()

    def failed(self, error: InventoryError, **names: Any) -> None:
        """It fails for this reason."""
        kind = type(error)
        with self._lock:
            tell = logger.debug if kind is self._kind else logger.warning if _waits(error) else logger.error
            words = "instances are held" if isinstance(error, MassVanish) else self._words[1]
            tell(words, **self._names, **names, code=error.error_code, reason=str(error))
            if self._kind is None:
                self._since = time.monotonic()
            self._kind = kind

    def works(self, **names: Any) -> None:
        """It is well."""
        with self._lock:
            if self._kind is not None:
                after = brief(timedelta(seconds=time.monotonic() - self._since))
                logger.info(self._words[0], **self._names, **names, after=after)
            self._kind = None


def _waits(error: InventoryError) -> bool:
    """Whether it is for a person to settle, or for another process, and nothing is broken."""
    return isinstance(error, MassVanish | LeaseLost)
