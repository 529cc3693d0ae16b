"""How long a command waits at its end."""

import threading
import time

CLOSING_SECONDS = 60.0
"""The longest wait at the end of a command: enough for all retries of an alert."""

STOPPED_SECONDS = 1.5
"""After a stop signal, the longest wait at the end of a command.

The sum of this time and GRACE_SECONDS (`background.py`) is less than the 10 s after which Docker kills the process.
"""

POLL_SECONDS = 0.1
"""Seconds between two checks of the stop signal during a wait at the end."""


class Deadline:
    """The time at which a wait must end: after `seconds`, or STOPPED_SECONDS after `stop` is set if that is earlier."""

    def __init__(self, seconds: float, stop: threading.Event | None = None) -> None:
        self._end = time.monotonic() + seconds
        self._stop = stop
        self.left()  # if `stop` is set already, the shorter time begins now

    def left(self) -> float:
        """Return the seconds that are left; 0 if the wait must end. Call it repeatedly, to notice the signal."""
        now = time.monotonic()
        if self._stop is not None and self._stop.is_set():
            self._end = min(self._end, now + STOPPED_SECONDS)
            self._stop = None
        return max(0.0, self._end - now)
