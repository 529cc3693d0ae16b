"""The command `verify`: check that the history contradicts neither itself nor checkpoints kept elsewhere."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.engine import Connection

from inventory import log
from inventory.checkpoints.folder import KeptCheckpoint, read_checkpoints
from inventory.checkpoints.signed_note import NoteError, VerifierKey
from inventory.cli.opening import open_for_reading
from inventory.cli.options import AccountOption, DatabaseOption, FormatOption
from inventory.cli.progress import live_line
from inventory.errors import BreachFound, UsageError
from inventory.history import anchors
from inventory.history.anchors import Anchor
from inventory.history.findings import Breach, CheckedLog, Findings
from inventory.history.log_heads import read_log_ids
from inventory.history.verify import verify
from inventory.read.render import Format, printable, show, show_object
from inventory.store import integrity, tampering
from inventory.wording import counted


def verify_command(
    account: AccountOption = None,
    against: Annotated[
        list[Path] | None,
        typer.Option("--against", metavar="PATH...", help="Files or folders of checkpoints that you have kept."),
    ] = None,
    more: Annotated[
        list[Path] | None, typer.Argument(metavar="[PATH]...", help="More paths for --against.", show_default=False)
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(
            "--key",
            metavar="VERIFIER_KEY",
            help="A verifier key; may be repeated. One of these must have signed each checkpoint.",
        ),
    ] = None,
    allow_pruned: Annotated[
        bool, typer.Option("--allow-pruned", help="Accept a prune that is newer than a checkpoint.")
    ] = False,
    style: FormatOption = Format.table,
    url: DatabaseOption = None,
) -> None:
    """Check the history against its digests, its log and checkpoints.

    For each run that recorded a digest of the fleet, it rebuilds the fleet of that time, and compares the digests. It
    recomputes every entry of each log from the rows, except those of which `prune` left only the hash. Intervals,
    counts, references, times and the database's own tables and indexes are checked too. Each of the first 100 breaches
    is a line with its account, run and instance; with any breach the exit code is 9.

    Without --against, this finds contradictions and accidents, but not what somebody with full rights on the database
    rewrote consistently, with all hashes. With --against, the database must hold, unchanged, everything that each
    checkpoint covers. A folder stands for all files *.checkpoint in it and in the folders below. Writes nothing.

    \b
    Examples:
      inventory verify
      inventory verify --account research --format json
      inventory verify --against checkpoints
    """
    if not against and (more or key or allow_pruned):
        raise UsageError("Paths, --key and --allow-pruned need --against: the checkpoints that you have kept.")
    keys = [_parse_key(text) for text in key or ()]
    kept = read_checkpoints([*(against or ()), *(more or ())])
    with open_for_reading(url, account, temporary_views=True) as connection:
        log_ids = read_log_ids(connection)
        kept = _select(kept, account, log_ids)
        for unchecked in (integrity.why_unchecked(connection), tampering.why_views_are_unchecked(connection)):
            if unchecked:
                log.say(unchecked)
        found = _verify(connection, account, kept)
    compared = anchors.compare(kept, found, keys=keys, allow_pruned=allow_pruned)
    without = [name for name, log_id in log_ids.items() if log_id is None and account in (None, name)]
    _show(found, compared, without, signed=bool(keys), style=style)
    if found.count:
        raise BreachFound(_summary(found))


def _verify(connection: Connection, account: str | None, kept: Sequence[KeptCheckpoint]) -> Findings:
    with live_line("reading the runs") as update:
        sizes = anchors.sizes_of(kept)
        return verify(connection, account=account, sizes=sizes, progress=lambda done: update(printable(done)))


def _parse_key(text: str) -> VerifierKey:
    try:
        return VerifierKey.parse(text.strip())
    except NoteError as error:
        raise UsageError(f"--key: {error}. Take the last line that `inventory checkpoint keygen` printed.") from None


def _select(kept: list[KeptCheckpoint], account: str | None, log_ids: dict[str, str | None]) -> list[KeptCheckpoint]:
    """Return the checkpoints. If `account` is given, leave out those of the other accounts of the database.

    A checkpoint of a log that is not in the database stays. `log_ids` is a dict from the name of each account to its
    log id. Raise UsageError if all checkpoints would be left out.
    """
    if account is None or not kept:
        return kept
    others = {log_id for name, log_id in log_ids.items() if name != account}
    selected = [each for each in kept if each.checkpoint.log_id not in others]
    if not selected:
        raise UsageError(f"None of the checkpoints is of account {account}: {kept[0].file} is of another one.")
    if left_out := len(kept) - len(selected):
        log.say(f"{counted(left_out, 'checkpoint')} of other accounts left out")
    return selected


def _show(found: Findings, compared: Sequence[Anchor], without: Sequence[str], *, signed: bool, style: Format) -> None:
    """Print the breaches, and what was checked.

    `without` are the names of the accounts that have no log. `signed` says whether signatures were checked. JSON holds
    the breaches, the logs and the checkpoints. CSV holds the breaches only. With JSON or CSV, a summary is written to
    stderr.
    """
    signature = "signature valid" if signed else "signature not checked"
    rows = [breach._asdict() for breach in found.breaches]
    if style is Format.json:
        logs = [*map(_log_row, found.logs), *({"account": name, "log_id": None} for name in without)]
        lists: dict[str, list[dict[str, Any]]] = {"breaches": rows, "logs": logs}
        show_object(
            lists | ({"checkpoints": [_anchor_row(each, signed=signed) for each in compared]} if compared else {})
        )
    elif style is Format.csv:
        show(rows, "breaches", style, columns=Breach._fields)
    elif found.count:
        print("\n".join(map(_line, found.breaches)))
        if found.count > len(found.breaches):
            print(f"and {found.count - len(found.breaches):,} more")
    write = print if style is Format.table else log.say
    if not found.count:
        write(
            f"verified: {counted(found.runs, 'run')}, {counted(found.instances, 'instance')}, "
            f"{counted(found.versions, 'version')}; every digest matches"
        )
    lines = [
        *map(_log_line, found.logs),
        *(f"account {name}: no log yet, so nothing anchors its history" for name in without),
        *(_anchor_line(each, signature) for each in compared if not each.faults),
    ]
    for line in lines:
        write(printable(line))


def _summary(found: Findings) -> str:
    number = counted(found.count, "breach", "breaches")
    if all(breach.kind == "checkpoint" for breach in found.breaches):
        return (
            f"{number}: the database does not hold, unchanged, what the checkpoints cover. Nothing was changed; "
            "docs/checkpoints.md says what it can mean."
        )
    return (
        f"{number} in {counted(found.versions, 'version')}: the history is not what the runs recorded. "
        "Nothing was changed; compare with a backup."
    )


def _line(breach: Breach) -> str:
    parts = [f"account {breach.account}"] if breach.account is not None else []
    parts += [f"run {breach.run_id}"] if breach.run_id is not None else []
    parts += [f"instance {breach.instance_id}"] if breach.instance_id is not None else []
    return printable(": ".join(filter(None, (breach.kind, ", ".join(parts), breach.what))))


def _log_line(checked: CheckedLog) -> str:
    return (
        f"account {checked.account}: log since {checked.since}, {counted(checked.size, 'entry', 'entries')}: "
        f"{checked.size - checked.by_hash:,} checked by content, {checked.by_hash:,} known by hash only"
    )


def _anchor_line(anchor: Anchor, signature: str) -> str:
    entries = counted(anchor.kept.checkpoint.size, "entry", "entries")
    return f"{anchor.kept.file}: account {anchor.account}, {entries} unchanged; {signature}"


def _log_row(checked: CheckedLog) -> dict[str, Any]:
    return {
        "account": checked.account,
        "log_id": checked.log_id,
        "since": checked.since,
        "entries": checked.size,
        "checked_by_content": checked.size - checked.by_hash,
        "known_by_hash": checked.by_hash,
    }


def _anchor_row(anchor: Anchor, *, signed: bool) -> dict[str, Any]:
    return {
        "file": str(anchor.kept.file),
        "account": anchor.account,
        "origin": anchor.kept.checkpoint.origin,
        "entries": anchor.kept.checkpoint.size,
        "holds": not anchor.faults,
        "signature_checked": signed,
        "fault": "; ".join(anchor.faults) or None,
    }
