"""The command `sync`: make one run of each account."""

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Literal

import typer

from inventory import log
from inventory.cli.opening import loaded, open_for_writing, opened, opened_as_is
from inventory.cli.options import AccountOption, DatabaseOption, an_interval
from inventory.cli.progress import live_line
from inventory.cli.signals import stop_on_signal, when_late
from inventory.config.database_url import parse_url, sqlite_path
from inventory.config.keys import Account
from inventory.config.settings import Settings
from inventory.errors import Interrupted, UsageError
from inventory.outcome import Outcome
from inventory.read.render import Format, printable, show, show_object
from inventory.service.observers import observing
from inventory.store import database, schema
from inventory.store.tables import EVENTS
from inventory.times import parse_duration
from inventory.wording import counted

FIRST_OF = (1, 2, 7, 3, 5, 4, 6)
"""The exit codes of runs, except 0. If several occur, the command exits with the first of them in this order."""


def sync_command(
    account: AccountOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would change; write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the runs as JSON.")] = False,
    expected: Annotated[
        str | None,
        typer.Option(
            "--expected",
            metavar="5m",
            callback=an_interval,
            help="How often a timer calls this; twice that without a complete run is a gap.",
        ),
    ] = None,
    url: DatabaseOption = None,
) -> None:
    """Copy each account's fleet as it is now, once.

    The first sync makes the database. Writes one row for the run, and what differs from the run before. Where the
    settings ask for checkpoints, it also delivers one of each log once a day. With --dry-run it writes and delivers
    nothing. With several accounts, all are tried. Exits with 3 where the key was refused, 4 where the API failed, 5
    where a sudden loss is held, 6 where another process holds the account, or has taken it over.

    A timer should name its interval with --expected. Without it, two complete runs further apart than INVENTORY_MAX_GAP
    make a gap.

    \b
    Examples:
      FAL_KEY=... inventory sync
      inventory sync --dry-run
      inventory sync --expected 5m
      inventory sync --account research --json
      inventory sync --database postgresql://inventory@db/inventory
    """
    settings = loaded(database_url=url)
    accounts, outcomes = _accounts(settings, account)
    if dry_run:
        _dry_run(settings, accounts, outcomes, as_json=as_json)
        return
    from inventory.sync import SyncOptions, sync

    interval = None if expected is None else parse_duration(expected)
    seconds = None if interval is None else interval.total_seconds()
    observed = settings if interval is None else settings.model_copy(update={"every": interval, "cron": None})
    with (
        open_for_writing(settings) as engine,
        stop_on_signal() as stop,
        observing(engine, observed, scheduled=False, stop=stop) as observers,
    ):
        for one in accounts:
            if stop.is_set():
                break
            with _progress(one.name) as progress:
                options = SyncOptions(stop=stop, progress=progress, expected_seconds=seconds)
                outcome = sync(engine, one, settings, options)
            _notify(observers, outcome)
            outcomes.append(outcome)
            if not as_json:
                print(_summary(outcome), flush=True)
            _report_error(outcome)
        if as_json:
            with database.reading(engine) as connection:
                rows = [_as_row(connection, outcome) for outcome in outcomes]
            show(rows, "runs", Format.json)
    _exit(outcomes, stop)


def _accounts(settings: Settings, only: str | None) -> tuple[list[Account], list[Any]]:
    """Return the accounts to sync that have a key, and a failed Outcome for each of the others.

    Print the error of each account that has no key. But if no account has a key, raise the first account's UsageError.
    """
    accounts: list[Account] = []
    errors: dict[str, UsageError] = {}
    for name in settings.names_to_sync(only):
        try:
            accounts += settings.accounts_to_sync(name)
        except UsageError as error:
            errors[name] = error
    if not accounts:
        raise next(iter(errors.values()))
    outcomes = [Outcome(name, error=error) for name, error in errors.items()]
    for outcome in outcomes:
        _report_error(outcome)
    return accounts, outcomes


@contextmanager
def _progress(account: str) -> Iterator[Callable[[Any], None]]:
    """Show a live line during a run. Yield a function that takes a WalkResult and shows its instances and pages.

    A run may go on for long after a signal, because it waits for a lock or for the database. After GRACE_SECONDS
    (`background.py`), end the process with exit code 4. The run's row, if there is one, then stays `running`, and the
    next run or act marks it as `abandoned` (`a-signal-settles-the-run`).
    """

    def give_up() -> None:
        line.end()
        log.say("Stopped by a signal while the run waited for the database; the next run makes up for it.", "error")
        sys.stdout.flush()
        os._exit(Interrupted.exit_code)  # no cleanup: the run still waits for the database

    name = printable(account)
    with live_line(f"{name}: asking for the first page") as line, when_late(give_up):
        yield lambda walk: line(f"{name}: {counted(walk.items, 'instance')} on {counted(walk.pages, 'page')}")


def _notify(observers: Sequence[Callable[[Any], None]], outcome: Any) -> None:
    """Pass the outcome to every observer. An error of an observer is logged, and does not fail the sync."""
    for observer in observers:
        try:
            observer(outcome)
        except Exception as error:  # noqa: BLE001 - no error of an observer may undo a finished run
            log.get(__name__).warning("an alert failed", account=outcome.account, reason=str(error))


def _dry_run(settings: Settings, accounts: list[Account], outcomes: list[Any], *, as_json: bool) -> None:
    from inventory.sync import SyncOptions, dry_run

    with _database_or_empty(settings) as engine, stop_on_signal() as stop:
        for one in accounts:
            with _progress(one.name) as progress:
                outcome = dry_run(engine, one, settings, SyncOptions(stop=stop, progress=progress))
            outcomes.append(outcome)
            if not as_json:
                print(_summary(outcome, would=True))
            _report_error(outcome)
    changes = [change for outcome in outcomes for change in outcome.changes]
    if as_json:
        show_object({"runs": [_would_be_row(outcome) for outcome in outcomes], "changes": changes})
    else:
        show(changes, "changes")
    _exit(outcomes, stop)


@contextmanager
def _database_or_empty(settings: Settings) -> Iterator[Any]:
    """Yield an engine for the database, or for an empty temporary one.

    The temporary database is used if the SQLite file is missing, or if the database has no tables. Raise DatabaseError
    if the database cannot be read, or is not at this program's revision.
    """
    url = settings.database_url
    file = sqlite_path(parse_url(url))
    empty = file is not None and not file.exists()
    if not empty:
        with opened(url) as engine, database.reading(engine) as connection:
            empty = schema.current(connection) is None
    with schema.scratch_database() if empty else opened_as_is(url) as engine:
        yield engine


def _summary(outcome: Any, *, would: bool = False) -> str:
    counts = outcome.counts
    found = ", ".join(
        f"{counts[name]:,} {name}" for name in (*EVENTS, "settled")
        if counts[name] or name != "settled"
    )  # fmt: skip
    head = f"{printable(outcome.account)}: " + ("would be " if would else "") + outcome.status
    if outcome.run_id is not None:
        head += f" (run {outcome.run_id})"
    elif not would:
        return f"{head}: no run was opened"
    seen = f"{counted(outcome.instances_seen, 'instance')} on {counted(outcome.pages, 'page')}"
    return f"{head}: {seen}; {found}, {outcome.missing:,} missing; {outcome.seconds:.1f} s"


def _report_error(outcome: Any) -> None:
    if outcome.error is not None:
        level: Literal["warning", "error"] = "warning" if outcome.exit_code == 0 else "error"
        log.say(log.plain(f"{outcome.account}: {outcome.error}", 1000), level)


def _as_row(connection: Any, outcome: Any) -> dict[str, Any]:
    from inventory.read import queries, relations

    if outcome.run_id is not None:
        return queries.run(connection, outcome.run_id)
    empty: dict[str, Any] = {column.name: None for column in relations.relation("sync_runs").c}
    return empty | {"account": outcome.account, "status": outcome.status} | _error_of(outcome)


def _would_be_row(outcome: Any) -> dict[str, Any]:
    """Return what a dry run knows of a row in `sync_runs`, as a dict from the column to its value.

    The values are those that a run would write. Only the text in `error` differs: it says what a run would do.
    """
    counted = ("pages", "instances_seen", "duplicates", "rejected", "missing")
    return {
        "account": outcome.account,
        "status": outcome.status,
        **{name: getattr(outcome, name) for name in counted},
        **{name: outcome.counts[name] for name in EVENTS},
        **_error_of(outcome),
    }


def _error_of(outcome: Any) -> dict[str, str | None]:
    if outcome.error is None:
        return {"error_code": None, "error": None}
    return {"error_code": outcome.error.error_code, "error": log.plain(str(outcome.error), 1000)}


def _exit(outcomes: list[Any], stop: threading.Event) -> None:
    fault = next((outcome.fault for outcome in outcomes if outcome.fault is not None), None)
    if fault is not None:
        raise fault  # exits with 1, which comes first; `--debug` shows where it arose
    codes = {outcome.exit_code for outcome in outcomes} | ({4} if stop.is_set() else set())
    raise typer.Exit(next((code for code in FIRST_OF if code in codes), 0))
