"""A server that stands in for fal's API in the benchmarks. Its answers take hardly any time.

It keeps each page of a made-up list ready as bytes. `serving` runs it in a process of its own, and yields a `Server`
object, with which a benchmark controls that process. `Server.edit` changes the list between two measurements.
"""

import asyncio
import contextlib
import json
import multiprocessing
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

REGIONS = ("us-west", "us-central", "us-east", "eu-north", "eu-west", "other")
GONE = json.dumps({"error": {"type": "not_found", "message": "no such instance"}}).encode()
BROKEN = json.dumps({"error": {"type": "server_error", "message": "try again later"}}).encode()


def id_of(number: int) -> str:
    """Return the id of instance `number`. The order of the ids is not that of the numbers."""
    return f"inst_{number * 2_654_435_761 % 2**48:012x}"


def instance(number: int) -> dict[str, Any]:
    """Return the item of instance `number`."""
    return {
        "id": id_of(number),
        "instance_type": "gpu_8x_h100_sxm5" if number % 3 else "gpu_1x_h100_sxm5",
        "region": REGIONS[number % 6],
        "sector": f"sector_{number % 3 + 1}",
        "ip": f"203.0.{number >> 8 & 255}.{number & 255}",
        "status": "ready",
        "creator_user_nickname": f"person-{number % 97}",
    }


class Fleet:
    """A made-up list of instances, and its pages as bytes."""

    def __init__(self, instances: int, page: int) -> None:
        self._page = page
        self._next = instances
        self._failing: int | None = None
        self._empty_once: int | None = None
        self._broken = 0
        self.items = {made["id"]: made for made in map(instance, range(instances))}
        self._make_pages()

    def edit(self, *, changed: int = 0, gone: int = 0, new: int = 0) -> None:
        """Remove `gone` instances, change the status of `changed` others, and append `new` ones to the list.

        Both the removed and the changed instances are spread evenly over the list.
        """
        ids, total = list(self.items), changed + gone
        for number in range(total):
            id_ = ids[number * len(ids) // total]
            if number * gone // total < (number + 1) * gone // total:
                del self.items[id_]
            else:
                status = "stopped" if self.items[id_]["status"] == "ready" else "ready"
                self.items[id_] = self.items[id_] | {"status": status}
        for number in range(self._next, self._next + new):
            self.items[id_of(number)] = instance(number)
        self._next += new
        self._make_pages()

    def break_page(self, *, failing: int | None = None, empty_once: int | None = None) -> int:
        """Set the faults, and return the number of broken answers, as `Server.break_page` describes."""
        broken, self._broken = self._broken, 0
        self._failing, self._empty_once = failing, empty_once
        return broken

    def _make_pages(self) -> None:
        items = list(self.items.values())
        starts = range(0, max(1, len(items)), self._page)
        self.pages = [
            json.dumps(
                {
                    "instances": items[start : start + self._page],
                    "next_cursor": str(number) if number < len(starts) else None,
                    "has_more": number < len(starts),
                }
            ).encode()
            for number, start in enumerate(starts, 1)
        ]

    def answer(self, target: str) -> tuple[int, bytes]:
        """Return the HTTP status and the body of the answer to a GET request for `target`: a path with a query."""
        parts = urlsplit(target)
        id_ = parts.path.rpartition("/compute/instances")[2].lstrip("/")
        if not id_:
            number = int(parse_qs(parts.query).get("cursor", ["0"])[0])
            if number == self._failing:
                self._broken += 1
                return 500, BROKEN
            if number == self._empty_once:
                self._broken += 1
                self._empty_once = None
                return 200, json.dumps(json.loads(self.pages[number]) | {"instances": []}).encode()
            return 200, self.pages[number]
        found = self.items.get(unquote(id_))
        return (404, GONE) if found is None else (200, json.dumps(found).encode())


class _Http(asyncio.Protocol):
    """One connection, on which requests without a body come one after the other."""

    def __init__(self, fleet: list[Fleet], delay: float) -> None:
        self._fleet = fleet
        self._delay = delay

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._read = b""

    def data_received(self, data: bytes) -> None:
        self._read += data
        while b"\r\n\r\n" in self._read:
            head, _, self._read = self._read.partition(b"\r\n\r\n")
            status, body = self._fleet[0].answer(head.split(b" ", 2)[1].decode())
            found = f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            asyncio.get_running_loop().call_later(self._delay, self._transport.write, found.encode() + body)


async def _serve(pipe: Connection, delay: float) -> None:
    loop = asyncio.get_running_loop()
    fleet: list[Fleet] = []
    server = await loop.create_server(lambda: _Http(fleet, delay), "127.0.0.1", 0)
    pipe.send(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
    while True:
        what, words = await loop.run_in_executor(None, pipe.recv)
        if what is Fleet:
            fleet[:] = [Fleet(**words)]
            pipe.send(None)
        else:
            pipe.send(what(fleet[0], **words))


def _run(pipe: Connection, delay: float) -> None:
    asyncio.run(_serve(pipe, delay))


class Server:
    """A handle with which a benchmark changes what the server's process serves. `url` is the base URL of the API."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.url: str = pipe.recv()

    def fleet(self, instances: int, page: int) -> None:
        """Serve a new fleet. `instances` is the number of its instances, `page` the number of instances on a page."""
        self._order(Fleet, instances=instances, page=page)

    def edit(self, **counts: int) -> None:
        """Edit the fleet: see `Fleet.edit`."""
        self._order(Fleet.edit, **counts)

    def break_page(self, *, failing: int | None = None, empty_once: int | None = None) -> int:
        """Break pages: answer page `failing` with 500 from now on, and page `empty_once` once without its instances.

        Pages are counted from 0. None stands for no page, so a call without arguments ends both faults. Return the
        number of answers that were broken in one of these ways since the last call.
        """
        return int(self._order(Fleet.break_page, failing=failing, empty_once=empty_once))

    def _order(self, what: Callable[..., Any], **words: int | None) -> Any:
        self._pipe.send((what, words))
        return self._pipe.recv()


@contextlib.contextmanager
def serving(delay: float = 0) -> Iterator[Server]:
    """Start a process with a server that waits `delay` seconds before each answer; yield a Server that controls it."""
    ours, its = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_run, args=(its, delay), daemon=True)
    process.start()
    try:
        yield Server(ours)
    finally:
        process.kill()
