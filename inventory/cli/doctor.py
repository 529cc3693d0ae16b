"""The command `doctor`: check whether a sync would work, and name the remedy for each fault."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from inventory import log
from inventory.cli.options import AccountOption, DatabaseOption, FormatOption
from inventory.config.settings import load
from inventory.read.render import Format, printable, show

if TYPE_CHECKING:
    from inventory.doctor import Check

COLUMNS = ("check", "account", "result", "finding", "remedy")


def doctor_command(
    account: AccountOption = None, style: FormatOption = Format.table, url: DatabaseOption = None
) -> None:
    """Check everything that a sync needs, and say what to do.

    It checks settings, database, schema, keys, the API, clocks and leases, and requests one page from the API with each
    key. Where the settings ask for alerts, checkpoints, the report or the export, it checks their addresses, libraries
    and folders. The exit code says what failed: 2 settings, 3 a key refused, 4 the API, 7 the database. If several of
    these failed, the code is the lowest number. Warnings alone give 0. Writes nothing: it creates no database, migrates
    none, and sends no alert.

    \b
    Examples:
      inventory doctor
      inventory doctor --account research --format json
    """
    from inventory.doctor import examine

    settings = load(database_url=url)
    log.configure(settings.log_format, "error")  # no warnings in the log: the checks report the same faults
    checks = []
    for check in examine(settings, account):
        checks.append(check)
        if style is Format.table:
            print(_line(check), flush=True)
    if style is not Format.table:
        rows = [{name: value for name, value in asdict(check).items() if name in COLUMNS} for check in checks]
        show(rows, "checks", style, columns=COLUMNS)
    failed = [check for check in checks if check.result == "fail"]
    if failed:
        log.say(f"{len(failed)} of {len(checks)} checks failed; each says what to do.", "error")
        raise typer.Exit(min(check.exit_code for check in failed))


def _line(check: "Check") -> str:
    whose = f"{check.account}: " if check.account else ""
    what = printable(f"{check.result:<5}{check.check:<10}{whose}{check.finding}.")
    return what if check.remedy is None else f"{what}\n{'':<15}{printable(check.remedy)}"
