"""Fixtures of every test: a clean environment, and fresh databases on both backends."""

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
settings.register_profile("mutants", settings.get_profile("ci"), phases=[Phase.generate])  # one failure is enough
settings.load_profile("ci")

SHARED = {"watch", "demo_url", "sqlite_demo", "postgres_demo"}
"""The fixtures of several files that take long to make."""
TOGETHER = {
    "the watch": ("docs/test_queries.py", "meanings/test_truth.py"),
    "the demo": (
        "cli/test_dashboards.py", "cli/test_report.py", "cli/test_superset.py", "docs/test_bi.py",
        "docs/test_commands.py", "docs/test_dbt.py", "docs/test_readme.py", "history/test_postgres_settings.py",
    ),
}  # fmt: skip
"""The files that use them."""
ROOM = 4 * 2**30
"""The bytes that the files of all tests may take."""


def pytest_collection(session):
    """Collect without pytest-alembic's collector, which fails under pytest 9: test_migrations.py imports its tests."""
    plugins = session.config.pluginmanager
    if plugins.has_plugin("pytest-alembic"):
        plugins.unregister(name="pytest-alembic")


class FilesTogether(LoadScopeScheduling):
    """A scheduler of pytest-xdist that gives each process the tests of a file, or a group of files, on a backend."""

    def _split_scope(self, nodeid):
        file = nodeid.partition("::")[0].removeprefix("tests/")
        found = re.search(r"\[.*\b(sqlite|postgresql)\b", nodeid)
        group = next((group for group, files in TOGETHER.items() if file in files), None)
        if found or group:
            return f"{group or file} {found[1] if found else 'sqlite'}"
        return file


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """Let SIGHUP end the processes that tests start, also under nohup. Keep the tests' files in memory if it has room.

    On a disk, SQLite waits at every commit. `--basetemp` names another folder, which is kept.
    """
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if config.option.basetemp is None and not hasattr(config, "workerinput") and has_room(MEMORY):
        config.option.basetemp = tempfile.mkdtemp(prefix="inventory-tests-", dir=MEMORY)
        config.add_cleanup(lambda: shutil.rmtree(config.option.basetemp, ignore_errors=True))


def has_room(folder):
    """Return whether programs can be written there and run, with room for the files of all tests."""
    if not os.access(folder, os.W_OK):
        return False
    found = os.statvfs(folder)
    return not found.f_flag & os.ST_NOEXEC and found.f_bavail * found.f_frsize > ROOM


def pytest_collection_modifyitems(config, items):
    """Mark the tests that `make quick` leaves out because of what they share, or because they are repetitions.

    If several processes run them, the files with slow tests come first, so that no process ends long after the others.
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
    """Give what shares something dear to the same process, which makes it once."""
    return FilesTogether(config, log)


def pytest_collection_finish():
    """Keep what the imports and the collection made out of every later search for reference cycles."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def clean_surroundings(monkeypatch, tmp_path):
    """Remove the developer's keys and settings from the environment, and work in an empty folder."""
    for name in list(os.environ):
        if name.startswith(("FAL_KEY", "INVENTORY_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("inventory.log._secrets", set())  # those of earlier tests


@pytest.fixture(scope="session")
def postgres():
    """Yield the PostgreSQL server. It starts when the first test asks for it; if it cannot start, the test fails."""
    with server() as started:
        yield started


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory):
    """Return a migrated SQLite file, for tests to copy."""
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
    """Return the Watch of two simulated weeks in a SQLite file; read only."""
    file = tmp_path_factory.mktemp("watched") / "watched.db"
    shutil.copyfile(migrated_sqlite, file)
    return play(f"sqlite:///{file}")


@pytest.fixture(scope="session")
def watched_postgres(postgres, migrated_postgres):
    """Yield the Watch of two simulated weeks in PostgreSQL; read only."""
    with postgres.database(migrated_postgres) as name:
        yield play(postgres.url_of(name))


@pytest.fixture
def watch(request, backend):
    """Return the Watch of two simulated weeks on the test's backend."""
    return request.getfixturevalue("watched_sqlite" if backend == "sqlite" else "watched_postgres")


@pytest.fixture(scope="session")
def sqlite_demo(tmp_path_factory):
    """Return the SQLite file of a demo of DEMO_DAYS days; read only."""
    file = tmp_path_factory.mktemp("demo") / "demo.db"
    demo(f"sqlite:///{file}", days=DEMO_DAYS, now=DEMO_ENDS)
    return file


@pytest.fixture(scope="session")
def postgres_demo(postgres):
    """Yield the URL of the same demo in PostgreSQL; read only."""
    with postgres.database() as name:
        demo(postgres.url_of(name), days=DEMO_DAYS, now=DEMO_ENDS)
        yield postgres.url_of(name)


@pytest.fixture(scope="session")
def browser():
    """Yield a Chromium; only one can run in a process."""
    with chromium() as launched:
        yield launched


@pytest.fixture
def demo_url(request, backend):
    """Return the URL of the demo on the test's backend."""
    if backend == "sqlite":
        return f"sqlite:///{request.getfixturevalue('sqlite_demo')}"
    return request.getfixturevalue("postgres_demo")


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request):
    """Return the name of the backend; the test runs once for each."""
    return request.param


@pytest.fixture(scope="session")
def sqlite_past(migrated_sqlite, tmp_path_factory):
    """Return a function that plays a test file's `live(world)` once on SQLite and returns its Past."""

    @cache
    def of(live):
        template = tmp_path_factory.mktemp("past") / "template.db"
        shutil.copyfile(migrated_sqlite, template)
        return live_through(live, f"sqlite:///{template}", template)

    return of


@pytest.fixture(scope="session")
def postgres_past(postgres, migrated_postgres):
    """Yield a function that plays a test file's `live(world)` once on PostgreSQL and returns its Past."""
    with ExitStack() as stack:

        @cache
        def of(live):
            template = stack.enter_context(postgres.database(migrated_postgres))
            return live_through(live, postgres.url_of(template), template)

        yield of


@pytest.fixture
def lived(world):
    """Return the world as the `live` function of the test's file left it."""
    return world


@pytest.fixture
def history(request, backend):
    """Return the Past of the test's file if the test asks for `lived`, else None."""
    if "lived" not in request.fixturenames:
        return None
    return request.getfixturevalue("sqlite_past" if backend == "sqlite" else "postgres_past")(request.module.live)


@pytest.fixture
def new_database(request, backend, tmp_path):
    """Yield a function that creates a database (empty, `migrated` or a copy of a template) and returns its URL."""
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
    """Return the URL of a fresh database: migrated if the test also asks for `engine`, else empty."""
    return new_database(migrated="engine" in request.fixturenames, template=history and history.template)


@pytest.fixture
def engine(database_url):
    """Yield an engine on a fresh, migrated database."""
    made = connect(parse_url(database_url), create=True)
    yield made
    made.dispose()


@pytest.fixture
def world(engine, history):
    """Yield a World: a fleet, the simulator that serves it, and a database; empty unless the test uses `lived`."""
    with Simulator(Fleet(history.fleet if history else ())) as simulator:
        yield World(engine, simulator, runs=history.runs if history else 0)


@pytest.fixture
def start(world, database_url, tmp_path):
    """Return a function that starts `inventory run` with these arguments and settings in a child process."""
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
