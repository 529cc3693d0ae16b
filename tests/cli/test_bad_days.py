"""Syncs with a full disk, a locked database or a lost connection. A sync that cannot succeed changes no instance."""

import os
import sqlite3
import subprocess
import sys
import threading

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from inventory.config.database_url import parse_url
from inventory.config.keys import Account, ApiKey
from inventory.config.settings import load
from inventory.simulator import Fleet, Simulator
from inventory.store import database
from inventory.store.postgresql import TRANSACTION_SETTINGS
from inventory.sync import sync
from support.marks import rule
from support.world import machine

ACCOUNT = Account("default", ApiKey("id:secret-part"))


def numbered(number, **fields):
    return machine(f"inst_{number:05}", **fields)


@pytest.fixture
def simulator():
    with Simulator(Fleet(numbered(number) for number in range(30))) as running:
        yield running


@pytest.fixture
def settings(simulator, database_url):
    return load(
        api_url=simulator.url,
        database_url=database_url,
        page_size=10,
        retry_attempts=2,
        retry_max_wait=0.05,
        lease_seconds=5,
    )


def dump(engine):
    """Return a dict with two keys, `instance_state` and `instance_versions`.

    Each value is the sorted list of the table's rows, each row as a text.
    """
    with database.reading(engine) as connection:
        return {
            name: sorted(map(repr, connection.exec_driver_sql(f"SELECT * FROM {name}")))
            for name in ("instance_state", "instance_versions")
        }


def statuses(engine):
    with database.reading(engine) as connection:
        return [row[0] for row in connection.exec_driver_sql("SELECT status FROM sync_runs ORDER BY run_id")]


def change(fleet):
    """Remove one instance, change another, and add forty."""
    fleet.remove(numbered(1)["id"])
    fleet.put(numbered(2, status="stopped"))
    for number in range(100, 140):
        fleet.put(numbered(number))


@pytest.mark.slow
@rule("one-transaction")
def test_a_statement_that_fails_while_a_run_is_applied_leaves_no_change(engine, settings, simulator):
    assert sync(engine, ACCOUNT, settings).status == "succeeded"
    before = dump(engine)
    change(simulator.fleet)

    @event.listens_for(engine, "before_cursor_execute")
    def fail(_connection, _cursor, statement, *_):
        if "INTO instance_versions" in statement:
            raise OperationalError(statement, None, sqlite3.OperationalError("database or disk is full"))

    outcome = sync(engine, ACCOUNT, settings)
    event.remove(engine, "before_cursor_execute", fail)
    assert outcome.exit_code == 7
    assert "nothing of this run was applied" in str(outcome.error)
    assert dump(engine) == before
    assert sync(engine, ACCOUNT, settings).counts["appeared"] == 40
    assert statuses(engine) == ["succeeded", "failed", "succeeded"]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_connection_lost_between_two_pages_is_opened_again(engine, settings, simulator, database_url):
    assert sync(engine, ACCOUNT, settings).status == "succeeded"
    change(simulator.fleet)
    ended = []
    simulator.before_page = lambda page: ended.extend(cut(database_url)) if page == 2 else None
    outcome = sync(engine, ACCOUNT, settings)
    assert ended
    assert (outcome.status, outcome.counts["appeared"]) == ("succeeded", 40)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_connection_lost_while_a_run_is_applied_is_7_and_the_next_run_repairs_it(
    engine, settings, simulator, database_url
):
    assert sync(engine, ACCOUNT, settings).status == "succeeded"
    before = dump(engine)
    change(simulator.fleet)
    once = [True]

    @event.listens_for(engine, "before_cursor_execute")
    def fail(_connection, _cursor, statement, *_):
        if "INTO instance_versions" in statement and once.pop():
            cut(database_url)

    outcome = sync(engine, ACCOUNT, settings)
    event.remove(engine, "before_cursor_execute", fail)
    assert outcome.exit_code == 7, outcome
    assert dump(engine) == before
    assert sync(engine, ACCOUNT, settings).counts["appeared"] == 40


def cut(url):
    """End every other session of the database, as a restart of the server would. Return a row for each of them."""
    other = database.connect(parse_url(url))
    with other.connect() as connection:
        ended = connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).all()
    other.dispose()
    return ended


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_sync_waits_for_a_database_that_is_locked_briefly(engine, settings, simulator):
    assert sync(engine, ACCOUNT, settings).status == "succeeded"
    change(simulator.fleet)
    locker = sqlite3.connect(engine.url.database, isolation_level=None, check_same_thread=False)
    timer = threading.Timer(1, locker.execute, ["ROLLBACK"])

    def lock(page):
        if page == 2 and not timer.is_alive():
            locker.execute("BEGIN IMMEDIATE")
            timer.start()

    simulator.before_page = lock
    outcome = sync(engine, ACCOUNT, settings)
    timer.join()
    locker.close()
    assert (outcome.status, outcome.counts["appeared"]) == ("succeeded", 40)


@pytest.mark.slow
def test_a_database_that_stays_locked_is_7_in_time_and_the_next_run_repairs_it(
    database_url, engine, settings, simulator, monkeypatch
):
    assert sync(engine, ACCOUNT, settings).status == "succeeded"
    before = dump(engine)
    change(simulator.fleet)
    monkeypatch.setattr("inventory.store.sqlite.LOCK_WAIT_SECONDS", 1)
    monkeypatch.setitem(TRANSACTION_SETTINGS, "lock_timeout", "1s")
    hurried = database.connect(parse_url(database_url))
    locker = database.connect(parse_url(database_url))
    with locker.connect().execution_options(inventory_writes=True) as connection:
        transaction = []

        def lock(page):
            if page == 2 and not transaction:
                transaction.append(connection.begin())
                connection.exec_driver_sql("UPDATE accounts SET provider = provider")

        simulator.before_page = lock
        outcome = sync(hurried, ACCOUNT, settings)
        transaction[0].rollback()
    assert outcome.exit_code == 7
    assert "locked by another process" in str(outcome.error)
    assert dump(engine) == before
    simulator.before_page = None
    assert sync(hurried, ACCOUNT, settings).counts["appeared"] == 40
    assert statuses(engine) == ["succeeded", "abandoned", "succeeded"]
    hurried.dispose()
    locker.dispose()


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("limit", [60_000, 300_000, 700_000])
def test_a_full_disk_is_7_in_one_line_and_loses_nothing(engine, settings, simulator, database_url, limit):
    assert sync(engine, ACCOUNT, settings).status == "succeeded"
    before = dump(engine)
    for number in range(1_000, 4_000):
        simulator.fleet.put(numbered(number, note="x" * 200))
    done = subprocess.run(
        ["prlimit", f"--fsize={limit}", sys.executable, "-c", "from inventory.cli import main; main(['sync'])"],
        env={"PATH": os.environ["PATH"], "FAL_KEY": "id:secret-part", "INVENTORY_API_URL": simulator.url,
             "INVENTORY_DATABASE_URL": database_url, "INVENTORY_PAGE_SIZE": "100"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 7, done.stderr
    assert "Traceback" not in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("error:")]) == 1, done.stderr
    assert dump(engine) == before
    assert sync(engine, ACCOUNT, settings).counts["appeared"] == 3_000


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_an_unreachable_database_is_7_in_one_line(engine, settings):
    assert sync(engine, ACCOUNT, settings).status == "succeeded"
    lost = database.connect(sa.engine.make_url("postgresql+psycopg://nobody@/none?host=/nowhere"))
    outcome = sync(lost, ACCOUNT, settings)
    assert outcome.exit_code == 7
    assert "\n" not in str(outcome.error)
    lost.dispose()


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_table_that_stays_locked_ends_a_read_in_time(database_url, engine, settings, simulator, monkeypatch):
    assert sync(engine, ACCOUNT, settings).status == "succeeded"
    before = dump(engine)
    change(simulator.fleet)
    monkeypatch.setitem(TRANSACTION_SETTINGS, "lock_timeout", "1s")
    locker = database.connect(parse_url(database_url))
    with locker.begin() as connection:
        connection.exec_driver_sql("LOCK TABLE instance_state IN ACCESS EXCLUSIVE MODE")
        outcome = sync(engine, ACCOUNT, settings)
    locker.dispose()
    assert outcome.exit_code == 7
    assert "locked by another process" in str(outcome.error)
    assert dump(engine) == before


def test_a_temporary_folder_that_is_not_there_is_7_and_names_the_remedy(engine, settings, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    outcome = sync(engine, ACCOUNT, settings)
    assert outcome.exit_code == 7
    assert "TMPDIR" in str(outcome.error)
    assert statuses(engine) == ["failed"]
