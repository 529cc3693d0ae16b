"""A transport that reads each body whole, within a size and a time."""

import threading
import time
import zlib

import httpx

from inventory.errors import BadResponse, NetworkError, UsageError
from inventory.fal.deadline import DeadlineBackend
from inventory.fal.failures import describe
from inventory.fal.proxies import find_proxy
from inventory.fal.retries import RETRIED
from inventory.masks import mask_url

LARGEST_BODY = 32 * 1024 * 1024
"""Bytes of one decoded body; a larger one ends the walk."""

LARGEST_ERROR = 64 * 1024
"""Bytes that are read of the body of an error; the rest is left."""


class BrokenPromise(httpx.RemoteProtocolError):
    """A 200 whose body is not what was promised: tried again like a broken connection."""


class _TooLarge(BadResponse):
    """A body beyond the limit: it would be so again."""


class WholeBodies(httpx.BaseTransport):
    """Answers come with their body read, within LARGEST_BODY and `limit` seconds for the whole request."""

    def __init__(self, base: str, limit: float) -> None:
        self.date = ""
        self._limit = limit
        self._deadline = threading.local()
        self._backend = DeadlineBackend(self._deadline)
        proxy = find_proxy(base)
        self.proxy = None if proxy is None else mask_url(str(proxy.url).rstrip("/"))
        """The address of the proxy, without its user and password."""
        try:
            self._inner = httpx.HTTPTransport(
                proxy=proxy,
                verify=base.startswith("https:"),  # to read the certificates takes longer than to sync a small fleet
            )
        except OSError as error:
            reason = error.strerror or error
            raise UsageError(
                f"The certificates cannot be read: {reason}. Check SSL_CERT_FILE and SSL_CERT_DIR."
            ) from None
        except ImportError:
            raise UsageError(
                "The proxy is a SOCKS proxy, which needs the library socksio: `pip install socksio`. "
                "Or name an HTTP proxy in HTTPS_PROXY."
            ) from None
        # httpx has no public way to give its pool a network backend; tests with dripping servers guard this line
        self._inner._pool._network_backend = self._backend  # noqa: SLF001

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer; a 200 carries what its promise made of the body in `extensions["promised"]`."""
        self._deadline.at = time.monotonic() + self._limit
        try:
            return self._answer(request)
        except httpx.ProxyError as error:
            if int(str(error)[:3]) in RETRIED:
                raise
            raise NetworkError(self.refused(error)) from None  # it would be so again
        except Exception:
            if self._backend.aborted:  # whatever a socket taken away looks like: nothing that is tried again
                raise NetworkError("The connection to the API was closed on this side") from None
            raise

    def refused(self, error: httpx.ProxyError) -> str:
        """Return what to say where the proxy answered, but not by a connection to the API."""
        return f"The proxy {self.proxy} refused: {describe(error)}. Check HTTPS_PROXY, its user and its password"

    def abort(self) -> None:
        """Requests under way, in any thread, fail at once; none is made any more."""
        self._backend.abort()

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()

    def _answer(self, request: httpx.Request) -> httpx.Response:
        response = self._inner.handle_request(request)
        self.date = response.headers.get("Date", "")
        try:
            if response.status_code == httpx.codes.OK:
                promised = request.extensions["promise"](_body(response))
                return httpx.Response(response.status_code, extensions={"promised": promised})
            body = _beginning(response)
        except _TooLarge:
            raise
        except BadResponse as error:
            raise BrokenPromise(str(error)) from None
        finally:
            response.close()
        # No Location: httpx would make a request of it, even where it is not to be followed. No cookies either.
        kept = {name: value for name, value in response.headers.items() if name == "retry-after"}
        return httpx.Response(response.status_code, headers=kept, content=body)


def _body(response: httpx.Response) -> bytes:
    """The whole body, decoded; ApiError where it is too large, BadResponse where it cannot be decoded.

    httpx would decode without a limit, any number of layers deep, and take a gzip that ends early for a whole one.
    """
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip", "x-gzip"}:
        raise BadResponse("the body is encoded as nobody asked for")
    gzip = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS) if encoding != "identity" else None
    body = bytearray()
    for chunk in response.iter_raw():
        try:
            body += chunk if gzip is None else gzip.decompress(chunk, LARGEST_BODY + 1 - len(body))
        except zlib.error:
            raise BadResponse("the body cannot be decoded") from None
        if len(body) > LARGEST_BODY:
            raise _TooLarge(f"The API's answer is larger than {LARGEST_BODY >> 20} MiB", status=response.status_code)
    if gzip is not None and not gzip.eof:
        raise BadResponse("the body ends early")
    return bytes(body)


def _beginning(response: httpx.Response) -> bytes:
    """What can be read of the body of an error; its status says enough without."""
    body = bytearray()
    gzip = zlib.decompressobj(wbits=32 + zlib.MAX_WBITS) if "Content-Encoding" in response.headers else None
    try:
        for chunk in response.iter_raw():
            body += chunk if gzip is None else gzip.decompress(chunk, LARGEST_ERROR)
            if len(body) >= LARGEST_ERROR:
                break
    except (zlib.error, httpx.TransportError):
        return b""
    return bytes(body)
