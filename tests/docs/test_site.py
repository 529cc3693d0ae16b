"""The site of the documentation: a dead link fails the build, and the pages work in a browser without a network."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.libraries import ROOT

pytestmark = pytest.mark.browser

DIAGRAMS = {"schema": "instance_versions", "absence": "vanished", "runs": "abandoned", "architecture": "sync.py"}
SIZES = [(1280, 900), (390, 844)]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """Return a folder with a copy of the files from which the site is built. A test that damages a file restores it."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("docs", "tools"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file in (*ROOT.glob("*.md"), ROOT / "mkdocs.yml", ROOT / "LICENSE"):
        shutil.copy(file, folder)
    return folder


def build(folder):
    return subprocess.run(
        [Path(sys.executable).with_name("mkdocs"), "build", "--strict"],
        cwd=folder, env={"PATH": "/usr/bin:/bin", "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def site(checkout):
    """Build the site, and return its folder."""
    done = build(checkout)
    assert done.returncode == 0, done.stdout + done.stderr
    return checkout / "build" / "site"


@pytest.mark.parametrize(
    ("page", "text", "complaint"),
    [
        ("docs/runs.md", "[dead](nowhere.md)", "'nowhere.md'"),
        ("docs/runs.md", "[dead](codes.md#nowhere)", "'#nowhere'"),
        ("docs/lonely.md", "# A page outside the menu", "lonely.md"),
        ("README.md", "[dead](docs/nowhere.md)", "README.md links to docs/nowhere.md"),
        ("README.md", "[dead](docs/codes.md#nowhere)", "README.md links to docs/codes.md#nowhere"),
    ],
)
def test_a_dead_link_a_missing_anchor_or_a_page_outside_the_menu_is_refused(checkout, page, text, complaint):
    file = checkout / page
    before = file.read_text() if file.exists() else None
    file.write_text(f"{before or ''}\n{text}\n")
    try:
        done = build(checkout)
    finally:
        file.unlink() if before is None else file.write_text(before)
    assert done.returncode != 0
    assert complaint in done.stdout + done.stderr


def test_lint_builds_the_site():
    makefile = (ROOT / "Makefile").read_text()
    assert "$(MAKE) --no-print-directory docs" in makefile.partition("\nlint:")[2].partition("\n\n")[0]
    assert "mkdocs build --strict" in makefile.partition("\ndocs:")[2].partition("\n\n")[0]


@pytest.fixture
def look(browser, site):
    """Yield a function that opens the file of a page of the site in the browser, and returns the opened page.

    The test fails if a page raises an error, or requests anything except files.
    """
    contexts, complaints = [], []

    def opened(name, **how):
        context = browser.new_context(offline=True, **how)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda asked: None if asked.url.startswith("file:") else complaints.append(asked.url))
        page.goto((site / f"{name}.html").as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def test_the_search_works_without_a_network(look):
    page = look("index")
    page.click(".md-search__input")
    page.keyboard.type("brake")
    page.wait_for_selector(".md-search-result__link[href*='meanings.html'][href*='#brake']")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("name", "word"), DIAGRAMS.items())
def test_the_diagrams_are_drawn_without_a_network(look, name, word, scheme):
    page = look(name, color_scheme=scheme)
    page.wait_for_selector("div.mermaid")  # the drawing, in place of the text; scripts cannot look into it
    assert word in (ROOT / "docs" / f"{name}.md").read_text().partition("```mermaid")[2]
    assert page.evaluate("document.querySelector('div.mermaid').getBoundingClientRect().height") > 100


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_no_page_is_wider_than_the_screen(look, site, width, height):
    names = [file.stem for file in site.glob("*.html") if file.stem != "404"]
    assert len(names) > 20
    page = look("index", viewport={"width": width, "height": height})
    for name in names:
        page.goto((site / f"{name}.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
