"""The simulated API over real HTTP: the list, the errors, every fault, and the LivelyFleet."""

import http.client
import json
import socket
import threading
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from urllib.parse import urlencode, urlsplit

import pytest

from inventory.errors import UsageError
from inventory.simulator import (
    Body,
    Delay,
    Drip,
    Drop,
    Endless,
    Fleet,
    Hang,
    LivelyFleet,
    Redirect,
    Rewrite,
    Simulator,
    Status,
    Truncate,
    decode_cursor,
    encode_cursor,
    on_get,
    on_list,
    on_page,
)
from support.faults import StopAtWait
from support.world import machine

KEY = {"Authorization": "Key id:secret"}
LIST = "/v1/compute/instances"
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
LARGE, SMALL = "gpu_8x_h100_sxm5", "gpu_1x_h100_sxm5"


def names(instances):
    return [instance["id"] for instance in instances]


class Client:
    """An HTTP client that keeps one connection open. `get` returns the status and the JSON of an answer."""

    def __init__(self, simulator):
        self.connection = http.client.HTTPConnection(urlsplit(simulator.url).netloc, timeout=30)

    def send(self, path=LIST, *, method="GET", headers=KEY, **query):
        self.connection.request(method, f"{path}?{urlencode(query)}" if query else path, headers=headers)
        return self.connection.getresponse()

    def get(self, path=LIST, *, headers=KEY, **query):
        response = self.send(path, headers=headers, **query)
        return response.status, json.loads(response.read())

    def walk(self, limit):
        pages, cursor = [], {}
        while True:
            status, page = self.get(limit=limit, **cursor)
            assert status == 200
            pages.append(names(page["instances"]))
            assert page["has_more"] is (page["next_cursor"] is not None)
            if not page["has_more"]:
                return pages
            cursor = {"cursor": page["next_cursor"]}


@pytest.fixture
def fleet():
    return Fleet(machine(f"inst_{number}") for number in range(7))


@pytest.fixture
def simulator(fleet):
    with Simulator(fleet) as running:
        yield running


@pytest.fixture
def client(simulator):
    client = Client(simulator)
    with closing(client.connection):
        yield client


# The fleet and its list


def test_a_walk_covers_the_fleet_exactly_once_in_order(client):
    assert client.walk(3) == [["inst_0", "inst_1", "inst_2"], ["inst_3", "inst_4", "inst_5"], ["inst_6"]]
    assert client.walk(7) == [[f"inst_{number}" for number in range(7)]]


def test_an_empty_fleet_is_one_empty_page(fleet, client):
    fleet.clear()
    assert client.get() == (200, {"instances": [], "next_cursor": None, "has_more": False})


def test_the_second_page_has_the_cursor_that_fal_shows(client):
    assert client.get(limit=3)[1]["next_cursor"] == "Mg=="
    assert encode_cursor(12) == "MTI="
    assert decode_cursor("MTI=") == 12


def test_a_page_after_the_last_is_empty(client):
    assert client.get(limit=3, cursor=encode_cursor(9)) == (
        200,
        {"instances": [], "next_cursor": None, "has_more": False},
    )


def test_a_larger_limit_is_reduced_and_no_limit_is_the_default(fleet):
    with Simulator(fleet, max_page_size=4, default_page_size=2) as simulator:
        client = Client(simulator)
        with closing(client.connection):
            assert [len(page) for page in client.walk(1_000)] == [4, 3]
            assert names(client.get()[1]["instances"]) == ["inst_0", "inst_1"]


@pytest.mark.parametrize("limit", ["0", "-1", "many", "", "1.5", "٣"])
def test_a_limit_that_is_no_positive_integer_is_a_validation_error(client, limit):
    status, body = client.get(limit=limit)
    assert (status, body["error"]["type"]) == (400, "validation_error")


@pytest.mark.parametrize("cursor", ["", "2", "Mg", "MA==", "LTE=", "YWJj", "Mg==Mg==", "é"])
def test_a_cursor_that_names_no_page_is_a_validation_error(client, cursor):
    status, body = client.get(cursor=cursor)
    assert (status, body["error"]["type"]) == (400, "validation_error")


def test_an_instance_by_its_id_has_all_its_fields(fleet, client):
    odd = machine("inst/ü 1", extra={"tags": ["a", "b"]}, ip=None, creator_user_nickname="lone \ud800")
    fleet.put(odd)
    assert client.get(f"{LIST}/inst%2F%C3%BC%201") == (200, odd)
    assert client.get()[1]["instances"][-1] == odd == fleet.get("inst/ü 1")


def test_an_instance_that_is_gone_is_404(fleet, client):
    fleet.remove("inst_3")
    status, body = client.get(f"{LIST}/inst_3")
    assert (status, body["error"]["type"]) == (404, "not_found")
    assert "inst_3" not in names(client.get()[1]["instances"])
    assert fleet.get("inst_3") is None


def test_a_hidden_instance_answers_by_its_id_but_is_not_listed(fleet, client):
    fleet.hide("inst_3")
    assert client.get(f"{LIST}/inst_3") == (200, machine("inst_3"))
    assert client.walk(3) == [["inst_0", "inst_1", "inst_2"], ["inst_4", "inst_5", "inst_6"]]
    assert len(fleet) == 7
    fleet.unhide("inst_3")
    assert names(fleet.listing()) == [f"inst_{number}" for number in range(7)]


def test_put_replaces_in_place_and_counts_every_change(fleet):
    revisions = [fleet.revision]
    fleet.put(machine("inst_2", status="stopped"))
    assert fleet.listing()[2] == machine("inst_2", status="stopped")
    assert len(fleet) == 7
    revisions.append(fleet.revision)
    for change in (fleet.hide, fleet.unhide, fleet.remove):
        change("inst_3")
        revisions.append(fleet.revision)
    fleet.clear()
    revisions.append(fleet.revision)
    assert revisions == sorted({*revisions})
    assert len(revisions) == 6


def test_a_fleet_cannot_be_changed_through_dicts_that_it_returned_or_was_given(fleet):
    given = machine("inst_7", tags=["a"])
    fleet.put(given)
    given["tags"].append("b")
    fleet.listing()[7]["tags"].append("c")
    fleet.get("inst_7")["tags"].append("d")
    assert fleet.get("inst_7") == machine("inst_7", tags=["a"])


def test_a_fleet_refuses_an_instance_without_an_id_and_an_id_it_does_not_know(fleet):
    with pytest.raises(UsageError):
        fleet.put({"status": "ready"})
    for change in (fleet.remove, fleet.hide):
        with pytest.raises(KeyError):
            change("inst_unknown")


def test_before_page_can_shift_the_pages_of_a_walk(fleet, simulator, client):
    called = []

    def shift(page):
        called.append(page)
        if page == 2:
            fleet.remove("inst_0")

    simulator.before_page = shift
    assert client.walk(3) == [["inst_0", "inst_1", "inst_2"], ["inst_4", "inst_5", "inst_6"]]
    assert called == [1, 2]


# Errors, the log, start and stop


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}, {"Authorization": "Key "}])
def test_a_request_without_a_key_is_401_even_if_any_key_is_accepted(client, headers):
    status, body = client.get(headers=headers)
    assert status == 401
    assert body["error"]["type"] == "authorization_error"
    assert body["error"]["message"]
    assert body["error"]["request_id"]


def test_only_the_keys_given_open_the_list(fleet):
    with Simulator(fleet, keys={"id:secret"}) as simulator:
        client = Client(simulator)
        with closing(client.connection):
            assert client.get(headers={"Authorization": "Key other"})[0] == 401
            assert client.get(f"{LIST}/inst_1", headers={"Authorization": "Key other"})[0] == 401
            assert client.get()[0] == 200


def test_an_unknown_path_is_404_and_another_method_405(client):
    assert client.get("/v1/models")[0] == 404
    assert client.get("/v1/compute/instancesx")[0] == 404
    for method in ("POST", "DELETE", "BREW", "HEAD"):
        response = client.send(method=method)
        response.read()
        assert (response.status, response.headers["Allow"]) == (405, "GET")


def test_the_log_of_requests_records_each_request(simulator, client):
    client.get(limit=3, cursor="Mg==", headers={**KEY, "User-Agent": "test"})
    client.get(f"{LIST}/a%20b")
    first, second = simulator.requests
    assert (first.path, first.query, first.page) == (LIST, {"limit": "3", "cursor": "Mg=="}, 2)
    assert first.headers["user-agent"] == "test"
    assert first.headers["authorization"] == "Key id:secret"
    assert (second.path, second.query, second.page) == (f"{LIST}/a%20b", {}, None)
    assert first.at <= second.at


def test_one_connection_carries_many_requests(client):
    client.get()
    connection = client.connection.sock
    client.get(f"{LIST}/inst_1")
    client.get(f"{LIST}/gone")
    assert client.connection.sock is connection is not None


def test_a_stopped_simulator_starts_again_on_its_old_port(fleet):
    simulator = Simulator(fleet)
    with pytest.raises(UsageError):
        _ = simulator.url
    with simulator:
        url = simulator.url
        with pytest.raises(UsageError, match="runs already"):
            simulator.start()
    simulator.stop()
    with simulator:
        client = Client(simulator)
        with closing(client.connection):
            assert client.get()[0] == 200
        assert simulator.url == url


def test_a_port_that_is_taken_is_a_usage_error(simulator, fleet):
    with pytest.raises(UsageError, match="cannot listen"):
        Simulator(fleet, port=urlsplit(simulator.url).port).start()


@pytest.mark.parametrize("fault", [Hang(), Drip(3_600), Drip(3_600, head=True), Delay(3_600), Endless()])
def test_stop_ends_an_endless_answer(fleet, fault):
    simulator = Simulator(fleet)
    arrived = threading.Event()
    simulator.faults.add(fault, when=lambda _: arrived.set() or True)
    simulator.start()
    client = Client(simulator)
    with closing(client.connection):
        client.connection.request("GET", LIST, headers=KEY)
        assert arrived.wait(30)
        simulator.stop()
        with pytest.raises((http.client.HTTPException, OSError)):
            client.connection.getresponse().read()


def test_stop_ends_an_idle_connection_and_can_be_called_in_before_page(simulator, client):
    idle = Client(simulator)
    with closing(idle.connection):
        assert idle.get()[0] == 200
        simulator.before_page = lambda _: simulator.stop()
        with pytest.raises((http.client.HTTPException, OSError)):
            client.get()
        assert idle.connection.sock.recv(1) == b""


# Faults


def test_a_fault_affects_only_the_requests_that_it_was_added_for(simulator, client):
    simulator.faults.add(Status(503), when=on_page(2), times=2, after=1)
    second = {"limit": 3, "cursor": "Mg=="}
    assert [client.get(**second)[0] for _ in range(4)] == [200, 503, 503, 200]
    assert len(simulator.faults) == 0
    simulator.faults.add(Status(500), when=on_get, times=None)
    simulator.faults.add(Status(429), when=on_list)
    assert [client.get(f"{LIST}/inst_1")[0] for _ in range(3)] == [500, 500, 500]
    assert [client.get()[0] for _ in range(2)] == [429, 200]
    simulator.faults.clear()
    assert client.get(f"{LIST}/inst_1")[0] == 200


@pytest.mark.parametrize(
    ("code", "kind"),
    [(401, "authorization_error"), (403, "authorization_error"), (429, "rate_limited"), (502, "server_error")],
)
def test_a_status_has_the_body_and_headers_of_fal(simulator, client, code, kind):
    simulator.faults.add(Status(code, {"Retry-After": "7"}))
    response = client.send()
    assert (response.status, response.headers["Retry-After"]) == (code, "7")
    assert response.headers["Content-Type"] == "application/json"
    assert json.loads(response.read())["error"]["type"] == kind


@pytest.mark.parametrize(
    ("body", "kind", "sent"),
    [
        ("<html>gateway</html>", "text/html; charset=utf-8", b"<html>gateway</html>"),
        (b"\xff", "application/json", b"\xff"),
        ({"detail": "no"}, "application/json", b'{"detail":"no"}'),
    ],
)
def test_a_status_may_have_the_body_of_a_gateway(simulator, client, body, kind, sent):
    simulator.faults.add(Status(599, body=body))
    response = client.send()
    assert (response.status, response.headers["Content-Type"], response.read()) == (599, kind, sent)


def test_drop_resets_the_connection_before_any_byte(simulator, client):
    simulator.faults.add(Drop())
    with pytest.raises(ConnectionResetError):
        client.send()
    client.connection.close()
    assert client.get()[0] == 200


def test_truncate_sends_less_than_its_content_length(simulator, client):
    whole = client.send().read()
    simulator.faults.add(Truncate(bytes=30))
    response = client.send()
    assert (response.status, int(response.headers["Content-Length"])) == (200, len(whole))
    with pytest.raises(http.client.IncompleteRead) as caught:
        response.read()
    assert caught.value.partial == whole[:30]


@pytest.mark.parametrize("head", [False, True])
def test_drip_sends_the_whole_answer(simulator, client, head):
    whole = client.get(limit=1)
    simulator.faults.add(Drip(0, head=head))
    assert client.get(limit=1) == whole


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("head", [False, True])
def test_drip_waits_before_each_byte_of_the_body_or_also_of_the_head(simulator, head, number):
    address = urlsplit(simulator.url)
    fault = StopAtWait(Drip(3_600, head=head), number)
    simulator.faults.add(fault)
    received = b""
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(f"GET {LIST} HTTP/1.1\r\nHost: x\r\nAuthorization: Key x\r\n\r\n".encode())
        while data := connection.recv(4_096):
            received += data
    before, end, body = received.partition(b"\r\n\r\n")
    dripped = received if head else body
    assert (len(dripped), fault.waits) == (number - 1, [3_600] * number)
    assert head or (before.startswith(b"HTTP/1.1 200 OK\r\n") and end)


def test_body_is_a_200_with_any_bytes(simulator, client):
    simulator.faults.add(Body("<html>", content_type="text/html"))
    simulator.faults.add(Body(b"\x00\xff"))
    response = client.send()
    assert (response.status, response.headers["Content-Type"], response.read()) == (200, "text/html", b"<html>")
    response = client.send()
    assert (response.headers["Content-Type"], response.read()) == ("application/json", b"\x00\xff")


def test_rewrite_changes_the_page_and_sends_even_invalid_json(simulator, client):
    simulator.faults.add(Rewrite(lambda page: {**page, "has_more": True, "odd": [float("nan"), "\ud800"]}))
    response = client.send(limit=7)
    body = response.read()
    page = json.loads(body)
    assert (page["has_more"], page["next_cursor"], len(page["instances"])) == (True, None, 7)
    assert b'"odd":[NaN,"\\ud800"]' in body
    simulator.faults.add(Rewrite(lambda page: page["instances"]))
    assert names(client.get(limit=1)[1]) == ["inst_0"]


def test_delay_answers_with_the_fleet_at_the_end_of_the_delay(simulator, client):
    made = []
    simulator.before_page = made.append
    fault = StopAtWait(Delay(3_600), 1)
    simulator.faults.add(fault)
    with pytest.raises(http.client.RemoteDisconnected):
        client.send()
    assert (made, fault.waits) == ([], [3_600])
    client.connection.close()
    simulator.faults.add(Delay(0.001))
    assert len(client.get()[1]["instances"]) == 7
    assert made == [1]


def test_redirect_names_another_place(simulator, client):
    simulator.faults.add(Redirect("http://127.0.0.1:1/elsewhere"))
    response = client.send()
    assert (response.status, response.headers["Location"], response.read()) == (
        302,
        "http://127.0.0.1:1/elsewhere",
        b"",
    )


def test_endless_sends_more_than_any_limit(simulator, client):
    simulator.faults.add(Endless())
    response = client.send()
    assert response.status == 200
    assert sum(len(response.read(1 << 20)) for _ in range(40)) == 40 << 20
    response.close()


# The LivelyFleet


def month(**arguments):
    """Advance a LivelyFleet by 30 days in steps of 20 minutes.

    Return the fleet, and a list with the time and the instances (a dict by id) at the start and after each step.
    """
    fleet = LivelyFleet(start=MONDAY, **arguments)
    looks = []
    for step in range(30 * 24 * 3 + 1):
        at = MONDAY + timedelta(minutes=20 * step)
        fleet.advance(at)
        looks.append((at, {instance["id"]: instance for instance in fleet.listing()}))
    return fleet, looks


@pytest.fixture(scope="module")
def lived():
    return month(seed=11)


@pytest.mark.medium
def test_the_same_seed_is_the_same_fleet_however_often_it_is_advanced(lived):
    once = LivelyFleet(seed=11, start=MONDAY.astimezone(timezone(timedelta(hours=5, minutes=45))))
    once.advance(MONDAY + timedelta(days=30))
    assert once.listing() == lived[0].listing()
    assert once.truth == lived[0].truth
    assert LivelyFleet(seed=12, start=MONDAY).listing() != LivelyFleet(seed=11, start=MONDAY).listing()


def test_the_truth_agrees_with_the_list_at_every_look(lived):
    fleet, looks = lived
    for at, listed in looks[::7]:
        alive = {
            (life.id, life.instance_type, life.creator)
            for life in fleet.truth
            if life.born <= at and (life.died is None or at < life.died)
        }
        assert alive == {
            (instance["id"], instance["instance_type"], instance.get("creator_user_nickname"))
            for instance in listed.values()
        }


@pytest.mark.medium
def test_the_truth_has_every_listed_item_and_since_when(lived):
    fleet, looks = lived
    for at, listed in looks[::7]:
        expected_items = {}
        for life in fleet.truth:
            if life.born <= at and (life.died is None or at < life.died):
                expected_items[life.id] = [item for since, item in life.changes if since <= at][-1]
        assert expected_items == listed
    for life in fleet.truth:
        times = [since for since, _ in life.changes]
        assert times == sorted(times)
        assert times[0] == life.born
        assert all(one != two for (_, one), (_, two) in pairwise(life.changes))


def test_the_truth_is_in_order_and_the_lives_of_one_id_do_not_touch(lived):
    lives = {}
    for life in lived[0].truth:
        lives.setdefault(life.id, []).append(life)
    births = [life.born for life in lived[0].truth]
    assert births == sorted(births)
    assert all(life.died is None or life.born < life.died for life in lived[0].truth)
    assert all(one.died < two.born for of_one in lives.values() for one, two in pairwise(of_one))


def test_a_month_of_sixty_instances_has_the_size_of_a_demo(lived):
    fleet, looks = lived
    assert 400 <= len(fleet.truth) <= 900
    assert 45 <= sum(len(listed) for _, listed in looks) / len(looks) <= 75
    assert len(looks[0][1]) == 60
    assert sum(life.born < MONDAY - timedelta(days=2) for life in fleet.truth) > 20


@pytest.mark.medium
def test_a_month_has_every_kind_of_event(lived):
    fleet, looks = lived
    steps = Counter()
    for (_, before), (_, after) in pairwise(looks):
        for name, instance in after.items():
            if name in before:
                steps[before[name]["status"], instance["status"]] += 1
        steps["vanished"] += len(before.keys() - after.keys())
        steps["appeared"] += len(after.keys() - before.keys())
    addresses = {}
    for _, listed in looks:
        for name, instance in listed.items():
            if "ip" in instance:
                addresses.setdefault(name, set()).add(instance["ip"])
    moved = sum(len(ips) > 1 for ips in addresses.values())
    returned = [name for name, lives in Counter(life.id for life in fleet.truth).items() if lives > 1]
    assert steps["appeared"] > 300
    assert steps["vanished"] > 300
    assert steps["pending", "ready"] + steps["provisioning", "ready"] > 50
    assert steps["ready", "stopped"] > 50
    assert steps["stopped", "ready"] > 50
    assert steps["ready", "unknown"] > 5
    assert steps["unknown", "ready"] > 5
    assert moved > 10
    assert len(returned) > 5


@pytest.mark.medium
def test_the_instances_of_a_month_have_only_known_values_and_each_of_them(lived):
    seen = {}
    for _, listed in lived[1]:
        for instance in listed.values():
            for field, value in instance.items():
                seen.setdefault(field, set()).add(value)
            assert ("ip" in instance) == (instance["status"] in {"ready", "unknown"})
            assert "sector" not in instance or instance["instance_type"] == LARGE
    assert seen["instance_type"] == {LARGE, SMALL}
    assert seen["region"] == {"us-west", "us-central", "us-east", "eu-north", "eu-west", "other"}
    assert seen["sector"] == {"sector_1", "sector_2", "sector_3"}
    assert seen["status"] == {"ready", "init", "pending", "provisioning", "stopped", "unknown"}
    assert len(seen["creator_user_nickname"]) == 9
    assert {ip.rpartition(".")[0] for ip in seen["ip"]} == {"203.0.113", "198.51.100", "192.0.2"}
    assert all(name.startswith("inst_") and int(name[5:], 16) >= 0 and len(name) == 17 for name in seen["id"])
    assert any("creator_user_nickname" not in instance for instance in lived[1][0][1].values()) or any(
        life.creator is None for life in lived[0].truth
    )
    assert any(
        "sector" not in instance
        for _, listed in lived[1]
        for instance in listed.values()
        if instance["instance_type"] == LARGE
    )


def test_people_work_on_weekdays_and_batches_at_night(lived):
    first = {life.id: life for life in reversed(lived[0].truth)}  # first lives only, because returns happen at any hour
    born = [life for life in first.values() if life.born > MONDAY]
    people = [life for life in born if life.creator in {"mira", "jun", "kofi", "sunniva", "priya", "oskar", "lena"}]
    weekend = [life for life in people if life.born.weekday() >= 5]
    assert len(weekend) < 0.15 * len(people)
    batch = [life for life in born if life.creator == "nightly-batch"]
    assert {(life.born - timedelta(hours=8)).hour for life in batch} <= {20, 21, 22, 23, 0, 1, 2, 3}
    assert {life.instance_type for life in batch} == {LARGE}
    assert max(Counter(life.born.date() for life in batch).values()) >= 5


def test_without_churn_nothing_ever_happens():
    fleet = LivelyFleet(seed=3, start=MONDAY, churn=0)
    before, revision = fleet.listing(), fleet.revision
    fleet.advance(MONDAY + timedelta(days=365))
    assert fleet.listing() == before
    assert fleet.revision == revision
    assert len(fleet.truth) == len(before) == 60


@pytest.mark.medium
def test_more_churn_is_more_lives_in_a_fleet_of_the_same_size():
    calm, wild = (LivelyFleet(seed=3, start=MONDAY, churn=churn) for churn in (0.5, 3))
    sizes = Counter()
    for day in range(1, 15):
        for name, fleet in (("calm", calm), ("wild", wild)):
            fleet.advance(MONDAY + timedelta(days=day))
            sizes[name] += len(fleet)
    assert len(wild.truth) > 2 * len(calm.truth)
    assert sizes["wild"] == pytest.approx(sizes["calm"], rel=0.25)


def test_an_earlier_time_changes_nothing():
    fleet = LivelyFleet(seed=3, start=MONDAY)
    fleet.advance(MONDAY + timedelta(days=2))
    revision = fleet.revision
    fleet.advance(MONDAY + timedelta(days=1))
    assert (fleet.revision, fleet.now) == (revision, MONDAY + timedelta(days=2))


@pytest.mark.parametrize(
    "arguments",
    [{"start": datetime(2026, 3, 2)}, {"instances": -1}, {"churn": -0.1}, {"churn": float("nan")}],  # noqa: DTZ001
)
def test_a_lively_fleet_refuses_arguments_without_a_meaning(arguments):
    with pytest.raises(UsageError):
        LivelyFleet(**{"start": MONDAY, **arguments})


def test_a_lively_fleet_is_served_like_any_other():
    fleet = LivelyFleet(seed=5, start=MONDAY)
    with Simulator(fleet) as simulator:
        client = Client(simulator)
        with closing(client.connection):
            assert [name for page in client.walk(25) for name in page] == names(fleet.listing())
            fleet.advance(MONDAY + timedelta(days=3))
            assert [name for page in client.walk(25) for name in page] == names(fleet.listing())
