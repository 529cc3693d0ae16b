-- The time between two neighbouring complete runs is observed unless it is a gap: each such time is shared out among its
-- days, in microseconds. Days on which nothing was observed have rows too, up to today: what is not known must count.
-- CROSS JOIN: SQLite would else go through the whole calendar for each of these times.
-- Of the days before `pruned_before` the runs are gone, so they have no row.
CREATE VIEW observation_daily AS
WITH begun AS (
    SELECT account, min(started_at) AS first_at
    FROM sync_runs
    WHERE complete
    GROUP BY account
),

days AS (
    SELECT calendar.day, a.account
    FROM accounts AS a
    JOIN begun ON begun.account = a.account
    JOIN calendar
        ON calendar.day >= substr(begun.first_at, 1, 10)
        AND calendar.day <= coalesce(substr(a.retired_at, 1, 10), date('now'))
    WHERE a.pruned_before IS NULL OR calendar.day || ' 00:00:00.000000' >= a.pruned_before
),

gaps AS MATERIALIZED (
    SELECT account, gap_end
    FROM sync_gaps
    WHERE gap_end IS NOT NULL
),

spans AS (
    SELECT
        r.account,
        unixepoch(substr(r.previous_complete_at, 1, 19)) * 1000000 + substr(r.previous_complete_at, 21) AS since,
        unixepoch(substr(r.started_at, 1, 19)) * 1000000 + substr(r.started_at, 21) AS until,
        gaps.account IS NULL AS observed
    FROM sync_runs AS r
    LEFT JOIN gaps ON gaps.account = r.account AND gaps.gap_end = r.started_at
    WHERE r.complete AND r.previous_complete_at IS NOT NULL
),

parts AS MATERIALIZED (
    SELECT
        calendar.day, spans.account,
        sum(
            CASE
                WHEN spans.observed
                    THEN min(spans.until, (unixepoch(calendar.day) + 86400) * 1000000)
                    - max(spans.since, unixepoch(calendar.day) * 1000000)
                ELSE 0
            END
        ) AS micros,
        max(spans.until - spans.since) AS longest
    FROM spans
    CROSS JOIN calendar
    WHERE calendar.day >= date(spans.since / 1000000, 'unixepoch')
        AND calendar.day <= date((spans.until - 1) / 1000000, 'unixepoch')
    GROUP BY calendar.day, spans.account
),

runs AS MATERIALIZED (
    SELECT
        substr(started_at, 1, 10) AS day, account,
        count(CASE WHEN complete THEN 1 END) AS complete,
        count(CASE WHEN NOT complete THEN 1 END) AS failed
    FROM sync_runs
    WHERE status <> 'running'
    GROUP BY 1, 2
)

SELECT
    calendar.day, typed.label AS account, typed.hours AS observed_seconds, typed.hours AS share,
    typed.hours AS longest_interval_seconds, typed.count AS complete_runs, typed.count AS failed_runs
FROM calendar, typed
WHERE false
UNION ALL
SELECT
    days.day, days.account,
    CAST(coalesce(parts.micros, 0) / 1e6 AS REAL),
    CAST(coalesce(parts.micros, 0) / 86400e6 AS REAL),
    CAST(parts.longest / 1e6 AS REAL),
    CAST(coalesce(runs.complete, 0) AS INTEGER),
    CAST(coalesce(runs.failed, 0) AS INTEGER)
FROM days
LEFT JOIN parts ON parts.day = days.day AND parts.account = days.account
LEFT JOIN runs ON runs.day = days.day AND runs.account = days.account
