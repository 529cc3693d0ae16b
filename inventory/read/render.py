"""Print rows as a table for people, JSON for programs, or CSV for spreadsheets.

Text from the API has no effect: a terminal gets visible text in place of escape sequences, a spreadsheet gets text in
place of formulas, and nothing is read as markup.
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
"""The number of rows whose column widths are computed together. A larger table is printed in batches of this size."""

WIDE = 100_000  # characters: wider than any heading, so that rich never wraps it


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
    """Print rows. `name` is the key of the list of rows in the JSON, such as `runs`.

    `columns` are the columns that a table shows, by default those of the first row; JSON and CSV show all columns.
    `headings` is a dict from a column to its title in a table. The default title is the column's name, with blanks in
    place of underscores. `header` are the column names of a CSV without rows, by default `columns`. For a table without
    rows, `empty` is printed on stderr, so that a script finds nothing on stdout.
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
    """Print lists of rows as one JSON object. The keys of `lists` are the keys of the object."""
    json.dump({name: [_json_row(row) for row in rows] for name, rows in lists.items()}, sys.stdout, indent=2)
    sys.stdout.write("\n")


def facts(pairs: Sequence[tuple[str, Any]], stream: TextIO | None = None) -> None:
    """Print each name with its value on a line of its own. The values are aligned."""
    width = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        print(f"{name:<{width}}  {cell(value)}".rstrip(), file=stream or sys.stdout)


def printable(text: str) -> str:
    """Return the text with an escape for each unprintable character, so that it cannot control a terminal."""
    return "".join(character if character.isprintable() else _escaped(character) for character in text)


def cell(value: Any) -> str:
    """Return a value as text for people.

    A time must be in UTC. It is shown to the second, without the zone. A boolean is `yes` or `no`, a float has one
    decimal, and None is an empty text. Any other value is shown as its text, made printable.
    """
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
    """Write a JSON object with the list of rows under the key `name`. Each row is written before the next is read."""
    stream.write(f"{{\n  {json.dumps(name)}: [")
    before = "\n    "
    for row in rows:
        stream.write(before + json.dumps(_json_row(row), indent=2).replace("\n", "\n    "))
        before = ",\n    "
    stream.write("\n  ]\n}\n" if rows else "]\n}\n")


def _table(rows: Rows, columns: Sequence[str], headings: Mapping[str, str], stream: TextIO) -> None:
    from rich.cells import cell_len  # to import all of rich takes longer than to print a small table

    names = {column: headings.get(column, column.replace("_", " ")) for column in columns}
    widths = {column: cell_len(name) for column, name in names.items()}
    numbers: dict[str, bool] = {}
    for batch in batches(rows, AT_ONCE):
        first = not numbers
        numbers = numbers or {
            column: all(isinstance(row.get(column), int | float | None) for row in batch) for column in columns
        }
        cells = [[cell(row.get(column)) for column in columns] for row in batch]
        for number, column in enumerate(columns):  # never narrower: the rows of earlier batches are printed already
            widths[column] = max(widths[column], *(cell_len(line[number]) for line in cells))
        if stream.isatty() and sum(widths.values()) + 2 * (len(columns) - 1) > get_terminal_size().columns:
            _records(batch, names, stream)
            continue
        if first:
            _heading(_line(names.values(), columns, widths, numbers), stream)
        # not a table of rich: to fit the width of the terminal, it would break long cells into several lines
        stream.writelines(_line(line, columns, widths, numbers) for line in cells)


def _line(cells: Iterable[str], columns: Sequence[str], widths: Mapping[str, int], right: Mapping[str, bool]) -> str:
    """Return the cells as one line, each aligned to the right if `right` is true for its column, else to the left."""
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
    """Print each column of each row on a line of its own, for a terminal that is narrower than the table."""
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
    """Return the row as JSON values: a time as ISO 8601 with `Z`, the text of a column in JSON_OBJECTS as an object.

    The rows in a list inside the row are converted too.
    """
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
