"""`inventory doctor`: it reports problems, each with a remedy. It creates no database and writes nothing."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from inventory.config.database_url import parse_url
from inventory.config.settings import load
from inventory.doctor import examine
from inventory.errors import WrongSchema
from inventory.history.lease import hold_lease
from inventory.simulator import Body, Drop, Fleet, Simulator, Status
from inventory.store import database, schema
from support.command import KEY, SECRET, Command
from support.marks import ON_POSTGRESQL
from support.world import World, machine

REDIRECT = Status(302, headers={"Location": "https://elsewhere.example/"})


@pytest.fixture
def simulator():
    with Simulator(Fleet([machine("a"), machine("b")])) as running:
        yield running


@pytest.fixture
def run(database_url, simulator, tmp_path):
    return Command(
        tmp_path, FAL_KEY=KEY, INVENTORY_DATABASE_URL=database_url, INVENTORY_API_URL=simulator.url,
        INVENTORY_RETRY_ATTEMPTS="1",
    )  # fmt: skip


@pytest.fixture
def look(database_url, simulator, monkeypatch):
    """Return a function that calls `examine` with the given settings, and returns its checks as a list."""
    monkeypatch.setenv("FAL_KEY", KEY)

    def found(only=None, clock=None, **flags):
        settings = load(**{"database_url": database_url, "api_url": simulator.url, "retry_attempts": 1} | flags)
        checks = list(examine(settings, only, clock))
        assert not [check for check in checks if SECRET in f"{check.finding}{check.remedy}"]
        assert all(check.remedy for check in checks if check.result != "ok")
        assert all(bool(check.exit_code) == (check.result == "fail") for check in checks)
        return checks

    return found


def results(checks):
    return [(check.check, check.account, check.result) for check in checks]


def the(checks, check, result="ok", account=None):
    """Return the check with this name, result and account (None: any account). There must be exactly one."""
    (found,) = [one for one in checks if (one.check, one.result) == (check, result) and account in (None, one.account)]
    return found


WELL = [
    ("settings", None, "ok"), ("database", None, "ok"), ("schema", None, "ok"), ("database", None, "ok"),
    ("clock", None, "ok"), ("key", "default", "ok"), ("api", "default", "ok"),
]  # fmt: skip


@pytest.mark.medium
def test_every_check_is_ok_for_a_healthy_installation_and_nothing_is_written(run, engine, simulator):
    world = World(engine, simulator)
    run("sync")
    simulator.requests.clear()
    before = world.dump()
    done = run("doctor", "--format", "json")
    found = json.loads(done.stdout)
    assert set(found) == {"checks"}
    assert all(tuple(row) == ("check", "account", "result", "finding", "remedy") for row in found["checks"])
    assert [(row["check"], row["account"], row["result"]) for row in found["checks"]] == [
        *WELL, ("lease", "default", "ok"),
    ]  # fmt: skip
    assert done.stderr == ""
    assert [(request.path, request.query) for request in simulator.requests] == [
        ("/v1/compute/instances", {"limit": "1"})
    ]
    assert world.dump() == before


@pytest.mark.medium
def test_the_text_has_one_line_for_each_check_with_the_remedy_below_it(run, engine):
    assert engine
    done = run("doctor", expect=2, FAL_KEY=None)
    *well, failed, remedy = done.stdout.splitlines()
    assert [line[:15] for line in well] == [f"ok   {check:10}" for check, _, _ in WELL[:5]]
    assert (failed[:15], remedy[:15]) == ("fail key       ", " " * 15)
    assert remedy[15:].startswith("Set FAL_KEY to an admin API key")
    assert done.stderr == "error: 1 of 6 checks failed; each says what to do.\n"


@pytest.mark.medium
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_database_file_keeps_every_byte(look, engine, simulator, tmp_path):
    World(engine, simulator).run()
    engine.dispose()
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir() if "-shm" not in file.name}
    look()
    after = {file.name: file.read_bytes() for file in tmp_path.iterdir() if "-shm" not in file.name}
    assert {name: data for name, data in after.items() if data} == {name: data for name, data in before.items() if data}


# Settings and keys


def test_a_variable_that_is_no_setting_is_a_warning(look, engine, monkeypatch):
    assert engine
    monkeypatch.setenv("INVENTORY_PAGE_SISE", "3")
    assert "did you mean INVENTORY_PAGE_SIZE?" in the(look(), "settings", "warn").finding


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_sqlite_that_is_too_old_is_named_with_both_versions(look, engine, monkeypatch):
    """Imitate an older SQLite, because this Python has only one SQLite library."""
    assert engine
    monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 37, 2))
    monkeypatch.setattr("sqlite3.sqlite_version", "3.37.2")
    old = the(look(), "database", "fail")
    assert old.finding.startswith("SQLite 3.38 or newer is needed; this Python has 3.37.2. Use a newer Python")
    assert old.exit_code == 7


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_postgresql_that_is_too_old_is_named_the_same_by_doctor_and_by_an_upgrade(look, engine, monkeypatch):
    """Make the server too old: set the oldest accepted version to 99, because the tests have only one server."""
    monkeypatch.setattr("inventory.store.postgresql.OLDEST_POSTGRESQL", 99)
    with engine.connect() as connection:
        number = connection.exec_driver_sql("SHOW server_version").scalar_one().split()[0]
    old = the(look(), "database", "fail")
    assert old.finding == f"PostgreSQL 99 or newer is needed; this one is {number}"
    assert old.exit_code == 7
    with pytest.raises(WrongSchema, match=f"PostgreSQL 99 or newer is needed; this one is {number}"):
        schema.upgrade(engine)


@pytest.mark.medium
def test_a_key_that_cannot_be_used_has_a_finding(look, engine, monkeypatch):
    assert engine
    monkeypatch.setenv("FAL_KEY", "a key with blanks")
    bad = the(look(), "key", "fail")
    assert bad.finding.startswith("FAL_KEY holds something that is no key")
    assert bad.remedy == "Copy the whole key from fal."
    unknown = the(look(only="x"), "key", "fail")
    assert unknown.finding.startswith("There is no account 'x': the configuration file names none")
    assert unknown.remedy == "Leave out --account."


@pytest.mark.medium
def test_each_key_is_checked_even_if_another_fails(look, engine, tmp_path, monkeypatch):
    assert engine
    (tmp_path / "inventory.toml").write_text(
        "".join(f'[[accounts]]\nname = "{name}"\napi_key_env = "KEY_{name}"\n' for name in ("a", "b", "c", "d"))
    )
    for name, key in (("a", f"one:{SECRET}"), ("c", f"one:{SECRET}"), ("d", SECRET)):
        monkeypatch.setenv(f"KEY_{name}", key)
    checks = look()
    assert [found for found in results(checks) if found[0] in ("key", "api")] == [
        ("key", "a", "ok"), ("key", "b", "fail"), ("key", "c", "warn"), ("key", "d", "warn"),
        ("api", "a", "ok"), ("api", "c", "ok"), ("api", "d", "ok"),
    ]  # fmt: skip
    missing = the(checks, "key", "fail")
    assert missing.finding == "inventory.toml, line 6: Account b: the variable KEY_b holds no key"
    assert (missing.remedy, missing.exit_code) == ("Put an admin API key there.", 2)
    assert the(checks, "key", "warn", "c").finding == "it is the key of a too"
    assert the(checks, "key", "warn", "d").finding.startswith("sha256:")
    assert [found[:2] for found in results(look("d")) if found[0] in ("key", "api")] == [("key", "d"), ("api", "d")]
    assert the(look("nobody"), "key", "fail").exit_code == 2


# The API


@pytest.mark.parametrize(
    ("fault", "code", "finding", "remedy"),
    [
        (Status(401), 3, "The API refused the key (401", "valid admin key"),
        (Status(403), 3, "The key may not list compute instances (403", "Use an admin key"),
        (Status(429), 4, "The API allows no more requests for now (429", "sync less often"),
        (Status(500), 4, "The API answered 500", "every run tries again"),
        (REDIRECT, 4, "The API answered with a redirect (302)", "Check INVENTORY_API_URL"),
        (Body("<html>Sign in to the hotel's network</html>"), 4, "not as promised", "no proxy or portal"),
        (Drop(), 4, "cannot be reached", "firewall"),
    ],
)
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_bad_answer_of_the_api_is_reported_with_the_remedy(look, engine, simulator, fault, code, finding, remedy):
    assert engine
    simulator.faults.add(fault, times=None)
    failed = the(look(), "api", "fail")
    assert failed.exit_code == code
    assert finding in failed.finding
    assert remedy in failed.remedy


@pytest.mark.medium
@pytest.mark.parametrize(("faults", "code"), [((Status(401),), 3), ((Status(500), Status(403)), 3), ((Drop(),), 4)])
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_exit_code_is_the_lowest_of_those_that_occurred(run, engine, simulator, tmp_path, faults, code):
    assert engine
    text = "".join(f'[[accounts]]\nname = "a{n}"\napi_key_env = "KEY_{n}"\n' for n, _ in enumerate(faults))
    (tmp_path / "inventory.toml").write_text(text)
    for fault in faults:
        simulator.faults.add(fault)
    keys = {f"KEY_{n}": f"{n}:{SECRET}" for n, _ in enumerate(faults)}
    run("doctor", expect=code, **keys)
    run("doctor", expect=2, FAL_KEY=None, **keys | {"KEY_0": ""})


# The database


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_missing_database_is_not_created(look, database_url, tmp_path):
    warned = the(look(), "database", "warn")
    assert (warned.finding[-3:], warned.remedy) == ("yet", "`inventory sync` makes it.")
    assert the(look(auto_migrate=False), "database", "warn").remedy == "`inventory db upgrade` makes it."
    failed = the(look(database_url="sqlite:///no/such/folder/inventory.db"), "database", "fail")
    assert failed.exit_code == 7
    assert "none can be made" in failed.finding
    assert list(tmp_path.iterdir()) == []
    assert database_url


@pytest.mark.medium
def test_an_empty_database_stays_empty(run, look, database_url, backend):
    if backend == "sqlite":
        Path(database_url.removeprefix("sqlite:///")).touch()
    checks = look()
    assert the(checks, "schema", "warn").finding == "the database is empty"
    assert the(look(auto_migrate=False), "schema", "fail").exit_code == 7
    run("doctor")
    if backend == "sqlite":
        assert Path(database_url.removeprefix("sqlite:///")).stat().st_size == 0
    else:
        engine = database.connect(parse_url(database_url))
        assert sa.inspect(engine).get_table_names() == []
        engine.dispose()
    run("db", "upgrade")
    assert the(look(), "schema").finding.startswith("revision ")


@pytest.mark.medium
def test_a_database_of_another_program_or_version_is_reported(look, engine):
    def put(statement):
        with database.writing(engine) as connection:
            connection.exec_driver_sql(statement)

    put("UPDATE alembic_version SET version_num = '9999'")
    newer = the(look(), "schema", "fail")
    assert (newer.exit_code, "Install the newer version" in newer.finding) == (7, True)
    put(f"UPDATE alembic_version SET version_num = '{schema.HEAD}'")
    put("ALTER TABLE calendar ADD COLUMN note TEXT")
    changed = the(look(), "schema", "fail")
    assert changed.finding == "1 of its parts differ from those of this version"
    assert "inventory db check" in changed.remedy
    put("DROP TABLE alembic_version")
    assert "not inventory's" in the(look(), "schema", "fail").finding


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("postgresql://ada:word-9-word@127.0.0.1:1/inventory", 7),
        ("postgresql://ada:word-9-word@x@db/inventory", 2),
        ("mysql://ada:word-9-word@db/inventory", 2),
        ("sqlite:///broken.db", 7),
    ],
)
def test_a_database_that_cannot_be_opened_is_reported_and_the_other_checks_go_on(look, url, code, tmp_path):
    (tmp_path / "broken.db").write_bytes(b"no database at all, but as long as one would be" * 100)
    checks = look(database_url=url)
    failed = the(checks, "database", "fail")
    assert failed.exit_code == code
    assert "word-9-word" not in failed.finding
    assert the(checks, "api", account="default")


TO_ALL_TABLES = "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public"


@pytest.fixture
def role_with(engine, database_url, request):
    """Return a function that makes a role of PostgreSQL with the given grants, and returns a URL that connects as it.

    The role is dropped at the end.
    """

    def make(*grants):
        role = "role_of_the_doctor"
        given = sa.make_url(database_url)
        with database.writing(engine) as connection:
            connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN PASSWORD '{given.password or ''}'")
            for grant in grants:
                connection.exec_driver_sql(f"GRANT {grant} TO {role}")

        def drop():
            made = database.connect(parse_url(database_url))
            with database.writing(made) as connection:
                connection.exec_driver_sql(f"DROP OWNED BY {role}")
                connection.exec_driver_sql(f"DROP ROLE {role}")
            made.dispose()

        request.addfinalizer(drop)
        return given.set(username=role).render_as_string(hide_password=False)

    return make


def test_a_read_only_database_is_reported(look, role_with, database_url, backend):
    if backend == "sqlite":
        url = f"sqlite:///file:{database_url.removeprefix('sqlite:///')}?mode=ro&uri=true"
    else:
        url = role_with("SELECT ON ALL TABLES IN SCHEMA public")
    failed = the(look(database_url=url), "database", "fail")
    assert failed.exit_code == 7
    assert "Give the user that syncs the right to write" in failed.remedy


@ON_POSTGRESQL
def test_a_role_that_may_write_to_all_tables_but_not_number_the_rows_is_reported(look, role_with):
    failed = the(look(database_url=role_with(TO_ALL_TABLES)), "database", "fail")
    assert failed.exit_code == 7
    assert "permission denied for sequence sync_runs_run_id_seq" in failed.finding


@ON_POSTGRESQL
def test_a_role_with_rights_on_tables_and_sequences_may_write(look, role_with):
    checks = look(database_url=role_with(TO_ALL_TABLES, "USAGE ON ALL SEQUENCES IN SCHEMA public"))
    assert checks
    assert [check.finding for check in checks if check.result != "ok"] == []


@pytest.mark.medium
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_copy_that_is_not_in_wal_mode_is_reported(look, run, engine):
    with engine.connect() as connection:
        connection.connection.driver_connection.execute("PRAGMA journal_mode = DELETE")
    engine.dispose()
    assert "wait for each other" in the(look(), "database", "warn").finding
    run("db", "upgrade")
    assert [check for check in look() if check.result == "warn"] == []


# Clocks, leases, accounts


class Dated:
    """A fault of the simulator: the answer is as usual, except for its header `Date`."""

    def __init__(self, date):
        self.date = date

    def play(self, exchange, answer):
        response = answer()
        exchange.reply(replace(response, headers={**response.headers, "Date": self.date}))


@pytest.mark.parametrize(
    ("ahead", "result"),
    [
        (timedelta(), "the API's clock agrees with this host's"),
        (timedelta(minutes=-3), "the API's clock is 3m "),
        (timedelta(hours=2), "ahead of this host's"),
    ],
)
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_apis_clock_is_compared_with_this_hosts(look, engine, simulator, ahead, result):
    assert engine
    simulator.faults.add(Dated(f"{datetime.now(UTC) + ahead:%a, %d %b %Y %H:%M:%S} GMT"))
    found = [check for check in look() if "the API's clock" in check.finding]
    assert len(found) == 1
    assert result in found[0].finding
    assert found[0].result == ("warn" if ahead else "ok")


@pytest.mark.medium
@pytest.mark.parametrize("date", ["yesterday", "Fri, 99 Feb 2026 25:61:00 GMT", "1", ""])
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_an_invalid_date_is_not_compared(look, engine, simulator, date):
    assert engine
    simulator.faults.add(Dated(date))
    assert [check for check in look() if "the API's clock" in check.finding] == []


def test_the_databases_clock_is_compared_with_this_hosts(look, engine):
    assert engine
    late = the(look(clock=lambda: datetime.now(UTC) + timedelta(minutes=2)), "clock", "warn")
    assert "the database's clock is " in late.finding
    assert late.finding.endswith("behind this host's")


@pytest.mark.medium
def test_a_lease_that_is_held_or_was_left_is_reported(look, engine, simulator):
    World(engine, simulator).run(clock=lambda: datetime.now(UTC))
    with hold_lease(engine, "default", "prune", 120):
        assert the(look(), "lease").finding.startswith("`prune` of process ")
    with database.writing(engine) as connection:
        connection.exec_driver_sql(
            "UPDATE accounts SET fencing_token = 'x', lease_purpose = 'sync', lease_seconds = 1, lease_pid = 7, "
            "lease_host = 'far/1', lease_heartbeat_at = '2026-03-06 00:00:00.000000'"
        )
    assert the(look(), "lease", "warn").finding == "a sync of process 7 on far died"


@pytest.mark.medium
def test_a_run_in_the_future_is_reported(look, engine, simulator):
    World(engine, simulator).run(clock=lambda: datetime.now(UTC) + timedelta(days=2))
    assert "is in the future" in the(look(), "clock", "warn", "default").finding


@pytest.mark.medium
def test_an_account_that_is_not_in_the_configuration_is_reported_unless_it_is_retired(look, engine, simulator, run):
    World(engine, simulator).run(account="old", clock=lambda: datetime.now(UTC))
    twin = the(look(), "account", "warn")
    assert twin.account == "old"
    assert "inventory account rename" in twin.remedy
    run("doctor")
    run("account", "retire", "old")
    assert [check for check in look() if check.account == "old"] == []


ALERTS = '[alerts]\nurls_env = "CHANNELS"\n'


@pytest.mark.medium
@pytest.mark.parametrize(
    ("channels", "finding"),
    [
        (None, "the variable CHANNELS holds no address"),
        ("json://one.example\nnonsense://hunter2", "address number 2 is none of a service that apprise knows"),
    ],
)
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_alerts_that_stop_every_sync_are_a_failure_of_the_settings(run, engine, tmp_path, channels, finding):
    assert engine
    (tmp_path / "inventory.toml").write_text(ALERTS)
    assert finding in run("sync", expect=2, CHANNELS=channels).stderr
    (found,) = checks_of(run("doctor", "--format", "json", expect=2, secrets=("hunter2",), CHANNELS=channels), "alerts")
    assert (found["result"], finding in found["finding"], bool(found["remedy"])) == ("fail", True, True)


def checks_of(done, *names):
    return [row for row in json.loads(done.stdout)["checks"] if row["check"] in names]


@pytest.mark.medium
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_outputs_that_can_be_written_are_ok_and_others_a_warning(run, engine, tmp_path):
    assert engine
    (tmp_path / "inventory.toml").write_text(ALERTS)
    (tmp_path / "kept").mkdir()
    (tmp_path / "file").write_text("a file")
    (tmp_path / "copy.db").write_bytes(b"SQLite format 3\0")
    before = sorted(tmp_path.rglob("*"))
    for folder, result in (("kept", "ok"), ("file", "warn"), ("file/below", "warn"), ("x" * 256, "warn")):
        done = run(
            "doctor", "--format", "json", CHANNELS="json://one.example", INVENTORY_REPORT_FILE=f"{folder}/fleet.html",
            INVENTORY_EXPORT_DIR=folder, INVENTORY_CHECKPOINT_DIR=folder,
        )  # fmt: skip
        found = checks_of(done, "alerts", "delivery", "report", "export")
        assert [(row["check"], row["result"]) for row in found] == [
            ("alerts", "ok"), ("delivery", result), ("report", result), ("export", result)
        ]  # fmt: skip
    new = run(
        "doctor", "--format", "json", INVENTORY_EXPORT_DIR="new/lake", INVENTORY_CHECKPOINT_DIR="new",
        INVENTORY_REPORT_FILE="copy.db", CHANNELS="json://one.example",
    )  # fmt: skip
    assert [row["result"] for row in checks_of(new, "export", "delivery", "report")] == ["ok", "warn", "ok"]
    assert sorted(tmp_path.rglob("*")) == before


def test_a_library_that_an_output_needs_and_that_is_missing_is_named(look, engine, tmp_path, monkeypatch):
    assert engine
    monkeypatch.setattr("inventory.config.extras.find_spec", lambda _: None)
    monkeypatch.setenv("CHANNELS", "json://one.example")
    (tmp_path / "inventory.toml").write_text(ALERTS)
    monkeypatch.setenv("INVENTORY_CONFIG", str(tmp_path / "inventory.toml"))
    checks = look(report_file=tmp_path / "fleet.html", export_dir=tmp_path / "lake")
    for name, result in (("alerts", "fail"), ("report", "warn"), ("export", "warn")):
        assert f"pip install '.[{name}]'" in the(checks, name, result).remedy


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_an_unwritable_folder_is_reported(look, engine, tmp_path, monkeypatch, database_url):
    """Replace `os.access` by a function that refuses everything, because root may write to every folder."""
    engine.dispose()
    shutil.move(database_url.removeprefix("sqlite:///"), tmp_path / "elsewhere.db")
    monkeypatch.setattr("os.access", lambda *_: False)
    assert the(look(), "database", "fail").exit_code == 7
