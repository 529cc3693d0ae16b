"""Measure queries on a long history: every whole view, the fleet as of a time, one instance, and `prune`.

    python benchmarks/history.py [--instances 100000] [--versions 10] [--postgresql URL]

The history is made up: hourly runs for a year, and instances with a mean life of 30 days and 10 versions each. A second
command measures `verify` of a history that real syncs of a simulated fleet have written:

    python benchmarks/history.py verify [--runs 100] [--instances 10000] [--churn 0.02]
"""

import argparse
import hashlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from inventory.config.database_url import parse_url
from inventory.config.keys import Account, ApiKey
from inventory.config.settings import load
from inventory.history.prune import PruneRequest, prune
from inventory.history.verify import verify
from inventory.read import queries
from inventory.simulator import Fleet, Simulator
from inventory.store import bulk, database, schema
from inventory.store.catalogue import VIEWS
from inventory.store.tables import accounts, instance_state, instance_versions, sync_runs
from inventory.sync import SyncOptions, sync
from support.postgres import server

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
HOURS = 365 * 24
MEAN_LIFE = 30 * 24  # hours
REGIONS = ("us-west", "us-central", "us-east", "eu-north", "eu-west", "other")
LIMITS = {"as of": 1.0, "one instance": 0.1}
VIEW_LIMIT, VERIFY_LIMIT = 10.0, 20.0  # seconds


def hour(number: int) -> datetime:
    """Return the time of a run."""
    return BEGIN + timedelta(hours=number)


def make_up(engine: Any, instances: int, versions: int) -> None:
    """Fill the tables with a year of history."""
    random = Random(1)
    with database.writing(engine) as connection:
        bulk.insert_rows(
            connection, accounts, [{"account": "default", "created_at": BEGIN, "last_complete_run_id": HOURS}]
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
                for number in range(1, HOURS + 1)
            ],
        )  # fmt: skip
        for numbers in database.batches(range(instances)):
            lives = [list(life(random, number, versions)) for number in numbers]
            bulk.insert_rows(connection, instance_state, [state(life) for life in lives])
            bulk.insert_rows(connection, instance_versions, [version for life in lives for version in life])
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")


def life(random: Random, number: int, versions: int) -> Iterator[dict[str, Any]]:
    """Yield the versions of one instance. Each has a new status and a new address.

    For one instance in 50, each version also has another region and often another type.
    """
    born = random.randint(1, HOURS - versions - 1)
    died = born + max(versions + 1, round(random.expovariate(1 / MEAN_LIFE)))
    changes = sorted(random.sample(range(born + 1, died), versions - 1))
    starts = [born, *(at for at in changes if at <= HOURS)]
    ends = [*starts[1:], died]
    creator = f"person-{number % 97}"
    for place, (start, end) in enumerate(zip(starts, ends, strict=True)):
        moved = place if number % 50 == 0 else 0
        count = 8 if (number + moved) % 3 else 1
        is_last = place == len(starts) - 1
        is_open = is_last and end > HOURS
        yield {
            "account": "default", "instance_id": f"inst_{number * 2_654_435_761 % 2**48:012x}", "episode": 1,
            "valid_from": hour(start), "valid_to": None if is_open else hour(end),
            "opened_by_run_id": start, "closed_by_run_id": None if is_open else end,
            "opened_as": "changed" if place else "appeared",
            "closed_as": None if is_open else "vanished" if is_last else "changed",
            "last_seen_at": hour(end - 1) if is_last and not is_open else None,
            "instance_type": f"gpu_{count}x_h100_sxm5", "region": REGIONS[(number + moved) % 6],
            "sector": f"sector_{number % 3 + 1}", "ip": f"203.0.{random.randrange(256)}.{random.randrange(256)}",
            "status": f"state {place}", "creator_user_nickname": creator, "extra": None,
            "gpu_count": count, "gpu_model": "h100_sxm5", "episode_creator": creator,
        }  # fmt: skip


def state(versions: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the row of `instance_state` after these versions."""
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
    """Return the seconds that a call takes, and its result."""
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def whole(connection: Any, sql: str) -> int:
    """Read all rows of a query, and return their number."""
    result = connection.execution_options(yield_per=10_000).exec_driver_sql(sql)
    return sum(len(rows) for rows in result.partitions())


def ask_everything(engine: Any, instances: int, versions: int) -> bool:
    """Print a line for each query; return whether all of them kept their limits."""
    seconds, _ = took(lambda: make_up(engine, instances, versions))
    print(f"\n{engine.dialect.name}: {instances:,} instances made up in {seconds:.0f} s\n")
    fine = True

    def report(name: str, seconds: float, limit: float | None, rows: Any) -> None:
        nonlocal fine
        fine = fine and (limit is None or seconds <= limit)
        print(f"{name:28}{seconds:9.3f} s{'' if limit is None else f'  of {limit:g}':>8}{rows:>14,} rows")

    at = f"'{hour(HOURS // 2):%Y-%m-%d %H:%M:%S.%f}+00'"
    some = f"inst_{instances // 2 * 2_654_435_761 % 2**48:012x}"
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
    seconds, done = took(lambda: prune(engine, PruneRequest("default", hour(HOURS // 2)), lease_seconds=120))
    report("prune of half the year", seconds, None, done.versions)
    return fine


def verify_syncs(engine: Any, runs: int, instances: int, churn: float) -> bool:
    """Print how long `verify` takes after `runs` syncs; return whether it kept its limit and found no breach."""
    random = Random(1)
    names = [f"inst_{number * 2_654_435_761 % 2**48:012x}" for number in range(instances)]
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
    """Measure and print; return 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("questions", "verify"), default="questions")
    parser.add_argument("--instances", type=int)
    parser.add_argument("--versions", type=int, default=10, help="of each instance")
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--churn", type=float, default=0.02, help="part of the fleet that changes in every run")
    parser.add_argument("--postgresql", metavar="URL", help="an empty database, instead of one from the wheel")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        if options.postgresql is None:
            started = stack.enter_context(server())
            options.postgresql = started.url_of(stack.enter_context(started.database()))
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
