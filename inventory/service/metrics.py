"""What is measured: what the database knows, and what this process did.

The first is asked of the database at each scrape, so that every worker, also one just started, tells the same. The
second is counted from the Outcome of each attempt. Needs the extra `metrics`.
"""

import math
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.engine import Engine

from inventory import __version__, log
from inventory.errors import ERROR_CODES, AccountBusy, DatabaseError
from inventory.fal.walk import ask
from inventory.read import queries
from inventory.read.queries import Row
from inventory.store import database
from inventory.store.database import Clock
from inventory.store.tables import EVENTS
from inventory.sync import Outcome
from inventory.times import brief

CODES = (*ERROR_CODES, "other")
STATUSES = ("succeeded", "held", "partial", "failed", "abandoned")
SECONDS = (0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)

FRESH_SECONDS = 1.0
"""For so long the database's answer is good for another scrape."""

PATIENCE_SECONDS = 5.0
"""After so long without an answer the database counts as down; Prometheus itself gives up after ten."""

LOST_SECONDS = 60.0
"""After so long an unanswered question counts as lost, and another one is asked."""


@dataclass(frozen=True)
class Facts:
    """What the database knows at one time."""

    now: datetime
    freshness: list[Row]
    last_runs: list[Row]
    held: dict[str, int]


class Record(Collector):
    """What the database knows, asked at most once a second, and as gauges."""

    def __init__(self, engine: Engine, stale_after: timedelta, clock: Clock | None, patience: float) -> None:
        """Nothing is asked yet."""
        # connections of its own: where the syncs have taken all of theirs, the database is not down
        self.engine = database.connect_beside(engine)
        self.stale_after = stale_after
        self._clock = clock
        self._patience = patience
        self._lock = threading.Lock()
        self._asked = -math.inf
        self._answer = Future[Facts]()

    def facts(self) -> Facts | None:
        """What the database knows; None where it is down, or does not answer in time."""
        with self._lock:  # one question at a time, whatever the number of those who ask
            age = time.monotonic() - self._asked
            if age > (FRESH_SECONDS if self._answer.done() else LOST_SECONDS):
                self._asked, self._answer = time.monotonic(), ask(self._read)
            answer = self._answer
        try:
            return answer.result(self._patience)
        except (DatabaseError, TimeoutError):
            return None

    def _read(self) -> Facts:
        database.follow(self.engine)
        with database.reading(self.engine) as connection:
            return Facts(
                database.now(connection, self._clock),
                queries.freshness(connection),
                queries.last_runs(connection),
                queries.held(connection),
            )

    def collect(self) -> Iterable[Metric]:
        """The gauges; of a database that is down, that it is."""
        facts = self.facts()
        yield InfoMetricFamily("inventory_build", "The program.", {"version": __version__})
        yield GaugeMetricFamily("inventory_database_up", "Whether the database answers.", facts is not None)
        yield GaugeMetricFamily(
            "inventory_stale_after_seconds",
            "Age of the last complete run beyond which an account is stale.",
            self.stale_after.total_seconds(),
        )
        if facts is not None:
            yield from _gauges(facts, self.stale_after)

    def health(self) -> tuple[bool, list[str]]:
        """Whether every account is fresh, by the rule of `inventory status`; a line for each."""
        facts = self.facts()
        if facts is None:
            return False, ["STALE the database cannot be read"]
        if not facts.freshness:
            return False, ["STALE no account is synced into this database yet"]
        reasons = [queries.why_stale(row, facts.now, self.stale_after) for row in facts.freshness]
        lines = [
            f"STALE {reason}" if reason else f"fresh {row['account']}: {brief(facts.now - row['last_complete_at'])} old"
            for row, reason in zip(facts.freshness, reasons, strict=True)
        ]
        return not any(reasons), [log.plain(line) for line in lines]


def _gauges(facts: Facts, stale_after: timedelta) -> Iterator[Metric]:
    def gauge(name: str, meaning: str, *labels: str) -> GaugeMetricFamily:
        return GaugeMetricFamily(f"inventory_{name}", meaning, labels=["account", *labels])

    complete = gauge("last_complete_timestamp_seconds", "Time of the last complete run; absent where there was none.")
    attempt = gauge("last_attempt_timestamp_seconds", "Time of the last run of any kind.")
    fresh = gauge("account_fresh", "1 where the last complete run is young enough, else 0.")
    failures = gauge("failures_since_complete", "Runs since the last complete one that were not.")
    instances = gauge("instances", "Instances that are live, or missing and not proven gone.", "presence")
    held = gauge("held_instances", "Missing instances that wait for a person's word.")
    last = gauge("last_run_info", "Status and error code of the last run that has ended.", "status", "code")
    for row in facts.freshness:
        name = [row["account"]]
        if row["last_complete_at"] is not None:
            complete.add_metric(name, row["last_complete_at"].timestamp())
        if row["last_attempt_at"] is not None:
            attempt.add_metric(name, row["last_attempt_at"].timestamp())
        fresh.add_metric(name, queries.why_stale(row, facts.now, stale_after) is None)
        failures.add_metric(name, row["failures_since_complete"])
        for presence in ("live", "missing"):
            instances.add_metric([*name, presence], row[f"{presence}_instances"])
        held.add_metric(name, facts.held.get(row["account"], 0))
    for row in facts.last_runs:
        last.add_metric([row["account"], row["status"], row["error_code"] or ""], 1)
    yield from (complete, attempt, fresh, failures, instances, held, last)


class Counters:
    """What this process did since it started."""

    def __init__(self, registry: CollectorRegistry, accounts: Iterable[str]) -> None:
        """Those of `accounts` are there from the beginning, at zero: a first failure is an increase, too."""

        def counter(name: str, meaning: str, *labels: str) -> Counter:
            return Counter(f"inventory_{name}", meaning, ["account", *labels], registry=registry)

        self._runs = counter("runs", "Runs that ended, by status.", "status")
        self._failures = counter("failures", "Attempts that met a fault, by code.", "code")
        self._pages = counter("pages", "Pages read.")
        self._retries = counter("retries", "Requests sent again.")
        self._events = counter("events", "Events of instances recorded.", "event")
        self._seconds = Histogram(
            "inventory_run_duration_seconds", "How long runs took.", ["account"], buckets=SECONDS, registry=registry
        )
        self._known: set[str] = set()
        for account in accounts:
            self._begin(account)

    def _begin(self, account: str) -> None:
        if account in self._known:
            return
        self._known.add(account)
        for plain in (self._pages, self._retries, self._seconds):
            plain.labels(account)
        for counter, values in ((self._runs, STATUSES), (self._failures, CODES), (self._events, EVENTS)):
            for value in values:
                counter.labels(account, value)

    def observe(self, outcome: Outcome) -> None:
        """The attempt is counted. That another process was at work on the account is none."""
        name, error = outcome.account, outcome.error
        if outcome.run_id is None and isinstance(error, AccountBusy):
            return
        self._begin(name)
        if error is not None:
            self._failures.labels(name, error.error_code if error.error_code in CODES else "other").inc()
        if outcome.run_id is None:
            return
        self._runs.labels(name, outcome.status).inc()
        self._seconds.labels(name).observe(outcome.seconds)
        self._pages.labels(name).inc(outcome.pages)
        self._retries.labels(name).inc(outcome.retries)
        for event in EVENTS:
            late = outcome.counts["settled"] if event == "vanished" else 0
            self._events.labels(name, event).inc(outcome.counts[event] + late)
