"""The simulated API: a fleet over real HTTP/1.1 on this machine, with the paths, errors and cursors of fal's."""

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

REQUESTS_KEPT = 10_000
LONGEST_LINE = 65_536
LARGEST_BODY = 1 << 20
POLL_SECONDS = 0.02
"""How long stop() may have to wait for the accepting thread."""


class Simulator:
    """A server for one fleet, from `start()` (or `with`) to `stop()`; after that it may start again, on its old port.

    `requests` are the latest 10,000; `faults` says what goes wrong; `before_page` is called with the number of the
    page, from 1, before a page of the list is built, so that a test can change the fleet between two pages.
    """

    def __init__(
        self,
        fleet: Fleet,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        keys: Collection[str] | None = None,
        max_page_size: int = 100,
        default_page_size: int = 50,
    ) -> None:
        """Nothing listens yet. `port` 0 is a free one; `keys` None accepts any key; a larger `limit` is cut down."""
        if max_page_size < 1 or default_page_size < 1:
            raise UsageError("A page holds at least one instance.")
        self.fleet = fleet
        self.keys = keys
        self.max_page_size = max_page_size
        self.default_page_size = default_page_size
        self.requests: deque[Request] = deque(maxlen=REQUESTS_KEPT)
        self.faults = Faults()
        self.before_page: Callable[[int], None] | None = None
        self._host = host
        self._port = port
        self._ids = itertools.count(1)
        self._server: _Server | None = None

    @property
    def url(self) -> str:
        """The base address, as a client's INVENTORY_API_URL; UsageError before the first start without a port."""
        if not self._port:
            raise UsageError("The simulator has no address before it starts.")
        return f"http://{f'[{self._host}]' if ':' in self._host else self._host}:{self._port}/v1"

    def start(self) -> None:
        """It listens. UsageError where it does already, or where it cannot listen at that address."""
        if self._server is not None:
            raise UsageError("The simulator runs already.")
        try:
            self._server = _Server((self._host, self._port), self)
        except (OSError, OverflowError) as error_:
            raise UsageError(f"The simulator cannot listen at {self._host}:{self._port}: {error_}.") from error_
        self._port = self._server.server_address[1]
        self._server.begin()

    def stop(self) -> None:
        """Nothing listens, every connection is closed, every thread of the server has ended; twice is once."""
        if self._server is not None:
            self._server.end()
            self._server = None

    def __enter__(self) -> Self:
        """It listens."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """It has stopped."""
        self.stop()

    def respond(self, request: Request) -> Response:
        """What the API answers when nothing goes wrong."""
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
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.simulator = simulator
        self.stopping = threading.Event()
        self._workers: dict[socket.socket, threading.Thread] = {}
        self._acceptor = threading.Thread(
            target=self.serve_forever, args=(POLL_SECONDS,), name="simulator", daemon=True
        )
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bound, without HTTPServer's look-up of the host's full name, which may ask a slow DNS server."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    def begin(self) -> None:
        """Connections are accepted."""
        self._acceptor.start()

    def end(self) -> None:
        """Every wait is over, every socket closed, every thread ended."""
        self.stopping.set()
        self.shutdown()
        self._acceptor.join()
        # No new worker from here on; a socket shut down wakes the thread that reads or writes it.
        for connection, worker in list(self._workers.items()):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            if worker is not threading.current_thread():  # `before_page` may stop the simulator
                worker.join()
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """A thread of its own answers this connection, and `end` knows both."""
        worker = threading.Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        self._workers[request] = worker
        worker.start()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """The connection was answered to its end, and is forgotten."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._workers.pop(request, None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that left, or a stop, is nothing to tell; a fault of a test's own function is."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def handle_one_request(self) -> None:
        """One request of this connection was answered, whatever its method."""
        self.raw_requestline = self.rfile.readline(LONGEST_LINE + 1)
        if not self.raw_requestline or len(self.raw_requestline) > LONGEST_LINE or not self.parse_request():
            self.close_connection = True
            return
        if length := self.headers.get("Content-Length"):
            self.rfile.read(min(int(length), LARGEST_BODY) if length.isdecimal() else 0)
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
        answer = partial(simulator.respond, request)
        fault = simulator.faults.take(request)
        if fault is None:
            exchange.reply(answer())
        else:
            fault.play(exchange, answer)
        self.close_connection = not exchange.keep_alive
        if exchange.reset:
            self._reset()

    def _reset(self) -> None:
        # Closed here and now: the server's own way ends the connection politely (FIN) first. The file over the
        # socket holds it open, so it goes first.
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name it has in the base class
        """Nothing is written: `Simulator.requests` is the log."""
