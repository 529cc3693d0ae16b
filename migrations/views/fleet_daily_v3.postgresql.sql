-- A stretch is the time in an episode in which type and region stayed the same: its hours belong to that type and region.
-- Only versions that may begin a stretch are read, and those that end an episode: each from its partial index. `moved` may
-- be true of a version that begins none, so each is compared with the one before.
-- Each relation is read once, so that a condition on the account reaches the tables.
-- Every stretch has its episode. LEFT JOIN only tells PostgreSQL how many rows there are; else it expects a handful, and
-- sorts all edges.
-- Most episodes are one stretch. The last one ends when the instance was last seen; any other when the next one starts,
-- whose day it has no part in where that is midnight.
-- Not stretch by day, but edge by edge: a stretch adds one to its group on its first day and takes it away after its last,
-- so that the work grows with the number of stretches and not with their length. A span is the time between two edges of a
-- group; on each of its days a stretch has 24 hours, less what its first and last day lack (`lost`, in microseconds,
-- which add up exactly). An instance that returns to a group on the day on which it left it counts as one on that day.
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
    WHERE opened_as <> 'changed' OR instance_type IS DISTINCT FROM type_before OR region IS DISTINCT FROM region_before
),

episodes AS (
    SELECT account, instance_id, episode, last_seen_at
    FROM instance_versions
    WHERE closed_as = 'vanished'
    UNION ALL
    SELECT v.account, v.instance_id, v.episode, instances.last_seen_at
    FROM instance_versions AS v
    JOIN instances ON instances.account = v.account AND instances.instance_id = v.instance_id
    WHERE v.valid_to IS NULL
),

stretches AS (
    SELECT
        starts.account, starts.instance_id, starts.instance_type, starts.region, starts.gpu_count, starts.valid_from,
        coalesce(starts.next_from, episodes.last_seen_at) AS until,
        CAST(starts.valid_from AT TIME ZONE 'UTC' AS date) AS first_day,
        CAST(
            coalesce(starts.next_from - interval '1 microsecond', episodes.last_seen_at) AT TIME ZONE 'UTC'
            AS date
        ) AS last_day
    FROM starts
    LEFT JOIN episodes
        ON episodes.account = starts.account AND episodes.instance_id = starts.instance_id
        AND episodes.episode = starts.episode
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
        ordered.account, ordered.instance_type, ordered.region, ordered.gpu_count,
        edge.day, edge.stretches, edge.instances, edge.lost
    FROM ordered
    CROSS JOIN LATERAL (
        VALUES
            (
                ordered.first_day, 1, CASE WHEN ordered.previous_last_day = ordered.first_day THEN 0 ELSE 1 END,
                CAST(
                    extract(EPOCH FROM (ordered.valid_from AT TIME ZONE 'UTC') - ordered.first_day) * 1000000 AS bigint
                )
            ),
            (CASE WHEN ordered.previous_last_day = ordered.first_day THEN ordered.first_day + 1 END, 0, 1, 0),
            (
                ordered.last_day, 0, 0,
                CAST(
                    extract(EPOCH FROM (ordered.last_day + 1) - (ordered.until AT TIME ZONE 'UTC')) * 1000000 AS bigint
                )
            ),
            (ordered.last_day + 1, -1, -1, 0)
    ) AS edge (day, stretches, instances, lost)
    WHERE edge.day IS NOT NULL
),

spans AS (
    SELECT
        account, instance_type, region, gpu_count, day, sum(lost) AS lost,
        sum(sum(stretches)) OVER span AS stretches,
        sum(sum(instances)) OVER span AS instances,
        lead(day) OVER span AS until
    FROM edges
    GROUP BY account, instance_type, region, gpu_count, day
    WINDOW span AS (PARTITION BY account, instance_type, region, gpu_count ORDER BY day)
)

SELECT
    calendar.day, spans.account, spans.instance_type, spans.region, CAST(spans.instances AS integer) AS instances,
    CAST(
        86400000000 * spans.stretches - CASE WHEN calendar.day = spans.day THEN spans.lost ELSE 0 END
        AS double precision
    ) / 3600000000 AS hours,
    CAST(
        86400000000 * spans.stretches - CASE WHEN calendar.day = spans.day THEN spans.lost ELSE 0 END
        AS double precision
    ) * spans.gpu_count / 3600000000 AS gpu_hours
FROM spans
JOIN calendar ON calendar.day >= spans.day AND calendar.day < spans.until
WHERE spans.stretches > 0
