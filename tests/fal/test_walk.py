"""Walks and confirmations against a real server: when a walk is complete, and what is kept if it is not."""

import itertools
import json
import sqlite3
import threading

import pytest

from inventory.config.keys import ApiKey
from inventory.config.settings import load
from inventory.errors import DatabaseError
from inventory.fal.client import Api
from inventory.fal.confirm import MOST_QUESTIONS, confirm
from inventory.fal.walk import BARREN_PAGES, WalkContext, walk
from inventory.record import hash_records, make_record
from inventory.simulator import (
    Body,
    Drip,
    Drop,
    Endless,
    Fleet,
    Hang,
    Rewrite,
    Simulator,
    Status,
    encode_cursor,
    on_get,
    on_list,
    on_page,
)
from inventory.simulator.exchange import Response
from inventory.spool import BY_ID, Known, Spool
from support.marks import rule
from support.world import machine


@pytest.fixture
def fleet():
    return Fleet(machine(f"inst_{number}") for number in range(6))


@pytest.fixture
def simulator(fleet):
    with Simulator(fleet) as running:
        yield running


@pytest.fixture
def stop():
    return threading.Event()


@pytest.fixture
def api(simulator, stop):
    settings = load(api_url=simulator.url, retry_attempts=2, retry_max_wait=0.01, timeout=20, page_size=2)
    with Api(ApiKey("id:secret-word"), settings, stop) as opened:
        yield opened


@pytest.fixture
def spool():
    with Spool() as opened:
        yield opened


@pytest.fixture
def walked(api, spool, stop):
    """Return a function that walks the list and returns the WalkResult."""
    return lambda number=1, **context: walk(WalkContext(api, spool, stop, **context), number)


def seen(spool):
    return {row.instance_id: row.status for row, _, _ in spool.differing(newcomers=True)}


def ids(*numbers):
    return {f"inst_{number}": "ready" for number in numbers}


def numbers(done):
    return (done.pages, done.items, done.duplicates, done.rejected)


def asked(simulator):
    return [request.page for request in simulator.requests]


class Pages:
    """A fault that answers each request with the next page of a list. The items of page `number` are `items(number)`.

    `last` is the number of the last page. If `last` is None, the list never ends.
    """

    def __init__(self, items, last=None):
        self._items, self._last = items, last
        self._numbers = itertools.count(1)

    def play(self, exchange, answer):  # noqa: ARG002
        number = next(self._numbers)
        more = number != self._last
        page = {"instances": self._items(number), "next_cursor": f"c{number}" if more else None, "has_more": more}
        exchange.reply(Response(200, json.dumps(page).encode()))


# The end


def test_a_walk_is_complete_at_the_end_of_the_list(simulator, spool, walked):
    done = walked()
    assert (done.complete, done.error, numbers(done)) == (True, None, (3, 6, 0, 0))
    assert seen(spool) == ids(*range(6))
    assert asked(simulator) == [1, 2, 3]


def test_an_empty_fleet_is_a_complete_walk_of_one_page(fleet, walked):
    fleet.clear()
    assert (walked().complete, numbers(walked())) == (True, (1, 0, 0, 0))


def test_passing_faults_on_every_page_do_not_break_a_walk(simulator, walked, api):
    for number in (1, 2, 3):
        simulator.faults.add(Drop(), when=on_page(number))
    assert (walked().complete, api.retries) == (True, 3)


def test_a_cursor_is_followed_even_if_has_more_is_false(simulator, spool, walked):
    simulator.faults.add(Rewrite(lambda page: {**page, "has_more": False}), when=on_page(1))
    assert walked().complete
    assert seen(spool) == ids(*range(6))


def test_progress_is_reported_after_each_page(walked):
    reported = []
    walked(progress=lambda done: reported.append((done.pages, done.items)))
    assert reported == [(1, 2), (2, 4), (3, 6)]


# Lists that were walked before


@pytest.mark.parametrize("pages", [3, 24, 30, 50])
def test_where_only_values_changed_the_spool_has_the_parts_of_the_list_that_differ_and_no_others(
    api, fleet, stop, pages
):
    """A list has at most 24 parts. All have the same number of pages; only the last part may have fewer."""
    refill(fleet, ids(*range(2 * pages)))
    size = 2 * -(-pages // 24)
    listed = [each["id"] for each in fleet.listing()]
    found = found_in_whole(api, stop)
    assert (len(found.digest), len(found.parts)) == (64, -(-2 * pages // size))
    for place in (0, pages, 2 * pages - 1):
        fleet.put(machine(listed[place], status="stopped"))
        with Spool() as spool:
            done = walk(WalkContext(api, spool, stop), 1, found)
            part = range(place // size * size, min((place // size + 1) * size, 2 * pages))
            assert set(seen(spool)) == {listed[each] for each in part}
        assert (done.only_values, done.unchanged, done.found) == (True, False, found_in_whole(api, stop))
        found = done.found
    with Spool() as spool:
        assert walk(WalkContext(api, spool, stop), 1, found).unchanged
        assert seen(spool) == {}


@pytest.mark.parametrize("pages", [3, 50])
def test_where_an_id_changed_the_spool_has_the_whole_list(api, fleet, stop, pages):
    refill(fleet, ids(*range(2 * pages)))
    found = found_in_whole(api, stop)
    others = [each["id"] for each in fleet.listing()]
    others[pages] = "another"
    refill(fleet, others)
    with Spool() as spool:
        done = walk(WalkContext(api, spool, stop), 1, found)
        assert set(seen(spool)) == set(others)
    assert (done.only_values, done.unchanged, done.found) == (False, False, found_in_whole(api, stop))


def test_of_a_list_with_an_id_twice_no_part_is_known_but_the_whole_is(api, simulator, stop):
    listed = [machine("a"), machine("b", status="stopped")], [machine("b")]

    def serve(pages):
        simulator.faults.clear()
        simulator.faults.add(Pages(lambda number: pages[number - 1], last=len(pages)), times=None)

    serve(listed)
    found = found_in_whole(api, stop)
    assert (found.duplicates, found.parts) == (1, ())
    serve(listed)
    with Spool() as spool:
        assert walk(WalkContext(api, spool, stop), 1, found).unchanged
    serve(([machine("a", status="stopped"), machine("b")], [machine("b")]))
    with Spool() as spool:
        done = walk(WalkContext(api, spool, stop), 1, found)
        assert seen(spool) == {"a": "stopped", "b": "ready"}
    assert (done.complete, done.only_values, done.duplicates) == (True, False, 1)


@pytest.mark.parametrize("has_parts", [True, False])
def test_a_list_that_has_become_endless_ends_the_walk_although_another_was_expected(api, simulator, stop, has_parts):
    found = found_in_whole(api, stop)
    found = found if has_parts else found._replace(parts=())
    simulator.faults.add(Pages(lambda _: [machine("inst_1")]), times=None)
    with Spool() as spool:
        done = walk(WalkContext(api, spool, stop), 1, found)
        assert seen(spool) == ids(1)
    assert done.error.error_code == "cursor_loop"
    assert done.pages <= found.pages + BARREN_PAGES + 2


def refill(fleet, listed):
    """Replace the fleet by one instance for each of these ids, in this order."""
    fleet.clear()
    for id_ in listed:
        fleet.put(machine(id_))


def found_in_whole(api, stop):
    """Walk the whole list without an expected list. Return what the walk found, an ExpectedList for later walks."""
    with Spool() as spool:
        return walk(WalkContext(api, spool, stop), 1).found


# Faults during a walk

BREAKS = {
    "has_more without a cursor": (Rewrite(lambda page: {**page, "next_cursor": None}), "bad_response", range(4)),
    "an empty cursor": (Rewrite(lambda page: {**page, "next_cursor": ""}), "cursor_loop", range(4)),
    "the same cursor again": (Rewrite(lambda page: {**page, "next_cursor": encode_cursor(2)}), "cursor_loop", range(4)),
    "no instances": (Rewrite(lambda _: {"next_cursor": None, "has_more": False}), "bad_response", range(2)),
    "no next_cursor": (Rewrite(lambda _: {"instances": [], "has_more": False}), "bad_response", range(2)),
    "no has_more": (Rewrite(lambda _: {"instances": [], "next_cursor": None}), "bad_response", range(2)),
    "html": (Body("<html>"), "bad_response", range(2)),
    "an endless body": (Endless(), "bad_response", range(2)),
    "400": (Status(400), "server_error", range(2)),
    "401": (Status(401), "unauthorized", range(2)),
    "403": (Status(403), "forbidden", range(2)),
    "404": (Status(404), "server_error", range(2)),
    "429": (Status(429), "rate_limited", range(2)),
    "500": (Status(500), "server_error", range(2)),
    "dropped": (Drop(), "network", range(2)),
    "a cursor that no address holds": (
        Rewrite(lambda page: {**page, "next_cursor": "\ud800"}),
        "bad_response",
        range(4),
    ),
}


@pytest.mark.parametrize(("fault", "code", "kept"), BREAKS.values(), ids=BREAKS)
def test_a_fault_on_the_second_page_makes_the_walk_incomplete_and_keeps_the_first_page(
    simulator, spool, walked, fault, code, kept
):
    simulator.faults.add(fault, when=on_page(2), times=None)
    done = walked()
    assert (done.complete, done.error.error_code) == (False, code)
    assert seen(spool) == ids(*kept)
    assert "\n" not in str(done.error)


@pytest.mark.parametrize(("fault", "code", "kept"), [BREAKS["html"], BREAKS["500"], BREAKS["401"]])
def test_a_fault_on_the_first_page_makes_a_walk_of_no_pages(simulator, spool, walked, fault, code, kept):  # noqa: ARG001
    simulator.faults.add(fault, times=None)
    done = walked()
    assert (done.error.error_code, numbers(done), seen(spool)) == (code, (0, 0, 0, 0), {})


def test_cursors_that_repeat_end_the_walk(simulator, spool, walked):
    simulator.faults.add(
        Rewrite(lambda page: {**page, "next_cursor": "MQ==", "has_more": True}), when=on_page(3), times=None
    )
    done = walked()
    assert done.error.error_code == "cursor_loop"
    assert seen(spool) == ids(*range(6))


@pytest.mark.parametrize(
    "items", [[], [machine("inst_1")], [{"status": "ready"}]], ids=["empty", "always the same", "of no use"]
)
def test_a_list_with_new_cursors_but_no_new_items_ends_the_walk(simulator, spool, walked, items):
    simulator.faults.add(Pages(lambda _: items), times=None)
    done = walked()
    assert done.error.error_code == "cursor_loop"
    assert done.pages in {BARREN_PAGES + 1, BARREN_PAGES + 2}
    found = len(seen(spool))
    assert found == sum("id" in item for item in items)
    assert done.items == done.pages * len(items) == found + done.duplicates + done.rejected


def test_many_pages_with_one_new_item_each_are_a_complete_walk(simulator, spool, walked):
    pages = BARREN_PAGES + 10

    simulator.faults.add(Pages(lambda number: [machine(f"inst_{number}")], last=pages), times=None)
    assert numbers(walked()) == (pages, pages, 0, 0)
    assert seen(spool) == ids(*range(1, pages + 1))


def test_a_second_walk_without_new_items_ends_too(simulator, walked):
    assert walked().complete
    simulator.faults.add(Pages(lambda _: [machine("inst_1")]), times=None)
    assert walked(2).error.error_code == "cursor_loop"


def test_a_list_with_ever_new_items_ends_the_walk(simulator, spool, walked, monkeypatch):
    monkeypatch.setattr("inventory.fal.walk.MOST_ITEMS", 1000)

    simulator.faults.add(Pages(lambda number: [machine(f"new-{number}-{each}") for each in range(100)]), times=None)
    done = walked()
    assert done.error.error_code == "cursor_loop"
    assert done.items == len(seen(spool)) == 1000


def test_a_cursor_that_no_server_would_take_is_a_bad_response(simulator, walked):
    simulator.faults.add(
        Rewrite(lambda page: {**page, "next_cursor": "x" * 20_000, "has_more": True}), when=on_page(2), times=None
    )
    done = walked()
    assert done.error.error_code == "bad_response"
    assert str(done.error) == "The list's cursor has 20,000 characters"


@pytest.mark.medium
def test_some_empty_pages_do_not_end_the_walk(simulator, spool, walked):
    simulator.faults.add(Pages(lambda number: [] if number % 10 else [machine(f"inst_{number}")], last=200), times=None)
    assert walked().complete
    assert len(seen(spool)) == 20


# The items


@rule("only-the-id-is-needed")
@pytest.mark.parametrize(
    "item",
    [
        {"status": "ready"},
        {"id": ""},
        {"id": "x" * 256},
        {"id": "a\x1bb"},
        {"id": 7},
        {"id": None},
        None,
        7,
        "inst_9",
        [],
    ],
)
def test_an_item_without_a_usable_id_is_counted_and_the_walk_is_not_complete(simulator, spool, walked, item):
    simulator.faults.add(Rewrite(lambda page: {**page, "instances": [*page["instances"], item]}), when=on_page(2))
    done = walked()
    assert (done.complete, done.error.error_code, numbers(done)) == (False, "rejected_items", (3, 7, 0, 1))
    assert seen(spool) == ids(*range(6))


def test_a_fault_is_reported_rather_than_a_rejected_item(simulator, walked):
    simulator.faults.add(Rewrite(lambda page: {**page, "instances": [7]}), when=on_page(1))
    simulator.faults.add(Status(500), when=on_page(2), times=None)
    done = walked()
    assert (done.error.error_code, done.rejected) == ("server_error", 1)


@rule("odd-values-lose-nothing-else")
@pytest.mark.parametrize("odd", [b'"\\ud800"', b"NaN", b"1e999", b"9" * 5_000])
def test_one_odd_value_does_not_lose_the_page(simulator, spool, walked, odd):
    body = b'{"instances":[{"id":"a","status":"ready","odd":%b},{"id":"b"}],"next_cursor":null,"has_more":false}' % odd
    simulator.faults.add(Body(body))
    assert walked().complete
    kept = {row.instance_id: row.extra for row, _, _ in spool.differing(newcomers=True)}
    assert kept == {"a": '{"odd":"\ufffd"}' if b"ud800" in odd else None, "b": None}


@rule("the-later-item-wins")
def test_of_two_items_with_one_id_the_later_wins_and_a_duplicate_is_counted(simulator, spool, walked):
    def twice(page):
        return {
            **page,
            "instances": [machine("inst_0", status="old"), *page["instances"], machine("inst_3", status="new")],
        }

    simulator.faults.add(Rewrite(twice), when=on_page(2))
    done = walked()
    assert (done.complete, numbers(done)) == (True, (3, 8, 2, 0))
    assert seen(spool) == {**ids(*range(6)), "inst_0": "old", "inst_3": "new"}


@pytest.mark.parametrize("order", list(itertools.permutations(["a", "b", "c"])))
def test_the_later_item_wins_within_one_page_in_any_order(spool, order):
    rows = [make_record({"id": "inst_0", "status": status}) for status in order]
    assert spool.add(1, rows) == 1
    assert seen(spool) == {"inst_0": order[-1]}


def test_the_spool_counts_what_is_new_to_a_walk(spool):
    rows = [make_record(machine(f"inst_{number}")) for number in range(6)]
    assert spool.add(1, rows[:3]) == 3
    assert spool.add(1, rows[2:4]) == 1
    assert spool.add(1, []) == 0
    assert spool.add(1, [*rows[:2], *rows[:2]]) == 0
    assert spool.add(2, rows[:2]) == 2
    assert spool.add(2, [rows[1], rows[5], rows[5]]) == 1
    assert (spool.ids_by_walk[1], spool.ids_by_walk[2], spool.count()) == (4, 3, 5)


@rule("digest-of-the-fleet")
def test_the_digest_does_not_depend_on_the_order_of_the_list():
    rows = [make_record(machine(f"inst_{number}")) for number in range(6)]
    digests = set()
    for order in (rows, rows[::-1], [*rows, *rows[:3]]):
        with Spool() as spool:
            spool.add(1, order[:3])
            spool.add(1, order[3:])
            digests.add(spool.fleet_digest())
    with Spool() as spool:
        spool.add(1, rows[:5])
        digests.add(spool.fleet_digest())
    assert len(digests) == 2


# Shifting pages


def test_an_instance_deleted_between_two_pages_makes_the_list_skip_one(fleet, simulator, spool, walked):
    simulator.before_page = lambda number: fleet.remove("inst_0") if number == 2 else None
    done = walked()
    assert (done.complete, done.duplicates) == (True, 0)
    assert seen(spool) == ids(0, 1, 3, 4, 5)


def test_an_instance_put_first_between_two_pages_makes_the_list_repeat_one(simulator, spool, walked):
    other = Fleet([machine("newest"), *(machine(f"inst_{number}") for number in range(6))])

    def shift(number):
        if number == 2:
            simulator.fleet = other

    simulator.before_page = shift
    done = walked()
    assert (done.complete, numbers(done)) == (True, (4, 7, 1, 0))
    assert seen(spool) == ids(*range(6))


# The look-ahead


def test_the_next_page_is_asked_for_before_the_previous_one_is_spooled(simulator, api, stop):
    arrived = {number: threading.Event() for number in (1, 2, 3)}
    simulator.before_page = lambda number: arrived[number].set()
    order = []

    class Watched(Spool):
        def add(self, walk, rows):
            page = len(order) + 1
            order.append((page, page == 3 or arrived[page + 1].wait(30)))
            return super().add(walk, rows)

    with Watched() as spool:
        assert walk(WalkContext(api, spool, stop), 1).complete
    assert order == [(1, True), (2, True), (3, True)]


def test_while_a_page_is_spooled_the_next_page_waits_and_only_the_one_after_it_is_asked_for(
    fleet, simulator, api, stop
):
    for number in (6, 7):
        fleet.put(machine(f"inst_{number}"))
    arrived = {number: threading.Event() for number in (1, 2, 3, 4)}
    simulator.before_page = lambda number: arrived[number].set()
    asked_for = []

    class Watched(Spool):
        def add(self, walk, rows):
            if not asked_for:
                asked_for.extend((arrived[3].wait(30), arrived[4].wait(0.5)))
            return super().add(walk, rows)

    with Watched() as spool:
        assert walk(WalkContext(api, spool, stop), 1).complete
    assert asked_for == [True, False]
    assert arrived[4].is_set()


# The stop event


@pytest.mark.medium
@pytest.mark.parametrize("fault", [Hang(), Drip(0.05), Drip(0.05, head=True)], ids=["hang", "drip", "drip of the head"])
def test_the_stop_event_ends_a_walk_with_what_was_seen(simulator, spool, walked, stop, fault):
    simulator.faults.add(fault, when=lambda request: request.page == 3 and (stop.set() or True), times=None)
    done = walked()
    assert done.error.error_code == "interrupted"
    assert done.pages in {1, 2}
    assert seen(spool) == ids(*range(2 * done.pages))


def test_no_request_is_sent_after_the_stop_event(simulator, walked, stop):
    stop.set()
    assert walked().error.error_code == "interrupted"
    assert not simulator.requests


def test_an_exception_in_the_fetching_thread_is_raised_in_the_walk(spool, stop):
    class Broken:
        def fetch_page(self, cursor):  # noqa: ARG002
            raise TimeoutError("a bug")

    with pytest.raises(TimeoutError, match="a bug"):
        walk(WalkContext(Broken(), spool, stop), 1)


@pytest.mark.parametrize("page", [1, 2, 4])
def test_a_page_that_the_disk_cannot_hold_ends_the_walk_also_if_it_is_the_last(fleet, spool, walked, page):
    """Check that the error is raised. If it were lost, the instances of that page would count as absent."""
    for number in range(6, 8):
        fleet.put(machine(f"inst_{number}"))
    for each in (2 * page - 2, 2 * page - 1):
        fleet.put(machine(f"inst_{each}", note="x" * 2_000_000))
    (pages,) = spool._db.execute("PRAGMA page_count").fetchone()  # noqa: SLF001
    spool._db.execute(f"PRAGMA max_page_count = {pages + 10}")  # noqa: SLF001
    with pytest.raises(sqlite3.OperationalError, match="full"):  # Spool.__exit__ would make it a DatabaseError
        walked()


def test_a_full_disk_is_a_database_error_that_names_tmpdir():
    with pytest.raises(DatabaseError, match="TMPDIR"), Spool() as spool:  # noqa: PT012
        spool._db.execute("PRAGMA max_page_count = 10")  # noqa: SLF001
        spool.add(1, [make_record(machine(f"inst_{number}", note="x" * 9_000)) for number in range(100)])


# The confirmation


def knows(spool, *names, presence="live", unlisted=0):
    hash_ = hash_records([make_record(machine("any"))])[0]
    spool.learn(Known(name, hash_, hash_, "", presence, held=False, unlisted_runs=unlisted) for name in names)


@pytest.fixture
def confirmed(api, spool, stop):
    return lambda: confirm(WalkContext(api, spool, stop))


def asked_by_id(simulator):
    return [request.path.rpartition("/")[2] for request in simulator.requests if on_get(request)]


def test_no_id_is_asked_for_if_no_instance_is_absent(simulator, spool, walked, confirmed):
    walked()
    knows(spool, *ids(*range(6)))
    assert confirmed() is None
    assert asked_by_id(simulator) == []


def test_a_404_by_id_proves_the_absence_and_a_200_means_that_the_list_skipped_it(
    fleet, simulator, spool, walked, confirmed
):
    fleet.hide("inst_2")
    walked()
    knows(spool, "inst_1", "inst_2", "inst_9")
    assert confirmed() is None
    assert asked_by_id(simulator) == ["inst_2", "inst_9"]
    assert (list(spool.gone()), list(spool.unsettled()), spool.count_vanishing()) == (["inst_9"], [], 1)
    assert seen(spool) == {**ids(0, 2, 3, 4, 5)}
    assert (spool.ids_by_walk[BY_ID], spool.ids_by_walk[1]) == (1, 5)


UNSETTLING = {
    "500": Status(500),
    "410": Status(410),
    "401": Status(401),
    "html": Body("<html>"),
    "another id": Body(json.dumps(machine("inst_0"))),
    "dropped": Drop(),
}


@pytest.mark.parametrize("fault", UNSETTLING.values(), ids=UNSETTLING)
def test_an_unclear_answer_takes_a_second_walk_and_an_instance_absent_from_both_is_gone(
    simulator, spool, walked, confirmed, fault
):
    walked()
    knows(spool, "inst_1", "inst_8", "inst_9")
    simulator.faults.add(fault, when=on_get, times=None)
    second = confirmed()
    assert second.complete
    assert list(spool.gone()) == ["inst_8", "inst_9"]


def test_after_a_failed_request_by_id_the_others_are_sent_once_each(simulator, spool, walked, confirmed):
    walked()
    knows(spool, "inst_7", "inst_8", "inst_9")
    simulator.faults.add(Status(500), when=on_get, times=None)
    confirmed()
    assert asked_by_id(simulator) == ["inst_7", "inst_7", "inst_8", "inst_9"]


def test_the_second_walk_decides_after_three_requests_in_a_row_without_an_answer(simulator, spool, walked, confirmed):
    walked()
    knows(spool, *(absent := [f"inst_{number}" for number in range(10, 20)]))
    unanswered = {"inst_10", "inst_12", "inst_13", "inst_14", "inst_15"}  # the answer of inst_11 restarts the count
    simulator.faults.add(Drop(), when=lambda request: request.path.rpartition("/")[2] in unanswered, times=None)
    second = confirmed()
    assert asked_by_id(simulator) == ["inst_10", "inst_10", "inst_11", "inst_12", "inst_13", "inst_14"]
    assert second.complete
    assert list(spool.gone()) == absent


@pytest.mark.parametrize("refused", [Status(401), Status(403), Status(429, {"Retry-After": "1000"})])
def test_no_more_is_asked_by_id_after_an_answer_that_the_next_request_would_get_too(
    simulator, spool, walked, confirmed, refused
):
    walked()
    knows(spool, *(absent := ["inst_6", "inst_7", "inst_8", "inst_9"]))
    simulator.faults.add(refused, when=lambda request: request.path.endswith("inst_7"), times=None)
    second = confirmed()
    assert asked_by_id(simulator) == ["inst_6", "inst_7"]
    assert second.complete
    assert list(spool.gone()) == absent


def test_the_second_walk_finds_what_the_first_skipped_and_its_values_win(fleet, simulator, spool, walked, confirmed):
    fleet.hide("inst_2")
    walked()
    knows(spool, "inst_2", "inst_9")
    fleet.unhide("inst_2")
    fleet.put(machine("inst_3", status="stopped"))
    simulator.faults.add(Status(500), when=on_get, times=None)
    assert confirmed().complete
    assert list(spool.gone()) == ["inst_9"]
    assert seen(spool) == {**ids(0, 1, 4, 5), "inst_3": "stopped"}


def test_a_failed_second_walk_leaves_instances_without_an_answer_unsettled(simulator, spool, walked, confirmed):
    walked()
    knows(spool, "inst_7", "inst_8")
    simulator.faults.add(Status(500), when=lambda request: request.path.endswith("inst_8"), times=None)
    simulator.faults.add(Status(500), when=on_list, times=None)
    second = confirmed()
    assert second.error.error_code == "server_error"
    assert (list(spool.gone()), list(spool.unsettled())) == (["inst_7"], ["inst_8"])


def test_an_incomplete_second_walk_settles_nothing_either(simulator, spool, walked, confirmed):
    walked()
    knows(spool, "inst_8")
    simulator.faults.add(Status(500), when=on_get, times=None)
    simulator.faults.add(Rewrite(lambda page: {**page, "instances": [7]}), when=on_page(2))
    assert confirmed().error.error_code == "rejected_items"
    assert (list(spool.gone()), list(spool.unsettled())) == ([], ["inst_8"])


@pytest.mark.parametrize("name", ["..", "a\ufffd"])
def test_an_id_that_cannot_be_asked_for_is_left_to_the_second_walk(simulator, spool, walked, confirmed, name):
    walked()
    knows(spool, name)
    simulator.faults.add(Status(500), when=on_list, times=None)
    assert not confirmed().complete
    assert (asked_by_id(simulator), list(spool.unsettled())) == ([], [name])
    simulator.faults.clear()
    assert confirmed().complete
    assert list(spool.gone()) == [name]


@pytest.mark.medium
@pytest.mark.parametrize("more", [0, 1])
def test_more_absent_instances_than_the_limit_take_a_second_walk_and_no_request_by_id(
    simulator, spool, walked, confirmed, more
):
    walked()
    absent = [f"old_{number:04}" for number in range(MOST_QUESTIONS + more)]
    knows(spool, *absent)
    second = confirmed()
    assert (second is not None) == bool(more)
    assert asked_by_id(simulator) == ([] if more else absent)
    assert list(spool.gone()) == absent


def test_held_instances_are_not_asked_for(simulator, spool, walked, confirmed):
    walked()
    spool.learn([Known("inst_9", b"", b"", "", "missing", held=True, unlisted_runs=0)])
    assert confirmed() is None
    assert (asked_by_id(simulator), list(spool.gone()), list(spool.unsettled())) == ([], [], [])


@pytest.mark.parametrize(("unlisted", "gone"), [(0, []), (1, []), (2, ["inst_2"]), (3, ["inst_2"])])
def test_an_instance_on_no_list_three_times_in_a_row_is_gone_even_if_it_answers(
    fleet, spool, walked, confirmed, unlisted, gone
):
    fleet.hide("inst_2")
    walked()
    knows(spool, "inst_2", unlisted=unlisted)
    assert confirmed() is None
    assert list(spool.gone()) == gone


@pytest.mark.medium
def test_the_stop_event_ends_the_requests_by_id_and_settles_nothing_more(simulator, spool, walked, confirmed, stop):
    walked()
    knows(spool, "inst_7", "inst_8")
    simulator.faults.add(Hang(), when=lambda request: on_get(request) and (stop.set() or True), times=None)
    second = confirmed()
    assert second.error.error_code == "interrupted"
    assert (asked_by_id(simulator), list(spool.gone())) == (["inst_7"], [])
