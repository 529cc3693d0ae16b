"""Answers that an API should never send.

The program does not crash, uses bounded memory, and records no existing instance as vanished. The next run succeeds.
"""

import gzip
import json
import os
import re
import subprocess
import sys
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.simulator import Body, on_get, on_list
from support import tally
from support.command import KEY
from support.marks import random_histories, rule
from support.world import ids, machine

MEBIBYTE = 1 << 20
NAMES = ids(6)
TOKENS = [
    b"NaN", b"-Infinity", b"1e999", b"-0", b"9" * 400, b"9" * 5000, b"0.1e-400", b"null", b"true", b'""', b'"\\ud800"',
    b'"\\u0000"', b'"\xff\xfe"', b'"\xc0\x80"', b"[]", b"{}", b"[" * 50 + b"]" * 50, b"[" * 100_000,
    b'{"a":' * 2000 + b"1" + b"}" * 2000,
    b'{"id":1,"id":"i000"}', b'"' + b"x" * 100_000 + b'"', b'"' + b"i" * 300 + b'"', b'"../i000"',
]  # fmt: skip
"""JSON values, valid or not, that a parser may misread, refuse, or be unable to represent."""

pytestmark = rule("absence-is-proven")


class Bytes:
    """A fault that answers with exactly the given bytes, and then closes the connection."""

    def __init__(self, data):
        self.data = data

    def play(self, exchange, _respond):
        exchange.keep_alive = False
        exchange.send(self.data)


def whole(body, **headers):
    """Return the bytes of a response with correct headers. A value in `headers` replaces a header; None omits it."""
    usual = {"Content-Type": "application/json", "Content-Length": len(body), "Connection": "close"}
    named = usual | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}\r\n".encode() for name, value in named.items() if value is not None]
    return b"HTTP/1.1 200 OK\r\n" + b"".join(lines) + b"\r\n" + body


REAL = json.dumps(
    {"instances": [machine(id_, extra={"a": [1, 2.5]}) for id_ in NAMES], "next_cursor": None, "has_more": False}
).encode()


@st.composite
def mutated(draw):
    """Return the body REAL with some bytes replaced, removed, repeated or inserted."""
    body = bytearray(REAL)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(body)))
        end = min(len(body), start + draw(st.sampled_from([0, 1, 1, 2, 5, 40, 400])))
        other = draw(st.one_of(st.binary(max_size=3), st.sampled_from(TOKENS), st.just(bytes(body[start:end]) * 2)))
        body[start:end] = other
    return bytes(body)


@st.composite
def composed(draw):
    """Return the body of a page whose members may have odd values, occur twice or be absent."""
    tokens = st.sampled_from(TOKENS)
    names = st.sampled_from([*(b'"%s"' % name.encode() for name in NAMES), b'"new"'])
    fields = st.sampled_from([b"instance_type", b"region", b"status", b"creator_user_nickname", b"note"])
    items = [
        b'{"id":%s,%s}' % (
            draw(st.one_of(names, tokens)),
            b",".join(b'"%s":%s' % (draw(fields), draw(tokens)) for _ in range(draw(st.integers(1, 4)))),
        )
        for _ in range(draw(st.integers(0, 6)))
    ]  # fmt: skip
    members = [
        b'"instances":[%s]' % b",".join(items),
        b'"next_cursor":%s' % draw(st.one_of(st.just(b"null"), tokens)),
        b'"has_more":%s' % draw(st.one_of(st.just(b"false"), tokens)),
    ]
    chosen = draw(st.lists(st.sampled_from(members), min_size=1, max_size=4)) if draw(st.booleans()) else members
    return b"{%s}" % b",".join(chosen)


@st.composite
def answers(draw):
    """Return the bytes of a response: valid, with a changed body, with wrong headers, or cut short."""
    body = draw(st.one_of(mutated(), composed(), st.just(REAL)))
    return draw(
        st.sampled_from([
            whole(body), whole(body), whole(body),
            whole(gzip.compress(body), Content_Encoding="gzip"),
            whole(gzip.compress(body)[:-9], Content_Encoding="gzip"),
            whole(body, Content_Encoding="gzip"), whole(body, Content_Encoding="br"),
            whole(body, Content_Encoding="zip"), whole(body, Content_Length=len(body) + 5),
            whole(body, Content_Length=max(0, len(body) - 5)),
            whole(body, Content_Length="-1"), whole(body, Content_Length="many"), whole(body, Content_Length=None),
            whole(body, Content_Type="text/html; charset=utf-16"),
            whole(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body), Content_Length=None, Transfer_Encoding="chunked"),
            whole(b"zz\r\n" + body, Content_Length=None, Transfer_Encoding="chunked"),
            whole(body)[: len(body) // 2], body, b"",
        ])
    )  # fmt: skip


def check_none_vanished(world):
    """Check that no instance of NAMES has vanished (all of them exist), and that the next run succeeds."""
    false = [id_ for id_, _ in world.gone() if id_ in NAMES]
    tally.count("false vanishes", len(false))
    assert not false
    assert world.run().status == "succeeded"


@pytest.mark.slow
def test_no_answer_to_a_list_makes_an_instance_vanish_that_is_there(world):
    world.put(*NAMES)
    assert world.run().status == "succeeded"

    @given(answer=answers())
    @random_histories(240)
    def play(answer):
        tally.count("bodies tried")
        world.faults.add(Bytes(answer), when=on_list, times=None)
        outcome = world.run(page_size=50, timeout=20)
        world.faults.clear()
        assert outcome.exit_code in {0, 4}, outcome
        check_none_vanished(world)
        assert {id_ for id_, presence in world.presences().items() if presence == "live"} == set(NAMES)

    play()


@pytest.mark.slow
def test_no_answer_about_an_instance_makes_it_vanish(world):
    world.put(*NAMES)
    assert world.run().status == "succeeded"

    @given(answer=answers())
    @random_histories(240)
    def play(answer):
        tally.count("bodies tried")
        world.fleet.hide(NAMES[0])
        world.faults.add(Bytes(answer), when=on_get, times=None)
        world.faults.add(Bytes(b""), when=on_list, after=1, times=None)  # so that the second walk settles nothing
        outcome = world.run()
        world.faults.clear()
        world.fleet.unhide(NAMES[0])
        assert outcome.exit_code in {0, 4}, outcome
        assert not world.gone()
        check_none_vanished(world)
        assert set(world.presences().values()) == {"live"}

    play()


LARGE = {
    "a text of ten million characters": b'{"instances":[{"id":"i000","note":"%s"}],"next_cursor":null,"has_more":false}'
    % (b"x" * 10_000_000),
    "an object of a hundred thousand keys": json.dumps(
        {"instances": [{"id": "i000", **{f"key-{number}": number for number in range(100_000)}}], "next_cursor": None,
         "has_more": False}
    ).encode(),
    "twenty thousand items": json.dumps(
        {"instances": [{"id": f"many-{number}"} for number in range(20_000)], "next_cursor": None, "has_more": False}
    ).encode(),
    "ten million brackets": b"[" * 10_000_000,
    "a number of ten million digits": b'{"instances":[{"id":"i000","price":%s}],"next_cursor":null,"has_more":false}'
    % (b"9" * 10_000_000),
    "a gigabyte in gzip": None,
}  # fmt: skip


PROGRAM = """
import atexit, sys
from inventory.cli import main
atexit.register(lambda: open("peak", "w").write(open("/proc/self/status").read()))
main(["sync"])
"""


def bomb():
    """Return a gzip bomb: 1 GiB of blanks, compressed in chunks."""
    packer = zlib.compressobj(wbits=31)
    return b"".join([*(packer.compress(b" " * MEBIBYTE) for _ in range(1024)), packer.flush()])


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_large_body_takes_bounded_memory_and_loses_nothing(world, database_url, tmp_path, name):
    world.put(*NAMES)
    assert world.run().status == "succeeded"
    tally.count("bodies tried")
    answer = Bytes(whole(bomb(), Content_Encoding="gzip")) if LARGE[name] is None else Body(LARGE[name])
    world.faults.add(answer, when=on_list, times=None)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300,
        env={"PATH": os.environ["PATH"], "FAL_KEY": KEY, "INVENTORY_API_URL": world.simulator.url,
             "INVENTORY_DATABASE_URL": database_url, "INVENTORY_RETRY_ATTEMPTS": "1"},
    )  # fmt: skip
    assert done.returncode in {0, 4}, done.stderr
    assert "Traceback" not in done.stderr
    peak = re.search(r"VmHWM:\s+(\d+) kB", (tmp_path / "peak").read_text())
    assert int(peak[1]) * 1024 < 400 * MEBIBYTE
    assert world.gone() == []
    world.faults.clear()
    # twenty thousand instances that vanish at once are held
    assert world.run().status == ("held" if name == "twenty thousand items" else "succeeded")
    assert world.gone() == []
    assert {id_ for id_, presence in world.presences().items() if presence == "live"} == set(NAMES)
