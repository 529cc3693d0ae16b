-- An episode is its first version (when it appeared) and its last (what it was, and its end). Of a vanished one the last
-- version has the time it was last seen; of one that goes on, `instances` has it: hence two arms.
-- Seconds are counted whole and the microseconds apart: julianday() would be off by up to a millisecond.
-- GPU time is added up version by version, each at its own GPU count: `gpu_before` are the versions that ended in a change.
-- It is counted in whole microseconds, held as REAL (1.0 *): the sum is exact whatever `prune` folds, and no count
-- overflows. One unknown count makes it null.
CREATE VIEW instance_episodes AS
SELECT
    label AS account, label AS instance_id, count AS episode, label AS creator_user_nickname, label AS instance_type,
    count AS gpu_count, label AS region, at AS appeared_after, at AS appeared_at, at AS last_seen_at, at AS vanished_at,
    hours AS hours_low, hours AS hours_high, hours AS gpu_hours_low, hours AS gpu_hours_high
FROM typed
WHERE false
UNION ALL
SELECT
    account, instance_id, episode, episode_creator, instance_type, gpu_count, region,
    appeared_after, appeared_at, last_seen_at, vanished_at,
    low / 3600, high / 3600, (gpu_before + gpu_last) / 3.6e9, (gpu_unseen + gpu_before + gpu_last) / 3.6e9
FROM (
    SELECT
        last.account, last.instance_id, last.episode, last.episode_creator, last.instance_type, last.gpu_count,
        last.region,
        run.previous_complete_at AS appeared_after, first.valid_from AS appeared_at,
        last.last_seen_at, last.valid_to AS vanished_at,
        unixepoch(substr(last.last_seen_at, 1, 19)) - unixepoch(substr(first.valid_from, 1, 19))
        + (substr(last.last_seen_at, 21) - substr(first.valid_from, 21)) / 1e6 AS low,
        unixepoch(substr(last.valid_to, 1, 19)) - unixepoch(substr(run.previous_complete_at, 1, 19))
        + (substr(last.valid_to, 21) - substr(run.previous_complete_at, 21)) / 1e6 AS high,
        (
            SELECT
                CASE WHEN count(*) = count(v.gpu_count) THEN coalesce(
                    sum(1.0 * v.gpu_count * (
                        (unixepoch(substr(v.valid_to, 1, 19)) - unixepoch(substr(v.valid_from, 1, 19))) * 1000000
                        + substr(v.valid_to, 21) - substr(v.valid_from, 21)
                    )),
                    0.0
                ) END
            FROM instance_versions AS v
            WHERE v.account = last.account AND v.instance_id = last.instance_id AND v.episode = last.episode
                AND v.closed_as = 'changed'
        ) AS gpu_before,
        1.0 * last.gpu_count * (
            (unixepoch(substr(last.last_seen_at, 1, 19)) - unixepoch(substr(last.valid_from, 1, 19))) * 1000000
            + substr(last.last_seen_at, 21) - substr(last.valid_from, 21)
        ) AS gpu_last,
        1.0 * first.gpu_count * (
            (unixepoch(substr(first.valid_from, 1, 19)) - unixepoch(substr(run.previous_complete_at, 1, 19))) * 1000000
            + substr(first.valid_from, 21) - substr(run.previous_complete_at, 21)
        ) + 1.0 * last.gpu_count * (
            (unixepoch(substr(last.valid_to, 1, 19)) - unixepoch(substr(last.last_seen_at, 1, 19))) * 1000000
            + substr(last.valid_to, 21) - substr(last.last_seen_at, 21)
        ) AS gpu_unseen
    FROM instance_versions AS last
    JOIN instance_versions AS first
        ON first.account = last.account AND first.instance_id = last.instance_id AND first.episode = last.episode
        AND first.opened_as <> 'changed'
    LEFT JOIN sync_runs AS run ON run.run_id = first.opened_by_run_id
    WHERE last.closed_as = 'vanished'
)
UNION ALL
SELECT
    account, instance_id, episode, episode_creator, instance_type, gpu_count, region,
    appeared_after, appeared_at, last_seen_at, vanished_at,
    low / 3600, NULL, (gpu_before + gpu_last) / 3.6e9, NULL
FROM (
    SELECT
        last.account, last.instance_id, last.episode, last.episode_creator, last.instance_type, last.gpu_count,
        last.region,
        run.previous_complete_at AS appeared_after, first.valid_from AS appeared_at,
        instances.last_seen_at, last.valid_to AS vanished_at,
        unixepoch(substr(instances.last_seen_at, 1, 19)) - unixepoch(substr(first.valid_from, 1, 19))
        + (substr(instances.last_seen_at, 21) - substr(first.valid_from, 21)) / 1e6 AS low,
        (
            SELECT
                CASE WHEN count(*) = count(v.gpu_count) THEN coalesce(
                    sum(1.0 * v.gpu_count * (
                        (unixepoch(substr(v.valid_to, 1, 19)) - unixepoch(substr(v.valid_from, 1, 19))) * 1000000
                        + substr(v.valid_to, 21) - substr(v.valid_from, 21)
                    )),
                    0.0
                ) END
            FROM instance_versions AS v
            WHERE v.account = last.account AND v.instance_id = last.instance_id AND v.episode = last.episode
                AND v.closed_as = 'changed'
        ) AS gpu_before,
        1.0 * last.gpu_count * (
            (unixepoch(substr(instances.last_seen_at, 1, 19)) - unixepoch(substr(last.valid_from, 1, 19))) * 1000000
            + substr(instances.last_seen_at, 21) - substr(last.valid_from, 21)
        ) AS gpu_last
    FROM instance_versions AS last
    JOIN instance_versions AS first
        ON first.account = last.account AND first.instance_id = last.instance_id AND first.episode = last.episode
        AND first.opened_as <> 'changed'
    LEFT JOIN sync_runs AS run ON run.run_id = first.opened_by_run_id
    JOIN instances ON instances.account = last.account AND instances.instance_id = last.instance_id
    WHERE last.valid_to IS NULL
)
