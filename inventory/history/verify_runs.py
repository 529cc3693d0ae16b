"""Check the runs of an account: their order, their status, and their counts of events."""

from typing import Any

from inventory.history.account_check import AccountCheck, CheckedRun, format_time
from inventory.store.tables import EVENTS, instance_versions, sync_runs

_COMPLETE = ("succeeded", "held")
"""The statuses of complete runs."""


def check_runs(check: AccountCheck, last_complete_run_id: Any) -> None:
    """Check each run by itself and against the runs before it, and store all runs in `check`.

    `last_complete_run_id` is the value in the account's row. It is checked too.
    """
    names = ("run_id", "status", "complete", "missing", "fleet_digest", "started_at", "previous_complete_at")
    checked = (*names, *EVENTS)
    others = (column.name for column in sync_runs.c if column.name not in checked)
    before: CheckedRun | None = None
    is_running = False  # whether the run before was still running
    last_id: Any = None  # of the last complete run
    last_at: Any = None  # of the last complete run
    for row in check.rows(sync_runs, (*checked, *others), sync_runs.c.run_id, kind="run"):
        run_id, status, complete, missing, digest, at, previous, *counts = row[: len(checked)]
        ignored = frozenset(filter(None, (row.ignore_changes or "").split(",")))
        run = check.runs[run_id] = CheckedRun(at, previous, bool(complete), ignored, tuple(counts))
        breaches = {
            "its id is below 1, which no run can have": run_id < 1,
            "it began while the run before it was still running": is_running,
            "it did not start after the run before it": before is not None and at <= before.started_at,
            f"its status is {status}, but complete says otherwise": run.complete != (status in _COMPLETE),
            f"its previous_complete_at is {format_time(previous)}, the last complete run before it started at "
            f"{format_time(last_at)}": previous != last_at
            and not (check.may_be_pruned(previous) and (last_at is None or last_at < previous)),
            "it was complete and left nothing missing, but has no digest": run.complete
            and missing == 0
            and digest is None
            and not check.may_be_pruned(at),
            "it has a digest, but was not complete or left some missing": digest is not None
            and (missing != 0 or not run.complete),
        }
        for what in (what for what, is_so in breaches.items() if is_so):
            check.report("run", run_id, None, what)
        before, is_running = run, status == "running"
        if run.complete:
            last_id, last_at = run_id, at
    if last_complete_run_id != last_id:
        what = f"its last complete run is {last_id}, but last_complete_run_id says {last_complete_run_id}"
        check.report("account", last_complete_run_id, None, what)
    check.findings.runs += len(check.runs)
    check.start_times = {run.started_at for run in check.runs.values()}


def check_counts(check: AccountCheck) -> None:
    """Check the counts in each run's row against the versions that the run opened or closed.

    `check_instances` has counted these versions in `check.events`.
    """
    for run_id, run in check.runs.items():
        for event, counted in zip(EVENTS, run.counts, strict=True):
            found = check.events.pop((run_id, event), 0)
            # `prune` may fold versions that the run opened, but it keeps each end of an episode. The log protects the
            # counts that are not compared here.
            if found == counted or (event != "vanished" and check.may_be_pruned(run.started_at)):
                continue
            by, as_ = ("closed_by_run_id", "closed_as") if event == "vanished" else ("opened_by_run_id", "opened_as")
            own = (instance_versions.c[by] == run_id, instance_versions.c[as_] == event)
            only, names = check.find_suspects(*own) if found > counted else (None, "")
            what = f"it counts {counted} {event}, the history has {found}"
            check.report("run", run_id, only, what + (f": {names}" if names else ""))
