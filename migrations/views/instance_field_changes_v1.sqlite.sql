-- Each version that a change ended meets the next one, and then part by part: the six fields, the keys that `extra` had,
-- the keys that it has now only. A key's value is told by its JSON type, since json_each gives 1 for true; a
-- number is cut out of the text as it stands there, since json_each rounds (but not under a key with a quote in it, whose
-- path SQLite 3.40 cannot follow). CAST gives the columns the affinity of the first arm, or SQLite copies every row (and from 3.41 on
-- drops the column's type).
CREATE VIEW instance_field_changes AS
SELECT
    at AS changed_at, label AS account, label AS instance_id, label AS field, label AS old_value, label AS new_value,
    count AS run_id
FROM typed
WHERE false
UNION ALL
SELECT
    changed_at, account, instance_id,
    CAST(field AS TEXT), CAST(old_value AS TEXT), CAST(new_value AS TEXT), run_id
FROM (
    SELECT
        old.valid_to AS changed_at, old.account, old.instance_id, old.closed_by_run_id AS run_id,
        coalesce(item.key, part.column2) AS field,
        CASE part.column1
            WHEN 1 THEN old.instance_type
            WHEN 2 THEN old.region
            WHEN 3 THEN old.sector
            WHEN 4 THEN old.ip
            WHEN 5 THEN old.status
            WHEN 6 THEN old.creator_user_nickname
            WHEN 7 THEN CASE
                WHEN item.type IN ('true', 'false') THEN item.type
                WHEN item.type = 'text' THEN json_quote(item.value)
                WHEN item.type IN ('integer', 'real') AND instr(item.key, '"') = 0 THEN old.extra -> item.fullkey
                ELSE item.value
            END
        END AS old_value,
        CASE part.column1
            WHEN 1 THEN new.instance_type
            WHEN 2 THEN new.region
            WHEN 3 THEN new.sector
            WHEN 4 THEN new.ip
            WHEN 5 THEN new.status
            WHEN 6 THEN new.creator_user_nickname
            WHEN 7 THEN (
                SELECT CASE
                    WHEN type IN ('true', 'false') THEN type
                    WHEN type = 'text' THEN json_quote(value)
                    WHEN type IN ('integer', 'real') AND instr(key, '"') = 0 THEN new.extra -> fullkey
                    ELSE value
                END
                FROM json_each(new.extra)
                WHERE key = item.key
            )
            WHEN 8 THEN CASE
                WHEN item.type IN ('true', 'false') THEN item.type
                WHEN item.type = 'text' THEN json_quote(item.value)
                WHEN item.type IN ('integer', 'real') AND instr(item.key, '"') = 0 THEN new.extra -> item.fullkey
                ELSE item.value
            END
        END AS new_value
    FROM instance_versions AS old
    CROSS JOIN instance_versions AS new
        ON new.account = old.account AND new.instance_id = old.instance_id AND new.valid_from = old.valid_to
    CROSS JOIN (
        VALUES
            (1, 'instance_type'), (2, 'region'), (3, 'sector'), (4, 'ip'), (5, 'status'), (6, 'creator_user_nickname'),
            (7, 'extra before'), (8, 'extra after')
    ) AS part
    LEFT JOIN json_each(
        CASE part.column1 WHEN 7 THEN old.extra WHEN 8 THEN new.extra END
    ) AS item
    WHERE old.closed_as = 'changed'
        AND CASE part.column1
            WHEN 1 THEN old.instance_type IS NOT new.instance_type
            WHEN 2 THEN old.region IS NOT new.region
            WHEN 3 THEN old.sector IS NOT new.sector
            WHEN 4 THEN old.ip IS NOT new.ip
            WHEN 5 THEN old.status IS NOT new.status
            WHEN 6 THEN old.creator_user_nickname IS NOT new.creator_user_nickname
            ELSE old.extra IS NOT new.extra
        END
        AND CASE part.column1
            WHEN 7 THEN item.key IS NOT NULL AND old_value IS NOT new_value
            WHEN 8 THEN
                item.type <> 'null' AND NOT EXISTS (SELECT 1 FROM json_each(old.extra) WHERE key = item.key)
            ELSE true
        END
)
