"""The command `evidence`: write a bundle about a period, which an auditor can check without this program."""

from pathlib import Path
from typing import Annotated

import typer

from inventory import log
from inventory.cli.opening import loaded, opened_as_is, require_account
from inventory.cli.options import AccountOption, DatabaseOption, a_time
from inventory.cli.period import read_period, require_period
from inventory.cli.progress import live_line
from inventory.config.signing import read_signer
from inventory.read.render import printable
from inventory.store import database
from inventory.whole_file import whole_file
from inventory.wording import counted


def evidence_command(
    since: Annotated[
        str,
        typer.Option("--since", metavar="TIME", callback=a_time, help="The start: ISO 8601, or a time ago like 90d."),
    ],
    until: Annotated[
        str, typer.Option("--until", metavar="TIME", callback=a_time, help="The end, which is not part of the period.")
    ],
    output: Annotated[Path, typer.Option("--output", metavar="FILE", help="The file to write.")] = Path("evidence.zip"),
    account: AccountOption = None,
    url: DatabaseOption = None,
) -> None:
    """Write a bundle that an auditor can check without this program.

    For each account whose log proves the whole period, the bundle holds the fleet before the period, every log entry of
    the period and those just before and after it, and a checkpoint. For any other account, a line on stderr says why it
    is left out. CSV files list the population, creations, changes, disappearances, creators, runs, gaps, observed time
    and acts. One Python file, check.py, checks the log entries and computes the CSV files again. The bundle also holds
    SQL queries and a cover to print: check.py does not compute these again. The checkpoints are signed if
    INVENTORY_CHECKPOINT_KEY_FILE names a key. Writes nothing to the database. Exits with 2 if no account is left, with
    9 if the history is not what the log recorded.

    \b
    Examples:
      inventory evidence --since 2026-01-01 --until 2026-04-01
      inventory evidence --since 90d --until 1d --account research --output q.zip
    """
    from inventory.evidence.bundle import Period, write_bundle

    require_period(since, until)
    settings = loaded(database_url=url)
    signer = read_signer(settings)
    left_out: list[str] = []
    try:
        with (
            whole_file(output, binary=True) as file,
            opened_as_is(settings.database_url) as engine,
            database.reading(engine) as connection,
            live_line("reading the log") as progress,
        ):
            require_account(connection, account)
            begin, end = read_period(connection, since, until)
            assert begin is not None  # noqa: S101 - both were given
            assert end is not None  # noqa: S101
            period = Period(begin, end)
            found = write_bundle(
                connection, file, period, signer, only=account, progress=progress, leave_out=left_out.append
            )
    finally:  # only after the block, because the block shows a live line on the terminal
        for line in left_out:
            log.say(printable(line))
    for name, part in found.items():
        entries = counted(len(part.lines), "entry", "entries")
        print(printable(f"account {name}: {entries}, {counted(part.changed, 'change')}"))
    print(printable(f"{output} is complete. Check it with: python3 check.py {output} (the file check.py is in it)."))
    if signer.key is None:
        log.say("unsigned: INVENTORY_CHECKPOINT_KEY_FILE names no key, so nothing shows who made the checkpoints")
