"""Section 4 of the contract, number by number; 4.8 and 4.9 are in test_lease.py."""

import hashlib
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
import sqlalchemy as sa

from inventory import log
from inventory.config.keys import Account, ApiKey
from inventory.history import missing as history
from inventory.history.verify import verify
from inventory.simulator import Drop, Redirect, Rewrite, Simulator, Status, Truncate, on_get, on_list, on_page
from inventory.store import database
from inventory.sync import dry_run, sync
from support.world import BEGIN, hour, machine


def breaches(world):
    with database.reading(world.engine) as connection:
        return verify(connection).breaches


GONE = "SELECT instance_id, vanished_at FROM instances WHERE presence = 'vanished' ORDER BY 1"


def ids(number, prefix="i"):
    return [f"{prefix}{each:03}" for each in range(number)]


# -- 4.1: times


def test_4_1_everything_a_run_records_carries_its_one_time(world):
    world.put("a", "b", "c")
    ticks = count()
    world.run(page_size=1, clock=lambda: BEGIN + timedelta(seconds=next(ticks)))
    time = world.last_run("started_at")
    assert world.last_run("finished_at") > time
    assert world.rows("SELECT DISTINCT valid_from FROM instance_versions") == [(time,)]
    assert world.rows("SELECT DISTINCT first_seen_at FROM instances") == [(time,)]


def test_4_1_times_and_run_ids_strictly_increase_when_the_clock_steps_back(world, capfd):
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


def test_4_1_without_an_injected_clock_the_times_are_the_databases(world):
    def database_now():
        with database.reading(world.engine) as connection:
            return database.now(connection)

    world.put("a")
    before = database_now()
    sync(world.engine, Account("default", ApiKey("id:secret")), world.settings())
    assert before <= world.one("SELECT valid_from FROM instance_versions") <= database_now()
    assert world.last_run("started_at") <= world.last_run("finished_at")


# -- 4.2: incomplete walks


def test_4_2_a_broken_walk_marks_nothing_missing_or_vanished(world):
    world.put("a", "b", "c", "d", "e", "f")
    world.run(page_size=2)
    world.remove("b", "e")
    world.put("a", status="stopped")
    world.fleet.put(machine("new"))
    world.faults.add(Status(500), when=on_page(3))
    outcome = world.run(page_size=2)
    assert (outcome.status, outcome.exit_code) == ("partial", 4)
    assert world.last_run("status", "error_code", "complete", "pages", "missing", "vanished", "changed") == (
        "partial", "server_error", False, 2, 0, 0, 1,
    )  # fmt: skip
    assert set(world.presences().values()) == {"live"}
    assert world.one("SELECT status FROM instances WHERE instance_id = 'a'") == "stopped"
    assert world.asked_by_id() == []


def test_4_2_a_partial_run_adds_what_is_new(world):
    world.put("a", "b", "c")
    world.faults.add(Status(500), when=on_page(2))
    world.run(page_size=2)
    assert world.events() == [(1, "a", "appeared"), (1, "b", "appeared")]
    world.run(page_size=2)
    assert world.events() == [(1, "a", "appeared"), (1, "b", "appeared"), (2, "c", "appeared")]


def test_4_2_a_partial_run_brings_back_what_had_vanished(world):
    world.put("a", "b")
    world.run()
    world.remove("a")
    world.run()
    world.put("a")
    world.faults.add(Status(500), when=on_page(3))
    world.put("c")
    world.run(page_size=1)
    assert world.statuses()[-1] == "partial"
    assert world.events()[-1] == (3, "a", "reappeared")


# -- 4.3: absent from a complete walk


def test_4_3_what_is_answered_by_404_has_vanished(world):
    world.put("a", "b", "c")
    world.run()
    world.remove("b")
    outcome = world.run()
    assert (outcome.status, outcome.counts["vanished"]) == ("succeeded", 1)
    assert world.rows(GONE) == [("b", hour(2))]
    assert world.asked_by_id() == ["b"]
    assert world.walks() == 1


def test_4_3_what_is_answered_by_200_was_only_skipped(world):
    world.put("a", "b")
    world.run()
    world.fleet.hide("b")
    outcome = world.run()
    assert (outcome.status, outcome.missing, sum(outcome.counts.values())) == ("succeeded", 0, 0)
    assert world.presences() == {"a": "live", "b": "live"}
    assert world.last_run("instances_seen", "missing") == (2, 0)


def test_4_3_what_is_answered_by_200_is_taken_like_a_listed_item(world):
    world.put("a", "b")
    world.run()
    world.put("b", status="stopped", price=3)
    world.fleet.hide("b")
    assert world.run().counts["changed"] == 1
    assert world.rows("SELECT field, old_value, new_value FROM instance_field_changes ORDER BY field") == [
        ("price", None, "3"),
        ("status", "ready", "stopped"),
    ]


def test_4_3_an_instance_skipped_by_shifting_pages_stays_live(world):
    world.put(*ids(6))
    world.run(page_size=2)
    world.simulator.before_page = lambda number: number == 2 and world.fleet.get("i000") and world.remove("i000")
    world.run(page_size=2)
    assert world.asked_by_id() == ["i002"]
    assert set(world.presences().values()) == {"live"}
    world.run(page_size=2)
    assert world.rows(GONE) == [("i000", hour(3))]


GATEWAYS_404 = {
    "html": "<html><h1>404 Not Found</h1></html>",
    "empty": b"",
    "detail": {"detail": "Not Found"},
    "cut short": '{"error": {"type": "not_found", "mess',
    "a list": [{"error": {"type": "not_found"}}],
    "text": "not found",
    "null": "null",
    "error as text": {"error": "not found"},
    "error null": {"error": None},
    "no utf-8": b"\xff\xfe\x00",
    "nested too deeply": "[" * 50_000,
}


@pytest.mark.parametrize("body", GATEWAYS_404.values(), ids=GATEWAYS_404)
def test_4_3_a_404_that_is_not_in_fals_words_proves_nothing(world, body):
    world.put("a", "b", "c")
    world.run()
    world.fleet.hide("b")
    world.faults.add(Status(404, body=body), when=on_get, times=None)
    walks = count(1)
    world.simulator.before_page = lambda _: next(walks) == 2 and world.fleet.unhide("b")
    outcome = world.run()
    assert (world.asked_by_id(), world.walks()) == (["b"], 2)
    assert (outcome.status, outcome.counts["vanished"], world.presences()["b"]) == ("succeeded", 0, "live")
    world.fleet.hide("b")
    world.faults.add(Status(503), when=on_page(1), after=1)
    assert (world.run().missing, world.presences()["b"]) == (1, "missing")


def test_4_3_a_404_cut_off_by_the_connection_proves_nothing(world):
    world.put("a", "b")
    world.run()
    world.remove("b")
    world.faults.add(Truncate(20), when=on_get)
    world.faults.add(Status(503), when=on_page(1), after=1)
    assert (world.run().missing, world.presences()["b"]) == (1, "missing")


@pytest.mark.parametrize(
    "fault",
    [
        Status(500),
        Status(403),
        Status(429, {"Retry-After": "1000"}),
        Drop(),
        Redirect("/v1/elsewhere"),
        Rewrite(lambda item: item | {"id": "another"}),
        Rewrite(lambda _: {"error": {"type": "not_found"}}),
        Status(404, body=GATEWAYS_404["html"]),
        Status(410),
    ],
    ids=["500", "403", "429", "dropped", "redirect", "another-id", "no-instance", "html-404", "410"],
)
def test_4_3_what_no_answer_settles_and_a_second_walk_lacks_too_has_vanished(world, fault):
    world.put("a", "b", "c")
    world.run()
    world.fleet.hide("b")
    world.faults.add(fault, when=on_get, times=None)
    outcome = world.run()
    assert (outcome.status, outcome.error, world.walks()) == ("succeeded", None, 2)
    assert world.rows(GONE) == [("b", hour(2))]
    assert world.last_run("pages", "error_code", "instances_seen") == (2, None, 2)


def test_4_3_of_two_walks_the_later_value_wins(world):
    world.put("a", "b")
    world.run()
    world.fleet.hide("b")
    world.put("a", status="stopped")
    world.faults.add(Status(500), when=on_get, times=None)
    walks = count(1)

    def before_page(_number):
        if next(walks) == 2:
            world.put("a", status="pending")
            world.put("b", status="unknown")
            world.fleet.unhide("b")

    world.simulator.before_page = before_page
    assert world.run().counts["changed"] == 2
    assert world.rows("SELECT instance_id, status, presence FROM instances ORDER BY 1") == [
        ("a", "pending", "live"),
        ("b", "unknown", "live"),
    ]


def test_4_3_what_was_404_but_is_in_the_second_walk_stays_live(world):
    world.put("a", "b", "c")
    world.run()
    world.remove("a")
    world.fleet.hide("b")
    world.faults.add(Status(500), when=lambda request: request.path.endswith("/b"), times=None)
    walks = count(1)
    world.simulator.before_page = lambda _: next(walks) == 2 and world.put("a")
    world.run()
    assert world.asked_by_id() == ["a", "b"]
    assert world.presences() == {"a": "live", "b": "vanished", "c": "live"}


def test_4_3_more_than_200_absent_are_not_asked_but_walked_for_again(world, capsys):
    log.configure()
    world.put(*ids(450))
    world.run()
    world.remove(*ids(220))
    outcome = world.run()
    assert (world.asked_by_id(), world.walks()) == ([], 2)
    assert (outcome.counts["vanished"], outcome.missing) == (220, 0)
    assert "absent=220" in capsys.readouterr().err


def test_4_3_exactly_200_absent_are_asked_for(world):
    world.put(*ids(450))
    world.run()
    world.remove(*ids(200))
    assert world.run().counts["vanished"] == 200
    assert (len(world.asked_by_id()), world.walks()) == (200, 1)


def test_4_3_where_the_second_walk_fails_it_is_missing_until_the_next_complete_run(world):
    world.put("a", "b", "c")
    world.run()
    world.remove("b")
    world.faults.add(Status(500), when=on_get)
    world.faults.add(Status(503), when=on_page(1), after=1)
    outcome = world.run()
    assert (outcome.status, outcome.missing, outcome.exit_code) == ("succeeded", 1, 0)
    assert world.last_run("status", "error_code", "missing", "complete") == ("succeeded", "server_error", 1, True)
    missing = "SELECT presence, held, missing_since, vanished_at, last_seen_at FROM instances WHERE instance_id = 'b'"
    assert world.rows(missing) == [("missing", False, hour(2), None, hour(1))]
    world.faults.add(Status(500), when=on_page(2))
    world.run(page_size=1)  # partial: settles nothing, asks nothing
    assert (world.statuses()[-1], world.asked_by_id()) == ("partial", [])
    assert world.presences()["b"] == "missing"
    world.run()
    assert world.asked_by_id() == ["b"]
    assert world.rows(GONE) == [("b", hour(2))]


def test_4_3_a_missing_one_that_is_there_after_all_lives_on_in_the_same_episode(world):
    world.put("a", "b")
    world.run()
    world.fleet.hide("b")
    world.faults.add(Status(500), when=on_get)
    world.faults.add(Status(503), when=on_page(1), after=1)
    world.run()
    assert world.presences()["b"] == "missing"
    world.run()  # now it answers by its id
    state = "SELECT presence, missing_since, vanished_at, episodes, versions, last_seen_at FROM instances"
    assert world.rows(f"{state} WHERE instance_id = 'b'") == [("live", None, None, 1, 1, hour(3))]
    assert [event for _, _, event in world.events()] == ["appeared", "appeared"]


def test_4_3_what_is_on_no_list_in_three_complete_runs_in_a_row_vanishes_in_the_third(world):
    world.put("a", "b")
    world.run()
    world.fleet.hide("b")
    world.run()
    world.run()
    assert world.presences()["b"] == "live"
    world.run()
    assert world.rows("SELECT vanished_at, last_seen_at, presence FROM instances WHERE instance_id = 'b'") == [
        (hour(4), hour(3), "vanished")
    ]


def test_4_3_runs_that_are_not_complete_do_not_count_among_the_three(world):
    world.put("a", "b")
    world.run()
    world.fleet.hide("b")
    world.run()
    world.faults.add(Status(500), when=on_list)
    world.run()
    world.run()
    assert world.statuses() == ["succeeded", "succeeded", "failed", "succeeded"]
    assert world.presences()["b"] == "live"
    world.run()
    assert world.rows(GONE) == [("b", hour(5))]


@pytest.mark.parametrize("partial", [False, True], ids=["complete", "partial"])
def test_4_3_being_listed_in_between_begins_the_three_anew(world, partial):
    world.put("b", "a")
    world.run()
    world.fleet.hide("b")
    world.run()
    world.run()
    world.fleet.unhide("b")
    if partial:
        world.faults.add(Status(500), when=on_page(2))
    world.run(page_size=1)
    assert world.statuses()[-1] == ("partial" if partial else "succeeded")
    world.fleet.hide("b")
    world.run()
    world.run()
    assert world.presences()["b"] == "live"
    world.run()
    assert world.rows(GONE) == [("b", hour(7))]


# -- 4.4: the brake


def held(world):
    return {id_ for (id_,) in world.rows("SELECT instance_id FROM instances WHERE held")}


def test_4_4_ten_or_more_and_more_than_half_are_held_and_all_else_is_applied(world):
    world.put(*ids(20))
    world.run()
    world.remove(*ids(11))
    world.put("i019", status="stopped")
    world.put("new")
    outcome = world.run()
    assert (outcome.status, outcome.exit_code, outcome.missing) == ("held", 5, 11)
    assert world.last_run("status", "error_code", "complete", "vanished", "missing", "appeared", "changed") == (
        "held", "mass_vanish", True, 0, 11, 1, 1,
    )  # fmt: skip
    assert held(world) == set(ids(11))
    assert world.rows("SELECT DISTINCT presence, missing_since, vanished_at FROM instances WHERE held") == [
        ("missing", hour(2), None)
    ]


def test_4_4_exactly_half_vanish(world):
    world.put(*ids(20))
    world.run()
    world.remove(*ids(10))
    assert world.run().status == "succeeded"
    assert len(world.rows(GONE)) == 10


def test_4_4_exactly_the_part_that_the_setting_names_vanishes(world):
    world.put(*ids(100))
    world.run()
    world.remove(*ids(29))  # 0.29 * 100 is a little less than 29
    assert world.run(max_vanish=0.29).status == "succeeded"
    assert len(world.rows(GONE)) == 29


def test_4_4_ten_are_held_and_nine_vanish(world):
    world.put(*ids(10))
    world.run(account="ten")
    world.remove("i009")
    world.run(account="nine")
    world.fleet.clear()
    assert world.run(account="ten").status == "held"
    assert world.run(account="nine").status == "succeeded"
    assert len(world.rows(GONE)) == 9


@pytest.mark.parametrize("moved", ["key", "address"])
def test_4_4_after_a_change_of_key_or_address_fewer_than_ten_are_held_too(world, moved):
    world.put("a", "b", "c")
    world.run()
    world.remove("a", "b")
    with Simulator(world.fleet) as elsewhere:
        outcome = world.run(key="other:secret") if moved == "key" else world.run(api_url=elsewhere.url)
    assert (outcome.status, held(world)) == ("held", {"a", "b"})


def test_4_4_after_a_change_of_key_half_or_fewer_vanish(world):
    world.put("a", "b", "c", "d")
    world.run()
    world.remove("a", "b")
    assert world.run(key="other:secret").status == "succeeded"
    assert world.rows(GONE) == [("a", hour(2)), ("b", hour(2))]


def test_4_4_another_secret_of_the_same_key_id_is_the_same_key(world):
    world.put("a", "b", "c")
    world.run()
    world.fleet.clear()
    assert world.run(key="id:rotated").status == "succeeded"
    assert len(world.rows(GONE)) == 3


def test_4_4_the_key_is_compared_with_that_of_the_last_succeeded_run(world):
    world.put("a", "b", "c")
    world.run()
    world.faults.add(Status(500), when=on_page(2))
    world.run(key="other:secret", page_size=1)
    assert world.statuses() == ["succeeded", "partial"]
    world.remove("a", "b")
    assert world.run(key="other:secret").status == "held"


def test_4_4_a_max_vanish_of_1_turns_the_brake_off(world):
    world.put(*ids(12))
    world.run()
    world.fleet.clear()
    assert world.run(max_vanish=1, key="other:secret").status == "succeeded"
    assert len(world.rows(GONE)) == 12


def test_4_4_the_brake_comes_after_the_questions(world):
    world.put(*ids(20))
    world.run()
    for id_ in ids(15):
        world.fleet.hide(id_)
    assert world.run().status == "succeeded"
    assert set(world.presences().values()) == {"live"}


def test_4_4_the_brake_holds_what_a_second_walk_settled(world):
    world.put(*ids(20))
    world.run()
    world.fleet.clear()
    world.faults.add(Status(500), when=on_get, times=None)
    assert (world.run().status, len(held(world)), world.walks()) == ("held", 20, 2)


def test_4_4_what_was_missing_before_counts_as_vanishing_and_is_held_too(world):
    world.put(*ids(20))
    world.run()
    world.remove(*ids(15))
    world.faults.add(Status(500), when=on_get, times=15)
    world.faults.add(Status(503), when=on_page(1), after=1)
    world.run()
    assert (world.last_run("missing"), held(world)) == (15, set())
    assert (world.run().status, len(held(world))) == ("held", 15)
    assert world.rows("SELECT DISTINCT missing_since FROM instances WHERE held") == [(hour(2),)]


def test_4_4_until_a_person_settles_it_every_complete_run_is_held_and_all_else_applied(world):
    world.put(*ids(20))
    world.run()
    world.remove(*ids(15))
    world.run()
    world.remove("i019")
    world.put("i018", status="stopped")
    outcome = world.run()
    assert (outcome.status, outcome.exit_code, outcome.missing) == ("held", 5, 15)
    assert world.asked_by_id() == ["i019"]
    assert world.rows(GONE) == [("i019", hour(3))]
    world.faults.add(Status(500), when=on_page(2))
    outcome = world.run(page_size=1)
    assert (outcome.status, outcome.exit_code, outcome.missing) == ("partial", 4, 15)
    world.faults.add(Status(500), when=on_list)
    assert world.run().status == "failed"
    for _ in range(2):
        assert world.run().status == "held"
        assert world.last_run("error_code", "missing", "changed", "vanished") == ("mass_vanish", 15, 0, 0)
    assert held(world) == set(ids(15))


def test_4_4_the_held_are_settled_by_being_seen(world):
    world.put(*ids(20))
    world.run()
    world.remove(*ids(12))
    world.run()
    world.put(*ids(11))
    assert world.run().status == "held"
    assert held(world) == {"i011"}
    world.put("i011")
    assert world.run().status == "succeeded"
    assert world.last_run("fleet_digest", "missing")[1] == 0
    assert world.rows("SELECT DISTINCT presence, missing_since, episodes, versions FROM instances") == [
        ("live", None, 1, 1)
    ]


def test_4_4_the_held_are_settled_by_a_partial_run_that_sees_them(world):
    world.put(*ids(10))
    world.run()
    world.fleet.clear()
    world.run()
    world.put(*ids(10))
    world.faults.add(Status(500), when=on_page(2))
    world.run(page_size=4)
    assert held(world) == set(ids(10)[4:])


def test_4_4_accepting_settles_them_since_when_they_were_first_lacking(world):
    world.put(*ids(20))
    world.run()
    world.remove(*ids(12))
    world.run()
    world.run()
    accepted = history.accept_missing(world.engine, "default", lease_seconds=60, clock=lambda: hour(3.5))
    assert len(accepted) == 12
    assert world.rows(GONE) == [(id_, hour(2)) for id_ in ids(12)]
    assert world.rows("SELECT vanished, missing, status FROM sync_runs ORDER BY run_id") == [
        (0, 0, "succeeded"), (12, 12, "held"), (0, 12, "held"),
    ]  # fmt: skip
    assert (held(world), world.runs) == (set(), 3)
    assert history.accept_missing(world.engine, "default", lease_seconds=60) == []
    outcome = world.run()
    assert (outcome.status, outcome.exit_code, sum(outcome.counts.values())) == ("succeeded", 0, 0)
    assert world.last_run("fleet_digest") == digest(world)


def test_4_4_accepting_settles_the_missing_that_are_not_held_too(world):
    world.put("a", "b")
    world.run()
    world.remove("b")
    world.faults.add(Status(500), when=on_get)
    world.faults.add(Status(503), when=on_page(1), after=1)
    world.run()
    assert len(history.accept_missing(world.engine, "default", lease_seconds=60)) == 1
    assert world.rows(GONE) == [("b", hour(2))]


def test_4_4_accepting_some_leaves_the_others_missing(world):
    world.put(*ids(20))
    world.run()
    world.remove(*ids(12))
    world.run()
    some = ids(3)
    assert (
        history.accept_missing(world.engine, "default", only={*some, ids(20)[-1], "nobody"}, lease_seconds=60) == some
    )
    assert [id_ for id_, _ in world.rows(GONE)] == some
    assert held(world) == set(ids(12)[3:])


def test_4_4_after_accepting_the_new_key_is_the_known_one(world):
    world.put("a", "b", "c")
    world.run()
    world.remove("a", "b")
    world.run(key="other:secret")
    history.accept_missing(world.engine, "default", lease_seconds=60)
    assert world.run(key="other:secret").status == "succeeded"
    world.remove("c")
    assert world.run(key="other:secret").status == "succeeded"


def test_4_4_a_dry_run_says_that_it_would_be_held_and_writes_nothing(world):
    world.put(*ids(12))
    world.run()
    world.fleet.clear()
    before = world.dump()
    account = Account("default", ApiKey("id:secret"))
    outcome = dry_run(world.engine, account, world.settings())
    assert (outcome.status, outcome.missing, outcome.exit_code) == ("held", 12, 5)
    assert world.dump() == before
    world.run()
    before = world.dump()
    outcome = dry_run(world.engine, account, world.settings())  # as the next run will be, too
    assert (outcome.status, outcome.missing, outcome.exit_code) == ("held", 12, 5)
    assert world.dump() == before


# -- 4.5 and 4.6: when it came and went


def test_4_5_vanished_at_and_appeared_after_bound_the_truth(world):
    world.put("a")
    world.run()
    world.put("b")
    world.faults.add(Status(500), when=on_list)
    world.run()  # failed: neither bound is its
    world.run()
    world.remove("b")
    world.faults.add(Status(500), when=on_page(1))
    world.run()
    world.run()
    assert world.rows(
        "SELECT instance_id, appeared_after, appeared_at, last_seen_at, vanished_at FROM instance_episodes ORDER BY 1"
    ) == [("a", None, hour(1), hour(5), None), ("b", hour(1), hour(3), hour(3), hour(5))]
    assert world.rows("SELECT hours_low, hours_high FROM instance_episodes WHERE instance_id = 'b'") == [(0.0, 4.0)]


def test_4_5_settled_later_it_bears_the_time_and_the_run_of_the_first_that_lacked_it(world):
    world.put("a", "b")
    world.run()
    world.remove("b")
    for _ in range(2):
        world.faults.add(Status(500), when=on_get)
        world.faults.add(Status(503), when=on_page(1), after=1)
        world.run()
        assert world.last_run("missing", "fleet_digest") == (1, None)
    outcome = world.run()
    assert (outcome.counts["vanished"], outcome.counts["settled"]) == (0, 1)
    assert world.rows("SELECT vanished, missing FROM sync_runs ORDER BY run_id") == [(0, 0), (1, 1), (0, 1), (0, 0)]
    assert world.one("SELECT run_id FROM sync_runs WHERE vanished = 1") == world.one(
        "SELECT run_id FROM instance_events WHERE event = 'vanished'"
    )
    assert world.events()[-1] == (2, "b", "vanished")
    assert world.one("SELECT last_seen_at, vanished_at FROM instances WHERE instance_id = 'b'") == (hour(1), hour(2))
    assert world.last_run("fleet_digest") == digest(world)


def test_4_5_the_first_complete_run_after_partial_ones_knows_no_creation_times(world):
    world.put("a", "b")
    world.faults.add(Status(500), when=on_page(2))
    world.run(page_size=1)
    world.run()
    assert world.rows("SELECT instance_id, appeared_after FROM instance_episodes ORDER BY 1") == [
        ("a", None), ("b", None),
    ]  # fmt: skip


def test_4_6_a_return_after_vanishing_is_the_next_episode_and_the_gap_stays(world):
    world.put("a", "b")
    world.run()
    world.remove("a")
    world.run()
    world.run()
    world.put("a", status="stopped")
    outcome = world.run()
    assert (outcome.counts["reappeared"], outcome.counts["appeared"]) == (1, 0)
    assert world.rows(
        "SELECT presence, vanished_at, first_seen_at, episodes, versions FROM instances WHERE instance_id = 'a'"
    ) == [("live", None, hour(1), 2, 2)]
    assert world.rows(
        "SELECT episode, appeared_after, appeared_at, vanished_at FROM instance_episodes WHERE instance_id = 'a'"
        " ORDER BY episode"
    ) == [(1, None, hour(1), hour(2)), (2, hour(3), hour(4), None)]
    present = (
        "SELECT count(*) FROM instance_versions WHERE instance_id = 'a' AND valid_from <= :at"
        " AND (valid_to IS NULL OR valid_to > :at)"
    )
    statement = sa.text(present).bindparams(sa.bindparam("at", type_=sa.DateTime(timezone=True)))
    with database.reading(world.engine) as connection:
        found = [
            connection.execute(statement, {"at": _literal(world, hour(number))}).scalar_one()
            for number in (0.5, 1, 1.5, 2, 3.5, 4, 5)
        ]
    assert found == [0, 1, 1, 0, 0, 1, 1]


def _literal(world, at):
    return at.replace(tzinfo=None) if world.engine.dialect.name == "sqlite" else at


# -- 4.7: quiet runs


def test_4_7_a_quiet_run_writes_one_row_of_sync_runs_and_the_accounts_row(world):
    world.put(*ids(30))
    world.run(page_size=10)
    before = world.dump()
    outcome = world.run(page_size=10)
    assert (outcome.status, sum(outcome.counts.values())) == ("succeeded", 0)
    after = world.dump()
    assert {name: set(after[name]) - set(before[name]) for name in after if after[name] != before[name]}.keys() == {
        "accounts",
        "sync_runs",
    }
    assert len(set(after["sync_runs"]) - set(before["sync_runs"])) == 1
    assert set(before["sync_runs"]) < set(after["sync_runs"])
    assert len(after["accounts"]) == 1
    assert world.rows("SELECT DISTINCT last_seen_at FROM instances") == [(hour(2),)]


def test_4_7_the_order_of_the_list_and_the_size_of_its_pages_are_nothing_new(world):
    world.put("a", "b", "c")
    world.run(page_size=1)
    before = world.dump()
    world.remove("a")
    world.put("a")
    world.run(page_size=2)
    after = world.dump()
    assert before["instance_state"] == after["instance_state"]
    assert before["instance_versions"] == after["instance_versions"]


def test_4_7_last_seen_is_the_last_complete_run_or_a_later_one_that_recorded_something(world):
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
    assert world.last_run("fleet_digest") == digest(world)
    world.remove("b")
    world.run()
    assert world.rows(seen) == [("a", hour(4)), ("b", hour(3)), ("c", hour(4))]


@pytest.mark.parametrize("meanwhile", ["changed", "new", "back"])
def test_4_7_a_list_as_before_is_compared_anew_after_a_partial_run_that_wrote_something(world, meanwhile):
    if meanwhile == "back":
        world.put("a")
        world.run(page_size=1)
        world.remove("a")
    else:
        world.put("a")
    world.put("b", "c")
    world.run(page_size=1)
    wanted = world.presences()
    if meanwhile == "new":  # before all others, so that the partial run sees it
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
    # the list is again, byte for byte, that of the last complete run
    if meanwhile == "changed":
        world.put("a")
    else:
        world.remove("a0" if meanwhile == "new" else "a")
    outcome = world.run(page_size=1)
    assert (outcome.status, sum(outcome.counts.values())) == ("succeeded", 1)
    assert world.presences() == wanted | ({"a0": "vanished"} if meanwhile == "new" else {})
    assert {status for (status,) in world.rows("SELECT status FROM live_instances")} == {"ready"}
    assert world.last_run("fleet_digest") == digest(world)
    assert breaches(world) == []


@pytest.mark.parametrize("late", [False, True], ids=["gone at once", "missing first"])
@pytest.mark.parametrize("recorded", ["a version", "the state alone"])
def test_4_7_what_a_partial_run_saw_last_was_last_seen_by_it(world, recorded, late):
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


def test_4_7_a_run_that_only_leaves_the_same_ones_missing_writes_no_instance(world):
    world.put("a", "b", *ids(20))
    world.run()
    world.remove("b", *ids(20))
    world.run()
    before = world.dump()
    assert world.run().status == "held"
    after = world.dump()
    assert before["instance_state"] == after["instance_state"]
    assert before["instance_versions"] == after["instance_versions"]


def test_4_7_a_failed_run_writes_only_its_row(world):
    world.put("a")
    world.run()
    before = world.dump()
    world.faults.add(Status(500), when=on_list)
    world.run()
    after = world.dump()
    assert [name for name in after if after[name] != before[name]] in (["sync_runs"], ["accounts", "sync_runs"])
    assert len(after["sync_runs"]) == 2
    assert world.one("SELECT last_seen_at FROM instances") == hour(1)
    before = after
    world.run()
    assert world.dump()["instance_state"] == before["instance_state"]
    assert world.last_run("status", "fleet_digest", "previous_complete_at") == ("succeeded", digest(world), hour(1))


# -- 4.10: fields


def test_4_10_absent_null_and_empty_are_one_and_the_same(world):
    world.put("a", sector=None, ip="", note="", creator_user_nickname=None)
    world.run()
    for fields in ({}, {"sector": "", "note": None}, {"ip": None, "creator_user_nickname": ""}):
        world.put("a", **fields)
        assert world.run().counts["changed"] == 0
    assert world.rows("SELECT sector, ip, creator_user_nickname, extra, versions FROM instances") == [
        (None, None, None, None, 1)
    ]


def test_4_10_unknown_fields_live_in_extra_and_are_tracked(world):
    world.put("a", zone="ü", price={"b": 1, "a": [1.5, None, True]})
    world.run()
    extra = '{"price":{"a":[1.5,null,true],"b":1},"zone":"ü"}'
    assert [world.one("SELECT extra FROM instances"), world.one("SELECT extra FROM instance_versions")] == [extra] * 2
    world.put("a", price={"a": [1.5, None, True], "b": 1}, zone="ü")
    assert world.run().counts["changed"] == 0
    world.put("a", price={"a": [1.5, None, True], "b": 2})
    assert world.run().counts["changed"] == 1
    assert world.rows("SELECT field, old_value, new_value FROM instance_field_changes ORDER BY field") == [
        ("price", '{"a":[1.5,null,true],"b":1}', '{"a":[1.5,null,true],"b":2}'),
        ("zone", '"ü"', None),
    ]


def test_4_10_all_seven_fields_are_tracked(world):
    world.put("a")
    world.run()
    fields = ("instance_type", "region", "sector", "ip", "status", "creator_user_nickname", "brand_new")
    for number, name in enumerate(fields, start=2):
        world.put("a", **dict.fromkeys(fields[: number - 1], "x"))
        assert (world.run().counts["changed"], name) == (1, name)
    assert world.rows("SELECT field FROM instance_field_changes ORDER BY changed_at") == [(name,) for name in fields]


def test_4_10_an_ignored_field_opens_no_version_and_versions_opened_meanwhile_lack_it(world):
    ignoring = {"ignore_changes": "status,price"}
    world.put("a", price=1)
    world.run()
    before = world.last_run("fleet_digest")
    world.run(**ignoring)  # the list changed, nothing else
    assert world.last_run("changed", "fleet_digest") == (0, before)
    world.put("a", status="stopped", price=2)
    world.run(**ignoring)
    assert world.last_run("changed", "fleet_digest") == (0, before)
    versions = "SELECT status, ip, extra, valid_from, valid_to FROM instance_versions ORDER BY valid_from"
    assert world.rows(versions) == [("ready", None, '{"price":1}', hour(1), None)]
    world.put("a", status="stopped", price=2, ip="10.0.0.1", note="x")
    world.run(**ignoring)
    assert world.rows(versions) == [
        ("ready", None, '{"price":1}', hour(1), hour(4)),
        (None, "10.0.0.1", '{"note":"x"}', hour(4), None),
    ]
    shown = "SELECT status, extra FROM instances"
    assert world.rows(shown) == [("stopped", '{"note":"x","price":2}')]
    world.put("a", status="pending", price=3, ip="10.0.0.1", note="x")
    world.run(**ignoring)
    assert world.rows(shown) == [("stopped", '{"note":"x","price":2}')]  # as of the last run that wrote it
    world.run()  # the list is empty again: still no version
    assert (world.last_run("changed"), len(world.rows(versions))) == (0, 2)
    assert world.last_run("fleet_digest") == digest(world)
    world.put("a", status="ready", price=3, ip="10.0.0.1", note="x")
    world.run()
    assert (world.last_run("changed"), world.rows(versions)[-1]) == (
        1,
        ("ready", "10.0.0.1", '{"note":"x","price":3}', hour(7), None),
    )
    assert world.rows("SELECT presence, versions FROM instances") == [("live", 3)]


def test_4_10_a_real_change_together_with_a_change_of_the_list_opens_a_version(world):
    world.put("a", price=1)
    world.run(ignore_changes="price")
    world.put("a", price=2, ip="10.0.0.1")
    world.run()
    assert world.rows("SELECT extra, ip FROM instance_versions ORDER BY valid_from") == [
        (None, None), ('{"price":2}', "10.0.0.1"),
    ]  # fmt: skip


def test_4_10_a_change_back_to_what_the_version_holds_opens_none(world):
    world.put("a")
    world.run()
    world.put("a", status="stopped")
    world.run(ignore_changes="status")
    world.run()
    assert world.one("SELECT status FROM instances") == "stopped"
    world.put("a", status="ready")
    assert world.run().counts["changed"] == 0
    assert world.rows("SELECT status, versions FROM instances") == [("ready", 1)]
    assert world.last_run("fleet_digest") == digest(world)


def test_4_10_a_vanished_one_that_returns_while_a_field_is_ignored_lacks_it(world):
    world.put("a", "b", price=1)
    world.run()
    world.remove("a")
    world.run()
    world.put("a", price=2)
    world.run(ignore_changes="price")
    assert world.rows("SELECT episode, extra FROM instance_versions WHERE instance_id = 'a' ORDER BY 1") == [
        (1, '{"price":1}'), (2, None),
    ]  # fmt: skip
    assert world.one("SELECT extra FROM instances WHERE instance_id = 'a'") == '{"price":2}'
    assert world.last_run("fleet_digest") == digest(world)


def test_4_10_the_creator_is_the_first_that_was_not_null_in_the_episode(world):
    world.put("a")
    world.run()
    for name in ("ada", "bob", None):
        world.put("a", creator_user_nickname=name)
        world.run()
    assert world.rows("SELECT creator_user_nickname FROM instance_episodes") == [("ada",)]
    world.remove("a")
    world.run()
    world.put("a", creator_user_nickname="bob")
    world.run()
    assert world.rows("SELECT creator_user_nickname FROM instance_episodes ORDER BY episode") == [("ada",), ("bob",)]


# -- 4.11: items


def listing(*items):
    return Rewrite(lambda _: {"instances": list(items), "next_cursor": None, "has_more": False})


@pytest.mark.parametrize(
    "item",
    [
        {"status": "ready"}, {"id": None}, {"id": ""}, {"id": 7}, {"id": "x" * 256}, {"id": "a\nb"},
        {"id": "a\x00"}, {"id": "\x85"}, [], None, "a",
    ],
    ids=repr,
)  # fmt: skip
def test_4_11_an_item_without_a_usable_id_is_rejected_and_its_walk_not_complete(world, item):
    world.put("a", "b")
    world.run()
    world.faults.add(listing(machine("a", status="stopped"), item))
    outcome = world.run()
    assert (outcome.status, outcome.rejected, outcome.exit_code) == ("partial", 1, 4)
    assert world.last_run("status", "error_code", "rejected", "complete", "instances_seen", "changed") == (
        "partial", "rejected_items", 1, False, 1, 1,
    )  # fmt: skip
    assert world.presences() == {"a": "live", "b": "live"}


@pytest.mark.parametrize("id_", ["x", "x" * 255, "ü/?#%", " ", "..", "😀"])
def test_4_11_any_other_id_is_kept(world, id_):
    world.put("other", id_)
    world.run()
    assert id_ in world.presences()
    world.remove(id_)
    assert world.run().status == "succeeded"
    assert world.rows(GONE) == [(id_, hour(2))]


def test_4_11_a_known_field_of_another_type_goes_into_extra(world):
    world.put("a", region=7, ip=["10.0.0.1"], status=None)
    world.run()
    assert world.rows("SELECT region, ip, status, extra FROM instances") == [
        (None, None, None, '{"ip":["10.0.0.1"],"region":7}')
    ]


def test_4_11_what_cannot_be_stored_is_replaced(world):
    world.put(
        "a\ud800",
        status="re\x00ady",
        ip="\udfff",
        bad="\x00",
        number=float("inf"),
        deep={"k\x00": ["\ud800", float("nan"), 1.5]},
    )
    world.run()
    assert world.rows("SELECT instance_id, status, ip, extra FROM instances") == [
        ("a\ufffd", "re\ufffdady", "\ufffd", '{"bad":"\ufffd","deep":{"k\ufffd":["\ufffd",null,1.5]}}')
    ]
    assert world.last_run("status", "fleet_digest") == ("succeeded", digest(world))


def test_4_11_twice_in_one_walk_the_later_wins_and_is_counted(world):
    world.faults.add(listing(machine("a", status="init"), machine("b"), machine("a", status="ready")))
    world.run()
    assert world.rows("SELECT instance_id, status FROM instances ORDER BY 1") == [("a", "ready"), ("b", "ready")]
    assert world.last_run("duplicates", "instances_seen", "appeared", "status") == (1, 2, 2, "succeeded")


def test_4_11_gpu_count_and_model_come_from_the_type(world):
    world.put("a", instance_type="gpu_1x_h100_sxm5")
    world.put("b", instance_type="cpu_large")
    world.put("c", instance_type="gpu_8x_")
    world.run()
    assert world.rows("SELECT instance_id, gpu_count, gpu_model FROM instances ORDER BY 1") == [
        ("a", 1, "h100_sxm5"), ("b", None, None), ("c", None, None),
    ]  # fmt: skip


# -- 4.12: times as they are stored


def test_4_12_times_are_stored_in_utc_in_one_format(world):
    kathmandu = datetime(2026, 3, 7, 3, 45, tzinfo=UTC) - timedelta(hours=5, minutes=45)
    world.put("a")
    world.run(clock=lambda: kathmandu)
    with database.reading(world.engine) as connection:
        if world.engine.dialect.name == "sqlite":
            stored = connection.exec_driver_sql("SELECT typeof(valid_from), valid_from FROM instance_versions").one()
            assert tuple(stored) == ("text", "2026-03-06 22:00:00.000000")
            declared = connection.exec_driver_sql(
                "SELECT DISTINCT type FROM pragma_table_info('instance_versions') WHERE name LIKE 'valid_%'"
            )
            assert declared.scalars().all() == ["DATETIME"]
        else:
            stored = connection.exec_driver_sql("SELECT pg_typeof(valid_from), valid_from FROM instance_versions").one()
            assert stored[0] == "timestamp with time zone"
            assert stored[1] == kathmandu


def test_4_12_one_literal_means_the_same_on_both(world):
    world.put("a")
    world.run(clock=lambda: datetime(2026, 3, 6, 22, tzinfo=UTC))
    for condition, found in (
        ("valid_from <= '2026-03-06 22:00:00.000000+00'", 1),
        ("valid_from > '2026-03-06 22:00:00.000000+00'", 0),
        ("valid_from < '2026-03-06 21:59:59.999999+00'", 0),
        ("valid_from > '2026-03-06 22:00:00.000001+00'", 0),
    ):
        assert (condition, world.one(f"SELECT count(*) FROM instance_versions WHERE {condition}")) == (
            condition,
            found,
        )


# -- 4.13: nothing is deleted


def test_4_13_nothing_is_ever_deleted(world):
    counts = (0, 0, 0)
    for number in range(12):
        world.put(*ids(number + 1, "n"), status=("ready", "stopped")[number % 2])
        if number % 3 == 2:
            world.remove("n000")
        if number % 5 == 3:
            world.faults.add(Status(500), when=on_page(2))
        world.run(page_size=3)
        now = world.one(
            "SELECT (SELECT count(*) FROM sync_runs), (SELECT count(*) FROM instance_state),"
            " (SELECT count(*) FROM instance_versions)"
        )
        assert all(new >= old for new, old in zip(now, counts, strict=True))
        counts = now
    assert counts[:2] == (12, 12)


# -- 4.14: the digest, and the row of a run


def digest(world):
    """The digest as anybody may compute it from the open versions."""
    rows = world.rows(
        "SELECT instance_id, instance_type, region, sector, ip, status, creator_user_nickname, extra"
        " FROM instance_versions WHERE valid_to IS NULL AND account = 'default'"
    )
    parts = [
        id_.encode() + b"\0" + hashlib.sha256("\0".join(value or "" for value in columns).encode()).digest()
        for id_, *columns in sorted(rows)
    ]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def test_4_14_the_digest_is_over_what_the_open_versions_hold(world):
    seen = set()
    for change in (
        lambda: world.put("b", "a", "ü", price=1),
        lambda: world.put("a", status="stopped", price=2),
        lambda: world.remove("b"),
        lambda: world.fleet.hide("a"),
        world.fleet.clear,
    ):
        change()
        world.run()
        assert world.last_run("fleet_digest") == digest(world)
        world.run()
        assert world.last_run("fleet_digest") == digest(world)
        seen.add(digest(world))
    assert len(seen) == 4


def test_4_14_the_digest_is_null_unless_the_run_was_complete_and_left_nothing_missing(world):
    world.put("a", "b", "c")
    world.faults.add(Status(500), when=on_page(2))
    world.run(page_size=1)
    assert world.last_run("status", "fleet_digest") == ("partial", None)
    world.run()
    assert world.last_run("fleet_digest") == digest(world)
    world.remove("b")
    world.faults.add(Status(500), when=on_get)
    world.faults.add(Status(503), when=on_page(1), after=1)
    world.run()
    assert world.last_run("status", "fleet_digest") == ("succeeded", None)
    world.faults.add(Status(500), when=on_list)
    world.run()
    assert world.last_run("status", "fleet_digest") == ("failed", None)
    world.run()
    assert world.last_run("fleet_digest") == digest(world)


def test_4_14_a_cleared_digest_is_made_anew_by_the_next_run(world):
    world.put("a")
    world.run()
    with database.writing(world.engine) as connection:
        connection.exec_driver_sql("UPDATE sync_runs SET fleet_digest = NULL")  # as `prune` does
    world.run()
    assert world.last_run("fleet_digest") == digest(world)


def test_5_a_run_keeps_the_id_of_its_key_and_never_the_secret(world):
    world.run(key="public:very-secret")
    world.run(key="very-secret-without-colon")
    hashed = "sha256:" + hashlib.sha256(b"very-secret-without-colon").hexdigest()[:12]
    assert world.rows("SELECT api_key_id, api_url FROM sync_runs ORDER BY run_id") == [
        ("public", world.simulator.url), (hashed, world.simulator.url),
    ]  # fmt: skip
    assert "very-secret" not in str(world.dump())


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
def test_5_a_failed_run_names_its_error(world, fault, code, exit_code):
    world.put("a", "b")
    for page, status in ((1, "failed"), (2, "partial")):
        world.faults.add(fault, when=on_page(page))
        outcome = world.run(page_size=1)
        assert (outcome.status, outcome.exit_code) == (status, exit_code)
        assert world.last_run("status", "error_code", "complete", "error") == (status, code, False, str(outcome.error))


def test_5_a_list_that_goes_round_in_circles_is_a_cursor_loop(world):
    world.put("a")
    world.faults.add(Rewrite(lambda page: page | {"next_cursor": "Mg==", "has_more": True}), times=None)
    world.run()
    assert world.last_run("status", "error_code", "pages") == ("partial", "cursor_loop", 2)


def test_5_a_list_that_says_more_but_not_where_is_a_bad_response(world):
    world.put("a")
    world.faults.add(Rewrite(lambda page: page | {"has_more": True}))
    world.run()
    assert world.last_run("status", "error_code", "pages") == ("partial", "bad_response", 1)


def test_5_a_run_knows_its_trigger_schedule_and_the_complete_run_before_it(world):
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


def test_5_accounts_do_not_see_each_other(world):
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
