"""Types of arguments for argparse, which then answers a bad argument with one line and the exit code 2."""

import argparse
from collections.abc import Callable, Iterable


def positive(text: str) -> int:
    """Return the whole number that `text` holds. It must be at least 1."""
    if not text.isdecimal() or not (number := int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return number


def some_of(known: Iterable[str]) -> Callable[[str], list[str]]:
    """Return a type of argument: a list of names, separated by commas. Each name must be in `known`."""

    def names(text: str) -> list[str]:
        found = text.split(",")
        if unknown := [name for name in found if name not in known]:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(known)}")
        return found

    return names
