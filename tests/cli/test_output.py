"""Commands whose stdout or stderr is closed, is full, or cannot encode a character: they do their work anyway."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from inventory.config.database_url import parse_url
from inventory.simulator import Fleet, Simulator
from inventory.store import database
from inventory.store.database import connect
from support import forked
from support.command import KEY, SECRET, Command
from support.libraries import ROOT
from support.marks import rule

pytestmark = [rule("output-never-decides"), pytest.mark.slow]

PROGRAM = [sys.executable, "-m", "inventory"]
FULL = Path("/dev/full")


@pytest.fixture
def simulator():
    machines = [
        {"id": f"inst_{number}", "instance_type": "gpu_1x_h100_sxm5", "region": "us-west", "status": "ready",
         "creator_user_nickname": "zoë"}
        for number in range(3)
    ]  # fmt: skip
    with Simulator(Fleet(machines), keys={KEY}) as running:
        yield running


class Program:
    """A callable that runs `inventory` and returns its stdout and its stderr as texts.

    `stdout` and `stderr` may be file descriptors. The text of such a stream is empty.
    """

    def __init__(self, folder, environment):
        self.folder = folder
        self.environment = environment

    def __call__(self, *words, expect=0, stdout=None, stderr=None, shell="", **extra):
        environment = self.environment | extra
        if shell or "PYTHONIOENCODING" in extra:
            line = ["bash", "-c", f'exec "$@" {shell}', "bash"] if shell else []
            done = subprocess.run(
                [*line, *PROGRAM, *words], env=environment, cwd=self.folder, stdin=subprocess.DEVNULL,
                capture_output=True, encoding=extra.get("PYTHONIOENCODING"), text=True, timeout=90, check=False,
            )  # fmt: skip
        else:
            done = forked.run(words, cwd=self.folder, env=environment, stdout=stdout, stderr=stderr, quick_end=False)
        err = done.stderr or ""
        assert "--debug" in words or "Traceback" not in err
        assert "Exception ignored" not in err
        assert SECRET not in err
        assert done.returncode == expect, err
        return done.stdout or "", err

    def into_a_closed_pipe(self, *words, expect=0, **extra):
        """Run a command whose stdout is a pipe without a reader, and return its stderr."""
        reader, writer = os.pipe()
        os.close(reader)
        try:
            return self(*words, expect=expect, stdout=writer, **extra)[1]
        finally:
            os.close(writer)

    def onto_a_full_disk(self, *words, expect=1, **extra):
        with FULL.open("wb") as full:
            return self(*words, expect=expect, stdout=full.fileno(), **extra)[1]

    def with_a_full_stderr(self, *words, **extra):
        with FULL.open("wb") as full:
            return self(*words, stderr=full.fileno(), **extra)


@pytest.fixture
def program(tmp_path, database_url, simulator):
    return Program(
        tmp_path,
        {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "FAL_KEY": KEY,
            "INVENTORY_API_URL": simulator.url,
            "INVENTORY_DATABASE_URL": database_url,
            "INVENTORY_RETRY_ATTEMPTS": "1",
        },
    )


@pytest.fixture
def two_accounts(program, tmp_path):
    (tmp_path / "inventory.toml").write_text(
        '[[accounts]]\nname = "one"\napi_key_env = "FAL_KEY"\n[[accounts]]\nname = "two"\napi_key_env = "FAL_KEY"\n'
    )
    return program


@pytest.fixture
def rows(database_url):
    def asked(sql):
        engine = connect(parse_url(database_url))
        with database.reading(engine) as connection:
            found = [tuple(row) for row in connection.exec_driver_sql(sql)]
        engine.dispose()
        return found

    return asked


def test_a_sync_of_several_accounts_into_a_closed_pipe_syncs_them_all(two_accounts, rows):
    assert two_accounts.into_a_closed_pipe("sync") == ""
    assert rows("SELECT account, status FROM sync_runs ORDER BY 1") == [("one", "succeeded"), ("two", "succeeded")]


def test_a_sync_of_several_accounts_onto_a_full_disk_syncs_them_all_and_reports_it_in_one_line(two_accounts, rows):
    err = two_accounts.onto_a_full_disk("sync")
    assert err == (
        "error: The results could not be written to stdout: No space left on device. All other work was done.\n"
    )
    assert rows("SELECT account, status FROM sync_runs ORDER BY 1") == [("one", "succeeded"), ("two", "succeeded")]


def test_a_result_that_cannot_be_written_is_1_in_one_line_and_no_bug(program):
    program("sync")
    for line in (
        "list", "list --format json", "list --format csv", "status", "verify", "--version", "--help", "config",
        "show inst_1", "--show-completion bash",
    ):  # fmt: skip
        err = program.onto_a_full_disk(*line.split(), _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
        # on PostgreSQL, `verify` first says that amcheck is not installed
        lines = [text for text in err.splitlines() if not text.startswith("The server did not check its tables")]
        assert [text[:38] for text in lines] == ["error: The results could not be written"[:38]]


def test_the_exit_code_of_a_command_beats_that_of_a_full_disk(program):
    program("sync")
    program.onto_a_full_disk("status", "--max-age", "0s", expect=8)


@pytest.mark.parametrize("where", ["a closed pipe", "a closed stdout", "a closed stderr", "a full stderr"])
def test_the_exit_code_is_that_of_the_work_even_if_output_fails(program, where, database_url):
    into = {
        "a closed pipe": program.into_a_closed_pipe,
        "a closed stdout": lambda *words, **more: program(*words, shell=">&-", **more),
        "a closed stderr": lambda *words, **more: program(*words, shell="2>&-", **more),
        "a full stderr": program.with_a_full_stderr,
    }[where]
    into("sync")
    into("list")
    into("verify")
    into("sync", FAL_KEY="keyid-1:another", expect=3)
    into("status", "--max-age", "0s", expect=8)
    into("show", "nobody", expect=2)
    engine = connect(parse_url(database_url))
    with database.writing(engine) as connection:
        connection.execute(sa.text("UPDATE instance_versions SET region = 'eu-west' WHERE instance_id = 'inst_1'"))
    engine.dispose()
    into("verify", expect=9)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_no_database_gets_the_descriptor_of_a_closed_stdout_or_stderr(program, rows):
    program("sync", shell="<&- >&- 2>&-")
    program("sync", "--json", shell=">&-")
    program("verify", shell=">&- 2>&-")
    assert rows("SELECT status FROM sync_runs") == [("succeeded",)] * 2
    assert rows("PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize(("encoding", "shown"), [("ascii", "zo\\xeb\\u2603"), ("latin-1", "zoë\\u2603")])
def test_a_character_that_the_locale_lacks_is_an_escape(program, simulator, encoding, shown):
    simulator.fleet.put({"id": "inst_0", "creator_user_nickname": "zoë☃"})
    program("sync")
    assert shown in program("list", PYTHONIOENCODING=encoding)[0]
    assert shown in program("list", "--format", "csv", PYTHONIOENCODING=encoding)[0]
    assert shown in program("show", "zoë☃", expect=2, PYTHONIOENCODING=encoding)[1]


def test_the_name_of_an_account_does_not_act_on_a_terminal(program, tmp_path):
    (tmp_path / "inventory.toml").write_text('[[accounts]]\nname = "\u202eelihw"\napi_key_env = "FAL_KEY"\n', "utf-8")
    assert program("sync")[0].startswith("\\u202eelihw: succeeded (run 1)")
    assert program("sync", "--dry-run")[0].startswith("\\u202eelihw: would be succeeded")


def test_python_m_inventory_is_the_same_command_with_the_same_name(program):
    for words, begin in (("--version", "inventory "), ("--help", "Usage: inventory ")):
        done = subprocess.run(
            [*PROGRAM, words], env=program.environment, cwd=program.folder, capture_output=True, text=True, check=True
        )
        assert done.stdout.startswith(begin)


COMMANDS = [
    ("sync",), ("sync", "--dry-run"), ("list",), ("list", "--creator", "nobody"), ("changes", "--limit", "1"),
    ("runs",), ("status",), ("verify",), ("verify", "--format", "json"), ("missing",), ("missing", "--accept"),
    ("db", "check"), ("prune", "--before", "1d"), ("account", "list"), ("doctor",), ("config",),
]  # fmt: skip


def test_with_json_logs_every_line_on_stderr_is_one_json_object(program, simulator, tmp_path):
    run = Command(tmp_path, **program.environment)

    def said(*words, expect=0, **extra):
        done = run(*words, expect=expect, **({"INVENTORY_LOG_FORMAT": "json"} | extra))
        return [json.loads(line) for line in done.stderr.splitlines()]

    for words in COMMANDS:
        said(*words)
    simulator.fleet.remove("inst_1")
    for words, code in (
        (("list", "--account", "nobody"), 2), (("show", "nobody"), 2), (("nonsense",), 2), (("list", "--format"), 2),
        (("sync", "--account", "nobody"), 2), (("db",), 2), (("status", "--max-age", "0s"), 8),
    ):  # fmt: skip
        assert said(*words, expect=code)[-1]["event"]
    (last,) = said("sync", FAL_KEY="a:nobodyhasthis", expect=3)
    assert (last["level"], last["event"][:8]) == ("error", "default:")
    (last,) = said("sync", INVENTORY_TIMEOUT="soon", expect=2)
    assert "INVENTORY_TIMEOUT" in last["event"]
    (last,) = said("config", INVENTORY_TIMEOT="5")
    assert last["level"] == "warning"
    (last,) = said("list", "--database", "mysql://x/y", "--debug", expect=2)
    assert last["exception"].startswith("Traceback")
    (tmp_path / "inventory.toml").write_text('log_format = "json"\ntimeout = "soon"\n')
    (last,) = said("list", expect=2, INVENTORY_LOG_FORMAT="")
    assert "inventory.toml, line 2" in last["event"]


def test_no_file_says_to_install_a_package_that_is_not_published():
    files = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("inventory/**/*.py"), *ROOT.glob("deploy/**/*")]
    assert len(files) > 100
    offending = [str(file) for file in files if file.is_file() and "install 'fal-inventory" in file.read_text()]
    assert offending == []
