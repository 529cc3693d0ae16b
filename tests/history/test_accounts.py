"""The commands `account list`, `account rename` and `account retire`, and mistakes in inventory.toml."""

import csv
import io
import json
import os
import tomllib
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from inventory.config.settings import load
from inventory.config.toml_lines import line_of
from inventory.errors import AccountBusy, LeaseLost, UsageError
from inventory.history import accounts, runs
from inventory.history.lease import fence, hold_lease
from inventory.history.runs import RunRequest
from inventory.read.accounts import list_accounts
from inventory.simulator import Fleet, Simulator, Status
from inventory.store import database
from support.command import KEY, SECRET, Command
from support.world import World, hour

HEADER = ["account", "since", "retired", "pruned", "before", "last", "complete", "last", "status", "live", "missing"]
SECOND = f"keyid-2:{SECRET}"


@pytest.fixture
def world(engine):
    with Simulator(Fleet()) as simulator:
        made = World(engine, simulator)
        made.put("a", "b", "c")
        yield made


@pytest.fixture
def run(database_url, world, tmp_path):
    return Command(
        tmp_path,
        FAL_KEY=KEY,
        INVENTORY_DATABASE_URL=database_url,
        INVENTORY_API_URL=world.simulator.url,
        INVENTORY_RETRY_ATTEMPTS="1",
    )


def history(world):
    """Return `World.dump` without the tables `accounts` and `operator_actions`. In each row, `account` is null."""
    tables = world.dump()
    del tables["accounts"], tables["operator_actions"]
    return {
        name: sorted(json.dumps({**json.loads(row), "account": None}, sort_keys=True) for row in rows)
        for name, rows in tables.items()
    }


def names(world):
    """Return a dict with the names of four tables as keys. Each value is the frozenset of the table's account names."""
    tables = ("accounts", "sync_runs", "instance_state", "instance_versions")
    return {
        table: frozenset(*zip(*world.rows(f"SELECT DISTINCT account FROM {table}"), strict=True)) for table in tables
    }


def record_every_event(world, account="default"):
    """Record three runs of the account, with every kind of event, and one run of the account `other`."""
    world.run(account=account)
    world.run(account="other", key="other:secret")
    world.put("a", region="eu-west")
    world.remove("b")
    world.run(account=account)
    world.put("b")
    world.run(account=account)


# Rename


@pytest.mark.medium
def test_a_renamed_account_keeps_its_whole_history_and_the_next_run_continues_it(world, run):
    record_every_event(world)
    before = history(world)
    done = run("account", "rename", "default", "research")
    assert done.stdout == (
        "research was default: 3 runs, 3 instances, 5 versions. A sync under the old name would begin a new history.\n"
    )
    assert history(world) == before
    assert set(names(world).values()) == {frozenset({"research", "other"})}
    assert "every digest matches" in run("verify").stdout
    assert world.run(account="research").status == "succeeded"
    assert world.last_run("appeared", "changed", "vanished") == (0, 0, 0)
    assert world.one("SELECT count(*) FROM instance_versions WHERE account = 'research'") == 5
    run("verify")


@pytest.mark.medium
def test_a_move_from_fal_key_to_a_file_leaves_no_second_account(world, run, tmp_path):
    run("sync")
    (tmp_path / "inventory.toml").write_text('[[accounts]]\nname = "research"\napi_key_env = "KEY_OF_RESEARCH"\n')
    run("account", "rename", "default", "research")
    run("sync", KEY_OF_RESEARCH=KEY, FAL_KEY=None)
    assert [row["account"] for row in json.loads(run("status", "--format", "json").stdout)["accounts"]] == ["research"]
    assert world.rows("SELECT account, appeared FROM sync_runs ORDER BY run_id") == [("research", 3), ("research", 0)]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("nobody", "research", "There is no account 'nobody' in this database; it has default, other."),
        ("default", "other", "There is an account 'other' already, and two histories cannot be merged"),
        ("default", "default", "The account is named 'default' already"),
        ("default", "", "An account cannot be named ''"),
        ("default", "a\x1b[2J", "An account cannot be named 'a\\x1b[2J'"),
        ("default", "n" * 256, "1 to 255 characters"),
        ("default", os.fsdecode(b"\xff"), "An account cannot be named"),
        (os.fsdecode(b"\xff"), "research", "There is no account"),
    ],
)
def test_an_impossible_rename_is_refused_and_changes_nothing(world, run, old, new, words):
    record_every_event(world)
    before = world.dump()
    refused = run("account", "rename", old, new, expect=2)
    assert words in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert world.dump() == before


@pytest.mark.medium
def test_a_name_that_is_taken_is_refused_and_changes_nothing(world):
    record_every_event(world)
    before = world.dump()
    with pytest.raises(UsageError, match="There is an account 'other' already"):
        accounts.rename(world.engine, "default", "other", lease_seconds=120)
    with pytest.raises(UsageError, match="There is no account 'nobody'"):
        accounts.rename(world.engine, "nobody", "research", lease_seconds=120)
    with pytest.raises(UsageError, match="An account cannot be named"):
        accounts.rename(world.engine, "default", "a\nb", lease_seconds=120)
    assert world.dump() == before


def test_an_impossible_name_is_refused_before_the_database_is_opened(run):
    nowhere = "postgresql://nobody@127.0.0.1:1/inventory"
    refused = run("account", "rename", "default", "a\nb", "--database", nowhere, expect=2)
    assert "An account cannot be named" in refused.stderr


def test_an_account_with_a_lease_is_neither_renamed_nor_retired(world, run):
    world.run()
    with hold_lease(world.engine, "default", "prune", 120):
        before = world.dump()
        for words in (("rename", "default", "research"), ("retire", "default")):
            assert "`prune` of process" in run("account", *words, expect=6).stderr
        assert world.dump() == before


def test_a_rename_takes_the_lease_and_releases_it(world, monkeypatch):
    world.run()
    seen = []

    def look(connection, lease):
        with pytest.raises(AccountBusy, match="`rename` of process"):
            runs.open_run(
                world.engine, RunRequest("default", "manual", api_url="x", api_key_id="y", lease_seconds=120)
            )  # refused at once, before the first lock
        seen.append(lease.account)
        return fence(connection, lease)

    monkeypatch.setattr(accounts, "fence", look)
    assert accounts.rename(world.engine, "default", "research", lease_seconds=120) == accounts.RenamedRows(1, 3, 3)
    assert seen == ["default"]
    assert world.rows("SELECT account, fencing_token FROM accounts") == [("research", None)]


@pytest.mark.medium
def test_a_rename_whose_lease_cannot_be_released_is_a_success(world, run, backend):
    world.run()
    refuse = (
        "CREATE TRIGGER refuse BEFORE UPDATE ON accounts WHEN NEW.fencing_token IS NULL"
        " BEGIN SELECT RAISE(ABORT, 'made up'); END"
        if backend == "sqlite"
        else "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'made up'; END $$;"
        " CREATE TRIGGER refuse BEFORE UPDATE ON accounts FOR EACH ROW WHEN (NEW.fencing_token IS NULL)"
        " EXECUTE FUNCTION refuse()"
    )
    with database.writing(world.engine) as connection:
        connection.exec_driver_sql(refuse)
    renamed = run("account", "rename", "default", "research")
    assert "the lease was not released and ends by itself" in renamed.stderr
    assert world.rows("SELECT account FROM accounts") == [("research",)]


def test_a_rename_changes_nothing_after_its_lease_was_taken_over(world, monkeypatch):
    world.run()

    def late(connection, lease):
        connection.execute(sa.text("UPDATE accounts SET fencing_token = 'of another'"))
        return fence(connection, lease)

    monkeypatch.setattr(accounts, "fence", late)
    with pytest.raises(LeaseLost):
        accounts.rename(world.engine, "default", "research", lease_seconds=120)
    assert set(names(world).values()) == {frozenset({"default"})}


@pytest.mark.slow
def test_100_000_instances_are_renamed_in_one_transaction(world, backend):
    world.run()
    number = 100_000
    source = (
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 100000)"
        if backend == "sqlite"
        else f"WITH n AS (SELECT generate_series(1, {number}) AS n)"
    )
    with database.writing(world.engine) as connection:
        for table in ("instance_state", "instance_versions"):
            columns = [column["name"] for column in sa.inspect(connection).get_columns(table)]
            taken = ", ".join("'x' || n" if name == "instance_id" else name for name in columns)
            connection.exec_driver_sql(
                f"INSERT INTO {table} ({', '.join(columns)}) {source} SELECT {taken} FROM {table}, n "
                "WHERE instance_id = 'a'"
            )
    done = []

    def note(_connection, _cursor, statement, *_):
        if statement.startswith("UPDATE") and "SET account=" in statement:
            done.append(statement.split()[1])

    sa.event.listen(world.engine, "before_cursor_execute", note)
    sa.event.listen(world.engine, "commit", lambda _: done.append("commit"))
    assert accounts.rename(world.engine, "default", "research", lease_seconds=120) == accounts.RenamedRows(
        1, number + 3, number + 3
    )
    assert done[done.index("accounts") :][:4] == ["accounts", "instance_state", "instance_versions", "commit"]
    assert set(names(world).values()) == {frozenset({"research"})}


# Retire


@pytest.mark.medium
def test_a_retired_account_is_left_out_of_status_keeps_its_history_and_a_sync_brings_it_back(world, run):
    record_every_event(world)
    before = history(world)
    assert run("account", "retire", "default").stdout == (
        "default is retired; its history stays, and a sync of it brings it back.\n"
    )
    assert history(world) == before
    (at,) = world.rows("SELECT retired_at FROM accounts WHERE account = 'default'")
    assert at[0] is not None
    assert run("account", "retire", "default").stdout == "default was retired before.\n"
    assert world.rows("SELECT retired_at FROM accounts WHERE account = 'default'") == [at]
    shown = json.loads(run("status", "--format", "json").stdout)["accounts"]
    assert [row["account"] for row in shown] == ["other"]
    run("verify")
    world.run()
    assert world.rows("SELECT account, retired_at FROM accounts ORDER BY account") == [
        ("default", None), ("other", None),
    ]  # fmt: skip


@pytest.mark.medium
def test_the_time_of_retirement_is_that_of_the_database(world):
    def database_now():
        with database.reading(world.engine) as connection:
            return database.now(connection)

    world.run()
    before = database_now()
    assert accounts.retire(world.engine, "default", lease_seconds=120)
    with database.reading(world.engine) as connection:
        (found,) = list_accounts(connection)
    assert before <= found["retired_at"] <= database_now()


@pytest.mark.medium
def test_the_time_of_retirement_is_that_of_a_given_clock(world):
    world.run()
    assert accounts.retire(world.engine, "default", lease_seconds=120, clock=lambda: hour(7))
    world.run(account="other")
    with database.reading(world.engine) as connection:
        found = list_accounts(connection)
    assert [(row["account"], row["retired_at"], row["last_complete_at"]) for row in found] == [
        ("default", hour(7), hour(1)),
        ("other", None, hour(2)),
    ]


def test_an_unknown_account_is_not_retired(world, run):
    world.run()
    assert "There is no account 'nobody'" in run("account", "retire", "nobody", expect=2).stderr
    with pytest.raises(UsageError):
        accounts.retire(world.engine, "nobody", lease_seconds=120)


# List


@pytest.mark.medium
def test_the_list_has_every_account_with_all_that_is_known_about_it(world, run):
    record_every_event(world)
    world.faults.add(Status(500))
    assert world.run(account="other", key="other:secret").status == "failed"
    run("account", "retire", "other")
    found = json.loads(run("account", "list", "--format", "json").stdout)
    assert set(found) == {"accounts"}
    default, other = found["accounts"]
    assert tuple(default) == (
        "account", "provider", "created_at", "retired_at", "pruned_before", "checkpoint_at", "last_complete_at",
        "last_attempt_at", "last_status", "failures_since_complete", "live_instances", "missing_instances",
    )  # fmt: skip
    assert {name: default[name] for name in default if name != "last_attempt_at"} == {
        "account": "default", "provider": "fal", "created_at": "2026-03-06T01:00:00Z", "retired_at": None,
        "pruned_before": None, "checkpoint_at": None, "last_complete_at": "2026-03-06T04:00:00Z",
        "last_status": "succeeded",
        "failures_since_complete": 0, "live_instances": 3, "missing_instances": 0,
    }  # fmt: skip
    assert (other["account"], other["last_status"], other["failures_since_complete"]) == ("other", "failed", 1)
    assert other["retired_at"].endswith("Z")
    table = run("account", "list").stdout.splitlines()
    assert table[0].split() == HEADER
    assert [line.split()[0] for line in table[1:]] == ["default", "other"]
    rows = list(csv.DictReader(io.StringIO(run("account", "list", "--account", "other", "--format", "csv").stdout)))
    assert [row["account"] for row in rows] == ["other"]
    assert "There is no account 'x'" in run("account", "list", "--account", "x", expect=2).stderr


def test_an_empty_list_says_how_to_begin(run):
    done = run("account", "list")
    assert (done.stdout, done.stderr) == ("", "No account is synced into this database. `inventory sync` begins.\n")
    assert run("account", "list", "--format", "csv").stdout.startswith("account,provider,created_at,")


def test_the_commands_neither_create_nor_migrate_a_database(tmp_path):
    run = Command(tmp_path)
    for words in (("list",), ("rename", "a", "b"), ("retire", "a")):
        assert f"There is no database at {tmp_path}/inventory.db" in run("account", *words, expect=7).stderr
    assert list(tmp_path.iterdir()) == []


# The file


@pytest.fixture
def refusal(tmp_path):
    """Return a function that writes a text to inventory.toml, loads it, and returns the error message, or `""`."""

    def refused(text):
        (tmp_path / "inventory.toml").write_text(text)
        try:
            load().accounts_to_sync()
        except UsageError as error:
            said = str(error)
        else:
            said = ""
        assert "very-secret" not in said
        assert "\n" not in said
        return said

    return refused


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# mine\n\npage_sise = 3", "line 3, page_sise: there is no such setting; did you mean page_size?"),
        ('ignore_changes = [\n  "ip",\n]\ncolour = "red"\n', "line 4, colour: there is no such setting; take it out."),
        (
            'timeout = 3\n[[accounts]]\nname = "a"\napi_key = "id:very-secret"',
            "line 4, accounts[0].api_key: there is no such setting; did you mean api_key_env or api_key_file?",
        ),
        (
            '[[accounts]]\nname = "a"\napi_key_env = "A"\n\n[[accounts]]\napi_key_env = "B"\nname = "a"',
            "line 7, accounts[1].name: two accounts are named 'a'; give each a name of its own.",
        ),
        (
            '[[accounts]]\nname = "a"\napi_key_env = "A"\n[[accounts]] # next\nname = "b"',
            "line 4, accounts[1]: account 'b' needs api_key_env or api_key_file, one of them.",
        ),
        (
            '[[accounts]]\nname = "a"\napi_key_env = "A"\n[[accounts]]\napi_key_env = "B"',
            "line 4, accounts[1].name: field required.",
        ),
        (
            '[[accounts]]\nname = "a"\napi_key_env = "NO_SUCH_KEY"',
            "line 3: Account a: the variable NO_SUCH_KEY holds no key. Put an admin API key there.",
        ),
        (
            'accounts = [\n  {name = "a", api_key_file = "no.key"},\n]',
            "line 1: Account a: the key cannot be read from the file no.key: No such file or directory. Put an admin",
        ),
        (
            '[[accounts]]\nname = "a"\napi_key_env = "key-id:very-secret"',
            "line 3, accounts[0].api_key_env: it is the name of a variable, never the key itself.",
        ),
        (
            '[[accounts]]\nname = "a"\napi_key_file = "key-id:very-secret"',
            "line 3, accounts[0].api_key_file: it is the name of a file, never the key itself.",
        ),
        ("timeout = = 3", "Invalid value (at line 1, column 11)."),
        ('timeout = """\n\nsoon"""\n', "line 1, timeout: "),
        ('page_size = 3\r\nlog_level = "loud"\r\n', "line 2, log_level: "),
    ],
)
def test_a_mistake_in_the_file_is_one_line_that_names_the_line_and_the_remedy(refusal, text, said):
    refused = refusal(text)
    assert said in refused
    assert refused.startswith("inventory.toml")


@pytest.mark.medium
def test_the_line_in_a_file_of_many_accounts_is_found_by_few_readings(monkeypatch):
    readings, loads = [], tomllib.loads
    monkeypatch.setattr(tomllib, "loads", lambda text: readings.append(text) or loads(text))
    text = "".join(f'[[accounts]]\nname = "a{number}"\napi_key_env = "A"\n' for number in range(1, 1001))
    assert line_of(text, ("accounts", 998, "name")) == 998 * 3 + 2
    assert line_of(text, ("accounts", 1000)) == 1
    assert line_of(text, ("colour",)) is None
    assert 0 < len(readings) < 100


@pytest.mark.parametrize(("mode", "remedy"), [(0o644, 600), (0o640, 600), (0o604, 600), (0o622, 600), (0o770, 700)])
def test_a_key_file_that_others_may_read_is_refused_with_the_command_that_helps(refusal, tmp_path, mode, remedy):
    key = tmp_path / "my key"
    key.write_text(KEY)
    key.chmod(mode)
    text = '[[accounts]]\nname = "a"\napi_key_file = "my key"'
    assert refusal(text) == (
        "inventory.toml, line 3: Account a: others may read or change the secrets in my key "
        f"(its mode is {mode:o}). Run `chmod {remedy} 'my key'`."
    )
    for harmless in (0o400, 0o711):
        key.chmod(harmless)
        assert refusal(text) == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_a_key_file_of_another_owner_may_be_readable_by_our_group_but_not_by_all(refusal, tmp_path):
    key = tmp_path / "key"
    key.write_text(KEY)
    os.chown(key, 65534, 0)
    text = '[[accounts]]\nname = "a"\napi_key_file = "key"'
    key.chmod(0o640)
    assert refusal(text) == ""
    key.chmod(0o644)
    assert "Run `chmod 640 key`." in refusal(text)


def test_a_key_file_on_a_read_only_mount_may_have_any_mode(refusal, tmp_path, monkeypatch):
    """Docker and Kubernetes mount secrets like this: owned by root, and readable by everybody in the container."""
    key = tmp_path / "key"
    key.write_text(KEY)
    key.chmod(0o444)
    text = '[[accounts]]\nname = "a"\napi_key_file = "key"'
    assert "Run `chmod 400 key`." in refusal(text)
    monkeypatch.setattr(os, "fstatvfs", lambda _: SimpleNamespace(f_flag=os.ST_RDONLY | os.ST_NOSUID))
    assert refusal(text) == ""


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_one_bad_account_does_not_stop_the_others(world, run, tmp_path):
    (tmp_path / "inventory.toml").write_text(
        '[[accounts]]\nname = "a"\napi_key_env = "KEY_A"\n[[accounts]]\nname = "b"\napi_key_env = "KEY_B"\n'
    )
    done = run("sync", expect=2, KEY_B=SECOND)
    assert done.stderr == (
        "error: a: inventory.toml, line 3: Account a: the variable KEY_A holds no key. Put an admin API key there.\n"
    )
    assert world.rows("SELECT account, status FROM sync_runs") == [("b", "succeeded")]
