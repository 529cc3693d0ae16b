"""What a run writes: its row in `sync_runs`, and changes that all have the same time.

A run that finds nothing new writes only its row in `sync_runs` and the account's row. Other tests here: what the row of
a failed run says, and how an unchanged or changed list is recognised.
"""

import errno
import hashlib
from datetime import timedelta
from itertools import count

import pytest

from inventory.config.keys import Account, ApiKey
from inventory.history.prune import PruneRequest, prune
from inventory.history.verify import verify_history
from inventory.simulator import Drop, Redirect, Rewrite, Status, on_get, on_list, on_page
from inventory.store import database
from inventory.sync import SyncOptions, sync
from support.marks import rule
from support.workers import PATIENCE
from support.world import BEGIN, hour, ids, machine


def breaches(world):
    with database.reading(world.engine) as connection:
        return verify_history(connection).breaches


@pytest.mark.medium
@rule("one-time-per-run")
def test_everything_that_a_run_records_has_the_time_of_the_run(world):
    world.put("a", "b", "c")
    ticks = count()
    world.run(page_size=1, clock=lambda: BEGIN + timedelta(seconds=next(ticks)))
    time = world.last_run("started_at")
    assert world.last_run("finished_at") > time
    assert world.rows("SELECT DISTINCT valid_from FROM instance_versions") == [(time,)]
    assert world.rows("SELECT DISTINCT first_seen_at FROM instances") == [(time,)]


@pytest.mark.medium
@rule("times-increase")
def test_times_and_run_ids_strictly_increase_when_the_clock_steps_back(world, capfd):
    world.run(clock=lambda: hour(5))
    assert "clock" not in "".join(capfd.readouterr())
    world.put("a")
    world.run(clock=lambda: hour(2))
    assert "the clock stepped back" in "".join(capfd.readouterr())
    world.run(clock=lambda: hour(5))
    world.run(clock=lambda: hour(6))
    rows = world.rows("SELECT started_at, run_id FROM sync_runs ORDER BY run_id")
    microsecond = timedelta(microseconds=1)
    assert [time for time, _ in rows] == [hour(5), hour(5) + microsecond, hour(5) + 2 * microsecond, hour(6)]
    assert world.one("SELECT first_seen_at FROM instances") == hour(5) + microsecond


@pytest.mark.medium
@rule("times-increase")
def test_a_run_after_a_prune_never_starts_before_its_time_when_the_clock_steps_back(world, capfd):
    world.put("a")
    world.run(clock=lambda: hour(1))
    prune(world.engine, PruneRequest("default", hour(5)), lease_seconds=60, clock=lambda: hour(6))
    world.put("b")
    world.run(clock=lambda: hour(2))
    assert "the clock stepped back" in "".join(capfd.readouterr())
    assert world.last_run("started_at") == hour(5)
    with database.reading(world.engine) as connection:
        assert verify_history(connection).breaches == []


@pytest.mark.medium
@rule("database-clock")
def test_times_are_from_the_database_without_an_injected_clock(world):
    def database_now():
        with database.reading(world.engine) as connection:
            return database.now(connection)

    world.put("a")
    before = database_now()
    sync(world.engine, Account("default", ApiKey("id:secret")), world.settings())
    assert before <= world.one("SELECT valid_from FROM instance_versions") <= database_now()
    assert world.last_run("started_at") <= world.last_run("finished_at")


@pytest.mark.medium
@rule("quiet-run-writes-one-row")
def test_a_quiet_run_writes_one_row_of_sync_runs_and_the_accounts_row(world):
    world.put(*ids(30))
    world.run(page_size=10)
    before = world.dump()
    outcome = world.run(page_size=10)
    assert (outcome.status, sum(outcome.counts.values())) == ("succeeded", 0)
    after = world.dump()
    assert {name for name in after if after[name] != before[name]} == {"accounts", "sync_runs"}
    assert len(set(after["sync_runs"]) - set(before["sync_runs"])) == 1
    assert set(before["sync_runs"]) < set(after["sync_runs"])
    assert len(after["accounts"]) == 1
    assert world.rows("SELECT DISTINCT last_seen_at FROM instances") == [(hour(2),)]


@pytest.mark.medium
@rule("quiet-run-writes-one-row")
def test_another_order_of_the_list_or_page_size_is_no_change(world):
    world.put("a", "b", "c")
    world.run(page_size=1)
    before = world.dump()
    world.remove("a")
    world.put("a")
    world.run(page_size=2)
    after = world.dump()
    assert before["instance_state"] == after["instance_state"]
    assert before["instance_versions"] == after["instance_versions"]


@pytest.mark.medium
@rule("last-seen-by-join")
def test_last_seen_is_the_last_complete_run_or_a_later_one_that_recorded_something(world):
    world.put("a", "b", "c")
    world.run()
    world.put("a", status="stopped")
    world.faults.add(Status(500), when=on_page(3))
    world.run(page_size=1)
    seen = "SELECT instance_id, last_seen_at FROM instances ORDER BY 1"
    assert world.rows(seen) == [("a", hour(2)), ("b", hour(1)), ("c", hour(1))]
    before = world.dump()
    assert sum(world.run().counts.values()) == 0
    assert world.rows(seen) == [("a", hour(3)), ("b", hour(3)), ("c", hour(3))]
    after = world.dump()
    assert before["instance_state"] == after["instance_state"]
    assert before["instance_versions"] == after["instance_versions"]
    assert world.last_run("fleet_digest") == world.digest()
    world.remove("b")
    world.run()
    assert world.rows(seen) == [("a", hour(4)), ("b", hour(3)), ("c", hour(4))]


@pytest.mark.medium
@rule("quiet-run-writes-one-row")
@pytest.mark.parametrize("meanwhile", ["changed", "new", "back"])
def test_an_unchanged_list_is_compared_again_after_a_partial_run_that_wrote_something(world, meanwhile):
    if meanwhile == "back":
        world.put("a")
        world.run(page_size=1)
        world.remove("a")
    else:
        world.put("a")
    world.put("b", "c")
    world.run(page_size=1)
    wanted = world.presences()
    if meanwhile == "new":  # first in the list, so that the partial run sees it
        listed = [world.fleet.get(id_) for id_ in "abc"]
        world.remove(*"abc")
        world.put("a0")
        for item in listed:
            world.fleet.put(item)
    elif meanwhile == "back":
        world.remove("b", "c")
        world.put("a", "b", "c")
    else:
        world.put("a", status="stopped")
    world.faults.add(Status(500), when=on_page(3))
    outcome = world.run(page_size=1)
    assert (outcome.status, sum(outcome.counts.values())) == ("partial", 1)
    # make the list the same as in the last complete run, byte by byte
    if meanwhile == "changed":
        world.put("a")
    else:
        world.remove("a0" if meanwhile == "new" else "a")
    outcome = world.run(page_size=1)
    assert (outcome.status, sum(outcome.counts.values())) == ("succeeded", 1)
    assert world.presences() == wanted | ({"a0": "vanished"} if meanwhile == "new" else {})
    assert {status for (status,) in world.rows("SELECT status FROM live_instances")} == {"ready"}
    assert world.last_run("fleet_digest") == world.digest()
    assert breaches(world) == []


@pytest.mark.medium
@rule("last-seen-by-join")
@pytest.mark.parametrize("late", [False, True], ids=["gone at once", "missing first"])
@pytest.mark.parametrize("recorded", ["a version", "the state alone"])
def test_an_instance_that_a_partial_run_saw_last_was_last_seen_at_its_time(world, recorded, late):
    ignoring = {} if recorded == "a version" else {"ignore_changes": "status"}
    world.put("a", "b", "c")
    world.run(page_size=1, **ignoring)
    world.put("a", status="stopped")
    if recorded == "the state alone":
        world.fleet.hide("a")
        world.run(page_size=1, **ignoring)
        world.fleet.unhide("a")
    world.faults.add(Status(500), when=on_page(3))
    world.run(page_size=1, **ignoring)
    seen = hour(world.runs)
    assert world.statuses()[-1] == "partial"
    world.remove("a")
    if late:
        world.faults.add(Status(500), when=on_get)
        world.faults.add(Status(503), when=on_page(1), after=1)
        world.run(page_size=1, **ignoring)
        state = world.rows("SELECT presence, last_seen_at FROM instances WHERE instance_id = 'a'")
        assert state == [("missing", seen)]
    world.run(page_size=1, **ignoring)
    state = world.rows("SELECT presence, last_seen_at FROM instances WHERE instance_id = 'a'")
    assert state == [("vanished", seen)]
    assert world.rows("SELECT last_seen_at FROM instance_versions WHERE closed_as = 'vanished'") == [(seen,)]
    assert breaches(world) == []


@pytest.mark.medium
@rule("quiet-run-writes-one-row")
def test_a_run_that_leaves_the_same_instances_missing_writes_no_instance(world):
    world.put("a", "b", *ids(20))
    world.run()
    world.remove("b", *ids(20))
    world.run()
    before = world.dump()
    assert world.run().status == "held"
    after = world.dump()
    assert before["instance_state"] == after["instance_state"]
    assert before["instance_versions"] == after["instance_versions"]


@pytest.mark.medium
@rule("every-attempt-is-a-row")
def test_a_failed_run_writes_only_its_row_and_the_accounts_row(world):
    world.put("a")
    world.run()
    before = world.dump()
    world.faults.add(Status(500), when=on_list)
    world.run()
    after = world.dump()
    assert {name for name in after if after[name] != before[name]} == {"accounts", "sync_runs"}
    assert (len(after["accounts"]), len(after["sync_runs"])) == (1, 2)
    assert set(before["sync_runs"]) < set(after["sync_runs"])
    assert world.one("SELECT last_seen_at FROM instances") == hour(1)
    before = after
    world.run()
    assert world.dump()["instance_state"] == before["instance_state"]
    assert world.last_run("status", "fleet_digest", "previous_complete_at") == ("succeeded", world.digest(), hour(1))


@pytest.mark.medium
@rule("keys-are-never-shown")
def test_a_run_keeps_the_id_of_its_key_and_never_the_secret(world):
    world.run(key="public:very-secret")
    world.run(key="very-secret-without-colon")
    hashed = "sha256:" + hashlib.sha256(b"very-secret-without-colon").hexdigest()[:12]
    assert world.rows("SELECT api_key_id, api_url FROM sync_runs ORDER BY run_id") == [
        ("public", world.simulator.url), (hashed, world.simulator.url),
    ]  # fmt: skip
    assert "very-secret" not in str(world.dump())


@pytest.mark.medium
@rule("every-attempt-is-a-row")
@pytest.mark.parametrize(
    ("fault", "code", "exit_code"),
    [
        (Status(401), "unauthorized", 3),
        (Status(403), "forbidden", 3),
        (Status(429), "rate_limited", 4),
        (Status(500), "server_error", 4),
        (Status(418), "server_error", 4),
        (Redirect("http://127.0.0.1:9/"), "server_error", 4),
        (Drop(), "network", 4),
        (Rewrite(lambda _: {"items": []}), "bad_response", 4),
    ],
    ids=["401", "403", "429", "500", "418", "redirect", "drop", "other-json"],
)
def test_a_failed_run_names_its_error(world, fault, code, exit_code):
    world.put("a", "b")
    for page, status in ((1, "failed"), (2, "partial")):
        world.faults.add(fault, when=on_page(page))
        outcome = world.run(page_size=1)
        assert (outcome.status, outcome.exit_code) == (status, exit_code)
        assert world.last_run("status", "error_code", "complete", "error") == (status, code, False, str(outcome.error))


def sync_that_raises(world, error):
    """Make a run in which the program raises `error` after the first page; return the Outcome."""

    def fail(_):
        raise error

    options = SyncOptions(clock=lambda: hour(2), progress=fail)
    return sync(world.engine, Account("default", ApiKey("id:secret")), world.settings(page_size=1), options)


@pytest.mark.medium
@rule("every-attempt-is-a-row")
@pytest.mark.parametrize(
    ("error", "code", "exit_code", "reason"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "database", 7, "No space left on device"),
        (MemoryError(), None, 1, "there is not enough memory (see `ulimit -v`)"),
        (ImportError("no libpq"), None, 1, "a library cannot be loaded: no libpq"),
    ],
    ids=["disk", "memory", "library"],
)
def test_a_run_whose_host_fails_says_why_and_applies_nothing(world, error, code, exit_code, reason):
    world.put("a")
    world.run()
    world.put("b")
    outcome = sync_that_raises(world, error)
    text = f"This host failed: {reason}; nothing was applied. Run again."
    assert (outcome.status, outcome.exit_code, str(outcome.error)) == ("failed", exit_code, text)
    assert 0 < outcome.seconds < PATIENCE
    assert world.last_run("status", "error_code", "error") == ("failed", code, text)
    assert world.presences() == {"a": "live"}


@pytest.mark.medium
@rule("every-attempt-is-a-row")
def test_a_run_that_meets_a_fault_of_the_program_is_a_failed_row_and_names_the_fault(world):
    world.put("a")
    world.run()
    world.put("b")
    fault = ZeroDivisionError()
    outcome = sync_that_raises(world, fault)
    text = "A fault of inventory itself (ZeroDivisionError); nothing was applied."
    assert (outcome.status, outcome.exit_code, str(outcome.error), outcome.fault) == ("failed", 1, text, fault)
    assert world.last_run("status", "error_code", "error") == ("failed", None, text)
    assert world.presences() == {"a": "live"}
    assert world.run().status == "succeeded"


@rule("complete-walk")
def test_a_list_whose_cursors_repeat_is_a_cursor_loop(world):
    world.put("a")
    world.faults.add(Rewrite(lambda page: page | {"next_cursor": "Mg==", "has_more": True}), times=None)
    world.run()
    assert world.last_run("status", "error_code", "pages") == ("partial", "cursor_loop", 2)


@pytest.mark.medium
@rule("complete-walk")
def test_a_list_that_has_more_but_no_cursor_is_a_bad_response(world):
    world.put("a")
    world.faults.add(Rewrite(lambda page: page | {"has_more": True}))
    world.run()
    assert world.last_run("status", "error_code", "pages") == ("partial", "bad_response", 1)


@pytest.mark.medium
@rule("every-attempt-is-a-row")
def test_a_run_knows_its_trigger_schedule_and_the_complete_run_before_it(world):
    world.put("a")
    world.run(trigger="schedule", expected_seconds=300)
    world.faults.add(Status(500), when=on_list)
    world.run()
    world.run()
    assert world.rows(
        "SELECT trigger, expected_seconds, complete, previous_complete_at, finished_at FROM sync_runs ORDER BY run_id"
    ) == [
        ("schedule", 300.0, True, None, hour(1)),
        ("manual", None, False, hour(1), hour(2)),
        ("manual", None, True, hour(1), hour(3)),
    ]
    assert world.one("SELECT count(DISTINCT version) FROM sync_runs WHERE version <> ''") == 1


@pytest.mark.medium
@rule("accounts-are-independent")
def test_accounts_do_not_see_each_other(world):
    world.put("a")
    world.run(account="one")
    world.put("b")
    world.run(account="two")
    world.remove("a")
    world.run(account="two")
    assert world.rows("SELECT account, instance_id, presence FROM instances ORDER BY 1, 2") == [
        ("one", "a", "live"), ("two", "a", "vanished"), ("two", "b", "live"),
    ]  # fmt: skip
    assert world.rows("SELECT account, last_seen_at FROM instances WHERE presence = 'live' ORDER BY 1") == [
        ("one", hour(1)), ("two", hour(3)),
    ]  # fmt: skip


def is_recognised(world):
    """Return True if a fingerprint of the list is stored. The next run uses it to recognise the same list."""
    return world.one("SELECT walk_digest FROM accounts") is not None


@pytest.mark.medium
@rule("quiet-run-writes-one-row")
@pytest.mark.parametrize("settled", ["by id", "by a second walk"])
def test_a_list_is_recognised_after_a_run_that_settled_all_that_it_lacked(world, settled):
    world.put("a", "b", *ids(30))
    world.run(page_size=10)
    world.remove("b")
    world.put("a", status="stopped")
    if settled == "by a second walk":
        world.faults.add(Status(500), when=on_get)
    outcome = world.run(page_size=10)
    assert (outcome.status, world.presences()["b"], world.walks()) == (
        "succeeded", "vanished", 2 if settled == "by a second walk" else 1
    )  # fmt: skip
    assert is_recognised(world)
    before = world.dump()
    outcome = world.run(page_size=10)
    assert (outcome.status, outcome.instances_seen, sum(outcome.counts.values())) == ("succeeded", 31, 0)
    after = world.dump()
    assert before["instance_state"] == after["instance_state"]
    assert world.last_run("fleet_digest") == world.digest()
    assert breaches(world) == []


@pytest.mark.medium
@rule("quiet-run-writes-one-row")
@pytest.mark.parametrize("found", ["by id", "by a second walk"])
def test_a_list_is_compared_anew_after_a_run_that_found_an_instance_beside_it(world, found):
    world.put("a", "b", *ids(30))
    world.run(page_size=10)
    world.fleet.hide("b")
    if found == "by a second walk":
        world.faults.add(Status(500), when=on_get)
        walks = count(1)
        world.simulator.before_page = lambda page: page == 1 and next(walks) == 2 and world.fleet.unhide("b")
    assert (world.run(page_size=10).status, world.presences()["b"]) == ("succeeded", "live")
    assert not is_recognised(world)
    world.fleet.hide("b")
    world.run(page_size=10)  # the list is the same as in the last run, but it is compared again
    assert world.asked_by_id() == ["b"]
    assert breaches(world) == []


@pytest.mark.medium
@rule("quiet-run-writes-one-row")
def test_a_list_is_recognised_after_the_run_in_which_an_unlisted_instance_vanished(world):
    world.put("a", "b")
    world.run()
    world.fleet.hide("b")
    for presence, recognised in (("live", False), ("live", False), ("vanished", True)):
        world.run()
        assert (world.presences()["b"], is_recognised(world)) == (presence, recognised)
    assert sum(world.run().counts.values()) == 0
    assert breaches(world) == []


@pytest.mark.slow
@rule("quiet-run-writes-one-row")
@pytest.mark.parametrize("also", ["nothing", "one gone", "one new", "one twice", "one instead of another", "an end"])
def test_changed_values_are_found_in_a_list_of_many_pages_whatever_else_changed(world, also):
    names = ids(60)
    world.put(*names)
    world.run(page_size=1)
    world.put("i003", "i004", "i030", status="stopped")
    if also == "one gone":
        world.remove("i050")
    elif also == "one new":
        world.put("new")
    elif also == "one twice":
        world.faults.add(Rewrite(lambda page: page | {"instances": page["instances"] * 2}), when=on_page(51))
    elif also == "one instead of another":
        world.remove("i059")
        world.put("new")
    elif also == "an end":
        world.faults.add(Status(500), when=on_page(52))
    outcome = world.run(page_size=1)
    assert outcome.counts["changed"] == 3
    assert outcome.duplicates == (also == "one twice")
    assert outcome.instances_seen == {"one gone": 59, "one new": 61, "an end": 51}.get(also, 60)
    wanted = dict.fromkeys(names, "live")
    wanted |= {"i050": "vanished"} if also == "one gone" else {}
    wanted |= {"new": "live"} if also.startswith("one new") or also == "one instead of another" else {}
    wanted |= {"i059": "vanished"} if also == "one instead of another" else {}
    assert world.presences() == wanted
    assert world.last_run("fleet_digest") == (None if also == "an end" else world.digest())
    world.put("i003", status="ready")
    assert world.run(page_size=1).counts["changed"] == 1
    assert sum(world.run(page_size=1).counts.values()) == 0
    assert world.last_run("fleet_digest") == world.digest()
    assert dict(world.rows("SELECT instance_id, status FROM live_instances WHERE status <> 'ready'")) == {
        "i004": "stopped", "i030": "stopped",
    }  # fmt: skip
    assert breaches(world) == []


@pytest.mark.medium
@rule("the-later-item-wins")
def test_of_an_id_on_two_pages_the_later_value_wins_though_only_the_earlier_page_changed(world):
    world.put(*ids(30))
    later = Rewrite(lambda page: page | {"instances": [*page["instances"], machine("i002", status="late")]})
    for earlier in ("ready", "stopped", "stopped"):
        world.put("i002", status=earlier)
        world.faults.add(later, when=on_page(20))
        assert world.run(page_size=1).duplicates == world.last_run("duplicates") == 1
        assert world.rows("SELECT status FROM instances WHERE instance_id = 'i002'") == [("late",)]


@rule("the-later-item-wins")
def test_of_an_id_that_comes_again_on_a_new_last_page_the_later_value_wins(world):
    world.put(*ids(4))
    world.run(page_size=1)
    world.put("i004")
    later = Rewrite(lambda page: page | {"instances": [*page["instances"], machine("i000", status="late")]})
    world.faults.add(later, when=on_page(5))
    assert world.run(page_size=1).duplicates == 1
    assert world.rows("SELECT status FROM instances WHERE instance_id = 'i000'") == [("late",)]


@pytest.mark.slow
@rule("a-change-opens-a-version")
@pytest.mark.parametrize("changed", [1, 5, 20, 60])
def test_values_that_changed_on_any_number_of_pages_are_all_found(world, changed):
    names = ids(60)
    world.put(*names)
    world.run(page_size=1)
    world.put(*names[:: 60 // changed], status="stopped")
    assert world.run(page_size=1).counts["changed"] == changed
    assert world.one("SELECT count(*) FROM live_instances WHERE status = 'stopped'") == changed
    assert world.last_run("fleet_digest", "instances_seen") == (world.digest(), 60)
    assert sum(world.run(page_size=1).counts.values()) == 0
    assert breaches(world) == []
