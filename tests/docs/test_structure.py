"""The structure of the code: which package may import which, and the names of the rules that code and tests cite."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
LINTER = Path(sys.executable).with_name("lint-imports")
MEANINGS = (CHECKOUT / "docs" / "meanings.md").read_text(encoding="utf-8")
RULES = set(re.findall(r"^### ([a-z0-9-]+)$", MEANINGS, re.MULTILINE))
TESTED = re.compile(r'^(?:@|pytestmark = )rule\("([a-z0-9-]+)"\)$', re.MULTILINE)
CITED = re.compile(r"\(`((?:[a-z0-9]+-)+[a-z0-9]+|brake)`\)")
HALVES = "The HTTP half and the SQL half meet in sync.py, doctor.py and demo.py only"


@pytest.fixture
def scratch(tmp_path):
    """A copy of the code, to break rules in."""
    shutil.copytree(CHECKOUT / "inventory", tmp_path / "inventory", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(folder):
    return subprocess.run(
        [LINTER, "--no-cache"], cwd=folder, env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_boundaries_are_kept(scratch):
    done = lint(scratch)
    assert done.returncode == 0, done.stdout
    assert f"{HALVES} KEPT" in done.stdout


@pytest.mark.parametrize(
    ("module", "imported", "contract"),
    [
        ("history/runs.py", "inventory.fal.walk", HALVES),
        ("spool.py", "inventory.fal.page", HALVES),
        ("read/queries.py", "inventory.fal.client", HALVES),
        ("store/tables.py", "httpx", "httpx and httpcore are imported in inventory/fal/ alone"),
        ("history/verify.py", "alembic", "Alembic is imported in schema.py alone"),
        ("store/database.py", "inventory.cli.app", "A line imports from lines below it only"),
    ],
)
def test_the_linter_refuses_an_import_across_a_boundary(scratch, module, imported, contract):
    file = scratch / "inventory" / module
    file.write_text(f"{file.read_text()}\nimport {imported}  # noqa\n")
    done = lint(scratch)
    assert done.returncode == 1, done.stdout
    assert f"{contract} BROKEN" in done.stdout


def names(pattern, *folders):
    """What the pattern finds in all Python files of these folders of the checkout."""
    files = [file for folder in folders for file in (CHECKOUT / folder).rglob("*.py")]
    return {name for file in files for name in pattern.findall(file.read_text(encoding="utf-8"))}


def test_every_rule_that_is_cited_is_in_the_list_of_meanings():
    cited = names(CITED, "inventory", "tests", "migrations") | names(TESTED, "tests")
    assert cited
    assert cited <= RULES


def test_every_rule_of_the_meanings_has_a_test_that_cites_it():
    assert len(RULES) > 40
    assert RULES - names(TESTED, "tests") == set()
