"""Two simulated weeks and their runs: what the fleet did, which items each run received, and the expected episodes.

The fleet also changes during a run: each request that it answers takes two seconds of simulated time. Two accounts sync
the same fleet, so the same ids are in both. One account syncs less often. The expected episodes follow from the items
that the simulator sent, and from nothing in the database.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from inventory.config.database_url import parse_url
from inventory.config.keys import Account, ApiKey
from inventory.config.settings import Settings
from inventory.history.missing import accept_missing
from inventory.simulator import Life, LivelyFleet, Simulator, Status, on_get, on_page
from inventory.store.database import connect
from inventory.sync import SyncOptions, sync

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
HOUR = timedelta(hours=1)
HOURS = 14 * 24
REQUEST = timedelta(seconds=2)
PAGE = 25
EVERY = {"research": 1, "production": 12}  # hours from one run to the next
BROKEN, DOWN, ASLEEP, MUTE = 100, range(150, 156), range(200, 203), range(230, 236)
"""Hours since BEGIN. BROKEN: page 2 fails. DOWN: all requests fail. ASLEEP: no run. MUTE: requests by id fail."""
ACCEPTED = 246  # on 12 March: the runs leave absent instances missing, and a person accepts the loss
REASONS = {"research": "deleted by ada, ticket 4711", "production": None}
DOWNTIME = Status(503)


@dataclass
class Run:
    """One run and its planned outcome. `told` is a dict from an instance id to the last item the run received of it."""

    account: str
    status: str
    code: str | None
    started: datetime
    ended: datetime | None = None
    accepted: datetime | None = None
    """The time at which a person accepted the instances that this run left missing."""
    told: dict[str, dict] = field(default_factory=dict)

    @property
    def complete(self):
        return self.status == "succeeded"


@dataclass
class Version:
    """A version that follows from the items that the runs received."""

    since: Run
    item: dict
    until: Run | None = None
    changed: bool = False
    """Whether another version of the same episode follows."""


@dataclass
class Episode:
    """One episode of an instance, as far as the runs of an account can know it.

    - `unseen`: the last complete run before the episode, or None.
    - `seen`: the first run that saw the instance in this episode.
    - `last`: the run whose time is the `last_seen_at` of the episode.
    - `gone`: the run at which the instance vanished, or None.
    - `missing`: the newest run that left the instance missing, or None.
    """

    account: str
    id: str
    number: int
    unseen: Run | None
    seen: Run
    last: Run
    gone: Run | None = None
    missing: Run | None = None
    versions: list[Version] = field(default_factory=list)
    lives: list[Life] = field(default_factory=list)
    """The real lives of the instance in this episode: several, if no run could see that it was gone in between."""

    @property
    def item(self):
        return self.versions[-1].item

    @property
    def creator(self):
        names = (version.item.get("creator_user_nickname") for version in self.versions)
        return next((name for name in names if name), None)

    @property
    def gpus(self):
        return gpus(self.item)

    @property
    def low(self):
        return hours(self.last.started - self.seen.started)

    @property
    def high(self):
        return hours(self.gone.started - self.unseen.started) if self.gone and self.unseen else None

    def at(self, time):
        """Return the item of the version that is valid at a time; None if there is no such version in this episode."""
        for version in self.versions:
            if version.since.started <= time and (version.until is None or time < version.until.started):
                return version.item
        return None


def gpus(item):
    return {"gpu_8x_h100_sxm5": 8, "gpu_1x_h100_sxm5": 1}[item["instance_type"]]


def hours(span):
    return span / HOUR


def alive(life, begin, end):
    """Return True if the instance existed all the time from `begin` to `end`."""
    return life.born <= begin and (life.died is None or life.died > end)


class WatchedFleet(LivelyFleet):
    """A fleet whose time advances by REQUEST with each request that it answers."""

    noted: dict
    """A dict from an instance id to the last item of this instance that the fleet sent during the current run."""

    def page(self, number, size):
        self.advance(self.now + REQUEST)
        items, more = super().page(number, size)
        self.noted |= {item["id"]: item for item in map(json.loads, items)}
        return items, more

    def encoded(self, instance_id):
        self.advance(self.now + REQUEST)
        item = super().encoded(instance_id)
        if item is not None:
            self.noted[instance_id] = json.loads(item)
        return item


@dataclass
class Watch:
    """What `play` simulated: the lives that the instances really had, and the runs.

    `episodes` are the episodes that the runs could know. `url` names the database into which the runs wrote.
    """

    url: str
    lives: list[Life]
    runs: list[Run]

    def __post_init__(self):
        self.episodes = [each for account in EVERY for each in observed(self.of(account))]
        for each in self.episodes:
            each.lives = [
                life
                for life in self.lives
                if life.id == each.id
                and life.born <= each.last.ended
                and (life.died is None or life.died > each.seen.started)
            ]

    def skipped(self, account):
        """Return the instances that existed from the start to the end of a complete run that did not see them.

        The result is a set of pairs: the id of the instance, and the start of the run.

        If an instance is deleted during a walk, all instances after it move up by one place on the list. So one of the
        moved instances may be on no page. If the account already knows this instance, the run asks for it by id. If the
        instance is a newcomer, only the next run can see it.
        """
        return {
            (life.id, run.started)
            for run in self.of(account)
            for life in self.lives
            if run.complete and alive(life, run.started, run.ended) and life.id not in run.told
        }

    def of(self, account):
        return [run for run in self.runs if run.account == account]

    def first(self, account):
        return next(run for run in self.of(account) if run.complete)

    def last(self, account):
        return next(run for run in reversed(self.of(account)) if run.complete)


def play(url):
    """Simulate two weeks of a fleet, sync it into the migrated database of `url`, and return the Watch."""
    engine = connect(parse_url(url))
    fleet = WatchedFleet(seed=40, start=BEGIN - HOUR, instances=40, churn=2)
    runs = []
    with Simulator(fleet) as simulator:
        settings = Settings.model_construct(
            api_url=simulator.url, page_size=PAGE, retry_attempts=1, retry_max_wait=0.01, max_vanish=1
        )
        for number in range(HOURS):
            odd = timedelta(minutes=number * 7 % 23, seconds=number * 13 % 60, microseconds=123456)
            fleet.advance(BEGIN + number * HOUR + odd)
            for account, every in EVERY.items():
                if number not in ASLEEP and number % every == every // 2:
                    runs.append(_run(engine, simulator, settings, account, number))
    engine.dispose()
    return Watch(url, fleet.truth, runs)


def _run(engine, simulator, settings, account, number):
    faults, fleet = simulator.faults, simulator.fleet
    status, code = "succeeded", None
    faults.clear()
    if number == BROKEN:
        faults.add(DOWNTIME, when=on_page(2), times=None)
        status, code = "partial", "server_error"
    elif number in DOWN:
        faults.add(DOWNTIME, times=None)
        status, code = "failed", "server_error"
    elif number in MUTE:  # a second walk decides what has vanished
        faults.add(Status(500), when=on_get, times=None)
    elif number in {ACCEPTED, HOURS - 1}:  # the second walk fails too: absent instances stay missing
        faults.add(Status(500), when=on_get, times=None)
        faults.add(DOWNTIME, when=on_page(2), times=None, after=1)
        code = "server_error"
    fleet.noted = {}
    run = Run(account, status, code, fleet.now)
    outcome = sync(
        engine,
        Account(account, ApiKey(f"{account}:secret")),
        settings,
        SyncOptions(trigger="schedule", expected_seconds=EVERY[account] * 3600.0, clock=lambda: fleet.now),
    )
    run.ended, run.told = fleet.now, fleet.noted
    assert (outcome.status, outcome.error and outcome.error.error_code) == (status, code), (number, outcome)
    if number == ACCEPTED:
        fleet.advance(fleet.now + REQUEST)
        run.accepted = fleet.now
        assert accept_missing(engine, account, reason=REASONS[account], lease_seconds=60, clock=lambda: run.accepted)
    return run


def observed(runs):
    """Return a list of the episodes that follow from the items that the runs of one account received."""
    episodes, there, complete = [], {}, None
    for run in runs:
        for id_, item in run.told.items():
            episode = there.get(id_)
            if episode is None:
                number = 1 + sum(each.id == id_ for each in episodes)
                episode = there[id_] = Episode(run.account, id_, number, complete, run, run)
                episode.versions.append(Version(run, item))
                episodes.append(episode)
            elif item != episode.item:
                episode.versions[-1].until, episode.versions[-1].changed = run, True
                episode.versions.append(Version(run, item))
                episode.last = run
            if run.complete:
                episode.last = run
        if run.complete:
            for id_ in there.keys() - run.told.keys():
                if run.code is None or run.accepted:
                    there[id_].gone = there[id_].versions[-1].until = run
                    del there[id_]
                else:
                    there[id_].missing = run
            complete = run
    return episodes
