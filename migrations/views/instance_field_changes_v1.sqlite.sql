CREATE VIEW instance_field_changes AS
SELECT
    at AS changed_at, label AS account, label AS instance_id, label AS field, label AS old_value, label AS new_value,
    count AS run_id
FROM typed
WHERE false
UNION ALL
SELECT
    new.valid_from, new.account, new.instance_id, known.column1,
    CASE known.column1
        WHEN 'instance_type' THEN old.instance_type
        WHEN 'region' THEN old.region
        WHEN 'sector' THEN old.sector
        WHEN 'ip' THEN old.ip
        WHEN 'status' THEN old.status
        ELSE old.creator_user_nickname
    END AS old_value,
    CASE known.column1
        WHEN 'instance_type' THEN new.instance_type
        WHEN 'region' THEN new.region
        WHEN 'sector' THEN new.sector
        WHEN 'ip' THEN new.ip
        WHEN 'status' THEN new.status
        ELSE new.creator_user_nickname
    END AS new_value,
    new.opened_by_run_id
FROM instance_versions AS new
JOIN instance_versions AS old
    ON old.account = new.account AND old.instance_id = new.instance_id AND old.valid_to = new.valid_from
JOIN (
    VALUES ('instance_type'), ('region'), ('sector'), ('ip'), ('status'), ('creator_user_nickname')
) AS known
WHERE new.opened_as = 'changed' AND old_value IS NOT new_value
UNION ALL
SELECT changed_at, account, instance_id, key, old_value, new_value, run_id
FROM (
    SELECT
        new.valid_from AS changed_at, new.account, new.instance_id, new.opened_by_run_id AS run_id, field.key,
        CASE
            WHEN field.type IN ('true', 'false') THEN field.type
        END AS new_value,
        NULL AS old_value
    FROM instance_versions AS new
    JOIN instance_versions AS old
        ON old.account = new.account AND old.instance_id = new.instance_id AND old.valid_to = new.valid_from
    JOIN json_each(new.extra) AS field
    WHERE new.opened_as = 'changed' AND old.extra IS NOT new.extra
)
