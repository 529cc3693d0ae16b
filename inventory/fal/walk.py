"""From cursor to cursor, one page of look-ahead, to the end or to the reason why there is none.

A walk is complete only where the list itself says that it ends (`next_cursor: null` with `has_more: false`), no page is
missing, and no item was rejected. Whatever else happens, what was seen until then is in the spool.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol, Self

from inventory import background, log
from inventory.errors import ApiError, BadResponse, CursorLoop, RejectedItems
from inventory.fal.page import Page, parse_page
from inventory.record import Record, Rejected, make_record
from inventory.spool import Spool

BARREN_PAGES = 50
"""So many pages in a row without a single new id: the list has no end, whatever its cursors say."""

logger = log.get(__name__)


class ExpectedList(NamedTuple):
    """The list of the last complete run: the digest of its pages, and what was counted in them."""

    digest: str
    pages: int
    instances: int
    duplicates: int


class Pages(Protocol):
    """What a walk needs of the API."""

    def fetch_page(self, cursor: str | None) -> Page:
        """The page that a cursor leads to."""


@dataclass
class Walk:
    """What became of a walk; it is complete where `error` is None."""

    pages: int = 0
    items: int = 0
    duplicates: int = 0
    rejected: int = 0
    error: ApiError | None = None
    unchanged: bool = False
    """Whether it is, to the letter, the walk that was expected: complete, and nothing of it was read into the spool."""

    @property
    def complete(self) -> bool:
        """Whether the walk proves what it lacks to be absent from the list."""
        return self.error is None


def walk(
    api: Pages,
    spool: Spool,
    number: int,
    stop: threading.Event,
    progress: Callable[[Walk], None] = lambda _: None,
    expected: ExpectedList | None = None,
) -> Walk:
    """Walk the whole list into the spool as walk `number` (1 or 2); ApiErrors end up in the result.

    Where the walk may prove to be the `expected` one, its pages are read only once it has proven not to be.
    """
    done = Walk()
    try:
        _follow(api, spool, number, stop, progress, done, expected)
    except ApiError as error:
        done.error = error
    if expected is not None and done.complete and (spool.pages_digest(), done.pages) == expected[:2]:
        done.unchanged = True
        done.duplicates = expected.duplicates
        return done
    _read(spool, number, done)
    done.duplicates = done.items - done.rejected - spool.brought[number]
    if done.rejected and done.error is None:
        done.error = RejectedItems(f"{done.rejected} of {done.items} items cannot be kept: they have no usable id")
    return done


def _follow(
    api: Pages,
    spool: Spool,
    number: int,
    stop: threading.Event,
    progress: Callable[[Walk], None],
    done: Walk,
    expected: ExpectedList | None,
) -> None:
    cursors: set[str] = set()
    barren = 0
    with _Adding(spool, number) as adding:
        coming = background.start(partial(api.fetch_page, None))
        while True:
            page = background.wait_or_stop(coming, stop)
            cursor = page.next_cursor
            goes_on = bool(cursor) and cursor not in cursors
            if cursor and goes_on:
                cursors.add(cursor)
                coming = background.start(partial(api.fetch_page, cursor))
            spool.add_fingerprint(page.fingerprint)
            if expected is not None and done.pages < expected.pages:
                spool.keep_body(page.body)  # a list without an end outgrows the expected one, and is read from then on
            else:
                rows = _rows(page, done)
                barren = 0 if adding.arrived() else barren + 1  # the page before
                _read(spool, number, done)
                adding.start(rows)
            done.items += len(page.items)
            done.pages += 1
            progress(done)
            if cursor is None:
                if page.has_more:
                    raise BadResponse("The list says that there is more, but not where")
                return
            if not goes_on:
                raise CursorLoop("The list's cursor came twice" if cursor else "The list's cursor is empty")
            if barren >= BARREN_PAGES:
                raise CursorLoop(f"{barren} pages in a row brought nothing new")


class _Adding:
    """One page is on its way into the spool, which needs no Python meanwhile, while the next one is read.

    A context manager: at its end the last page is in the spool.
    """

    def __init__(self, spool: Spool, number: int) -> None:
        self._spool = spool
        self._number = number
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._under_way: Future[int] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()
        self.arrived()

    def start(self, rows: list[Record]) -> None:
        """The rows are on their way; those before must have arrived."""
        self._under_way = self._thread.submit(self._spool.add, self._number, rows)

    def arrived(self) -> bool:
        """Wait for what was on its way, and raise what it failed of; whether it was nothing, or brought a new id."""
        return self._under_way is None or self._under_way.result() > 0


def _read(spool: Spool, number: int, done: Walk) -> None:
    """What was kept unread is in the spool as this walk's rows."""
    for body in spool.take_bodies():
        spool.add(number, _rows(parse_page(body), done))


def _rows(page: Page, done: Walk) -> list[Record]:
    rows: list[Record] = []
    reason = None
    for item in page.items:
        try:
            rows.append(make_record(item, escaped=page.escaped))
        except Rejected as error:
            reason = error
    if reason is not None:
        rejected = len(page.items) - len(rows)
        done.rejected += rejected
        logger.warning("items rejected", count=rejected, last_reason=str(reason))
    return rows
