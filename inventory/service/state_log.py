"""Log a failure when it begins and when it ends, not each time it is met in between."""

import threading
import time
from datetime import timedelta
from typing import Any

from inventory import log
from inventory.errors import InventoryError, LeaseLost, MassVanish
from inventory.times import brief

logger = log.get(__name__)


class StateLog:
    """The state of one thing, such as the database: it works or fails. Repeated failures are logged only at `debug`.

    `recovered` is the message when the thing works again, `failing` the message of a failure. `names` are added to each
    log line. With `is_minor`, a failure is logged as a warning, never as an error. Safe to use from any thread.
    """

    def __init__(self, recovered: str, failing: str, *, is_minor: bool = False, **names: str) -> None:
        self._recovered = recovered
        self._failing = failing
        self._is_minor = is_minor
        self._names = names
        self._error_type: type | None = None
        self._failing_since = 0.0
        self._lock = threading.Lock()

    def failed(self, error: InventoryError, **names: Any) -> None:
        """Log a failure, at `debug` if the attempt before it failed with an error of the same type."""
        with self._lock:
            if type(error) is self._error_type:
                write = logger.debug
            elif self._is_minor or _is_no_fault(error):
                write = logger.warning
            else:
                write = logger.error
            message = "instances are held" if isinstance(error, MassVanish) else self._failing
            write(message, **self._names, **names, code=error.error_code, reason=str(error))
            if self._error_type is None:
                self._failing_since = time.monotonic()
            self._error_type = type(error)

    def succeeded(self, **names: Any) -> None:
        """If the last attempt failed, log that the thing works again, and how long it failed."""
        with self._lock:
            if self._error_type is not None:
                after = brief(timedelta(seconds=time.monotonic() - self._failing_since))
                logger.info(self._recovered, **self._names, **names, after=after)
            self._error_type = None


def _is_no_fault(error: InventoryError) -> bool:
    """Return whether the error is no fault, but a situation that a person or another process resolves."""
    return isinstance(error, MassVanish | LeaseLost)
