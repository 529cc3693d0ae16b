"""The command `export`: write the history as Parquet or CSV files, and bring them up to date."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from inventory.cli.opening import loaded, opened_as_is
from inventory.cli.options import DatabaseOption, a_time
from inventory.cli.progress import live_line
from inventory.config.extras import require
from inventory.config.signing import read_signer
from inventory.read.render import printable
from inventory.store import database
from inventory.times import parse_time
from inventory.wording import counted


class Style(StrEnum):
    """The format of the files."""

    parquet = "parquet"
    csv = "csv"


def export_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write to; made if it is missing.")],
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", callback=a_time, help="Only the months from this time on."),
    ] = None,
    style: Annotated[Style, typer.Option("--format", help="The format of the files.")] = Style.parquet,
    check: Annotated[
        bool, typer.Option("--check", help="Compute the digests and the log again from the files alone; write nothing.")
    ] = False,
    url: DatabaseOption = None,
) -> None:
    """Write every table and view as Parquet files, for a data lake.

    A table or view that grows with time has a file for each month (UTC), such as DIR/instance_versions/2026-03.parquet.
    Any other has one file, such as DIR/accounts.parquet. Run it again with the same folder: of the files for months, it
    writes only those in which something may have changed. After `prune`, `account rename` or `account retire` it writes
    all of them. DIR/manifest.json has the number of rows and the SHA-256 of each file, and a checkpoint of each
    account's log. The command needs the extra `export`: pip install '.[export]' from a checkout. Writes to the folder,
    and nothing to the database. Exits with 2 if the folder holds files but no export, or another export. Exits with 6
    if another export or a --check uses the folder. Exits with 9 if the history holds a value that cannot be in its
    column, or if the manifest in the folder has a form that no export writes. --check exits with 9 if the files are not
    what the log recorded.

    \b
    Examples:
      inventory export lake
      inventory export lake --check
      inventory export quarter --since 2026-01-01 --format csv
    """
    require("export")
    if check:
        from inventory.export.check import check_export

        with live_line("reading the files") as progress:
            found = check_export(folder, progress)
        for line in found.text().splitlines():
            print(printable(line))
        return
    from inventory.export.export import Request, export
    from inventory.export.relations import month_of

    settings = loaded(database_url=url)
    signer = read_signer(settings)
    with (
        opened_as_is(settings.database_url) as engine,
        database.reading(engine) as connection,
        live_line("reading the history") as progress,
    ):
        month = None if since is None else month_of(parse_time(since, database.now(connection)).date())
        done = export(connection, Request(folder, style.value, month), signer, progress)
    rows, files = counted(done.rows, "row"), counted(done.written, "file")
    print(printable(f"{folder}: {rows}; {files} written, {done.kept:,} left as they were."))
