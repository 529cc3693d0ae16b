"""Small histories of several kinds, made by real syncs, for the tests of the log.

A story is a function. It gets a `Story` object, which is a kind of World, and calls its methods to make runs and acts.
`record` plays a story into a database and returns a Past: all rows and checkpoints after each step of the story.
"""

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import psycopg
import sqlalchemy as sa

from inventory.config.database_url import parse_url, sqlite_path
from inventory.history import accounts, runs
from inventory.history.missing import accept_missing
from inventory.history.prune import PruneRequest, prune
from inventory.history.runs import RunRequest
from inventory.simulator import Fleet, Simulator, Status, on_get, on_page
from inventory.store import database, schema
from inventory.store.tables import accounts as accounts_table
from support.checkpoints import take_checkpoints
from support.forgery import read_rows, write_rows
from support.world import World, hour

RELEASED = Path(__file__).parents[1] / "released"
DOWN = Status(503)
TYPES = ("gpu_8x_h100_sxm5", "gpu_1x_h100_sxm5", "cpu_large", None)
REGIONS = ("us-west", "us-east", "eu-north", None)
PEOPLE = ("ada", "bob", "eve", None)


@dataclass(frozen=True)
class Moment:
    """A history after one step of a story: all its rows, a checkpoint of each log, and the instances on the list.

    `rows` are as `read_rows` returns them. `runs` is the number of hours that had passed on the clock of the story.
    """

    rows: dict
    checkpoints: list
    fleet: list
    runs: int

    @property
    def now(self):
        """Return the time of the next step, by the clock of the story."""
        return hour(self.runs + 1)


@dataclass
class Past:
    """A recorded history: its moments, and its forks.

    A fork is another history, which went on from one of the older moments with other runs. It is kept as all its rows,
    in the form that `read_rows` returns.
    """

    name: str
    moments: list[Moment] = field(default_factory=list)
    forks: list[dict] = field(default_factory=list)

    @property
    def last(self):
        return self.moments[-1]


class Story(World):
    """A World whose methods `step`, `accept`, `prune`, `rename` and `retire` each add a Moment to its Past."""

    def __init__(self, engine, simulator, past, runs=0):
        super().__init__(engine, simulator, runs)
        self.past = past
        self.random = Random(past.name)

    def keep(self):
        with database.reading(self.engine) as connection:
            rows, checkpoints = read_rows(connection), take_checkpoints(connection)
        self.past.moments.append(Moment(rows, checkpoints, self.fleet.listing(), self.runs))

    def step(self, **flags):
        outcome = self.run(**flags)
        self.faults.clear()
        self.keep()
        return outcome

    def clock(self):
        self.runs += 1
        return lambda: hour(self.runs)

    def change(self):
        """Change, remove or add one to three instances at random."""
        random, listed = self.random, self.fleet.listing()
        for _ in range(random.randint(1, 3)):
            some = random.choice(listed)["id"] if listed else None
            what = random.random()
            if some is None or what < 0.2:
                self.put(f"n{random.randrange(1000):03}", creator_user_nickname=random.choice(PEOPLE))
            elif what < 0.3 and self.fleet.get(some):
                self.remove(some)
            else:
                fields = {
                    "instance_type": random.choice(TYPES), "region": random.choice(REGIONS),
                    "creator_user_nickname": random.choice(PEOPLE), "status": random.choice(["ready", "stopped"]),
                    "price": random.randrange(9),
                }  # fmt: skip
                self.put(some, **{name: fields[name] for name in random.sample(list(fields), 2)})

    def accept(self, account="default", **options):
        accept_missing(self.engine, account, lease_seconds=60, clock=self.clock(), **options)
        self.keep()

    def prune(self, before, account="default", reason=None):
        prune(self.engine, PruneRequest(account, before, reason), lease_seconds=60, clock=self.clock())
        self.keep()

    def rename(self, old, new, reason=None):
        accounts.rename(self.engine, old, new, reason=reason, lease_seconds=60, clock=self.clock())
        self.keep()

    def retire(self, account="default", reason=None):
        accounts.retire(self.engine, account, reason=reason, lease_seconds=60, clock=self.clock())
        self.keep()

    def die(self, account="default"):
        """Begin a run and leave it `running`, as if its process was killed. The lease of the run ends at once."""
        request = RunRequest(account, "schedule", self.simulator.url, "id", lease_seconds=60)
        lease = runs.open_run(self.engine, request, clock=self.clock()).lease
        with database.writing(self.engine) as connection:
            connection.execute(
                sa.update(accounts_table)
                .where(accounts_table.c.fencing_token == lease.token)
                .values(lease_pid=0, lease_host="elsewhere", lease_seconds=0.001)
            )


def every_event(story):  # noqa: PLR0915 - one statement a step
    """Play all events and all statuses of finished runs, in two accounts with the same instance ids.

    Some instances also become missing, held or unlisted. At the end, a partial run has seen one of them after the last
    complete run. The versions alone do not tell these states: see "The missing digest" in docs/log.md.
    """
    for number in range(6):
        story.put(f"i{number}", creator_user_nickname=PEOPLE[number % 4], ip=f"192.0.2.{number}")
    story.put("i6", price=1.5, labels={"team": "vision", "tier": [1, 2]})
    story.step(expected_seconds=3600)
    story.put("i0", region="eu-north", creator_user_nickname="ada")
    story.put("i3", creator_user_nickname="eve")
    story.step(expected_seconds=3600)
    story.put("other")
    story.step(account="second", key="second:x")
    story.remove("i1")
    story.remove("i2")
    story.step()
    story.put("i2", creator_user_nickname="bob")
    story.put("i6", price=2)
    story.step()
    story.put("i4", ip="203.0.113.4", status="stopped", creator_user_nickname="ada")
    story.step(ignore_changes="ip,price")
    story.faults.add(DOWN, when=on_page(2), times=None)
    story.put("i5", status="stopped")
    story.step(page_size=2)  # partial
    story.faults.add(DOWN, times=None)
    story.step()  # failed
    story.die()
    story.step(max_vanish="0.9")
    story.faults.add(Status(500), when=on_get, times=None)
    story.faults.add(DOWN, when=on_page(1), after=1)
    story.remove("i3")
    story.step()  # i3 is missing
    story.step(account="second", key="second:x")
    story.remove("i0")
    story.remove("i5")
    story.remove("i6")
    story.step(key="another:y")  # held
    story.accept(only=["i3"], reason="the ticket 12 says so")
    story.accept(reason="gone for good")
    story.put("p1", "p2", "p3", region="eu-west")
    story.step(key="another:y")
    story.fleet.hide("i4")
    story.step(key="another:y")  # i4 is found by its id only
    story.faults.add(Status(500), when=on_get, times=None)
    story.faults.add(DOWN, when=on_page(1), after=1)
    story.remove("p1")
    story.step(key="another:y")  # i4 and p1 are missing
    for gone in ("i2", "p2", "p3"):
        story.remove(gone)
    story.put("p4")
    story.step(key="third:z")  # held, and i4 is found by its id only
    story.faults.add(DOWN, when=on_page(2), times=None)
    story.put("i4", status="unknown")
    story.fleet.unhide("i4")
    story.step(page_size=2, key="third:z")  # partial: i4 is seen after the last complete run
    story.step(account="second", key="second:x")


def pruned(story):
    """Play many changes, two prunes, a rename, and an account that is retired, returns and is retired again."""
    for number in range(5):
        story.put(f"i{number}", creator_user_nickname=PEOPLE[number % 4])
    story.step()
    story.step(account="second")
    for number in range(6):
        story.change()
        if number == 3:
            story.faults.add(DOWN, times=None)
        story.step()
    story.step(account="second")
    story.prune(hour(5), reason="older than a year")
    story.change()
    story.step()
    story.rename("default", "production", reason="a better name")
    story.change()
    story.step(account="production")
    story.retire("second")
    story.change()
    story.step(account="second")
    story.change()
    story.step(account="production")
    story.step(account="production")
    story.prune(hour(story.runs - 4), account="production")
    story.change()
    story.step(account="production")
    story.retire("second", reason="its key is gone")


def tiny(story):
    """Play two runs: of an empty fleet, then of one instance."""
    story.step()
    story.put("a")
    story.step()


def quiet(story):
    """Play eleven runs, nine of which find nothing new."""
    story.put("a", "b", "c")
    for _ in range(9):
        story.step(expected_seconds=3600, trigger="schedule")
    story.put("a", status="stopped")
    story.step()
    story.step()


def upgraded(story):
    """Play runs and an act in the database of an earlier release.

    That release kept no logs, so entry 0 of each log covers the history that was there before.
    """
    story.runs = 1_000
    story.keep()
    story.put("inst-00", "inst-01")
    story.step(account="production")
    story.step(account="legacy")
    story.die("killed")
    story.step(account="killed")
    story.change()
    story.step(account="production")
    story.accept("production", reason="as before the upgrade")
    story.change()
    story.step(account="production")


def upgraded_and_pruned(story):
    """Play the story `upgraded`, then rename one account and prune two."""
    upgraded(story)
    story.rename("production", "default")
    story.change()
    story.step(account="legacy")
    story.prune(hour(-60), account="legacy")
    story.change()
    story.step(account="default")
    story.prune(hour(1_004), account="default")
    story.change()
    story.step(account="default")


STORIES = {
    "every event": (every_event, None),
    "pruned": (pruned, None),
    "tiny": (tiny, None),
    "quiet": (quiet, None),
    "upgraded": (upgraded, "0.2.0.dev0"),
    "upgraded and pruned": (upgraded_and_pruned, "0.1.0"),
}
"""A dict from the name of a story to a pair: its function, and the release whose database it begins with, or None."""


def record(name, url, *, forks=0):
    """Play the story `name` into the empty database of `url`, and return its Past, with `forks` forks.

    If the story begins with the database of an earlier release, the largest account is deleted first: without it, each
    check is three times as fast.
    """
    live, release = STORIES[name]
    if release is not None:
        restore_release(url, release)
    engine = database.connect(parse_url(url), create=True)
    schema.upgrade(engine)
    if release is not None:
        forget_largest(engine)
    past = Past(name)
    with Simulator(Fleet()) as simulator:
        live(Story(engine, simulator, past))
        if forks:
            make_forks(engine, simulator, past, forks)
    engine.dispose()
    return past


def forget_largest(engine):
    """Delete the account `research`, which has most of the history. Call this before any account has a log."""
    with database.writing(engine) as connection:
        for table in ("sync_runs", "instance_state", "instance_versions", "accounts"):
            connection.exec_driver_sql(f"DELETE FROM {table} WHERE account = 'research'")


def make_forks(engine, simulator, past, number):
    """Add `number` forks to `past`. For each, restore an older moment, make up to six more runs, and keep the rows.

    At the end the database holds the last moment of `past` again.
    """
    random = Random(number)
    rows = past.last.rows
    for _ in range(number):
        moment = random.choice(past.moments[:-1])
        restore(engine, rows, moment.rows)
        simulator.fleet.clear()
        for instance in moment.fleet:
            simulator.fleet.put(instance)
        simulator.faults.clear()
        story = Story(engine, simulator, Past(f"fork {random.random()}"), moment.runs)
        for _ in range(random.randint(1, 6)):
            if random.random() < 0.6:
                story.change()
            account = random.choice(rows["accounts"])["account"]
            if account in {row["account"] for row in moment.rows["accounts"]}:
                story.run(account=account, clock=story.clock())
        with database.reading(engine) as connection:
            rows = read_rows(connection)
        past.forks.append(rows)
    restore(engine, rows, past.last.rows)


def restore(engine, before, after):
    """Replace the rows `before`, which the database holds, by the rows `after`.

    Also set the counters of `run_id` and `action_id` as if no newer row had ever been there.
    """
    with database.writing(engine) as connection:
        write_rows(connection, before, after)
        for table, column in (("sync_runs", "run_id"), ("operator_actions", "action_id")):
            last = max((row[column] for row in after[table]), default=0)
            if database.is_sqlite(connection):
                connection.exec_driver_sql("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", (last, table))
            else:
                connection.exec_driver_sql(
                    f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'), {last + 1}, false)"
                )


def restore_release(url, release):
    """Load the stored database of a release (tests/released) into the empty database of `url`."""
    backend = "sqlite" if url.startswith("sqlite") else "postgresql"
    script = (RELEASED / f"{release}.{backend}.sql").read_text(encoding="utf-8")
    if backend == "sqlite":
        with closing(sqlite3.connect(sqlite_path(parse_url(url)))) as connection:
            connection.executescript(script)
    else:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(script)
