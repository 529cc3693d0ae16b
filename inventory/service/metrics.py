"""Prometheus metrics: gauges read from the database, and counters of what this process did.

The gauges are read when Prometheus scrapes the process. So a process that has just started shows the same values as any
other process on the same database. The counters add up the Outcome of each attempt. Needs the extra `metrics`.
"""

import math
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.engine import Engine

from inventory import __version__, background, log
from inventory.errors import ERROR_CODES, AccountBusy, DatabaseError
from inventory.outcome import Outcome
from inventory.read import freshness
from inventory.read.relations import Row
from inventory.store import database
from inventory.store.database import Clock
from inventory.store.tables import EVENTS
from inventory.times import brief

CODES = (*ERROR_CODES, "other")
STATUSES = ("succeeded", "held", "partial", "failed", "abandoned")
DURATION_BUCKETS = (0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)

CACHE_SECONDS = 1.0
"""How many seconds one snapshot is used for further scrapes."""

PATIENCE_SECONDS = 5.0
"""How many seconds a scrape waits for the database. Then the database counts as down. Prometheus waits for 10 s."""

LOST_SECONDS = 60.0
"""How many seconds a read of the database may go unanswered before another read is started."""


@dataclass(frozen=True)
class Snapshot:
    """The values that the gauges show, read in one transaction."""

    now: datetime
    """The time of the database's clock."""
    freshness: list[Row]
    """A row for each account that is not retired, from `sync_freshness`.

    For an account that the settings name and the database lacks, the row is made up.
    """
    last_runs: list[Row]
    """`account`, `status` and `error_code` of the last finished run of each account that is not retired."""
    held: dict[str, int]
    """The number of held instances by account."""
    checkpoints: dict[str, datetime]
    """The time at which a checkpoint was last delivered, by account. Accounts without a delivery are left out."""


class DatabaseCollector(Collector):
    """A collector of the gauges. It reads the database at most once in CACHE_SECONDS.

    `named` are the accounts in the settings. A named account that the database lacks counts as never synced. `patience`
    is how many seconds a scrape waits for the database.
    """

    def __init__(
        self,
        engine: Engine,
        stale_after: timedelta,
        *,
        named: Sequence[str] = (),
        clock: Clock | None = None,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        # Connections of its own: otherwise the database would seem down while runs use all connections of the pool.
        self.engine = database.connect_beside(engine)
        self.stale_after = stale_after
        self._named = named
        self._clock = clock
        self._patience = patience
        self._lock = threading.Lock()
        self._read_at = -math.inf
        self._snapshot = Future[Snapshot]()

    def snapshot(self) -> Snapshot | None:
        """Return the last snapshot or, if that is older than CACHE_SECONDS, a new one.

        Return None if the database is down or does not answer within `patience` seconds.
        """
        with self._lock:  # one read at a time, however many scrapes there are
            age = time.monotonic() - self._read_at
            if age > (CACHE_SECONDS if self._snapshot.done() else LOST_SECONDS):
                self._read_at, self._snapshot = time.monotonic(), background.start(self._read)
            snapshot = self._snapshot
        try:
            return snapshot.result(self._patience)
        except (DatabaseError, TimeoutError):
            return None

    def _read(self) -> Snapshot:
        database.follow(self.engine)
        with database.reading(self.engine) as connection:
            return Snapshot(
                database.now(connection, self._clock),
                freshness.freshness(connection, named=self._named),
                freshness.last_runs(connection),
                freshness.held(connection),
                freshness.delivered_checkpoints(connection),
            )

    def collect(self) -> Iterable[Metric]:
        """Yield the gauges; if the database is down, only those that are not read from it."""
        snapshot = self.snapshot()
        yield InfoMetricFamily("inventory_build", "The program.", {"version": __version__})
        yield GaugeMetricFamily("inventory_database_up", "Whether the database answers.", snapshot is not None)
        yield GaugeMetricFamily(
            "inventory_stale_after_seconds",
            "Age of the last complete run beyond which an account is stale.",
            self.stale_after.total_seconds(),
        )
        if snapshot is not None:
            yield from _gauges(snapshot, self.stale_after)

    def health(self) -> tuple[bool, list[str]]:
        """Return whether all accounts that are not retired are fresh, and a list with a line of text for each account.

        `why_stale` decides whether an account is fresh. If the database is down, or if there is no account to check,
        return False and one line that says so.
        """
        snapshot = self.snapshot()
        if snapshot is None:
            return False, ["STALE the database cannot be read"]
        if not snapshot.freshness:
            return False, ["STALE no account is synced into this database yet"]
        reasons = [freshness.why_stale(row, snapshot.now, self.stale_after) for row in snapshot.freshness]
        lines = [
            f"STALE {reason}"
            if reason
            else f"fresh {row['account']}: {brief(snapshot.now - row['last_complete_at'])} old"
            for row, reason in zip(snapshot.freshness, reasons, strict=True)
        ]
        return not any(reasons), [log.plain(line) for line in lines]


def _gauges(snapshot: Snapshot, stale_after: timedelta) -> Iterator[Metric]:
    def gauge(name: str, meaning: str, *labels: str) -> GaugeMetricFamily:
        return GaugeMetricFamily(f"inventory_{name}", meaning, labels=["account", *labels])

    complete = gauge("last_complete_timestamp_seconds", "Time of the last complete run; absent where there was none.")
    attempt = gauge("last_attempt_timestamp_seconds", "Time of the last run of any kind.")
    fresh = gauge("account_fresh", "1 where the last complete run is young enough and no run is in the future, else 0.")
    failures = gauge("failures_since_complete", "Runs that were not complete, since the last complete one.")
    instances = gauge("instances", "Instances that are live, or missing: not proven gone, or held.", "presence")
    held = gauge("held_instances", "Missing instances that are held until a person decides.")
    checkpoint = gauge("checkpoint_timestamp_seconds", "Time of the last delivery of a checkpoint; absent if none.")
    last = gauge("last_run_info", "Status and error code of the last run that has ended.", "status", "code")
    for row in snapshot.freshness:
        name = [row["account"]]
        if row["last_complete_at"] is not None:
            complete.add_metric(name, row["last_complete_at"].timestamp())
        if row["last_attempt_at"] is not None:
            attempt.add_metric(name, row["last_attempt_at"].timestamp())
        fresh.add_metric(name, freshness.why_stale(row, snapshot.now, stale_after) is None)
        failures.add_metric(name, row["failures_since_complete"])
        for presence in ("live", "missing"):
            instances.add_metric([*name, presence], row[f"{presence}_instances"])
        held.add_metric(name, snapshot.held.get(row["account"], 0))
        if row["account"] in snapshot.checkpoints:
            checkpoint.add_metric(name, snapshot.checkpoints[row["account"]].timestamp())
    for row in snapshot.last_runs:
        last.add_metric([row["account"], row["status"], row["error_code"] or ""], 1)
    yield from (complete, attempt, fresh, failures, instances, held, checkpoint, last)


class Counters:
    """Counters of what this process did since it started.

    The counters of the accounts in `accounts` exist from the start, with the value 0. So a first failure shows as an
    increase.
    """

    def __init__(self, registry: CollectorRegistry, accounts: Iterable[str]) -> None:
        def counter(name: str, meaning: str, *labels: str) -> Counter:
            return Counter(f"inventory_{name}", meaning, ["account", *labels], registry=registry)

        self._runs = counter("runs", "Runs that ended, by status.", "status")
        self._failures = counter("failures", "Attempts that met a fault, by code.", "code")
        self._pages = counter("pages", "Pages read.")
        self._retries = counter("retries", "Requests sent again.")
        self._events = counter("events", "Events of instances recorded.", "event")
        self._seconds = Histogram(
            "inventory_run_duration_seconds",
            "How long runs took.",
            ["account"],
            buckets=DURATION_BUCKETS,
            registry=registry,
        )
        self._accounts: set[str] = set()
        for account in accounts:
            self._start_at_zero(account)

    def _start_at_zero(self, account: str) -> None:
        if account in self._accounts:
            return
        self._accounts.add(account)
        for unlabelled in (self._pages, self._retries, self._seconds):
            unlabelled.labels(account)
        for counter, values in ((self._runs, STATUSES), (self._failures, CODES), (self._events, EVENTS)):
            for value in values:
                counter.labels(account, value)

    def observe(self, outcome: Outcome) -> None:
        """Count an attempt, unless another process was at work on the account."""
        name, error = outcome.account, outcome.error
        if outcome.run_id is None and isinstance(error, AccountBusy):
            return
        self._start_at_zero(name)
        if error is not None:
            self._failures.labels(name, error.error_code if error.error_code in CODES else "other").inc()
        if outcome.run_id is None:
            return
        self._runs.labels(name, outcome.status).inc()
        self._seconds.labels(name).observe(outcome.seconds)
        self._pages.labels(name).inc(outcome.pages)
        self._retries.labels(name).inc(outcome.retries)
        for event in EVENTS:
            settled = outcome.counts["settled"] if event == "vanished" else 0  # vanished at an earlier run's time
            self._events.labels(name, event).inc(outcome.counts[event] + settled)
