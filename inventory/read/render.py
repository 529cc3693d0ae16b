"""Print rows as a table for people, JSON for programs, or CSV for spreadsheets.

Text from the API is never interpreted: a terminal gets escape sequences as visible text, a spreadsheet gets formulas as
text, and no text is read as markup.
"""

import csv
import json
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from shutil import get_terminal_size
from typing import Any, TextIO

from inventory import log
from inventory.store.columns import JSON_OBJECTS
from inventory.store.database import batches
from inventory.times import iso

Rows = Collection[Mapping[str, Any]]

AT_ONCE = 10_000
"""The number of rows of a table that are laid out together."""

WIDE = 100_000  # columns: wider than any row


class Format(StrEnum):
    """The format in which rows are printed."""

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
    """Print rows. `name` is the plural key of the JSON.

    `columns` are the columns of a table; JSON and CSV show all. `header` holds all column names, for a CSV without
    rows. If a table has no rows, `empty` is printed on stderr, so that a script finds nothing on stdout.
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
    """Print each name and its value on a line, with the values aligned."""
    width = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        print(f"{name:<{width}}  {cell(value)}".rstrip(), file=stream or sys.stdout)


def printable(text: str) -> str:
    """Return the text with every character that is not printable written as an escape, so that it has no effect."""
    return "".join(character if character.isprintable() else _escaped(character) for character in text)


def cell(value: Any) -> str:
    """Return a value as text for people: times in UTC to the second, an empty text for null."""
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
    """Write a JSON object whose only key holds the rows, one row at a time."""
    stream.write(f"{{\n  {json.dumps(name)}: [")
    before = "\n    "
    for row in rows:
        stream.write(before + json.dumps(_json_row(row), indent=2).replace("\n", "\n    "))
        before = ",\n    "
    stream.write("\n  ]\n}\n" if rows else "]\n}\n")


def _table(rows: Rows, columns: Sequence[str], headings: Mapping[str, str], stream: TextIO) -> None:
    from rich.cells import cell_len  # the rest of rich takes more time than a small table

    names = {column: headings.get(column, column.replace("_", " ")) for column in columns}
    widths = {column: cell_len(name) for column, name in names.items()}
    numbers: dict[str, bool] = {}
    for batch in batches(rows, AT_ONCE):
        first = not numbers
        numbers = numbers or {
            column: all(isinstance(row.get(column), int | float | None) for row in batch) for column in columns
        }
        cells = [[cell(row.get(column)) for column in columns] for row in batch]
        for number, column in enumerate(columns):  # those of a later batch stand below these
            widths[column] = max(widths[column], *(cell_len(line[number]) for line in cells))
        if stream.isatty() and sum(widths.values()) + 2 * (len(columns) - 1) > get_terminal_size().columns:
            _records(batch, names, stream)
            continue
        if first:
            _heading(_line(names.values(), columns, widths, numbers), stream)
        # never narrower than the rows: a table that folds its cells breaks every cell
        stream.writelines(_line(line, columns, widths, numbers) for line in cells)


def _line(cells: Iterable[str], columns: Sequence[str], widths: Mapping[str, int], right: Mapping[str, bool]) -> str:
    """Return the cells as one line: numbers to the right, all else to the left."""
    from rich.cells import cell_len

    padded = []
    for text, column in zip(cells, columns, strict=True):
        room = " " * (widths[column] - cell_len(text))
        padded.append(room + text if right[column] else text + room)
    return "  ".join(padded) + "\n"


def _heading(line: str, stream: TextIO) -> None:
    if not stream.isatty():
        stream.write(line)
        return
    from rich.console import Console

    console = Console(file=stream, highlight=False, markup=False, emoji=False, width=WIDE)
    console.print(line, style="bold", end="")


def _records(rows: Rows, names: Mapping[str, str], stream: TextIO) -> None:
    """Print each row as lines of a name and a value, for a terminal that is narrower than the table."""
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
    """Return the row, and the rows inside it, as JSON values: times as ISO 8601 with `Z`, JSON_OBJECTS as objects."""
    return {name: _json_value(name, value) for name, value in row.items()}


def _json_value(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date):
        return value.isoformat()
    if name in JSON_OBJECTS and isinstance(value, str):
        return json.loads(value)
    if isinstance(value, list):
        return [_json_row(row) for row in value]
    return value
