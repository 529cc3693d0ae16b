"""The scripts in `benchmarks/`: they end where their database ends."""

import os
import re
import sys
from contextlib import suppress

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
