"""Measure queries on a long history: each view as a whole, the fleet at one time, one instance, and `prune`.

    python benchmarks/history.py [--instances 100000] [--versions 10] [--postgresql URL]

The history is made up: a year of hourly runs, and instances with a mean life of 30 days. By default an instance has 10
versions. An instance that lives on after the year may have fewer. The history is written to SQLite and to PostgreSQL.

There are two further commands:

    python benchmarks/history.py big [--postgresql URL]
    python benchmarks/history.py verify [--runs 100] [--instances 10000] [--churn 0.02] [--postgresql URL]

`big` makes up two years of a fleet of about 10,000 machines on PostgreSQL: 10,000,000 versions. It measures questions
about one time, the last 90 days, and one instance, and a report of the last 90 days. Then it makes syncs on this
history and on an empty one in turn, and prints how their times compare. Both are on the same server, so with
`--postgresql` the role must be allowed to create databases.

`verify` measures `inventory verify` on a history that real syncs of a simulated fleet have written.

The exit code is 1 if a limit is exceeded, or if `verify` finds a breach.
"""

import argparse
import hashlib
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import sqlalchemy as sa

from arguments import positive
from fal import REGIONS, id_of, serving
from walk import SYNC, databases, measure

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from inventory.config.database_url import parse_url
from inventory.config.keys import Account, ApiKey
from inventory.config.settings import load
from inventory.history.prune import PruneRequest, prune
from inventory.history.verify import verify
from inventory.read import queries
from inventory.simulator import Fleet, Simulator
from inventory.store import bulk, database, indexes, schema
from inventory.store.catalogue import VIEWS
from inventory.store.tables import accounts, instance_state, instance_versions, sync_runs
from inventory.sync import SyncOptions, sync
from support.postgres import server

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
YEAR = 365 * 24  # hours
MEAN_LIFE = 30 * 24  # hours
MOST_VERSIONS = 1_000
"""The largest value of --versions. Each version begins in another hour of the year, so there must be enough hours."""
LIMITS = {"as of": 1.0, "one instance": 0.1}  # seconds
VIEW_LIMIT, VERIFY_LIMIT = 10.0, 20.0  # seconds
BIG_LIMITS = LIMITS | {"fleet_daily of 90 days": 5.0, "report --since 90d": 20.0}  # seconds
REPORT_LIMIT = 300.0  # MiB


def hour(number: int) -> datetime:
    """Return the time of run `number`."""
    return BEGIN + timedelta(hours=number)


@dataclass(frozen=True)
class Shape:
    """The size of a made-up history."""

    instances: int
    versions: int
    """The number of versions of each instance. Versions that would begin after the end of the history are left out."""
    hours: int = YEAR
    """The length of the history, in hours."""
    copies: int = 1
    """The number of instances that have the same life, under different ids. To make up each life would take longer."""


def make_up(engine: Any, shape: Shape) -> None:
    """Fill the tables with a made-up history of this shape."""
    random = Random(1)
    with database.writing(engine) as connection:
        bulk.insert_rows(
            connection, accounts, [{"account": "default", "created_at": BEGIN, "last_complete_run_id": shape.hours}]
        )
        bulk.insert_rows(
            connection,
            sync_runs,
            [
                {
                    "run_id": number, "account": "default", "trigger": "schedule", "status": "succeeded",
                    "started_at": hour(number), "heartbeat_at": hour(number), "finished_at": hour(number),
                    "previous_complete_at": hour(number - 1) if number > 1 else None, "complete": True,
                    "expected_seconds": 3600.0, "pages": 1, "instances_seen": 0, "api_url": "", "version": "",
                }
                for number in range(1, shape.hours + 1)
            ],
        )  # fmt: skip
        if not database.is_sqlite(connection):
            connection.exec_driver_sql("SELECT setval('sync_runs_run_id_seq', (SELECT max(run_id) FROM sync_runs))")
        with indexes.rebuilt_after_load(connection, (instance_state, instance_versions), shape.instances):
            for numbers in database.batches(range(shape.instances // shape.copies), 500):
                lives = [list(life(random, number, shape)) for number in numbers]
                bulk.insert_rows(connection, instance_state, [state(life) for life in lives])
                bulk.insert_rows(connection, instance_versions, [version for life in lives for version in life])
            if shape.copies > 1:
                copy_lives(connection, shape.copies)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")


def copy_lives(connection: Any, copies: int) -> None:
    """Copy the rows of each instance under `copies` - 1 new ids."""
    for table in (instance_state, instance_versions):
        names = ", ".join(column.name for column in table.columns)
        values = names.replace("instance_id", "instance_id || '-' || copy")
        connection.exec_driver_sql(
            f"INSERT INTO {table.name} ({names}) "
            f"SELECT {values} FROM {table.name} CROSS JOIN generate_series(2, {copies}) AS copy"
        )


def life(random: Random, number: int, shape: Shape) -> Iterator[dict[str, Any]]:
    """Yield the rows of `instance_versions` of one instance, in order. Each has a new status and a new address.

    For one instance in 50, each version also has another region and often another type.
    """
    born = random.randint(1, shape.hours - shape.versions - 1)
    died = born + max(shape.versions + 1, round(random.expovariate(1 / MEAN_LIFE)))
    changes = sorted(random.sample(range(born + 1, died), shape.versions - 1))
    starts = [born, *(at for at in changes if at <= shape.hours)]
    ends = [*starts[1:], died]
    creator = f"person-{number % 97}"
    for place, (start, end) in enumerate(zip(starts, ends, strict=True)):
        moved = place if number % 50 == 0 else 0
        count = 8 if (number + moved) % 3 else 1
        is_last = place == len(starts) - 1
        is_open = is_last and end > shape.hours
        yield {
            "account": "default", "instance_id": id_of(number), "episode": 1,
            "valid_from": hour(start), "valid_to": None if is_open else hour(end),
            "opened_by_run_id": start, "closed_by_run_id": None if is_open else end,
            "opened_as": "changed" if place else "appeared",
            "closed_as": None if is_open else "vanished" if is_last else "changed",
            "last_seen_at": hour(end - 1) if is_last and not is_open else None,
            "instance_type": f"gpu_{count}x_h100_sxm5", "region": REGIONS[(number + moved) % 6],
            "sector": f"sector_{number % 3 + 1}", "ip": f"203.0.{random.randrange(256)}.{random.randrange(256)}",
            "status": f"state {place}", "creator_user_nickname": creator, "extra": None,
            "gpu_count": count, "gpu_model": "h100_sxm5", "episode_creator": creator,
            "moved": bool(place) and moved > 0,
        }  # fmt: skip


def state(versions: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the row of `instance_state` of an instance with these versions."""
    first, last = versions[0], versions[-1]
    gone = last["valid_to"] is not None
    names = (
        "account", "instance_id", "instance_type", "region", "sector", "ip", "status", "creator_user_nickname", "extra",
        "gpu_count", "gpu_model", "episode_creator",
    )  # fmt: skip
    hash_ = hashlib.sha256(last["instance_id"].encode()).digest()
    return {name: last[name] for name in names} | {
        "presence": "vanished" if gone else "live",
        "first_seen_at": first["valid_from"],
        "vanished_at": last["valid_to"],
        "episodes": 1,
        "versions": len(versions),
        "row_hash": hash_,
        "version_hash": hash_,
        "seen_run_id": last["closed_by_run_id"] - 1 if gone else last["opened_by_run_id"],
    }


def took(work: Callable[[], Any]) -> tuple[float, Any]:
    """Call `work`; return the seconds that it takes, and its result."""
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def whole(connection: Any, sql: str) -> int:
    """Read all rows of a query, and return their number."""
    result = connection.execution_options(yield_per=10_000).exec_driver_sql(sql)
    return sum(len(rows) for rows in result.partitions())


def ask_everything(engine: Any, instances: int, versions: int) -> bool:
    """Make up a history, measure each query and `prune` on it, and print a line for each.

    Return whether all of them kept their limits.
    """
    seconds, _ = took(lambda: make_up(engine, Shape(instances, versions)))
    print(f"\n{engine.dialect.name}: {instances:,} instances made up in {seconds:.0f} s\n")
    fine = True

    def report(name: str, seconds: float, limit: float | None, rows: int) -> None:
        nonlocal fine
        fine = fine and (limit is None or seconds <= limit)
        print(f"{name:28}{seconds:9.3f} s{'' if limit is None else f'  of {limit:g}':>8}{rows:>14,} rows")

    at = f"'{hour(YEAR // 2):%Y-%m-%d %H:%M:%S.%f}+00'"
    some = id_of(instances // 2)
    with database.reading(engine) as connection:
        for view in VIEWS:
            seconds, rows = took(lambda view=view: whole(connection, f"SELECT * FROM {view}"))
            report(view, seconds, VIEW_LIMIT, rows)
        as_of = f"SELECT * FROM instance_versions WHERE valid_from <= {at} AND (valid_to IS NULL OR valid_to > {at})"
        seconds, rows = took(lambda: whole(connection, as_of))
        report("as of", seconds, LIMITS["as of"], rows)
        queries.biographies(connection, some)  # not measured: compiles the statements
        seconds, (biography,) = took(lambda: queries.biographies(connection, some))
        report("one instance", seconds, LIMITS["one instance"], len(biography["versions"]))
    seconds, done = took(lambda: prune(engine, PruneRequest("default", hour(YEAR // 2)), lease_seconds=120))
    report("prune of half the year", seconds, None, done.versions)
    return fine


def ask_about_the_last_days(engine: Any, make: Callable[[], str]) -> bool:
    """Make up a big history, measure questions, a report and syncs on it, and print a line for each.

    `make` returns the URL of a new, empty database. Return whether the questions and the report kept their limits.
    """
    shape = Shape(250_000, 40, 2 * YEAR, copies=10)
    seconds, _ = took(lambda: make_up(engine, shape))
    fine = True

    def report(name: str, seconds: float, what: str) -> None:
        nonlocal fine
        fine = fine and seconds <= BIG_LIMITS[name]
        print(f"{name:28}{seconds:9.3f} s{f'  of {BIG_LIMITS[name]:g}':>8}   {what}", flush=True)

    days = hour(shape.hours - 90 * 24)
    at = f"'{hour(shape.hours // 2):%Y-%m-%d %H:%M:%S.%f}+00'"
    valid = f"valid_from <= {at} AND (valid_to IS NULL OR valid_to > {at})"
    with database.reading(engine) as connection:
        count = connection.execute(sa.select(sa.func.count()).select_from(instance_versions)).scalar_one()
        print(f"{count:,} versions of {shape.instances:,} instances, made up in {seconds:.0f} s\n", flush=True)
        some = connection.execute(sa.select(instance_state.c.instance_id).offset(shape.instances // 2)).scalar()
        queries.biographies(connection, some)  # not measured: compiles the statements
        for name, sql in (
            ("as of", f"SELECT * FROM instance_versions WHERE {valid}"),
            ("fleet_daily of 90 days", f"SELECT * FROM fleet_daily WHERE day >= '{days:%Y-%m-%d}'"),
        ):
            times, rows = zip(*(took(lambda sql=sql: whole(connection, sql)) for _ in range(3)), strict=True)
            report(name, median(times), f"{rows[0]:,} rows")
        times, found = zip(*(took(lambda: queries.biographies(connection, some)) for _ in range(3)), strict=True)
        report("one instance", median(times), f"{len(found[0][0]['versions'])} versions")
    url = engine.url.render_as_string(hide_password=False)
    with tempfile.TemporaryDirectory() as folder:
        words = ["report", "--since", f"{days:%Y-%m-%dT%H:%M:%SZ}", "--output", f"{folder}/fleet.html"]
        seconds, _, memory = measure(SYNC, *words, INVENTORY_DATABASE_URL=url)
    report("report --since 90d", seconds, f"{memory:.0f} MiB of {REPORT_LIMIT:g}")
    compare_syncs({"big": url, "empty": make()})
    return fine and memory <= REPORT_LIMIT


def compare_syncs(urls: dict[str, str]) -> None:
    """Sync 10,000 instances into the databases `big` and `empty` in turn; print the times for quiet and changed lists.

    A turn makes a quiet run in each database, and then a run with changes in each. For both kinds of run, print the
    median time of each database, and the median ratio of the two times of a turn. The first turn does not count: it
    replaces the made-up fleet.
    """
    taken: dict[tuple[str, str], list[float]] = defaultdict(list)
    with serving() as server:
        server.fleet(10_000, 1_000)
        environment = {"FAL_KEY": "a:b", "INVENTORY_API_URL": server.url, "INVENTORY_PAGE_SIZE": "1000"}
        for number in range(6):
            for kind, edit in (("quiet", {}), ("changed", {"changed": 200, "gone": 5})):
                if edit and number:
                    server.edit(**edit)
                for name, url in urls.items():
                    seconds, *_ = measure(
                        SYNC, "sync", INVENTORY_DATABASE_URL=url, INVENTORY_MAX_VANISH="1", **environment
                    )
                    if number:
                        taken[kind, name].append(seconds)
    for kind in ("quiet", "changed"):
        big, empty = taken[kind, "big"], taken[kind, "empty"]
        ratio = median(one / other for one, other in zip(big, empty, strict=True))
        print(
            f"sync, {kind:22}{median(big):9.3f} s   {ratio:.2f} times that on an empty history ({median(empty):.3f} s)"
        )


def verify_syncs(engine: Any, runs: int, instances: int, churn: float) -> bool:
    """Make `runs` syncs, then measure `verify` and print how long it takes.

    Between two syncs, the share `churn` of the instances changes. Return whether `verify` kept its limit and found no
    breach.
    """
    random = Random(1)
    names = [id_of(number) for number in range(instances)]
    fleet = Fleet(
        {"id": name, "instance_type": "gpu_8x_h100_sxm5", "region": "us-west", "status": "ready"} for name in names
    )
    with Simulator(fleet, max_page_size=1_000) as simulator:
        settings = load(api_url=simulator.url, page_size=1_000)
        for number in range(runs):
            options = SyncOptions(clock=lambda number=number: hour(number))
            outcome = sync(engine, Account("default", ApiKey("a:b")), settings, options)
            assert outcome.status == "succeeded", outcome
            for name in random.sample(names, round(churn * instances)):
                fleet.put({**(fleet.get(name) or {}), "status": f"state {number}"})
    with database.reading(engine) as connection:
        seconds, found = took(lambda: verify(connection))
    print(
        f"{engine.dialect.name}: verify of {found.runs} runs of {instances:,} instances, {found.versions:,} versions: "
        f"{seconds:.1f} s of {VERIFY_LIMIT:g}, {found.count} breaches"
    )
    return seconds <= VERIFY_LIMIT and not found.count


def main() -> int:
    """Measure and print; return 1 if a limit is exceeded or a breach is found, else 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("questions", "big", "verify"), default="questions")
    parser.add_argument("--instances", type=positive)
    parser.add_argument("--versions", type=positive, default=10, help="of each instance")
    parser.add_argument("--runs", type=positive, default=100)
    parser.add_argument("--churn", type=float, default=0.02, help="share of the fleet that changes between two runs")
    parser.add_argument("--postgresql", metavar="URL", help="an empty database, instead of one on the tests' server")
    options = parser.parse_args()
    if options.versions > MOST_VERSIONS:
        parser.error(f"--versions: {MOST_VERSIONS} is the most")
    if not 0 <= options.churn <= 1:
        parser.error("--churn: it is a number from 0 to 1")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        if options.postgresql is None:
            started = stack.enter_context(server(shared_buffers="1GB", work_mem="16MB"))
            options.postgresql = started.url_of(stack.enter_context(started.database()))
        if options.what == "big":
            engine = database.connect(parse_url(options.postgresql))
            stack.callback(engine.dispose)
            schema.upgrade(engine)
            fresh = stack.enter_context(databases(options.postgresql))["postgresql"]
            return 0 if ask_about_the_last_days(engine, fresh) else 1
        fine = True
        for url in (f"sqlite:///{folder}/history.db", options.postgresql):
            engine = database.connect(parse_url(url), create=True)
            stack.callback(engine.dispose)
            schema.upgrade(engine)
            if options.what == "verify":
                fine = verify_syncs(engine, options.runs, options.instances or 10_000, options.churn) and fine
            else:
                fine = ask_everything(engine, options.instances or 100_000, options.versions) and fine
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
