"""The command `missing`: list the missing instances, or record them as vanished."""

import sys
from contextlib import redirect_stdout
from typing import Annotated, Any

import typer

from inventory import log
from inventory.cli.opening import loaded, open_for_reading, opened_as_is, require_account
from inventory.cli.options import AccountOption, DatabaseOption, FormatOption, ReasonOption
from inventory.errors import UsageError
from inventory.read.render import Format, printable, show
from inventory.store import database

COLUMNS = (
    "account", "instance_id", "instance_type", "region", "creator_user_nickname",
    "held", "missing_since", "last_seen_at",
)  # fmt: skip


def missing_command(
    accept: Annotated[bool, typer.Option("--accept", help="Record everything that is missing as vanished.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    reason: ReasonOption = None,
    account: AccountOption = None,
    style: FormatOption = Format.table,
    url: DatabaseOption = None,
) -> None:
    """List what is absent and not vanished; accept that it is gone.

    Instances marked `held` wait for your decision. The others are not proven gone. --accept records every instance of
    this list as vanished, held or not, each as of the first complete run that lacked it. On a terminal it lists them on
    stderr and asks first. Without a terminal, as in a script, it asks nothing and accepts everything at once, as with
    --yes. With --format json or csv, --accept prints what it settled. Writes nothing without --accept. With --accept,
    who accepted and why is recorded too, in operator_actions.

    \b
    Examples:
      inventory missing
      inventory missing --accept
      inventory missing --accept --yes --reason "deleted by ada, ticket 4711"
      inventory missing --account research --format json
    """
    if reason is not None and not accept:
        raise UsageError("--reason says why something is accepted; it needs --accept.")
    from inventory.read import queries

    if not accept:
        with open_for_reading(url, account) as connection:
            _show_missing(list(queries.instances(connection, account=account, presence="missing")), style)
        return
    from inventory.history.missing import accept_missing

    settings = loaded(database_url=url)
    with opened_as_is(settings.database_url) as engine:
        with database.reading(engine) as connection:
            require_account(connection, account)
            rows = list(queries.instances(connection, account=account, presence="missing"))
        if rows and sys.stdin.isatty() and not yes and not _confirmed(rows):
            log.say("Nothing was settled.")
            raise typer.Exit(0)
        settled: set[tuple[str, str]] = set()
        try:
            for name in sorted({row["account"] for row in rows}):
                # only the listed ones: a sync may have found more since
                listed = {row["instance_id"] for row in rows if row["account"] == name}
                accepted = accept_missing(
                    engine, name, only=listed, reason=reason, lease_seconds=settings.lease_seconds
                )
                settled.update((name, instance_id) for instance_id in accepted)
            with database.reading(engine) as connection:
                left = len(list(queries.instances(connection, account=account, presence="missing")))
        except BaseException:
            if settled:  # each account is settled in a transaction of its own
                names = printable(", ".join(sorted({name for name, _ in settled})))
                said = f"{len(settled)} settled as vanished in account {names}, before this command ended early."
                _show_settled(rows, settled, style, said)
            raise
    said = f"{len(settled)} settled as vanished." if settled or left else "Nothing is missing."
    _show_settled(rows, settled, style, said)
    if left:
        log.say(f"Missing, but not among those listed before: {left}. `inventory missing` shows them.")


def _confirmed(rows: list[dict[str, Any]]) -> bool:
    """Show the rows, ask whether to settle them, and return the answer. The end of the input (Ctrl-D) means no."""
    with redirect_stdout(sys.stderr):  # stdout is for what was settled
        _show_missing(rows, Format.table)
        try:
            return typer.confirm(f"Settle these {len(rows)} as vanished?", err=True)
        except typer.Abort as error:
            if not isinstance(error.__context__, EOFError):  # a signal
                raise
            print()
            return False


def _show_settled(rows: list[dict[str, Any]], settled: set[tuple[str, str]], style: Format, said: str) -> None:
    """Print `said` on stdout. For JSON or CSV, print the settled rows on stdout instead, and `said` on stderr.

    `settled` has the account and the id of each settled instance.
    """
    if style is Format.table:
        print(said, flush=True)
    else:
        _show_missing([row for row in rows if (row["account"], row["instance_id"]) in settled], style)
        log.say(said)


def _show_missing(rows: list[dict[str, Any]], style: Format) -> None:
    from inventory.read import relations

    header = relations.columns("instances")
    show(rows, "missing", style, columns=COLUMNS, header=header, empty="Nothing is missing.")
