-- Each version that a change ended meets the next one.
CREATE VIEW instance_field_changes AS
SELECT
    old.valid_to AS changed_at, old.account, old.instance_id,
    difference.field, difference.old_value, difference.new_value, old.closed_by_run_id AS run_id
FROM instance_versions AS old
JOIN instance_versions AS new
    ON new.account = old.account AND new.instance_id = old.instance_id AND new.valid_from = old.valid_to
CROSS JOIN LATERAL (
    SELECT field, old_value, new_value
    FROM (
        VALUES
            ('instance_type', old.instance_type, new.instance_type),
            ('region', old.region, new.region),
            ('sector', old.sector, new.sector),
            ('ip', old.ip, new.ip),
            ('status', old.status, new.status),
            ('creator_user_nickname', old.creator_user_nickname, new.creator_user_nickname)
    ) AS known (field, old_value, new_value)
    WHERE old_value IS DISTINCT FROM new_value
    UNION ALL
    SELECT key, nullif(CAST(before.value AS text), 'null'), nullif(CAST(after.value AS text), 'null')
    FROM json_each(old.extra) AS before
    FULL JOIN json_each(new.extra) AS after USING (key)
    WHERE CAST(old.extra AS text) IS DISTINCT FROM CAST(new.extra AS text)
        AND nullif(CAST(before.value AS text), 'null') IS DISTINCT FROM nullif(CAST(after.value AS text), 'null')
) AS difference
WHERE old.closed_as = 'changed'
