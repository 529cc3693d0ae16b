"""Faults of a SQLite file and of its disk: the history stays consistent, and the next run succeeds.

No recorded history is lost, with one exception: without its `-wal`, the file holds an earlier history.
"""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from inventory.store import database
from support import tally
from support.checkpoints import check_rows
from support.command import KEY, Command
from support.killed import Killer
from support.marks import LONG, rule
from support.world import ids

STEP = 4_096 if LONG else 65_536
"""The bytes by which the limit of the file size grows from one try to the next. The limit acts like a full disk."""
INSTANCES = 400

pytestmark = [pytest.mark.slow, rule("one-transaction"), pytest.mark.parametrize("backend", ["sqlite"], indirect=True)]


@pytest.fixture
def environment(world, database_url, tmp_path):
    return Command(
        tmp_path, FAL_KEY=KEY, INVENTORY_API_URL=world.simulator.url, INVENTORY_DATABASE_URL=database_url,
        INVENTORY_PAGE_SIZE="1000", INVENTORY_RETRY_ATTEMPTS="1",
    ).environment  # fmt: skip


@pytest.fixture
def attempt(tmp_path, environment):
    return Killer(tmp_path, environment, root_bypass=False)


def verifies(world):
    with database.reading(world.engine) as connection:
        assert not check_rows(connection, [])


@pytest.mark.parametrize(
    "words", [("sync",), ("prune", "--before", "0s"), ("export", "lake")], ids=lambda words: words[0]
)
def test_a_disk_that_is_full_at_any_write_loses_nothing(attempt, world, tmp_path, words):
    world.put(*ids(INSTANCES), note="x" * 100)
    world.run()
    world.put(*ids(INSTANCES // 2), status="stopped", note="y" * 100)
    if words[0] != "sync":
        world.run()
    world.engine.dispose()
    file = Path(world.engine.url.database)
    full = tmp_path / "full.db"
    for room in range(0, 64 * 2**20, STEP):
        shutil.copyfile(file, full)
        shutil.rmtree(tmp_path / "lake", ignore_errors=True)
        before = world.history()
        code = attempt(*words, largest_file=room, INVENTORY_DATABASE_URL=f"sqlite:///{full}")
        tally.count("faults")
        assert code in {0, 2, 7}, (code, room)  # 2: the folder of the export cannot be written
        world.engine = database.connect(world.engine.url.set(database=str(full)))
        after = world.history()
        assert after == before or words[0] != "export"
        assert after == before or code == 0, f"half of a {words[0]} was written with room for {room} bytes"
        verifies(world)
        if code == 0:
            break
        assert attempt(*words, INVENTORY_DATABASE_URL=f"sqlite:///{full}") == 0
        verifies(world)
        world.engine.dispose()
        world.engine = database.connect(world.engine.url.set(database=str(file)))
    assert (code, room > 0) == (0, True)
    world.engine.dispose()


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_file_or_folder_that_may_only_be_read_is_7_and_the_next_run_records_all(attempt, world, tmp_path, what):
    world.put(*ids(3))
    world.run()
    world.engine.dispose()
    kept = tmp_path / "kept"
    kept.mkdir()
    file = kept / "fleet.db"
    shutil.copyfile(world.engine.url.database, file)
    world.put("new")
    file.chmod(0o444)
    kept.chmod(0o555 if what == "folder" else 0o755)
    before = file.read_bytes()
    tally.count("faults")
    assert attempt("sync", INVENTORY_DATABASE_URL=f"sqlite:///{file}") == 7
    assert file.read_bytes() == before
    kept.chmod(0o755)
    file.chmod(0o644)
    assert attempt("sync", INVENTORY_DATABASE_URL=f"sqlite:///{file}") == 0
    assert attempt("verify", INVENTORY_DATABASE_URL=f"sqlite:///{file}") == 0


def test_a_lost_wal_gives_an_earlier_history_that_verifies_and_grows_again(attempt, world, tmp_path):
    world.put(*ids(5))
    world.run()
    world.engine.dispose()
    file, lost = Path(world.engine.url.database), tmp_path / "lost.db"
    world.put("i000", status="stopped")
    with closing(sqlite3.connect(file)) as reader:  # while it is open, SQLite does not move the -wal into the file
        earlier = reader.execute("SELECT * FROM instance_versions").fetchall()
        assert attempt("sync") == 0
        assert file.with_name(f"{file.name}-wal").stat().st_size
        shutil.copyfile(file, lost)
    tally.count("faults")
    world.engine = database.connect(world.engine.url.set(database=str(lost)))
    with closing(sqlite3.connect(lost)) as reader:
        assert reader.execute("SELECT * FROM instance_versions").fetchall() == earlier
    verifies(world)
    assert attempt("sync", INVENTORY_DATABASE_URL=f"sqlite:///{lost}") == 0
    assert world.one("SELECT status FROM instances WHERE instance_id = 'i000'") == "stopped"
    verifies(world)
    world.engine.dispose()
