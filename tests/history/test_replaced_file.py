"""A SQLite file that is removed or replaced while the program uses it: nothing of the old file gets into a new one."""

import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, suppress
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import sqlalchemy as sa

from inventory.config.database_url import parse_url
from inventory.demo import demo
from inventory.errors import DatabaseError, UsageError
from inventory.history import prune
from inventory.history.verify import verify
from inventory.store import database, schema
from inventory.store.database import connect, reading, writing
from inventory.store.sqlite_file import SQLiteFile
from support.command import Command
from support.workers import PROGRAM, configuration, until
from support.world import hour

pytestmark = pytest.mark.slow

REPLACED = "the database file was replaced; going on with the new one"
HOLDER = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for statement in sys.argv[2:]:
    print(connection.execute(statement).fetchall(), flush=True)
time.sleep(600)
"""


@pytest.fixture
def backend():
    return "sqlite"


@pytest.fixture
def file(database_url):
    return Path(database_url.removeprefix("sqlite:///"))


@pytest.fixture
def world(world):
    world.put("a", "b")
    return world


@pytest.fixture
def holder(file):
    """Yield a function that starts a process, which opens the file, executes statements, and keeps the file open.

    The function returns the process when the statements are done. The processes are killed at the end.
    """
    started = []

    def start(*statements):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(file), *statements], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        for _ in statements:
            assert process.stdout.readline()
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def ask(file, sql):
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)) as connection:
        return connection.execute(sql).fetchall()


def runs_in(file):
    return ask(file, "SELECT count(*) FROM sync_runs WHERE status = 'succeeded'")[0][0]


def backup(file, name="backup.db"):
    """Make a consistent copy of the database, in the folder of the file. Return the path of the copy."""
    copy = file.with_name(name)
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    assert not copy.with_name(f"{name}-wal").exists()
    return copy


def label(file, text):
    """Insert a row with this text into the file, so that a test can recognise the file."""
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("INSERT INTO typed (id, label) VALUES ((SELECT count(*) FROM typed) + 1, ?)", (text,))


def labels(file):
    return [text for (text,) in ask(file, "SELECT label FROM typed ORDER BY id")]


def beside(file):
    return sorted(path.name.removeprefix(file.name) for path in file.parent.glob(f"{file.name}-*"))


def assert_well(file):
    """Check that the history in the file verifies, and that the file is undamaged."""
    assert ask(file, "PRAGMA integrity_check") == [("ok",)]
    engine = connect(parse_url(f"sqlite:///{file}"))
    with reading(engine) as connection:
        assert list(verify(connection).breaches) == []
    engine.dispose()


# -- `run`


def usable_descriptors(pid, file):
    """Return a list of the flags of each descriptor with which the process can read or write the file.

    A descriptor opened with O_PATH does not count: it only names the file.
    """
    flags = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            if descriptor.readlink() == file:
                about = Path(f"/proc/{pid}/fdinfo", descriptor.name).read_text()
                flags.append(int(re.search(r"flags:\s*(\d+)", about)[1], 8))
    return [each for each in flags if not each & os.O_PATH]


def test_no_connection_is_open_between_runs(start, file):
    worker = start(INVENTORY_EVERY="1h")
    worker.wait_for("synced")
    until(lambda: beside(file) == [])
    until(lambda: usable_descriptors(worker.process.pid, file) == [])


def test_run_does_not_create_a_removed_file_again_and_continues_when_it_is_put_back(start, file, tmp_path):
    worker = start()
    worker.wait_for("synced")
    aside = tmp_path / "aside.db"
    file.rename(aside)
    (line,) = worker.wait_for("the database cannot be used")
    assert (line["code"], line["level"]) == ("database", "error")
    assert "was removed" in line["reason"]
    assert not file.exists()
    before = runs_in(aside)
    aside.rename(file)
    worker.wait_for("the database is back")
    until(lambda: runs_in(file) > before)
    assert worker.stop() == 0
    assert len(worker.log("the database cannot be used")) == 1
    assert_well(file)


def test_a_file_that_is_removed_while_a_connection_is_opened_is_named_as_removed(engine, file, tmp_path, monkeypatch):
    """Replace a step between the check of the file and its opening: the step now removes the file."""
    with reading(engine):
        pass
    monkeypatch.setattr(SQLiteFile, "_make_companions_writable", lambda _: file.rename(tmp_path / "aside.db"))
    with pytest.raises(DatabaseError, match="was removed while this process worked with it"), reading(engine):
        pass


def test_run_continues_in_a_backup_that_was_moved_over_its_file(start, file):
    copy = backup(file)
    worker = start()
    worker.wait_for("synced")
    copy.replace(file)
    worker.wait_for(REPLACED, level="warning")
    until(lambda: runs_in(file) > 1)
    assert worker.stop() == 0
    assert len(worker.log(REPLACED)) == 1
    assert_well(file)


def test_run_continues_in_a_backup_after_its_whole_folder_was_removed(start, tmp_path, file):
    folder = tmp_path / "data"
    folder.mkdir()
    place = folder / "inventory.db"
    shutil.copyfile(file, place)
    worker = start(INVENTORY_DATABASE_URL=f"sqlite:///{place}")
    worker.wait_for("synced")
    shutil.rmtree(folder)
    worker.wait_for("the database cannot be used")
    assert not folder.exists()
    folder.mkdir()
    shutil.copyfile(file, tmp_path / "copy.db")
    (tmp_path / "copy.db").replace(place)
    worker.wait_for("the database is back")
    until(lambda: runs_in(place))
    assert worker.stop() == 0
    assert_well(place)


def test_nothing_of_a_run_is_written_to_a_file_replaced_during_its_walk(world, start, file):
    label(copy := backup(file), "backup")
    world.simulator.before_page = lambda _: copy.exists() and copy.replace(file)
    worker = start()
    (line,) = worker.wait_for("sync failed")
    assert line["code"] == "database"
    assert "was replaced" in line["reason"]
    until(lambda: runs_in(file))
    assert worker.stop() == 0
    assert {status for (status,) in ask(file, "SELECT status FROM sync_runs")} == {"succeeded"}
    assert labels(file) == ["backup"]
    assert_well(file)


def test_nothing_of_a_run_is_written_to_a_backup_made_and_put_back_during_that_run(world, engine, file):
    """During the walk, replace the file by a copy, and let the engine accept the copy.

    The copy holds the lease of this run. So a check of the fencing token alone would let the run write to it.
    """

    def replace(_):
        backup(file).replace(file)
        database.follow(engine)

    world.simulator.before_page = replace
    outcome = world.run()
    assert (outcome.status, outcome.exit_code) == ("failed", 7)
    assert "was replaced" in str(outcome.error)
    assert world.statuses() == ["running"]
    world.simulator.before_page = None
    assert world.run(clock=lambda: hour(5)).status == "succeeded"
    assert world.statuses() == ["abandoned", "succeeded"]


def test_run_replays_no_wal_of_the_old_file_and_names_what_to_remove(start, file, holder):
    label(file, "old")
    copy = backup(file)
    holder("SELECT count(*) FROM sync_runs")
    label(file, "only in the old one's -wal")
    worker = start()
    worker.wait_for("synced")
    until(lambda: runs_in(file))
    copy.replace(file)
    (line,) = worker.wait_for("the database cannot be used")
    assert line["code"] == "database"
    assert f"{file.name}-wal, {file.name}-shm" in line["reason"]
    assert "remove" in line["reason"]
    for name in beside(file):
        Path(f"{file}{name}").unlink()
    worker.wait_for("the database is back")
    until(lambda: runs_in(file))
    assert worker.stop() == 0
    assert labels(file) == ["old"]
    assert_well(file)


def test_an_old_wal_stays_refused_after_its_holder_was_killed(start, file, holder):
    worker = start()

    def refused():
        """Replace the file by a copy, but leave the WAL of the old file. Return whether the worker refuses the copy.

        The worker accepts the copy if the WAL is gone.
        """
        old, before = holder("SELECT count(*) FROM sync_runs"), runs_in(file)
        until(lambda: runs_in(file) > before)
        copy, replaced = backup(file), len(worker.log(REPLACED))
        old.kill()
        old.wait()  # if only the worker has the file open now, the WAL goes when it closes the file
        copy.replace(file)
        return (
            until(lambda: worker.log("the database cannot be used") or len(worker.log(REPLACED)) > replaced) is not True
        )

    until(refused)
    (line,) = worker.log("the database cannot be used")
    assert f"{file.name}-wal" in line["reason"]
    for name in beside(file):
        Path(f"{file}{name}").unlink()
    worker.wait_for("the database is back")
    assert worker.stop() == 0
    assert_well(file)


def test_metrics_report_a_removed_file_as_down_and_follow_the_file_put_in_its_place(start, file):
    copy = backup(file, "copy.db")
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    worker = start("--metrics", f"127.0.0.1:{port}", INVENTORY_EVERY="1h")
    worker.wait_for("synced")

    def health():
        try:
            with urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()

    assert health()[0] == 200
    file.unlink()
    until(lambda: health() == (503, "STALE the database cannot be read\n"))
    assert not file.exists()
    with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        assert "inventory_database_up 0.0" in answer.read().decode()
    copy.replace(file)
    until(lambda: health() == (503, "STALE default: never synced to the end\n"))
    assert len(worker.log(REPLACED)) == 1


# -- files that another process left beside the database


def test_the_wal_of_a_process_that_was_killed_meanwhile_is_not_replayed(engine, file, holder):
    with reading(engine) as connection:
        assert schema.current(connection) == schema.HEAD
    copy = backup(file)
    dead = holder("INSERT INTO typed (id, label) VALUES (1, 'old')")
    dead.kill()
    dead.wait()
    assert beside(file) == ["-shm", "-wal"]
    until(lambda: _moved_later(copy, Path(f"{file}-wal")))
    copy.replace(file)
    with pytest.raises(DatabaseError, match="-wal"):
        database.follow(engine)
    with pytest.raises(DatabaseError, match="was replaced"), reading(engine):
        pass
    for name in beside(file):
        Path(f"{file}{name}").unlink()
    database.follow(engine)
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SELECT * FROM typed").all() == []


def _moved_later(copy, than):
    """Move `copy` away and back, and return whether its ctime is now later than that of the file `than`.

    Call it until it returns True: the clock of ctimes advances in steps of some milliseconds.
    """
    copy.rename(copy.with_name("moved"))
    copy.with_name("moved").rename(copy)
    return copy.stat().st_ctime_ns > than.stat().st_ctime_ns


def test_a_backup_is_used_together_with_its_own_wal(engine, file, tmp_path):
    with writing(engine) as connection:
        connection.exec_driver_sql("INSERT INTO typed (id, label) VALUES (1, 'old')")
    restored = _with_wal(file, tmp_path)
    restored.replace(file)
    restored.with_name(f"{restored.name}-wal").replace(f"{file}-wal")
    database.follow(engine)
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SELECT label FROM typed ORDER BY id").scalars().all() == [
            "old",
            "in its wal",
        ]


def test_a_connection_that_is_closed_after_the_file_was_replaced_leaves_the_new_ones_wal_alone(engine, file, tmp_path):
    with writing(engine) as connection:
        connection.exec_driver_sql("INSERT INTO typed (id, label) VALUES (1, 'old')")
    restored = _with_wal(file, tmp_path)
    waiting = threading.Thread(target=database.follow, args=(engine,))
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM typed").scalar() == 1
        restored.replace(file)
        restored.with_name(f"{restored.name}-wal").replace(f"{file}-wal")
        waiting.start()
        with pytest.raises(DatabaseError, match="was replaced"), reading(engine):
            pass
    waiting.join()
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SELECT label FROM typed ORDER BY id").scalars().all() == [
            "old",
            "in its wal",
        ]


def _with_wal(file, tmp_path):
    """Copy the file, put a -wal file with one more row beside the copy, and return the path of the copy."""
    live, copy = tmp_path / "live.db", tmp_path / "restored.db"
    shutil.copyfile(file, live)
    with closing(sqlite3.connect(live, isolation_level=None)) as connection:
        connection.execute("INSERT INTO typed (id, label) VALUES (2, 'in its wal')")
        shutil.copyfile(live, copy)
        shutil.copyfile(f"{live}-wal", f"{copy}-wal")
    return copy


def test_a_write_while_the_file_is_replaced_is_rolled_back_and_is_an_error(engine, file):
    copy = backup(file)
    with pytest.raises(DatabaseError, match=r"was replaced .* nothing was written"), writing(engine) as connection:  # noqa: PT012
        connection.exec_driver_sql("INSERT INTO typed (id, label) VALUES (1, 'old')")
        copy.replace(file)
    database.follow(engine)
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SELECT * FROM typed").all() == []
    assert beside(file) == []


def replaced_after_the_next_commit(engine, file, aside):
    """Commit a row. Before the commit returns, move the file to `aside`, and put a backup in its place.

    Check that this raises DatabaseError.
    """
    copy = backup(file)

    def commit_and_replace(connection):
        connection.connection.driver_connection.execute("COMMIT")
        file.rename(aside)
        copy.replace(file)

    sa.event.listen(engine, "commit", commit_and_replace, once=True)
    with pytest.raises(DatabaseError, match=r"was replaced .* is in the old file only"), writing(engine) as connection:
        connection.exec_driver_sql("INSERT INTO typed (id, label) VALUES (1, 'old')")


def test_a_commit_while_the_file_is_replaced_is_an_error_and_is_in_the_old_file(engine, file, tmp_path):
    replaced_after_the_next_commit(engine, file, tmp_path / "aside.db")
    assert Path(f"{file}-wal").stat().st_size == 0  # so no program can replay it into the new file
    assert labels(file) == []
    database.follow(engine)
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SELECT * FROM typed").all() == []
    assert labels(tmp_path / "aside.db") == ["old"]


def test_an_earlier_commit_of_a_replaced_file_is_in_the_old_file_too(engine, file, tmp_path):
    copy, aside = backup(file), tmp_path / "aside.db"

    def replace(*_):
        file.rename(aside)
        copy.replace(file)

    with writing(engine) as connection:
        connection.exec_driver_sql("INSERT INTO typed (id, label) VALUES (1, 'old')")
        sa.event.listen(engine, "close", replace, once=True)
    assert Path(f"{file}-wal").stat().st_size == 0
    database.follow(engine)
    assert (labels(file), labels(aside)) == ([], ["old"])


def test_a_commit_to_the_old_file_with_another_reader_is_not_replayed_in_the_new_one(engine, file, tmp_path, holder):
    holder("BEGIN", "SELECT count(*) FROM sync_runs")
    replaced_after_the_next_commit(engine, file, tmp_path / "aside.db")
    with pytest.raises(DatabaseError, match="-wal"):
        database.follow(engine)
    for name in beside(file):
        Path(f"{file}{name}").unlink()
    database.follow(engine)
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SELECT * FROM typed").all() == []


@pytest.mark.parametrize("enter", [reading, writing])
def test_a_file_replaced_during_a_transaction_without_data_leaves_nothing_behind(engine, file, enter):
    copy = backup(file)
    with suppress(DatabaseError), enter(engine) as connection:
        assert connection.exec_driver_sql("SELECT * FROM typed").all() == []
        copy.replace(file)
    assert beside(file) == ["-shm", "-wal"]
    database.follow(engine)
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SELECT * FROM typed").all() == []
    assert beside(file) == []


def test_files_left_by_a_closed_reader_disturb_nobody(engine, file):
    """A reader that opened the file read-only leaves its -wal and -shm files there when it closes the file."""
    with reading(engine):
        pass
    copy = backup(file)
    assert labels(file) == []
    assert beside(file) == ["-shm", "-wal"]
    until(lambda: _moved_later(copy, Path(f"{file}-wal")))
    copy.replace(file)
    database.follow(engine)
    with writing(engine) as connection:
        connection.exec_driver_sql("INSERT INTO typed (id, label) VALUES (1, 'new')")
    assert labels(file) == ["new"]


def test_a_reader_that_has_the_old_file_open_must_close_it_first(engine, file, holder):
    with reading(engine):
        pass
    copy = backup(file)
    old = holder("SELECT count(*) FROM typed")
    until(lambda: _moved_later(copy, Path(f"{file}-wal")))
    copy.replace(file)
    with pytest.raises(DatabaseError, match="-wal"):
        database.follow(engine)
    old.kill()
    old.wait()
    database.follow(engine)
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SELECT * FROM typed").all() == []


def test_a_link_that_now_points_to_another_file_counts_as_a_replaced_file(engine, file, tmp_path):
    other, link = backup(file), tmp_path / "link.db"
    link.symlink_to(file)
    engine.dispose()
    engine = connect(parse_url(f"sqlite:///{link}"))
    with reading(engine):
        pass
    label(other, "other")
    (tmp_path / "next").symlink_to(other)
    (tmp_path / "next").replace(link)
    with pytest.raises(DatabaseError, match="was replaced"), reading(engine):
        pass
    database.follow(engine)
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SELECT label FROM typed").scalars().all() == ["other"]


def test_an_empty_file_in_its_place_is_refused(engine, file):
    with reading(engine):
        pass
    file.unlink()
    file.touch()
    with pytest.raises(DatabaseError, match="empty"):
        database.follow(engine)
    assert file.stat().st_size == 0


# -- commands


def test_sync_of_several_accounts_into_a_removed_file_ends_with_7_and_creates_none(world, database_url, file, tmp_path):
    environment = configuration(tmp_path / "settings", ["one", "two", "three"])
    command = Command(
        tmp_path, **environment, INVENTORY_API_URL=world.simulator.url, INVENTORY_DATABASE_URL=database_url
    )
    world.simulator.before_page = lambda _: file.unlink(missing_ok=True)
    done = command("sync", expect=7)
    assert "succeeded" not in done.stdout
    assert done.stderr.count("error: ") == done.stdout.count("failed") == 3
    assert not file.exists()


def test_sync_of_several_accounts_into_a_replaced_file_ends_with_7_and_leaves_it_as_it_is(
    world, database_url, file, tmp_path
):
    environment = configuration(tmp_path / "settings", ["one", "two"])
    command = Command(
        tmp_path, **environment, INVENTORY_API_URL=world.simulator.url, INVENTORY_DATABASE_URL=database_url
    )
    copy = backup(file)
    content = copy.read_bytes()
    world.simulator.before_page = lambda _: copy.exists() and copy.replace(file)
    done = command("sync", expect=7)
    assert not copy.exists()
    assert "succeeded" not in done.stdout
    assert done.stderr.count("error: ") == done.stdout.count("failed") == 2
    assert file.read_bytes() == content
    assert ask(file, "SELECT * FROM sync_runs") == []


def test_prune_of_a_file_that_is_removed_ends_with_7(world, engine, file):
    world.run()
    world.put("a", region="eu-west")
    world.run()
    request = prune.PruneRequest("default", hour(2))
    with pytest.raises(DatabaseError, match="was removed") as raised:
        prune.prune(engine, request, lease_seconds=60, clock=lambda: hour(3), progress=lambda _: file.unlink())
    assert raised.value.exit_code == 7
    assert not file.exists()


def test_a_demo_whose_file_is_removed_ends_with_7_and_does_not_create_it_again(tmp_path):
    file = tmp_path / "demo.db"
    with pytest.raises(DatabaseError, match="was removed") as raised:
        demo(f"sqlite:///{file}", days=1, progress=lambda done, _: done == 3 and file.unlink())
    assert raised.value.exit_code == 7
    assert not file.exists()


@pytest.mark.usefixtures("engine")
def test_explore_ends_with_7_rather_than_showing_the_old_file(file, database_url, tmp_path):
    process = subprocess.Popen(
        [*PROGRAM, "explore", "--port", "0", "--database", database_url],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert "until Ctrl-C" in process.stdout.readline()
    backup(file).replace(file)
    _, printed = process.communicate(timeout=60)
    assert process.returncode == 7, printed
    assert "was replaced" in printed
    assert beside(file) == []


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("sqlite:///file:x%20y.db?uri=true", "x y.db"),
        ("sqlite:///file:x.db?uri=true&mode=rwc", "x.db"),
        ("sqlite:///x?y#z%.db", "x"),
        ("sqlite:///ü é%2541.db", "ü é%41.db"),
        ("sqlite:///x.db?timeout=5", "x.db"),
    ],
)
def test_every_form_of_a_sqlite_url_creates_its_file_only_once(url, name, tmp_path):
    engine = connect(parse_url(url), create=True)
    schema.prepare(engine, auto_migrate=True)
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".db" or path.name == name] == [name]
    (tmp_path / name).unlink()
    with pytest.raises(DatabaseError, match="was removed"), reading(engine):
        pass
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize(
    "parameter", ["mode=ro", "timeout=soon", "uri=maybe", "timeout=1&timeout=2", "mdoe=ro&uri=true"]
)
def test_a_parameter_that_sqlite_does_not_take_is_refused(file, parameter):
    with pytest.raises(UsageError, match="has a parameter that SQLite does not take"):
        connect(parse_url(f"sqlite:///{file}?{parameter}"))


def test_a_read_only_url_cannot_write(engine, file):
    for url in (f"sqlite:///file:{file}?mode=ro&uri=true", f"sqlite:///{file}?mode=ro&uri=true"):
        engine = connect(parse_url(url))
        with reading(engine) as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM sync_runs").scalar() == 0
        with pytest.raises(DatabaseError, match="readonly"), writing(engine) as connection:
            connection.exec_driver_sql("DELETE FROM typed")
