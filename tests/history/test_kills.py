"""Commands that are killed at any moment: nothing that was recorded is lost, and the next command continues."""

import random
from itertools import count

import pytest
import sqlalchemy as sa

from inventory.config.database_url import parse_url
from inventory.simulator import Status, on_get, on_page
from inventory.store import database
from support import tally
from support.checkpoints import check_rows, take_checkpoints
from support.command import KEY, Command
from support.killed import Killer
from support.marks import LONG, rule
from support.world import ids

EVERY = 1 if LONG else 16
"""The step between the kills of two successive tries, in statements and commits, which are counted together.

The first try is killed before number 1, the second before number 1 + EVERY, and so on, until a try ends without a kill.
For a command that makes few statements, the step is smaller.
"""
MOMENTS = 48 if LONG else 1
"""How many times a command is killed at a random moment."""
FIRST_RUNS = 12 if LONG else 2
"""How many times a first run is killed at a random moment."""
INSTANCES = 100_000 if LONG else 40
"""The number of instances that the killed first run records."""
KILLED = -9

pytestmark = [pytest.mark.slow, rule("a-checkpoint-anchors-the-log")]


def live(world):
    """Record three runs, with every kind of event. In the third, i003 is missing."""
    world.put(*ids(12), creator_user_nickname="ada")
    world.run()
    world.remove("i000", "i001")
    world.put("i002", status="stopped")
    world.run()
    world.put("i000", "new")
    world.remove("i003")
    miss(world)


def miss(world):
    """Run a sync in which the requests by id and the second walk fail. An absent instance is missing then."""
    world.faults.add(Status(500), when=on_get, times=None)
    world.faults.add(Status(503), when=on_page(1), after=1)
    world.run()
    world.faults.clear()


@pytest.fixture
def environment(tmp_path, world, database_url):
    (tmp_path / "scratch").mkdir()
    return Command(
        tmp_path, FAL_KEY=KEY, INVENTORY_API_URL=world.simulator.url, INVENTORY_DATABASE_URL=database_url,
        TMPDIR=str(tmp_path / "scratch"), INVENTORY_PAGE_SIZE="1000",
    ).environment  # fmt: skip


@pytest.fixture
def run(tmp_path, environment):
    return Command(tmp_path, **environment)


@pytest.fixture
def kill(tmp_path, environment):
    return Killer(tmp_path, environment)


def indexes(engine):
    """Return a dict from each table to a sorted list of the names of its indexes."""
    inspector = sa.inspect(engine)
    return {
        table: sorted(each["name"] for each in inspector.get_indexes(table)) for table in inspector.get_table_names()
    }


class Witness:
    """What was there before a kill: checkpoints, instance ids and index names.

    The checkpoints and ids are compared with the database after the kill, and again after the next run. The index names
    are compared only after the next run.
    """

    def __init__(self, world, kill, folder, **environment):
        self.world, self.kill, self.folder, self.environment = world, kill, folder, environment
        self.indexes = indexes(world.engine)
        self.newest, self.removed = None, {"i001", "i003"}

    def remember(self):
        """Remember a checkpoint of each log, and the ids of all instances."""
        with database.reading(self.world.engine) as connection:
            self.checkpoints = take_checkpoints(connection)
        self.shown = {id_ for (id_,) in self.world.rows("SELECT instance_id FROM instances")}

    def check(self, code):
        """Check the history, run a sync that nobody kills, and check the history again.

        `code` is the exit code of the command that may have been killed. It only serves to count the kills.
        """
        tally.count("kills", int(code == KILLED))
        self._agrees()
        self.sync()
        self._agrees()
        assert indexes(self.world.engine) == self.indexes
        assert [*(self.folder / "scratch").iterdir()] == []

    def sync(self):
        """Run a sync that nobody kills."""
        assert self.kill("sync", **self.environment) == 0

    def _agrees(self):
        with database.reading(self.world.engine) as connection:
            verdict = check_rows(connection, self.checkpoints, allow_pruned=True, allow_unfinished=True)
        assert not verdict, verdict
        lost = self.shown - {id_ for (id_,) in self.world.rows("SELECT instance_id FROM instances")}
        tally.count("rows lost", len(lost))
        assert not lost
        false = {id_ for id_, _ in self.world.gone()} - self.removed
        tally.count("false vanishes", len(false))
        assert not false


def change(world, witness, number, words):
    """Change one instance, add one, and remove the instance that the previous call added.

    So the command in `words`, which the test tries to kill next, has work to do. The command `sync` records these
    changes itself. For the other commands, a run records them first. For `missing`, this run leaves an instance
    missing.
    """
    world.put("i002", region=f"region-{number}")
    world.put(f"new-{number}")
    if witness.newest:
        world.remove(witness.newest)
        witness.removed.add(witness.newest)
    witness.newest = f"new-{number}"
    if words[0] == "missing":
        miss(world)
    elif words[0] != "sync":
        witness.sync()


COMMANDS = pytest.mark.parametrize(
    ("words", "least"),
    [(("sync",), 32), (("missing", "--accept"), 32), (("prune", "--before", "0s"), 40),
     (("account", "rename", "default", "other"), 24), (("account", "retire", "default"), 24), (("checkpoint",), 6),
     (("export", "lake"), 24)],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else "",
)  # fmt: skip


@COMMANDS
@pytest.mark.usefixtures("lived")
def test_a_command_that_is_killed_at_any_statement_leaves_a_history_that_verifies(
    kill, run, world, tmp_path, words, least
):
    witness = Witness(world, kill, tmp_path)
    killed, step = 0, min(EVERY, least // 3)
    for number in count(1, step):
        change(world, witness, number, words)
        witness.remember()
        code = kill(*words, fatal=number)
        witness.check(code)
        if code != KILLED:
            assert code in {0, 2}, code  # 2: an earlier try was killed after its commit, so the act is already done
            break
        killed += 1
    assert killed >= least // step
    run("verify")


@COMMANDS
@pytest.mark.usefixtures("lived")
def test_a_command_that_is_killed_at_a_random_moment_leaves_a_history_that_verifies(
    kill, run, world, tmp_path, words, least
):
    witness, dice, killed = Witness(world, kill, tmp_path), random.Random(least), 0
    for number in range(MOMENTS):
        change(world, witness, number, words)
        witness.remember()
        code = kill(*words, seconds=dice.uniform(0, 0.4))
        assert code in {KILLED, 0, 2}
        killed += code == KILLED
        witness.check(code)
    assert killed or not LONG  # a single moment may come after the end of the command
    run("verify")


@pytest.mark.parametrize("when", ["statement", "moment"])
def test_a_first_run_that_is_killed_leaves_all_indexes_and_the_next_one_records_all(
    kill, world, tmp_path, new_database, when
):
    world.put(*ids(INSTANCES))
    seconds = INSTANCES / 30_000 + 0.4
    dice, killed = random.Random(7), 0
    for number in count(1, EVERY) if when == "statement" else range(FIRST_RUNS):
        url = new_database(migrated=True)
        world.engine = database.connect(parse_url(url))
        witness = Witness(world, kill, tmp_path, INVENTORY_DATABASE_URL=url)
        witness.remember()
        how = {"fatal": number} if when == "statement" else {"seconds": dice.uniform(0, seconds)}
        code = kill("sync", bulk=1, INVENTORY_DATABASE_URL=url, **how)
        assert code in {KILLED, 0}
        killed += code == KILLED
        witness.check(code)
        assert world.one("SELECT count(*) FROM instances WHERE presence = 'live'") == INSTANCES
        world.engine.dispose()
        if code != KILLED and when == "statement":
            break
    assert when == "moment" or killed >= 32 // EVERY
