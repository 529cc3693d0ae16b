"""The commands of `account`: list, rename and retire the accounts of the database."""

from typing import Annotated

import typer

from inventory.cli.complete import values
from inventory.cli.opening import loaded, open_for_reading, opened_as_is, require_account
from inventory.cli.options import AccountOption, DatabaseOption, FormatOption, ReasonOption
from inventory.config.keys import require_account_name
from inventory.history import accounts
from inventory.read.accounts import COLUMNS, list_accounts
from inventory.read.render import Format, printable, show
from inventory.store import database
from inventory.wording import counted

app = typer.Typer(
    help="""List, rename or retire the accounts of the database.

    An account is the workspace of one API key, under a name that you choose. `rename` and `retire` write to the
    database; `list` writes nothing.

    \b
    Examples:
      inventory account list
      inventory account rename default research
      inventory account retire research
    """,
    no_args_is_help=True,
    rich_markup_mode=None,
)

SHOWN = (
    "account", "created_at", "retired_at", "pruned_before", "last_complete_at", "last_status", "live_instances",
    "missing_instances",
)  # fmt: skip
HEADINGS = {
    "created_at": "since", "retired_at": "retired", "last_complete_at": "last complete", "live_instances": "live",
    "missing_instances": "missing",
}  # fmt: skip

NameArgument = Annotated[
    str,
    typer.Argument(metavar="NAME", help="An account of the database.", autocompletion=values("accounts", "account")),
]


@app.command("list")
def list_command(account: AccountOption = None, style: FormatOption = Format.table, url: DatabaseOption = None) -> None:
    """List the accounts of the database, the retired ones too.

    Times are UTC. Writes nothing.

    \b
    Examples:
      inventory account list
      inventory account list --format json
    """
    with open_for_reading(url, account) as connection:
        rows = list_accounts(connection, account)
    show(
        rows,
        "accounts",
        style,
        columns=SHOWN,
        header=COLUMNS,
        headings=HEADINGS,
        empty="No account is synced into this database. `inventory sync` begins.",
    )


@app.command("rename")
def rename_command(
    old: Annotated[
        str, typer.Argument(metavar="OLD", help="Its name now.", autocompletion=values("accounts", "account"))
    ],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Its name from now on.")],
    reason: ReasonOption = None,
    url: DatabaseOption = None,
) -> None:
    """Give an account another name, with its whole history.

    Do this when its name in the configuration changes, before the next sync. Otherwise that sync would begin a second
    history of the same workspace under the new name. Writes the new name into every row of the account in one
    transaction, and records in operator_actions who renamed it and why.

    \b
    Examples:
      inventory account rename default research
      inventory account rename default research --reason "one name a team"
    """
    require_account_name(new)
    settings = loaded(database_url=url)
    with opened_as_is(settings.database_url) as engine:
        with database.reading(engine) as connection:
            require_account(connection, old)
        done = accounts.rename(engine, old, new, reason=reason, lease_seconds=settings.lease_seconds)
    renamed = ", ".join(
        (counted(done.runs, "run"), counted(done.instances, "instance"), counted(done.versions, "version"))
    )
    print(printable(f"{new} was {old}: {renamed}. A sync under the old name would begin a new history."))


@app.command("retire")
def retire_command(name: NameArgument, reason: ReasonOption = None, url: DatabaseOption = None) -> None:
    """Mark an account as no longer synced; its history stays.

    `inventory status` leaves it out from then on. A sync of the account brings it back, so remove it from the
    configuration too. Writes the time into the account's row, and records in operator_actions who retired it and
    why. If the account is already retired, nothing is recorded.

    \b
    Examples:
      inventory account retire default
      inventory account retire default --reason "the project has ended"
    """
    settings = loaded(database_url=url)
    with opened_as_is(settings.database_url) as engine:
        with database.reading(engine) as connection:
            require_account(connection, name)
        done = accounts.retire(engine, name, reason=reason, lease_seconds=settings.lease_seconds)
    what = "is retired; its history stays, and a sync of it brings it back" if done else "was retired before"
    print(printable(f"{name} {what}."))
