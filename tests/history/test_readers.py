"""Readers: the role that `db grant-reader` sets up, and readers and syncs that never block each other."""

import json
import sqlite3
from contextlib import closing
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from sqlalchemy import event
from sqlalchemy.engine import make_url

from inventory.cli import main
from inventory.simulator import on_page
from inventory.store.catalogue import RELATIONS, VIEWS
from inventory.store.tables import METADATA
from support.marks import ON_POSTGRESQL

EVERYTHING = (*METADATA.tables, *VIEWS, "alembic_version")


@pytest.fixture
def world(world):
    world.put("a", "b", creator_user_nickname="ada")
    world.run()
    return world


@pytest.fixture
def ask(capsys):
    """Return a function that runs a command in this process and returns its stdout and stderr."""

    def command(*words, expect=0):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([*words])
        out, err = capsys.readouterr()
        assert ended.value.code == expect, err + out
        assert "Traceback" not in err
        return out, err

    return command


# --- the reader's role -----------------------------------------------------------------------------------------------


class Role:
    """A role of the test's server. `url` is the URL with which this role connects."""

    def __init__(self, url, name):
        self.name = name
        own = make_url(url).set(username=name, password="secret")
        self.url = own.render_as_string(hide_password=False).replace(" ", "%20")

    def run(self, statement, *names):
        return run(self.url, statement, *names)


def run(url, statement, *names):
    """Execute a statement on a new connection and return its rows. Each `{}` is replaced by one of `names`, quoted."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(SQL(statement).format(*map(Identifier, names)))
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
def role(database_url):
    """Yield a function that creates a role; drop the roles after the test."""
    made = []

    def make(name="reader", rights="LOGIN PASSWORD 'secret'"):
        one = Role(database_url, f"{name}_{uuid4().hex}")
        run(database_url, f"CREATE ROLE {{}} {rights}", one.name)
        made.append(one.name)
        return one

    yield make
    for name in reversed(made):
        run(database_url, "REASSIGN OWNED BY {} TO CURRENT_USER", name)
        run(database_url, "DROP OWNED BY {}", name)
        run(database_url, "DROP ROLE {}", name)


@ON_POSTGRESQL
@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("name", ["reader", 'We"ird; %s %% {} :role --'])
def test_a_reader_reads_everything_and_writes_nothing(name, ask, role, database_url):
    reader = role(name)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.run("SELECT * FROM accounts")
    for _ in range(2):  # a second time does no harm
        out, err = ask("db", "grant-reader", reader.name, "--database", database_url)
        assert out.startswith(f"{reader.name} may read the schema public of ")
        assert err == ""
    for relation in EVERYTHING:
        count = "SELECT count(*) FROM {}"
        assert reader.run(count, relation) == run(database_url, count, relation), relation
    for table in (*METADATA.tables, "alembic_version"):
        for write in (
            "INSERT INTO {} DEFAULT VALUES", "DELETE FROM {}", "TRUNCATE {}", "DROP TABLE {}",
            "ALTER TABLE {} ADD x int",
        ):  # fmt: skip
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.run(write, table)
    for write in (
        "INSERT INTO accounts (account, created_at) VALUES ('mine', now())",
        "UPDATE sync_runs SET status = 'failed'",
        "SELECT nextval('sync_runs_run_id_seq')",
        "SELECT * FROM instance_state FOR UPDATE",
        "CREATE TABLE mine (a int)",
        "CREATE VIEW mine AS SELECT 1",
        "CREATE SCHEMA mine",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.run(write)


@ON_POSTGRESQL
@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("granting", ["the migrating role", "a superuser"])
def test_tables_that_the_migrating_role_creates_later_are_readable_too(granting, ask, role, new_database):
    """The migrating role is no superuser and does not own the database."""
    url = new_database()
    migrating, reader = role("migrating"), role()
    migrating.url = Role(url, migrating.name).url
    run(url, "GRANT CREATE ON SCHEMA public TO {}", migrating.name)
    ask("db", "upgrade", "--database", migrating.url)
    ask("db", "grant-reader", reader.name, "--database", migrating.url if "migrating" in granting else url)
    migrating.run("CREATE TABLE later (a) AS SELECT 42")
    migrating.run("CREATE VIEW later_view AS SELECT * FROM later")
    reader.url = Role(url, reader.name).url
    assert reader.run("SELECT * FROM later_view, later") == [(42, 42)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.run("DELETE FROM later")
    for name in (migrating.name, reader.name):
        run(url, "DROP OWNED BY {}", name)


@pytest.mark.slow
@ON_POSTGRESQL
@pytest.mark.usefixtures("world")
def test_reading_commands_work_as_the_reader_and_sync_does_not(ask, role, database_url, monkeypatch):
    reader = role()
    ask("db", "grant-reader", reader.name, "--database", database_url)
    monkeypatch.setenv("INVENTORY_DATABASE_URL", reader.url)
    (fleet,) = json.loads(ask("list", "--format", "json")[0]).values()
    assert [row["instance_id"] for row in fleet] == ["a", "b"]
    for words in (("status",), ("runs",), ("changes",), ("creators",), ("show", "a"), ("missing",), ("verify",)):
        ask(*words)
    ask("db", "current")
    ask("db", "check")
    monkeypatch.setenv("FAL_KEY", "any")
    assert "permission denied" in ask("sync", expect=7)[1]
    assert "only that role can grant" in ask("db", "grant-reader", reader.name, expect=7)[1]


@ON_POSTGRESQL
@pytest.mark.usefixtures("world")
def test_a_group_becomes_a_reader_for_its_members(ask, role, database_url):
    group, member = role("group", "NOLOGIN"), role()
    run(database_url, "GRANT {} TO {}", group.name, member.name)
    assert "cannot log in" in ask("db", "grant-reader", group.name, "--database", database_url)[1]
    assert member.run("SELECT instance_id FROM instances ORDER BY 1") == [("a",), ("b",)]


@ON_POSTGRESQL
@pytest.mark.usefixtures("world")
def test_a_reader_that_may_create_its_own_tables_is_reported(ask, role, database_url):
    """Before PostgreSQL 15 every role may create tables in the schema public."""
    run(database_url, "GRANT CREATE ON SCHEMA public TO PUBLIC")
    err = ask("db", "grant-reader", role().name, "--database", database_url)[1]
    assert "REVOKE CREATE ON SCHEMA public FROM PUBLIC;" in err
    remedy = err.partition(": REVOKE")[2]
    run(database_url, f"REVOKE{remedy}")
    assert ask("db", "grant-reader", role().name, "--database", database_url)[1] == ""


@ON_POSTGRESQL
@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("name", ["nobody", 'no"body', "public", "", "None; DROP TABLE accounts", "a\udcff"])
def test_a_role_that_does_not_exist_is_a_usage_error_that_says_how_to_create_it(name, ask, database_url):
    out, err = ask("db", "grant-reader", name, "--database", database_url, expect=2)
    quoted = name.replace('"', '""').replace("\udcff", "\ufffd")
    assert (out, err.count("\n")) == ("", 1)
    assert f"CREATE ROLE \"{quoted}\" LOGIN PASSWORD '...';" in err


@ON_POSTGRESQL
@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(
    ("rights", "message"),
    [
        ("GRANT UPDATE (status) ON sync_runs TO {}", "may write to sync_runs"),
        ("GRANT INSERT ON accounts TO PUBLIC", "may write to accounts"),
        ("ALTER ROLE {} SUPERUSER", "superuser"),
    ],
)
def test_a_role_that_may_write_is_refused_and_keeps_its_rights(rights, message, ask, role, database_url):
    writer = role()
    run(database_url, rights, *([writer.name] if "{}" in rights else []))
    acl = "SELECT relname, relacl::text FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1"
    before = run(database_url, acl)
    assert message in ask("db", "grant-reader", writer.name, "--database", database_url, expect=2)[1]
    assert run(database_url, acl) == before
    assert run(database_url, "SELECT * FROM pg_default_acl") == []


@ON_POSTGRESQL
@pytest.mark.usefixtures("world")
def test_a_reader_that_may_not_connect_is_reported_with_the_role_that_can_allow_it(ask, role, database_url):
    """The migrating role does not own the database, so it cannot grant CONNECT. PostgreSQL itself would only warn."""
    migrating, reader = role("migrating"), role()
    base = make_url(database_url).database
    run(database_url, "GRANT CREATE, USAGE ON SCHEMA public TO {}", migrating.name)
    run(database_url, "GRANT CONNECT ON DATABASE {} TO {}", base, migrating.name)
    run(database_url, "REVOKE CONNECT ON DATABASE {} FROM PUBLIC", base)
    for relation in EVERYTHING:
        run(database_url, "ALTER TABLE {} OWNER TO {}", relation, migrating.name)
    assert "only their owner" in ask("db", "grant-reader", reader.name, "--database", migrating.url, expect=7)[1]
    run(database_url, "GRANT CONNECT ON DATABASE {} TO {}", base, reader.name)
    ask("db", "grant-reader", reader.name, "--database", migrating.url)
    assert reader.run("SELECT instance_id FROM instances ORDER BY 1") == [("a",), ("b",)]


@ON_POSTGRESQL
def test_an_empty_database_has_nothing_to_read(ask, database_url):
    assert "is empty" in ask("db", "grant-reader", "reader", "--database", database_url, expect=7)[1]


def test_sqlite_has_no_roles(ask, tmp_path):
    url = f"sqlite:///{tmp_path}/none.db"
    assert "SQLite has no roles" in ask("db", "grant-reader", "reader", "--database", url, expect=2)[1]
    assert list(tmp_path.iterdir()) == []


# --- readers and syncs do not wait for each other --------------------------------------------------------------------


class Reader:
    """A reading transaction that stays open after its first query, as in a BI tool. A query that must wait fails."""

    def __init__(self, url):
        if url.startswith("sqlite"):
            file = url.removeprefix("sqlite:///")
            self.connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=0, isolation_level=None)
            self.connection.execute("BEGIN")
        else:
            self.connection = psycopg.connect(url, options="-c lock_timeout=1")
            self.connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            self.connection.read_only = True

    def look(self):
        """Return a dict from each view to a sorted list of its rows, as texts.

        The length of a gap is left out, because it grows while the gap is open.
        """
        return {
            view: sorted(map(str, self.connection.execute(f"SELECT {columns(view)} FROM {view}"))) for view in VIEWS
        }

    def close(self):
        self.connection.close()


def columns(view):
    (found,) = (relation.columns for relation in RELATIONS if relation.name == view)
    return ", ".join(column.name for column in found if (view, column.name) != ("sync_gaps", "seconds"))


def look(url):
    with closing(Reader(url)) as reader:
        return reader.look()


def change_everything(world):
    world.put("a", status="stopped", creator_user_nickname="ada")
    world.remove("b")
    world.put("c", "d", "e", creator_user_nickname="grace")


@pytest.mark.medium
def test_a_long_reader_blocks_no_sync_and_keeps_its_view(world, database_url):
    with closing(Reader(database_url)) as reader:
        before = reader.look()
        assert len(before["instances"]) == 2
        change_everything(world)
        for _ in range(2):
            outcome = world.run()
            assert (outcome.status, outcome.error) == ("succeeded", None)
        assert reader.look() == before
    assert len(look(database_url)["instances"]) == 5


@pytest.mark.medium
def test_a_sync_in_the_middle_of_its_walk_blocks_no_reader(world, database_url):
    change_everything(world)
    before = look(database_url)
    seen = []

    class Look:
        def play(self, exchange, answer):
            seen.append(look(database_url))
            exchange.reply(answer())

    world.faults.add(Look(), when=on_page(2))
    assert world.run(page_size=2).status == "succeeded"
    (during,) = seen
    freshness = before.pop("sync_freshness"), during.pop("sync_freshness")
    assert during == before
    assert "running" in freshness[1][0]  # a walk writes only the row of its run
    assert "running" not in freshness[0][0]


@pytest.mark.medium
def test_a_sync_in_the_middle_of_writing_blocks_no_reader(world, database_url):
    """After each statement that writes to `instance_versions`, a new reader still sees the fleet as it was."""
    change_everything(world)
    seen = []

    def after(_connection, _cursor, statement, *_):
        if "instance_versions" in statement and statement.startswith(("INSERT", "UPDATE", "WITH")):
            seen.append(look(database_url)["instances"])

    event.listen(world.engine, "after_cursor_execute", after)
    before = look(database_url)["instances"]
    try:
        assert world.run().status == "succeeded"
    finally:
        event.remove(world.engine, "after_cursor_execute", after)
    assert seen
    assert all(found == before for found in seen)
    assert len(look(database_url)["instances"]) == 5
