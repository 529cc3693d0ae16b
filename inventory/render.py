"""Rows as a table for people, JSON for programs, CSV for spreadsheets.

No string from the API acts as anything but text: escapes are shown to a terminal, not sent; a formula reaches a
spreadsheet as text; nothing is markup.
"""

import csv
import json
import sys
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from shutil import get_terminal_size
from typing import Any, TextIO

from inventory import log
from inventory.database import batches
from inventory.times import iso

Rows = Collection[Mapping[str, Any]]

AT_ONCE = 10_000
"""Rows of a table that are laid out together."""

WIDE = 100_000  # columns: wider than any row


class Format(StrEnum):
    """How a list is printed."""

    table = "table"
    json = "json"
    csv = "csv"


def show(
    rows: Rows,
    name: str,
    style: Format = Format.table,
    *,
    columns: Sequence[str] = (),
    header: Sequence[str] = (),
    headings: Mapping[str, str] | None = None,
    empty: str = "",
    stream: TextIO | None = None,
) -> None:
    """Print rows. `name` is the plural key of the JSON; `columns` those of the table (all for the other two).

    `header` is the first line of a CSV without rows, which else says only what the table shows.
    An empty table prints `empty` on stderr, so that stdout stays what a script expects.
    """
    stream = stream or sys.stdout
    if style is Format.json:
        _json(rows, name, stream)
    elif style is Format.csv:
        _csv(rows, header or columns, stream)
    elif rows:
        _table(rows, columns or list(next(iter(rows))), headings or {}, stream)
    elif empty:
        log.say(empty)


def show_object(lists: Mapping[str, Rows]) -> None:
    """Print several lists as one JSON object, each under its plural key."""
    json.dump({name: [_json_row(row) for row in rows] for name, rows in lists.items()}, sys.stdout, indent=2)
    sys.stdout.write("\n")


def facts(pairs: Sequence[tuple[str, Any]], stream: TextIO | None = None) -> None:
    """Print names and values, a line each, the values below each other."""
    width = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        print(f"{name:<{width}}  {cell(value)}".rstrip(), file=stream or sys.stdout)


def printable(text: str) -> str:
    """The text with everything that is no printable character written as an escape, so that it cannot act as one."""
    return "".join(character if character.isprintable() else _escaped(character) for character in text)


def cell(value: Any) -> str:
    """One value as people read it: times in UTC to the second, nothing for null."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, float):
        return f"{value:,.1f}"
    return printable(str(value))


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _json(rows: Rows, name: str, stream: TextIO) -> None:
    """One object of one key, a row at a time."""
    stream.write(f"{{\n  {json.dumps(name)}: [")
    before = "\n    "
    for row in rows:
        stream.write(before + json.dumps(_json_row(row), indent=2).replace("\n", "\n    "))
        before = ",\n    "
    stream.write("\n  ]\n}\n" if rows else "]\n}\n")


def _table(rows: Rows, columns: Sequence[str], headings: Mapping[str, str], stream: TextIO) -> None:
    from rich.cells import cell_len
    from rich.console import Console  # rich costs time that JSON and CSV need not pay
    from rich.measure import measure_renderables
    from rich.table import Table
    from rich.text import Text

    # never narrower than the rows: a table that folds its cells breaks every cell
    console = Console(file=stream, highlight=False, markup=False, emoji=False, width=WIDE)
    names = {column: headings.get(column, column.replace("_", " ")) for column in columns}
    widths = dict.fromkeys(columns, 0)
    numbers: dict[str, bool] = {}
    for batch in batches(rows, AT_ONCE):
        table = Table(box=None, header_style="bold", pad_edge=False, expand=False, show_header=not numbers)
        numbers = numbers or {
            column: all(isinstance(row.get(column), int | float | None) for row in batch) for column in columns
        }
        for column in columns:
            table.add_column(
                names[column],
                justify="right" if numbers[column] else "left",
                overflow="fold",
                no_wrap=True,
                min_width=widths[column],
            )
        for row in batch:
            table.add_row(*(Text(cell(row.get(column))) for column in columns))
        width = measure_renderables(console, console.options, [table]).maximum
        if stream.isatty() and width > get_terminal_size().columns:
            _records(batch, names, stream)
            continue
        console.print(table)
        if len(rows) > AT_ONCE:  # those that follow stand below these
            for column in columns:
                texts = (names[column], *(cell(row.get(column)) for row in batch))
                widths[column] = max(widths[column], *map(cell_len, texts))


def _records(rows: Rows, names: Mapping[str, str], stream: TextIO) -> None:
    """Each row as lines of its own: what fits a terminal that is narrower than the table."""
    for row in rows:
        facts([(name, row.get(column)) for column, name in names.items()], stream)
        stream.write("\n")


def _csv(rows: Rows, columns: Sequence[str], stream: TextIO) -> None:
    names = list(next(iter(rows), columns))
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([_csv_value(row[name]) for name in names])


def _csv_value(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = printable(value)
        return f"'{text}" if text.startswith(("=", "+", "-", "@", "\\t", "\\r")) else text
    return value


def _json_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row as JSON values: times as ISO 8601 with `Z`, `extra` as the object that it is; also in rows within it."""
    return {name: _json_value(name, value) for name, value in row.items()}


def _json_value(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date):
        return value.isoformat()
    if name == "extra" and isinstance(value, str):
        return json.loads(value)
    if isinstance(value, list):
        return [_json_row(row) for row in value]
    return value
