"""The result of `verify`: breaches, and the number of rows that were checked."""

from dataclasses import dataclass, field
from typing import NamedTuple

SHOWN = 100
"""Breaches that are kept; further ones are only counted."""


class Breach(NamedTuple):
    """One contradiction. `kind` is storage, account, run, version, state or digest; storage has no account."""

    kind: str
    account: str | None
    run_id: int | None
    instance_id: str | None
    what: str


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

    def add(self, breach: Breach) -> None:
        """Count a breach, and keep it if it is one of the first."""
        self.count += 1
        if len(self.breaches) < SHOWN:
            self.breaches.append(breach)
