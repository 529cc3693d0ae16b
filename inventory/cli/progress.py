"""Show the progress of long work on stderr, if stderr is a terminal and the log format is text."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from inventory import log


class LiveLine:
    """A line on a terminal. `status` is a `rich.status.Status`; without it, nothing is shown."""

    def __init__(self, status: Any = None) -> None:
        self._status = status

    def __call__(self, text: str) -> None:
        """Replace the text of the line."""
        if self._status is not None:
            from rich.text import Text

            self._status.update(Text(text))

    def end(self) -> None:
        """Remove the line before the block of `live_line` ends, and show the terminal's cursor again."""
        if self._status is not None:
            self._status.stop()


@contextmanager
def live_line(first: str) -> Iterator[LiveLine]:
    """Show a line on a terminal during the block. Yield the line, so that the block can replace its text."""
    if not _is_for_people():
        yield LiveLine()
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status(Text(first)) as status:
        yield LiveLine(status)


@contextmanager
def bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar during the block. If stderr is no terminal or the log format is JSON, print only the title.

    Yield a function that moves the bar. Its arguments are the number of steps done and the number of all steps.
    """
    if not _is_for_people():
        log.say(f"{title} ...")
        yield lambda _done, _of: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title)
        yield lambda done, of: progress.update(task, completed=done, total=of)


def _is_for_people() -> bool:
    return sys.stderr.isatty() and log.style() == "text"
