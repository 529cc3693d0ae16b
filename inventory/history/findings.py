"""The result of `verify`: breaches, and the number of rows that were checked."""

from dataclasses import dataclass, field
from typing import NamedTuple

SHOWN = 100
"""Breaches that are kept; further ones are only counted."""


class Breach(NamedTuple):
    """One contradiction. `kind` is storage, account, run, version, state, digest, log or checkpoint.

    Storage has no account.
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
    """Time (UTC, ISO 8601) at which the log began."""
    size: int
    """The number of its entries."""
    by_hash: int
    """The number of entries of which only a hash is left, because what they recorded was folded or dropped."""
    roots: dict[int, bytes]
    """The roots of its tree at the sizes that were asked for, up to `size`."""
    first_wrong: int | None
    """The first entry that differs from what the rows say; None if none does."""
    pruned_at: int | None
    """The entry of the newest prune; 0 if entry 0 covers a history from before the log; else None."""


@dataclass
class Findings:
    """The rows that were checked, and the breaches that were found."""

    runs: int = 0
    instances: int = 0
    versions: int = 0
    count: int = 0
    """The number of all breaches."""
    breaches: list[Breach] = field(default_factory=list)
    """The first SHOWN breaches."""
    logs: list[CheckedLog] = field(default_factory=list)
    """The logs of the checked accounts; an account has none until its first run or act with this version."""

    def add(self, breach: Breach) -> None:
        """Count a breach, and keep it if it is one of the first."""
        self.count += 1
        if len(self.breaches) < SHOWN:
            self.breaches.append(breach)
