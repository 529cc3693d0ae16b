"""The World of most tests: a fleet, the simulator that serves it, a database, and a simulated clock."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa

from inventory.config.database_url import parse_url
from inventory.config.keys import Account, ApiKey
from inventory.config.settings import load
from inventory.simulator import Fleet, Simulator, on_get
from inventory.store import database
from inventory.store.tables import UTCDateTime
from inventory.sync import SyncOptions, sync
from support.model import digest_of

BEGIN = datetime(2026, 3, 6, tzinfo=UTC)
DEMO_DAYS, DEMO_ENDS = 4, datetime(2026, 3, 7, 12, tzinfo=UTC)  # the examples in README.md use times within these days
TIMES = (
    "started_at", "heartbeat_at", "finished_at", "previous_complete_at", "first_seen_at", "last_seen_at",
    "missing_since", "vanished_at", "valid_from", "valid_to", "occurred_at", "appeared_after", "appeared_at",
)  # fmt: skip
BOOLEANS = ("complete", "held")


def hour(number):
    """Return the time `number` hours after BEGIN: the time of run `number` of a World."""
    return BEGIN + timedelta(hours=number)


def machine(id_, **fields):
    """Return an instance as a dict, in the form that the API sends; `fields` are added or replace others."""
    return {"id": id_, "instance_type": "gpu_8x_h100_sxm5", "region": "us-west", "status": "ready"} | fields


def ids(number, prefix="i"):
    """Return a list of `number` ids, each of the prefix and at least three digits: i000, i001, ..."""
    return [f"{prefix}{each:03}" for each in range(number)]


_settings = cache(load)


class World:
    """A fleet, the simulator that serves it, and a database.

    Each run is one hour after the run before it, unless the call passes a `clock`. `runs` is the number of runs so far.
    """

    def __init__(self, engine, simulator, runs=0):
        self.engine = engine
        self.simulator = simulator
        self.fleet = simulator.fleet
        self.faults = simulator.faults
        self.runs = runs

    def settings(self, **flags):
        return _settings(**{"api_url": self.simulator.url, "retry_attempts": 1, "retry_max_wait": 0.05} | flags)

    def run(
        self,
        *,
        key="id:secret",
        account="default",
        clock=None,
        expected_seconds=None,
        timetable=None,
        trigger="manual",
        **flags,
    ):
        """Make one run of the account, with `flags` as settings, and return its Outcome.

        If a fault of the program ended the run, raise the exception again.
        """
        self.runs += 1
        now = hour(self.runs)
        self.simulator.requests.clear()
        outcome = sync(
            self.engine,
            Account(account, ApiKey(key)),
            self.settings(**flags),
            SyncOptions(
                clock=clock or (lambda: now),
                expected_seconds=expected_seconds,
                timetable=timetable,
                trigger=trigger,
            ),
        )
        if outcome.fault is not None:
            raise outcome.fault
        return outcome

    def put(self, *ids, **fields):
        for id_ in ids:
            self.fleet.put(machine(id_, **fields))

    def remove(self, *ids):
        for id_ in ids:
            self.fleet.remove(id_)

    def rows(self, sql, **values):
        """Return the rows of a query as a list of tuples.

        The columns in TIMES become datetimes in UTC, and those in BOOLEANS become bools, but only if the text of the
        query has their names: `SELECT *` alone converts none.
        """
        types = {name: UTCDateTime() for name in TIMES if name in sql}
        types |= {name: sa.Boolean() for name in BOOLEANS if name in sql}
        with database.reading(self.engine) as connection:
            return [tuple(row) for row in connection.execute(sa.text(sql).columns(**types), values)]

    def one(self, sql, **values):
        """Return the only row of a query; for one column, only its value. Raise ValueError for no or several rows."""
        (row,) = self.rows(sql, **values)
        return row[0] if len(row) == 1 else row

    def presences(self):
        return dict(self.rows("SELECT instance_id, presence FROM instances"))

    def held(self):
        return {id_ for (id_,) in self.rows("SELECT instance_id FROM instances WHERE held")}

    def gone(self):
        """Return a list of (id, vanished_at): the vanished instances, in the order of their ids."""
        return self.rows("SELECT instance_id, vanished_at FROM instances WHERE presence = 'vanished' ORDER BY 1")

    def last_run(self, *columns):
        """Return these columns of the run that began last, in any account; for one column, only its value."""
        return self.one(f"SELECT {', '.join(columns)} FROM sync_runs ORDER BY run_id DESC LIMIT 1")

    def digest(self):
        """Return the fleet digest (hex) of the account `default`, computed from its open versions.

        `digest_of` computes it without any code of the program.
        """
        rows = self.rows(
            "SELECT instance_id, instance_type, region, sector, ip, status, creator_user_nickname, extra"
            " FROM instance_versions WHERE valid_to IS NULL AND account = 'default'"
        )
        return digest_of({id_: columns for id_, *columns in rows})

    def statuses(self):
        return [status for (status,) in self.rows("SELECT status FROM sync_runs ORDER BY run_id")]

    def events(self):
        """Return a sorted list with a tuple for each event: (hours since BEGIN, instance id, event)."""
        rows = self.rows("SELECT occurred_at, instance_id, event FROM instance_events")
        return sorted(((at - BEGIN) / timedelta(hours=1), id_, event) for at, id_, event in rows)

    def asked_by_id(self):
        """Return a list of the ids that the last run asked for, in order.

        An id is as in the path of the request: URL-encoded. If a request was repeated, its id is there again.
        """
        return [request.path.rpartition("/")[2] for request in self.simulator.requests if on_get(request)]

    def walks(self):
        """Return how often the last run asked for the first page: once for each walk and for each repeated request."""
        return sum(request.page == 1 for request in self.simulator.requests)

    def history(self):
        """Return a dict with the keys `instance_state` and `instance_versions`. Each value is a sorted list of rows."""
        tables = ("instance_state", "instance_versions")
        return {table: sorted(self.rows(f"SELECT * FROM {table}"), key=repr) for table in tables}

    def dump(self):
        """Return a dict from the name of a table to a sorted list of its rows, each as JSON text.

        The tables `calendar`, `dropped_entries` and `alembic_version` are left out.
        """
        with database.reading(self.engine) as connection:
            return {
                table: sorted(
                    json.dumps(dict(row), default=str, sort_keys=True)
                    for row in connection.exec_driver_sql(f"SELECT * FROM {table}").mappings()
                )
                for table in (
                    "accounts", "sync_runs", "instance_state", "instance_versions", "operator_actions", "typed"
                )
            }  # fmt: skip

    def forget_log(self):
        """Delete all logs and acts, as if the database was upgraded from a release that kept none.

        The columns that such a release did not have become null.
        """
        with database.writing(self.engine) as connection:
            for change in (
                "DELETE FROM operator_actions",
                "DELETE FROM dropped_entries",
                "UPDATE instance_versions SET closed_log_index = NULL",
                "UPDATE sync_runs SET log_index = NULL, entry_hash = NULL, changes_root = NULL, missing_digest = NULL",
                "UPDATE sync_runs SET cleared_digest = NULL, ignore_changes = NULL, max_vanish = NULL",
                "UPDATE sync_runs SET max_gap_seconds = NULL",
                "UPDATE accounts SET log_id = NULL, log_start = NULL, log_size = NULL, log_frontier = NULL",
                "UPDATE accounts SET checkpoint_at = NULL",
            ):
                connection.exec_driver_sql(change)


@dataclass(frozen=True)
class Past:
    """A database for tests to copy, with the listed instances of its fleet and the number of its runs.

    `template` is the path of a SQLite file, or the name of a PostgreSQL database.
    """

    template: Any
    fleet: list[dict[str, Any]]
    runs: int


def live_through(live, url, template):
    """Call `live(world)` with a World on the database of `url`, and return a Past with this `template`."""
    engine = database.connect(parse_url(url))
    with Simulator(Fleet()) as simulator:
        world = World(engine, simulator)
        live(world)
        fleet = simulator.fleet.listing()
    engine.dispose()
    return Past(template, fleet, world.runs)
