"""Commands get a key, a password and a token of known text: none of these commands writes that text anywhere."""

import base64
import socket
import zipfile
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

import psutil
import pytest
import sqlalchemy as sa
from pyarrow import parquet

from inventory.cli.app import COMMANDS
from inventory.simulator import Body, Status, on_list
from support.command import Command
from support.receiver import receiving
from support.workers import PROGRAM, crew, until

KEY_ID = "0b6f2c1e-58a7-4c39-9d35-7f1a2b3c4d5e"
KEY, PASSWORD, TOKEN = "dead5eedc0ffee00dead5eedc0ffee01", "Marked+Pass/b72e", "Marked-Token-c63d"
FORMS = [
    form
    for secret in (KEY, PASSWORD, TOKEN)
    # as it is, URL-quoted, in base64, and without its ends: a part of a secret is not shown either
    for form in (secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode().rstrip("="), secret[3:-2])
]
WORKING = [
    "sync", "sync --dry-run", "list", "list --format json", "show i000", "changes", "changes --operators", "creators",
    "report --output page.html", "export lake", "export lake --check", "export csv --format csv",
    "dashboards superset --output bi.zip",
    "dashboards grafana --output grafana", "status", "runs", "missing", "missing --accept", "verify",
    "checkpoint keygen --name a.example.org --output a.key",
    "checkpoint", "checkpoint --output cp", "doctor", "config", "prune --before 0s --dry-run", "prune --before 0s",
    "account list", "account rename default other", "account rename other default", "db check", "db upgrade",
]  # fmt: skip
FAILING = [
    "list --at {key}", "show {key}", "changes --since {key}", "sync --account {key}", "account retire {key}",
    "prune --before {key}", "report --output /nowhere/{key}/page.html", "export /dev/null/lake",
    "evidence --since 2026-01-01 --until 2026-02-01 --output /dev/null/x",
    "checkpoint --output /dev/null/cp", "verify --against /nowhere/cp", "db upgrade {key}", "{key}",
    "dashboards {key}", "simulate --port {key}", "explore --port {key}", "demo --days {key}",
]  # fmt: skip
"""Commands that fail; `{key}` is replaced by the API key, which does not belong there."""
ANSWERS = {
    "an error that echoes the key": Status(500, body={"error": {"message": f"no: {KEY}", "type": KEY}}),
    "a refusal that echoes the key": Status(401, body={"detail": f"Key {KEY_ID}:{KEY} is unknown"}),
    "a page that is no JSON and echoes the key": Body(f"<html>{KEY}</html>"),
    "a redirect with the key": Status(302, {"Location": f"http://127.0.0.1:1/{KEY}"}, body=""),
}

pytestmark = pytest.mark.slow


@pytest.fixture
def environment(tmp_path, world, database_url):
    """Return environment variables with the key, the token and, on PostgreSQL, the password. The log level is debug."""
    url = sa.engine.make_url(database_url)
    if url.get_backend_name() == "postgresql":
        url = url.set(password=PASSWORD)  # the server of the tests accepts any password
    (tmp_path / "tmp").mkdir()
    (tmp_path / "inventory.toml").write_text('[alerts]\nurls_env = "HOOKS"\n')
    world.put("i000", "i001", creator_user_nickname="ada")
    return {
        "FAL_KEY": f"{KEY_ID}:{KEY}",
        "INVENTORY_API_URL": world.simulator.url,
        "INVENTORY_DATABASE_URL": url.render_as_string(hide_password=False),
        "INVENTORY_RETRY_ATTEMPTS": "2",
        "INVENTORY_RETRY_MAX_WAIT": "0.01",
        "INVENTORY_LOG_LEVEL": "debug",
        "INVENTORY_CONFIG": str(tmp_path / "inventory.toml"),
        "HOOKS": f"json://127.0.0.1:1/{TOKEN}",
        "TMPDIR": str(tmp_path / "tmp"),
    }


@pytest.fixture
def run(tmp_path, environment):
    """Return a function that runs a command line and returns the completed process.

    It asserts the exit code, and that no secret was printed.
    """
    command = Command(tmp_path, **environment)

    def run(text, *more, expect=None, **extra):
        expected = expect or ({0} if text in WORKING else set(range(1, 10)))
        words = [word.format(key=f"{KEY_ID}:{KEY}") for word in text.split()]
        done = command(*words, *more, expect=expected, secrets=(), **extra)
        printed = done.stdout + done.stderr
        found = [form for form in FORMS if form in printed]
        assert not found, (text, printed)
        return done

    return run


def assert_no_secret_in_files(folder):
    """Assert that no file below the folder holds a secret. Look also into ZIP archives and into Parquet files."""
    for file in Path(folder).rglob("*"):
        if file.is_file():
            contents = [file.read_bytes()]
            if zipfile.is_zipfile(file):
                with zipfile.ZipFile(file) as archive:
                    contents += [archive.read(name) for name in archive.namelist()]
            if file.suffix == ".parquet":
                table = parquet.read_table(file)
                contents += [repr(table.to_pylist()).encode(), repr(table.schema.metadata).encode()]
            assert not [form for form in FORMS for content in contents if form.encode() in content], file


def assert_no_secret_in_database(world):
    """Assert that no row of any table or view contains a secret."""
    inspector = sa.inspect(world.engine)
    for name in (*inspector.get_table_names(), *inspector.get_view_names()):
        text = repr(world.rows(f"SELECT * FROM {name}"))
        assert not [form for form in FORMS if form in text], name


def test_the_list_of_commands_is_complete():
    shown = {text.split()[0] for text in (*WORKING, *FAILING)} | {"run", "evidence"}
    assert {name for commands in COMMANDS.values() for name in commands} <= shown


@pytest.mark.parametrize("debug", [(), ("--debug",)], ids=["", "debug"])
def test_no_command_writes_a_secret(run, world, tmp_path, debug):
    for _ in range(3):
        run("sync", *debug)
    _, since, until_ = [at.isoformat() for (at,) in world.rows("SELECT started_at FROM sync_runs ORDER BY run_id")]
    run(f"evidence --since {since} --until {until_} --output bundle.zip", *debug, expect={0})
    for text in (*WORKING, *FAILING):
        run(text, *debug)
    assert [*tmp_path.rglob("*.parquet")]
    assert_no_secret_in_files(tmp_path)
    assert_no_secret_in_database(world)


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("debug", [(), ("--debug",)], ids=["", "debug"])
def test_no_failure_of_the_api_writes_a_secret(run, world, tmp_path, name, debug):
    run("sync")
    world.faults.add(ANSWERS[name], times=None)
    for text in ("sync", "sync --dry-run", "doctor"):
        run(text, *debug, expect={3, 4})
    assert_no_secret_in_files(tmp_path)
    assert_no_secret_in_database(world)


@pytest.mark.parametrize(
    "url", ["postgresql://u:{}@127.0.0.1:1/d", "postgresql://u:{}@/d?host=/nowhere", "mysql://u:{}@127.0.0.1/d"]
)
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_no_failure_of_the_database_writes_a_secret(run, tmp_path, url):
    coded = quote(PASSWORD, safe="")
    for text in ("sync", "list", "verify", "doctor", "status", "db upgrade", "config", "export lake"):
        run(text, "--debug", expect={0} if text == "config" else {2, 7}, INVENTORY_DATABASE_URL=url.format(coded))
    assert_no_secret_in_files(tmp_path)


def test_run_shows_no_secret_in_its_log_its_metrics_its_alerts_or_its_title(environment, world, tmp_path):
    port = free_port()
    with receiving() as receiver, crew() as start:
        named = {"HOOKS": receiver.url.replace("very-secret-token", TOKEN), "INVENTORY_EVERY": "1s"}
        worker = start(
            tmp_path / "worker", environment | named, "--metrics", f"127.0.0.1:{port}", program=PROGRAM
        )  # fmt: skip
        until(lambda: world.rows("SELECT 1 FROM sync_runs"))
        world.faults.add(ANSWERS["a refusal that echoes the key"], when=on_list, times=None)
        alert = receiver.posts.get(timeout=90)
        process = psutil.Process(worker.process.pid)
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=90) as answer:
            shown = [*process.cmdline(), process.name(), repr(alert), answer.read().decode()]
        assert not [form for form in FORMS for text in shown if form in text]
        assert worker.stop() == 0
    assert_no_secret_in_files(tmp_path)
    assert_no_secret_in_database(world)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
