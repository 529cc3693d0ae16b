"""The temporary folders of the program: which of them a later process removes, and the errors when they are full."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from inventory.errors import DatabaseError
from inventory.simulator import Fleet, Simulator
from inventory.spool import Known, Spool
from inventory.store.database import reading
from inventory.store.schema import scratch_database
from support.command import KEY, Command
from support.workers import until
from support.world import machine

HOLDER = """
import sys, time
from inventory.spool import Spool
with Spool() as spool:
    print(spool.file.parent, flush=True)
    if sys.argv[1:] == ["fork"]:
        import os
        if os.fork():
            os._exit(0)
    time.sleep(600)
"""
MAKER = """
import sys
from concurrent.futures import ThreadPoolExecutor
from inventory.scratch import scratch_folder

def make(_):
    for _ in range(40):
        with scratch_folder() as folder:
            (folder / "spool").write_text("mine")
            assert (folder / "spool").read_text() == "mine"
            assert (folder / "lock").exists()

print("ready", flush=True)
sys.stdin.read()
with ThreadPoolExecutor(2) as pool:
    list(pool.map(make, range(2)))
"""
SORTER = """
import sys
from inventory.config.database_url import parse_url
from inventory.store.database import connect, reading
from inventory.errors import DatabaseError
with reading(connect(parse_url(sys.argv[1]))) as connection:
    connection.exec_driver_sql(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
        "SELECT i, randomblob(1000) AS r FROM n ORDER BY r"
    ).all()
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Create an empty folder, set TMPDIR to it for this process and its child processes, and return the folder."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    return folder


@pytest.fixture
def small(temporary):
    """Mount a file system of one megabyte on the folder of `temporary`, and yield the folder."""
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(temporary)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small file system, and not everywhere")
    yield temporary
    subprocess.run(["umount", "--lazy", str(temporary)], check=True)


@contextmanager
def open_spool(*words):
    """Start a child process that opens a spool; yield the process and the folder of the spool.

    The process is killed at the end. With the word `fork`, the process exits at once, and a child that it has forked
    holds the spool. This child is not killed here.
    """
    process = subprocess.Popen([sys.executable, "-c", HOLDER, *words], stdout=subprocess.PIPE, text=True)
    try:
        yield process, Path(process.stdout.readline().strip())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def left_by_a_killed_process():
    with open_spool() as (process, folder):
        process.kill()
        process.wait()
    assert sorted(path.name for path in folder.iterdir()) == ["lock", "spool"]
    return folder


def make_folder(folder, name, *files, age=0.0):
    """Create a folder with empty files of these names, all last changed `age` seconds ago, and return the folder."""
    made = folder / name
    made.mkdir(mode=0o700)
    for file in files:
        (made / file).touch()
    for path in (*made.iterdir(), made):
        os.utime(path, (time.time() - age,) * 2)
    return made


def test_the_next_spool_removes_the_folder_of_a_killed_process(temporary):
    left = left_by_a_killed_process()
    with Spool() as spool:
        assert list(temporary.iterdir()) == [spool.file.parent]
    assert not left.exists()
    assert list(temporary.iterdir()) == []


@pytest.mark.slow
def test_the_next_sync_removes_everything_that_a_killed_sync_or_dry_run_left(temporary, tmp_path):
    with Simulator(Fleet(machine(f"i{number}") for number in range(4))) as simulator:
        environment = {"FAL_KEY": KEY, "INVENTORY_API_URL": simulator.url, "INVENTORY_PAGE_SIZE": "2"}
        command = Command(tmp_path, **environment, TMPDIR=str(temporary))
        for words in (["sync"], ["sync", "--dry-run"]):
            before, done = {*temporary.iterdir()}, threading.Event()
            simulator.before_page = lambda _, done=done: done.wait(60)
            process = subprocess.Popen(
                [sys.executable, "-c", "from inventory.cli import main; main()", *words],
                env=command.environment, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            until(lambda before=before: {*temporary.iterdir()} - before)
            process.send_signal(signal.SIGKILL)
            process.wait()
            done.set()
        simulator.before_page = None
        command("sync", "--dry-run")
    assert list(temporary.iterdir()) == []


def test_a_folder_is_kept_while_its_process_or_a_child_of_it_lives(temporary):
    with open_spool() as (_, first), open_spool("fork") as (process, second):
        process.wait()
        with Spool():
            assert first.exists()
            assert second.exists()
        # the forked child still holds the lock: find its process id by its open lock file, and kill it
        for entry in Path("/proc").glob("[0-9]*/fd/*"):
            try:
                if entry.readlink() == second / "lock":
                    os.kill(int(entry.parts[2]), signal.SIGKILL)
            except OSError:
                continue

        def removed():
            with Spool():
                return not second.exists()

        until(removed)
        assert first.exists()
    with Spool():
        assert not first.exists()
    assert list(temporary.iterdir()) == []


def test_the_folder_of_an_earlier_version_is_removed_after_a_day(temporary):
    old = make_folder(temporary, "inventory-abcdefgh", "spool", age=90_000)
    empty = make_folder(temporary, "inventory-ijklmnop", age=90_000)
    dry = make_folder(temporary, "inventory-qrstuvwx", "empty.db", "empty.db-wal", "empty.db-shm", age=90_000)
    fresh = make_folder(temporary, "inventory-12345678", "spool", age=80_000)
    written = make_folder(temporary, "inventory-87654321", "spool", age=90_000)
    os.utime(written / "spool")
    with Spool():
        assert [folder.exists() for folder in (old, empty, dry, fresh, written)] == [False, False, False, True, True]


def test_files_and_folders_of_others_are_kept(temporary, tmp_path):
    others = make_folder(temporary, "inventory-abcdefgh", "spool", "thesis.txt", "lock", age=90_000)
    named = make_folder(temporary, "inventory-backup", "spool.db", age=90_000)
    odd = make_folder(temporary, "inventory-exports-2026", "spool", age=90_000)
    nested = make_folder(temporary, "inventory-nested00", age=0)
    (nested / "spool").mkdir()
    (nested / "spool" / "treasure").touch()
    (nested / "lock").touch()
    target = make_folder(tmp_path, "inventory-target00", "spool", "lock", age=90_000)
    (temporary / "inventory-linked00").symlink_to(target)
    (temporary / "inventory-afile000").touch()
    treasure = tmp_path / "treasure"
    treasure.write_text("kept")
    linked = make_folder(temporary, "inventory-lnklock0", "spool")
    (linked / "lock").symlink_to(treasure)
    with Spool():
        pass
    assert sorted(path.name for path in others.iterdir()) == ["lock", "spool", "thesis.txt"]
    assert named.exists()
    assert odd.exists()
    assert (nested / "spool" / "treasure").exists()
    assert sorted(path.name for path in target.iterdir()) == ["lock", "spool"]
    assert (temporary / "inventory-linked00").is_symlink()
    assert (temporary / "inventory-afile000").exists()
    assert treasure.read_text() == "kept"
    assert linked.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_the_folder_of_another_user_is_kept_even_by_root(temporary):
    theirs = make_folder(temporary, "inventory-abcdefgh", "spool", "lock", age=90_000)
    os.chown(theirs, 54_001, 54_001)
    with Spool():
        assert theirs.exists()


@pytest.mark.medium
def test_many_processes_and_threads_at_once_remove_only_unused_folders(temporary):
    for _ in range(3):
        left_by_a_killed_process()
    reader, writer = os.pipe()
    makers = [
        subprocess.Popen([sys.executable, "-c", MAKER], stdin=reader, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    os.close(reader)
    try:
        assert [maker.stdout.readline() for maker in makers] == ["ready\n"] * 4
        os.close(writer)  # all of them begin
        assert [maker.wait(90) for maker in makers] == [0] * 4
    finally:
        for maker in makers:
            maker.kill()
            maker.communicate()
    assert list(temporary.iterdir()) == []


@pytest.mark.medium
def test_the_error_for_a_full_temporary_folder_names_it_and_not_the_database(small, tmp_path):
    with Simulator(Fleet(machine(f"i{number}", note="x" * 10_000) for number in range(300))) as simulator:
        command = Command(tmp_path, FAL_KEY=KEY, INVENTORY_API_URL=simulator.url, TMPDIR=str(small))
        done = command("sync", expect=7)
        assert f"A temporary file under {small} (TMPDIR) failed: database or disk is full" in done.stderr
        assert "The database" not in done.stderr
    assert list(small.iterdir()) == []


def test_the_error_for_a_temporary_folder_that_fills_up_in_a_transaction_does_not_name_the_database(engine):
    known = (
        Known(f"{number:09}" * 100, b"h" * 32, b"v" * 32, "", "live", held=False, unlisted_runs=0)
        for number in range(999)
    )
    with pytest.raises(DatabaseError, match="TMPDIR") as raised, Spool() as spool:  # noqa: PT012
        spool._db.execute("PRAGMA max_page_count = 10")  # noqa: SLF001
        with reading(engine):
            spool.learn(known)
    assert "The database" not in str(raised.value)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("engine")
def test_a_temporary_folder_too_small_for_sqlite_to_sort_in_is_named(database_url, small):
    done = subprocess.run(
        [sys.executable, "-c", SORTER, database_url],
        env={"PATH": os.environ["PATH"], "TMPDIR": str(small)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    line = done.stderr.strip().splitlines()[-1]
    assert f"TMPDIR, where it sorts, {small} has 1.0 MB left" in line
    assert "its folder" in line


def test_a_process_that_cannot_create_a_folder_says_where(temporary, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(temporary / "nowhere"))
    for make in (Spool, scratch_database):
        with pytest.raises(DatabaseError, match=r"A temporary file under .*nowhere \(TMPDIR\) failed"), make():
            pass
