"""What long work shows of itself: on a terminal's stderr, and nowhere else."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def live_line(first: str) -> Iterator[Callable[[str], None]]:
    """A line that a function of its new text keeps up to date."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status(Text(first)) as status:
        yield lambda text: status.update(Text(text))


@contextmanager
def bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar that a function of (done, of) moves; elsewhere its title, once."""
    if not sys.stderr.isatty():
        print(f"{title} ...", file=sys.stderr)
        yield lambda _done, _of: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title)
        yield lambda done, of: progress.update(task, completed=done, total=of)
