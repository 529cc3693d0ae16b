"""Write a file as a whole: check before the work that it can be written, and replace the old one at the end."""

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
    """Yield a new file. It replaces the old one at the path only when the block ends without an error.

    Raises UsageError, before the block or at its end, if the file cannot be written.
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
