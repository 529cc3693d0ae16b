"""Random histories of a fleet, made by real syncs, and compared with the model of `support.model`."""

import random
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from inventory.config.keys import Account, ApiKey
from inventory.config.settings import load
from inventory.history import missing as history
from inventory.simulator import Simulator, Status, on_get, on_page
from inventory.store import database
from inventory.store.tables import UTCDateTime
from inventory.sync import SyncOptions, sync
from support import tally
from support.model import KNOWN, Model, Observed, columns_of, creator_of

PAGE = 4
LEASE = 60
COLUMNS = ", ".join((*KNOWN, "extra"))
BEGIN = datetime(2026, 3, 6, 22, tzinfo=UTC)
SERVER_ERROR = "server_error"

TYPES = {
    name: UTCDateTime()
    for name in (
        "started_at", "previous_complete_at", "first_seen_at", "last_seen_at", "missing_since", "vanished_at",
        "occurred_at", "appeared_after", "appeared_at", "first_created_at", "last_created_at",
    )
} | {"complete": sa.Boolean(), "held": sa.Boolean()}  # fmt: skip

ids = st.sampled_from([f"i{number:02}" for number in range(26)])
few_ids = st.sampled_from(["i00", "i01", "i02"])
texts = [None, "", "a", "b"]
VALUES = {
    "instance_type": ["gpu_8x_h100_sxm5", "gpu_1x_h100_sxm5", "something new"],
    "region": ["us-west", "us-east", None],
    "status": ["ready", "stopped"],
    "sector": texts,
    "creator_user_nickname": [None, "ada", "bob"],
    "price": [None, "", 1, True, {"per": "hour", "a": [1.5, None]}, "ü"],
}
"""The values that a change may give to each field of an instance."""
changes = st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in VALUES.items()})
pages = st.integers(2, 7)
seeds = st.integers(0, 2**16)


class History(RuleBasedStateMachine):
    """A state machine of Hypothesis. A step changes the fleet, the clock or a setting, makes runs, or accepts a loss.

    After each run and each act, the database is compared with the model. A subclass sets `engine` and `simulator`.
    """

    engine: sa.Engine
    simulator: Simulator
    since = datetime.min.replace(tzinfo=UTC)
    """Runs before this time, and events up to it, are not compared: `prune` may have dropped or folded them."""

    @initialize(size=st.sampled_from([0, 3, 13, 22, 26]), seed=seeds)
    def begin(self, size, seed):
        self.fleet = self.simulator.fleet
        self.fleet.clear()
        self.simulator.before_page = None
        self.simulator.faults.clear()
        with database.writing(self.engine) as connection:
            for table in (
                "dropped_entries", "operator_actions", "instance_versions", "instance_state", "sync_runs", "accounts"
            ):  # fmt: skip
                connection.exec_driver_sql(f"DELETE FROM {table}")
        self.account = "default"
        self.model = Model()
        self.run_ids = []
        self.now = BEGIN
        self.ignored = frozenset()
        self.key = "first"
        for number in range(size):
            self._put(f"i{number:02}", {"creator_user_nickname": [None, "ada", "bob"][number % 3]})
        self._sync()
        self.live_on(seed, 2)

    # -- the fleet

    @rule(seed=seeds, runs=st.integers(1, 3))
    def live_on(self, seed, runs):
        """Make runs; before each run, add, change and remove some instances.

        Hypothesis prefers small values: if it drew each change, most fleets would hardly change. A seed avoids this.
        """
        chance = random.Random(seed)
        for _ in range(runs):
            for number in chance.sample(range(26), chance.randint(0, 4)):
                names = chance.sample([*VALUES], chance.randint(0, 3))
                self._put(f"i{number:02}", {name: chance.choice(VALUES[name]) for name in names})
            for number in chance.sample(range(26), chance.randint(0, 2)):
                self._remove(f"i{number:02}")
            self._sync()

    @rule(id_=ids)
    def delete(self, id_):
        self._remove(id_)

    @rule(id_=ids, field=st.sampled_from(["status", "creator_user_nickname", "price"]))
    def lose_a_field(self, id_, field):
        if instance := self.fleet.get(id_):
            instance.pop(field, None)
            self.fleet.put(instance)

    @rule(id_=few_ids)
    def hide(self, id_):
        if self.fleet.get(id_):
            self.fleet.hide(id_)

    @rule(id_=few_ids, listed=st.sampled_from(["-", "--", "---", "--+-", "-+--"]))
    def sync_while_one_comes_and_goes_on_the_list(self, id_, listed):
        if self.fleet.get(id_):
            for each in listed:
                (self.fleet.unhide if each == "+" else self.fleet.hide)(id_)
                self._sync()

    @rule()
    def show_all(self):
        for number in range(26):
            self.fleet.unhide(f"i{number:02}")

    @rule(part=st.sampled_from([0.3, 0.5, 0.6, 1]))
    def delete_many(self, part):
        listed = [instance["id"] for instance in self.fleet.listing()]
        for id_ in listed[: round(part * len(listed))]:
            self.fleet.remove(id_)

    # -- the user and the clock

    @rule(names=st.sets(st.sampled_from(["status", "price", "sector"]), max_size=2))
    def ignore(self, names):
        self.ignored = frozenset(names)

    @rule(key=st.sampled_from(["first", "second"]))
    def take_key(self, key):
        self.key = key

    @rule(hours=st.sampled_from([-30, -1, 5]))
    def step_the_clock(self, hours):
        self.now += timedelta(hours=hours)

    @rule()
    def accept(self):
        accepted = history.accept_missing(self.engine, self.account, lease_seconds=LEASE, clock=lambda: self.now)
        assert len(accepted) == self.model.accept()
        self._compare()

    # -- runs

    @rule()
    def sync_without_faults(self):
        self._sync()

    @rule()
    def sync_three_times(self):
        for _ in range(3):
            self._sync()

    @rule(page=pages, id_=ids, change=changes, how=st.sampled_from(["put", "remove", "hide", "unhide"]))
    def sync_while_pages_shift(self, page, id_, change, how):
        def shift():
            if how == "put":
                self._put(id_, change)
            elif how == "unhide":
                self.fleet.unhide(id_)
            elif self.fleet.get(id_):
                getattr(self.fleet, how)(id_)

        self._sync(shift_at=page, shift=shift)

    @rule(page=st.integers(1, 5))
    def sync_until_a_page_fails(self, page):
        self._sync(broken_at=page)

    @rule(failing=st.one_of(st.none(), st.sets(ids, min_size=1)), broken=st.one_of(st.none(), st.integers(1, 4)))
    def sync_while_ids_fail(self, failing, broken):
        """Sync while requests for the ids in `failing` get a 500. If `failing` is None, all requests by id get a 500.

        If `broken` is not None and there is a second walk, the page `broken` of the second walk fails.
        """
        self._sync(failing=failing or {f"i{number:02}" for number in range(26)}, second_broken_at=broken)

    def _put(self, id_, change):
        default = {"id": id_, "instance_type": "gpu_8x_h100_sxm5", "region": "us-west", "status": "ready"}
        self.fleet.put((self.fleet.get(id_) or default) | change)

    def _remove(self, id_):
        if self.fleet.get(id_):
            self.fleet.remove(id_)

    def _sync(self, *, shift_at=0, shift=None, broken_at=None, failing=frozenset(), second_broken_at=None):
        served = []

        def before_page(number):
            if number == 1:
                served.append([])
            elif number == shift_at and len(served) == 1:
                shift()
            served[-1].append(self.fleet.listing()[(number - 1) * PAGE : number * PAGE])

        simulator = self.simulator
        simulator.before_page = before_page
        if broken_at is not None:
            simulator.faults.add(Status(500), when=on_page(broken_at))
        if failing:
            simulator.faults.add(
                Status(500), when=lambda request: on_get(request) and request.path[-3:] in failing, times=None
            )
        if second_broken_at is not None:
            simulator.faults.add(Status(503), when=on_page(second_broken_at), after=1)
        self.now += timedelta(hours=1)
        outcome = self._run_sync()
        # once a fault was played as often as its `times` allow, it is no longer in `faults`
        struck = len(simulator.faults) < (broken_at is not None) + bool(failing) + (second_broken_at is not None)
        simulator.faults.clear()
        simulator.before_page = None
        first, second = [*served, [], []][:2]
        self._record(
            outcome,
            Observed(
                first=first,
                code=SERVER_ERROR if broken_at is not None and struck else None,
                by_id={f"i{n:02}": self.fleet.get(f"i{n:02}") for n in range(26) if f"i{n:02}" not in failing},
                second=second,
                second_code=SERVER_ERROR if second_broken_at is not None and struck else None,
            ),
        )

    def _record(self, outcome, observed):
        """Give the model the answers of the API during the run, and compare the database with the model."""
        self.run_ids.append(outcome.run_id)
        self.model.sync(self.now, observed, ignored=self.ignored, key=self.key)
        self._compare()

    def _run_sync(self):
        return sync(
            self.engine,
            Account(self.account, ApiKey(f"{self.key}:secret")),
            load(
                api_url=self.simulator.url, page_size=PAGE, retry_attempts=1, lease_seconds=LEASE,
                ignore_changes=",".join(sorted(self.ignored)),
            ),
            SyncOptions(clock=lambda: self.now),
        )  # fmt: skip

    # -- the comparison

    def _compare(self):
        tally.count("steps")
        with database.reading(self.engine) as connection:
            self.connection = connection
            self._compare_runs()
            self._compare_the_fleet_now()
            self._compare_the_fleet_as_of_every_run()
            self._compare_events()
            self._compare_episodes()
            self._compare_hours()
            self._compare_creators()

    def _rows(self, sql):
        types = {name: type_ for name, type_ in TYPES.items() if name in sql}
        return [tuple(row) for row in self.connection.execute(sa.text(sql).columns(**types))]

    def _runs(self):
        runs = zip(self.run_ids, self.model.runs, strict=True)
        return [(run_id, run) for run_id, run in runs if run.time >= self.since]

    def _compare_runs(self):
        rows = self._rows(
            "SELECT run_id, status, started_at, previous_complete_at, complete, pages, instances_seen, duplicates,"
            " rejected, appeared, changed, reappeared, vanished, missing, error_code, fleet_digest"
            f" FROM sync_runs WHERE account = '{self.account}' ORDER BY run_id"
        )
        assert [row for row in rows if row[2] >= self.since] == [
            (
                run_id, run.status, run.time, _time(run.previous), run.complete, run.pages, run.seen, run.duplicates,
                0, *run.counts.values(), run.missing, run.code, run.digest,
            )
            for run_id, run in self._runs()
        ]  # fmt: skip

    def _compare_the_fleet_now(self):
        rows = self._rows(
            f"SELECT instance_id, {COLUMNS}, presence, held, first_seen_at, last_seen_at, missing_since, vanished_at,"
            f" episodes, versions FROM instances WHERE account = '{self.account}' ORDER BY instance_id"
        )
        assert rows == [
            (
                id_, *columns_of(each.fields), each.presence, each.held, each.versions[0].opened.time,
                self.model.last_seen(each).time, _time(each.missing_since),
                _time(each.vanished) if each.presence == "vanished" else None,
                each.versions[-1].episode, len(each.versions),
            )
            for id_, each in sorted(self.model.instances.items())
        ]  # fmt: skip

    def _compare_the_fleet_as_of_every_run(self):
        rows = self._rows(
            f"SELECT run_id, instance_id, {', '.join(f'v.{name}' for name in (*KNOWN, 'extra'))} FROM sync_runs AS r"
            " JOIN instance_versions AS v"
            " ON v.valid_from <= r.started_at AND (v.valid_to IS NULL OR v.valid_to > r.started_at)"
            f" WHERE r.account = '{self.account}' AND v.account = '{self.account}'"
        )
        compared = {run_id for run_id, _ in self._runs()}
        assert sorted((row for row in rows if row[0] in compared), key=lambda row: row[:2]) == [
            (run_id, id_, *columns) for run_id, run in self._runs() for id_, columns in sorted(run.fleet.items())
        ]

    def _compare_events(self):
        number = dict(zip(map(id, self.model.runs), self.run_ids, strict=True))
        rows = self._rows(
            f"SELECT occurred_at, instance_id, event, run_id, episode, {COLUMNS} FROM instance_events"
            f" WHERE account = '{self.account}'"
        )
        expected = set()
        for id_, each in self.model.instances.items():
            for version in each.versions:
                shown = (version.episode, *columns_of(version.fields))
                expected.add((version.opened.time, id_, version.opened_as, number[id(version.opened)], *shown))
                if version.closed_as == "vanished":
                    expected.add((version.closed.time, id_, "vanished", number[id(version.closed)], *shown))
        rows = [row for row in rows if row[0] > self.since]
        assert len(rows) == len(set(rows))
        assert set(rows) == {event for event in expected if event[0] > self.since}

    def _compare_episodes(self):
        rows = self._rows(
            "SELECT instance_id, episode, creator_user_nickname, instance_type, region, appeared_after, appeared_at,"
            f" last_seen_at, vanished_at FROM instance_episodes WHERE account = '{self.account}'"
        )
        expected = set()
        for id_, each in self.model.instances.items():
            for episode in {version.episode for version in each.versions}:
                versions = [version for version in each.versions if version.episode == episode]
                last = versions[-1]
                expected.add(
                    (
                        id_, episode, creator_of(versions), last.fields.get("instance_type"),
                        last.fields.get("region"), _time(versions[0].opened.previous), versions[0].opened.time,
                        (last.last_seen or self.model.last_seen(each)).time, _time(last.closed),
                    )
                )  # fmt: skip
        assert len(rows) == len(expected)
        assert set(rows) == expected

    def _compare_hours(self):
        rows = self._rows(
            "SELECT instance_id, episode, hours_low, gpu_hours_low, gpu_hours_high FROM instance_episodes"
            f" WHERE account = '{self.account}'"
        )
        assert {row[:2]: tuple(map(_microseconds, row[2:])) for row in rows} == self.model.hours()
        rows = self._rows(
            "SELECT CAST(day AS text), instance_type, region, instances, hours, gpu_hours FROM fleet_daily"
            f" WHERE account = '{self.account}'"
        )
        days = {row[:3]: (row[3], *map(_microseconds, row[4:])) for row in rows}
        assert len(days) == len(rows)
        assert days == self.model.days()

    def _compare_creators(self):
        rows = self._rows(
            "SELECT creator_user_nickname, instances_created, created_before_watch, live_now, first_created_at,"
            f" last_created_at, hours_low, gpu_hours_low FROM creators WHERE account = '{self.account}'"
        )
        creators = {row[0]: (*row[1:6], *map(_microseconds, row[6:])) for row in rows}
        assert len(creators) == len(rows)
        assert creators == self.model.creators()


def _microseconds(hours):
    return None if hours is None else round(hours * 3.6e9)


def _time(run):
    return None if run is None else run.time
