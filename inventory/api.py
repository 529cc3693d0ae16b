"""The HTTP half: one client for one account. The only importer of httpx (and of httpcore beneath it).

Layers, from the outside in: retries (httpx-retries: exponential, full jitter, Retry-After) · a transport that reads each
body whole, within a size, and checks that a 200 is the JSON promised, so that a broken body is tried again like a broken
connection · a network backend that ends every read at the request's wall-clock limit, however slowly bytes drip.

The key goes to the configured origin only: redirects are not followed, and `settings` lets plain http pass for loopback
alone.
"""

import copy
import functools
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote, urlsplit

import httpcore
import httpx
from httpx_retries import Retry, RetryTransport

from inventory import __version__, log
from inventory.errors import (
    ApiError,
    BadResponse,
    Forbidden,
    Interrupted,
    NetworkError,
    RateLimited,
    ServerError,
    Unauthorized,
)
from inventory.settings import ApiKey, Settings
from inventory.wire import Page, Rejected, Row, parse_instance, parse_page, row

LARGEST_BODY = 32 * 1024 * 1024
"""Bytes of one decoded body; a larger one ends the walk."""

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
        self.retries = 0
        self._base = settings.api_url
        self._page_size: int | None = settings.page_size
        self._stop = stop
        self._policy = _Policy(settings.retry_attempts, settings.retry_max_wait, stop, self._count_retry)
        self._client = httpx.Client(
            transport=RetryTransport(_Whole(self._base, settings.timeout), retry=self._policy),
            headers={
                "Authorization": f"Key {key.secret}",
                "Accept": "application/json",
                "User-Agent": f"fal-inventory/{__version__}",
            },
            timeout=settings.timeout,
            follow_redirects=False,
            trust_env=False,
        )

    def __enter__(self) -> "Api":
        """This client."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close its connections."""
        self.close()

    def close(self) -> None:
        """Close the connections; a request under way ends with NetworkError."""
        self._client.close()

    def page(self, cursor: str | None) -> Page:
        """The page that a cursor leads to; the first for None.

        A first page refused with 400 or 422 is asked for once more without `limit`, and so are those after it.
        """
        parameters: dict[str, str | int] = {} if cursor is None else {"cursor": cursor}
        if self._page_size is not None:
            response = self._get("/compute/instances", {"limit": self._page_size, **parameters}, parse_page)
            if cursor is not None or response.status_code not in {400, 422}:
                return self._promised(response)
            logger.warning("the API refused the page size, asking without", page_size=self._page_size)
            self._page_size = None
        return self._promised(self._get("/compute/instances", parameters, parse_page))

    def instance(self, instance_id: str, *, patiently: bool = True) -> Row | None:
        """The instance as the API answers by id: a row, or None for 404 (gone). Anything else raises ApiError.

        `patiently` False makes one attempt only.
        """
        if not instance_id.strip("."):
            raise BadResponse("an id of dots only cannot be asked for")  # a URL's path would lose it on the way
        policy = self._policy if patiently else self._policy.once()
        path = f"/compute/instances/{quote(instance_id, safe='')}"
        response = self._get(path, {}, functools.partial(_same_instance, instance_id), policy)
        return None if response.status_code == 404 else self._promised(response)  # noqa: PLR2004

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
        except _BrokenPromise as error:
            raise BadResponse(f"The API answered 200, but not as promised: {log.plain(str(error))}", status=200) from None
        except httpx.TimeoutException:
            raise NetworkError(f"The API at {self._base} did not answer within {self._client.timeout.read:g} s") from None
        except httpx.HTTPError as error:
            reason = log.plain(str(error)) or type(error).__name__
            raise NetworkError(f"The API at {self._base} cannot be reached: {reason}") from None

    def _promised(self, response: httpx.Response) -> Any:
        """What a 200 promised; every other status is an error."""
        status = response.status_code
        if status == httpx.codes.OK:
            return response.extensions["promised"]
        said = _message(response)
        if status == httpx.codes.UNAUTHORIZED:
            raise Unauthorized(f"The API refused the key (401{said}); check FAL_KEY", status=status)
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


def _same_instance(instance_id: str, body: bytes) -> Row:
    item, escaped = parse_instance(body)
    try:
        found = row(item, escaped=escaped)
    except Rejected as error:
        raise BadResponse(str(error)) from None
    if found.instance_id != instance_id:
        raise BadResponse("it told of another instance")
    return found


def _message(response: httpx.Response) -> str:
    """What the API says of its error, made safe to print, with a leading ': '; or nothing."""
    try:
        body = response.json()
        error = body.get("error", body.get("detail"))
        text = error.get("message") if isinstance(error, dict) else error
    except (ValueError, AttributeError, RecursionError):
        return ""
    return f": {log.plain(text, 160)}" if isinstance(text, str) and text else ""


class _BrokenPromise(httpx.RemoteProtocolError):
    """A 200 whose body is not what was promised: tried again like a broken connection."""


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
        self._on_retry()
        return policy

    def sleep(self, response: httpx.Response | Exception) -> None:
        """Wait as Retry-After says, else the backoff; raises at once where that is longer than the budget."""
        wait = self.backoff_strategy()
        reason = type(response).__name__
        if isinstance(response, httpx.Response):
            reason = str(response.status_code)
            try:
                asked = self.parse_retry_after(response.headers.get("Retry-After", ""))
            except ValueError:
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


class _Whole(httpx.BaseTransport):
    """Answers come with their body read, within LARGEST_BODY and `limit` seconds for the whole request."""

    def __init__(self, base: str, limit: float) -> None:
        self._limit = limit
        self._deadline = threading.local()
        self._inner = httpx.HTTPTransport(proxy=_proxy(base), retries=0)
        # httpx has no public way to give its pool a network backend; tests with dripping servers guard this line
        self._inner._pool._network_backend = _Backend(self._deadline)  # noqa: SLF001

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer; a 200 carries what its promise made of the body in `extensions["promised"]`."""
        self._deadline.at = time.monotonic() + self._limit
        response = self._inner.handle_request(request)
        try:
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > LARGEST_BODY:
                    raise BadResponse(f"The API's answer is larger than {LARGEST_BODY >> 20} MiB")
        except httpx.DecodingError as error:
            raise _BrokenPromise(f"the body cannot be decoded: {error}") from None
        finally:
            response.close()
        extensions: dict[str, Any] = {}
        if response.status_code == httpx.codes.OK:
            try:
                extensions["promised"] = request.extensions["promise"](bytes(body))
            except BadResponse as error:
                raise _BrokenPromise(str(error)) from None
            body.clear()
        headers = [(name, value) for name, value in response.headers.raw if name.lower() not in _OF_THE_TRANSFER]
        return httpx.Response(response.status_code, headers=headers, content=bytes(body), extensions=extensions)

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


_OF_THE_TRANSFER = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})


class _Backend(httpcore.NetworkBackend):
    """httpcore's own network, with each wait shortened to what is left of the request's time."""

    def __init__(self, deadline: threading.local) -> None:
        self._deadline = deadline
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection whose reads and writes end at the deadline."""
        left = _left(self._deadline, timeout, httpcore.ConnectTimeout)
        stream = self._inner.connect_tcp(host, port, left, local_address, socket_options)
        return _Stream(stream, self._deadline)


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, deadline: threading.local) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(self._deadline, timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(self._deadline, timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(self._deadline, timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left), self._deadline)

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


def _proxy(base: str) -> str | None:
    """The proxy that HTTPS_PROXY and NO_PROXY name for the API; never one for plain http, which is loopback."""
    parts = urlsplit(base)
    if parts.scheme != "https" or urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    return urllib.request.getproxies().get("https")


__all__ = ["Api", "ApiError"]
