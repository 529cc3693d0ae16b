"""Do work in a thread, and wait for its result or for a stop signal."""

import threading
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, wait
from contextvars import copy_context
from itertools import chain
from queue import SimpleQueue
from typing import Any, TypeVar

from inventory.errors import Interrupted

GRACE_SECONDS = 8
"""How long a run may go on after a stop signal, in seconds. Docker kills a process 10 s after the signal."""

_POLL_SECONDS = 0.2  # between two checks of the stop signal while the thread works
_END = object()

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


def read_ahead(items: Iterable[T], stop: threading.Event) -> Generator[T, None, None]:
    """Yield the items of an iterable. A daemon thread gets the items, at most one item ahead of the reader.

    The reader is the code that iterates over this generator. The thread begins the next item as soon as it has handed
    over an item, and does not wait until the reader wakes. So a walk sends its next request without the delay of a
    thread switch. If the iterable raises an error, the reader gets the items that came before the error, and then the
    error.

    Raise Interrupted within 0.2 s if `stop` is set. Close the generator to let the thread end. The thread first
    finishes the item that it has begun.
    """
    places: SimpleQueue[Future[Any] | None] = SimpleQueue()  # one for each item that the reader asks for; None: no more

    def make() -> None:
        try:
            for item in chain(items, (_END,)):
                place = places.get()
                if place is None or not place.set_running_or_notify_cancel():
                    return
                place.set_result(item)
        except BaseException as error:  # noqa: BLE001 - the reader raises it
            place = places.get()
            if place is not None and place.set_running_or_notify_cancel():
                place.set_exception(error)

    start(make)
    place: Future[Any] = Future()
    try:
        while True:
            places.put(place)
            item = wait_or_stop(place, stop)
            if item is _END:
                return
            yield item
            place = Future()
    finally:
        place.cancel()
        places.put(None)
