"""The fields of an instance: which fields are kept, which open a version, and what happens to odd items and values."""

import pytest

from inventory.simulator import Rewrite
from support.marks import rule
from support.world import hour, machine


def listing(*items):
    return Rewrite(lambda _: {"instances": list(items), "next_cursor": None, "has_more": False})


@pytest.mark.medium
@rule("empty-is-null")
def test_absent_null_and_empty_are_the_same_value(world):
    world.put("a", sector=None, ip="", note="", creator_user_nickname=None)
    world.run()
    for fields in ({}, {"sector": "", "note": None}, {"ip": None, "creator_user_nickname": ""}):
        world.put("a", **fields)
        assert world.run().counts["changed"] == 0
    assert world.rows("SELECT sector, ip, creator_user_nickname, extra, versions FROM instances") == [
        (None, None, None, None, 1)
    ]


@pytest.mark.medium
@rule("unknown-fields-are-kept")
def test_unknown_fields_are_stored_in_extra_and_tracked(world):
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


@pytest.mark.medium
@rule("unknown-fields-are-kept")
def test_an_unknown_field_that_comes_beside_another_is_the_only_change(world):
    world.put("a", price=1)
    world.run()
    world.put("a", price=1, tier="gold")
    world.run()
    assert world.rows("SELECT field, old_value, new_value FROM instance_field_changes") == [("tier", None, '"gold"')]


@pytest.mark.medium
@rule("a-change-opens-a-version")
def test_all_seven_fields_are_tracked(world):
    world.put("a")
    world.run()
    fields = ("instance_type", "region", "sector", "ip", "status", "creator_user_nickname", "brand_new")
    for number, name in enumerate(fields, start=2):
        world.put("a", **dict.fromkeys(fields[: number - 1], "x"))
        assert (world.run().counts["changed"], name) == (1, name)
    assert world.rows("SELECT field FROM instance_field_changes ORDER BY changed_at") == [(name,) for name in fields]


@pytest.mark.medium
@rule("ignored-fields-open-no-version")
def test_an_ignored_field_opens_no_version_and_is_not_in_versions_opened_meanwhile(world):
    ignoring = {"ignore_changes": "status,price"}
    world.put("a", price=1)
    world.run()
    before = world.last_run("fleet_digest")
    world.run(**ignoring)  # only the setting has changed
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
    assert world.rows(shown) == [("stopped", '{"note":"x","price":2}')]  # as the last run that wrote the row left it
    world.run()  # no field is ignored any more: this alone opens no version
    assert (world.last_run("changed"), len(world.rows(versions))) == (0, 2)
    assert world.last_run("fleet_digest") == world.digest()
    world.put("a", status="ready", price=3, ip="10.0.0.1", note="x")
    world.run()
    assert (world.last_run("changed"), world.rows(versions)[-1]) == (
        1,
        ("ready", "10.0.0.1", '{"note":"x","price":3}', hour(7), None),
    )
    assert world.rows("SELECT presence, versions FROM instances") == [("live", 3)]


@pytest.mark.medium
@rule("ignored-fields-open-no-version")
def test_a_real_change_together_with_a_change_of_the_list_opens_a_version(world):
    world.put("a", price=1)
    world.run(ignore_changes="price")
    world.put("a", price=2, ip="10.0.0.1")
    world.run()
    assert world.rows("SELECT extra, ip FROM instance_versions ORDER BY valid_from") == [
        (None, None), ('{"price":2}', "10.0.0.1"),
    ]  # fmt: skip


@pytest.mark.medium
@rule("ignored-fields-open-no-version")
def test_a_change_back_to_the_values_of_the_version_opens_none(world):
    world.put("a")
    world.run()
    world.put("a", status="stopped")
    world.run(ignore_changes="status")
    world.run()
    assert world.one("SELECT status FROM instances") == "stopped"
    world.put("a", status="ready")
    assert world.run().counts["changed"] == 0
    assert world.rows("SELECT status, versions FROM instances") == [("ready", 1)]
    assert world.last_run("fleet_digest") == world.digest()


@pytest.mark.medium
@rule("ignored-fields-open-no-version")
def test_a_new_episode_lacks_a_field_that_is_ignored_when_it_begins(world):
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
    assert world.last_run("fleet_digest") == world.digest()


@pytest.mark.medium
@rule("the-first-creator-counts")
def test_the_creator_is_the_first_that_was_not_null_in_the_episode(world):
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


@pytest.mark.medium
@rule("only-the-id-is-needed")
@pytest.mark.parametrize(
    "item",
    [
        {"status": "ready"}, {"id": None}, {"id": ""}, {"id": 7}, {"id": "x" * 256}, {"id": "a\nb"},
        {"id": "a\x00"}, {"id": "\x85"}, [], None, "a",
    ],
    ids=repr,
)  # fmt: skip
def test_an_item_without_a_usable_id_is_rejected_and_the_walk_is_not_complete(world, item):
    world.put("a", "b")
    world.run()
    world.faults.add(listing(machine("a", status="stopped"), item))
    outcome = world.run()
    assert (outcome.status, outcome.rejected, outcome.exit_code) == ("partial", 1, 4)
    assert world.last_run("status", "error_code", "rejected", "complete", "instances_seen", "changed") == (
        "partial", "rejected_items", 1, False, 1, 1,
    )  # fmt: skip
    assert world.presences() == {"a": "live", "b": "live"}


@pytest.mark.medium
@rule("only-the-id-is-needed")
@pytest.mark.parametrize("id_", ["x", "x" * 255, "ü/?#%", " ", "..", "😀", "\U0010ffff" * 255])
def test_any_other_id_is_kept(world, id_):
    world.put("other", id_)
    world.run()
    assert id_ in world.presences()
    world.remove(id_)
    assert world.run().status == "succeeded"
    assert world.gone() == [(id_, hour(2))]


@pytest.mark.medium
@rule("odd-values-lose-nothing-else")
def test_a_known_field_of_another_type_goes_into_extra(world):
    world.put("a", region=7, ip=["10.0.0.1"], status=None)
    world.run()
    assert world.rows("SELECT region, ip, status, extra FROM instances") == [
        (None, None, None, '{"ip":["10.0.0.1"],"region":7}')
    ]


@pytest.mark.medium
@rule("odd-values-lose-nothing-else")
def test_characters_that_cannot_be_stored_are_replaced(world):
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
    assert world.last_run("status", "fleet_digest") == ("succeeded", world.digest())


@pytest.mark.medium
@rule("the-later-item-wins")
def test_of_two_items_with_one_id_in_a_walk_the_later_wins_and_a_duplicate_is_counted(world):
    world.faults.add(listing(machine("a", status="init"), machine("b"), machine("a", status="ready")))
    world.run()
    assert world.rows("SELECT instance_id, status FROM instances ORDER BY 1") == [("a", "ready"), ("b", "ready")]
    assert world.last_run("duplicates", "instances_seen", "appeared", "status") == (1, 2, 2, "succeeded")


@rule("gpus-come-from-the-type")
def test_gpu_count_and_model_are_read_from_the_type(world):
    world.put("a", instance_type="gpu_1x_h100_sxm5")
    world.put("b", instance_type="cpu_large")
    world.put("c", instance_type="gpu_8x_")
    world.run()
    assert world.rows("SELECT instance_id, gpu_count, gpu_model FROM instances ORDER BY 1") == [
        ("a", 1, "h100_sxm5"), ("b", None, None), ("c", None, None),
    ]  # fmt: skip
