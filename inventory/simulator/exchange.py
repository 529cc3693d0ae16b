"""One request and its answer: what came, what goes out, and how the bytes go over the socket."""

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
    """The cursor of that page, as fal writes it: `Mg==` is page 2."""
    return base64.b64encode(str(page).encode()).decode()


def decode_cursor(cursor: str) -> int:
    """The page number, from 1, that a cursor names; ValueError where it names none."""
    try:
        digits = base64.b64decode(cursor, validate=True)
    except binascii.Error:
        digits = b""
    if not re.fullmatch(rb"[1-9][0-9]{0,8}", digits):
        raise ValueError(f"not a cursor: {cursor!r}")
    return int(digits)


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came: `path` without the query and not yet URL-decoded, names of headers in lower case.

    `at` is in seconds of `time.monotonic()`.
    """

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    at: float
    method: str = "GET"

    @property
    def page(self) -> int | None:
        """The number of the list page asked for, from 1; None for other requests and for a cursor that names none."""
        if self.path != INSTANCES:
            return None
        try:
            return decode_cursor(self.query["cursor"]) if "cursor" in self.query else 1
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Response:
    """An answer before it is sent."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def head(self, *, keep_alive: bool = True, length: int | None = None) -> bytes:
        """The status line and the headers; `length` promises another length than the body's."""
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
    """JSON in ASCII: lone surrogates and numbers that are not finite go through."""
    return json.dumps(value, ensure_ascii=True, allow_nan=True, separators=(",", ":")).encode()


def error(status: int, message: str, request_id: str = "sim-fault", **headers: str) -> Response:
    """An error with fal's body; `headers` by their names with _ for -."""
    kind = ERROR_TYPES.get(status, "server_error")
    body = dump({"error": {"type": kind, "message": message, "request_id": request_id}})
    return Response(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


class Stopped(ConnectionError):
    """The simulator stops; whoever waits or sends gives up."""


@dataclass(slots=True)
class Exchange:
    """The way back to the client; a fault may use it badly on purpose.

    `keep_alive` and `reset` say what becomes of the connection afterwards: `reset` breaks it with RST.
    """

    connection: socket.socket
    stopping: threading.Event
    keep_alive: bool = True
    reset: bool = False
    bodiless: bool = False

    def reply(self, response: Response) -> None:
        """Head and body are sent, in one piece: in two, the second may wait for the client's delayed ACK."""
        head = response.head(keep_alive=self.keep_alive)
        self.send(head if self.bodiless or response.status in BODILESS else head + response.body)

    def send(self, data: bytes) -> None:
        """All of `data` is on its way. OSError where the client is gone, Stopped where the simulator stops."""
        if self.stopping.is_set():
            raise Stopped
        self.connection.sendall(data)

    def wait(self, seconds: float | None = None) -> None:
        """So many seconds have passed; Stopped as soon as the simulator stops, which None waits for."""
        if self.stopping.wait(seconds):
            raise Stopped
