"""The commands as a person or a script uses them: stdout, stderr, exit codes, files."""

import csv
import io
import json
import os
import pty
import shlex
import signal
import subprocess
import sys
from contextlib import closing, contextmanager

import pytest
import sqlalchemy as sa

from inventory.config.database_url import parse_url
from inventory.simulator import Body, Drop, Fleet, Hang, Simulator, Status, Truncate, on_get, on_list
from inventory.store import database, schema
from inventory.store.database import connect, writing
from support.certificates import socks
from support.command import KEY, SECRET, Command
from support.marks import rule
from support.workers import PROGRAM
from support.world import machine


def numbered(number, **fields):
    extra = {"ip": f"203.0.113.{number}", "creator_user_nickname": "ada"} | fields
    return machine(f"inst_{number:03}", **extra)


@pytest.fixture
def simulator():
    with Simulator(Fleet([numbered(number) for number in range(1, 4)]), keys={KEY}) as running:
        yield running


@pytest.fixture
def run(database_url, simulator, tmp_path):
    """Return a `Command` that runs `inventory` with the simulator as its API, on the test's database."""
    return Command(
        tmp_path,
        FAL_KEY=KEY,
        INVENTORY_DATABASE_URL=database_url,
        INVENTORY_API_URL=simulator.url,
        INVENTORY_RETRY_ATTEMPTS="2",
        INVENTORY_RETRY_MAX_WAIT="0.05",
    )


@pytest.fixture
def query(database_url):
    def rows(sql):
        engine = database.connect(parse_url(database_url))
        try:
            with database.reading(engine) as connection:
                return [tuple(row) for row in connection.exec_driver_sql(sql)]
        finally:
            engine.dispose()

    return rows


def damage(database_url, change):
    """Make a change to the database that the program never makes."""
    engine = database.connect(parse_url(database_url))
    try:
        with database.writing(engine) as connection:
            connection.exec_driver_sql(change)
    finally:
        engine.dispose()


def check_no_database(database_url, folder):
    """Check that there is no SQLite file in the folder, and on PostgreSQL that the database has no table."""
    assert not list(folder.glob("*.db*"))
    if database_url.startswith("postgresql"):
        engine = database.connect(parse_url(database_url))
        assert sa.inspect(engine).get_table_names() == []
        engine.dispose()


@pytest.mark.medium
def test_sync_records_the_fleet_and_says_so_in_one_line(run, query):
    done = run("sync")
    assert done.stdout.count("\n") == 1
    assert "default: succeeded (run 1): 3 instances on 1 page; 3 appeared" in done.stdout
    assert query("SELECT instance_id, presence FROM instances ORDER BY 1") == [
        ("inst_001", "live"), ("inst_002", "live"), ("inst_003", "live"),
    ]  # fmt: skip


@pytest.mark.medium
def test_sync_as_json_is_one_object_with_the_runs(run):
    run("sync")
    found = json.loads(run("sync", "--json").stdout)
    assert set(found) == {"runs"}
    assert found["runs"][0]["status"] == "succeeded"
    assert found["runs"][0]["api_key_id"] == "keyid-1"
    assert found["runs"][0]["started_at"].endswith("Z")
    assert found["runs"][0]["complete"] is True
    assert "fencing_token" not in found["runs"][0]


@pytest.mark.medium
@rule("gaps-are-shown")
def test_a_sync_that_a_timer_calls_names_its_interval_and_any_other_the_longest_gap(run, query):
    run("sync", "--expected", "1h30m")
    run("sync", INVENTORY_MAX_GAP="2h")
    asked = 'SELECT "trigger", expected_seconds, max_gap_seconds FROM sync_runs ORDER BY run_id'
    assert query(asked) == [("manual", 5400.0, 90000.0), ("manual", None, 7200.0)]


@pytest.mark.medium
def test_a_dry_run_reports_changes_and_writes_nothing(run, query, simulator):
    run("sync")
    simulator.fleet.put(numbered(9))
    simulator.fleet.remove("inst_001")
    done = run("sync", "--dry-run")
    assert "1 appeared, 0 changed, 0 reappeared, 1 vanished" in done.stdout
    assert "inst_009" in done.stdout
    changes = json.loads(run("sync", "--dry-run", "--json").stdout)["changes"]
    assert {(change["event"], change["instance_id"]) for change in changes} == {
        ("appeared", "inst_009"), ("vanished", "inst_001"),
    }  # fmt: skip
    assert query("SELECT count(*) FROM sync_runs") == [(1,)]
    assert query("SELECT count(*) FROM instances") == [(3,)]


@pytest.mark.medium
def test_a_dry_run_as_json_has_status_and_counts_of_each_account(run, simulator):
    run("sync")
    simulator.fleet.put(numbered(9))
    found = json.loads(run("sync", "--dry-run", "--json").stdout)
    assert set(found) == {"runs", "changes"}
    (row,) = found["runs"]
    assert (row["account"], row["status"], row["instances_seen"], row["appeared"]) == ("default", "succeeded", 4, 1)
    simulator.faults.add(Status(503), when=on_list, times=None)
    (row,) = json.loads(run("sync", "--dry-run", "--json", expect=4).stdout)["runs"]
    assert (row["status"], row["error_code"], row["appeared"]) == ("failed", "server_error", 0)


@pytest.mark.medium
def test_a_dry_run_reports_a_broken_walk_and_the_brake_as_a_real_run_would(run, query, simulator):
    for number in range(4, 21):
        simulator.fleet.put(numbered(number))
    run("sync")
    simulator.faults.add(Status(503), when=on_list, times=None)
    broken = run("sync", "--dry-run", expect=4).stderr
    simulator.faults.clear()
    simulator.fleet.put({"id": "", "status": "ready"})
    partial = run("sync", "--dry-run", expect=4).stderr
    simulator.fleet.clear()
    held = run("sync", "--dry-run", expect=5).stderr
    assert "nothing is written" in broken
    assert "what was seen would be applied, nothing would be marked missing" in partial
    assert "20 instances are absent and would be held" in held
    for line in (broken, partial, held):
        assert "was applied" not in line
        assert "the next run" not in line
        assert "--accept" not in line
    assert query("SELECT count(*) FROM sync_runs") == [(1,)]


@pytest.mark.medium
def test_a_dry_run_before_the_first_run_creates_no_database(run, database_url, tmp_path):
    done = run("sync", "--dry-run")
    assert "3 appeared" in done.stdout
    check_no_database(database_url, tmp_path)


@pytest.mark.medium
def test_a_refused_key_is_3_and_names_the_remedy(run):
    done = run("sync", FAL_KEY="keyid-1:wrongsecret123", expect=3)
    assert "FAL_KEY" in done.stderr
    assert "wrongsecret123" not in done.stdout + done.stderr


def test_no_key_is_2_and_points_to_the_demo(run):
    assert "inventory demo" in run("sync", FAL_KEY=None, expect=2).stderr


@pytest.mark.medium
def test_a_broken_api_is_4_and_a_partial_run_is_4(run, query, simulator):
    simulator.faults.add(Status(503), when=on_list, times=None)
    assert "error: default: The API answered 503" in run("sync", expect=4).stderr
    simulator.faults.clear()
    simulator.fleet.put({"id": "x" * 300, "status": "ready"})
    assert "nothing was marked missing" in run("sync", expect=4).stderr
    assert query("SELECT status, error_code FROM sync_runs ORDER BY run_id") == [
        ("failed", "server_error"), ("partial", "rejected_items"),
    ]  # fmt: skip


@pytest.mark.medium
def test_a_mass_disappearance_is_held_with_5_until_a_person_accepts_it(run, query, simulator):
    for number in range(4, 21):
        simulator.fleet.put(numbered(number))
    run("sync")
    simulator.fleet.clear()
    assert "inventory missing --accept" in run("sync", expect=5).stderr
    listed = json.loads(run("missing", "--format", "json").stdout)["missing"]
    assert len(listed) == 20
    assert all(row["held"] for row in listed)
    assert run("missing", "--accept").stdout == "20 settled as vanished.\n"
    assert run("missing", "--accept").stdout == "Nothing is missing.\n"
    assert query("SELECT presence, count(*) FROM instances GROUP BY 1") == [("vanished", 20)]
    run("sync")


@pytest.mark.medium
@pytest.mark.parametrize("count", [12, 0])
def test_accept_in_a_script_prints_what_it_settled(run, simulator, count):
    for number in range(100, 112):
        simulator.fleet.put(numbered(number))
    run("sync")
    if count:
        simulator.fleet.clear()
        run("sync", expect=5)
    listed = run("missing", "--format", "json").stdout
    accepted = run("missing", "--accept", "--format", "json")
    assert accepted.stdout == listed
    assert len(json.loads(listed)["missing"]) == (count and 15)
    assert accepted.stderr == ("15 settled as vanished.\n" if count else "Nothing is missing.\n")


@pytest.mark.slow
def test_the_second_of_two_syncs_at_once_is_6_and_names_when_the_lease_ends(run, simulator, tmp_path):
    run("sync")
    simulator.faults.add(Hang(), when=on_list)
    first = subprocess.Popen(
        [*PROGRAM, "sync"],
        env=run.environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with first:
        _wait_for(lambda: len(simulator.requests) >= 2)
        assert "its lease ends at" in run("sync", expect=6).stderr
        first.send_signal(signal.SIGTERM)
        _, err = first.communicate(timeout=30)
    assert first.returncode == 4, err
    run("sync")


@pytest.mark.slow
@rule("a-signal-settles-the-run")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_closes_the_run_at_once_as_interrupted(run, query, simulator, tmp_path, number):
    run("sync")
    simulator.faults.add(Hang(), when=on_list)
    process = subprocess.Popen(
        [*PROGRAM, "sync"],
        env=run.environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        _wait_for(lambda: len(simulator.requests) >= 2)
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 4, err
    assert "stopped by a signal" in err
    assert query("SELECT status, error_code FROM sync_runs ORDER BY run_id DESC LIMIT 1") == [("failed", "interrupted")]


@pytest.mark.slow
def test_a_killed_run_is_marked_abandoned_by_the_next(run, query, simulator, tmp_path):
    simulator.faults.add(Hang(), when=on_list)
    process = subprocess.Popen([*PROGRAM, "sync"], env=run.environment, cwd=tmp_path, stderr=subprocess.DEVNULL)
    with process:
        _wait_for(lambda: len(simulator.requests) >= 1)
        process.kill()
        process.wait(timeout=30)
    run("sync")
    assert query("SELECT status FROM sync_runs ORDER BY run_id") == [("abandoned",), ("succeeded",)]


@pytest.mark.slow
def test_list_filters_and_prints_all_three_formats(run, simulator):
    simulator.fleet.put(numbered(4, region="eu-north", creator_user_nickname="grace", status="stopped"))
    run("sync")
    simulator.fleet.remove("inst_001")
    run("sync")
    assert {row["instance_id"] for row in _json(run("list", "--format", "json"), "instances")} == {
        "inst_002", "inst_003", "inst_004",
    }  # fmt: skip
    assert len(_json(run("list", "--all", "--format", "json"), "instances")) == 4
    for filter_ in (("--creator", "grace"), ("--region", "eu-north"), ("--status", "stopped")):
        assert [row["instance_id"] for row in _json(run("list", *filter_, "--format", "json"), "instances")] == [
            "inst_004"
        ]
    assert _json(run("list", "--type", "gpu_1x", "--format", "json"), "instances") == []
    rows = list(csv.DictReader(io.StringIO(run("list", "--format", "csv").stdout)))
    assert rows[0]["instance_id"] == "inst_002"
    assert rows[0]["first_seen_at"].endswith("Z")
    table = run("list").stdout
    assert "inst_004" in table
    assert "inst_001" not in table


@pytest.mark.medium
@rule("output-uses-column-names")
def test_json_rows_have_the_columns_of_the_view_and_extra_is_an_object(run, simulator):
    simulator.fleet.put(numbered(4, labels={"team": "a"}))
    run("sync")
    row = _json(run("list", "--format", "json"), "instances")[-1]
    assert row["extra"] == {"labels": {"team": "a"}}
    assert list(row) == [
        "account", "instance_id", "instance_type", "gpu_count", "gpu_model", "region", "sector", "ip", "status",
        "creator_user_nickname", "extra", "presence", "held", "first_seen_at", "last_seen_at", "missing_since",
        "vanished_at", "episodes", "versions",
    ]  # fmt: skip


HOSTILE = [
    "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "=1+1", "+SUM(A1)", "@cmd", "-2", "[bold]x[/bold]",
    "<script>alert(1)</script>",
    "'; DROP TABLE accounts; --", "\u202eevil", "a\nb", "\t=1", "%(x)s %s :name", ":warning:",
]  # fmt: skip


@pytest.mark.slow
@rule("text-from-the-api-is-only-text")
def test_hostile_strings_are_text_in_every_format(run, simulator):
    for number, text in enumerate(HOSTILE, start=10):
        simulator.fleet.put(numbered(number, creator_user_nickname=text))
    run("sync")
    for command in (("list",), ("list", "--format", "csv"), ("list", "--format", "json")):
        out = run(*command).stdout
        assert "\x1b" not in out
        assert "\x07" not in out
        assert "\u202e" not in out
    rows = csv.DictReader(io.StringIO(run("list", "--format", "csv").stdout))
    for row in rows:
        assert not row["creator_user_nickname"].startswith(("=", "+", "-", "@", "\t"))
    shown = run("list").stdout
    assert "[bold]x[/bold]" in shown
    assert ":warning:" in shown
    found = {row["creator_user_nickname"] for row in _json(run("list", "--format", "json"), "instances")}
    assert set(HOSTILE) <= found


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault", [Body(b""), Body("<html>"), Drop(), Truncate(5)], ids=["empty", "html", "drop", "cut"]
)
def test_the_log_of_a_retry_says_why(run, simulator, fault):
    simulator.faults.add(fault, when=on_list)
    (line,) = [line for line in run("sync", INVENTORY_LOG_FORMAT="json").stderr.splitlines() if "trying again" in line]
    reason = json.loads(line)["reason"]
    assert " " in reason
    assert not reason.startswith("_")


@pytest.mark.medium
def test_a_hostile_error_body_is_one_harmless_line_without_the_key(run, simulator):
    body = {"error": {"type": "authorization_error", "message": f"\x1b[2J\nbad key {KEY}\r\n\x07 secret {SECRET}"}}
    simulator.faults.add(Status(401, body=json.dumps(body)), when=on_list)
    err = run("sync", expect=3).stderr
    assert err.count("\n") == 1
    assert "\x1b" not in err


@pytest.mark.slow
def test_runs_lists_the_newest_first_and_on_request_only_failures(run, simulator):
    run("sync")
    simulator.faults.add(Body(b"<html>"), when=on_list, times=2)
    run("sync", expect=4)
    assert [row["status"] for row in _json(run("runs", "--format", "json"), "runs")] == ["failed", "succeeded"]
    assert [row["error_code"] for row in _json(run("runs", "--failed", "--format", "json"), "runs")] == ["bad_response"]
    assert len(_json(run("runs", "--limit", "1", "--format", "json"), "runs")) == 1
    assert "bad_response" in run("runs").stdout


@rule("reading-changes-nothing")
@pytest.mark.parametrize("words", [("list",), ("runs",), ("missing",), ("missing", "--accept"), ("db", "check")])
def test_a_reading_command_creates_no_database_and_says_how_to_begin(run, words, database_url, tmp_path):
    err = run(*words, expect=7).stderr
    assert "inventory sync" in err
    check_no_database(database_url, tmp_path)


@pytest.mark.medium
@rule("reading-changes-nothing")
@pytest.mark.parametrize(
    "line",
    [
        "list", "show inst_001", "changes", "creators", "runs", "missing", "status", "verify",
        "checkpoint", "export lake", "account list", "db check", "db current", "config",
    ],
)  # fmt: skip
def test_reading_commands_need_no_key(run, line):
    run("sync")
    run(*line.split(), FAL_KEY=None)


@pytest.mark.medium
def test_an_unknown_account_is_2(run):
    run("sync")
    assert "There is no account 'nobody'" in run("list", "--account", "nobody", expect=2).stderr
    assert "There is no account 'nobody'" in run("sync", "--account", "nobody", expect=2).stderr


@rule("errors-are-one-line")
@rule("exit-codes")
def test_bad_input_is_2_in_one_line(run):
    for line, settings, said in (
        ("sync", {"INVENTORY_TIMEOUT": "soon"}, "INVENTORY_TIMEOUT"),
        ("sync", {"INVENTORY_API_URL": "http://example.com/v1"}, "https"),
        ("sync --database mysql://x/y", {}, "not a backend"),
        ("list --database nonsense", {}, "cannot be read"),
        ("list --format xml", {}, "xml"),
        ("nonsense", {}, "nonsense"),
    ):
        err = run(*line.split(), expect=2, **settings).stderr
        assert (err.count("\n"), said in err) == (1, True), err


@pytest.mark.parametrize(
    "line",
    [
        "list --at nonsense", "changes --since nonsense", "changes --until 2026-13-01", "changes --since 1d --until 2d",
        "changes --since 2026-01-02 --until 2026-01-01", "creators --since nonsense", "report --since nonsense",
        "prune --before nonsense", "status --max-age nonsense", "account rename default ''", "db upgrade nonsense",
        "run --metrics nonsense", "run --cron nonsense", "run --every nonsense", "run --every 5m --cron '0 0 * * *'",
        "simulate --speed inf", "simulate --churn nan", "sync --expected nonsense", "sync --expected 0s",
        "sync --expected 367d", "evidence --since 1d --until 2d", "evidence --since nonsense --until 1d",
        "evidence --since 2d --until 1d --output nowhere/q.zip", "runs --limit 9223372036854775808",
        "changes --limit 9223372036854775807", "list --database sqlite:////", "sync --database sqlite:///.",
    ],
)  # fmt: skip
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_bad_argument_is_2_before_anything_is_opened(run, line, tmp_path):
    assert run(*shlex.split(line), expect=2).stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_7_and_stays_unchanged(run, tmp_path):
    other = tmp_path / "notes.txt"
    other.write_text(text := "my notes, which are no database at all\n" * 50)
    for words in (("sync",), ("list",)):
        assert "error:" in run(*words, "--database", f"sqlite:///{other}", expect=7).stderr
    assert other.read_text() == text


def test_an_unreachable_postgresql_is_7_without_its_password(run):
    url = "postgresql://someone:hunter2hunter2@127.0.0.1:9/none"
    err = run("sync", "--database", url, expect=7).stderr
    assert "hunter2" not in err
    assert err.count("\n") == 1


@pytest.mark.slow
def test_db_commands_show_check_and_upgrade(run, database_url):
    assert f"to revision {schema.HEAD}" in run("db", "upgrade").stdout
    assert f"is at revision {schema.HEAD}" in run("db", "upgrade").stdout
    assert run("db", "current").stdout == f"{schema.HEAD} (this program: {schema.HEAD})\n"
    assert "as it should be" in run("db", "check").stdout
    for name in ("9999", "0001@", "a@-1"):
        assert f"There is no revision '{name}'" in run("db", "upgrade", name, expect=2).stderr
    engine = database.connect(parse_url(database_url))
    with database.writing(engine) as connection:
        connection.exec_driver_sql("ALTER TABLE calendar ADD COLUMN extra_column INTEGER")
    engine.dispose()
    assert "by hand" in run("db", "check", expect=7).stderr


@pytest.mark.parametrize("command", ["sync", "run"])
def test_without_auto_migrate_no_database_is_7_and_names_the_command_and_leaves_none(
    run, command, database_url, tmp_path
):
    line = run(command, INVENTORY_AUTO_MIGRATE="false", expect=7).stderr.splitlines()[-1]
    assert "INVENTORY_AUTO_MIGRATE is off" in line
    assert "un `inventory db upgrade` first." in line
    assert "inventory sync" not in line
    check_no_database(database_url, tmp_path)


@pytest.mark.medium
@rule("every-account-is-tried")
def test_all_accounts_are_tried_and_the_first_exit_code_of_the_list_wins(run, query, tmp_path):
    (tmp_path / "inventory.toml").write_text(
        '[[accounts]]\nname = "bad"\napi_key_env = "KEY_BAD"\n[[accounts]]\nname = "good"\napi_key_env = "KEY_GOOD"\n'
    )
    run("sync", KEY_BAD="nobody:knowsthiskey", KEY_GOOD=KEY, expect=3)
    assert query("SELECT account, status FROM sync_runs ORDER BY 1") == [("bad", "failed"), ("good", "succeeded")]
    assert "good" in run("sync", "--account", "good", KEY_GOOD=KEY, KEY_BAD="nobody:knowsthiskey").stdout


@pytest.mark.medium
@rule("every-account-is-tried")
def test_a_fault_of_the_program_in_one_account_does_not_stop_the_others(run, query, database_url, tmp_path):
    (tmp_path / "inventory.toml").write_text(
        '[[accounts]]\nname = "bad"\napi_key_env = "FAL_KEY"\n[[accounts]]\nname = "good"\napi_key_env = "FAL_KEY"\n'
    )
    run("sync")
    damage(database_url, "UPDATE accounts SET walk_digest = 'damaged' WHERE account = 'bad'")
    done = run("sync", expect=1)
    assert "bad: A fault of inventory itself (" in done.stderr
    assert "Run again with --debug to see where." in done.stderr
    assert "good: succeeded" in done.stdout
    assert query("SELECT status FROM sync_runs WHERE account = 'good'") == [("succeeded",), ("succeeded",)]
    assert "Traceback" in run("sync", "--debug", expect=1).stderr
    printed = json.loads(run("sync", "--json", expect=1).stdout)["runs"]
    assert [(row["account"], row["status"]) for row in printed][1] == ("good", "succeeded")


@pytest.mark.medium
def test_a_failed_second_walk_leaves_the_run_succeeded_with_a_warning(run, query, simulator):
    run("sync")
    simulator.fleet.remove("inst_001")
    simulator.faults.add(Status(500), when=on_get, times=None)
    simulator.faults.add(Status(500), when=on_list, times=None, after=1)
    err = run("sync").stderr
    assert "warning: default:" in err
    assert query("SELECT status, error_code, missing FROM sync_runs ORDER BY run_id DESC LIMIT 1") == [
        ("succeeded", "server_error", 1)
    ]
    assert query("SELECT presence FROM instances WHERE instance_id = 'inst_001'") == [("missing",)]


@pytest.mark.slow
@rule("output-never-decides")
def test_a_closed_pipe_is_no_error(run, tmp_path):
    run("sync")
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*PROGRAM, "list", "--format", "json"],
        env=run.environment, cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
    )  # fmt: skip
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def accepting(run, simulator, tmp_path):
    """Make inst_001 missing. Return a context manager that starts `missing --accept` with a terminal as stdin.

    Its arguments are further options of the command. It yields a pair: the end of the terminal at which a person
    types, and the process.
    """
    run("sync")
    simulator.fleet.remove("inst_001")
    simulator.faults.add(Status(500), when=on_get, times=None)
    simulator.faults.add(Status(500), when=on_list, times=None, after=1)
    run("sync")

    @contextmanager
    def started(*more):
        leader, follower = pty.openpty()
        with (
            closing(os.fdopen(leader, "r+b", buffering=0)) as terminal,
            subprocess.Popen(
                [*PROGRAM, "missing", "--accept", *more], env=run.environment, cwd=tmp_path,
                stdin=follower, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            ) as process,
        ):  # fmt: skip
            os.close(follower)
            yield terminal, process

    return started


@pytest.mark.slow
def test_accept_on_a_terminal_lists_and_asks_first(accepting, query):
    for answer, settled in ((b"n\n", "missing"), (b"y\n", "vanished")):
        with accepting() as (terminal, process):
            terminal.write(answer)
            out, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
        assert "inst_001" in err
        assert out == {"missing": "", "vanished": "1 settled as vanished.\n"}[settled]
        assert query("SELECT presence FROM instances WHERE instance_id = 'inst_001'") == [(settled,)]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_end_of_the_input_at_the_question_means_no(accepting, query):
    with accepting() as (terminal, process):
        terminal.write(b"\x04")
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err.splitlines()[-1]) == (0, "", "Nothing was settled.")
    assert query("SELECT presence FROM instances WHERE instance_id = 'inst_001'") == [("missing",)]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_accept_on_a_terminal_prints_only_what_it_settled_on_stdout(accepting):
    with accepting("--format", "csv") as (terminal, process):
        terminal.write(b"y\n")
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [(row["account"], row["instance_id"]) for row in rows] == [("default", "inst_001")]


@pytest.mark.slow
def test_accept_on_a_terminal_settles_only_the_instances_that_it_listed(accepting, query, database_url):
    with accepting() as (terminal, process):
        asked = ""
        while not asked.endswith("?") and (character := process.stderr.read(1)):
            asked += character
        assert "these 1 " in asked
        engine = connect(parse_url(database_url))
        with writing(engine) as connection:  # as if a sync found one more instance missing in the meantime
            connection.exec_driver_sql(
                "UPDATE instance_state SET presence = 'missing', missing_run_id = 2, missing_since = "
                "(SELECT started_at FROM sync_runs WHERE run_id = 2) WHERE instance_id = 'inst_002'"
            )
        engine.dispose()
        terminal.write(b"y\n")
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert out.endswith("1 settled as vanished.\n")
    assert "Missing, but not among those listed before: 1." in err
    found = query("SELECT presence FROM instances WHERE instance_id IN ('inst_001', 'inst_002') ORDER BY instance_id")
    assert found == [("vanished",), ("missing",)]


def _json(done, key):
    found = json.loads(done.stdout)
    assert list(found) == [key]
    return found[key]


def _wait_for(condition, seconds=30):
    import time

    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not become true"
        time.sleep(0.02)


@rule("keys-are-never-shown")
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_password_anywhere_in_the_databases_url_is_never_shown(run, database_url):
    joint = "&" if "?" in database_url else "?"
    done = run("db", "upgrade", "--database", f"{database_url}{joint}password=hunter2hunter2")
    assert "hunter2" not in done.stdout + done.stderr
    for url in (
        "postgresql://u@127.0.0.1:1/x?password=hunter2hunter2",
        "postgresql://u:hunter2hunter2@127.0.0.1:1/x?sslpassword=hunter2hunter2",
    ):
        for words in (("sync",), ("list",), ("db", "current")):
            done = run(*words, "--database", url, expect=7)
            assert "hunter2" not in done.stdout + done.stderr
    done = run("list", "--database", "postgresql://u:hunter2@secret@127.0.0.1:1/x", expect=2)
    assert "secret" not in done.stderr


@pytest.mark.medium
def test_a_dry_run_shows_a_vanished_instance_with_its_last_fields(run, simulator):
    run("sync")
    simulator.fleet.remove("inst_001")
    (change,) = json.loads(run("sync", "--dry-run", "--json").stdout)["changes"]
    assert (change["event"], change["status"], change["creator_user_nickname"]) == ("vanished", "ready", "ada")


@pytest.mark.medium
def test_an_account_without_a_key_does_not_stop_the_others(run, query, tmp_path):
    (tmp_path / "inventory.toml").write_text(
        '[[accounts]]\nname = "lost"\napi_key_file = "none"\n[[accounts]]\nname = "good"\napi_key_env = "KEY_GOOD"\n'
    )
    assert "lost" in run("sync", KEY_GOOD=KEY, expect=2).stderr
    assert query("SELECT account, status FROM sync_runs") == [("good", "succeeded")]


@pytest.mark.medium
@pytest.mark.parametrize(
    ("words", "settings"),
    [
        (("sync", "--database", "postgresql://u:p@127.0.0.1:abc/x"), {}),
        (("db", "upgrade", ""), {}),
        (("db", "upgrade", "base"), {}),
        (("sync",), {"SSL_CERT_FILE": "/nowhere", "INVENTORY_API_URL": "https://127.0.0.1:1/v1"}),
    ],
)
def test_an_error_that_only_the_user_can_fix_is_2(run, words, settings):
    run(*words, expect=2, **settings)


@pytest.mark.medium
def test_a_socks_proxy_is_2_without_its_library_and_4_if_it_refuses(run, monkeypatch):
    with socks(login=(b"bob", b"word")) as (port, _):
        names = {"HTTPS_PROXY": f"socks5://bob:other@127.0.0.1:{port}", "INVENTORY_API_URL": "https://127.0.0.1:1/v1"}
        assert "refused: Invalid username/password. Check HTTPS_PROXY" in run("sync", expect=4, **names).stderr
        monkeypatch.setitem(sys.modules, "socksio", None)
        assert "`pip install socksio`" in run("sync", expect=2, **names).stderr


@pytest.mark.medium
def test_an_empty_variable_is_the_same_as_none(run):
    run("sync", INVENTORY_PAGE_SIZE="", INVENTORY_LOG_LEVEL="", INVENTORY_MAX_VANISH="")
    run("sync", INVENTORY_LOG_LEVEL="INFO")


@pytest.mark.medium
def test_db_check_finds_a_missing_view(run, database_url):
    run("db", "upgrade")
    engine = database.connect(parse_url(database_url))
    with database.writing(engine) as connection:
        connection.exec_driver_sql("DROP VIEW creators")
    engine.dispose()
    assert "add_view creators" in run("db", "check", expect=7).stderr


@pytest.mark.medium
def test_db_check_and_doctor_find_a_view_that_says_something_else(run, engine):
    with database.writing(engine) as connection:
        connection.exec_driver_sql("DROP VIEW live_instances")
        connection.exec_driver_sql("CREATE VIEW live_instances AS SELECT * FROM instances WHERE presence = 'missing'")
    assert "change_view live_instances" in run("db", "check", expect=7).stderr
    assert "1 of its parts differ" in run("doctor", expect=7).stdout
