"""Import a library without another one, which it would use only because it is installed."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Refusal:
    """A finder of sys.meta_path that makes the import of a module fail in the thread that made this object."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread = threading.get_ident()

    def find_spec(self, name: str, *_: object) -> None:
        """Raise ModuleNotFoundError for the module in that thread; leave all else to the next finder."""
        if name == self._name and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


_changing = threading.Lock()
"""Held while sys.meta_path is replaced. It is never changed in place: another thread may be going through it."""


@contextmanager
def without(name: str) -> Iterator[None]:
    """Let imports of the module `name` fail in this thread during the block, unless it was imported before.

    The libraries imported in the block must allow for that: they try the import, and do without.
    """
    refusal = _Refusal(name)
    with _changing:
        sys.meta_path = [refusal, *sys.meta_path]
    try:
        yield
    finally:
        with _changing:
            sys.meta_path = [finder for finder in sys.meta_path if finder is not refusal]
