"""The command `report`: write the history as one HTML page."""

from pathlib import Path
from typing import Annotated

import typer

from inventory.cli.opening import open_for_reading
from inventory.cli.options import AccountOption, DatabaseOption, a_time
from inventory.cli.progress import live_line
from inventory.config.extras import require
from inventory.read.render import printable
from inventory.store import database
from inventory.times import parse_time
from inventory.whole_file import whole_file
from inventory.wording import counted


def report_command(
    output: Annotated[Path, typer.Option("--output", metavar="FILE", help="The file to write.")] = Path("fleet.html"),
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="TIME", callback=a_time, help="From when on: ISO 8601, or a time ago like 90d."
        ),
    ] = None,
    account: AccountOption = None,
    url: DatabaseOption = None,
) -> None:
    """Write one HTML page with charts of the whole history.

    It shows the fleet over time, GPU hours, lifetimes, creators, changes, what operators did, gaps and freshness. The
    page needs no network and sends nothing. It can be mailed, printed, and filtered by period, creator and type. With
    more than 200,000 episodes and changes of type or region (counted together), it shows only totals, without filters.
    The command needs the extra `report`: pip install '.[report]' from a checkout. Writes the file, and nothing to the
    database.

    \b
    Examples:
      inventory report
      inventory report --since 90d --output quarter.html
    """
    from inventory.report import gather, page, shown

    require("report")
    with whole_file(output) as file, live_line("reading the history"):
        with open_for_reading(url, account) as connection:
            now = database.now(connection)
            begins = parse_time(since, now) if since else None
            data = gather(connection, written_at=now, since=begins, account=account)
        file.write(page(data))  # not in the transaction: it takes seconds, and a server may end an idle transaction
    print(printable(f"{output} shows {counted(shown(data), 'episode')}. Open it in a browser."))
