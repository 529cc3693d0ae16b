"""What README.md says is run here: its commands and its SQL; its tables are compared with the program."""

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from inventory import errors
from inventory.config.database_url import parse_url
from inventory.config.settings import Settings
from inventory.demo import QUERIES
from inventory.simulator import Fleet, Simulator
from inventory.store import schema
from inventory.store.database import connect, writing
from inventory.times import brief
from support.asking import asking
from support.libraries import EXTRAS, PROGRAM, ROOT, TESTS, closure
from support.marks import rule

README = (ROOT / "README.md").read_text(encoding="utf-8")
FIRST_SCREEN = README.partition("\n## ")[0]
BLOCKS = [(kind, text.strip()) for kind, text in re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)]
LINES = [line for kind, text in BLOCKS if kind == "sh" for line in text.splitlines()]
DEMO_LINE, TEST_LINE = LINES[:2]
COMMANDS = list(dict.fromkeys(line for line in LINES[2:] if re.match(r"(\w+=\S+ )*inventory ", line)))
STATEMENTS = [text for kind, text in BLOCKS if kind == "sql"] + re.findall(
    r'^sqlite3 inventory\.db "(.+)"$', README, re.MULTILINE
)
SERVERS = {"inventory simulate": "A made-up fleet", "inventory explore": "inventory.db is at http://127.0.0.1:"}
LATER: set[type] = set()  # errors whose commands are not there yet

PYTHON_BIN = Path(sys.executable).parent


def table(heading):
    """The rows of the first table under a heading, as lists of cells without their code marks."""
    text = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)[1]
    rows = [line.strip("|").split("|") for line in re.findall(r"^\|.*\|$", text, re.MULTILINE)]
    return [[cell.strip().strip("`") for cell in row] for row in rows[2:]]


def pins():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


@pytest.fixture
def shell(tmp_path, sqlite_demo):
    """Starts one line of README in a folder with a database, as a shell does, `inventory` being this environment's."""
    for name in ("inventory.db", "demo.db"):
        shutil.copyfile(sqlite_demo, tmp_path / name)
    machine = {"id": "inst_1", "instance_type": "gpu_1x_h100_sxm5", "region": "us-west", "status": "ready"}
    with Simulator(Fleet([machine])) as simulator:
        environment = {
            "PATH": f"{PYTHON_BIN}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "FAL_KEY": "any",
            "INVENTORY_API_URL": simulator.url,
        }

        def start(line):
            return subprocess.Popen(
                ["bash", "-euo", "pipefail", "-c", line.replace("http://127.0.0.1:8123/v1", simulator.url)],
                cwd=tmp_path, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip

        yield start


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_does_what_it_says(line, shell, request):
    if "postgresql://" in line:
        with request.getfixturevalue("postgres").database() as name:
            url = request.getfixturevalue("postgres").url_of(name)
            with migrated_with_a_role(url) if "grant-reader" in line else nullcontext("bi") as role:
                line = line.replace(" bi ", f" {role} ")
                succeeds(shell(re.sub(r"postgresql://\S+", lambda _: f"'{url}'", line)))
    elif line in SERVERS:
        process = shell(f"exec {line} --port 0")  # another program may be at the usual port
        assert process.stdout.readline().startswith(SERVERS[line])
        process.send_signal(signal.SIGINT)
        succeeds(process)
    elif line.split()[:2] == ["inventory", "run"]:
        process = shell(f"exec {line.replace(':9464', ':0')}")  # another program may be at that port
        assert "started" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        succeeds(process)
    else:
        if "account re" in line or line == "inventory status":  # the demo has another account
            succeeds(shell("inventory sync"))
        succeeds(shell(line))


@contextmanager
def migrated_with_a_role(url):
    """The database has its tables, the server a role for this while."""
    role = f"bi_{uuid4().hex}"
    engine = connect(parse_url(url))
    schema.upgrade(engine)
    with writing(engine) as connection:
        connection.exec_driver_sql(f"CREATE ROLE {role}")
    yield role
    with writing(engine) as connection:
        connection.exec_driver_sql(f"DROP OWNED BY {role}")
        connection.exec_driver_sql(f"DROP ROLE {role}")
    engine.dispose()


def succeeds(process):
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    assert "Traceback" not in err
    assert "trying again" not in out  # logs are no results


def test_every_command_of_the_program_is_shown_and_no_other():
    from typer.main import get_command

    from inventory.cli.app import app

    command = get_command(app)
    groups = ("account", "db")
    there = {name for name in command.commands if name not in groups} | {
        f"{group} {name}" for group in groups for name in command.commands[group].load().commands
    }
    shown = {re.search(rf"inventory ((?:(?:{'|'.join(groups)}) )?[\w-]+)", line)[1] for line in COMMANDS}
    assert shown == there


@pytest.mark.parametrize("statement", STATEMENTS)
def test_sql_gives_rows_on_both_backends(statement, demo_url):
    with asking(demo_url) as connection:
        assert connection.exec_driver_sql(statement).fetchall()


@pytest.mark.parametrize(("title", "statement"), QUERIES)
def test_the_demos_own_questions_have_answers_on_both_backends(title, statement, demo_url):
    with asking(demo_url) as connection:
        assert connection.exec_driver_sql(statement).fetchall(), title


def test_the_demos_questions_are_answered_by_the_sqlite3_program_too(sqlite_demo):
    with closing(sqlite3.connect(sqlite_demo)) as connection:
        assert all(connection.execute(statement).fetchall() for _, statement in QUERIES)


def test_the_relations_are_those_of_the_database(demo_url):
    with asking(demo_url) as connection:
        inspector = sa.inspect(connection)
        there = {*inspector.get_table_names(), *inspector.get_view_names()}
    assert {row[0] for row in table("Relations")} == there - {"alembic_version", "typed"}


def test_the_settings_are_those_of_the_program_with_their_defaults():
    fields = Settings.model_fields
    shown = {variable.removeprefix("INVENTORY_").lower(): default for variable, default, _ in table("Settings")}
    assert set(shown) == set(fields) - {"accounts", "alerts"}
    for name, default in shown.items():
        if default == "-":
            assert not fields[name].default
        elif isinstance(fields[name].default, timedelta):
            assert brief(fields[name].default) == default
        else:
            assert str(fields[name].default) in (default, default.capitalize()), name


def test_the_settings_file_is_one(tmp_path, monkeypatch):
    (tmp_path / "inventory.toml").write_text(next(text for kind, text in BLOCKS if kind == "toml"))
    assert [account.name for account in Settings().accounts] == ["research", "production"]
    monkeypatch.setenv("INVENTORY_DATABASE_URL", "sqlite:///other.db")
    assert Settings().database_url == "sqlite:///other.db"


@rule("exit-codes")
def test_the_exit_codes_are_those_of_the_errors():
    def below(kind):
        return {kind}.union(*(below(each) for each in kind.__subclasses__()))

    codes = {kind.exit_code for kind in below(errors.InventoryError) - LATER if kind.__module__ == errors.__name__}
    assert [int(row[0]) for row in table("Exit codes")] == sorted({0} | codes)


def test_every_library_says_why_it_is_there():
    extras = [Requirement(text) for name, texts in EXTRAS.items() for text in texts if name != "test"]
    needed = {canonicalize_name(requirement.name) for requirement in PROGRAM + extras}
    assert {canonicalize_name(name) for name, _ in table("Libraries")} == needed


def test_the_first_screen_has_two_commands_and_five_lines():
    assert len(FIRST_SCREEN.splitlines()) <= 40
    assert LINES[2] == "export FAL_KEY=your-admin-key"
    assert FIRST_SCREEN.count("```sh\n") == 3
    for command, extra, last in (
        (DEMO_LINE, " '.[report]' ", "inventory demo"),
        (TEST_LINE, " -e '.[test]' ", "pytest -n 2"),
    ):
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install -q -c constraints.txt")
        assert f"{extra}&& .venv/bin/{last}" in command


def test_ci_makes_a_fresh_environment_and_runs_the_test_command_of_the_readme(tmp_path):
    """With a `.venv` left over, and programs that only tell how they were called."""
    shutil.copyfile(ROOT / "README.md", tmp_path / "README.md")
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "left over").touch()
    (tmp_path / "bin").mkdir()
    tell = 'printf "%s\\n" "$(basename "$0") $*" >> called\n'
    python = tmp_path / "bin" / "python3"
    python.write_text(f"#!/bin/sh\n{tell}mkdir -p .venv/bin; cp bin/tell .venv/bin/pip; cp bin/tell .venv/bin/pytest\n")
    (tmp_path / "bin" / "tell").write_text(f"#!/bin/sh\n{tell}")
    for name in ("make", "chromium", "pgbouncer", "apt-get"):  # the two are there, so nothing is installed
        shutil.copy(tmp_path / "bin" / "tell", tmp_path / "bin" / name)
    for program in (tmp_path / "bin").iterdir():
        program.chmod(0o755)
    environment = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    subprocess.run([tmp_path / ".ci" / "run"], cwd="/", env=environment, check=True, capture_output=True)
    assert (tmp_path / "called").read_text().splitlines() == [
        "python3 -m venv .venv",
        "pip install -q -c constraints.txt -e .[test]",
        "pytest -n 2",
        "make lint",
    ]
    assert not (tmp_path / ".venv" / "left over").exists()


def test_constraints_pin_every_library_of_the_program_and_the_tests_within_its_range():
    pinned = pins()
    for requirement in PROGRAM + TESTS:
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), requirement
    found, absent = closure(PROGRAM + TESTS)
    assert set(found) | absent <= set(pinned) | {"pip"}  # datasette asks for it, and it is there
