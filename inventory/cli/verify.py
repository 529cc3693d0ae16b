"""The command `verify`: check that the history contradicts neither itself nor the digests of its runs."""

from inventory import log
from inventory.cli.opening import open_for_reading
from inventory.cli.options import AccountOption, DatabaseOption, FormatOption
from inventory.cli.progress import live_line
from inventory.errors import BreachFound
from inventory.history.findings import Breach
from inventory.history.verify import verify
from inventory.read.render import Format, printable, show
from inventory.store import integrity


def verify_command(
    account: AccountOption = None,
    style: FormatOption = Format.table,
    url: DatabaseOption = None,
) -> None:
    """Check the whole history against the digests of the runs.

    It rebuilds the fleet as each complete run left it, and compares it with the digest that the run recorded.
    Intervals, counts, references, times and the database's own tables and indexes are checked too. Each breach is a
    line with its account, run and instance; with any breach the exit code is 9. This finds contradictions and
    accidents. It does not find rows that somebody with full rights on the database rewrote consistently, with their
    hashes and digests. Writes nothing.

    \b
    Examples:
      inventory verify
      inventory verify --account research --format json
    """
    with open_for_reading(url, account) as connection:
        if unchecked := integrity.why_unchecked(connection):
            log.say(unchecked)
        with live_line("reading the runs") as update:
            found = verify(connection, account=account, progress=lambda done: update(printable(done)))
    if style is not Format.table:
        show([breach._asdict() for breach in found.breaches], "breaches", style, columns=Breach._fields)
    elif found.count:
        print("\n".join(_line(breach) for breach in found.breaches))
        if found.count > len(found.breaches):
            print(f"and {found.count - len(found.breaches):,} more")
    if found.count:
        raise BreachFound(
            f"{found.count:,} {'breach' if found.count == 1 else 'breaches'} in {found.versions:,} versions: the "
            "history is not what the runs recorded. Nothing was changed; compare with a backup."
        )
    write = print if style is Format.table else log.say
    write(
        f"verified: {found.runs:,} runs, {found.instances:,} instances, {found.versions:,} versions; "
        "every digest matches"
    )


def _line(breach: Breach) -> str:
    parts = [f"account {breach.account}"] if breach.account is not None else []
    parts += [f"run {breach.run_id}"] if breach.run_id is not None else []
    parts += [f"instance {breach.instance_id}"] if breach.instance_id is not None else []
    return printable(": ".join(filter(None, (breach.kind, ", ".join(parts), breach.what))))
