"""The retry layer: which failures are retried, and how long to wait before each retry."""

import copy
import threading
from collections.abc import Callable
from email.utils import parsedate_to_datetime

import httpx
from httpx_retries import Retry

from inventory import log
from inventory.errors import Interrupted, RateLimited, ServerError
from inventory.fal.failures import describe

FIRST_WAIT = 0.5
"""Upper bound, in seconds, of the backoff before the first retry.

The bound doubles with each further retry, up to the longest wait.
"""

RETRIED = frozenset({408, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})
"""The HTTP status codes after which a request is sent again.

Cloudflare uses the codes from 520 on to say that the server behind it failed.
"""

_RETRIED_BY_SOCKS = frozenset(
    f"Proxy Server could not connect: {reply}."
    for reply in (
        "General SOCKS server failure", "Network unreachable", "Host unreachable", "Connection refused", "TTL expired",
    )
)  # fmt: skip
"""The texts of httpcore's errors about a SOCKS proxy after which a request is sent again."""

logger = log.get(__name__)


def is_retried(error: httpx.ProxyError) -> bool:
    """Return whether a request is sent again after this error of a proxy.

    For an HTTP proxy, the text of the error begins with the status. A SOCKS proxy gives no status.
    """
    text = str(error)
    return text in _RETRIED_BY_SOCKS or text[:3] in map(str, RETRIED)


class RetryPolicy(Retry):
    """A retry policy: exponential backoff with full jitter, or a longer wait if Retry-After asks for one.

    - `attempts`: the largest number of attempts per request. The first attempt counts too.
    - `longest_wait`: the longest wait between two attempts, in seconds.
    - `stop`: if it is set before or during a wait, the wait ends at once, and `sleep` raises Interrupted.
    - `on_retry`: a function that is called after each wait, just before the retry.
    """

    def __init__(self, attempts: int, longest_wait: float, stop: threading.Event, on_retry: Callable[[], None]) -> None:
        super().__init__(
            total=attempts - 1,
            max_backoff_wait=longest_wait,
            backoff_factor=FIRST_WAIT / 2,  # the base class doubles it before the first wait
            status_forcelist=RETRIED,
            retry_on_exceptions=(httpx.TransportError,),
        )
        self._stop = stop
        self._on_retry = on_retry

    def once(self) -> Retry:
        """Return a copy of this policy that allows a single attempt."""
        policy = copy.copy(self)
        policy.total = 0
        return policy

    def increment(self) -> Retry:
        """Return the policy for the next attempt."""
        policy = copy.copy(self)  # the base class would call the constructor without `stop` and `on_retry`
        policy.attempts_made += 1
        return policy

    def sleep(self, response: httpx.Response | Exception) -> None:
        """Wait for the backoff, or for the time in Retry-After if that is longer.

        Raise Interrupted as soon as `stop` is set. If Retry-After asks for more than the longest wait, do not wait:
        raise RateLimited for status 429, ServerError for any other status.
        """
        wait = self.backoff_strategy()
        if not isinstance(response, httpx.Response):
            reason = describe(response)
        else:
            reason = str(response.status_code)
            asked = self._seconds_asked_for(response)
            if asked > self.max_backoff_wait:
                kind = RateLimited if response.status_code == httpx.codes.TOO_MANY_REQUESTS else ServerError
                raise kind(
                    f"The API asks to wait {asked:.0f} s ({reason}), longer than INVENTORY_RETRY_MAX_WAIT "
                    f"({self.max_backoff_wait:g} s)",
                    status=response.status_code,
                )
            wait = max(wait, asked)
        logger.info("trying again", reason=reason, attempt=self.attempts_made + 1, wait_seconds=round(wait, 2))
        if self._stop.wait(wait):
            raise Interrupted("stopped by a signal")
        self._on_retry()

    def _seconds_asked_for(self, response: httpx.Response) -> float:
        """Return the seconds that Retry-After asks for; 0 if there is no such header, or if it cannot be read.

        If Retry-After holds a date, it is compared with the answer's own `Date`, because this host's clock may be
        wrong. This host's clock is used only if there is no usable `Date`.
        """
        asked, date = (response.headers.get(name, "") for name in ("Retry-After", "Date"))
        try:
            return max(0.0, (parsedate_to_datetime(asked) - parsedate_to_datetime(date)).total_seconds())
        except (ValueError, TypeError, OverflowError):  # not two dates, or only one of them has a time zone
            pass
        try:
            return self.parse_retry_after(asked)
        except (ValueError, OverflowError):
            return 0.0
