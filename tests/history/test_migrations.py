"""The database schema: migrations, databases that are refused, constraints, and that both backends store the same."""

import ast
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import _render_cmd_body
from alembic.script import ScriptDirectory
from pytest_alembic.tests import (  # noqa: F401 - its --test-alembic collects nothing under pytest 9
    test_model_definitions_match_ddl,
    test_single_head_revision,
    test_up_down_consistency,
    test_upgrade,
)

from inventory.config.database_url import parse_url, sqlite_path
from inventory.errors import DatabaseError, UsageError
from inventory.store import schema
from inventory.store.bulk import insert_rows, update_rows
from inventory.store.database import connect, is_sqlite, reading, writing
from inventory.store.tables import METADATA, accounts, calendar, instance_state, instance_versions, sync_runs
from support.catalogue import catalogue, downgrade
from support.marks import rule

CHECKOUT = Path(__file__).parents[2]
VIEWS = (  # in an order in which they can be created
    "instances", "live_instances", "instance_events", "instance_field_changes", "instance_episodes",
    "creators", "fleet_daily", "sync_freshness", "sync_gaps", "observation_daily",
)  # fmt: skip
NOON = datetime(2026, 3, 7, 12, tzinfo=UTC)
ODD_TEXT = """quote ' double " back\\slash {braces} [brackets] :name %s %(x)s ; -- é 漢 🦀 \t\n , NULL"""


@pytest.fixture
def empty(database_url):
    """Yield an engine for a new, empty database."""
    made = connect(parse_url(database_url), create=True)
    yield made
    made.dispose()


@pytest.fixture
def alembic_config():
    return schema.config()


@pytest.fixture
def alembic_engine(empty):
    """Yield a connection. pytest-alembic calls this fixture an engine, but env.py gets its value as `connection`."""
    with empty.connect() as connection:
        yield connection


def relations(engine):
    inspector = sa.inspect(engine)
    return set(inspector.get_table_names()), set(inspector.get_view_names())


def revisions():
    """Return the ids of all revisions, the oldest first."""
    return [script.revision for script in ScriptDirectory.from_config(schema.config()).walk_revisions()][::-1]


def run(engine, *statements):
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))


# How the schema is created


@pytest.mark.medium
def test_an_empty_database_is_upgraded_to_the_newest_revision(empty):
    assert relations(empty) == (set(), set())

    schema.upgrade(empty)

    assert relations(empty) == ({*METADATA.tables, "alembic_version"}, set(VIEWS))
    assert schema.differences(empty) == []
    schema.require_current(empty)


@pytest.mark.medium
def test_a_full_downgrade_and_upgrade_give_the_same_schema(empty):
    schema.upgrade(empty)
    before = catalogue(empty)

    downgrade(empty, "base")
    assert relations(empty) == ({"alembic_version"}, set())

    schema.upgrade(empty)
    assert catalogue(empty) == before
    assert schema.differences(empty) == []


def test_a_second_upgrade_changes_nothing(engine):
    before = catalogue(engine)
    schema.upgrade(engine)
    schema.prepare(engine, auto_migrate=True)
    assert catalogue(engine) == before


def clauses(sql):
    """Return the clauses of a CREATE statement: texts of columns and constraints, without line breaks.

    Sort them before a comparison: ADD COLUMN puts a column after the constraints, and CREATE TABLE before them.
    """
    depth, found = 0, [""]
    for each in sql:
        depth += {"(": 1, ")": -1}.get(each, 0)
        if each == "," and depth == 1:
            found.append("")
        else:
            found[-1] += each
    return [" ".join(clause.split()).rstrip(" )") for clause in found]


def test_the_migrations_create_exactly_the_declared_tables(engine, new_database):
    """Compare also what Alembic leaves out: CHECK constraints, primary keys, WITHOUT ROWID, names of constraints."""

    def statements(engine):
        if not is_sqlite(engine):
            return catalogue(engine)[:3]
        with engine.connect() as connection:
            made = connection.execute(sa.text("SELECT name, sql FROM sqlite_master WHERE type != 'view'"))
            return {name: sorted(clauses(sql or "")) for name, sql in made}

    other = connect(parse_url(new_database()), create=True)
    METADATA.create_all(other)
    expected = statements(other)
    other.dispose()

    run(engine, *(f"DROP VIEW {view}" for view in reversed(VIEWS)), "DROP TABLE alembic_version")
    assert statements(engine) == expected


def test_a_difference_between_tables_and_database_is_found(engine):
    run(
        engine,
        "DROP INDEX ix_instance_versions_valid_to",
        "ALTER TABLE typed ADD COLUMN surplus TEXT",
        "CREATE TABLE stray (id INTEGER)",
    )
    kinds = {change[0] for change in schema.differences(engine)}
    assert kinds == {"add_index", "remove_column"}  # a table that is not inventory's is ignored


@pytest.mark.medium
def test_an_autogenerated_revision_imports_nothing_of_inventory(alembic_runner, alembic_engine):
    """A revision must still work when the program has changed, so it uses plain types of SQLAlchemy only."""
    alembic_runner.migrate_up_to("heads")
    for view in reversed(VIEWS):
        alembic_engine.execute(sa.text(f"DROP VIEW {view}"))
    for column in ("extra", "first_seen_at", "seen_run_id"):
        alembic_engine.execute(sa.text(f"ALTER TABLE instance_state DROP COLUMN {column}"))
    alembic_engine.commit()
    rendered = []

    def render(context, _revision, directives):
        rendered.append(_render_cmd_body(directives[0].upgrade_ops, AutogenContext(context)))

    alembic_runner.generate_revision(message="x", autogenerate=True, process_revision_directives=render)

    assert "first_seen_at" in rendered[0]
    assert "extra" in rendered[0]
    assert "inventory" not in rendered[0]


@pytest.mark.slow
def test_two_first_starts_at_the_same_time_both_succeed(database_url):
    program = (
        "import sys; from inventory.store import schema; from inventory.store.database import connect\n"
        "from inventory.config.database_url import parse_url\n"
        "import alembic.command, psycopg\n"
        "engine = connect(parse_url(sys.argv[1]), create=True)\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "schema.prepare(engine, auto_migrate=True); engine.dispose()\n"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", program, database_url],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=CHECKOUT,
        )
        for _ in range(2)
    ]  # fmt: skip
    for process in both:
        assert process.stdout.readline() == "ready\n", process.communicate()[1]
    for process in both:
        process.stdin.write("\n")
        process.stdin.flush()
    assert [(process.communicate(timeout=60)[1], process.returncode) for process in both] == [("", 0), ("", 0)]

    engine = connect(parse_url(database_url))
    schema.require_current(engine)
    engine.dispose()


@pytest.mark.slow
def test_alembic_upgrade_head_from_a_checkout_gives_the_same_schema(engine, new_database):
    url = new_database()
    done = subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        cwd=CHECKOUT, env={**os.environ, "INVENTORY_DATABASE_URL": url}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr

    other = connect(parse_url(url))
    schema.require_current(other)
    assert catalogue(other) == catalogue(engine)
    other.dispose()


def test_the_newest_revision_file_is_the_revision_of_this_program():
    script = ScriptDirectory.from_config(schema.config())
    assert script.get_heads() == [schema.HEAD]
    files = sorted(file.name for file in (schema.location() / "versions").glob("*.py"))
    assert files[-1].startswith(f"{schema.HEAD}_")
    assert [name.partition("_")[0] for name in files] == revisions()


@pytest.mark.parametrize("file", sorted((CHECKOUT / "migrations/versions").glob("*.py")), ids=lambda file: file.stem)
def test_a_revision_file_imports_nothing_of_inventory(file):
    modules = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            modules.update(name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module or ".")
    assert not {name for name in modules if name.partition(".")[0] in ("inventory", "")}


# What is refused


def test_a_newer_revision_is_refused(engine):
    run(engine, "UPDATE alembic_version SET version_num = '9999'")
    before = catalogue(engine)

    for refuse in (
        lambda: schema.require_current(engine),
        lambda: schema.prepare(engine, auto_migrate=True),
        lambda: schema.prepare(engine, auto_migrate=False),
        lambda: schema.upgrade(engine),
    ):
        with pytest.raises(DatabaseError, match=r"revision 9999.*Install the newer version\.$") as refused:
            refuse()
        assert refused.value.exit_code == 7
    assert catalogue(engine) == before


@pytest.mark.medium
def test_every_older_revision_is_an_error_that_names_the_command(empty):
    """Check that an empty database and a database at each older revision are refused and stay unchanged.

    At the end, `prepare` with `auto_migrate=True` upgrades the database to the newest revision.
    """
    for older in [None, *revisions()[:-1]]:
        if older is not None:
            schema.upgrade(empty, older)
        before = catalogue(empty)
        for refuse in (
            lambda: schema.require_current(empty),
            lambda: schema.prepare(empty, auto_migrate=False),
        ):
            with pytest.raises(DatabaseError, match="`inventory db upgrade`") as refused:
                refuse()
            assert refused.value.exit_code == 7
        assert catalogue(empty) == before
    schema.prepare(empty, auto_migrate=True)
    schema.require_current(empty)


def test_a_newer_program_refuses_the_current_revision(engine, monkeypatch):
    monkeypatch.setattr(schema, "HEAD", "tomorrow")
    for refuse in (lambda: schema.require_current(engine), lambda: schema.prepare(engine, auto_migrate=False)):
        with pytest.raises(DatabaseError, match=f"older revision {revisions()[-1]}. Run `inventory db upgrade` first"):
            refuse()


def test_an_unknown_revision_to_upgrade_to_is_a_usage_error(empty):
    with pytest.raises(UsageError, match="There is no revision 'nonsense'"):
        schema.upgrade(empty, "nonsense")
    assert relations(empty) == (set(), set())


@pytest.mark.parametrize(
    "foreign",
    [
        ["CREATE TABLE people (name TEXT)", "INSERT INTO people VALUES ('Ada')"],
        ["CREATE TABLE accounts (name TEXT)"],
        ["CREATE TABLE alembic_version (version_num TEXT)", "INSERT INTO alembic_version VALUES ('0001')"],
        [
            "CREATE TABLE alembic_version (version_num TEXT)",
            "INSERT INTO alembic_version VALUES ('0001')",
            "CREATE TABLE accounts (name TEXT)",
        ],
        ["CREATE TABLE accounts (name TEXT)", "CREATE TABLE sync_runs (name TEXT)"],
    ],
    ids=["another_table", "a_table_of_our_name", "another_alembic", "another_alembic_and_our_name", "no_alembic"],
)
def test_a_database_of_another_program_is_refused_and_unchanged(empty, foreign):
    run(empty, *foreign)
    before = catalogue(empty)
    empty.dispose()
    file = sqlite_path(empty.url)
    content = file.read_bytes() if file else None

    for refuse in (
        lambda: schema.require_current(empty),
        lambda: schema.prepare(empty, auto_migrate=True),
        lambda: schema.prepare(empty, auto_migrate=False),
        lambda: schema.upgrade(empty),
    ):
        with pytest.raises(DatabaseError, match="tables that are not inventory's; nothing was written") as refused:
            refuse()
        assert refused.value.exit_code == 7
    assert catalogue(empty) == before
    empty.dispose()
    assert (file.read_bytes() if file else None) == content


# What the database enforces and holds


@rule("a-change-opens-a-version")
def test_an_instance_has_at_most_one_open_version(engine):
    def version(**other):
        return {
            "account": "default", "instance_id": "i-1", "episode": 1, "valid_from": NOON, "valid_to": None,
            "opened_by_run_id": 1, "opened_as": "appeared", "closed_as": None, **other,
        }  # fmt: skip

    later = NOON + timedelta(hours=1)
    with writing(engine) as connection:
        insert_rows(connection, instance_versions, [
            version(),
            version(valid_from=NOON - timedelta(hours=1), valid_to=NOON, closed_as="changed"),
            version(instance_id="i-2"),
            version(account="other"),
        ])  # fmt: skip
    with pytest.raises(DatabaseError, match=r"(?i)unique"), writing(engine) as connection:
        insert_rows(connection, instance_versions, [version(valid_from=later, opened_as="changed")])
    with writing(engine) as connection:
        key = {"account": "default", "instance_id": "i-1", "valid_from": NOON}
        closed = {**key, "valid_to": later, "closed_as": "changed"}
        assert update_rows(connection, instance_versions, list(key), [closed]) == 1
        insert_rows(connection, instance_versions, [version(valid_from=later, opened_as="changed")])


def a_run(**other):
    return {
        "account": "default", "trigger": "manual", "status": "running", "started_at": NOON, "heartbeat_at": NOON,
        "api_url": "https://api.fal.ai/v1", "version": "0", **other,
    }  # fmt: skip


def test_an_account_has_at_most_one_running_run(engine):
    later = NOON + timedelta(seconds=1)
    with writing(engine) as connection:
        insert_rows(connection, accounts, [{"account": name, "created_at": NOON} for name in ("default", "other")])
        insert_rows(connection, sync_runs, [a_run(), a_run(account="other")])
    with pytest.raises(DatabaseError, match=r"(?i)unique"), writing(engine) as connection:
        insert_rows(connection, sync_runs, [a_run(started_at=later)])
    with writing(engine) as connection:
        connection.execute(sa.update(sync_runs).values(status="abandoned"))
        insert_rows(connection, sync_runs, [a_run(started_at=later)])


def test_a_run_has_a_time_of_its_own_a_known_status_and_an_account_that_exists(engine):
    with writing(engine) as connection:
        insert_rows(connection, accounts, [{"account": "default", "created_at": NOON}])
        insert_rows(connection, sync_runs, [a_run(status="failed")])
    later = NOON + timedelta(seconds=1)
    for refused, constraint in (
        (a_run(status="succeeded"), "unique"),
        (a_run(started_at=later, status="nonsense"), "check"),
        (a_run(started_at=later, account="nobody"), "foreign key"),
    ):
        with pytest.raises(DatabaseError, match=f"(?i){constraint}"), writing(engine) as connection:
            insert_rows(connection, sync_runs, [refused])


@pytest.mark.medium
def test_the_calendar_holds_every_day_from_2020_to_2049_with_its_week_and_month(engine):
    with reading(engine) as connection:
        rows = [tuple(row) for row in connection.execute(sa.select(calendar).order_by(calendar.c.day))]
    assert [day for day, _, _ in rows] == [date(2020, 1, 1) + timedelta(days=n) for n in range(10_958)]
    assert rows[0] == (date(2020, 1, 1), date(2019, 12, 30), date(2020, 1, 1))
    assert rows[-1] == (date(2049, 12, 31), date(2049, 12, 27), date(2049, 12, 1))
    assert all(week.weekday() == 0 and timedelta(0) <= day - week < timedelta(days=7) for day, week, _ in rows)
    assert all(month == date(day.year, day.month, 1) for day, _, month in rows)


@pytest.mark.medium
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_sqlite_file_is_in_wal_mode(empty):
    schema.upgrade(empty)
    with empty.connect() as connection:
        assert connection.execute(sa.text("PRAGMA journal_mode")).scalar() == "wal"
    empty.dispose()
    header = sqlite_path(empty.url).read_bytes()[:20]
    assert header[18:20] == b"\x02\x02"  # WAL mode is stored in the file, for every program that opens it


# Both backends store the same


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_the_postgresql_session_of_the_tests_is_in_a_zone_other_than_utc(engine):
    with engine.connect() as connection:
        assert connection.execute(sa.text("SHOW timezone")).scalar() == "Asia/Kathmandu"


@rule("times-are-utc")
@pytest.mark.parametrize("microsecond", [0, 123456])
def test_a_time_of_any_zone_is_read_back_as_the_same_instant_in_utc(engine, microsecond):
    written = datetime(2026, 3, 7, 3, 45, 0, microsecond, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    with writing(engine) as connection:
        connection.execute(sa.insert(accounts), {"account": "by Core", "created_at": written})
        insert_rows(connection, accounts, [{"account": "by insert_rows", "created_at": written}])
        insert_rows(connection, accounts, [{"account": "by update_rows", "created_at": NOON}])
        update_rows(connection, accounts, ["account"], [{"account": "by update_rows", "created_at": written}])
        as_text = "created_at" if is_sqlite(engine) else (
            "to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"
        )  # fmt: skip

    with reading(engine) as connection:
        read = connection.execute(sa.select(accounts.c.created_at)).scalars().all()
        stored = connection.exec_driver_sql(f"SELECT {as_text} FROM accounts").scalars().all()
    assert read == [written] * 3
    assert {time.utcoffset() for time in read} == {timedelta(0)}
    assert stored == [f"2026-03-06 22:00:00.{microsecond:06}"] * 3


@pytest.mark.parametrize("way", ["Core", "insert_rows", "update_rows"])
def test_a_time_without_a_zone_is_refused(engine, way):
    def write(connection, time):
        row = {"account": "x", "created_at": time}
        if way == "Core":
            connection.execute(sa.insert(accounts), row)
        elif way == "insert_rows":
            insert_rows(connection, accounts, [row])
        else:
            update_rows(connection, accounts, ["account"], [row])

    with pytest.raises((DatabaseError, ValueError), match="without a zone"), writing(engine) as connection:
        write(connection, datetime(2026, 3, 7))  # noqa: DTZ001
    with writing(engine) as connection:
        write(connection, NOON)


@rule("times-are-utc")
def test_a_time_literal_means_the_same_instant_on_both_backends(engine):
    hour, moment = timedelta(hours=1), timedelta(microseconds=1)

    def version(name, valid_from, valid_to=None):
        return {
            "account": "default", "instance_id": name, "episode": 1, "valid_from": valid_from, "valid_to": valid_to,
            "opened_by_run_id": 1, "opened_as": "appeared", "closed_as": "vanished" if valid_to else None,
        }  # fmt: skip

    with writing(engine) as connection:
        insert_rows(connection, instance_versions, [
            version("ended before", NOON - 2 * hour, NOON - hour),
            version("ended then", NOON - hour, NOON),
            version("began then", NOON),
            version("was there", NOON - hour, NOON + moment),
            version("came later", NOON + moment),
        ])  # fmt: skip
    with reading(engine) as connection:
        found = connection.exec_driver_sql(
            "SELECT instance_id FROM instance_versions WHERE valid_from <= '2026-03-07 12:00:00.000000+00' "
            "AND (valid_to IS NULL OR valid_to > '2026-03-07 12:00:00.000000+00')"
        ).scalars()
        assert set(found) == {"began then", "was there"}


EXTRAS = ['{"a":1.0,"b":12345678901234567890}', '{"b":1, "a":2,  "a":1e400, "text":"é\\u00e9\\\\ {} \'%s"}', "{}", None]


def test_extra_is_read_back_as_exactly_the_text_that_was_written(engine):
    base = {
        "account": "default", "episode": 1, "valid_from": NOON, "opened_by_run_id": 1, "opened_as": "appeared",
    }  # fmt: skip
    key = ["account", "instance_id", "valid_from"]
    with writing(engine) as connection:
        for n, extra in enumerate(EXTRAS):
            connection.execute(sa.insert(instance_versions), {**base, "instance_id": f"core-{n}", "extra": extra})
        rows = [{**base, "instance_id": f"rows-{n}", "extra": extra} for n, extra in enumerate(EXTRAS)]
        insert_rows(connection, instance_versions, rows)
        rows = [{**base, "instance_id": f"updated-{n}", "extra": "[]"} for n in range(len(EXTRAS))]
        insert_rows(connection, instance_versions, rows)
        rows = [
            {"account": "default", "instance_id": f"updated-{n}", "valid_from": NOON, "extra": extra}
            for n, extra in enumerate(EXTRAS)
        ]
        assert update_rows(connection, instance_versions, key, rows) == len(EXTRAS)

    with reading(engine) as connection:
        read = connection.execute(sa.select(instance_versions.c.instance_id, instance_versions.c.extra)).all()
    assert {tuple(row) for row in read} == {
        (f"{way}-{n}", extra) for way in ("core", "rows", "updated") for n, extra in enumerate(EXTRAS)
    }


def state(n, **other):
    return {
        "account": "default", "instance_id": f"i-{n}", "instance_type": "gpu_8x_h100_sxm5", "region": "us-west",
        "sector": None, "ip": None, "status": "ready", "creator_user_nickname": None, "extra": None,
        "gpu_count": 8, "gpu_model": "h100_sxm5",
        "presence": "live", "held": False, "first_seen_at": NOON, "missing_since": None, "vanished_at": None,
        "episodes": 1, "versions": 1, "seen_run_id": 2**40, "missing_run_id": None, "unlisted_runs": 0,
        "episode_creator": None, "row_hash": b"\x00\xff'\\", "version_hash": bytes(range(256)), "ignored": "", **other,
    }  # fmt: skip


def states(connection):
    rows = connection.execute(sa.select(instance_state).order_by(instance_state.c.instance_id)).mappings()
    return [dict(row) for row in rows]


@pytest.mark.medium
@pytest.mark.parametrize(
    "rows",
    [
        [state(1)],
        [state(1), state(2, held=True, missing_since=NOON, sector="sector_1", gpu_count=None, gpu_model=None)],
        [state(1, status=ODD_TEXT, instance_id=ODD_TEXT, sector="", ip="NULL", extra='{"a": "' + "x" * 9000 + '"}')],
        [state(1, sector='{"a",b}', ip="\\N", region='""'), state(2, sector="{}", ip="\\", region="'")],
        [state(f"{n:04}", held=n % 3 == 0, sector=None if n % 2 else "s") for n in range(2500)],
        [],
    ],
    ids=["none_in_whole_columns", "none_here_and_there", "odd_text", "text_like_arrays", "many", "no_rows"],
)
def test_rows_are_read_back_as_they_were_inserted(engine, rows):
    with writing(engine) as connection:
        insert_rows(connection, instance_state, rows)
    with reading(engine) as connection:
        assert states(connection) == rows


def test_rows_are_updated_by_their_key_whatever_their_values(engine):
    before = [state(1, sector="s", held=True, vanished_at=NOON), state(2), state(3, status=ODD_TEXT), state(4)]
    changes = [
        {"account": "default", "instance_id": "i-1", "sector": None, "status": None, "held": False, "vanished_at": None,
         "row_hash": b"", "gpu_count": None, "extra": None, "ip": None},
        {"account": "default", "instance_id": "i-2", "sector": ODD_TEXT, "status": '{a,"b"}', "held": True,
         "vanished_at": NOON, "row_hash": b"\x00\x01", "gpu_count": 1, "extra": '{"a": 1.0}', "ip": None},
        {"account": "other", "instance_id": "i-3", "sector": "x", "status": "x", "held": True, "vanished_at": NOON,
         "row_hash": b"x", "gpu_count": 1, "extra": "{}", "ip": None},
    ]  # fmt: skip
    key = ["account", "instance_id"]
    with writing(engine) as connection:
        insert_rows(connection, instance_state, before)
        assert update_rows(connection, instance_state, key, changes) == 2
        assert update_rows(connection, instance_state, key, []) == 0

    with reading(engine) as connection:
        assert states(connection) == [before[0] | changes[0], before[1] | changes[1], before[2], before[3]]


def test_an_update_counts_only_the_rows_that_meet_its_condition(engine):
    with writing(engine) as connection:
        insert_rows(connection, instance_state, [state(1), state(2, presence="missing"), state(3)])
        changes = [{"account": "default", "instance_id": f"i-{n}", "ip": "10.0.0.1"} for n in (1, 2, 3, 4)]
        key = ["account", "instance_id"]
        changed = update_rows(connection, instance_state, key, changes, where="presence = 'live'")
    assert changed == 2
    with reading(engine) as connection:
        assert [row["ip"] for row in states(connection)] == ["10.0.0.1", None, "10.0.0.1"]
