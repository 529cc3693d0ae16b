"""stdout and stderr that never fail: what cannot be written changes no work and no exit code of its own.

A reader that went away (`| head -1`) and a closed descriptor are no failures: what is written there is dropped. Any
other failure, such as a full disk, is kept in `Stream.failure`, and what follows is dropped.
"""

import errno
import io
import os
import select
import sys
from typing import Any

_GONE = (errno.EPIPE, errno.EBADF)
"""Nobody reads: the pipe or the descriptor is closed."""


class Stream(io.FileIO):
    """The descriptor of stdout or stderr, which takes everything."""

    def __init__(self, descriptor: int) -> None:
        """Leave the descriptor open at the end: it belongs to the process."""
        super().__init__(descriptor, "wb", closefd=False)
        self.failure: OSError | None = None
        self._deaf = False

    def write(self, data: Any) -> int:
        """Write what can be written, and return how many bytes count as written."""
        while not self._deaf:
            try:
                written = super().write(data)
            except OSError as error:
                self._deaf = True
                self.failure = None if error.errno in _GONE else error
            else:
                if written is not None:
                    return written
                select.select([], [self], [])  # somebody else made it non-blocking, and it is full
        return memoryview(data).nbytes


def take_over() -> Stream | None:
    """Make sys.stdout and sys.stderr streams that never fail, and return that of stdout.

    A stream that is not the process's own stays: the caller put it there to capture what is printed.
    """
    for descriptor in range(3):  # else the next file opened, a database say, becomes stdout
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free, so this one
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - a descriptor, which stays open
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
            errors="backslashreplace",  # an escape where the terminal or the locale lacks a character
            line_buffering=descriptor == 2 or (before is not None and (before.line_buffering or before.write_through)),  # noqa: PLR2004
        ),
        stream,
    )
