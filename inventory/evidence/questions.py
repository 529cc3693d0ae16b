"""The SQL queries that read the main columns of each list of a bundle from the database.

With them, a person can compare the lists with the database.
"""

from datetime import UTC, datetime, timedelta

from inventory.times import iso

_HEAD = """\
-- The lists of this bundle as SQL queries. They work in SQLite and PostgreSQL.
-- The times are those of the bundle, in UTC. The account is the first one; replace its name for another.
--
-- A list shows what was recorded by the end of the period. A disappearance whose time lies in the period, but that was
-- settled later, is in the database and not in the bundle. One that was settled in the period, but whose time lies
-- before it, is in the bundle and not in the answer.
-- The creator is the first one that fal gave. If fal gave it only after the last entry of the bundle, it is in the
-- database and not in the bundle.
-- gaps.csv and observed.csv end at the limits of the period; these answers have whole gaps and whole days.
-- The files are in the order of the log; these answers are in the order of time.
"""

_QUESTIONS = {
    "population_start.csv": """\
SELECT instance_id, instance_type, region, sector, ip, status, creator_user_nickname, extra
FROM instance_versions
WHERE account = {account} AND valid_from < {since} AND (valid_to IS NULL OR valid_to >= {since})
ORDER BY instance_id;""",
    "population_end.csv": """\
SELECT instance_id, instance_type, region, sector, ip, status, creator_user_nickname, extra
FROM instance_versions
WHERE account = {account} AND valid_from < {until} AND (valid_to IS NULL OR valid_to >= {until})
ORDER BY instance_id;""",
    "creations.csv": """\
SELECT e.occurred_at, r.previous_complete_at, e.instance_id, e.event, p.creator_user_nickname, e.instance_type,
    e.region, e.status, e.run_id, r.log_index
FROM instance_events AS e
JOIN instance_episodes AS p ON p.account = e.account AND p.instance_id = e.instance_id AND p.episode = e.episode
JOIN sync_runs AS r ON r.run_id = e.run_id
WHERE e.account = {account} AND e.event IN ('appeared', 'reappeared')
    AND e.occurred_at >= {since} AND e.occurred_at < {until}
ORDER BY e.occurred_at, e.instance_id;""",
    "changes.csv": """\
SELECT changed_at, instance_id, field, old_value, new_value, run_id
FROM instance_field_changes
WHERE account = {account} AND changed_at >= {since} AND changed_at < {until}
ORDER BY changed_at, instance_id, field;""",
    "disappearances.csv": """\
SELECT vanished_at, last_seen_at, instance_id, creator_user_nickname, instance_type, region
FROM instance_episodes
WHERE account = {account} AND vanished_at >= {since} AND vanished_at < {until}
ORDER BY vanished_at, instance_id;""",
    "creators.csv": """\
SELECT creator_user_nickname, count(*) AS created
FROM instance_episodes
WHERE account = {account} AND appeared_at >= {since} AND appeared_at < {until}
GROUP BY creator_user_nickname
ORDER BY creator_user_nickname;""",
    "runs.csv": """\
SELECT run_id, started_at, finished_at, status, complete, instances_seen, appeared, changed, reappeared, missing,
    error_code, log_index
FROM sync_runs
WHERE account = {account} AND started_at >= {since} AND started_at < {until}
ORDER BY run_id;""",
    "gaps.csv": """\
SELECT gap_start, gap_end, seconds, failed_runs
FROM sync_gaps
WHERE account = {account} AND gap_start < {until} AND (gap_end IS NULL OR gap_end > {after_since})
ORDER BY gap_start;""",
    "observed.csv": """\
SELECT day, observed_seconds, share, longest_interval_seconds, complete_runs, failed_runs
FROM observation_daily
WHERE account = {account} AND day >= {first_day} AND day <= {last_day}
ORDER BY day;""",
    "acts.csv": """\
SELECT occurred_at, action, actor, reason, details, log_index
FROM operator_actions
WHERE account = {account} AND occurred_at >= {since} AND occurred_at < {until}
ORDER BY log_index;""",
}


def questions(since: datetime, until: datetime, names: list[str]) -> str:
    """Return the content of queries.sql: a query for each list, about the period and the first account of the bundle.

    `names` are the names of the bundle's accounts, in the order of their folders.
    """
    values = {
        "account": _literal(names[0]),
        "since": _literal(_just_before(since)),
        "after_since": _literal(_just_after(since)),
        "until": _literal(_just_before(until)),
        "first_day": _literal(iso(since)[:10]),
        "last_day": _literal(iso(until - timedelta(microseconds=1))[:10]),
    }
    accounts = "".join(f"-- account-{number}: {_literal(name)}\n" for number, name in enumerate(names, 1))
    parts = [f"-- {name}\n{sql.format_map(values)}\n" for name, sql in _QUESTIONS.items()]
    return "\n".join([_HEAD + accounts, *parts])


def _just_before(time: datetime) -> str:
    """Return a time as text in UTC, like `2026-03-06 22:00:00+00`, for `stored < text` and `stored >= text`.

    PostgreSQL needs the `+00`: without it, PostgreSQL would read the time in the zone of the session.

    SQLite compares texts. It stores a time like `22:00:00.123456`. The text `22:00:00.123456+00` would come after this
    stored text, so `>=` would not find the equal time. Therefore a time with microseconds is written as a slightly
    earlier one, `22:00:00.1234559999+00`, which PostgreSQL rounds to 22:00:00.123456. A time of whole seconds needs no
    such change: the text `22:00:00+00` comes before the stored text `22:00:00.000000`, because `+` comes before `.`.
    """
    utc = time.astimezone(UTC).replace(tzinfo=None)
    if not utc.microsecond:
        return f"{utc.isoformat(' ')}+00"
    return f"{(utc - timedelta(microseconds=1)).isoformat(' ', 'microseconds')}9999+00"


def _just_after(time: datetime) -> str:
    """Return a time as text in UTC, for `stored > text`.

    SQLite compares texts (see `_just_before`). It stores a time without `+00`, so the text with `+00` comes just after
    the stored text of the same time, and `>` does not find an equal time.
    """
    return f"{time.astimezone(UTC).replace(tzinfo=None).isoformat(' ', 'microseconds')}+00"


def _literal(text: str) -> str:
    quoted = text.replace("'", "''")
    return f"'{quoted}'"
