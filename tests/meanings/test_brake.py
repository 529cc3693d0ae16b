"""The brake: a suspiciously large loss is held, until a person accepts it or the instances are seen again."""

import pytest

from inventory.config.keys import Account, ApiKey
from inventory.history import missing as history
from inventory.simulator import Simulator, Status, on_get, on_list, on_page
from inventory.sync import dry_run
from support.marks import rule
from support.world import hour, ids


@pytest.mark.medium
@rule("brake")
def test_ten_or_more_that_are_over_half_of_the_fleet_are_held_and_all_else_is_applied(world):
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
    assert world.held() == set(ids(11))
    assert world.rows("SELECT DISTINCT presence, missing_since, vanished_at FROM instances WHERE held") == [
        ("missing", hour(2), None)
    ]


@pytest.mark.medium
@rule("brake")
def test_exactly_half_of_the_fleet_vanishes(world):
    world.put(*ids(20))
    world.run()
    world.remove(*ids(10))
    assert world.run().status == "succeeded"
    assert len(world.gone()) == 10


@pytest.mark.medium
@rule("brake")
def test_exactly_the_share_that_the_setting_allows_vanishes(world):
    world.put(*ids(100))
    world.run()
    world.remove(*ids(29))  # as floating-point numbers, 0.29 * 100 is a little less than 29
    assert world.run(max_vanish=0.29).status == "succeeded"
    assert len(world.gone()) == 29


@pytest.mark.medium
@rule("brake")
def test_ten_are_held_and_nine_vanish(world):
    world.put(*ids(10))
    world.run(account="ten")
    world.remove("i009")
    world.run(account="nine")
    world.fleet.clear()
    assert world.run(account="ten").status == "held"
    assert world.run(account="nine").status == "succeeded"
    assert len(world.gone()) == 9


@pytest.mark.medium
@rule("brake")
@pytest.mark.parametrize("moved", ["key", "address"])
def test_fewer_than_ten_are_held_too_after_a_change_of_key_or_address(world, moved):
    world.put("a", "b", "c")
    world.run()
    world.remove("a", "b")
    with Simulator(world.fleet) as elsewhere:
        outcome = world.run(key="other:secret") if moved == "key" else world.run(api_url=elsewhere.url)
    assert (outcome.status, world.held()) == ("held", {"a", "b"})


@pytest.mark.medium
@rule("brake")
def test_half_or_fewer_vanish_after_a_change_of_key(world):
    world.put("a", "b", "c", "d")
    world.run()
    world.remove("a", "b")
    assert world.run(key="other:secret").status == "succeeded"
    assert world.gone() == [("a", hour(2)), ("b", hour(2))]


@pytest.mark.medium
@rule("brake")
def test_another_secret_of_the_same_key_id_is_the_same_key(world):
    world.put("a", "b", "c")
    world.run()
    world.fleet.clear()
    assert world.run(key="id:rotated").status == "succeeded"
    assert len(world.gone()) == 3


@pytest.mark.medium
@rule("brake")
@rule("keys-are-never-shown")
def test_an_address_with_another_key_in_its_path_is_the_same_address(world):
    world.put("a", "b", "c")
    root, path = world.simulator.url.removesuffix("/v1"), "../v1"  # httpx removes the key and the `..` before it asks
    world.run(api_url=f"{root}/sk-0123456789abcdef0123/{path}")
    world.fleet.clear()
    assert world.run(api_url=f"{root}/sk-abcdef0123456789abcd/{path}").status == "succeeded"
    assert len(world.gone()) == 3
    assert world.last_run("api_url") == f"{root}/***/{path}"


@pytest.mark.medium
@rule("brake")
def test_the_key_is_compared_with_that_of_the_last_succeeded_run(world):
    world.put("a", "b", "c")
    world.run()
    world.faults.add(Status(500), when=on_page(2))
    world.run(key="other:secret", page_size=1)
    assert world.statuses() == ["succeeded", "partial"]
    world.remove("a", "b")
    assert world.run(key="other:secret").status == "held"


@pytest.mark.medium
@rule("brake")
def test_a_max_vanish_of_1_turns_the_brake_off(world):
    world.put(*ids(12))
    world.run()
    world.fleet.clear()
    assert world.run(max_vanish=1, key="other:secret").status == "succeeded"
    assert len(world.gone()) == 12


@pytest.mark.medium
@rule("brake")
def test_a_max_vanish_of_1_holds_nothing_where_only_missing_instances_are_left_to_vanish(world):
    world.put(*ids(12))
    world.run()
    world.remove(*ids(12))
    world.faults.add(Status(500), when=on_get, times=None)
    world.faults.add(Status(503), when=on_page(1), after=1)
    world.run(max_vanish=1)
    assert {*world.presences().values()} == {"missing"}
    world.faults.clear()
    assert world.run(max_vanish=1).status == "succeeded"
    assert len(world.gone()) == 12


@pytest.mark.medium
@rule("brake")
def test_the_brake_applies_after_the_requests_by_id(world):
    world.put(*ids(20))
    world.run()
    for id_ in ids(15):
        world.fleet.hide(id_)
    assert world.run().status == "succeeded"
    assert set(world.presences().values()) == {"live"}


@pytest.mark.medium
@rule("brake")
def test_the_brake_holds_instances_that_a_second_walk_settled(world):
    world.put(*ids(20))
    world.run()
    world.fleet.clear()
    world.faults.add(Status(500), when=on_get, times=None)
    assert (world.run().status, len(world.held()), world.walks()) == ("held", 20, 2)


@pytest.mark.medium
@rule("brake")
def test_instances_missing_before_count_as_vanishing_and_are_held_too(world):
    world.put(*ids(20))
    world.run()
    world.remove(*ids(15))
    world.faults.add(Status(500), when=on_get, times=15)
    world.faults.add(Status(503), when=on_page(1), after=1)
    world.run()
    assert (world.last_run("missing"), world.held()) == (15, set())
    assert (world.run().status, len(world.held())) == ("held", 15)
    assert world.rows("SELECT DISTINCT missing_since FROM instances WHERE held") == [(hour(2),)]


def run_and_move_to_another_workspace(world, own, others):
    """Make a run that sees `own` instances. Then replace the whole fleet by new instances, `others` in number."""
    world.put(*ids(own))
    world.run()
    world.remove(*ids(own))
    world.put(*ids(others, "other"))


def run_that_settles_nothing(world, *, answered=0, **options):
    """Make a run whose second walk fails. Of its requests by id, all fail except the first `answered`."""
    world.faults.add(Status(503), when=on_get, after=answered, times=None)
    world.faults.add(Status(503), when=on_page(1), after=1)
    outcome = world.run(**options)
    world.faults.clear()
    return outcome


@pytest.mark.medium
@rule("brake")
@pytest.mark.parametrize(("own", "others"), [(3, 2), (20, 100)])
def test_a_run_with_another_key_that_settles_nothing_does_not_make_it_the_known_key(world, own, others):
    run_and_move_to_another_workspace(world, own, others)
    assert run_that_settles_nothing(world, key="other:secret").status == "succeeded"
    assert world.held() == set()
    for _ in range(2):
        assert (world.run(key="other:secret").status, world.held()) == ("held", {*ids(own)})


@pytest.mark.medium
@rule("brake")
@pytest.mark.parametrize(("own", "others"), [(4, 2), (40, 90)])
def test_a_part_of_a_loss_does_not_vanish_because_the_rest_cannot_be_settled(world, own, others):
    run_and_move_to_another_workspace(world, own, others)
    assert run_that_settles_nothing(world, answered=own // 2, key="other:secret").status == "held"
    assert world.run(key="other:secret").status == "held"
    assert world.gone() == []
    assert world.held() == {*ids(own)}


@pytest.mark.medium
@rule("brake")
def test_a_loss_that_two_runs_settle_in_parts_is_held_as_a_whole(world):
    run_and_move_to_another_workspace(world, 40, 90)
    statuses = [run_that_settles_nothing(world, answered=number, key="other:secret").status for number in (0, 20)]
    assert statuses == ["succeeded", "held"]
    assert world.run(key="other:secret").status == "held"
    assert world.gone() == []
    assert world.held() == {*ids(40)}


@pytest.mark.medium
@rule("brake")
def test_instances_that_stay_missing_do_not_count_in_the_loss_of_a_later_run(world):
    world.put(*ids(20))
    world.run()
    world.remove(*ids(8))
    run_that_settles_nothing(world)
    world.remove("i018", "i019")
    world.faults.add(Status(503), when=lambda request: request.path[-4:] in ids(8), times=None)
    world.faults.add(Status(503), when=on_page(1), after=1)
    assert world.run().status == "succeeded"
    assert {id_ for id_, _ in world.gone()} == {"i018", "i019"}
    assert {id_ for id_, presence in world.presences().items() if presence == "missing"} == {*ids(8)}


@pytest.mark.medium
@rule("brake")
def test_what_a_held_run_could_not_settle_is_held_with_the_rest_of_the_loss(world):
    run_and_move_to_another_workspace(world, 40, 90)
    outcome = run_that_settles_nothing(world, answered=25)
    assert (outcome.status, outcome.missing, len(world.held())) == ("held", 40, 25)
    assert str(outcome.error).startswith("25 instances are absent and held: ")
    assert world.run().status == "held"
    assert world.held() == {*ids(40)}


@pytest.mark.medium
@rule("brake")
def test_a_small_loss_that_an_earlier_run_could_not_settle_vanishes_beside_one_that_is_held(world):
    world.put(*ids(40))
    world.run()
    world.remove(*ids(25))
    assert world.run().status == "held"
    world.remove("i030")
    run_that_settles_nothing(world)
    assert world.presences()["i030"] == "missing"
    world.run()
    assert world.presences()["i030"] == "vanished"
    assert world.held() == {*ids(25)}


@pytest.mark.medium
@rule("brake")
def test_instances_that_were_missing_before_the_new_key_are_compared_with_the_key_that_saw_them(world):
    world.put("a", "b", "c", "d")
    world.run()
    world.remove("a", "b", "c")
    run_that_settles_nothing(world)
    world.put("e", "f", "g", "h", "i", "j")
    assert world.run(key="other:secret").status == "held"
    assert world.held() == {"a", "b", "c"}


@pytest.mark.medium
@rule("held-waits-for-a-person")
def test_every_complete_run_is_held_until_a_person_settles_it_and_all_else_is_applied(world):
    world.put(*ids(20))
    world.run()
    world.remove(*ids(15))
    world.run()
    world.remove("i019")
    world.put("i018", status="stopped")
    outcome = world.run()
    assert (outcome.status, outcome.exit_code, outcome.missing) == ("held", 5, 15)
    assert world.asked_by_id() == ["i019"]
    assert world.gone() == [("i019", hour(3))]
    world.faults.add(Status(500), when=on_page(2))
    outcome = world.run(page_size=1)
    assert (outcome.status, outcome.exit_code, outcome.missing) == ("partial", 4, 15)
    world.faults.add(Status(500), when=on_list)
    assert world.run().status == "failed"
    for _ in range(2):
        assert world.run().status == "held"
        assert world.last_run("error_code", "missing", "changed", "vanished") == ("mass_vanish", 15, 0, 0)
    assert world.held() == set(ids(15))


@pytest.mark.medium
@rule("held-waits-for-a-person")
def test_held_instances_are_settled_when_they_are_seen(world):
    world.put(*ids(20))
    world.run()
    world.remove(*ids(12))
    world.run()
    world.put(*ids(11))
    assert world.run().status == "held"
    assert world.held() == {"i011"}
    world.put("i011")
    assert world.run().status == "succeeded"
    assert world.last_run("fleet_digest", "missing")[1] == 0
    assert world.rows("SELECT DISTINCT presence, missing_since, episodes, versions FROM instances") == [
        ("live", None, 1, 1)
    ]


@pytest.mark.medium
@rule("held-waits-for-a-person")
def test_held_instances_are_settled_by_a_partial_run_that_sees_them(world):
    world.put(*ids(10))
    world.run()
    world.fleet.clear()
    world.run()
    world.put(*ids(10))
    world.faults.add(Status(500), when=on_page(2))
    world.run(page_size=4)
    assert world.held() == set(ids(10)[4:])


@pytest.mark.medium
@rule("held-waits-for-a-person")
@rule("settled-at-first-absence")
def test_accepted_instances_vanished_when_a_run_first_lacked_them(world):
    world.put(*ids(20))
    world.run()
    world.remove(*ids(12))
    world.run()
    world.run()
    accepted = history.accept_missing(world.engine, "default", lease_seconds=60, clock=lambda: hour(3.5))
    assert len(accepted) == 12
    assert world.gone() == [(id_, hour(2)) for id_ in ids(12)]
    assert world.rows("SELECT vanished, missing, status FROM sync_runs ORDER BY run_id") == [
        (0, 0, "succeeded"), (12, 12, "held"), (0, 12, "held"),
    ]  # fmt: skip
    assert (world.held(), world.runs) == (set(), 3)
    assert history.accept_missing(world.engine, "default", lease_seconds=60) == []
    outcome = world.run()
    assert (outcome.status, outcome.exit_code, sum(outcome.counts.values())) == ("succeeded", 0, 0)
    assert world.last_run("fleet_digest") == world.digest()


@pytest.mark.medium
@rule("held-waits-for-a-person")
def test_accepting_also_settles_missing_instances_that_are_not_held(world):
    world.put("a", "b")
    world.run()
    world.remove("b")
    world.faults.add(Status(500), when=on_get)
    world.faults.add(Status(503), when=on_page(1), after=1)
    world.run()
    assert len(history.accept_missing(world.engine, "default", lease_seconds=60)) == 1
    assert world.gone() == [("b", hour(2))]


@pytest.mark.medium
@rule("held-waits-for-a-person")
def test_accepting_some_leaves_the_others_missing(world):
    world.put(*ids(20))
    world.run()
    world.remove(*ids(12))
    world.run()
    some = ids(3)
    assert (
        history.accept_missing(world.engine, "default", only={*some, ids(20)[-1], "nobody"}, lease_seconds=60) == some
    )
    assert [id_ for id_, _ in world.gone()] == some
    assert world.held() == set(ids(12)[3:])


@pytest.mark.medium
@rule("brake")
def test_the_new_key_is_the_known_one_after_accepting(world):
    world.put("a", "b", "c")
    world.run()
    world.remove("a", "b")
    world.run(key="other:secret")
    history.accept_missing(world.engine, "default", lease_seconds=60)
    assert world.run(key="other:secret").status == "succeeded"
    world.remove("c")
    assert world.run(key="other:secret").status == "succeeded"


@pytest.mark.medium
@rule("brake")
def test_a_dry_run_says_that_the_run_would_be_held_and_writes_nothing(world):
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
    outcome = dry_run(world.engine, account, world.settings())  # the dry run that follows a held run
    assert (outcome.status, outcome.missing, outcome.exit_code) == ("held", 12, 5)
    assert world.dump() == before
