"""Try thousands of cheats of a keeper, and thousands of honest histories; print which cheats are found, and by what.

    python benchmarks/cheats.py [--cheats 10000] [--histories 10000] [--backend sqlite] [--seed 1] [--steps 5]

A keeper has full rights on the database and knows the program (`tests/support/keeper.py`). Each cheat is tried on one
of a few small histories, and `verify` checks the result against checkpoints. A cheat counts as *found by verify* if
`verify` finds a contradiction within the database: this needs no checkpoint. A cheat counts as found *by the
checkpoint* if only a checkpoint contradicts the database.

An honest history (`tests/support/honest.py`) continues one of the small histories from some moment, with faults, kills
at any statement, prunes, renames, upgrades, and clocks that step back. It is checked against all checkpoints that were
taken of it.

The exit code is 1 if a cheat was missed, or if there was a false alarm.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from arguments import positive

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from inventory import log
from inventory.config.database_url import parse_url
from inventory.simulator import Fleet, Simulator
from inventory.store import database, schema
from support.honest import HonestHistories
from support.keeper import ALL_KINDS, Keeper, Try, tally
from support.pasts import STORIES, record
from support.postgres import server

SHARING = 250
"""The number of honest histories that share a database.

The histories downgrade and upgrade the schema. PostgreSQL counts dropped columns too, and allows at most 1,600 columns
of a table. So one database cannot be downgraded and upgraded without end.
"""
OFTEN, RARE = 6, 2
"""Weights of the random choice of a kind: OFTEN for a kind with `recomputed` in its name, RARE for any other.

A kind with `recomputed` edits, inserts or deletes rows, and this can be done in more ways than any other kind of cheat.
"""


def main() -> int:
    """Try cheats and honest histories, print the tables, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cheats", type=int, default=10_000)
    parser.add_argument("--histories", type=int, default=10_000)
    parser.add_argument("--backend", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=positive, default=5, help="the most steps of an honest history")
    arguments = parser.parse_args()
    log.configure(level="error")
    with ExitStack() as stack:
        make = _databases(stack, arguments.backend)
        recorded = [(url, record(name, url, forks=12)) for name in STORIES for url in [make()]]
        tries = _cheat(recorded, arguments.cheats, Random(arguments.seed))
        _print_cheats(arguments.backend, tries)
        alarms = _play_honestly(make, [past for _, past in recorded], arguments)
    return 1 if alarms or any(tried.found_by is None for tried in tries) else 0


def _databases(stack: ExitStack, backend: str) -> Callable[[], str]:
    """Return a function that returns the URL of a new empty database at each call.

    On PostgreSQL the database exists. On SQLite there is no file yet: the first connection with `create` makes it.
    """
    if backend == "sqlite":
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        numbers = count()
        return lambda: f"sqlite:///{folder}/history-{next(numbers)}.db"
    started = stack.enter_context(server())
    return lambda: started.url_of(stack.enter_context(started.database()))


def _cheat(recorded: list[Any], number: int, random: Random) -> list[Try]:
    """Try random cheats until `number` of them have had an effect, and return these. Print those that nothing finds."""
    pasts = [past for _, past in recorded]
    keepers = [Keeper(database.connect(parse_url(url)), past, random, others=pasts) for url, past in recorded]
    weights = [OFTEN if "recomputed" in kind else RARE for kind in ALL_KINDS]
    tries: list[Try] = []
    began = time.monotonic()
    while len(tries) < number:
        tried = random.choice(keepers).cheat(random.choices(ALL_KINDS, weights)[0])
        if tried is None:
            continue
        tries.append(tried)
        if tried.found_by is None:
            print(f"missed: {tried.kind}: {tried.what}", flush=True)
        if len(tries) % 500 == 0:
            print(f"{len(tries):,} cheats, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    for keeper in keepers:
        keeper.engine.dispose()
    return tries


def _print_cheats(backend: str, tries: list[Try]) -> None:
    print(f"\n| cheat ({backend}) | tried | found by verify | by the checkpoint | missed |\n|---|--:|--:|--:|--:|")
    counts = tally(tries)
    for kind in (kind for kind in ALL_KINDS if kind in counts):
        _print_row(kind, [tried for tried in tries if tried.kind == kind])
    _print_row("all", tries)


def _print_row(name: str, tries: list[Try]) -> None:
    found = [sum(tried.found_by == by for tried in tries) for by in ("verify", "checkpoint", None)]
    print(f"| {name} | {len(tries):,} | {' | '.join(f'{each:,}' for each in found)} |", flush=True)


def _play_honestly(make: Callable[[], str], pasts: list[Any], arguments: argparse.Namespace) -> int:
    """Play honest histories, and return the number of histories with a false alarm.

    Print each false alarm. After every SHARING histories, and at the end, print a table of the counts so far.
    """
    alarms = checkpoints = steps = kills = upgrades = 0
    began = time.monotonic()
    with Simulator(Fleet()) as simulator:
        for number in range(arguments.histories):
            if number % SHARING == 0:
                engine = database.connect(parse_url(make()), create=True)
                schema.upgrade(engine)
                histories = HonestHistories(engine, simulator)
            random = Random(arguments.seed * 1_000_003 + number)
            found = histories.play(random.choice(pasts), random, length=arguments.steps)
            checkpoints += len(histories.checkpoints)
            steps += len(histories.steps) - 1
            kills += sum("killed" in step for step in histories.steps)
            upgrades += sum(step.startswith("upgrade") for step in histories.steps)
            for what in found:
                print(f"false alarm in history {number}: {what}", flush=True)
            alarms += bool(found)
            done = number + 1
            if done % SHARING == 0 or done == arguments.histories:
                engine.dispose()
                print(f"{done:,} histories, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
                _print_honest(arguments.backend, done, steps, kills, upgrades, checkpoints, alarms)
    return alarms


def _print_honest(backend: str, *numbers: int) -> None:
    print(f"\n| honest histories ({backend}) | steps | kills | upgrades | checkpoints | false alarms |")
    print("|--:|--:|--:|--:|--:|--:|")
    print(f"| {' | '.join(f'{number:,}' for number in numbers)} |", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
