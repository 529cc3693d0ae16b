-- Not episode by day, but edge by edge: an episode adds one to its group on its first day and takes it away after its last,
-- so that the work grows with the number of episodes and not with their length. A span is the time between two edges of a
-- group; on each of its days an episode has 24 hours, less what its first and last day lack (`lost`, in microseconds,
-- which add up exactly). An instance that returns on the day on which it vanished counts as one on that day.
-- CAST, because SQLite from 3.41 on drops the first arm's type where another arm's column has none.
CREATE VIEW fleet_daily AS
WITH episodes AS (
    SELECT
        account, instance_type, region, gpu_count, appeared_at, last_seen_at,
        date(substr(appeared_at, 1, 10)) AS first_day,
        date(substr(last_seen_at, 1, 10)) AS last_day,
        lag(date(substr(last_seen_at, 1, 10))) OVER (
            PARTITION BY account, instance_id, instance_type, region ORDER BY episode
        ) AS previous_last_day
    FROM instance_episodes
),

edges AS (
    SELECT
        account, instance_type, region, gpu_count, first_day AS day, 1 AS episodes,
        CASE WHEN previous_last_day = first_day THEN 0 ELSE 1 END AS instances,
        unixepoch(substr(appeared_at, 1, 19)) % 86400 * 1000000 + substr(appeared_at, 21) AS lost
    FROM episodes
    UNION ALL
    SELECT account, instance_type, region, gpu_count, date(first_day, '+1 day'), 0, 1, 0
    FROM episodes
    WHERE previous_last_day = first_day
    UNION ALL
    SELECT
        account, instance_type, region, gpu_count, last_day, 0, 0,
        86400000000 - unixepoch(substr(last_seen_at, 1, 19)) % 86400 * 1000000 - substr(last_seen_at, 21)
    FROM episodes
    UNION ALL
    SELECT account, instance_type, region, gpu_count, date(last_day, '+1 day'), -1, -1, 0
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
    calendar.day, typed.label AS account, typed.label AS instance_type, typed.label AS region,
    typed.count AS instances, typed.hours, typed.hours AS gpu_hours
FROM calendar, typed
WHERE false
UNION ALL
SELECT
    calendar.day, spans.account, spans.instance_type, spans.region,
    CAST(spans.instances AS INTEGER),
    (86400000000 * spans.episodes - CASE WHEN calendar.day = spans.day THEN spans.lost ELSE 0 END) / 3.6e9,
    (86400000000 * spans.episodes - CASE WHEN calendar.day = spans.day THEN spans.lost ELSE 0 END)
    * spans.gpu_count / 3.6e9
FROM spans
JOIN calendar ON calendar.day >= spans.day AND calendar.day < spans.until
WHERE spans.episodes > 0
