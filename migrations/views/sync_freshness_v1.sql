-- A complete run is none of the failures, so those since the last one are those not before it.
-- CAST, because SQLite from 3.41 on drops the first arm's type where another arm's column has none.
CREATE VIEW sync_freshness AS
SELECT
    label AS account, at AS last_complete_at, at AS last_attempt_at, label AS last_status,
    count AS failures_since_complete, count AS live_instances, count AS missing_instances
FROM typed
WHERE false
UNION ALL
SELECT
    a.account, complete.started_at, attempt.started_at, attempt.status,
    CAST((
        SELECT count(*)
        FROM sync_runs AS r
        WHERE r.account = a.account AND r.status IN ('partial', 'failed', 'abandoned')
            AND r.started_at >= coalesce(
                complete.started_at, (SELECT min(started_at) FROM sync_runs WHERE account = a.account)
            )
    ) AS integer),
    CAST((
        SELECT count(*) FROM instance_state AS s WHERE s.account = a.account AND s.presence = 'live'
    ) AS integer),
    CAST((
        SELECT count(*) FROM instance_state AS s WHERE s.account = a.account AND s.presence = 'missing'
    ) AS integer)
FROM accounts AS a
LEFT JOIN sync_runs AS complete ON complete.run_id = a.last_complete_run_id
LEFT JOIN sync_runs AS attempt
    ON attempt.account = a.account
    AND attempt.started_at = (SELECT max(started_at) FROM sync_runs WHERE account = a.account)
