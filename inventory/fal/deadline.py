"""The network layer, which limits each connect, read and write to the time that is left for the request.

The time is measured with the monotonic clock, so a step of the wall clock changes nothing. A request can last longer
than its limit in two cases:

- While it connects: the lookup of the host's name has no limit. If the host has several addresses, the attempt to
  connect to each of them may take all of the time that was left before the first attempt.
- Through a proxy that is itself https: there a handshake or a read of httpcore may consist of several reads from
  the socket. Each read from the socket may take all of the time that was left before the first one.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Iterable
from typing import Any

import httpcore


class DeadlineBackend(httpcore.NetworkBackend):
    """A network backend for httpcore that limits each wait to the time left for the calling thread's request.

    The time limits of httpx are for each single read. With these limits alone, a server that sends a byte now and then
    could make a request last for ever.
    """

    def __init__(self) -> None:
        self.aborted = False
        self._deadline = threading.local()
        self._inner = httpcore.SyncBackend()
        self._open: set[_Stream] = set()
        self._lock = threading.Lock()

    def set_deadline(self, seconds: float) -> None:
        """Set the deadline of the calling thread's next request: `seconds` from now."""
        self._deadline.at = time.monotonic() + seconds

    def limit(self, timeout: float | None, late: type[Exception]) -> float | None:
        """Return the timeout in seconds, or the time left until the calling thread's deadline if that is shorter.

        None means no limit. Raise an exception of the class `late` if no time is left.
        """
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
        """Connect to a host, and return a stream whose reads and writes end at the deadline."""
        left = self.limit(timeout, httpcore.ConnectTimeout)
        return self.watch(self._inner.connect_tcp(host, port, left, local_address, socket_options))

    def watch(self, inner: httpcore.NetworkStream) -> httpcore.NetworkStream:
        """Return a wrapper around a stream. The wrapper's reads and writes end at the deadline; `abort` shuts it down.

        If `abort` was called before, close the stream and raise httpcore.ConnectError.
        """
        stream = _Stream(inner, self)
        with self._lock:
            if not self.aborted:
                self._open.add(stream)
                return stream
        inner.close()
        raise httpcore.ConnectError("closed")

    def forget(self, stream: "_Stream") -> None:
        """Remove a stream from the streams that `abort` shuts down."""
        with self._lock:
            self._open.discard(stream)

    def close_plain(self) -> None:
        """Close every open stream that is without TLS."""
        with self._lock:
            plain = [stream for stream in self._open if stream.get_extra_info("ssl_object") is None]
        for stream in plain:
            stream.close()

    def abort(self) -> None:
        """Refuse new connections, and shut down every open stream. This wakes the threads that wait for a stream."""
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
                # close() would not wake a thread that reads from the socket. SSLSocket.shutdown() would drop the TLS
                # state that such a thread still uses.
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
