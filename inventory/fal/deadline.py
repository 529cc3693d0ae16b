"""A network whose every wait ends at the request's wall-clock limit."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterable
from typing import Any

import httpcore


class DeadlineBackend(httpcore.NetworkBackend):
    """httpcore's own network, each wait shortened to what is left of the request's time; `abort` ends them all."""

    def __init__(self, deadline: threading.local) -> None:
        self.deadline = deadline
        self.aborted = False
        self._inner = httpcore.SyncBackend()
        self._open: set[_Stream] = set()
        self._lock = threading.Lock()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection whose reads and writes end at the deadline."""
        left = _left(self.deadline, timeout, httpcore.ConnectTimeout)
        return self.watch(self._inner.connect_tcp(host, port, left, local_address, socket_options))

    def watch(self, inner: httpcore.NetworkStream) -> httpcore.NetworkStream:
        """The stream, known to `abort`."""
        stream = _Stream(inner, self)
        with self._lock:
            if not self.aborted:
                self._open.add(stream)
                return stream
        inner.close()
        raise httpcore.ConnectError("closed")

    def forget(self, stream: "_Stream") -> None:
        """The stream is closed."""
        with self._lock:
            self._open.discard(stream)

    def abort(self) -> None:
        """Whatever thread waits for a socket waits no longer: closing alone would not wake it."""
        with self._lock:
            self.aborted = True
            for stream in self._open:
                stream.wake()


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, backend: DeadlineBackend) -> None:
        self._inner = inner
        self._backend = backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(self._backend.deadline, timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(self._backend.deadline, timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._backend.forget(self)
        self._inner.close()

    def wake(self) -> None:
        found = self._inner.get_extra_info("socket")
        if isinstance(found, socket.socket):
            with contextlib.suppress(OSError):
                # not the method of an SSLSocket, which takes its TLS away under the thread that reads
                socket.socket.shutdown(found, socket.SHUT_RDWR)

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(self._backend.deadline, timeout, httpcore.ConnectTimeout)
        inner = self._inner.start_tls(ssl_context, server_hostname, left)
        self._backend.forget(self)
        return self._backend.watch(inner)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _left(deadline: threading.local, timeout: float | None, late: type[Exception]) -> float | None:
    at: float | None = getattr(deadline, "at", None)
    if at is None:
        return timeout
    left = at - time.monotonic()
    if left <= 0:
        raise late("the request's time is up")
    return left if timeout is None else min(timeout, left)
