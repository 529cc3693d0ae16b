"""Compare the logs with checkpoints that were kept elsewhere (`a-checkpoint-anchors-the-log`).

`verify` recomputes the tree of each log from the rows, with the roots at the sizes of the checkpoints. A checkpoint
holds if its log has that many entries and that root then. What it covers is the same as when it was made then, and what
came later continues it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from inventory.checkpoints.folder import KeptCheckpoint
from inventory.checkpoints.signed_note import VerifierKey
from inventory.history.findings import SHOWN, Breach, CheckedLog, Findings
from inventory.merkle import EMPTY_ROOT


@dataclass(frozen=True)
class Anchor:
    """A checkpoint that was compared with the database."""

    kept: KeptCheckpoint
    account: str | None
    """The account whose log it is of; None if the database has no such log."""
    faults: tuple[str, ...]
    """What is wrong with it, or with the database; none if it holds."""


def sizes_of(kept: Iterable[KeptCheckpoint]) -> dict[str, set[int]]:
    """Return the sizes of the checkpoints by log id, as `verify` takes them."""
    sizes: dict[str, set[int]] = defaultdict(set)
    for each in kept:
        sizes[each.checkpoint.log_id].add(each.checkpoint.size)
    return sizes


def compare(
    kept: Sequence[KeptCheckpoint],
    findings: Findings,
    *,
    keys: Sequence[VerifierKey] = (),
    allow_pruned: bool = False,
) -> list[Anchor]:
    """Compare each checkpoint with the log that `verify` has checked, and add what differs to the findings, first.

    With `keys`, each checkpoint must have a valid signature of one of them. A prune that folded what a checkpoint
    covers is a breach unless `allow_pruned`.
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
            f"a prune, entry {log.pruned_at:,}, has folded history that it covers, and it cannot vouch for the result; "
            "if that prune was agreed, --allow-pruned takes it"
        )


def _first_difference(kept: KeptCheckpoint, log: CheckedLog, others: Sequence[KeptCheckpoint]) -> str:
    """Return a clause that says where the first difference lies: after the last smaller checkpoint that holds."""
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
        yield f"its origin {kept.checkpoint.origin} is not one of {names}, so that no such key may sign it"
    else:
        yield f"it has no valid signature of {names}: it was forged or changed, or another key has signed it"


def _contradictions(kept: Sequence[KeptCheckpoint]) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of each checkpoint whose log and size another one has with another root, with the fault."""

    def key(number: int) -> tuple[str, int]:
        return kept[number].checkpoint.log_id, kept[number].checkpoint.size

    for _, group in groupby(sorted(range(len(kept)), key=key), key):
        numbers = list(group)
        for number in numbers:
            other = next((each for each in numbers if kept[each].checkpoint.root != kept[number].checkpoint.root), None)
            if other is not None:
                what = f"{kept[other].file} covers as many entries of the same log, with another root"
                yield number, [f"{what}: two histories were shown, or one checkpoint is forged"]
