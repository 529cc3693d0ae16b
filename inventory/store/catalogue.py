"""The catalogue: every public table and view with its meaning, and the meaning of each of its columns.

docs/schema.md, the comments in PostgreSQL and the columns that queries read are made from the catalogue. Tests compare
it with the database. The SQL of the views is in migrations/views.
"""

from inventory.store.columns import (
    ABSENCE,
    ACCOUNT,
    AS_SHOWN,
    AS_STORED,
    COUNTS,
    ENTRY_OF_RUN,
    EPISODE,
    INSTANCE,
    INSTANCE_ID,
    LEASE,
    LOG_OF_ACCOUNT,
    PRESENCE,
    Column,
    Relation,
)

RELATIONS = (
    Relation(
        "accounts",
        "table",
        "One row per account.",
        (
            ACCOUNT,
            Column("provider", "Whose account it is: fal."),
            Column("created_at", "Time (UTC) of the account's first run or entry here."),
            Column("retired_at", "Time (UTC) at which it was retired; null if it is still synced."),
            Column("pruned_before", "Time (UTC) before which the history was folded by prune; null if never."),
            Column("last_complete_run_id", "Internal: the last complete run."),
            Column("walk_digest", "Internal: digest of the list as the last complete run saw it."),
            *LEASE,
            Column("checkpoint_at", "Time (UTC) at which `run` last delivered a checkpoint of its log; null if never."),
            *LOG_OF_ACCOUNT,
        ),
    ),
    Relation(
        "sync_runs",
        "table",
        "One row per run: one attempt to sync one account.",
        (
            Column("run_id", "Number of the run; increases with time within an account."),
            ACCOUNT,
            Column("trigger", "What started it: manual, schedule or demo."),
            Column("status", "running; succeeded, held (both complete); partial, failed, abandoned (not complete)."),
            Column("started_at", "Time (UTC) of the run; everything that it recorded carries it."),
            Column("heartbeat_at", "Time (UTC) of its last heartbeat."),
            Column("finished_at", "Time (UTC) of its end; null while it runs."),
            Column("previous_complete_at", "Time (UTC) of the account's last complete run before it; null if none."),
            Column("complete", "Whether it saw the whole list, and applied it."),
            Column("expected_seconds", "The schedule's interval in seconds; null if the run named none."),
            *COUNTS,
            Column("api_url", "Address of the API."),
            Column("api_key_id", "Public part of the API key, or a part of its hash; never the secret."),
            Column("fleet_digest", "Digest of all open versions after a complete run that left nothing missing."),
            Column("error_code", "Kind of the error, such as unauthorized or network; null if there was none."),
            Column("error", "The error message; null if there was none."),
            Column("version", "Version of the program."),
            Column("ignore_changes", "The setting ignore_changes in force; null if it was empty."),
            Column("max_vanish", "The setting max_vanish in force."),
            Column("max_gap_seconds", "The setting max_gap in force, in seconds."),
            *ENTRY_OF_RUN,
        ),
    ),
    Relation(
        "instance_state",
        "table",
        "One row per instance ever seen; read it through the view instances.",
        (
            ACCOUNT,
            INSTANCE_ID,
            *AS_STORED,
            *PRESENCE,
            *ABSENCE,
            Column(
                "seen_run_id",
                "Internal: while live, the run that last recorded something of it; else the run that last saw it.",
            ),
            Column("missing_run_id", "Internal: the complete run that found it missing."),
            Column("unlisted_runs", "Internal: number of complete runs in a row that found it by id only."),
            Column("episode_creator", "Internal: the first creator of its last episode that was not null."),
            Column("row_hash", "Internal: hash of its tracked content as last written."),
            Column("version_hash", "Internal: hash of what its open version holds."),
            Column("ignored", "Internal: the fields in ignore_changes when it was last written."),
        ),
    ),
    Relation(
        "instance_versions",
        "table",
        "One row per version: an interval [valid_from, valid_to) in which no tracked field of an instance changed.",
        (
            ACCOUNT,
            INSTANCE_ID,
            EPISODE,
            Column("valid_from", "Time (UTC) of the run that opened it; part of the interval."),
            Column("valid_to", "Time (UTC) of the run that closed it, no part of the interval; null: current."),
            Column("opened_by_run_id", "The run whose time is valid_from."),
            Column("closed_by_run_id", "The run whose time is valid_to; null: current."),
            Column("opened_as", "appeared, changed or reappeared."),
            Column("closed_as", "changed or vanished; null: current."),
            Column("last_seen_at", "Time (UTC) of the last run that saw it, once it is closed as vanished; else null."),
            *AS_STORED,
            Column("episode_creator", "Internal: the episode's creator as known when this version opened."),
            Column("content_hash", "Internal: of the fields as they were recorded; `verify` compares."),
            Column("moved", "Internal: false where type and region are those of the version before it."),
            Column("closed_log_index", "Index of the log entry that closed it; null: current, or older than the log."),
        ),
    ),
    Relation(
        "instances",
        "view",
        "One row per instance ever seen, as it was when last seen.",
        INSTANCE,
    ),
    Relation(
        "live_instances",
        "view",
        "The instances that are there, or missing and not yet proven gone.",
        INSTANCE,
    ),
    Relation(
        "instance_events",
        "view",
        "One row per event: an instance appeared, changed, vanished or reappeared.",
        (
            Column("occurred_at", "Time (UTC) of the run whose event it is."),
            ACCOUNT,
            INSTANCE_ID,
            Column(
                "event", "appeared, changed, vanished or reappeared; the fields are those after it, or the last ones."
            ),
            Column("run_id", "The run whose time is occurred_at."),
            EPISODE,
            *AS_SHOWN,
        ),
    ),
    Relation(
        "instance_field_changes",
        "view",
        "One row per field that a change changed, within an episode.",
        (
            Column("changed_at", "Time (UTC) of the first run that saw the new value."),
            ACCOUNT,
            INSTANCE_ID,
            Column("field", "Name of the field; a field kept in extra under its own name."),
            Column(
                "old_value", "The value before, as text (of a field kept in extra: as JSON); null if there was none."
            ),
            Column("new_value", "The value after, as text (of a field kept in extra: as JSON); null if there is none."),
            Column("run_id", "The run whose time is changed_at."),
        ),
    ),
    Relation(
        "instance_episodes",
        "view",
        "One row per episode: an unbroken presence of an instance.",
        (
            ACCOUNT,
            INSTANCE_ID,
            EPISODE,
            Column("creator_user_nickname", "The first creator that fal gave in the episode; null if it gave none."),
            Column("instance_type", "fal's type, as last seen in the episode."),
            Column("gpu_count", "GPUs of the instance, as last seen in the episode; null if its type does not say."),
            Column("region", "fal's region, as last seen in the episode."),
            Column("appeared_after", "Time (UTC) of the last complete run before it appeared; null if there was none."),
            Column("appeared_at", "Time (UTC) of the first run that saw it."),
            Column("last_seen_at", "Time (UTC) of the last run that saw it."),
            Column("vanished_at", "Time (UTC) of the first complete run that lacked it; null while it goes on."),
            Column("hours_low", "Hours it was there at least: last_seen_at - appeared_at."),
            Column(
                "hours_high", "Hours it was there at most: vanished_at - appeared_after; null if either is unknown."
            ),
            Column(
                "gpu_hours_low",
                "GPU hours at least: of each version its hours times its gpu_count; null if one count is unknown.",
            ),
            Column(
                "gpu_hours_high",
                "GPU hours at most: also the time before appeared_at at the first gpu_count and after last_seen_at at "
                "the last; null if a time or a count is unknown.",
            ),
        ),
    ),
    Relation(
        "creators",
        "view",
        "One row per account and creator of an episode; one row is for the episodes without a known creator.",
        (
            ACCOUNT,
            Column("creator_user_nickname", "The creator; null: fal gave none."),
            Column("instances_created", "Number of instances created since the account's first complete run."),
            Column(
                "created_before_watch", "Number of instances that were there up to the account's first complete run."
            ),
            Column("live_now", "Number of instances that are live (missing ones not counted)."),
            Column(
                "first_created_at", "Time (UTC) at which the first of instances_created appeared; null if none did."
            ),
            Column("last_created_at", "Time (UTC) at which the last of instances_created appeared; null if none did."),
            Column("hours_low", "Hours at least, of all episodes."),
            Column("gpu_hours_low", "GPU hours at least, of all episodes whose GPU hours are known; null if none are."),
        ),
    ),
    Relation(
        "calendar",
        "table",
        "One row per day from 2020 to 2049.",
        (
            Column("day", "The day (UTC)."),
            Column("week", "The Monday of its week."),
            Column("month", "The first day of its month."),
        ),
    ),
    Relation(
        "fleet_daily",
        "view",
        "One row per day, account, type and region in which an instance was present.",
        (
            Column("day", "The day (UTC)."),
            ACCOUNT,
            Column("instance_type", "fal's type, as it then was."),
            Column("region", "fal's region, as it then was."),
            Column(
                "instances", "Number of different instances present in this type and region at some time of the day."
            ),
            Column("hours", "Hours of that day that they were there at least: the day's share of hours_low."),
            Column("gpu_hours", "GPU hours of that day at least: hours times the type's GPU count; null if unknown."),
        ),
    ),
    Relation(
        "sync_freshness",
        "view",
        "One row per account: how fresh its data is.",
        (
            ACCOUNT,
            Column("last_complete_at", "Time (UTC) of its last complete run; null if there was none."),
            Column("last_attempt_at", "Time (UTC) of its last run of any kind; null if there was none."),
            Column("last_status", "Status of its last run of any kind."),
            Column("failures_since_complete", "Number of runs since its last complete one that were not."),
            Column("live_instances", "Number of its instances that are live (missing ones not counted)."),
            Column("missing_instances", "Number of its instances that are missing."),
        ),
    ),
    Relation(
        "sync_gaps",
        "view",
        "One row per time between two complete runs in which runs failed, or which was too long to count as observed.",
        (
            ACCOUNT,
            Column("gap_start", "Time (UTC) of the last complete run before the gap."),
            Column("gap_end", "Time (UTC) of the first complete run after it; null: still open."),
            Column("seconds", "Seconds from gap_start to gap_end, or to now."),
            Column("failed_runs", "Number of runs in it that were not complete."),
        ),
    ),
    Relation(
        "observation_daily",
        "view",
        "One row per account and day, from its first complete run to today: how much of the day is known.",
        (
            Column("day", "The day (UTC)."),
            ACCOUNT,
            Column("observed_seconds", "Seconds of the day that lie between complete runs, without the gaps."),
            Column("share", "The same as a share of 24 hours, from 0 to 1."),
            Column(
                "longest_interval_seconds",
                "Longest time between two neighbouring complete runs that reaches into the day, gap or not; null if "
                "there is none.",
            ),
            Column("complete_runs", "Number of runs of that day that were complete."),
            Column("failed_runs", "Number of runs of that day that were not."),
        ),
    ),
    Relation(
        "operator_actions",
        "table",
        "One row per act of a person: what was accepted, pruned, renamed or retired, by whom, and why.",
        (
            Column("action_id", "Number of the act; increases with time."),
            ACCOUNT,
            Column("occurred_at", "Time (UTC) of the act."),
            Column("action", "accept, prune, rename or retire."),
            Column("actor", "User, uid and host of the process, and on PostgreSQL its user; self-declared."),
            Column("reason", "The --reason that was given; null if none was."),
            Column("details", "What exactly was done, a JSON object."),
            Column("log_index", "Index of its entry in the account's log."),
            Column("entry_hash", "Internal: hash of that entry."),
        ),
    ),
)
"""The public tables and views, in the order of docs/schema.md."""

VIEWS = tuple(relation.name for relation in RELATIONS if relation.kind == "view")
"""The names of the views. Each view comes after the views that it reads, so they can be created in this order."""
