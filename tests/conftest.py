"""What every test gets: a clean environment, and fresh databases of both backends."""

import os
import shutil
import signal
from contextlib import ExitStack
from functools import cache
from itertools import count

import pytest
from hypothesis import settings

from inventory.config.database_url import parse_url
from inventory.demo import demo
from inventory.simulator import Fleet, Simulator
from inventory.store import schema
from inventory.store.database import connect
from support.postgres import server
from support.watched import play
from support.world import DEMO_DAYS, DEMO_ENDS, World, live_through

settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True, database=None)
settings.register_profile("quick", settings.get_profile("ci"))
settings.load_profile("ci")


def pytest_collection(session):
    """Collect without pytest-alembic's collector, which fails under pytest 9: test_migrations.py imports its tests."""
    plugins = session.config.pluginmanager
    if plugins.has_plugin("pytest-alembic"):
        plugins.unregister(name="pytest-alembic")


def pytest_configure(config):
    """Let one worker run all tests of a group, and let SIGHUP end what the tests start, also under nohup."""
    if config.getoption("dist", "no") == "load":
        config.option.dist = "loadgroup"
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_modifyitems(items):
    """Group the tests that share a database which takes seconds to make."""
    for item in items:
        for shared in ("watch", "demo_url", "sqlite_demo", "postgres_demo"):
            if shared in item.fixturenames:
                item.add_marker(pytest.mark.xdist_group("watch" if shared == "watch" else "demo"))
                item.add_marker(pytest.mark.slow)
                break


@pytest.fixture(autouse=True)
def clean_surroundings(monkeypatch, tmp_path):
    """No test reads the developer's keys, settings or files."""
    for name in list(os.environ):
        if name.startswith(("FAL_KEY", "INVENTORY_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def postgres():
    """The PostgreSQL server, started when the first test asks for it. Where it cannot start, those tests fail."""
    with server() as started:
        yield started


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory):
    """A migrated SQLite file, to be copied."""
    file = tmp_path_factory.mktemp("migrated") / "template.db"
    _migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def migrated_postgres(postgres):
    """The name of a migrated PostgreSQL database, to be copied."""
    with postgres.database() as name:
        _migrate(postgres.url_of(name))
        yield name


def _migrate(url):
    engine = connect(parse_url(url), create=True)
    schema.upgrade(engine)
    engine.dispose()


@pytest.fixture(scope="session")
def watched_sqlite(migrated_sqlite, tmp_path_factory):
    """The watch over two simulated weeks, kept in a SQLite file; for reading only."""
    file = tmp_path_factory.mktemp("watched") / "watched.db"
    shutil.copyfile(migrated_sqlite, file)
    return play(f"sqlite:///{file}")


@pytest.fixture(scope="session")
def watched_postgres(postgres, migrated_postgres):
    """The same, kept in PostgreSQL."""
    with postgres.database(migrated_postgres) as name:
        yield play(postgres.url_of(name))


@pytest.fixture
def watch(request, backend):
    """The watch over two simulated weeks on the test's backend."""
    return request.getfixturevalue("watched_sqlite" if backend == "sqlite" else "watched_postgres")


@pytest.fixture(scope="session")
def sqlite_demo(tmp_path_factory):
    """The SQLite file of a demo of some days; for reading only."""
    file = tmp_path_factory.mktemp("demo") / "demo.db"
    demo(f"sqlite:///{file}", days=DEMO_DAYS, now=DEMO_ENDS)
    return file


@pytest.fixture(scope="session")
def postgres_demo(postgres):
    """The URL of the same, kept in PostgreSQL."""
    with postgres.database() as name:
        demo(postgres.url_of(name), days=DEMO_DAYS, now=DEMO_ENDS)
        yield postgres.url_of(name)


@pytest.fixture
def demo_url(request, backend):
    """The URL of the demo on the test's backend."""
    if backend == "sqlite":
        return f"sqlite:///{request.getfixturevalue('sqlite_demo')}"
    return request.getfixturevalue("postgres_demo")


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request):
    """The name of the backend; the test runs once for each."""
    return request.param


@pytest.fixture(scope="session")
def sqlite_past(migrated_sqlite, tmp_path_factory):
    """A function that returns a Past on SQLite: what a file's `live(world)` does, done once."""

    @cache
    def of(live):
        template = tmp_path_factory.mktemp("past") / "template.db"
        shutil.copyfile(migrated_sqlite, template)
        return live_through(live, f"sqlite:///{template}", template)

    return of


@pytest.fixture(scope="session")
def postgres_past(postgres, migrated_postgres):
    """The same on PostgreSQL."""
    with ExitStack() as stack:

        @cache
        def of(live):
            template = stack.enter_context(postgres.database(migrated_postgres))
            return live_through(live, postgres.url_of(template), template)

        yield of


@pytest.fixture
def lived(world):
    """The world after what `live` of the test's file did to it."""
    return world


@pytest.fixture
def history(request, backend):
    """The Past of a test that asks for `lived`, else None."""
    if "lived" not in request.fixturenames:
        return None
    return request.getfixturevalue("sqlite_past" if backend == "sqlite" else "postgres_past")(request.module.live)


@pytest.fixture
def new_database(request, backend, tmp_path):
    """A function that makes one more fresh database and returns its URL: empty, `migrated`, or a copy of a template."""
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
    """The URL of a fresh database: empty, or the migrated one of `engine` where the test asks for that too."""
    return new_database(migrated="engine" in request.fixturenames, template=history and history.template)


@pytest.fixture
def engine(database_url):
    """An engine on a fresh, migrated database."""
    made = connect(parse_url(database_url), create=True)
    yield made
    made.dispose()


@pytest.fixture
def world(engine, history):
    """A fleet, the simulator that serves it, and the database that watches it: empty at first."""
    with Simulator(Fleet(history.fleet if history else ())) as simulator:
        yield World(engine, simulator, runs=history.runs if history else 0)
