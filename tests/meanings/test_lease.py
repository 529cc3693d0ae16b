"""The transaction of a run and the lease of an account.

A run is applied as a whole or not at all (`one-transaction`). Only one process at a time works on an account
(`one-run-per-account`).
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import event

from inventory.config.database_url import parse_url
from inventory.config.keys import Account, ApiKey
from inventory.errors import AccountBusy, DatabaseError, LeaseLost, UsageError
from inventory.history import missing as history
from inventory.history.lease import hold_lease
from inventory.simulator import Status, on_get, on_page
from inventory.store import database
from inventory.store.tables import accounts
from inventory.sync import SyncOptions, sync
from support.faults import Gate
from support.marks import ON_POSTGRESQL, rule
from support.postgres import WAITS_FOR_A_LOCK
from support.workers import until
from support.world import BEGIN, hour, ids

CHILD = """
import os, signal, sys
from sqlalchemy import event
from inventory.store import database
from inventory.config.database_url import parse_url
from inventory.config.keys import Account, ApiKey
from inventory.config.settings import load
from inventory.sync import sync

url, api, deed, lease, name = sys.argv[1:]
if name:
    open("/proc/self/comm", "w").write(name)
engine = database.connect(parse_url(url))

@event.listens_for(engine, "before_cursor_execute")
def strike(connection, cursor, statement, parameters, context, executemany):
    if deed != "walk" and statement.startswith("UPDATE sync_runs SET") and "pages" in statement:
        os.kill(os.getpid(), getattr(signal, deed))

outcome = sync(engine, Account("default", ApiKey("id:secret")),
    load(api_url=api, page_size=2, retry_attempts=1, lease_seconds=float(lease)))
print(outcome.status, flush=True)
sys.exit(outcome.exit_code)
"""
PATIENCE = 60
"""The seconds after which a test stops waiting and fails."""


@pytest.fixture
def world(world):
    world.put("a", "b", "c", "d")
    return world


@pytest.fixture
def child(world, database_url):
    """Yield a function that starts a sync in a child process, and returns the process.

    The function has three parameters. `deed` is the name of a signal that the child sends to itself inside the
    transaction that applies the run; if `deed` is `walk`, the child sends no signal. `lease` is the length of the lease
    in seconds. If `name` is not empty, it becomes the name of the process.
    """
    started = []

    def start(deed, lease=120.0, name=""):
        process = subprocess.Popen(
            [sys.executable, "-c", CHILD, database_url, world.simulator.url, deed, str(lease), name],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            process.kill()
        process.communicate()


@contextmanager
def walking(world, **flags):
    """Start a run in a thread, and hold it at the second page of its walk.

    Yield a tuple: the gate that holds the run, a list to which the run's Outcome is added, and the thread. The gate is
    opened at the end of the block, if the block itself has not opened it.
    """
    gate, outcomes = Gate(), []
    world.faults.add(gate, when=on_page(2))
    thread = threading.Thread(target=lambda: outcomes.append(world.run(page_size=2, **flags)))
    thread.start()
    try:
        assert gate.reached.wait(PATIENCE)
        yield gate, outcomes, thread
    finally:
        gate.opened.set()
        thread.join(PATIENCE)


def wait_until_stopped(process):
    """Wait until the child process has stopped itself by SIGSTOP."""
    until(lambda: os.waitpid(process.pid, os.WUNTRACED | os.WNOHANG)[0] == process.pid)


def now():
    return datetime.now(UTC)


def later(**by):
    return lambda: now() + timedelta(**by)


def run(world, *, clock=None, **flags):
    """Make a run with two items a page, and with the host's clock unless `clock` is given."""
    return world.run(page_size=2, clock=clock or now, **flags)


def set_account(world, **values):
    """Overwrite columns in all rows of `accounts`, as if another host or an earlier version had written them."""
    with database.writing(world.engine) as connection:
        connection.execute(accounts.update().values(values))


# -- a run is applied completely or not at all


@pytest.mark.slow
@rule("one-transaction")
@pytest.mark.parametrize("deed", ["walk", "SIGKILL"], ids=["during-the-walk", "inside-the-transaction"])
def test_a_killed_run_leaves_only_its_running_row_which_the_next_marks_abandoned(world, child, deed):
    run(world)
    world.put("a", status="stopped")
    world.put("new")
    world.remove("d")
    before = world.dump()
    gate = Gate()
    if deed == "walk":
        world.faults.add(gate, when=on_page(2))
    process = child(deed)
    if deed == "walk":
        assert gate.reached.wait(PATIENCE)
        process.kill()
    assert process.wait(PATIENCE) == -signal.SIGKILL
    gate.opened.set()
    after = world.dump()
    assert [name for name in after if after[name] != before[name]] == ["accounts", "sync_runs"]
    assert world.last_run("status", "finished_at", "complete", "appeared") == ("running", None, False, 0)
    outcome = run(world)
    assert outcome.status == "succeeded"
    assert world.statuses() == ["succeeded", "abandoned", "succeeded"]
    assert world.rows("SELECT appeared, changed, vanished FROM sync_runs ORDER BY run_id") == [
        (4, 0, 0), (0, 0, 0), (1, 1, 1),
    ]  # fmt: skip
    abandoned = world.one("SELECT finished_at, error_code, error FROM sync_runs WHERE status = 'abandoned'")
    assert abandoned[0] is not None
    assert abandoned[1] == "lease_lost"


@pytest.mark.medium
@rule("one-transaction")
def test_a_reader_never_sees_half_a_run(world):
    world.fleet.clear()
    world.put(*(f"i{number:04}" for number in range(2500)))  # more than one batch of rows
    counts = (
        "SELECT count(*) FROM instance_versions",
        "SELECT count(*) FROM instances",
        "SELECT count(*) FROM sync_runs WHERE complete",
    )
    seen, done = [], threading.Event()

    def read():
        with database.reading(world.engine) as connection:
            return tuple(connection.exec_driver_sql(sql).scalar_one() for sql in counts)

    def read_on():
        while not done.is_set():
            seen.append(read())

    def wait_for_a_read(_connection, _cursor, statement, *_):
        if threading.current_thread() is not reader and "instance_versions" in statement:
            before = len(seen)
            until(lambda: len(seen) > before + 1)  # of two new reads, the second began after the statement

    reader = threading.Thread(target=read_on)
    event.listen(world.engine, "after_cursor_execute", wait_for_a_read)
    reader.start()
    try:
        assert world.run().status == "succeeded"
    finally:
        done.set()
        reader.join()
        event.remove(world.engine, "after_cursor_execute", wait_for_a_read)
    assert (0, 0, 0) in seen
    assert {*seen, read()} == {(0, 0, 0), (2500, 2500, 1)}


# -- the lease


@pytest.mark.medium
@rule("one-run-per-account")
def test_a_second_run_is_refused_at_once_with_the_time_when_the_lease_ends(world):
    with walking(world, clock=now) as (gate, outcomes, thread):
        heartbeat = world.last_run("heartbeat_at")
        second = run(world)
        assert isinstance(second.error, AccountBusy)
        assert second.seconds > 0
        assert (second.exit_code, second.run_id) == (6, None)
        end = heartbeat + timedelta(seconds=120)
        assert end.isoformat().replace("+00:00", "Z") in str(second.error)
        assert str(os.getpid()) in str(second.error)
        assert len(world.statuses()) == 1
        gate.opened.set()
        thread.join(PATIENCE)
    assert outcomes[0].status == "succeeded"
    assert run(world).status == "succeeded"


@ON_POSTGRESQL
@rule("one-run-per-account")
def test_a_run_that_meets_a_rename_of_its_account_is_refused(world, database_url):
    outcomes = []
    with psycopg.connect(database_url) as other:
        other.execute("INSERT INTO accounts (account, provider, created_at) VALUES ('old', 'fal', now())")
        other.commit()
        other.execute("SELECT * FROM accounts FOR UPDATE")
        thread = threading.Thread(target=lambda: outcomes.append(run(world, account="old")))
        thread.start()
        until(lambda: world.rows(WAITS_FOR_A_LOCK))
        other.execute("UPDATE accounts SET account = 'new'")
        other.commit()
    thread.join(PATIENCE)
    (outcome,) = outcomes
    assert isinstance(outcome.error, AccountBusy)
    assert "it was renamed in the meantime" in str(outcome.error)
    assert "change its name in the configuration" in str(outcome.error)


@pytest.mark.medium
@rule("one-run-per-account")
@rule("accounts-are-independent")
def test_another_account_is_not_held_up(world):
    with walking(world, clock=now):
        assert run(world, account="another").status == "succeeded"


@pytest.mark.slow
@rule("one-run-per-account")
@pytest.mark.parametrize("reaped", [True, False])
def test_a_dead_process_of_this_host_is_replaced_at_once(world, child, reaped):
    """Check that a zombie counts as dead too. A dead process is a zombie until its parent has waited for it."""
    gate = Gate()
    world.faults.add(gate, when=on_page(2))
    process = child("walk", lease=86_400.0)
    assert gate.reached.wait(PATIENCE)
    assert isinstance(run(world).error, AccountBusy)
    process.kill()
    if reaped:
        process.wait()
    else:
        until(lambda: ") Z " in Path(f"/proc/{process.pid}/stat").read_text())
    gate.opened.set()
    assert run(world).status == "succeeded"
    assert world.statuses() == ["abandoned", "succeeded"]


@pytest.mark.slow
@rule("one-run-per-account")
def test_a_process_id_that_another_process_has_now_means_a_dead_holder(world, child):
    process = child("SIGKILL", lease=86_400.0)
    process.wait(PATIENCE)
    set_account(world, lease_pid=os.getpid())  # this process is alive, but it began at another time
    set_account(world, lease_process_started=1_000_000.0)
    assert run(world).status == "succeeded"


@rule("one-run-per-account")
def test_a_lease_holds_the_boot_id_and_the_start_in_ticks_which_no_step_of_the_clock_changes(world):
    """Check that a lease holds the host's boot id and the start of the holder's process, in ticks since the boot.

    If the clock of the host is set, the same process seems to have started at another time. The ticks stay the same.
    """
    with walking(world, clock=now) as (gate, _, thread):
        host, started = world.one("SELECT lease_host, lease_process_started FROM accounts")
        gate.opened.set()
        thread.join(PATIENCE)
    assert host.split("/")[1] == ""  # no number of a network card: without a card, each process has another number
    assert host.split("/")[3] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert started == float(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])


@pytest.mark.slow
@rule("one-run-per-account")
@pytest.mark.parametrize("name", ["plain", ") R 1 (odd name)"])
def test_a_living_holder_is_found_alive_whatever_its_name(world, child, name):
    gate = Gate()
    world.faults.add(gate, when=on_page(2))
    process = child("walk", name=name)
    assert gate.reached.wait(PATIENCE)
    assert name[:15] in Path(f"/proc/{process.pid}/comm").read_text()
    assert isinstance(run(world).error, AccountBusy)
    gate.opened.set()
    process.communicate(timeout=PATIENCE)
    assert world.statuses() == ["succeeded"]


@pytest.mark.slow
@rule("one-run-per-account")
@pytest.mark.parametrize("started", [1_700_000_000.0, None])
def test_a_lease_of_an_earlier_version_is_respected_until_it_ends(world, child, started):
    """Imitate a lease of an older program. It has no boot id, and the start of its process is a Unix time or null.

    Such a lease does not say whether its process is still alive.
    """
    child("SIGKILL").wait(PATIENCE)
    host, _, boot = world.one("SELECT lease_host FROM accounts").rpartition("/")
    assert boot
    set_account(world, lease_host=host, lease_process_started=started)
    assert isinstance(run(world).error, AccountBusy)
    check_end_of_lease(world)


def check_end_of_lease(world):
    """Check that a run is refused one second before the lease of 120 seconds ends, and succeeds when it ends."""
    heartbeat = world.last_run("heartbeat_at")
    just_before, end = heartbeat + timedelta(seconds=119), heartbeat + timedelta(seconds=120)
    assert isinstance(run(world, clock=lambda: just_before).error, AccountBusy)
    assert run(world, clock=lambda: end).status == "succeeded"


@pytest.mark.slow
@rule("one-run-per-account")
def test_a_lease_from_before_the_last_boot_of_the_host_is_respected_until_it_ends(world, child):
    child("SIGKILL").wait(PATIENCE)
    host = world.one("SELECT lease_host FROM accounts").rpartition("/")[0]
    set_account(world, lease_host=f"{host}/00000000-0000-0000-0000-000000000000")
    assert isinstance(run(world).error, AccountBusy)
    check_end_of_lease(world)


@pytest.mark.slow
@rule("one-run-per-account")
def test_a_process_of_another_host_is_replaced_only_after_its_lease(world, child):
    child("SIGKILL").wait(PATIENCE)
    set_account(world, lease_host="elsewhere/0/pid:[1]")
    refused = run(world)
    assert isinstance(refused.error, AccountBusy)
    assert "elsewhere" in str(refused.error)
    check_end_of_lease(world)
    assert world.statuses() == ["abandoned", "succeeded"]


@pytest.mark.medium
@rule("one-run-per-account")
def test_the_first_heartbeat_is_the_start_of_the_run(world):
    with walking(world, clock=now, lease_seconds=3600):  # so long that no second heartbeat comes in this test
        started, first = world.last_run("started_at", "heartbeat_at")
    assert first == started


@pytest.mark.medium
@rule("one-run-per-account")
@pytest.mark.parametrize("failing_page", [None, 2], ids=["of complete runs", "of partial runs"])
def test_the_first_heartbeat_comes_after_a_log_was_begun_over_a_long_history(world, failing_page):
    """Check that the first heartbeat is later than the start of a run that begins the log of an account with a history.

    To begin such a log, the run reads the whole history, which may take longer than the lease. If the first heartbeat
    had the time of the start, the lease would then be over at once. In this test, each reading of the clock is a minute
    later than the reading before.
    """
    minutes = count(60)
    if failing_page:
        world.put(*ids(6))
        world.faults.add(Status(503), when=on_page(failing_page), times=None)
    world.run(clock=lambda: hour(1), page_size=3)
    assert world.statuses() == ["partial" if failing_page else "succeeded"]
    world.faults.clear()
    world.forget_log()
    with walking(world, clock=lambda: BEGIN + timedelta(minutes=next(minutes)), lease_seconds=3600):
        started, first = world.last_run("started_at", "heartbeat_at")
    assert first > started


@pytest.mark.slow
@rule("one-run-per-account")
def test_heartbeats_go_on_during_a_long_walk(world):
    with walking(world, clock=now, lease_seconds=1) as (gate, outcomes, thread):
        started = world.last_run("started_at")
        until(lambda: world.last_run("heartbeat_at") > started + timedelta(seconds=1.2))
        assert isinstance(run(world).error, AccountBusy)
        assert world.last_run("status") == "running"
        gate.opened.set()
        thread.join(PATIENCE)
    assert outcomes[0].status == "succeeded"


@pytest.mark.slow
@rule("one-run-per-account")
def test_heartbeats_go_on_while_requests_by_id_are_slow(world):
    run(world)
    world.fleet.hide("a")
    gate = Gate()
    world.faults.add(gate, when=on_get)
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(run(world, lease_seconds=1)))
    thread.start()
    assert gate.reached.wait(PATIENCE)
    until(lambda: world.last_run("heartbeat_at") > world.last_run("started_at") + timedelta(seconds=1.2))
    gate.opened.set()
    thread.join(PATIENCE)
    assert outcomes[0].status == "succeeded"


@pytest.mark.medium
@rule("a-lost-lease-writes-nothing")
def test_a_run_whose_lease_was_taken_over_can_write_nothing(world):
    with walking(world, clock=now) as (gate, outcomes, thread):
        second = run(world, clock=later(minutes=10))  # this clock is past the end of the lease
        assert second.status == "succeeded"
        before = world.dump()
        world.put("a", status="stopped")
        gate.opened.set()
        thread.join(PATIENCE)
    assert isinstance(outcomes[0].error, LeaseLost)
    assert (outcomes[0].exit_code, outcomes[0].status) == (6, "abandoned")
    assert sum(outcomes[0].counts.values()) == 0
    assert world.dump() == before
    assert world.statuses() == ["abandoned", "succeeded"]
    assert world.rows("SELECT appeared, error_code FROM sync_runs ORDER BY run_id") == [(0, "lease_lost"), (4, None)]


@pytest.mark.medium
@rule("a-lost-lease-writes-nothing")
def test_a_failed_run_whose_lease_was_taken_over_leaves_its_row_alone(world):
    gate, outcomes = Gate(), []
    world.faults.add(gate, when=on_page(1))
    thread = threading.Thread(target=lambda: outcomes.append(run(world)))
    thread.start()
    assert gate.reached.wait(PATIENCE)
    world.faults.add(Status(500), when=on_page(1), after=1)
    assert run(world, clock=later(minutes=10)).status == "succeeded"
    before = world.dump()
    world.simulator.stop()  # so that the request of the first run fails
    thread.join(PATIENCE)
    assert outcomes[0].exit_code == 4
    assert world.dump() == before
    assert world.statuses() == ["abandoned", "succeeded"]


@pytest.mark.medium
@rule("a-lost-lease-writes-nothing")
def test_a_heartbeat_of_a_lease_that_is_lost_writes_nothing(world):
    def sends_heartbeats():
        return any(thread.name == "heartbeat-default" for thread in threading.enumerate())

    with walking(world, clock=now, lease_seconds=1):
        assert sends_heartbeats()
        second = run(world, clock=later(minutes=10))
        assert second.status == "succeeded"
        before = world.dump()
        until(lambda: not sends_heartbeats())  # the thread ends after its first heartbeat that does not find the lease
        assert world.dump() == before


@pytest.mark.slow
@rule("a-lost-lease-writes-nothing")
def test_a_process_frozen_inside_the_transaction_does_not_hold_the_account_for_ever(
    world, child, database_url, monkeypatch
):
    """Freeze a process inside the transaction that applies its run, and make another run.

    PostgreSQL ends the session of the frozen process after the length of the lease. On SQLite the other run waits for
    the lock, and then gives up with exit code 7.
    """
    process = child("SIGSTOP", lease=1.0)
    wait_until_stopped(process)
    if world.engine.dialect.name == "sqlite":
        monkeypatch.setattr("inventory.store.sqlite.LOCK_WAIT_SECONDS", 0.2)
        impatient = database.connect(parse_url(database_url))
        world.engine, patient = impatient, world.engine
        outcome = run(world, clock=later(minutes=10))
        assert isinstance(outcome.error, DatabaseError)
        assert (outcome.exit_code, outcome.run_id) == (7, None)
        assert "locked by another process" in str(outcome.error)
        assert world.statuses() == ["running"]
        impatient.dispose()
        world.engine = patient
        process.kill()
        process.wait()
    else:
        # Runs are refused until the lease ends. A run waits for the lock only until the server ends the frozen session.
        until(lambda: run(world).status == "succeeded")
        process.send_signal(signal.SIGCONT)
        output, _ = process.communicate(timeout=PATIENCE)
        assert "failed" in output
        assert process.returncode == 7
    if world.engine.dialect.name == "sqlite":
        assert run(world).status == "succeeded"
    assert world.statuses() == ["abandoned", "succeeded"]
    assert world.rows("SELECT appeared FROM sync_runs ORDER BY run_id") == [(0,), (4,)]
    assert set(world.presences()) == {"a", "b", "c", "d"}


@pytest.mark.slow
@rule("one-run-per-account")
def test_a_heartbeat_from_the_future_does_not_hold_the_account_for_ever(world, child):
    run(world)
    child("SIGKILL").wait(PATIENCE)
    set_account(world, lease_host="elsewhere/0/pid:[1]")
    yesterday = later(days=-1)  # as if, after the last heartbeat, the clock was stepped back by a day
    outcome = run(world, clock=yesterday)
    assert outcome.status == "succeeded"
    rows = world.rows("SELECT status, started_at FROM sync_runs ORDER BY run_id")
    assert [status for status, _ in rows] == ["succeeded", "abandoned", "succeeded"]
    assert rows[2][1] == rows[1][1] + timedelta(microseconds=1)


@rule("one-run-per-account")
@pytest.mark.parametrize("run_id", [1, 99])
def test_a_lease_that_is_left_of_a_run_that_has_ended_or_is_not_there_holds_nobody_up(world, run_id):
    run(world)
    set_account(
        world, fencing_token="left", lease_purpose="sync", lease_run_id=run_id, lease_seconds=360_000,
        lease_heartbeat_at=world.one("SELECT heartbeat_at FROM sync_runs"), lease_host="elsewhere/0/pid:[1]",
        lease_pid=1, lease_process_started=1.0,
    )  # fmt: skip
    assert run(world).status == "succeeded"


@pytest.mark.medium
@rule("one-run-per-account")
def test_accepting_takes_the_same_lease(world):
    run(world)
    with walking(world, clock=now) as (gate, _, thread):
        with pytest.raises(AccountBusy, match="its lease ends at"):
            history.accept_missing(world.engine, "default", lease_seconds=60)
        gate.opened.set()
        thread.join(PATIENCE)
    assert history.accept_missing(world.engine, "default", lease_seconds=60) == []
    assert world.one("SELECT fencing_token FROM accounts") is None
    with hold_lease(world.engine, "default", "missing --accept", 60):
        outcome = run(world)
        assert isinstance(outcome.error, AccountBusy)
        assert "missing --accept" in str(outcome.error)
        with pytest.raises(AccountBusy), hold_lease(world.engine, "default", "prune", 60):
            pass
    assert run(world).status == "succeeded"


@pytest.mark.slow
@rule("one-run-per-account")
def test_other_work_sends_heartbeats_too_and_releases_its_lease_when_it_fails(world):
    run(world)
    beat = "SELECT lease_heartbeat_at AS heartbeat_at FROM accounts"

    def work():
        first = world.one(beat)
        until(lambda: world.one(beat) > first + timedelta(seconds=0.4))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), hold_lease(world.engine, "default", "prune", 0.2):
        work()
    assert world.one("SELECT fencing_token FROM accounts") is None


@pytest.mark.medium
@rule("a-lost-lease-writes-nothing")
def test_accepting_writes_nothing_after_its_lease_was_taken_over(world, monkeypatch):
    run(world)
    world.remove("d")
    before = []

    @contextmanager
    def hold_and_lose(*arguments):
        with hold_lease(*arguments) as lease:
            world.faults.add(Status(500), when=on_get)
            world.faults.add(Status(503), when=on_page(1), after=1)
            assert world.run(clock=later(minutes=10)).missing == 1
            before.append(world.dump())
            yield lease

    monkeypatch.setattr(history, "hold_lease", hold_and_lose)
    with pytest.raises(LeaseLost):
        history.accept_missing(world.engine, "default", lease_seconds=60)
    assert world.dump() == before[0]


@rule("one-run-per-account")
def test_accepting_for_an_unknown_account_is_a_usage_error(world):
    with pytest.raises(UsageError, match="nobody"):
        history.accept_missing(world.engine, "nobody", lease_seconds=60)


@rule("one-run-per-account")
def test_a_run_that_ends_releases_its_lease(world):
    for fault, status in ((None, "succeeded"), (Status(500), "failed")):
        if fault:
            world.faults.add(fault, when=on_page(1))
        assert run(world).status == status
        assert world.one("SELECT fencing_token FROM accounts") is None


@pytest.mark.medium
@rule("one-run-per-account")
def test_only_one_of_many_runs_that_begin_at_once_runs(world):
    gate, outcomes = Gate(), []
    world.faults.add(gate, when=on_page(1), times=None)
    threads = [threading.Thread(target=lambda: outcomes.append(world.run(clock=now, page_size=10))) for _ in range(6)]
    for thread in threads:
        thread.start()
    until(lambda: len(outcomes) == 5)
    gate.opened.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(outcome.exit_code for outcome in outcomes) == [0, 6, 6, 6, 6, 6]
    assert world.statuses() == ["succeeded"]


@pytest.mark.medium
@rule("a-signal-settles-the-run")
def test_a_signal_closes_the_row_at_once_as_interrupted(world):
    """Check that the exit code is 4, that the run is `partial`, and that the lease is released."""
    stop, outcomes = threading.Event(), []
    gate = Gate()
    world.faults.add(gate, when=on_page(2))
    settings = world.settings(page_size=2)
    thread = threading.Thread(
        target=lambda: outcomes.append(
            sync(
                world.engine,
                Account("default", ApiKey("id:secret")),
                settings,
                SyncOptions(stop=stop, clock=lambda: hour(1)),
            )
        )
    )
    thread.start()
    assert gate.reached.wait(PATIENCE)
    until(lambda: world.last_run("status") == "running")
    stop.set()
    thread.join(PATIENCE)
    gate.opened.set()
    assert outcomes[0].exit_code == 4
    assert world.last_run("status", "error_code", "missing") == ("partial", "interrupted", 0)
    assert world.one("SELECT fencing_token FROM accounts") is None
