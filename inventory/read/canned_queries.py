"""Ready-made queries about the fleet's history for Datasette, in SQL for SQLite.

In the queries `events`, `changes` and `created`, an empty parameter does not limit the rows. Two queries about the
present fleet include retired accounts: `top-creators`, and `fleet-at` if no time is given. The other queries about the
present fleet leave them out, because the instances of a retired account stay as its last run left them.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """A ready-made query. Its page shows `title` and `meaning`, and `name` is part of the page's address."""

    name: str
    title: str
    meaning: str
    sql: str

    @property
    def parameters(self) -> tuple[str, ...]:
        """Return the names of the query's parameters, in the order in which they first occur."""
        return tuple(dict.fromkeys(re.findall(r"(?<!:):(\w+)", self.sql)))


QUESTIONS = (
    Question(
        "fleet-now",
        "The fleet now",
        "Every instance that is there, the newest first; missing: absent, and not yet proven gone, or held.",
        """SELECT instance_id, instance_type, gpu_count, region, status, presence, creator_user_nickname, first_seen_at
FROM live_instances
WHERE account IN (SELECT account FROM accounts WHERE retired_at IS NULL)
ORDER BY first_seen_at DESC, instance_id""",
    ),
    Question(
        "fleet-at",
        "The fleet at a time",
        "As it was at a time (UTC) such as 2026-03-06 22:00, each field as it then was. Empty: as last seen.",
        # `given` converts :at to the form of the stored times, UTC with six decimals; %f alone gives only three. SQLite
        # takes no offset without minutes, such as +00. The modifier '+0 days' turns 24:00 into 00:00 of the next day
        """WITH given(at) AS (
    SELECT CASE WHEN :at LIKE '%.%'
           THEN strftime('%Y-%m-%d %H:%M:%S.', substr(:at, 1, 19) || utc_offset || minutes, '+0 days')
                || substr(replace(substr(:at, 21), utc_offset, '') || '000000', 1, 6)
           ELSE strftime('%Y-%m-%d %H:%M:%f000', :at || minutes, '+0 days') END
    FROM (
        SELECT utc_offset, CASE WHEN utc_offset GLOB '[+-][0-9][0-9]' THEN ':00' ELSE '' END AS minutes
        FROM (SELECT ltrim(substr(:at, 17), ':.0123456789') AS utc_offset)
    )
)
SELECT account, instance_id, instance_type, gpu_count, region, status, creator_user_nickname, valid_from
FROM instance_versions, given
WHERE (:at = '' AND valid_to IS NULL) OR (valid_from <= at AND (valid_to IS NULL OR valid_to > at))
ORDER BY account, instance_id""",
    ),
    Question(
        "gpus-by-creator",
        "Who has how many GPUs now",
        "Instances and GPUs that are live, by creator.",
        """SELECT creator_user_nickname, count(*) AS instances, sum(gpu_count) AS gpus
FROM live_instances
WHERE presence = 'live' AND account IN (SELECT account FROM accounts WHERE retired_at IS NULL)
GROUP BY creator_user_nickname
ORDER BY gpus DESC""",
    ),
    Question(
        "gpus-by-type-and-region",
        "Where the GPUs are",
        "Instances and GPUs that are live, by type and region.",
        """SELECT instance_type, region, count(*) AS instances, sum(gpu_count) AS gpus
FROM live_instances
WHERE presence = 'live' AND account IN (SELECT account FROM accounts WHERE retired_at IS NULL)
GROUP BY instance_type, region
ORDER BY gpus DESC""",
    ),
    Question(
        "oldest",
        "The oldest machines that are still there",
        "Episodes that go on, the longest first, and at least how many GPU hours each used so far.",
        """SELECT instance_id, creator_user_nickname, instance_type, region, appeared_at, hours_low, gpu_hours_low
FROM instance_episodes
WHERE vanished_at IS NULL AND account IN (SELECT account FROM accounts WHERE retired_at IS NULL)
ORDER BY hours_low DESC
LIMIT 100""",
    ),
    Question(
        "events",
        "What happened last",
        "Events, the newest first; only those of one creator if it is given.",
        """SELECT occurred_at, event, instance_id, instance_type, region, status, creator_user_nickname
FROM instance_events
WHERE :creator = '' OR creator_user_nickname = :creator
ORDER BY occurred_at DESC, instance_id
LIMIT 200""",
    ),
    Question(
        "life",
        "The life of an instance",
        "When it was there, who created it, and for how many hours at least and at most.",
        """SELECT *
FROM instance_episodes
WHERE instance_id = :instance_id
ORDER BY account, episode""",
    ),
    Question(
        "changes",
        "What changed, field by field",
        "Each field's old and new value, the newest first; only those of one instance or field if it is given.",
        """SELECT changed_at, instance_id, field, old_value, new_value
FROM instance_field_changes
WHERE (:instance_id = '' OR instance_id = :instance_id)
  AND (:field = '' OR field = :field)
ORDER BY changed_at DESC, instance_id, field
LIMIT 200""",
    ),
    Question(
        "created",
        "Who created what",
        "Episodes by creator, the newest first; appeared_after is null if first seen up to the first complete run.",
        """SELECT creator_user_nickname, instance_id, instance_type, region, appeared_after, appeared_at, vanished_at,
       hours_low, gpu_hours_low
FROM instance_episodes
WHERE :creator = '' OR creator_user_nickname = :creator
ORDER BY appeared_at DESC, instance_id
LIMIT 1000""",
    ),
    Question(
        "top-creators",
        "Who used most",
        "Instances created, live now, and GPU hours at least, by creator; retired accounts are included.",
        """SELECT account, creator_user_nickname, instances_created, created_before_watch, live_now, hours_low,
       gpu_hours_low
FROM creators
ORDER BY gpu_hours_low DESC""",
    ),
    Question(
        "gpu-hours-by-day",
        "GPU hours by day",
        "GPU hours at least, by day (UTC) and type; an instance that changed its region that day counts twice.",
        """SELECT day, instance_type, sum(instances) AS instances, sum(gpu_hours) AS gpu_hours
FROM fleet_daily
GROUP BY day, instance_type
ORDER BY day DESC, instance_type""",
    ),
    Question(
        "gpu-hours-by-month",
        "GPU hours by month and region",
        "GPU hours at least, by month (its first day) and region.",
        """SELECT month, region, sum(gpu_hours) AS gpu_hours
FROM fleet_daily
JOIN calendar ON calendar.day = fleet_daily.day
GROUP BY month, region
ORDER BY month DESC, gpu_hours DESC""",
    ),
    Question(
        "vanished",
        "What vanished last",
        "The end of each instance lies between last_seen_at and vanished_at.",
        """SELECT vanished_at, last_seen_at, instance_id, instance_type, region, creator_user_nickname,
       hours_low, hours_high
FROM instance_episodes
WHERE vanished_at IS NOT NULL
ORDER BY vanished_at DESC, instance_id
LIMIT 200""",
    ),
    Question(
        "freshness",
        "How fresh the record is",
        "Each account's last complete run, and what failed since.",
        """SELECT *
FROM sync_freshness
ORDER BY account""",
    ),
    Question(
        "gaps",
        "When the record has holes",
        "Times in which nobody could know the fleet, the longest first; gap_end is null where it is still open.",
        """SELECT account, gap_start, gap_end, seconds / 3600 AS hours, failed_runs
FROM sync_gaps
ORDER BY seconds DESC""",
    ),
    Question(
        "operators",
        "What operators did, and why",
        "Disappearances accepted, history pruned, accounts renamed or retired; the actor is self-declared.",
        """SELECT occurred_at, account, action, actor, reason, details
FROM operator_actions
ORDER BY action_id DESC
LIMIT 200""",
    ),
    Question(
        "failed-runs",
        "Runs that did not succeed",
        "The newest first, with the fault in words.",
        """SELECT run_id, account, started_at, status, error_code, error
FROM sync_runs
WHERE status NOT IN ('succeeded', 'running')
ORDER BY run_id DESC
LIMIT 200""",
    ),
)
