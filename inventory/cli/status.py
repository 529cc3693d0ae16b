"""The command `status`: show how old the last complete runs are. It needs no key and writes nothing."""

from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from inventory import log
from inventory.cli.opening import loaded, opened_as_is, require_account
from inventory.cli.options import AccountOption, DatabaseOption, FormatOption
from inventory.config.settings import Settings
from inventory.errors import Stale
from inventory.read import freshness, relations
from inventory.read.render import Format, show
from inventory.store import database
from inventory.times import brief, iso, parse_duration

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
        str | None,
        typer.Option(
            "--max-age", metavar="DURATION", help="Exit with 8 if a last complete run is older than this, like 15m."
        ),
    ] = None,
    account: AccountOption = None,
    style: FormatOption = Format.table,
    url: DatabaseOption = None,
) -> None:
    """Show how old each account's last complete run is.

    Exits with 8 if the last complete run of an account is older than --max-age, if an account has no complete run or a
    run in the future, or if there is no account at all. An account that is in the settings but not in the database
    counts as having no run. Retired accounts are left out. Where `run` or `sync` delivers checkpoints, or `run` writes
    a report or an export, the age of the last one is shown too. Times are UTC. Writes nothing.

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
        delivered = freshness.delivered_checkpoints(connection)
        now = database.now(connection)
    ages = [None if row["last_complete_at"] is None else now - row["last_complete_at"] for row in rows]
    faults = [freshness.why_stale(row, now, limit) for row in rows]
    written = _written(settings)
    files = _dated("report", written.get("report"), now) | _dated("export", written.get("export"), now)
    rows = [
        row
        | {"age_seconds": None if age is None else age.total_seconds(), "stale": fault is not None}
        | _dated("checkpoint", delivered.get(row["account"]), now)
        | files
        for row, age, fault in zip(rows, ages, faults, strict=True)
    ]
    if style is Format.table:
        rows = [
            row | {"age": _age(row["age_seconds"]), "checkpoint": _age(row["checkpoint_age_seconds"])} for row in rows
        ]
    columns = (*COLUMNS, "checkpoint") if delivered or settings.checkpoint_dir else COLUMNS
    header = [*relations.columns("sync_freshness"), "age_seconds", "stale", *_dated("checkpoint", None, now), *files]
    show(rows, "accounts", style, columns=columns, header=header, headings=HEADINGS)
    if style is Format.table:
        for name, at in written.items():
            log.say(f"{name}: {_when_written(at, now)}")
    if not rows:
        raise Stale("No account is synced into this database. `inventory sync` begins.")
    if any(faults):
        raise Stale(f"{'; '.join(filter(None, faults))}. `inventory runs` shows what happened.")


def _written(settings: Settings) -> dict[str, datetime | None]:
    """Return when the report and the export were last written, as a dict with the keys `report` and `export`.

    A key is absent if the settings do not ask for the file. The time is None if the file was never written, or if it
    cannot be read.
    """
    if not (settings.report_file or settings.export_dir):
        return {}
    from inventory.service.daily_files import written

    return written(settings)


def _when_written(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "never written"
    return f"written {brief(now - at)} ago" if at <= now else f"written at {iso(at)}, which is in the future"


def _dated(name: str, at: datetime | None, now: datetime) -> dict[str, Any]:
    """Return a dict of two columns: `<name>_at` is `at`, and `<name>_age_seconds` is the time from `at` to `now`.

    Both are None if `at` is None.
    """
    return {f"{name}_at": at, f"{name}_age_seconds": None if at is None else (now - at).total_seconds()}


def _age(seconds: float | None) -> str:
    return "never" if seconds is None else brief(timedelta(seconds=seconds))
