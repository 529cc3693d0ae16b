"""Export the tables and views into a folder.

A relation that is split by month has a file for each month, and only the files of months that have changed are written.
Any other relation has one file, which is written each time.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv
from sqlalchemy.engine import Connection

from inventory import __version__
from inventory.config.signing import Signer
from inventory.export.folder import Folder, Style, open_folder
from inventory.export.manifest import About, AccountEntry, Position
from inventory.export.position import read_positions, touched_months
from inventory.export.relations import Exported, exported_relations, month_of, month_start
from inventory.export.source import read_tables
from inventory.history.merkle_log.entries import iso_microseconds
from inventory.history.odd_values import odd_values_as_breach
from inventory.store import database
from inventory.store.schema import HEAD

GROUP_ROWS = 50_000
"""The largest number of rows in a group. The rows of a group are written together. In Parquet they are a row group."""

GROUP_BYTES = 32 << 20
"""A group ends when its text has at least this number of bytes, even if it has fewer than GROUP_ROWS rows.

The row that reaches the number is the last one of the group.
"""

NO_ROWS = "empty"
"""If a relation that is split by month has no rows in the export, its only file has this name."""

_FORMULA = r"^[=+\-@\t\r\n]"
"""A regular expression for the beginning of a text that a spreadsheet could take for a formula."""


@dataclass(frozen=True)
class Summary:
    """What an export did: the numbers of files written and of files kept, and the number of rows in all these files."""

    written: int
    kept: int
    rows: int


@dataclass(frozen=True)
class Request:
    """What to export: the folder, the format (`parquet` or `csv`), and the first month, such as `2026-03`.

    If the first month is None, all months are exported.
    """

    path: Path
    style: Style = "parquet"
    since: str | None = None


def export(
    connection: Connection, request: Request, signer: Signer, progress: Callable[[str], object] = lambda _: None
) -> Summary:
    """Write into a folder what has changed since the last export into it, and return what was done.

    `progress` is called with a line of text now and then. Raise these errors:

    - UsageError if the folder cannot be used, or holds an export of another history or of a newer version of the
      program.
    - AccountBusy if another export writes to the folder, or if `export --check` reads it.
    - BreachFound if the history holds a value that cannot be in its column, or if the folder's manifest does not have
      the form that an export writes.
    - DatabaseError if the database fails. If a column of times holds a text that is no time, it may be raised instead
      of BreachFound.
    """
    with (
        open_folder(request.path, request.style, request.since) as folder,
        odd_values_as_breach(connection, f"what {request.path} held is as it was"),
    ):
        positions = read_positions(connection)
        progress("finding what has changed")
        touched = None
        if (about := folder.manifest.about) and about.accounts and about.revision == HEAD:
            before = {name: each.position for name, each in about.accounts.items()}
            touched = touched_months(connection, before)
        work = Export(connection, folder, request)
        for relation in exported_relations(connection):
            progress(f"{relation.name}: reading")
            if relation.split_by is None:
                work.write_whole(relation, progress)
            else:
                work.write_months(relation, None if touched is None else touched[relation.name], progress)
        folder.finish(work.names, _about(connection, positions, signer))
        rows = sum(each.rows for each in folder.manifest.files.values())
        return Summary(work.written, len(work.names) - work.written, rows)


def _about(connection: Connection, positions: dict[str, Position], signer: Signer) -> About:
    accounts = {}
    for name, position in positions.items():
        note = None
        if position.log_id is not None and position.root is not None:
            note = str(signer.checkpoint(position.log_id, position.log_size, bytes.fromhex(position.root))[1])
        accounts[name] = AccountEntry(position, note)
    return About(iso_microseconds(database.now(connection)), __version__, HEAD, accounts)


class Export:
    """One export under way."""

    def __init__(self, connection: Connection, folder: Folder, request: Request) -> None:
        self._connection = connection
        self._folder = folder
        self._request = request
        self.names: set[str] = set()
        """The paths, in the folder, of all files that belong to the export so far."""
        self.written = 0

    def write_whole(self, relation: Exported, progress: Callable[[str], object]) -> None:
        """Write the only file of a relation that is not split by month."""
        with self._writing(relation.name, relation) as write:
            for table in read_tables(self._connection, relation):
                progress(f"{relation.name}: {write(table):,} rows")

    def write_months(self, relation: Exported, touched: set[str] | None, progress: Callable[[str], object]) -> None:
        """Write the files of the months in `touched`, or of all months if `touched` is None.

        The files of other months are kept. But if such a file is missing, or its size is not the one in the manifest,
        its month is added to `touched`, and the file is written again. Months before the first month of the request are
        not written. If the relation has no rows in the export, a file without rows is written, named NO_ROWS.
        """
        first = self._request.since
        if touched is not None:
            there = {name for name in self._folder.manifest.files if name.startswith(f"{relation.name}/")}
            there = {name for name in there if _month_in(name) != NO_ROWS}
            touched |= {_month_in(name) for name in there if not self._folder.is_there(name)}
            self.names |= {name for name in there if _month_in(name) not in touched}
        for begin, end in [(first, None)] if touched is None else _ranges(touched, first):
            self._write_range(relation, begin, end, progress)
        if not any(name.startswith(f"{relation.name}/") for name in self.names):
            with self._writing(f"{relation.name}/{NO_ROWS}", relation):
                pass

    def _write_range(
        self, relation: Exported, begin: str | None, end: str | None, progress: Callable[[str], object]
    ) -> None:
        days = month_start(begin) if begin else None, month_start(end, after=1) if end else None
        pieces = _by_month(read_tables(self._connection, relation, *days), str(relation.split_by))
        for month, tables in groupby(pieces, key=lambda piece: piece[0]):
            with self._writing(f"{relation.name}/{month}", relation) as write:
                for _, table in tables:
                    progress(f"{relation.name} {month}: {write(table):,} rows")

    @contextmanager
    def _writing(self, name: str, relation: Exported) -> Iterator[Callable[[pa.Table], int]]:
        """Yield a function that adds rows to a new file and returns the number of rows in it so far."""
        file = f"{name}.{self._request.style}"
        with _open_writer(self._folder.part(file), self._request.style, relation.schema) as writer:
            yield writer.add
        self._folder.keep(file, writer.rows)
        self.names.add(file)
        self.written += 1


class _Writer:
    """A buffer that writes rows in groups.

    The same rows give the same groups, however the rows are divided into tables.
    """

    def __init__(self, write: Callable[[pa.Table], None]) -> None:
        self._write = write
        self._waiting: list[pa.Table] = []
        self._group_rows = 0
        self._group_bytes = 0
        self.rows = 0

    def add(self, table: pa.Table) -> int:
        """Add rows, and return the number of all rows added so far."""
        self.rows += table.num_rows
        while table.num_rows:
            sizes = _text_sizes(table)
            before_last = pc.sum(pc.less(sizes, GROUP_BYTES - self._group_bytes)).as_py()
            part = table.slice(0, min(GROUP_ROWS - self._group_rows, before_last + 1))
            self._waiting.append(part)
            self._group_rows += part.num_rows
            self._group_bytes += sizes[part.num_rows - 1].as_py()
            if self._group_rows >= GROUP_ROWS or self._group_bytes >= GROUP_BYTES:
                self.flush()
            table = table.slice(part.num_rows)
        return self.rows

    def flush(self) -> None:
        """Write the rows that were added and not yet written."""
        if self._waiting:
            # combine_chunks() removes the borders between the tables; they would change the pages of a Parquet file
            self._write(pa.concat_tables(self._waiting).combine_chunks())
            self._waiting.clear()
            self._group_rows = self._group_bytes = 0


def _text_sizes(table: pa.Table) -> Any:
    """Return an array with a number for each row: the bytes of text in the table up to the end of this row."""
    sizes = [pc.fill_null(pc.binary_length(each), 0) for each in table.columns if each.type == pa.string()]
    return pc.cumulative_sum(reduce(pc.add, sizes, pa.repeat(pa.scalar(0, pa.int64()), table.num_rows)))


@contextmanager
def _open_writer(path: Path, style: str, columns: pa.Schema) -> Iterator[_Writer]:
    with path.open("wb") as file:  # Arrow itself opens no file whose name is not UTF-8
        is_csv = style == "csv"
        with csv.CSVWriter(file, columns) if is_csv else pq.ParquetWriter(file, columns, compression="zstd") as opened:
            writer = _Writer(
                (lambda table: opened.write_table(_without_formulas(table))) if is_csv else opened.write_table
            )
            yield writer
            writer.flush()


def _without_formulas(table: pa.Table) -> pa.Table:
    """Return a table with an apostrophe before each text that a spreadsheet could take for a formula."""
    for number, field in enumerate(table.schema):
        if field.type == pa.string():
            column = table.column(number)
            quoted = pc.binary_join_element_wise("'", column, "")
            guarded = pc.if_else(pc.match_substring_regex(column, _FORMULA), quoted, column)
            table = table.set_column(number, field, guarded)
    return table


def _by_month(tables: Iterator[pa.Table], column: str) -> Iterator[tuple[str, pa.Table]]:
    """Yield pairs of a month, like `2026-03`, and a table with rows of this month.

    `column` is the name of the column that holds the time or the day of a row. The rows must be in the order of this
    column. If the rows of a month are in several tables, the month comes several times in succession.
    """
    for table in tables:
        starts = pc.floor_temporal(table.column(column), unit="month")
        for start in sorted(pc.unique(starts).to_pylist()):
            yield month_of(start), table.filter(pc.equal(starts, pa.scalar(start, starts.type)))


def _month_in(name: str) -> str:
    return name.partition("/")[2].partition(".")[0]


def _ranges(months: set[str], first: str | None) -> Iterator[tuple[str, str]]:
    """Yield (first month, last month) of each series of consecutive months in `months`.

    Months before the month `first` are left out; None leaves out nothing.
    """
    run: list[str] = []
    for month in sorted(each for each in months if first is None or each >= first):
        if run and month != month_of(month_start(run[-1], after=1)):
            yield run[0], run[-1]
            run = []
        run.append(month)
    if run:
        yield run[0], run[-1]
