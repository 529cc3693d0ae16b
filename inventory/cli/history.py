"""The commands `show`, `changes` and `creators`: read the history. They need no key and write nothing."""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Annotated

import typer

from inventory import log
from inventory.cli.biography import print_biography, shown_value
from inventory.cli.complete import values
from inventory.cli.look import HEADINGS
from inventory.cli.opening import open_for_reading
from inventory.cli.options import MOST_ROWS, AccountOption, CreatorOption, DatabaseOption, FormatOption, a_time
from inventory.cli.period import read_period, require_period
from inventory.errors import UsageError
from inventory.read import creators, queries, relations
from inventory.read.acts import acts, describe_act
from inventory.read.relations import Row
from inventory.read.render import Format, show
from inventory.read.row_buffer import RowBuffer
from inventory.store.tables import EVENTS, Event

SinceOption = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="TIME", callback=a_time, help="From this time on: ISO 8601, or a time ago like 2d."
    ),
]
UntilOption = Annotated[
    str | None, typer.Option("--until", metavar="TIME", callback=a_time, help="Before this time, in the same form.")
]

CHANGE_COLUMNS = (
    "occurred_at", "account", "event", "instance_id", "instance_type", "region", "status", "creator_user_nickname",
    "fields",
)  # fmt: skip
ACT_COLUMNS = ("occurred_at", "account", "action", "details", "actor", "reason")
CREATOR_COLUMNS = (
    "account", "creator_user_nickname", "instances_created", "created_before_watch", "live_now", "first_created_at",
    "last_created_at", "hours_low", "gpu_hours_low",
)  # fmt: skip
NEWEST = 50
"""The number of changes or acts that are shown without --limit and --since."""


_EVENTS = f"{', '.join(EVENTS[:-1])} or {EVENTS[-1]}"


def show_command(
    instance_id: Annotated[
        str,
        typer.Argument(
            metavar="INSTANCE_ID",
            help="fal's id of the instance.",
            autocompletion=values("instances", "instance_id"),
        ),
    ],
    account: AccountOption = None,
    style: FormatOption = Format.table,
    url: DatabaseOption = None,
) -> None:
    """Show the life of one instance: creator, times, hours, changes.

    Hours are given as bounds, at least and at most. An id that several accounts have is shown once for each. With
    --format csv it prints a row for each version. Times are UTC. Writes nothing.

    \b
    Examples:
      inventory show inst_425978e4b98d
      inventory show inst_425978e4b98d --account research --format json
    """
    with open_for_reading(url, account) as connection:
        found = queries.biographies(connection, instance_id, account)
    if style is Format.json:
        show(found, "instances", style)
    elif style is Format.csv:
        show([version for row in found for version in row["versions"]], "versions", style)
    else:
        for number, row in enumerate(found):
            if number:
                print()
            print_biography(row)


def changes_command(
    since: SinceOption = None,
    until: UntilOption = None,
    event: Annotated[Event | None, typer.Option("--event", metavar="EVENT", help=f"Only {_EVENTS}.")] = None,
    creator: CreatorOption = None,
    instance: Annotated[
        str | None,
        typer.Option(
            "--instance",
            metavar="INSTANCE_ID",
            help="Only what happened to this one.",
            autocompletion=values("instances", "instance_id"),
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            metavar="N",
            min=1,
            max=MOST_ROWS,
            help=f"How many, the newest [all since --since; else {NEWEST}].",
        ),
    ] = None,
    operators: Annotated[
        bool, typer.Option("--operators", help="Instead, what people did: accept, prune, rename, retire.")
    ] = False,
    account: AccountOption = None,
    style: FormatOption = Format.table,
    url: DatabaseOption = None,
) -> None:
    """List what appeared, changed, vanished or came back, and when.

    The newest first. A change has its old and new values. With --operators: who accepted a disappearance, pruned,
    renamed or retired, when and why. An actor is self-declared: whoever controls the host controls the name. Times are
    UTC. Writes nothing.

    \b
    Examples:
      inventory changes --since 2d
      inventory changes --event vanished --creator ada --limit 10
      inventory changes --instance inst_425978e4b98d --format json
      inventory changes --since 2026-03-06 --until 2026-03-07 --format csv
      inventory changes --operators --since 90d
    """
    if operators and (event, creator, instance) != (None, None, None):
        raise UsageError("--operators lists what people did; --event, --creator and --instance select events.")
    require_period(since, until)
    if operators:
        _list_acts(since, until, limit, account, style, url)
        return
    with open_for_reading(url, account) as connection:
        begin, end = read_period(connection, since, until)
        most = _most(limit, begin)
        found = queries.events(
            connection,
            account=account,
            since=begin,
            until=end,
            event=event,
            creator=creator,
            instance=instance,
            limit=None if most is None else most + 1,
        )
        changes = queries.with_fields(connection, islice(found, most))
        if style is not Format.json:
            changes = (row | {"fields": _describe_fields(row["fields"])} for row in changes)
        rows = RowBuffer(changes)
        more = len(list(found)) > 0  # read to the end: this closes the server's cursor
    show(
        rows,
        "changes",
        style,
        columns=CHANGE_COLUMNS,
        header=[*relations.columns("instance_events"), "fields"],
        headings=HEADINGS | {"fields": "what changed"},
        empty="Nothing like that happened.",
    )
    _say_if_cut(most, more=more)


def creators_command(
    since: SinceOption = None,
    until: UntilOption = None,
    account: AccountOption = None,
    style: FormatOption = Format.table,
    url: DatabaseOption = None,
) -> None:
    """List who created how many, how many are live, and their hours.

    With --since or --until: what was created in that period, and the hours within it. "Created before the watch" counts
    the instances that were first seen up to the account's first complete run. Hours are a lower bound. Times are UTC.
    Writes nothing.

    \b
    Examples:
      inventory creators
      inventory creators --since 7d
      inventory creators --since 2026-03-01 --until 2026-04-01 --format csv
    """
    require_period(since, until)
    with open_for_reading(url, account) as connection:
        begin, end = read_period(connection, since, until)
        rows = creators.list_creators(connection, account=account, since=begin, until=end)
    show(
        rows,
        "creators",
        style,
        columns=CREATOR_COLUMNS,
        header=relations.columns("creators"),
        headings=HEADINGS,
        empty="Nobody created anything then.",
    )


def _list_acts(
    since: str | None, until: str | None, limit: int | None, account: str | None, style: Format, url: str | None
) -> None:
    with open_for_reading(url, account) as connection:
        begin, end = read_period(connection, since, until)
        most = _most(limit, begin)
        wanted = None if most is None else most + 1
        rows = list(acts(connection, account=account, since=begin, until=end, limit=wanted))
    shown = rows[:most]
    show(
        [row | {"details": describe_act(row)} for row in shown] if style is Format.table else shown,
        "operator_actions",
        style,
        columns=ACT_COLUMNS,
        header=relations.columns("operator_actions"),
        headings={"details": "what"},
        empty="Nobody did anything like that.",
    )
    _say_if_cut(most, more=len(rows) > len(shown))


def _most(limit: int | None, begin: datetime | None) -> int | None:
    """Return the largest number of rows to show; None means all rows."""
    return limit if limit is not None or begin is not None else NEWEST


def _say_if_cut(most: int | None, *, more: bool) -> None:
    if more:
        log.say(f"These are the newest {most}; --limit or --since shows more.")


def _describe_fields(fields: Sequence[Row]) -> str:
    """Return the changed fields as text, such as `status: init -> ready; ip: (none) -> 192.0.2.1`."""
    return "; ".join(
        f"{row['field']}: {shown_value(row['old_value'])} -> {shown_value(row['new_value'])}" for row in fields
    )
