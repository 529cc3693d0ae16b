"""Damaged databases. `verify` finds all damage that changes an output. No reading command reports damage as a bug."""

import os
import re
import shutil
import sqlite3
from contextlib import closing, suppress
from random import Random

import psycopg
import pytest
import sqlalchemy as sa

from inventory.cli import main
from inventory.config.database_url import parse_url
from inventory.errors import DatabaseError
from inventory.history.verify import verify
from inventory.simulator import Fleet, Simulator
from inventory.store import database, schema
from inventory.store.tables import (
    METADATA,
    JSONText,
    UTCDateTime,
    accounts,
    instance_state,
    instance_versions,
    sync_runs,
)
from support.command import KEY, Command
from support.marks import LONG, some
from support.world import World

CLOSED = {
    ("sync_runs", "status"), ("instance_state", "presence"), ("instance_versions", "opened_as"),
    ("instance_versions", "closed_as"),
}  # fmt: skip
TABLES = (accounts, sync_runs, instance_state, instance_versions)
FLIPS = 60 if LONG else 20
SHOWN = (
    ("list", "--all", "--format", "json"), ("changes", "--limit", "1000", "--format", "json"),
    ("creators", "--format", "json"), ("creators", "--since", "2026-03-06", "--format", "json"),
)  # fmt: skip
ALL_SHOWN = (
    *SHOWN, ("list", "--all"), ("list", "--format", "csv"), ("runs", "--format", "json"), ("runs",),
    ("status", "--format", "json"), ("missing", "--format", "json"), ("show", "i07"),
    ("show", "i07", "--format", "json"),
)  # fmt: skip
ODD_ON_SQLITE = {
    "text": ("x'00ff'", "CAST(x'ff41' AS TEXT)"),
    "json": ("5", "x'00'", "'x{'", "'[1]'", "'\"x\"'"),
    "time": ("'x'", "'1999'", "5", "x'00'", "'2026-13-45 00:00:00.000000'", "'2026-03-06 01:00:00'", "''"),
    "boolean": ("7", "-1", "'x'", "0.5"),
    "integer": ("'x'", "1.5", "-1", "4611686018427387904", "x'00'", "9e999"),
    "float": ("'x'", "9e999", "x'00'"),
    "bytes": ("'x'", "5", "x'00'"),
}
ODD_ON_POSTGRESQL = {
    "text": (),
    "json": ("'5'", "'null'", "'[1]'"),
    "time": ("'infinity'", "'-infinity'", "'4000-01-01 BC'", "'200000-01-01'"),
    "boolean": (),
    "integer": ("-1",),
    "float": ("'NaN'", "'infinity'"),
    "bytes": ("'x'",),
}


class Undo(Exception):
    """An exception that rolls a transaction back."""


@pytest.fixture(scope="module")
def story():
    """Return a function that records three runs of 37 instances in the database of a URL."""

    def record(url):
        engine = database.connect(parse_url(url), create=True)
        schema.upgrade(engine)
        with Simulator(Fleet()) as simulator:
            world = World(engine, simulator)
            for number in range(37):
                world.put(f"i{number:02}", creator_user_nickname="ada" if number % 2 else None, price=number)
            world.run()
            world.put("i07", "i08", status="stopped", creator_user_nickname="grace")
            world.remove("i09")
            world.run(expected_seconds=3600)
            world.put("i09", region="eu-north")
            world.run()
        engine.dispose()

    return record


@pytest.fixture(scope="module")
def whole(story, tmp_path_factory):
    """Return the SQLite file of the story, without -wal or -shm files."""
    file = tmp_path_factory.mktemp("whole") / "whole.db"
    story(f"sqlite:///{file}")
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);")
    return file


def verified(engine):
    """Return the exit code that `inventory verify` would have (0, 7 or 9), without the cost of a command."""
    try:
        schema.require_current(engine)
        with database.reading(engine) as connection:
            return 9 if verify(connection).breaches else 0
    except DatabaseError:
        return 7
    finally:
        engine.dispose()


@pytest.fixture
def run(capsys):
    """Return a function that runs a command in this process and returns its exit code and its stdout."""

    def command(url, *words):
        with pytest.raises(SystemExit) as ended:
            main([*words, "--database", url])
        return ended.value.code or 0, capsys.readouterr().out

    return command


def flips(file, number):
    """Yield `number` pairs: the offset of a byte in the file, and the mask of the bit to flip in this byte.

    The offsets are spread evenly over the pages of the file. Pages of the calendar are left out.
    """
    random = Random(1)
    data = file.read_bytes()
    page_size = int.from_bytes(data[16:18], "big")
    pages = [
        start
        for start in range(0, len(data), page_size)
        if len(re.findall(rb"20[2-4]\d-\d\d-\d\d20[2-4]\d-", data[start : start + page_size])) < 20
    ]
    size = len(pages) * page_size
    for turn in range(number):
        page, place = divmod(min(size - 1, int((turn + random.random()) * size / number)), page_size)
        yield pages[page] + place, 1 << random.randrange(8)


def flip(whole, copy, place, bit):
    """Write the file `whole` to the path `copy`, with one bit changed in the byte at `place`.

    `bit` is the mask of this bit. Files of an earlier copy are removed.
    """
    data = bytearray(whole.read_bytes())
    data[place] ^= bit
    for old in copy.parent.glob(f"{copy.name}*"):
        old.unlink()
    copy.write_bytes(data)


@pytest.mark.slow
def test_a_flipped_bit_is_found_if_it_changes_any_output(whole, tmp_path, run):
    copy = tmp_path / "damaged.db"
    shown = [run(f"sqlite:///{whole}", *words) for words in SHOWN]
    found = changed = 0
    for place, bit in flips(whole, FLIPS):
        flip(whole, copy, place, bit)
        code, _ = run(f"sqlite:///{copy}", "verify")
        assert code in (0, 7, 9), (place, bit)
        others = [run(f"sqlite:///{copy}", *words) for words in SHOWN]
        assert {other for other, _ in others} <= {0, 7}, (place, bit)
        if others != shown:
            changed += 1
            assert code, (place, bit)
        found += bool(code)
    assert found > FLIPS / 5
    assert changed > 0


def test_an_index_that_lacks_a_row_is_found(whole, tmp_path, run):
    copy = tmp_path / "damaged.db"
    shutil.copyfile(whole, copy)
    with closing(sqlite3.connect(copy)) as connection:
        root = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'uq_instance_versions_open'"
        ).fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    data = bytearray(copy.read_bytes())  # change the only page of the index: it now says that it holds one row less
    page = memoryview(data)[(root - 1) * size : root * size]
    cells = int.from_bytes(page[3:5], "big")
    page[3:5] = (cells - 1).to_bytes(2, "big")
    copy.write_bytes(data)
    code, printed = run(f"sqlite:///{copy}", "verify")
    assert code == 9
    assert printed.startswith("storage: ")
    assert "uq_instance_versions_open" in printed


def test_a_view_with_another_meaning_is_found(whole, tmp_path, run):
    copy = tmp_path / "damaged.db"
    shutil.copyfile(whole, copy)
    with closing(sqlite3.connect(copy)) as connection:
        (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'live_instances'").fetchone()
        connection.executescript(f"DROP VIEW live_instances; {sql} AND status IS NOT 'stopped'")
    what = "the view live_instances differs from the one that this version creates, and may give wrong answers"
    code, printed = run(f"sqlite:///{copy}", "verify")
    assert (code, printed.splitlines()[0]) == (9, f"storage: {what}")
    assert run(f"sqlite:///{copy}", "db", "check")[0] == 7


def test_every_command_that_checks_finds_a_damaged_page(whole, tmp_path):
    copy = tmp_path / "damaged.db"
    with closing(sqlite3.connect(whole)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'instance_versions'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    data = bytearray(whole.read_bytes())
    data[(root - 1) * size + 200 : root * size] = bytes(size - 200)
    copy.write_bytes(data)
    with Simulator(Fleet()) as simulator:
        run = Command(
            tmp_path, FAL_KEY=KEY, INVENTORY_DATABASE_URL=f"sqlite:///{copy}", INVENTORY_API_URL=simulator.url
        )
        assert run("verify", expect=9).stdout.startswith("storage: ")
        assert f"The database {copy} is damaged: " in run("db", "check", expect=7).stderr
        assert f"The database {copy} is damaged: " in run("doctor", "--format", "csv", expect=7).stdout


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_an_index_of_postgresql_that_lacks_a_row_is_found_by_amcheck(story, database_url, run):
    story(database_url)
    name = "ix_instance_versions_valid_from_valid_to"
    with psycopg.connect(database_url, autocommit=True) as connection:
        code, _ = run(database_url, "verify")
        assert code == 0
        connection.execute("CREATE SCHEMA tools; CREATE EXTENSION amcheck SCHEMA tools")
        assert run(database_url, "verify")[0] == 0
        ready = "UPDATE pg_index SET indisready = %s WHERE indexrelid = %s::regclass"
        connection.execute(ready, (False, name))
        connection.execute("CREATE TEMPORARY TABLE kept AS SELECT * FROM instance_versions WHERE instance_id = 'i07'")
        connection.execute("DELETE FROM instance_versions WHERE instance_id = 'i07'")
        connection.execute("INSERT INTO instance_versions SELECT * FROM kept")
        connection.execute(ready, (True, name))
    code, printed = run(database_url, "verify")
    assert code == 9
    assert printed.startswith(f"storage: index {name}: ")


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_unchecked_postgresql_tables_and_indexes_are_reported_with_the_remedy(story, database_url, capsys):
    story(database_url)

    def message():
        with pytest.raises(SystemExit) as ended:
            main(["verify", "--database", database_url])
        assert ended.value.code is None or ended.value.code == 0
        return capsys.readouterr().err

    assert message() == (
        "The server did not check its tables and indexes for damage: the extension amcheck is not installed. "
        "To have them checked: CREATE EXTENSION amcheck;\n"
    )
    with psycopg.connect(database_url, autocommit=True) as connection:
        # amcheck 1.0 is too old for any server. pg_upgrade from PostgreSQL 13 leaves 1.2, which does not check tables
        for old in ("1.0", "1.2") if connection.info.server_version >= 140_000 else ("1.0",):
            connection.execute(f"CREATE EXTENSION amcheck VERSION '{old}'")
            assert message() == (
                "The server did not check its tables and indexes for damage: "
                "the extension amcheck is older than the server. "
                "To have them checked: ALTER EXTENSION amcheck UPDATE;\n"
            )
            connection.execute("ALTER EXTENSION amcheck UPDATE")
            assert message() == ""
            connection.execute("DROP EXTENSION amcheck")


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_role_that_may_not_use_amcheck_is_told_what_to_grant_and_that_is_enough(story, database_url, capsys):
    story(database_url)
    role = f"verifier_{os.getpid()}"
    given = sa.make_url(database_url)
    url = given.set(username=role).render_as_string(hide_password=False)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA tools; CREATE EXTENSION amcheck SCHEMA tools")
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{given.password or ''}'")
        connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
        try:
            for _ in range(2):
                with pytest.raises(SystemExit) as ended:
                    main(["verify", "--database", url])
                assert not ended.value.code
                told = capsys.readouterr().err
                if told:
                    why, _, remedy = told.partition(" To have them checked: ")
                    assert why.endswith("for damage: this role may not use the extension amcheck.")
                    connection.execute(remedy.partition(" or run as ")[0].replace("...", role))
            assert told == ""
        finally:
            connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def kind_of(column):
    kinds = {
        UTCDateTime: "time", JSONText: "json", sa.Boolean: "boolean", sa.Integer: "integer", sa.Double: "float",
        sa.LargeBinary: "bytes",
    }  # fmt: skip
    return next((kind for type_, kind in kinds.items() if isinstance(column.type, type_)), "text")


def impossible(odd):
    """Yield tuples of a table, a column, and a value that the program never writes into this column.

    The value is SQL text. `odd` is a dict from the kind of a column to such values. For a column that is NOT NULL, NULL
    is added. For a column in CLOSED, which takes only a few words, another word is added. Each column of TABLES comes
    with all of its values if LONG is true, else with one of them.
    """
    columns = [column for table in TABLES for column in table.c]
    for number, column in enumerate(columns):
        closed = ["'zombie'"] if (column.table.name, column.name) in CLOSED else []
        values = [*odd[kind_of(column)], *closed, *([] if column.nullable else ["NULL"])]
        for value in some(values, one_in=max(len(values), 1), first=number):
            yield column.table.name, column.name, value


ROW = {
    "accounts": "account = 'default'",
    "sync_runs": "run_id = 2",
    "instance_state": "instance_id = 'i07'",
    "instance_versions": "instance_id = 'i07' AND opened_by_run_id = 1",
}


def lax(file):
    """Return a connection to a SQLite file that enforces neither CHECK constraints nor foreign keys."""
    connection = sqlite3.connect(file)
    connection.executescript("PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF;")
    return connection


def update(file, table, column, value):
    """Write a value into a column of one row of the table, and return whether SQLite accepted it.

    The value is SQL text. ROW[table] is the condition for the row. If the value is NULL, NOT NULL is lifted first.
    """
    with closing(lax(file)) as connection:
        (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        if value == "NULL":  # no pragma turns NOT NULL off
            connection.execute("PRAGMA writable_schema = ON")
            free = "UPDATE sqlite_master SET sql = replace(sql, ' NOT NULL', '') WHERE name = ?"
            connection.execute(free, (table,))
            connection.commit()
    with closing(lax(file)) as connection:
        try:
            connection.execute(f"UPDATE {table} SET {column} = {value} WHERE {ROW[table]}")
            connection.commit()
        except (sqlite3.IntegrityError, sqlite3.OperationalError):
            return False
        if value == "NULL":
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute("UPDATE sqlite_master SET sql = ? WHERE name = ?", (sql, table))
            connection.commit()
    return True


@pytest.mark.slow
def test_an_impossible_value_is_found_in_any_column_of_sqlite(whole, tmp_path):
    copy = tmp_path / "damaged.db"
    shutil.copyfile(whole, copy)
    engine = database.connect(parse_url(f"sqlite:///{copy}"))
    tried = 0
    for case in impossible(ODD_ON_SQLITE):
        shutil.copyfile(whole, copy)
        if not update(copy, *case):
            continue
        tried += 1
        code = verified(engine)
        if case == ("accounts", "lease_run_id", "4611686018427387904"):  # any integer may be the id of a run
            continue
        assert code in (7, 9), case
    assert tried > (300 if LONG else 60)


@pytest.mark.slow
def test_no_reading_command_reports_an_impossible_value_as_a_bug(whole, tmp_path, run):
    copy, tried = tmp_path / "damaged.db", 0
    for table in ("instance_state", "instance_versions"):
        for column, value in (
            ("valid_from", "NULL"), ("valid_to", "'x'"), ("last_seen_at", "5"), ("first_seen_at", "x'00'"),
            ("extra", "'x{'"), ("extra", "5"), ("status", "x'00ff'"), ("status", "CAST(x'ff41' AS TEXT)"),
            ("held", "7"), ("gpu_count", "'x'"), ("account", "x'00'"), ("instance_id", "x'00'"), ("episode", "NULL"),
        ):  # fmt: skip
            shutil.copyfile(whole, copy)
            if column in METADATA.tables[table].c and update(copy, table, column, value):
                tried += 1
                for words in ALL_SHOWN:
                    code, _ = run(f"sqlite:///{copy}", *words)
                    assert code in (0, 2, 7), (table, column, value, words)
    assert tried == 20


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_an_impossible_value_is_found_in_any_column_of_postgresql(story, database_url):
    story(database_url)
    engine = database.connect(parse_url(database_url))

    with database.writing(engine) as connection:  # drop the constraints that would refuse the values
        for table, name in connection.exec_driver_sql(
            "SELECT relname, conname FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid "
            "WHERE relname IN ('accounts', 'sync_runs', 'instance_state', 'instance_versions') "
            "AND contype IN ('c', 'f', 'p') ORDER BY contype"
        ).all():
            connection.exec_driver_sql(f"ALTER TABLE {table} DROP CONSTRAINT {name} CASCADE")
        for table in TABLES:
            for column in table.c:
                connection.exec_driver_sql(f"ALTER TABLE {table.name} ALTER {column.name} DROP NOT NULL")
    tried = 0
    for case in impossible(ODD_ON_POSTGRESQL):
        table, column, value = case
        with suppress(Undo), database.writing(engine) as connection:
            connection.exec_driver_sql(f"UPDATE {table} SET {column} = {value} WHERE {ROW[table]}")
            assert verify(connection).breaches, case
            tried += 1
            raise Undo
    assert tried > (100 if LONG else 60)
    engine.dispose()


@pytest.mark.parametrize("table", ["sync_runs", "instance_state", "instance_versions"])
def test_rows_of_an_account_that_does_not_exist_are_found(whole, tmp_path, run, table):
    copy = tmp_path / "damaged.db"
    shutil.copyfile(whole, copy)
    with closing(lax(copy)) as connection:
        connection.execute(f"UPDATE {table} SET account = 'nobody' WHERE {ROW[table]}")
        connection.commit()
    code, printed = run(f"sqlite:///{copy}", "verify")
    assert code == 9
    assert f"account: account nobody: rows of {table} name this account, but it does not exist" in printed.splitlines()
    assert ("storage: a row of sync_runs refers to a row of accounts that is not there" in printed) == (
        table == "sync_runs"
    )


def test_rows_of_a_table_of_the_user_may_refer_to_nothing(whole, tmp_path, run):
    copy = tmp_path / "noted.db"
    shutil.copyfile(whole, copy)
    with closing(lax(copy)) as connection:
        connection.executescript("""
            CREATE TABLE notes (account TEXT REFERENCES accounts (account), note TEXT);
            INSERT INTO notes VALUES ('nobody', 'x');
            CREATE TABLE tags (provider TEXT REFERENCES accounts (provider));
            INSERT INTO tags VALUES ('fal');
        """)
    code, printed = run(f"sqlite:///{copy}", "verify")
    assert (code, printed.count("notes")) == (0, 0), printed
