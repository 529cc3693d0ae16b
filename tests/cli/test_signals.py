"""Signals that end a command, at many moments: no traceback is shown, and no `running` run or lease is left."""

import os
import random
import signal
import subprocess
import sys
import threading
from functools import partial

import pytest

from inventory.config.database_url import parse_url
from inventory.simulator import Fleet, Hang, Simulator, on_list
from inventory.store import database
from inventory.store.database import connect
from support.command import KEY, Command
from support.faults import Gate
from support.forked import Forked
from support.marks import LONG, rule
from support.workers import until, until_it_waits_for_a_lock

pytestmark = pytest.mark.slow

PROGRAM = [sys.executable, "-m", "inventory"]
NUMBERS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
EVERY = 1 if LONG else 5
"""The step between two successive tries of a command, in SQL statements.

Each try gets two signals at one of its statements: the first try at statement 1, the second at 1 + EVERY, and so on.
"""
TWO_SIGNALS_AT_A_STATEMENT = """
import os, signal, sys
from sqlalchemy import event
from sqlalchemy.engine import Engine
from inventory.cli import main
from inventory.config.database_url import parse_url
from inventory.store.database import connect

statements, fatal = 0, None

@event.listens_for(Engine, "before_cursor_execute")
def count(*_):
    global statements
    statements += 1
    if statements == fatal:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGHUP)

ended = None
for number in range(1, 1000, EVERY):
    statements, fatal = 0, number
    try:
        main(sys.argv[1:])
    except SystemExit as end:
        ended = end.code
    came, fatal = statements >= number, None
    with connect(parse_url(os.environ["INVENTORY_DATABASE_URL"])).connect() as connection:
        left = connection.exec_driver_sql("SELECT count(*) FROM accounts WHERE fencing_token IS NOT NULL").scalar()
    assert left == 0, f"a lease is left by signals at statement {number}"
    if ended in {0, 2}:  # 2: the signals came when the account already had its new name
        break
    assert (ended, came) == (4, True), f"{ended} after signals at statement {number}"
assert number > max(5, 2 * EVERY), "too few statements were interrupted"
"""
SIGNALS_AT_IMPORT = """
import os, sys
from inventory.cli import main

class Finder:
    @staticmethod
    def find_spec(name, *_):
        if name == "{module}":
            os.kill(os.getpid(), {number})
            os.kill(os.getpid(), {number})

sys.meta_path.insert(0, Finder)
main()
"""
CUT_SHORT = """
import sys
from inventory.cli import main

class Finder:
    @staticmethod
    def find_spec(name, *_):
        if name == "inventory.cli.verify":
            raise EOFError("marshal data too short")

sys.meta_path.insert(0, Finder)
main()
"""
SIGNAL_IN_A_DESTRUCTOR = """
import os, signal, sys
import inventory.cli.status as module

class Doomed:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)

def endless(*_):
    Doomed()
    while True:
        pass

module.parse_duration = endless
from inventory.cli import main
main()
"""

SIGNAL_IN_TEXT = """
import inventory.cli.status as module

module.parse_duration = lambda _: exec("import os; os.kill(os.getpid(), 15)\\nwhile True: pass", {})
from inventory.cli import main
main()
"""
SIGNAL_DROPPED_AT_THE_END = """
import os, signal, sys, time
import inventory.cli.status as module

class Doomed:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)

def ends(_):
    Doomed()
    raise SystemExit(0)

module.parse_duration = ends
from inventory.cli import main

class Slow:
    def __del__(self, sleep=time.sleep):
        sleep(0.5)

sys.slow = Slow()  # Python deletes it after it has restored the default actions of signals
main()
"""
SIGNAL_WHILE_CLOSING = """
import os, signal
from sqlalchemy.engine.default import DefaultDialect

close = DefaultDialect.do_close

def interrupted(self, connection):
    os.kill(os.getpid(), signal.SIGTERM)
    close(self, connection)

DefaultDialect.do_close = interrupted
from inventory.cli import main
main()
"""

SIGNAL_BEFORE_THE_TEMPORARY_FILE = """
import os, signal, tempfile

tempfile.SpooledTemporaryFile = lambda *_: os.kill(os.getpid(), signal.SIGTERM)
from inventory.cli import main
main()
"""


@pytest.fixture
def simulator():
    with Simulator(Fleet([{"id": f"i{number}", "status": "ready"} for number in range(3)]), keys={KEY}) as running:
        yield running


@pytest.fixture
def environment(tmp_path, database_url, simulator):
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "FAL_KEY": KEY,
        "INVENTORY_API_URL": simulator.url,
        "INVENTORY_DATABASE_URL": database_url,
        "INVENTORY_TIMEOUT": "3600",
    }


@pytest.fixture
def sync(tmp_path, environment):
    """Return a function that runs `inventory sync` in this process."""
    return partial(Command(tmp_path, **environment), "sync")


@pytest.fixture
def start(tmp_path, environment):
    """Yield a function that starts `inventory`, or another program, in a child process, and returns the process.

    All processes are killed at the end.
    """
    started = []

    def begin(*words, program=None):
        if program is None:
            process = Forked(words, cwd=tmp_path, env=environment)
        else:
            process = subprocess.Popen(
                [*program, *words], cwd=tmp_path, env=environment, text=True, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def rows(database_url):
    engine = connect(parse_url(database_url), create=True)

    def asked(sql):
        with database.reading(engine) as connection:
            return [tuple(row) for row in connection.exec_driver_sql(sql)]

    yield asked
    engine.dispose()


STOPPED = (4, "Stopped by a signal; nothing more was done.\n")
"""The exit code and the stderr of a command that a signal stopped."""


def start_file(start, folder, source):
    """Start `inventory status` in a process whose main module is a file with this source."""
    (folder / "program.py").write_text(source)
    return start("status", "--max-age", "1m", program=[sys.executable, "-m", "program"])


def ends(process):
    """Wait until the process ends, assert that its stderr has no traceback, and return its exit code and stderr."""
    _, err = process.communicate(timeout=90)
    assert "Traceback" not in err
    assert "Exception ignored" not in err
    return process.returncode, err


def hang(simulator):
    """Let the simulator hang at each request for the list. Return a function that waits until a request has arrived."""
    before = len(simulator.requests)
    simulator.faults.clear()
    simulator.faults.add(Hang(), when=on_list, times=None)
    return lambda: until(lambda: len(simulator.requests) > before)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_ends_a_sync_with_4_and_closes_its_run_at_once(start, simulator, rows, number):
    asked = hang(simulator)
    process = start("sync")
    asked()
    process.send_signal(number)
    code, err = ends(process)
    assert (code, err.count("\n")) == (4, 1)
    assert rows("SELECT status, error_code FROM sync_runs") == [("failed", "interrupted")]
    assert rows("SELECT fencing_token FROM accounts") == [(None,)]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_ends_run_with_0(start, simulator, rows, number):
    asked = hang(simulator)
    process = start("run")
    asked()
    process.send_signal(number)
    assert ends(process)[0] == 0
    assert rows("SELECT status, error_code FROM sync_runs") == [("failed", "interrupted")]


@rule("a-signal-settles-the-run")
@pytest.mark.parametrize("waits_for", ["the beginning of a run", "the end of a run"])
def test_a_signal_ends_a_sync_that_waits_for_a_lock(start, sync, simulator, rows, backend, database_url, waits_for):
    sync()
    engine = connect(parse_url(database_url))
    locked = engine.connect()

    def lock():
        if backend == "sqlite":
            locked.connection.driver_connection.execute("BEGIN IMMEDIATE")
        else:
            locked.exec_driver_sql("SELECT * FROM accounts FOR UPDATE")

    if waits_for == "the beginning of a run":
        lock()
        process = start("sync")
        until_it_waits_for_a_lock(process, engine)
    else:
        gate = Gate()
        simulator.faults.add(gate, when=on_list)
        process = start("sync")
        assert gate.reached.wait(90)
        lock()
        gate.opened.set()
    process.send_signal(signal.SIGTERM)
    code, err = ends(process)
    locked.connection.driver_connection.rollback()
    locked.close()
    engine.dispose()
    assert code == 4
    last = "error: Stopped by a signal while the run waited for the database; the next run makes up for it."
    assert err.splitlines()[-1] == last
    sync()
    assert rows("SELECT status FROM sync_runs WHERE status = 'running'") == []


def test_many_signals_at_any_time_leave_no_run_running(start, simulator, rows):
    dice = random.Random(7)
    for _ in range(8):
        asked = hang(simulator)
        process = start("sync")
        asked()
        for _ in range(dice.randint(2, 6)):
            process.send_signal(dice.choice(NUMBERS))
            threading.Event().wait(dice.choice([0, 0, 0.001, 0.01, 0.1]))
        assert ends(process)[0] == 4
    assert set(rows("SELECT status, error_code FROM sync_runs")) == {("failed", "interrupted")}


def test_a_hangup_that_is_ignored_stays_ignored(start, simulator, rows):
    gate = Gate()
    simulator.faults.add(gate, when=on_list)
    process = start("sync", program=["nohup", *PROGRAM])
    assert gate.reached.wait(90)
    for _ in range(2):
        process.send_signal(signal.SIGHUP)
    gate.opened.set()
    assert ends(process)[0] == 0
    assert rows("SELECT status, error_code FROM sync_runs") == [("succeeded", None)]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("module", ["typer", "sqlalchemy", "inventory.sync", "httpx"])
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_signals_while_the_program_is_loading_end_it_with_one_line(start, number, module):
    program = [sys.executable, "-c", SIGNALS_AT_IMPORT.format(module=module, number=int(number))]
    assert ends(start("sync", program=program)) == STOPPED
    assert ends(start("run", program=program))[0] == 0


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_compiled_file_that_was_cut_short_is_no_signal(start):
    code, err = ends(start("verify", program=[sys.executable, "-c", CUT_SHORT]))
    assert code == 1
    assert "a fault of inventory itself: EOFError: marshal data too short" in err


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_signal_that_python_drops_in_a_destructor_is_sent_again(start):
    process = start("status", "--max-age", "1m", program=[sys.executable, "-c", SIGNAL_IN_A_DESTRUCTOR])
    assert ends(process) == STOPPED


@rule("exit-codes")
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_signal_while_python_runs_a_text_as_code_ends_the_command_with_4(start, tmp_path):
    assert ends(start_file(start, tmp_path, SIGNAL_IN_TEXT)) == STOPPED


@rule("exit-codes")
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_signal_that_python_drops_at_the_end_of_a_command_changes_no_exit_code(start, tmp_path):
    assert ends(start_file(start, tmp_path, SIGNAL_DROPPED_AT_THE_END)) == (0, "")


@rule("errors-are-one-line")
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_signal_while_a_connection_is_closed_ends_the_command_with_one_line(start, sync):
    sync()
    process = start("list", program=[sys.executable, "-c", SIGNAL_WHILE_CLOSING])
    assert ends(process) == STOPPED


@rule("errors-are-one-line")
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_signal_before_the_rows_have_a_temporary_file_ends_the_command_with_one_line(start, sync):
    sync()
    process = start("list", program=[sys.executable, "-c", SIGNAL_BEFORE_THE_TEMPORARY_FILE])
    assert ends(process) == STOPPED


@pytest.mark.parametrize(
    "words",
    [("prune", "--before", "0s"), ("missing", "--accept"), ("account", "rename", "default", "other"),
     ("account", "retire", "default")],
)  # fmt: skip
def test_signals_at_any_statement_of_a_writing_command_leave_no_lease(start, sync, simulator, rows, words):
    sync()
    simulator.fleet.put({"id": "i0", "status": "stopped"})
    sync()
    code, err = ends(
        start(*words, program=[sys.executable, "-c", TWO_SIGNALS_AT_A_STATEMENT.replace("EVERY", str(EVERY))])
    )
    assert code == 0, err
    assert rows("SELECT status FROM sync_runs WHERE status = 'running'") == []


def test_a_signal_ends_doctor_while_the_api_is_silent(start, sync, simulator):
    sync()
    asked = hang(simulator)
    process = start("doctor")
    asked()
    process.send_signal(signal.SIGINT)
    assert ends(process) == STOPPED


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_report_that_a_signal_ends_leaves_no_file(start, tmp_path):
    assert ends(start("sync"))[0] == 0
    code = SIGNALS_AT_IMPORT.format(module="vl_convert", number=int(signal.SIGTERM))
    assert ends(start("report", program=[sys.executable, "-c", code]))[0] == 4
    assert [file.name for file in tmp_path.iterdir() if file.suffix in {".part", ".html"}] == []


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_command_leaves_no_thread_behind(sync, simulator):
    before, started = {*threading.enumerate()}, []
    simulator.before_page = lambda _: started.extend({*threading.enumerate()} - before)
    sync()
    assert "signals" in {thread.name for thread in started}
    until(lambda: not [thread for thread in started if thread.name == "signals" and thread.is_alive()])
