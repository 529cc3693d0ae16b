"""Send alerts to any service that apprise knows. Needs the extra `alerts`.

A channel is one address, with a queue and a thread of its own. A channel that fails or hangs delays nothing else. The
alerts that it cannot send are dropped. The log says when a channel begins to fail, and when it works again. At the end
of a command, the log says which channels still have alerts.
"""

import math
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import apprise

from inventory import log
from inventory.config.alerts import open_channel
from inventory.service.closing import POLL_SECONDS, Deadline

MAX_QUEUED = 100
"""The largest number of alerts that wait for one channel."""

RETRY_PAUSES = (5.0, 30.0)
"""Seconds before each retry of an alert."""

logger = log.get(__name__)


@dataclass(frozen=True)
class Alert:
    """An alert as it is sent: printable text."""

    kind: Literal["info", "success", "warning", "failure"]
    title: str
    body: str


class Channels:
    """The channels of all addresses that alerts go to.

    `pauses` are the seconds before each retry of an alert. Raise UsageError for an address that apprise does not know.
    The message does not show the address, which is a secret.
    """

    def __init__(self, addresses: Sequence[str], pauses: Sequence[float] = RETRY_PAUSES) -> None:
        self._channels = [Channel(number, address, pauses) for number, address in enumerate(addresses, start=1)]
        self._receipts: list[Receipt] = []
        self._lock = threading.Lock()  # runs of several accounts may send at once

    def send(self, alert: Alert, answered: Callable[[bool], None] | None = None) -> None:
        """Queue an alert for every channel; return at once.

        `answered` is called once: with True as soon as any channel has accepted the alert, with False when all channels
        have failed to send it. If neither has happened by the end of `close`, `close` calls it with False.
        """
        receipt = None
        if answered is not None:
            receipt = Receipt(len(self._channels), answered)
            with self._lock:
                self._receipts = [*(each for each in self._receipts if each.is_open), receipt]
        for channel in self._channels:
            channel.send(alert, receipt)

    def close(self, seconds: float, stop: threading.Event | None = None) -> None:
        """Send the queued alerts, with those retries for which there is time.

        Wait for at most `seconds`, or less after `stop` is set (`Deadline`). Log each channel that still has alerts.
        Then call `answered` (of `send`) with False for each alert that is neither accepted nor refused yet. These calls
        may write to the database, and have no time limit.
        """
        deadline = Deadline(seconds, stop)
        for channel in self._channels:
            channel.begin_closing(deadline.left())
        for channel in self._channels:
            while channel.is_busy() and (left := deadline.left()):
                channel.join(min(left, POLL_SECONDS))
            if channel.is_busy():
                channel.log_loss()
        for receipt in self._receipts:
            receipt.give_up()


class Receipt:
    """The answers of the channels to one alert. Safe to use from any thread.

    The alert is accepted as soon as any channel accepts it, and refused when all channels have refused it. Then
    `answered` is called once, with True or False.
    """

    def __init__(self, channels: int, answered: Callable[[bool], None]) -> None:
        self._left = channels
        self._answered = answered
        self._lock = threading.Lock()

    @property
    def is_open(self) -> bool:
        """Return whether the alert is neither accepted nor refused yet."""
        return self._left > 0

    def report(self, *, accepted: bool) -> None:
        """Count the answer of one channel."""
        self._count(accepted=accepted, channels=1)

    def give_up(self) -> None:
        """Count each channel that has not answered yet as one that refuses."""
        self._count(accepted=False, channels=self._left)

    def _count(self, *, accepted: bool, channels: int) -> None:
        with self._lock:
            was_open = self.is_open
            self._left = 0 if accepted else self._left - channels
            decided = was_open and not self.is_open
        if decided:
            self._answered(accepted)


class Channel:
    """One address with its queue and its thread. Raise UsageError if apprise knows no service for the address."""

    def __init__(self, number: int, address: str, pauses: Sequence[float]) -> None:
        self._apprise = open_channel(number, address)
        self._number = number
        self._pauses = pauses
        self._queue: queue.SimpleQueue[tuple[Alert, Receipt | None] | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._end = math.inf
        self._working = True
        self._thread = threading.Thread(target=self._work, name=f"alerts-{number}", daemon=True)
        self._thread.start()

    def send(self, alert: Alert, receipt: Receipt | None = None) -> None:
        """Queue an alert without waiting; drop it if the queue is full. The receipt gets the channel's answer."""
        if self._queue.qsize() < MAX_QUEUED:
            self._queue.put((alert, receipt))
            return
        self._log_change(working=False, reason=f"{MAX_QUEUED} alerts wait already")
        if receipt is not None:
            receipt.report(accepted=False)

    def begin_closing(self, seconds: float) -> None:
        """Let the thread end after the alerts that are queued now. No retry begins later than `seconds` from now."""
        self._end = time.monotonic() + seconds
        self._closing.set()
        self._queue.put(None)

    def is_busy(self) -> bool:
        """Return whether the thread still runs. It ends only after a call of `begin_closing`."""
        return self._thread.is_alive()

    def join(self, seconds: float) -> None:
        """Wait for the thread to end, for at most `seconds`."""
        self._thread.join(seconds)

    def log_loss(self) -> None:
        """Log that the process ends before the alerts of this channel are sent."""
        logger.warning("alerts are lost: the program ends before the service has accepted them", channel=self._number)

    def _work(self) -> None:
        while (queued := self._queue.get()) is not None:
            alert, receipt = queued
            sent = self._attempt(alert)
            for pause in self._pauses:
                if sent or not self._wait_to_retry(pause):
                    break
                sent = self._attempt(alert)
            self._log_change(working=sent, reason="the service did not accept it")
            if receipt is not None:
                receipt.report(accepted=sent)

    def _wait_to_retry(self, seconds: float) -> bool:
        """Wait `seconds` and return True; return False if no time is left for a retry.

        `begin_closing` sets the last moment for a retry. If the wait would end after that moment, return False at once,
        also if `begin_closing` is called during the wait.
        """
        due = time.monotonic() + seconds
        if self._closing.wait(seconds):
            if due > self._end:
                return False
            time.sleep(max(0.0, due - time.monotonic()))
        return True

    def _attempt(self, alert: Alert) -> bool:
        try:
            return bool(
                self._apprise.notify(
                    alert.body, alert.title, notify_type=alert.kind, body_format=apprise.NotifyFormat.TEXT
                )
            )
        except Exception:  # noqa: BLE001 - a plugin may raise anything; the next alert must still be tried
            return False

    def _log_change(self, *, working: bool, reason: str) -> None:
        """Log that the channel begins to fail, or that it works again. Log nothing if neither is the case."""
        if working == self._working:
            return
        self._working = working
        if working:
            logger.info("alerts are sent again", channel=self._number)
        else:
            logger.warning("an alert could not be sent", channel=self._number, reason=reason)
