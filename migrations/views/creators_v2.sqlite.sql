-- Created by someone: the first episodes of instances that were not there at the first complete run (`appeared_after`
-- tells), by the episode's creator. The times are those of runs, reached by a join, so that they keep their
-- type; CAST, because SQLite from 3.41 on drops the first arm's type where another arm's column has none.
-- Counts are windows, not a GROUP BY: SQLite passes a condition on the account through a window that is partitioned by it,
-- so that it reaches an index.
CREATE VIEW creators AS
SELECT
    label AS account, label AS creator_user_nickname, count AS instances_created, count AS created_before_watch,
    count AS live_now, at AS first_created_at, at AS last_created_at, hours AS hours_low, hours AS gpu_hours_low
FROM typed
WHERE false
UNION ALL
SELECT
    made.account, made.creator_user_nickname,
    CAST(made.instances_created AS integer), CAST(made.created_before_watch AS integer), CAST(made.live_now AS integer),
    earliest.started_at, latest.started_at,
    CAST(made.hours_low AS double precision), CAST(made.gpu_hours_low AS double precision)
FROM (
    SELECT
        e.account, e.creator_user_nickname,
        row_number() OVER creator AS number,
        count(*) FILTER (WHERE e.episode = 1 AND e.appeared_after IS NOT NULL) OVER creator AS instances_created,
        count(*) FILTER (WHERE e.episode = 1 AND e.appeared_after IS NULL) OVER creator AS created_before_watch,
        count(*) FILTER (WHERE e.vanished_at IS NULL AND s.presence = 'live') OVER creator AS live_now,
        min(e.appeared_at) FILTER (WHERE e.episode = 1 AND e.appeared_after IS NOT NULL) OVER creator AS earliest,
        max(e.appeared_at) FILTER (WHERE e.episode = 1 AND e.appeared_after IS NOT NULL) OVER creator AS latest,
        sum(e.hours_low) OVER creator AS hours_low,
        sum(e.gpu_hours_low) OVER creator AS gpu_hours_low
    FROM instance_episodes AS e
    LEFT JOIN instance_state AS s ON s.account = e.account AND s.instance_id = e.instance_id
    WINDOW creator AS (
        PARTITION BY e.account, e.creator_user_nickname
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    )
) AS made
LEFT JOIN sync_runs AS earliest ON earliest.account = made.account AND earliest.started_at = made.earliest
LEFT JOIN sync_runs AS latest ON latest.account = made.account AND latest.started_at = made.latest
WHERE made.number = 1
