"""Absence: what proves that an instance is gone, when it vanished, and what happens if it returns."""

from itertools import count

import pytest
import sqlalchemy as sa

from inventory import log
from inventory.simulator import Drop, Redirect, Rewrite, Status, Truncate, on_get, on_list, on_page
from inventory.store import database
from support.marks import rule
from support.world import hour, ids, machine

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
    "error without a type": {"error": {}},
    "error of another form": {"error": {"code": 404, "message": "Not found", "status": "NOT_FOUND"}},
    "error of another type": {"error": {"type": "ResourceNotFound", "message": "Not found"}},
    "error of another of fal's types": {"error": {"type": "server_error", "message": "Try again"}},
    "error with an odd type": {"error": {"type": ["not_found"]}},
    "no utf-8": b"\xff\xfe\x00",
    "nested too deeply": "[" * 50_000,
}


def _literal(world, at):
    return at.replace(tzinfo=None) if world.engine.dialect.name == "sqlite" else at


@pytest.mark.medium
@rule("incomplete-walk-removes-nothing")
def test_a_broken_walk_marks_nothing_missing_or_vanished(world):
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


@pytest.mark.medium
@rule("incomplete-walk-removes-nothing")
def test_a_partial_run_adds_what_is_new(world):
    world.put("a", "b", "c")
    world.faults.add(Status(500), when=on_page(2))
    world.run(page_size=2)
    assert world.events() == [(1, "a", "appeared"), (1, "b", "appeared")]
    world.run(page_size=2)
    assert world.events() == [(1, "a", "appeared"), (1, "b", "appeared"), (2, "c", "appeared")]


@pytest.mark.medium
@rule("incomplete-walk-removes-nothing")
def test_a_partial_run_brings_back_what_had_vanished(world):
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


@pytest.mark.medium
@rule("absence-is-proven")
def test_an_instance_answered_by_404_has_vanished(world):
    world.put("a", "b", "c")
    world.run()
    world.remove("b")
    outcome = world.run()
    assert (outcome.status, outcome.counts["vanished"]) == ("succeeded", 1)
    assert world.gone() == [("b", hour(2))]
    assert world.asked_by_id() == ["b"]
    assert world.walks() == 1


@pytest.mark.medium
@rule("absence-is-proven")
def test_an_instance_answered_by_200_was_only_skipped(world):
    world.put("a", "b")
    world.run()
    world.fleet.hide("b")
    outcome = world.run()
    assert (outcome.status, outcome.missing, sum(outcome.counts.values())) == ("succeeded", 0, 0)
    assert world.presences() == {"a": "live", "b": "live"}
    assert world.last_run("instances_seen", "missing") == (2, 0)


@pytest.mark.medium
@rule("absence-is-proven")
def test_an_instance_answered_by_200_is_recorded_like_a_listed_one(world):
    world.put("a", "b")
    world.run()
    world.put("b", status="stopped", price=3)
    world.fleet.hide("b")
    assert world.run().counts["changed"] == 1
    assert world.rows("SELECT field, old_value, new_value FROM instance_field_changes ORDER BY field") == [
        ("price", None, "3"),
        ("status", "ready", "stopped"),
    ]


@pytest.mark.medium
@rule("absence-is-proven")
def test_an_instance_skipped_by_shifting_pages_stays_live(world):
    world.put(*ids(6))
    world.run(page_size=2)
    world.simulator.before_page = lambda number: number == 2 and world.fleet.get("i000") and world.remove("i000")
    world.run(page_size=2)
    assert world.asked_by_id() == ["i002"]
    assert set(world.presences().values()) == {"live"}
    world.run(page_size=2)
    assert world.gone() == [("i000", hour(3))]


@pytest.mark.slow
@rule("only-fals-404-is-gone")
@pytest.mark.parametrize("body", GATEWAYS_404.values(), ids=GATEWAYS_404)
def test_a_404_without_fals_error_body_proves_nothing(world, body):
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


@pytest.mark.medium
@rule("only-fals-404-is-gone")
def test_a_404_cut_off_by_the_connection_proves_nothing(world):
    world.put("a", "b")
    world.run()
    world.remove("b")
    world.faults.add(Truncate(20), when=on_get)
    world.faults.add(Status(503), when=on_page(1), after=1)
    assert (world.run().missing, world.presences()["b"]) == (1, "missing")


@pytest.mark.medium
@rule("second-walk-decides")
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
def test_an_instance_without_a_clear_answer_that_a_second_walk_lacks_too_has_vanished(world, fault):
    world.put("a", "b", "c")
    world.run()
    world.fleet.hide("b")
    world.faults.add(fault, when=on_get, times=None)
    outcome = world.run()
    assert (outcome.status, outcome.error, world.walks()) == ("succeeded", None, 2)
    assert world.gone() == [("b", hour(2))]
    assert world.last_run("pages", "error_code", "instances_seen") == (2, None, 2)


@pytest.mark.medium
@rule("second-walk-decides")
@rule("the-later-item-wins")
def test_of_two_walks_the_later_value_wins(world):
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


@pytest.mark.medium
@rule("second-walk-decides")
def test_what_only_the_second_walk_shows_is_recorded_by_the_same_run(world):
    world.put("a", "b", "c")
    world.run()
    world.fleet.hide("b")
    world.faults.add(Status(500), when=on_get, times=None)
    walks = count(1)

    def before_page(_number):
        if next(walks) == 2:
            world.put("a", status="stopped")  # the first walk found it unchanged
            world.put("new")

    world.simulator.before_page = before_page
    counts = world.run().counts
    assert {name: counts[name] for name in ("appeared", "changed", "vanished")} == {
        "appeared": 1, "changed": 1, "vanished": 1,
    }  # fmt: skip
    assert world.presences() == {"a": "live", "b": "vanished", "c": "live", "new": "live"}
    assert world.one("SELECT status FROM instances WHERE instance_id = 'a'") == "stopped"
    assert world.last_run("fleet_digest") == world.digest()


@pytest.mark.medium
@rule("second-walk-decides")
def test_an_instance_answered_by_404_but_listed_in_the_second_walk_stays_live(world):
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


@pytest.mark.medium
@rule("second-walk-decides")
def test_more_than_200_absent_instances_take_a_second_walk_instead_of_requests_by_id(world, capsys):
    log.configure()
    world.put(*ids(450))
    world.run()
    world.remove(*ids(220))
    outcome = world.run()
    assert (world.asked_by_id(), world.walks()) == ([], 2)
    assert (outcome.counts["vanished"], outcome.missing) == (220, 0)
    assert "absent=220" in capsys.readouterr().err


@pytest.mark.slow
@rule("second-walk-decides")
def test_exactly_200_absent_instances_are_asked_for_by_id(world):
    world.put(*ids(450))
    world.run()
    world.remove(*ids(200))
    assert world.run().counts["vanished"] == 200
    assert (len(world.asked_by_id()), world.walks()) == (200, 1)


@pytest.mark.medium
@rule("second-walk-decides")
def test_an_instance_is_missing_until_the_next_complete_run_if_the_second_walk_fails(world):
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
    world.run(page_size=1)  # a partial run settles nothing and sends no request by id
    assert (world.statuses()[-1], world.asked_by_id()) == ("partial", [])
    assert world.presences()["b"] == "missing"
    world.run()
    assert world.asked_by_id() == ["b"]
    assert world.gone() == [("b", hour(2))]


@pytest.mark.medium
@rule("a-return-is-a-new-episode")
def test_a_missing_instance_that_is_seen_again_stays_in_the_same_episode(world):
    world.put("a", "b")
    world.run()
    world.fleet.hide("b")
    world.faults.add(Status(500), when=on_get)
    world.faults.add(Status(503), when=on_page(1), after=1)
    world.run()
    assert world.presences()["b"] == "missing"
    world.run()  # now fal answers the request for `b`
    state = "SELECT presence, missing_since, vanished_at, episodes, versions, last_seen_at FROM instances"
    assert world.rows(f"{state} WHERE instance_id = 'b'") == [("live", None, None, 1, 1, hour(3))]
    assert [event for _, _, event in world.events()] == ["appeared", "appeared"]


@pytest.mark.medium
@rule("three-unlisted-runs")
def test_an_instance_on_no_list_in_three_complete_runs_in_a_row_vanishes_in_the_third(world):
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


@pytest.mark.medium
@rule("three-unlisted-runs")
def test_incomplete_runs_do_not_count_among_the_three(world):
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
    assert world.gone() == [("b", hour(5))]


@pytest.mark.medium
@rule("three-unlisted-runs")
@pytest.mark.parametrize("partial", [False, True], ids=["complete", "partial"])
def test_being_listed_in_between_restarts_the_count_of_three(world, partial):
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
    assert world.gone() == [("b", hour(7))]


@pytest.mark.medium
@rule("times-are-bounds")
def test_vanished_at_and_appeared_after_bound_the_truth(world):
    world.put("a")
    world.run()
    world.put("b")
    world.faults.add(Status(500), when=on_list)
    world.run()  # it fails, so its time is no bound
    world.run()
    world.remove("b")
    world.faults.add(Status(500), when=on_page(1))
    world.run()
    world.run()
    assert world.rows(
        "SELECT instance_id, appeared_after, appeared_at, last_seen_at, vanished_at FROM instance_episodes ORDER BY 1"
    ) == [("a", None, hour(1), hour(5), None), ("b", hour(1), hour(3), hour(3), hour(5))]
    assert world.rows("SELECT hours_low, hours_high FROM instance_episodes WHERE instance_id = 'b'") == [(0.0, 4.0)]


@pytest.mark.medium
@rule("settled-at-first-absence")
def test_an_instance_settled_later_vanished_at_the_time_and_in_the_run_that_first_lacked_it(world):
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
    assert world.last_run("fleet_digest") == world.digest()


@pytest.mark.medium
@rule("times-are-bounds")
def test_the_first_complete_run_after_partial_ones_knows_no_creation_times(world):
    world.put("a", "b")
    world.faults.add(Status(500), when=on_page(2))
    world.run(page_size=1)
    world.run()
    assert world.rows("SELECT instance_id, appeared_after FROM instance_episodes ORDER BY 1") == [
        ("a", None), ("b", None),
    ]  # fmt: skip


@pytest.mark.medium
@rule("a-return-is-a-new-episode")
@rule("the-fleet-at-a-time")
def test_a_return_after_vanishing_is_the_next_episode_and_the_gap_stays(world):
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
