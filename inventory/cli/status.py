"""The command `status`: show how old the last complete runs are. It needs no key and writes nothing."""

from typing import Annotated

import typer

from inventory.cli.opening import loaded, opened_as_is, require_account
from inventory.cli.options import AccountOption, DatabaseOption, FormatOption
from inventory.errors import Stale
from inventory.read import freshness, relations
from inventory.read.render import Format, show
from inventory.store import database
from inventory.times import brief, parse_duration

COLUMNS = (
    "account", "age", "last_complete_at", "last_attempt_at", "last_status", "failures_since_complete",
    "live_instances", "missing_instances",
)  # fmt: skip
HEADINGS = {
    "last_complete_at": "last complete", "last_attempt_at": "last attempt", "failures_since_complete": "failures since",
    "live_instances": "live", "missing_instances": "missing",
}  # fmt: skip


def status_command(
    max_age: Annotated[
        str | None, typer.Option("--max-age", metavar="DURATION", help="Exit with 8 where it is older, like 15m.")
    ] = None,
    account: AccountOption = None,
    style: FormatOption = Format.table,
    url: DatabaseOption = None,
) -> None:
    """Show how old each account's last complete run is.

    Exits with 8 if an account is older than --max-age, has no complete run, or has a run in the future, and if there is
    no account at all. An account that is in the settings but not in the database counts as having no run. Retired
    accounts are left out. Times are UTC. Writes nothing.

    \b
    Examples:
      inventory status
      inventory status --max-age 15m
      inventory status --account research --format json
    """
    limit = None if max_age is None else parse_duration(max_age)
    settings = loaded(database_url=url)
    named = [name for name in settings.accounts_named() if account in (None, name)]
    with opened_as_is(settings.database_url) as engine, database.reading(engine) as connection:
        if account not in named:
            require_account(connection, account)
        rows = freshness.freshness(connection, account=account, named=named)
        now = database.now(connection)
    ages = [None if row["last_complete_at"] is None else now - row["last_complete_at"] for row in rows]
    faults = [freshness.why_stale(row, now, limit) for row in rows]
    rows = [
        row | {"age_seconds": None if age is None else age.total_seconds(), "stale": fault is not None}
        for row, age, fault in zip(rows, ages, faults, strict=True)
    ]
    if style is Format.table:
        rows = [row | {"age": "never" if age is None else brief(age)} for row, age in zip(rows, ages, strict=True)]
    header = [*relations.columns("sync_freshness"), "age_seconds", "stale"]
    show(rows, "accounts", style, columns=COLUMNS, header=header, headings=HEADINGS)
    if not rows:
        raise Stale("No account is synced into this database. `inventory sync` begins.")
    if any(faults):
        raise Stale(f"{'; '.join(filter(None, faults))}. `inventory runs` shows what happened.")
