-- last_seen_at is reached by a join, so that it stays a plain column with a type on SQLite and a quiet run writes no
-- instance: of a live one the later of the account's last complete run and the run that last recorded something of it.
CREATE VIEW instances AS
SELECT
    s.account, s.instance_id,
    s.instance_type, s.gpu_count, s.gpu_model, s.region, s.sector, s.ip, s.status, s.creator_user_nickname, s.extra,
    s.presence, s.held, s.first_seen_at, seen.started_at AS last_seen_at, s.missing_since, s.vanished_at,
    s.episodes, s.versions
FROM instance_state AS s
LEFT JOIN accounts AS a ON a.account = s.account
LEFT JOIN sync_runs AS seen ON seen.run_id = CASE
    WHEN s.presence = 'live' AND a.last_complete_run_id > s.seen_run_id THEN a.last_complete_run_id
    ELSE s.seen_run_id
END
