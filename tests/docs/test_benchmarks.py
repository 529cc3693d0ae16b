"""The scripts in `benchmarks/`: their arguments, their made-up list, how they end, and what their tables show."""

import json
import os
import re
import subprocess
import sys
from contextlib import suppress
from importlib.util import module_from_spec, spec_from_file_location

import psutil
import pytest

from support.libraries import ROOT
from support.postgres import own_server
from support.workers import PATIENCE, until

BENCHMARKS = ROOT / "benchmarks"

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("mode", [[], ["--memory"]], ids=["soak", "memory"])
def test_the_soak_test_and_its_workers_end_when_the_database_is_gone(tmp_path, mode):
    words = ["--workers", "1", "--accounts", "1", "--every", "1", "--runs", "50" if mode else "1000000", *mode]
    with own_server() as own, (tmp_path / "output").open("wb") as output:
        process = psutil.Popen(
            [sys.executable, BENCHMARKS / "soak.py", *words], stdout=output, stderr=output,
            env=os.environ | {"TEST_DATABASE_URL": own.url.render_as_string(), "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        workers = []
        try:
            until(lambda: re.search(r"[1-9]\d* runs", (tmp_path / "output").read_text()))
            workers = process.children()
            own.kill()
            assert process.wait(PATIENCE) == 1
            _, alive = psutil.wait_procs(workers, timeout=PATIENCE)
            assert workers
            assert not alive
        finally:
            for each in (*workers, process):
                with suppress(psutil.NoSuchProcess):
                    each.kill()
            process.wait()


COMPARE = """
import argparse, json, sys
from dataclasses import asdict
from pathlib import Path
import peers
peers.PEERS = {"odd": peers.Peer((), sys.argv[1], peers.PLAIN, backends=("sqlite",))}
options = argparse.Namespace(peers=["odd"], backends=["sqlite"], rounds=2, patience=600, tools=Path())
(result,) = peers.compete("", options, peers.Setup(20, 10, 0), set()).values()
print(json.dumps(asdict(result)))
"""
ODD = """
import sqlite3, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from pages import walk
marks = Path(sys.argv[4])
rows = [(item["id"], item["status"]) for items in walk(sys.argv[1], 10) for item in items]
if len(marks.read_bytes()) < 4:  # the runs of the first round
    rows = [("a ghost", "ready"), *((id_, "odd") for id_, _ in rows[2:])]
with marks.open("ab") as file:
    file.write(b".")
with sqlite3.connect(sys.argv[2]) as db:
    db.executescript("DROP TABLE IF EXISTS fleet; CREATE TABLE fleet (id, status)")
    db.executemany("INSERT INTO fleet VALUES (?, ?)", rows)
"""


def test_the_counts_of_a_tool_are_those_of_its_worst_round(tmp_path):
    (tmp_path / "odd.py").write_text(ODD)
    (tmp_path / "marks").touch()
    command = f"{{python}} {tmp_path}/odd.py {{url}} {{database}} {{here}} {tmp_path}/marks"
    done = subprocess.run(
        [sys.executable, "-c", COMPARE, command],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": f"{BENCHMARKS}:{ROOT}/tests"}, stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert (found["ghosts"], found["missing"], found["wrong"]) == (1, 2, 18)
    assert (tmp_path / "marks").stat().st_size == 8


NEVER_ASKS = """
import sqlite3, sys, httpx
httpx.get(sys.argv[1] + "/compute/instances").raise_for_status()
with sqlite3.connect(sys.argv[2]) as db:
    db.execute("CREATE TABLE IF NOT EXISTS fleet (id, status)")
"""


def test_a_tool_that_does_not_ask_for_the_broken_page_is_not_praised_for_losing_nothing(tmp_path):
    (tmp_path / "never.py").write_text(NEVER_ASKS)
    code = COMPARE.replace("rounds=2", "rounds=1").replace(
        "(result,)", "peers.JUDGED = peers.Setup(20, 10, 0)\n(result,)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, f"{{python}} {tmp_path}/never.py {{url}} {{database}}"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": f"{BENCHMARKS}:{ROOT}/tests"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert "odd on sqlite did not ask for the middle page" in done.stderr


def test_removed_and_changed_instances_are_spread_over_the_whole_list():
    spec = spec_from_file_location("benchmarked_fal", BENCHMARKS / "fal.py")
    fal = module_from_spec(spec)
    spec.loader.exec_module(fal)
    fleet = fal.Fleet(1_000, 100)
    before = dict(fleet.items)
    fleet.edit(changed=20, gone=10, new=5)
    gone = [place for place, id_ in enumerate(before) if id_ not in fleet.items]
    changed = [place for place, id_ in enumerate(before) if fleet.items.get(id_, before[id_]) != before[id_]]
    assert (len(gone), len(changed), len(fleet.items)) == (10, 20, 995)
    assert [place // 100 for place in gone] == list(range(10))
    assert [place // 100 for place in changed] == sorted([*range(10)] * 2)


@pytest.mark.parametrize(
    "words",
    [
        ["walk.py", "--runs", "quite"], ["walk.py", "--backends", "sqllite"], ["walk.py", "--rounds", "0"],
        ["wal.py", "many"], ["peers.py", "--setups", "10x10"], ["peers.py", "--peers", "dtl"],
        ["history.py", "--churn", "2"], ["export.py", "--versions", "-1"], ["soak.py", "--runs", "0"],
        ["cheats.py", "--steps", "0"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_bad_argument_is_named_by_one_line(words):
    done = subprocess.run(
        [sys.executable, BENCHMARKS / words[0], *words[1:]], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert f"{words[0]}: error: " in done.stderr.splitlines()[-1]
