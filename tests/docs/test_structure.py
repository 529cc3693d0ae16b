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
LISTED = re.compile(r"\((`[a-z0-9-]+`(?:,? (?:and )?`[a-z0-9-]+`)*)\)")  # such as (`brake`) or (`brake`, `exit-codes`)
TABLE = MEANINGS.partition("\n## All rules\n")[2].partition("\n## ")[0]
HALVES = "The HTTP half and the SQL half meet in sync.py, doctor.py and demo.py only"


@pytest.fixture
def scratch(tmp_path):
    """Return a folder with a copy of the code. A test may add a forbidden import there."""
    shutil.copytree(CHECKOUT / "inventory", tmp_path / "inventory", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(folder):
    return subprocess.run(
        [LINTER, "--no-cache"], cwd=folder, env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.medium
def test_the_boundaries_are_kept(scratch):
    done = lint(scratch)
    assert done.returncode == 0, done.stdout
    assert f"{HALVES} KEPT" in done.stdout


@pytest.mark.medium
@pytest.mark.parametrize(
    ("module", "imported", "contract"),
    [
        ("history/runs.py", "inventory.fal.walk", HALVES),
        ("store/database.py", "inventory.fal.retries", HALVES),
        ("spool.py", "inventory.fal.page", HALVES),
        ("record.py", "inventory.fal.page", HALVES),
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


def texts(*paths):
    """Return the joined texts of files of the checkout. A path that ends in `/` is a folder: its Python files count."""
    files = [
        file for path in paths for file in ((CHECKOUT / path).rglob("*.py") if path[-1] == "/" else [CHECKOUT / path])
    ]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def cited(text):
    """Return the set of names that the text cites in round brackets as rules.

    Brackets count only if a name in them is a rule or has a hyphen: (`flock`) is no citation.
    """
    found = [set(re.findall(r"`(.+?)`", names)) for names in LISTED.findall(text)]
    return {name for names in found if names & RULES or "-" in "".join(names) for name in names}


def test_every_rule_that_is_cited_is_in_the_list_of_meanings():
    pages = [str(page.relative_to(CHECKOUT)) for page in CHECKOUT.glob("docs/*.md")]
    found = cited(texts("inventory/", "tests/", "migrations/", "CONTRIBUTING.md", "SECURITY.md", *pages))
    assert len(found) > 20
    assert found <= RULES
    assert set(TESTED.findall(texts("tests/"))) <= RULES


def test_a_citation_is_found_alone_and_in_a_list():
    text = "so ('brake'), ('exit-codes', 'no-such-rule' and 'brake'), ('flock')".replace("'", "`")
    assert cited(text) == {"brake", "exit-codes", "no-such-rule"}


def test_every_rule_of_the_meanings_has_a_test_that_cites_it():
    assert len(RULES) > 40
    assert RULES - set(TESTED.findall(texts("tests/"))) == set()


def test_every_test_that_a_page_names_is_there():
    pages = "\n".join(
        page.read_text(encoding="utf-8") for page in (*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/*.md"))
    )
    named = set(re.findall(r"`(test_\w+)`", pages))
    assert len(named) > 10
    assert named - set(re.findall(r"^def (test_\w+)", texts("tests/"), re.MULTILINE)) == set()


def test_the_table_of_all_rules_has_the_titles_and_the_rules_of_the_page_in_its_order():
    rows = re.findall(r"^\| (?:\*\*(.+)\*\*|\[`(.+)`\]\(#\2\)) \|", TABLE, re.MULTILINE)
    headings = re.findall(r"^(?:## (?!All rules$)(.+)|### (.+))$", MEANINGS, re.MULTILINE)
    assert rows == headings


def test_a_link_whose_text_is_the_name_of_a_page_leads_to_that_page():
    links = [
        link
        for page in (*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/*.md"))
        for link in re.findall(r"\[([\w/.-]+\.md)\]\(([^)#]+)", page.read_text(encoding="utf-8"))
    ]
    assert len(links) > 10
    assert [(text, target) for text, target in links if Path(text).name != Path(target).name] == []
