"""Run a call in a thread, and wait for its result or for a stop signal."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextvars import copy_context
from typing import TypeVar

from inventory.errors import Interrupted

_POLL_SECONDS = 0.2  # how often the stop signal is checked while the call runs

T = TypeVar("T")


def start(call: Callable[[], T]) -> "Future[T]":
    """Start the call in a daemon thread, which delays neither a signal nor the end of the process.

    The thread gets a copy of the caller's context, so that its log lines carry the same names.
    """
    result: Future[T] = Future()

    def run() -> None:
        try:
            result.set_result(call())
        except BaseException as error:  # noqa: BLE001 - it is raised in the thread that waits
            result.set_exception(error)

    threading.Thread(target=copy_context().run, args=(run,), name="background", daemon=True).start()
    return result


def wait_or_stop(result: "Future[T]", stop: threading.Event) -> T:
    """Return the result of a call, or raise its error; raise Interrupted as soon as `stop` is set.

    The call goes on after Interrupted: a thread cannot be ended from outside.
    """
    while not stop.is_set():
        if wait([result], timeout=_POLL_SECONDS).done:
            return result.result()
    raise Interrupted("stopped by a signal")
