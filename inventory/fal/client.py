"""The client of fal's API for one account.

A request passes through three layers, from the outside in: `retries` (backoff, Retry-After), `transport` (reads each
body as a whole and parses it), and `deadline` (ends each request at its time limit, however slowly its bytes arrive).

The key goes to the configured origin only: redirects are not followed. The settings allow plain http for loopback
addresses only.
"""

import functools
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Self
from urllib.parse import quote

import httpx
from httpx_retries import Retry, RetryTransport

from inventory import __version__, log
from inventory.config.keys import ApiKey
from inventory.config.settings import Settings
from inventory.errors import (
    BadResponse,
    Interrupted,
    NetworkError,
    ServerError,
)
from inventory.fal.failures import describe, find_cause, remedy_for, says_not_found, status_error
from inventory.fal.page import Page, parse_envelope, parse_instance, parse_page
from inventory.fal.retries import RetryPolicy
from inventory.fal.transport import InvalidBody, ParsingTransport
from inventory.masks import mask_url
from inventory.record import Record, Rejected, make_record

logger = log.get(__name__)


class Api:
    """A client for the compute instances of one account.

    Methods raise ApiErrors. The text of these errors holds no secret. Once `stop` is set, no further request is sent:
    a method that would send one, or that waits before a retry, raises Interrupted at once. Only one thread at a time
    may call the methods, except `close`, which any thread may call at any time. The constructor raises UsageError if
    the certificates cannot be read or the proxy cannot be used.
    """

    def __init__(self, key: ApiKey, settings: Settings, stop: threading.Event) -> None:
        log.hide(key.secret)
        self.retries = 0
        """The number of retries after failures. A request that `_fetch_page` repeats without `limit` does not count."""
        self._base = settings.api_url
        self._shown = mask_url(self._base)
        self._page_size: int | None = settings.page_size
        self._stop = stop
        self._policy = RetryPolicy(settings.retry_attempts, settings.retry_max_wait, stop, self._count_retry)
        self._transport = ParsingTransport(self._base, settings.timeout)
        self._client = httpx.Client(
            transport=RetryTransport(self._transport, retry=self._policy),
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
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. Any thread may call this. A request under way then raises NetworkError."""
        self._transport.abort()
        self._client.close()

    @property
    def clock(self) -> datetime | None:
        """Return the time in the header `Date` of the API's last answer, in UTC; None if there is no valid time."""
        try:
            date = parsedate_to_datetime(self._transport.date)
            return date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            return None

    def fetch_page(self, cursor: str | None) -> Page:
        """Return the page that a cursor names. The cursor None means the first page."""
        return self._fetch_page(cursor, parse_page)

    def fetch_envelope(self, cursor: str | None) -> Page:
        """Return the page that a cursor names, with only its envelope parsed if possible: see `Page.whole`."""
        return self._fetch_page(cursor, parse_envelope)

    def _fetch_page(self, cursor: str | None, parse: Callable[[bytes], Page]) -> Page:
        """Return the page that a cursor names, parsed by `parse`.

        If there is a page size, it is sent as `limit`. If the API answers 400 or 422 to the request for a first page,
        this request is sent again without `limit`, and all later requests are sent without it.
        """
        parameters: dict[str, str | int] = {} if cursor is None else {"cursor": cursor}
        if self._page_size is not None:
            response = self._get("/compute/instances", {"limit": self._page_size, **parameters}, parse)
            if cursor is not None or response.status_code not in {400, 422}:
                return _page(response)
            logger.warning("the API refused the page size; asking again without it", page_size=self._page_size)
            self._page_size = None
        return _page(self._get("/compute/instances", parameters, parse))

    def fetch_instance(self, instance_id: str, *, retry: bool = True) -> Record | None:
        """Return the instance with an id. Return None if it is gone, which means that fal itself answered 404.

        Raise ApiError for every other answer. A 404 without fal's own error is such an answer, because a gateway or a
        portal may have sent it. An id of dots only, or with U+FFFD, cannot be asked for: raise BadResponse and send no
        request. If `retry` is false, make a single attempt.
        """
        if not instance_id.strip("."):  # httpx removes `.` and `..` from a path
            raise BadResponse("an id of dots only cannot be asked for")
        if "\ufffd" in instance_id:  # it may stand for a character that could not be stored
            raise BadResponse("an id that holds U+FFFD cannot be asked for")
        policy = self._policy if retry else self._policy.once()
        path = f"/compute/instances/{quote(instance_id, safe='')}"
        response = self._get(path, {}, functools.partial(_parse_record, instance_id), policy)
        if response.status_code == httpx.codes.NOT_FOUND:
            if says_not_found(response):
                return None
            raise ServerError("The API answered 404, but not in fal's own words", status=response.status_code)
        record: Record = _parsed(response)
        return record

    def _get(
        self, path: str, parameters: dict[str, str | int], parse: Callable[[bytes], Any], policy: Retry | None = None
    ) -> httpx.Response:
        """Send a GET request with retries, and return the last response, whatever its status is.

        For a 200, the response's extension `parsed` holds the value that `parse` returned. A `policy` replaces the
        client's own policy for retries. Raise an ApiError if no response can be returned.
        """
        if self._stop.is_set():
            raise Interrupted("stopped by a signal")
        extensions: dict[str, Any] = {"parse": parse}
        if policy is not None:
            extensions["retry"] = policy
        try:
            return self._client.get(self._base + path, params=parameters, extensions=extensions)
        except (UnicodeError, httpx.InvalidURL):
            raise BadResponse("The API gave a cursor or an id that no address can hold") from None
        except InvalidBody as error:
            raise BadResponse(
                f"The API answered 200, but not as promised: {log.plain(str(error))}", status=200
            ) from None
        except httpx.HTTPError as error:
            raise NetworkError(self._describe_network_error(error)) from None

    def _describe_network_error(self, error: httpx.HTTPError) -> str:
        proxy, reason = self._transport.proxy, describe(error)
        through = f" through the proxy {proxy}" if proxy else ""
        if isinstance(error, httpx.TimeoutException):
            return f"The API at {self._shown}{through} did not answer within {self._client.timeout.read:g} s"
        if isinstance(error, httpx.ProxyError):
            return self._transport.describe_refusal(error)
        tls = find_cause(error, ssl.SSLError)
        if proxy and isinstance(error, httpx.ConnectError) and tls is None:
            return f"The proxy {proxy} cannot be reached: {reason}. Check HTTPS_PROXY and NO_PROXY"
        hint = f". {remedy_for(tls)}" if isinstance(tls, ssl.SSLCertVerificationError) else ""
        return f"The API at {self._shown} cannot be reached{through}: {reason}{hint}"

    def _count_retry(self) -> None:
        self.retries += 1


def _page(response: httpx.Response) -> Page:
    page: Page = _parsed(response)
    return page


def _parsed(response: httpx.Response) -> Any:
    """Return the parsed body of a 200; raise an ApiError for every other status."""
    if response.status_code != httpx.codes.OK:
        raise status_error(response)
    return response.extensions.pop("parsed")  # removed: a reference cycle keeps the response in memory for longer


def _parse_record(instance_id: str, body: bytes) -> Record:
    """Return the record in a body; raise BadResponse if the body holds no record, or that of another instance."""
    item, escaped = parse_instance(body)
    try:
        record = make_record(item, escaped=escaped)
    except Rejected as error:
        raise BadResponse(str(error)) from None
    if record.instance_id != instance_id:
        raise BadResponse("it is about another instance")
    return record
