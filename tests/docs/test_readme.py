"""Checks of README.md: its length, first screen, pictures and SQL, and the commands that make an environment.

There are also checks of the SQL of docs/digests.md and of the demo, of the libraries that CONTRIBUTING.md names, and of
constraints.txt.

test_commands.py runs the other commands of README.md.
"""

import os
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from inventory.demo import QUERIES
from support.asking import asking
from support.libraries import EXTRAS, PROGRAM, ROOT, TESTS, closure

pytestmark = pytest.mark.slow

README = (ROOT / "README.md").read_text(encoding="utf-8")
FIRST_SCREEN = README.partition("\n## ")[0]
BLOCKS = [(kind, text.strip()) for kind, text in re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)]
LINES = [line for kind, text in BLOCKS if kind == "sh" for line in text.splitlines()]
DEMO_LINE, TEST_LINE = LINES[:2]
DIGESTS = (ROOT / "docs" / "digests.md").read_text(encoding="utf-8")
STATEMENTS = [text for kind, text in BLOCKS if kind == "sql"] + re.findall(
    r"^```sql\n(.*?)^```$", DIGESTS, re.MULTILINE | re.DOTALL
)


def pins():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


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


def test_every_library_says_in_contributing_why_it_is_there():
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    text = re.search(r"^## Libraries\n(.*?)(?=^## |\Z)", contributing, re.MULTILINE | re.DOTALL)[1]
    named = [row.split("|")[1].strip() for row in re.findall(r"^\|.*\|$", text, re.MULTILINE)[2:]]
    extras = [Requirement(text) for name, texts in EXTRAS.items() for text in texts if name != "test"]
    assert {canonicalize_name(name) for name in named} == {
        canonicalize_name(requirement.name) for requirement in PROGRAM + extras
    }


def test_the_first_screen_has_a_picture_and_the_two_commands_that_set_up():
    assert len(README.splitlines()) <= 170
    assert len(FIRST_SCREEN.splitlines()) <= 45
    assert FIRST_SCREEN.count("```sh\n") == 2
    for command, extra, last in (
        (DEMO_LINE, " '.[report]' ", "inventory demo"),
        (TEST_LINE, " -e '.[test]' ", "pytest -n 4"),
    ):
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install -q -c constraints.txt")
        assert f"{extra}&& .venv/bin/{last}" in command


def test_the_picture_is_there_for_light_and_dark_and_small():
    assert '<source media="(prefers-color-scheme: dark)"' in FIRST_SCREEN
    pictures = [ROOT / path for path in re.findall(r'(?:src|srcset)="([^"]+)"', FIRST_SCREEN)]
    assert len(pictures) == 2
    assert sum(picture.stat().st_size for picture in pictures) < 300_000


def test_a_real_key_takes_five_lines_and_postgresql_two():
    blocks = [text.splitlines() for kind, text in BLOCKS if kind == "sh"]
    (key,) = [block for block in blocks if block[0].startswith("export FAL_KEY=")]
    (postgresql,) = [block for block in blocks if "postgresql://" in block[0]]
    assert (len(key), len(postgresql)) == (5, 2)


def test_ci_makes_a_fresh_environment_and_runs_the_test_command_of_the_readme(tmp_path):
    """Run .ci/run in a folder with an old `.venv`.

    Scripts take the place of the programs that it calls. Each writes down its own name and its arguments.
    """
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
    for name in ("make", "chromium-headless-shell", "pgbouncer", "sqlite3", "apt-get"):  # so .ci/run installs none
        shutil.copy(tmp_path / "bin" / "tell", tmp_path / "bin" / name)
    for program in (tmp_path / "bin").iterdir():
        program.chmod(0o755)
    environment = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    subprocess.run([tmp_path / ".ci" / "run"], cwd="/", env=environment, check=True, capture_output=True)
    assert (tmp_path / "called").read_text().splitlines() == [
        "python3 -m venv .venv",
        "pip install -q -c constraints.txt -e .[test]",
        "pytest -n 4",
        "make lint",
    ]
    assert not (tmp_path / ".venv" / "left over").exists()


def test_constraints_pin_every_library_of_the_program_and_the_tests_within_its_range():
    pinned = pins()
    for requirement in PROGRAM + TESTS:
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), requirement
    found, absent = closure(PROGRAM + TESTS)
    assert set(found) | absent <= set(pinned) | {"pip"}  # pip: datasette requires it, and an environment has it
