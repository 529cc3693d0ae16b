"""Import a library without one of its optional dependencies, although that dependency is installed."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Refusal:
    """A finder for sys.meta_path that makes the import of one module fail, in the thread that created the finder."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread = threading.get_ident()

    def find_spec(self, name: str, *_: object) -> None:
        """Raise ModuleNotFoundError if this finder refuses this module in this thread; else return None.

        After None, Python asks the next finder.
        """
        if name == self._name and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


_changing = threading.Lock()
"""The lock to hold while a new list is assigned to sys.meta_path.

The old list is not changed, because another thread may be reading it.
"""


@contextmanager
def without(name: str) -> Iterator[None]:
    """Make every import of the module `name` fail in this thread during the block, unless the module is loaded already.

    The libraries that are imported in the block must handle a ModuleNotFoundError for `name`.
    """
    refusal = _Refusal(name)
    with _changing:
        sys.meta_path = [refusal, *sys.meta_path]
    try:
        yield
    finally:
        with _changing:
            sys.meta_path = [finder for finder in sys.meta_path if finder is not refusal]
