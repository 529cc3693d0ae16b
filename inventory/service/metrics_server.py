"""Serve Prometheus metrics and a health check over HTTP: `/metrics` and `/healthz`. Needs the extra `metrics`."""

import re
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, ProcessCollector, disable_created_metrics, make_wsgi_app

from inventory import log
from inventory.errors import UsageError
from inventory.masks import hide_key_words
from inventory.outcome import Outcome
from inventory.service.metrics import Counters, DatabaseCollector

LAST_PORT = 65_535

logger = log.get(__name__)


@dataclass(frozen=True)
class MetricsServer:
    """A running server: its address, and the observer that counts runs."""

    address: str
    observe: Callable[[Outcome], None]


@contextmanager
def serve_metrics(
    collector: DatabaseCollector, address: str, *, accounts: Iterable[str] = ()
) -> Iterator[MetricsServer]:
    """Serve `/metrics` and `/healthz` during the block, and dispose of the collector's engine at the end.

    `address` is HOST:PORT, in the forms that `parse_address` reads. `accounts` is passed to `Counters`. Raise
    UsageError if the address cannot be used.
    """
    host, port = parse_address(address)
    disable_created_metrics()  # type: ignore[no-untyped-call]  # they add a series for each counter, which nobody reads
    registry = CollectorRegistry()
    counters = Counters(registry, accounts)
    registry.register(collector)
    ProcessCollector(registry=registry)
    try:
        server = _Server(host, port)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "there is no such host"
        raise UsageError(f"--metrics {address} cannot be used: {reason}.") from None
    server.set_app(_app(registry, collector))
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="metrics", daemon=True)
    thread.start()
    try:
        shown = f"[{host}]" if ":" in host else host
        # an empty host means every interface
        yield MetricsServer(f"http://{shown or '0.0.0.0'}:{server.server_port}", counters.observe)  # noqa: S104
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        collector.engine.dispose()


def parse_address(text: str) -> tuple[str, int]:
    """Return host and port of an address such as `127.0.0.1:9464`, `[::1]:9464` or `:9464`.

    An empty host means every interface. Raise UsageError for a text of another form, or for a port above LAST_PORT.
    """
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s:\[\]]*)):([0-9]{1,5})", text, re.ASCII)
    if not found or int(found[3]) > LAST_PORT:
        raise UsageError(
            f"--metrics {hide_key_words(repr(text))} is no address. Write HOST:PORT, like 127.0.0.1:9464 or :9464."
        )
    return found[1] or found[2] or "", int(found[3])


def _app(registry: CollectorRegistry, collector: DatabaseCollector) -> Callable[..., Any]:
    exposition = make_wsgi_app(registry)

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        try:
            if path == "/metrics":
                return exposition(environ, start_response)
            if path != "/healthz":
                status, lines = HTTPStatus.NOT_FOUND, ["Here are /metrics and /healthz."]
            elif method not in {"GET", "HEAD"}:
                status, lines = HTTPStatus.METHOD_NOT_ALLOWED, ["Use GET or HEAD."]
            else:
                fresh, lines = collector.health()
                status = HTTPStatus.OK if fresh else HTTPStatus.SERVICE_UNAVAILABLE
        except Exception as error:  # noqa: BLE001 - a bug of ours must not end the server
            logger.error("a scrape failed", reason=f"{type(error).__name__}: {error}")  # noqa: TRY400 - one line
            status, lines = HTTPStatus.INTERNAL_SERVER_ERROR, ["A fault of inventory itself; its log says which."]
        headers = [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")]
        start_response(f"{status.value} {status.phrase}", headers)
        return [b"" if method == "HEAD" else "".join(f"{line}\n" for line in lines).encode()]

    return app


class _Handler(WSGIRequestHandler):
    timeout = 10  # seconds after which a silent client is disconnected

    def log_message(self, *_: object) -> None:
        """Write nothing: scrapes are not worth a log line."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 32

    def __init__(self, host: str, port: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        """Bind without HTTPServer's lookup of the host's full name, which may ask a slow DNS server."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()

    def handle_error(self, *_: object) -> None:
        """Ignore a client that left early or was silent."""
