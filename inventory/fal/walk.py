"""Walk the list from cursor to cursor, fetching one page ahead, until it ends or cannot go on.

A walk is complete if the list itself says that it ends (`next_cursor: null` with `has_more: false`), no page is missing
and no item was rejected. However it ends, everything seen until then is in the spool.
"""

import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, Protocol, Self

from inventory import background, log
from inventory.errors import ApiError, BadResponse, CursorLoop, RejectedItems
from inventory.fal.page import Page, parse_page
from inventory.record import Record, Rejected, make_record
from inventory.spool import Spool

BARREN_PAGES = 50
"""After this many pages in a row without a new id the list counts as endless, whatever its cursors say."""

logger = log.get(__name__)


class Source(Protocol):
    """What a walk and a confirmation need of the API."""

    def fetch_page(self, cursor: str | None) -> Page:
        """Return the page of a cursor; the first page for None."""

    def fetch_envelope(self, cursor: str | None) -> Page:
        """Return the page of a cursor, of which only the envelope is parsed."""

    def fetch_instance(self, instance_id: str, *, retry: bool = True) -> Record | None:
        """Return the instance of an id, or None if it is gone."""


class ExpectedList(NamedTuple):
    """A list that was walked before: the digest of its pages, and what was counted in them."""

    digest: str
    pages: int
    instances: int
    duplicates: int


@dataclass
class WalkResult:
    """The counts of a walk so far, and at its end the error, if it is not complete."""

    pages: int = 0
    items: int = 0
    duplicates: int = 0
    rejected: int = 0
    error: ApiError | None = None
    unchanged: bool = False
    """Whether every page equals that of the expected list. Nothing was added to the spool then."""
    _digest: Any = field(default_factory=hashlib.sha256, repr=False)

    @property
    def complete(self) -> bool:
        """Return whether an instance that the walk lacks is absent from the list."""
        return self.error is None

    @property
    def digest(self) -> str:
        """Return the SHA-256 in hex over the fingerprints of all pages, in their order."""
        return str(self._digest.hexdigest())

    def add_fingerprint(self, fingerprint: bytes) -> None:
        """Add the fingerprint of the next page to the digest."""
        self._digest.update(fingerprint)


def ignore_progress(_: WalkResult) -> None:
    """Do nothing with the counts of a walk."""


@dataclass(frozen=True)
class WalkContext:
    """What the walks and the confirmation of one run share.

    `progress` is called after each page with the counts so far.
    """

    api: Source
    spool: Spool
    stop: threading.Event
    progress: Callable[[WalkResult], None] = ignore_progress


def walk(context: WalkContext, number: int, expected: ExpectedList | None = None) -> WalkResult:
    """Walk the whole list into the spool as walk `number` (1 or 2) of the run; return its counts and its ApiError.

    With an `expected` list the pages are kept unparsed until one of them differs. If none does, the result is
    `unchanged`.
    """
    result = WalkResult()
    spool = context.spool
    try:
        _follow_cursors(context, number, result, expected)
    except ApiError as error:
        result.error = error
    if expected is not None and result.complete and (result.digest, result.pages) == expected[:2]:
        result.unchanged = True
        result.duplicates = expected.duplicates
        return result
    _add_kept_bodies(spool, number, result)
    result.duplicates = result.items - result.rejected - spool.ids_by_walk[number]
    if result.rejected and result.error is None:
        result.error = RejectedItems(
            f"{result.rejected} of {result.items} items cannot be kept: they have no usable id"
        )
    return result


def _follow_cursors(context: WalkContext, number: int, result: WalkResult, expected: ExpectedList | None) -> None:
    """Fetch page after page and add them to the spool; raise an ApiError if the list cannot be walked to its end."""
    spool = context.spool
    cursors: set[str] = set()
    barren = 0
    with _SpoolWriter(spool, number) as writer:
        fetch = _start_fetching(context, None, light=_may_be(expected, 0))
        while True:
            page = background.wait_or_stop(fetch, context.stop)
            cursor = page.next_cursor
            goes_on = bool(cursor) and cursor not in cursors
            if cursor and goes_on:
                cursors.add(cursor)
                fetch = _start_fetching(context, cursor, light=_may_be(expected, result.pages + 1))
            result.add_fingerprint(page.fingerprint)
            if _may_be(expected, result.pages):
                spool.keep_body(page.body)
            else:  # also an endless list gets here, once it is longer than the expected one
                records = _make_records(page, result)
                barren = 0 if writer.wait() else barren + 1  # counts the previous page
                _add_kept_bodies(spool, number, result)
                writer.start(records)
            result.items += len(page.items)
            result.pages += 1
            context.progress(result)
            if cursor is None:
                if page.has_more:
                    raise BadResponse("The list says that there is more, but not where")
                return
            if not goes_on:
                raise CursorLoop("The list's cursor came twice" if cursor else "The list's cursor is empty")
            if barren >= BARREN_PAGES:
                raise CursorLoop(f"{barren} pages in a row brought nothing new")


def _may_be(expected: ExpectedList | None, pages: int) -> bool:
    """Return whether the list may still be the expected one when a page follows that many others."""
    return expected is not None and pages < expected.pages


def _start_fetching(context: WalkContext, cursor: str | None, *, light: bool) -> "Future[Page]":
    """Start fetching a page in a thread; if `light`, only its envelope is parsed."""
    fetch = context.api.fetch_envelope if light else context.api.fetch_page
    return background.start(partial(fetch, cursor))


class _SpoolWriter:
    """A thread that adds one page to the spool while the next one is parsed.

    A context manager: at its end the last page is in the spool.
    """

    def __init__(self, spool: Spool, number: int) -> None:
        self._spool = spool
        self._number = number
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._added: Future[int] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()
        self.wait()

    def start(self, records: list[Record]) -> None:
        """Start adding the records of a page. The previous page must be finished: see `wait`."""
        self._added = self._thread.submit(self._spool.add, self._number, records)

    def wait(self) -> bool:
        """Wait for the previous page; re-raise its error. Return False if it had no new id."""
        return self._added is None or self._added.result() > 0


def _add_kept_bodies(spool: Spool, number: int, result: WalkResult) -> None:
    """Parse the pages that were kept unparsed and add their records to the spool."""
    for body in spool.take_bodies():
        spool.add(number, _make_records(parse_page(body), result))


def _make_records(page: Page, result: WalkResult) -> list[Record]:
    """Return the records of a page's items; count the rejected ones and log why the last was rejected."""
    records: list[Record] = []
    reason = None
    for item in page.items:
        try:
            records.append(make_record(item, escaped=page.escaped))
        except Rejected as error:
            reason = error
    if reason is not None:
        rejected = len(page.items) - len(records)
        result.rejected += rejected
        logger.warning("items rejected", count=rejected, last_reason=str(reason))
    return records
