"""The page's file: proven to be writable before the work, replaced whole after it."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from errno import EISDIR
from pathlib import Path
from secrets import token_hex

from inventory.errors import UsageError


@contextmanager
def page_file(path: Path) -> Iterator[Callable[[str], object]]:
    """Yield a function that writes the file. The old file stays until the block has ended, and if it fails.

    Raises UsageError, before the block or at its end, where the file cannot be written.
    """
    part = path.parent / f".{path.name}.{token_hex(4)}.part"
    try:
        if path.is_dir():
            raise IsADirectoryError(EISDIR, "it is a folder")
        with part.open("x", encoding="utf-8") as file:
            yield file.write
        os.replace(part, path)  # noqa: PTH105 - over a file that is there
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror or error}; what was there is as it was. Name another file."
        ) from error
    finally:
        with suppress(OSError):
            part.unlink()
