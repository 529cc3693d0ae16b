"""The command `checkpoint`: print or write the checkpoints of the logs, and make the key that signs them."""

import os
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.engine import Engine

from inventory import log
from inventory.checkpoints.folder import write_checkpoint
from inventory.checkpoints.signed_note import NoteError, SigningKey, require_key_name
from inventory.cli.opening import loaded, opened_as_is, require_account
from inventory.cli.options import AccountOption, DatabaseOption
from inventory.config.signing import Signer, read_signer
from inventory.errors import AccountBusy, BreachFound, DatabaseError, InventoryError, UsageError
from inventory.history.log_heads import LogHead, read_heads, read_log_ids
from inventory.read.render import printable
from inventory.store import database
from inventory.wording import counted

app = typer.Typer(invoke_without_command=True, rich_markup_mode=None)

KEY_MODE = 0o600


@app.callback()
def checkpoint_command(
    context: typer.Context,
    account: AccountOption = None,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="DIR", help="Write the files into this folder; print nothing.")
    ] = None,
    url: DatabaseOption = None,
) -> None:
    """Print a checkpoint of each log, to be kept elsewhere.

    A checkpoint says how many entries the log of an account has, and their root hash: about 100 bytes, or 250 if it is
    signed, in the format C2SP tlog-checkpoint. Whoever keeps a copy can tell later, by `inventory verify --against`,
    whether anything that it covers was changed or removed. A checkpoint is signed if INVENTORY_CHECKPOINT_KEY_FILE
    names a key. `keygen` makes a key. With --output, it writes one file per log into that folder, and replaces the
    earlier file of the log. Writes nothing into the database. Exits with 6 if another process keeps writing into that
    folder. Exits with 9 if the earlier file contradicts the log; then this file stays as it was.

    \b
    Examples:
      inventory checkpoint
      inventory checkpoint --account research --output checkpoints
    """
    if context.invoked_subcommand is not None:
        if (account, output, url) != (None, None, None):
            raise UsageError(f"Write the options after `{context.invoked_subcommand}`.")
        return
    settings = loaded(database_url=url)
    signer = read_signer(settings)
    with opened_as_is(settings.database_url) as engine:
        with database.reading(engine) as connection:
            require_account(connection, account)
            without = [name for name, log_id in read_log_ids(connection, account).items() if log_id is None]
            heads = read_heads(connection, account)
        if account is not None and without:
            raise UsageError(f"Account {account} has no log yet: its next run, or act of a person, begins it.")
        for name in without:
            log.say(printable(f"account {name} has no log yet: its next run, or act of a person, begins it"))
        if not heads and not without:
            log.say("there is no account yet: a sync makes one")
        if output is None:
            print("\n".join(str(signer.checkpoint(head.log_id, head.size, head.root)[1]) for head in heads), end="")
        else:
            _write_all(engine, heads, signer, output)
    if heads and signer.key is None:
        log.say("unsigned: INVENTORY_CHECKPOINT_KEY_FILE names no key, so nothing shows who made the checkpoints")


@app.command("keygen")
def keygen_command(
    name: Annotated[
        str,
        typer.Option("--name", metavar="NAME", help="A name for INVENTORY_CHECKPOINT_NAME, like fleet.example.org."),
    ],
    output: Annotated[Path, typer.Option("--output", metavar="FILE", help="The file for the private key.")],
    url: DatabaseOption = None,
) -> None:
    """Make a key that signs checkpoints, and print its verifier keys.

    One key signs the checkpoints of all logs. Each log has a verifier key of its own, whose name is the origin in the
    checkpoints of this log. If there is a database, the verifier keys of its logs are printed first. The last line is
    a verifier key for all logs, to be given to `inventory verify --key`. Send it to whoever keeps the checkpoints, but
    not together with them. Writes the private key into a new file that only its owner may read; never over a file that
    is there.

    \b
    Examples:
      inventory checkpoint keygen --name fleet.example.org --output checkpoint.key
    """
    try:
        require_key_name(name)
    except NoteError as error:
        raise UsageError(f"--name: {error}.") from None
    heads = _heads_if_any(url)
    key = SigningKey.generate()
    _write_key(output, key.pem)
    for head in heads:
        print(printable(str(key.verifier(f"{name}/{head.log_id}"))))
    print(printable(str(key.verifier(name))))
    log.say(
        printable(
            f"the key is in {output}: set INVENTORY_CHECKPOINT_KEY_FILE to it and INVENTORY_CHECKPOINT_NAME to {name}, "
            "and keep a copy where only you can read it"
        )
    )


def _write_all(engine: Engine, heads: list[LogHead], signer: Signer, folder: Path) -> None:
    """Write the checkpoint of each log into its file in the folder.

    If the file of a log cannot be replaced, it stays as it was, and the files of the other logs are still written. At
    the end raise the first BreachFound: it says that a file contradicts its log. If there is none, raise the first of
    the other errors, if any.
    """
    failed: list[InventoryError] = []
    for head in heads:
        try:
            written, file = _write(engine, head, signer, folder)
        except (BreachFound, UsageError, AccountBusy) as error:
            failed.append(error)
        else:
            log.say(printable(f"account {written.account}: {counted(written.size, 'entry', 'entries')}, in {file}"))
    if failed:
        raise next((error for error in failed if isinstance(error, BreachFound)), failed[0])


def _write(engine: Engine, head: LogHead, signer: Signer, folder: Path) -> tuple[LogHead, Path]:
    """Write the checkpoint of one log, and return the head that was written, and the file.

    If the earlier file contradicts `head`, another process may have written a later checkpoint after `head` was read.
    So read the log's head from the database again, and write the checkpoint of this new head. Raise BreachFound if the
    file contradicts the new head too.
    """
    try:
        return head, write_checkpoint(folder, head.account, *signer.checkpoint(head.log_id, head.size, head.root))
    except BreachFound:
        with database.reading(engine) as connection:
            head = next((each for each in read_heads(connection) if each.log_id == head.log_id), head)
        return head, write_checkpoint(folder, head.account, *signer.checkpoint(head.log_id, head.size, head.root))


def _heads_if_any(url: str | None) -> list[LogHead]:
    """Return the head of each log in the database.

    If the database cannot be read, return an empty list. But if `url` names the database, raise the error.
    """
    settings = loaded(database_url=url)
    try:
        with opened_as_is(settings.database_url) as engine, database.reading(engine) as connection:
            return read_heads(connection)
    except (DatabaseError, UsageError):
        if url is not None:
            raise
        return []


def _write_key(file: Path, pem: bytes) -> None:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, KEY_MODE)
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(pem)
            opened.flush()
            os.fsync(opened.fileno())
    except FileExistsError:
        raise UsageError(f"{file} is there already, and may be a key in use; nothing was written.") from None
    except OSError as error:
        raise UsageError(f"The key cannot be written to {file}: {error.strerror or error}.") from None
