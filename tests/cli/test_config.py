"""`inventory config`: it shows each setting with the value and where the value came from, and shows no secret."""

import csv
import io
import json

import pytest

from inventory.config.database_url import parse_url, render_masked
from inventory.config.settings import Settings
from inventory.errors import UsageError
from inventory.times import format_duration, parse_duration
from support.command import KEY, SECRET, Command
from support.marks import rule

FILE = """\
database_url = "postgresql://ada:word-of-the-file@db/inventory"
every = "90m"
ignore_changes = [
  "status",
  "ip",
]
timeout = 12.5

[[accounts]]
name = "research"
api_key_env = "KEY_OF_RESEARCH"

[[accounts]]
name = "production"
api_key_file = "no.key"
"""
NO_FILE = (
    "the key cannot be read from the file no.key: No such file or directory. Put an admin API key there, or name "
    "another place."
)


@pytest.fixture
def run(tmp_path):
    return Command(tmp_path)


def settings(done):
    """Return a dict from each printed setting to the tuple of its value, its source, and where it was set."""
    found = json.loads(done.stdout)
    assert set(found) == {"settings"}
    assert all(tuple(row) == ("setting", "value", "source", "where") for row in found["settings"])
    return {row["setting"]: (row["value"], row["source"], row["where"]) for row in found["settings"]}


def test_all_values_are_the_defaults_if_nothing_is_set(run):
    found = settings(run("config", "--format", "json"))
    assert list(found) == ["config", *(name for name in Settings.model_fields if name != "accounts"), "account default"]
    assert {source for _, source, _ in found.values()} == {"default"}
    assert found["database_url"][0] == "sqlite:///inventory.db"
    assert (found["page_size"][0], found["every"][0], found["auto_migrate"][0]) == (100, "5m", True)
    assert (found["config"][0], found["cron"][0], found["ignore_changes"][0]) == (None, None, None)
    assert found["account default"][0].startswith("no key: There is no key. Set FAL_KEY ")


def test_each_value_is_shown_with_the_flag_variable_or_line_that_set_it(run, tmp_path):
    (tmp_path / "inventory.toml").write_text(FILE)
    environment = {"INVENTORY_TIMEOUT": "7", "inventory_page_size": "9", "INVENTORY_LOG_LEVEL": "", "FAL_KEY": KEY}
    done = run(
        "config",
        "--format",
        "json",
        "--database",
        "sqlite:///mine.db",
        KEY_OF_RESEARCH=f"key-2:{SECRET}",
        **environment,
    )
    found = settings(done)
    line = "inventory.toml, line"
    assert {name: found[name] for name in found if found[name][1] != "default" or name == "log_level"} == {
        "database_url": ("sqlite:///mine.db", "flag", "--database"),
        "timeout": (7.0, "environment", "INVENTORY_TIMEOUT"),
        "page_size": (9, "environment", "INVENTORY_PAGE_SIZE"),
        "log_level": ("info", "default", None),
        "every": ("1h30m", "file", f"{line} 2"),
        "ignore_changes": ("ip,status", "file", f"{line} 3"),
        "account research": ("key key-2 from the variable KEY_OF_RESEARCH", "file", f"{line} 9"),
        "account production": (
            f"no key: inventory.toml, line 15: Account production: {NO_FILE}",
            "file",
            f"{line} 13",
        ),
    }
    assert found["config"] == (str(tmp_path / "inventory.toml"), "default", None)
    assert done.stderr == ""


def test_a_path_is_shown_but_not_a_private_key_in_its_place(run):
    private_key = "PRIVATE+KEY+fleet.example.org+1a2b3c4d+AQq83vEjRWeJq83vASNFZ4mrze8BI0VniavN7wEjRWeJ"
    environment = {"INVENTORY_REPORT_FILE": "/srv/fleet/report.html", "INVENTORY_CHECKPOINT_KEY_FILE": private_key}
    done = run("config", "--format", "json", **environment)
    found = settings(done)
    assert found["report_file"] == ("/srv/fleet/report.html", "environment", "INVENTORY_REPORT_FILE")
    assert private_key[-30:] not in done.stdout + done.stderr


def test_every_or_cron_of_a_higher_source_replaces_both_of_a_lower_one(run, tmp_path):
    file = tmp_path / "inventory.toml"
    for text, environment, every, cron in (
        ('every = "1h"', {"INVENTORY_CRON": "0 0 * * *"}, None, "0 0 * * *"),
        ('cron = "0 0 * * *"', {"INVENTORY_EVERY": "5m"}, "5m", None),
        ('cron = "0 0 * * *"', {"INVENTORY_EVERY": ""}, None, "0 0 * * *"),
    ):
        file.write_text(text)
        found = settings(run("config", "--format", "json", **environment))
        assert (found["every"][0], found["cron"][0]) == (every, cron)
        assert {source for value, source, _ in (found["every"], found["cron"]) if value is None} == {"default"}
    file.write_text('every = "5m"\ncron = "0 0 * * *"')
    assert "inventory.toml: every and cron are two ways to say one thing" in run("config", expect=2).stderr
    run("config", INVENTORY_EVERY="1h")


def test_a_file_named_by_the_environment_is_shown(run, tmp_path):
    (tmp_path / "my.toml").write_text("page_size = 3")
    found = settings(run("config", "--format", "json", INVENTORY_CONFIG="my.toml"))
    assert found["config"] == (str(tmp_path / "my.toml"), "environment", "INVENTORY_CONFIG")
    assert found["page_size"] == (3, "file", "my.toml, line 1")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ada:word-9-word@db/inventory", "postgresql+psycopg://ada:***@db/inventory"),
        (
            "postgresql://db/inventory?user=ada&password=word-9-word&sslmode=require",
            "postgresql+psycopg://db/inventory?password=hidden&sslmode=require&user=ada",
        ),
        ("postgresql://db/i?sslpassword=word-9-word", "postgresql+psycopg://db/i?sslpassword=hidden"),
        ("postgresql://ada:word-9-word@x@db/inventory", "not shown: it cannot be read as a URL"),
        ("mysql://ada:word-9-word@db/inventory", "not shown: it cannot be read as a URL"),
        ("word-9-word", "not shown: it cannot be read as a URL"),
    ],
)
def test_a_password_in_the_databases_url_is_not_shown(run, url, shown):
    done = run("config", "--format", "json", secrets=("word-9-word",), INVENTORY_DATABASE_URL=url)
    assert settings(done)["database_url"] == (shown, "environment", "INVENTORY_DATABASE_URL")


@rule("keys-are-never-shown")
def test_a_key_shows_only_its_id(run):
    assert settings(run("config", "--format", "json", FAL_KEY=KEY))["account default"][0] == "key keyid-1 from FAL_KEY"
    found = settings(run("config", "--format", "json", FAL_KEY_ID="two", FAL_KEY_SECRET=SECRET))
    assert found["account default"][0] == "key two from FAL_KEY_ID and FAL_KEY_SECRET"
    plain = settings(run("config", "--format", "json", FAL_KEY=SECRET))["account default"][0]
    assert plain.startswith("key sha256:")


def test_a_variable_that_is_no_setting_is_reported(run):
    done = run("config", INVENTORY_PAGE_SISE="3", INVENTORY_COLOUR="red", inventory_config="")
    assert done.stderr.splitlines() == [
        "warning: INVENTORY_COLOUR is no setting, and does nothing; take it out.",
        "warning: INVENTORY_PAGE_SISE is no setting, and does nothing; did you mean INVENTORY_PAGE_SIZE?",
    ]
    assert done.stdout.splitlines()[0].split() == ["setting", "value", "source", "where"]


def test_csv_has_the_same_rows_and_no_database_is_created(run, tmp_path):
    rows = list(csv.DictReader(io.StringIO(run("config", "--format", "csv").stdout)))
    found = settings(run("config", "--format", "json"))
    assert [(row["setting"], row["source"]) for row in rows] == [
        (name, source) for name, (_, source, _) in found.items()
    ]
    assert [row["value"] for row in rows][1:3] == ["sqlite:///inventory.db", "https://api.fal.ai/v1"]
    assert list(tmp_path.iterdir()) == []


def test_an_error_in_the_configuration_is_one_line(run):
    assert run("config", expect=2, INVENTORY_TIMEOUT="soon").stderr.startswith("error: INVENTORY_TIMEOUT: ")


@pytest.mark.parametrize("text", ["5m", "1h30m", "1d1s", "36d", "1s"])
def test_a_duration_is_written_as_it_is_read(text):
    assert format_duration(parse_duration(text)) == text


@pytest.mark.parametrize(
    "text",
    ["sqlite://", "sqlite:///:memory:", "sqlite:///file::memory:?uri=true", "sqlite:///file:x?mode=memory&uri=true"],
)
def test_a_sqlite_database_in_memory_is_refused_however_it_is_written(text):
    with pytest.raises(UsageError, match="keeps no history"):
        parse_url(text)


@pytest.mark.parametrize("text", ["sqlite:////", "sqlite:///data/"])
def test_a_folder_is_no_sqlite_database(text):
    with pytest.raises(UsageError, match="names a folder"):
        parse_url(text)


def test_a_secret_parameter_of_a_sqlite_url_is_hidden():
    assert (
        render_masked(parse_url("sqlite:///x.db?password=hunter22&timeout=5"))
        == "sqlite:///x.db?password=hidden&timeout=5"
    )


def test_a_path_that_is_not_utf_8_is_shown_with_replacements():
    assert render_masked(parse_url("sqlite:///x\udcfc.db")) == "sqlite:///x%EF%BF%BD.db"
    assert render_masked(parse_url("sqlite:///x.db?a=\udcfc")) == "sqlite:///x.db?a=%EF%BF%BD"


def test_masking_keeps_everything_but_secrets():
    url = parse_url("postgresql://ada@db:5433/inventory?sslmode=verify-full&sslrootcert=/etc/ca.pem")
    assert render_masked(url) == (
        "postgresql+psycopg://ada@db:5433/inventory?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem"
    )
