"""The library of the charts: a script that a child process of `inventory report` makes.

If the child fails, the command ends with an error of one line.
"""

import ctypes
import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from functools import partial

import psutil
import pytest

from inventory.report.chart_library import chart_library
from inventory.store.database import reading
from support.forked import Forked
from support.workers import until

pytestmark = pytest.mark.slow

SECRETS = {"FAL_KEY": "id:secret-part", "KEY_RESEARCH": "other:secret-part"}
REFUSE_EXECUTABLE_MEMORY = (65, 1, 0, 0, 0)
"""The arguments of prctl(2) that do what `MemoryDenyWriteExecute=yes` of systemd does."""


@pytest.fixture
def reporting(world, database_url, tmp_path):
    """Return a context manager that starts `inventory report` and yields a pair of processes.

    The first is the process of the command. The second is its child: it makes the library, and is suspended. At the
    end, both are killed.
    """
    world.put("a")
    world.run()

    @contextmanager
    def start():
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)} | SECRETS
        words = ["report", "--database", database_url, "--output", "page.html"]
        process = Forked(words, cwd=tmp_path, env=environment)
        try:
            child = until(partial(_child_of, process))
            child.suspend()
            yield process, child
        finally:
            process.kill()
            process.wait()
            with suppress(psutil.NoSuchProcess):
                child.kill()

    return start


def _child_of(process):
    """Return the child that makes the library; None if there is no such child yet."""
    assert process.poll() is None, process.communicate()
    for child in psutil.Process(process.pid).children():
        if any("javascript_bundle" in word for word in child.cmdline()):
            return child
    return None


def test_the_library_is_made_in_a_child_process_without_any_secret(reporting):
    with reporting() as (_, child):
        assert "secret-part" not in repr(child.environ()) + repr(child.cmdline())
    assert "Vega" in chart_library()
    assert [name for name in sys.modules if name.startswith("vl_convert")] == []


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_no_transaction_is_open_while_the_library_is_made(reporting, world):
    with reporting(), reading(world.engine) as connection:
        others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        assert connection.exec_driver_sql(f"{others} AND xact_start IS NOT NULL").scalar() == 0


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_if_the_child_dies_report_is_one_line_and_the_old_page_stays(reporting, tmp_path):
    (tmp_path / "page.html").write_text("the old page")
    with reporting() as (process, child):
        child.kill()
        _, err = process.communicate(90)
        assert process.returncode == 1
    assert err.startswith(
        "error: The library of the charts, vl-convert, made no script: SIGKILL ended it. No report was"
    )
    assert err.count("\n") == 1
    assert (tmp_path / "page.html").read_text() == "the old page"
    assert list(tmp_path.glob(".*.part")) == []


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_signal_ends_the_child_too(reporting, tmp_path):
    with reporting() as (process, child):
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(90)
        assert (process.returncode, err) == (4, "Stopped by a signal; nothing more was done.\n")
        until(lambda: not child.is_running())
    assert list(tmp_path.glob("*page.html*")) == []


@pytest.mark.skipif(ctypes.CDLL(None).prctl(66, 0, 0, 0, 0) < 0, reason="this kernel is older than 6.3")
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_where_no_memory_may_be_executable_report_names_the_setting_of_systemd(world, database_url, tmp_path):
    world.run()
    done = subprocess.run(
        [sys.executable, "-m", "inventory", "report", "--database", database_url], cwd=tmp_path, capture_output=True,
        preexec_fn=lambda: ctypes.CDLL(None).prctl(*REFUSE_EXECUTABLE_MEMORY), text=True, timeout=90, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "MemoryDenyWriteExecute=no" in done.stderr
    assert list(tmp_path.glob("*fleet.html*")) == []
