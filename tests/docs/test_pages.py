"""The pages that `make pages` writes are up to date; the JSON Schema of the settings file agrees with the program."""

import json
import re
import shutil
import subprocess
import tomllib

import fastjsonschema
import pytest

from inventory.config.settings import Settings
from pages import PAGES, ROOT

SETTINGS_PAGE = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
FILES = [
    text
    for page in ("settings", "accounts", "monitoring")
    for text in re.findall(
        r"^```toml\n(.*?)^```$", (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
]


@pytest.fixture(scope="module")
def accepts():
    """Return a function that takes the text of a settings file and returns whether the JSON Schema accepts it."""
    validate = fastjsonschema.compile(json.loads((ROOT / "docs" / "inventory.schema.json").read_text()))

    def check(text):
        try:
            validate(tomllib.loads(text))
        except fastjsonschema.JsonSchemaValueException:
            return False
        return True

    return check


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_the_program_would_write(name):
    assert (ROOT / name).read_text(encoding="utf-8") == PAGES[name](), "`make pages` writes it again"


def test_every_setting_has_a_meaning():
    named = set(re.findall(r"^\| `INVENTORY_(\w+)` \|", SETTINGS_PAGE, re.MULTILINE))
    assert {name.lower() for name in named} == set(Settings.model_fields) - {"accounts", "alerts"} | {"config"}
    assert not [name for name, field in Settings.model_fields.items() if not field.description]


@pytest.mark.parametrize("text", FILES)
def test_the_files_that_the_pages_show_are_accepted_by_the_program_and_by_the_schema(text, tmp_path, accepts):
    (tmp_path / "inventory.toml").write_text(text)
    assert Settings() != Settings.model_construct()
    assert accepts(text)


@pytest.mark.parametrize(
    "text",
    [
        'databse_url = "sqlite:///inventory.db"',
        'page_size = "many"',
        "page_size = 0",
        'log_format = "xml"',
        '[[accounts]]\napi_key_env = "FAL_KEY"',
        '[alerts]\nurls_env = "URLS"\non = ["everything"]',
        '[alerts]\nurls_env = "URLS"\n[[alerts.rules]]\nevent = "changed"',
    ],
)
def test_a_mistake_in_the_file_is_refused_by_the_program_and_by_the_schema(text, tmp_path, accepts):
    (tmp_path / "inventory.toml").write_text(text)
    with pytest.raises(ValueError, match=r"."):
        Settings()
    assert not accepts(text)


@pytest.mark.skipif(shutil.which("man") is None, reason="needs man (Debian: apt-get install man-db)")
def test_man_shows_the_page_without_a_warning():
    environment = {"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin", "MANWIDTH": "80"}
    words = ["man", "--warnings", "--local-file", ROOT / "docs" / "inventory.1"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    for heading in ("NAME", "SYNOPSIS", "COMMANDS", "ENVIRONMENT", "FILES", "EXIT STATUS"):
        assert f"\n{heading}\n" in done.stdout
    assert "inventory sync --dry-run" in done.stdout
