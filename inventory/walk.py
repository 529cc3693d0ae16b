"""From cursor to cursor, one page of look-ahead, to the end or to the reason why there is none.

A walk is complete only where the list itself says that it ends (`next_cursor: null` with `has_more: false`), no page is
missing, and no item was rejected. Whatever else happens, what was seen until then is in the spool.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from typing import Protocol

from inventory import log
from inventory.errors import ApiError, BadResponse, CursorLoop, Interrupted, RejectedItems
from inventory.spool import Spool
from inventory.wire import Page, Rejected, Row, row

BARREN_PAGES = 50
"""So many pages in a row without a single new id: the list has no end, whatever its cursors say."""

_POLL = 0.2  # seconds between looks for a signal while a page is on its way

logger = log.get(__name__)


class Pages(Protocol):
    """What a walk needs of the API."""

    def page(self, cursor: str | None) -> Page:
        """The page that a cursor leads to."""


@dataclass
class Walk:
    """What became of a walk; it is complete where `error` is None."""

    pages: int = 0
    items: int = 0
    duplicates: int = 0
    rejected: int = 0
    error: ApiError | None = None

    @property
    def complete(self) -> bool:
        """Whether the walk proves what it lacks to be absent from the list."""
        return self.error is None


def walk(
    api: Pages, spool: Spool, number: int, stop: threading.Event, progress: Callable[[Walk], None] = lambda _: None
) -> Walk:
    """Walk the whole list into the spool as walk `number` (1 or 2); ApiErrors end up in the result."""
    done = Walk()
    with ThreadPoolExecutor(1, thread_name_prefix="page") as ahead:
        try:
            _follow(api, spool, number, stop, progress, done, ahead)
        except ApiError as error:
            done.error = error
        finally:
            ahead.shutdown(wait=not stop.is_set(), cancel_futures=True)
    done.duplicates = done.items - done.rejected - spool.count(number)
    if done.rejected and done.error is None:
        done.error = RejectedItems(f"{done.rejected} of {done.items} items have no usable id")
    return done


def _follow(
    api: Pages,
    spool: Spool,
    number: int,
    stop: threading.Event,
    progress: Callable[[Walk], None],
    done: Walk,
    ahead: ThreadPoolExecutor,
) -> None:
    cursors: set[str] = set()
    barren = 0
    coming = ahead.submit(api.page, None)
    while True:
        page = _arrived(coming, stop)
        cursor = page.next_cursor
        goes_on = bool(cursor) and cursor not in cursors
        if cursor and goes_on:
            cursors.add(cursor)
            coming = ahead.submit(api.page, cursor)
        new = spool.add(number, _rows(page, done))
        done.pages += 1
        progress(done)
        if cursor is None:
            if page.has_more:
                raise BadResponse("The list says that there is more, but not where")
            return
        if not goes_on:
            raise CursorLoop("The list's cursor came twice" if cursor else "The list's cursor is empty")
        barren = 0 if new else barren + 1
        if barren >= BARREN_PAGES:
            raise CursorLoop(f"{barren} pages in a row brought nothing new")


def _arrived(coming: "Future[Page]", stop: threading.Event) -> Page:
    while True:
        if stop.is_set():
            raise Interrupted("stopped by a signal")
        try:
            return coming.result(timeout=_POLL)
        except NotYet:
            if coming.done():  # the page's own time limit, not ours
                raise


def _rows(page: Page, done: Walk) -> list[Row]:
    rows = []
    for item in page.items:
        try:
            rows.append(row(item, escaped=page.escaped))
        except Rejected as reason:
            done.rejected += 1
            logger.warning("item rejected", reason=str(reason))
    done.items += len(page.items)
    return rows
