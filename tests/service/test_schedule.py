"""`inventory run` in one process: when a run is due, what is logged, how it ends. `test_hosts.py` tests several."""

import json
import signal
import socket
import sqlite3
import threading
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import sqlalchemy as sa

from inventory import log
from inventory.config.keys import Account, ApiKey
from inventory.config.settings import load
from inventory.config.timetable import Cron, Every
from inventory.errors import AccountBusy
from inventory.history import missing as history
from inventory.history import runs
from inventory.history.runs import NotDue, RunRequest
from inventory.service import schedule, timer, watch
from inventory.simulator import Hang, Rewrite, Status, on_get, on_list, on_page
from inventory.store import database
from inventory.sync import SyncOptions, sync
from support.marks import rule
from support.workers import configuration, until, until_it_waits_for_a_lock
from support.world import hour

pytestmark = pytest.mark.slow

HOURLY = Every(timedelta(hours=1))


@pytest.fixture
def world(world):
    world.put("a", "b")
    return world


def claim(world, at, timetable=HOURLY, **flags):
    """Try to make a scheduled run at the time `at`. Return its status, or, if none is due, the seconds until one is."""
    try:
        return world.run(clock=lambda: at, timetable=timetable, trigger="schedule", **flags).status
    except NotDue as wait:
        return wait.seconds


def statuses(world, number):
    """Wait until there are at least `number` runs and all have ended; return a list of all statuses, in order."""
    return until(lambda: (found := world.statuses())[number - 1 :] and "running" not in found and found)


@contextmanager
def locked(world):
    """Hold a lock during the block. PostgreSQL locks the rows of `accounts`, SQLite the whole file."""
    with database.writing(world.engine) as connection:
        connection.exec_driver_sql("UPDATE accounts SET provider = provider")
        yield


# -- the claim


def test_the_first_run_is_due_at_once_and_the_next_an_interval_after_it_began(world):
    assert claim(world, hour(1)) == "succeeded"
    assert claim(world, hour(1)) == 3600
    assert claim(world, hour(2) - timedelta(seconds=0.25)) == 0.25
    assert claim(world, hour(2)) == "succeeded"
    assert world.rows('SELECT "trigger", expected_seconds FROM sync_runs') == [("schedule", 3600), ("schedule", 3600)]


def test_many_missed_runs_are_one(world):
    assert claim(world, hour(1)) == "succeeded"
    assert claim(world, hour(100)) == "succeeded"
    assert claim(world, hour(100)) == 3600


@pytest.mark.parametrize("trigger", ["manual", "demo"])
def test_an_attempt_with_any_trigger_counts(world, trigger):
    world.run(clock=lambda: hour(1), trigger=trigger)
    assert claim(world, hour(1.5)) == 1800


@pytest.mark.parametrize("fault", [Status(500), Status(401), Rewrite(lambda page: page | {"has_more": True})])
def test_an_attempt_that_failed_counts_too(world, fault):
    world.faults.add(fault, when=on_list)
    assert claim(world, hour(1)) in {"failed", "partial"}
    assert claim(world, hour(1.5)) == 1800


def test_a_run_that_a_signal_interrupted_is_repeated_at_once(world):
    stop = threading.Event()
    world.simulator.before_page = lambda _: stop.set()
    settings = world.settings(page_size=1)
    cut = sync(world.engine, Account("default", ApiKey("a:b")), settings, SyncOptions(clock=lambda: hour(1), stop=stop))
    assert cut.error.error_code == "interrupted"
    world.simulator.before_page = None
    assert claim(world, hour(1.5)) == "succeeded"
    assert claim(world, hour(1.5)) == 3600


def test_a_run_whose_process_died_is_repeated_as_soon_as_its_lease_ends(world):
    settings = world.settings(lease_seconds=60)
    request = RunRequest("default", "schedule", api_url=settings.api_url, api_key_id="a", lease_seconds=60)
    runs.open_run(world.engine, request, clock=lambda: hour(1))
    assert world.run(clock=lambda: hour(1), timetable=HOURLY).error.seconds == 60
    assert claim(world, hour(1) + timedelta(seconds=60)) == "succeeded"
    assert world.statuses() == ["abandoned", "succeeded"]


def test_after_a_clock_was_set_back_one_run_is_due_and_the_schedule_goes_on(world):
    assert claim(world, hour(100)) == "succeeded"
    assert claim(world, hour(1)) == "succeeded"  # at once, not at hour 101
    assert claim(world, hour(1)) == 3600
    assert claim(world, hour(1.5)) == 1800
    assert claim(world, hour(2)) == "succeeded"
    # as if a server whose clock is 5 s behind had taken over: no second run is due
    assert claim(world, hour(2) - timedelta(seconds=5)) == 3605


def test_by_cron_a_run_is_due_when_a_fire_time_has_come_since_the_last_attempt(world):
    cron = Cron("30 */2 * * *")
    assert claim(world, hour(1), cron) == "succeeded"  # never synced before
    assert claim(world, hour(1.75), cron) == 45 * 60
    assert claim(world, hour(2.5), cron) == "succeeded"
    assert claim(world, hour(2.5), cron) == 7200
    assert claim(world, hour(50), cron) == "succeeded"
    assert claim(world, hour(50.25), cron) == 900
    assert world.rows("SELECT expected_seconds FROM sync_runs") == [(7200,)] * 3


def test_only_one_of_many_claims_of_a_due_run_succeeds(world):
    claim(world, hour(1))
    gate, outcomes = threading.Barrier(6), []

    def go():
        gate.wait()
        options = SyncOptions(clock=now, timetable=HOURLY)
        outcomes.append(sync(world.engine, Account("default", ApiKey("a:b")), settings, options))

    def work():
        try:
            go()
        except NotDue:
            outcomes.append(None)

    settings, now = world.settings(), (lambda: hour(2))
    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 6
    assert sum(outcome is not None and outcome.run_id is not None for outcome in outcomes) == 1
    assert world.statuses() == ["succeeded", "succeeded"]


# -- the loop


def test_an_account_is_synced_at_once_and_then_on_schedule(world, start):
    worker = start()
    assert statuses(world, 3)[:3] == ["succeeded"] * 3
    assert worker.stop() == 0
    begun = [at for (at,) in world.rows("SELECT started_at FROM sync_runs ORDER BY run_id")]
    assert all(later - earlier >= timedelta(seconds=1) for earlier, later in pairwise(begun))
    assert set(world.rows('SELECT "trigger", expected_seconds FROM sync_runs')) == {("schedule", 1.0)}


def test_a_new_process_continues_the_schedule_of_the_last_one(world, start):
    world.run(clock=lambda: datetime.now(UTC))
    worker = start("--every", "1h", INVENTORY_LOG_LEVEL="debug")
    (line,) = worker.wait_for("not due", account="default")
    assert 3000 < line["seconds"] <= 3600
    assert worker.stop() == 0
    assert world.statuses() == ["succeeded"]


def test_the_flag_beats_the_setting_in_either_form(world, start):
    worker = start("--cron", "0 0 1 1 *", INVENTORY_EVERY="1s", INVENTORY_LOG_LEVEL="debug")
    worker.wait_for("not due")
    assert worker.stop() == 0
    assert [line["schedule"] for line in worker.log("started")] == ["by cron '0 0 1 1 *', UTC"]
    assert world.statuses() == ["succeeded"]


def test_the_start_is_one_line_without_a_password(start, database_url):
    url = database_url.replace("postgres@", "postgres:secret-word@")
    worker = start(INVENTORY_DATABASE_URL=url, INVENTORY_EVERY="1h")
    worker.wait_for("synced")
    worker.stop()
    assert [line["event"] for line in worker.log()] == ["started", "synced", "stopping", "stopped"]
    (line,) = worker.log("started")
    assert (line["accounts"], line["schedule"]) == ("default", "every 1h")
    assert "secret-word" not in worker.text
    assert "secret-part" not in worker.text


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("zone", ["Nowhere/Nothing", "Asia/Kathmandu", ":/etc/nothing"])
def test_the_hosts_time_zone_does_not_matter(world, start, zone):
    cron = Cron("0 0 1 1 *")
    worker = start("--cron", cron.expression, TZ=zone, INVENTORY_LOG_LEVEL="debug")
    (line,) = worker.wait_for("not due")
    now = datetime.now(UTC)
    assert line["seconds"] == pytest.approx((cron.after(now) - now).total_seconds(), abs=900)
    assert abs(world.one("SELECT started_at FROM sync_runs") - now) < timedelta(minutes=15)
    assert worker.stop() == 0


def test_a_run_with_changes_is_one_log_line_and_a_quiet_run_is_none(world, start):
    worker = start()
    statuses(world, 2)
    world.put("c")
    (first, second) = worker.wait_for("synced", count=2)
    statuses(world, second["run_id"] + 1)
    worker.stop()
    assert (first["run_id"], first["appeared"], first["status"]) == (1, 2, "succeeded")
    assert second["appeared"] == 1
    assert worker.log("synced") == [first, second]


def test_after_a_sleep_of_the_machine_one_run_is_due_not_many(world, monkeypatch):
    """When a laptop wakes up, the time of day has jumped and the monotonic clock has not.

    So without a check of the clock, a wait that began before the sleep would end hours too late.
    """
    world.run(clock=lambda: datetime.now(UTC) - timedelta(hours=10))
    wall, stop, looks, outcomes = [0.0], threading.Event(), [], []
    monkeypatch.setattr(timer, "_clock_offset", lambda: wall[0])
    monkeypatch.setattr(timer, "CLOCK_CHECK_SECONDS", 0.01)

    def look(*arguments, **options):
        try:
            return sync(*arguments, **options)
        finally:
            looks.append(1)

    monkeypatch.setattr(watch, "sync", look)
    monkeypatch.setenv("FAL_KEY", "a:b")
    settings = world.settings(every="1h")
    thread = threading.Thread(
        target=schedule.sync_on_schedule,
        args=(world.engine, settings),
        kwargs={"stop": stop, "observers": [outcomes.append]},
    )
    thread.start()
    try:
        until(lambda: len(looks) == 2)  # one run, then one check that finds nothing due
        assert len(outcomes) == 1
        with database.writing(world.engine) as connection:  # ten hours pass
            earlier = datetime.now(UTC) - timedelta(hours=10)
            connection.execute(sa.update(runs.sync_runs).where(runs.sync_runs.c.run_id == 2).values(started_at=earlier))
        wall[0] += 36_000
        until(lambda: len(looks) == 4)
    finally:
        stop.set()
        thread.join()
    assert [outcome.run_id for outcome in outcomes] == [2, 3]
    assert world.statuses() == ["succeeded"] * 3


# -- failures


def test_an_api_that_is_down_is_logged_once_for_each_change(world, start):
    worker = start()
    statuses(world, 1)
    world.simulator.stop()
    down = until(lambda: world.statuses().count("failed") >= 3 and world.statuses())
    assert worker.process.poll() is None
    world.simulator.start()
    (back,) = worker.wait_for("sync works again")
    statuses(world, len(down) + 2)
    world.faults.add(Status(401), when=on_list, times=None)
    worker.wait_for("sync failed", count=2)
    statuses(world, len(world.statuses()) + 2)
    worker.stop()
    failed = worker.log("sync failed")
    assert [(line["level"], line["code"], line["account"]) for line in failed] == [
        ("error", "network", "default"), ("error", "unauthorized", "default"),
    ]  # fmt: skip
    assert back["after"].endswith("s")
    assert all(line["run_id"] for line in [*failed, back])
    assert 1 <= len(worker.log("trying again")) <= 2  # not in each of the failed runs


def test_held_instances_are_logged_once_and_so_is_the_first_run_after_they_are_accepted(world, start):
    world.put(*(f"i{number}" for number in range(20)))
    worker = start()
    statuses(world, 1)
    world.remove(*(f"i{number}" for number in range(20)))
    until(lambda: world.statuses().count("held") >= 3)
    until(lambda: settles(world) == 20)
    worker.wait_for("sync works again")
    worker.stop()
    (line,) = worker.log("instances are held")
    assert (line["level"], line["code"]) == ("warning", "mass_vanish")
    assert worker.log("sync failed") == []


def settles(world):
    """Accept the loss of the missing instances, and return their number; return None if a run has the lease."""
    try:
        return len(history.accept_missing(world.engine, "default", lease_seconds=60))
    except AccountBusy:
        return None


def test_a_warning_of_every_run_is_logged_once(world, start):
    world.faults.add(Status(400), when=lambda request: "limit" in request.query, times=None)
    worker = start()
    statuses(world, 3)
    worker.stop()
    (line,) = worker.log("the API refused the page size; asking again without it")
    assert (line["account"], line["run_id"]) == ("default", 1)


@rule("every-account-is-tried")
def test_an_account_without_a_key_or_with_a_bad_one_does_not_stop_the_others(world, start, tmp_path):
    world.simulator.keys = {"good:secret-good"}
    settings = configuration(tmp_path / "etc", ["lost", "bad", "good"])
    worker = start(**settings | {"KEY_LOST": "", "FAL_KEY": ""})
    # the stop may interrupt a run
    goods = "SELECT status FROM sync_runs WHERE account = 'good' AND coalesce(error_code, '') <> 'interrupted'"
    until(lambda: len(world.rows(goods)) >= 4)
    worker.stop()
    assert set(world.rows(goods)) <= {("succeeded",), ("running",)}
    assert {(line["account"], line["code"]) for line in worker.log("sync failed")} == {
        ("lost", None), ("bad", "unauthorized"),
    }  # fmt: skip
    assert len(worker.log("sync failed")) == 2
    assert {name for (name,) in world.rows("SELECT account FROM sync_runs")} == {"bad", "good"}


def test_a_second_walk_that_fails_is_a_warning_and_not_a_failed_sync(world, start):
    worker = start(INVENTORY_RETRY_ATTEMPTS="1")
    statuses(world, 1)
    asked = []

    def is_second_walk(request):
        if on_get(request):
            asked.append(request)
            return False
        after_requests_by_id = bool(asked)
        asked.clear()
        return after_requests_by_id

    world.faults.add(Status(500), when=is_second_walk, times=None)
    world.faults.add(Status(500), when=on_get, times=None)
    world.remove(next(iter(world.presences())))
    (line,) = worker.wait_for("the second walk failed")
    assert (line["level"], line["code"]) == ("warning", "server_error")
    world.faults.clear()
    worker.wait_for("runs end without an error again")
    assert worker.stop() == 0
    assert worker.log("sync failed") == []
    assert set(world.statuses()) == {"succeeded"}


@rule("every-account-is-tried")
def test_an_observer_gets_the_run_that_a_fault_of_the_program_ended_and_the_others_go_on(world, tmp_path, monkeypatch):
    for name, value in configuration(tmp_path / "etc", ["bad", "good"]).items():
        monkeypatch.setenv(name, value)
    for account in ("bad", "good"):
        world.run(account=account, clock=lambda: datetime.now(UTC) - timedelta(hours=1))
    with database.writing(world.engine) as connection:
        connection.exec_driver_sql("UPDATE accounts SET walk_digest = 'damaged' WHERE account = 'bad'")
    stop, seen = threading.Event(), {}

    def observer(outcome):
        seen[outcome.account] = (outcome.status, outcome.run_id is not None, outcome.exit_code)
        if len(seen) == 2:
            stop.set()

    settings = load(api_url=world.simulator.url, every="1s", retry_attempts=1)
    assert schedule.sync_on_schedule(world.engine, settings, stop=stop, observers=[observer])
    assert seen == {"bad": ("failed", True, 1), "good": ("succeeded", True, 0)}


def test_the_next_run_uses_the_new_key_of_a_changed_key_file(world, start, tmp_path):
    world.simulator.keys = {"new:secret-part"}
    key = tmp_path / "key"
    key.touch(0o600)
    key.write_text("old:secret-part")
    (tmp_path / "inventory.toml").write_text(f'[[accounts]]\nname = "default"\napi_key_file = "{key}"\n')
    worker = start(INVENTORY_CONFIG=str(tmp_path / "inventory.toml"))
    worker.wait_for("sync failed", code="unauthorized")
    key.write_text("new:secret-part")
    worker.wait_for("sync works again")
    worker.stop()


def test_run_waits_while_the_database_has_a_newer_revision(world, start):
    worker = start()
    statuses(world, 1)
    version = world.one("SELECT version_num FROM alembic_version")

    def stamp(revision):
        with database.writing(world.engine) as connection:
            connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")

    stamp("9999")
    (line,) = worker.wait_for("the database cannot be used")
    assert "9999" in line["reason"]
    stamp(version)
    worker.wait_for("the database is back")
    statuses(world, len(world.statuses()) + 1)
    assert worker.stop() == 0
    assert len(worker.log("the database cannot be used")) == 1


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_run_waits_for_a_database_that_is_down_at_the_start(start, tmp_path):
    file = tmp_path / "late" / "inventory.db"
    worker = start(INVENTORY_DATABASE_URL=f"sqlite:///{file}")
    worker.wait_for("the database cannot be used")
    file.parent.mkdir()
    worker.wait_for("synced")
    assert worker.stop() == 0
    assert len(worker.log("the database cannot be used")) == 1


def test_an_observer_gets_every_outcome_and_each_time_that_it_begins_to_fail_is_logged(world, monkeypatch, capfd):
    monkeypatch.setenv("FAL_KEY", "a:b")
    log.configure("json")
    stop, seen = threading.Event(), []

    def bad(outcome):
        if outcome.status == "succeeded":
            raise ZeroDivisionError(outcome.account)

    def good(outcome):
        seen.append((outcome.run_id, outcome.status, outcome.instances_seen))
        if len(seen) == 3:
            stop.set()

    world.faults.add(Status(500), when=on_page(1), after=1)
    assert schedule.sync_on_schedule(world.engine, world.settings(every="1s"), stop=stop, observers=[bad, good])
    assert seen == [(1, "succeeded", 2), (2, "failed", 0), (3, "succeeded", 2)]
    assert capfd.readouterr().err.count("an observer failed") == 2


# -- the end


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_whose_walk_a_signal_ends_is_recorded_as_interrupted(world, start, number):
    world.faults.add(Hang(), when=on_page(2))
    worker = start(INVENTORY_PAGE_SIZE="1")
    until(lambda: [request for request in world.simulator.requests if request.page == 2])
    worker.signal(number)
    assert worker.ends() == 0
    assert world.last_run("status", "error_code") == ("partial", "interrupted")
    assert worker.log("interrupted")[0]["run_id"] == 1
    assert worker.log("sync failed") == []
    assert start().wait_for("synced")  # the interrupted run is repeated at once


def test_a_signal_ends_the_wait_before_a_retry(world, start):
    world.faults.add(Status(503, {"Retry-After": "3000"}), when=on_list)
    worker = start(INVENTORY_RETRY_MAX_WAIT="5000")
    worker.wait_for("trying again")
    assert worker.stop() == 0
    assert world.last_run("status", "error_code") == ("failed", "interrupted")


def test_a_signal_ends_the_wait_for_a_lock(world, start):
    world.run(clock=lambda: datetime.now(UTC) - timedelta(hours=1))
    with locked(world):
        worker = start()
        worker.wait_for("started")
        until_it_waits_for_a_lock(worker.process, world.engine)
        assert worker.stop() == 0


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_signal_ends_the_wait_for_a_silent_server(start):
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        worker = start(INVENTORY_DATABASE_URL=f"postgresql://u@127.0.0.1:{silent.getsockname()[1]}/d?sslmode=disable")
        with closing(silent.accept()[0]):  # the worker sends a request and gets no answer
            assert worker.stop() == 0


def test_more_signals_do_not_disturb_the_end(world, start):
    world.faults.add(Hang(), when=on_list)
    worker = start()
    until(lambda: world.simulator.requests)
    with locked(world):
        worker.signal(signal.SIGTERM)
        worker.wait_for("stopping")
        worker.signal(signal.SIGTERM)
        worker.signal(signal.SIGHUP)
        assert worker.ends() == 0


# -- errors that retrying cannot fix


@pytest.mark.parametrize(
    ("words", "settings", "code", "said"),
    [
        ((), {"FAL_KEY": ""}, 2, "There is no key"),
        (("--every", "0.5s"), {}, 2, "--every"),
        (("--every", "0s"), {}, 2, "from 1s to 366d"),
        (("--cron", "61 * * * *"), {}, 2, "--cron"),
        (("--cron", "0 0 31 2 *"), {}, 2, "never comes"),
        (("--cron", "0 0 * * *", "--every", "1h"), {}, 2, "two ways to say one thing"),
        (("--cron", "0 0 * * *", "--every", "5m"), {}, 2, "--every and --cron are two ways to say one thing"),
        ((), {"INVENTORY_CRON": "0 0 * * *", "INVENTORY_EVERY": "5m"}, 2, "INVENTORY_EVERY and INVENTORY_CRON are two"),
        ((), {"INVENTORY_CONFIG": "nowhere.toml"}, 2, "no such file"),
        (("--database", "mysql://u:secret-word@h/d"), {}, 2, "not a backend"),
    ],
)
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_run_ends_at_once_with_unusable_settings(start, words, settings, code, said):
    worker = start(*words, **settings)
    assert worker.ends() == code
    assert said in worker.text
    assert "secret-word" not in worker.text
    assert [json.loads(line)["level"] for line in worker.text.splitlines()].count("error") == 1


def test_run_ends_with_7_if_the_database_is_empty_and_may_not_be_migrated(start, new_database):
    worker = start(INVENTORY_DATABASE_URL=new_database(), INVENTORY_AUTO_MIGRATE="false")
    assert worker.ends() == 7
    assert "inventory db upgrade" in worker.text


def test_run_migrates_an_empty_database(start, new_database):
    worker = start(INVENTORY_DATABASE_URL=new_database())
    worker.wait_for("synced")
    assert worker.stop() == 0


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_run_ends_with_7_for_a_database_of_another_program(start, tmp_path):
    with closing(sqlite3.connect(tmp_path / "theirs.db")) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    worker = start(INVENTORY_DATABASE_URL=f"sqlite:///{tmp_path / 'theirs.db'}")
    assert worker.ends() == 7
    assert "not inventory's" in worker.text
