"""End work cleanly after SIGINT, SIGTERM or SIGHUP, also if further signals follow.

Only the first signal has an effect, so later ones do not interrupt the cleanup. In a block of `raising`, the first
signal raises KeyboardInterrupt, until a block of `stop_on_signal` begins. In that block, the first signal sets an
event, and the command checks the event where it can stop. After that block, no signal raises KeyboardInterrupt either.
"""

import atexit
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from inventory.background import GRACE_SECONDS

_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_AGAIN_SECONDS = 0.05  # the time after which a discarded KeyboardInterrupt is raised again: `_unraisable`
_ENDS = (b"\0", b"")
"""What the thread of `stop_on_signal` reads when the block has ended. Any other byte is the number of a signal."""


class _State:
    """The state of the signal handler: whether a signal came, and whether a signal raises KeyboardInterrupt."""

    def __init__(self) -> None:
        self.came = False
        self.raises = False
        self.late: Callable[[], None] | None = None
        """What to call if a block of `when_late` still runs GRACE_SECONDS after a signal; None outside such a block."""


_state = _State()


def install() -> Callable[[], None]:
    """Install the handler of SIGINT, SIGTERM and SIGHUP. Return a function that restores the previous handlers.

    Outside the block of `raising`, the handler raises nothing, but remembers that a signal came.

    If SIGHUP is ignored, as under nohup, it stays ignored.
    """
    global _state  # noqa: PLW0603 - a process has one set of signal handlers
    _state = _State()
    before = {number: signal.getsignal(number) for number in _NUMBERS}
    for number, handler in before.items():
        if number != signal.SIGHUP or handler is not signal.SIG_IGN:
            signal.signal(number, _note)

    def undo() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    return undo


def guard_the_end() -> None:
    """Arrange that signals are ignored while the process ends. They would kill the process or print a traceback.

    Also let `_unraisable` handle exceptions that Python discards.
    """
    signal.signal(signal.SIGALRM, lambda *_: _interrupt())
    sys.unraisablehook = _unraisable
    atexit.register(_end_safely)


def _end_safely() -> None:
    # at its end Python restores the default action of every signal with a handler: to kill the process
    for number in (*_NUMBERS, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
    # If a KeyboardInterrupt ends a text that exec() runs, Python remembers that. (Dataclasses run texts at import.) At
    # its end, Python then kills the process with SIGINT, and the exit code is lost. Only another text makes it forget,
    # a code object does not.
    exec("")  # noqa: S102


@contextmanager
def raising() -> Iterator[None]:
    """Let the first signal raise KeyboardInterrupt in this block. If a signal came earlier, raise at once."""
    _state.raises = True
    try:
        if _state.came:
            raise KeyboardInterrupt
        yield
    finally:
        _state.raises = False


@contextmanager
def stop_on_signal() -> Iterator[threading.Event]:
    """Yield an event that the first signal sets. No signal raises KeyboardInterrupt in the block or after it.

    A thread sets the event. It learns of a signal from a pipe, into which the interpreter writes at once. The handler
    would be too late: it runs only after the main thread has returned from C code, and that code may wait long for a
    lock of SQLite.
    """
    stop, state = threading.Event(), _state
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def wait() -> None:
        with os.fdopen(reader, "rb", buffering=0) as pipe:
            while not state.came:
                byte = pipe.read(1)
                if byte in _ENDS:
                    return
                if byte[0] in _NUMBERS:
                    break
            stop.set()
            late = time.monotonic() + GRACE_SECONDS
            while select.select([pipe], [], [], max(0, late - time.monotonic()))[0]:
                if pipe.read(1) in _ENDS:
                    return
            if state.late is not None:
                state.late()

    threading.Thread(target=wait, name="signals", daemon=True).start()
    state.raises = False
    try:
        yield stop
    finally:
        signal.set_wakeup_fd(before)
        with suppress(BlockingIOError, BrokenPipeError), os.fdopen(writer, "wb", buffering=0) as pipe:
            pipe.write(b"\0")  # this ends the thread


@contextmanager
def when_late(call: Callable[[], None]) -> Iterator[None]:
    """Call `call` in another thread if the block still runs GRACE_SECONDS after a signal.

    The block must be inside a block of `stop_on_signal`.
    """
    _state.late = call
    try:
        yield
    finally:
        _state.late = None


def _note(_number: int, _frame: object) -> None:
    if not _state.came:
        _state.came = True
        _interrupt()


def _interrupt() -> None:
    if _state.raises:
        raise KeyboardInterrupt


def _unraisable(unraisable: Any) -> None:
    """Schedule a new KeyboardInterrupt if Python discarded one; pass other exceptions to the default hook.

    Ignore a MemoryError: the command itself fails for lack of memory too, and says so in one line.

    Python discards an exception that is raised in a destructor or a callback, and calls this hook. An exception that
    the hook raises would be discarded too. So a timer sends SIGALRM. In the block of `raising`, the handler of SIGALRM
    raises KeyboardInterrupt.
    """
    if isinstance(unraisable.exc_value, KeyboardInterrupt):
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)
    elif not isinstance(unraisable.exc_value, MemoryError):
        sys.__unraisablehook__(unraisable)
