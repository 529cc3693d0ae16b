"""The state that the checks of one account share: its runs, the events counted so far, and the findings."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement

from inventory.history.findings import SHOWN, Breach, Findings
from inventory.history.stored_values import StoredColumns
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

    def report(self, kind: str, run_id: int | None, instance_id: str | None, what: str) -> None:
        """Add a breach to the findings."""
        self.findings.add(Breach(kind, self.account, run_id, instance_id, what))

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
        columns = StoredColumns(
            table, names, sqlite=database.is_sqlite(self.connection), thorough=table is sync_runs and kind is not None
        )
        query = columns.select().where(table.c.account == self.account)
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
