"""`inventory.demo.demo`: it runs real syncs of a simulated fleet, and replaces only a database that a demo wrote."""

import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from inventory.config.database_url import parse_url
from inventory.demo import QUERIES, demo
from inventory.errors import Interrupted, UsageError
from inventory.store.database import connect
from inventory.sync import sync
from support.command import Command

pytestmark = pytest.mark.slow

NOW = datetime(2026, 3, 7, 12, 34, 56, tzinfo=UTC)
LAST = datetime(2026, 3, 7, 12, tzinfo=UTC)


@pytest.fixture
def rows(database_url):
    """Yield a function that runs one SQL statement in the test's database, and returns its rows as a list of tuples."""
    with closing_engine(database_url) as engine:

        def query(sql):
            with engine.begin() as connection:
                result = connection.exec_driver_sql(sql)
                return [tuple(row) for row in result] if result.returns_rows else []

        yield query


class closing_engine:  # noqa: N801 - used like a function
    def __init__(self, url):
        self.engine = connect(parse_url(url), create=True)

    def __enter__(self):
        return self.engine

    def __exit__(self, *_):
        self.engine.dispose()


def test_two_days_are_48_hourly_runs_and_the_last_ones_succeed(database_url, rows):
    reported = []
    result = demo(database_url, days=2, now=NOW, progress=lambda done, of: reported.append((done, of)))
    assert reported == [(done, 48) for done in range(49)]
    assert (result.runs, result.first_run_at, result.last_run_at) == (48, LAST - timedelta(hours=47), LAST)
    with closing_engine(database_url) as engine, engine.connect() as connection:
        runs = sa.table("sync_runs", sa.column("started_at", sa.DateTime(timezone=True)))
        times = [at.replace(tzinfo=UTC) if at.tzinfo is None else at for at in connection.scalars(sa.select(runs))]
    assert sorted(times) == [LAST - timedelta(hours=ago) for ago in reversed(range(48))]
    assert set(rows('SELECT "trigger", expected_seconds, api_key_id FROM sync_runs')) == {("demo", 3600.0, "demo")}
    statuses = [status for (status,) in rows("SELECT status FROM sync_runs ORDER BY run_id")]
    assert len(statuses) - statuses.count("succeeded") == result.failed == 5
    assert statuses[-12:] == ["succeeded"] * 12
    assert rows("SELECT count(*) FROM sync_runs WHERE finished_at <= started_at AND status = 'succeeded'") == [(0,)]
    assert rows("SELECT count(*) FROM instances WHERE held OR presence = 'missing'") == [(0,)]
    gaps = rows("SELECT seconds, failed_runs FROM sync_gaps WHERE gap_end IS NOT NULL ORDER BY gap_start")
    assert gaps == [(7200.0, 1), (18000.0, 4)]
    for title, sql in QUERIES:
        assert rows(sql), title


@pytest.mark.parametrize("backend", ["sqlite"])
def test_five_days_have_events_of_every_kind_and_several_creators(database_url, rows):
    demo(database_url, days=5, now=NOW)
    assert set(rows("SELECT DISTINCT event FROM instance_events")) == {
        ("appeared",),
        ("changed",),
        ("vanished",),
        ("reappeared",),
    }
    assert rows("SELECT count(*) FROM creators WHERE instances_created > 0")[0][0] >= 5
    assert set(rows("SELECT DISTINCT error_code FROM sync_runs")) == {(None,), ("network",), ("server_error",)}


@pytest.mark.parametrize("backend", ["sqlite"])
def test_the_same_seed_and_time_give_the_same_history(database_url, new_database):
    def history(url):
        demo(url, days=1, now=NOW)
        with closing_engine(url) as engine, engine.connect() as connection:
            return list(connection.exec_driver_sql("SELECT * FROM instance_versions ORDER BY 1, 2, 4"))

    first = history(database_url)
    assert len(first) > 20
    assert history(new_database()) == first


def test_a_second_demo_replaces_the_first(database_url, rows):
    demo(database_url, days=1, now=NOW - timedelta(days=300))
    result = demo(database_url, days=1, now=NOW)
    assert rows("SELECT count(*) FROM sync_runs") == [(24,)]
    assert rows("SELECT count(*) FROM accounts") == [(1,)]
    assert rows("SELECT count(*) FROM sync_runs WHERE started_at < '2026-03-01 00:00:00.000000+00'") == [(0,)]
    assert result.last_run_at == LAST


def test_a_demo_replaces_one_on_which_a_person_has_acted(database_url, rows, tmp_path):
    run = Command(tmp_path, INVENTORY_DATABASE_URL=database_url)
    demo(database_url, days=1, now=NOW - timedelta(days=300))
    run("account", "rename", "demo", "other")
    run("prune", "--before", "0s")
    demo(database_url, days=1, now=NOW)
    assert rows("SELECT account FROM accounts") == [("demo",)]
    assert rows("SELECT count(*) FROM operator_actions") == [(0,)]
    assert "every digest matches" in run("verify").stdout


@pytest.mark.usefixtures("engine")  # migrates the database
def test_a_migrated_database_without_a_run_counts_as_empty(database_url, rows):
    demo(database_url, days=1, now=NOW)
    assert rows("SELECT count(*) FROM sync_runs") == [(24,)]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE sync_runs SET \"trigger\" = 'manual' WHERE run_id = (SELECT max(run_id) FROM sync_runs)",
        "CREATE TABLE mine (a INTEGER)",
    ],
    ids=["a real run", "a foreign table"],
)
def test_a_demo_with_data_of_the_user_is_refused_and_unchanged(database_url, rows, statement):
    demo(database_url, days=1, now=NOW)
    rows(statement)
    before = rows("SELECT * FROM sync_runs ORDER BY run_id"), rows("SELECT * FROM instance_versions ORDER BY 1, 2, 4")
    with pytest.raises(UsageError, match="holds data that no demo wrote") as refused:
        demo(database_url, days=1, now=NOW)
    assert refused.value.exit_code == 2
    assert before == (
        rows("SELECT * FROM sync_runs ORDER BY run_id"),
        rows("SELECT * FROM instance_versions ORDER BY 1, 2, 4"),
    )


def test_a_database_of_another_program_is_refused_and_unchanged(database_url, rows):
    rows("CREATE TABLE theirs (a INTEGER)")
    with pytest.raises(UsageError, match="holds data that no demo wrote"):
        demo(database_url, days=1, now=NOW)
    with closing_engine(database_url) as engine:
        assert sa.inspect(engine).get_table_names() == ["theirs"]


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_sqlite_file_of_another_program_keeps_every_byte(database_url):
    file = Path(database_url.removeprefix("sqlite:///"))
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE theirs (a INTEGER)")
        connection.commit()
    before = file.read_bytes()
    with pytest.raises(UsageError, match="holds data that no demo wrote"):
        demo(database_url, days=1, now=NOW)
    assert file.read_bytes() == before
    assert sorted(path.name for path in file.parent.iterdir()) == [file.name]


@pytest.mark.parametrize("content", [b"dear diary", b"SQLite format 2\0" * 64])
def test_a_file_that_is_no_database_is_refused_and_unchanged(tmp_path, content):
    file = tmp_path / "notes.db"
    file.write_bytes(content)
    with pytest.raises(UsageError, match="is no SQLite database"):
        demo(f"sqlite:///{file}", days=1, now=NOW)
    assert file.read_bytes() == content


def test_an_empty_file_counts_as_an_empty_database(tmp_path):
    (tmp_path / "new.db").touch()
    assert demo(f"sqlite:///{tmp_path}/new.db", days=1, now=NOW).runs == 24


@pytest.mark.parametrize("days", [0, -1, 10**9])
def test_a_number_of_days_out_of_range_is_refused(tmp_path, days):
    with pytest.raises(UsageError, match="days"):
        demo(f"sqlite:///{tmp_path}/new.db", days=days, now=NOW)
    assert list(tmp_path.iterdir()) == []


def test_the_demo_ignores_the_settings_of_the_user(tmp_path, monkeypatch):
    (tmp_path / "inventory.toml").write_text("this is no TOML")
    monkeypatch.setenv("INVENTORY_PAGE_SIZE", "no number")
    monkeypatch.setenv("INVENTORY_IGNORE_CHANGES", "status,ip")
    monkeypatch.setenv("FAL_KEY", "")
    assert demo(f"sqlite:///{tmp_path}/new.db", days=1, now=NOW).runs == 24


def test_ctrl_c_ends_a_demo_with_a_message_and_the_next_one_replaces_it(tmp_path):
    def press(done, _of):
        if done == 3:
            raise KeyboardInterrupt

    url = f"sqlite:///{tmp_path}/demo.db"
    with pytest.raises(Interrupted, match="stopped after 3 of 24 runs"):
        demo(url, days=1, now=NOW, progress=press)
    stop = threading.Event()
    with pytest.raises(Interrupted, match="stopped after 5 of 24 runs"):
        demo(url, days=1, now=NOW, progress=lambda done, _of: stop.set() if done == 5 else None, stop=stop)
    assert demo(url, days=1, now=NOW).runs == 24


def test_a_demo_ends_with_the_first_error_that_it_did_not_plan(tmp_path, monkeypatch):
    """Put an error that the demo did not plan into each outcome. The demo raises this error."""

    def disturbed(*arguments, **named):
        outcome = sync(*arguments, **named)
        outcome.error = UsageError("made up")
        return outcome

    monkeypatch.setattr("inventory.demo.sync", disturbed)
    with pytest.raises(UsageError, match="made up"):
        demo(f"sqlite:///{tmp_path}/demo.db", days=1, now=NOW)
