"""Several `inventory run` on one PostgreSQL: each due run is made by exactly one of them, even if others die.

The processes are real, and so are SIGKILL, SIGSTOP, the restarted server, the standby that takes over, and pgbouncer.
"""

import os
import signal
import sys
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy.engine import make_url

from inventory.config.database_url import parse_url
from inventory.history.verify import verify
from inventory.simulator import Fleet, Simulator, Status, on_list, on_page
from inventory.store import database, schema
from support.faults import Gate
from support.marks import rule
from support.pgbouncer import pgbouncer
from support.postgres import own_server
from support.workers import configuration, crew, until
from support.world import World

pytestmark = pytest.mark.pooler

NAMES = [f"team_{letter}" for letter in "abcdef"]
FAR = """
import datetime, sys
import apscheduler.schedulers.base, inventory.service.shared_database, inventory.service.timer
class Far(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.now(tz) + datetime.timedelta(days={})
for module in (apscheduler.schedulers.base, inventory.service.shared_database, inventory.service.timer):
    module.datetime = Far
from inventory.cli import main
main()
"""
"""The source of a program: `inventory` on a host whose clock is wrong.

`{}` stands for the number of days by which the clock is ahead. If the number is negative, the clock is behind.
"""


@contextmanager
def world_of(url):
    """Yield a world on this database, whose simulator serves four instances on two pages."""
    engine = database.connect(parse_url(url))
    with Simulator(Fleet(), max_page_size=2) as simulator:
        made = World(engine, simulator)
        made.put("a", "b", "c", "d")
        yield made
    engine.dispose()


@pytest.fixture
def backend():
    """Return `postgresql`: a database in SQLite is for one host only."""
    return "postgresql"


@pytest.fixture(params=["direct", "pgbouncer"])
def worker_url(request, new_database):
    """Yield the URL of a migrated database as the workers connect to it: directly or through pgbouncer."""
    database_url = new_database(migrated=True)
    if request.param == "direct":
        yield database_url
    else:
        with pgbouncer(make_url(database_url)) as url:
            yield url.render_as_string()


@pytest.fixture
def world(worker_url):
    with world_of(worker_url) as made:
        yield made


@contextmanager
def hosts(world, url, folder, names=("default",), **settings):
    """Yield a function that starts a Worker in a new folder, as on another host, and returns it."""
    environment = {
        "FAL_KEY": "id:secret",
        "INVENTORY_API_URL": world.simulator.url,
        "INVENTORY_DATABASE_URL": url,
        "INVENTORY_RETRY_ATTEMPTS": "1",
        "INVENTORY_EVERY": "1s",
        "INVENTORY_LEASE_SECONDS": "1",
        **(configuration(folder / "etc", names) if names != ("default",) else {}),
        **settings,
    }
    numbers = iter(range(100))
    with crew() as begin:
        yield lambda *words, **options: begin(folder / f"host-{next(numbers)}", environment, *words, **options)


@pytest.fixture
def start(world, worker_url, tmp_path):
    with hosts(world, worker_url, tmp_path) as begin:
        yield begin


def history(world):
    """Return a dict from each account to a list of its runs in order. A run is [status, started_at, finished_at].

    The status `cut` stands for a run that a signal has interrupted.
    """
    rows = world.rows(
        "SELECT account, CASE error_code WHEN 'interrupted' THEN 'cut' ELSE status END, started_at, finished_at "
        "FROM sync_runs ORDER BY account, run_id"
    )
    found = {}
    for account, *run in rows:
        found.setdefault(account, []).append(run)
    return found


def done(world, number, status="succeeded"):
    """Return `history(world)` if each account in it has at least `number` runs of this status, else a false value."""
    found = history(world)
    return found and all(sum(run[0] == status for run in runs) >= number for runs in found.values()) and found


def check_runs(world, period=timedelta(seconds=1)):
    """Check that no two runs of an account overlap, and that `verify` finds no breach.

    Check also that no run began less than `period` after the run before it, unless that one was abandoned or cut.
    """
    for account, runs in history(world).items():
        for (status, begun, ended), (_, next_begun, _) in pairwise(runs):
            assert ended is not None, (account, "runs twice at once")
            assert next_begun >= ended, (account, "overlaps")
            if status not in {"abandoned", "cut"}:  # after these two, the next run is due at once
                assert next_begun - begun >= period, (account, "doubled")
    with database.reading(world.engine) as connection:
        assert verify(connection).breaches == []


@rule("a-due-run-is-made-once")
def test_no_run_of_several_accounts_is_made_twice_by_several_workers(world, worker_url, tmp_path):
    with hosts(world, worker_url, tmp_path, NAMES, INVENTORY_LEASE_SECONDS="30") as start:
        workers = [start() for _ in range(4)]
        until(lambda: len(history(world)) == len(NAMES) and done(world, 4), lambda: workers[0].text)
        assert [worker.stop() for worker in workers] == [0, 0, 0, 0]
    assert set(history(world)) == set(NAMES)
    assert {status for runs in history(world).values() for status, *_ in runs} <= {"succeeded", "cut"}
    check_runs(world)
    assert all(worker.log("sync failed") == [] for worker in workers)


def test_a_worker_killed_in_the_middle_of_a_walk_is_replaced(world, start):
    gate = Gate()
    world.faults.add(gate, when=on_page(2))
    killed = start()
    assert gate.reached.wait(60)
    other = start()
    killed.signal(signal.SIGKILL)
    killed.ends()
    gate.opened.set()
    until(lambda: done(world, 2), lambda: other.text)
    assert world.statuses()[:2] == ["abandoned", "succeeded"]
    other.stop()
    check_runs(world)


def test_a_frozen_worker_is_replaced_when_its_lease_ends_and_cannot_write_when_it_wakes_up(world, start):
    gate = Gate()
    world.faults.add(gate, when=on_page(2))
    frozen = start()
    assert gate.reached.wait(60)
    frozen.signal(signal.SIGSTOP)
    other = start("--every", "1h")
    until(lambda: done(world, 1), lambda: other.text)
    assert world.statuses() == ["abandoned", "succeeded"]
    (beat, _), (_, begun) = world.rows("SELECT heartbeat_at, started_at FROM sync_runs ORDER BY run_id")
    assert begun - beat >= timedelta(seconds=1)
    world.remove("d")
    gate.opened.set()
    before = world.dump()
    frozen.signal(signal.SIGCONT)
    frozen.wait_for("sync failed", code="lease_lost")
    after = world.dump()
    assert [row for row in before["instance_versions"] if row not in after["instance_versions"]] == []
    assert world.statuses()[:2] == ["abandoned", "succeeded"]
    frozen.stop()
    other.stop()
    check_runs(world)


def test_a_worker_frozen_while_it_claims_or_writes_does_not_block_the_account(world, start):
    """A frozen worker holds a lock on the row of its account.

    PostgreSQL ends the session of the worker after the length of the lease.
    """
    code = """
import os, signal
from sqlalchemy import event
from sqlalchemy.engine import Engine
@event.listens_for(Engine, "after_cursor_execute")
def strike(connection, cursor, statement, parameters, context, executemany):
    if statement.startswith({!r}) and "FOR UPDATE" in statement or statement.startswith({!r}):
        os.kill(os.getpid(), signal.SIGSTOP)
from inventory.cli import main
main()
"""
    for number, (beginning, other) in enumerate((("SELECT accounts", "-"), ("-", "INSERT INTO sync_runs"))):
        frozen = start(program=[sys.executable, "-c", code.format(beginning, other)])
        until(lambda process=frozen.process: os.waitpid(process.pid, os.WUNTRACED | os.WNOHANG)[0])
        helper = start()
        until(lambda number=number: done(world, 1 + 2 * number), lambda helper=helper: helper.text)
        helper.stop()
        frozen.signal(signal.SIGKILL)
    check_runs(world)


def test_the_next_worker_repeats_a_run_that_a_signal_interrupted(world, start):
    gate = Gate()
    world.faults.add(gate, when=on_page(2))
    leaves = start("--every", "1h")
    assert gate.reached.wait(60)
    stays = start("--every", "1h")
    assert leaves.stop() == 0
    gate.opened.set()
    until(lambda: done(world, 1), lambda: stays.text)
    assert world.statuses() == ["partial", "succeeded"]
    stays.stop()


def test_hosts_with_clocks_wrong_by_years_use_the_clock_of_the_database(world, start):
    workers = [start(program=[sys.executable, "-c", FAR.format(days)]) for days in (1000, -1000, 0)]
    until(lambda: done(world, 4), lambda: workers[0].text)
    assert [worker.stop() for worker in workers] == [0, 0, 0]
    check_runs(world)
    assert world.rows("SELECT 1 FROM sync_runs WHERE abs(extract(epoch FROM started_at - now())) > 86400") == []


def test_an_api_that_fails_for_one_account_delays_no_other(world, worker_url, tmp_path):
    world.faults.add(
        Status(500), when=lambda request: on_list(request) and "team_a:" in request.headers["authorization"], times=None
    )
    with hosts(world, worker_url, tmp_path, NAMES[:3], INVENTORY_LEASE_SECONDS="30") as start:
        workers = [start(), start()]
        until(lambda: done_of(world, "team_b", 3) and done_of(world, "team_c", 3), lambda: workers[0].text)
        for worker in workers:
            worker.stop()
            assert len(worker.log("sync failed")) <= 1
    check_runs(world)
    assert {status for status, *_ in history(world)["team_a"]} <= {"failed", "cut"}


def done_of(world, account, number):
    return sum(run[0] == "succeeded" for run in history(world).get(account, ())) >= number


def test_workers_go_on_after_a_restart_of_the_server(tmp_path):
    with own_server(synchronous_commit="on") as server:
        url = server.url.render_as_string()
        _migrate(url)
        with world_of(url) as world, hosts(world, url, tmp_path, NAMES[:2]) as start:
            workers = [start(), start()]
            until(lambda: done(world, 2), lambda: workers[0].text)
            server.stop()
            for worker in workers:
                worker.wait_for("the database cannot be used")
            server.start()
            world.engine.dispose()
            before = max(len(runs) for runs in history(world).values())
            until(lambda: done(world, before + 2), lambda: workers[0].text)
            for worker in workers:
                assert len(worker.log("the database cannot be used")) == 1
                assert worker.stop() == 0
            check_runs(world)


def test_a_worker_waits_for_a_database_that_is_down_at_the_start(tmp_path):
    with own_server(synchronous_commit="on") as server:
        url = server.url.render_as_string()
        server.stop()
        with world_of(url) as world, hosts(world, url, tmp_path) as start:
            worker = start()
            worker.wait_for("the database cannot be used")
            server.start()
            worker.wait_for("synced")  # the tables were created too
            assert worker.stop() == 0


def test_workers_go_on_with_a_standby_that_takes_over(tmp_path):
    with own_server(wal_level="replica", max_wal_senders="4", synchronous_commit="on") as first:
        _migrate(first.url.render_as_string())
        with first.standby() as second:
            folder = first.url.query["host"]
            both = {"host": f"{folder},{folder}", "port": f"{first.port},{second.port}"}
            url = first.url.set(query=both | {"target_session_attrs": "read-write"}).render_as_string()
            with world_of(url) as world, hosts(world, url, tmp_path, NAMES[:2]) as start:
                workers = [start(), start()]
                until(lambda: done(world, 2), lambda: workers[0].text)
                first.stop()
                second.promote()
                world.engine.dispose()
                before = max(len(runs) for runs in history(world).values())
                until(lambda: done(world, before + 2), lambda: workers[0].text)
                assert [worker.stop() for worker in workers] == [0, 0]
                check_runs(world)


def _migrate(url):
    engine = database.connect(parse_url(url))
    schema.upgrade(engine)
    engine.dispose()
