"""The network layer: end every connect, read and write at the request's wall-clock deadline."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterable
from typing import Any

import httpcore


class DeadlineBackend(httpcore.NetworkBackend):
    """httpcore's own network, in which each wait ends at the deadline of its thread's request.

    httpx has time limits for a single read only: a server that sends a byte now and then could hold a request for ever.
    """

    def __init__(self) -> None:
        self.aborted = False
        self._deadline = threading.local()
        self._inner = httpcore.SyncBackend()
        self._open: set[_Stream] = set()
        self._lock = threading.Lock()

    def set_deadline(self, seconds: float) -> None:
        """Let the next request of this thread take that many seconds at most."""
        self._deadline.at = time.monotonic() + seconds

    def limit(self, timeout: float | None, late: type[Exception]) -> float | None:
        """Return the timeout in seconds, cut to what is left of the request's time; raise `late` if nothing is."""
        at: float | None = getattr(self._deadline, "at", None)
        if at is None:
            return timeout
        left = at - time.monotonic()
        if left <= 0:
            raise late("the request's time is up")
        return left if timeout is None else min(timeout, left)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Return a connection whose reads and writes end at the deadline."""
        left = self.limit(timeout, httpcore.ConnectTimeout)
        return self.watch(self._inner.connect_tcp(host, port, left, local_address, socket_options))

    def watch(self, inner: httpcore.NetworkStream) -> httpcore.NetworkStream:
        """Wrap a stream so that the deadline limits it and `abort` ends it.

        Raise ConnectError if `abort` was called before.
        """
        stream = _Stream(inner, self)
        with self._lock:
            if not self.aborted:
                self._open.add(stream)
                return stream
        inner.close()
        raise httpcore.ConnectError("closed")

    def forget(self, stream: "_Stream") -> None:
        """Forget a closed stream, so that `abort` leaves it alone."""
        with self._lock:
            self._open.discard(stream)

    def abort(self) -> None:
        """Wake every thread that waits for a socket, and refuse new connections."""
        with self._lock:
            self.aborted = True
            for stream in self._open:
                stream.shut_down()


class _Stream(httpcore.NetworkStream):
    """One connection of a DeadlineBackend."""

    def __init__(self, inner: httpcore.NetworkStream, backend: DeadlineBackend) -> None:
        self._inner = inner
        self._backend = backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._backend.limit(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._backend.limit(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._backend.forget(self)
        self._inner.close()

    def shut_down(self) -> None:
        found = self._inner.get_extra_info("socket")
        if isinstance(found, socket.socket):
            with contextlib.suppress(OSError):
                # close() does not wake a thread that reads; SSLSocket.shutdown() would drop the TLS state that it uses
                socket.socket.shutdown(found, socket.SHUT_RDWR)

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._backend.limit(timeout, httpcore.ConnectTimeout)
        inner = self._inner.start_tls(ssl_context, server_hostname, left)
        self._backend.forget(self)
        return self._backend.watch(inner)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
