"""Commands with few file descriptors or little memory: each ends without a traceback."""

import os
import signal
import subprocess
import sys

import pytest

from inventory.config.database_url import parse_url
from inventory.simulator import Fleet, Simulator
from inventory.store import database
from inventory.store.database import connect
from support.command import KEY, Command

pytestmark = pytest.mark.slow

MIB = 1 << 20
LIMITS = [("nofile", number) for number in (5, 6, 7, 8, 12, 20)] + [
    ("as", size * MIB) for size in (30, 45, 60, 80, 100, 140, 200)
]


@pytest.fixture
def limited(tmp_path, database_url):
    """Yield a function that runs a command under one resource limit, or under none, and returns the completed process.

    `limit` is a pair: the name of an option of prlimit(1), without the dashes, and its value. `preexec_fn` of
    `subprocess` could set the limit too, but it runs Python code after a fork. If another thread held a lock at the
    fork, this code may wait for that lock for ever.
    """
    machines = [{"id": f"inst_{number}", "status": "ready"} for number in range(300)]
    with Simulator(Fleet(machines), keys={KEY}) as simulator:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "FAL_KEY": KEY,
            "INVENTORY_API_URL": simulator.url,
            "INVENTORY_DATABASE_URL": database_url,
            "INVENTORY_RETRY_ATTEMPTS": "1",
        }

        def command(*words, limit=None):
            if limit is None:
                return Command(tmp_path, **environment)(*words)
            return subprocess.run(
                ["prlimit", f"--{limit[0]}={limit[1]}", sys.executable, "-m", "inventory", *words], env=environment,
                cwd=tmp_path, capture_output=True, text=True, timeout=90, check=False,
            )  # fmt: skip

        yield command


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_command_that_lacks_descriptors_or_memory_ends_with_one_line(limited, database_url, limit):
    assert limited("sync").returncode == 0
    codes = []
    for words in (("list", "--format", "json"), ("sync",), ("verify",), ("report",), ("doctor",)):
        done = limited(*words, limit=limit)
        codes.append(done.returncode)
        assert "Traceback" not in done.stderr
        if words[0] != "report":  # without memory, Python may write this while the report's library shuts down
            assert "Exception ignored" not in done.stderr
        if limit[0] == "as" and done.returncode == -signal.SIGABRT:
            continue  # a library in Rust aborts the process when memory is short
        assert done.returncode in {0, 1, 2, 4, 7}, done.stderr
        # doctor prints a line for each check, and the report's library may print a panic of Rust
        if words[0] not in {"doctor", "report"}:
            assert done.stderr.count("\n") == (1 if done.returncode else 0), done.stderr
    assert any(codes) or limit[1] not in {5, 30 * MIB}  # under the smallest limits, something must fail
    engine = connect(parse_url(database_url))
    with database.reading(engine) as connection:
        found = {row[0] for row in connection.exec_driver_sql("SELECT status FROM sync_runs")}
    engine.dispose()
    assert "running" not in found
    assert limited("sync").returncode == 0
    assert limited("verify").returncode == 0
