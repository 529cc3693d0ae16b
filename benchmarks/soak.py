"""Check that many workers on one PostgreSQL make every due run once under faults, and that `verify` finds no breach.

    python benchmarks/soak.py [--workers 4] [--accounts 50] [--runs 2000] [--every 4] [--seed 0] [--pgbouncer]
    python benchmarks/soak.py --memory [--runs 10000] [--accounts 40]

Real `inventory run` processes share the accounts of a simulated fleet that changes all the time. The API fails now and
then. About every two seconds, a worker is killed and replaced, stopped by SIGTERM and replaced, or frozen for half to
twice the length of a lease. At the end the runs are counted, and `verify` checks the history. The PostgreSQL server is
that of the tests. The exit code is 1 if a run was lost or doubled, if `verify` found a breach, if a worker ended by
itself, or if its exit code after SIGTERM was wrong.

A run is due one interval after the start of the account's last run. But if that run was cut short, because its process
died or was stopped, the next run is due at once. The table counts:

- due: the runs that were made, except those that were cut short, plus the runs that were lost.
- doubled: the runs that began before they were due, or while another run of the account was in progress.
- lost: one for each whole interval by which a run began late. After a run that was cut short, the lateness counts from
  the end of its lease. An account without any run counts as one lost run.

The default numbers keep two idle cores busy. On a busy machine the leases of two seconds expire although their workers
live, and runs come late: use fewer --accounts there.

With --memory there is one worker, without faults and changes, and its resident memory is printed. The exit code is 1 if
this memory grew too much, or if the worker ended by itself.
"""

import argparse
import collections
import contextlib
import dataclasses
import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn, Self

import psutil
from sqlalchemy.engine import Connection, Engine, make_url

from arguments import positive

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from inventory.config.database_url import parse_url
from inventory.history.verify import verify
from inventory.simulator import Delay, Drop, LivelyFleet, Simulator, Status, Truncate, on_list
from inventory.store import database, schema
from inventory.store.tables import sync_runs
from support.pgbouncer import pgbouncer
from support.postgres import server

LEASE = 2.0  # seconds
PROGRAM = [sys.executable, "-c", "from inventory.cli import main; main(['run'])"]
FAULTS = (Status(500), Status(429, {"Retry-After": "1"}), Status(401), Drop(), Truncate(), Delay(1.5))
RARE = 0.004
"""The probability of each fault for each page."""
SLOW = 0.5
"""The longest random delay before a page, in seconds. Because of it, workers are killed in the middle of walks."""
GROWTH_LIMIT = 5.0
"""The MiB by which a worker may grow in the second half of the runs. In the first half its memory grows anyway."""


@dataclasses.dataclass
class Count:
    """What became of the runs that were due, as counts, and how late runs began, in seconds.

    `made` counts the runs that were not cut short, and `cut` those that were. `late` has the delays of the runs that
    followed a made run. `taken_over` has the delays of the runs that followed a cut run.
    """

    made: int = 0
    cut: int = 0
    lost: int = 0
    doubled: int = 0
    late: list[float] = dataclasses.field(default_factory=list)
    taken_over: list[float] = dataclasses.field(default_factory=list)

    def account(self, runs: Sequence[Any], period: float, ended: datetime) -> None:
        """Add the runs of one account to the counts. The runs must be sorted by their start.

        `period` is the interval of the schedule in seconds. The test ended at `ended`.
        """
        for run, following in itertools.pairwise([*runs, None]):
            cut = run.status == "abandoned" or run.error_code == "interrupted"
            self.cut += cut
            self.made += not cut
            sign_of_life = run.heartbeat_at if cut else run.started_at
            patience = 0.0 if cut else period
            begun = following.started_at if following else ended
            wait = (begun - sign_of_life).total_seconds() - patience
            self.lost += int(max(0.0, wait - (LEASE if cut else 0)) / period)
            if following is None:
                continue
            (self.taken_over if cut else self.late).append(wait)
            early = begun < run.started_at + timedelta(seconds=patience)
            self.doubled += early or (run.finished_at is None) or begun < run.finished_at


class Crew:
    """The worker processes, which run `inventory run`. The end of a `with` block kills those that still run."""

    def __init__(self, folder: Path, environment: dict[str, str], number: int, chance: random.Random) -> None:
        """Start `number` workers."""
        self.deeds: collections.Counter[str] = collections.Counter()
        self._folder = folder
        self._environment = environment
        self._chance = chance
        self._numbers = itertools.count()
        self._logs: dict[int, Path] = {}
        self.processes = [self._start() for _ in range(number)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.kill()
            process.wait()

    def strike(self) -> None:
        """Kill, freeze or stop a random worker. Replace it if it was killed or stopped.

        A frozen worker continues after half to twice the length of a lease.
        """
        place = self._chance.randrange(len(self.processes))
        process = self.processes[place]
        deed = self._chance.choice(("SIGKILL", "SIGSTOP", "SIGTERM"))
        self.deeds[deed] += 1
        process.send_signal(getattr(signal, deed))
        if deed == "SIGSTOP":
            time.sleep(LEASE * self._chance.uniform(0.5, 2))
            process.send_signal(signal.SIGCONT)
        else:
            if deed == "SIGTERM":
                self._await_end(process)
            process.wait(60)
            self.processes[place] = self._start()

    def check(self) -> None:
        """Exit if a worker has ended by itself."""
        for process in self.processes:
            if process.poll() is not None:
                self._fail(process, "by itself")

    def stop(self) -> None:
        """Stop all workers by SIGTERM, and wait until they have ended.

        Exit if one has ended by itself before, or if its exit code is wrong.
        """
        self.check()
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            self._await_end(process)

    def _start(self) -> "subprocess.Popen[bytes]":
        with (self._folder / f"worker-{next(self._numbers)}.log").open("wb") as log:
            process = subprocess.Popen(PROGRAM, env=self._environment, cwd=self._folder, stderr=log)
        self._logs[process.pid] = Path(log.name)
        return process

    def _await_end(self, process: "subprocess.Popen[bytes]") -> None:
        """Wait until a worker that got SIGTERM has ended. Exit if its exit code is wrong.

        The exit code must be 0. Only a worker that has logged nothing may also be killed by the signal: Python was
        still starting.
        """
        code = process.wait(60)
        if code and (code != -signal.SIGTERM or self._logs[process.pid].stat().st_size):
            self._fail(process, "on SIGTERM")

    def _fail(self, process: "subprocess.Popen[bytes]", why: str) -> NoReturn:
        """End the benchmark with a message: `why` the worker ended, its exit code, and the end of its log.

        The message has the log because the log file is not kept.
        """
        text = self._logs[process.pid].read_text(encoding="utf-8")
        sys.exit(f"\na worker ended {why}, with {process.returncode}; its log ends so:\n{text[-2000:]}")


@contextlib.contextmanager
def surroundings(options: argparse.Namespace) -> Iterator[tuple[Simulator, str, Path, dict[str, str]]]:
    """Yield a simulator, the URL of a database, a folder with a settings file, and the environment of the workers."""
    names = [f"account{number}" for number in range(options.accounts)]
    fleet = LivelyFleet(start=datetime.now(UTC), instances=60, churn=0 if options.memory else 20)
    with contextlib.ExitStack() as stack:
        simulator = stack.enter_context(Simulator(fleet, max_page_size=25))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        started = stack.enter_context(server())
        url = started.url_of(stack.enter_context(started.database()))
        if options.pgbouncer:
            url = stack.enter_context(pgbouncer(make_url(url))).render_as_string(hide_password=False)
        (folder / "inventory.toml").write_text(
            "".join(f'[[accounts]]\nname = "{name}"\napi_key_env = "KEY"\n' for name in names)
        )
        yield (
            simulator,
            url,
            folder,
            {
                "PATH": os.environ["PATH"],
                "HOME": str(folder),
                "KEY": "a:b",
                "INVENTORY_API_URL": simulator.url,
                "INVENTORY_DATABASE_URL": url,
                "INVENTORY_EVERY": f"{options.every}s",
                "INVENTORY_LEASE_SECONDS": f"{LEASE}",
                "INVENTORY_RETRY_ATTEMPTS": "2",
            },
        )


def number_of_runs(engine: Engine) -> int:
    """Return the number of runs; 0 before a worker has made the tables. Raise DatabaseError if the database fails."""
    with database.reading(engine) as connection:
        if schema.current(connection) is None:
            return 0
        return int(connection.exec_driver_sql("SELECT count(*) FROM sync_runs").scalar_one())


def soak(options: argparse.Namespace) -> int:
    """Run the workers under faults; return 1 if a run was lost or doubled, or if `verify` finds a breach, else 0."""
    chance = random.Random(options.seed)
    with surroundings(options) as (simulator, url, folder, environment):
        for fault in FAULTS:
            simulator.faults.add(fault, when=lambda request: on_list(request) and chance.random() < RARE, times=None)
        simulator.before_page = lambda _: time.sleep(chance.uniform(0, SLOW))
        done = threading.Event()
        life = threading.Thread(target=live, args=(simulator.fleet, done), daemon=True)
        life.start()
        engine = database.connect(parse_url(url))
        began = time.monotonic()
        with Crew(folder, environment, options.workers, chance) as crew:
            while (runs := number_of_runs(engine)) < options.runs:
                print(f"\r{runs:,} runs, {sum(crew.deeds.values())} strikes", end="", file=sys.stderr, flush=True)
                time.sleep(chance.uniform(0.5, 2))
                crew.check()
                if runs:
                    crew.strike()
            with database.reading(engine) as connection:
                ended = database.now(connection)
            crew.stop()
        done.set()
        life.join()
        with database.reading(engine) as connection:
            count, statuses = counted(connection, options.accounts, options.every, ended)
            findings = verify(connection)
        engine.dispose()
    print(
        f"\r{options.workers} workers, {options.accounts} accounts, every {options.every} s, lease {LEASE:g} s, ",
        end="",
    )
    print(f"{time.monotonic() - began:.0f} s; {dict(crew.deeds)}; runs: {dict(statuses)}\n")
    for name, value in (
        ("due", count.made + count.lost), ("done", count.made), ("doubled", count.doubled), ("lost", count.lost),
        ("cut short, and made up for", count.cut), ("breaches found by verify", findings.count),
    ):  # fmt: skip
        print(f"{name:28}{value:9,}")
    for name, waits in (("late, in seconds", sorted(count.late)), ("made up for after", sorted(count.taken_over))):
        if waits:
            print(f"{name:28}{waits[len(waits) // 2]:9.2f} median, {waits[-1]:.2f} at most")
    return 1 if count.doubled or count.lost or findings.count else 0


def live(fleet: LivelyFleet, done: threading.Event) -> None:
    """Advance the clock of the fleet by a minute for each second, until `done` is set."""
    now = datetime.now(UTC)
    while not done.wait(0.5):
        now += timedelta(seconds=30)
        fleet.advance(now)


def counted(
    connection: Connection, accounts: int, period: float, ended: datetime
) -> tuple[Count, collections.Counter[str]]:
    """Return a Count of the runs that began up to the time `ended`, and the numbers of all runs by status.

    `accounts` is the number of accounts.
    """
    rows = connection.execute(sync_runs.select().order_by(sync_runs.c.account, sync_runs.c.started_at)).all()
    count = Count(lost=accounts - len({row.account for row in rows}))
    for _, runs in itertools.groupby((row for row in rows if row.started_at <= ended), lambda row: row.account):
        count.account(list(runs), period, ended)
    return count, collections.Counter(row.status for row in rows)


def memory(options: argparse.Namespace) -> int:
    """Print the resident memory of a worker after each tenth of the runs; return 1 if it grew by too much, else 0."""
    with surroundings(options) as (_, url, folder, environment):
        engine = database.connect(parse_url(url))
        with Crew(folder, environment, 1, random.Random(0)) as crew:
            process = psutil.Process(crew.processes[0].pid)
            seen: list[float] = []
            for tenth in range(1, 11):
                while number_of_runs(engine) < options.runs * tenth / 10:
                    crew.check()
                    time.sleep(0.5)
                seen.append(process.memory_info().rss / 2**20)
                print(f"{options.runs * tenth // 10:9,} runs{seen[-1]:9.1f} MiB", flush=True)
            crew.stop()
        engine.dispose()
    growth = seen[-1] - seen[len(seen) // 2 - 1]
    print(f"grew by {growth:.1f} MiB in the second half (limit {GROWTH_LIMIT:g})")
    return 1 if growth > GROWTH_LIMIT else 0


def main() -> int:
    """Run the soak test, or measure the memory; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=positive, default=4)
    parser.add_argument("--accounts", type=positive)
    parser.add_argument("--runs", type=positive)
    parser.add_argument("--every", type=positive, help="seconds between two runs of an account")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pgbouncer", action="store_true", help="through a pgbouncer in transaction mode")
    parser.add_argument("--memory", action="store_true")
    options = parser.parse_args()
    options.accounts = options.accounts or (40 if options.memory else 50)
    options.runs = options.runs or (10_000 if options.memory else 2_000)
    options.every = options.every or (1 if options.memory else 4)
    return memory(options) if options.memory else soak(options)


if __name__ == "__main__":
    sys.exit(main())
