"""Parsed pages: records, their hashes, and values that JSON or the database does not allow."""

import hashlib
import json
import math
import random
import re

import pytest

from inventory.errors import BadResponse
from inventory.fal.page import parse_envelope, parse_instance, parse_page
from inventory.record import Record, Rejected, gpus, hash_records, make_record, tracker
from support.marks import rule

WHOLE = {
    "id": "inst_1",
    "instance_type": "gpu_8x_h100_sxm5",
    "region": "us-west",
    "sector": "sector_1",
    "ip": "203.0.113.7",
    "status": "ready",
    "creator_user_nickname": "mira",
}


def page(*items, **envelope):
    return json.dumps({"instances": items, "next_cursor": None, "has_more": False, **envelope}).encode()


def rows(body):
    found = parse_page(body)
    return [make_record(item, escaped=found.escaped) for item in found.items]


def extra(**fields):
    return make_record({"id": "a", **fields}).extra


# The fingerprint, which identifies an unchanged page


def fingerprint(*items, **envelope):
    return parse_page(page(*items, **envelope)).fingerprint


def test_an_unchanged_page_has_the_same_fingerprint_whatever_its_cursor():
    cursors = (None, "a", "", "}{", " : ", '"', "\\", "ü")
    for item in (WHOLE, {**WHOLE, "creator_user_nickname": "Jürgen"}):  # the body has the ü as an escape
        assert len({fingerprint(item, next_cursor=cursor) for cursor in cursors}) == 1
    first = b'{"next_cursor" :\n"a", "has_more": true, "instances": []}'
    assert parse_page(first).fingerprint == parse_page(first.replace(b'"a"', b"null")).fingerprint


@pytest.mark.parametrize("name", ["next_cursor", 'x"next_cursor', "next_cursor\\", "new"])
@pytest.mark.parametrize("escaped", [False, True])
def test_every_other_difference_changes_the_fingerprint(name, escaped):
    def found(value):
        body = page({**WHOLE, name: value})
        if escaped:  # the page's own key, written with an escape
            body = body.replace(b'], "next_cursor"', b'], "\\u006eext_cursor"')
        return parse_page(body).fingerprint

    values = [None, "a", "b", "", "null", 1, {"next_cursor": "a"}, {"next_cursor": "b"}, ["next_cursor", "a"], [["a"]]]
    assert len({found(value) for value in values}) == len(values)
    assert fingerprint(WHOLE, {"id": "b"}) != fingerprint({"id": "b"}, WHOLE)
    assert fingerprint(WHOLE, has_more=True) != fingerprint(WHOLE)


# Fields


def test_a_whole_instance_becomes_its_seven_fields_and_no_extra():
    assert make_record(WHOLE) == Record(
        "inst_1", "gpu_8x_h100_sxm5", "us-west", "sector_1", "203.0.113.7", "ready", "mira", None
    )


@rule("empty-is-null")
@pytest.mark.parametrize("absent", [{}, {"ip": None}, {"ip": ""}])
@pytest.mark.parametrize("escaped", [True, False])
def test_absent_null_and_empty_are_all_none(absent, escaped):
    item = {name: value for name, value in WHOLE.items() if name != "ip"} | absent
    found = make_record(item, escaped=escaped)
    assert (found.ip, found.status, found.extra) == (None, "ready", None)


@pytest.mark.parametrize("field", [name for name in WHOLE if name != "id"])
@pytest.mark.parametrize("value", [7, 0, False, 1.5, [], {}, ["x"], {"a": 1}])
def test_a_known_field_of_another_type_goes_to_extra(field, value):
    found = make_record({**WHOLE, field: value})
    assert getattr(found, field) is None
    assert json.loads(found.extra) == {field: value}


def test_unknown_fields_are_canonical_json_in_extra():
    assert extra(zone="ä", b={"z": 1, "a": [1, 2.5, True, None, ""]}, a=1) == (
        '{"a":1,"b":{"a":[1,2.5,true,null,""],"z":1},"zone":"ä"}'
    )


def test_unknown_fields_that_are_null_or_empty_are_absent():
    assert extra(zone=None, note="") is None
    assert extra(zone=None, note="", price=0) == '{"price":0}'


def test_the_order_of_the_fields_changes_nothing():
    one = {**WHOLE, "b": {"x": 1, "y": 2}, "a": 1}
    other = {"a": 1, "b": {"y": 2, "x": 1}, **dict(reversed(WHOLE.items()))}
    assert make_record(one) == make_record(other)
    assert hash_records([make_record(one)]) == hash_records([make_record(other)])


def test_the_fast_path_and_the_careful_path_give_the_same_record():
    values = [None, "", "x", 7, 0.5, math.nan, [], {"k": math.inf}, {"k": [None, ""]}, "ü\n"]
    dice = random.Random(4)
    for _ in range(500):
        names = dice.sample([*WHOLE, "new", "newer"], 6)
        item = {name: dice.choice(values) for name in names} | {"id": "a"}
        assert make_record(item, escaped=True) == make_record(item, escaped=False)
        item = WHOLE | {name: dice.choice(["x", "ü\n", *values]) for name in dice.sample(names, dice.randrange(3))}
        item["id"] = dice.choice(["a", "ü", "\u200b", "x" * 255])
        assert make_record(item, escaped=True) == make_record(item, escaped=False)


def test_the_item_itself_is_not_changed():
    item = {**WHOLE, "new": None, "ip": 7}
    before = dict(item)
    make_record(item)
    assert item == before


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"id": None},
        {"id": ""},
        {"id": "x" * 256},
        {"id": "a\nb"},
        {"id": "a\x00"},
        {"id": "\x7f"},
        {"id": "\x85"},
        {"id": 7},
        {"id": ["a"]},
        {"id": True},
        None,
        "a",
        7,
        [],
    ],
)
def test_an_item_without_a_usable_id_is_rejected(item):
    for whole in (item, WHOLE | item if isinstance(item, dict) and item else item):
        for escaped in (True, False):
            with pytest.raises(Rejected):
                make_record(whole, escaped=escaped)


@pytest.mark.parametrize("name", ["x" * 255, "ü" * 255, "a b", "a/b", "..", "\u200b", "💥", " "])
def test_any_other_id_of_up_to_255_characters_is_kept(name):
    assert make_record({"id": name}).instance_id == name


def test_an_item_nested_too_deeply_is_rejected():
    deep = []
    for _ in range(5_000):
        deep = [deep]
    with pytest.raises(Rejected, match="too deeply"):
        make_record({"id": "a", "deep": deep})


@pytest.mark.parametrize("brackets", [("[", "]"), ('{"a":', "}")])
def test_an_item_is_kept_or_rejected_at_the_same_depth_whoever_reads_it(brackets):
    def made(depth, frames=0):
        if frames:
            return made(depth, frames - 1)
        left, right = brackets
        deep = json.loads(left * depth + "1" + right * depth)
        return make_record({"id": "a", "before": [[]] * 500, "deep": deep, "flat": ["[{"] * 500})

    for frames in (0, 150):
        made(1, frames)
        made(299, frames)  # the object that holds all unknown fields is one more level
        with pytest.raises(Rejected, match="too deeply"):
            made(300, frames)


@rule("gpus-come-from-the-type")
def test_gpus_are_read_from_the_type_or_unknown():
    assert gpus("gpu_8x_h100_sxm5") == (8, "h100_sxm5")
    assert gpus("gpu_16x_b") == (16, "b")
    for other in (None, "", "cpu", "gpu_x_h100", "gpu_12345x_h100", "gpu_8x_", "a gpu_8x_h100"):
        assert gpus(other) == (None, None)


# Values that cannot be stored


def test_one_lone_surrogate_does_not_lose_the_page():
    body = b'{"instances":[{"id":"a","status":"\\ud800x"},{"id":"b"}],"next_cursor":null,"has_more":false}'
    assert [(each.instance_id, each.status) for each in rows(body)] == [("a", "\ufffdx"), ("b", None)]


def test_a_raw_surrogate_in_the_bytes_does_not_lose_the_page():
    body = b'{"instances":[{"id":"a","status":"\xed\xa0\x80x"}],"next_cursor":null,"has_more":false}'
    (found,) = rows(body)
    assert set(found.status) == {"\ufffd", "x"}
    assert hash_records([found])


def test_a_surrogate_pair_is_one_character():
    assert [each.status for each in rows(page({"id": "a", "status": "💥"}))] == ["💥"]


def test_u0000_becomes_ufffd_everywhere():
    (found,) = rows(page({"id": "a", "ip": "\0", "new\0": {"\0": ["\0"]}}))
    assert (found.ip, found.extra) == ("\ufffd", '{"new\ufffd":{"\ufffd":["\ufffd"]}}')


def test_an_id_with_a_lone_surrogate_is_kept_with_ufffd():
    assert [each.instance_id for each in rows(page({"id": "a\ud800"}))] == ["a\ufffd"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 5_000])
def test_an_unusable_number_is_null_and_does_not_lose_the_page(number):
    body = f'{{"instances":[{{"id":"a","n":{number},"o":[{number},1],"ip":{number}}},{{"id":"b"}}],'
    first, second = rows((body + '"next_cursor":null,"has_more":false}').encode())
    assert (first.extra, first.ip, second.instance_id) == ('{"o":[null,1]}', None, "b")


def test_a_large_integer_keeps_its_digits():
    digits = "9" * 4_000
    body = f'{{"instances":[{{"id":"a","n":{digits}}}],"next_cursor":null,"has_more":false}}'
    assert rows(body.encode())[0].extra == f'{{"n":{digits}}}'


def test_an_instance_by_id_is_parsed_as_leniently_as_a_page():
    item, escaped = parse_instance(b'{"id":"a","status":"\\udc00","n":NaN}')
    assert make_record(item, escaped=escaped)[5:] == ("\ufffd", None, None)
    with pytest.raises(BadResponse):
        parse_instance(b"<html>")


# Pages


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Bad gateway</html>",
        b"null",
        b"[]",
        b'"instances"',
        b"{}",
        b'{"next_cursor":null,"has_more":false}',
        b'{"instances":[],"has_more":false}',
        b'{"instances":[],"next_cursor":null}',
        b'{"instances":null,"next_cursor":null,"has_more":false}',
        b'{"instances":{},"next_cursor":null,"has_more":false}',
        b'{"instances":[],"next_cursor":7,"has_more":false}',
        b'{"instances":[],"next_cursor":null,"has_more":"false"}',
        b'{"instances":[],"next_cursor":null,"has_more":0}',
        b'{"instances":[],"next_cursor":null,"has_more":false',
        b'{"instances":["\\ud800"],"has_more":false}',
        b"\xff\xfe\x00",
        b"[" * 100_000,
    ],
)
def test_a_body_that_is_not_a_page_is_a_bad_response_of_one_line(body):
    with pytest.raises(BadResponse) as raised:
        parse_page(body)
    assert "\n" not in str(raised.value)
    assert raised.value.error_code == "bad_response"
    with pytest.raises(BadResponse, match=re.escape(str(raised.value))):
        parse_envelope(body)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"[]", "the body: input should be an object"),
        (b'{"instances":[],"next_cursor":7,"has_more":false}', "next_cursor: input should be a valid string"),
        (b'{"instances":5,"next_cursor":7,"has_more":0}', "instances: input should be a valid array"),
    ],
)
def test_the_error_says_what_is_wrong_first_with_a_body(body, said):
    with pytest.raises(BadResponse) as raised:
        parse_page(body)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    "items",
    [
        b"",
        b"{}",
        b'{"id": "a", "next_cursor": "x"}, {"id": "b"}',
        b'{"id": "a", "note": "\\ud800"}',
        b'{"id": "a", "size": ' + b"9" * 5_000 + b"}",
        b'{"id": "a", "size": NaN}',
        b'{"id": "a"}, 3, null, ["b"]',
    ],
    ids=["none", "empty", "a-cursor-in-it", "surrogate", "huge", "nan", "no-objects"],
)
def test_the_envelope_alone_says_of_a_page_what_the_whole_says(items):
    body = b'{"instances": [' + items + b'], "next_cursor": "c", "has_more": true}'
    whole, alone = parse_page(body), parse_envelope(body)
    told = [(page.next_cursor, page.has_more, len(page.items), page.fingerprint, page.body) for page in (whole, alone)]
    assert told[0] == told[1]
    assert whole.whole
    assert alone.whole == any(text in items for text in (b"ud800", b"999", b"null"))  # these cannot be parsed alone
    assert not alone.whole or alone == whole


def test_new_keys_beside_the_list_are_ignored():
    found = parse_page(page(WHOLE, next_cursor="x", has_more=True, total=1))
    assert (found.items, found.next_cursor, found.has_more) == ([WHOLE], "x", True)


# Hashes


def test_the_hash_is_sha_256_over_the_fields_without_the_id():
    text = "gpu_8x_h100_sxm5\0us-west\0sector_1\x00203.0.113.7\0ready\0mira\0"
    assert hash_records([make_record(WHOLE)]) == [hashlib.sha256(text.encode()).digest()]


def test_every_field_but_the_id_changes_the_hash():
    changed = [{**WHOLE, name: "other"} for name in WHOLE if name != "id"] + [{**WHOLE, "new": 1}, WHOLE]
    assert len(set(hash_records([make_record(item) for item in changed]))) == len(changed)
    assert hash_records([make_record(WHOLE)]) == hash_records([make_record({**WHOLE, "id": "b"})])


def test_a_value_that_moves_to_the_next_field_changes_the_hash():
    one, two = make_record({"id": "a", "region": "x"}), make_record({"id": "a", "sector": "x"})
    assert hash_records([one]) != hash_records([two])


def test_a_tracker_removes_known_and_unknown_fields():
    tracked = tracker(("ip", "load"))
    busy = tracked(make_record({**WHOLE, "load": 1, "zone": "z"}))
    idle = tracked(make_record({**WHOLE, "load": 2, "zone": "z", "ip": "x"}))
    assert busy == idle
    assert (busy.ip, busy.extra) == (None, '{"zone":"z"}')
    assert tracked(make_record({**WHOLE, "load": 1})).extra is None
    assert tracker(())(make_record(WHOLE)) == make_record(WHOLE)
