"""Faults that the simulator plays in place of correct responses.

`Faults.add` arms a fault: it is then played for the requests that match its condition.
"""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol

from inventory.simulator.exchange import INSTANCES, JSON, Exchange, Request, Response, dump, error


class Fault(Protocol):
    """A faulty way to respond."""

    def play(self, exchange: Exchange, respond: Callable[[], Response]) -> None:
        """Send the faulty response. `respond()` returns the correct one, for a fault that changes it."""


@dataclass(frozen=True, slots=True)
class Status:
    """A response with another status and body.

    If `body` is None, an error body in fal's form is sent. Bytes and text (as UTF-8) are sent unchanged, and any other
    value as JSON.
    """

    code: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None

    def play(self, exchange: Exchange, respond: Callable[[], Response]) -> None:  # noqa: ARG002
        """Send the status and the body in place of the correct response."""
        if self.body is None:
            known = self.code in set(HTTPStatus)
            body = error(self.code, HTTPStatus(self.code).phrase if known else f"Status {self.code}").body
        else:
            body = _bytes(self.body)
        kind = "text/html; charset=utf-8" if body.lstrip().startswith(b"<") else JSON
        exchange.reply(Response(self.code, body, {"Content-Type": kind, **self.headers}))


@dataclass(frozen=True, slots=True)
class Drop:
    """A reset of the connection before any byte of a response."""

    def play(self, exchange: Exchange, respond: Callable[[], Response]) -> None:  # noqa: ARG002
        """Mark the connection to be reset."""
        exchange.reset = True


@dataclass(frozen=True, slots=True)
class Truncate:
    """A response that is cut off: the connection closes after the first `bytes` bytes of the body.

    The Content-Length announces more bytes than are sent.
    """

    bytes: int = 20

    def play(self, exchange: Exchange, respond: Callable[[], Response]) -> None:
        """Send the head and the first bytes of the body."""
        response = respond()
        head = response.head(length=max(len(response.body), self.bytes + 1))
        exchange.send(head + response.body[: self.bytes])
        exchange.keep_alive = False


@dataclass(frozen=True, slots=True)
class Drip:
    """A body that is sent one byte at a time. With `head`, the status line and the headers are sent like this too."""

    seconds_per_byte: float
    head: bool = False

    def play(self, exchange: Exchange, respond: Callable[[], Response]) -> None:
        """Send the correct response slowly."""
        response = respond()
        head = response.head(keep_alive=exchange.keep_alive)
        if not self.head:
            exchange.send(head)
        for byte in head + response.body if self.head else response.body:
            exchange.wait(self.seconds_per_byte)
            exchange.send(bytes([byte]))


@dataclass(frozen=True, slots=True)
class Hang:
    """No response until the simulator stops."""

    def play(self, exchange: Exchange, respond: Callable[[], Response]) -> None:  # noqa: ARG002
        """Wait until Stopped is raised."""
        exchange.wait()


@dataclass(frozen=True, slots=True)
class Body:
    """A response with status 200 and other content."""

    content: bytes | str
    content_type: str = JSON

    def play(self, exchange: Exchange, respond: Callable[[], Response]) -> None:  # noqa: ARG002
        """Send the content in place of the correct response."""
        exchange.reply(Response(200, _bytes(self.content), {"Content-Type": self.content_type}))


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A response with a changed JSON body. `fn` gets the parsed body and returns the new one. The status is kept."""

    fn: Callable[[dict[str, Any]], Any]

    def play(self, exchange: Exchange, respond: Callable[[], Response]) -> None:
        """Send the rewritten response."""
        response = respond()
        exchange.reply(Response(response.status, dump(self.fn(json.loads(response.body))), response.headers))


@dataclass(frozen=True, slots=True)
class Delay:
    """A correct response that is made and sent some seconds late: it shows the fleet at that later time."""

    seconds: float

    def play(self, exchange: Exchange, respond: Callable[[], Response]) -> None:
        """Wait, then send the response."""
        exchange.wait(self.seconds)
        exchange.reply(respond())


@dataclass(frozen=True, slots=True)
class Redirect:
    """A redirect to another location."""

    location: str
    code: int = 302

    def play(self, exchange: Exchange, respond: Callable[[], Response]) -> None:  # noqa: ARG002
        """Send the redirect."""
        exchange.reply(Response(self.code, b"", {"Location": self.location}))


@dataclass(frozen=True, slots=True)
class Endless:
    """A chunked body that never ends: the start of the JSON, then white space."""

    def play(self, exchange: Exchange, respond: Callable[[], Response]) -> None:  # noqa: ARG002
        """Send without end. Raise OSError when the client leaves, and Stopped when the simulator stops."""
        exchange.send(Response(200, b"", {"Transfer-Encoding": "chunked"}).head() + _chunk(b'{"instances":['))
        blank = _chunk(b" " * 65_536)
        while True:
            exchange.send(blank)


@dataclass(slots=True)
class _Armed:
    fault: Fault
    when: Callable[[Request], bool] | None
    times: int | None
    after: int


class Faults:
    """The armed faults, in the order in which they were added."""

    def __init__(self) -> None:
        self._armed: list[_Armed] = []
        self._lock = threading.RLock()

    def add(
        self, fault: Fault, *, when: Callable[[Request], bool] | None = None, times: int | None = 1, after: int = 0
    ) -> None:
        """Arm a fault: skip the first `after` requests that match `when`, and play the fault for the next `times`.

        If `when` is None, every request matches. If `times` is None, the fault is played for all further requests that
        match. If another fault, which was added earlier, is played for a request, the request does not count for the
        new fault, neither as skipped nor as one of `times`.
        """
        with self._lock:
            self._armed.append(_Armed(fault, when, times, after))

    def clear(self) -> None:
        """Disarm every fault."""
        with self._lock:
            self._armed.clear()

    def __len__(self) -> int:
        return len(self._armed)

    def take(self, request: Request) -> Fault | None:
        """Return the fault to play for a request, or None. Count the request as one of the fault's `times`.

        The fault is the first matching one that has no more requests to skip. Each matching fault before that one
        counts the request as skipped.
        """
        with self._lock:
            for armed in self._armed:
                if armed.when is not None and not armed.when(request):
                    continue
                if armed.after > 0:
                    armed.after -= 1
                    continue
                if armed.times is not None:
                    armed.times -= 1
                    self._armed = [each for each in self._armed if each.times is None or each.times > 0]
                return armed.fault
        return None


def on_list(request: Request) -> bool:
    """Return whether the request is for a page of the list."""
    return request.path == INSTANCES


def on_get(request: Request) -> bool:
    """Return whether the request is for one instance by its id."""
    return request.path.startswith(f"{INSTANCES}/")


def on_page(number: int) -> Callable[[Request], bool]:
    """Return a condition for `Faults.add`: the request is for page `number` of the list, counted from 1."""
    return lambda request: request.page == number


def _bytes(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return body.encode("utf-8", "surrogatepass") if isinstance(body, str) else dump(body)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
