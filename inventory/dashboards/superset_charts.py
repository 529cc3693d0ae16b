"""The datasets, metrics and charts of the two Superset dashboards. Each dataset is a table or view of the catalogue."""

from dataclasses import dataclass, field
from typing import Literal

from inventory.store.columns import GROWS_BY

Shape = Literal["number", "lines", "bars", "pie", "histogram", "table"]

TIME_COLUMNS = GROWS_BY | {"instances": "first_seen_at"}
"""A dict from the name of a dataset to its time column, by which its rows can be limited to a period.

Datasets without a time column are not in it: `creators` shows totals of all time, all others show the present. Charts
of the present show the machines of retired accounts too, because by default Superset allows no subquery in a filter.
"""

METRICS = {
    "live_instances": {
        "machines": ("COUNT(*)", "Machines that are live or missing."),
        "gpus": ("SUM(gpu_count)", "Their GPUs, as far as their types say."),
    },
    "instances": {"machines": ("COUNT(*)", "Machines ever seen.")},
    "instance_events": {"events": ("COUNT(*)", "What happened to machines.")},
    "instance_field_changes": {"changes": ("COUNT(*)", "Fields that changed.")},
    "instance_episodes": {
        "episodes": ("COUNT(*)", "Presences of machines."),
        "hours": ("SUM(hours_low)", "Their hours, at least."),
        "gpu_hours": ("SUM(gpu_hours_low)", "Their GPU hours, at least."),
        "mean_hours": ("AVG(hours_low)", "Their mean length in hours, at least."),
    },
    "creators": {
        "created": ("SUM(instances_created)", "Machines created."),
        "live": ("SUM(live_now)", "Machines that are live."),
        "gpu_hours": ("SUM(gpu_hours_low)", "GPU hours, at least."),
    },
    "fleet_daily": {
        "machines": ("SUM(instances)", "Machines there at some time of the day; one that moved counts in each group."),
        "hours": ("SUM(hours)", "Hours, at least."),
        "gpu_hours": ("SUM(gpu_hours)", "GPU hours, at least."),
    },
    "sync_freshness": {
        "live": ("SUM(live_instances)", "Live machines."),
        "missing": ("SUM(missing_instances)", "Machines that are absent, and either held or not proven gone."),
        "failures": ("SUM(failures_since_complete)", "Runs that were not complete, since the last complete one."),
    },
    "sync_runs": {
        "runs": ("COUNT(*)", "Attempts to sync."),
        "appeared": ("SUM(appeared)", "Machines that appeared."),
        "changed": ("SUM(changed)", "Machines that changed."),
        "reappeared": ("SUM(reappeared)", "Machines that came back."),
        "vanished": ("SUM(vanished)", "Machines that vanished."),
    },
    "sync_gaps": {
        "gaps": ("COUNT(*)", "Times in which nobody could know the fleet."),
        "hours": ("SUM(seconds) / 3600.0", "Their hours."),
    },
    "observation_daily": {"observed": ("AVG(share)", "Share of the days that is known.")},
    "operator_actions": {"acts": ("COUNT(*)", "Acts of people on the record.")},
}
"""A dict from the name of each dataset to its metrics, which are a dict from the name of a metric to (SQL, meaning)."""


@dataclass(frozen=True)
class SupersetChart:
    """One chart of a Superset dashboard. `width` is in twelfths of the page.

    `by` are the columns to group by. In a chart of lines or bars, the first of them is the x axis. In a histogram, the
    values of the first are counted. A table has no metrics, and shows the columns `by`. `order` names the column that
    sorts the rows of a table: `account` from A to Z, or a time from the newest to the oldest. `where` are pairs
    (column, values). Only rows that match every pair are used: their value in the column is one of the values.
    """

    title: str
    description: str
    shape: Shape
    dataset: str
    metrics: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    width: int = 6
    order: str | None = None
    where: tuple[tuple[str, tuple[str, ...]], ...] = field(default=())


LIVE = (("presence", ("live",)),)
CREATED = (("event", ("appeared", "reappeared")),)
GONE = (("event", ("vanished",)),)

FLEET = (
    SupersetChart(
        "Machines now", "Live as of each account's last run, retired accounts too.", "number", "live_instances",
        ("machines",), width=3, where=LIVE,
    ),
    SupersetChart(
        "GPUs now", "GPUs of the live machines, retired accounts too.", "number", "live_instances", ("gpus",), width=3,
        where=LIVE,
    ),
    SupersetChart(
        "Missing now", "Absent, and either held or not proven gone, retired accounts too.", "number", "sync_freshness",
        ("missing",), width=3,
    ),
    SupersetChart(
        "Failures now", "Runs that were not complete, since each account's last complete one.", "number",
        "sync_freshness", ("failures",), width=3,
    ),
    SupersetChart(
        "Machines by day", "Those that were there at some time of the day, by type; one that moved counts twice.",
        "lines", "fleet_daily", ("machines",), ("day", "instance_type"),
    ),
    SupersetChart(
        "GPU hours by day", "At least, by region.", "bars", "fleet_daily", ("gpu_hours",), ("day", "region"),
    ),
    SupersetChart(
        "GPU hours by creator", "At least, of presences that began in the period.", "bars", "instance_episodes",
        ("gpu_hours",), ("creator_user_nickname",),
    ),
    SupersetChart(
        "GPUs by type", "Of the live machines, retired accounts too.", "pie", "live_instances", ("gpus",),
        ("instance_type",), where=LIVE,
    ),
    SupersetChart(
        "Lifetimes", "Hours at least, of presences that began in the period.", "histogram", "instance_episodes", (),
        ("hours_low",),
    ),
    SupersetChart(
        "Churn by run", "What each run found.", "lines", "sync_runs", ("appeared", "changed", "reappeared", "vanished"),
        ("started_at",),
    ),
    SupersetChart(
        "Freshness", "The state of each account's record.", "table", "sync_freshness", (),
        ("account", "last_complete_at", "last_status", "failures_since_complete", "live_instances",
         "missing_instances"),
        order="account",
    ),
    SupersetChart(
        "Gaps", "When nobody could know the fleet.", "table", "sync_gaps", (),
        ("account", "gap_start", "gap_end", "seconds", "failed_runs"), order="gap_start",
    ),
)  # fmt: skip
"""The charts of the dashboard "Fleet"."""

AUDIT = (
    SupersetChart(
        "Observed share", "Of the days of the period.", "number", "observation_daily", ("observed",), width=3
    ),
    SupersetChart(
        "Observed share by day", "How much of each day is known.", "lines", "observation_daily", ("observed",),
        ("day", "account"), width=9,
    ),
    SupersetChart(
        "Creations by creator", "Machines that appeared or came back.", "bars", "instance_events", ("events",),
        ("creator_user_nickname", "event"), where=CREATED,
    ),
    SupersetChart(
        "Acts of operators", "What people did to the record, and why. The actor is self-declared.", "table",
        "operator_actions", (), ("occurred_at", "account", "action", "actor", "reason", "details"), order="occurred_at",
    ),
    SupersetChart(
        "Who created what", "Each machine that appeared or came back.", "table", "instance_events", (),
        ("occurred_at", "account", "instance_id", "event", "creator_user_nickname", "instance_type", "region"),
        order="occurred_at", width=12, where=CREATED,
    ),
    SupersetChart(
        "Changes", "Each field that changed.", "table", "instance_field_changes", (),
        ("changed_at", "account", "instance_id", "field", "old_value", "new_value"), order="changed_at",
    ),
    SupersetChart(
        "Disappearances", "Each machine that vanished, at the time that the record gives for its end.", "table",
        "instance_events", (), ("occurred_at", "account", "instance_id", "creator_user_nickname", "instance_type"),
        order="occurred_at", where=GONE,
    ),
    SupersetChart(
        "Presences", "From when to when each machine was there.", "table", "instance_episodes", (),
        ("appeared_at", "last_seen_at", "vanished_at", "account", "instance_id", "creator_user_nickname", "hours_low"),
        order="appeared_at", width=12,
    ),
)  # fmt: skip
"""The charts of the dashboard "Audit"."""

FILTERS = (
    ("Account", "account", "fleet_daily"),
    ("Creator", "creator_user_nickname", "instance_episodes"),
    ("Type", "instance_type", "fleet_daily"),
    ("Region", "region", "fleet_daily"),
)
"""The filters of each dashboard, besides the period: (title, column, dataset).

A filter offers the values that the column has in the dataset.
"""
