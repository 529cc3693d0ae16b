"""The transport layer: read each body as a whole, within limits of size and time, and parse it.

Parsing belongs to this layer, beneath the retries. So a body that is not the promised JSON is fetched again, just like
a body that a broken connection cut off.
"""

import zlib
from urllib.parse import urlsplit

import httpx

from inventory.errors import BadResponse, NetworkError, UsageError
from inventory.fal.deadline import DeadlineBackend
from inventory.fal.failures import describe
from inventory.fal.proxies import find_proxy
from inventory.fal.retries import is_retried
from inventory.masks import mask_url

LARGEST_BODY = 32 * 1024 * 1024
"""The limit of a decoded body in bytes. A larger body raises BadResponse, and the request is not retried."""

LARGEST_ERROR = 64 * 1024
"""The body of an error answer is read only until this number of bytes is decoded."""


class InvalidBody(httpx.RemoteProtocolError):
    """An answer 200 whose body is not the promised JSON. It is retried like a broken connection."""


class _TooLarge(BadResponse):
    """A body of more than LARGEST_BODY bytes. It is not retried, because the next answer would be as large."""


class ParsingTransport(httpx.BaseTransport):
    """An httpx transport that reads and parses the answers of the API at the URL `base`.

    A body may have at most LARGEST_BODY bytes, and an attempt at a request may take at most `limit` seconds (see
    `deadline.py` for what may take longer). The constructor raises UsageError if the certificates cannot be read or the
    proxy cannot be used.
    """

    def __init__(self, base: str, limit: float) -> None:
        self.date = ""
        """The header `Date` of the last answer; empty if there was none."""
        self._limit = limit
        self._backend = DeadlineBackend()
        proxy = find_proxy(base)
        self.proxy = None if proxy is None else mask_url(str(proxy.url).rstrip("/"))
        """The address of the proxy, without its user and password; None without a proxy."""
        try:
            self._inner = httpx.HTTPTransport(
                proxy=proxy,
                verify=urlsplit(base).scheme != "http",  # http needs no certificates, and loading them takes time
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
        # httpx has no public way to give its pool a network backend. If httpx renames these attributes, the tests with
        # slow servers fail.
        self._inner._pool._network_backend = self._backend  # noqa: SLF001

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and return the response.

        The body of a 200 is passed to the function in the request's extension `parse`. The result of that function is
        in the response's extension `parsed`, and the response itself has no body. For any other status, the response
        has the beginning of the body.

        Raise NetworkError or BadResponse for a failure that is not retried, and httpx.TransportError for one that is.
        """
        self._backend.set_deadline(self._limit)
        try:
            return self._send(request)
        except httpx.ProxyError as error:
            if is_retried(error):
                raise
            raise NetworkError(self.describe_refusal(error)) from None  # not retried: the proxy would refuse again
        except Exception as error:
            if self._backend.aborted:  # whatever error the closed socket caused, it is not retried
                raise NetworkError("The connection to the API was closed on this side") from None
            if type(error).__module__.startswith("socksio."):  # httpx passes on the errors of this library
                raise httpx.RemoteProtocolError(f"the SOCKS proxy gave no valid answer: {error}") from None
            raise
        finally:
            # httpcore leaves the connection open if a SOCKS proxy refuses. Through a proxy, a connection to the API
            # always has TLS. So a stream without TLS is left over from a refusal.
            if self.proxy is not None:
                self._backend.close_plain()

    def describe_refusal(self, error: httpx.ProxyError) -> str:
        """Return the error message about a proxy that answered but made no connection to the API."""
        reason = describe(error).rstrip(".")
        return f"The proxy {self.proxy} refused: {reason}. Check HTTPS_PROXY, its user and its password"

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
        # Only two headers are kept. From Location httpx would build a request, although redirects are not followed.
        # From Set-Cookie it would store cookies.
        kept = {name: value for name, value in response.headers.items() if name in {"retry-after", "date"}}
        return httpx.Response(response.status_code, headers=kept, content=body)


def _encoding(response: httpx.Response) -> str:
    """Return the header `Content-Encoding` in lower case, without `identity`; an empty text if nothing is left."""
    names = (name.strip() for name in response.headers.get("Content-Encoding", "").lower().split(","))
    return ", ".join(name for name in names if name not in {"", "identity"})


def _read_body(response: httpx.Response) -> bytes:
    """Return the whole decoded body; raise _TooLarge if it is too large, BadResponse if it cannot be decoded.

    The decoding is not left to httpx, which would accept a body of any size, encodings within encodings, and a gzip
    stream that ends early.
    """
    encoding = _encoding(response)
    if encoding not in {"", "gzip", "x-gzip"}:
        raise BadResponse("the body has an encoding that was not asked for")
    gzip = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS) if encoding else None
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
    """Return the decoded beginning of an error's body; empty bytes if it cannot be read.

    Reading ends once LARGEST_ERROR bytes are decoded. A body that cannot be read is no failure, because the status of
    the answer says enough.
    """
    body = bytearray()
    gzip = zlib.decompressobj(wbits=32 + zlib.MAX_WBITS) if _encoding(response) else None
    try:
        for chunk in response.iter_raw():
            body += chunk if gzip is None else gzip.decompress(chunk, LARGEST_ERROR)
            if len(body) >= LARGEST_ERROR:
                break
    except (zlib.error, httpx.TransportError):
        return b""
    return bytes(body)
