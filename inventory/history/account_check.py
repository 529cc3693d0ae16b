"""The data that all checks of one account share: the account's runs, the events counted so far, and the findings."""

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
"""The largest number of instances whose ids `find_suspects` returns."""


class CheckedRun(NamedTuple):
    """The values of one run that `check_runs` keeps for later checks."""

    started_at: Any
    previous_complete_at: Any
    complete: bool
    ignored: frozenset[str]
    """The names of the fields in the setting `ignore_changes` at this run."""
    counts: tuple[int, ...]
    """The counts of events in the run's row, in the order of EVENTS in `store/tables.py`."""


@dataclass
class AccountCheck:
    """One account that is being verified."""

    connection: Connection
    account: str
    pruned_before: Any
    findings: Findings
    progress: Callable[[str], None]
    ignored_before: frozenset[str] | None
    """The names of the fields that entry 0 of the log lists as ignored; None if the account has no log.

    Runs from before the log have ignored these fields: in each of them, the state of some instance differed from its
    newest version when the log began.
    """
    earlier_run_id: int
    """The id of the last run from before the log; 0 if there is none.

    The rows of this run and of the runs before it do not say which fields were ignored.
    """
    runs: dict[Any, CheckedRun] = field(default_factory=dict)
    """The account's runs by their ids; filled by `check_runs`."""
    start_times: set[Any] = field(default_factory=set)
    """The start times of the account's runs; filled by `check_runs`."""
    events: Counter[tuple[Any, Any]] = field(default_factory=Counter)
    """The number of versions by (run id, event); filled by `check_instances`.

    A version counts for the run that opened it. A version that closed as vanished also counts for the run that closed
    it.
    """

    def report(self, kind: str, run_id: int | None, instance_id: str | None, what: str) -> None:
        """Add a breach to the findings."""
        self.findings.add(Breach(kind, self.account, run_id, instance_id, what))

    def ignored_since(self, run_id: Any) -> frozenset[str]:
        """Return the names of the fields that this run or a later run ignored.

        If this run is from before the log, the result includes `ignored_before`, because the row of such a run does not
        say which fields the run ignored.
        """
        place = bisect_left(self._ignored_from, run_id, key=itemgetter(0))
        later = self._ignored_from[place][1] if place < len(self._ignored_from) else frozenset()
        return later | (self.ignored_before or frozenset()) if run_id <= self.earlier_run_id else later

    @cached_property
    def _ignored_from(self) -> list[tuple[Any, frozenset[str]]]:
        """Return pairs (run id, names of fields), in the order of the ids.

        The names are those of all fields that the run of the pair, or a later run, ignored. A run without a pair has
        the same names as the next later pair. If there is no later pair, it has no names.
        """
        found: list[tuple[Any, frozenset[str]]] = []
        for run_id, run in sorted(self.runs.items(), reverse=True):
            fields = run.ignored | (found[-1][1] if found else frozenset())
            if fields and (not found or fields != found[-1][1]):
                found.append((run_id, fields))
        return found[::-1]

    def may_be_pruned(self, time: Any) -> bool:
        """Return whether a time is before `pruned_before`. If so, `prune` may have removed what was recorded then."""
        return self.pruned_before is not None and time is not None and time < self.pruned_before

    def find_suspects(self, *where: ColumnElement[bool]) -> tuple[str | None, str]:
        """Find the instances that have a version for which all conditions hold.

        Return a pair:

        - the id of the instance if exactly one was found, else None
        - a text with the first ids, at most SUSPECTS of them; if there are more, it ends with "and others"

        If the number of breaches has already reached the limit SHOWN, search nothing and return (None, "").
        """
        if self.findings.count >= SHOWN:  # each query reads all versions, and further breaches are only counted
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
        """Yield the account's rows of a table in the given order, with the columns `names` as the driver returns them.

        Each invalid value that `StoredColumns.find_invalid` finds is replaced by a value of the right type. If `kind`
        is given, the invalid value is also reported as a breach of that kind. `where` is a further condition.
        """
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
    """Return a time as text. SQLite's driver returns it as text already, PostgreSQL's as a datetime."""
    return iso(time) if isinstance(time, datetime) else str(time)
