-- Not episode by day, but edge by edge: an episode adds one to its group on its first day and takes it away after its last,
-- so that the work grows with the number of episodes and not with their length. A span is the time between two edges of a
-- group; on each of its days an episode has 24 hours, less what its first and last day lack (`lost`, in microseconds,
-- which add up exactly). An instance that returns on the day on which it vanished counts as one on that day.
CREATE VIEW fleet_daily AS
WITH episodes AS (
    SELECT
        account, instance_type, region, gpu_count, appeared_at, last_seen_at,
        CAST(appeared_at AT TIME ZONE 'UTC' AS date) AS first_day,
        CAST(last_seen_at AT TIME ZONE 'UTC' AS date) AS last_day,
        lag(CAST(last_seen_at AT TIME ZONE 'UTC' AS date)) OVER (
            PARTITION BY account, instance_id, instance_type, region ORDER BY episode
        ) AS previous_last_day
    FROM instance_episodes
),

edges AS (
    SELECT
        account, instance_type, region, gpu_count, first_day AS day, 1 AS episodes,
        CASE WHEN previous_last_day = first_day THEN 0 ELSE 1 END AS instances,
        CAST(extract(EPOCH FROM (appeared_at AT TIME ZONE 'UTC') - first_day) * 1000000 AS bigint) AS lost
    FROM episodes
    UNION ALL
    SELECT account, instance_type, region, gpu_count, first_day + 1, 0, 1, 0
    FROM episodes
    WHERE previous_last_day = first_day
    UNION ALL
    SELECT
        account, instance_type, region, gpu_count, last_day, 0, 0,
        CAST(extract(EPOCH FROM (last_day + 1) - (last_seen_at AT TIME ZONE 'UTC')) * 1000000 AS bigint)
    FROM episodes
    UNION ALL
    SELECT account, instance_type, region, gpu_count, last_day + 1, -1, -1, 0
    FROM episodes
),

spans AS (
    SELECT
        account, instance_type, region, gpu_count, day, sum(lost) AS lost,
        sum(sum(episodes)) OVER span AS episodes,
        sum(sum(instances)) OVER span AS instances,
        lead(day) OVER span AS until
    FROM edges
    GROUP BY account, instance_type, region, gpu_count, day
    WINDOW span AS (PARTITION BY account, instance_type, region, gpu_count ORDER BY day)
)

SELECT
    calendar.day, spans.account, spans.instance_type, spans.region, CAST(spans.instances AS integer) AS instances,
    CAST(
        86400000000 * spans.episodes - CASE WHEN calendar.day = spans.day THEN spans.lost ELSE 0 END
        AS double precision
    ) / 3600000000 AS hours,
    CAST(
        86400000000 * spans.episodes - CASE WHEN calendar.day = spans.day THEN spans.lost ELSE 0 END
        AS double precision
    ) * spans.gpu_count / 3600000000 AS gpu_hours
FROM spans
JOIN calendar ON calendar.day >= spans.day AND calendar.day < spans.until
WHERE spans.episodes > 0
