"""The libraries that a command imports, and the summaries in the list of commands."""

import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from importlib import import_module

import pytest

from inventory.cli.app import COMMANDS, loaded
from inventory.lean_imports import without

SLOW = ("sqlalchemy", "pydantic", "httpx", "structlog", "rich", "alembic", "psycopg", "pygments")
CODE = f"""
import atexit, sys
from inventory.cli import main
atexit.register(lambda: print("imported:", *sorted({{*sys.modules}} & {{*{SLOW}}})))
main()
"""
TAB = {"_INVENTORY_COMPLETE": "complete_bash", "COMP_WORDS": "inventory s", "COMP_CWORD": "1"}


def imported(folder, *words, **environment):
    """Run a command, and return the set of libraries of SLOW that it has imported."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, *words], env=environment, cwd=folder, capture_output=True, text=True, check=True
    )
    first, *found = done.stdout.splitlines()[-1].split()
    assert first == "imported:"
    return set(found)


@pytest.mark.medium
@pytest.mark.parametrize(
    ("words", "environment"),
    [(["--help"], {}), (["--version"], {}), ([], TAB)],
    ids=["help", "version", "tab"],
)
def test_help_version_and_completion_import_no_slow_library(tmp_path, words, environment):
    assert imported(tmp_path, *words, **environment) <= {"pydantic"}  # Typer imports it to complete options


@pytest.mark.medium
def test_a_table_for_a_program_imports_no_rich_console_and_a_current_schema_no_alembic(tmp_path):
    environment = {"INVENTORY_DATABASE_URL": f"sqlite:///{tmp_path}/inventory.db"}
    imported(tmp_path, "db", "upgrade", **environment)
    assert imported(tmp_path, "list", **environment) == {"sqlalchemy", "pydantic"}


@pytest.mark.medium
def test_a_migration_and_an_event_of_the_log_import_no_library_that_only_colours(tmp_path):
    environment = {"INVENTORY_DATABASE_URL": f"sqlite:///{tmp_path}/inventory.db"}
    assert imported(tmp_path, "db", "upgrade", **environment) == {"alembic", "sqlalchemy", "pydantic"}
    code = (
        "import sys; from inventory import log; log.configure(); log.get('here').warning('an event', key='value');"
        "print(*{'structlog', 'rich', 'pygments'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "structlog\n"
    assert done.stderr.endswith("[warning] an event key=value\n")


def test_a_thread_that_imports_at_the_same_time_still_finds_the_module():
    with without("this"):
        with pytest.raises(ModuleNotFoundError, match="No module named 'this'"):
            import_module("this")
        with ThreadPoolExecutor(1) as thread, redirect_stdout(io.StringIO()):
            assert thread.submit(import_module, "this").result().__name__ == "this"
        assert import_module("this")  # the thread has imported it


def test_the_list_of_commands_shows_the_summary_of_each():
    commands = loaded()
    for name, (_, summary) in [pair for group in COMMANDS.values() for pair in group.items()]:
        assert (commands[name].name, commands[name].get_short_help_str(200)) == (name, summary)
