"""Fill a database with the runs of simulated days, one run an hour.

Each run is a real sync over real HTTP on loopback. Only the API (`inventory.simulator`, with some failures) and the
clock (a parameter of every run) are simulated. The user's settings, in the environment or in the configuration file,
and the user's keys are not used.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from inventory.config.database_url import parse_url, sqlite_path
from inventory.config.keys import Account, ApiKey
from inventory.config.settings import Settings
from inventory.errors import ApiError, DatabaseError, Interrupted, UsageError
from inventory.simulator import Drop, LivelyFleet, Simulator, Status, on_get, on_page
from inventory.simulator.faults import Faults
from inventory.store import database, schema
from inventory.store.tables import METADATA, calendar, sync_runs, typed
from inventory.sync import SyncOptions, sync

ACCOUNT = "demo"
TRIGGER = "demo"
MAX_DAYS = 3650
"""The largest number of simulated days: ten years."""

QUERIES = (
    (
        "How many hours and GPU hours on each of the last seven days",
        (
            "SELECT day, round(sum(hours)) AS hours, round(sum(gpu_hours)) AS gpu_hours "
            "FROM fleet_daily GROUP BY day ORDER BY day DESC LIMIT 7"
        ),
    ),
    (
        "Who keeps instances longest",
        (
            "SELECT creator_user_nickname, count(*) AS episodes, round(avg(hours_low)) AS mean_hours, "
            "round(max(hours_low)) AS longest_hours FROM instance_episodes "
            "GROUP BY creator_user_nickname ORDER BY mean_hours DESC LIMIT 10"
        ),
    ),
    (
        "When nobody could know the fleet, and for how many seconds",
        "SELECT gap_start, gap_end, seconds, failed_runs FROM sync_gaps ORDER BY gap_start",
    ),
)
"""Queries for the user to try after a demo: pairs of a title and SQL that runs on SQLite and on PostgreSQL."""

_HOUR = timedelta(hours=1)
_REQUEST_TIME = timedelta(seconds=1.5)  # duration of one request by the simulated clock
_PAGE_SIZE = 25  # instances; a list then has two to four pages, rarely five
_DOWN = Status(503, body="<html><body>Service Unavailable</body></html>")
_RETRY_MAX_WAIT = 0.01  # seconds of real time
_SEED = 7


@dataclass(frozen=True)
class DemoResult:
    """The result of a demo: the database, the runs, and the time that the demo took."""

    database: str
    """The path of a SQLite file, or the URL of a PostgreSQL database without the password."""
    account: str
    runs: int
    failed: int
    """Number of runs with another status than `succeeded`. A demo includes failures of the API on purpose."""
    first_run_at: datetime
    last_run_at: datetime
    seconds: float
    """Duration of the demo in real time, not in simulated time."""


def demo(
    engine_url: str,
    *,
    days: int,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    now: datetime | None = None,
    stop: threading.Event | None = None,
) -> DemoResult:
    """Fill a database with `days` times 24 hourly runs of a simulated fleet, and replace what an earlier demo wrote.

    The last run is at the last full hour that is not after `now` (None: the present time). `progress` is called with
    the number of runs done and the number of all runs. Raise UsageError, and change nothing, if `days` is not from 1 to
    MAX_DAYS, if a SQLite file cannot be read, or if the database holds data that no demo wrote. Raise Interrupted if
    `stop` is set or Ctrl-C is pressed. If a run fails unexpectedly, raise the error of the run.
    """
    if not 1 <= days <= MAX_DAYS:
        raise UsageError(f"A demo takes 1 to {MAX_DAYS} days.")
    began = time.monotonic()
    last = (now or datetime.now(UTC)).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    runs = 24 * days
    hours = [last - _HOUR * ago for ago in reversed(range(runs))]
    _require_sqlite_file(engine_url)
    engine = database.connect(parse_url(engine_url), create=True)
    done = 0

    def report(runs_done: int) -> None:
        nonlocal done
        done = runs_done
        progress(runs_done, runs)

    try:
        _empty(engine)
        failed = _run_all(engine, hours, report, stop or threading.Event())
    except (KeyboardInterrupt, Interrupted):
        raise Interrupted(
            f"The demo was stopped after {done} of {runs} runs, which are in {database.describe(engine)}. "
            "The next demo there replaces them."
        ) from None
    finally:
        engine.dispose()
    return DemoResult(
        database=database.describe(engine),
        account=ACCOUNT,
        runs=runs,
        failed=failed,
        first_run_at=hours[0],
        last_run_at=hours[-1],
        seconds=time.monotonic() - began,
    )


def _run_all(engine: Engine, hours: list[datetime], progress: Callable[[int], None], stop: threading.Event) -> int:
    """Make one run at each of `hours`; return the number of runs that did not succeed.

    If a fault was arranged for a run, an ApiError other than Interrupted is expected. Raise every other error of a run.
    """
    account = Account(ACCOUNT, ApiKey("demo:no-secret"))
    fleet = LivelyFleet(seed=_SEED, start=hours[0] - _HOUR)
    failed = 0
    progress(0)
    with Simulator(fleet) as simulator:
        # not `load()`: the user's environment variables and configuration file are for the real API
        settings = Settings.model_construct(
            api_url=simulator.url, page_size=_PAGE_SIZE, retry_attempts=2, retry_max_wait=_RETRY_MAX_WAIT
        )
        for number, hour in enumerate(hours):
            fleet.advance(hour)
            _arrange_faults(simulator.faults, number, len(hours))
            planned = len(simulator.faults) > 0
            simulator.requests.clear()

            def clock(hour: datetime = hour) -> datetime:
                return hour + _REQUEST_TIME * len(simulator.requests)

            outcome = sync(
                engine,
                account,
                settings,
                SyncOptions(trigger=TRIGGER, expected_seconds=_HOUR.total_seconds(), clock=clock, stop=stop),
            )
            if outcome.error is not None and not (planned and _is_api_error(outcome.error)):
                raise outcome.error from outcome.fault
            failed += outcome.status != "succeeded"
            progress(number + 1)
    return failed


def _arrange_faults(faults: Faults, number: int, total: int) -> None:
    """Disarm all faults. Then arm the faults for the run `number` of `total` runs.

    The first run has the number 0. In a demo of four days or more, the runs of the last 24 hours have no fault.
    """
    faults.clear()
    broken_page, outage, no_answer_by_id = total // 4, total // 2, total * 2 // 3
    if number == broken_page:  # each request for the second page gets a 503: a partial run
        faults.add(_DOWN, when=on_page(2), times=None)
    elif outage <= number < outage + 3:  # every request gets a 503: failed runs, and a gap
        faults.add(_DOWN, times=None)
    elif number == outage + 3:
        faults.add(Drop(), times=None)
    elif no_answer_by_id <= number < no_answer_by_id + 6:
        # each request by id gets a 500: a second walk settles the absent instances
        faults.add(Status(500), when=on_get, times=None)


def _is_api_error(error: Exception) -> bool:
    return isinstance(error, ApiError) and not isinstance(error, Interrupted)


def _require_sqlite_file(engine_url: str) -> None:
    """Raise UsageError if the URL names a file that cannot be read, or is neither empty nor a SQLite database."""
    file = sqlite_path(parse_url(engine_url))
    if file is None or not file.exists():
        return
    try:
        with file.open("rb") as opened:
            start = opened.read(16)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}. Name another one with --database.") from None
    if start not in (b"", b"SQLite format 3\0"):
        raise UsageError(f"{file} is no SQLite database; a demo does not replace it. Name another one with --database.")


def _empty(engine: Engine) -> None:
    """Create the tables, or delete the rows of an earlier demo. Raise UsageError if the database holds other data."""
    with database.reading(engine) as connection:
        _require_a_demo(connection)
    schema.prepare(engine, auto_migrate=True)
    with database.writing(engine) as connection:
        _require_a_demo(connection)  # checked again in the transaction that deletes: a real sync may have run meanwhile
        for table in reversed(METADATA.sorted_tables):  # tables that refer to others first
            if table not in {calendar, typed}:
                connection.execute(sa.delete(table))


def _require_a_demo(connection: Connection) -> None:
    """Raise UsageError if the database holds a table that is not inventory's, or a run that no demo made."""
    try:
        empty = schema.current(connection) is None
    # WrongSchema: the tables of another program. An error of the driver is not caught here: only the block that opened
    # the connection turns it into a DatabaseError.
    except DatabaseError:
        demos_only = False
    else:
        others = set(sa.inspect(connection).get_table_names()) - {*METADATA.tables, "alembic_version"}
        demos_only = empty or not (
            others or connection.execute(sa.select(sync_runs.c.run_id).where(sync_runs.c.trigger != TRIGGER)).first()
        )
    if not demos_only:
        raise UsageError(
            f"The database {database.describe(connection.engine)} holds data that no demo wrote; nothing was changed. "
            "Name another one with --database."
        )
