"""The HTTP half: one client for one account. The only importer of httpx (and of httpcore beneath it).

Layers, from the outside in: retries (httpx-retries: exponential, full jitter, Retry-After) · a transport that reads
each body whole, within a size, and checks that a 200 is the JSON promised, so that a broken body is tried again like a
broken connection · a network backend that ends every read at the request's wall-clock limit, however slowly bytes drip.

The key goes to the configured origin only: redirects are not followed, and `settings` lets plain http pass for loopback
alone.
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
from inventory.config.settings import ApiKey, Settings
from inventory.errors import (
    BadResponse,
    Forbidden,
    Interrupted,
    NetworkError,
    RateLimited,
    ServerError,
    Unauthorized,
)
from inventory.fal.failures import describe, error_member, error_message, find_cause
from inventory.fal.page import Page, parse_instance, parse_page
from inventory.fal.retries import RetryPolicy
from inventory.fal.transport import BrokenPromise, WholeBodies
from inventory.masks import mask_url
from inventory.record import Record, Rejected, make_record

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
        self._policy = RetryPolicy(settings.retry_attempts, settings.retry_max_wait, stop, self._count_retry)
        self._whole = WholeBodies(self._base, settings.timeout)
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
            if isinstance(error_member(response, "error"), dict):
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
        except BrokenPromise as error:
            raise BadResponse(
                f"The API answered 200, but not as promised: {log.plain(str(error))}", status=200
            ) from None
        except httpx.HTTPError as error:
            raise NetworkError(self._unreachable(error)) from None

    def _unreachable(self, error: httpx.HTTPError) -> str:
        proxy, reason = self._whole.proxy, describe(error)
        through = f" through the proxy {proxy}" if proxy else ""
        if isinstance(error, httpx.TimeoutException):
            return f"The API at {self._shown}{through} did not answer within {self._client.timeout.read:g} s"
        if isinstance(error, httpx.ProxyError):
            return self._whole.refused(error)
        tls = find_cause(error, ssl.SSLError)
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
        said = error_message(response)
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
