-- The time between two neighbouring complete runs is observed unless it is a gap: each such time is shared out among its
-- days. Days on which nothing was observed have rows too, up to today: what is not known must count.
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
        ON calendar.day >= CAST(begun.first_at AT TIME ZONE 'UTC' AS date)
        AND calendar.day <= CAST(coalesce(a.retired_at, statement_timestamp()) AT TIME ZONE 'UTC' AS date)
    WHERE a.pruned_before IS NULL OR calendar.day >= a.pruned_before AT TIME ZONE 'UTC'
),

gaps AS MATERIALIZED (
    SELECT account, gap_end
    FROM sync_gaps
    WHERE gap_end IS NOT NULL
),

spans AS (
    SELECT
        r.account, r.previous_complete_at AT TIME ZONE 'UTC' AS since, r.started_at AT TIME ZONE 'UTC' AS until,
        gaps.account IS NULL AS observed
    FROM sync_runs AS r
    LEFT JOIN gaps ON gaps.account = r.account AND gaps.gap_end = r.started_at
    WHERE r.complete AND r.previous_complete_at IS NOT NULL
),

parts AS (
    SELECT
        calendar.day, spans.account,
        sum(
            CASE
                WHEN spans.observed
                    THEN extract(
                        EPOCH FROM least(spans.until, calendar.day + interval '1 day')
                        - greatest(spans.since, calendar.day)
                    )
                ELSE 0
            END
        ) AS seconds,
        max(extract(EPOCH FROM spans.until - spans.since)) AS longest
    FROM spans
    JOIN calendar
        ON calendar.day >= CAST(spans.since AS date)
        AND calendar.day <= CAST(spans.until - interval '1 microsecond' AS date)
    GROUP BY calendar.day, spans.account
),

runs AS (
    SELECT
        CAST(started_at AT TIME ZONE 'UTC' AS date) AS day, account,
        count(CASE WHEN complete THEN 1 END) AS complete,
        count(CASE WHEN NOT complete THEN 1 END) AS failed
    FROM sync_runs
    WHERE status <> 'running'
    GROUP BY 1, 2
)

SELECT
    days.day, days.account,
    CAST(coalesce(parts.seconds, 0) AS double precision) AS observed_seconds,
    CAST(coalesce(parts.seconds, 0) / 86400 AS double precision) AS share,
    CAST(parts.longest AS double precision) AS longest_interval_seconds,
    CAST(coalesce(runs.complete, 0) AS integer) AS complete_runs,
    CAST(coalesce(runs.failed, 0) AS integer) AS failed_runs
FROM days
LEFT JOIN parts ON parts.day = days.day AND parts.account = days.account
LEFT JOIN runs ON runs.day = days.day AND runs.account = days.account
