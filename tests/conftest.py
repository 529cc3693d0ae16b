"""Fixtures for all tests (a clean environment, databases, a World), and pytest hooks that mark and order tests."""

import gc
import os
import re
import shutil
import signal
import tempfile
from contextlib import ExitStack
from functools import cache
from itertools import count

import pytest
from hypothesis import Phase, settings
from xdist.scheduler import LoadScopeScheduling

from inventory.config.database_url import parse_url
from inventory.demo import demo
from inventory.simulator import Fleet, Simulator
from inventory.store import schema
from inventory.store.database import connect
from support.browser import chromium
from support.postgres import MEMORY, server
from support.watched import play
from support.workers import crew
from support.world import DEMO_DAYS, DEMO_ENDS, World, live_through

settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True, database=None)
settings.register_profile("quick", settings.get_profile("ci"))
settings.register_profile("thorough", settings.get_profile("ci"))
settings.register_profile("prove", settings.get_profile("ci"))
# Any failure kills a mutant. So no time is spent on finding a smaller example.
settings.register_profile("mutants", settings.get_profile("ci"), phases=[Phase.generate])
settings.load_profile("ci")

SHARED = {"watch", "demo_url", "sqlite_demo", "postgres_demo"}
"""Names of fixtures that take long to create and that several test files use."""
TOGETHER = {
    "the watch": ("docs/test_queries.py", "meanings/test_truth.py"),
    "the demo": (
        "cli/test_dashboards.py", "cli/test_report.py", "cli/test_superset.py", "docs/test_bi.py",
        "docs/test_commands.py", "docs/test_dbt.py", "docs/test_readme.py", "history/test_postgres_settings.py",
    ),
}  # fmt: skip
"""Groups of test files that share a fixture of SHARED: a dict from a group's name to its files (`FilesTogether`)."""
ROOM = 4 * 2**30
"""The free space, in bytes, that a folder needs for the files of all tests."""


def pytest_collection(session):
    """Disable the plugin pytest-alembic, whose collector fails under pytest 9.

    test_migrations.py imports the tests of the plugin instead.
    """
    plugins = session.config.pluginmanager
    if plugins.has_plugin("pytest-alembic"):
        plugins.unregister(name="pytest-alembic")


class FilesTogether(LoadScopeScheduling):
    """A scheduler of pytest-xdist: one process runs all tests of a scope.

    A scope is a test file, or a group of files in TOGETHER, on one backend. Some tests have no backend. In a group,
    they belong to the group's scope on SQLite. In any other file, they are a scope of their own.
    """

    def _split_scope(self, nodeid):
        file = nodeid.partition("::")[0].removeprefix("tests/")
        found = re.search(r"\[.*\b(sqlite|postgresql)\b", nodeid)
        group = next((group for group, files in TOGETHER.items() if file in files), None)
        if found or group:
            return f"{group or file} {found[1] if found else 'sqlite'}"
        return file


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """Give SIGHUP its default effect, and keep the files of the tests in memory if there is room.

    Under nohup, SIGHUP is ignored, and the processes that tests start would inherit that. With files in memory, SQLite
    does not wait for the disk at every commit. The option `--basetemp` names another folder for the files. That folder
    is not deleted at the end.
    """
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if config.option.basetemp is None and not hasattr(config, "workerinput") and has_room(MEMORY):
        config.option.basetemp = tempfile.mkdtemp(prefix="inventory-tests-", dir=MEMORY)
        config.add_cleanup(lambda: shutil.rmtree(config.option.basetemp, ignore_errors=True))


def has_room(folder):
    """Return True if `folder` is writable, programs in it may run, and more than ROOM bytes are free."""
    if not os.access(folder, os.W_OK):
        return False
    found = os.statvfs(folder)
    return not found.f_flag & os.ST_NOEXEC and found.f_bavail * found.f_frsize > ROOM


def pytest_collection_modifyitems(config, items):
    """Mark tests that `make quick` leaves out: `slow` if they use a fixture of SHARED, `repeated` on PostgreSQL.

    The first PostgreSQL case of a test in tests/meanings is not `repeated`. In a process of pytest-xdist, slow tests
    are sorted to the front. Otherwise one process might begin a slow file when the other processes are already done.
    """
    rules = set()
    for item in items:
        values = item.callspec.params if hasattr(item, "callspec") else {}
        if values.get("backend") == "postgresql":
            if "meanings" not in item.path.parts or item.function in rules:
                item.add_marker(pytest.mark.repeated)
            rules.add(item.function)
        if SHARED & {*item.fixturenames}:
            item.add_marker(pytest.mark.slow)
            assert any(item.nodeid.startswith(f"tests/{file}:") for files in TOGETHER.values() for file in files), item
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Return the scheduler `FilesTogether`: one process runs all tests of a scope and creates shared fixtures once."""
    return FilesTogether(config, log)


def pytest_collection_finish():
    """Freeze all objects once pytest has collected the tests: the garbage collector does not scan them again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def clean_surroundings(monkeypatch, tmp_path):
    """Remove the keys and settings of `inventory` from the environment, and change into an empty folder."""
    for name in list(os.environ):
        if name.startswith(("FAL_KEY", "INVENTORY_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("inventory.log._secrets", set())  # without the secrets of earlier tests


@pytest.fixture(scope="session")
def postgres():
    """Yield a `support.postgres.Server`. It is started for the first test that needs it.

    If the server cannot be started or reached, each test that needs it fails.
    """
    with server() as started:
        yield started


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory):
    """Return the path of a migrated SQLite file, for tests to copy."""
    file = tmp_path_factory.mktemp("migrated") / "template.db"
    _migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def migrated_postgres(postgres):
    """Yield the name of a migrated PostgreSQL database, for tests to copy."""
    with postgres.database() as name:
        _migrate(postgres.url_of(name))
        yield name


def _migrate(url):
    engine = connect(parse_url(url), create=True)
    schema.upgrade(engine)
    engine.dispose()


@pytest.fixture(scope="session")
def watched_sqlite(migrated_sqlite, tmp_path_factory):
    """Return a `support.watched.Watch`: two simulated weeks in a SQLite file. Tests must not write to the file."""
    file = tmp_path_factory.mktemp("watched") / "watched.db"
    shutil.copyfile(migrated_sqlite, file)
    return play(f"sqlite:///{file}")


@pytest.fixture(scope="session")
def watched_postgres(postgres, migrated_postgres):
    """Yield a `support.watched.Watch`: two simulated weeks in PostgreSQL. Tests must not write to the database."""
    with postgres.database(migrated_postgres) as name:
        yield play(postgres.url_of(name))


@pytest.fixture
def watch(request, backend):
    """Return a `support.watched.Watch`: two simulated weeks, on the test's backend."""
    return request.getfixturevalue("watched_sqlite" if backend == "sqlite" else "watched_postgres")


@pytest.fixture(scope="session")
def sqlite_demo(tmp_path_factory):
    """Return the path of a SQLite file with a demo of DEMO_DAYS days. Tests must not write to the file."""
    file = tmp_path_factory.mktemp("demo") / "demo.db"
    demo(f"sqlite:///{file}", days=DEMO_DAYS, now=DEMO_ENDS)
    return file


@pytest.fixture(scope="session")
def postgres_demo(postgres):
    """Yield the URL of a PostgreSQL database with a demo of DEMO_DAYS days. Tests must not write to the database."""
    with postgres.database() as name:
        demo(postgres.url_of(name), days=DEMO_DAYS, now=DEMO_ENDS)
        yield postgres.url_of(name)


@pytest.fixture(scope="session")
def browser():
    """Yield a Playwright `Browser` (Chromium) for all tests of the process: a process can run only one."""
    with chromium() as launched:
        yield launched


@pytest.fixture
def demo_url(request, backend):
    """Return the URL of a database with a demo of DEMO_DAYS days, on the test's backend. Tests must not write to it."""
    if backend == "sqlite":
        return f"sqlite:///{request.getfixturevalue('sqlite_demo')}"
    return request.getfixturevalue("postgres_demo")


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request):
    """Return `sqlite` or `postgresql`. A test that uses this fixture runs once for each of the two."""
    return request.param


@pytest.fixture(scope="session")
def sqlite_past(migrated_sqlite, tmp_path_factory):
    """Return a function that calls the function `live` of a test file on SQLite, and returns a `support.world.Past`.

    The only argument of that function is `live`. A later call with the same `live` only returns the same Past again.
    """

    @cache
    def of(live):
        template = tmp_path_factory.mktemp("past") / "template.db"
        shutil.copyfile(migrated_sqlite, template)
        return live_through(live, f"sqlite:///{template}", template)

    return of


@pytest.fixture(scope="session")
def postgres_past(postgres, migrated_postgres):
    """Yield a function that calls the function `live` of a test file on PostgreSQL, and returns a `support.world.Past`.

    The only argument of that function is `live`. A later call with the same `live` only returns the same Past again.
    """
    with ExitStack() as stack:

        @cache
        def of(live):
            template = stack.enter_context(postgres.database(migrated_postgres))
            return live_through(live, postgres.url_of(template), template)

        yield of


@pytest.fixture
def lived(world):
    """Return a World with fleet and database as they were after the function `live` of the test's file."""
    return world


@pytest.fixture
def history(request, backend):
    """Return the `support.world.Past` of the test's file if the test uses the fixture `lived`, else None."""
    if "lived" not in request.fixturenames:
        return None
    return request.getfixturevalue("sqlite_past" if backend == "sqlite" else "postgres_past")(request.module.live)


@pytest.fixture
def new_database(request, backend, tmp_path):
    """Yield a function that creates a database and returns its URL.

    The database is a copy of `template`, if one is given. Without a template, `migrated` says whether the database is
    migrated or empty. On SQLite, the file of an empty database does not exist yet.
    """
    numbers = count(1)
    with ExitStack() as stack:

        def make(*, migrated=False, template=None):
            if migrated and template is None:
                template = request.getfixturevalue("migrated_sqlite" if backend == "sqlite" else "migrated_postgres")
            if backend == "sqlite":
                file = tmp_path / f"database-{next(numbers)}.db"
                if template:
                    shutil.copyfile(template, file)
                return f"sqlite:///{file}"
            postgres = request.getfixturevalue("postgres")
            return postgres.url_of(stack.enter_context(postgres.database(template or "template0")))

        yield make


@pytest.fixture
def database_url(request, new_database, history):
    """Return the URL of a new database for this test.

    If the test uses `lived`, the database is as the function `live` of the test's file has left it. Else, if the test
    uses `engine`, directly or through another fixture, the database is migrated. Else it is empty.
    """
    return new_database(migrated="engine" in request.fixturenames, template=history and history.template)


@pytest.fixture
def engine(database_url):
    """Yield an engine on the database of `database_url`, which is migrated."""
    made = connect(parse_url(database_url), create=True)
    yield made
    made.dispose()


@pytest.fixture
def world(engine, history):
    """Yield a `support.world.World` on the database of `engine`.

    It has no instances and no runs, unless the test uses `lived`.
    """
    with Simulator(Fleet(history.fleet if history else ())) as simulator:
        yield World(engine, simulator, runs=history.runs if history else 0)


@pytest.fixture
def start(world, database_url, tmp_path):
    """Yield a function that starts `inventory run` in a child process and returns a `support.workers.Worker`.

    The function takes further arguments of the command, and settings as environment variables. An empty value removes a
    variable. If `program`, a list of words, is given, these words are started in place of `inventory`.
    """
    environment = {
        "FAL_KEY": "id:secret-part",
        "INVENTORY_API_URL": world.simulator.url,
        "INVENTORY_DATABASE_URL": database_url,
        "INVENTORY_RETRY_ATTEMPTS": "2",
        "INVENTORY_RETRY_MAX_WAIT": "0.05",
        "INVENTORY_EVERY": "1s",
    }
    with crew() as begin:
        yield lambda *words, program=None, **settings: begin(
            tmp_path / "worker",
            {name: value for name, value in (environment | settings).items() if value},
            *words,
            program=program,
        )
