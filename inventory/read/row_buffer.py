"""A buffer that reads all rows of a query before the first row is printed.

So the transaction does not wait for the output, and a failure of the database never leaves half of the output.
"""

import pickle
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from inventory.errors import DatabaseError
from inventory.store import database

IN_MEMORY = 16 * 2**20
"""The largest number of bytes kept in memory. A larger buffer moves to an unnamed temporary file."""


class RowBuffer(Collection[Mapping[str, Any]]):
    """A collection of any number of rows that takes little memory. It can be iterated again, but in one thread only."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Read all rows. Raise DatabaseError if the temporary file cannot be written."""
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
        if "_file" in vars(self):  # a signal may have ended __init__ before it made the file
            self._file.close()

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._number

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        """Yield the rows in order."""
        for start in (0, *self._ends[:-1]) if self._ends else ():
            self._file.seek(start)
            yield from pickle.load(self._file)  # noqa: S301 - only __init__ writes this file

    def __contains__(self, row: object) -> bool:
        """Return whether the buffer has a row that is equal to `row`."""
        return any(other == row for other in self)
