"""What can go wrong between a client and an API, to be switched on request by request."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol

from inventory.simulator.exchange import INSTANCES, JSON, Exchange, Request, Response, dump, error


class Fault(Protocol):
    """One way to answer badly."""

    def play(self, exchange: Exchange, answer: Callable[[], Response]) -> None:
        """The client got what this fault gives it; `answer()` is what it would have got."""


@dataclass(frozen=True, slots=True)
class Status:
    """Another status. Body None: fal's error body; text and bytes go as they are, anything else as JSON."""

    code: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None

    def play(self, exchange: Exchange, answer: Callable[[], Response]) -> None:  # noqa: ARG002
        """The status was sent in place of the answer."""
        if self.body is None:
            known = self.code in set(HTTPStatus)
            body = error(self.code, HTTPStatus(self.code).phrase if known else f"Status {self.code}").body
        else:
            body = _bytes(self.body)
        kind = "text/html; charset=utf-8" if body.lstrip().startswith(b"<") else JSON
        exchange.reply(Response(self.code, body, {"Content-Type": kind, **self.headers}))


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection is reset before any byte of an answer."""

    def play(self, exchange: Exchange, answer: Callable[[], Response]) -> None:  # noqa: ARG002
        """The connection will be reset."""
        exchange.reset = True


@dataclass(frozen=True, slots=True)
class Truncate:
    """So many bytes of the body come, then the connection closes; Content-Length had promised more."""

    bytes: int = 20

    def play(self, exchange: Exchange, answer: Callable[[], Response]) -> None:
        """The head and a part of the body were sent."""
        response = answer()
        head = response.head(length=max(len(response.body), self.bytes + 1))
        exchange.send(head + response.body[: self.bytes])
        exchange.keep_alive = False


@dataclass(frozen=True, slots=True)
class Drip:
    """The body comes one byte at a time; with `head`, the status line and the headers too."""

    seconds_per_byte: float
    head: bool = False

    def play(self, exchange: Exchange, answer: Callable[[], Response]) -> None:
        """The answer was sent, slowly."""
        response = answer()
        head = response.head(keep_alive=exchange.keep_alive)
        if not self.head:
            exchange.send(head)
        for byte in head + response.body if self.head else response.body:
            exchange.wait(self.seconds_per_byte)
            exchange.send(bytes([byte]))


@dataclass(frozen=True, slots=True)
class Hang:
    """No answer until the simulator stops."""

    def play(self, exchange: Exchange, answer: Callable[[], Response]) -> None:  # noqa: ARG002
        """Never: Stopped is raised in the end."""
        exchange.wait()


@dataclass(frozen=True, slots=True)
class Body:
    """A 200 with this content in place of the answer."""

    content: bytes | str
    content_type: str = JSON

    def play(self, exchange: Exchange, answer: Callable[[], Response]) -> None:  # noqa: ARG002
        """The content was sent."""
        exchange.reply(Response(200, _bytes(self.content), {"Content-Type": self.content_type}))


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What `fn` returns for the parsed JSON of the answer is sent in its place, with the answer's status."""

    fn: Callable[[dict[str, Any]], Any]

    def play(self, exchange: Exchange, answer: Callable[[], Response]) -> None:
        """The rewritten answer was sent."""
        response = answer()
        exchange.reply(Response(response.status, dump(self.fn(json.loads(response.body))), response.headers))


@dataclass(frozen=True, slots=True)
class Delay:
    """The answer comes so many seconds later, and shows the fleet as it is then."""

    seconds: float

    def play(self, exchange: Exchange, answer: Callable[[], Response]) -> None:
        """The answer was sent, late."""
        exchange.wait(self.seconds)
        exchange.reply(answer())


@dataclass(frozen=True, slots=True)
class Redirect:
    """The client is sent elsewhere."""

    location: str
    code: int = 302

    def play(self, exchange: Exchange, answer: Callable[[], Response]) -> None:  # noqa: ARG002
        """The redirect was sent."""
        exchange.reply(Response(self.code, b"", {"Location": self.location}))


@dataclass(frozen=True, slots=True)
class Endless:
    """A body in chunks that never ends: JSON so far, and white space for ever."""

    def play(self, exchange: Exchange, answer: Callable[[], Response]) -> None:  # noqa: ARG002
        """Never: the client leaves (OSError) or the simulator stops (Stopped)."""
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
    """The faults that wait for a request, in the order they were added."""

    def __init__(self) -> None:
        """No fault is armed."""
        self._armed: list[_Armed] = []
        self._lock = threading.RLock()

    def add(
        self, fault: Fault, *, when: Callable[[Request], bool] | None = None, times: int | None = 1, after: int = 0
    ) -> None:
        """The fault strikes `times` requests (None: all) for which `when` is true, once `after` such have passed."""
        with self._lock:
            self._armed.append(_Armed(fault, when, times, after))

    def clear(self) -> None:
        """No fault is armed."""
        with self._lock:
            self._armed.clear()

    def __len__(self) -> int:
        """How many are still armed."""
        return len(self._armed)

    def take(self, request: Request) -> Fault | None:
        """The first armed fault that matches, used once; faults whose `after` is not over count the request."""
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
    """Whether a page of the list is asked for."""
    return request.path == INSTANCES


def on_get(request: Request) -> bool:
    """Whether one instance is asked for by its id."""
    return request.path.startswith(f"{INSTANCES}/")


def on_page(number: int) -> Callable[[Request], bool]:
    """Whether that page of the list is asked for, counted from 1."""
    return lambda request: request.page == number


def _bytes(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return body.encode("utf-8", "surrogatepass") if isinstance(body, str) else dump(body)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
