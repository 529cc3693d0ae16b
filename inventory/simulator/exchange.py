"""One HTTP request, its response, and the sending of the response over the socket."""

import base64
import binascii
import json
import re
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

INSTANCES = "/v1/compute/instances"
JSON = "application/json"
ERROR_TYPES = {
    400: "validation_error",
    401: "authorization_error",
    403: "authorization_error",
    404: "not_found",
    422: "validation_error",
    429: "rate_limited",
    501: "not_implemented",
}
BODILESS = (204, 304)


def encode_cursor(page: int) -> str:
    """Return the cursor of a page as fal writes it: `Mg==` is page 2."""
    return base64.b64encode(str(page).encode()).decode()


def decode_cursor(cursor: str) -> int:
    """Return the page number in a cursor; pages count from 1. Raise ValueError if the text is no cursor."""
    try:
        digits = base64.b64decode(cursor, validate=True)
    except binascii.Error:
        digits = b""
    if not re.fullmatch(rb"[1-9][0-9]{0,8}", digits):
        raise ValueError(f"not a cursor: {cursor!r}")
    return int(digits)


@dataclass(frozen=True, slots=True)
class Request:
    """A request as received. `path` has no query and is still URL-encoded. Header names are in lower case.

    `at` is the time of arrival in seconds of `time.monotonic()`.
    """

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    at: float
    method: str = "GET"

    @property
    def page(self) -> int | None:
        """Return the number of the requested page of the list, from 1; None for other requests and invalid cursors."""
        if self.path != INSTANCES:
            return None
        try:
            return decode_cursor(self.query["cursor"]) if "cursor" in self.query else 1
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Response:
    """A response before it is sent."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def head(self, *, keep_alive: bool = True, length: int | None = None) -> bytes:
        """Return the bytes of the status line and the headers.

        `length` replaces the true Content-Length, to simulate a fault.
        """
        try:
            reason = HTTPStatus(self.status).phrase
        except ValueError:
            reason = ""
        headers = {"Content-Type": JSON, **self.headers}
        if self.status not in BODILESS and "Transfer-Encoding" not in headers:
            headers["Content-Length"] = str(len(self.body) if length is None else length)
        if not keep_alive:
            headers["Connection"] = "close"
        lines = [f"HTTP/1.1 {self.status} {reason}", *(f"{name}: {value}" for name, value in headers.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def dump(value: Any) -> bytes:
    """Return a value as ASCII JSON. Lone surrogates and non-finite numbers are allowed."""
    return json.dumps(value, ensure_ascii=True, allow_nan=True, separators=(",", ":")).encode()


def error(status: int, message: str, request_id: str = "sim-fault", **headers: str) -> Response:
    """Return an error response with a body in fal's form. In the names of `headers`, write `_` for `-`."""
    kind = ERROR_TYPES.get(status, "server_error")
    body = dump({"error": {"type": kind, "message": message, "request_id": request_id}})
    return Response(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


class Stopped(ConnectionError):
    """The error that is raised in each thread that waits or sends when the simulator stops."""


@dataclass(slots=True)
class Exchange:
    """The connection on which a response, or a fault, is sent.

    `keep_alive` keeps the connection open after the response. `reset` breaks the connection with a TCP RST. `bodiless`
    leaves out the body of the response, as for a HEAD request.
    """

    connection: socket.socket
    stopping: threading.Event
    keep_alive: bool = True
    reset: bool = False
    bodiless: bool = False

    def reply(self, response: Response) -> None:
        """Send the head and the body in one call. Leave out the body if the response must not have one."""
        head = response.head(keep_alive=self.keep_alive)
        self.send(head if self.bodiless or response.status in BODILESS else head + response.body)

    def send(self, data: bytes) -> None:
        """Send all of `data`. Raise OSError if the client is gone, and Stopped if the simulator stops."""
        if self.stopping.is_set():
            raise Stopped
        self.connection.sendall(data)

    def wait(self, seconds: float | None = None) -> None:
        """Wait `seconds`; with None, wait until the simulator stops. Raise Stopped as soon as the simulator stops."""
        if self.stopping.wait(seconds):
            raise Stopped
