"""The commands `list` and `runs`: show the fleet and the runs. They need no key and write nothing."""

from datetime import timedelta
from typing import Annotated

import typer

from inventory import log
from inventory.cli.complete import values
from inventory.cli.opening import open_for_reading
from inventory.cli.options import MOST_ROWS, AccountOption, CreatorOption, DatabaseOption, FormatOption, a_time
from inventory.errors import UsageError
from inventory.read import fleet_at, queries, relations
from inventory.read.fleet_at import RunsAround
from inventory.read.render import Format, cell, printable, show
from inventory.read.row_buffer import RowBuffer
from inventory.store import database
from inventory.times import brief, parse_time
from inventory.wording import counted

FLEET_COLUMNS = (
    "account", "instance_id", "instance_type", "region", "status", "ip", "creator_user_nickname", "presence",
    "first_seen_at", "last_seen_at",
)  # fmt: skip

THEN_COLUMNS = (
    "account", "instance_id", "instance_type", "region", "status", "ip", "creator_user_nickname", "valid_from",
    "valid_to", "episode",
)  # fmt: skip

RUN_COLUMNS = (
    "run_id", "account", "started_at", "status", "instances_seen", "appeared", "changed", "reappeared", "vanished",
    "missing", "error_code",
)  # fmt: skip

HEADINGS = {"creator_user_nickname": "creator", "instance_type": "type", "instances_seen": "seen"}


def list_command(
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", callback=a_time, help="As it was then: ISO 8601, or a time ago like 2d."),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every instance ever seen, the vanished ones too.")] = False,
    creator: CreatorOption = None,
    region: Annotated[
        str | None,
        typer.Option(
            "--region",
            metavar="REGION",
            help="Only those in this region, like us-west.",
            autocompletion=values("instances", "region"),
        ),
    ] = None,
    type_: Annotated[
        str | None,
        typer.Option(
            "--type",
            metavar="TYPE",
            help="Only this type, like gpu_8x_h100_sxm5.",
            autocompletion=values("instances", "instance_type"),
        ),
    ] = None,
    status: Annotated[
        str | None,
        typer.Option(
            "--status",
            metavar="STATUS",
            help="Only those with this status, like ready.",
            autocompletion=values("instances", "status"),
        ),
    ] = None,
    account: AccountOption = None,
    style: FormatOption = Format.table,
    url: DatabaseOption = None,
) -> None:
    """List the fleet now, or as it was at a time.

    Without --at: what is live or missing as of each account's last run. With --at: the fleet and its fields at that
    time. For each account a line on stderr names the complete runs before and after that time, and says if the time
    lies in a gap of the record. A time is refused if it is before an account's first complete run, in pruned history,
    or after the last complete run. There is one exception without --account: a retired account that has no complete run
    at that time or later is only left out. If no account is left, the time is refused. A time without an offset is UTC.
    Times in the output are UTC. Writes nothing.

    \b
    Examples:
      inventory list
      inventory list --creator ada --region us-west
      inventory list --type gpu_8x_h100_sxm5 --status ready --format json
      inventory list --at 2026-03-06T22:00Z
      inventory list --at 2026-03-06T23:00+01:00 --creator ada
      inventory list --all --format csv > fleet.csv
    """
    if at is not None and all_:
        raise UsageError("--at and --all exclude each other: the fleet as of a time has only what was there then.")
    wanted = {"creator": creator, "region": region, "type_": type_, "status": status}
    with open_for_reading(url, account) as connection:
        if at is None:
            rows = RowBuffer(queries.instances(connection, account=account, all_=all_, **wanted))
        else:
            time = parse_time(at, database.now(connection))
            around = fleet_at.runs_around(connection, time, account)
            known = [runs.account for runs in around if not runs.retired]
            rows = RowBuffer(fleet_at.as_of(connection, time, known, **wanted))
    columns, header, empty = FLEET_COLUMNS, relations.columns("instances"), "No instance is like that."
    if at is not None:
        columns, header, empty = THEN_COLUMNS, list(fleet_at.AS_OF_COLUMNS), "No instance was like that."
        for runs in around:
            log.say(f"{cell(time)}, {_describe(runs)}")
    show(rows, "instances", style, columns=columns, header=header, headings=HEADINGS, empty=empty)


def _describe(runs: RunsAround) -> str:
    """Return a line of text about one account. It names the complete runs before and after the time of --at.

    If a complete run has exactly that time, the line names only this run. If that time lies in a gap, the line says so.
    If the account is left out because it is retired, the line says that, and names its last complete run, if any.
    """
    name = f"account {printable(runs.account)}"
    if runs.before is None:
        return f"{name}: not listed; it is retired, and has no complete run."
    before = f"run {runs.before['run_id']} ({cell(runs.before['started_at'])})"
    if runs.retired:
        return f"{name}: not listed; it is retired, and its last complete run was {before}."
    if runs.exact:
        return f"{name}: the very time of complete {before}."
    assert runs.after is not None  # noqa: S101 - a time after the last complete run is refused
    after = f"run {runs.after['run_id']} ({cell(runs.after['started_at'])})"
    if runs.gap is None:
        return f"{name}: between the complete {before} and {after}."
    failed = runs.gap["failed_runs"]
    why = counted(failed, "failed run") if failed else "no run, though one was due"
    return (
        f"{name}: in a gap of {brief(timedelta(seconds=runs.gap['seconds']))} between the complete {before} and "
        f"{after}, with {why}: what came and went there is not known."
    )


def runs_command(
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=MOST_ROWS, help="How many, the newest first.")
    ] = 20,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that did not succeed.")] = False,
    account: AccountOption = None,
    style: FormatOption = Format.table,
    url: DatabaseOption = None,
) -> None:
    """List the attempts to sync: when, how each ended, what it found.

    The newest first. Times are UTC. Writes nothing.

    \b
    Examples:
      inventory runs
      inventory runs --failed --limit 5 --format json
    """
    with open_for_reading(url, account) as connection:
        rows = RowBuffer(queries.runs(connection, account=account, failed=failed, limit=limit))
    header, empty = relations.columns("sync_runs"), "There is no such run."
    show(rows, "runs", style, columns=RUN_COLUMNS, header=header, headings=HEADINGS, empty=empty)
