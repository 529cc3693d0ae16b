"""The result of `verify`: breaches, and the number of rows that were checked."""

from dataclasses import dataclass, field
from typing import NamedTuple

SHOWN = 100
"""The largest number of breaches that are kept. Further breaches are only counted."""


class Breach(NamedTuple):
    """One contradiction. `kind` is storage, account, run, version, state, digest, log or checkpoint.

    `account`, `run_id` and `instance_id` are None if the breach is not one of a single account, run or instance. `what`
    is a text that says what is wrong, without a full stop at its end.
    """

    kind: str
    account: str | None
    run_id: int | None
    instance_id: str | None
    what: str


@dataclass(frozen=True)
class CheckedLog:
    """The log of one account, as it was recomputed."""

    account: str
    log_id: str
    since: str | None
    """Time (UTC, ISO 8601) at which the log began; None if entry 0 does not say it."""
    size: int
    """The number of entries of the log."""
    by_hash: int
    """The number of entries that cannot be computed from the rows alone.

    They are the entries of runs that `prune` dropped, and of runs whose versions `prune` may have folded.
    """
    roots: dict[int, bytes]
    """A dict from N to the root over the first N entries, for each requested N from 1 to `size`."""
    first_wrong: int | None
    """The index of the first entry that differs from what the rows say; None if there is no such entry."""
    pruned_at: int | None
    """The index of the entry of the newest prune.

    If there was no prune: 0 if entry 0 covers a history from before the log, else None.
    """
    unfolded: int
    """The number of versions that the newest prune still has to fold into others.

    It is 0 after the prune has finished. The log does not protect the content of such a version: the entry of the prune
    covers only the version that results from the folding.
    """


@dataclass
class Findings:
    """The numbers of rows that were checked, and the breaches that were found."""

    runs: int = 0
    instances: int = 0
    versions: int = 0
    count: int = 0
    """The number of all breaches."""
    breaches: list[Breach] = field(default_factory=list)
    """The breaches that are kept: the first ones, at most SHOWN."""
    logs: list[CheckedLog] = field(default_factory=list)
    """The logs of the checked accounts. An account has no log if only older versions of this program have synced it."""

    def add(self, breach: Breach) -> None:
        """Count a breach. Keep it if the number of kept breaches is still below SHOWN."""
        self.count += 1
        if len(self.breaches) < SHOWN:
            self.breaches.append(breach)
