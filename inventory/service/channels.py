"""Where alerts go: any service that apprise knows, each in a thread of its own. Needs the extra `alerts`.

A channel that fails or hangs holds up nobody: what cannot be sent is dropped, and the log says so once.
"""

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import apprise

from inventory import log
from inventory.errors import UsageError

WAITING = 100
"""Alerts that wait for one channel at most."""

PAUSES = (5.0, 30.0)
"""Seconds before each further attempt to send an alert."""

logger = log.get(__name__)


@dataclass(frozen=True)
class Alert:
    """What is sent: printable text."""

    kind: Literal["info", "success", "warning", "failure"]
    title: str
    body: str


class Channels:
    """All of them."""

    def __init__(self, addresses: Sequence[str], pauses: Sequence[float] = PAUSES) -> None:
        """Raises UsageError, without the address, for one that apprise does not know; nothing is sent yet."""
        self._channels = [Channel(number, address, pauses) for number, address in enumerate(addresses, start=1)]

    def send(self, alert: Alert) -> None:
        """The alert is on its way to each, at once."""
        for channel in self._channels:
            channel.send(alert)

    def close(self, seconds: float) -> None:
        """What waited was sent, or `seconds` are over."""
        end = time.monotonic() + seconds
        for channel in self._channels:
            channel.end()
        for channel in self._channels:
            channel.join(max(0.0, end - time.monotonic()))


class Channel:
    """One address, with a thread of its own: if it hangs or fails, nobody waits for it."""

    def __init__(self, number: int, address: str, pauses: Sequence[float]) -> None:
        """Raises UsageError where no service has such an address; nothing is sent yet."""
        for library in ("apprise", "urllib3", "requests"):  # they quote addresses; what failed is said here
            logging.getLogger(library).setLevel(logging.CRITICAL + 1)
        asset = apprise.AppriseAsset(
            app_id="inventory", app_desc="inventory", app_url="", image_url_mask="", image_url_logo="",
            service_timeout=0,  # or it would send from threads that the end of the process waits for
        )  # fmt: skip
        self._apprise = apprise.Apprise(asset=asset)
        as_text = f"{address}{'&' if '?' in address else '?'}format=text"
        if not self._apprise.add(address if "format=" in address else as_text) and not self._apprise.add(address):
            raise UsageError(f"Alerts: address number {number} is none of a service that apprise knows.")
        self._number = number
        self._pauses = pauses
        self._waiting: queue.Queue[Alert | None] = queue.Queue(WAITING)
        self._ending = threading.Event()
        self._well = True
        self._thread = threading.Thread(target=self._work, name=f"alerts-{number}", daemon=True)
        self._thread.start()

    def send(self, alert: Alert) -> None:
        """The alert waits to be sent; at once, whatever the channel does."""
        try:
            self._waiting.put_nowait(alert)
        except queue.Full:
            self._went(well=False, reason=f"{WAITING} alerts wait already")

    def end(self) -> None:
        """What waits is sent without pauses, and nothing after it."""
        self._ending.set()
        with contextlib.suppress(queue.Full):  # then it hangs, and is left
            self._waiting.put_nowait(None)

    def join(self, seconds: float) -> None:
        """The last is sent, or `seconds` are over."""
        self._thread.join(seconds)

    def _work(self) -> None:
        while (alert := self._waiting.get()) is not None:
            sent = self._attempt(alert)
            for pause in self._pauses:
                if sent or self._ending.wait(pause):
                    break
                sent = self._attempt(alert)
            self._went(well=sent, reason="it was not taken")

    def _attempt(self, alert: Alert) -> bool:
        try:
            return bool(
                self._apprise.notify(
                    alert.body, alert.title, notify_type=alert.kind, body_format=apprise.NotifyFormat.TEXT
                )
            )
        except Exception:  # noqa: BLE001 - whatever a service's plugin does, the next alert is tried
            return False

    def _went(self, *, well: bool, reason: str) -> None:
        """The log tells a change of state, and only that."""
        if well == self._well:
            return
        self._well = well
        if well:
            logger.info("alerts are sent again", channel=self._number)
        else:
            logger.warning("an alert could not be sent", channel=self._number, reason=reason)
