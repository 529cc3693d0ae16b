"""Settings, keys, times and the program's log lines: defaults, sources, errors, and secrets that are not shown."""

import dataclasses
import io
import json
import logging
import os
import re
import sys
from datetime import UTC, datetime, timedelta

import pytest

from inventory import log
from inventory.config.keys import Account, ApiKey, default_key
from inventory.config.settings import Settings, database_url, load
from inventory.errors import UsageError
from inventory.times import iso, parse_duration, parse_time
from support.marks import rule

NOW = datetime(2026, 3, 6, 22, 0, tzinfo=UTC)


@pytest.fixture
def file(tmp_path):
    """Return a function that writes a text to `inventory.toml` in the working folder."""

    def write(text):
        (tmp_path / "inventory.toml").write_text(text, encoding="utf-8")

    return write


def refusal(**flags):
    """Load the settings with these flags. This must fail; return the text of the error, which is one line."""
    with pytest.raises(UsageError) as raised:
        load(**flags)
    text = str(raised.value)
    assert "\n" not in text
    assert raised.value.exit_code == 2
    return text


# Sources of settings


def test_the_documented_defaults_hold_if_nothing_is_set():
    settings = load()
    assert settings.model_dump() == {
        "database_url": "sqlite:///inventory.db",
        "api_url": "https://api.fal.ai/v1",
        "page_size": 100,
        "timeout": 30,
        "retry_attempts": 6,
        "retry_max_wait": 30,
        "every": timedelta(minutes=5),
        "cron": None,
        "max_vanish": 0.5,
        "max_gap": timedelta(hours=25),
        "checkpoint_key_file": None,
        "checkpoint_name": None,
        "checkpoint_dir": None,
        "report_file": None,
        "export_dir": None,
        "lease_seconds": 120,
        "auto_migrate": True,
        "ignore_changes": (),
        "log_format": "text",
        "log_level": "info",
        "accounts": (),
        "alerts": None,
    }


@rule("flags-beat-the-environment")
def test_flags_beat_the_environment_which_beats_the_file_which_beats_the_default(file, monkeypatch):
    file("page_size = 3\ntimeout = 3\nretry_attempts = 3\n")
    monkeypatch.setenv("INVENTORY_PAGE_SIZE", "2")
    monkeypatch.setenv("INVENTORY_TIMEOUT", "2")
    settings = load(page_size=1, timeout=None)
    assert (settings.page_size, settings.timeout, settings.retry_attempts, settings.retry_max_wait) == (1, 2, 3, 30)


def test_inventory_config_names_another_file(file, tmp_path, monkeypatch):
    file("page_size = 3")
    (tmp_path / "other.toml").write_text('page_size = 4\ndatabase_url = "sqlite:///x.db"')
    monkeypatch.setenv("INVENTORY_CONFIG", str(tmp_path / "other.toml"))
    assert load().page_size == 4
    assert database_url() == "sqlite:///x.db"


def test_inventory_config_may_be_written_in_any_case(file, tmp_path, monkeypatch):
    file("page_size = 3")
    (tmp_path / "other.toml").write_text("page_size = 4")
    monkeypatch.setenv("inventory_config", str(tmp_path / "other.toml"))
    assert load().page_size == 4


def test_a_usual_file_that_cannot_be_looked_up_is_refused(tmp_path, monkeypatch):
    (tmp_path / "inventory.toml").symlink_to("inventory.toml")
    monkeypatch.chdir(tmp_path)
    assert refusal() == "inventory.toml cannot be looked up in the working folder: Too many levels of symbolic links."


def test_a_named_file_that_does_not_exist_is_refused(monkeypatch, tmp_path):
    for name in ("nowhere.toml", str(tmp_path)):
        monkeypatch.setenv("INVENTORY_CONFIG", name)
        assert refusal() == f"INVENTORY_CONFIG names {name}, and there is no such file."


def test_a_named_file_that_cannot_be_looked_up_is_refused(monkeypatch):
    name = "x" * 300
    monkeypatch.setenv("INVENTORY_CONFIG", name)
    assert refusal() == f"INVENTORY_CONFIG names {name}, and it cannot be read: File name too long."


def test_a_file_that_is_not_toml_is_refused(file, tmp_path):
    file("page_size = = 3")
    assert refusal().startswith("inventory.toml is not TOML: ")
    (tmp_path / "inventory.toml").write_bytes(b"# \xff\n")
    assert refusal() == "inventory.toml is not TOML: it is not UTF-8."
    file(f"every = {'[' * 2000}{']' * 2000}")
    assert refusal() == "inventory.toml cannot be read: its values are nested too deeply."


def test_settings_do_not_change():
    with pytest.raises(ValueError, match="frozen"):
        load().page_size = 3


BAD = (
    [("PAGE_SIZE", value) for value in ("0", "-1", "many", "1.5", "9" * 30)]
    + [("TIMEOUT", value) for value in ("0", "-1", "nan", "inf", "1e300", "soon")]
    + [("RETRY_ATTEMPTS", value) for value in ("0", "x", "100000")]
    + [("RETRY_MAX_WAIT", value) for value in ("0", "nan", "inf", "1e300", "x")]
    + [("EVERY", value) for value in ("0s", "often", "5 m", "-1m", "9" * 5_000 + "s", "999999999999d")]
    + [("MAX_VANISH", value) for value in ("-0.1", "1.1", "nan", "half")]
    + [("LEASE_SECONDS", value) for value in ("0", "nan", "inf", "x", "1e300")]
    + [
        ("AUTO_MIGRATE", "maybe"),
        ("IGNORE_CHANGES", "ip,id"),
        ("LOG_FORMAT", "xml"),
        ("LOG_LEVEL", "loud"),
        ("ACCOUNTS", "research"),
    ]
    + [
        ("API_URL", value)
        for value in (
            "api.fal.ai",
            "ftp://api.fal.ai",
            "https://",
            "https://user:secret-word@api.fal.ai/v1",
            "https://api.fal.ai/v1?a=secret-word",
            "https://api.fal.ai/v1#a",
            "https://api.fal.ai:99999/v1",
            "https://api.fal.ai:0/v1",
            "https://api.fal.ai:x/v1",
            "https://a b/v1",
            "https://api.fal.ai\n.evil.example/v1",
            "https://[::1",
            "http://api.fal.ai/v1",
            "http://127.0.0.1.evil.example/v1",
            "http://localhost.evil.example/v1",
            "http://10.0.0.1/v1",
            "http://127.0.0.1@evil.example/v1",
        )
    ]
)


@pytest.mark.parametrize(("name", "value"), [*BAD, ("ALERTS", "json://secret-word")])
def test_a_bad_value_in_the_environment_is_one_line_that_names_the_variable(monkeypatch, name, value):
    monkeypatch.setenv(f"INVENTORY_{name}", value)
    text = refusal()
    assert f"INVENTORY_{name}" in text
    assert "secret-word" not in text


@pytest.mark.parametrize(("name", "value"), [case for case in BAD if case[0] != "ACCOUNTS"])
def test_a_bad_flag_is_one_line_that_names_the_flag(name, value):
    assert refusal(**{name.lower(): value}).startswith(f"--{name.lower().replace('_', '-')}: ")


@pytest.mark.parametrize(("name", "value"), [case for case in BAD if case[0] != "ACCOUNTS"])
def test_a_bad_value_in_the_file_is_one_line_that_names_file_and_setting(file, name, value):
    file(f"{name.lower()} = {json.dumps(value)}")
    assert refusal().startswith(f"inventory.toml, line 1, {name.lower()}: ")


def test_a_variable_in_lower_case_is_named_too(monkeypatch):
    monkeypatch.setenv("inventory_page_size", "x")
    assert refusal().startswith("INVENTORY_PAGE_SIZE: ")


def test_an_unknown_setting_in_the_file_is_refused_by_name(file):
    file("page_sise = 3")
    assert refusal() == "inventory.toml, line 1, page_sise: there is no such setting; did you mean page_size?"
    file('[[accounts]]\nname = "a"\napi_key = "id:very-secret"')
    assert refusal() == (
        "inventory.toml, line 3, accounts[0].api_key: there is no such setting; "
        "did you mean api_key_env or api_key_file?"
    )


@rule("keys-go-to-the-api-only")
@pytest.mark.parametrize(
    "url",
    [
        "https://api.fal.ai/v1",
        "http://127.0.0.1:8000/v1",
        "http://127.9.9.9/v1",
        "http://[::1]:8000/v1",
        "http://localhost/v1",
        "http://fal.localhost/v1",
        "https://10.0.0.1:8443",
        "https://xn--fa-hia.de/v1",
    ],
)
def test_https_and_loopback_urls_are_accepted_and_lose_their_last_slash(url):
    assert load(api_url=f" {url}/ ").api_url == url


@pytest.mark.parametrize("host", ["api..fal.ai", f"{'a' * 64}.fal.ai"])
def test_an_address_whose_host_no_request_can_be_sent_to_is_refused(host):
    with pytest.raises(UsageError, match="an address like https"):
        load(api_url=f"https://{host}/v1")


def test_durations_and_lists_are_read_as_people_write_them(monkeypatch, file):
    monkeypatch.setenv("INVENTORY_EVERY", "1h30m")
    monkeypatch.setenv("INVENTORY_IGNORE_CHANGES", " status, ip,,ip ")
    settings = load()
    assert (settings.every, settings.ignore_changes) == (timedelta(minutes=90), ("ip", "status"))
    monkeypatch.delenv("INVENTORY_IGNORE_CHANGES")
    file('ignore_changes = ["ip", "status"]')
    assert load().ignore_changes == ("ip", "status")
    file('ignore_changes = ["status, ip", "ip"]')
    assert load().ignore_changes == ("ip", "status")


@pytest.mark.parametrize("name", ["\udcff", "a\0b"])
def test_a_name_to_ignore_that_cannot_be_stored_is_refused(name):
    assert "ignore-changes: a name holds a character that cannot be stored" in refusal(ignore_changes=name)


# Keys and accounts


def test_a_key_is_trimmed_and_shows_only_its_id(monkeypatch):
    monkeypatch.setenv("FAL_KEY", "  key-id:key-secret\r\n")
    key = default_key()
    assert (key.secret, key.id) == ("key-id:key-secret", "key-id")
    account = Account("default", key)
    assert "secret" not in repr(key) + str(key) + repr(account) + f"{account}"


def test_the_id_of_a_key_without_a_colon_is_a_hash():
    assert ApiKey("abc").id == "sha256:ba7816bf8f01"


def test_the_key_may_be_set_in_two_parts_and_fal_key_beats_them(monkeypatch):
    monkeypatch.setenv("FAL_KEY_ID", " one ")
    with pytest.raises(UsageError, match="There is no key"):
        default_key()
    monkeypatch.setenv("FAL_KEY_SECRET", " two-two \n")
    assert default_key().secret == "one:two-two"
    monkeypatch.setenv("FAL_KEY", "")
    assert default_key().secret == "one:two-two"
    monkeypatch.setenv("FAL_KEY", "three:three")
    assert default_key().secret == "three:three"


@pytest.mark.parametrize("value", ["id:sec\x1bret", "id:sec\nret", "id:sec ret", "id:sécret", "id:sec\x7fret"])
def test_an_invalid_key_is_refused_without_being_shown(monkeypatch, value):
    monkeypatch.setenv("FAL_KEY", value)
    with pytest.raises(UsageError) as raised:
        default_key()
    assert str(raised.value).startswith("FAL_KEY holds something that is no key")
    assert "sec" not in str(raised.value)


def test_a_key_of_spaces_only_is_no_key(monkeypatch):
    monkeypatch.setenv("FAL_KEY", " \n")
    with pytest.raises(UsageError, match="FAL_KEY holds no key"):
        default_key()


def test_without_accounts_in_the_file_default_is_the_only_account(monkeypatch):
    monkeypatch.setenv("FAL_KEY", "a:bcdefg")
    assert load().accounts_to_sync() == (Account("default", ApiKey("a:bcdefg")),)
    assert load().accounts_to_sync("default") == (Account("default", ApiKey("a:bcdefg")),)
    with pytest.raises(UsageError, match="no account 'other'"):
        load().accounts_to_sync("other")


@rule("flags-beat-the-environment")
def test_accounts_in_the_file_hide_the_default_of_fal_key(monkeypatch, file, tmp_path):
    (tmp_path / "key").write_text("c:from-file\n")
    (tmp_path / "key").chmod(0o600)
    file(
        '[[accounts]]\nname = "research"\napi_key_env = "KEY_OF_RESEARCH"\n'
        '[[accounts]]\nname = "production"\napi_key_file = "key"\n'
    )
    monkeypatch.setenv("FAL_KEY", "a:bcdefg")
    monkeypatch.setenv("KEY_OF_RESEARCH", "b:from-variable")
    research, production = Account("research", ApiKey("b:from-variable")), Account("production", ApiKey("c:from-file"))
    assert load().accounts_to_sync() == (research, production)
    assert load().accounts_to_sync("production") == (production,)
    with pytest.raises(UsageError, match="no account 'default'"):
        load().accounts_to_sync("default")


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        (
            'name = "a"\napi_key_env = "X"\n[[accounts]]\nname = "a"\napi_key_env = "Y"',
            "accounts[1].name",
            "two accounts are",
        ),
        ('name = "a"', "accounts[0]", "one of them"),
        ('name = "a"\napi_key_env = "X"\napi_key_file = "y"', "accounts[0]", "one of them"),
        ('name = ""\napi_key_env = "X"', "accounts[0].name", "1 to 255 characters"),
        ('name = "a\\u001b"\napi_key_env = "X"', "accounts[0].name", "no control characters"),
        ('name = "a\\u0085"\napi_key_env = "X"', "accounts[0].name", "no control characters"),
        ('api_key_env = "X"', "accounts[0].name", "required"),
    ],
)
def test_an_invalid_account_is_refused_with_its_place_in_the_file(file, text, place, reason):
    file(f"[[accounts]]\n{text}")
    assert re.match(rf"inventory.toml, line \d, {re.escape(place)}: ", refusal())
    assert reason in refusal()


@pytest.mark.parametrize("source", ['api_key_env = "X"', 'api_key_file = "empty"'])
def test_an_account_whose_variable_or_file_is_empty_has_no_key(file, tmp_path, source):
    (tmp_path / "empty").touch(0o600)
    file(f'[[accounts]]\nname = "a"\n{source}')
    with pytest.raises(UsageError, match=r"Account a: the .* holds no key\. Put an admin API key there\.$"):
        load().accounts_to_sync()


@pytest.mark.parametrize("name", ["nowhere", ".", "binary", "a\\u0000b"])
def test_a_key_file_that_cannot_be_read_is_refused(file, tmp_path, name):
    (tmp_path / "binary").write_bytes(b"id:secret\xff")
    (tmp_path / "binary").chmod(0o600)
    file(f'[[accounts]]\nname = "a"\napi_key_file = "{name}"')
    with pytest.raises(UsageError, match=r"Account a: the key cannot be read from the file ") as raised:
        load().accounts_to_sync()
    assert "secret" not in str(raised.value)


# Times


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("90", 90), ("5m", 300), (" 3H ", 10_800), ("2d", 172_800), ("1w", 604_800), ("1h30m", 5_400)],
)
def test_a_duration_is_read_as_people_write_it(text, seconds):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "m", "5x", "-5m", "1.5h", "5 m", "9" * 5_000 + "s", "9" * 5_000, "99999999999w"])
def test_an_invalid_duration_is_refused(text):
    with pytest.raises(UsageError):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-03-06T22:00Z", NOW),
        ("2026-03-06 22:00", NOW),
        ("2026-03-07T03:45+05:45", NOW),
        (" 2026-03-06 ", datetime(2026, 3, 6, tzinfo=UTC)),
        ("2d", NOW - timedelta(days=2)),
        (" 1H30M ", NOW - timedelta(minutes=90)),
    ],
)
def test_a_time_is_iso_8601_or_a_duration_before_now(text, time):
    found = parse_time(text, NOW)
    assert (found, found.tzinfo) == (time, UTC)


@pytest.mark.parametrize("text", ["", "5", "now", "2026-13-01", "999999w", "0001-01-01T00:00+14:00", "9" * 5_000 + "s"])
def test_an_invalid_time_is_refused(text):
    with pytest.raises(UsageError):
        parse_time(text, NOW)


def test_a_time_is_written_with_z():
    assert iso(NOW) == "2026-03-06T22:00:00Z"
    assert iso(NOW.replace(microsecond=5)) == "2026-03-06T22:00:00.000005Z"


# The log


@pytest.fixture
def logged(monkeypatch):
    """Yield a function that configures the log and returns its stream. Restore the earlier configuration at the end."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level

    def configure(style, level="debug"):
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        log.configure(style, level)
        return stream

    yield configure
    root.handlers[:] = before
    root.setLevel(level)


@dataclasses.dataclass
class Careless:
    """An object whose repr contains a secret: the key."""

    key: str


@rule("keys-are-never-shown")
@pytest.mark.parametrize("style", ["text", "json"])
def test_no_log_line_holds_a_secret_or_an_escape(logged, style):
    stream = logged(style)
    log.hide("key-id:key-secret-9")
    logger = log.get("test")
    logger.info(
        "event key-secret-9", text="a key-secret-9 \x1b[31m", thing=Careless("key-secret-9"), many=["key-secret-9"]
    )
    logging.getLogger("library").warning("foreign %s", "key-id:key-secret-9 \x1b]0;x\x07")
    for shout in (logger.exception, logging.getLogger("library").exception):
        try:
            int("key-secret-9 \x1b[2J")
        except ValueError:
            shout("failed")
    text = stream.getvalue()
    assert "key-secret-9" not in text
    assert "\x1b" not in text
    assert "\\u001b" not in text
    assert text.count("***") >= 6
    assert text.count("ValueError: invalid literal for int() with base 10: '***") == 2
    if style == "json":
        lines = [json.loads(line) for line in text.splitlines()]
        assert [line["level"] for line in lines] == ["info", "warning", "error", "error"]
        assert lines[0]["text"] == "a *** [31m"


def test_a_line_below_the_level_is_not_written(logged):
    stream = logged("json", "warning")
    log.get("test").info("quiet")
    logging.getLogger("httpx").info("GET ...")
    assert stream.getvalue() == ""


def test_plain_text_is_one_short_line():
    log.hide("key-id:key-secret-9")
    assert log.plain("a\n b\t\x1b[31mkey-id:key-secret-9\u202e") == "a b [31m***"
    assert log.plain("x" * 400) == "x" * 299 + "…"
    assert log.plain("x" * 290 + "key-secret-9" * 2) == "x" * 290 + "***" * 2


def test_a_short_secret_is_hidden_with_its_id():
    log.hide("the-id:abc")
    assert log.redact("the-id:abc abc") == "*** abc"


def test_the_environment_of_the_tests_is_clean():
    assert not [name for name in os.environ if name.startswith(("FAL_KEY", "INVENTORY_"))]


def test_an_empty_variable_is_the_same_as_none(monkeypatch):
    for name in ("PAGE_SIZE", "TIMEOUT", "EVERY", "API_URL", "DATABASE_URL", "LOG_LEVEL"):
        monkeypatch.setenv(f"INVENTORY_{name}", "")
    assert load() == Settings()
