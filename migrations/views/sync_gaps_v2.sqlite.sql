-- How long two complete runs may lie apart: twice the schedule's interval, or the setting max_gap where the run that ends
-- the time names no schedule. Runs of programs before 0.2 did not record the setting: there it is the default, 25 hours.
-- Every run knows when the last complete run before it was: that is where a gap starts, also after a prune.
-- CAST, because SQLite from 3.41 on drops the first arm's type where another arm's column has none.
CREATE VIEW sync_gaps AS
WITH failures AS (
    SELECT account, previous_complete_at, count(*) AS runs
    FROM sync_runs
    WHERE status IN ('partial', 'failed', 'abandoned')
    GROUP BY account, previous_complete_at
)

SELECT label AS account, at AS gap_start, at AS gap_end, hours AS seconds, count AS failed_runs
FROM typed
WHERE false
UNION ALL
SELECT account, gap_start, gap_end, CAST(seconds AS REAL), CAST(failed_runs AS INTEGER)
FROM (
    SELECT
        r.account, r.previous_complete_at AS gap_start, r.started_at AS gap_end,
        coalesce(2 * r.expected_seconds, r.max_gap_seconds, 90000) AS allowed_seconds,
        (unixepoch(substr(r.started_at, 1, 19)) - unixepoch(substr(r.previous_complete_at, 1, 19))
        + (substr(r.started_at, 21) - substr(r.previous_complete_at, 21)) / 1e6) AS seconds,
        coalesce(failures.runs, 0) AS failed_runs
    FROM sync_runs AS r
    LEFT JOIN failures
        ON failures.account = r.account AND failures.previous_complete_at = r.previous_complete_at
    WHERE r.complete AND r.previous_complete_at IS NOT NULL
) AS closed
WHERE failed_runs > 0 OR seconds > allowed_seconds
UNION ALL
SELECT account, gap_start, NULL, CAST(seconds AS REAL), CAST(failed_runs AS INTEGER)
FROM (
    SELECT
        a.account, last.started_at AS gap_start,
        coalesce(2 * last.expected_seconds, last.max_gap_seconds, 90000) AS allowed_seconds,
        (julianday('now') - julianday(last.started_at)) * 86400 AS seconds,
        coalesce(failures.runs, 0) AS failed_runs
    FROM accounts AS a
    JOIN sync_runs AS last ON last.run_id = a.last_complete_run_id
    LEFT JOIN failures ON failures.account = a.account AND failures.previous_complete_at = last.started_at
    WHERE a.retired_at IS NULL
) AS still_open
WHERE failed_runs > 0 OR seconds > allowed_seconds
