"""The client against a real server with faults: what is retried, what is an error, and what is never shown."""

import gzip
import json
import subprocess
import sys
import threading
import traceback
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from inventory.config.keys import ApiKey
from inventory.config.settings import load
from inventory.errors import (
    ApiError,
    BadResponse,
    Forbidden,
    Interrupted,
    NetworkError,
    RateLimited,
    ServerError,
    Unauthorized,
)
from inventory.fal.client import Api
from inventory.simulator import (
    Body,
    Drip,
    Drop,
    Endless,
    Fleet,
    Hang,
    Redirect,
    Rewrite,
    Simulator,
    Status,
    Truncate,
    on_get,
    on_page,
)
from support.marks import rule
from support.raw_server import raw
from support.world import machine

SECRET = "the-secret-of-the-key"
KEY = ApiKey(f"key-id:{SECRET}")
EMPTY = b'{"instances":[],"next_cursor":null,"has_more":false}'
LIST = "/v1/compute/instances"


@pytest.fixture
def fleet():
    return Fleet(machine(f"inst_{number}") for number in range(5))


@pytest.fixture
def simulator(fleet):
    with Simulator(fleet) as running:
        yield running


@contextmanager
def client(url, stop=None, **settings):
    usual = {"retry_attempts": 3, "retry_max_wait": 0.01, "timeout": 20, "page_size": 2}
    with Api(KEY, load(api_url=url, **usual | settings), stop or threading.Event()) as api:
        yield api


@pytest.fixture
def api(simulator):
    with client(simulator.url) as opened:
        yield opened


def answer(body, *headers, status="200 OK"):
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]).encode() + body


def names(page):
    return [item["id"] for item in page.items]


# Requests


def test_a_page_is_asked_for_with_the_key_the_limit_and_the_cursor(simulator, api):
    first = api.fetch_page(None)
    second = api.fetch_page(first.next_cursor)
    assert (names(first), names(second)) == (["inst_0", "inst_1"], ["inst_2", "inst_3"])
    assert [request.query for request in simulator.requests] == [{"limit": "2"}, {"limit": "2", "cursor": "Mg=="}]
    request = simulator.requests[0]
    assert (request.method, request.path, request.headers["authorization"]) == ("GET", LIST, f"Key {KEY.secret}")
    assert request.headers["user-agent"].startswith("fal-inventory/")


@pytest.mark.parametrize("cursor", ["+/=& ünï", "%2F", "#?", "a\nb", "\x00", "💥", "../..", " ", "x" * 5_000])
def test_a_cursor_is_opaque_and_is_sent_back_unchanged(simulator, api, cursor):
    simulator.faults.add(Body(EMPTY))
    api.fetch_page(cursor)
    assert simulator.requests[0].query == {"limit": "2", "cursor": cursor}


@pytest.mark.parametrize("cursor", ["\ud800", "x" * 70_000])
def test_a_cursor_that_no_url_can_hold_is_a_bad_response(simulator, api, cursor):
    with pytest.raises(BadResponse):
        api.fetch_page(cursor)
    assert not simulator.requests


@pytest.mark.parametrize("status", [400, 422])
def test_all_pages_are_asked_for_without_a_limit_if_the_first_is_refused_for_its_size(simulator, api, status):
    simulator.default_page_size = 3
    simulator.faults.add(Status(status), when=lambda request: "limit" in request.query, times=None)
    page = api.fetch_page(None)
    api.fetch_page(page.next_cursor)
    assert names(page) == ["inst_0", "inst_1", "inst_2"]
    assert [request.query for request in simulator.requests] == [{"limit": "2"}, {}, {"cursor": "Mg=="}]


@pytest.mark.parametrize("status", [400, 422])
def test_a_later_page_refused_is_an_error(simulator, api, status):
    simulator.faults.add(Status(status), when=on_page(2))
    cursor = api.fetch_page(None).next_cursor
    with pytest.raises(ServerError) as raised:
        api.fetch_page(cursor)
    assert raised.value.status == status
    assert len(simulator.requests) == 2


def test_a_first_page_that_is_refused_without_a_limit_too_is_an_error(simulator, api):
    simulator.faults.add(Status(400), times=None)
    with pytest.raises(ServerError):
        api.fetch_page(None)
    assert len(simulator.requests) == 2


# Retries

PASSING = {
    "dropped": (Drop(), NetworkError),
    "408": (Status(408), ServerError),
    "429": (Status(429), RateLimited),
    "500": (Status(500), ServerError),
    "502 of a gateway": (Status(502, body="<html>Bad gateway</html>"), ServerError),
    "503": (Status(503), ServerError),
    "504": (Status(504), ServerError),
    "522 of Cloudflare": (Status(522, body="error code: 522"), ServerError),
    "html": (Body("<html>", content_type="text/html"), BadResponse),
    "empty": (Body(b""), BadResponse),
    "cut short": (Truncate(20), NetworkError),
    "no instances": (Rewrite(lambda _: {"next_cursor": None, "has_more": False}), BadResponse),
    "no next_cursor": (Rewrite(lambda _: {"instances": [], "has_more": False}), BadResponse),
    "no has_more": (Rewrite(lambda _: {"instances": [], "next_cursor": None}), BadResponse),
}


@pytest.mark.parametrize(("fault", "error"), PASSING.values(), ids=PASSING)
def test_a_request_is_retried_after_a_passing_fault(simulator, api, fault, error):  # noqa: ARG001
    simulator.faults.add(fault, times=2)
    assert names(api.fetch_page(None)) == ["inst_0", "inst_1"]
    assert (len(simulator.requests), api.retries) == (3, 2)


@pytest.mark.parametrize(("fault", "error"), PASSING.values(), ids=PASSING)
def test_a_lasting_fault_is_an_error_after_the_last_attempt(simulator, api, fault, error):
    simulator.faults.add(fault, times=None)
    with pytest.raises(error) as raised:
        api.fetch_page(None)
    assert type(raised.value) is error
    assert len(simulator.requests) == 3
    assert "\n" not in str(raised.value)


@pytest.mark.medium
def test_a_timeout_is_retried_and_then_a_network_error(simulator):
    simulator.faults.add(Hang(), times=None)
    with client(simulator.url, timeout=0.1, retry_attempts=2) as api, pytest.raises(NetworkError, match=r"0\.1 s"):
        api.fetch_page(None)
    assert len(simulator.requests) == 2


def test_a_port_without_a_server_is_a_network_error(simulator):
    simulator.stop()
    with client(simulator.url) as api, pytest.raises(NetworkError, match="cannot be reached"):
        api.fetch_page(None)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, Unauthorized),
        (403, Forbidden),
        *[(status, ServerError) for status in (404, 410, 501, 204, 206, 301, 302, 304, 307, 308)],
    ],
)
def test_an_answer_that_retrying_cannot_change_is_not_retried(simulator, api, status, error):
    simulator.faults.add(Status(status), times=None)
    with pytest.raises(error) as raised:
        api.fetch_page(None)
    assert type(raised.value) is error
    assert raised.value.status == status
    assert len(simulator.requests) == 1


def test_a_key_that_the_api_does_not_know_is_unauthorized(fleet):
    with Simulator(fleet, keys=["another"]) as simulator, client(simulator.url) as api, pytest.raises(Unauthorized):
        api.fetch_page(None)


def in_seconds(seconds):
    return str(seconds)


def as_a_date(seconds):
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize("write", [in_seconds, as_a_date])
@pytest.mark.parametrize(("status", "error"), [(429, RateLimited), (503, ServerError)])
def test_a_retry_after_longer_than_the_longest_wait_is_an_error_at_once(simulator, write, status, error):
    simulator.faults.add(Status(status, {"Retry-After": write(3_600)}), times=None)
    with client(simulator.url, retry_max_wait=30) as api, pytest.raises(error, match="RETRY_MAX_WAIT"):
        api.fetch_page(None)
    assert (len(simulator.requests), api.retries) == (1, 0)


@pytest.mark.slow
@pytest.mark.parametrize(("write", "asked", "least"), [(in_seconds, 1, 1), (as_a_date, 3, 1)])
def test_a_retry_after_within_the_longest_wait_is_obeyed(simulator, write, asked, least):
    simulator.faults.add(Status(429, {"Retry-After": write(asked)}))
    with client(simulator.url, retry_max_wait=30) as api:
        api.fetch_page(None)
    first, second = simulator.requests
    assert second.at - first.at >= least


@pytest.mark.parametrize(
    "text", ["", "soon", "-5", "0", "Fri, 06 Mar 2020 22:00:00 GMT", "1e3", "Mon, 01 Jan 2024 00:00:00 +99999999999999"]
)
def test_a_retry_after_without_a_meaning_does_not_end_the_retries(simulator, api, text):
    simulator.faults.add(Status(503, {"Retry-After": text}))
    assert names(api.fetch_page(None)) == ["inst_0", "inst_1"]


@pytest.mark.parametrize("wrong", [timedelta(hours=-1), timedelta(hours=1)], ids=["an hour behind", "an hour ahead"])
def test_a_date_in_retry_after_is_compared_with_the_date_of_the_answer(simulator, wrong):
    now = datetime.now(UTC) - wrong  # the time of the server, so that the clock of this host seems wrong
    dates = [format_datetime(now + timedelta(seconds=seconds), usegmt=True) for seconds in (0, 60)]
    simulator.faults.add(Status(429, dict(zip(("Date", "Retry-After"), dates, strict=True))))
    with client(simulator.url, retry_max_wait=59) as api, pytest.raises(RateLimited, match="asks to wait 60 s"):
        api.fetch_page(None)


# Size


@pytest.mark.medium
def test_a_body_larger_than_the_limit_is_an_error_at_once(simulator, api):
    simulator.faults.add(Endless())
    with pytest.raises(BadResponse, match="larger than 32 MiB"):
        api.fetch_page(None)
    assert len(simulator.requests) == 1


@pytest.mark.medium
def test_a_compression_bomb_is_an_error_at_once():
    bomb = gzip.compress(b" " * (40 << 20))
    with raw(answer(bomb, "Content-Encoding: gzip")) as (url, requests), client(url) as api:
        with pytest.raises(BadResponse, match="larger than 32 MiB"):
            api.fetch_page(None)
        assert len(requests) == 1


def test_an_error_status_with_an_endless_body_is_still_that_error():
    endless = (
        b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n" + b"10000\r\n%b\r\n" % (b" " * 65_536) * 40
    )
    with raw(endless) as (url, _), client(url) as api, pytest.raises(Forbidden):
        api.fetch_page(None)


ENCODINGS = ("", "identity", "gzip", "X-GZIP", "gzip, identity")


@pytest.mark.parametrize("headers", [[], *([f"Content-Encoding: {name}"] for name in ENCODINGS)])
def test_an_error_is_read_in_each_encoding_that_is_allowed(headers):
    body = b'{"error": {"type": "not_found", "message": "no such machine"}}'
    encoded = gzip.compress(body) if headers and "zip" in headers[0].lower() else body
    with raw(answer(encoded, *headers, status="404 Not Found")) as (url, _), client(url) as api:
        assert api.fetch_instance("a") is None
        with pytest.raises(ServerError, match="404: no such machine"):
            api.fetch_page(None)


def test_a_body_in_gzip_is_read(simulator, api):
    assert api.fetch_page(None)
    assert simulator.requests[0].headers["accept-encoding"] == "gzip"
    for encoding in ("gzip", "gzip, identity"):
        with raw(answer(gzip.compress(EMPTY), f"Content-Encoding: {encoding}")) as (url, _), client(url) as other:
            assert other.fetch_page(None).next_cursor is None


def test_a_body_under_an_empty_content_encoding_is_read():
    with raw(answer(EMPTY, "Content-Encoding:")) as (url, _), client(url) as api:
        assert api.fetch_page(None).next_cursor is None


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(EMPTY)[:-9], "gzip"),
        (EMPTY, "gzip"),
        (gzip.compress(gzip.compress(EMPTY)), "gzip, gzip"),
        (EMPTY, "br"),
    ],
    ids=["gzip cut short", "no gzip", "gzip in gzip", "brotli"],
)
def test_a_body_that_cannot_be_decoded_is_a_bad_response_after_the_last_attempt(body, encoding):
    with raw(answer(body, f"Content-Encoding: {encoding}")) as (url, requests), client(url) as api:
        with pytest.raises(BadResponse):
            api.fetch_page(None)
        assert len(requests) == 3


@pytest.mark.parametrize(
    "rubbish",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nA: \x00\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000,
    ],
)
def test_an_answer_that_is_not_http_is_a_network_error(rubbish):
    with raw(rubbish) as (url, requests), client(url) as api:
        with pytest.raises(NetworkError):
            api.fetch_page(None)
        assert len(requests) == 3


# Time


@pytest.mark.slow
@pytest.mark.parametrize("head", [False, True])
@pytest.mark.parametrize("status", [200, 500])
def test_a_slow_drip_ends_at_the_wall_clock_limit(simulator, head, status):
    class Fault:
        def play(self, exchange, answer):
            whole = answer()
            Drip(0.05, head=head).play(exchange, lambda: type(whole)(status, whole.body * 50, whole.headers))

    simulator.faults.add(Fault(), times=None)
    with client(simulator.url, timeout=0.5, retry_attempts=1) as api:
        # the status of an error is known before its body comes
        with pytest.raises(ServerError if status == 500 and not head else NetworkError):
            api.fetch_page(None)
        assert len(simulator.requests) == 1


def test_the_stop_event_ends_a_wait_between_attempts(simulator):
    stop = threading.Event()
    simulator.faults.add(Status(429, {"Retry-After": "3000"}), when=lambda _: stop.set() or True)
    with client(simulator.url, stop, retry_max_wait=3_600) as api:
        with pytest.raises(Interrupted):
            api.fetch_page(None)
        with pytest.raises(Interrupted):
            api.fetch_page(None)
    assert len(simulator.requests) == 1


@pytest.mark.parametrize("fault", [Hang(), Drip(0.05), Drip(0.05, head=True)], ids=["hang", "drip", "drip of the head"])
def test_close_ends_a_running_request_of_another_thread(simulator, fault):
    asked = threading.Event()
    simulator.faults.add(fault, when=lambda _: asked.set() or True, times=None)
    ended = []

    def ask(api):
        try:
            api.fetch_page(None)
        except ApiError as error:
            ended.append(error)

    with client(simulator.url, timeout=600) as api:
        thread = threading.Thread(target=ask, args=(api,), daemon=True)
        thread.start()
        assert asked.wait(30)
    thread.join(30)
    assert [type(error) for error in ended] == [NetworkError]
    assert len(simulator.requests) == 1


PROGRAM = """
import signal, sys, threading
from inventory import log
from inventory.fal.client import Api
from inventory.fal.confirm import confirm
from inventory.config.keys import ApiKey
from inventory.config.settings import load
from inventory.spool import Known, Spool
from inventory.fal.walk import WalkContext, walk
log.configure()
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
with Spool() as spool, Api(ApiKey("a:bcdefg"), load(api_url=sys.argv[1], timeout=3600), stop) as api:
    context = WalkContext(api, spool, stop)
    done = walk(context, 1)
    if done.complete:
        spool.learn([Known("away", b"", b"", "", "live", False, 0)])
        done = confirm(context)
print(done.error.error_code, spool.file.parent.exists())
"""


@pytest.mark.slow
@pytest.mark.parametrize("fault", [Hang(), Drip(0.05), Drip(0.05, head=True)], ids=["hang", "drip", "drip of the head"])
@pytest.mark.parametrize("when", [on_page(1), on_page(2), on_get], ids=["first page", "second page", "question by id"])
def test_a_process_ends_soon_after_sigterm_during_any_request(fleet, fault, when):
    asked = threading.Event()
    with Simulator(fleet, max_page_size=3) as simulator:
        simulator.faults.add(fault, when=lambda request: when(request) and (asked.set() or True), times=None)
        command = [sys.executable, "-c", PROGRAM, simulator.url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            try:
                assert asked.wait(60)
                process.terminate()
                out, err = process.communicate(timeout=30)
            finally:
                process.kill()
    assert (process.returncode, out, [line for line in err.splitlines() if "Traceback" in line]) == (
        0,
        "interrupted False\n",
        [],
    )


# The key is sent to the API only


def all_texts(error):
    """Return, as one text, the traceback and the messages of an error and of all its causes."""
    said = traceback.format_exception(error)
    while error is not None:
        said += [str(error), repr(error)]
        error = error.__cause__ or error.__context__
    return "".join(said)


@rule("keys-go-to-the-api-only")
@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_its_target_gets_no_request(simulator, api, code):
    with Simulator(Fleet()) as other:
        simulator.faults.add(Redirect(f"{other.url}/compute/instances?key={KEY.secret}", code), times=None)
        with pytest.raises(ServerError, match="redirect") as raised:
            api.fetch_page(None)
        with pytest.raises(ServerError, match="redirect"):
            api.fetch_instance("a")
        assert not other.requests
    assert SECRET not in all_texts(raised.value)
    assert len(simulator.requests) == 2


@pytest.mark.parametrize("location", ["http://[", "https://a:99999/", "\xff", "//", "http://\x7f/"])
def test_a_redirect_to_an_invalid_url_is_an_error_like_any_other_redirect(simulator, api, location):
    simulator.faults.add(Redirect(location))
    with pytest.raises(ServerError, match="redirect"):
        api.fetch_page(None)


def test_the_proxies_of_the_environment_get_no_request_for_loopback(simulator, api, monkeypatch):
    with Simulator(Fleet()) as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        with client(simulator.url) as other:
            other.fetch_page(None)
        api.fetch_page(None)
        assert not proxy.requests


ECHO = f"your key key-id:{SECRET} is no good, {SECRET}"


@rule("keys-are-never-shown")
@pytest.mark.parametrize("status", [400, 401, 403, 404, 418, 429, 500])
@pytest.mark.parametrize(
    "body",
    [
        {"error": {"type": "x", "message": ECHO}},
        {"error": ECHO},
        {"detail": ECHO},
        {"detail": [{"msg": ECHO}]},
        f"<html>{ECHO}</html>",
        ECHO,
        [ECHO],
        {"error": {"message": "x" * 140 + ECHO}},
    ],
)
def test_a_key_that_the_api_echoes_in_an_error_is_not_shown(simulator, api, status, body):
    simulator.faults.add(Status(status, body=body), times=None)
    with pytest.raises(ApiError) as raised:
        api.fetch_page(None)
    assert SECRET not in all_texts(raised.value)
    assert "the-secret" not in str(raised.value)


@rule("keys-are-never-shown")
@pytest.mark.parametrize(
    "rubbish",
    [
        answer(ECHO.encode()),
        answer(json.dumps({"instances": ECHO, ECHO: ECHO}).encode()),
        answer(b"", f"Content-Encoding: {ECHO}"),
        answer(b"", f"Retry-After: {ECHO}", status="503 No"),
        answer(b"", f"Location: http://{SECRET}:x/", status="302 Found"),
        answer(b"", status=f"500 {ECHO}"),
        f"{ECHO}\r\n\r\n".encode(),
        f"HTTP/1.1 200 OK\r\n{ECHO}\r\n\r\n".encode(),
        f"HTTP/1.1 200 OK\r\nContent-Length: {ECHO}\r\n\r\n".encode(),
        f"HTTP/1.1 200 OK\r\nTransfer-Encoding: {ECHO}\r\n\r\n".encode(),
    ],
)
def test_a_key_that_the_api_echoes_anywhere_else_is_not_shown(rubbish):
    with raw(rubbish) as (url, _), client(url) as api, pytest.raises(ApiError) as raised:
        api.fetch_page(None)
    assert SECRET not in str(raised.value) + repr(raised.value) + "".join(traceback.format_exception(raised.value))


@rule("keys-are-never-shown")
def test_no_repr_of_the_client_shows_the_key(api):
    shown = repr(api) + repr(vars(api)) + repr(api._client.headers) + repr(api._client)  # noqa: SLF001
    assert SECRET not in shown


def test_terminal_escapes_from_the_api_are_never_in_our_messages(simulator, api):
    simulator.faults.add(Status(418, body={"error": {"message": "red \x1b[31m\x07\r\n\u202e\x9b2J" + "x" * 500}}))
    with pytest.raises(ServerError) as raised:
        api.fetch_page(None)
    text = str(raised.value)
    assert text.isprintable()
    assert text.startswith("The API answered 418: red [31m")
    assert len(text) < 250


@pytest.mark.parametrize("body", ["null", "[]", "7", '{"error":null}', '{"error":{"message":7}}', "[" * 9_999, b"\xff"])
def test_an_error_body_without_a_message_gives_an_error_with_the_status_alone(simulator, api, body):
    simulator.faults.add(Status(418, body=body))
    with pytest.raises(ServerError, match=r"^The API answered 418$"):
        api.fetch_page(None)


# One instance by its id


@pytest.mark.parametrize(
    "name",
    ["a", "a/b", "a b", "é", "%2F", "?x", "#x", "a/../b", "a;b=c", "+", "&", "💥", ".a", "a.", "x" * 255, "é" * 255],
)
def test_an_id_is_quoted_so_that_the_right_instance_is_asked_for(fleet, simulator, api, name):
    fleet.put(machine(name, ip="203.0.113.9"))
    found = api.fetch_instance(name)
    assert (found.instance_id, found.ip) == (name, "203.0.113.9")
    fleet.remove(name)
    assert api.fetch_instance(name) is None
    assert all(request.query == {} for request in simulator.requests)


@pytest.mark.parametrize("name", [".", "..", "...", "a\ufffd"])
def test_an_id_that_cannot_be_asked_for_is_never_taken_for_gone(simulator, api, name):
    with pytest.raises(BadResponse):
        api.fetch_instance(name)
    assert not simulator.requests


UNSETTLED = {
    "another id": (Rewrite(lambda item: {**item, "id": "inst_1"}), BadResponse),
    "no id": (Rewrite(lambda _: {"status": "ready"}), BadResponse),
    "a list": (Rewrite(lambda item: [item]), BadResponse),
    "html": (Body("<html>"), BadResponse),
    "empty": (Body(b""), BadResponse),
    "500": (Status(500), ServerError),
    "404 of a gateway": (Status(404, body="<html>Not found</html>"), ServerError),
    "410": (Status(410), ServerError),
    "401": (Status(401), Unauthorized),
    "redirect": (Redirect("/elsewhere"), ServerError),
    "dropped": (Drop(), NetworkError),
}


@pytest.mark.parametrize(("fault", "error"), UNSETTLED.values(), ids=UNSETTLED)
def test_an_answer_by_id_that_settles_nothing_is_an_error(simulator, api, fault, error):
    simulator.faults.add(fault, times=None)
    with pytest.raises(error):
        api.fetch_instance("inst_0")


def test_a_request_by_id_without_retry_is_sent_once(simulator, api):
    simulator.faults.add(Status(500), times=None)
    with pytest.raises(ServerError):
        api.fetch_instance("inst_0", retry=False)
    assert (len(simulator.requests), api.retries) == (1, 0)
    with pytest.raises(ServerError):
        api.fetch_instance("inst_0")
    assert len(simulator.requests) == 4
