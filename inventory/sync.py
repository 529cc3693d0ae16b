"""One run of one account, in order: the only place where the HTTP half and the SQL half meet.

Open the run (lease) · walk, spooling each page while the next one is fetched · as at the last complete run? then close
the run, done · else read what is known and take the difference · confirm what is absent · in one transaction: check the
lease, apply the difference, close the run.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from inventory import __version__, database, log, reconcile, runs
from inventory.api import Api
from inventory.confirm import confirm
from inventory.database import Clock
from inventory.errors import ApiError, DatabaseError, InventoryError, LeaseLost, MassVanish, lacking
from inventory.reconcile import NO_RUN, Moment, Step
from inventory.runs import Run
from inventory.settings import Account, Settings
from inventory.spool import BY_ID, Fingerprint, Spool
from inventory.tables import accounts
from inventory.timetable import Timetable
from inventory.walk import Walk, walk

SMALL = 10
"""The brake minds fewer vanishing instances than this only after a change of key or address."""

logger = log.get(__name__)

_COUNTS = ("appeared", "changed", "reappeared", "vanished", "settled")


@dataclass
class Outcome:
    """What became of one run."""

    account: str
    run_id: int | None = None
    status: str = "failed"
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTS, 0))
    pages: int = 0
    instances_seen: int = 0
    duplicates: int = 0
    rejected: int = 0
    missing: int = 0
    retries: int = 0
    seconds: float = 0.0
    error: InventoryError | None = None
    settled: list[str] = field(default_factory=list)
    """Ids of those that vanished at an earlier run's time, as this one settled."""
    changes: list[dict[str, Any]] = field(default_factory=list)
    """Of a dry run: what it would record, as rows of `instance_events` without a run."""

    @property
    def exit_code(self) -> int:
        """The exit code that tells of this run; a failed second walk alone is no failure."""
        if self.error is None or (self.status == "succeeded" and self.error.error_code != "interrupted"):
            return 0
        return self.error.exit_code


def sync(
    engine: Engine,
    account: Account,
    settings: Settings,
    *,
    trigger: str = "manual",
    expected_seconds: float | None = None,
    timetable: Timetable | None = None,
    clock: Clock | None = None,
    stop: threading.Event | None = None,
    progress: Callable[[Walk], None] = lambda _: None,
) -> Outcome:
    """Sync one account now and record the run; with a `timetable`, only where a run is due (else `runs.NotDue`).

    Every failure ends up in the Outcome, recorded where it can be; a fault of ours is recorded, too, and raised.
    """
    began = time.monotonic()
    stop = stop or threading.Event()
    outcome = Outcome(account.name)
    try:
        run = runs.open_run(
            engine,
            account.name,
            trigger=trigger,
            api_url=settings.api_url,
            api_key_id=account.key.id,
            lease_seconds=settings.lease_seconds,
            expected_seconds=expected_seconds,
            timetable=timetable,
            clock=clock,
        )
    except InventoryError as error:
        outcome.error = error
        return outcome
    outcome.run_id = run.run_id
    try:
        with (
            log.bound(run_id=run.run_id),
            runs.beating(engine, run.lease, clock),
            Spool(settings.ignore_changes) as spool,
            Api(account.key, settings, stop) as api,
        ):
            try:
                _run(engine, run, account, settings, api, spool, stop, progress, clock, outcome)
            finally:
                outcome.retries = api.retries
    except InventoryError as error:
        _fail(engine, run, outcome, error, clock)
    except Exception as error:
        if reason := lacking(error):
            kind = DatabaseError if isinstance(error, OSError) else InventoryError
            _fail(engine, run, outcome, kind(f"This host failed: {reason}; nothing was applied. Run again."), clock)
            return outcome
        reason = f"A fault of inventory itself ({type(error).__name__}); nothing was applied."
        _fail(engine, run, outcome, InventoryError(reason), clock)
        raise
    outcome.seconds = time.monotonic() - began
    return outcome


def dry_run(
    engine: Engine,
    account: Account,
    settings: Settings,
    *,
    stop: threading.Event | None = None,
    progress: Callable[[Walk], None] = lambda _: None,
) -> Outcome:
    """Walk and confirm as `sync` does, and tell what it would record; writes nothing, takes no lease."""
    began = time.monotonic()
    stop = stop or threading.Event()
    outcome = Outcome(account.name)
    try:
        with Spool(settings.ignore_changes) as spool, Api(account.key, settings, stop) as api:
            first, second = _see(engine, account.name, api, spool, stop, progress, outcome, None)
            with database.reading(engine) as connection:
                last = connection.scalar(
                    sa.select(accounts.c.last_complete_run_id).where(accounts.c.account == account.name)
                )
                moment = Moment(account.name, NO_RUN, database.now(connection), last, settings.ignore_changes)
                brake = first.complete and _brake(connection, account, settings, spool)
                missing = reconcile.missing(connection, account.name)
                for step in reconcile.plan(connection, moment, spool, complete=first.complete, brake=brake):
                    reconcile.count(moment, step, outcome.counts)
                    outcome.changes += _events(step)
                    for state in step.written:
                        missing.pop(state["instance_id"], None)
                        if state["presence"] == "missing":
                            missing[state["instance_id"]] = state["held"]
            outcome.missing = len(missing)
            _judge(outcome, first, second, held=any(missing.values()), dry=True)
    except InventoryError as error:
        outcome.error = error
    outcome.seconds = time.monotonic() - began
    return outcome


def _run(
    engine: Engine,
    run: Run,
    account: Account,
    settings: Settings,
    api: Api,
    spool: Spool,
    stop: threading.Event,
    progress: Callable[[Walk], None],
    clock: Clock | None,
    outcome: Outcome,
) -> None:
    first, second = _see(engine, run.account, api, spool, stop, progress, outcome, run)
    with _applying(engine, run, clock, spool) as (connection, now):
        moment = Moment(run.account, run.run_id, run.started_at, run.last_complete_run_id, settings.ignore_changes)
        if first.unchanged:
            _judge(outcome, first, second, held=False)
            values = {"complete": True, "fleet_digest": run.fleet_digest, "status": "succeeded", **_numbers(outcome)}
            runs.close_run(connection, run, now=now, account={"last_complete_run_id": run.run_id}, **values)
            return
        brake = first.complete and _brake(connection, account, settings, spool)
        wrote = False
        in_bulk = not settings.ignore_changes
        steps = reconcile.plan(connection, moment, spool, complete=first.complete, brake=brake, newcomers=not in_bulk)
        for step in steps:
            reconcile.apply(connection, moment, step, outcome.counts)
            wrote = wrote or bool(step.new or step.written)
            outcome.settled += reconcile.settled(moment, step)
        missing = reconcile.missing(connection, run.account)
        outcome.missing = len(missing)
        whole = first.complete and not missing
        with ThreadPoolExecutor(1, thread_name_prefix="digest") as beside:  # while the database takes what is new
            digest = beside.submit(spool.fleet_digest) if whole else None
            if in_bulk:
                outcome.counts["appeared"] += (new := reconcile.appear(connection, moment, spool))
                wrote = wrote or new > 0
        _judge(outcome, first, second, held=any(missing.values()))
        values = {"status": outcome.status, "complete": first.complete, **_numbers(outcome)}
        own: dict[str, Any] = {}
        if first.complete:
            values["fleet_digest"] = digest.result() if digest else None
            # what the first list did not bring must be looked at again by the next run, whatever its list says
            quotable = whole and second is None and not spool.brought[BY_ID]
            own = {
                "last_complete_run_id": run.run_id,
                "walk_digest": _walk_digest(first, outcome.instances_seen, spool) if quotable else None,
            }
        elif wrote:
            own = {"walk_digest": None}
        runs.close_run(connection, run, now=now, account=own, **values)


def _fail(engine: Engine, run: Run, outcome: Outcome, error: InventoryError, clock: Clock | None) -> None:
    """The outcome and the run's row say that nothing was applied, and why."""
    outcome.status, outcome.error = "failed", error
    # what was counted was rolled back
    outcome.counts, outcome.missing, outcome.settled = dict.fromkeys(_COUNTS, 0), 0, []
    if isinstance(error, LeaseLost):
        outcome.status = "abandoned"  # as whoever took over has called it
    else:
        runs.fail_run(engine, run, clock, **_numbers(outcome))


def _see(
    engine: Engine,
    account: str,
    api: Api,
    spool: Spool,
    stop: threading.Event,
    progress: Callable[[Walk], None],
    outcome: Outcome,
    run: Run | None,
) -> tuple[Walk, Walk | None]:
    """Everything the API is asked: the walk, and where something is absent, the confirmation.

    The first walk is `unchanged` where the list is, to the letter, that of the last complete run, which left nothing
    missing: then there is nothing to compare.
    """
    expected = _expected(run, spool) if run else None
    first = walk(api, spool, 1, stop, progress, expected)
    second = None
    if first.pages == 0 and first.error is not None:
        raise _told(first.error, "nothing was applied; the next run tries again" if run else "nothing is written")
    if not first.unchanged:
        with database.reading(engine) as connection:
            spool.learn(reconcile.known(connection, account))
        if first.complete:
            second = confirm(api, spool, stop, progress)
    for done in filter(None, (first, second)):
        outcome.pages += done.pages
        outcome.duplicates += done.duplicates
        outcome.rejected += done.rejected
    outcome.instances_seen = expected.instances if expected and first.unchanged else spool.count()
    return first, second


def _walk_digest(first: Walk, instances: int, spool: Spool) -> str:
    """By what the next run knows the same list again, in the hands of the same program with the same settings."""
    return f"{spool.sequence()} {first.pages} {instances} {first.duplicates} {__version__} {spool.ignored}"


def _expected(run: Run, spool: Spool) -> Fingerprint | None:
    if run.walk_digest is None:
        return None
    digest, pages, instances, duplicates, *rest = run.walk_digest.split(" ", 5)
    return (
        Fingerprint(digest, int(pages), int(instances), int(duplicates))
        if rest == [__version__, spool.ignored]
        else None
    )


@contextlib.contextmanager
def _applying(engine: Engine, run: Run, clock: Clock | None, spool: Spool) -> Iterator[tuple[Connection, datetime]]:
    """The one transaction that applies a run, fenced."""
    if run.lease.lost.is_set():
        logger.warning("the lease was lost during the walk", account=run.account)
    with database.writing(
        engine, idle_limit=run.lease.seconds, kept="nothing of this run was applied", file=spool.file
    ) as connection:
        runs.fence(connection, run.lease)
        yield connection, database.now(connection, clock)


def _brake(connection: Connection, account: Account, settings: Settings, spool: Spool) -> bool:
    """Whether so much would vanish that a person must say so first (contract 4.4)."""
    vanishing, live = spool.vanishing(), spool.live_before()
    # a quotient, not a product: 29 / 100 is 0.29, while 0.29 * 100 is less than 29
    if settings.max_vanish >= 1 or not vanishing or (live and vanishing / live <= settings.max_vanish):
        return False
    last = connection.execute(runs.last_known(account.name)).first()
    moved = last is not None and (last.api_url, last.api_key_id) != (settings.api_url, account.key.id)
    return vanishing >= SMALL or moved


def _judge(outcome: Outcome, first: Walk, second: Walk | None, *, held: bool, dry: bool = False) -> None:
    """Status and error of a run that applied something, or would."""
    was = "would be" if dry else "was"
    if first.error is not None:
        outcome.status = "partial"
        outcome.error = _told(first.error, f"what was seen {was} applied, nothing {was} marked missing")
    elif held:
        outcome.status = "held"
        outcome.error = MassVanish(
            f"{outcome.missing} instances are absent and {'would be ' if dry else ''}held: more than the brake allows, "
            f"or the key or address is another one. All else {was} applied. "
            + (
                "After a sync, `inventory missing` would list them."
                if dry
                else "Look with `inventory missing`, settle with `inventory missing --accept`."
            )
        )
    else:
        outcome.status = "succeeded"
        if second is not None and second.error is not None:
            stays = "would stay" if dry else "stays"
            outcome.error = _told(
                second.error, f"the second walk failed, so what is absent {stays} missing until a later run"
            )


def _told(error: ApiError, kept: str) -> ApiError:
    """The same error, saying what was kept."""
    return type(error)(f"{str(error).rstrip('.')}; {kept}.", status=error.status)


def _numbers(outcome: Outcome) -> dict[str, Any]:
    """The columns of `sync_runs` that every end of a run has."""
    return {
        "pages": outcome.pages,
        "instances_seen": outcome.instances_seen,
        "duplicates": outcome.duplicates,
        "rejected": outcome.rejected,
        "missing": outcome.missing,
        **{name: outcome.counts[name] for name in ("appeared", "changed", "reappeared", "vanished")},
        "error_code": outcome.error.error_code if outcome.error else None,
        "error": str(outcome.error) if outcome.error else None,
    }


def _events(step: Step) -> list[dict[str, Any]]:
    rows = [{**version, "event": version["opened_as"]} for version in step.opened]
    rows += [{**state, "event": "vanished"} for state in step.gone]
    wanted = ("event", "account", "instance_id", "instance_type", "region", "status", "creator_user_nickname")
    return [{name: row.get(name) for name in wanted} for row in rows]
