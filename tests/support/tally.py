"""Counts of what the tests tried, for `make prove`. Nothing is counted if the variable PROVE_TALLY is not set."""

import os


def count(what, number=1):
    """Add `number` to the count named `what`: append a line to the file that PROVE_TALLY names.

    Several processes may share the file, because each line is short and one call writes it.
    """
    if file := os.environ.get("PROVE_TALLY"):
        with open(file, "a", encoding="utf-8") as out:  # noqa: PTH123 - tests may replace what Path does
            out.write(f"{what}\t{number}\n")
