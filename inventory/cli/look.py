"""`list` and `runs`: looking at what is known. They need no key and write nothing."""

from typing import Annotated

import typer

from inventory import queries
from inventory.cli.options import AccountOption, DatabaseOption, FormatOption, open_for_reading
from inventory.render import Format, show

FLEET_COLUMNS = (
    "account", "instance_id", "instance_type", "region", "status", "ip", "creator_user_nickname", "presence",
    "first_seen_at", "last_seen_at",
)  # fmt: skip

RUN_COLUMNS = (
    "run_id", "account", "started_at", "status", "instances_seen", "appeared", "changed", "reappeared", "vanished",
    "missing", "error_code",
)  # fmt: skip

HEADINGS = {"creator_user_nickname": "creator", "instance_type": "type", "instances_seen": "seen"}


def list_command(
    all_: Annotated[bool, typer.Option("--all", help="Every instance ever seen, the vanished ones too.")] = False,
    creator: Annotated[str | None, typer.Option("--creator", metavar="NICKNAME")] = None,
    region: Annotated[str | None, typer.Option("--region")] = None,
    type_: Annotated[str | None, typer.Option("--type", metavar="INSTANCE_TYPE")] = None,
    status: Annotated[str | None, typer.Option("--status")] = None,
    account: AccountOption = None,
    style: FormatOption = Format.table,
    url: DatabaseOption = None,
) -> None:
    """List the fleet as of the last runs: what is live, and what is missing. Times are UTC.

    \b
    Examples:
      inventory list
      inventory list --creator ada --status ready
      inventory list --all --format csv > fleet.csv
    """
    with open_for_reading(url, account) as connection:
        rows = queries.instances(
            connection, account=account, all_=all_, creator=creator, region=region, type_=type_, status=status
        )
    show(rows, "instances", style, columns=FLEET_COLUMNS, headings=HEADINGS, empty="No instance is like that.")


def runs_command(
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many, the newest first.")] = 20,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that did not succeed.")] = False,
    account: AccountOption = None,
    style: FormatOption = Format.table,
    url: DatabaseOption = None,
) -> None:
    """List the runs, the newest first: when, how each ended, and what it found.

    \b
    Examples:
      inventory runs
      inventory runs --failed --limit 5 --format json
    """
    with open_for_reading(url, account) as connection:
        rows = queries.runs(connection, account=account, failed=failed, limit=limit)
    show(rows, "runs", style, columns=RUN_COLUMNS, headings=HEADINGS, empty="There is no such run.")
