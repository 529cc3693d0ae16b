"""The log: which runs and acts become entries, the bytes of an entry as docs/log.md defines them, and `verify`."""

import json
import threading
from datetime import timedelta
from functools import partial
from itertools import count
from operator import itemgetter

import psycopg
import pytest
import sqlalchemy as sa

from inventory.errors import BreachFound, DatabaseError
from inventory.history import accounts as acts_on_accounts
from inventory.history import runs
from inventory.history.merkle_log.start import run_leaf
from inventory.history.missing import accept_missing
from inventory.history.prune import PruneRequest, prune
from inventory.history.runs import RunRequest
from inventory.history.verify import verify_history
from inventory.merkle import Frontier
from inventory.simulator import Status, on_get, on_page
from inventory.store import database, schema
from inventory.store.tables import UTCDateTime, accounts, dropped_entries, instance_state, instance_versions, sync_runs
from support.catalogue import downgrade
from support.checkpoints import check, take_checkpoints
from support.command import Command
from support.forgery import forge, read_rows, write_rows
from support.log_reader import canonical, changes_of, entries_of, history_of, missing_digest, run_row
from support.marks import ON_POSTGRESQL, rule
from support.postgres import WAITS_FOR_A_LOCK
from support.rfc6962 import tree_hash
from support.workers import until
from support.world import hour, ids

KILLED = RunRequest("default", "manual", api_url="https://api.fal.ai/v1", api_key_id="id", lease_seconds=60)


@pytest.fixture
def run(tmp_path, database_url):
    return Command(tmp_path, INVENTORY_DATABASE_URL=database_url)


def table(world, name):
    with database.reading(world.engine) as connection:
        return [dict(row) for row in connection.exec_driver_sql(f"SELECT * FROM {name}").mappings()]


def account_of(world, name="default"):
    return next(row for row in table(world, "accounts") if row["account"] == name)


def rows_of(world, name="default"):
    """Return a tuple of four: the row of an account, and the lists of its runs, acts and versions. A row is a dict."""
    tables = ("sync_runs", "operator_actions", "instance_versions")
    return account_of(world, name), *([row for row in table(world, each) if row["account"] == name] for each in tables)


def breaches(world):
    with database.reading(world.engine) as connection:
        return verify_history(connection).breaches


def log_of(world):
    with database.reading(world.engine) as connection:
        (log,) = verify_history(connection).logs
    return log


def kinds(world, name="default"):
    """Return the status of the run, or the action of the act, of each entry after entry 0, in order."""
    _, all_runs, all_acts, _ = rows_of(world, name)
    found = [(row["log_index"], row["status"]) for row in all_runs] + [
        (row["log_index"], row["action"]) for row in all_acts
    ]
    assert sorted(index for index, _ in found) == list(range(1, len(found) + 1))
    return [what for _, what in sorted(found)]


def check_by_hand(world, name="default"):
    """Compute the entries of a log without the program's code, and return them.

    Assert that the stored root, and the stored digest of the missing instances, are the computed ones.
    """
    account, all_runs, all_acts, versions = rows_of(world, name)
    entries = entries_of(account, all_runs, all_acts, versions)
    assert account["log_size"] == len(entries)
    assert Frontier(account["log_size"], bytes(account["log_frontier"])).root() == tree_hash(entries)
    states = [row for row in table(world, "instance_state") if row["account"] == name]
    applied = [row for row in all_runs if row["status"] in ("succeeded", "held", "partial")]
    newest = max(applied, key=lambda row: row["log_index"])
    accepted = [row for row in all_acts if row["action"] == "accept" and row["log_index"] > newest["log_index"]]
    last = json.loads(accepted[-1]["details"]).get("missing") if accepted else newest["missing_digest"]
    last = bytes(last).hex() if isinstance(last, (bytes, memoryview)) else last
    assert missing_digest(states, account["last_complete_run_id"]) == last
    return entries


def live(world):
    """Record ten runs of four statuses, and three acts: two that accept a disappearance, and one that retires."""
    world.put(*ids(24), creator_user_nickname="ada")
    world.run()  # 1
    world.run()  # 2: quiet
    world.put("i000", status="stopped", note="é🦀")
    world.remove("i001")
    world.run()  # 3
    world.faults.add(Status(503), when=on_page(2), times=None)
    world.put("i001", creator_user_nickname="eve")
    world.run(page_size=6)  # 4: partial
    world.faults.clear()
    world.faults.add(Status(401), times=None)
    world.run()  # 5: failed
    world.faults.clear()
    world.fleet.hide("i002")
    world.run(ignore_changes=("ip",))  # 6: one is found by its id only
    world.fleet.unhide("i002")
    world.faults.add(Status(500), when=on_get, times=None)
    world.faults.add(Status(503), when=on_page(1), after=1)
    world.remove("i003")
    world.run()  # 7: missing
    world.faults.clear()
    world.remove(*ids(24)[4:])
    world.run()  # 8: held
    accept_missing(world.engine, "default", only=["i004"], reason="ünten", lease_seconds=60, clock=lambda: hour(8.2))
    acts_on_accounts.retire(world.engine, "default", reason="moved", lease_seconds=60, clock=lambda: hour(8.5))
    world.run()  # 9: brings the account back
    accept_missing(world.engine, "default", lease_seconds=60, clock=lambda: hour(9.5))
    world.run()  # 10


@rule("every-run-and-act-is-logged")
def test_every_finished_run_and_every_act_is_one_entry_in_order(lived):
    assert kinds(lived) == [
        "succeeded", "succeeded", "succeeded", "partial", "failed", "succeeded", "succeeded", "held", "accept",
        "retire", "held", "accept", "succeeded",
    ]  # fmt: skip
    assert breaches(lived) == []


@rule("a-log-entry-never-changes")
def test_each_entry_is_computed_from_the_rows_as_the_documentation_says(lived):
    entries = check_by_hand(lived)
    assert len(entries) == 14
    assert [json.loads(entry).get("returned") for entry in entries[11:]] == [True, None, None]
    _, all_runs, _, versions = rows_of(lived)
    for row in all_runs:
        root = row["changes_root"] and bytes(row["changes_root"]).hex()
        assert root == changes_of(versions, row["run_id"], row["log_index"])


@rule("every-run-and-act-is-logged")
def test_a_quiet_run_writes_its_own_row_and_that_of_the_account(world):
    world.put(*ids(20))
    world.run()
    before = world.dump()
    world.run()
    after = world.dump()
    assert {name for name in before if before[name] != after[name]} == {"accounts", "sync_runs"}
    assert (len(after["accounts"]), len(after["sync_runs"])) == (1, 2)
    assert world.one("SELECT changes_root, missing_digest FROM sync_runs WHERE run_id = 2") == (None, None)


def begin_a_run_and_die(world):
    """Open a run as if a process on another host had opened it and died, and return its run_id."""
    run = runs.open_run(world.engine, KILLED, clock=lambda: hour(2))
    with database.writing(world.engine) as connection:
        dead = {"fencing_token": "of a dead process", "lease_host": "elsewhere"}
        connection.execute(sa.update(accounts).where(accounts.c.account == "default").values(dead))
        connection.execute(sa.update(sync_runs).where(sync_runs.c.run_id == run.run_id).values(heartbeat_at=hour(2)))
    return run.run_id


@pytest.mark.medium
@rule("every-run-and-act-is-logged")
@pytest.mark.parametrize("next_one", ["run", "act"])
def test_the_run_of_a_dead_process_gets_its_entry_when_the_lease_is_next_acquired(world, next_one):
    world.put("a")
    world.run()
    begin_a_run_and_die(world)
    if next_one == "run":
        world.run(clock=lambda: hour(3))
    else:
        acts_on_accounts.retire(world.engine, "default", lease_seconds=60, clock=lambda: hour(3))
    assert kinds(world) == ["succeeded", "abandoned", "succeeded" if next_one == "run" else "retire"]
    check_by_hand(world)
    assert breaches(world) == []


@ON_POSTGRESQL
@rule("a-log-entry-never-changes")
def test_a_late_heartbeat_of_a_frozen_process_does_not_change_the_entry_of_its_run(world, database_url):
    world.put("a")
    world.run()
    begin_a_run_and_die(world)
    with psycopg.connect(database_url) as frozen:
        frozen.execute("UPDATE sync_runs SET heartbeat_at = heartbeat_at + interval '1 s' WHERE status = 'running'")
        thread = threading.Thread(target=lambda: world.run(clock=lambda: hour(3)))
        thread.start()
        until(lambda: world.rows(WAITS_FOR_A_LOCK))
        frozen.commit()
    thread.join()
    assert world.statuses() == ["succeeded", "abandoned", "succeeded"]
    assert breaches(world) == []


@pytest.mark.medium
@rule("every-run-and-act-is-logged")
@pytest.mark.parametrize(
    ("before", "returned"),
    [
        ("accept", None),
        ("retire", True),
        ("retire, before the log began", True),
        ("retire and run", None),
        ("prune, retire, prune twice, beside an account with more acts", True),
    ],
)
def test_the_run_of_a_dead_process_brings_an_account_back_only_if_it_was_retired_since(world, before, returned):
    world.put(*ids(3))
    world.run(clock=lambda: hour(0.5))
    world.remove("i001")
    world.faults.add(Status(500), when=on_get, times=None)
    world.faults.add(Status(503), when=on_page(1), after=1)
    if before == "accept":
        world.run(clock=lambda: hour(0.7))
        assert accept_missing(world.engine, "default", lease_seconds=60, clock=lambda: hour(1)) == ["i001"]
    else:
        if before.startswith("prune"):
            prune(world.engine, PruneRequest("default", hour(0.4)), lease_seconds=60, clock=lambda: hour(0.55))
        acts_on_accounts.retire(world.engine, "default", lease_seconds=60, clock=lambda: hour(0.6))
    if before == "retire, before the log began":
        world.forget_log()
    if before == "retire and run":
        world.run(clock=lambda: hour(0.7))
    if before == "prune, retire, prune twice, beside an account with more acts":
        for time in (0.41, 0.42):
            prune(world.engine, PruneRequest("default", hour(time)), lease_seconds=60, clock=lambda: hour(0.8))
        for number in range(4):
            clock = partial(hour, 0.8 + number / 50)
            world.run(account="other", clock=clock)
            acts_on_accounts.retire(world.engine, "other", lease_seconds=60, clock=clock)
    world.faults.clear()
    run_id = begin_a_run_and_die(world)
    world.run(clock=lambda: hour(3))
    account, entries = account_of(world), entries_of(*rows_of(world))
    assert Frontier(account["log_size"], bytes(account["log_frontier"])).root() == tree_hash(entries)
    by_id = {entry["run"]["run_id"]: entry for entry in map(json.loads, entries) if "run" in entry}
    assert (by_id[run_id]["run"]["status"], by_id[run_id].get("returned")) == ("abandoned", returned)
    assert breaches(world) == []


@pytest.mark.medium
@rule("every-run-and-act-is-logged")
@pytest.mark.parametrize("logged", [True, False], ids=["with a log", "before the log began"])
def test_after_a_dropped_run_brought_an_account_back_the_run_of_a_dead_process_does_not(world, logged):
    world.faults.add(Status(500), times=None)
    world.run(clock=lambda: hour(0.5))
    acts_on_accounts.retire(world.engine, "default", lease_seconds=60, clock=lambda: hour(0.6))
    if not logged:
        world.forget_log()
    world.run(clock=lambda: hour(0.7))
    prune(world.engine, PruneRequest("default", hour(1.5)), lease_seconds=60, clock=lambda: hour(1.8))
    assert table(world, "sync_runs") == []
    world.faults.clear()
    begin_a_run_and_die(world)
    world.run(clock=lambda: hour(3))
    assert world.statuses() == ["abandoned", "succeeded"]
    assert breaches(world) == []


@pytest.mark.medium
@rule("every-run-and-act-is-logged")
def test_the_run_that_brought_a_retired_account_back_may_be_dropped(world):
    world.run()
    acts_on_accounts.retire(world.engine, "default", lease_seconds=60, clock=lambda: hour(1.5))
    for _ in range(3):
        world.run()
    prune(world.engine, PruneRequest("default", hour(3.5)), lease_seconds=60, clock=lambda: hour(4.5))
    assert {row["run_id"] for row in table(world, "sync_runs")} == {3, 4}
    assert breaches(world) == []


@pytest.mark.medium
@rule("every-run-and-act-is-logged")
def test_a_log_keeps_its_id_and_its_entries_through_a_rename(world):
    world.put("a")
    world.run()
    before = account_of(world)
    acts_on_accounts.rename(world.engine, "default", "research", lease_seconds=60, clock=lambda: hour(2))
    world.run(account="research")
    after = account_of(world, "research")
    assert (after["log_id"], after["log_start"]) == (before["log_id"], before["log_start"])
    assert kinds(world, "research") == ["succeeded", "rename", "succeeded"]
    check_by_hand(world, "research")
    assert breaches(world) == []


@pytest.mark.medium
@rule("every-run-and-act-is-logged")
def test_the_log_of_an_older_history_begins_with_an_entry_over_all_of_it(lived):
    lived.put("i000", status="ready", ip="10.0.0.1")
    lived.fleet.hide("i002")
    lived.run(ignore_changes=("ip",), clock=lambda: hour(11) + timedelta(microseconds=7))
    lived.put("i000", status="later", ip="10.0.0.1")
    lived.faults.add(Status(503), when=on_page(2), times=None)
    lived.run(ignore_changes=("ip",), page_size=1)
    lived.faults.clear()
    assert lived.statuses()[-2:] == ["succeeded", "partial"]
    lived.forget_log()
    assert breaches(lived) == []
    account, all_runs, _, versions = rows_of(lived)
    states = table(lived, "instance_state")
    counts = {row["instance_id"]: row["versions"] for row in states}
    assert None in {row["closed_log_index"] for row in versions if row["valid_to"] is not None}
    lived.run()
    start = json.loads(account_of(lived)["log_start"])
    assert (start["kind"], start["index"]) == ("start", 0)
    assert start["history"] == {
        "last_run_id": 12,
        "run_count": 12,
        "runs": tree_hash([canonical(run_row(row)) for row in sorted(all_runs, key=itemgetter("run_id"))]).hex(),
        "versions": history_of(versions, counts, hour(100)),
        "missing": missing_digest(states, account["last_complete_run_id"]),
        "ignored": ["ip"],
    }
    assert {row["instance_id"] for row in states if row["unlisted_runs"] == 1} == {"i002"}
    assert "i000" in {row["instance_id"] for row in states if row["seen_run_id"] > account["last_complete_run_id"]}
    assert kinds_since(lived) == ["succeeded"]
    assert breaches(lived) == []


@pytest.mark.medium
@rule("every-run-and-act-is-logged")
def test_before_the_first_complete_run_the_missing_digest_covers_every_live_instance(world):
    world.put(*ids(6))
    world.faults.add(Status(503), when=on_page(2), times=None)
    world.run(page_size=3)
    assert (world.statuses(), account_of(world)["last_complete_run_id"]) == (["partial"], None)
    check_by_hand(world)
    assert table(world, "sync_runs")[0]["missing_digest"] is not None
    assert breaches(world) == []


def kinds_since(world):
    """Return the statuses of the runs that have an entry in the log. Runs from before the log have none."""
    _, all_runs, _, _ = rows_of(world)
    return [row["status"] for row in all_runs if row["log_index"] is not None]


@pytest.mark.slow
@rule("a-log-entry-never-changes")
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE sync_runs SET api_key_id = 'another' WHERE run_id = 2",
        "UPDATE sync_runs SET pages = pages + 1 WHERE run_id = 5",
        "DELETE FROM sync_runs WHERE run_id = 5",
        "UPDATE instance_versions SET episode_creator = 'eve' WHERE instance_id = 'i005'",
        "UPDATE instance_state SET versions = versions + 1 WHERE instance_id = 'i005'",
    ],
)
@pytest.mark.parametrize("later", [False, True], ids=["at once", "after the history went on"])
def test_a_change_of_what_was_before_the_log_is_found(lived, change, later):
    lived.forget_log()
    lived.run()
    if later:
        lived.put("i000", status="later")
        lived.remove("i001")
        lived.run()
    assert breaches(lived) == []
    with database.writing(lived.engine) as connection:
        assert connection.exec_driver_sql(change).rowcount > 0
    assert "log" in {breach.kind for breach in breaches(lived)}


@pytest.mark.medium
@rule("a-log-entry-never-changes")
def test_a_change_of_what_the_last_run_before_the_log_recorded_is_found(world):
    world.put("a")
    world.run()
    world.put("b")
    world.run()
    world.forget_log()
    world.run()
    assert breaches(world) == []
    with database.writing(world.engine) as connection:
        connection.exec_driver_sql("UPDATE instance_versions SET episode_creator = 'eve' WHERE instance_id = 'b'")
    assert "log" in {breach.kind for breach in breaches(world)}


@pytest.mark.slow
@rule("a-log-entry-never-changes")
def test_what_was_before_the_log_may_be_closed_and_pruned_later(lived):
    lived.forget_log()
    for number in range(11, 15):
        lived.put("i000", status=f"s{number}")
        if number == 12:
            lived.remove("i001", "i002")
        lived.run()
        assert breaches(lived) == []
    for before in (3, 9, 12, 13):
        prune(lived.engine, PruneRequest("default", hour(before)), lease_seconds=60, clock=lambda: hour(100))
        assert breaches(lived) == []
    assert log_of(lived).by_hash > 0


@pytest.mark.medium
@rule("a-log-entry-never-changes")
@pytest.mark.parametrize("column", ["log_start", "log_size", "log_frontier"])
def test_a_log_without_its_beginning_or_its_end_is_damaged(lived, column):
    with database.writing(lived.engine) as connection:
        connection.exec_driver_sql(f"UPDATE accounts SET {column} = NULL")
    before = lived.dump()
    assert "log" in {breach.kind for breach in breaches(lived)}
    assert lived.run().status == ("succeeded" if column == "log_start" else "failed")  # a run does not read entry 0
    with pytest.raises((DatabaseError, BreachFound)):
        prune(lived.engine, PruneRequest("default", hour(8)), lease_seconds=60, clock=lambda: hour(100))
    assert lived.dump()["instance_versions"] == before["instance_versions"]


ODD_STARTS = (
    '{"history":[1]}', '{"history":{"ignored":5}}', '{"history":{"ignored":[["ip"]]}}',
    '{"history":{"last_run_id":"x"}}', '{"history":{"last_run_id":true}}', '{"history":{"last_run_id":1e400}}',
    '{"history":{"last_run_id":9223372036854775808}}', '{"kind":"start","at":5}', r'{"kind":"start","x":"\ud800"}',
    '{"kind":"start","x":36893488147419103232}', "[" * 20_000, "5", '{"history":' * 700 + "1" + "}" * 700,
)  # fmt: skip
ODD_DETAILS = (
    '{"last_run_id":"x"}', '{"last_run_id":null}', '{"last_run_id":[1]}', "[1]", r'{"x":"\ud800"}',
    '{"to":5,"from":[1],"changes":5,"missing":[1]}', '{"from":' * 700 + "1" + "}" * 700,
)  # fmt: skip


@pytest.mark.medium
@rule("verify-finds-contradictions")
@pytest.mark.parametrize(
    ("table", "column", "value"),
    [("accounts", "log_start", start) for start in ODD_STARTS]
    + [("operator_actions", "details", details) for details in ODD_DETAILS],
    ids=lambda value: str(value)[:40],
)
def test_a_start_of_a_log_and_details_of_an_act_of_another_form_are_breaches(lived, run, table, column, value):
    prune(lived.engine, PruneRequest("default", hour(5)), lease_seconds=60, clock=lambda: hour(10.5))
    assert breaches(lived) == []
    with database.writing(lived.engine) as connection:
        connection.execute(sa.text(f"UPDATE {table} SET {column} = :value"), {"value": value})
    assert "log: account default: " in run("verify", expect=9).stdout
    run("verify", "--format", "json", expect=9)


@pytest.mark.medium
@rule("verify-finds-contradictions")
def test_details_of_an_act_in_another_spelling_are_a_breach(lived, backend):
    spelling = "details || ' '" if backend == "sqlite" else "(details::text || ' ')::json"
    with database.writing(lived.engine) as connection:
        connection.exec_driver_sql(f"UPDATE operator_actions SET details = {spelling} WHERE action = 'retire'")
    assert [breach.what for breach in breaches(lived)] == ["the details of entry 10 are not as they were written"]


@rule("verify-finds-contradictions")
def test_a_rename_from_another_name_than_the_account_had_is_a_breach(world):
    world.run()
    acts_on_accounts.rename(world.engine, "default", "research", lease_seconds=60, clock=lambda: hour(1.5))
    with database.writing(world.engine) as connection:
        before, after = read_rows(connection), read_rows(connection)
        (act,) = after["operator_actions"]
        act["details"] = act["details"].replace("default", "another")
        forge(after)
        write_rows(connection, before, after)
    assert "entry 2 renames another, but it was default" in [breach.what for breach in breaches(world)]


@rule("verify-finds-contradictions")
def test_another_end_of_an_instance_than_an_acceptance_logged_is_a_breach(lived):
    change = sa.update(instance_versions).where(instance_versions.c.closed_log_index == 9).values(last_seen_at=hour(6))
    with database.writing(lived.engine) as connection:
        assert connection.execute(change).rowcount == 1
    assert "log" in {breach.kind for breach in breaches(lived)}


@rule("every-run-and-act-is-logged")
def test_an_acceptance_of_some_missing_instances_as_the_newest_entry_verifies(world):
    world.put(*ids(20))
    world.run()
    world.remove(*ids(20)[4:])
    assert world.run().status == "held"
    accepted = accept_missing(world.engine, "default", only=["i005"], lease_seconds=60, clock=lambda: hour(2.5))
    assert (accepted, kinds(world)[-1]) == (["i005"], "accept")
    assert breaches(world) == []


@rule("verify-finds-contradictions")
@pytest.mark.parametrize("index", [12, 14])
def test_an_entry_that_is_there_twice_or_not_at_all_is_named(lived, index):
    with database.writing(lived.engine) as connection:
        connection.execute(sa.update(sync_runs).where(sync_runs.c.run_id == 10).values(log_index=index))
    what = "is there twice" if index == 12 else "is followed by entry 14"
    assert f"entry 12 of its log {what}" in [breach.what for breach in breaches(lived)]


@rule("verify-finds-contradictions")
def test_a_missing_instance_that_the_newest_entry_does_not_hold_is_a_breach_if_it_is_held(world):
    world.put(*ids(20))
    world.run()
    world.remove("i000")
    world.faults.add(Status(500), when=on_get, times=None)
    world.faults.add(Status(503), when=on_page(1), after=1)
    world.run()
    assert (world.one("SELECT count(*) FROM instance_state WHERE presence = 'missing'"), breaches(world)) == (1, [])
    with database.writing(world.engine) as connection:
        connection.execute(sa.update(instance_state).where(instance_state.c.presence == "missing").values(held=True))
    assert "log" in {breach.kind for breach in breaches(world)}


@rule("verify-finds-contradictions")
def test_a_prune_that_names_another_number_of_acts_is_a_breach(lived):
    prune(lived.engine, PruneRequest("default", hour(5)), lease_seconds=60, clock=lambda: hour(10.5))
    with database.writing(lived.engine) as connection:
        before, after = read_rows(connection), read_rows(connection)
        (act,) = [row for row in after["operator_actions"] if row["action"] == "prune"]
        act["details"] = act["details"].replace('"acts": 3', '"acts": 4')
        forge(after)
        write_rows(connection, before, after)
    assert "entry 14 is a prune after 4 acts, but 3 are there" in [breach.what for breach in breaches(lived)]


@rule("verify-finds-contradictions")
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "change", ["hashes = 'abc'", "hashes = 5", "hashes = 1.5", "hashes = ''", "first_index = 'x'", "first_index = 0.5"]
)
def test_hashes_of_dropped_entries_of_another_type_are_breaches(lived, run, change):
    prune(lived.engine, PruneRequest("default", hour(5)), lease_seconds=60, clock=lambda: hour(10.5))
    with database.writing(lived.engine) as connection:
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        assert connection.exec_driver_sql(f"UPDATE dropped_entries SET {change}").rowcount
    assert "log: account default: " in run("verify", expect=9).stdout


@pytest.mark.medium
@rule("verify-finds-contradictions")
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_an_index_of_another_type_is_a_breach_in_the_hashes_of_dropped_runs_from_before_the_log(lived, run):
    downgrade(lived.engine, "0003")
    schema.upgrade(lived.engine)
    prune(lived.engine, PruneRequest("default", hour(5)), lease_seconds=60, clock=lambda: hour(10.5))
    assert breaches(lived) == []
    with database.writing(lived.engine) as connection:
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        change = "UPDATE dropped_entries SET first_index = 'x' WHERE tree = 'runs'"
        assert connection.exec_driver_sql(change).rowcount
    assert "the runs from before the log are not those that entry 0 recorded" in run("verify", expect=9).stdout


@pytest.mark.medium
@pytest.mark.parametrize("start", ['{"history":[1]}', '{"history":{"last_run_id":"x"}}', '{"history":null}'])
def test_a_run_that_needs_a_damaged_start_of_a_log_is_an_error_of_the_database(world, start):
    world.run()
    with database.writing(world.engine) as connection:
        connection.execute(
            sa.text(
                "UPDATE sync_runs SET status = 'running', finished_at = NULL, log_index = NULL, entry_hash = NULL"
                " WHERE run_id = (SELECT max(run_id) FROM sync_runs)"
            )
        )
        connection.execute(sa.text("UPDATE accounts SET log_start = :start"), {"start": start})
    error = world.run().error
    assert isinstance(error, DatabaseError)
    assert "entry 0 of the log of account default is not what a log begins with" in str(error)


@rule("a-log-entry-never-changes")
def test_a_disappearance_settled_later_belongs_to_the_later_entry(lived):
    closed = dict(
        lived.rows("SELECT instance_id, closed_log_index FROM instance_versions WHERE closed_as = 'vanished'")
    )
    by_run = dict(
        lived.rows("SELECT instance_id, closed_by_run_id FROM instance_versions WHERE closed_as = 'vanished'")
    )
    assert (by_run["i004"], closed["i004"]) == (8, 9)
    assert (by_run["i003"], closed["i003"]) == (7, 12)
    assert (by_run["i005"], closed["i005"]) == (8, 12)


@pytest.mark.medium
@rule("a-log-entry-never-changes")
def test_prune_folds_nothing_if_the_history_is_not_what_the_log_recorded(lived, run):
    with database.writing(lived.engine) as connection:
        connection.execute(sa.update(instance_versions).values(gpu_model="h200"))
    before = lived.dump()
    with pytest.raises(BreachFound, match="nothing was folded"):
        prune(lived.engine, PruneRequest("default", hour(8)), lease_seconds=60, clock=lambda: hour(100))
    for words in (["--dry-run"], []):
        assert "nothing was folded" in run("prune", "--before", "1d", *words, expect=9).stderr
    assert lived.dump() == before


@pytest.mark.medium
@rule("a-log-entry-never-changes")
@pytest.mark.parametrize("until", [3, 7, 9, 11])
def test_the_entry_of_a_prune_holds_the_root_of_what_it_left(lived, until):
    for number in (11, 12):
        lived.put("i000", status=f"s{number}", region="us-east")
        lived.run()
    prune(lived.engine, PruneRequest("default", hour(until)), lease_seconds=60, clock=lambda: hour(100))
    _, _, acts, versions = rows_of(lived)
    counts = {row["instance_id"]: row["versions"] for row in table(lived, "instance_state")}
    assert json.loads(acts[-1]["details"])["history"] == history_of(versions, counts, hour(until))


@pytest.mark.medium
@rule("a-log-entry-never-changes")
def test_after_a_prune_the_entries_are_known_by_content_or_by_hash(lived):
    root = Frontier(*(account_of(lived)[name] for name in ("log_size", "log_frontier"))).root()
    prune(lived.engine, PruneRequest("default", hour(9)), lease_seconds=60, clock=lambda: hour(100))
    with database.reading(lived.engine) as connection:
        size = account_of(lived)["log_size"] - 1
        found = verify_history(connection, sizes={account_of(lived)["log_id"]: [size, 3]})
    assert found.breaches == []
    assert found.logs[0].roots[size] == root  # the root from before the prune can still be computed
    assert found.logs[0].roots.keys() == {3, size}
    assert found.logs[0].by_hash > 0
    assert found.logs[0].pruned_at == size


@pytest.mark.medium
@rule("a-log-entry-never-changes")
@pytest.mark.parametrize("stop", range(5))
def test_a_prune_that_is_stopped_before_any_transaction_leaves_a_log_that_verifies(lived, monkeypatch, stop):
    steps = count()
    monkeypatch.setattr("inventory.history.pruned_rows.BATCH", 12)
    original = prune.__globals__["fence"]

    def fence_or_stop(connection, lease, **options):
        if next(steps) == stop:
            raise DatabaseError("stopped here")
        return original(connection, lease, **options)

    def prune_all(now):
        prune(lived.engine, PruneRequest("default", hour(9)), lease_seconds=60, clock=lambda: hour(now))

    with monkeypatch.context() as patched:
        patched.setattr("inventory.history.prune.fence", fence_or_stop)
        with pytest.raises(DatabaseError, match="stopped here"):
            prune_all(100)
        assert breaches(lived) == []
        lived.put("i000", status="later")
        lived.run(clock=lambda: hour(101))
        assert breaches(lived) == []
        prune_all(102)
    assert next(steps) == stop + 1 + 5  # so the second prune made five transactions, and no place to stop is left out
    assert breaches(lived) == []


@rule("verify-finds-contradictions")
@pytest.mark.parametrize("change", [{"held": False}, {"unlisted_runs": 1}])
def test_a_held_instance_that_is_not_as_the_newest_run_left_it_is_a_breach(world, change):
    world.put(*ids(15))
    world.run()
    world.remove(*ids(12))
    assert world.run().status == "held"
    with database.writing(world.engine) as connection:
        connection.execute(sa.update(instance_state).where(instance_state.c.instance_id == "i003").values(**change))
    what = "what is missing, or when it was last seen, is not what the log recorded"
    assert [breach.what for breach in breaches(world)] == [what]


@rule("verify-finds-contradictions")
def test_an_entry_of_whose_changes_no_version_is_left_is_a_breach(world):
    world.put("a")
    world.run()
    world.put("b")
    world.run()
    with database.writing(world.engine) as connection:
        for rows in (instance_versions, instance_state):
            connection.execute(sa.delete(rows).where(rows.c.instance_id == "b"))
    what = "the versions that entry 2 of the log opened or closed are not those that it recorded"
    assert (2, what) in [(breach.run_id, breach.what) for breach in breaches(world)]


@rule("verify-finds-contradictions")
def test_a_version_of_a_run_whose_entry_recorded_no_change_is_a_breach(world):
    world.put("a")
    world.run()
    world.run()
    with database.writing(world.engine) as connection:
        new = {
            "instance_id": sa.literal("b"),
            "valid_from": sa.literal(hour(2), UTCDateTime()),
            "opened_by_run_id": sa.literal(2),
        }
        for rows in (instance_versions, instance_state):
            values = {column.name: new.get(column.name, column) for column in rows.columns}
            copied = sa.select(*values.values())
            connection.execute(sa.insert(rows).from_select(list(values), copied))
    what = "the versions that entry 2 of the log opened or closed are not those that it recorded"
    assert (2, what) in [(breach.run_id, breach.what) for breach in breaches(world)]


@rule("verify-finds-contradictions")
@pytest.mark.parametrize(
    ("change", "what", "third_differs"),
    [
        (
            "UPDATE sync_runs SET log_index = NULL, entry_hash = NULL WHERE run_id = 2",
            "it opened a version of b, but has no entry in the log",
            False,
        ),
        (
            "UPDATE instance_versions SET closed_log_index = 1 WHERE opened_by_run_id = 2",
            "the version of b that it opened has ended, but no later entry closed it",
            True,
        ),
    ],
)
def test_a_version_without_the_entry_of_its_start_or_its_end_is_a_breach(world, change, what, third_differs):
    world.put("a")
    world.run()
    world.put("b")
    world.run()
    world.put("b", status="stopped")
    world.put("c")
    world.run()
    with database.writing(world.engine) as connection:
        connection.exec_driver_sql(change)
    found = breaches(world)
    assert (2, what) in [(breach.run_id, breach.what) for breach in found]
    third = "the versions that entry 3 of the log opened or closed are not those that it recorded"
    assert (third in [breach.what for breach in found]) == third_differs


@rule("prune-keeps-the-answers")
def test_each_prune_keeps_the_hash_of_a_run_from_before_the_log_under_its_place_among_those_runs(world):
    world.put("a")
    for _ in range(5):
        world.run()
    world.forget_log()
    before_the_log = {row["run_id"]: row for row in table(world, "sync_runs")}
    world.run()
    for time in (3.5, 4.5):
        prune(world.engine, PruneRequest("default", hour(time)), lease_seconds=60, clock=lambda: hour(9))
        assert breaches(world) == []
    kept = [row for row in table(world, "dropped_entries") if row["tree"] == "runs"]
    assert {(row["first_index"], bytes(row["hashes"])) for row in kept} == {
        (run_id - 1, tree_hash([canonical(run_row(before_the_log[run_id]))])) for run_id in (2, 3)
    }


def leave_only_the_hash(world, run_id):
    """Delete the row of a run, and keep the hash of its entry, as `prune` does."""
    with database.writing(world.engine) as connection:
        connection.exec_driver_sql(
            "INSERT INTO dropped_entries (log_id, tree, first_index, hashes)"
            " SELECT log_id, 'log', log_index, entry_hash FROM sync_runs JOIN accounts USING (account)"
            f" WHERE run_id = {run_id}"
        )
        connection.exec_driver_sql(f"DELETE FROM sync_runs WHERE run_id = {run_id}")


@rule("verify-finds-contradictions")
@pytest.mark.parametrize("before", [None, 3, 3.5])
def test_a_run_of_which_only_the_hash_is_left_is_a_breach_if_no_prune_can_have_dropped_it(lived, before):
    if before is not None:
        prune(lived.engine, PruneRequest("default", hour(before)), lease_seconds=60, clock=lambda: hour(10.5))
    assert breaches(lived) == []
    leave_only_the_hash(lived, 5)
    (found,) = breaches(lived)
    assert "is known by its hash only, though no prune can have dropped it" in str(found)


@rule("verify-finds-contradictions")
@pytest.mark.parametrize("before", [None, 3])
def test_only_the_hash_of_a_run_from_before_the_log_is_a_breach_if_no_prune_can_have_dropped_it(lived, before):
    downgrade(lived.engine, "0003")
    schema.upgrade(lived.engine)
    lived.run(clock=lambda: hour(11))
    if before is not None:
        prune(lived.engine, PruneRequest("default", hour(before)), lease_seconds=60, clock=lambda: hour(11.5))
    assert breaches(lived) == []
    with database.writing(lived.engine) as connection:
        fifth = sa.select(sync_runs).where(sync_runs.c.run_id == 5)
        leaf = run_leaf(connection.execute(fifth).mappings().one())
        log_id = connection.scalar(sa.select(accounts.c.log_id))
        kept = {"log_id": log_id, "tree": "runs", "first_index": 4, "hashes": leaf}
        connection.execute(sa.insert(dropped_entries), kept)
        connection.execute(sa.delete(sync_runs).where(sync_runs.c.run_id == 5))
    what = "a run from before the log is known by its hash only, though no prune dropped it"
    assert what in [breach.what for breach in breaches(lived)]


@rule("verify-finds-contradictions")
@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"retired_at": hour(9)}, "retired_at does not follow from the log"),
        ({"pruned_before": hour(0)}, "pruned_before does not follow from the log"),
        ({"created_at": hour(0)}, "provider or created_at is not what the log recorded"),
        ({"log_id": "another"}, "its log is that of another id"),
    ],
)
def test_an_account_that_contradicts_its_log_is_a_breach(lived, change, what):
    with database.writing(lived.engine) as connection:
        connection.execute(sa.update(accounts).values(change))
    assert what in [breach.what for breach in breaches(lived)]


@rule("verify-finds-contradictions")
def test_an_account_that_is_no_longer_marked_as_retired_is_a_breach(lived):
    acts_on_accounts.retire(lived.engine, "default", lease_seconds=60, clock=lambda: hour(11))
    assert breaches(lived) == []
    with database.writing(lived.engine) as connection:
        connection.execute(sa.update(accounts).values(retired_at=None))
    assert [breach.what for breach in breaches(lived)] == ["retired_at does not follow from the log"]


@rule("verify-finds-contradictions")
def test_two_accounts_with_the_same_log_are_a_breach(lived):
    lived.run(account="research")
    log_id = sa.select(accounts.c.log_id).where(accounts.c.account == "default").scalar_subquery()
    with database.writing(lived.engine) as connection:
        connection.execute(sa.update(accounts).where(accounts.c.account == "research").values(log_id=log_id))
    found = [breach for breach in breaches(lived) if breach.what == "its log is also that of another account"]
    assert [breach.account for breach in found] == ["research"]


@rule("verify-finds-contradictions")
@pytest.mark.parametrize(("before", "complete", "hash_only"), [(1.5, 3, 4), (2, 4, 3)])
def test_without_a_complete_run_by_then_a_prune_keeps_all_runs_from_the_time_on(world, before, complete, hash_only):
    world.put("a")
    for number in (1, 2, 3, 4):
        if number != complete:
            world.faults.add(Status(401), times=None)
        world.run()
        world.faults.clear()
    prune(world.engine, PruneRequest("default", hour(before)), lease_seconds=60, clock=lambda: hour(5))
    assert [run_id for (run_id,) in world.rows("SELECT run_id FROM sync_runs ORDER BY run_id")] == [2, 3, 4]
    assert breaches(world) == []
    leave_only_the_hash(world, hash_only)
    (found,) = breaches(world)
    assert "is known by its hash only, though no prune can have dropped it" in str(found)


@rule("verify-finds-contradictions")
@pytest.mark.parametrize("before", [3, 3.5])
def test_the_last_complete_run_by_the_time_of_a_prune_cannot_have_been_dropped(world, before):
    world.put("a")
    for _ in range(5):
        world.run()
    prune(world.engine, PruneRequest("default", hour(before)), lease_seconds=60, clock=lambda: hour(6))
    assert [run_id for (run_id,) in world.rows("SELECT run_id FROM sync_runs ORDER BY run_id")] == [1, 3, 4, 5]
    assert breaches(world) == []
    leave_only_the_hash(world, 3)
    assert any(
        "is known by its hash only, though no prune can have dropped it" in str(each) for each in breaches(world)
    )


@rule("every-run-and-act-is-logged")
@pytest.mark.parametrize("has_hash", [False, True])
def test_a_run_without_an_entry_in_the_log_is_a_breach(lived, has_hash):
    columns = {column.name: column.name for column in sync_runs.columns}
    columns |= {"run_id": "11", "started_at": ":at", "heartbeat_at": ":at", "finished_at": ":at", "log_index": "NULL"}
    columns["previous_complete_at"] = ":before"
    if not has_hash:
        columns["entry_hash"] = "NULL"
    with database.writing(lived.engine) as connection:
        connection.execute(
            sa.text(
                f"INSERT INTO sync_runs ({', '.join(columns)}) SELECT {', '.join(columns.values())} FROM sync_runs"
                " WHERE status = 'failed'"
            ).bindparams(sa.bindparam("at", hour(11), UTCDateTime()), sa.bindparam("before", hour(10), UTCDateTime()))
        )
    expected = ["it has no entry in the log, but a hash of one"] * has_hash + ["it has no entry in the log"]
    assert [(breach.run_id, breach.what) for breach in breaches(lived)] == [(11, what) for what in expected]


@rule("verify-finds-contradictions")
@pytest.mark.parametrize("left", ["fleet_digest", "NULL"])
def test_a_digest_that_is_kept_as_cleared_is_a_breach_if_no_prune_cleared_it(lived, left):
    change = f"UPDATE sync_runs SET cleared_digest = fleet_digest, fleet_digest = {left} WHERE run_id = 10"
    with database.writing(lived.engine) as connection:
        connection.exec_driver_sql(change)
    found = [breach.what for breach in breaches(lived) if breach.run_id == 10]
    assert "its digest is kept as cleared, though no prune cleared it" in found


@rule("verify-finds-contradictions")
def test_a_digest_that_a_prune_cleared_is_a_breach_if_it_is_there_again(lived):
    prune(lived.engine, PruneRequest("default", hour(5)), lease_seconds=60, clock=lambda: hour(10.5))
    with database.writing(lived.engine) as connection:
        cleared = "UPDATE sync_runs SET fleet_digest = cleared_digest WHERE cleared_digest IS NOT NULL"
        number = connection.exec_driver_sql(cleared).rowcount
    found = [breach.what for breach in breaches(lived)]
    assert found.count("it has a digest, though a prune has cleared it") == number > 0


def test_hashes_of_a_log_that_no_account_has_are_a_breach(lived):
    with database.writing(lived.engine) as connection:
        connection.exec_driver_sql(
            "INSERT INTO dropped_entries (log_id, tree, first_index, hashes)"
            " SELECT 'another', 'log', log_index, entry_hash FROM sync_runs WHERE status = 'failed'"
        )
    (found,) = breaches(lived)
    assert "hashes of dropped entries name the log 'another', which no account has" in str(found)


@pytest.mark.medium
def test_fields_that_were_ignored_when_a_vanished_instance_was_last_seen_are_no_breach(world):
    world.put("a", ip="192.0.2.1")
    world.put("b")
    world.run()
    world.put("a", ip="192.0.2.2")
    world.run(ignore_changes=("ip",))
    world.remove("a")
    world.run(ignore_changes=("status",))
    assert breaches(world) == []


def checkpoints_of(world):
    with database.reading(world.engine) as connection:
        return take_checkpoints(connection)


def verdict(world, checkpoints):
    with database.reading(world.engine) as connection:
        return check(connection, checkpoints)


@pytest.mark.medium
@rule("a-checkpoint-anchors-the-log")
@pytest.mark.parametrize("index", [None, 2], ids=["no entry", "an entry from before the prune"])
def test_an_end_of_a_version_that_no_entry_recorded_is_found(world, index):
    world.put(*ids(20))
    world.run()
    for number in (2, 3, 4):
        world.put("other", status=f"s{number}")
        world.run()
    prune(world.engine, PruneRequest("default", hour(4)), lease_seconds=60, clock=lambda: hour(4.5))
    world.put("live")
    world.run()
    world.run()
    world.remove(*ids(20))
    for _ in range(3):
        assert world.run().status == "held"  # a held run has no digest
    checkpoints = checkpoints_of(world)
    assert not verdict(world, checkpoints)
    version, state, run = instance_versions, instance_state, sync_runs
    end = {"valid_to": hour(8), "closed_by_run_id": 8, "closed_as": "vanished", "last_seen_at": hour(7)}
    with database.writing(world.engine) as connection:
        connection.execute(
            sa.update(version).where(version.c.instance_id == "live").values(**end, closed_log_index=index)
        )
        connection.execute(
            sa.update(state)
            .where(state.c.instance_id == "live")
            .values(presence="vanished", vanished_at=hour(8), seen_run_id=7)
        )
        connection.execute(sa.update(run).where(run.c.run_id == 8).values(vanished=1))
    assert verdict(world, checkpoints)


@pytest.mark.medium
@rule("a-checkpoint-anchors-the-log")
@pytest.mark.parametrize("lies", ["a run only", "a run and a version"])
@pytest.mark.parametrize(("run_id", "status"), [(0, "partial"), (0, "running"), (3, "running")])
def test_a_run_without_an_entry_in_the_log_is_found(world, run_id, status, lies):
    world.put("a", creator_user_nickname="ada")
    world.run()
    for _ in range(3):
        world.run(account="other")
    world.run()
    world.run()
    # run 3 is a run of the account `other`; this prune drops run 3, so that its id is free
    prune(world.engine, PruneRequest("other", hour(4)), lease_seconds=60, clock=lambda: hour(6.5))
    checkpoints = checkpoints_of(world)
    assert not verdict(world, checkpoints)
    has_version = lies == "a run and a version"
    at, next_id = (hour(0.5), 1) if run_id == 0 else (hour(2.5), 5)
    with database.writing(world.engine) as connection:
        run = {"run_id": run_id, "account": "default", "trigger": "manual", "status": status, "complete": False}
        times = {"started_at": at, "heartbeat_at": at, "finished_at": None if status == "running" else at}
        more = {"previous_complete_at": hour(1) if run_id else None, "appeared": int(has_version)}
        connection.execute(
            sa.insert(sync_runs).values(**run, **times, **more, api_url="https://api.fal.ai/v1", version="0.1.0")
        )
        if has_version:
            insert_a_ghost(connection, at, run_id, next_id)
    assert verdict(world, checkpoints)


def insert_a_ghost(connection, at, opened_by, closed_by):
    """Insert the vanished instance `ghost`, a copy of the only instance of the account `default`, with one version.

    The run `opened_by` opens the version, at the time `at`. The run `closed_by` closes it, at the time of that run.
    """
    (version,) = connection.execute(
        sa.select(instance_versions).where(instance_versions.c.account == "default")
    ).mappings()
    (state,) = connection.execute(sa.select(instance_state).where(instance_state.c.account == "default")).mappings()
    ends = connection.scalar(sa.select(sync_runs.c.started_at).where(sync_runs.c.run_id == closed_by))
    connection.execute(
        sa.insert(instance_versions).values(
            {
                **version, "instance_id": "ghost", "valid_from": at, "opened_by_run_id": opened_by, "valid_to": ends,
                "closed_by_run_id": closed_by, "closed_as": "vanished", "last_seen_at": at,
            }
        )
    )  # fmt: skip
    connection.execute(
        sa.insert(instance_state).values(
            {
                **state, "instance_id": "ghost", "presence": "vanished", "first_seen_at": at,
                "vanished_at": ends, "seen_run_id": opened_by,
            }
        )
    )  # fmt: skip
    connection.execute(sa.update(sync_runs).where(sync_runs.c.run_id == closed_by).values(vanished=1))


@pytest.mark.medium
@rule("prune-keeps-the-answers")
def test_the_run_that_settled_an_earlier_absence_may_be_dropped(world):
    world.put("a", "b")
    world.run()
    world.run()
    world.remove("b")
    world.faults.add(Status(500), when=on_get, times=None)
    world.faults.add(Status(503), when=on_page(1), after=1)
    world.run()
    assert world.presences() == {"a": "live", "b": "missing"}
    world.faults.clear()
    for _ in range(5):
        world.run()
    assert world.gone() == [("b", hour(3))]
    checkpoints = checkpoints_of(world)
    prune(world.engine, PruneRequest("default", hour(7)), lease_seconds=60, clock=lambda: hour(8.5))
    assert {row["run_id"] for row in table(world, "sync_runs")} == {1, 2, 3, 7, 8}
    assert breaches(world) == []
    with database.reading(world.engine) as connection:
        assert not check(connection, checkpoints, allow_pruned=True)


@pytest.mark.medium
@rule("prune-keeps-the-answers")
def test_prune_keeps_the_last_run_that_ignored_a_field(world):
    world.put("a", "b", ip="192.0.2.1")
    world.run()
    world.run(ignore_changes="ip")
    world.put("a", ip="192.0.2.2")
    for fields in ("ip", "ip", "", "", "", ""):
        world.run(ignore_changes=fields)
    assert breaches(world) == []
    prune(world.engine, PruneRequest("default", hour(7)), lease_seconds=60, clock=lambda: hour(9))
    assert {row["run_id"] for row in table(world, "sync_runs")} == {1, 4, 5, 7, 8}
    assert breaches(world) == []
