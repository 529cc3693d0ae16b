-- How long two complete runs may lie apart: twice the schedule's interval, or the setting max_gap where the run that ends
-- the time names no schedule. Runs of programs before 0.2 did not record the setting: there it is the default, 25 hours.
-- Every run knows when the last complete run before it was: that is where a gap starts, also after a prune.
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
SELECT account, gap_start, gap_end, seconds, CAST(failed_runs AS integer)
FROM (
    SELECT
        r.account, r.previous_complete_at AS gap_start, r.started_at AS gap_end,
        coalesce(2 * r.expected_seconds, r.max_gap_seconds, 90000) AS allowed_seconds,
        CAST(extract(EPOCH FROM r.started_at - r.previous_complete_at) AS double precision) AS seconds,
        coalesce(failures.runs, 0) AS failed_runs
    FROM sync_runs AS r
    LEFT JOIN failures
        ON failures.account = r.account AND failures.previous_complete_at = r.previous_complete_at
    WHERE r.complete AND r.previous_complete_at IS NOT NULL
) AS closed
WHERE failed_runs > 0 OR seconds > allowed_seconds
UNION ALL
SELECT account, gap_start, NULL, seconds, CAST(failed_runs AS integer)
FROM (
    SELECT
        a.account, last.started_at AS gap_start,
        coalesce(2 * last.expected_seconds, last.max_gap_seconds, 90000) AS allowed_seconds,
        CAST(extract(EPOCH FROM statement_timestamp() - last.started_at) AS double precision) AS seconds,
        coalesce(failures.runs, 0) AS failed_runs
    FROM accounts AS a
    JOIN sync_runs AS last ON last.run_id = a.last_complete_run_id
    LEFT JOIN failures ON failures.account = a.account AND failures.previous_complete_at = last.started_at
    WHERE a.retired_at IS NULL
) AS still_open
WHERE failed_runs > 0 OR seconds > allowed_seconds
