"""Passwords in URLs of many forms, and keys in the wrong place: no command shows any part of them.

The id of an unknown instance is the exception: it is shown even if it looks like a key.
"""

import re
import shutil
import socket
import threading
import traceback
from urllib.parse import quote, unquote

import pytest
from sqlalchemy import create_engine

from inventory.config.database_url import parse_url, render_masked
from inventory.config.keys import ApiKey
from inventory.config.settings import load
from inventory.errors import NetworkError, UsageError
from inventory.fal.client import Api
from inventory.masks import hide_key_words, hide_keys, mask_url
from inventory.store.database import describe
from support.command import KEY, SECRET, Command

PASSWORDS = [
    f"Hunter2x{separator}Tiger9y{separator}Zebra7z"
    for separator in (
        "/",
        "?",
        "#",
        "%",
        " ",
        "@",
        ":",
        "%40",
        "?a=",
        "&b=",
        "/@",
        "@/",
        "?x=y@",
        "[",
        "]@[",
        "\\",
        "%zz",
    )
] + ["1234/Tiger9y", "5432/db?password=Tiger9y@Zebra7z", "Hunter2x@Tiger9y:5432/Zebra7z"]
DATABASES = {
    "its place": "postgresql://ada:{0}@127.0.0.1:1/inventory",
    "a parameter": "postgresql://ada@127.0.0.1:1/inventory?sslmode=disable&password={0}",
    "another parameter": "postgresql://127.0.0.1:1/inventory?sslpassword={0}&user=ada",
    "no user": "postgresql://:{0}@127.0.0.1:1/inventory",
    "no slashes": "postgresql:ada:{0}@127.0.0.1:1/inventory",
    "three slashes": "postgresql:///ada:{0}@127.0.0.1:1/inventory",
    "no host": "postgresql://ada:x{0}",
    "the user's place": "postgresql://ada/{0}@127.0.0.1:1/inventory",
    "another backend": "mysql://ada:{0}@127.0.0.1:1/inventory",
    "sqlite": "sqlite://ada:{0}@127.0.0.1:1/inventory",
    "a slash in the user": "postgresql://ad/a:{0}@127.0.0.1:1/inventory?password=a%40b",
    "any spelling": "postgresql://127.0.0.1:1/inventory?PassWord={0}",
}  # fmt: skip
PROXIES = ("http://bob:{0}@127.0.0.1:1", "bob:{0}@127.0.0.1:1", "http://bob:{0}", "http:///bob:{0}@127.0.0.1:1")
API = "https://127.0.0.1:1/v1"


def parts(password):
    """Return the parts of a password that no output may contain: each sequence of 4 or more letters and digits.

    The password is searched as it is, and with its percent-escapes decoded. The word `password` itself may be shown.
    """
    found = {part for text in (password, unquote(password)) for part in re.split(r"[^0-9A-Za-z]+", text)}
    return sorted(part for part in found if len(part) >= 4 and part != "password")


@pytest.fixture
def run(tmp_path):
    """Return a function that runs a command, asserts that its output has no text of `never`, and returns the output."""

    run = Command(tmp_path)

    def command(*words, never, codes, **environment):
        usual = {"FAL_KEY": KEY, "INVENTORY_API_URL": API, "INVENTORY_RETRY_ATTEMPTS": "2",
                 "INVENTORY_RETRY_MAX_WAIT": "0.01"}  # fmt: skip
        done = run(*words, expect=codes, secrets=(*never, SECRET), **(usual | environment))
        return done.stdout + done.stderr

    return command


# Passwords


@pytest.mark.parametrize(
    ("place", "password"),
    [
        (place, password)
        for place in DATABASES.values()
        for password in PASSWORDS
        if not (place == DATABASES["no host"] and "@Tiger9y:" in password)  # Tiger9y is a host there
    ],
)
def test_no_part_of_a_databases_password_is_shown(password, place):
    try:
        url = parse_url(place.format(password))
    except UsageError as error:
        shown = "".join(traceback.format_exception(error))
    else:
        shown = render_masked(url) + describe(create_engine(url))
    assert [part for part in parts(password) if part in shown.replace(__file__, "")] == []


@pytest.mark.medium
@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("place", PROXIES)
def test_no_part_of_a_proxys_password_is_shown(monkeypatch, password, place):
    monkeypatch.setenv("HTTPS_PROXY", place.format(password))
    settings = load(api_url=API, retry_attempts=1)
    with pytest.raises((UsageError, NetworkError)) as raised, Api(ApiKey(KEY), settings, threading.Event()) as api:
        api.fetch_page(None)
    shown = "".join(traceback.format_exception(raised.value))
    assert [part for part in parts(password) if part in shown] == []


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(PASSWORDS)))
def test_no_command_shows_any_part_of_a_password(run, number):
    password = PASSWORDS[number]
    places = list(DATABASES.values())
    never = parts(password)
    url, other = places[number % 3].format(password), places[number % len(places)].format(password)
    proxy = PROXIES[number % 2].format(password)
    run("config", never=never, codes={0}, INVENTORY_DATABASE_URL=other, HTTPS_PROXY=proxy)
    run("doctor", never=never, codes={2, 4}, INVENTORY_DATABASE_URL=url, ALL_PROXY=proxy)
    run("list", "--debug", never=never, codes={2, 7}, INVENTORY_DATABASE_URL=url)
    run("sync", never=never, codes={2, 4}, INVENTORY_DATABASE_URL="sqlite:///x.db", HTTPS_PROXY=proxy)
    run("sync", "--debug", never=never, codes={2}, INVENTORY_API_URL=f"https://bob:{password}@127.0.0.1:1/v1")


@pytest.mark.medium
def test_a_proxy_that_cannot_be_read_is_a_usage_error_that_names_the_variable(run):
    proxy = "http://bob:S3cretPass/word@host:3128"
    printed = run("sync", never=["S3cret", "/word"], codes={2}, HTTPS_PROXY=proxy)
    assert "HTTPS_PROXY cannot be used. Write it like http://user:password@proxy.example:3128" in printed
    assert "ALL_PROXY cannot be used" in run("sync", never=["S3cret"], codes={2}, ALL_PROXY=proxy)


@pytest.mark.parametrize("password", ["Hunter2x/Tiger9y", "Hunter2x?Tiger9y", "Hunter2x#Tiger9y", "Hunter2x%Tiger9y"])
def test_a_password_with_a_separator_is_accepted_if_the_url_has_only_one_reading(password):
    url = parse_url(f"postgresql://ada:{password}@db/inventory?sslmode=require")
    assert (url.password, url.host) == (password, "db")
    assert render_masked(url) == "postgresql+psycopg://ada:***@db/inventory?sslmode=require"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://api.fal.ai/v1", "https://api.fal.ai/v1"),
        ("http://bob:word@proxy.example:3128/", "http://bob:***@proxy.example:3128/"),
        ("http://bob@proxy.example", "http://bob@proxy.example"),
        ("http://[::1]:3128", "http://[::1]:3128"),
        ("slack://a/b?apiKey=word&host=1&%70assword=word", "slack://a/b?apiKey=hidden&host=1&hidden"),
        ("http://bob:wo/rd@proxy.example:3128", "(not shown)"),
        ("http://bob:wo@rd@proxy.example:3128", "(not shown)"),
        ("bob:word@proxy.example", "(not shown)"),
        ("word", "(not shown)"),
        (f"http://{KEY.replace(':', '0' * 9 + ':')}00@proxy", "http://keyid-1000000000:***@proxy"),
        ("http://a3f9c2d417b86e5509d1c7f2a8e4b603@proxy", "http://***@proxy"),
        ("http://a3f9c2d417b86e5509d1c7f2a8e4b603", "http://***"),
        ("https://gw.example/k1abcdef:0123456789abcdefghij0123/v1", "https://gw.example/***/v1"),
        ("https://gw.example/k1abcdef%3Aabcdefghijklmnopqrst1/v1", "https://gw.example/***/v1"),
        ("https://gw.example/fal/sk-proj-Abc9Def8Ghi7Jkl6Mno5Pqr4", "https://gw.example/fal/***"),
        ("https://gw.example/a3f9c2d417b86e5509d1c7f2a8e4b603/", "https://gw.example/***/"),
        ("https://k1abcdef%3Aabcdefghijklmnopqrst1@gw.example", "https://***@gw.example"),
        ("https://gw.example//research-2026-us-west/v1.2/", "https://gw.example//research-2026-us-west/v1.2/"),
        ("postgresql://db/inventory_2026", "postgresql://db/inventory_2026"),
    ],
)
def test_a_url_is_shown_without_its_secrets_or_not_at_all(text, shown):
    assert mask_url(text) == shown


# A key in the wrong place

KEYS = (
    "12345678-90ab-cdef-1234-567890abcdef:0b1c2d3e4f5a6978a1b2c3d4e5f60718",
    "sk-proj-Abc9Def8Ghi7Jkl6Mno5Pqr4",
    "a3f9c2d417b86e5509d1c7f2a8e4b603",
)
SETTINGS = (
    "DATABASE_URL", "API_URL", "PAGE_SIZE", "TIMEOUT", "EVERY", "CRON", "MAX_VANISH", "LOG_FORMAT", "LOG_LEVEL",
    "AUTO_MIGRATE", "ACCOUNTS", "ALERTS", "CONFIG", "LEASE_SECONDS",
)  # fmt: skip
WORDS = (
    ("sync", "--account", "{0}"), ("list", "--account", "{0}"), ("list", "--at", "{0}"), ("changes", "--since", "{0}"),
    ("list", "--database", "{0}"), ("list", "--format", "{0}"), ("run", "--every", "{0}"),
    ("run", "--cron", "{0} * * * *"),
    ("run", "--metrics", "{0}"), ("status", "--max-age", "{0}"), ("{0}",), ("list", "{0}"), ("list", "--{0}"),
    ("account", "retire", "{0}"), ("account", "rename", "default", "{0}"), ("sync", "--expected", "{0}"),
    ("prune", "--before", "{0}"), ("runs", "--limit", "{0}"),
)  # fmt: skip
FILES = (
    "{0} = 1", 'database_url = "{0}"', 'every = "{0}"', 'page_size = "{0}"', 'api_url = "https://{0}@api.fal.ai/v1"',
    '[[accounts]]\nname = "{0}"', '[[accounts]]\nname = "a"\napi_key_env = "{0}"',
    '[[accounts]]\nname = "a"\napi_key_file = "{0}"', '[[accounts]]\nname = "a"\napi_key = "{0}"',
    '[alerts]\nurls_env = "{0}"', '[alerts]\nurls_file = "https://{0}@example.org"',
    '[alerts]\non = ["{0}"]\nurls = ["x"]',
)  # fmt: skip


def pieces(key):
    """Return all substrings of 8 characters of the secret part of a key; a prefix `sk-proj-` does not count."""
    secret = key.rpartition(":")[2].removeprefix("sk-proj-")
    return [secret[start : start + 8] for start in range(len(secret) - 7)]


def rotated(places):
    """Return test cases: each place with one of the KEYS, in turn.

    Testing all pairs would take longer. Each place masks all forms of a key in the same way.
    """
    return [pytest.param(place, KEYS[number % len(KEYS)], id=f"{number}") for number, place in enumerate(places)]


@pytest.mark.parametrize(("name", "key"), rotated(SETTINGS))
def test_a_key_in_the_wrong_variable_is_not_shown(run, key, name):
    run("config", never=pieces(key), codes={0, 2}, **{f"INVENTORY_{name}": key})


@pytest.mark.medium
@pytest.mark.parametrize("key", KEYS)
def test_a_key_in_the_path_of_the_apis_address_is_neither_shown_nor_stored(run, tmp_path, key):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}/{key}/v1", f"http://127.0.0.1:{port}/v1/{quote(key, safe='')}"):
        for words in (
            ("config",), ("doctor",), ("sync",), ("sync", "--debug"), ("runs", "--format", "json"),
        ):  # fmt: skip
            run(*words, never=pieces(key), codes={0, 2, 4}, INVENTORY_API_URL=url)
    data = (tmp_path / "inventory.db").read_bytes()
    assert [piece for piece in pieces(key) if piece.encode() in data] == []
    shown = run("config", never=pieces(key), codes={0}, INVENTORY_API_URL=f"https://gw.example/{key}/v1")
    assert "https://gw.example/***/v1" in shown


@pytest.mark.parametrize(("words", "key"), rotated(WORDS))
def test_a_key_in_the_wrong_argument_is_not_shown(run, migrated_sqlite, tmp_path, key, words):
    shutil.copyfile(migrated_sqlite, tmp_path / "inventory.db")
    run(*(word.format(key) for word in words), never=pieces(key), codes={2})


@pytest.mark.parametrize(("text", "key"), rotated(FILES))
def test_a_key_in_the_wrong_place_of_the_file_is_not_shown(run, tmp_path, key, text):
    (tmp_path / "inventory.toml").write_text(text.replace("{0} = 1", f'"{key}" = 1').format(key))
    run("config", never=pieces(key), codes={0, 2}, INVENTORY_API_URL="")
    run("doctor", never=pieces(key), codes={2, 4}, INVENTORY_API_URL="")


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-06T22:00:00.123456Z", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "gpu_8x_h100_sxm5",
        "research-2026-us-west",
        "http://127.0.0.1:9464", "sha256:0123456789ab", "/var/lib/inventory/history.db", "fe80::1234:5678:9abc:def0",
    ],
)  # fmt: skip
def test_text_that_only_resembles_a_key_is_shown(text):
    assert (hide_keys(text), hide_key_words(text)) == (text, text)


def test_an_unknown_instance_is_named_whatever_its_id_looks_like(run, migrated_sqlite, tmp_path):
    shutil.copyfile(migrated_sqlite, tmp_path / "inventory.db")
    assert KEYS[2] in run("show", KEYS[2], never=[], codes={2})


@pytest.mark.medium
@pytest.mark.parametrize("word", ["a", "-", "eyJ-", "sk-", "a:", "abcdef:", "abcdef:a1", "eyJabcdefgh."], ids=str)
def test_a_text_of_any_length_is_searched_for_keys_in_linear_time(word):
    """A search in quadratic time would take hours."""
    text = word * (5_000_000 // len(word)) + " keyid-1:0123456789abcdefghij"
    assert hide_keys(text).endswith(" ***")
