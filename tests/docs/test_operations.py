"""Checks of the operation pages: commands, files and settings exist, all codes are listed, backups can be restored."""

import os
import re
import shlex
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from inventory import errors
from inventory.cli import main
from inventory.config.settings import Settings
from inventory.demo import demo
from support.libraries import EXTRAS, ROOT
from support.marks import rule

PAGES = ("operations", "accounts", "hosts", "backup", "prune", "codes")
GUIDE = "\n".join((ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in PAGES)
BLOCKS = [text.strip() for text in re.findall(r"^```sh\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)]
LINES = [line for block in BLOCKS for line in block.splitlines()]
SPANS = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", GUIDE, flags=re.DOTALL))]
FOUND = [re.search(r"(?:^|/)inventory ((?:[a-z]|--version).*)$", text) for text in LINES + SPANS]
COMMANDS = sorted({found[1] for found in FOUND if found})


def table(heading):
    """Return the rows of the table under a heading of GUIDE, without the header, as lists of the texts in the cells."""
    text = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", GUIDE, re.MULTILINE | re.DOTALL)[1]
    rows = [re.split(r"(?<!\\)\|", line.strip("|")) for line in re.findall(r"^\|.*\|$", text, re.MULTILINE)]
    return [[cell.strip().strip("`") for cell in row] for row in rows[2:]]


def kinds(kind=errors.InventoryError):
    return {kind}.union(*(kinds(each) for each in kind.__subclasses__()))


OURS = [kind for kind in kinds() if kind.__module__ == errors.__name__]


@pytest.mark.medium
@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_is_one_of_the_program(line):
    with pytest.raises(SystemExit) as ended:
        main([*shlex.split(line), "--help"])
    assert ended.value.code == 0


def test_there_are_commands_to_check():
    assert len(COMMANDS) > 20


@rule("exit-codes")
def test_the_exit_codes_are_those_of_the_errors():
    assert [int(row[0]) for row in table("Exit codes")] == sorted({0} | {kind.exit_code for kind in OURS})


def test_the_error_codes_are_those_of_the_errors():
    assert {row[0] for row in table("Error codes")} == {kind.error_code for kind in OURS} - {None}


def test_every_row_says_what_to_do():
    assert all(len(row) == 3 and all(row) for row in table("Exit codes") + table("Error codes"))


def test_the_files_and_extras_that_it_names_are_there():
    for path in re.findall(r"deploy/[\w./-]+\.\w+", GUIDE):
        assert (ROOT / path).is_file(), path
    named = set(re.findall(r"deploy/[\w./-]+\.(?:yaml|service|timer)", GUIDE))
    there = {str(file.relative_to(ROOT)) for file in (ROOT / "deploy").rglob("*") if file.is_file()}
    assert {path for path in there if re.search(r"/(systemd|kubernetes)/|compose", path)} == named
    (extras,) = re.findall(r"pip install -q -c constraints\.txt '\.\[([\w,]+)\]'", GUIDE)
    assert set(extras.split(",")) <= set(EXTRAS)


def test_every_setting_that_it_names_is_one():
    named = set(re.findall(r"INVENTORY_[A-Z_]+", GUIDE))
    assert len(named) > 5
    assert named <= {f"INVENTORY_{name.upper()}" for name in Settings.model_fields}


def block(beginning):
    (found,) = [text for text in BLOCKS if text.startswith(beginning)]
    return found


def shell(script, folder):
    """Run a script in Bash in this folder, assert that it succeeds, and return its stdout."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder, capture_output=True, text=True, check=False,
        env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(folder)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("backup", [block("sqlite3 inventory.db"), "sqlite3 inventory.db \"VACUUM INTO 'backup.db'\""])
def test_a_backup_of_sqlite_restores_the_whole_history(tmp_path, backup):
    """Make the backup while a connection has the database open, so that there is also a `-wal` file."""
    file = tmp_path / "inventory.db"
    demo(f"sqlite:///{file}", days=1, now=datetime(2026, 3, 7, tzinfo=UTC))
    with closing(sqlite3.connect(file)) as user:
        before = sorted(user.iterdump())
        shell(backup, tmp_path)
        user.execute("UPDATE instance_versions SET region = 'nowhere'")
        user.commit()
        shell("! inventory verify", tmp_path)
        left = [(tmp_path / f"inventory.db{end}").read_bytes() for end in ("-wal", "-shm")]
    for end, data in zip(("-wal", "-shm"), left, strict=True):
        (tmp_path / f"inventory.db{end}").write_bytes(data)  # a killed process leaves both files
    assert "every digest matches" in shell(block("rm -f inventory.db-wal"), tmp_path)
    with closing(sqlite3.connect(file)) as user:
        assert sorted(user.iterdump()) == before  # sorted, because VACUUM may change the order of indexes
        assert user.execute("PRAGMA journal_mode").fetchone() == ("wal",)
