"""Run a call in a thread, and wait for the result of the call or for a stop signal."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextvars import copy_context
from typing import TypeVar

from inventory.errors import Interrupted

_POLL_SECONDS = 0.2  # between two checks of the stop signal while the call runs

T = TypeVar("T")


def start(call: Callable[[], T]) -> "Future[T]":
    """Start a call in a daemon thread; return the Future that gets the call's result or error.

    A daemon thread delays neither the handling of a signal nor the end of the process. The thread gets a copy of the
    caller's context: the names that the caller added by `log.bound` are in the log events of the thread too.
    """
    result: Future[T] = Future()

    def run() -> None:
        try:
            result.set_result(call())
        except BaseException as error:  # noqa: BLE001 - the thread that waits raises it
            result.set_exception(error)

    threading.Thread(target=copy_context().run, args=(run,), name="background", daemon=True).start()
    return result


def wait_or_stop(result: "Future[T]", stop: threading.Event) -> T:
    """Wait for a call that `start` has started; return its result, or raise its error.

    Raise Interrupted within 0.2 s if `stop` is set. The call then goes on: a thread cannot be ended from outside.
    """
    while not stop.is_set():
        if wait([result], timeout=_POLL_SECONDS).done:
            return result.result()
    raise Interrupted("stopped by a signal")
