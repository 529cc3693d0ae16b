"""Prometheus metrics and a health check, served over HTTP: `/metrics` and `/healthz`. Needs the extra `metrics`."""

import re
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, ProcessCollector, disable_created_metrics, make_wsgi_app
from sqlalchemy.engine import Engine

from inventory import log
from inventory.errors import UsageError
from inventory.masks import hide_key_words
from inventory.outcome import Outcome
from inventory.service.metrics import PATIENCE_SECONDS, Counters, Record
from inventory.store.database import Clock

LAST_PORT = 65_535

logger = log.get(__name__)


@dataclass(frozen=True)
class Served:
    """A server at work: where it is, and what it wants to be told."""

    address: str
    observe: Callable[[Outcome], None]


@contextmanager
def serve(
    engine: Engine,
    address: str,
    stale_after: timedelta,
    *,
    accounts: Iterable[str] = (),
    clock: Clock | None = None,
    patience: float = PATIENCE_SECONDS,
) -> Iterator[Served]:
    """`/metrics` and `/healthz` are there for this while, at HOST:PORT. Raises UsageError where that cannot be had."""
    host, port = parse_address(address)
    disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, read by nobody
    registry = CollectorRegistry()
    record = Record(engine, stale_after, clock, patience)
    counters = Counters(registry, accounts)
    registry.register(record)
    ProcessCollector(registry=registry)
    try:
        server = _Server(host, port)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "there is no such host"
        raise UsageError(f"--metrics {address} cannot be had: {reason}.") from None
    server.set_app(_app(registry, record))
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="metrics", daemon=True)
    thread.start()
    try:
        shown = f"[{host}]" if ":" in host else host
        yield Served(f"http://{shown or '0.0.0.0'}:{server.server_port}", counters.observe)  # noqa: S104 - it is so
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        record.engine.dispose()


def parse_address(text: str) -> tuple[str, int]:
    """Host and port of `127.0.0.1:9464`, `:9464` (everywhere) or `[::1]:9464`. Raises UsageError."""
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s:\[\]]*)):([0-9]{1,5})", text, re.ASCII)
    if not found or int(found[3]) > LAST_PORT:
        raise UsageError(
            f"--metrics {hide_key_words(repr(text))} is no address. Write HOST:PORT, like 127.0.0.1:9464 or :9464."
        )
    return found[1] or found[2] or "", int(found[3])


def _app(registry: CollectorRegistry, record: Record) -> Callable[..., Any]:
    exposition = make_wsgi_app(registry)

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        try:
            if path == "/metrics":
                return exposition(environ, start_response)
            if path != "/healthz":
                status, lines = HTTPStatus.NOT_FOUND, ["Here are /metrics and /healthz."]
            elif method not in {"GET", "HEAD"}:
                status, lines = HTTPStatus.METHOD_NOT_ALLOWED, ["GET it."]
            else:
                well, lines = record.health()
                status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
        except Exception as error:  # noqa: BLE001 - a fault of ours: the next scrape is answered, too
            logger.error("a scrape failed", reason=f"{type(error).__name__}: {error}")  # noqa: TRY400 - one line
            status, lines = HTTPStatus.INTERNAL_SERVER_ERROR, ["A fault of inventory itself; its log says which."]
        headers = [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")]
        start_response(f"{status.value} {status.phrase}", headers)
        return [b"" if method == "HEAD" else "".join(f"{line}\n" for line in lines).encode()]

    return app


class _Handler(WSGIRequestHandler):
    timeout = 10  # a client that says nothing is left

    def log_message(self, *_: object) -> None:
        """Nothing: a scrape is no event."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 32

    def __init__(self, host: str, port: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        """Bound, without the look-up of this host's name that HTTPServer does, which may take long."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()

    def handle_error(self, *_: object) -> None:
        """Nothing: the client left early, or said nothing."""
