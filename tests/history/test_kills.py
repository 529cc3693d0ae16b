"""A process that is killed at any statement leaves a history that verifies, and the next one goes on."""

import os
import subprocess
import sys

import pytest

from inventory.simulator import Status, on_get, on_page
from support import killed
from support.command import KEY, Command
from support.marks import rule
from support.world import ids

EVERY = 8
"""Of so many statements one is struck. `python tests/support/killed.py 1 COMMAND` strikes all of them."""

pytestmark = [pytest.mark.slow, rule("a-checkpoint-anchors-the-log")]


def live(world):
    """Record some runs, with every event and an instance that is missing."""
    world.put(*ids(12), creator_user_nickname="ada")
    world.run()
    world.remove("i000", "i001")
    world.put("i002", status="stopped")
    world.run()
    world.put("i000", "new")
    world.remove("i003")
    world.faults.add(Status(500), when=on_get, times=None)
    world.faults.add(Status(503), when=on_page(1), after=1)
    world.run()  # i003 is missing
    world.faults.clear()


@pytest.fixture
def run(tmp_path, world, database_url):
    (tmp_path / "scratch").mkdir()
    return Command(
        tmp_path, FAL_KEY=KEY, INVENTORY_API_URL=world.simulator.url, INVENTORY_DATABASE_URL=database_url,
        TMPDIR=str(tmp_path / "scratch"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "statements"),
    [(("sync",), 15), (("missing", "--accept"), 8), (("prune", "--before", "0s"), 10),
     (("account", "rename", "default", "other"), 5), (("account", "retire", "default"), 5), (("checkpoint",), 2)],
    ids=lambda words: words[0] if isinstance(words, tuple) else "",
)  # fmt: skip
@pytest.mark.usefixtures("lived")
def test_a_command_that_is_killed_at_any_statement_leaves_a_history_that_verifies(
    run, world, tmp_path, words, statements
):
    world.put("i004", region="eu-west")
    world.put("i005")
    world.remove("i006")
    before = world.rows("SELECT instance_id FROM instances WHERE presence = 'vanished'")

    done = subprocess.run(
        [sys.executable, killed.__file__, str(EVERY), *words],
        cwd=tmp_path, env=run.environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert int(done.stdout.splitlines()[-1]) >= max(1, statements // EVERY)
    run("sync")
    assert "every digest matches" in run("verify").stdout
    gone = {"i003", "i006"} | {id_ for (id_,) in before}
    assert {id_ for (id_,) in world.rows("SELECT instance_id FROM instances WHERE presence = 'vanished'")} <= gone
    assert [*(tmp_path / "scratch").iterdir()] == []
