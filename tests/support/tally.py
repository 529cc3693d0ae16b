"""Count what the tests tried, for `make prove`; nothing is counted if PROVE_TALLY names no file."""

import os


def count(what, number=1):
    """Add to a count. One short line is written at once, so that several processes may share the file."""
    if file := os.environ.get("PROVE_TALLY"):
        with open(file, "a", encoding="utf-8") as out:  # noqa: PTH123 - tests may replace what Path does
            out.write(f"{what}\t{number}\n")
