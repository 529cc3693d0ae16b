-- A stretch is the time in an episode in which type and region stayed the same: its hours belong to that type and region.
-- Only versions that may begin a stretch are read, and those that end an episode: each from its partial index. `moved` may
-- be true of a version that begins none, so each is compared with the one before.
-- Most episodes are one stretch. The last one ends when the instance was last seen, which is found as in `instances`. Any
-- other ends when the next one starts, whose day it has no part in where that is midnight.
-- Not stretch by day, but edge by edge: a stretch adds one to its group on its first day and takes it away after its last,
-- so that the work grows with the number of stretches and not with their length. A span is the time between two edges of a
-- group; on each of its days a stretch has 24 hours, less what its first and last day lack (`lost`, in microseconds,
-- which add up exactly). An instance that returns to a group on the day on which it left it counts as one on that day.
-- Sums are windows, not a GROUP BY: SQLite passes a condition on the account through a window that is partitioned by it, so
-- that it reaches an index.
-- CAST, because SQLite from 3.41 on drops the first arm's type where another arm's column has none.
CREATE VIEW fleet_daily AS
WITH versions AS (
    SELECT
        account, instance_id, episode, instance_type, region, gpu_count, valid_from, opened_as,
        lag(instance_type) OVER by_time AS type_before,
        lag(region) OVER by_time AS region_before
    FROM instance_versions
    WHERE opened_as <> 'changed' OR moved
    WINDOW by_time AS (PARTITION BY account, instance_id ORDER BY valid_from)
),

starts AS (
    SELECT
        account, instance_id, episode, instance_type, region, gpu_count, valid_from,
        lead(valid_from) OVER (PARTITION BY account, instance_id, episode ORDER BY valid_from) AS next_from
    FROM versions
    WHERE opened_as <> 'changed' OR instance_type IS NOT type_before OR region IS NOT region_before
),

stretches AS (
    SELECT
        starts.account, starts.instance_id, starts.instance_type, starts.region, starts.gpu_count, starts.valid_from,
        coalesce(starts.next_from, ended.last_seen_at, seen.started_at) AS until,
        date(substr(starts.valid_from, 1, 10)) AS first_day,
        CASE
            WHEN starts.next_from LIKE '% 00:00:00.000000' THEN date(substr(starts.next_from, 1, 10), '-1 day')
            ELSE date(substr(coalesce(starts.next_from, ended.last_seen_at, seen.started_at), 1, 10))
        END AS last_day
    FROM starts
    LEFT JOIN instance_versions AS ended
        ON ended.account = starts.account AND ended.instance_id = starts.instance_id AND ended.episode = starts.episode
        AND ended.closed_as = 'vanished'
    LEFT JOIN instance_state AS s
        ON ended.account IS NULL AND s.account = starts.account AND s.instance_id = starts.instance_id
    LEFT JOIN accounts AS a ON a.account = s.account
    LEFT JOIN sync_runs AS seen ON seen.run_id = CASE
        WHEN s.presence = 'live' AND a.last_complete_run_id > s.seen_run_id THEN a.last_complete_run_id
        ELSE s.seen_run_id
    END
),

ordered AS (
    SELECT
        account, instance_type, region, gpu_count, valid_from, until, first_day, last_day,
        lag(last_day) OVER (
            PARTITION BY account, instance_id, instance_type, region ORDER BY valid_from
        ) AS previous_last_day
    FROM stretches
),

edges AS (
    SELECT
        account, instance_type, region, gpu_count,
        CASE edge.column1
            WHEN 1 THEN first_day
            WHEN 2 THEN date(first_day, '+1 day')
            WHEN 3 THEN last_day
            WHEN 4 THEN date(last_day, '+1 day')
        END AS day,
        CASE edge.column1 WHEN 1 THEN 1 WHEN 4 THEN -1 ELSE 0 END AS stretches,
        CASE edge.column1
            WHEN 1 THEN CASE WHEN previous_last_day = first_day THEN 0 ELSE 1 END
            WHEN 2 THEN 1
            WHEN 3 THEN 0
            WHEN 4 THEN -1
        END AS instances,
        CASE edge.column1
            WHEN 1 THEN unixepoch(substr(valid_from, 1, 19)) % 86400 * 1000000 + substr(valid_from, 21)
            WHEN 3 THEN (unixepoch(last_day) + 86400 - unixepoch(substr(until, 1, 19))) * 1000000 - substr(until, 21)
            ELSE 0
        END AS lost
    FROM ordered
    CROSS JOIN (VALUES (1), (2), (3), (4)) AS edge
    WHERE edge.column1 <> 2 OR previous_last_day = first_day
),

days AS (
    SELECT
        account, instance_type, region, gpu_count, day,
        row_number() OVER of_day AS number,
        sum(lost) OVER of_day AS lost,
        sum(stretches) OVER of_day AS stretches,
        sum(instances) OVER of_day AS instances
    FROM edges
    WINDOW of_day AS (
        PARTITION BY account, instance_type, region, gpu_count, day
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    )
),

spans AS (
    SELECT
        account, instance_type, region, gpu_count, day, lost,
        sum(stretches) OVER span AS stretches,
        sum(instances) OVER span AS instances,
        lead(day) OVER span AS until
    FROM days
    WHERE number = 1
    WINDOW span AS (PARTITION BY account, instance_type, region, gpu_count ORDER BY day)
)

SELECT
    calendar.day, typed.label AS account, typed.label AS instance_type, typed.label AS region,
    typed.count AS instances, typed.hours, typed.hours AS gpu_hours
FROM calendar, typed
WHERE false
UNION ALL
SELECT
    calendar.day, spans.account, spans.instance_type, spans.region,
    CAST(spans.instances AS INTEGER),
    (86400000000 * spans.stretches - CASE WHEN calendar.day = spans.day THEN spans.lost ELSE 0 END) / 3.6e9,
    (86400000000 * spans.stretches - CASE WHEN calendar.day = spans.day THEN spans.lost ELSE 0 END)
    * spans.gpu_count / 3.6e9
FROM spans
JOIN calendar ON calendar.day >= spans.day AND calendar.day < spans.until
WHERE spans.stretches > 0
