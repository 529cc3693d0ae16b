-- An episode is its first version (when it appeared) and its last (what it was, and its end). Of a vanished one the last
-- version has the time it was last seen; of one that goes on, `instances` has it: hence two arms.
-- GPU time is added up version by version, each at its own GPU count: `gpu_before` are the versions that ended in a change.
-- It is counted in whole microseconds, held as double precision: the sum is exact whatever `prune` folds, and no count
-- overflows. One unknown count makes it null.
CREATE VIEW instance_episodes AS
SELECT
    e.account, e.instance_id, e.episode, e.creator_user_nickname, e.instance_type, e.gpu_count, e.region,
    e.appeared_after, e.appeared_at, e.last_seen_at, e.vanished_at, e.hours_low, e.hours_high,
    (e.gpu_before + e.gpu_last) / 3600000000 AS gpu_hours_low,
    (e.gpu_before + e.gpu_last + e.gpu_unseen) / 3600000000 AS gpu_hours_high
FROM (
    SELECT
        last.account, last.instance_id, last.episode, last.episode_creator AS creator_user_nickname,
        last.instance_type, last.gpu_count, last.region,
        run.previous_complete_at AS appeared_after, first.valid_from AS appeared_at,
        last.last_seen_at, last.valid_to AS vanished_at,
        CAST(extract(EPOCH FROM last.last_seen_at - first.valid_from) AS double precision) / 3600 AS hours_low,
        CAST(extract(EPOCH FROM last.valid_to - run.previous_complete_at) AS double precision) / 3600 AS hours_high,
        (
            SELECT
                CASE WHEN count(*) = count(v.gpu_count) THEN coalesce(
                    sum(
                        CAST(CAST(extract(EPOCH FROM v.valid_to - v.valid_from) * 1000000 AS bigint) AS double precision)
                        * v.gpu_count
                    ),
                    0
                ) END
            FROM instance_versions AS v
            WHERE v.account = last.account AND v.instance_id = last.instance_id AND v.episode = last.episode
                AND v.closed_as = 'changed'
        ) AS gpu_before,
        CAST(CAST(extract(EPOCH FROM last.last_seen_at - last.valid_from) * 1000000 AS bigint) AS double precision)
        * last.gpu_count AS gpu_last,
        CAST(CAST(extract(EPOCH FROM first.valid_from - run.previous_complete_at) * 1000000 AS bigint) AS double precision)
        * first.gpu_count
        + CAST(CAST(extract(EPOCH FROM last.valid_to - last.last_seen_at) * 1000000 AS bigint) AS double precision)
        * last.gpu_count AS gpu_unseen
    FROM instance_versions AS last
    JOIN instance_versions AS first
        ON first.account = last.account AND first.instance_id = last.instance_id AND first.episode = last.episode
        AND first.opened_as <> 'changed'
    LEFT JOIN sync_runs AS run ON run.run_id = first.opened_by_run_id
    WHERE last.closed_as = 'vanished'
    UNION ALL
    SELECT
        last.account, last.instance_id, last.episode, last.episode_creator,
        last.instance_type, last.gpu_count, last.region,
        run.previous_complete_at, first.valid_from,
        instances.last_seen_at, last.valid_to,
        CAST(extract(EPOCH FROM instances.last_seen_at - first.valid_from) AS double precision) / 3600,
        NULL,
        (
            SELECT
                CASE WHEN count(*) = count(v.gpu_count) THEN coalesce(
                    sum(
                        CAST(CAST(extract(EPOCH FROM v.valid_to - v.valid_from) * 1000000 AS bigint) AS double precision)
                        * v.gpu_count
                    ),
                    0
                ) END
            FROM instance_versions AS v
            WHERE v.account = last.account AND v.instance_id = last.instance_id AND v.episode = last.episode
                AND v.closed_as = 'changed'
        ),
        CAST(CAST(extract(EPOCH FROM instances.last_seen_at - last.valid_from) * 1000000 AS bigint) AS double precision)
        * last.gpu_count,
        NULL
    FROM instance_versions AS last
    JOIN instance_versions AS first
        ON first.account = last.account AND first.instance_id = last.instance_id AND first.episode = last.episode
        AND first.opened_as <> 'changed'
    LEFT JOIN sync_runs AS run ON run.run_id = first.opened_by_run_id
    JOIN instances ON instances.account = last.account AND instances.instance_id = last.instance_id
    WHERE last.valid_to IS NULL
) AS e
