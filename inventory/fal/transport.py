"""The transport layer: read each body whole, within a size and a time, and parse it.

Parsing belongs here, beneath the retries: a body that is not the promised JSON is then fetched again, like one that a
broken connection cut off.
"""

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


class InvalidBody(httpx.RemoteProtocolError):
    """A 200 whose body is not the promised JSON: retried like a broken connection."""


class _TooLarge(BadResponse):
    """A body beyond the limit: not retried, because the next one would be as large."""


class ParsingTransport(httpx.BaseTransport):
    """A transport whose answers are read and parsed, within LARGEST_BODY bytes and `limit` seconds a request.

    Raises UsageError if the certificates cannot be read or the proxy cannot be used.
    """

    def __init__(self, base: str, limit: float) -> None:
        self.date = ""
        """The header `Date` of the last answer."""
        self._limit = limit
        self._backend = DeadlineBackend()
        proxy = find_proxy(base)
        self.proxy = None if proxy is None else mask_url(str(proxy.url).rstrip("/"))
        """The address of the proxy, without its user and password."""
        try:
            self._inner = httpx.HTTPTransport(
                proxy=proxy,
                verify=base.startswith("https:"),  # for http it would cost more time than a sync of a small fleet
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
        """Return the answer. The body of a 200 is passed to the request's extension `parse`.

        The result is in the response's extension `parsed`.
        """
        self._backend.set_deadline(self._limit)
        try:
            return self._send(request)
        except httpx.ProxyError as error:
            if int(str(error)[:3]) in RETRIED:
                raise
            raise NetworkError(self.describe_refusal(error)) from None  # not retried: the proxy would refuse again
        except Exception:
            if self._backend.aborted:  # whatever error the closed socket caused, it is not retried
                raise NetworkError("The connection to the API was closed on this side") from None
            raise

    def describe_refusal(self, error: httpx.ProxyError) -> str:
        """Return the text for a proxy that answered, but made no connection to the API."""
        return f"The proxy {self.proxy} refused: {describe(error)}. Check HTTPS_PROXY, its user and its password"

    def abort(self) -> None:
        """End the requests under way in all threads, and refuse new ones."""
        self._backend.abort()

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()

    def _send(self, request: httpx.Request) -> httpx.Response:
        response = self._inner.handle_request(request)
        self.date = response.headers.get("Date", "")
        try:
            if response.status_code == httpx.codes.OK:
                parsed = request.extensions["parse"](_read_body(response))
                return httpx.Response(response.status_code, extensions={"parsed": parsed})
            body = _read_error(response)
        except _TooLarge:
            raise
        except BadResponse as error:
            raise InvalidBody(str(error)) from None
        finally:
            response.close()
        # without Location, of which httpx would build a request although redirects are not followed; without cookies
        kept = {name: value for name, value in response.headers.items() if name == "retry-after"}
        return httpx.Response(response.status_code, headers=kept, content=body)


def _read_body(response: httpx.Response) -> bytes:
    """Return the whole decoded body; raise _TooLarge if it is too large, BadResponse if it cannot be decoded.

    httpx would decode without a limit and any number of layers deep, and would accept a gzip stream that ends early.
    """
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip", "x-gzip"}:
        raise BadResponse("the body has an encoding that was not asked for")
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


def _read_error(response: httpx.Response) -> bytes:
    """Return the first LARGEST_ERROR bytes of an error's body, or nothing if it cannot be read.

    A broken body is no failure here: the status says enough.
    """
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
