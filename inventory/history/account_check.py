"""The state that the checks of one account share: its runs, the events counted so far, and the findings."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from operator import itemgetter
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement

from inventory.history.findings import SHOWN, Breach, Findings
from inventory.history.stored_values import stored_columns
from inventory.store import database
from inventory.store.tables import instance_versions, sync_runs
from inventory.times import iso

SUSPECTS = 5
"""Instances named in one breach."""


class CheckedRun(NamedTuple):
    """The columns of a run that the checks of instances need."""

    started_at: Any
    previous_complete_at: Any
    complete: bool
    ignored: frozenset[str]
    """The fields in the setting `ignore_changes`."""
    counts: tuple[int, ...]
    """The number of each event, in the order of EVENTS."""


@dataclass
class AccountCheck:
    """One account that is being verified."""

    connection: Connection
    account: str
    pruned_before: Any
    findings: Findings
    progress: Callable[[str], None]
    runs: dict[Any, CheckedRun] = field(default_factory=dict)
    """All runs by id."""
    start_times: set[Any] = field(default_factory=set)
    """The start times of all runs."""
    events: Counter[tuple[Any, Any]] = field(default_factory=Counter)
    """The number of versions by run id and event."""
    ignored_before: frozenset[str] | None = None
    """The fields in which a state differed from its version when the log began; None if there is no log."""
    earlier_run_id: int = 0
    """The last run from before the log; 0 if there is none. What these ignored is not known."""

    def report(self, kind: str, run_id: int | None, instance_id: str | None, what: str) -> None:
        """Add a breach to the findings."""
        self.findings.add(Breach(kind, self.account, run_id, instance_id, what))

    def ignored_since(self, run_id: Any) -> frozenset[str]:
        """Return the fields that this run or a later one ignored; for a run from before the log, also those of then."""
        place = bisect_left(self._ignored_from, run_id, key=itemgetter(0))
        later = self._ignored_from[place][1] if place < len(self._ignored_from) else frozenset()
        return later | (self.ignored_before or frozenset()) if run_id <= self.earlier_run_id else later

    @cached_property
    def _ignored_from(self) -> list[tuple[Any, frozenset[str]]]:
        """Run ids in order; each with the fields that this run or a later one ignored, until the id before it."""
        found: list[tuple[Any, frozenset[str]]] = []
        for run_id, run in sorted(self.runs.items(), reverse=True):
            fields = run.ignored | (found[-1][1] if found else frozenset())
            if fields and (not found or fields != found[-1][1]):
                found.append((run_id, fields))
        return found[::-1]

    def may_be_pruned(self, time: Any) -> bool:
        """Return whether `prune` may have dropped what was recorded at that time."""
        return self.pruned_before is not None and time is not None and time < self.pruned_before

    def find_suspects(self, *where: ColumnElement[bool]) -> tuple[str | None, str]:
        """Find the instances with a version that meets the conditions.

        Return the id of the instance, or None if there is not exactly one; and the first few ids as text.
        """
        if self.findings.count >= SHOWN:  # the breach will not be shown, and each query reads all versions
            return None, ""
        version = instance_versions.c
        query = sa.select(version.instance_id).where(version.account == self.account, *where).distinct()
        found = list(map(str, self.connection.scalars(query.order_by(version.instance_id).limit(SUSPECTS + 1))))
        names = ", ".join(found[:SUSPECTS]) + (" and others" if len(found) > SUSPECTS else "")
        return found[0] if len(found) == 1 else None, names

    def rows(
        self,
        table: sa.Table,
        names: tuple[str, ...],
        *order: ColumnElement[Any],
        where: Any = None,
        kind: str | None = None,
    ) -> Iterator[Any]:
        """Yield the account's rows of a table. Replace invalid values; report each as a breach if `kind` is given."""
        columns = stored_columns(
            table, names, sqlite=database.is_sqlite(self.connection), thorough=table is sync_runs and kind is not None
        )
        query = columns.query.where(table.c.account == self.account)
        query = query if where is None else query.where(where)
        for rows in database.stream(self.connection, query.order_by(*order)):
            for row in rows:
                invalid = columns.find_invalid(row)
                if not invalid:
                    yield row
                    continue
                repaired = columns.repair(row, invalid)
                for what in columns.describe(row, invalid) if kind is not None else ():
                    run_id = getattr(repaired, "opened_by_run_id", getattr(repaired, "run_id", None))
                    self.report(kind or "", run_id, getattr(repaired, "instance_id", None), what)
                yield repaired


def format_time(time: Any) -> str:
    """Return a time as text, whether the driver returns times or texts."""
    return iso(time) if isinstance(time, datetime) else str(time)
