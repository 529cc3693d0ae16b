"""Settings and encodings of PostgreSQL: each is refused in one line, or changes nothing that is stored or shown."""

from contextlib import contextmanager
from datetime import UTC, datetime

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from inventory.config.database_url import parse_url
from inventory.errors import WrongSchema
from inventory.simulator import Fleet, Simulator
from inventory.store import database, schema
from inventory.store.catalogue import VIEWS
from inventory.store.tables import METADATA
from support.command import KEY, Command
from support.pgbouncer import pgbouncer
from support.world import World

HOSTILE = {
    "array_nulls": "off",
    "backslash_quote": "on",
    "bytea_output": "escape",
    "client_encoding": "LATIN1",
    "cursor_tuple_fraction": "0.0001",
    "DateStyle": "German, DMY",
    "default_transaction_deferrable": "on",
    "default_transaction_isolation": "serializable",
    "enable_indexscan": "off",
    "enable_nestloop": "off",
    "escape_string_warning": "on",
    "extra_float_digits": "-15",
    "IntervalStyle": "iso_8601",
    "lock_timeout": "1ms",
    "quote_all_identifiers": "on",
    "standard_conforming_strings": "off",
    "statement_timeout": "1min",
    "TimeZone": "<+0545>-05:45",
    "transform_null_equals": "on",
    "xmloption": "document",
}


@pytest.fixture
def backend():
    """Return "postgresql": SQLite has no such settings, so the tests here do not use it."""
    return "postgresql"


def names(url):
    """Return the names of the database and the role of a URL, quoted for SQL."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT quote_ident(current_database()), quote_ident(current_user)").fetchone()
    return row or ("", "")


def alter(url, **settings):
    """Change settings of the database of the URL, and of its role in this database.

    PostgreSQL prefers a setting of the role to one of the database.
    """
    name, role = names(url)
    with psycopg.connect(url, autocommit=True) as connection:
        for setting, value in settings.items():
            connection.execute(f"ALTER DATABASE {name} SET {setting} = '{value}'")
            connection.execute(f"ALTER ROLE {role} IN DATABASE {name} SET {setting} = '{value}'")


@contextmanager
def a_world(url):
    engine = database.connect(parse_url(url))
    try:
        with Simulator(Fleet()) as simulator:
            yield World(engine, simulator)
    finally:
        engine.dispose()


def story(url):
    """Record three runs with values of many kinds. Return a dict from each relation to its rows, as sorted texts.

    The calendar is left out.
    """
    with a_world(url) as world:
        schema.upgrade(world.engine)
        world.put("a", "b", creator_user_nickname=None, sector="null", ip="NULL")
        world.put("c", instance_type=None, region=None, creator_user_nickname="Åsa 李 \\' \" \U0001f600")
        world.put("d", price={"per\\hour": 0.1 + 0.2, "list": [None, "é", 1e300]}, sector='{"a\\b",c}')
        world.run(expected_seconds=1 / 3)
        world.put("a", status="it's \\\\n")
        world.put("c", instance_type=None, region="us-west")
        world.remove("b")
        world.run(expected_seconds=1 / 3)
        world.remove("d")
        world.put("b", price=1.5)
        world.run(expected_seconds=1e9)  # so no gap is open: the length of an open gap grows
        assert schema.differences(world.engine) == []
        with database.reading(world.engine) as connection:
            return {
                name: sorted(comparable(row, world) for row in connection.execute(lasting(name)))
                for name in (*METADATA.tables, *VIEWS)
                if name != "calendar"
            }


def lasting(name):
    """Return a query for those rows of a relation that do not depend on the date of today."""
    period = "WHERE day < '2026-04-01'" if name == "observation_daily" else ""
    return sa.text(f"SELECT * FROM {name} {period}")


def comparable(row, world):
    """Return a row as text. Times are in UTC, whatever the time zone of the session.

    The id of the log and the columns that depend on it are left out: the id is random. The URL of the simulator, which
    has another port each time, is replaced by a fixed text.
    """
    values = {
        name: value.astimezone(UTC) if isinstance(value, datetime) else value
        for name, value in row._mapping.items()  # noqa: SLF001 - SQLAlchemy documents it
        if name not in {"log_id", "log_start", "log_frontier", "entry_hash"}
    }
    return repr(values).replace(world.simulator.url, "the API")


@pytest.fixture(scope="module")
def plain(postgres):
    """Return what `story` returns for a database without changed settings."""
    with postgres.database() as name:
        return story(postgres.url_of(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_a_setting_of_the_database_or_role_changes_nothing_that_is_stored_or_shown(database_url, plain, name):
    alter(database_url, **{name: HOSTILE[name]})
    assert story(database_url) == plain


@pytest.mark.pooler
def test_all_settings_together_change_nothing_behind_a_pooler_in_transaction_mode(database_url, plain):
    alter(database_url, **HOSTILE)
    with pgbouncer(make_url(database_url)) as url:
        assert story(url.render_as_string(hide_password=False)) == plain


@pytest.mark.slow
def test_the_variables_of_libpq_change_nothing(database_url, plain, monkeypatch):
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    monkeypatch.setenv("PGDATESTYLE", "German, DMY")
    monkeypatch.setenv("PGTZ", "<+0545>-05:45")
    monkeypatch.setenv("PGOPTIONS", "-c array_nulls=off -c extra_float_digits=-15")
    assert story(database_url) == plain


@pytest.fixture
def run(database_url, tmp_path):
    fleet = Fleet()
    with Simulator(fleet) as simulator:
        fleet.put({"id": "a", "instance_type": "gpu_8x_h100_sxm5", "creator_user_nickname": "李"})
        yield Command(
            tmp_path, FAL_KEY=KEY, INVENTORY_DATABASE_URL=database_url, INVENTORY_API_URL=simulator.url,
            INVENTORY_RETRY_ATTEMPTS="1",
        )  # fmt: skip


@pytest.mark.slow
def test_the_commands_that_use_a_database_work_under_all_these_settings(run, database_url, new_database):
    alter(database_url, **HOSTILE)
    run("sync", PGCLIENTENCODING="LATIN1")
    assert "李" in run("list", PGCLIENTENCODING="LATIN1").stdout
    for words in (
        ("verify",), ("db", "upgrade"), ("db", "current"), ("db", "check"), ("doctor",), ("status",), ("changes",),
        ("changes", "--operators"), ("creators",), ("runs",), ("missing",), ("missing", "--accept"), ("show", "a"),
        ("account", "list"), ("export", "lake"), ("report",), ("checkpoint",),
        ("prune", "--before", "0s"), ("account", "rename", "default", "other"), ("account", "retire", "other"),
        ("verify",),
    ):  # fmt: skip
        assert "unknown" not in run(*words).stderr  # psycopg would warn of an "unknown PostgreSQL timezone"
    demo_url = new_database()
    alter(demo_url, **HOSTILE)
    run("demo", "--days", "1", "--database", demo_url)
    run("verify", "--database", demo_url)


# -- refused encodings and read-only databases


@pytest.fixture(params=["SQL_ASCII", "LATIN1"])
def other_encoding(request, postgres):
    """Yield the URL of a database in an encoding other than UTF-8, and the name of the encoding."""
    options = f"ENCODING '{request.param}' LC_COLLATE 'C' LC_CTYPE 'C'"
    with postgres.database(options=options) as name:
        yield postgres.url_of(name), request.param


@pytest.mark.medium
def test_an_encoding_other_than_utf_8_is_refused_before_anything_is_written(run, other_encoding):
    url, encoding = other_encoding
    for words in (("sync",), ("db", "upgrade"), ("list",), ("verify",), ("status",), ("demo", "--database", url)):
        done = run(*words, expect=7, INVENTORY_DATABASE_URL=url, PGCLIENTENCODING=encoding)
        (line,) = done.stderr.splitlines()[-1:]
        assert f"has the encoding {encoding}" in line
        assert "CREATE DATABASE inventory ENCODING 'UTF8' TEMPLATE template0" in line
    done = run("doctor", expect=7, INVENTORY_DATABASE_URL=url)
    assert f"has the encoding {encoding}" in done.stdout
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM pg_class WHERE relname = 'accounts'").fetchone() == (0,)


def test_the_scheduler_does_not_wait_for_a_database_of_another_encoding(run, other_encoding):
    url, encoding = other_encoding
    assert f"has the encoding {encoding}" in run("run", expect=7, INVENTORY_DATABASE_URL=url).stderr


@pytest.mark.pooler
def test_the_encoding_is_refused_behind_a_pooler_too(other_encoding):
    url, _ = other_encoding
    with pgbouncer(make_url(url)) as pooled:
        engine = database.connect(parse_url(pooled.render_as_string(hide_password=False)))
        with pytest.raises(WrongSchema, match="ENCODING 'UTF8'"), database.reading(engine):
            pass
        engine.dispose()


@pytest.mark.slow
def test_a_database_that_is_set_to_read_only_can_be_read_but_not_written(run, database_url):
    run("sync")
    alter(database_url, default_transaction_read_only="on")
    for words in (("list",), ("verify",), ("status",), ("runs",), ("db", "check")):
        run(*words)
    for words in (("sync",), ("prune", "--before", "1d"), ("account", "retire", "default"), ("db", "upgrade")):
        (line,) = run(*words, expect=7).stderr.splitlines()[-1:]
        assert "may only be read; nothing was written: default_transaction_read_only is on, by a setting of" in line
    done = run("doctor", expect=7)
    assert "default_transaction_read_only is on" in done.stdout
    assert len(run("runs", "--format", "csv").stdout.splitlines()) == 2


def test_doctor_reports_a_read_only_setting_of_an_empty_database(run, database_url):
    alter(database_url, default_transaction_read_only="on")
    assert "default_transaction_read_only is on" in run("doctor", expect=7).stdout
