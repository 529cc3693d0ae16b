"""The charts and filters of the two Grafana dashboards, and the alert rules.

All SQL is for PostgreSQL. The SQL of the charts uses variables and macros of Grafana; the SQL of the filters and alert
rules uses none. The dashboard "Fleet" shows the fleet, now and over time. The dashboard "Audit" shows who did what, and
how much of the time is known.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["stat", "table", "timeseries", "barchart", "histogram"]

NOT_GIVEN = "'(not given)'"

ACCOUNT = "account IN (${account:sqlstring})"
"""The SQL condition for rows of the accounts that the reader of the dashboard chose."""

ACTIVE = "account IN (SELECT account FROM accounts WHERE retired_at IS NULL)"
"""The SQL condition for rows of the accounts that are not retired."""

KNOWN_SINCE = (
    "coalesce(last_complete_at, (SELECT created_at FROM accounts AS a WHERE a.account = sync_freshness.account))"
)
"""The SQL expression for the time of an account's last complete run, for queries of `sync_freshness`.

If no run was complete, its value is the time at which the account was added to the database.
"""

CREATOR = f"coalesce(creator_user_nickname, {NOT_GIVEN}) IN (${{creator:sqlstring}})"
"""The SQL condition for rows of the creators that the reader of the dashboard chose."""

TYPE_AND_REGION = (
    f"coalesce(instance_type, {NOT_GIVEN}) IN (${{type:sqlstring}}) "
    f"AND coalesce(region, {NOT_GIVEN}) IN (${{region:sqlstring}})"
)
"""The SQL condition for rows of the types and regions that the reader of the dashboard chose."""

CHOSEN = f"{ACCOUNT} AND {CREATOR} AND {TYPE_AND_REGION}"
"""The SQL condition for rows whose account, creator, type and region were all chosen."""


@dataclass(frozen=True)
class Chart:
    """One chart of a Grafana dashboard: its SQL, and how it is drawn.

    The SQL of a time series returns rows in one of two forms:

    - `time`, and a column with a value for each line.
    - `time`, `metric` (the name of a line), and the value for this line.

    `width` is in 24ths of the page, `height` in rows of 30 pixels. `unit` is Grafana's name of a unit.
    """

    title: str
    description: str
    kind: Kind
    sql: str
    unit: str = "short"
    width: int = 12
    height: int = 8
    stacked: bool = False


@dataclass(frozen=True)
class Filter:
    """A filter of a dashboard: the variable `name`, its `label` on the page, and the SQL that returns its values."""

    name: str
    label: str
    sql: str


def _values(column: str) -> str:
    return f"SELECT DISTINCT coalesce({column}, {NOT_GIVEN}) FROM instance_versions ORDER BY 1"


FILTERS = (
    Filter("account", "Account", "SELECT account FROM accounts ORDER BY account"),
    Filter("creator", "Creator", _values("creator_user_nickname")),
    Filter("type", "Type", _values("instance_type")),
    Filter("region", "Region", _values("region")),
)

FLEET = (
    Chart(
        "Machines now", "Live as of the last run, in accounts in use.", "stat",
        f"SELECT count(*) AS machines FROM live_instances WHERE presence = 'live' AND {ACTIVE} AND {CHOSEN}",
        width=6, height=4,
    ),
    Chart(
        "GPUs now", "GPUs of the live machines, as far as their types say.", "stat",
        "SELECT coalesce(sum(gpu_count), 0) AS gpus FROM live_instances "
        f"WHERE presence = 'live' AND {ACTIVE} AND {CHOSEN}",
        width=6, height=4,
    ),
    Chart(
        "Missing", "Absent from the last complete list, and not yet vanished: not proven gone, or held.", "stat",
        f"SELECT count(*) AS missing FROM live_instances WHERE presence = 'missing' AND {ACTIVE} AND {CHOSEN}",
        width=6, height=4,
    ),
    Chart(
        "Age of the record", "Seconds since the last complete run, for the account in use that waited longest.", "stat",
        f"SELECT max(extract(epoch FROM now() - {KNOWN_SINCE})) AS seconds "
        f"FROM sync_freshness WHERE {ACCOUNT} AND {ACTIVE}",
        unit="s", width=6, height=4,
    ),
    Chart(
        "Machines by day and type",
        "Machines that were there at some time of the day, of all creators. One that changed its type or region counts "
        "under each, so the sum is no head count.",
        "timeseries",
        f"SELECT day::timestamp AS time, coalesce(instance_type, {NOT_GIVEN}) AS metric, sum(instances) AS machines "
        f"FROM fleet_daily WHERE $__timeFilter(day) AND {ACCOUNT} AND {TYPE_AND_REGION} GROUP BY 1, 2 ORDER BY 1, 2",
    ),
    Chart(
        "GPU hours by day and region", "At least, of all creators.", "timeseries",
        f"SELECT day::timestamp AS time, coalesce(region, {NOT_GIVEN}) AS metric, sum(gpu_hours) AS gpu_hours "
        f"FROM fleet_daily WHERE $__timeFilter(day) AND {ACCOUNT} AND {TYPE_AND_REGION} GROUP BY 1, 2 ORDER BY 1, 2",
        unit="h", stacked=True,
    ),
    Chart(
        "GPU hours by creator", "At least, over the whole lives of the machines that were there in the period.",
        "barchart",
        f"SELECT coalesce(creator_user_nickname, {NOT_GIVEN}) AS creator, sum(gpu_hours_low) AS gpu_hours "
        "FROM instance_episodes WHERE appeared_at <= $__timeTo() "
        f"AND (vanished_at IS NULL OR vanished_at > $__timeFrom()) AND {CHOSEN} "
        "GROUP BY 1 ORDER BY 2 DESC NULLS LAST LIMIT 25",
        unit="h",
    ),
    Chart(
        "Lifetimes", "Hours at least, of machines that vanished in the period.", "histogram",
        f"SELECT hours_low FROM instance_episodes WHERE $__timeFilter(vanished_at) AND {CHOSEN} ORDER BY hours_low",
        unit="h",
    ),
    Chart(
        "Churn by run", "What each complete run found, of all creators, types and regions.", "timeseries",
        "SELECT started_at AS time, sum(appeared) AS appeared, sum(changed) AS changed, sum(reappeared) AS reappeared, "
        f"sum(vanished) AS vanished FROM sync_runs WHERE $__timeFilter(started_at) AND complete AND {ACCOUNT} "
        "GROUP BY 1 ORDER BY 1",
    ),
    Chart(
        "Freshness", "The state of the record of each account in use.", "table",
        "SELECT account, last_complete_at, last_status, failures_since_complete, live_instances, missing_instances "
        f"FROM sync_freshness WHERE {ACCOUNT} AND {ACTIVE} ORDER BY account",
    ),
    Chart(
        "Gaps", "When nobody could know the fleet.", "table",
        f"SELECT account, gap_start, gap_end, seconds / 3600.0 AS hours, failed_runs FROM sync_gaps WHERE {ACCOUNT} "
        "AND gap_start <= $__timeTo() AND (gap_end IS NULL OR gap_end > $__timeFrom()) ORDER BY gap_start",
        width=24,
    ),
)  # fmt: skip
"""The charts of the dashboard "Fleet"."""

AUDIT = (
    Chart(
        "Observed share", "How much of the period's days is known, for the account with the lowest share.", "stat",
        "SELECT min(share) AS share FROM (SELECT account, avg(share) AS share FROM observation_daily "
        f"WHERE $__timeFilter(day) AND {ACCOUNT} GROUP BY account) AS accounts",
        unit="percentunit", width=6,
    ),
    Chart(
        "Observed share by day", "How much of each day lies between complete runs, without the gaps.", "timeseries",
        "SELECT day::timestamp AS time, account AS metric, share FROM observation_daily "
        f"WHERE $__timeFilter(day) AND {ACCOUNT} ORDER BY 1, 2",
        unit="percentunit", width=18,
    ),
    Chart(
        "Longest gaps", "When nobody could know the fleet.", "table",
        f"SELECT account, gap_start, gap_end, seconds / 3600.0 AS hours, failed_runs FROM sync_gaps WHERE {ACCOUNT} "
        "AND gap_start <= $__timeTo() AND (gap_end IS NULL OR gap_end > $__timeFrom()) ORDER BY seconds DESC LIMIT 25",
    ),
    Chart(
        "Acts of operators", "What people did to the record, and why. The actor is self-declared.", "table",
        "SELECT occurred_at, account, action, actor, reason, details FROM operator_actions "
        f"WHERE $__timeFilter(occurred_at) AND {ACCOUNT} ORDER BY occurred_at DESC, action_id DESC",
    ),
    Chart(
        "Creations by creator", "How many machines appeared or came back.", "barchart",
        f"SELECT coalesce(creator_user_nickname, {NOT_GIVEN}) AS creator, count(*) AS machines FROM instance_events "
        f"WHERE event IN ('appeared', 'reappeared') AND $__timeFilter(occurred_at) AND {CHOSEN} "
        "GROUP BY 1 ORDER BY 2 DESC LIMIT 25",
    ),
    Chart(
        "Who created what", "Every machine that appeared or came back; the newest 1,000.", "table",
        "SELECT occurred_at, account, instance_id, event, creator_user_nickname, instance_type, region "
        f"FROM instance_events WHERE event IN ('appeared', 'reappeared') AND $__timeFilter(occurred_at) AND {CHOSEN} "
        "ORDER BY occurred_at DESC, instance_id LIMIT 1000",
    ),
    Chart(
        "Changes", "Every field that changed; the newest 1,000, of all creators, types and regions.", "table",
        "SELECT changed_at, account, instance_id, field, old_value, new_value FROM instance_field_changes "
        f"WHERE $__timeFilter(changed_at) AND {ACCOUNT} ORDER BY changed_at DESC, instance_id, field LIMIT 1000",
    ),
    Chart(
        "Disappearances", "Between which two times each machine went; the newest 1,000.", "table",
        "SELECT last_seen_at, vanished_at, account, instance_id, creator_user_nickname, instance_type, region, "
        f"hours_low FROM instance_episodes WHERE $__timeFilter(vanished_at) AND {CHOSEN} "
        "ORDER BY vanished_at DESC, instance_id LIMIT 1000",
    ),
)  # fmt: skip
"""The charts of the dashboard "Audit"."""


@dataclass(frozen=True)
class Alert:
    """An alert rule. Its SQL returns rows (account, number); the alert fires if a number is greater than `above`."""

    uid: str
    title: str
    summary: str
    sql: str
    above: float


ALERTS = (
    Alert(
        "inventory-stale", "The record is old", "No complete run for more than 25 hours.",
        f"SELECT account, extract(epoch FROM now() - {KNOWN_SINCE}) / 3600.0 AS hours "
        f"FROM sync_freshness WHERE {ACTIVE}",
        above=25,
    ),
    Alert(
        "inventory-failing", "Runs fail", "Three runs in a row were not complete.",
        f"SELECT account, failures_since_complete AS failures FROM sync_freshness WHERE {ACTIVE}", above=2,
    ),
    Alert(
        "inventory-missing", "Machines are missing",
        "Absent, and either held or not proven gone: `inventory missing` lists them.",
        f"SELECT account, missing_instances AS missing FROM sync_freshness WHERE {ACTIVE}", above=0,
    ),
    Alert(
        "inventory-observed", "Yesterday is not wholly known", "More than a tenth of yesterday lies in gaps.",
        # gap_end is null if the gap has not ended; least() ignores a null
        "SELECT account, sum(extract(epoch FROM least(gap_end, midnight) "
        "- greatest(gap_start, midnight - interval '24 hours'))) / 86400.0 AS unknown "
        "FROM sync_gaps CROSS JOIN (SELECT date_trunc('day', now(), 'UTC') AS midnight) AS today "
        "WHERE gap_start < midnight AND (gap_end IS NULL OR gap_end > midnight - interval '24 hours') "
        f"AND {ACTIVE} GROUP BY account",
        above=0.1,
    ),
)  # fmt: skip
