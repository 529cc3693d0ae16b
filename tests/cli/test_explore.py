"""`inventory explore`: the pages and answers of Datasette on a SQLite file, and the metadata that Datasette gets."""

import json
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from http.client import HTTPConnection
from urllib.parse import quote, urlencode, urlsplit

import pytest

from inventory.cli import main
from inventory.config.database_url import parse_url
from inventory.demo import demo
from inventory.history import accounts
from inventory.read.canned_queries import QUESTIONS
from inventory.read.datasette import metadata
from inventory.store import database
from inventory.store.catalogue import RELATIONS
from support.marks import rule

pytestmark = pytest.mark.slow

MARCH = datetime(2026, 3, 7, 12, tzinfo=UTC)
EVIL = (
    "https://evil.example/?a=<b>",
    "javascript:alert(1)",
    '<img src=x onerror="alert(1)">',
    '{"href": "//evil.example"}',
)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Return a SQLite file with a one-day history and special characters in its name. Some rows hold HTML or URLs."""
    made = tmp_path_factory.mktemp("explore") / "fleet #1 (50%).db"
    demo(f"sqlite:///{made}", days=1, now=MARCH)
    engine = database.connect(parse_url("sqlite:///" + quote(str(made))))
    accounts.rename(engine, "demo", "fleet", reason=EVIL[2], lease_seconds=60)
    engine.dispose()
    with closing(sqlite3.connect(made)) as connection:
        live = connection.execute("SELECT instance_id FROM live_instances ORDER BY 1").fetchall()
        for (id_,), nickname in zip(live, EVIL, strict=False):
            connection.execute(
                "UPDATE instance_state SET creator_user_nickname = ? WHERE instance_id = ?", (nickname, id_)
            )
        connection.commit()
    return made


class Browser:
    """An HTTP client of the server at this address. `host` replaces the header Host of a request."""

    def __init__(self, address):
        self.parts = urlsplit(address)

    def get(self, path="", *, host=None, **parameters):
        query = f"?{urlencode(parameters)}" if parameters else ""
        with closing(HTTPConnection(self.parts.hostname, self.parts.port, timeout=10)) as connection:
            connection.request("GET", self.parts.path + path + query, headers={"Host": host} if host else {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def rows(self, path, **parameters):
        status, text = self.get(f"{path}.json", _shape="array", **parameters)
        assert status == 200, text
        return json.loads(text)


@pytest.fixture(scope="module")
def browser(file):
    """Run `inventory explore` in a child process, and yield a Browser for its address.

    At the end, SIGINT stops the process. It must then print only "Stopped.", and exit with 0.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", "from inventory.cli import main; main()",
         "explore", "--port", "0", "--database", f"sqlite:///{file}"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    said = process.stdout.readline()
    try:
        yield Browser(re.search(r"http://127\.0\.0\.1:\d+/\S+", said)[0])
    finally:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "", "Stopped.\n")


@pytest.mark.slow
def test_a_canned_query_is_answered_over_http(browser, file):
    with closing(sqlite3.connect(file)) as connection:
        there = {row[0] for row in connection.execute("SELECT instance_id FROM live_instances")}
    rows = browser.rows("/fleet-now")
    assert {row["instance_id"] for row in rows} == there
    assert len(there) > 20


@pytest.mark.slow
@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_every_question_has_an_answer_and_its_page_says_what_it_means(question, browser):
    (one, *_) = browser.rows("/vanished")
    given = {"instance_id": one["instance_id"]} if question.name == "life" else dict.fromkeys(question.parameters, "")
    assert browser.rows(f"/{question.name}", **given)
    status, page = browser.get(f"/{question.name}")
    assert status == 200
    assert question.meaning.replace("'", "&#39;") in page
    assert all(f'name="{name}"' in page for name in question.parameters)


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize("name", ["fleet-now", "gpus-by-creator", "gpus-by-type-and-region", "oldest"])
def test_a_question_about_now_leaves_a_retired_account_out(name, world):
    (sql,) = (question.sql for question in QUESTIONS if question.name == name)
    world.put("a")
    world.run()
    assert len(world.rows(sql)) == 1
    accounts.retire(world.engine, "default", lease_seconds=60)
    assert world.rows(sql) == []


@pytest.mark.slow
def test_parameters_narrow_the_answer(browser):
    (creator, *_) = (row["creator_user_nickname"] for row in browser.rows("/top-creators"))
    assert {row["creator_user_nickname"] for row in browser.rows("/created", creator=creator)} == {creator}
    assert {row["creator_user_nickname"] for row in browser.rows("/events", creator=creator)} == {creator}
    assert {row["field"] for row in browser.rows("/changes", field="status")} == {"status"}
    (change, *_) = browser.rows("/changes")
    assert {row["instance_id"] for row in browser.rows("/changes", instance_id=change["instance_id"])} == {
        change["instance_id"]
    }


@pytest.mark.slow
def test_the_fleet_at_a_time_is_the_same_for_every_way_to_write_that_time(browser, file):
    def fleet(at):
        return {row["instance_id"] for row in browser.rows("/fleet-at", at=at)}

    with closing(sqlite3.connect(file)) as connection:
        (first,) = connection.execute("SELECT min(valid_from) FROM instance_versions").fetchone()
    assert first == "2026-03-06 13:00:00.000000"
    forms = (
        first, "2026-03-06 13:00", "2026-03-06 13:00:00", "2026-03-06T13:00", "2026-03-06T13:00:00Z",
        "2026-03-06T13:00:00.000Z", "2026-03-06T13:00:00.000000", "2026-03-06T15:00+02:00",
        "2026-03-06T15:00:00.000000+02:00", "2026-03-06 13:00:00.000000+00", "2026-03-06 13:00:00+00",
        "2026-03-06T15:00+02",
    )  # fmt: skip
    assert len(fleet(first)) > 20
    for form in forms:
        assert fleet(form) == fleet(first), form
    for before in ("2026-03-06 12:59:59.999999", "2026-03-06T12:59", "2026-03-06", "no time"):
        assert fleet(before) == set(), before
    midnight = fleet("2026-03-07 00:00")
    assert fleet(first) != midnight
    for form in ("2026-03-06 24:00", "2026-03-06T24:00:00.000000", "2026-03-06T24:00:00+00"):
        assert fleet(form) == midnight, form
    last = fleet("2026-03-07 12:00")
    assert fleet(first) != last == fleet("")


@pytest.mark.slow
@pytest.mark.parametrize("relation", RELATIONS, ids=lambda relation: relation.name)
def test_the_page_of_a_relation_says_what_it_and_its_columns_mean(relation, browser):
    status, page = browser.get(f"/{relation.name}")
    assert status == 200
    for meaning in (relation.meaning, *(column.meaning for column in relation.columns)):
        assert meaning.replace("&", "&amp;").replace("'", "&#39;").replace("<", "&lt;").replace(">", "&gt;") in page


def test_the_first_page_shows_views_and_questions_and_hides_what_is_internal(browser):
    _, page = browser.get()
    assert all(question.title in page for question in QUESTIONS)
    about = json.loads(browser.get(".json")[1])
    assert {table["name"] for table in about["tables"] if not table["hidden"]} == {
        "accounts", "sync_runs", "instance_versions", "operator_actions", "calendar",
    }  # fmt: skip


@rule("text-from-the-api-is-only-text")
def test_strings_from_the_api_are_text_and_no_links(browser):
    for path in ("/instances", "/fleet-now", "/operators"):
        _, page = browser.get(path, _size="max")
        assert "&lt;img src=x" in page
        assert "<img src=x" not in page
        links = re.findall(r'href="([^"]*)"', page)
        assert not [link for link in links if link.startswith(("https://evil", "javascript:", "//"))]


def test_the_database_can_be_neither_written_nor_downloaded(browser, file):
    for sql in ("DELETE FROM accounts", "PRAGMA journal_mode = DELETE", "ATTACH 'other.db' AS other"):
        assert browser.get(".json", sql=sql)[0] == 400
    with closing(HTTPConnection(browser.parts.hostname, browser.parts.port)) as connection:
        connection.request("GET", f"/{quote(file.name)}")
        assert connection.getresponse().status in {403, 404}


def test_a_request_under_a_foreign_host_name_is_refused(browser):
    """In DNS rebinding, a foreign name resolves to 127.0.0.1 and the browser sends that name as Host.

    If the server answered such a request, a foreign page could read the database.
    """
    port = browser.parts.port
    assert browser.get(host=f"evil.example:{port}") == (421, "Only for this machine.")
    assert browser.get(host="127.0.0.1.evil.example") == (421, "Only for this machine.")
    assert browser.get(host=f"localhost:{port}")[0] == 200


def test_a_host_without_a_port_is_answered_as_browsers_leave_out_port_80(browser):
    assert [browser.get(host=host)[0] for host in ("127.0.0.1", "localhost")] == [200, 200]


def test_a_sync_can_write_meanwhile_and_is_seen_at_once(browser, file):
    """Datasette must not open the file as immutable, or it would not see later writes."""
    before = browser.rows("/freshness")
    with closing(sqlite3.connect(file, timeout=0, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE accounts SET provider = 'other'")
        assert browser.rows("/freshness") == before
        assert {row["provider"] for row in browser.rows("/accounts")} == {"fal"}
        connection.execute("COMMIT")
        assert {row["provider"] for row in browser.rows("/accounts")} == {"other"}
        connection.execute("UPDATE accounts SET provider = 'fal'")


# --- commands that end before a server starts -------------------------------------------------------------------------


@pytest.fixture
def explore(capsys):
    """Return a function that runs `inventory explore` in this process until it ends, and returns stdout and stderr."""

    def command(*words, expect):
        with pytest.raises(SystemExit) as ended:
            main(["explore", *words])
        out, err = capsys.readouterr()
        assert ended.value.code == expect, err
        assert err.count("\n") == (expect != 0)
        return out, err

    return command


def test_the_metadata_can_be_used_with_another_datasette(explore, file):
    out, _ = explore("--metadata", "--database", f"sqlite:///{file}", expect=0)
    assert json.loads(out) == metadata("fleet #1 (50%)")
    (made,) = json.loads(out)["databases"].values()
    assert len(made["queries"]) == len(QUESTIONS) >= 12
    assert made["tables"]["creators"]["columns"]["live_now"] == (
        "Number of instances that are live (missing ones not counted)."
    )


def test_postgresql_is_refused_with_a_hint_to_other_tools(explore):
    assert "docs/bi.md" in explore("--database", "postgresql://nobody@127.0.0.1:1/none", expect=2)[1]


def test_a_missing_extra_is_reported_with_the_remedy(explore, monkeypatch, file):
    monkeypatch.setattr("inventory.config.extras.find_spec", lambda _: None)
    assert "pip install '.[explore]' from a checkout" in explore("--database", f"sqlite:///{file}", expect=2)[1]


def test_a_missing_database_is_not_created(explore, tmp_path):
    assert "There is no database" in explore("--database", f"sqlite:///{tmp_path}/none.db", expect=7)[1]
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_a_usage_error(explore, file):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        err = explore("--port", port, "--database", f"sqlite:///{file}", expect=2)[1]
    assert f"Port {port} cannot be used: Address already in use. --port 0 picks a free one." in err
