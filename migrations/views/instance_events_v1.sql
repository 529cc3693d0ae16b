-- A version's opening is an event; its end is one only where the instance vanished. (That valid_to is not null goes without
-- saying, but not to the planner, which then reads the newest events by the partial index.)
CREATE VIEW instance_events AS
SELECT
    valid_from AS occurred_at, account, instance_id, opened_as AS event, opened_by_run_id AS run_id, episode,
    instance_type, gpu_count, gpu_model, region, sector, ip, status, creator_user_nickname, extra
FROM instance_versions
UNION ALL
SELECT
    valid_to, account, instance_id, closed_as, closed_by_run_id, episode,
    instance_type, gpu_count, gpu_model, region, sector, ip, status, creator_user_nickname, extra
FROM instance_versions
WHERE closed_as = 'vanished' AND valid_to IS NOT NULL
