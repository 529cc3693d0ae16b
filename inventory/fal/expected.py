"""The digests of a list. With them the next walk can tell that the list is unchanged, or that only values differ.

A part is a group of consecutive pages. If the pages of a part differ, but hold the same ids in the same order, then no
instance came or went in this part: only values changed.
"""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from typing import NamedTuple

from inventory.record import Record

PARTS = 24
"""The largest number of parts of a list. The digests of that many parts take less than a kilobyte."""

_DIGEST_BYTES = 12


class Part(NamedTuple):
    """The two digests of a part of a list: one of its pages, and one of the ids on these pages, in order."""

    pages: str
    ids: str


class ExpectedList(NamedTuple):
    """A list that was walked before: the digest of all its pages, its counts, and its parts.

    `parts` is empty if an id was on the list twice. The later item wins, so a part alone does not tell which values
    count.
    """

    digest: str
    pages: int
    instances: int
    duplicates: int
    parts: tuple[Part, ...] = ()

    def part_of(self, number: int) -> int:
        """Return the number of the part that page `number` belongs to. Both numbers count from 0."""
        return number // _part_size(self.pages)

    def pages_of(self, part: int) -> range:
        """Return the numbers of the pages in a part."""
        return _pages_of(part, self.pages)


class PageDigests:
    """The digests of the pages of one walk, and of the ids on them."""

    def __init__(self) -> None:
        self._fingerprints: list[bytes] = []
        self._ids: dict[int, bytes] = {}

    def add_page(self, fingerprint: bytes) -> None:
        """Add the fingerprint of the next page."""
        self._fingerprints.append(fingerprint)

    def add_ids(self, number: int, records: list[Record]) -> None:
        """Add the ids of the records on page `number`, in their order."""
        ids = "\0".join([record.instance_id for record in records])
        self._ids[number] = hashlib.sha256(ids.encode()).digest()

    def digest(self) -> str:
        """Return the SHA-256 in hex over the fingerprints of all pages added so far."""
        return hashlib.sha256(b"".join(self._fingerprints)).hexdigest()

    def digest_pages(self, pages: range) -> str:
        """Return the digest of some consecutive pages, in the form of `Part.pages`."""
        return _short(self._fingerprints[pages.start : pages.stop])

    def digest_ids(self, pages: range) -> str:
        """Return the digest of the ids on some consecutive pages, in the form of `Part.ids`.

        The ids of these pages must have been added.
        """
        return _short(self._ids[number] for number in pages)

    def parts(self) -> tuple[Part, ...]:
        """Return all parts of the list, in order. The ids of all pages must have been added."""
        pages = len(self._fingerprints)
        ranges = (_pages_of(part, pages) for part in range(-(-pages // _part_size(pages))))
        return tuple(Part(self.digest_pages(some), self.digest_ids(some)) for some in ranges)


def _part_size(pages: int) -> int:
    return max(1, -(-pages // PARTS))


def _pages_of(part: int, pages: int) -> range:
    size = _part_size(pages)
    return range(part * size, min((part + 1) * size, pages))


def _short(digests: Iterable[bytes]) -> str:
    return urlsafe_b64encode(hashlib.sha256(b"".join(digests)).digest()[:_DIGEST_BYTES]).decode()
