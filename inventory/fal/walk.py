"""Walk the list from cursor to cursor, fetching one page ahead, until the list ends or an error stops the walk.

A walk is complete if the list reports its own end (`next_cursor: null` with `has_more: false`), no page is missing and
no item was rejected. If a walk fails, the spool holds the records of all pages that arrived before the failure, with
two exceptions. The first is a page whose cursor is too long. The second is the page that was fetched ahead, if a signal
ended the walk or if the list counted as endless.

The expected list is the list as an earlier walk found it. Only its digests and counts are known (`ExpectedList`). If a
walk finds the expected list again, or differences in values only, it need not add all records to the spool.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from typing import Protocol, Self

from inventory import background, log
from inventory.errors import ApiError, BadResponse, CursorLoop, RejectedItems
from inventory.fal.expected import PARTS, ExpectedList, PageDigests, Part
from inventory.fal.page import Page, parse_page
from inventory.record import Record, Rejected, make_record
from inventory.spool import Spool

BARREN_PAGES = 50
"""After this many pages in a row without a new id, the list counts as endless even if every cursor is new."""

MOST_ITEMS = 10_000_000
"""After this many items the list counts as endless even if every id is new, so that it cannot fill the disk."""

LONGEST_CURSOR = 16_384
"""The most characters in a cursor. Few servers accept a longer address, and a walk keeps all its cursors in memory."""

MOST_CHANGED_PARTS = PARTS // 4
"""If values changed in more than this number of parts, the run compares the whole list, because that is quicker."""

logger = log.get(__name__)


class Source(Protocol):
    """The methods of the API client that a walk and a confirmation need. Each of them raises ApiErrors."""

    def fetch_page(self, cursor: str | None) -> Page:
        """Return the page that a cursor names. The cursor None means the first page."""

    def fetch_envelope(self, cursor: str | None) -> Page:
        """Return the page that a cursor names, with only its envelope parsed if possible: see `Page.whole`."""

    def fetch_instance(self, instance_id: str, *, retry: bool = True) -> Record | None:
        """Return the instance with an id, or None if it is gone. If `retry` is false, make a single attempt."""


@dataclass
class WalkResult:
    """The counts of a walk so far. Once the walk has ended: also its error (None if complete), and what it found."""

    pages: int = 0
    items: int = 0
    duplicates: int = 0
    rejected: int = 0
    error: ApiError | None = None
    unchanged: bool = False
    """Whether the list equals the expected one. If so, no record was added to the spool."""
    only_values: bool = False
    """Whether the list differs from the expected one in values only.

    If so, the walk added to the spool only the records of the parts that differ.
    """
    found: ExpectedList | None = None
    """The digests of the list, by which the next walk can recognise it; None if the walk is not complete."""

    @property
    def complete(self) -> bool:
        """Return whether a walk that has ended is complete. If so, an instance that it did not see is absent."""
        return self.error is None


def ignore_progress(_: WalkResult) -> None:
    """Do nothing with the counts of a walk."""


@dataclass(frozen=True)
class WalkContext:
    """The objects that the walks and the confirmation of one run share.

    `progress` is called after each page with the counts so far.
    """

    api: Source
    spool: Spool
    stop: threading.Event
    progress: Callable[[WalkResult], None] = ignore_progress


def walk(context: WalkContext, number: int, expected: ExpectedList | None = None) -> WalkResult:
    """Walk the whole list as walk `number` (1 or 2) of the run, add its records to the spool, and return the result.

    An ApiError is not raised: the result holds it. With an `expected` list, pages are kept unparsed as long as the list
    may still be the expected one. At the end, `unchanged` of the result says whether the list equals the expected one,
    and `only_values` whether the two lists differ in values only.
    """
    return _Walk(context, number, expected).make()


class _Walk:
    """One walk under way."""

    def __init__(self, context: WalkContext, number: int, expected: ExpectedList | None) -> None:
        self._context = context
        self._spool = context.spool
        self._number = number
        self._result = WalkResult()
        self._digests = PageDigests()
        self._expected = expected
        """The list that the walk may find again. None if there is none, or if the walk has found another list."""
        self._changed: dict[int, Part] = {}
        """The new digests of each part in which values differ from the expected list, by the number of the part."""

    def make(self) -> WalkResult:
        """Make the walk, and return its result."""
        result, spool = self._result, self._spool
        try:
            self._follow_cursors()
        except ApiError as error:
            result.error = error
        if result.complete and not result.rejected and (again := self._recognise()) is not None:
            result.unchanged = not self._changed
            result.only_values = not result.unchanged
            result.duplicates = again.duplicates
            result.found = again
            return result
        self._add_kept_bodies()
        result.duplicates = result.items - result.rejected - spool.ids_by_walk[self._number]
        if result.rejected and result.error is None:
            result.error = RejectedItems(
                f"{result.rejected} of {result.items} items cannot be kept: "
                "they have no usable id, are no object, or are nested too deeply"
            )
        if result.complete:
            parts = () if result.duplicates else self._digests.parts()
            ids = spool.ids_by_walk[self._number]
            result.found = ExpectedList(self._digests.digest(), result.pages, ids, result.duplicates, parts)
        return result

    def _follow_cursors(self) -> None:
        """Fetch all pages of the list, and add the records of each page to the spool.

        As long as the list may be the expected one, the spool keeps the unparsed bodies of the pages instead. Meanwhile
        only the records of parts in which values differ are added (see `_check_part`).

        Raise an ApiError if a page cannot be fetched, if a cursor cannot be followed, or if the list has no end.
        """
        context, result = self._context, self._result
        barren = 0
        with (
            _SpoolWriter(self._spool, self._number) as writer,
            closing(background.read_ahead(self._fetch_pages(), context.stop)) as pages,
        ):
            for page in pages:
                self._digests.add_page(page.fingerprint)
                if self._may_be_expected(result.pages):
                    self._spool.keep_body(result.pages, page.body)
                    self._check_part()
                else:  # an endless list gets here too, once it is longer than the expected one
                    records = self._make_records(result.pages, page if page.whole else parse_page(page.body))
                    barren = 0 if writer.wait() else barren + 1  # about the page before this one
                    self._add_kept_bodies()
                    writer.start(records)
                result.items += len(page.items)
                result.pages += 1
                context.progress(result)
                goes_on = page.next_cursor is not None
                if goes_on and barren >= BARREN_PAGES:
                    raise CursorLoop(f"{barren} pages in a row brought nothing new")
                if goes_on and result.items >= MOST_ITEMS:
                    raise CursorLoop(f"The list goes on after {result.items:,} items")

    def _fetch_pages(self) -> Iterator[Page]:
        """Yield the pages of the list. Only the envelope of a page is parsed while the list may be the expected one.

        Raise an ApiError if a page cannot be fetched, or if the cursor of a page cannot be followed. A page with such a
        cursor is yielded before the error is raised, unless the cursor is too long.
        """
        api = self._context.api
        cursor: str | None = None
        cursors: set[str] = set()
        for number in count():
            page = (api.fetch_envelope if self._may_be_expected(number) else api.fetch_page)(cursor)
            cursor = page.next_cursor
            if cursor and len(cursor) > LONGEST_CURSOR:
                raise BadResponse(f"The list's cursor has {len(cursor):,} characters")
            yield page
            if cursor is None:
                if page.has_more:
                    raise BadResponse("The list says that there is more, but not where")
                return
            if not cursor or cursor in cursors:
                raise CursorLoop("The list's cursor came twice" if cursor else "The list's cursor is empty")
            cursors.add(cursor)

    def _may_be_expected(self, pages: int) -> bool:
        """Return whether a list of more than `pages` pages may still be the expected one."""
        expected = self._expected  # read once: another thread may set it to None meanwhile
        return expected is not None and pages < expected.pages

    def _check_part(self) -> None:
        """If the latest page completes a part of the list, compare this part with the same part of the expected list.

        If only values differ, the records of the part are added to the spool. If the part has other ids or a rejected
        item, or if more than MOST_CHANGED_PARTS parts differ, the list is no longer taken for the expected one.
        """
        expected, last = self._expected, self._result.pages
        if expected is None or not expected.parts:
            return
        part = expected.part_of(last)
        pages = expected.pages_of(part)
        if last != pages[-1]:
            return
        digest = self._digests.digest_pages(pages)
        if digest == expected.parts[part].pages:
            return
        if len(self._changed) == MOST_CHANGED_PARTS:
            self._expected = None
            return
        for number, body in self._spool.bodies(pages.start):
            self._make_records(number, parse_page(body))
        if self._result.rejected or self._digests.digest_ids(pages) != expected.parts[part].ids:
            self._result.rejected = 0
            self._expected = None
            return
        self._add_kept_bodies(pages.start)
        self._changed[part] = Part(digest, expected.parts[part].ids)

    def _recognise(self) -> ExpectedList | None:
        """Return the walked list if it is the expected one, or differs from that one in values only; else None."""
        expected, digest = self._expected, self._digests.digest()
        if expected is None or self._result.pages != expected.pages:
            return None
        if digest != expected.digest and not self._changed:
            return None
        parts = (self._changed.get(number, part) for number, part in enumerate(expected.parts))
        return expected._replace(digest=digest, parts=tuple(parts))

    def _add_kept_bodies(self, first: int = 0) -> None:
        """Parse the kept bodies from page `first` on, add their records to the spool, and drop the bodies."""
        for number, body in self._spool.bodies(first):
            self._spool.add(self._number, self._make_records(number, parse_page(body)))
            self._spool.drop_body(number)

    def _make_records(self, number: int, page: Page) -> list[Record]:
        """Return the records of the items of page `number`, and add their ids to the digests of the walk.

        Rejected items are counted, and the reason of the last of them is logged.
        """
        records: list[Record] = []
        reason = None
        for item in page.items:
            try:
                records.append(make_record(item, escaped=page.escaped))
            except Rejected as error:
                reason = error
        if reason is not None:
            rejected = len(page.items) - len(records)
            self._result.rejected += rejected
            logger.warning("items rejected", count=rejected, last_reason=str(reason))
        self._digests.add_ids(number, records)
        return records


class _SpoolWriter:
    """A thread that adds one page to the spool while the next one is parsed.

    It is a context manager. When its block has ended, the last page is in the spool.
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
        """Start to add the records of a page. Call `wait` first, or a failure of the previous page goes unnoticed."""
        self._added = self._thread.submit(self._spool.add, self._number, records)

    def wait(self) -> bool:
        """Wait until the previous page is in the spool. If adding that page failed, raise the error.

        Return whether that page had an id that is new to the walk. If there is no previous page, return True.
        """
        return self._added is None or self._added.result() > 0
