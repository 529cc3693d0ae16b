CREATE VIEW live_instances AS
SELECT
    account, instance_id,
    instance_type, gpu_count, gpu_model, region, sector, ip, status, creator_user_nickname, extra,
    presence, held, first_seen_at, last_seen_at, missing_since, vanished_at,
    episodes, versions
FROM instances
WHERE presence IN ('live', 'missing')
