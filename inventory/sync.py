"""One run of one account, from the lease to the commit.

In a run, only this module uses both the HTTP half of the program (`fal/`) and the SQL half (`history/`, `store/`).

1. Open the run: take the lease.
2. Walk the list. Each page is added to the spool while the next one is fetched.
3. If the list is the same as in the last complete run, close the run and stop here.
4. Read the live and missing instances from the database, and compare them with the spool.
5. If the walk was complete, confirm the absent instances.
6. In ONE transaction: check the lease, apply the difference, close the run.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection, Engine

from inventory import __version__, log
from inventory.config.keys import Account
from inventory.config.settings import Settings
from inventory.config.timetable import Timetable
from inventory.errors import Collision, DatabaseError, InventoryError, LeaseLost, Unconfirmed, explain_host_fault
from inventory.fal.client import Api
from inventory.fal.confirm import confirm
from inventory.fal.expected import ExpectedList, Part
from inventory.fal.walk import WalkContext, WalkResult, ignore_progress, walk
from inventory.history import reconcile, runs
from inventory.history.brake import brake_applies
from inventory.history.difference import settled_ids
from inventory.history.lease import fence, send_heartbeats
from inventory.history.merkle_log.missing import missing_digest
from inventory.history.preview import preview
from inventory.history.reconcile import Absent
from inventory.history.runs import NotDue, Run, RunRequest
from inventory.history.step import RunStamp
from inventory.masks import mask_url
from inventory.outcome import Outcome, add_consequence
from inventory.spool import BY_ID, Spool
from inventory.store import database
from inventory.store.database import Clock

APPLY_ATTEMPTS = 3
"""The largest number of attempts to apply one run, if other sessions collide with its transaction."""

logger = log.get(__name__)


@dataclass(frozen=True)
class SyncOptions:
    """The options of one run.

    `trigger` says in `sync_runs` what started the run. `expected_seconds` is the time until the next run, if known. If
    there is a `timetable`, the run is made only if the timetable says that a run is due. `clock` replaces the
    database's clock. If `stop` is set while a run makes requests to the API, the requests end, and the error code is
    `interrupted`. A run that has made all its requests is applied as usual. `progress` is called after each page with
    the counts of the walk so far.
    """

    trigger: str = "manual"
    expected_seconds: float | None = None
    timetable: Timetable | None = None
    clock: Clock | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    progress: Callable[[WalkResult], None] = ignore_progress


@dataclass(frozen=True)
class RunContext:
    """The values that the steps of one run share. The steps write their results into `outcome`."""

    engine: Engine
    account: Account
    settings: Settings
    options: SyncOptions
    outcome: Outcome


class Walks(NamedTuple):
    """The results of a run's first walk, and of its second walk if the confirmation needed one."""

    first: WalkResult
    second: WalkResult | None


class Applied(NamedTuple):
    """The result of the transaction that applies a run. `wrote` is whether it wrote anything into the history."""

    wrote: bool
    held: int
    """The number of instances that are held after the run."""
    fleet_digest: str | None
    """The digest of the fleet after the run. None if the walk was not complete, or if an instance is missing."""
    changes_root: bytes | None = None
    missing_digest: bytes | None = None


def sync(engine: Engine, account: Account, settings: Settings, options: SyncOptions | None = None) -> Outcome:
    """Make one run of an account, record it, and return its Outcome.

    The error of a failed run is not raised: it is in the Outcome, even if it means a fault of this program. If the run
    cannot be opened, nothing is recorded. Raise NotDue if the options have a timetable and no run is due.
    """
    began = time.monotonic()
    options = options or SyncOptions()
    outcome = Outcome(account.name)
    context = RunContext(engine, account, settings, options, outcome)
    try:
        _record_run(context)
    except NotDue:
        raise
    except Exception as error:  # noqa: BLE001 - no fault of one account may stop the others
        outcome.error = _note_error(context, error)
    outcome.seconds = time.monotonic() - began
    return outcome


def _record_run(context: RunContext) -> None:
    """Open a run, make it, and close its row. Fill in the outcome, except the seconds.

    Raise the error if the run cannot be opened. A later error is written into the outcome.
    """
    run = _open_run(context)
    context.outcome.run_id = run.run_id
    try:
        with (
            log.bound(run_id=run.run_id),
            send_heartbeats(context.engine, run.lease, context.options.clock),
            _open_source(context) as source,
        ):
            _make_run(context, run, source)
    except Exception as error:  # noqa: BLE001 - as above
        _fail_run(context, run, _note_error(context, error))


def _note_error(context: RunContext, error: Exception) -> InventoryError:
    """Return the InventoryError for an exception that ended a run.

    If the exception means a fault of this program, keep the exception in the outcome.
    """
    if isinstance(error, InventoryError):
        return error
    reason = explain_host_fault(error)
    if reason is None:
        context.outcome.fault = error
        return InventoryError(f"A fault of inventory itself ({type(error).__name__}); nothing was applied.")
    kind = DatabaseError if isinstance(error, OSError) else InventoryError
    return kind(f"This host failed: {reason}; nothing was applied. Run again.")


def dry_run(engine: Engine, account: Account, settings: Settings, options: SyncOptions | None = None) -> Outcome:
    """Walk and confirm like `sync`, but write nothing and take no lease. Return the Outcome that a run would have."""
    began = time.monotonic()
    options = options or SyncOptions()
    outcome = Outcome(account.name)
    context = RunContext(engine, account, settings, options, outcome)
    try:
        with _open_source(context) as source:
            walks = _walk_and_confirm(context, source)
            with database.reading(engine) as connection:
                expected = preview(connection, account, settings, source.spool, complete=walks.first.complete)
            outcome.counts |= expected.counts
            outcome.changes = expected.changes
            outcome.missing = len(expected.missing)
            _set_status(outcome, walks, held=sum(expected.missing.values()), dry=True)
    except Exception as error:  # noqa: BLE001 - no fault of one account may stop the others
        outcome.error = _note_error(context, error)
    outcome.seconds = time.monotonic() - began
    return outcome


def _open_run(context: RunContext) -> Run:
    """Take the lease and open the run; raise AccountBusy if another process has the lease, NotDue if no run is due."""
    account, settings, options = context.account, context.settings, context.options
    request = RunRequest(
        account.name,
        trigger=options.trigger,
        api_url=mask_url(settings.api_url),
        api_key_id=account.key.id,
        lease_seconds=settings.lease_seconds,
        expected_seconds=options.expected_seconds,
        timetable=options.timetable,
        ignore_changes=settings.ignore_changes,
        max_vanish=settings.max_vanish,
        max_gap_seconds=settings.max_gap.total_seconds(),
    )
    return runs.open_run(context.engine, request, options.clock)


@contextlib.contextmanager
def _open_source(context: RunContext) -> Iterator[WalkContext]:
    """Yield a new spool and a new client of the API; at the end, write the number of retries into the outcome."""
    settings, options = context.settings, context.options
    with (
        Spool(settings.ignore_changes) as spool,
        Api(context.account.key, settings, options.stop) as api,
    ):
        try:
            yield WalkContext(api, spool, options.stop, options.progress)
        finally:
            context.outcome.retries = api.retries


def _make_run(context: RunContext, run: Run, source: WalkContext) -> None:
    """Walk, confirm, and apply the difference.

    If another session collides with the transaction, apply again, up to APPLY_ATTEMPTS times in all. If the connection
    was lost during the commit, raise Unconfirmed unless the database says that the run was applied.
    """
    spool = source.spool
    walks = _walk_and_confirm(context, source, _expected_list(run, spool))
    for attempt in range(1, APPLY_ATTEMPTS + 1):
        try:
            _apply(context, run, walks, spool)
        except Collision:
            if attempt == APPLY_ATTEMPTS:
                raise
            logger.warning("another session collided with the run, applying it again", attempt=attempt + 1)
            context.outcome.clear_events()
            spool.forget_changes()
        except Unconfirmed:
            if not runs.is_applied(context.engine, run):
                raise
            logger.warning("the connection was lost during the commit, but the run is recorded", account=run.account)
            return
        else:
            return


def _apply(context: RunContext, run: Run, walks: Walks, spool: Spool) -> None:
    """Apply the difference and close the run, in one transaction. An unchanged list has no difference."""
    outcome = context.outcome
    with _fenced_transaction(context, run, spool) as (connection, row):
        now = database.now(connection, context.options.clock)
        if walks.first.unchanged:
            applied = Applied(wrote=False, held=0, fleet_digest=run.fleet_digest)
            own: dict[str, Any] = {"last_complete_run_id": run.run_id}
        else:
            last = run.last_complete_run_id
            stamp = RunStamp(
                run.account, run.run_id, run.started_at, last, context.settings.ignore_changes, row["log_size"]
            )
            applied = _apply_difference(connection, context, stamp, spool, walks.first)
            own = _account_columns(run, walks, applied, spool)
        _set_status(outcome, walks, held=applied.held)
        columns = {
            "status": outcome.status,
            "complete": walks.first.complete,
            "fleet_digest": applied.fleet_digest,
            "changes_root": applied.changes_root,
            "missing_digest": applied.missing_digest,
            **outcome.columns(),
        }
        runs.close_run(connection, run, row, now=now, account=own, **columns)


def _walk_and_confirm(context: RunContext, source: WalkContext, expected: ExpectedList | None = None) -> Walks:
    """Make all requests of a run: the walk, and the confirmation of absent instances.

    Compare the spool with the database after each walk, unless the walk found its list unchanged. Add the counts of the
    walks to the outcome. `expected` is the list of the last complete run, if its fingerprint can be used. Raise the
    ApiError of the first walk if no page arrived.
    """
    outcome, spool = context.outcome, source.spool
    first = walk(source, 1, expected)
    second = None
    if first.pages == 0 and first.error is not None:
        nothing = "nothing was applied; the next run tries again" if outcome.run_id else "nothing is written"
        raise add_consequence(first.error, nothing)
    if not first.unchanged:
        _compare(context, spool, only_seen=first.only_values)
        if first.complete and not first.only_values:
            second = confirm(source, first.found)
        if second is not None and not second.unchanged:
            _compare(context, spool)
    for done in filter(None, (first, second)):
        outcome.pages += done.pages
        outcome.duplicates += done.duplicates
        outcome.rejected += done.rejected
    recognised = first.found if first.unchanged or first.only_values else None
    outcome.instances_seen = recognised.instances if recognised else spool.count()
    return Walks(first, second)


def _compare(context: RunContext, spool: Spool, *, only_seen: bool = False) -> None:
    """Compare the spool with the database, in a read transaction that ends before the next request to the API.

    With `only_seen`, only the instances in the spool are read from the database. The rest is assumed to be unchanged.
    """
    with database.reading(context.engine) as connection:
        only = spool.seen_ids() if only_seen else None
        spool.learn(reconcile.stream_known(connection, context.account.name, only))


def _apply_difference(
    connection: Connection, context: RunContext, stamp: RunStamp, spool: Spool, first: WalkResult
) -> Applied:
    """Write the difference between the spool and the database, and add the events to the counts of the outcome."""
    complete, outcome = first.complete, context.outcome
    brake = complete and brake_applies(connection, context.account, context.settings, spool)
    in_bulk = not stamp.ignored
    wrote = False
    absent = Absent.after(complete=complete, brake=brake)
    for step in reconcile.plan(connection, stamp, spool, absent, newcomers=not in_bulk):
        reconcile.apply(connection, stamp, step, outcome.counts)
        wrote = wrote or bool(step.new or step.written)
        outcome.settled += settled_ids(stamp, step)
        spool.keep_changes(step.changes)
        del step  # free it before the next step is made: the rows of a step take 6 kB for each instance
    missing = reconcile.find_missing(connection, stamp.account)
    outcome.missing = len(missing)
    with ThreadPoolExecutor(1, thread_name_prefix="digest") as thread:  # hashes while the database inserts
        in_spool = complete and not missing and not first.only_values
        digest = thread.submit(spool.fleet_digest) if in_spool else None
        changes = thread.submit(reconcile.changes_root, stamp, spool, newcomers=in_bulk)
        if in_bulk:
            new = reconcile.insert_newcomers(connection, stamp, spool)
            outcome.counts["appeared"] += new
            wrote = wrote or new > 0
    fleet_digest = digest.result() if digest else None
    if first.only_values and not missing:
        fleet_digest = reconcile.fleet_digest(connection, stamp.account)
    last_complete = stamp.run_id if complete else stamp.last_complete_run_id
    unsettled = missing_digest(connection, stamp.account, last_complete)
    return Applied(wrote, sum(missing.values()), fleet_digest, changes.result(), unsettled)


@contextlib.contextmanager
def _fenced_transaction(context: RunContext, run: Run, spool: Spool) -> Iterator[tuple[Connection, dict[str, Any]]]:
    """Open the transaction that applies a run; yield its connection and the account's row, which is locked.

    Raise LeaseLost if another process has taken the lease over, DatabaseError if the database fails.
    """
    if run.lease.lost.is_set():
        logger.warning("the lease was lost during the walk", account=run.account)
    kept = "nothing of this run was applied"
    with database.writing(context.engine, idle_limit=run.lease.seconds, kept=kept, file=spool.file) as connection:
        yield connection, fence(connection, run.lease)


def _set_status(outcome: Outcome, walks: Walks, *, held: int, dry: bool = False) -> None:
    second = walks.second.error if walks.second else None
    outcome.set_applied(walks.first.error, second, held=held, dry=dry)


def _fail_run(context: RunContext, run: Run, error: InventoryError) -> None:
    """Record in the outcome why nothing was applied. Unless the lease is lost, close the run's row with the error."""
    context.outcome.set_failed(error)
    if not isinstance(error, LeaseLost):
        runs.fail_run(context.engine, run, context.options.clock, **context.outcome.columns())


def _account_columns(run: Run, walks: Walks, applied: Applied, spool: Spool) -> dict[str, Any]:
    """Return what a run writes into `accounts` after it compared its list with the database, by column name.

    After a complete walk, this is `last_complete_run_id` and `walk_digest`. `walk_digest` is None if the next run
    must compare its list with the database, even if that list is the same. After an incomplete walk, the only column is
    `walk_digest`, with the value None; if such a run wrote nothing into the history, the dict is empty.
    """
    if not walks.first.complete:
        return {"walk_digest": None} if applied.wrote else {}
    # If the first list lacked an instance, the next run must check that instance again, even if the list is the same.
    second_is_first = walks.second is None or walks.second.unchanged
    repeatable = applied.fleet_digest is not None and second_is_first and not spool.ids_by_walk[BY_ID]
    found = walks.first.found if repeatable else None
    return {"last_complete_run_id": run.run_id, "walk_digest": found and _walk_digest(found, spool)}


def _walk_digest(found: ExpectedList, spool: Spool) -> str:
    """Return the fingerprint of a list as text, for `accounts.walk_digest`.

    The next run recognises an unchanged list by this text. The text contains this program's version and the setting
    `ignore_changes`. If either changes, no list is recognised.
    """
    *counts, parts = found
    digests = ",".join(f"{pages}.{ids}" for pages, ids in parts)
    return " ".join(map(str, (*counts, digests, __version__, spool.ignored)))


def _expected_list(run: Run, spool: Spool) -> ExpectedList | None:
    """Parse `Run.walk_digest`, the fingerprint of the last complete run's list.

    By this fingerprint the walk recognises an unchanged list. Return None if there is no fingerprint, or if it was
    written by another version of the program or under another `ignore_changes`. Then the run compares its list with the
    database.
    """
    if run.walk_digest is None:
        return None
    digest, pages, instances, duplicates, digests, *rest = run.walk_digest.split(" ", 6)
    if rest != [__version__, spool.ignored]:
        return None
    parts = tuple(Part(*each.split(".")) for each in digests.split(",") if each)
    return ExpectedList(digest, int(pages), int(instances), int(duplicates), parts)
