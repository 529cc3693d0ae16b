"""Rows read to their end before the first is shown: the transaction is over then, and no answer breaks off halfway."""

import pickle
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from inventory import database
from inventory.errors import DatabaseError

IN_MEMORY = 16 * 2**20
"""Bytes; what is more lies in a temporary file without a name."""


class Kept(Collection[Mapping[str, Any]]):
    """Rows at flat memory, however many, to be looped over as often as needed, one loop at a time."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Read them all. Raise DatabaseError if TMPDIR has no room."""
        self._file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed with this object
        self._number = 0
        self._ends: list[int] = []
        for batch in database.batches(rows):
            try:
                pickle.dump(batch, self._file, pickle.HIGHEST_PROTOCOL)
            except OSError as error:
                raise DatabaseError(
                    f"The temporary file of the rows failed: {error.strerror or error}; the database was only read. "
                    "Give TMPDIR a folder with more room, then run again."
                ) from error
            self._number += len(batch)
            self._ends.append(self._file.tell())

    def __del__(self) -> None:
        """Close the file, which removes it."""
        self._file.close()

    def __len__(self) -> int:
        """Return their number."""
        return self._number

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        """Yield them in order."""
        for start in (0, *self._ends[:-1]) if self._ends else ():
            self._file.seek(start)
            yield from pickle.load(self._file)  # noqa: S301 - what was written above

    def __contains__(self, row: object) -> bool:
        """Return whether one is equal to that."""
        return any(other == row for other in self)
