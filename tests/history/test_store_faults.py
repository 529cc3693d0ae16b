"""Faults of PostgreSQL during a run. The run succeeds, or fails in one line with exit code 7.

The next run records all changes.
"""

import os
import pwd
import subprocess
import tempfile
import threading
from contextlib import ExitStack, suppress
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy import event

from inventory.config.database_url import parse_url
from inventory.simulator import Fleet, Simulator
from inventory.store import database, schema
from inventory.store.tables import EVENTS
from support import tally
from support.checkpoints import check_rows
from support.lost_answer import lost_answer
from support.marks import ON_POSTGRESQL, rule
from support.postgres import own_server
from support.workers import until
from support.world import World, ids

pytestmark = [pytest.mark.slow, rule("one-transaction")]

COLLIDES = """
CREATE SEQUENCE collisions;
CREATE FUNCTION collide() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('collisions') <= {times} THEN RAISE EXCEPTION 'made up' USING ERRCODE = '{code}'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER collide BEFORE UPDATE ON {table} FOR EACH ROW {when} EXECUTE FUNCTION collide();
"""
AT_THE_FIRST_ROW = {"table": "instance_state", "when": ""}
AT_THE_END = {"table": "sync_runs", "when": "WHEN (NEW.status = 'succeeded')"}
"""AT_THE_FIRST_ROW and AT_THE_END are values for two placeholders of COLLIDES, `table` and `when`.

With AT_THE_FIRST_ROW, a run collides at the first instance that it updates. With AT_THE_END, it collides when it closes
its own row.
"""


def change(world):
    """Change one instance of the fleet, add one and remove one. No run sees this yet. Return `world.history()`."""
    before = world.history()
    world.put("i001", status="stopped")
    world.put("new")
    world.remove("i002")
    return before


def check_recorded(world):
    """Check that the changes of `change` are recorded, and that the history verifies."""
    assert world.presences() == {"i000": "live", "i001": "live", "i002": "vanished", "new": "live"}
    with database.reading(world.engine) as connection:
        assert not check_rows(connection, [])


def check_failed(outcome, *texts):
    """Check that the run failed with exit code 7 and an error of one line that has these texts."""
    tally.count("faults")
    assert (outcome.status, outcome.exit_code) == ("failed", 7)
    assert "\n" not in str(outcome.error)
    assert "nothing of this run was applied" in str(outcome.error)
    assert all(text in str(outcome.error) for text in texts), outcome.error


@pytest.fixture
def recording(world):
    """Return a world in which a run has recorded three instances."""
    world.put(*ids(3))
    assert world.run().status == "succeeded"
    return world


@ON_POSTGRESQL
@pytest.mark.parametrize("where", [AT_THE_FIRST_ROW, AT_THE_END], ids=["at the first row", "at the end"])
@pytest.mark.parametrize("code", ["40001", "40P01"])
def test_a_run_is_applied_again_after_a_serialization_failure_or_a_deadlock(recording, code, where):
    with database.writing(recording.engine) as connection:
        connection.exec_driver_sql(COLLIDES.format(times=2, code=code, **where))
    change(recording)
    tally.count("faults")
    outcome = recording.run()
    assert outcome.status == "succeeded"
    assert {name: outcome.counts[name] for name in EVENTS} == {
        "appeared": 1, "changed": 1, "vanished": 1, "reappeared": 0,
    }  # fmt: skip
    with database.writing(recording.engine) as connection:
        connection.exec_driver_sql(f"DROP TRIGGER collide ON {where['table']}")
    check_recorded(recording)


@ON_POSTGRESQL
def test_a_run_that_always_collides_fails_and_the_next_one_records_all(recording):
    with database.writing(recording.engine) as connection:
        connection.exec_driver_sql(COLLIDES.format(times=1_000, code="40001", **AT_THE_FIRST_ROW))
    before = change(recording)
    check_failed(recording.run(), "made up")
    assert recording.history() == before
    with database.writing(recording.engine) as connection:
        connection.exec_driver_sql("DROP TRIGGER collide ON instance_state")
    assert recording.run().status == "succeeded"
    check_recorded(recording)


@ON_POSTGRESQL
def test_a_run_survives_a_deadlock_with_a_session_of_somebody_else(recording, database_url):
    change(recording)
    tally.count("faults")
    other = psycopg.connect(database_url)
    other.execute("SET deadlock_timeout = '1h'")  # so that PostgreSQL ends the transaction of the run, not this one
    other.execute("UPDATE instance_state SET held = held WHERE instance_id = 'i001'")
    waits = threading.Thread(target=lambda: other.execute("UPDATE accounts SET provider = provider"))

    @event.listens_for(recording.engine, "before_cursor_execute")
    def meet(_connection, _cursor, statement, *_):
        if "instance_state" in statement and statement.startswith("UPDATE") and not waits.ident:
            waits.start()
            blocked = "SELECT count(*) FROM pg_stat_activity WHERE pid = :pid AND wait_event_type = 'Lock'"
            until(lambda: recording.one(blocked, pid=other.info.backend_pid))

    def leave():
        waits.join()
        other.rollback()

    helper = threading.Thread(target=lambda: (until(lambda: waits.ident), leave()))
    helper.start()
    outcome = recording.run()
    helper.join()
    other.close()
    assert waits.ident, "the two sessions never met"
    assert outcome.status == "succeeded"
    check_recorded(recording)


@ON_POSTGRESQL
@pytest.mark.parametrize("answers", [True, False], ids=["the server answers again", "the server is down"])
def test_a_run_whose_commit_gets_no_answer_says_what_became_of_it(recording, database_url, answers):
    change(recording)
    usual = recording.engine
    with lost_answer(database_url, after=b"UPDATE instance_state") as (proxy, url):
        recording.engine = database.connect(parse_url(url))
        proxy.armed, proxy.stays_down = True, not answers
        outcome = recording.run()
        recording.engine.dispose()
    recording.engine = usual
    assert not proxy.armed
    if answers:
        assert (outcome.status, outcome.exit_code, outcome.counts["appeared"]) == ("succeeded", 0, 1)
    else:
        assert (outcome.status, outcome.exit_code) == ("failed", 7)
        assert "during the commit" in str(outcome.error)
        assert "it is not known whether the data was written" in str(outcome.error)
    assert recording.last_run("status", "appeared") == ("succeeded", 1)
    check_recorded(recording)


@ON_POSTGRESQL
def test_a_connection_whose_commit_a_signal_interrupted_is_used_again(engine):
    def interrupt(_):
        raise KeyboardInterrupt

    session = "SELECT pg_backend_pid()"
    event.listen(engine, "commit", interrupt)
    with pytest.raises(KeyboardInterrupt), database.writing(engine) as connection:  # noqa: PT012
        before = connection.exec_driver_sql(session).scalar()
        connection.exec_driver_sql("INSERT INTO accounts (account, created_at) VALUES ('a', now())")
    event.remove(engine, "commit", interrupt)
    with database.reading(engine) as connection:
        assert connection.exec_driver_sql(session).scalar() == before
        assert connection.exec_driver_sql("SELECT count(*) FROM accounts").scalar() == 0


@ON_POSTGRESQL
def test_a_statement_timeout_is_7_and_the_next_run_records_all(recording, database_url):
    before = change(recording)
    with database.writing(recording.engine) as connection:
        name = connection.exec_driver_sql("SELECT current_database()").scalar()
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET statement_timeout = '300ms'")
    hurried = database.connect(parse_url(database_url))
    usual, recording.engine = recording.engine, hurried
    with psycopg.connect(database_url) as locker:
        locker.execute("UPDATE instance_state SET held = held WHERE instance_id = 'i001'")
        check_failed(recording.run(), "statement timeout")
        locker.rollback()
    recording.engine = usual
    hurried.dispose()
    assert recording.history() == before
    assert recording.run().status == "succeeded"
    check_recorded(recording)


@pytest.fixture(scope="module")
def own():
    """Yield a PostgreSQL server that only the tests of this file use."""
    with own_server(
        max_connections="12", wal_level="replica", max_wal_senders="4", hot_standby="on", synchronous_commit="on"
    ) as started:
        yield started


@pytest.fixture
def owned(own):
    """Yield a world in a new database on the server of `own`, in which a run has recorded three instances."""
    url = own.url.render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS fleet WITH (FORCE)")
        connection.execute("CREATE DATABASE fleet TEMPLATE template0")
    engine = database.connect(parse_url(own.url.set(database="fleet").render_as_string(hide_password=False)))
    schema.upgrade(engine)
    with Simulator(Fleet()) as simulator:
        world = World(engine, simulator)
        world.put(*ids(3))
        assert world.run().status == "succeeded"
        yield world
    engine.dispose()


def test_a_server_killed_amid_the_apply_loses_nothing(own, owned):
    before = change(owned)

    @event.listens_for(owned.engine, "before_cursor_execute")
    def kill(_connection, _cursor, statement, *_):
        if "instance_versions" in statement and not killed:
            killed.append(statement)
            own.kill()

    killed = []
    check_failed(owned.run())
    assert killed
    own.start()
    owned.engine.dispose()
    assert owned.history() == before
    assert owned.run().status == "succeeded"
    check_recorded(owned)


def test_a_server_without_a_free_connection_is_7_and_the_next_run_records_all(own, owned):
    before = change(owned)
    owned.engine.dispose()
    with ExitStack() as stack:
        with suppress(psycopg.OperationalError):
            for _ in range(50):
                stack.enter_context(psycopg.connect(own.url.render_as_string(hide_password=False)))
        outcome = owned.run()
        tally.count("faults")
        assert (outcome.run_id, outcome.exit_code) == (None, 7)
        assert "\n" not in str(outcome.error)
        assert "too many clients" in str(outcome.error)
    assert owned.history() == before
    assert owned.run().status == "succeeded"
    check_recorded(owned)


def test_a_standby_that_may_only_be_read_is_7_and_names_itself(own, owned):
    before = change(owned)
    with own.standby() as second:
        tally.count("faults")
        standby = database.connect(
            parse_url(second.url.set(port=second.port, database="fleet").render_as_string(hide_password=False))
        )
        usual, owned.engine = owned.engine, standby
        outcome = owned.run()
        standby.dispose()
        owned.engine = usual
        assert (outcome.run_id, outcome.exit_code) == (None, 7)
        assert "standby" in str(outcome.error)
    with psycopg.connect(own.url.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM RESET synchronous_standby_names")
        connection.execute("SELECT pg_reload_conf()")
    assert owned.history() == before
    assert owned.run().status == "succeeded"
    check_recorded(owned)


@ON_POSTGRESQL
def test_a_role_that_may_not_write_is_7_and_nothing_is_written(recording, database_url):
    before = change(recording)
    tally.count("faults")
    url = sa.engine.make_url(database_url)
    role = f"reader_{os.getpid()}"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{url.password or ''}'")
        connection.execute(f"GRANT pg_read_all_data TO {role}")
    reader = database.connect(parse_url(url.set(username=role).render_as_string(hide_password=False)))
    usual, recording.engine = recording.engine, reader
    outcome = recording.run()
    recording.engine = usual
    reader.dispose()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"DROP OWNED BY {role}")
        connection.execute(f"DROP ROLE {role}")
    assert (outcome.run_id, outcome.exit_code) == (None, 7)
    assert "permission denied" in str(outcome.error)
    assert "Connect as a role that has the right" in str(outcome.error)
    assert recording.history() == before
    assert recording.run().status == "succeeded"
    check_recorded(recording)


@pytest.fixture
def disk(postgres):
    """Create the tablespace `small` on a file system of 18 MB.

    Yield a function that sets the size of this file system, in MB, and returns the exit code of `mount`.
    """
    if os.geteuid() != 0 or "TEST_DATABASE_URL" in os.environ:
        pytest.skip("only root can mount a small file system, and only on the host of the server")
    server = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory(dir="/tmp") as parent, psycopg.connect(postgres.url_of("postgres")) as connection:
        connection.autocommit = True
        folder = Path(parent) / "small"
        folder.mkdir()
        folder.parent.chmod(0o755)

        def resize(megabytes, *more):
            words = ["mount", "-t", "tmpfs", "-o", ",".join([f"size={megabytes}m", *more]), "none", folder]
            return subprocess.run(words, capture_output=True, check=False).returncode

        if resize(18, f"uid={server.pw_uid}", f"gid={server.pw_gid}", "mode=700"):
            pytest.skip("this system lets nobody mount a file system")
        try:
            connection.execute(f"CREATE TABLESPACE small LOCATION '{folder}'")
            yield lambda megabytes: resize(megabytes, "remount")
            connection.execute("DROP TABLESPACE small")
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk_under_the_server_loses_nothing(disk, postgres, migrated_postgres):
    with postgres.database(migrated_postgres, "TABLESPACE small") as name, Simulator(Fleet()) as simulator:
        engine = database.connect(parse_url(postgres.url_of(name)))
        world = World(engine, simulator)
        world.put(*ids(3))
        assert world.run().status == "succeeded"
        before = change(world)
        world.put(*(f"many-{number:05}" for number in range(20_000)), note="x" * 200)
        check_failed(world.run(page_size=1_000), "No space left on device")
        assert world.history() == before
        assert disk(400) == 0
        outcome = world.run(page_size=1_000)
        assert (outcome.status, outcome.counts["appeared"], outcome.counts["vanished"]) == ("succeeded", 20_001, 1)
        with database.reading(engine) as connection:
            assert not check_rows(connection, [])
        engine.dispose()
