"""What a command imports, and what the list of commands says of each."""

import subprocess
import sys

import pytest

from inventory.cli.app import COMMANDS, loaded

SLOW = ("sqlalchemy", "pydantic", "httpx", "structlog", "rich", "alembic", "psycopg")
CODE = f"""
import atexit, sys
from inventory.cli import main
atexit.register(lambda: print("imported:", *sorted({{*sys.modules}} & {{*{SLOW}}})))
main()
"""
TAB = {"_INVENTORY_COMPLETE": "complete_bash", "COMP_WORDS": "inventory s", "COMP_CWORD": "1"}


def imported(folder, *words, **environment):
    """The slow libraries that a command imports."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, *words], env=environment, cwd=folder, capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split()[1:])


@pytest.mark.parametrize(
    ("words", "environment"),
    [(["--help"], {}), (["--version"], {}), ([], TAB)],
    ids=["help", "version", "tab"],
)
def test_help_version_and_completion_import_no_slow_library(tmp_path, words, environment):
    assert imported(tmp_path, *words, **environment) <= {"pydantic"}  # Typer reads flags by it when it completes


def test_a_table_for_a_program_imports_no_rich_console_and_a_current_schema_no_alembic(tmp_path):
    environment = {"INVENTORY_DATABASE_URL": f"sqlite:///{tmp_path}/inventory.db"}
    imported(tmp_path, "db", "upgrade", **environment)
    assert imported(tmp_path, "list", **environment) == {"sqlalchemy", "pydantic"}


def test_the_list_of_commands_shows_the_summary_of_each():
    commands = loaded()
    for name, (_, summary) in [pair for group in COMMANDS.values() for pair in group.items()]:
        assert (commands[name].name, commands[name].get_short_help_str(200)) == (name, summary)
