"""Write a file as a whole: first check that the file can be written, and replace the old file only at the end."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EISDIR
from pathlib import Path
from secrets import token_hex
from typing import IO, Any

from inventory.errors import UsageError


@contextmanager
def whole_file(path: Path, *, binary: bool = False) -> Iterator[IO[Any]]:
    """Yield a new file, open for writing. It replaces the file at `path` only if the block ends without an error.

    Raises UsageError if the file cannot be written, and for any OSError that leaves the block.
    """
    part = path.parent / f".{path.name}.{token_hex(4)}.part"
    try:
        if path.is_dir():
            raise IsADirectoryError(EISDIR, "it is a folder")
        with part.open("xb") if binary else part.open("x", encoding="utf-8") as file:
            yield file
        os.replace(part, path)  # noqa: PTH105 - replaces an existing file too
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror or error}; what was there is as it was. Name another file."
        ) from error
    finally:
        with suppress(OSError):
            part.unlink()
