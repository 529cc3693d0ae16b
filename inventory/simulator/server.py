"""Serve a fleet over real HTTP/1.1 on loopback, with the paths, errors and cursors of fal's API."""

import itertools
import re
import socket
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from inventory.errors import UsageError
from inventory.simulator.exchange import (
    INSTANCES,
    Exchange,
    Request,
    Response,
    decode_cursor,
    dump,
    encode_cursor,
    error,
)
from inventory.simulator.faults import Faults
from inventory.simulator.fleet import Fleet

HOST = "127.0.0.1"
MAX_REQUESTS_KEPT = 10_000
MAX_LINE_BYTES = 65_536
MAX_BODY_BYTES = 1 << 20
POLL_SECONDS = 0.02
"""The seconds between two checks whether the server must stop, in the thread that accepts connections.

`stop()` waits for that thread for about this time at most.
"""


class Simulator:
    """A server for one fleet, from `start()` (or `with`) to `stop()`. Started again, it uses the same port.

    `port` 0 means any free port. `keys` are the API keys that are accepted; None accepts any key. A page has as many
    instances as the request's `limit` says, by default `default_page_size`, but at most `max_page_size`. Raise
    UsageError if a page size is below 1.

    `requests` holds the latest 10,000 requests, `faults` the faults to play. `before_page` is called with the number of
    the page, from 1, before a page of the list is built. So a test can change the fleet between two pages.
    """

    def __init__(
        self,
        fleet: Fleet,
        *,
        port: int = 0,
        keys: Collection[str] | None = None,
        max_page_size: int = 100,
        default_page_size: int = 50,
    ) -> None:
        if max_page_size < 1 or default_page_size < 1:
            raise UsageError("A page holds at least one instance.")
        self.fleet = fleet
        self.keys = keys
        self.max_page_size = max_page_size
        self.default_page_size = default_page_size
        self.requests: deque[Request] = deque(maxlen=MAX_REQUESTS_KEPT)
        self.faults = Faults()
        self.before_page: Callable[[int], None] | None = None
        self._port = port
        self._ids = itertools.count(1)
        self._server: _Server | None = None

    @property
    def url(self) -> str:
        """Return the base URL, for INVENTORY_API_URL. Raise UsageError if `port` was 0 and `start` was never called."""
        if not self._port:
            raise UsageError("The simulator has no address before it starts.")
        return f"http://{HOST}:{self._port}/v1"

    def start(self) -> None:
        """Listen. Raise UsageError if the simulator runs already, or if the port cannot be used."""
        if self._server is not None:
            raise UsageError("The simulator runs already.")
        try:
            self._server = _Server((HOST, self._port), self)
        except (OSError, OverflowError) as error_:
            raise UsageError(f"The simulator cannot listen at {HOST}:{self._port}: {error_}.") from error_
        self._port = self._server.server_address[1]
        self._server.begin()

    def stop(self) -> None:
        """Stop listening, close every connection, end every thread of the server. Do nothing if it is not running."""
        if self._server is not None:
            self._server.end()
            self._server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def respond(self, request: Request) -> Response:
        """Return the correct response to a request; faults are not applied."""
        request_id = f"sim-{next(self._ids):08d}"
        if request.method != "GET":
            return error(405, "Method not allowed", request_id, Allow="GET")
        if request.path != INSTANCES and not request.path.startswith(f"{INSTANCES}/"):
            return error(404, "Not found", request_id)
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "key" or not key or (self.keys is not None and key not in self.keys):
            return error(401, "Authentication required", request_id)
        if request.path == INSTANCES:
            return self._page(request, request_id)
        body = self.fleet.encoded(unquote(request.path.removeprefix(f"{INSTANCES}/")))
        return error(404, "Compute instance not found", request_id) if body is None else Response(200, body)

    def _page(self, request: Request, request_id: str) -> Response:
        limit = request.query.get("limit", str(self.default_page_size))
        if not re.fullmatch(r"0*[1-9][0-9]{0,17}", limit, re.ASCII):
            return error(400, "limit: expected an integer of 1 or more", request_id)
        try:
            number = decode_cursor(request.query["cursor"]) if "cursor" in request.query else 1
        except ValueError:
            return error(400, "cursor: not a cursor", request_id)
        if self.before_page is not None:
            self.before_page(number)
        items, more = self.fleet.page(number, min(int(limit), self.max_page_size))
        end = dump({"next_cursor": encode_cursor(number + 1) if more else None, "has_more": more})
        return Response(200, b'{"instances":[%b],%b' % (b",".join(items), end[1:]))


class _Server(ThreadingHTTPServer):
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], simulator: Simulator) -> None:
        self.simulator = simulator
        self.stopping = threading.Event()
        self._workers: dict[socket.socket, threading.Thread] = {}
        self._acceptor = threading.Thread(
            target=self.serve_forever, args=(POLL_SECONDS,), name="simulator", daemon=True
        )
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind without HTTPServer's lookup of the host's full name, which may ask a slow DNS server."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    def begin(self) -> None:
        """Accept connections, in a thread."""
        self._acceptor.start()

    def end(self) -> None:
        """End every wait, close every socket, and join every thread of the server except the calling one."""
        self.stopping.set()
        self.shutdown()
        self._acceptor.join()
        # No worker starts from here on. Shutting a socket down wakes the thread that reads or writes it.
        for connection, worker in list(self._workers.items()):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            if worker is not threading.current_thread():  # `before_page` may call stop() in a worker
                worker.join()
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer the requests of a connection in a new thread; `end` closes the connection and joins the thread."""
        worker = threading.Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        self._workers[request] = worker
        worker.start()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer the requests of a connection until the connection ends.

        Then remove the connection from the connections that `end` closes.
        """
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._workers.pop(request, None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print the error, unless it is an OSError: then a client has left, or the simulator stops."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def handle_one_request(self) -> None:
        """Answer one request of this connection, whatever its method."""
        self.raw_requestline = self.rfile.readline(MAX_LINE_BYTES + 1)
        if not self.raw_requestline or len(self.raw_requestline) > MAX_LINE_BYTES or not self.parse_request():
            self.close_connection = True
            return
        if length := self.headers.get("Content-Length"):
            self.rfile.read(min(int(length[:9]), MAX_BODY_BYTES) if length.isdecimal() else 0)
        simulator = self.server.simulator
        target = urlsplit(self.path)
        request = Request(
            path=target.path,
            query=dict(parse_qsl(target.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            at=time.monotonic(),
            method=self.command,
        )
        simulator.requests.append(request)
        exchange = Exchange(
            self.connection,
            self.server.stopping,
            keep_alive=not self.close_connection and self.command == "GET",
            bodiless=self.command == "HEAD",
        )
        respond = partial(simulator.respond, request)
        fault = simulator.faults.take(request)
        if fault is None:
            exchange.reply(respond())
        else:
            fault.play(exchange, respond)
        self.close_connection = not exchange.keep_alive
        if exchange.reset:
            self._reset()

    def _reset(self) -> None:
        # Close the connection here: the server itself would first end the connection in an orderly way, with a FIN.
        # `rfile` keeps the socket open, so `rfile` is closed before the connection.
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the base class
        """Write nothing: `Simulator.requests` is the log."""
