"""Tests that make each mistake of docs/mistakes.md and compare the printed line with the one on the page."""

import json
import re
import sqlite3
import ssl
import subprocess
from contextlib import closing

import pytest

from inventory.config.database_url import parse_url
from inventory.history.lease import hold_lease
from inventory.simulator import Body, Fleet, Simulator, Status
from inventory.store import database
from support.command import KEY, Command
from support.libraries import ROOT
from support.raw_server import raw
from support.world import machine

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "mistakes.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in re.findall(r"^\| (?!mistake ).*\|$", PAGE, re.MULTILINE)
]
MISTAKES = {}
FOLDER = "/srv/inventory"


def mistake(name):
    """Return a decorator that registers a function in MISTAKES, under the name of a row of the page.

    The function takes a FirstWeek, makes the mistake, and returns the line that the program prints.
    """
    return lambda function: MISTAKES.setdefault(name, function)


class FirstWeek:
    """An installation in which a test makes a mistake: a folder, a key, and a simulator with twelve instances."""

    def __init__(self, folder, simulator, monkeypatch):
        self.folder = folder
        self.monkeypatch = monkeypatch
        self.simulator = simulator
        self.names = {str(folder): FOLDER, simulator.url: "https://api.fal.ai/v1"}
        self._run = Command(
            folder, FAL_KEY=KEY, INVENTORY_API_URL=simulator.url, INVENTORY_RETRY_ATTEMPTS="1",
            INVENTORY_DATABASE_URL=f"sqlite:///{folder}/inventory.db",
        )  # fmt: skip

    def line(self, words, code, **environment):
        """Run a command, which must exit with `code`, and return the last line of its stderr.

        Paths and URLs of the test are replaced by those of the page.
        """
        line = self._run(*words.split(), expect=code, **environment).stderr.strip().splitlines()[-1]
        for there, shown in sorted(self.names.items(), key=lambda pair: -len(pair[0])):
            line = line.replace(there, shown)
        return line

    def succeeds(self, words, **environment):
        self._run(*words.split(), **environment)

    def output(self, words):
        return self._run(*words.split()).stdout

    def settings(self, text):
        (self.folder / "inventory.toml").write_text(text)


@pytest.fixture
def week(tmp_path, monkeypatch):
    machines = [machine(f"inst_{number}") for number in range(12)]
    with Simulator(Fleet(machines)) as simulator:
        yield FirstWeek(tmp_path, simulator, monkeypatch)


# -- The key


@mistake("No key is set")
def _(week):
    return week.line("sync", 2, FAL_KEY=None)


@mistake("The key is mistyped or revoked")
def _(week):
    week.simulator.faults.add(Status(401), times=None)
    return week.line("sync", 3)


@mistake("The key is no admin key")
def _(week):
    week.simulator.faults.add(Status(403), times=None)
    return week.line("sync", 3)


@mistake("The key was pasted with its name, or with a space")
def _(week):
    return week.line("sync", 2, FAL_KEY="my key:secret")


@mistake("The key of another workspace")
def _(week):
    week.succeeds("sync")
    for number in range(12):
        week.simulator.fleet.remove(f"inst_{number}")
    week.simulator.fleet.put(machine("other"))
    return week.line("sync", 5, FAL_KEY="other:workspace")


@pytest.mark.parametrize("foreign", [9, 10])
def test_after_the_key_of_another_workspace_the_steps_of_the_page_lead_back_to_exit_code_0(foreign, week):
    week.succeeds("sync")
    own, other = week.simulator.fleet.listing(), [machine(f"other_{number}") for number in range(foreign)]

    def swap(machines):
        week.simulator.fleet.clear()
        for each in machines:
            week.simulator.fleet.put(each)

    def listed(words):
        (rows,) = json.loads(week.output(f"{words} --format json")).values()
        return {row["instance_id"] for row in rows}

    swap(other)
    week.line("sync", 5, FAL_KEY="other:workspace")
    swap(own)
    if foreign < 10:
        week.succeeds("sync")
        assert listed("missing") == set()
    else:
        week.line("sync", 5)
        week.line("sync", 5)
        assert listed("missing") == {each["id"] for each in other}
        week.succeeds("missing --accept --reason other-key")
        week.succeeds("sync")
    assert listed("list") == {each["id"] for each in own}
    assert len(listed("list --all")) == 12 + foreign


@mistake("You deleted most of the fleet on purpose")
def _(week):
    week.succeeds("sync")
    for number in range(11):
        week.simulator.fleet.remove(f"inst_{number}")
    return week.line("sync", 5)


@mistake("A key file that others may read")
def _(week):
    (week.folder / "key").write_text(KEY)
    (week.folder / "key").chmod(0o644)
    week.settings(f'[[accounts]]\nname = "research"\napi_key_file = "{week.folder}/key"\n')
    return week.line("sync", 2)


@mistake("The variable of an account's key is not set")
def _(week):
    week.settings('[[accounts]]\nname = "research"\napi_key_env = "FAL_KEY_RESEARCH"\n')
    return week.line("sync", 2)


# -- Settings and arguments


@mistake("A typo in the name of a setting")
def _(week):
    week.settings('databse_url = "sqlite:///inventory.db"\n')
    return week.line("sync", 2)


@mistake("A typo in the name of a variable")
def _(week):
    return week.line("config", 0, INVENTORY_TIMEOT="10")


@mistake("A text without quotes in the file")
def _(week):
    week.settings("every = 5m\n")
    return week.line("sync", 2)


@mistake("A value that is out of range")
def _(week):
    return week.line("sync", 2, INVENTORY_PAGE_SIZE="0")


@mistake("The name of an account that is not there")
def _(week):
    return week.line("sync --account reserch", 2)


@mistake("A time in words")
def _(week):
    week.succeeds("sync")
    return week.line("list --at yesterday", 2)


@mistake("A time before the first run")
def _(week):
    week.succeeds("sync")
    with closing(sqlite3.connect(week.folder / "inventory.db")) as connection:
        (first,) = connection.execute("SELECT started_at FROM sync_runs").fetchone()
    week.names[first[:19].replace(" ", "T") + first[19:]] = "2026-03-01T10:00:00"
    week.names[first[:19]] = "2026-03-01 10:00:00"
    return week.line("list --at 2020-01-01", 2)


# -- The API


@mistake("A wrong path in the API's address")
def _(week):
    return week.line("sync", 4, INVENTORY_API_URL=week.simulator.url + "/v2")


@mistake("The address of a web page instead of the API's")
def _(week):
    week.simulator.faults.add(Body(b"<html>Welcome</html>"), times=None)
    return week.line("sync", 4)


@mistake("An address on plain http")
def _(week):
    return week.line("sync", 2, INVENTORY_API_URL="http://api.fal.ai/v1")


@mistake("Nothing answers at the API's address")
def _(week):
    return week.line("sync", 4, INVENTORY_API_URL="https://127.0.0.1:1/v1")


@mistake("A proxy that is not there")
def _(week):
    return week.line("sync", 4, INVENTORY_API_URL="https://api.example.org/v1", HTTPS_PROXY="http://127.0.0.1:1")


@mistake("A proxy that wants a password")
def _(week):
    with raw(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n") as (url, _):
        proxy = url.removesuffix("/v1")
        week.names[proxy] = "http://proxy.example:3128"
        return week.line("sync", 4, INVENTORY_API_URL="https://api.example.org/v1", HTTPS_PROXY=proxy)


@mistake("A certificate of an authority of your own")
def _(week):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-days", "1", "-keyout",
         "key.pem", "-out", "cert.pem", "-addext", "subjectAltName=IP:127.0.0.1"],
        cwd=week.folder, check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(week.folder / "cert.pem", week.folder / "key.pem")
    server = week.simulator._server  # noqa: SLF001 - the simulator itself speaks no TLS
    server.socket = context.wrap_socket(server.socket, server_side=True)
    secure = week.simulator.url.replace("http:", "https:")
    week.names[secure] = "https://api.fal.ai/v1"
    return re.sub(r"_ssl\.c:\d+", "_ssl.c:1006", week.line("sync", 4, INVENTORY_API_URL=secure))


# -- The database


@mistake("Asking before the first sync")
def _(week):
    return week.line("list", 7)


@mistake("A folder that is not there")
def _(week):
    return week.line("sync", 7, INVENTORY_DATABASE_URL=f"sqlite:///{week.folder}/data/inventory.db")


@mistake("A file path instead of a URL")
def _(week):
    return week.line("sync", 2, INVENTORY_DATABASE_URL="inventory.db")


@mistake("A database of another kind")
def _(week):
    return week.line("sync", 2, INVENTORY_DATABASE_URL="mysql://root@db/inventory")


@mistake("A database of another program")
def _(week):
    with closing(sqlite3.connect(week.folder / "inventory.db")) as connection:
        connection.execute("CREATE TABLE customers (id)")
    return week.line("sync", 7)


@mistake("Another sync is at work")
def _(week):
    week.succeeds("sync")
    engine = database.connect(parse_url(f"sqlite:///{week.folder}/inventory.db"))
    with hold_lease(engine, "default", purpose="sync", lease_seconds=120):
        line = week.line("sync", 6)
    engine.dispose()
    line = re.sub(r"process \d+ on \S+", "process 4711 on worker-1", line)
    return re.sub(r"ends at \S+Z", "ends at 2026-03-01T10:02:00Z", line)


@mistake("Another program holds a write transaction open")
def _(week):
    week.succeeds("sync")
    week.monkeypatch.setattr("inventory.store.sqlite.LOCK_WAIT_SECONDS", 1)
    with closing(sqlite3.connect(week.folder / "inventory.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        return week.line("sync", 7).replace("over 1 s", "over 30 s")


@mistake("An old schema, where upgrades are not automatic")
def _(week):
    week.succeeds("db upgrade 0001")
    return week.line("sync", 7, INVENTORY_AUTO_MIGRATE="false")


@mistake("PostgreSQL is not there")
def _(week):
    return week.line("sync", 7, INVENTORY_DATABASE_URL="postgresql://inventory@127.0.0.1:1/inventory")


# -- Checkpoints


@mistake("A key of checkpoints that others may read")
def _(week):
    week.succeeds("checkpoint keygen --name fleet.example.org --output checkpoint.key")
    (week.folder / "checkpoint.key").chmod(0o644)
    key = f"{week.folder}/checkpoint.key"
    return week.line("checkpoint", 2, INVENTORY_CHECKPOINT_KEY_FILE=key, INVENTORY_CHECKPOINT_NAME="fleet.example.org")


@mistake("A key of checkpoints without its name")
def _(week):
    week.succeeds("checkpoint keygen --name fleet.example.org --output checkpoint.key")
    return week.line("checkpoint", 2, INVENTORY_CHECKPOINT_KEY_FILE="checkpoint.key")


@mistake("A checkpoint whose end is missing")
def _(week):
    week.succeeds("sync")
    week.succeeds("checkpoint --output kept")
    (file,) = (week.folder / "kept").iterdir()
    file.write_text(file.read_text()[:-1])
    week.names[file.name] = "default-54339f32.checkpoint"
    return week.line("verify --against kept", 2)


@mistake("A checkpoint of another account")
def _(week):
    for name in ("research", "production"):
        week.settings(f'[[accounts]]\nname = "{name}"\napi_key_env = "FAL_KEY"\n')
        week.succeeds("sync")
    week.succeeds("checkpoint --account production --output kept")
    (file,) = (week.folder / "kept").iterdir()
    week.names[file.name] = "production-54339f32.checkpoint"
    return week.line("verify --account research --against kept", 2)


# -- And the page


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_gives_the_line_that_the_page_shows(name, week):
    line = MISTAKES[name](week)
    (shown,) = [row[1] for row in ROWS if row[0] == name]
    assert shown.strip("` ") == line


def test_every_mistake_of_the_page_is_made_here_and_says_what_to_do():
    assert [row[0] for row in ROWS] == list(MISTAKES)
    assert len(ROWS) >= 20
    assert all(len(row) == 3 and all(row) for row in ROWS)
