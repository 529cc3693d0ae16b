"""Replace stdout and stderr by streams that never raise an error, so that a failed write stops no work.

If the reader has left (`| head -1`) or the descriptor is closed, all output is dropped, and this is no failure. After
any other error, such as a full disk, the error is kept in `Stream.failure` and all further output is dropped.
"""

import errno
import io
import os
import select
import sys
from typing import Any

_GONE = (errno.EPIPE, errno.EBADF)
"""The error numbers of a closed pipe and of a closed descriptor: nobody reads the output."""


class Stream(io.FileIO):
    """A stream over the descriptor of stdout or stderr. Writing to it never raises an error."""

    def __init__(self, descriptor: int) -> None:
        """Open the stream. Closing it leaves the descriptor open, because the descriptor belongs to the process."""
        super().__init__(descriptor, "wb", closefd=False)
        self.failure: OSError | None = None
        self._is_closed = False

    def write(self, data: Any) -> int:
        """Write the data, or drop it after an error; return the number of bytes written or dropped."""
        while not self._is_closed:
            try:
                written = super().write(data)
            except OSError as error:
                self._is_closed = True
                self.failure = None if error.errno in _GONE else error
            else:
                if written is not None:
                    return written
                select.select([], [self], [])  # the pipe is full, and non-blocking because of another process: wait
        return memoryview(data).nbytes


def take_over() -> Stream | None:
    """Replace sys.stdout and sys.stderr, each by a text stream over a Stream, and return the Stream of stdout.

    If the caller has already replaced one of the two to capture the output, that one stays as it is. If stdout stays,
    return None. Open each closed descriptor from 0 to 2 on the null device.
    """
    for descriptor in range(3):  # else the next opened file, such as the database, would get a closed number
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the system takes the lowest free number, which is this one
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - it stays open as long as the process
    results = None
    if sys.stdout is sys.__stdout__:
        sys.stdout, results = _text(1, sys.stdout)
    if sys.stderr is sys.__stderr__:
        sys.stderr, _ = _text(2, sys.stderr)
    return results


def _text(descriptor: int, before: Any) -> tuple[io.TextIOWrapper, Stream]:
    stream = Stream(descriptor)
    return (
        io.TextIOWrapper(
            io.BufferedWriter(stream),
            encoding=getattr(before, "encoding", "utf-8"),
            errors="backslashreplace",  # writes an escape if the locale lacks a character
            line_buffering=descriptor == 2 or (before is not None and (before.line_buffering or before.write_through)),  # noqa: PLR2004
        ),
        stream,
    )
