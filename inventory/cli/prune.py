"""The command `prune`: fold old history. It is the only command that deletes history."""

from datetime import datetime
from typing import Annotated

import typer

from inventory import log
from inventory.cli.opening import loaded, opened_as_is, require_account
from inventory.cli.options import AccountOption, DatabaseOption, ReasonOption, a_time
from inventory.cli.progress import live_line
from inventory.history.prune import PruneRequest, PruneResult, prune, would_prune
from inventory.read.queries import account_names
from inventory.read.render import printable
from inventory.store import database
from inventory.times import iso, parse_time
from inventory.wording import counted


def prune_command(
    before: Annotated[
        str,
        typer.Option("--before", metavar="TIME", callback=a_time, help="ISO 8601, or a time ago like 400d."),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; write nothing.")] = False,
    reason: ReasonOption = None,
    account: AccountOption = None,
    url: DatabaseOption = None,
) -> None:
    """Make old history coarse: the only command that deletes history.

    Within each episode, consecutive versions of the same type and region become one, if they ended at the given time or
    earlier. Episodes stay, with their times, hours and creators, and so does the fleet at any later time. Older changes
    within an episode are lost, and so are old runs that nothing refers to. Only a backup can bring them back.

    First it checks the history of an account against the log, as `verify` does. If they differ, it folds nothing of
    this account and exits with 9, also with --dry-run. Writes into operator_actions who pruned what and why; with
    --dry-run nothing.

    \b
    Examples:
      inventory prune --before 400d --dry-run
      inventory prune --before 2026-01-01 --reason "kept for one year"
    """
    settings = loaded(database_url=url)
    with opened_as_is(settings.database_url) as engine, live_line("") as update:

        def checking(done: str) -> None:
            update(printable(f"checking {done}"))

        with database.reading(engine) as connection:
            require_account(connection, account)
            names = [account] if account else account_names(connection)
            if not names:
                log.say("there is no account yet: a sync makes one")
            time = parse_time(before, database.now(connection))
            if dry_run:
                for name in names:
                    done = would_prune(connection, PruneRequest(name, time), checking=checking)
                    print(_describe(done, time, dry_run=True), flush=True)
                return
        for name in names:
            done = prune(
                engine,
                PruneRequest(name, time, reason),
                lease_seconds=settings.lease_seconds,
                progress=lambda so_far: update(_describe(so_far, time)),
                checking=checking,
            )
            coarse = "" if done.nothing_older else f"; what was before {iso(time)} is coarse now"
            print(f"{_describe(done, time)}{coarse}", flush=True)


def _describe(done: PruneResult, time: datetime, *, dry_run: bool = False) -> str:
    if done.nothing_older:
        pruned = "would be pruned" if dry_run else "was pruned"
        return printable(f"{done.account}: no run is older than {iso(time)}; nothing {pruned}")
    would_be = "would be " if dry_run else ""
    versions, runs = counted(done.versions, "version"), counted(done.runs, "run")
    return printable(f"{done.account}: {versions} {would_be}folded into others, {runs} {would_be}dropped")
