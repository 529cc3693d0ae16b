"""The HTTP half: one client for one account. The only importer of httpx (and of httpcore beneath it).

Layers, from the outside in: retries (httpx-retries: exponential, full jitter, Retry-After) · a transport that reads
each body whole, within a size, and checks that a 200 is the JSON promised, so that a broken body is tried again like a
broken connection · a network backend that ends every read at the request's wall-clock limit, however slowly bytes drip.

The key goes to the configured origin only: redirects are not followed, and `settings` lets plain http pass for loopback
alone.
"""

import contextlib
import copy
import functools
import ipaddress
import re
import socket
import ssl
import threading
import time
import urllib.request
import zlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpcore
import httpx
from httpx_retries import Retry, RetryTransport

from inventory import __version__, log
from inventory.config.keys import ApiKey
from inventory.config.settings import Settings
from inventory.errors import (
    ApiError,
    BadResponse,
    Forbidden,
    Interrupted,
    NetworkError,
    RateLimited,
    ServerError,
    Unauthorized,
    UsageError,
)
from inventory.fal.page import Page, parse_instance, parse_page
from inventory.masks import is_clear_url, mask_url
from inventory.record import Record, Rejected, make_record

LARGEST_BODY = 32 * 1024 * 1024
"""Bytes of one decoded body; a larger one ends the walk."""

LARGEST_ERROR = 64 * 1024
"""Bytes that are read of the body of an error; the rest is left."""

FIRST_WAIT = 0.5
"""Seconds: the longest first wait; it doubles with each attempt."""

RETRIED = frozenset({408, 429, 500, 502, 503, 504})

logger = log.get(__name__)


class Api:
    """The compute instances of one account. Methods raise `ApiError`s whose text holds no secret.

    `stop` ends waits and refuses further requests (`Interrupted`). Not more than one thread may call it at a time.
    """

    def __init__(self, key: ApiKey, settings: Settings, stop: threading.Event) -> None:
        """Open nothing yet."""
        log.hide(key.secret)
        self.retries = 0
        self._base = settings.api_url
        self._shown = mask_url(self._base)
        self._page_size: int | None = settings.page_size
        self._stop = stop
        self._policy = _Policy(settings.retry_attempts, settings.retry_max_wait, stop, self._count_retry)
        self._whole = _Whole(self._base, settings.timeout)
        self._client = httpx.Client(
            transport=RetryTransport(self._whole, retry=self._policy),
            headers={
                "Authorization": f"Key {key.secret}",
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
                "User-Agent": f"fal-inventory/{__version__}",
            },
            timeout=settings.timeout,
            follow_redirects=False,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        """The client itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close its connections."""
        self.close()

    def close(self) -> None:
        """Close the connections, from any thread; a request under way ends with NetworkError."""
        self._whole.abort()
        self._client.close()

    @property
    def clock(self) -> datetime | None:
        """What the API's clock said at its last answer, to the second; None where it did not say."""
        try:
            said = parsedate_to_datetime(self._whole.date)
            return said.astimezone(UTC) if said.tzinfo else said.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            return None

    def page(self, cursor: str | None) -> Page:
        """The page that a cursor leads to; the first for None.

        A first page refused with 400 or 422 is asked for once more without `limit`, and so are those after it.
        """
        parameters: dict[str, str | int] = {} if cursor is None else {"cursor": cursor}
        if self._page_size is not None:
            response = self._get("/compute/instances", {"limit": self._page_size, **parameters}, parse_page)
            if cursor is not None or response.status_code not in {400, 422}:
                return self._page(response)
            logger.warning("the API refused the page size, asking without", page_size=self._page_size)
            self._page_size = None
        return self._page(self._get("/compute/instances", parameters, parse_page))

    def instance(self, instance_id: str, *, patiently: bool = True) -> Record | None:
        """Return the instance that the API gives for an id, or None where it says 404 in its own words: it is gone.

        Anything else raises ApiError, also a 404 without fal's `error` object: a gateway or a portal may have sent it.
        `patiently` False makes one attempt only.
        """
        if not instance_id.strip("."):  # a URL's path would lose it on the way
            raise BadResponse("an id of dots only cannot be asked for")
        if "\ufffd" in instance_id:  # it may stand for what cannot be stored
            raise BadResponse("an id that holds U+FFFD cannot be asked for")
        policy = self._policy if patiently else self._policy.once()
        path = f"/compute/instances/{quote(instance_id, safe='')}"
        response = self._get(path, {}, functools.partial(_same_instance, instance_id), policy)
        if response.status_code == httpx.codes.NOT_FOUND:
            if isinstance(_member(response, "error"), dict):
                return None
            raise ServerError("The API answered 404, but without fal's error object", status=response.status_code)
        found: Record = self._promised(response)
        return found

    def _page(self, response: httpx.Response) -> Page:
        page: Page = self._promised(response)
        return page

    def _get(
        self, path: str, parameters: dict[str, str | int], promise: Callable[[bytes], Any], policy: Retry | None = None
    ) -> httpx.Response:
        if self._stop.is_set():
            raise Interrupted("stopped by a signal")
        extensions: dict[str, Any] = {"promise": promise}
        if policy is not None:
            extensions["retry"] = policy
        try:
            return self._client.get(self._base + path, params=parameters, extensions=extensions)
        except (UnicodeError, httpx.InvalidURL):
            raise BadResponse("The API gave a cursor or an id that no address can hold") from None
        except _BrokenPromise as error:
            raise BadResponse(
                f"The API answered 200, but not as promised: {log.plain(str(error))}", status=200
            ) from None
        except httpx.HTTPError as error:
            raise NetworkError(self._unreachable(error)) from None

    def _unreachable(self, error: httpx.HTTPError) -> str:
        proxy, reason = self._whole.proxy, _in_words(error)
        through = f" through the proxy {proxy}" if proxy else ""
        if isinstance(error, httpx.TimeoutException):
            return f"The API at {self._shown}{through} did not answer within {self._client.timeout.read:g} s"
        if isinstance(error, httpx.ProxyError):
            return self._whole.refused(error)
        tls = _cause(error, ssl.SSLError)
        if proxy and isinstance(error, httpx.ConnectError) and tls is None:
            return f"The proxy {proxy} cannot be reached: {reason}. Check HTTPS_PROXY and NO_PROXY"
        hint = (
            ". If that certificate is of an authority of your own, name the authority's file in SSL_CERT_FILE"
            if isinstance(tls, ssl.SSLCertVerificationError)
            else ""
        )
        return f"The API at {self._shown} cannot be reached{through}: {reason}{hint}"

    def _promised(self, response: httpx.Response) -> Any:
        """What a 200 promised; every other status is an error."""
        status = response.status_code
        if status == httpx.codes.OK:
            return response.extensions.pop("promised")  # not held by the response, which is a cycle of objects
        said = _message(response)
        if status == httpx.codes.UNAUTHORIZED:
            raise Unauthorized(
                f"The API refused the key (401{said}); check the account's key (by default FAL_KEY)", status=status
            )
        if status == httpx.codes.FORBIDDEN:
            raise Forbidden(
                f"The key may not list compute instances (403{said}); use an admin key with compute permission",
                status=status,
            )
        if status == httpx.codes.TOO_MANY_REQUESTS:
            raise RateLimited(f"The API allows no more requests for now (429{said})", status=status)
        if response.is_redirect:
            raise ServerError(f"The API answered with a redirect ({status}), which is not followed", status=status)
        raise ServerError(f"The API answered {status}{said}", status=status)

    def _count_retry(self) -> None:
        self.retries += 1


def _same_instance(instance_id: str, body: bytes) -> Record:
    item, escaped = parse_instance(body)
    try:
        found = make_record(item, escaped=escaped)
    except Rejected as error:
        raise BadResponse(str(error)) from None
    if found.instance_id != instance_id:
        raise BadResponse("it told of another instance")
    return found


def _message(response: httpx.Response) -> str:
    """What the API says of its error, made safe to print, with a leading ': '; or nothing."""
    error = _member(response, "error")
    text = error.get("message") if isinstance(error, dict) else error or _member(response, "detail")
    return f": {log.plain(text, 160)}" if isinstance(text, str) and text else ""


def _member(response: httpx.Response, name: str) -> Any:
    """Return a member of the JSON object that an error's body is; None where it is no such object."""
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return None
    return body.get(name) if isinstance(body, dict) else None


def _in_words(error: Exception) -> str:
    """Return what an error says, or else its name without our underscore."""
    return log.plain(str(error)) or type(error).__name__.lstrip("_")


def _cause(error: BaseException | None, kind: type[BaseException]) -> BaseException | None:
    """Return the first error of that kind among an error and those behind it."""
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error


class _BrokenPromise(httpx.RemoteProtocolError):
    """A 200 whose body is not what was promised: tried again like a broken connection."""


class _TooLarge(BadResponse):
    """A body beyond the limit: it would be so again."""


class _Policy(Retry):
    """httpx-retries' policy, which obeys Retry-After or gives up, counts, and wakes up for a signal."""

    def __init__(self, attempts: int, longest_wait: float, stop: threading.Event, on_retry: Callable[[], None]) -> None:
        super().__init__(
            total=attempts - 1,
            max_backoff_wait=longest_wait,
            backoff_factor=FIRST_WAIT / 2,  # doubled once before the first wait
            status_forcelist=RETRIED,
            retry_on_exceptions=(httpx.TransportError,),
        )
        self._stop = stop
        self._on_retry = on_retry

    def once(self) -> Retry:
        """The same policy with one attempt."""
        policy = copy.copy(self)
        policy.total = 0
        return policy

    def increment(self) -> Retry:
        """The policy for the next attempt (the base's own copy would lose our two fields)."""
        policy = copy.copy(self)
        policy.attempts_made += 1
        return policy

    def sleep(self, response: httpx.Response | Exception) -> None:
        """Wait as Retry-After says, else the backoff; raises at once where that is longer than the budget."""
        wait = self.backoff_strategy()
        if not isinstance(response, httpx.Response):
            reason = _in_words(response)
        else:
            reason = str(response.status_code)
            try:
                asked = self.parse_retry_after(response.headers.get("Retry-After", ""))
            except (ValueError, OverflowError):
                asked = 0.0
            if asked > self.max_backoff_wait:
                kind = RateLimited if response.status_code == httpx.codes.TOO_MANY_REQUESTS else ServerError
                raise kind(
                    f"The API asks to wait {asked:.0f} s ({reason}), longer than INVENTORY_RETRY_MAX_WAIT "
                    f"({self.max_backoff_wait:g} s)",
                    status=response.status_code,
                )
            wait = max(wait, asked) if asked else wait
        logger.info("trying again", reason=reason, attempt=self.attempts_made + 1, wait_seconds=round(wait, 2))
        if self._stop.wait(wait):
            raise Interrupted("stopped by a signal")
        self._on_retry()


class _Whole(httpx.BaseTransport):
    """Answers come with their body read, within LARGEST_BODY and `limit` seconds for the whole request."""

    def __init__(self, base: str, limit: float) -> None:
        self.date = ""
        self._limit = limit
        self._deadline = threading.local()
        self._backend = _Backend(self._deadline)
        proxy = _proxy(base)
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
        return f"The proxy {self.proxy} refused: {_in_words(error)}. Check HTTPS_PROXY, its user and its password"

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
            raise _BrokenPromise(str(error)) from None
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


class _Backend(httpcore.NetworkBackend):
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
    def __init__(self, inner: httpcore.NetworkStream, backend: _Backend) -> None:
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


def _proxy(base: str) -> httpx.Proxy | None:
    """Return the proxy that the environment names for the API; never one for plain http, which is loopback.

    As for curl it is that of HTTPS_PROXY, else of ALL_PROXY, lower case first. Raises UsageError, without any part of
    the address, where it cannot be used.
    """
    parts = urlsplit(base)
    named = urllib.request.getproxies()
    variable = "HTTPS_PROXY" if named.get("https") else "ALL_PROXY"
    text = (named.get("https") or named.get("all") or "").strip()
    if parts.scheme != "https" or not text or _is_direct(parts.hostname or "", parts.port or 443, named.get("no", "")):
        return None
    text = text if "://" in text else f"http://{text}"
    try:
        proxy = httpx.Proxy(text)
        if proxy.url.host and proxy.url.path in {"", "/"} and not proxy.url.query and is_clear_url(text):
            log.hide((proxy.auth or ("", ""))[1])
            return proxy
    except (ValueError, httpx.InvalidURL):  # whose text quotes the address
        pass
    raise UsageError(
        f"{variable} cannot be used. Write it like http://user:password@proxy.example:3128 "
        "(in a password, @ is written %40, / %2F, ? %3F, # %23 and : %3A)."
    )


def _is_direct(host: str, port: int, rules: str) -> bool:
    """Return whether NO_PROXY covers a host: names and all below them, addresses, networks, or `*` for everything.

    A name or an address may have a port. (urllib knows no networks, httpx no ports.)
    """
    names = [rule.strip(".").lower() for rule in re.split(r"[\s,]+", rules) if rule]
    places = (host.rstrip("."), f"[{host}]:{port}" if ":" in host else f"{host.rstrip('.')}:{port}")
    if "*" in names or any(place == name or place.endswith(f".{name}") for place in places for name in names):
        return True
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(host)
        for name in names:
            with contextlib.suppress(ValueError):
                if address in ipaddress.ip_network(name.strip("[]"), strict=False):
                    return True
    return False


__all__ = ["Api", "ApiError"]
