"""End work cleanly after SIGINT, SIGTERM or SIGHUP, also if further signals follow.

The handler only records the first signal. A command that uses `stop_on_signal` gets an event, and checks it where it
can stop. In all other commands the first signal raises KeyboardInterrupt. Later signals do not interrupt the cleanup.
"""

import atexit
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_AGAIN_SECONDS = 0.05


class _State:
    """The state of the signal handler."""

    def __init__(self) -> None:
        self.came = False
        self.raises = False
        # The handler does not set the event itself: if it interrupts a thread that waits for the event, it deadlocks.
        self.queue: SimpleQueue[bool] = SimpleQueue()
        """Whether a signal came; False if none will be waited for any longer."""


_state = _State()


def install() -> Callable[[], None]:
    """Install the handler, which until `raising` only records a signal. Return a function that removes the handler.

    An ignored SIGHUP stays ignored, as under nohup.
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
    """Prevent signals from killing the process or printing a traceback while it exits."""
    signal.signal(signal.SIGALRM, lambda *_: _interrupt())
    sys.unraisablehook = _unraisable
    # at its end Python restores the default action of every signal that has a handler, which is to kill the process
    atexit.register(lambda: [signal.signal(number, signal.SIG_IGN) for number in _NUMBERS])


@contextmanager
def raising() -> Iterator[None]:
    """Raise KeyboardInterrupt at the first signal in this block, or at once if one came before."""
    _state.raises = True
    try:
        if _state.came:
            raise KeyboardInterrupt
        yield
    finally:
        _state.raises = False


@contextmanager
def stop_on_signal() -> Iterator[threading.Event]:
    """Yield an event that the first signal sets; from here on no signal raises KeyboardInterrupt."""
    stop, state = threading.Event(), _state

    def wait() -> None:
        if state.queue.get():
            stop.set()

    threading.Thread(target=wait, name="signals", daemon=True).start()
    state.raises = False
    try:
        yield stop
    finally:
        state.queue.put(False)  # the thread ends


def _note(_number: int, _frame: object) -> None:
    if not _state.came:
        _state.came = True
        _state.queue.put(True)
        _interrupt()


def _interrupt() -> None:
    if _state.raises:
        raise KeyboardInterrupt


def _unraisable(unraisable: Any) -> None:
    """Raise a KeyboardInterrupt again that Python dropped because it was raised in a destructor or a callback."""
    if isinstance(unraisable.exc_value, KeyboardInterrupt):
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)
    else:
        sys.__unraisablehook__(unraisable)
