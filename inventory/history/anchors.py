"""Compare the logs with checkpoints that were kept elsewhere (`a-checkpoint-anchors-the-log`).

`verify` recomputes the Merkle tree of each log from the rows. On the way it keeps the root of the tree at the size of
each checkpoint. A checkpoint holds if that root is equal to the root in the checkpoint. In that case no entry that the
checkpoint covers has changed since the checkpoint was made.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from inventory.checkpoints.folder import KeptCheckpoint
from inventory.checkpoints.signed_note import VerifierKey
from inventory.history.findings import SHOWN, Breach, CheckedLog, Findings
from inventory.merkle import EMPTY_ROOT
from inventory.wording import counted


@dataclass(frozen=True)
class Anchor:
    """A checkpoint that was compared with the database."""

    kept: KeptCheckpoint
    account: str | None
    """The account to whose log the checkpoint belongs; None if the database has no such log."""
    faults: tuple[str, ...]
    """Clauses that say what is wrong with the checkpoint or with the database; empty if nothing is."""


def sizes_of(kept: Iterable[KeptCheckpoint]) -> dict[str, set[int]]:
    """Return a dict from the id of a log to the sizes of its checkpoints, for the parameter `sizes` of `verify`."""
    sizes: dict[str, set[int]] = defaultdict(set)
    for each in kept:
        sizes[each.checkpoint.log_id].add(each.checkpoint.size)
    return sizes


def compare(
    kept: Sequence[KeptCheckpoint],
    findings: Findings,
    *,
    keys: Sequence[VerifierKey],
    allow_pruned: bool,
) -> list[Anchor]:
    """Compare each checkpoint with its log as `verify` has recomputed it. Return an Anchor for each, in the same order.

    Each fault becomes a breach in `findings`, placed before the other breaches. If `keys` are given, each checkpoint
    must have a valid signature by one of them. A prune after the checkpoint may have folded what the checkpoint covers.
    Such a prune is a fault, unless `allow_pruned` is set. A prune that has not finished is always a fault, because the
    log does not protect the content of the versions that are not folded yet (`CheckedLog.unfolded`).
    """
    logs = {log.log_id: log for log in findings.logs}
    contradictions = dict(_contradictions(kept))
    anchors = []
    for number, each in enumerate(kept):
        log = logs.get(each.checkpoint.log_id)
        faults = [*_signature_faults(each, keys), *contradictions.get(number, ())]
        if log is None:
            faults.append("the database has no log of its origin: it is another database, or a log was replaced")
        else:
            faults += _log_faults(each, log, kept, allow_pruned=allow_pruned)
        anchors.append(Anchor(each, None if log is None else log.account, tuple(faults)))
    breaches = [
        Breach("checkpoint", anchor.account, None, None, f"{anchor.kept.file}: {fault}")
        for anchor in anchors
        for fault in anchor.faults
    ]
    findings.count += len(breaches)
    findings.breaches = [*breaches, *findings.breaches][:SHOWN]
    return anchors


def holds(kept: KeptCheckpoint, log: CheckedLog) -> bool:
    """Return whether the log begins with the entries that the checkpoint covers."""
    found = log.roots.get(kept.checkpoint.size) if kept.checkpoint.size else EMPTY_ROOT
    return found == kept.checkpoint.root


def _log_faults(
    kept: KeptCheckpoint, log: CheckedLog, others: Sequence[KeptCheckpoint], *, allow_pruned: bool
) -> Iterator[str]:
    size = kept.checkpoint.size
    if size > log.size:
        yield (
            f"it covers {size:,} entries, and the log has {log.size:,}: the newest were removed, or an older copy of "
            "the database was put back"
        )
    elif not holds(kept, log):
        yield f"the {size:,} entries that it covers are not those of the log; {_first_difference(kept, log, others)}"
    elif log.pruned_at and log.pruned_at >= size and not allow_pruned:
        yield (
            f"a prune, entry {log.pruned_at:,}, has folded history that the checkpoint covers, and the checkpoint "
            "cannot vouch for the result; if that prune was agreed on, --allow-pruned accepts it"
        )
    elif log.unfolded:
        yield (
            f"a prune, entry {log.pruned_at:,}, has not finished: "
            f"{counted(log.unfolded, 'version')} that it folds are still there, and nothing vouches for "
            "what they say. Run `inventory prune` again"
        )


def _first_difference(kept: KeptCheckpoint, log: CheckedLog, others: Sequence[KeptCheckpoint]) -> str:
    """Return a text that names the first entry that differs, or the range of entries in which it is.

    The range begins after the entries that are known to be right: those that a smaller checkpoint of this log covers,
    if `holds` is true for it. The largest such checkpoint counts. Without one, the range begins with entry 0. The range
    ends with the last entry that `kept` covers.

    If the first entry that contradicts its row is in the range, the text names that entry.
    """
    size = kept.checkpoint.size
    same_log = (each for each in others if each.checkpoint.log_id == log.log_id and each.checkpoint.size < size)
    sound = max((each.checkpoint.size for each in same_log if holds(each, log)), default=0)
    if log.first_wrong is not None and sound <= log.first_wrong < size:
        return f"entry {log.first_wrong:,} is the first that differs from what its row says"
    if sound == size - 1:
        return f"entry {sound:,} differs"
    return f"the first that differs is one of the entries {sound:,} to {size - 1:,}"


def _signature_faults(kept: KeptCheckpoint, keys: Sequence[VerifierKey]) -> Iterator[str]:
    if not keys or any(kept.found.signed_by(key) for key in keys):
        return
    names = " or ".join(key.name for key in keys)
    if not kept.found.note.signatures:
        yield f"it is not signed, and should be by {names}"
    elif not any(kept.found.may_be_signed_by(key) for key in keys):
        yield f"its origin {kept.checkpoint.origin} is not one of {names}, so none of these keys may sign it"
    else:
        yield f"it has no valid signature of {names}: it was forged or changed, or another key has signed it"


def _contradictions(kept: Sequence[KeptCheckpoint]) -> Iterator[tuple[int, list[str]]]:
    """Yield a pair for each checkpoint that another one contradicts: its index in `kept`, and a list with one fault.

    Two checkpoints contradict each other if they have the same log and the same size, but different roots.
    """

    def key(number: int) -> tuple[str, int]:
        return kept[number].checkpoint.log_id, kept[number].checkpoint.size

    for _, group in groupby(sorted(range(len(kept)), key=key), key):
        numbers = list(group)
        for number in numbers:
            other = next((each for each in numbers if kept[each].checkpoint.root != kept[number].checkpoint.root), None)
            if other is not None:
                what = f"{kept[other].file} covers as many entries of the same log, with another root"
                yield number, [f"{what}: two histories were shown, or one checkpoint is forged"]
