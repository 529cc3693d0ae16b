"""Show the progress of long work on stderr, if stderr is a terminal and the log format is text."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from inventory import log


@contextmanager
def live_line(first: str) -> Iterator[Callable[[str], None]]:
    """Show a line on a terminal during the block; yield a function that replaces the text of the line."""
    if not _is_for_people():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status(Text(first)) as status:
        yield lambda text: status.update(Text(text))


@contextmanager
def bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar during the block. Print only its title if stderr is no terminal or the log format is JSON.

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
