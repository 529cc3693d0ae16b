SELECT pg_catalog.set_config('search_path', '', false);
CREATE TABLE public.accounts (
    account text NOT NULL,
    provider text DEFAULT 'fal'::text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    retired_at timestamp with time zone,
    pruned_before timestamp with time zone,
    last_complete_run_id bigint,
    walk_digest text,
    fencing_token text,
    lease_purpose text,
    lease_run_id bigint,
    lease_seconds double precision,
    lease_heartbeat_at timestamp with time zone,
    lease_host text,
    lease_pid integer,
    lease_process_started double precision,
    checkpoint_at timestamp with time zone,
    log_id text,
    log_start text,
    log_size bigint,
    log_frontier bytea
);
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.calendar (
    day date NOT NULL,
    week date NOT NULL,
    month date NOT NULL
);
CREATE TABLE public.instance_state (
    account text NOT NULL,
    instance_id text NOT NULL,
    instance_type text,
    region text,
    sector text,
    ip text,
    status text,
    creator_user_nickname text,
    extra json,
    gpu_count integer,
    gpu_model text,
    presence text NOT NULL,
    held boolean DEFAULT false NOT NULL,
    first_seen_at timestamp with time zone NOT NULL,
    missing_since timestamp with time zone,
    vanished_at timestamp with time zone,
    episodes integer NOT NULL,
    versions integer NOT NULL,
    seen_run_id bigint NOT NULL,
    missing_run_id bigint,
    unlisted_runs integer DEFAULT 0 NOT NULL,
    episode_creator text,
    row_hash bytea NOT NULL,
    version_hash bytea NOT NULL,
    ignored text DEFAULT ''::text NOT NULL,
    CONSTRAINT ck_instance_state_presence CHECK ((presence = ANY (ARRAY['live'::text, 'missing'::text, 'vanished'::text])))
);
CREATE TABLE public.instance_versions (
    account text NOT NULL,
    instance_id text NOT NULL,
    episode integer NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    valid_to timestamp with time zone,
    opened_by_run_id bigint NOT NULL,
    closed_by_run_id bigint,
    opened_as text NOT NULL,
    closed_as text,
    last_seen_at timestamp with time zone,
    instance_type text,
    region text,
    sector text,
    ip text,
    status text,
    creator_user_nickname text,
    extra json,
    gpu_count integer,
    gpu_model text,
    episode_creator text,
    content_hash bytea,
    moved boolean DEFAULT true NOT NULL,
    closed_log_index bigint,
    CONSTRAINT ck_instance_versions_closed CHECK (((valid_to IS NULL) = (closed_as IS NULL))),
    CONSTRAINT ck_instance_versions_closed_as CHECK ((closed_as = ANY (ARRAY['changed'::text, 'vanished'::text]))),
    CONSTRAINT ck_instance_versions_interval CHECK ((valid_to > valid_from)),
    CONSTRAINT ck_instance_versions_opened_as CHECK ((opened_as = ANY (ARRAY['appeared'::text, 'changed'::text, 'reappeared'::text])))
);
CREATE TABLE public.sync_runs (
    run_id bigint NOT NULL,
    account text NOT NULL,
    trigger text NOT NULL,
    status text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    heartbeat_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    previous_complete_at timestamp with time zone,
    complete boolean DEFAULT false NOT NULL,
    expected_seconds double precision,
    pages integer DEFAULT 0 NOT NULL,
    instances_seen integer DEFAULT 0 NOT NULL,
    duplicates integer DEFAULT 0 NOT NULL,
    rejected integer DEFAULT 0 NOT NULL,
    appeared integer DEFAULT 0 NOT NULL,
    changed integer DEFAULT 0 NOT NULL,
    reappeared integer DEFAULT 0 NOT NULL,
    vanished integer DEFAULT 0 NOT NULL,
    missing integer DEFAULT 0 NOT NULL,
    api_url text NOT NULL,
    api_key_id text,
    fleet_digest text,
    error_code text,
    error text,
    version text NOT NULL,
    ignore_changes text,
    max_vanish double precision,
    max_gap_seconds double precision,
    log_index bigint,
    entry_hash bytea,
    changes_root bytea,
    missing_digest bytea,
    cleared_digest text,
    CONSTRAINT ck_sync_runs_status CHECK ((status = ANY (ARRAY['running'::text, 'succeeded'::text, 'held'::text, 'partial'::text, 'failed'::text, 'abandoned'::text])))
);
CREATE VIEW public.instances AS
 SELECT s.account,
    s.instance_id,
    s.instance_type,
    s.gpu_count,
    s.gpu_model,
    s.region,
    s.sector,
    s.ip,
    s.status,
    s.creator_user_nickname,
    s.extra,
    s.presence,
    s.held,
    s.first_seen_at,
    seen.started_at AS last_seen_at,
    s.missing_since,
    s.vanished_at,
    s.episodes,
    s.versions
   FROM ((public.instance_state s
     LEFT JOIN public.accounts a ON ((a.account = s.account)))
     LEFT JOIN public.sync_runs seen ON ((seen.run_id =
        CASE
            WHEN ((s.presence = 'live'::text) AND (a.last_complete_run_id > s.seen_run_id)) THEN a.last_complete_run_id
            ELSE s.seen_run_id
        END)));
CREATE VIEW public.instance_episodes AS
 SELECT account,
    instance_id,
    episode,
    creator_user_nickname,
    instance_type,
    gpu_count,
    region,
    appeared_after,
    appeared_at,
    last_seen_at,
    vanished_at,
    hours_low,
    hours_high,
    ((gpu_before + gpu_last) / ('3600000000'::bigint)::double precision) AS gpu_hours_low,
    (((gpu_before + gpu_last) + gpu_unseen) / ('3600000000'::bigint)::double precision) AS gpu_hours_high
   FROM ( SELECT last.account,
            last.instance_id,
            last.episode,
            last.episode_creator AS creator_user_nickname,
            last.instance_type,
            last.gpu_count,
            last.region,
            run.previous_complete_at AS appeared_after,
            first.valid_from AS appeared_at,
            last.last_seen_at,
            last.valid_to AS vanished_at,
            ((EXTRACT(epoch FROM (last.last_seen_at - first.valid_from)))::double precision / (3600)::double precision) AS hours_low,
            ((EXTRACT(epoch FROM (last.valid_to - run.previous_complete_at)))::double precision / (3600)::double precision) AS hours_high,
            ( SELECT
                        CASE
                            WHEN (count(*) = count(v.gpu_count)) THEN COALESCE(sum(((((EXTRACT(epoch FROM (v.valid_to - v.valid_from)) * (1000000)::numeric))::bigint)::double precision * (v.gpu_count)::double precision)), (0)::double precision)
                            ELSE NULL::double precision
                        END AS "case"
                   FROM public.instance_versions v
                  WHERE ((v.account = last.account) AND (v.instance_id = last.instance_id) AND (v.episode = last.episode) AND (v.closed_as = 'changed'::text))) AS gpu_before,
            ((((EXTRACT(epoch FROM (last.last_seen_at - last.valid_from)) * (1000000)::numeric))::bigint)::double precision * (last.gpu_count)::double precision) AS gpu_last,
            (((((EXTRACT(epoch FROM (first.valid_from - run.previous_complete_at)) * (1000000)::numeric))::bigint)::double precision * (first.gpu_count)::double precision) + ((((EXTRACT(epoch FROM (last.valid_to - last.last_seen_at)) * (1000000)::numeric))::bigint)::double precision * (last.gpu_count)::double precision)) AS gpu_unseen
           FROM ((public.instance_versions last
             JOIN public.instance_versions first ON (((first.account = last.account) AND (first.instance_id = last.instance_id) AND (first.episode = last.episode) AND (first.opened_as <> 'changed'::text))))
             LEFT JOIN public.sync_runs run ON ((run.run_id = first.opened_by_run_id)))
          WHERE (last.closed_as = 'vanished'::text)
        UNION ALL
         SELECT last.account,
            last.instance_id,
            last.episode,
            last.episode_creator,
            last.instance_type,
            last.gpu_count,
            last.region,
            run.previous_complete_at,
            first.valid_from,
            instances.last_seen_at,
            last.valid_to,
            ((EXTRACT(epoch FROM (instances.last_seen_at - first.valid_from)))::double precision / (3600)::double precision),
            NULL::double precision,
            ( SELECT
                        CASE
                            WHEN (count(*) = count(v.gpu_count)) THEN COALESCE(sum(((((EXTRACT(epoch FROM (v.valid_to - v.valid_from)) * (1000000)::numeric))::bigint)::double precision * (v.gpu_count)::double precision)), (0)::double precision)
                            ELSE NULL::double precision
                        END AS "case"
                   FROM public.instance_versions v
                  WHERE ((v.account = last.account) AND (v.instance_id = last.instance_id) AND (v.episode = last.episode) AND (v.closed_as = 'changed'::text))) AS "case",
            ((((EXTRACT(epoch FROM (instances.last_seen_at - last.valid_from)) * (1000000)::numeric))::bigint)::double precision * (last.gpu_count)::double precision),
            NULL::double precision
           FROM (((public.instance_versions last
             JOIN public.instance_versions first ON (((first.account = last.account) AND (first.instance_id = last.instance_id) AND (first.episode = last.episode) AND (first.opened_as <> 'changed'::text))))
             LEFT JOIN public.sync_runs run ON ((run.run_id = first.opened_by_run_id)))
             JOIN public.instances ON (((instances.account = last.account) AND (instances.instance_id = last.instance_id))))
          WHERE (last.valid_to IS NULL)) e;
CREATE TABLE public.typed (
    id integer NOT NULL,
    count integer,
    hours double precision,
    label text,
    at timestamp with time zone
);
CREATE VIEW public.creators AS
 SELECT typed.label AS account,
    typed.label AS creator_user_nickname,
    typed.count AS instances_created,
    typed.count AS created_before_watch,
    typed.count AS live_now,
    typed.at AS first_created_at,
    typed.at AS last_created_at,
    typed.hours AS hours_low,
    typed.hours AS gpu_hours_low
   FROM public.typed
  WHERE false
UNION ALL
 SELECT made.account,
    made.creator_user_nickname,
    (made.instances_created)::integer AS instances_created,
    (made.created_before_watch)::integer AS created_before_watch,
    (made.live_now)::integer AS live_now,
    earliest.started_at AS first_created_at,
    latest.started_at AS last_created_at,
    made.hours_low,
    made.gpu_hours_low
   FROM ((( SELECT e.account,
            e.creator_user_nickname,
            count(*) FILTER (WHERE ((e.episode = 1) AND (e.appeared_after IS NOT NULL))) AS instances_created,
            count(*) FILTER (WHERE ((e.episode = 1) AND (e.appeared_after IS NULL))) AS created_before_watch,
            count(*) FILTER (WHERE ((e.vanished_at IS NULL) AND (s.presence = 'live'::text))) AS live_now,
            min(e.appeared_at) FILTER (WHERE ((e.episode = 1) AND (e.appeared_after IS NOT NULL))) AS earliest,
            max(e.appeared_at) FILTER (WHERE ((e.episode = 1) AND (e.appeared_after IS NOT NULL))) AS latest,
            sum(e.hours_low) AS hours_low,
            sum(e.gpu_hours_low) AS gpu_hours_low
           FROM (public.instance_episodes e
             LEFT JOIN public.instance_state s ON (((s.account = e.account) AND (s.instance_id = e.instance_id))))
          GROUP BY e.account, e.creator_user_nickname) made
     LEFT JOIN public.sync_runs earliest ON (((earliest.account = made.account) AND (earliest.started_at = made.earliest))))
     LEFT JOIN public.sync_runs latest ON (((latest.account = made.account) AND (latest.started_at = made.latest))));
CREATE TABLE public.dropped_entries (
    log_id text NOT NULL,
    tree text NOT NULL,
    first_index bigint NOT NULL,
    hashes bytea NOT NULL,
    CONSTRAINT ck_dropped_entries_tree CHECK ((tree = ANY (ARRAY['log'::text, 'runs'::text])))
);
CREATE VIEW public.fleet_daily AS
 WITH versions AS (
         SELECT instance_versions.account,
            instance_versions.instance_id,
            instance_versions.episode,
            instance_versions.instance_type,
            instance_versions.region,
            instance_versions.gpu_count,
            instance_versions.valid_from,
            instance_versions.opened_as,
            lag(instance_versions.instance_type) OVER by_time AS type_before,
            lag(instance_versions.region) OVER by_time AS region_before
           FROM public.instance_versions
          WHERE ((instance_versions.opened_as <> 'changed'::text) OR instance_versions.moved)
          WINDOW by_time AS (PARTITION BY instance_versions.account, instance_versions.instance_id ORDER BY instance_versions.valid_from)
        ), starts AS (
         SELECT versions.account,
            versions.instance_id,
            versions.episode,
            versions.instance_type,
            versions.region,
            versions.gpu_count,
            versions.valid_from,
            lead(versions.valid_from) OVER (PARTITION BY versions.account, versions.instance_id, versions.episode ORDER BY versions.valid_from) AS next_from
           FROM versions
          WHERE ((versions.opened_as <> 'changed'::text) OR (versions.instance_type IS DISTINCT FROM versions.type_before) OR (versions.region IS DISTINCT FROM versions.region_before))
        ), episodes AS (
         SELECT instance_versions.account,
            instance_versions.instance_id,
            instance_versions.episode,
            instance_versions.last_seen_at
           FROM public.instance_versions
          WHERE (instance_versions.closed_as = 'vanished'::text)
        UNION ALL
         SELECT v.account,
            v.instance_id,
            v.episode,
            instances.last_seen_at
           FROM (public.instance_versions v
             JOIN public.instances ON (((instances.account = v.account) AND (instances.instance_id = v.instance_id))))
          WHERE (v.valid_to IS NULL)
        ), stretches AS (
         SELECT starts.account,
            starts.instance_id,
            starts.instance_type,
            starts.region,
            starts.gpu_count,
            starts.valid_from,
            COALESCE(starts.next_from, episodes.last_seen_at) AS until,
            ((starts.valid_from AT TIME ZONE 'UTC'::text))::date AS first_day,
            ((COALESCE((starts.next_from - '00:00:00.000001'::interval), episodes.last_seen_at) AT TIME ZONE 'UTC'::text))::date AS last_day
           FROM (starts
             LEFT JOIN episodes ON (((episodes.account = starts.account) AND (episodes.instance_id = starts.instance_id) AND (episodes.episode = starts.episode))))
        ), ordered AS (
         SELECT stretches.account,
            stretches.instance_type,
            stretches.region,
            stretches.gpu_count,
            stretches.valid_from,
            stretches.until,
            stretches.first_day,
            stretches.last_day,
            lag(stretches.last_day) OVER (PARTITION BY stretches.account, stretches.instance_id, stretches.instance_type, stretches.region ORDER BY stretches.valid_from) AS previous_last_day
           FROM stretches
        ), edges AS (
         SELECT ordered.account,
            ordered.instance_type,
            ordered.region,
            ordered.gpu_count,
            edge.day,
            edge.stretches,
            edge.instances,
            edge.lost
           FROM (ordered
             CROSS JOIN LATERAL ( VALUES (ordered.first_day,1,
                        CASE
                            WHEN (ordered.previous_last_day = ordered.first_day) THEN 0
                            ELSE 1
                        END,((EXTRACT(epoch FROM ((ordered.valid_from AT TIME ZONE 'UTC'::text) - (ordered.first_day)::timestamp without time zone)) * (1000000)::numeric))::bigint), (
                        CASE
                            WHEN (ordered.previous_last_day = ordered.first_day) THEN (ordered.first_day + 1)
                            ELSE NULL::date
                        END,0,1,0), (ordered.last_day,0,0,((EXTRACT(epoch FROM (((ordered.last_day + 1))::timestamp without time zone - (ordered.until AT TIME ZONE 'UTC'::text))) * (1000000)::numeric))::bigint), ((ordered.last_day + 1),'-1'::integer,'-1'::integer,0)) edge(day, stretches, instances, lost))
          WHERE (edge.day IS NOT NULL)
        ), spans AS (
         SELECT edges.account,
            edges.instance_type,
            edges.region,
            edges.gpu_count,
            edges.day,
            sum(edges.lost) AS lost,
            sum(sum(edges.stretches)) OVER span AS stretches,
            sum(sum(edges.instances)) OVER span AS instances,
            lead(edges.day) OVER span AS until
           FROM edges
          GROUP BY edges.account, edges.instance_type, edges.region, edges.gpu_count, edges.day
          WINDOW span AS (PARTITION BY edges.account, edges.instance_type, edges.region, edges.gpu_count ORDER BY edges.day)
        )
 SELECT calendar.day,
    spans.account,
    spans.instance_type,
    spans.region,
    (spans.instances)::integer AS instances,
    ((((('86400000000'::bigint)::numeric * spans.stretches) -
        CASE
            WHEN (calendar.day = spans.day) THEN spans.lost
            ELSE (0)::numeric
        END))::double precision / ('3600000000'::bigint)::double precision) AS hours,
    (((((('86400000000'::bigint)::numeric * spans.stretches) -
        CASE
            WHEN (calendar.day = spans.day) THEN spans.lost
            ELSE (0)::numeric
        END))::double precision * (spans.gpu_count)::double precision) / ('3600000000'::bigint)::double precision) AS gpu_hours
   FROM (spans
     JOIN public.calendar ON (((calendar.day >= spans.day) AND (calendar.day < spans.until))))
  WHERE (spans.stretches > (0)::numeric);
CREATE VIEW public.instance_events AS
 SELECT instance_versions.valid_from AS occurred_at,
    instance_versions.account,
    instance_versions.instance_id,
    instance_versions.opened_as AS event,
    instance_versions.opened_by_run_id AS run_id,
    instance_versions.episode,
    instance_versions.instance_type,
    instance_versions.gpu_count,
    instance_versions.gpu_model,
    instance_versions.region,
    instance_versions.sector,
    instance_versions.ip,
    instance_versions.status,
    instance_versions.creator_user_nickname,
    instance_versions.extra
   FROM public.instance_versions
UNION ALL
 SELECT instance_versions.valid_to AS occurred_at,
    instance_versions.account,
    instance_versions.instance_id,
    instance_versions.closed_as AS event,
    instance_versions.closed_by_run_id AS run_id,
    instance_versions.episode,
    instance_versions.instance_type,
    instance_versions.gpu_count,
    instance_versions.gpu_model,
    instance_versions.region,
    instance_versions.sector,
    instance_versions.ip,
    instance_versions.status,
    instance_versions.creator_user_nickname,
    instance_versions.extra
   FROM public.instance_versions
  WHERE ((instance_versions.closed_as = 'vanished'::text) AND (instance_versions.valid_to IS NOT NULL));
CREATE VIEW public.instance_field_changes AS
 SELECT old.valid_to AS changed_at,
    old.account,
    old.instance_id,
    difference.field,
    difference.old_value,
    difference.new_value,
    old.closed_by_run_id AS run_id
   FROM ((public.instance_versions old
     JOIN public.instance_versions new ON (((new.account = old.account) AND (new.instance_id = old.instance_id) AND (new.valid_from = old.valid_to))))
     CROSS JOIN LATERAL ( SELECT known.field,
            known.old_value,
            known.new_value
           FROM ( VALUES ('instance_type'::text,old.instance_type,new.instance_type), ('region'::text,old.region,new.region), ('sector'::text,old.sector,new.sector), ('ip'::text,old.ip,new.ip), ('status'::text,old.status,new.status), ('creator_user_nickname'::text,old.creator_user_nickname,new.creator_user_nickname)) known(field, old_value, new_value)
          WHERE (known.old_value IS DISTINCT FROM known.new_value)
        UNION ALL
         SELECT key,
            NULLIF((before.value)::text, 'null'::text) AS "nullif",
            NULLIF((after.value)::text, 'null'::text) AS "nullif"
           FROM (json_each(old.extra) before(key, value)
             FULL JOIN json_each(new.extra) after(key, value) USING (key))
          WHERE (((old.extra)::text IS DISTINCT FROM (new.extra)::text) AND (NULLIF((before.value)::text, 'null'::text) IS DISTINCT FROM NULLIF((after.value)::text, 'null'::text)))) difference)
  WHERE (old.closed_as = 'changed'::text);
CREATE VIEW public.live_instances AS
 SELECT account,
    instance_id,
    instance_type,
    gpu_count,
    gpu_model,
    region,
    sector,
    ip,
    status,
    creator_user_nickname,
    extra,
    presence,
    held,
    first_seen_at,
    last_seen_at,
    missing_since,
    vanished_at,
    episodes,
    versions
   FROM public.instances
  WHERE (presence = ANY (ARRAY['live'::text, 'missing'::text]));
CREATE VIEW public.sync_gaps AS
 WITH failures AS (
         SELECT sync_runs.account,
            sync_runs.previous_complete_at,
            count(*) AS runs
           FROM public.sync_runs
          WHERE (sync_runs.status = ANY (ARRAY['partial'::text, 'failed'::text, 'abandoned'::text]))
          GROUP BY sync_runs.account, sync_runs.previous_complete_at
        )
 SELECT typed.label AS account,
    typed.at AS gap_start,
    typed.at AS gap_end,
    typed.hours AS seconds,
    typed.count AS failed_runs
   FROM public.typed
  WHERE false
UNION ALL
 SELECT closed.account,
    closed.gap_start,
    closed.gap_end,
    closed.seconds,
    (closed.failed_runs)::integer AS failed_runs
   FROM ( SELECT r.account,
            r.previous_complete_at AS gap_start,
            r.started_at AS gap_end,
            COALESCE(((2)::double precision * r.expected_seconds), r.max_gap_seconds, (90000)::double precision) AS allowed_seconds,
            (EXTRACT(epoch FROM (r.started_at - r.previous_complete_at)))::double precision AS seconds,
            COALESCE(failures.runs, (0)::bigint) AS failed_runs
           FROM (public.sync_runs r
             LEFT JOIN failures ON (((failures.account = r.account) AND (failures.previous_complete_at = r.previous_complete_at))))
          WHERE (r.complete AND (r.previous_complete_at IS NOT NULL))) closed
  WHERE ((closed.failed_runs > 0) OR (closed.seconds > closed.allowed_seconds))
UNION ALL
 SELECT still_open.account,
    still_open.gap_start,
    NULL::timestamp with time zone AS gap_end,
    still_open.seconds,
    (still_open.failed_runs)::integer AS failed_runs
   FROM ( SELECT a.account,
            last.started_at AS gap_start,
            COALESCE(((2)::double precision * last.expected_seconds), last.max_gap_seconds, (90000)::double precision) AS allowed_seconds,
            (EXTRACT(epoch FROM (statement_timestamp() - last.started_at)))::double precision AS seconds,
            COALESCE(failures.runs, (0)::bigint) AS failed_runs
           FROM ((public.accounts a
             JOIN public.sync_runs last ON ((last.run_id = a.last_complete_run_id)))
             LEFT JOIN failures ON (((failures.account = a.account) AND (failures.previous_complete_at = last.started_at))))
          WHERE (a.retired_at IS NULL)) still_open
  WHERE ((still_open.failed_runs > 0) OR (still_open.seconds > still_open.allowed_seconds));
CREATE VIEW public.observation_daily AS
 WITH begun AS (
         SELECT sync_runs.account,
            min(sync_runs.started_at) AS first_at
           FROM public.sync_runs
          WHERE sync_runs.complete
          GROUP BY sync_runs.account
        ), days AS (
         SELECT calendar.day,
            a.account
           FROM ((public.accounts a
             JOIN begun ON ((begun.account = a.account)))
             JOIN public.calendar ON (((calendar.day >= ((begun.first_at AT TIME ZONE 'UTC'::text))::date) AND (calendar.day <= ((COALESCE(a.retired_at, statement_timestamp()) AT TIME ZONE 'UTC'::text))::date))))
          WHERE ((a.pruned_before IS NULL) OR (calendar.day >= (a.pruned_before AT TIME ZONE 'UTC'::text)))
        ), gaps AS MATERIALIZED (
         SELECT sync_gaps.account,
            sync_gaps.gap_end
           FROM public.sync_gaps
          WHERE (sync_gaps.gap_end IS NOT NULL)
        ), spans AS (
         SELECT r.account,
            (r.previous_complete_at AT TIME ZONE 'UTC'::text) AS since,
            (r.started_at AT TIME ZONE 'UTC'::text) AS until,
            (gaps.account IS NULL) AS observed
           FROM (public.sync_runs r
             LEFT JOIN gaps ON (((gaps.account = r.account) AND (gaps.gap_end = r.started_at))))
          WHERE (r.complete AND (r.previous_complete_at IS NOT NULL))
        ), parts AS (
         SELECT calendar.day,
            spans.account,
            sum(
                CASE
                    WHEN spans.observed THEN EXTRACT(epoch FROM (LEAST(spans.until, (calendar.day + '1 day'::interval)) - GREATEST(spans.since, (calendar.day)::timestamp without time zone)))
                    ELSE (0)::numeric
                END) AS seconds,
            max(EXTRACT(epoch FROM (spans.until - spans.since))) AS longest
           FROM (spans
             JOIN public.calendar ON (((calendar.day >= (spans.since)::date) AND (calendar.day <= ((spans.until - '00:00:00.000001'::interval))::date))))
          GROUP BY calendar.day, spans.account
        ), runs AS (
         SELECT ((sync_runs.started_at AT TIME ZONE 'UTC'::text))::date AS day,
            sync_runs.account,
            count(
                CASE
                    WHEN sync_runs.complete THEN 1
                    ELSE NULL::integer
                END) AS complete,
            count(
                CASE
                    WHEN (NOT sync_runs.complete) THEN 1
                    ELSE NULL::integer
                END) AS failed
           FROM public.sync_runs
          WHERE (sync_runs.status <> 'running'::text)
          GROUP BY (((sync_runs.started_at AT TIME ZONE 'UTC'::text))::date), sync_runs.account
        )
 SELECT days.day,
    days.account,
    (COALESCE(parts.seconds, (0)::numeric))::double precision AS observed_seconds,
    ((COALESCE(parts.seconds, (0)::numeric) / (86400)::numeric))::double precision AS share,
    (parts.longest)::double precision AS longest_interval_seconds,
    (COALESCE(runs.complete, (0)::bigint))::integer AS complete_runs,
    (COALESCE(runs.failed, (0)::bigint))::integer AS failed_runs
   FROM ((days
     LEFT JOIN parts ON (((parts.day = days.day) AND (parts.account = days.account))))
     LEFT JOIN runs ON (((runs.day = days.day) AND (runs.account = days.account))));
CREATE TABLE public.operator_actions (
    action_id bigint NOT NULL,
    account text NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    action text NOT NULL,
    actor text NOT NULL,
    reason text,
    details json NOT NULL,
    log_index bigint NOT NULL,
    entry_hash bytea NOT NULL,
    CONSTRAINT ck_operator_actions_action CHECK ((action = ANY (ARRAY['accept'::text, 'prune'::text, 'rename'::text, 'retire'::text])))
);
CREATE SEQUENCE public.operator_actions_action_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.operator_actions_action_id_seq OWNED BY public.operator_actions.action_id;
CREATE VIEW public.sync_freshness AS
 SELECT typed.label AS account,
    typed.at AS last_complete_at,
    typed.at AS last_attempt_at,
    typed.label AS last_status,
    typed.count AS failures_since_complete,
    typed.count AS live_instances,
    typed.count AS missing_instances
   FROM public.typed
  WHERE false
UNION ALL
 SELECT a.account,
    complete.started_at AS last_complete_at,
    attempt.started_at AS last_attempt_at,
    attempt.status AS last_status,
    (( SELECT count(*) AS count
           FROM public.sync_runs r
          WHERE ((r.account = a.account) AND (r.status = ANY (ARRAY['partial'::text, 'failed'::text, 'abandoned'::text])) AND (r.started_at >= COALESCE(complete.started_at, ( SELECT min(sync_runs.started_at) AS min
                   FROM public.sync_runs
                  WHERE (sync_runs.account = a.account)))))))::integer AS failures_since_complete,
    (( SELECT count(*) AS count
           FROM public.instance_state s
          WHERE ((s.account = a.account) AND (s.presence = 'live'::text))))::integer AS live_instances,
    (( SELECT count(*) AS count
           FROM public.instance_state s
          WHERE ((s.account = a.account) AND (s.presence = 'missing'::text))))::integer AS missing_instances
   FROM ((public.accounts a
     LEFT JOIN public.sync_runs complete ON ((complete.run_id = a.last_complete_run_id)))
     LEFT JOIN public.sync_runs attempt ON (((attempt.account = a.account) AND (attempt.started_at = ( SELECT max(sync_runs.started_at) AS max
           FROM public.sync_runs
          WHERE (sync_runs.account = a.account))))));
CREATE SEQUENCE public.sync_runs_run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.sync_runs_run_id_seq OWNED BY public.sync_runs.run_id;
CREATE SEQUENCE public.typed_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.typed_id_seq OWNED BY public.typed.id;
ALTER TABLE ONLY public.operator_actions ALTER COLUMN action_id SET DEFAULT nextval('public.operator_actions_action_id_seq'::regclass);
ALTER TABLE ONLY public.sync_runs ALTER COLUMN run_id SET DEFAULT nextval('public.sync_runs_run_id_seq'::regclass);
ALTER TABLE ONLY public.typed ALTER COLUMN id SET DEFAULT nextval('public.typed_id_seq'::regclass);
INSERT INTO public.accounts VALUES ('killed', 'fal', '2026-03-02 05:45:00+05:45', NULL, NULL, NULL, NULL, '6d0e9c561d0f151a91120c143fb62b62', 'sync', 69, 120, '2026-03-02 05:45:00+05:45', 'host-1/2485377892354/pid:[4026531836]', 4242, 1772409600.5, NULL, 'e85f301fdb22c85995b7b444f8e7f1ef', '{"account":"killed","at":"2026-03-02T00:00:00.000000Z","created_at":"2026-03-02T00:00:00.000000Z","index":0,"kind":"start","log":"e85f301fdb22c85995b7b444f8e7f1ef","provider":"fal","version":"0.2.0.dev0"}', 1, '\xb18885674e4161df680812919ada3afd759c9f89750d8bf6a62f59812c0d7677');
INSERT INTO public.accounts VALUES ('research', 'fal', '2026-03-02 05:45:00+05:45', NULL, NULL, 48, '0baa1c08f074ca6f5bc5434916087e2d0c76a2bcb69508ccaa1ae71964485657 3 60 0 NjMt6w9ai1gykuO6.TjvydjXhIq09ao0s,spr56S--XQzMEVOd.ySP58JYXtzID_QjS,6FeQLElcD6fYb3O_.2ZtfCYqLpH0TQpkU 0.2.0.dev0 ', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'bc94e112cfcedfa8455f3b44d4820b5c', '{"account":"research","at":"2026-03-02T00:00:00.000000Z","created_at":"2026-03-02T00:00:00.000000Z","index":0,"kind":"start","log":"bc94e112cfcedfa8455f3b44d4820b5c","provider":"fal","version":"0.2.0.dev0"}', 49, '\xe8715f546a9c4ec51f89fbd57aec61220b7371faa53b415b2dbeb28db4b725f8441be536aa423260a1ac12316694ca6e0f3e7e8fd7e0892369c404c37c27a1cef2ab48fa68a8f128835e5087ca3fa861be0e6471a04f911e67e7017f45b6b7c9');
INSERT INTO public.accounts VALUES ('production', 'fal', '2026-03-02 05:55:00+05:45', NULL, NULL, 56, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '07dac73ab2ddaf92e65e925e45b476c3', '{"account":"default","at":"2026-03-02T00:10:00.000000Z","created_at":"2026-03-02T00:10:00.000000Z","index":0,"kind":"start","log":"07dac73ab2ddaf92e65e925e45b476c3","provider":"fal","version":"0.2.0.dev0"}', 11, '\x95e03aad49de1697cb35e01969340f5c17ea5526e40a74b4729d73afb8c0c3c97056edc6a4658a0b2e5c1e26b31443e3944795b1347c3cd3d7a75d00e82ebb943aa9fed173593e2005fb4a93c3d0a63082834e98c4d5ed21d116c4eec7609cec');
INSERT INTO public.accounts VALUES ('legacy', 'fal', '2026-03-02 06:05:00+05:45', '2026-03-02 19:45:00+05:45', '2026-03-02 13:45:00+05:45', 68, '9de5cfa2047efb991784dfca8e58bced23db1f462af58bec6e8c1fc7e249f7ec 1 2 0 neXPogR--5kXhN_K.ERRMhQY_lqhDUPTI 0.2.0.dev0 ', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '4b6fd06209c5b6d400797eb01b614554', '{"account":"legacy","at":"2026-03-02T00:20:00.000000Z","created_at":"2026-03-02T00:20:00.000000Z","index":0,"kind":"start","log":"4b6fd06209c5b6d400797eb01b614554","provider":"fal","version":"0.2.0.dev0"}', 15, '\x6d301791758e503108ff4121a27889258d59ab657e9c4239d8c07fb42dc6672d13f93401f903d4a6ed3b5002639df0b977e3b487d07656b5bcc570624a78c5116be90eb43b1960c73550f91fcfafd9290eb4033af5abf97af0631a42797fc699f20be3eab6a88b88190a39ed8115948b5aff9acea449512dbeb2d1491c6c5219');
INSERT INTO public.alembic_version VALUES ('0005');
INSERT INTO public.calendar (day, week, month) SELECT day, date_trunc('week', day), date_trunc('month', day) FROM generate_series(timestamp '2020-01-01', timestamp '2049-12-31', interval '1 day') AS day;
INSERT INTO public.dropped_entries VALUES ('4b6fd06209c5b6d400797eb01b614554', 'log', 2, '\x7ec14cc37d55e0c804dd8f5df533fefdab42b8bac719b548c384b0592a2a2310e7b6b19e67628c8bbc64f58995e7d7e3db453b5a6b6c7c9856e7f3bc08afa53e94543d7d1303dc439491fc3facce731298b81a4c6e1d05e1e292290632a91ec5d5795925076a32bb7f817472c7237f5aad479b9ef271cd853518b9e630a11b0317e984f03c0c6a2ccbf1d7547bda158a54c8accd180edb451f4a11a017cf9ac8');
INSERT INTO public.instance_state VALUES ('research', 'inst_11b4043e3ef5', 'gpu_1x_h100_sxm5', 'eu-west', NULL, '198.51.100.106', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 1, 1, NULL, 0, 'serving-bot', '\x1c20597b6eb97bf7af85d118f42b85e4670a2880cce992b471e5220f54321418', '\x1c20597b6eb97bf7af85d118f42b85e4670a2880cce992b471e5220f54321418', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_19553473f51f', 'gpu_1x_h100_sxm5', 'us-west', NULL, '192.0.2.222', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 1, 1, NULL, 0, 'serving-bot', '\xac6f91efac4486a1f60e922fda897fa8a6f14d2773ba24d33b37c42ba0af8d85', '\xac6f91efac4486a1f60e922fda897fa8a6f14d2773ba24d33b37c42ba0af8d85', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_2816a20bcd9c', 'gpu_8x_h100_sxm5', 'eu-west', 'sector_1', '198.51.100.194', 'ready', 'oskar', NULL, 8, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 1, 1, NULL, 0, 'oskar', '\x5658437aea0df10aad1f780b666c2bc6d497541ff4511814b82f7e9eb0e7f6b4', '\x5658437aea0df10aad1f780b666c2bc6d497541ff4511814b82f7e9eb0e7f6b4', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_33db9c9c2d91', 'gpu_8x_h100_sxm5', 'other', 'sector_2', '192.0.2.44', 'ready', 'serving-bot', NULL, 8, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 1, 1, NULL, 0, 'serving-bot', '\x1316a0612da89ed2024661fb6a36de3e0a2f490ec9589f31ce149c5620b0a286', '\x1316a0612da89ed2024661fb6a36de3e0a2f490ec9589f31ce149c5620b0a286', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_37d831d6e349', 'gpu_1x_h100_sxm5', 'us-west', NULL, '203.0.113.228', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 1, 1, NULL, 0, 'serving-bot', '\xcb76b79c406605c3815e6b75bb44a135c5fc6581b7a4e839943344f35069c0c3', '\xcb76b79c406605c3815e6b75bb44a135c5fc6581b7a4e839943344f35069c0c3', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_4878fd846420', 'gpu_8x_h100_sxm5', 'eu-north', 'sector_1', '192.0.2.25', 'ready', 'oskar', NULL, 8, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 1, 1, NULL, 0, 'oskar', '\x1eea4c72332bdeb47ee8a0f60129e817f976c112431e16010371947e53074250', '\x1eea4c72332bdeb47ee8a0f60129e817f976c112431e16010371947e53074250', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_4f1c5aadd0d2', 'gpu_1x_h100_sxm5', 'us-east', NULL, '192.0.2.203', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 1, 1, NULL, 0, 'serving-bot', '\xcc786f0f4b520b46f1c0ec04afcb53f3d35c61798e5e1159e54ff5eecf322215', '\xcc786f0f4b520b46f1c0ec04afcb53f3d35c61798e5e1159e54ff5eecf322215', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_5e87a75fdb6e', 'gpu_1x_h100_sxm5', 'eu-west', NULL, '198.51.100.225', 'ready', 'oskar', NULL, 1, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 1, 1, NULL, 0, 'oskar', '\xd4f46fbd81d8fc08024d9b7520c9f1a1c32fa1ffd2ee9c1d14828cbedd5960cc', '\xd4f46fbd81d8fc08024d9b7520c9f1a1c32fa1ffd2ee9c1d14828cbedd5960cc', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_6e80c46bcb23', 'gpu_1x_h100_sxm5', 'us-west', NULL, '203.0.113.104', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 1, 1, NULL, 0, 'serving-bot', '\x061ae1bc49cf9abc857f994f51f04b22003da9882742549fd3d7b608f40c0461', '\x061ae1bc49cf9abc857f994f51f04b22003da9882742549fd3d7b608f40c0461', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_73542141c6d1', 'gpu_1x_h100_sxm5', 'other', NULL, '198.51.100.51', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 1, 1, NULL, 0, 'serving-bot', '\x9abf2fecff6df2bb7666615dc0c00aa4fb432f71d71048cf6902cb475b85a9e5', '\x9abf2fecff6df2bb7666615dc0c00aa4fb432f71d71048cf6902cb475b85a9e5', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_344a89c666c4', 'gpu_8x_h100_sxm5', 'other', 'sector_3', '203.0.113.32', 'ready', 'serving-bot', NULL, 8, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 2, 8, NULL, 0, 'serving-bot', '\x9c30ad9063ae61828a55b980ffd427bb645f096ffc7d0bb622fd3c821b198d19', '\x9c30ad9063ae61828a55b980ffd427bb645f096ffc7d0bb622fd3c821b198d19', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_715f5d015d21', 'gpu_8x_h100_sxm5', 'us-east', 'sector_3', '203.0.113.166', 'ready', 'serving-bot', NULL, 8, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 2, 3, NULL, 0, 'serving-bot', '\xfb7ad49e5109c705fb2e66d2ceac6aedabf3dda30a8eebb68108c7b00c3a497f', '\xfb7ad49e5109c705fb2e66d2ceac6aedabf3dda30a8eebb68108c7b00c3a497f', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_5484ba6bc77c', 'gpu_8x_h100_sxm5', 'eu-north', 'sector_2', NULL, 'stopped', 'sunniva', NULL, 8, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 4, 39, NULL, 0, 'sunniva', '\xa9fd58460f4185272ad146b1719604582a986619f90219c507fcdeaf147851d2', '\xa9fd58460f4185272ad146b1719604582a986619f90219c507fcdeaf147851d2', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_31f3ebff2ec1', 'gpu_8x_h100_sxm5', 'us-central', 'sector_3', '192.0.2.43', 'ready', 'nightly-batch', NULL, 8, 'h100_sxm5', 'vanished', false, '2026-03-02 05:45:00+05:45', NULL, '2026-03-02 08:45:00+05:45', 1, 1, 3, NULL, 0, 'nightly-batch', '\x85ad480948455d3a74377b5a14d920400ecd73ea6630b52fd2fa7b7960d1a484', '\x85ad480948455d3a74377b5a14d920400ecd73ea6630b52fd2fa7b7960d1a484', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_6546ad502d03', 'gpu_8x_h100_sxm5', 'us-west', NULL, '192.0.2.100', 'ready', NULL, NULL, 8, 'h100_sxm5', 'vanished', false, '2026-03-02 05:45:00+05:45', NULL, '2026-03-02 08:45:00+05:45', 1, 1, 3, NULL, 0, NULL, '\xdbf00e9ddf7a65558011bf53f3e0286a3ce5a2ddbdc4a2090789ad85041727fa', '\xdbf00e9ddf7a65558011bf53f3e0286a3ce5a2ddbdc4a2090789ad85041727fa', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_6e195ac51cc8', 'gpu_8x_h100_sxm5', 'us-west', 'sector_2', '203.0.113.154', 'ready', 'priya', NULL, 8, 'h100_sxm5', 'vanished', false, '2026-03-02 05:45:00+05:45', NULL, '2026-03-03 19:45:00+05:45', 1, 1, 38, NULL, 0, 'priya', '\xbaf5ecf838b2e9b0aee74453d06a8024cc59983278cf319044f6e11f46269d6a', '\xbaf5ecf838b2e9b0aee74453d06a8024cc59983278cf319044f6e11f46269d6a', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_35bb51054839', 'gpu_1x_h100_sxm5', 'eu-west', NULL, '203.0.113.35', 'ready', 'kofi', NULL, 1, 'h100_sxm5', 'vanished', false, '2026-03-02 05:45:00+05:45', NULL, '2026-03-02 18:45:00+05:45', 1, 1, 12, NULL, 0, 'kofi', '\x0a187bec160df7c915d0f9f97472844d83de5ff95b6a8e6de5c566be2bd306cc', '\x0a187bec160df7c915d0f9f97472844d83de5ff95b6a8e6de5c566be2bd306cc', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_63bc13ab6410', 'gpu_8x_h100_sxm5', 'us-central', 'sector_3', '192.0.2.128', 'ready', 'priya', NULL, 8, 'h100_sxm5', 'vanished', false, '2026-03-02 05:45:00+05:45', NULL, '2026-03-02 12:45:00+05:45', 1, 1, 7, NULL, 0, 'priya', '\x07c2df6cece184ad0c23a275d8cc2d4ef35cb68a1ccd0f94305b830dfa061958', '\x07c2df6cece184ad0c23a275d8cc2d4ef35cb68a1ccd0f94305b830dfa061958', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_1ce22b4c0859', 'gpu_1x_h100_sxm5', 'us-west', NULL, '198.51.100.121', 'ready', 'priya', NULL, 1, 'h100_sxm5', 'vanished', false, '2026-03-02 05:45:00+05:45', NULL, '2026-03-02 20:45:00+05:45', 1, 1, 15, NULL, 0, 'priya', '\x1db1ca2411167cdc24cdb9b4196b7f4679247892e94f8780be7f09cc3516fc23', '\x1db1ca2411167cdc24cdb9b4196b7f4679247892e94f8780be7f09cc3516fc23', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_37e20745e6cf', 'gpu_1x_h100_sxm5', 'eu-north', NULL, '198.51.100.207', 'ready', 'sunniva', NULL, 1, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 5, 40, NULL, 0, 'sunniva', '\x8ac65bc5773b02224a07ee4693af3ec0295405f8f65181a5a8b0a35e466abacc', '\x8ac65bc5773b02224a07ee4693af3ec0295405f8f65181a5a8b0a35e466abacc', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_22efdb54e659', 'gpu_1x_h100_sxm5', 'us-east', NULL, '203.0.113.23', 'ready', 'lena', NULL, 1, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 3, 48, NULL, 0, 'lena', '\x836f444e2a187f18d4fbc5b8f25b165a3c2ffba923cf70700fc221eac6008170', '\x836f444e2a187f18d4fbc5b8f25b165a3c2ffba923cf70700fc221eac6008170', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_7edadb0d5869', 'gpu_1x_h100_sxm5', 'eu-west', NULL, '203.0.113.105', 'ready', 'kofi', NULL, 1, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 3, 38, NULL, 0, 'kofi', '\xf18e429364afab8b06026c2e6c4aa6338d9370ab3c98ec6f6ac58e83453098ab', '\xf18e429364afab8b06026c2e6c4aa6338d9370ab3c98ec6f6ac58e83453098ab', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_3a78205bc308', 'gpu_8x_h100_sxm5', 'eu-west', 'sector_3', '198.51.100.144', 'ready', 'oskar', NULL, 8, 'h100_sxm5', 'vanished', false, '2026-03-02 05:45:00+05:45', NULL, '2026-03-03 08:45:00+05:45', 1, 1, 27, NULL, 0, 'oskar', '\xa6107582a514431dd945754bd092fb52352e95e8ab218544a1a60b6e5663055e', '\xa6107582a514431dd945754bd092fb52352e95e8ab218544a1a60b6e5663055e', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_05b47b1ffc6a', 'gpu_8x_h100_sxm5', 'us-east', 'sector_2', '192.0.2.247', 'ready', 'lena', NULL, 8, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 3, 38, NULL, 0, 'lena', '\xa67a125ad3d77ea9a1c5d7065444102a6abf7cd8ebfad5552083aa1b0916af3a', '\xa67a125ad3d77ea9a1c5d7065444102a6abf7cd8ebfad5552083aa1b0916af3a', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_4027aa785c61', 'gpu_1x_h100_sxm5', 'other', NULL, '203.0.113.163', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'vanished', false, '2026-03-02 05:45:00+05:45', NULL, '2026-03-03 23:45:00+05:45', 1, 1, 42, NULL, 0, 'serving-bot', '\x38d530e71d512349fe8808705771685ec9302097cf36e3f69d4edeb99859a282', '\x38d530e71d512349fe8808705771685ec9302097cf36e3f69d4edeb99859a282', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_4a488f0be063', 'gpu_1x_h100_sxm5', 'us-east', NULL, '203.0.113.191', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 5, 32, NULL, 0, 'serving-bot', '\x90758b530297c80a05f10df76592959edfb932c6f3f44a13e987ed0928ce05cd', '\x90758b530297c80a05f10df76592959edfb932c6f3f44a13e987ed0928ce05cd', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_24f577e5cf1e', 'gpu_8x_h100_sxm5', 'eu-north', NULL, '203.0.113.155', 'ready', 'oskar', NULL, 8, 'h100_sxm5', 'vanished', false, '2026-03-02 05:45:00+05:45', NULL, '2026-03-03 18:45:00+05:45', 1, 7, 37, NULL, 0, 'oskar', '\x5c28363eef2738b53285352a52b6a2466f484884d95ceed97ff88f42306f176b', '\x5c28363eef2738b53285352a52b6a2466f484884d95ceed97ff88f42306f176b', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_5e7326934cac', 'gpu_1x_h100_sxm5', 'other', NULL, '203.0.113.168', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 3, 44, NULL, 0, 'serving-bot', '\xbdafebfebba4d4a4f8f7ab6e6c284ffce90759cb3701ccb0691f46aad6da92b4', '\xbdafebfebba4d4a4f8f7ab6e6c284ffce90759cb3701ccb0691f46aad6da92b4', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_1d418930fbcd', 'gpu_1x_h100_sxm5', 'eu-north', NULL, NULL, 'stopped', 'sunniva', NULL, 1, 'h100_sxm5', 'vanished', false, '2026-03-02 05:45:00+05:45', NULL, '2026-03-04 00:45:00+05:45', 1, 4, 43, NULL, 0, 'sunniva', '\xdc75e744ed101de39fab36dcf8c9b634c3d49534b3a977f6d78a4f5526dffcf9', '\xdc75e744ed101de39fab36dcf8c9b634c3d49534b3a977f6d78a4f5526dffcf9', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_853af262b76d', 'gpu_1x_h100_sxm5', 'us-west', NULL, '192.0.2.158', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 1, 1, NULL, 0, 'serving-bot', '\xc670da12ed2c9f5073e710418ba075a59cdc2740a8bdb0fab2df71bc1977b113', '\xc670da12ed2c9f5073e710418ba075a59cdc2740a8bdb0fab2df71bc1977b113', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_87c85d965853', 'gpu_1x_h100_sxm5', 'us-west', NULL, '198.51.100.124', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 1, 1, NULL, 0, 'serving-bot', '\x3727372bb2140f3d74efc507c8993af2adf231895764be03d7601118a87e177d', '\x3727372bb2140f3d74efc507c8993af2adf231895764be03d7601118a87e177d', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_8aa938f9c638', 'gpu_8x_h100_sxm5', 'us-east', 'sector_3', '198.51.100.19', 'ready', 'serving-bot', NULL, 8, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 1, 1, NULL, 0, 'serving-bot', '\x18ca3f8010f807e0946d5a8a0f75fa0d57798f930f94512c182edb18dab40acd', '\x18ca3f8010f807e0946d5a8a0f75fa0d57798f930f94512c182edb18dab40acd', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_b1957ae7f8c9', 'gpu_1x_h100_sxm5', 'eu-west', NULL, '198.51.100.50', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 1, 1, NULL, 0, 'serving-bot', '\xad5ee46a4b7fe74d42e4ec1f048fcb622942e6f3774dbeb27c3e4cc23a60cfab', '\xad5ee46a4b7fe74d42e4ec1f048fcb622942e6f3774dbeb27c3e4cc23a60cfab', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_bcb5bcb1cec4', 'gpu_8x_h100_sxm5', 'us-central', NULL, '192.0.2.34', 'ready', 'lena', NULL, 8, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 1, 1, NULL, 0, 'lena', '\x4a84de25e9a4fed917ae711042006018a1f4f89c8dd742f8813e822bdd8bf9d9', '\x4a84de25e9a4fed917ae711042006018a1f4f89c8dd742f8813e822bdd8bf9d9', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_cbfe24105a49', 'gpu_8x_h100_sxm5', 'eu-west', NULL, '203.0.113.252', 'ready', 'serving-bot', NULL, 8, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 1, 1, NULL, 0, 'serving-bot', '\xa5ffa832332d512abeb5e3af8655ccfd4fb861af5c86b72f0268c1751abca940', '\xa5ffa832332d512abeb5e3af8655ccfd4fb861af5c86b72f0268c1751abca940', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_cc2e12d12d30', 'gpu_8x_h100_sxm5', 'other', NULL, '203.0.113.110', 'ready', 'serving-bot', NULL, 8, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 1, 1, NULL, 0, 'serving-bot', '\x950686cc7a8236e17e36925b4fc0ba36b3237bed5275b9d32690d57419f451ee', '\x950686cc7a8236e17e36925b4fc0ba36b3237bed5275b9d32690d57419f451ee', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_cd873062c81e', 'gpu_1x_h100_sxm5', 'us-west', NULL, '203.0.113.124', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 1, 1, NULL, 0, 'serving-bot', '\x85e236094facc6cc0a911de328c9af54274e3f88feca1ce000bc4adedbb77fda', '\x85e236094facc6cc0a911de328c9af54274e3f88feca1ce000bc4adedbb77fda', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_e1b7486d2107', 'gpu_1x_h100_sxm5', 'other', NULL, '203.0.113.57', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 1, 1, NULL, 0, 'serving-bot', '\xc116d7a80037cbc062a26132748ef660a3799c414385840581571f2e9d52c123', '\xc116d7a80037cbc062a26132748ef660a3799c414385840581571f2e9d52c123', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_f3df2310b11e', 'gpu_8x_h100_sxm5', 'other', NULL, '198.51.100.188', 'ready', 'serving-bot', NULL, 8, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 1, 1, NULL, 0, 'serving-bot', '\xa500a84b0142d1cfb0700cb6b165197cd7c8a60c68a316be97b397efc5e56a41', '\xa500a84b0142d1cfb0700cb6b165197cd7c8a60c68a316be97b397efc5e56a41', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_fa0c8975fcdb', 'gpu_8x_h100_sxm5', 'eu-west', 'sector_1', '198.51.100.68', 'ready', 'serving-bot', NULL, 8, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 1, 1, NULL, 0, 'serving-bot', '\x8e3f33116ce25d35b60298fa898af3c5485673bc9c2badbea3ded0369a270e65', '\x8e3f33116ce25d35b60298fa898af3c5485673bc9c2badbea3ded0369a270e65', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_fa2fc77f7935', 'gpu_1x_h100_sxm5', 'us-east', NULL, '203.0.113.10', 'ready', 'lena', NULL, 1, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 1, 1, NULL, 0, 'lena', '\xff30c4dfd03306fd86c6262b1945e72defdee80d46ea4cea2327ced6c085406f', '\xff30c4dfd03306fd86c6262b1945e72defdee80d46ea4cea2327ced6c085406f', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_fd965b0b09cf', 'gpu_1x_h100_sxm5', 'us-west', NULL, '192.0.2.232', 'ready', NULL, NULL, 1, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 1, 1, NULL, 0, NULL, '\xe730aa57c0eb63c24b0e6f067720be61335e54a773d05f37d58d3b2dca87a995', '\xe730aa57c0eb63c24b0e6f067720be61335e54a773d05f37d58d3b2dca87a995', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_5cb51799e728', 'gpu_1x_h100_sxm5', 'us-west', NULL, '203.0.113.229', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 2, 2, NULL, 0, 'serving-bot', '\x6962d1021404b853ef411b6644109a668732c4f5e3b358acda9675156dc49a64', '\x6962d1021404b853ef411b6644109a668732c4f5e3b358acda9675156dc49a64', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_46565bf379c4', 'gpu_1x_h100_sxm5', 'eu-north', NULL, '198.51.100.157', 'ready', 'mira', NULL, 1, 'h100_sxm5', 'vanished', false, '2026-03-02 05:45:00+05:45', NULL, '2026-03-02 06:45:00+05:45', 1, 1, 1, NULL, 0, 'mira', '\x72d914f7909379cf00288d51c9921f79caed2d05a86b1884e8f8a5da231cf00e', '\x72d914f7909379cf00288d51c9921f79caed2d05a86b1884e8f8a5da231cf00e', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_56f52080f2ac', 'gpu_1x_h100_sxm5', 'other', NULL, '198.51.100.231', 'ready', 'jun', NULL, 1, 'h100_sxm5', 'vanished', false, '2026-03-02 05:45:00+05:45', NULL, '2026-03-02 06:45:00+05:45', 1, 1, 1, NULL, 0, 'jun', '\x0b20baa98da0292a10e60928761cbd0e3ed5c3ce57d601a56a7b2dabb3ea4030', '\x0b20baa98da0292a10e60928761cbd0e3ed5c3ce57d601a56a7b2dabb3ea4030', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_d6ab22240b7c', 'gpu_8x_h100_sxm5', 'us-central', 'sector_2', '203.0.113.206', 'ready', 'lena', NULL, 8, 'h100_sxm5', 'vanished', false, '2026-03-02 05:45:00+05:45', NULL, '2026-03-02 06:45:00+05:45', 1, 1, 1, NULL, 0, 'lena', '\x612bca146ee66740456445eacc47b254a28160b8fed95e4ccfb5c2ace5ad1099', '\x612bca146ee66740456445eacc47b254a28160b8fed95e4ccfb5c2ace5ad1099', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_b3725b8349ce', 'gpu_8x_h100_sxm5', 'us-east', NULL, '198.51.100.247', 'ready', 'lena', NULL, 8, 'h100_sxm5', 'vanished', false, '2026-03-02 05:45:00+05:45', NULL, '2026-03-03 07:45:00+05:45', 1, 1, 26, NULL, 0, 'lena', '\x925eba4b1dfc1a0d0bac5ea0265586fbc253eb5402b4913e27ccbc8d4d9fe995', '\x925eba4b1dfc1a0d0bac5ea0265586fbc253eb5402b4913e27ccbc8d4d9fe995', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_b0e417dd6621', 'gpu_8x_h100_sxm5', 'us-central', NULL, '203.0.113.17', 'ready', 'priya', NULL, 8, 'h100_sxm5', 'vanished', false, '2026-03-02 05:45:00+05:45', NULL, '2026-03-02 08:45:00+05:45', 1, 1, 3, NULL, 0, 'priya', '\xab93c68341455caac4c27e67d14db8fd9eeaf939b30f74cac806e6430e4e1409', '\xab93c68341455caac4c27e67d14db8fd9eeaf939b30f74cac806e6430e4e1409', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_aeb091e4f834', 'gpu_8x_h100_sxm5', 'us-east', 'sector_1', '198.51.100.234', 'ready', 'lena', NULL, 8, 'h100_sxm5', 'vanished', false, '2026-03-02 05:45:00+05:45', NULL, '2026-03-02 09:45:00+05:45', 1, 1, 4, NULL, 0, 'lena', '\x2cba1b7c358709a87f2c165387f89455820faa4f7c17dae1fd81181b589816a8', '\x2cba1b7c358709a87f2c165387f89455820faa4f7c17dae1fd81181b589816a8', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_afe2f09fa24f', 'gpu_8x_h100_sxm5', 'us-east', 'sector_3', '203.0.113.74', 'ready', 'serving-bot', NULL, 8, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 3, 6, NULL, 0, 'serving-bot', '\x4577139d2950a834aeb9a67e851590dd474b4a1eb685645d6433736903d3af8b', '\x4577139d2950a834aeb9a67e851590dd474b4a1eb685645d6433736903d3af8b', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_854af7963e48', 'gpu_8x_h100_sxm5', 'us-central', 'sector_3', '192.0.2.184', 'ready', 'priya', NULL, 8, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 5, 36, NULL, 0, 'priya', '\x919b0a33a7289b8ed38aa1c1d81fc730d3a63540ed0c8dc3ec79afcb10a2936e', '\x919b0a33a7289b8ed38aa1c1d81fc730d3a63540ed0c8dc3ec79afcb10a2936e', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_d2e733080a1d', 'gpu_1x_h100_sxm5', 'us-east', NULL, NULL, 'stopped', 'kofi', NULL, 1, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 4, 43, NULL, 0, 'kofi', '\x680505cc0d4c9c5ea062b727aaf22a13435bef6d3c366877fc23078d2ec9c617', '\x680505cc0d4c9c5ea062b727aaf22a13435bef6d3c366877fc23078d2ec9c617', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_813866cc59ee', 'gpu_8x_h100_sxm5', 'us-west', 'sector_1', '203.0.113.195', 'ready', 'priya', NULL, 8, 'h100_sxm5', 'vanished', false, '2026-03-02 05:45:00+05:45', NULL, '2026-03-04 02:45:00+05:45', 1, 1, 45, NULL, 0, 'priya', '\x2345a02e25817d63b2121cfc664441398c96a628688c10e6a621f1e00e247e77', '\x2345a02e25817d63b2121cfc664441398c96a628688c10e6a621f1e00e247e77', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_950dbb1bda5d', 'gpu_8x_h100_sxm5', 'us-east', 'sector_2', '203.0.113.219', 'ready', 'oskar', NULL, 8, 'h100_sxm5', 'vanished', false, '2026-03-02 05:45:00+05:45', NULL, '2026-03-03 03:45:00+05:45', 1, 1, 20, NULL, 0, 'oskar', '\x1cbbdd2084f4c9d87228dd4551c39134241b10f4a5fad4fe462812c07c8af340', '\x1cbbdd2084f4c9d87228dd4551c39134241b10f4a5fad4fe462812c07c8af340', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_fb66d786e466', 'gpu_1x_h100_sxm5', 'us-east', NULL, NULL, 'stopped', 'kofi', NULL, 1, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 4, 39, NULL, 0, 'kofi', '\x680505cc0d4c9c5ea062b727aaf22a13435bef6d3c366877fc23078d2ec9c617', '\x680505cc0d4c9c5ea062b727aaf22a13435bef6d3c366877fc23078d2ec9c617', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_808c3fbbe91b', 'gpu_1x_h100_sxm5', 'eu-north', NULL, NULL, 'stopped', 'sunniva', NULL, 1, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 4, 48, NULL, 0, 'sunniva', '\xdc75e744ed101de39fab36dcf8c9b634c3d49534b3a977f6d78a4f5526dffcf9', '\xdc75e744ed101de39fab36dcf8c9b634c3d49534b3a977f6d78a4f5526dffcf9', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_92a37ffb20e6', 'gpu_1x_h100_sxm5', 'other', NULL, '203.0.113.160', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'vanished', false, '2026-03-02 05:45:00+05:45', NULL, '2026-03-03 09:45:00+05:45', 1, 1, 28, NULL, 0, 'serving-bot', '\x6dfc2c930c7cbf48d24ed2ea731860d51f37910e8421f00cd178b4a184332697', '\x6dfc2c930c7cbf48d24ed2ea731860d51f37910e8421f00cd178b4a184332697', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_debcd862ff16', 'gpu_1x_h100_sxm5', 'us-east', NULL, NULL, 'stopped', 'kofi', NULL, 1, 'h100_sxm5', 'vanished', false, '2026-03-02 05:45:00+05:45', NULL, '2026-03-03 19:45:00+05:45', 1, 3, 38, NULL, 0, 'kofi', '\x680505cc0d4c9c5ea062b727aaf22a13435bef6d3c366877fc23078d2ec9c617', '\x680505cc0d4c9c5ea062b727aaf22a13435bef6d3c366877fc23078d2ec9c617', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_c687d2d0a678', 'gpu_1x_h100_sxm5', 'us-east', NULL, NULL, 'stopped', 'kofi', NULL, 1, 'h100_sxm5', 'live', false, '2026-03-02 05:45:00+05:45', NULL, NULL, 1, 5, 48, NULL, 0, 'kofi', '\x680505cc0d4c9c5ea062b727aaf22a13435bef6d3c366877fc23078d2ec9c617', '\x680505cc0d4c9c5ea062b727aaf22a13435bef6d3c366877fc23078d2ec9c617', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_b552a161660a', 'gpu_1x_h100_sxm5', 'other', NULL, '198.51.100.236', 'ready', 'jun', NULL, 1, 'h100_sxm5', 'vanished', false, '2026-03-02 07:45:00+05:45', NULL, '2026-03-02 10:45:00+05:45', 1, 1, 5, NULL, 0, 'jun', '\x315f9a69ebeb72b9bf266f136eba8d50dae0d09c71959728f521b4fca68a4443', '\x315f9a69ebeb72b9bf266f136eba8d50dae0d09c71959728f521b4fca68a4443', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_70f4a695bcef', 'gpu_1x_h100_sxm5', 'us-west', NULL, '198.51.100.141', 'ready', 'jun', NULL, 1, 'h100_sxm5', 'vanished', false, '2026-03-02 08:45:00+05:45', NULL, '2026-03-02 11:45:00+05:45', 1, 1, 6, NULL, 0, 'jun', '\x312612aaebd6b515e85f8e9d16fd799cdc58794ecbc8238cacf02e53784658bd', '\x312612aaebd6b515e85f8e9d16fd799cdc58794ecbc8238cacf02e53784658bd', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_b93be68b92e4', 'gpu_1x_h100_sxm5', 'eu-west', NULL, '192.0.2.216', 'ready', 'mira', NULL, 1, 'h100_sxm5', 'vanished', false, '2026-03-02 05:45:00+05:45', NULL, '2026-03-02 12:45:00+05:45', 1, 1, 7, NULL, 0, 'mira', '\xdc53a9e699c7692a10a3463b866b0a4088426c6b5d2f78e8d28a0b23b3b458ca', '\xdc53a9e699c7692a10a3463b866b0a4088426c6b5d2f78e8d28a0b23b3b458ca', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_8c53b4e42b0c', 'gpu_1x_h100_sxm5', 'eu-west', NULL, '198.51.100.137', 'ready', 'mira', NULL, 1, 'h100_sxm5', 'vanished', false, '2026-03-02 23:45:00+05:45', NULL, '2026-03-03 03:45:00+05:45', 1, 1, 20, NULL, 0, 'mira', '\x12af6dd3288002b5ecf3b9e8d15c25d6b7c6c57650e5f7ef547bfb3276e3df1d', '\x12af6dd3288002b5ecf3b9e8d15c25d6b7c6c57650e5f7ef547bfb3276e3df1d', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_5c1511298ea3', 'gpu_1x_h100_sxm5', 'other', NULL, '198.51.100.61', 'ready', 'jun', NULL, 1, 'h100_sxm5', 'vanished', false, '2026-03-02 06:45:00+05:45', NULL, '2026-03-02 15:45:00+05:45', 1, 1, 10, NULL, 0, 'jun', '\x5849111a99256c7b64d437b056630e56621b7b4793bcd90fa15b230f0354ff6c', '\x5849111a99256c7b64d437b056630e56621b7b4793bcd90fa15b230f0354ff6c', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_91bfe7704d12', 'gpu_8x_h100_sxm5', 'us-west', NULL, '198.51.100.154', 'ready', 'jun', NULL, 8, 'h100_sxm5', 'vanished', false, '2026-03-02 09:45:00+05:45', NULL, '2026-03-02 15:45:00+05:45', 1, 2, 10, NULL, 0, 'jun', '\xc3cc111cc9e1088a39ff31612c242b0b450640356f6ba969a073bbb06818e6a8', '\xc3cc111cc9e1088a39ff31612c242b0b450640356f6ba969a073bbb06818e6a8', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_47732de8859a', 'gpu_1x_h100_sxm5', 'eu-north', NULL, '203.0.113.238', 'ready', 'mira', NULL, 1, 'h100_sxm5', 'vanished', false, '2026-03-02 18:45:00+05:45', NULL, '2026-03-03 03:45:00+05:45', 1, 1, 20, NULL, 0, 'mira', '\x90c03f8a429b46158ec1ceb130f8d5daf26d98bf26a9237a43faa1d79febbf48', '\x90c03f8a429b46158ec1ceb130f8d5daf26d98bf26a9237a43faa1d79febbf48', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_565ff43f2fad', 'gpu_1x_h100_sxm5', 'us-west', NULL, '203.0.113.85', 'ready', 'jun', NULL, 1, 'h100_sxm5', 'vanished', false, '2026-03-02 07:45:00+05:45', NULL, '2026-03-02 16:45:00+05:45', 1, 1, 11, NULL, 0, 'jun', '\x7f6f4d75bc1aa209da1597609117a4bfe85b9ece82d116a408b2e1184526cf28', '\x7f6f4d75bc1aa209da1597609117a4bfe85b9ece82d116a408b2e1184526cf28', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_6953586f1a06', 'gpu_1x_h100_sxm5', 'us-west', NULL, '203.0.113.232', 'ready', 'jun', NULL, 1, 'h100_sxm5', 'vanished', false, '2026-03-02 11:45:00+05:45', NULL, '2026-03-02 18:45:00+05:45', 1, 1, 12, NULL, 0, 'jun', '\xc2d261006172d6c1df1decdc17a007ae062dbd4fd6dde0d00fd9eaf07a8a2b78', '\xc2d261006172d6c1df1decdc17a007ae062dbd4fd6dde0d00fd9eaf07a8a2b78', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_f014f4fa868b', 'gpu_8x_h100_sxm5', 'us-east', 'sector_1', '203.0.113.136', 'ready', 'serving-bot', NULL, 8, 'h100_sxm5', 'live', false, '2026-03-02 18:45:00+05:45', NULL, NULL, 1, 1, 14, NULL, 0, 'serving-bot', '\xe202af9cfd008532736d6e021675fe0600362b22323e048954ee46caa67a0e37', '\xe202af9cfd008532736d6e021675fe0600362b22323e048954ee46caa67a0e37', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_4ecf50543969', 'gpu_1x_h100_sxm5', 'eu-north', NULL, '192.0.2.61', 'ready', 'mira', NULL, 1, 'h100_sxm5', 'vanished', false, '2026-03-02 16:45:00+05:45', NULL, '2026-03-02 20:45:00+05:45', 1, 3, 15, NULL, 0, 'mira', '\x1a1d0de95dcefd0b916659c07548b8ffa7116d4d66c8882a582b69c0d015ead3', '\x1a1d0de95dcefd0b916659c07548b8ffa7116d4d66c8882a582b69c0d015ead3', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_048d9bb999f8', 'gpu_8x_h100_sxm5', 'eu-west', 'sector_1', '203.0.113.108', 'ready', 'oskar', NULL, 8, 'h100_sxm5', 'live', false, '2026-03-02 20:45:00+05:45', NULL, NULL, 1, 1, 16, NULL, 0, 'oskar', '\xa351c6c934c6bfb2da1afd9c9959374da640ece678c95a74dd92d6f347c22bb4', '\xa351c6c934c6bfb2da1afd9c9959374da640ece678c95a74dd92d6f347c22bb4', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_f8bd1394abd7', 'gpu_8x_h100_sxm5', 'us-east', 'sector_2', '192.0.2.56', 'ready', 'lena', NULL, 8, 'h100_sxm5', 'live', false, '2026-03-02 20:45:00+05:45', NULL, NULL, 1, 1, 16, NULL, 0, 'lena', '\xb3896f148269031fb7bc7fa4eea3e69fb8bf3de989af4700d4fc642aaa23d96d', '\xb3896f148269031fb7bc7fa4eea3e69fb8bf3de989af4700d4fc642aaa23d96d', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_97031da26c6e', 'gpu_1x_h100_sxm5', 'eu-west', NULL, '203.0.113.164', 'ready', 'mira', NULL, 1, 'h100_sxm5', 'vanished', false, '2026-03-02 18:45:00+05:45', NULL, '2026-03-03 04:45:00+05:45', 1, 1, 23, NULL, 0, 'mira', '\x83ae897e9181ba11a8e7817c9c3db42a2d8bf9eb35cb7eb76db489512a4f7c0a', '\x83ae897e9181ba11a8e7817c9c3db42a2d8bf9eb35cb7eb76db489512a4f7c0a', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_be38f9c10133', 'gpu_8x_h100_sxm5', 'us-central', 'sector_1', '198.51.100.31', 'ready', 'lena', NULL, 8, 'h100_sxm5', 'live', false, '2026-03-02 23:45:00+05:45', NULL, NULL, 1, 2, 20, NULL, 0, 'lena', '\x1ff2120db649ed28199be30e9f17d6eddce4042cf45b0e1c6f9f7ab54058a5d0', '\x1ff2120db649ed28199be30e9f17d6eddce4042cf45b0e1c6f9f7ab54058a5d0', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_0dd1256f6a70', 'gpu_1x_h100_sxm5', 'eu-west', NULL, '192.0.2.253', 'ready', 'mira', NULL, 1, 'h100_sxm5', 'vanished', false, '2026-03-02 20:45:00+05:45', NULL, '2026-03-03 00:45:00+05:45', 1, 1, 19, NULL, 0, 'mira', '\x4bd3defbd844225932053a32dfc16c2399e21876eb33b092beea36046eae3192', '\x4bd3defbd844225932053a32dfc16c2399e21876eb33b092beea36046eae3192', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_95277a724bfd', 'gpu_8x_h100_sxm5', 'us-west', NULL, '203.0.113.213', 'ready', 'priya', NULL, 8, 'h100_sxm5', 'live', false, '2026-03-03 00:45:00+05:45', NULL, NULL, 1, 2, 23, NULL, 0, 'priya', '\xa12ca84fe0520555aa1865959030e4e277983c0f6430a1b3c1a90fb2eb4fe20f', '\xa12ca84fe0520555aa1865959030e4e277983c0f6430a1b3c1a90fb2eb4fe20f', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_f13fb510c539', 'gpu_8x_h100_sxm5', 'us-central', 'sector_2', '198.51.100.10', 'ready', 'lena', NULL, 8, 'h100_sxm5', 'live', false, '2026-03-03 00:45:00+05:45', NULL, NULL, 1, 2, 23, NULL, 0, 'lena', '\x8cadfdf1ad5806680e16b87d29f810d1b2acc138128a0de8f4fa54834f95d71a', '\x8cadfdf1ad5806680e16b87d29f810d1b2acc138128a0de8f4fa54834f95d71a', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_af2ba27e041d', 'gpu_1x_h100_sxm5', 'eu-north', NULL, '192.0.2.198', 'ready', 'mira', NULL, 1, 'h100_sxm5', 'vanished', false, '2026-03-02 19:45:00+05:45', NULL, '2026-03-03 03:45:00+05:45', 1, 1, 20, NULL, 0, 'mira', '\x87210de0ccf8d8e509a5139b3938a0e4767f903530fd9f0419d0a6df585a7c69', '\x87210de0ccf8d8e509a5139b3938a0e4767f903530fd9f0419d0a6df585a7c69', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_6b203723f272', 'gpu_1x_h100_sxm5', 'eu-west', NULL, '198.51.100.121', 'ready', 'mira', NULL, 1, 'h100_sxm5', 'vanished', false, '2026-03-02 21:45:00+05:45', NULL, '2026-03-03 03:45:00+05:45', 1, 1, 20, NULL, 0, 'mira', '\x95f3596843809056a67e304bb6ffeb6ea1eb1cd40c09072f73bd5d5561e462d5', '\x95f3596843809056a67e304bb6ffeb6ea1eb1cd40c09072f73bd5d5561e462d5', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_4ec223646ddf', 'gpu_1x_h100_sxm5', 'us-west', NULL, '198.51.100.5', 'ready', 'jun', NULL, 1, 'h100_sxm5', 'vanished', false, '2026-03-02 10:45:00+05:45', NULL, '2026-03-03 03:45:00+05:45', 1, 5, 20, NULL, 0, 'jun', '\xe89e2dc6a37cb75a7d59284a7ebbd9f9407c0d8d80c4ec05493c7bf0abb02481', '\xe89e2dc6a37cb75a7d59284a7ebbd9f9407c0d8d80c4ec05493c7bf0abb02481', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_9ef74646e382', 'gpu_1x_h100_sxm5', 'eu-north', NULL, '192.0.2.31', 'ready', 'mira', NULL, 1, 'h100_sxm5', 'vanished', false, '2026-03-02 21:45:00+05:45', NULL, '2026-03-03 08:45:00+05:45', 1, 5, 27, NULL, 0, 'mira', '\xa15e9af0cfab0dfba9f44564d592eb8d7157293fab421730167efffedbe95aa4', '\xa15e9af0cfab0dfba9f44564d592eb8d7157293fab421730167efffedbe95aa4', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_a8b4b0cf8c9d', 'gpu_8x_h100_sxm5', 'us-east', 'sector_1', '198.51.100.80', 'ready', 'oskar', NULL, 8, 'h100_sxm5', 'vanished', false, '2026-03-02 20:45:00+05:45', NULL, '2026-03-03 23:45:00+05:45', 1, 1, 42, NULL, 0, 'oskar', '\xd780ac8e1243353f4f22700d483286633d254f940b9c9c6171aed067b3bef403', '\xd780ac8e1243353f4f22700d483286633d254f940b9c9c6171aed067b3bef403', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_d41b9050a1d7', 'gpu_1x_h100_sxm5', 'us-central', NULL, '192.0.2.172', 'ready', 'priya', NULL, 1, 'h100_sxm5', 'live', false, '2026-03-03 04:45:00+05:45', NULL, NULL, 1, 1, 24, NULL, 0, 'priya', '\x0da23aa97da80c5a0241732461bd62a9a72dfc8ae91ca17d255195e061cf0fec', '\x0da23aa97da80c5a0241732461bd62a9a72dfc8ae91ca17d255195e061cf0fec', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_b0739f22051a', 'gpu_1x_h100_sxm5', 'eu-west', NULL, '192.0.2.128', 'ready', 'mira', NULL, 1, 'h100_sxm5', 'vanished', false, '2026-03-03 03:45:00+05:45', NULL, '2026-03-03 07:45:00+05:45', 1, 1, 26, NULL, 0, 'mira', '\xbc0ed70bb736aeaa0ce4f5495bbfb838ace129fc5b45963bb2fc8badde49750b', '\xbc0ed70bb736aeaa0ce4f5495bbfb838ace129fc5b45963bb2fc8badde49750b', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_4f27113fcc7c', 'gpu_1x_h100_sxm5', 'us-west', NULL, '192.0.2.100', 'ready', 'priya', NULL, 1, 'h100_sxm5', 'live', false, '2026-03-03 07:45:00+05:45', NULL, NULL, 1, 1, 27, NULL, 0, 'priya', '\x350e5f9970d8fe0d656c11bb09bb96a971e5650ee95cebfe6491549948da8286', '\x350e5f9970d8fe0d656c11bb09bb96a971e5650ee95cebfe6491549948da8286', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_f0d8d56e8eb1', 'gpu_1x_h100_sxm5', 'us-central', NULL, '198.51.100.103', 'ready', 'lena', NULL, 1, 'h100_sxm5', 'live', false, '2026-03-03 08:45:00+05:45', NULL, NULL, 1, 2, 30, NULL, 0, 'lena', '\x2eee30925a7338bf132b3f9c80360df987bd2882a99cfb0e2afeddcd3b73c23d', '\x2eee30925a7338bf132b3f9c80360df987bd2882a99cfb0e2afeddcd3b73c23d', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_9a63a884f2d6', 'gpu_1x_h100_sxm5', 'eu-north', NULL, '198.51.100.30', 'ready', 'mira', NULL, 1, 'h100_sxm5', 'vanished', false, '2026-03-03 15:45:00+05:45', NULL, '2026-03-03 18:45:00+05:45', 1, 1, 37, NULL, 0, 'mira', '\x861139b35c666650b5b1e5b5209585f4acffdbfe3c3062001666d9ea79453e0d', '\x861139b35c666650b5b1e5b5209585f4acffdbfe3c3062001666d9ea79453e0d', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_894c52fb1403', 'gpu_1x_h100_sxm5', 'us-west', NULL, '198.51.100.177', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'live', false, '2026-03-03 22:45:00+05:45', NULL, NULL, 1, 1, 42, NULL, 0, 'serving-bot', '\x23cbc5b4862e493941c663e4dfc2c3a0cb9cbe2ed2e81cf05a68b80fef5e2af3', '\x23cbc5b4862e493941c663e4dfc2c3a0cb9cbe2ed2e81cf05a68b80fef5e2af3', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_26e01ed08d0e', 'gpu_1x_h100_sxm5', 'other', NULL, '198.51.100.52', 'ready', 'jun', NULL, 1, 'h100_sxm5', 'vanished', false, '2026-03-03 08:45:00+05:45', NULL, '2026-03-03 13:45:00+05:45', 1, 1, 32, NULL, 0, 'jun', '\x8e43e514d06063631f1bf7a6ff5a58dc082aa9e33373d75bdc6b9a3ac263fbc3', '\x8e43e514d06063631f1bf7a6ff5a58dc082aa9e33373d75bdc6b9a3ac263fbc3', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_fddc33c3b169', 'gpu_8x_h100_sxm5', 'us-west', 'sector_1', '198.51.100.86', 'ready', 'jun', NULL, 8, 'h100_sxm5', 'vanished', false, '2026-03-03 08:45:00+05:45', NULL, '2026-03-03 19:45:00+05:45', 1, 3, 38, NULL, 0, 'jun', '\x19dbe952b2c47003eedc423e0037981d487c81f4eab5b8672229d2d3787e4216', '\x19dbe952b2c47003eedc423e0037981d487c81f4eab5b8672229d2d3787e4216', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_8981f35bdb77', 'gpu_8x_h100_sxm5', 'us-west', 'sector_2', '203.0.113.209', 'ready', 'jun', NULL, 8, 'h100_sxm5', 'vanished', false, '2026-03-03 12:45:00+05:45', NULL, '2026-03-03 14:45:00+05:45', 1, 1, 33, NULL, 0, 'jun', '\xc22e93188c534fb318d60a96701c2791dd7deda6944fa1281fc77194b5b040a6', '\xc22e93188c534fb318d60a96701c2791dd7deda6944fa1281fc77194b5b040a6', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_47406baf5122', 'gpu_8x_h100_sxm5', 'eu-west', NULL, '198.51.100.5', 'ready', 'mira', NULL, 8, 'h100_sxm5', 'vanished', false, '2026-03-03 17:45:00+05:45', NULL, '2026-03-03 19:45:00+05:45', 1, 1, 38, NULL, 0, 'mira', '\x3a2eb20cef292c27b56b38d3ab369b8a4125b5e40d2bce27bdbfdce78362dfd4', '\x3a2eb20cef292c27b56b38d3ab369b8a4125b5e40d2bce27bdbfdce78362dfd4', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_2db45da862fc', 'gpu_1x_h100_sxm5', 'eu-west', NULL, NULL, 'stopped', 'mira', NULL, 1, 'h100_sxm5', 'vanished', false, '2026-03-03 14:45:00+05:45', NULL, '2026-03-04 00:45:00+05:45', 2, 3, 43, NULL, 0, 'mira', '\xca976f2395217f85dc52421b9c5ca5380fa64f497c62e73e0f9fc36305b6b36e', '\xca976f2395217f85dc52421b9c5ca5380fa64f497c62e73e0f9fc36305b6b36e', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_5eb27f51f0af', 'gpu_1x_h100_sxm5', 'other', NULL, NULL, 'stopped', 'jun', NULL, 1, 'h100_sxm5', 'vanished', false, '2026-03-03 17:45:00+05:45', NULL, '2026-03-04 04:45:00+05:45', 1, 2, 47, NULL, 0, 'jun', '\x2c81016c8e0e4875bbd45e95c0544a1f04a06221e2f3a1568800762344843d4f', '\x2c81016c8e0e4875bbd45e95c0544a1f04a06221e2f3a1568800762344843d4f', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_1855f1104848', 'gpu_8x_h100_sxm5', 'eu-north', 'sector_1', '203.0.113.174', 'ready', 'oskar', NULL, 8, 'h100_sxm5', 'live', false, '2026-03-03 16:45:00+05:45', NULL, NULL, 1, 1, 36, NULL, 0, 'oskar', '\xbf7c00c38c042a8db2c2f74308a151d644dd2379ab3e5fb4325dfb3cb4069538', '\xbf7c00c38c042a8db2c2f74308a151d644dd2379ab3e5fb4325dfb3cb4069538', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_f00cca38b5d6', 'gpu_1x_h100_sxm5', 'us-west', NULL, '198.51.100.72', 'ready', 'jun', NULL, 1, 'h100_sxm5', 'vanished', false, '2026-03-03 13:45:00+05:45', NULL, '2026-03-03 17:45:00+05:45', 1, 1, 36, NULL, 0, 'jun', '\x273baac12c7daa638803ce1f34e0d45ddbc2be051f71ef287546eae4288fcc2e', '\x273baac12c7daa638803ce1f34e0d45ddbc2be051f71ef287546eae4288fcc2e', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_38e5f86c961d', 'gpu_8x_h100_sxm5', 'eu-west', 'sector_3', '198.51.100.170', 'ready', 'oskar', NULL, 8, 'h100_sxm5', 'live', false, '2026-03-03 17:45:00+05:45', NULL, NULL, 1, 1, 37, NULL, 0, 'oskar', '\x69d48b75ef21186323e4679dd3558d7c87d729e7aba797090108f1d357d8eb2b', '\x69d48b75ef21186323e4679dd3558d7c87d729e7aba797090108f1d357d8eb2b', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_59e21be066e3', 'gpu_1x_h100_sxm5', 'us-east', NULL, '192.0.2.132', 'ready', 'oskar', NULL, 1, 'h100_sxm5', 'live', false, '2026-03-03 17:45:00+05:45', NULL, NULL, 1, 2, 38, NULL, 0, 'oskar', '\x347dc134e120f3708712604cd6b94171971b06bd8e8c017dd31f2e3cd7d158df', '\x347dc134e120f3708712604cd6b94171971b06bd8e8c017dd31f2e3cd7d158df', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_1de67368d8cd', 'gpu_8x_h100_sxm5', 'eu-west', 'sector_3', '198.51.100.48', 'ready', 'oskar', NULL, 8, 'h100_sxm5', 'live', false, '2026-03-03 19:45:00+05:45', NULL, NULL, 1, 2, 40, NULL, 0, 'oskar', '\x775bb3eb7afc9fb593e0c9e7a40649cbc82f2139d866950f6ab028dd4bc5db4c', '\x775bb3eb7afc9fb593e0c9e7a40649cbc82f2139d866950f6ab028dd4bc5db4c', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_54034014ba52', 'gpu_1x_h100_sxm5', 'eu-north', NULL, '198.51.100.176', 'ready', 'sunniva', NULL, 1, 'h100_sxm5', 'live', false, '2026-03-03 20:45:00+05:45', NULL, NULL, 1, 2, 41, NULL, 0, 'sunniva', '\x13a64c25aef7fbe042829abe8d89e5ca96fcb4c7b7033b260e416de57036e8b9', '\x13a64c25aef7fbe042829abe8d89e5ca96fcb4c7b7033b260e416de57036e8b9', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_0dfa9835d8fa', 'gpu_1x_h100_sxm5', 'us-west', NULL, '198.51.100.100', 'ready', 'jun', NULL, 1, 'h100_sxm5', 'vanished', false, '2026-03-03 13:45:00+05:45', NULL, '2026-03-03 21:45:00+05:45', 1, 3, 40, NULL, 0, 'jun', '\x3b853fdc71106dd188ca32574cdbf533676a360f118f9e153f667eac821cc4ab', '\x3b853fdc71106dd188ca32574cdbf533676a360f118f9e153f667eac821cc4ab', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_c68dd900e5d3', 'gpu_8x_h100_sxm5', 'eu-north', 'sector_3', '192.0.2.238', 'ready', 'mira', NULL, 8, 'h100_sxm5', 'vanished', false, '2026-03-03 19:45:00+05:45', NULL, '2026-03-03 21:45:00+05:45', 1, 1, 40, NULL, 0, 'mira', '\x2b8ef4965e845cee16ce711aee74182701e7e180552a7834fb5504f4de6adf2a', '\x2b8ef4965e845cee16ce711aee74182701e7e180552a7834fb5504f4de6adf2a', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_8bfe946fbf5f', 'gpu_8x_h100_sxm5', 'eu-north', NULL, '198.51.100.230', 'ready', 'oskar', NULL, 8, 'h100_sxm5', 'live', false, '2026-03-03 21:45:00+05:45', NULL, NULL, 1, 1, 41, NULL, 0, 'oskar', '\x104779d20e6b3a5fc2d126515855877213cc0b5220a61a5cb0d643ca45ae7071', '\x104779d20e6b3a5fc2d126515855877213cc0b5220a61a5cb0d643ca45ae7071', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_bfdc851660bd', 'gpu_1x_h100_sxm5', 'eu-west', NULL, '198.51.100.54', 'ready', 'mira', NULL, 1, 'h100_sxm5', 'vanished', false, '2026-03-03 20:45:00+05:45', NULL, '2026-03-04 02:45:00+05:45', 1, 1, 45, NULL, 0, 'mira', '\x2ffb170fa254e848f7b48ea3edb0a959630940de8f4cb8eabf37fdc90a34d837', '\x2ffb170fa254e848f7b48ea3edb0a959630940de8f4cb8eabf37fdc90a34d837', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_9766608364a9', 'gpu_1x_h100_sxm5', 'eu-west', NULL, '203.0.113.148', 'ready', 'mira', NULL, 1, 'h100_sxm5', 'live', false, '2026-03-03 22:45:00+05:45', NULL, NULL, 1, 4, 48, NULL, 0, 'mira', '\xa1d21c3186e77a3e51dca1738335735b32ffe4c88943ca84a2bfca42dd4a6bfc', '\xa1d21c3186e77a3e51dca1738335735b32ffe4c88943ca84a2bfca42dd4a6bfc', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_87f0e8ddaf66', 'gpu_1x_h100_sxm5', 'eu-west', NULL, '203.0.113.179', 'ready', 'kofi', NULL, 1, 'h100_sxm5', 'live', false, '2026-03-03 23:45:00+05:45', NULL, NULL, 1, 1, 43, NULL, 0, 'kofi', '\xa0775fea2595312c6629c65b3dfe110bf054695e0c83f2c9ade91e9b7c99b443', '\xa0775fea2595312c6629c65b3dfe110bf054695e0c83f2c9ade91e9b7c99b443', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_1be35d3073b1', 'gpu_1x_h100_sxm5', 'us-west', NULL, '203.0.113.45', 'ready', 'priya', NULL, 1, 'h100_sxm5', 'live', false, '2026-03-04 01:45:00+05:45', NULL, NULL, 1, 1, 45, NULL, 0, 'priya', '\x25997b1dae17835882ed62fac8b3d8e99f1937afdced3a7c02c8e4f9085bd9b2', '\x25997b1dae17835882ed62fac8b3d8e99f1937afdced3a7c02c8e4f9085bd9b2', '');
INSERT INTO public.instance_state VALUES ('production', 'inst-00', 'gpu_8x_h100_sxm5', 'eu-west', NULL, NULL, 'ready', 'ada', NULL, 8, 'h100_sxm5', 'live', false, '2026-03-02 05:55:00+05:45', NULL, NULL, 1, 3, 54, NULL, 0, 'ada', '\xe1e32069c489ea4b3c2217634ef84227ee4e9a806aa0f973af06aba58ae1b1c0', '\xe1e32069c489ea4b3c2217634ef84227ee4e9a806aa0f973af06aba58ae1b1c0', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_a0edb6ea2040', 'gpu_1x_h100_sxm5', 'other', NULL, '198.51.100.73', 'ready', 'jun', NULL, 1, 'h100_sxm5', 'vanished', false, '2026-03-03 13:45:00+05:45', NULL, '2026-03-04 03:45:00+05:45', 1, 3, 46, NULL, 0, 'jun', '\x40444389cedccbe1d68ccd20bb269f4c8ffe6c70265c1c65ee73cf3f828b55b5', '\x40444389cedccbe1d68ccd20bb269f4c8ffe6c70265c1c65ee73cf3f828b55b5', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_587b5ed797df', 'gpu_8x_h100_sxm5', 'us-central', 'sector_2', '192.0.2.139', 'ready', 'priya', NULL, 8, 'h100_sxm5', 'live', false, '2026-03-04 03:45:00+05:45', NULL, NULL, 1, 2, 48, NULL, 0, 'priya', '\xf50a3774a39fe92c35d6db8355581d51ad7c51bb7eb50a656ec2f0683f2c1f78', '\xf50a3774a39fe92c35d6db8355581d51ad7c51bb7eb50a656ec2f0683f2c1f78', '');
INSERT INTO public.instance_state VALUES ('research', 'inst_07982406ca39', 'gpu_8x_h100_sxm5', 'us-east', NULL, '192.0.2.27', 'ready', 'lena', NULL, 8, 'h100_sxm5', 'live', false, '2026-03-04 04:45:00+05:45', NULL, NULL, 1, 1, 48, NULL, 0, 'lena', '\xd5a4b867ca877e13ef6ca72dc4f246073996a329e765f04843b5f0937d3e24ba', '\xd5a4b867ca877e13ef6ca72dc4f246073996a329e765f04843b5f0937d3e24ba', '');
INSERT INTO public.instance_state VALUES ('production', 'inst-05', 'gpu_8x_h100_sxm5', 'us-west', NULL, '192.0.2.5', 'ready', 'ada', NULL, 8, 'h100_sxm5', 'vanished', false, '2026-03-02 05:55:00+05:45', NULL, '2026-03-02 07:55:00+05:45', 1, 1, 50, NULL, 0, 'ada', '\x39dc0faf2bc4e36e66361065a4f5727eb74f671a570f6a06d56dbf0931a76d74', '\x39dc0faf2bc4e36e66361065a4f5727eb74f671a570f6a06d56dbf0931a76d74', '');
INSERT INTO public.instance_state VALUES ('production', 'inst-08', 'gpu_8x_h100_sxm5', 'us-west', NULL, '192.0.2.8', 'ready', 'ada', NULL, 8, 'h100_sxm5', 'vanished', false, '2026-03-02 05:55:00+05:45', NULL, '2026-03-02 11:55:00+05:45', 1, 1, 54, NULL, 0, 'ada', '\x12647d8ba165fc82438236e2c7472227f747aab39df5d2fef0dcd7645779c0e3', '\x12647d8ba165fc82438236e2c7472227f747aab39df5d2fef0dcd7645779c0e3', '');
INSERT INTO public.instance_state VALUES ('production', 'inst-07', 'gpu_8x_h100_sxm5', 'us-west', NULL, '192.0.2.7', 'ready', 'ada', NULL, 8, 'h100_sxm5', 'missing', true, '2026-03-02 05:55:00+05:45', '2026-03-02 10:55:00+05:45', NULL, 1, 1, 53, 54, 0, 'ada', '\x7ddf91c17f52af1ecc2fe42f90f1ff0ea1b436430c3c857314a4e5bd9c0ce33f', '\x3caa4ff9c120b85714202a8027dfcc7178370fa5ec5d1a8c2104c51313894d48', 'ip');
INSERT INTO public.instance_state VALUES ('production', 'inst-06', 'gpu_8x_h100_sxm5', 'us-west', NULL, '203.0.113.6', 'ready', 'ada', NULL, 8, 'h100_sxm5', 'missing', true, '2026-03-02 05:55:00+05:45', '2026-03-02 11:55:00+05:45', NULL, 1, 1, 54, 55, 0, 'ada', '\xe1ae518d1e553c04877d530c9396488dd459c32ea6871db5a8ece6c8baa31b86', '\x6ac57f1205abe69f001dc72b8d3dab700fb1919ccea02db3a8ee6613bc7772e4', '');
INSERT INTO public.instance_state VALUES ('production', 'inst-09', 'gpu_8x_h100_sxm5', 'us-west', NULL, '192.0.2.9', 'ready', 'ada', NULL, 8, 'h100_sxm5', 'missing', true, '2026-03-02 05:55:00+05:45', '2026-03-02 11:55:00+05:45', NULL, 1, 1, 54, 55, 0, 'ada', '\x32a399fea13bb8887664fd30e7744cc89db117a266f456d6239d79863fe5c7fb', '\x32a399fea13bb8887664fd30e7744cc89db117a266f456d6239d79863fe5c7fb', '');
INSERT INTO public.instance_state VALUES ('production', 'inst-10', 'gpu_8x_h100_sxm5', 'us-west', NULL, '192.0.2.10', 'ready', 'ada', NULL, 8, 'h100_sxm5', 'missing', true, '2026-03-02 05:55:00+05:45', '2026-03-02 11:55:00+05:45', NULL, 1, 1, 54, 55, 0, 'ada', '\x2426dd53a5de7b3265e0517aafb82a286866435aabf8176d1cd92975c018f89e', '\x2426dd53a5de7b3265e0517aafb82a286866435aabf8176d1cd92975c018f89e', '');
INSERT INTO public.instance_state VALUES ('production', 'inst-01', 'gpu_8x_h100_sxm5', 'us-west', 'sector_2', NULL, 'ready', NULL, '{"labels":{"team":"vision","tier":[1,2]},"price":1.25}', 8, 'h100_sxm5', 'live', false, '2026-03-02 05:55:00+05:45', NULL, NULL, 1, 2, 54, NULL, 0, 'ada', '\xa97a8e717406c4d5ccf2a35d66663e19ce389228b6dbff2dd19e1980033f6a31', '\xa97a8e717406c4d5ccf2a35d66663e19ce389228b6dbff2dd19e1980033f6a31', '');
INSERT INTO public.instance_state VALUES ('production', 'inst-02', 'gpu_8x_h100_sxm5', 'us-west', NULL, NULL, 'ready', NULL, '{"connection":{"ssh":{"password":"[hidden]","user":"root"}},"note":"é🦀"}', 8, 'h100_sxm5', 'live', false, '2026-03-02 05:55:00+05:45', NULL, NULL, 1, 2, 54, NULL, 0, 'ada', '\x62376dd32757d8d798475afe06855103ba38c5876195e3d9a082a600f46186ce', '\x62376dd32757d8d798475afe06855103ba38c5876195e3d9a082a600f46186ce', '');
INSERT INTO public.instance_state VALUES ('production', 'inst-03', 'cpu_large', 'us-west', NULL, NULL, 'ready', 'bob', NULL, NULL, NULL, 'live', false, '2026-03-02 05:55:00+05:45', NULL, NULL, 1, 2, 54, NULL, 0, 'ada', '\xc40bd0f05af473a652a5ef3bbabe9f7fd4e08036d0b31f8e7a9847917eccd463', '\xc40bd0f05af473a652a5ef3bbabe9f7fd4e08036d0b31f8e7a9847917eccd463', '');
INSERT INTO public.instance_state VALUES ('production', 'inst-04', 'gpu_8x_h100_sxm5', 'us-west', NULL, NULL, 'ready', 'eve', NULL, 8, 'h100_sxm5', 'live', false, '2026-03-02 05:55:00+05:45', NULL, NULL, 2, 2, 54, NULL, 0, 'eve', '\xb87e1885fe00c0213b128c10c66ff5a78b05cc93d20b2fe32541526254f30aa8', '\xb87e1885fe00c0213b128c10c66ff5a78b05cc93d20b2fe32541526254f30aa8', '');
INSERT INTO public.instance_state VALUES ('production', 'inst-11', 'gpu_8x_h100_sxm5', 'us-west', NULL, '192.0.2.11', 'ready', 'ada', NULL, 8, 'h100_sxm5', 'missing', true, '2026-03-02 05:55:00+05:45', '2026-03-02 11:55:00+05:45', NULL, 1, 1, 54, 55, 0, 'ada', '\xa1bfc5b16ee0010dbdf60eb398355ad3c7148da2676c79adf0edd4e163ccb7f0', '\xa1bfc5b16ee0010dbdf60eb398355ad3c7148da2676c79adf0edd4e163ccb7f0', '');
INSERT INTO public.instance_state VALUES ('production', 'inst-12', 'gpu_8x_h100_sxm5', 'us-west', NULL, '192.0.2.12', 'ready', 'ada', NULL, 8, 'h100_sxm5', 'missing', true, '2026-03-02 05:55:00+05:45', '2026-03-02 11:55:00+05:45', NULL, 1, 1, 54, 55, 0, 'ada', '\x16f445818a681739edfc2ddc7b00806d1fa347236b4fb9c6417a5614c6d341c3', '\x16f445818a681739edfc2ddc7b00806d1fa347236b4fb9c6417a5614c6d341c3', '');
INSERT INTO public.instance_state VALUES ('production', 'inst-13', 'gpu_8x_h100_sxm5', 'us-west', NULL, '192.0.2.13', 'ready', 'ada', NULL, 8, 'h100_sxm5', 'missing', true, '2026-03-02 05:55:00+05:45', '2026-03-02 11:55:00+05:45', NULL, 1, 1, 54, 55, 0, 'ada', '\xfca687738a49c0326d64758ebb57b69292d075dda36f9b00c5191647e4c93fa8', '\xfca687738a49c0326d64758ebb57b69292d075dda36f9b00c5191647e4c93fa8', '');
INSERT INTO public.instance_state VALUES ('production', 'inst-14', 'gpu_8x_h100_sxm5', 'us-west', NULL, '192.0.2.14', 'ready', 'ada', NULL, 8, 'h100_sxm5', 'missing', true, '2026-03-02 05:55:00+05:45', '2026-03-02 11:55:00+05:45', NULL, 1, 1, 54, 55, 0, 'ada', '\xf500692d1d6d150e9d08bdcd7781f89d75330d682a80ab2c5620bf316e464a73', '\xf500692d1d6d150e9d08bdcd7781f89d75330d682a80ab2c5620bf316e464a73', '');
INSERT INTO public.instance_state VALUES ('production', 'inst-15', 'gpu_8x_h100_sxm5', 'us-west', NULL, '192.0.2.15', 'ready', 'ada', NULL, 8, 'h100_sxm5', 'missing', true, '2026-03-02 05:55:00+05:45', '2026-03-02 11:55:00+05:45', NULL, 1, 1, 54, 55, 0, 'ada', '\x01816d62f0c549fc289bd77495c8d75c9587cd6940f41b6a728b5b54fd71d236', '\x01816d62f0c549fc289bd77495c8d75c9587cd6940f41b6a728b5b54fd71d236', '');
INSERT INTO public.instance_state VALUES ('legacy', 'old-1', 'gpu_8x_h100_sxm5', 'us-west', NULL, NULL, 'ready', 'old', NULL, 8, 'h100_sxm5', 'live', false, '2026-03-02 06:05:00+05:45', NULL, NULL, 1, 12, 68, NULL, 0, 'old', '\x9d6861158a3dee5967036232cf087622846067b33df651aa79d6232b43a7830c', '\x9d6861158a3dee5967036232cf087622846067b33df651aa79d6232b43a7830c', '');
INSERT INTO public.instance_state VALUES ('legacy', 'old-2', 'gpu_8x_h100_sxm5', 'us-west', NULL, '198.51.100.2', 'ready', NULL, NULL, 8, 'h100_sxm5', 'live', false, '2026-03-02 06:05:00+05:45', NULL, NULL, 2, 4, 65, NULL, 0, NULL, '\xfbf7d1d4266d16057c004cf1775ccf8e46ba4d7635c7dbf0709309b95ed7e4a4', '\xfbf7d1d4266d16057c004cf1775ccf8e46ba4d7635c7dbf0709309b95ed7e4a4', '');
INSERT INTO public.instance_versions VALUES ('research', 'inst_11b4043e3ef5', 1, '2026-03-02 05:45:00+05:45', NULL, 1, NULL, 'appeared', NULL, NULL, 'gpu_1x_h100_sxm5', 'eu-west', NULL, '198.51.100.106', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'serving-bot', '\x1c20597b6eb97bf7af85d118f42b85e4670a2880cce992b471e5220f54321418', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_19553473f51f', 1, '2026-03-02 05:45:00+05:45', NULL, 1, NULL, 'appeared', NULL, NULL, 'gpu_1x_h100_sxm5', 'us-west', NULL, '192.0.2.222', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'serving-bot', '\xac6f91efac4486a1f60e922fda897fa8a6f14d2773ba24d33b37c42ba0af8d85', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_2816a20bcd9c', 1, '2026-03-02 05:45:00+05:45', NULL, 1, NULL, 'appeared', NULL, NULL, 'gpu_8x_h100_sxm5', 'eu-west', 'sector_1', '198.51.100.194', 'ready', 'oskar', NULL, 8, 'h100_sxm5', 'oskar', '\x5658437aea0df10aad1f780b666c2bc6d497541ff4511814b82f7e9eb0e7f6b4', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_33db9c9c2d91', 1, '2026-03-02 05:45:00+05:45', NULL, 1, NULL, 'appeared', NULL, NULL, 'gpu_8x_h100_sxm5', 'other', 'sector_2', '192.0.2.44', 'ready', 'serving-bot', NULL, 8, 'h100_sxm5', 'serving-bot', '\x1316a0612da89ed2024661fb6a36de3e0a2f490ec9589f31ce149c5620b0a286', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_37d831d6e349', 1, '2026-03-02 05:45:00+05:45', NULL, 1, NULL, 'appeared', NULL, NULL, 'gpu_1x_h100_sxm5', 'us-west', NULL, '203.0.113.228', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'serving-bot', '\xcb76b79c406605c3815e6b75bb44a135c5fc6581b7a4e839943344f35069c0c3', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_4878fd846420', 1, '2026-03-02 05:45:00+05:45', NULL, 1, NULL, 'appeared', NULL, NULL, 'gpu_8x_h100_sxm5', 'eu-north', 'sector_1', '192.0.2.25', 'ready', 'oskar', NULL, 8, 'h100_sxm5', 'oskar', '\x1eea4c72332bdeb47ee8a0f60129e817f976c112431e16010371947e53074250', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_4f1c5aadd0d2', 1, '2026-03-02 05:45:00+05:45', NULL, 1, NULL, 'appeared', NULL, NULL, 'gpu_1x_h100_sxm5', 'us-east', NULL, '192.0.2.203', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'serving-bot', '\xcc786f0f4b520b46f1c0ec04afcb53f3d35c61798e5e1159e54ff5eecf322215', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_5e87a75fdb6e', 1, '2026-03-02 05:45:00+05:45', NULL, 1, NULL, 'appeared', NULL, NULL, 'gpu_1x_h100_sxm5', 'eu-west', NULL, '198.51.100.225', 'ready', 'oskar', NULL, 1, 'h100_sxm5', 'oskar', '\xd4f46fbd81d8fc08024d9b7520c9f1a1c32fa1ffd2ee9c1d14828cbedd5960cc', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_6e80c46bcb23', 1, '2026-03-02 05:45:00+05:45', NULL, 1, NULL, 'appeared', NULL, NULL, 'gpu_1x_h100_sxm5', 'us-west', NULL, '203.0.113.104', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'serving-bot', '\x061ae1bc49cf9abc857f994f51f04b22003da9882742549fd3d7b608f40c0461', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_73542141c6d1', 1, '2026-03-02 05:45:00+05:45', NULL, 1, NULL, 'appeared', NULL, NULL, 'gpu_1x_h100_sxm5', 'other', NULL, '198.51.100.51', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'serving-bot', '\x9abf2fecff6df2bb7666615dc0c00aa4fb432f71d71048cf6902cb475b85a9e5', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_853af262b76d', 1, '2026-03-02 05:45:00+05:45', NULL, 1, NULL, 'appeared', NULL, NULL, 'gpu_1x_h100_sxm5', 'us-west', NULL, '192.0.2.158', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'serving-bot', '\xc670da12ed2c9f5073e710418ba075a59cdc2740a8bdb0fab2df71bc1977b113', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_87c85d965853', 1, '2026-03-02 05:45:00+05:45', NULL, 1, NULL, 'appeared', NULL, NULL, 'gpu_1x_h100_sxm5', 'us-west', NULL, '198.51.100.124', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'serving-bot', '\x3727372bb2140f3d74efc507c8993af2adf231895764be03d7601118a87e177d', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_8aa938f9c638', 1, '2026-03-02 05:45:00+05:45', NULL, 1, NULL, 'appeared', NULL, NULL, 'gpu_8x_h100_sxm5', 'us-east', 'sector_3', '198.51.100.19', 'ready', 'serving-bot', NULL, 8, 'h100_sxm5', 'serving-bot', '\x18ca3f8010f807e0946d5a8a0f75fa0d57798f930f94512c182edb18dab40acd', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_24f577e5cf1e', 1, '2026-03-02 05:45:00+05:45', '2026-03-02 07:45:00+05:45', 1, 3, 'appeared', 'changed', NULL, 'gpu_8x_h100_sxm5', 'eu-north', NULL, '203.0.113.155', 'ready', 'oskar', NULL, 8, 'h100_sxm5', 'oskar', '\x5c28363eef2738b53285352a52b6a2466f484884d95ceed97ff88f42306f176b', false, 3);
INSERT INTO public.instance_versions VALUES ('research', 'inst_715f5d015d21', 1, '2026-03-02 05:45:00+05:45', '2026-03-02 07:45:00+05:45', 1, 3, 'appeared', 'changed', NULL, 'gpu_8x_h100_sxm5', 'us-east', 'sector_3', NULL, 'stopped', 'serving-bot', NULL, 8, 'h100_sxm5', 'serving-bot', '\x5fd3ec71bea68c2667e363a69830a8135988e80a98351dc0eb0338d316f90f12', false, 3);
INSERT INTO public.instance_versions VALUES ('research', 'inst_37e20745e6cf', 1, '2026-03-02 05:45:00+05:45', '2026-03-02 08:45:00+05:45', 1, 4, 'appeared', 'changed', NULL, 'gpu_1x_h100_sxm5', 'eu-north', NULL, '192.0.2.159', 'ready', 'sunniva', NULL, 1, 'h100_sxm5', 'sunniva', '\x3be11987bafce4d5fb662f0f0ef51c40807e600a9baac7f1b15f1e7faf39a9e9', false, 4);
INSERT INTO public.instance_versions VALUES ('research', 'inst_31f3ebff2ec1', 1, '2026-03-02 05:45:00+05:45', '2026-03-02 08:45:00+05:45', 1, 4, 'appeared', 'vanished', '2026-03-02 07:45:00+05:45', 'gpu_8x_h100_sxm5', 'us-central', 'sector_3', '192.0.2.43', 'ready', 'nightly-batch', NULL, 8, 'h100_sxm5', 'nightly-batch', '\x85ad480948455d3a74377b5a14d920400ecd73ea6630b52fd2fa7b7960d1a484', false, 4);
INSERT INTO public.instance_versions VALUES ('research', 'inst_1d418930fbcd', 1, '2026-03-02 05:45:00+05:45', '2026-03-02 09:45:00+05:45', 1, 5, 'appeared', 'changed', NULL, 'gpu_1x_h100_sxm5', 'eu-north', NULL, '192.0.2.2', 'ready', 'sunniva', NULL, 1, 'h100_sxm5', 'sunniva', '\x5d7bc5976507c77c031240eca02a8bbe2323451ef80fe5587f8260812b1fb6db', false, 5);
INSERT INTO public.instance_versions VALUES ('research', 'inst_344a89c666c4', 1, '2026-03-02 05:45:00+05:45', '2026-03-02 12:45:00+05:45', 1, 8, 'appeared', 'changed', NULL, 'gpu_8x_h100_sxm5', 'other', 'sector_3', NULL, 'pending', 'serving-bot', NULL, 8, 'h100_sxm5', 'serving-bot', '\x230c624a6495372e370c0f4bee38944701727d46f1729da4c259d197d78c5990', false, 8);
INSERT INTO public.instance_versions VALUES ('research', 'inst_63bc13ab6410', 1, '2026-03-02 05:45:00+05:45', '2026-03-02 12:45:00+05:45', 1, 8, 'appeared', 'vanished', '2026-03-02 11:45:00+05:45', 'gpu_8x_h100_sxm5', 'us-central', 'sector_3', '192.0.2.128', 'ready', 'priya', NULL, 8, 'h100_sxm5', 'priya', '\x07c2df6cece184ad0c23a275d8cc2d4ef35cb68a1ccd0f94305b830dfa061958', false, 8);
INSERT INTO public.instance_versions VALUES ('research', 'inst_35bb51054839', 1, '2026-03-02 05:45:00+05:45', '2026-03-02 18:45:00+05:45', 1, 14, 'appeared', 'vanished', '2026-03-02 16:45:00+05:45', 'gpu_1x_h100_sxm5', 'eu-west', NULL, '203.0.113.35', 'ready', 'kofi', NULL, 1, 'h100_sxm5', 'kofi', '\x0a187bec160df7c915d0f9f97472844d83de5ff95b6a8e6de5c566be2bd306cc', false, 14);
INSERT INTO public.instance_versions VALUES ('research', 'inst_1ce22b4c0859', 1, '2026-03-02 05:45:00+05:45', '2026-03-02 20:45:00+05:45', 1, 16, 'appeared', 'vanished', '2026-03-02 19:45:00+05:45', 'gpu_1x_h100_sxm5', 'us-west', NULL, '198.51.100.121', 'ready', 'priya', NULL, 1, 'h100_sxm5', 'priya', '\x1db1ca2411167cdc24cdb9b4196b7f4679247892e94f8780be7f09cc3516fc23', false, 16);
INSERT INTO public.instance_versions VALUES ('research', 'inst_4a488f0be063', 1, '2026-03-02 05:45:00+05:45', '2026-03-02 22:45:00+05:45', 1, 18, 'appeared', 'changed', NULL, 'gpu_1x_h100_sxm5', 'us-east', NULL, '192.0.2.144', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'serving-bot', '\x20f33a3dd8416b1ecad1890bc65944787b72a9134c1bcbbd5b9c4f19d542ddce', false, 18);
INSERT INTO public.instance_versions VALUES ('research', 'inst_854af7963e48', 1, '2026-03-02 05:45:00+05:45', '2026-03-03 00:45:00+05:45', 1, 20, 'appeared', 'changed', NULL, 'gpu_8x_h100_sxm5', 'us-central', 'sector_3', '192.0.2.217', 'ready', 'priya', NULL, 8, 'h100_sxm5', 'priya', '\x7f4a10497b7666590fe9dd2bd33b7d4a0939ad607715dabcb4384c9efe04cc1d', false, 20);
INSERT INTO public.instance_versions VALUES ('research', 'inst_7edadb0d5869', 1, '2026-03-02 05:45:00+05:45', '2026-03-03 04:45:00+05:45', 1, 24, 'appeared', 'changed', NULL, 'gpu_1x_h100_sxm5', 'eu-west', NULL, '192.0.2.157', 'ready', 'kofi', NULL, 1, 'h100_sxm5', 'kofi', '\x932e8732ec073016f5eb4f5094bd9379a9c6b96b9e3c02c77c5133b954021dde', false, 24);
INSERT INTO public.instance_versions VALUES ('research', 'inst_5484ba6bc77c', 1, '2026-03-02 05:45:00+05:45', '2026-03-03 06:45:00+05:45', 1, 26, 'appeared', 'changed', NULL, 'gpu_8x_h100_sxm5', 'eu-north', 'sector_2', '198.51.100.240', 'ready', 'sunniva', NULL, 8, 'h100_sxm5', 'sunniva', '\x87a0c45a5df89c790b312eb49d545990af572fb76226ab9aa47516150ca42c67', false, 26);
INSERT INTO public.instance_versions VALUES ('research', 'inst_3a78205bc308', 1, '2026-03-02 05:45:00+05:45', '2026-03-03 08:45:00+05:45', 1, 28, 'appeared', 'vanished', '2026-03-03 07:45:00+05:45', 'gpu_8x_h100_sxm5', 'eu-west', 'sector_3', '198.51.100.144', 'ready', 'oskar', NULL, 8, 'h100_sxm5', 'oskar', '\xa6107582a514431dd945754bd092fb52352e95e8ab218544a1a60b6e5663055e', false, 28);
INSERT INTO public.instance_versions VALUES ('research', 'inst_808c3fbbe91b', 1, '2026-03-02 05:45:00+05:45', '2026-03-03 09:45:00+05:45', 1, 29, 'appeared', 'changed', NULL, 'gpu_1x_h100_sxm5', 'eu-north', NULL, '192.0.2.235', 'ready', 'sunniva', NULL, 1, 'h100_sxm5', 'sunniva', '\x6247983ad23fa0f1a3819f03600ef2f286cfa1815cee1a5ac482ebe385bdfe5e', false, 29);
INSERT INTO public.instance_versions VALUES ('research', 'inst_05b47b1ffc6a', 1, '2026-03-02 05:45:00+05:45', '2026-03-03 14:45:00+05:45', 1, 34, 'appeared', 'changed', NULL, 'gpu_8x_h100_sxm5', 'us-east', 'sector_2', '203.0.113.246', 'ready', 'lena', NULL, 8, 'h100_sxm5', 'lena', '\x7b64896ba6dd9990e3bd62101c2ad184eb3d7ff8aacecbbeb78a6a029f315943', false, 34);
INSERT INTO public.instance_versions VALUES ('research', 'inst_6e195ac51cc8', 1, '2026-03-02 05:45:00+05:45', '2026-03-03 19:45:00+05:45', 1, 39, 'appeared', 'vanished', '2026-03-03 18:45:00+05:45', 'gpu_8x_h100_sxm5', 'us-west', 'sector_2', '203.0.113.154', 'ready', 'priya', NULL, 8, 'h100_sxm5', 'priya', '\xbaf5ecf838b2e9b0aee74453d06a8024cc59983278cf319044f6e11f46269d6a', false, 39);
INSERT INTO public.instance_versions VALUES ('research', 'inst_5e7326934cac', 1, '2026-03-02 05:45:00+05:45', '2026-03-03 23:45:00+05:45', 1, 43, 'appeared', 'changed', NULL, 'gpu_1x_h100_sxm5', 'other', NULL, '203.0.113.168', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'serving-bot', '\xbdafebfebba4d4a4f8f7ab6e6c284ffce90759cb3701ccb0691f46aad6da92b4', false, 43);
INSERT INTO public.instance_versions VALUES ('research', 'inst_22efdb54e659', 1, '2026-03-02 05:45:00+05:45', '2026-03-04 01:45:00+05:45', 1, 45, 'appeared', 'changed', NULL, 'gpu_1x_h100_sxm5', 'us-east', NULL, '203.0.113.235', 'ready', 'lena', NULL, 1, 'h100_sxm5', 'lena', '\x3dc4a216a93e90fc29b8efb0485548fef685bf4d279d68dfbd320d7ad61617d0', false, 45);
INSERT INTO public.instance_versions VALUES ('research', 'inst_813866cc59ee', 1, '2026-03-02 05:45:00+05:45', '2026-03-04 02:45:00+05:45', 1, 46, 'appeared', 'vanished', '2026-03-04 01:45:00+05:45', 'gpu_8x_h100_sxm5', 'us-west', 'sector_1', '203.0.113.195', 'ready', 'priya', NULL, 8, 'h100_sxm5', 'priya', '\x2345a02e25817d63b2121cfc664441398c96a628688c10e6a621f1e00e247e77', false, 46);
INSERT INTO public.instance_versions VALUES ('research', 'inst_b1957ae7f8c9', 1, '2026-03-02 05:45:00+05:45', NULL, 1, NULL, 'appeared', NULL, NULL, 'gpu_1x_h100_sxm5', 'eu-west', NULL, '198.51.100.50', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'serving-bot', '\xad5ee46a4b7fe74d42e4ec1f048fcb622942e6f3774dbeb27c3e4cc23a60cfab', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_bcb5bcb1cec4', 1, '2026-03-02 05:45:00+05:45', NULL, 1, NULL, 'appeared', NULL, NULL, 'gpu_8x_h100_sxm5', 'us-central', NULL, '192.0.2.34', 'ready', 'lena', NULL, 8, 'h100_sxm5', 'lena', '\x4a84de25e9a4fed917ae711042006018a1f4f89c8dd742f8813e822bdd8bf9d9', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_cbfe24105a49', 1, '2026-03-02 05:45:00+05:45', NULL, 1, NULL, 'appeared', NULL, NULL, 'gpu_8x_h100_sxm5', 'eu-west', NULL, '203.0.113.252', 'ready', 'serving-bot', NULL, 8, 'h100_sxm5', 'serving-bot', '\xa5ffa832332d512abeb5e3af8655ccfd4fb861af5c86b72f0268c1751abca940', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_cc2e12d12d30', 1, '2026-03-02 05:45:00+05:45', NULL, 1, NULL, 'appeared', NULL, NULL, 'gpu_8x_h100_sxm5', 'other', NULL, '203.0.113.110', 'ready', 'serving-bot', NULL, 8, 'h100_sxm5', 'serving-bot', '\x950686cc7a8236e17e36925b4fc0ba36b3237bed5275b9d32690d57419f451ee', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_cd873062c81e', 1, '2026-03-02 05:45:00+05:45', NULL, 1, NULL, 'appeared', NULL, NULL, 'gpu_1x_h100_sxm5', 'us-west', NULL, '203.0.113.124', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'serving-bot', '\x85e236094facc6cc0a911de328c9af54274e3f88feca1ce000bc4adedbb77fda', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_e1b7486d2107', 1, '2026-03-02 05:45:00+05:45', NULL, 1, NULL, 'appeared', NULL, NULL, 'gpu_1x_h100_sxm5', 'other', NULL, '203.0.113.57', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'serving-bot', '\xc116d7a80037cbc062a26132748ef660a3799c414385840581571f2e9d52c123', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_f3df2310b11e', 1, '2026-03-02 05:45:00+05:45', NULL, 1, NULL, 'appeared', NULL, NULL, 'gpu_8x_h100_sxm5', 'other', NULL, '198.51.100.188', 'ready', 'serving-bot', NULL, 8, 'h100_sxm5', 'serving-bot', '\xa500a84b0142d1cfb0700cb6b165197cd7c8a60c68a316be97b397efc5e56a41', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_fa0c8975fcdb', 1, '2026-03-02 05:45:00+05:45', NULL, 1, NULL, 'appeared', NULL, NULL, 'gpu_8x_h100_sxm5', 'eu-west', 'sector_1', '198.51.100.68', 'ready', 'serving-bot', NULL, 8, 'h100_sxm5', 'serving-bot', '\x8e3f33116ce25d35b60298fa898af3c5485673bc9c2badbea3ded0369a270e65', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_fa2fc77f7935', 1, '2026-03-02 05:45:00+05:45', NULL, 1, NULL, 'appeared', NULL, NULL, 'gpu_1x_h100_sxm5', 'us-east', NULL, '203.0.113.10', 'ready', 'lena', NULL, 1, 'h100_sxm5', 'lena', '\xff30c4dfd03306fd86c6262b1945e72defdee80d46ea4cea2327ced6c085406f', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_fd965b0b09cf', 1, '2026-03-02 05:45:00+05:45', NULL, 1, NULL, 'appeared', NULL, NULL, 'gpu_1x_h100_sxm5', 'us-west', NULL, '192.0.2.232', 'ready', NULL, NULL, 1, 'h100_sxm5', NULL, '\xe730aa57c0eb63c24b0e6f067720be61335e54a773d05f37d58d3b2dca87a995', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_5cb51799e728', 1, '2026-03-02 05:45:00+05:45', '2026-03-02 06:45:00+05:45', 1, 2, 'appeared', 'changed', NULL, 'gpu_1x_h100_sxm5', 'us-west', NULL, '203.0.113.229', 'unknown', 'serving-bot', NULL, 1, 'h100_sxm5', 'serving-bot', '\x893191a71d0df212c05641d98d44533f787bc8d57373c5e450682209452532e2', false, 2);
INSERT INTO public.instance_versions VALUES ('research', 'inst_5cb51799e728', 1, '2026-03-02 06:45:00+05:45', NULL, 2, NULL, 'changed', NULL, NULL, 'gpu_1x_h100_sxm5', 'us-west', NULL, '203.0.113.229', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'serving-bot', '\x6962d1021404b853ef411b6644109a668732c4f5e3b358acda9675156dc49a64', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_46565bf379c4', 1, '2026-03-02 05:45:00+05:45', '2026-03-02 06:45:00+05:45', 1, 2, 'appeared', 'vanished', '2026-03-02 05:45:00+05:45', 'gpu_1x_h100_sxm5', 'eu-north', NULL, '198.51.100.157', 'ready', 'mira', NULL, 1, 'h100_sxm5', 'mira', '\x72d914f7909379cf00288d51c9921f79caed2d05a86b1884e8f8a5da231cf00e', false, 2);
INSERT INTO public.instance_versions VALUES ('research', 'inst_56f52080f2ac', 1, '2026-03-02 05:45:00+05:45', '2026-03-02 06:45:00+05:45', 1, 2, 'appeared', 'vanished', '2026-03-02 05:45:00+05:45', 'gpu_1x_h100_sxm5', 'other', NULL, '198.51.100.231', 'ready', 'jun', NULL, 1, 'h100_sxm5', 'jun', '\x0b20baa98da0292a10e60928761cbd0e3ed5c3ce57d601a56a7b2dabb3ea4030', false, 2);
INSERT INTO public.instance_versions VALUES ('research', 'inst_d6ab22240b7c', 1, '2026-03-02 05:45:00+05:45', '2026-03-02 06:45:00+05:45', 1, 2, 'appeared', 'vanished', '2026-03-02 05:45:00+05:45', 'gpu_8x_h100_sxm5', 'us-central', 'sector_2', '203.0.113.206', 'ready', 'lena', NULL, 8, 'h100_sxm5', 'lena', '\x612bca146ee66740456445eacc47b254a28160b8fed95e4ccfb5c2ace5ad1099', false, 2);
INSERT INTO public.instance_versions VALUES ('research', 'inst_afe2f09fa24f', 1, '2026-03-02 05:45:00+05:45', '2026-03-02 07:45:00+05:45', 1, 3, 'appeared', 'changed', NULL, 'gpu_8x_h100_sxm5', 'us-east', 'sector_3', '198.51.100.113', 'ready', 'serving-bot', NULL, 8, 'h100_sxm5', 'serving-bot', '\x523aef599d12e89f342d29cb29d36e7c970da032b4440224c2fe8bb873f903ba', false, 3);
INSERT INTO public.instance_versions VALUES ('research', 'inst_715f5d015d21', 1, '2026-03-02 07:45:00+05:45', NULL, 3, NULL, 'changed', NULL, NULL, 'gpu_8x_h100_sxm5', 'us-east', 'sector_3', '203.0.113.166', 'ready', 'serving-bot', NULL, 8, 'h100_sxm5', 'serving-bot', '\xfb7ad49e5109c705fb2e66d2ceac6aedabf3dda30a8eebb68108c7b00c3a497f', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_6546ad502d03', 1, '2026-03-02 05:45:00+05:45', '2026-03-02 08:45:00+05:45', 1, 4, 'appeared', 'vanished', '2026-03-02 07:45:00+05:45', 'gpu_8x_h100_sxm5', 'us-west', NULL, '192.0.2.100', 'ready', NULL, NULL, 8, 'h100_sxm5', NULL, '\xdbf00e9ddf7a65558011bf53f3e0286a3ce5a2ddbdc4a2090789ad85041727fa', false, 4);
INSERT INTO public.instance_versions VALUES ('research', 'inst_b0e417dd6621', 1, '2026-03-02 05:45:00+05:45', '2026-03-02 08:45:00+05:45', 1, 4, 'appeared', 'vanished', '2026-03-02 07:45:00+05:45', 'gpu_8x_h100_sxm5', 'us-central', NULL, '203.0.113.17', 'ready', 'priya', NULL, 8, 'h100_sxm5', 'priya', '\xab93c68341455caac4c27e67d14db8fd9eeaf939b30f74cac806e6430e4e1409', false, 4);
INSERT INTO public.instance_versions VALUES ('research', 'inst_24f577e5cf1e', 1, '2026-03-02 07:45:00+05:45', '2026-03-02 09:45:00+05:45', 3, 5, 'changed', 'changed', NULL, 'gpu_8x_h100_sxm5', 'eu-north', NULL, '203.0.113.155', 'unknown', 'oskar', NULL, 8, 'h100_sxm5', 'oskar', '\x5d366bd88d8254bbda3dfd9e6738f55d312a3d27e87cf3727696296366f7a186', false, 5);
INSERT INTO public.instance_versions VALUES ('research', 'inst_afe2f09fa24f', 1, '2026-03-02 07:45:00+05:45', '2026-03-02 10:45:00+05:45', 3, 6, 'changed', 'changed', NULL, 'gpu_8x_h100_sxm5', 'us-east', 'sector_3', NULL, 'stopped', 'serving-bot', NULL, 8, 'h100_sxm5', 'serving-bot', '\x5fd3ec71bea68c2667e363a69830a8135988e80a98351dc0eb0338d316f90f12', false, 6);
INSERT INTO public.instance_versions VALUES ('research', 'inst_70f4a695bcef', 1, '2026-03-02 08:45:00+05:45', '2026-03-02 11:45:00+05:45', 4, 7, 'appeared', 'vanished', '2026-03-02 10:45:00+05:45', 'gpu_1x_h100_sxm5', 'us-west', NULL, '198.51.100.141', 'ready', 'jun', NULL, 1, 'h100_sxm5', 'jun', '\x312612aaebd6b515e85f8e9d16fd799cdc58794ecbc8238cacf02e53784658bd', false, 7);
INSERT INTO public.instance_versions VALUES ('research', 'inst_24f577e5cf1e', 1, '2026-03-02 09:45:00+05:45', '2026-03-02 12:45:00+05:45', 5, 8, 'changed', 'changed', NULL, 'gpu_8x_h100_sxm5', 'eu-north', NULL, '203.0.113.155', 'ready', 'oskar', NULL, 8, 'h100_sxm5', 'oskar', '\x5c28363eef2738b53285352a52b6a2466f484884d95ceed97ff88f42306f176b', false, 8);
INSERT INTO public.instance_versions VALUES ('research', 'inst_fb66d786e466', 1, '2026-03-02 05:45:00+05:45', '2026-03-02 12:45:00+05:45', 1, 8, 'appeared', 'changed', NULL, 'gpu_1x_h100_sxm5', 'us-east', NULL, '192.0.2.116', 'ready', 'kofi', NULL, 1, 'h100_sxm5', 'kofi', '\x4d20be4c2de271c73a417d152fb2d8f4a0de82e54ffed06789c2b8a92a6cf5c0', false, 8);
INSERT INTO public.instance_versions VALUES ('research', 'inst_c687d2d0a678', 1, '2026-03-02 05:45:00+05:45', '2026-03-02 15:45:00+05:45', 1, 11, 'appeared', 'changed', NULL, 'gpu_1x_h100_sxm5', 'us-east', NULL, NULL, 'stopped', 'kofi', NULL, 1, 'h100_sxm5', 'kofi', '\x680505cc0d4c9c5ea062b727aaf22a13435bef6d3c366877fc23078d2ec9c617', false, 11);
INSERT INTO public.instance_versions VALUES ('research', 'inst_5c1511298ea3', 1, '2026-03-02 06:45:00+05:45', '2026-03-02 15:45:00+05:45', 2, 11, 'appeared', 'vanished', '2026-03-02 14:45:00+05:45', 'gpu_1x_h100_sxm5', 'other', NULL, '198.51.100.61', 'ready', 'jun', NULL, 1, 'h100_sxm5', 'jun', '\x5849111a99256c7b64d437b056630e56621b7b4793bcd90fa15b230f0354ff6c', false, 11);
INSERT INTO public.instance_versions VALUES ('research', 'inst_565ff43f2fad', 1, '2026-03-02 07:45:00+05:45', '2026-03-02 16:45:00+05:45', 3, 12, 'appeared', 'vanished', '2026-03-02 15:45:00+05:45', 'gpu_1x_h100_sxm5', 'us-west', NULL, '203.0.113.85', 'ready', 'jun', NULL, 1, 'h100_sxm5', 'jun', '\x7f6f4d75bc1aa209da1597609117a4bfe85b9ece82d116a408b2e1184526cf28', false, 12);
INSERT INTO public.instance_versions VALUES ('research', 'inst_1d418930fbcd', 1, '2026-03-02 09:45:00+05:45', '2026-03-02 22:45:00+05:45', 5, 18, 'changed', 'changed', NULL, 'gpu_1x_h100_sxm5', 'eu-north', NULL, NULL, 'stopped', 'sunniva', NULL, 1, 'h100_sxm5', 'sunniva', '\xdc75e744ed101de39fab36dcf8c9b634c3d49534b3a977f6d78a4f5526dffcf9', false, 18);
INSERT INTO public.instance_versions VALUES ('research', 'inst_d2e733080a1d', 1, '2026-03-02 05:45:00+05:45', '2026-03-03 00:45:00+05:45', 1, 20, 'appeared', 'changed', NULL, 'gpu_1x_h100_sxm5', 'us-east', NULL, '198.51.100.66', 'ready', 'kofi', NULL, 1, 'h100_sxm5', 'kofi', '\x410154e641ec70e88398c334f17dd52eed573486e38cd5fa9e4b5646aea32c72', false, 20);
INSERT INTO public.instance_versions VALUES ('research', 'inst_37e20745e6cf', 1, '2026-03-02 08:45:00+05:45', '2026-03-03 03:45:00+05:45', 4, 23, 'changed', 'changed', NULL, 'gpu_1x_h100_sxm5', 'eu-north', NULL, NULL, 'stopped', 'sunniva', NULL, 1, 'h100_sxm5', 'sunniva', '\xdc75e744ed101de39fab36dcf8c9b634c3d49534b3a977f6d78a4f5526dffcf9', false, 23);
INSERT INTO public.instance_versions VALUES ('research', 'inst_debcd862ff16', 1, '2026-03-02 05:45:00+05:45', '2026-03-03 03:45:00+05:45', 1, 23, 'appeared', 'changed', NULL, 'gpu_1x_h100_sxm5', 'us-east', NULL, NULL, 'stopped', 'kofi', NULL, 1, 'h100_sxm5', 'kofi', '\x680505cc0d4c9c5ea062b727aaf22a13435bef6d3c366877fc23078d2ec9c617', false, 23);
INSERT INTO public.instance_versions VALUES ('research', 'inst_b3725b8349ce', 1, '2026-03-02 05:45:00+05:45', '2026-03-03 07:45:00+05:45', 1, 27, 'appeared', 'vanished', '2026-03-03 06:45:00+05:45', 'gpu_8x_h100_sxm5', 'us-east', NULL, '198.51.100.247', 'ready', 'lena', NULL, 8, 'h100_sxm5', 'lena', '\x925eba4b1dfc1a0d0bac5ea0265586fbc253eb5402b4913e27ccbc8d4d9fe995', false, 27);
INSERT INTO public.instance_versions VALUES ('research', 'inst_92a37ffb20e6', 1, '2026-03-02 05:45:00+05:45', '2026-03-03 09:45:00+05:45', 1, 29, 'appeared', 'vanished', '2026-03-03 08:45:00+05:45', 'gpu_1x_h100_sxm5', 'other', NULL, '203.0.113.160', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'serving-bot', '\x6dfc2c930c7cbf48d24ed2ea731860d51f37910e8421f00cd178b4a184332697', false, 29);
INSERT INTO public.instance_versions VALUES ('research', 'inst_aeb091e4f834', 1, '2026-03-02 05:45:00+05:45', '2026-03-02 09:45:00+05:45', 1, 5, 'appeared', 'vanished', '2026-03-02 08:45:00+05:45', 'gpu_8x_h100_sxm5', 'us-east', 'sector_1', '198.51.100.234', 'ready', 'lena', NULL, 8, 'h100_sxm5', 'lena', '\x2cba1b7c358709a87f2c165387f89455820faa4f7c17dae1fd81181b589816a8', false, 5);
INSERT INTO public.instance_versions VALUES ('research', 'inst_91bfe7704d12', 1, '2026-03-02 09:45:00+05:45', '2026-03-02 10:45:00+05:45', 5, 6, 'appeared', 'changed', NULL, 'gpu_8x_h100_sxm5', 'us-west', NULL, NULL, 'provisioning', 'jun', NULL, 8, 'h100_sxm5', 'jun', '\x8e6dc26283c184a0ae336d0059fcee014684769a3001a985f5bd9e21e6fc2021', false, 6);
INSERT INTO public.instance_versions VALUES ('research', 'inst_afe2f09fa24f', 1, '2026-03-02 10:45:00+05:45', NULL, 6, NULL, 'changed', NULL, NULL, 'gpu_8x_h100_sxm5', 'us-east', 'sector_3', '203.0.113.74', 'ready', 'serving-bot', NULL, 8, 'h100_sxm5', 'serving-bot', '\x4577139d2950a834aeb9a67e851590dd474b4a1eb685645d6433736903d3af8b', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_b552a161660a', 1, '2026-03-02 07:45:00+05:45', '2026-03-02 10:45:00+05:45', 3, 6, 'appeared', 'vanished', '2026-03-02 09:45:00+05:45', 'gpu_1x_h100_sxm5', 'other', NULL, '198.51.100.236', 'ready', 'jun', NULL, 1, 'h100_sxm5', 'jun', '\x315f9a69ebeb72b9bf266f136eba8d50dae0d09c71959728f521b4fca68a4443', false, 6);
INSERT INTO public.instance_versions VALUES ('research', 'inst_344a89c666c4', 1, '2026-03-02 12:45:00+05:45', NULL, 8, NULL, 'changed', NULL, NULL, 'gpu_8x_h100_sxm5', 'other', 'sector_3', '203.0.113.32', 'ready', 'serving-bot', NULL, 8, 'h100_sxm5', 'serving-bot', '\x9c30ad9063ae61828a55b980ffd427bb645f096ffc7d0bb622fd3c821b198d19', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_b93be68b92e4', 1, '2026-03-02 05:45:00+05:45', '2026-03-02 12:45:00+05:45', 1, 8, 'appeared', 'vanished', '2026-03-02 11:45:00+05:45', 'gpu_1x_h100_sxm5', 'eu-west', NULL, '192.0.2.216', 'ready', 'mira', NULL, 1, 'h100_sxm5', 'mira', '\xdc53a9e699c7692a10a3463b866b0a4088426c6b5d2f78e8d28a0b23b3b458ca', false, 8);
INSERT INTO public.instance_versions VALUES ('research', 'inst_24f577e5cf1e', 1, '2026-03-02 12:45:00+05:45', '2026-03-02 14:45:00+05:45', 8, 10, 'changed', 'changed', NULL, 'gpu_8x_h100_sxm5', 'eu-north', NULL, '203.0.113.155', 'unknown', 'oskar', NULL, 8, 'h100_sxm5', 'oskar', '\x5d366bd88d8254bbda3dfd9e6738f55d312a3d27e87cf3727696296366f7a186', false, 10);
INSERT INTO public.instance_versions VALUES ('research', 'inst_4ec223646ddf', 1, '2026-03-02 10:45:00+05:45', '2026-03-02 15:45:00+05:45', 6, 11, 'appeared', 'changed', NULL, 'gpu_1x_h100_sxm5', 'us-west', NULL, '192.0.2.99', 'ready', 'jun', NULL, 1, 'h100_sxm5', 'jun', '\x4b2afa958190ca67c00e04ffd063167b0c47fad8b1d6acde5fb10b6108104b07', false, 11);
INSERT INTO public.instance_versions VALUES ('research', 'inst_91bfe7704d12', 1, '2026-03-02 10:45:00+05:45', '2026-03-02 15:45:00+05:45', 6, 11, 'changed', 'vanished', '2026-03-02 14:45:00+05:45', 'gpu_8x_h100_sxm5', 'us-west', NULL, '198.51.100.154', 'ready', 'jun', NULL, 8, 'h100_sxm5', 'jun', '\xc3cc111cc9e1088a39ff31612c242b0b450640356f6ba969a073bbb06818e6a8', false, 11);
INSERT INTO public.instance_versions VALUES ('research', 'inst_4ec223646ddf', 1, '2026-03-02 15:45:00+05:45', '2026-03-02 16:45:00+05:45', 11, 12, 'changed', 'changed', NULL, 'gpu_1x_h100_sxm5', 'us-west', NULL, NULL, 'stopped', 'jun', NULL, 1, 'h100_sxm5', 'jun', '\x9f56c4736d6649514c7de123a7c5a826b6a326a03ec7c61195353e17ca287206', false, 12);
INSERT INTO public.instance_versions VALUES ('research', 'inst_4ecf50543969', 1, '2026-03-02 16:45:00+05:45', '2026-03-02 18:45:00+05:45', 12, 14, 'appeared', 'changed', NULL, 'gpu_1x_h100_sxm5', 'eu-north', NULL, '192.0.2.230', 'ready', 'mira', NULL, 1, 'h100_sxm5', 'mira', '\x76ad9c59590a404e2c8291cb6211ff1fe836d22199267ffeeb7a07c983108a56', false, 14);
INSERT INTO public.instance_versions VALUES ('research', 'inst_6953586f1a06', 1, '2026-03-02 11:45:00+05:45', '2026-03-02 18:45:00+05:45', 7, 14, 'appeared', 'vanished', '2026-03-02 16:45:00+05:45', 'gpu_1x_h100_sxm5', 'us-west', NULL, '203.0.113.232', 'ready', 'jun', NULL, 1, 'h100_sxm5', 'jun', '\xc2d261006172d6c1df1decdc17a007ae062dbd4fd6dde0d00fd9eaf07a8a2b78', false, 14);
INSERT INTO public.instance_versions VALUES ('research', 'inst_f014f4fa868b', 1, '2026-03-02 18:45:00+05:45', NULL, 14, NULL, 'appeared', NULL, NULL, 'gpu_8x_h100_sxm5', 'us-east', 'sector_1', '203.0.113.136', 'ready', 'serving-bot', NULL, 8, 'h100_sxm5', 'serving-bot', '\xe202af9cfd008532736d6e021675fe0600362b22323e048954ee46caa67a0e37', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_4ecf50543969', 1, '2026-03-02 18:45:00+05:45', '2026-03-02 19:45:00+05:45', 14, 15, 'changed', 'changed', NULL, 'gpu_1x_h100_sxm5', 'eu-north', NULL, NULL, 'stopped', 'mira', NULL, 1, 'h100_sxm5', 'mira', '\xa68487767192b2d426b9045fac6c2ae9750b7664d6a4abf16dccfe015b5bef6f', false, 15);
INSERT INTO public.instance_versions VALUES ('research', 'inst_4ecf50543969', 1, '2026-03-02 19:45:00+05:45', '2026-03-02 20:45:00+05:45', 15, 16, 'changed', 'vanished', '2026-03-02 19:45:00+05:45', 'gpu_1x_h100_sxm5', 'eu-north', NULL, '192.0.2.61', 'ready', 'mira', NULL, 1, 'h100_sxm5', 'mira', '\x1a1d0de95dcefd0b916659c07548b8ffa7116d4d66c8882a582b69c0d015ead3', false, 16);
INSERT INTO public.instance_versions VALUES ('research', 'inst_048d9bb999f8', 1, '2026-03-02 20:45:00+05:45', NULL, 16, NULL, 'appeared', NULL, NULL, 'gpu_8x_h100_sxm5', 'eu-west', 'sector_1', '203.0.113.108', 'ready', 'oskar', NULL, 8, 'h100_sxm5', 'oskar', '\xa351c6c934c6bfb2da1afd9c9959374da640ece678c95a74dd92d6f347c22bb4', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_f8bd1394abd7', 1, '2026-03-02 20:45:00+05:45', NULL, 16, NULL, 'appeared', NULL, NULL, 'gpu_8x_h100_sxm5', 'us-east', 'sector_2', '192.0.2.56', 'ready', 'lena', NULL, 8, 'h100_sxm5', 'lena', '\xb3896f148269031fb7bc7fa4eea3e69fb8bf3de989af4700d4fc642aaa23d96d', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_9ef74646e382', 1, '2026-03-02 21:45:00+05:45', '2026-03-02 22:45:00+05:45', 17, 18, 'appeared', 'changed', NULL, 'gpu_1x_h100_sxm5', 'eu-north', NULL, NULL, 'pending', 'mira', NULL, 1, 'h100_sxm5', 'mira', '\xb831f2072dc459d66ac75097c789ee2c942664cc21c8a403863c8a28e011a7b0', false, 18);
INSERT INTO public.instance_versions VALUES ('research', 'inst_4ec223646ddf', 1, '2026-03-02 16:45:00+05:45', '2026-03-02 23:45:00+05:45', 12, 19, 'changed', 'changed', NULL, 'gpu_1x_h100_sxm5', 'us-west', NULL, '198.51.100.5', 'ready', 'jun', NULL, 1, 'h100_sxm5', 'jun', '\xe89e2dc6a37cb75a7d59284a7ebbd9f9407c0d8d80c4ec05493c7bf0abb02481', false, 19);
INSERT INTO public.instance_versions VALUES ('research', 'inst_4a488f0be063', 1, '2026-03-02 22:45:00+05:45', '2026-03-03 00:45:00+05:45', 18, 20, 'changed', 'changed', NULL, 'gpu_1x_h100_sxm5', 'us-east', NULL, NULL, 'stopped', 'serving-bot', NULL, 1, 'h100_sxm5', 'serving-bot', '\xd97bfc485ea30768c100d58eae5196219d7c1d5c376acdac2254da6a76af0032', false, 20);
INSERT INTO public.instance_versions VALUES ('research', 'inst_4ec223646ddf', 1, '2026-03-02 23:45:00+05:45', '2026-03-03 00:45:00+05:45', 19, 20, 'changed', 'changed', NULL, 'gpu_1x_h100_sxm5', 'us-west', NULL, '198.51.100.5', 'unknown', 'jun', NULL, 1, 'h100_sxm5', 'jun', '\x6531753ca948c7748af846470439915ca94d244c65d3089228d732c5429f6092', false, 20);
INSERT INTO public.instance_versions VALUES ('research', 'inst_be38f9c10133', 1, '2026-03-02 23:45:00+05:45', '2026-03-03 00:45:00+05:45', 19, 20, 'appeared', 'changed', NULL, 'gpu_8x_h100_sxm5', 'us-central', 'sector_1', NULL, 'provisioning', 'lena', NULL, 8, 'h100_sxm5', 'lena', '\x386898113cfce3e8a0790ffb5600c193c316624012f6a1e0d013eac98b89817e', false, 20);
INSERT INTO public.instance_versions VALUES ('research', 'inst_9ef74646e382', 1, '2026-03-02 22:45:00+05:45', '2026-03-03 03:45:00+05:45', 18, 23, 'changed', 'changed', NULL, 'gpu_1x_h100_sxm5', 'eu-north', NULL, '198.51.100.36', 'ready', 'mira', NULL, 1, 'h100_sxm5', 'mira', '\xd9eaeb5329122787974ec5b33350d5ac21720b8c0b5496f72b1a6fd3b434e4cc', false, 23);
INSERT INTO public.instance_versions VALUES ('research', 'inst_47732de8859a', 1, '2026-03-02 18:45:00+05:45', '2026-03-03 03:45:00+05:45', 14, 23, 'appeared', 'vanished', '2026-03-03 00:45:00+05:45', 'gpu_1x_h100_sxm5', 'eu-north', NULL, '203.0.113.238', 'ready', 'mira', NULL, 1, 'h100_sxm5', 'mira', '\x90c03f8a429b46158ec1ceb130f8d5daf26d98bf26a9237a43faa1d79febbf48', false, 23);
INSERT INTO public.instance_versions VALUES ('research', 'inst_6b203723f272', 1, '2026-03-02 21:45:00+05:45', '2026-03-03 03:45:00+05:45', 17, 23, 'appeared', 'vanished', '2026-03-03 00:45:00+05:45', 'gpu_1x_h100_sxm5', 'eu-west', NULL, '198.51.100.121', 'ready', 'mira', NULL, 1, 'h100_sxm5', 'mira', '\x95f3596843809056a67e304bb6ffeb6ea1eb1cd40c09072f73bd5d5561e462d5', false, 23);
INSERT INTO public.instance_versions VALUES ('research', 'inst_8c53b4e42b0c', 1, '2026-03-02 23:45:00+05:45', '2026-03-03 03:45:00+05:45', 19, 23, 'appeared', 'vanished', '2026-03-03 00:45:00+05:45', 'gpu_1x_h100_sxm5', 'eu-west', NULL, '198.51.100.137', 'ready', 'mira', NULL, 1, 'h100_sxm5', 'mira', '\x12af6dd3288002b5ecf3b9e8d15c25d6b7c6c57650e5f7ef547bfb3276e3df1d', false, 23);
INSERT INTO public.instance_versions VALUES ('research', 'inst_97031da26c6e', 1, '2026-03-02 18:45:00+05:45', '2026-03-03 04:45:00+05:45', 14, 24, 'appeared', 'vanished', '2026-03-03 03:45:00+05:45', 'gpu_1x_h100_sxm5', 'eu-west', NULL, '203.0.113.164', 'ready', 'mira', NULL, 1, 'h100_sxm5', 'mira', '\x83ae897e9181ba11a8e7817c9c3db42a2d8bf9eb35cb7eb76db489512a4f7c0a', false, 24);
INSERT INTO public.instance_versions VALUES ('research', 'inst_fb66d786e466', 1, '2026-03-02 12:45:00+05:45', '2026-03-03 05:45:00+05:45', 8, 25, 'changed', 'changed', NULL, 'gpu_1x_h100_sxm5', 'us-east', NULL, NULL, 'stopped', 'kofi', NULL, 1, 'h100_sxm5', 'kofi', '\x680505cc0d4c9c5ea062b727aaf22a13435bef6d3c366877fc23078d2ec9c617', false, 25);
INSERT INTO public.instance_versions VALUES ('research', 'inst_24f577e5cf1e', 1, '2026-03-02 14:45:00+05:45', '2026-03-03 12:45:00+05:45', 10, 32, 'changed', 'changed', NULL, 'gpu_8x_h100_sxm5', 'eu-north', NULL, '203.0.113.155', 'ready', 'oskar', NULL, 8, 'h100_sxm5', 'oskar', '\x5c28363eef2738b53285352a52b6a2466f484884d95ceed97ff88f42306f176b', false, 32);
INSERT INTO public.instance_versions VALUES ('research', 'inst_1d418930fbcd', 1, '2026-03-02 22:45:00+05:45', '2026-03-03 20:45:00+05:45', 18, 40, 'changed', 'changed', NULL, 'gpu_1x_h100_sxm5', 'eu-north', NULL, '203.0.113.83', 'ready', 'sunniva', NULL, 1, 'h100_sxm5', 'sunniva', '\x22dc8b578d540f267bdfe1e6e04b3affba5c49cb6eaa7bd64a005013557a416c', false, 40);
INSERT INTO public.instance_versions VALUES ('research', 'inst_a8b4b0cf8c9d', 1, '2026-03-02 20:45:00+05:45', '2026-03-03 23:45:00+05:45', 16, 43, 'appeared', 'vanished', '2026-03-03 22:45:00+05:45', 'gpu_8x_h100_sxm5', 'us-east', 'sector_1', '198.51.100.80', 'ready', 'oskar', NULL, 8, 'h100_sxm5', 'oskar', '\xd780ac8e1243353f4f22700d483286633d254f940b9c9c6171aed067b3bef403', false, 43);
INSERT INTO public.instance_versions VALUES ('research', 'inst_c687d2d0a678', 1, '2026-03-02 15:45:00+05:45', '2026-03-03 00:45:00+05:45', 11, 20, 'changed', 'changed', NULL, 'gpu_1x_h100_sxm5', 'us-east', NULL, '203.0.113.26', 'ready', 'kofi', NULL, 1, 'h100_sxm5', 'kofi', '\x9149de956dd32f52e7f555e9f4ffbe4c90af51b2febe36f4952df885b8ac61be', false, 20);
INSERT INTO public.instance_versions VALUES ('research', 'inst_be38f9c10133', 1, '2026-03-03 00:45:00+05:45', NULL, 20, NULL, 'changed', NULL, NULL, 'gpu_8x_h100_sxm5', 'us-central', 'sector_1', '198.51.100.31', 'ready', 'lena', NULL, 8, 'h100_sxm5', 'lena', '\x1ff2120db649ed28199be30e9f17d6eddce4042cf45b0e1c6f9f7ab54058a5d0', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_0dd1256f6a70', 1, '2026-03-02 20:45:00+05:45', '2026-03-03 00:45:00+05:45', 16, 20, 'appeared', 'vanished', '2026-03-02 23:45:00+05:45', 'gpu_1x_h100_sxm5', 'eu-west', NULL, '192.0.2.253', 'ready', 'mira', NULL, 1, 'h100_sxm5', 'mira', '\x4bd3defbd844225932053a32dfc16c2399e21876eb33b092beea36046eae3192', false, 20);
INSERT INTO public.instance_versions VALUES ('research', 'inst_854af7963e48', 1, '2026-03-03 00:45:00+05:45', '2026-03-03 03:45:00+05:45', 20, 23, 'changed', 'changed', NULL, 'gpu_8x_h100_sxm5', 'us-central', 'sector_3', '192.0.2.217', 'unknown', 'priya', NULL, 8, 'h100_sxm5', 'priya', '\x621ab76db9cfad6beb1f78c0d812a1a68665e6cde25d8100b53b06af6c0d67ea', false, 23);
INSERT INTO public.instance_versions VALUES ('research', 'inst_95277a724bfd', 1, '2026-03-03 00:45:00+05:45', '2026-03-03 03:45:00+05:45', 20, 23, 'appeared', 'changed', NULL, 'gpu_8x_h100_sxm5', 'us-west', NULL, NULL, 'provisioning', 'priya', NULL, 8, 'h100_sxm5', 'priya', '\x2bfc725c200a0cce8be7815ae351ff4cdf234a7109bd27faa883a059e421f5e3', false, 23);
INSERT INTO public.instance_versions VALUES ('research', 'inst_f13fb510c539', 1, '2026-03-03 00:45:00+05:45', '2026-03-03 03:45:00+05:45', 20, 23, 'appeared', 'changed', NULL, 'gpu_8x_h100_sxm5', 'us-central', 'sector_2', NULL, 'pending', 'lena', NULL, 8, 'h100_sxm5', 'lena', '\xdf203a2789a6c3df09247e06bf73e25606b8e0ad8b2c1b278538b0e660635754', false, 23);
INSERT INTO public.instance_versions VALUES ('research', 'inst_95277a724bfd', 1, '2026-03-03 03:45:00+05:45', NULL, 23, NULL, 'changed', NULL, NULL, 'gpu_8x_h100_sxm5', 'us-west', NULL, '203.0.113.213', 'ready', 'priya', NULL, 8, 'h100_sxm5', 'priya', '\xa12ca84fe0520555aa1865959030e4e277983c0f6430a1b3c1a90fb2eb4fe20f', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_f13fb510c539', 1, '2026-03-03 03:45:00+05:45', NULL, 23, NULL, 'changed', NULL, NULL, 'gpu_8x_h100_sxm5', 'us-central', 'sector_2', '198.51.100.10', 'ready', 'lena', NULL, 8, 'h100_sxm5', 'lena', '\x8cadfdf1ad5806680e16b87d29f810d1b2acc138128a0de8f4fa54834f95d71a', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_4ec223646ddf', 1, '2026-03-03 00:45:00+05:45', '2026-03-03 03:45:00+05:45', 20, 23, 'changed', 'vanished', '2026-03-03 00:45:00+05:45', 'gpu_1x_h100_sxm5', 'us-west', NULL, '198.51.100.5', 'ready', 'jun', NULL, 1, 'h100_sxm5', 'jun', '\xe89e2dc6a37cb75a7d59284a7ebbd9f9407c0d8d80c4ec05493c7bf0abb02481', false, 23);
INSERT INTO public.instance_versions VALUES ('research', 'inst_950dbb1bda5d', 1, '2026-03-02 05:45:00+05:45', '2026-03-03 03:45:00+05:45', 1, 23, 'appeared', 'vanished', '2026-03-03 00:45:00+05:45', 'gpu_8x_h100_sxm5', 'us-east', 'sector_2', '203.0.113.219', 'ready', 'oskar', NULL, 8, 'h100_sxm5', 'oskar', '\x1cbbdd2084f4c9d87228dd4551c39134241b10f4a5fad4fe462812c07c8af340', false, 23);
INSERT INTO public.instance_versions VALUES ('research', 'inst_af2ba27e041d', 1, '2026-03-02 19:45:00+05:45', '2026-03-03 03:45:00+05:45', 15, 23, 'appeared', 'vanished', '2026-03-03 00:45:00+05:45', 'gpu_1x_h100_sxm5', 'eu-north', NULL, '192.0.2.198', 'ready', 'mira', NULL, 1, 'h100_sxm5', 'mira', '\x87210de0ccf8d8e509a5139b3938a0e4767f903530fd9f0419d0a6df585a7c69', false, 23);
INSERT INTO public.instance_versions VALUES ('research', 'inst_9ef74646e382', 1, '2026-03-03 03:45:00+05:45', '2026-03-03 04:45:00+05:45', 23, 24, 'changed', 'changed', NULL, 'gpu_1x_h100_sxm5', 'eu-north', NULL, '192.0.2.124', 'ready', 'mira', NULL, 1, 'h100_sxm5', 'mira', '\x4d731331925876e2617aaffd1664f3fc1982f7aede833119caef574544a6b975', false, 24);
INSERT INTO public.instance_versions VALUES ('research', 'inst_d41b9050a1d7', 1, '2026-03-03 04:45:00+05:45', NULL, 24, NULL, 'appeared', NULL, NULL, 'gpu_1x_h100_sxm5', 'us-central', NULL, '192.0.2.172', 'ready', 'priya', NULL, 1, 'h100_sxm5', 'priya', '\x0da23aa97da80c5a0241732461bd62a9a72dfc8ae91ca17d255195e061cf0fec', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_9ef74646e382', 1, '2026-03-03 04:45:00+05:45', '2026-03-03 06:45:00+05:45', 24, 26, 'changed', 'changed', NULL, 'gpu_1x_h100_sxm5', 'eu-north', NULL, NULL, 'stopped', 'mira', NULL, 1, 'h100_sxm5', 'mira', '\xa68487767192b2d426b9045fac6c2ae9750b7664d6a4abf16dccfe015b5bef6f', false, 26);
INSERT INTO public.instance_versions VALUES ('research', 'inst_b0739f22051a', 1, '2026-03-03 03:45:00+05:45', '2026-03-03 07:45:00+05:45', 23, 27, 'appeared', 'vanished', '2026-03-03 06:45:00+05:45', 'gpu_1x_h100_sxm5', 'eu-west', NULL, '192.0.2.128', 'ready', 'mira', NULL, 1, 'h100_sxm5', 'mira', '\xbc0ed70bb736aeaa0ce4f5495bbfb838ace129fc5b45963bb2fc8badde49750b', false, 27);
INSERT INTO public.instance_versions VALUES ('research', 'inst_4f27113fcc7c', 1, '2026-03-03 07:45:00+05:45', NULL, 27, NULL, 'appeared', NULL, NULL, 'gpu_1x_h100_sxm5', 'us-west', NULL, '192.0.2.100', 'ready', 'priya', NULL, 1, 'h100_sxm5', 'priya', '\x350e5f9970d8fe0d656c11bb09bb96a971e5650ee95cebfe6491549948da8286', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_9ef74646e382', 1, '2026-03-03 06:45:00+05:45', '2026-03-03 08:45:00+05:45', 26, 28, 'changed', 'vanished', '2026-03-03 07:45:00+05:45', 'gpu_1x_h100_sxm5', 'eu-north', NULL, '192.0.2.31', 'ready', 'mira', NULL, 1, 'h100_sxm5', 'mira', '\xa15e9af0cfab0dfba9f44564d592eb8d7157293fab421730167efffedbe95aa4', false, 28);
INSERT INTO public.instance_versions VALUES ('research', 'inst_d2e733080a1d', 1, '2026-03-03 00:45:00+05:45', '2026-03-03 09:45:00+05:45', 20, 29, 'changed', 'changed', NULL, 'gpu_1x_h100_sxm5', 'us-east', NULL, NULL, 'stopped', 'kofi', NULL, 1, 'h100_sxm5', 'kofi', '\x680505cc0d4c9c5ea062b727aaf22a13435bef6d3c366877fc23078d2ec9c617', false, 29);
INSERT INTO public.instance_versions VALUES ('research', 'inst_f0d8d56e8eb1', 1, '2026-03-03 08:45:00+05:45', '2026-03-03 10:45:00+05:45', 28, 30, 'appeared', 'changed', NULL, 'gpu_1x_h100_sxm5', 'us-central', NULL, NULL, 'pending', 'lena', NULL, 1, 'h100_sxm5', 'lena', '\x0caec6ea0951bf78e16886db594353e017c5c81e6ecc8c1d871cc5d36500fa73', false, 30);
INSERT INTO public.instance_versions VALUES ('research', 'inst_f0d8d56e8eb1', 1, '2026-03-03 10:45:00+05:45', NULL, 30, NULL, 'changed', NULL, NULL, 'gpu_1x_h100_sxm5', 'us-central', NULL, '198.51.100.103', 'ready', 'lena', NULL, 1, 'h100_sxm5', 'lena', '\x2eee30925a7338bf132b3f9c80360df987bd2882a99cfb0e2afeddcd3b73c23d', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_37e20745e6cf', 1, '2026-03-03 03:45:00+05:45', '2026-03-03 11:45:00+05:45', 23, 31, 'changed', 'changed', NULL, 'gpu_1x_h100_sxm5', 'eu-north', NULL, '203.0.113.62', 'ready', 'sunniva', NULL, 1, 'h100_sxm5', 'sunniva', '\x52c127c454a2bb2555ec2bb00570a6699aaaeee4885680a3303a5bb298f15fd4', false, 31);
INSERT INTO public.instance_versions VALUES ('research', 'inst_4a488f0be063', 1, '2026-03-03 00:45:00+05:45', '2026-03-03 11:45:00+05:45', 20, 31, 'changed', 'changed', NULL, 'gpu_1x_h100_sxm5', 'us-east', NULL, '203.0.113.7', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'serving-bot', '\x8150a88a677931dafb1d2b6751d5939eecd765177eda702c79cac89011797875', false, 31);
INSERT INTO public.instance_versions VALUES ('research', 'inst_854af7963e48', 1, '2026-03-03 03:45:00+05:45', '2026-03-03 11:45:00+05:45', 23, 31, 'changed', 'changed', NULL, 'gpu_8x_h100_sxm5', 'us-central', 'sector_3', '192.0.2.217', 'ready', 'priya', NULL, 8, 'h100_sxm5', 'priya', '\x7f4a10497b7666590fe9dd2bd33b7d4a0939ad607715dabcb4384c9efe04cc1d', false, 31);
INSERT INTO public.instance_versions VALUES ('research', 'inst_5484ba6bc77c', 1, '2026-03-03 06:45:00+05:45', '2026-03-03 12:45:00+05:45', 26, 32, 'changed', 'changed', NULL, 'gpu_8x_h100_sxm5', 'eu-north', 'sector_2', NULL, 'stopped', 'sunniva', NULL, 8, 'h100_sxm5', 'sunniva', '\xa9fd58460f4185272ad146b1719604582a986619f90219c507fcdeaf147851d2', false, 32);
INSERT INTO public.instance_versions VALUES ('research', 'inst_26e01ed08d0e', 1, '2026-03-03 08:45:00+05:45', '2026-03-03 13:45:00+05:45', 28, 33, 'appeared', 'vanished', '2026-03-03 12:45:00+05:45', 'gpu_1x_h100_sxm5', 'other', NULL, '198.51.100.52', 'ready', 'jun', NULL, 1, 'h100_sxm5', 'jun', '\x8e43e514d06063631f1bf7a6ff5a58dc082aa9e33373d75bdc6b9a3ac263fbc3', false, 33);
INSERT INTO public.instance_versions VALUES ('research', 'inst_c687d2d0a678', 1, '2026-03-03 00:45:00+05:45', '2026-03-03 16:45:00+05:45', 20, 36, 'changed', 'changed', NULL, 'gpu_1x_h100_sxm5', 'us-east', NULL, NULL, 'stopped', 'kofi', NULL, 1, 'h100_sxm5', 'kofi', '\x680505cc0d4c9c5ea062b727aaf22a13435bef6d3c366877fc23078d2ec9c617', false, 36);
INSERT INTO public.instance_versions VALUES ('research', 'inst_7edadb0d5869', 1, '2026-03-03 04:45:00+05:45', '2026-03-03 18:45:00+05:45', 24, 38, 'changed', 'changed', NULL, 'gpu_1x_h100_sxm5', 'eu-west', NULL, NULL, 'stopped', 'kofi', NULL, 1, 'h100_sxm5', 'kofi', '\xc200634cbe078eca3a09940f5b8d40d6c2d054bc801e1be4e85764422e20eb89', false, 38);
INSERT INTO public.instance_versions VALUES ('research', 'inst_808c3fbbe91b', 1, '2026-03-03 09:45:00+05:45', '2026-03-03 18:45:00+05:45', 29, 38, 'changed', 'changed', NULL, 'gpu_1x_h100_sxm5', 'eu-north', NULL, NULL, 'stopped', 'sunniva', NULL, 1, 'h100_sxm5', 'sunniva', '\xdc75e744ed101de39fab36dcf8c9b634c3d49534b3a977f6d78a4f5526dffcf9', false, 38);
INSERT INTO public.instance_versions VALUES ('research', 'inst_fb66d786e466', 1, '2026-03-03 05:45:00+05:45', '2026-03-03 19:45:00+05:45', 25, 39, 'changed', 'changed', NULL, 'gpu_1x_h100_sxm5', 'us-east', NULL, '203.0.113.69', 'ready', 'kofi', NULL, 1, 'h100_sxm5', 'kofi', '\xedf19f751508171016d2f627e1349d6a3670582ea226730976a016867f00d44f', false, 39);
INSERT INTO public.instance_versions VALUES ('research', 'inst_d2e733080a1d', 1, '2026-03-03 09:45:00+05:45', '2026-03-03 23:45:00+05:45', 29, 43, 'changed', 'changed', NULL, 'gpu_1x_h100_sxm5', 'us-east', NULL, '192.0.2.212', 'ready', 'kofi', NULL, 1, 'h100_sxm5', 'kofi', '\xa8422be9aa0964c9513afcf90fc56d242e64e1ab46a3d18fbb6514b113378ea1', false, 43);
INSERT INTO public.instance_versions VALUES ('research', 'inst_07982406ca39', 1, '2026-03-04 04:45:00+05:45', NULL, 48, NULL, 'appeared', NULL, NULL, 'gpu_8x_h100_sxm5', 'us-east', NULL, '192.0.2.27', 'ready', 'lena', NULL, 8, 'h100_sxm5', 'lena', '\xd5a4b867ca877e13ef6ca72dc4f246073996a329e765f04843b5f0937d3e24ba', false, NULL);
INSERT INTO public.instance_versions VALUES ('production', 'inst-00', 1, '2026-03-02 05:55:00+05:45', '2026-03-02 06:55:00+05:45', 49, 50, 'appeared', 'changed', NULL, 'gpu_8x_h100_sxm5', 'us-west', NULL, '192.0.2.0', 'ready', 'ada', NULL, 8, 'h100_sxm5', 'ada', '\x5610db59c6b65f857d28db4a7db4a3ffe80c752bbbf705fb79bbcd977ee2fb57', false, 2);
INSERT INTO public.instance_versions VALUES ('research', 'inst_debcd862ff16', 1, '2026-03-03 03:45:00+05:45', '2026-03-03 11:45:00+05:45', 23, 31, 'changed', 'changed', NULL, 'gpu_1x_h100_sxm5', 'us-east', NULL, '198.51.100.223', 'ready', 'kofi', NULL, 1, 'h100_sxm5', 'kofi', '\x6aec46df3d0561299b640cb3894868822840b7a91ce1dabbd96c1135ba5d11df', false, 31);
INSERT INTO public.instance_versions VALUES ('research', 'inst_fddc33c3b169', 1, '2026-03-03 08:45:00+05:45', '2026-03-03 11:45:00+05:45', 28, 31, 'appeared', 'changed', NULL, 'gpu_8x_h100_sxm5', 'us-west', 'sector_1', '203.0.113.173', 'ready', 'jun', NULL, 8, 'h100_sxm5', 'jun', '\xaaab285ef2f431c7f811945da49f2770807a6777ef07cad9c5631e653eb5c762', false, 31);
INSERT INTO public.instance_versions VALUES ('research', 'inst_4a488f0be063', 1, '2026-03-03 11:45:00+05:45', '2026-03-03 12:45:00+05:45', 31, 32, 'changed', 'changed', NULL, 'gpu_1x_h100_sxm5', 'us-east', NULL, NULL, 'stopped', 'serving-bot', NULL, 1, 'h100_sxm5', 'serving-bot', '\xd97bfc485ea30768c100d58eae5196219d7c1d5c376acdac2254da6a76af0032', false, 32);
INSERT INTO public.instance_versions VALUES ('research', 'inst_fddc33c3b169', 1, '2026-03-03 11:45:00+05:45', '2026-03-03 12:45:00+05:45', 31, 32, 'changed', 'changed', NULL, 'gpu_8x_h100_sxm5', 'us-west', 'sector_1', NULL, 'stopped', 'jun', NULL, 8, 'h100_sxm5', 'jun', '\x197bdc992320072383bb43e5b2cfac441c985183b2df46cbd490948e35e81fad', false, 32);
INSERT INTO public.instance_versions VALUES ('research', 'inst_4a488f0be063', 1, '2026-03-03 12:45:00+05:45', NULL, 32, NULL, 'changed', NULL, NULL, 'gpu_1x_h100_sxm5', 'us-east', NULL, '203.0.113.191', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'serving-bot', '\x90758b530297c80a05f10df76592959edfb932c6f3f44a13e987ed0928ce05cd', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_24f577e5cf1e', 1, '2026-03-03 12:45:00+05:45', '2026-03-03 13:45:00+05:45', 32, 33, 'changed', 'changed', NULL, 'gpu_8x_h100_sxm5', 'eu-north', NULL, '203.0.113.155', 'unknown', 'oskar', NULL, 8, 'h100_sxm5', 'oskar', '\x5d366bd88d8254bbda3dfd9e6738f55d312a3d27e87cf3727696296366f7a186', false, 33);
INSERT INTO public.instance_versions VALUES ('research', 'inst_0dfa9835d8fa', 1, '2026-03-03 13:45:00+05:45', '2026-03-03 14:45:00+05:45', 33, 34, 'appeared', 'changed', NULL, 'gpu_1x_h100_sxm5', 'us-west', NULL, '203.0.113.138', 'ready', 'jun', NULL, 1, 'h100_sxm5', 'jun', '\x13770dac65ec016b9cf87f2e450ad01d793426b2fcca55ca5c7743be75771437', false, 34);
INSERT INTO public.instance_versions VALUES ('research', 'inst_8981f35bdb77', 1, '2026-03-03 12:45:00+05:45', '2026-03-03 14:45:00+05:45', 32, 34, 'appeared', 'vanished', '2026-03-03 13:45:00+05:45', 'gpu_8x_h100_sxm5', 'us-west', 'sector_2', '203.0.113.209', 'ready', 'jun', NULL, 8, 'h100_sxm5', 'jun', '\xc22e93188c534fb318d60a96701c2791dd7deda6944fa1281fc77194b5b040a6', false, 34);
INSERT INTO public.instance_versions VALUES ('research', 'inst_a0edb6ea2040', 1, '2026-03-03 13:45:00+05:45', '2026-03-03 15:45:00+05:45', 33, 35, 'appeared', 'changed', NULL, 'gpu_1x_h100_sxm5', 'other', NULL, '203.0.113.223', 'ready', 'jun', NULL, 1, 'h100_sxm5', 'jun', '\x50b48e8fc557e6f2f5db865e9dac701d1f88c03d291fd4c3541d306553e769d6', false, 35);
INSERT INTO public.instance_versions VALUES ('research', 'inst_2db45da862fc', 1, '2026-03-03 14:45:00+05:45', '2026-03-03 15:45:00+05:45', 34, 35, 'appeared', 'vanished', '2026-03-03 14:45:00+05:45', 'gpu_1x_h100_sxm5', 'eu-west', NULL, '198.51.100.8', 'ready', 'mira', NULL, 1, 'h100_sxm5', 'mira', '\xfa046e447cc4d3ae8a408273a661e98099e7f8410fee9342be606358f7c93fd4', false, 35);
INSERT INTO public.instance_versions VALUES ('research', 'inst_0dfa9835d8fa', 1, '2026-03-03 14:45:00+05:45', '2026-03-03 16:45:00+05:45', 34, 36, 'changed', 'changed', NULL, 'gpu_1x_h100_sxm5', 'us-west', NULL, NULL, 'stopped', 'jun', NULL, 1, 'h100_sxm5', 'jun', '\x9f56c4736d6649514c7de123a7c5a826b6a326a03ec7c61195353e17ca287206', false, 36);
INSERT INTO public.instance_versions VALUES ('research', 'inst_854af7963e48', 1, '2026-03-03 11:45:00+05:45', '2026-03-03 16:45:00+05:45', 31, 36, 'changed', 'changed', NULL, 'gpu_8x_h100_sxm5', 'us-central', 'sector_3', NULL, 'stopped', 'priya', NULL, 8, 'h100_sxm5', 'priya', '\x842d893ae502b23f2a9526279de02397c3af0b0929cc33f8d99f11c6917465ec', false, 36);
INSERT INTO public.instance_versions VALUES ('research', 'inst_a0edb6ea2040', 1, '2026-03-03 15:45:00+05:45', '2026-03-03 16:45:00+05:45', 35, 36, 'changed', 'changed', NULL, 'gpu_1x_h100_sxm5', 'other', NULL, NULL, 'stopped', 'jun', NULL, 1, 'h100_sxm5', 'jun', '\x2c81016c8e0e4875bbd45e95c0544a1f04a06221e2f3a1568800762344843d4f', false, 36);
INSERT INTO public.instance_versions VALUES ('research', 'inst_854af7963e48', 1, '2026-03-03 16:45:00+05:45', NULL, 36, NULL, 'changed', NULL, NULL, 'gpu_8x_h100_sxm5', 'us-central', 'sector_3', '192.0.2.184', 'ready', 'priya', NULL, 8, 'h100_sxm5', 'priya', '\x919b0a33a7289b8ed38aa1c1d81fc730d3a63540ed0c8dc3ec79afcb10a2936e', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_1855f1104848', 1, '2026-03-03 16:45:00+05:45', NULL, 36, NULL, 'appeared', NULL, NULL, 'gpu_8x_h100_sxm5', 'eu-north', 'sector_1', '203.0.113.174', 'ready', 'oskar', NULL, 8, 'h100_sxm5', 'oskar', '\xbf7c00c38c042a8db2c2f74308a151d644dd2379ab3e5fb4325dfb3cb4069538', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_f00cca38b5d6', 1, '2026-03-03 13:45:00+05:45', '2026-03-03 17:45:00+05:45', 33, 37, 'appeared', 'vanished', '2026-03-03 16:45:00+05:45', 'gpu_1x_h100_sxm5', 'us-west', NULL, '198.51.100.72', 'ready', 'jun', NULL, 1, 'h100_sxm5', 'jun', '\x273baac12c7daa638803ce1f34e0d45ddbc2be051f71ef287546eae4288fcc2e', false, 37);
INSERT INTO public.instance_versions VALUES ('research', 'inst_38e5f86c961d', 1, '2026-03-03 17:45:00+05:45', NULL, 37, NULL, 'appeared', NULL, NULL, 'gpu_8x_h100_sxm5', 'eu-west', 'sector_3', '198.51.100.170', 'ready', 'oskar', NULL, 8, 'h100_sxm5', 'oskar', '\x69d48b75ef21186323e4679dd3558d7c87d729e7aba797090108f1d357d8eb2b', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_05b47b1ffc6a', 1, '2026-03-03 14:45:00+05:45', '2026-03-03 18:45:00+05:45', 34, 38, 'changed', 'changed', NULL, 'gpu_8x_h100_sxm5', 'us-east', 'sector_2', NULL, 'stopped', 'lena', NULL, 8, 'h100_sxm5', 'lena', '\x7365742783fa20862dc52fa57c9530455bef2a822b4d72c30503aca20583a5f0', false, 38);
INSERT INTO public.instance_versions VALUES ('research', 'inst_59e21be066e3', 1, '2026-03-03 17:45:00+05:45', '2026-03-03 18:45:00+05:45', 37, 38, 'appeared', 'changed', NULL, 'gpu_1x_h100_sxm5', 'us-east', NULL, NULL, 'provisioning', 'oskar', NULL, 1, 'h100_sxm5', 'oskar', '\x7f1ad084dc8cf10fdb51039789b185242b9e8da891a9f4c4af11e99e5c7a6cff', false, 38);
INSERT INTO public.instance_versions VALUES ('research', 'inst_05b47b1ffc6a', 1, '2026-03-03 18:45:00+05:45', NULL, 38, NULL, 'changed', NULL, NULL, 'gpu_8x_h100_sxm5', 'us-east', 'sector_2', '192.0.2.247', 'ready', 'lena', NULL, 8, 'h100_sxm5', 'lena', '\xa67a125ad3d77ea9a1c5d7065444102a6abf7cd8ebfad5552083aa1b0916af3a', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_59e21be066e3', 1, '2026-03-03 18:45:00+05:45', NULL, 38, NULL, 'changed', NULL, NULL, 'gpu_1x_h100_sxm5', 'us-east', NULL, '192.0.2.132', 'ready', 'oskar', NULL, 1, 'h100_sxm5', 'oskar', '\x347dc134e120f3708712604cd6b94171971b06bd8e8c017dd31f2e3cd7d158df', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_7edadb0d5869', 1, '2026-03-03 18:45:00+05:45', NULL, 38, NULL, 'changed', NULL, NULL, 'gpu_1x_h100_sxm5', 'eu-west', NULL, '203.0.113.105', 'ready', 'kofi', NULL, 1, 'h100_sxm5', 'kofi', '\xf18e429364afab8b06026c2e6c4aa6338d9370ab3c98ec6f6ac58e83453098ab', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_5484ba6bc77c', 1, '2026-03-03 12:45:00+05:45', '2026-03-03 19:45:00+05:45', 32, 39, 'changed', 'changed', NULL, 'gpu_8x_h100_sxm5', 'eu-north', 'sector_2', '203.0.113.128', 'ready', 'sunniva', NULL, 8, 'h100_sxm5', 'sunniva', '\x3eddeedff29189ba69e5a89e89b33b7d4b34232f0e838b7105c169ab715c4fad', false, 39);
INSERT INTO public.instance_versions VALUES ('research', 'inst_47406baf5122', 1, '2026-03-03 17:45:00+05:45', '2026-03-03 19:45:00+05:45', 37, 39, 'appeared', 'vanished', '2026-03-03 18:45:00+05:45', 'gpu_8x_h100_sxm5', 'eu-west', NULL, '198.51.100.5', 'ready', 'mira', NULL, 8, 'h100_sxm5', 'mira', '\x3a2eb20cef292c27b56b38d3ab369b8a4125b5e40d2bce27bdbfdce78362dfd4', false, 39);
INSERT INTO public.instance_versions VALUES ('research', 'inst_debcd862ff16', 1, '2026-03-03 11:45:00+05:45', '2026-03-03 19:45:00+05:45', 31, 39, 'changed', 'vanished', '2026-03-03 18:45:00+05:45', 'gpu_1x_h100_sxm5', 'us-east', NULL, NULL, 'stopped', 'kofi', NULL, 1, 'h100_sxm5', 'kofi', '\x680505cc0d4c9c5ea062b727aaf22a13435bef6d3c366877fc23078d2ec9c617', false, 39);
INSERT INTO public.instance_versions VALUES ('research', 'inst_37e20745e6cf', 1, '2026-03-03 11:45:00+05:45', '2026-03-03 20:45:00+05:45', 31, 40, 'changed', 'changed', NULL, 'gpu_1x_h100_sxm5', 'eu-north', NULL, NULL, 'stopped', 'sunniva', NULL, 1, 'h100_sxm5', 'sunniva', '\xdc75e744ed101de39fab36dcf8c9b634c3d49534b3a977f6d78a4f5526dffcf9', false, 40);
INSERT INTO public.instance_versions VALUES ('research', 'inst_0dfa9835d8fa', 1, '2026-03-03 16:45:00+05:45', '2026-03-03 21:45:00+05:45', 36, 41, 'changed', 'vanished', '2026-03-03 20:45:00+05:45', 'gpu_1x_h100_sxm5', 'us-west', NULL, '198.51.100.100', 'ready', 'jun', NULL, 1, 'h100_sxm5', 'jun', '\x3b853fdc71106dd188ca32574cdbf533676a360f118f9e153f667eac821cc4ab', false, 41);
INSERT INTO public.instance_versions VALUES ('research', 'inst_2db45da862fc', 2, '2026-03-03 18:45:00+05:45', '2026-03-03 23:45:00+05:45', 38, 43, 'reappeared', 'changed', NULL, 'gpu_1x_h100_sxm5', 'eu-west', NULL, '192.0.2.40', 'ready', 'mira', NULL, 1, 'h100_sxm5', 'mira', '\xa74d2e5b609d04e671f8ec0fd875dfaa0cfb56e4ee5286486262db052a7859df', false, 43);
INSERT INTO public.instance_versions VALUES ('research', 'inst_5eb27f51f0af', 1, '2026-03-03 17:45:00+05:45', '2026-03-04 03:45:00+05:45', 37, 47, 'appeared', 'changed', NULL, 'gpu_1x_h100_sxm5', 'other', NULL, '203.0.113.146', 'ready', 'jun', NULL, 1, 'h100_sxm5', 'jun', '\xb363460040d538d1d4a53189d0aefe6fe4c8d24955f9b8442cf5ff07ebf9d66a', false, 47);
INSERT INTO public.instance_versions VALUES ('research', 'inst_a0edb6ea2040', 1, '2026-03-03 16:45:00+05:45', '2026-03-04 03:45:00+05:45', 36, 47, 'changed', 'vanished', '2026-03-04 02:45:00+05:45', 'gpu_1x_h100_sxm5', 'other', NULL, '198.51.100.73', 'ready', 'jun', NULL, 1, 'h100_sxm5', 'jun', '\x40444389cedccbe1d68ccd20bb269f4c8ffe6c70265c1c65ee73cf3f828b55b5', false, 47);
INSERT INTO public.instance_versions VALUES ('research', 'inst_808c3fbbe91b', 1, '2026-03-03 18:45:00+05:45', '2026-03-04 04:45:00+05:45', 38, 48, 'changed', 'changed', NULL, 'gpu_1x_h100_sxm5', 'eu-north', NULL, '203.0.113.64', 'ready', 'sunniva', NULL, 1, 'h100_sxm5', 'sunniva', '\xcd4b0b525995466cb794d5e28c1a0958ed69ff3129aa563fd158bf32fd5ba18c', false, 48);
INSERT INTO public.instance_versions VALUES ('research', 'inst_c687d2d0a678', 1, '2026-03-03 16:45:00+05:45', '2026-03-04 04:45:00+05:45', 36, 48, 'changed', 'changed', NULL, 'gpu_1x_h100_sxm5', 'us-east', NULL, '203.0.113.115', 'ready', 'kofi', NULL, 1, 'h100_sxm5', 'kofi', '\x6452d946ff81a19babeec7e010d836149a41b48da5503eddc09e8c87fd88cfa0', false, 48);
INSERT INTO public.instance_versions VALUES ('research', 'inst_24f577e5cf1e', 1, '2026-03-03 13:45:00+05:45', '2026-03-03 18:45:00+05:45', 33, 38, 'changed', 'vanished', '2026-03-03 17:45:00+05:45', 'gpu_8x_h100_sxm5', 'eu-north', NULL, '203.0.113.155', 'ready', 'oskar', NULL, 8, 'h100_sxm5', 'oskar', '\x5c28363eef2738b53285352a52b6a2466f484884d95ceed97ff88f42306f176b', false, 38);
INSERT INTO public.instance_versions VALUES ('research', 'inst_9a63a884f2d6', 1, '2026-03-03 15:45:00+05:45', '2026-03-03 18:45:00+05:45', 35, 38, 'appeared', 'vanished', '2026-03-03 17:45:00+05:45', 'gpu_1x_h100_sxm5', 'eu-north', NULL, '198.51.100.30', 'ready', 'mira', NULL, 1, 'h100_sxm5', 'mira', '\x861139b35c666650b5b1e5b5209585f4acffdbfe3c3062001666d9ea79453e0d', false, 38);
INSERT INTO public.instance_versions VALUES ('research', 'inst_5484ba6bc77c', 1, '2026-03-03 19:45:00+05:45', NULL, 39, NULL, 'changed', NULL, NULL, 'gpu_8x_h100_sxm5', 'eu-north', 'sector_2', NULL, 'stopped', 'sunniva', NULL, 8, 'h100_sxm5', 'sunniva', '\xa9fd58460f4185272ad146b1719604582a986619f90219c507fcdeaf147851d2', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_fb66d786e466', 1, '2026-03-03 19:45:00+05:45', NULL, 39, NULL, 'changed', NULL, NULL, 'gpu_1x_h100_sxm5', 'us-east', NULL, NULL, 'stopped', 'kofi', NULL, 1, 'h100_sxm5', 'kofi', '\x680505cc0d4c9c5ea062b727aaf22a13435bef6d3c366877fc23078d2ec9c617', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_fddc33c3b169', 1, '2026-03-03 12:45:00+05:45', '2026-03-03 19:45:00+05:45', 32, 39, 'changed', 'vanished', '2026-03-03 18:45:00+05:45', 'gpu_8x_h100_sxm5', 'us-west', 'sector_1', '198.51.100.86', 'ready', 'jun', NULL, 8, 'h100_sxm5', 'jun', '\x19dbe952b2c47003eedc423e0037981d487c81f4eab5b8672229d2d3787e4216', false, 39);
INSERT INTO public.instance_versions VALUES ('research', 'inst_1de67368d8cd', 1, '2026-03-03 19:45:00+05:45', '2026-03-03 20:45:00+05:45', 39, 40, 'appeared', 'changed', NULL, 'gpu_8x_h100_sxm5', 'eu-west', 'sector_3', NULL, 'init', 'oskar', NULL, 8, 'h100_sxm5', 'oskar', '\xd3cc105ab9a971669a8d156cfce9126c4bc30682cc7b8db2ced11f17361df5d8', false, 40);
INSERT INTO public.instance_versions VALUES ('research', 'inst_1de67368d8cd', 1, '2026-03-03 20:45:00+05:45', NULL, 40, NULL, 'changed', NULL, NULL, 'gpu_8x_h100_sxm5', 'eu-west', 'sector_3', '198.51.100.48', 'ready', 'oskar', NULL, 8, 'h100_sxm5', 'oskar', '\x775bb3eb7afc9fb593e0c9e7a40649cbc82f2139d866950f6ab028dd4bc5db4c', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_37e20745e6cf', 1, '2026-03-03 20:45:00+05:45', NULL, 40, NULL, 'changed', NULL, NULL, 'gpu_1x_h100_sxm5', 'eu-north', NULL, '198.51.100.207', 'ready', 'sunniva', NULL, 1, 'h100_sxm5', 'sunniva', '\x8ac65bc5773b02224a07ee4693af3ec0295405f8f65181a5a8b0a35e466abacc', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_54034014ba52', 1, '2026-03-03 20:45:00+05:45', '2026-03-03 21:45:00+05:45', 40, 41, 'appeared', 'changed', NULL, 'gpu_1x_h100_sxm5', 'eu-north', NULL, NULL, 'init', 'sunniva', NULL, 1, 'h100_sxm5', 'sunniva', '\xbce5ccf48b303d823dab51e5ff216b9b256dfa311b57c58fafe51d1b929ad51a', false, 41);
INSERT INTO public.instance_versions VALUES ('research', 'inst_54034014ba52', 1, '2026-03-03 21:45:00+05:45', NULL, 41, NULL, 'changed', NULL, NULL, 'gpu_1x_h100_sxm5', 'eu-north', NULL, '198.51.100.176', 'ready', 'sunniva', NULL, 1, 'h100_sxm5', 'sunniva', '\x13a64c25aef7fbe042829abe8d89e5ca96fcb4c7b7033b260e416de57036e8b9', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_c68dd900e5d3', 1, '2026-03-03 19:45:00+05:45', '2026-03-03 21:45:00+05:45', 39, 41, 'appeared', 'vanished', '2026-03-03 20:45:00+05:45', 'gpu_8x_h100_sxm5', 'eu-north', 'sector_3', '192.0.2.238', 'ready', 'mira', NULL, 8, 'h100_sxm5', 'mira', '\x2b8ef4965e845cee16ce711aee74182701e7e180552a7834fb5504f4de6adf2a', false, 41);
INSERT INTO public.instance_versions VALUES ('research', 'inst_8bfe946fbf5f', 1, '2026-03-03 21:45:00+05:45', NULL, 41, NULL, 'appeared', NULL, NULL, 'gpu_8x_h100_sxm5', 'eu-north', NULL, '198.51.100.230', 'ready', 'oskar', NULL, 8, 'h100_sxm5', 'oskar', '\x104779d20e6b3a5fc2d126515855877213cc0b5220a61a5cb0d643ca45ae7071', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_894c52fb1403', 1, '2026-03-03 22:45:00+05:45', NULL, 42, NULL, 'appeared', NULL, NULL, 'gpu_1x_h100_sxm5', 'us-west', NULL, '198.51.100.177', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'serving-bot', '\x23cbc5b4862e493941c663e4dfc2c3a0cb9cbe2ed2e81cf05a68b80fef5e2af3', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_9766608364a9', 1, '2026-03-03 22:45:00+05:45', '2026-03-03 23:45:00+05:45', 42, 43, 'appeared', 'changed', NULL, 'gpu_1x_h100_sxm5', 'eu-west', NULL, NULL, 'pending', 'mira', NULL, 1, 'h100_sxm5', 'mira', '\xccbabebe3b6205435626b81b5d7b548528168db702429ee663431ae390ecf301', false, 43);
INSERT INTO public.instance_versions VALUES ('research', 'inst_d2e733080a1d', 1, '2026-03-03 23:45:00+05:45', NULL, 43, NULL, 'changed', NULL, NULL, 'gpu_1x_h100_sxm5', 'us-east', NULL, NULL, 'stopped', 'kofi', NULL, 1, 'h100_sxm5', 'kofi', '\x680505cc0d4c9c5ea062b727aaf22a13435bef6d3c366877fc23078d2ec9c617', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_4027aa785c61', 1, '2026-03-02 05:45:00+05:45', '2026-03-03 23:45:00+05:45', 1, 43, 'appeared', 'vanished', '2026-03-03 22:45:00+05:45', 'gpu_1x_h100_sxm5', 'other', NULL, '203.0.113.163', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'serving-bot', '\x38d530e71d512349fe8808705771685ec9302097cf36e3f69d4edeb99859a282', false, 43);
INSERT INTO public.instance_versions VALUES ('research', 'inst_87f0e8ddaf66', 1, '2026-03-03 23:45:00+05:45', NULL, 43, NULL, 'appeared', NULL, NULL, 'gpu_1x_h100_sxm5', 'eu-west', NULL, '203.0.113.179', 'ready', 'kofi', NULL, 1, 'h100_sxm5', 'kofi', '\xa0775fea2595312c6629c65b3dfe110bf054695e0c83f2c9ade91e9b7c99b443', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_5e7326934cac', 1, '2026-03-03 23:45:00+05:45', '2026-03-04 00:45:00+05:45', 43, 44, 'changed', 'changed', NULL, 'gpu_1x_h100_sxm5', 'other', NULL, '203.0.113.168', 'unknown', 'serving-bot', NULL, 1, 'h100_sxm5', 'serving-bot', '\x3f96a31ccda68fff77b0f8bd375287eadae07e3867544659fe1d790b4d16e417', false, 44);
INSERT INTO public.instance_versions VALUES ('research', 'inst_5e7326934cac', 1, '2026-03-04 00:45:00+05:45', NULL, 44, NULL, 'changed', NULL, NULL, 'gpu_1x_h100_sxm5', 'other', NULL, '203.0.113.168', 'ready', 'serving-bot', NULL, 1, 'h100_sxm5', 'serving-bot', '\xbdafebfebba4d4a4f8f7ab6e6c284ffce90759cb3701ccb0691f46aad6da92b4', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_1d418930fbcd', 1, '2026-03-03 20:45:00+05:45', '2026-03-04 00:45:00+05:45', 40, 44, 'changed', 'vanished', '2026-03-03 23:45:00+05:45', 'gpu_1x_h100_sxm5', 'eu-north', NULL, NULL, 'stopped', 'sunniva', NULL, 1, 'h100_sxm5', 'sunniva', '\xdc75e744ed101de39fab36dcf8c9b634c3d49534b3a977f6d78a4f5526dffcf9', false, 44);
INSERT INTO public.instance_versions VALUES ('research', 'inst_2db45da862fc', 2, '2026-03-03 23:45:00+05:45', '2026-03-04 00:45:00+05:45', 43, 44, 'changed', 'vanished', '2026-03-03 23:45:00+05:45', 'gpu_1x_h100_sxm5', 'eu-west', NULL, NULL, 'stopped', 'mira', NULL, 1, 'h100_sxm5', 'mira', '\xca976f2395217f85dc52421b9c5ca5380fa64f497c62e73e0f9fc36305b6b36e', false, 44);
INSERT INTO public.instance_versions VALUES ('research', 'inst_1be35d3073b1', 1, '2026-03-04 01:45:00+05:45', NULL, 45, NULL, 'appeared', NULL, NULL, 'gpu_1x_h100_sxm5', 'us-west', NULL, '203.0.113.45', 'ready', 'priya', NULL, 1, 'h100_sxm5', 'priya', '\x25997b1dae17835882ed62fac8b3d8e99f1937afdced3a7c02c8e4f9085bd9b2', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_9766608364a9', 1, '2026-03-03 23:45:00+05:45', '2026-03-04 02:45:00+05:45', 43, 46, 'changed', 'changed', NULL, 'gpu_1x_h100_sxm5', 'eu-west', NULL, '198.51.100.84', 'ready', 'mira', NULL, 1, 'h100_sxm5', 'mira', '\x653e32a2a0ec1135672316907e202e9aa27b0a6b8b8d11b6908ed50ab719711f', false, 46);
INSERT INTO public.instance_versions VALUES ('research', 'inst_bfdc851660bd', 1, '2026-03-03 20:45:00+05:45', '2026-03-04 02:45:00+05:45', 40, 46, 'appeared', 'vanished', '2026-03-04 01:45:00+05:45', 'gpu_1x_h100_sxm5', 'eu-west', NULL, '198.51.100.54', 'ready', 'mira', NULL, 1, 'h100_sxm5', 'mira', '\x2ffb170fa254e848f7b48ea3edb0a959630940de8f4cb8eabf37fdc90a34d837', false, 46);
INSERT INTO public.instance_versions VALUES ('research', 'inst_22efdb54e659', 1, '2026-03-04 01:45:00+05:45', '2026-03-04 04:45:00+05:45', 45, 48, 'changed', 'changed', NULL, 'gpu_1x_h100_sxm5', 'us-east', NULL, NULL, 'stopped', 'lena', NULL, 1, 'h100_sxm5', 'lena', '\xe5efadcbbe333f0272773cb121bec0c7de62aa106479dd0cda93f2b4316d6fd7', false, 48);
INSERT INTO public.instance_versions VALUES ('research', 'inst_587b5ed797df', 1, '2026-03-04 03:45:00+05:45', '2026-03-04 04:45:00+05:45', 47, 48, 'appeared', 'changed', NULL, 'gpu_8x_h100_sxm5', 'us-central', 'sector_2', NULL, 'provisioning', 'priya', NULL, 8, 'h100_sxm5', 'priya', '\xf9b70b02abc8cc96b6219d8f39589faf8956511569f9fcaceb8b3248527b0294', false, 48);
INSERT INTO public.instance_versions VALUES ('research', 'inst_9766608364a9', 1, '2026-03-04 02:45:00+05:45', '2026-03-04 04:45:00+05:45', 46, 48, 'changed', 'changed', NULL, 'gpu_1x_h100_sxm5', 'eu-west', NULL, NULL, 'stopped', 'mira', NULL, 1, 'h100_sxm5', 'mira', '\xca976f2395217f85dc52421b9c5ca5380fa64f497c62e73e0f9fc36305b6b36e', false, 48);
INSERT INTO public.instance_versions VALUES ('research', 'inst_22efdb54e659', 1, '2026-03-04 04:45:00+05:45', NULL, 48, NULL, 'changed', NULL, NULL, 'gpu_1x_h100_sxm5', 'us-east', NULL, '203.0.113.23', 'ready', 'lena', NULL, 1, 'h100_sxm5', 'lena', '\x836f444e2a187f18d4fbc5b8f25b165a3c2ffba923cf70700fc221eac6008170', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_587b5ed797df', 1, '2026-03-04 04:45:00+05:45', NULL, 48, NULL, 'changed', NULL, NULL, 'gpu_8x_h100_sxm5', 'us-central', 'sector_2', '192.0.2.139', 'ready', 'priya', NULL, 8, 'h100_sxm5', 'priya', '\xf50a3774a39fe92c35d6db8355581d51ad7c51bb7eb50a656ec2f0683f2c1f78', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_808c3fbbe91b', 1, '2026-03-04 04:45:00+05:45', NULL, 48, NULL, 'changed', NULL, NULL, 'gpu_1x_h100_sxm5', 'eu-north', NULL, NULL, 'stopped', 'sunniva', NULL, 1, 'h100_sxm5', 'sunniva', '\xdc75e744ed101de39fab36dcf8c9b634c3d49534b3a977f6d78a4f5526dffcf9', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_9766608364a9', 1, '2026-03-04 04:45:00+05:45', NULL, 48, NULL, 'changed', NULL, NULL, 'gpu_1x_h100_sxm5', 'eu-west', NULL, '203.0.113.148', 'ready', 'mira', NULL, 1, 'h100_sxm5', 'mira', '\xa1d21c3186e77a3e51dca1738335735b32ffe4c88943ca84a2bfca42dd4a6bfc', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_c687d2d0a678', 1, '2026-03-04 04:45:00+05:45', NULL, 48, NULL, 'changed', NULL, NULL, 'gpu_1x_h100_sxm5', 'us-east', NULL, NULL, 'stopped', 'kofi', NULL, 1, 'h100_sxm5', 'kofi', '\x680505cc0d4c9c5ea062b727aaf22a13435bef6d3c366877fc23078d2ec9c617', false, NULL);
INSERT INTO public.instance_versions VALUES ('research', 'inst_5eb27f51f0af', 1, '2026-03-04 03:45:00+05:45', '2026-03-04 04:45:00+05:45', 47, 48, 'changed', 'vanished', '2026-03-04 03:45:00+05:45', 'gpu_1x_h100_sxm5', 'other', NULL, NULL, 'stopped', 'jun', NULL, 1, 'h100_sxm5', 'jun', '\x2c81016c8e0e4875bbd45e95c0544a1f04a06221e2f3a1568800762344843d4f', false, 48);
INSERT INTO public.instance_versions VALUES ('production', 'inst-00', 1, '2026-03-02 06:55:00+05:45', '2026-03-02 08:55:00+05:45', 50, 52, 'changed', 'changed', NULL, 'gpu_1x_h100_sxm5', 'eu-west', NULL, NULL, 'ready', 'ada', NULL, 1, 'h100_sxm5', 'ada', '\xf419ac8eb3b62accdd97056e23bc857fbd1dd73b56bb536e5d6b54a9f888076c', true, 4);
INSERT INTO public.instance_versions VALUES ('production', 'inst-00', 1, '2026-03-02 08:55:00+05:45', NULL, 52, NULL, 'changed', NULL, NULL, 'gpu_8x_h100_sxm5', 'eu-west', NULL, NULL, 'ready', 'ada', NULL, 8, 'h100_sxm5', 'ada', '\xe1e32069c489ea4b3c2217634ef84227ee4e9a806aa0f973af06aba58ae1b1c0', true, NULL);
INSERT INTO public.instance_versions VALUES ('production', 'inst-01', 1, '2026-03-02 05:55:00+05:45', '2026-03-02 06:55:00+05:45', 49, 50, 'appeared', 'changed', NULL, 'gpu_8x_h100_sxm5', 'us-west', NULL, '192.0.2.1', 'ready', 'ada', NULL, 8, 'h100_sxm5', 'ada', '\xc111d30503708c0a99e4d9651f6cf8f54d40f9bbea3168b0282729277149808d', false, 2);
INSERT INTO public.instance_versions VALUES ('production', 'inst-01', 1, '2026-03-02 06:55:00+05:45', NULL, 50, NULL, 'changed', NULL, NULL, 'gpu_8x_h100_sxm5', 'us-west', 'sector_2', NULL, 'ready', NULL, '{"labels":{"team":"vision","tier":[1,2]},"price":1.25}', 8, 'h100_sxm5', 'ada', '\xa97a8e717406c4d5ccf2a35d66663e19ce389228b6dbff2dd19e1980033f6a31', false, NULL);
INSERT INTO public.instance_versions VALUES ('production', 'inst-02', 1, '2026-03-02 05:55:00+05:45', '2026-03-02 06:55:00+05:45', 49, 50, 'appeared', 'changed', NULL, 'gpu_8x_h100_sxm5', 'us-west', NULL, '192.0.2.2', 'ready', 'ada', NULL, 8, 'h100_sxm5', 'ada', '\x18804c190d9f489578bd9607bf73ca63402e63dec1517d2f5efa948340733f5d', false, 2);
INSERT INTO public.instance_versions VALUES ('production', 'inst-02', 1, '2026-03-02 06:55:00+05:45', NULL, 50, NULL, 'changed', NULL, NULL, 'gpu_8x_h100_sxm5', 'us-west', NULL, NULL, 'ready', NULL, '{"connection":{"ssh":{"password":"[hidden]","user":"root"}},"note":"é🦀"}', 8, 'h100_sxm5', 'ada', '\x62376dd32757d8d798475afe06855103ba38c5876195e3d9a082a600f46186ce', false, NULL);
INSERT INTO public.instance_versions VALUES ('production', 'inst-03', 1, '2026-03-02 05:55:00+05:45', '2026-03-02 06:55:00+05:45', 49, 50, 'appeared', 'changed', NULL, 'gpu_8x_h100_sxm5', 'us-west', NULL, '192.0.2.3', 'ready', 'ada', NULL, 8, 'h100_sxm5', 'ada', '\x9f663c15c740a0186cfb597b0ae56c9607750a0f173db98462f965dcdaa59fb6', false, 2);
INSERT INTO public.instance_versions VALUES ('production', 'inst-03', 1, '2026-03-02 06:55:00+05:45', NULL, 50, NULL, 'changed', NULL, NULL, 'cpu_large', 'us-west', NULL, NULL, 'ready', 'bob', NULL, NULL, NULL, 'ada', '\xc40bd0f05af473a652a5ef3bbabe9f7fd4e08036d0b31f8e7a9847917eccd463', true, NULL);
INSERT INTO public.instance_versions VALUES ('production', 'inst-04', 1, '2026-03-02 05:55:00+05:45', '2026-03-02 07:55:00+05:45', 49, 51, 'appeared', 'vanished', '2026-03-02 06:55:00+05:45', 'gpu_8x_h100_sxm5', 'us-west', NULL, '192.0.2.4', 'ready', 'ada', NULL, 8, 'h100_sxm5', 'ada', '\x98d50ea098573a86f1d7224e2797a8fd860221037c094615944a0be1a52ba38a', false, 3);
INSERT INTO public.instance_versions VALUES ('production', 'inst-04', 2, '2026-03-02 08:55:00+05:45', NULL, 52, NULL, 'reappeared', NULL, NULL, 'gpu_8x_h100_sxm5', 'us-west', NULL, NULL, 'ready', 'eve', NULL, 8, 'h100_sxm5', 'eve', '\xb87e1885fe00c0213b128c10c66ff5a78b05cc93d20b2fe32541526254f30aa8', false, NULL);
INSERT INTO public.instance_versions VALUES ('production', 'inst-05', 1, '2026-03-02 05:55:00+05:45', '2026-03-02 07:55:00+05:45', 49, 51, 'appeared', 'vanished', '2026-03-02 06:55:00+05:45', 'gpu_8x_h100_sxm5', 'us-west', NULL, '192.0.2.5', 'ready', 'ada', NULL, 8, 'h100_sxm5', 'ada', '\x39dc0faf2bc4e36e66361065a4f5727eb74f671a570f6a06d56dbf0931a76d74', false, 3);
INSERT INTO public.instance_versions VALUES ('production', 'inst-06', 1, '2026-03-02 05:55:00+05:45', NULL, 49, NULL, 'appeared', NULL, NULL, 'gpu_8x_h100_sxm5', 'us-west', NULL, '192.0.2.6', 'ready', 'ada', NULL, 8, 'h100_sxm5', 'ada', '\x6ac57f1205abe69f001dc72b8d3dab700fb1919ccea02db3a8ee6613bc7772e4', false, NULL);
INSERT INTO public.instance_versions VALUES ('production', 'inst-07', 1, '2026-03-02 05:55:00+05:45', NULL, 49, NULL, 'appeared', NULL, NULL, 'gpu_8x_h100_sxm5', 'us-west', NULL, '192.0.2.7', 'ready', 'ada', NULL, 8, 'h100_sxm5', 'ada', '\x3caa4ff9c120b85714202a8027dfcc7178370fa5ec5d1a8c2104c51313894d48', false, NULL);
INSERT INTO public.instance_versions VALUES ('production', 'inst-08', 1, '2026-03-02 05:55:00+05:45', '2026-03-02 11:55:00+05:45', 49, 55, 'appeared', 'vanished', '2026-03-02 10:55:00+05:45', 'gpu_8x_h100_sxm5', 'us-west', NULL, '192.0.2.8', 'ready', 'ada', NULL, 8, 'h100_sxm5', 'ada', '\x12647d8ba165fc82438236e2c7472227f747aab39df5d2fef0dcd7645779c0e3', false, 8);
INSERT INTO public.instance_versions VALUES ('production', 'inst-09', 1, '2026-03-02 05:55:00+05:45', NULL, 49, NULL, 'appeared', NULL, NULL, 'gpu_8x_h100_sxm5', 'us-west', NULL, '192.0.2.9', 'ready', 'ada', NULL, 8, 'h100_sxm5', 'ada', '\x32a399fea13bb8887664fd30e7744cc89db117a266f456d6239d79863fe5c7fb', false, NULL);
INSERT INTO public.instance_versions VALUES ('production', 'inst-10', 1, '2026-03-02 05:55:00+05:45', NULL, 49, NULL, 'appeared', NULL, NULL, 'gpu_8x_h100_sxm5', 'us-west', NULL, '192.0.2.10', 'ready', 'ada', NULL, 8, 'h100_sxm5', 'ada', '\x2426dd53a5de7b3265e0517aafb82a286866435aabf8176d1cd92975c018f89e', false, NULL);
INSERT INTO public.instance_versions VALUES ('production', 'inst-11', 1, '2026-03-02 05:55:00+05:45', NULL, 49, NULL, 'appeared', NULL, NULL, 'gpu_8x_h100_sxm5', 'us-west', NULL, '192.0.2.11', 'ready', 'ada', NULL, 8, 'h100_sxm5', 'ada', '\xa1bfc5b16ee0010dbdf60eb398355ad3c7148da2676c79adf0edd4e163ccb7f0', false, NULL);
INSERT INTO public.instance_versions VALUES ('production', 'inst-12', 1, '2026-03-02 05:55:00+05:45', NULL, 49, NULL, 'appeared', NULL, NULL, 'gpu_8x_h100_sxm5', 'us-west', NULL, '192.0.2.12', 'ready', 'ada', NULL, 8, 'h100_sxm5', 'ada', '\x16f445818a681739edfc2ddc7b00806d1fa347236b4fb9c6417a5614c6d341c3', false, NULL);
INSERT INTO public.instance_versions VALUES ('production', 'inst-13', 1, '2026-03-02 05:55:00+05:45', NULL, 49, NULL, 'appeared', NULL, NULL, 'gpu_8x_h100_sxm5', 'us-west', NULL, '192.0.2.13', 'ready', 'ada', NULL, 8, 'h100_sxm5', 'ada', '\xfca687738a49c0326d64758ebb57b69292d075dda36f9b00c5191647e4c93fa8', false, NULL);
INSERT INTO public.instance_versions VALUES ('production', 'inst-14', 1, '2026-03-02 05:55:00+05:45', NULL, 49, NULL, 'appeared', NULL, NULL, 'gpu_8x_h100_sxm5', 'us-west', NULL, '192.0.2.14', 'ready', 'ada', NULL, 8, 'h100_sxm5', 'ada', '\xf500692d1d6d150e9d08bdcd7781f89d75330d682a80ab2c5620bf316e464a73', false, NULL);
INSERT INTO public.instance_versions VALUES ('production', 'inst-15', 1, '2026-03-02 05:55:00+05:45', NULL, 49, NULL, 'appeared', NULL, NULL, 'gpu_8x_h100_sxm5', 'us-west', NULL, '192.0.2.15', 'ready', 'ada', NULL, 8, 'h100_sxm5', 'ada', '\x01816d62f0c549fc289bd77495c8d75c9587cd6940f41b6a728b5b54fd71d236', false, NULL);
INSERT INTO public.instance_versions VALUES ('legacy', 'old-1', 1, '2026-03-02 13:05:00+05:45', '2026-03-02 14:05:00+05:45', 64, 65, 'changed', 'changed', NULL, 'gpu_8x_h100_sxm5', 'us-west', NULL, NULL, 'ready', 'old', NULL, 8, 'h100_sxm5', 'old', '\x9d6861158a3dee5967036232cf087622846067b33df651aa79d6232b43a7830c', false, 9);
INSERT INTO public.instance_versions VALUES ('legacy', 'old-2', 2, '2026-03-02 13:05:00+05:45', '2026-03-02 14:05:00+05:45', 64, 65, 'reappeared', 'changed', NULL, 'gpu_8x_h100_sxm5', 'us-west', NULL, '198.51.100.1', 'ready', NULL, NULL, 8, 'h100_sxm5', NULL, '\x4d2df1616cae46fc47dc33794780dad7e96ecb7943414fbffdcac747e0a05cc9', false, 9);
INSERT INTO public.instance_versions VALUES ('legacy', 'old-2', 2, '2026-03-02 14:05:00+05:45', NULL, 65, NULL, 'changed', NULL, NULL, 'gpu_8x_h100_sxm5', 'us-west', NULL, '198.51.100.2', 'ready', NULL, NULL, 8, 'h100_sxm5', NULL, '\xfbf7d1d4266d16057c004cf1775ccf8e46ba4d7635c7dbf0709309b95ed7e4a4', false, NULL);
INSERT INTO public.instance_versions VALUES ('legacy', 'old-1', 1, '2026-03-02 14:05:00+05:45', '2026-03-02 15:05:00+05:45', 65, 66, 'changed', 'changed', NULL, 'gpu_8x_h100_sxm5', 'us-west', NULL, NULL, 'stopped', 'old', NULL, 8, 'h100_sxm5', 'old', '\x3b7a0aba090a4122ab1607bc8233adc02a3b9d950dc9159dde99d39e87612208', false, 10);
INSERT INTO public.instance_versions VALUES ('legacy', 'old-1', 1, '2026-03-02 15:05:00+05:45', '2026-03-02 16:05:00+05:45', 66, 67, 'changed', 'changed', NULL, 'gpu_8x_h100_sxm5', 'us-west', NULL, NULL, 'ready', 'old', NULL, 8, 'h100_sxm5', 'old', '\x9d6861158a3dee5967036232cf087622846067b33df651aa79d6232b43a7830c', false, 11);
INSERT INTO public.instance_versions VALUES ('legacy', 'old-1', 1, '2026-03-02 16:05:00+05:45', '2026-03-02 17:05:00+05:45', 67, 68, 'changed', 'changed', NULL, 'gpu_8x_h100_sxm5', 'us-west', NULL, NULL, 'stopped', 'old', NULL, 8, 'h100_sxm5', 'old', '\x3b7a0aba090a4122ab1607bc8233adc02a3b9d950dc9159dde99d39e87612208', false, 12);
INSERT INTO public.instance_versions VALUES ('legacy', 'old-1', 1, '2026-03-02 17:05:00+05:45', NULL, 68, NULL, 'changed', NULL, NULL, 'gpu_8x_h100_sxm5', 'us-west', NULL, NULL, 'ready', 'old', NULL, 8, 'h100_sxm5', 'old', '\x9d6861158a3dee5967036232cf087622846067b33df651aa79d6232b43a7830c', false, NULL);
INSERT INTO public.instance_versions VALUES ('legacy', 'old-1', 1, '2026-03-02 06:05:00+05:45', '2026-03-02 13:05:00+05:45', 57, 64, 'appeared', 'changed', NULL, 'gpu_8x_h100_sxm5', 'us-west', NULL, NULL, 'stopped', 'old', NULL, 8, 'h100_sxm5', 'old', '\x3b7a0aba090a4122ab1607bc8233adc02a3b9d950dc9159dde99d39e87612208', false, 8);
INSERT INTO public.instance_versions VALUES ('legacy', 'old-2', 1, '2026-03-02 06:05:00+05:45', '2026-03-02 12:05:00+05:45', 57, 63, 'appeared', 'vanished', '2026-03-02 11:05:00+05:45', 'gpu_8x_h100_sxm5', 'us-west', NULL, '198.51.100.1', 'ready', NULL, NULL, 8, 'h100_sxm5', NULL, '\x4d2df1616cae46fc47dc33794780dad7e96ecb7943414fbffdcac747e0a05cc9', false, 7);
INSERT INTO public.operator_actions VALUES (1, 'production', '2026-03-02 12:45:00+05:45', 'accept', 'root (uid 0) on vm, PostgreSQL user postgres', NULL, '{"changes": "84f4f742de3781255e75e1d28cab34131dcdaf6d34f2b488e26032106fcb27b0", "instances": 1, "missing": "0595caa2787124f575aaa8f3eed08971f8ed3634d3f1b359a64e4273031ec844"}', 8, '\x232cbd693c230d2eddb0039ed00f551affd3c3159721cf75df5695ed0a3565b4');
INSERT INTO public.operator_actions VALUES (2, 'production', '2026-03-02 14:45:00+05:45', 'rename', 'root (uid 0) on vm, PostgreSQL user postgres', NULL, '{"from": "default", "to": "production"}', 10, '\x3aa9fed173593e2005fb4a93c3d0a63082834e98c4d5ed21d116c4eec7609cec');
INSERT INTO public.operator_actions VALUES (3, 'legacy', '2026-03-02 19:45:00+05:45', 'prune', 'root (uid 0) on vm, PostgreSQL user postgres', NULL, '{"acts": 0, "before": "2026-03-02T08:00:00.000000Z", "history": "7a625cca84f31282eb9bc197e5ab760f0ed153928bec33cc2e8b57dbb6ffc798", "last_run_id": 68}', 13, '\x81ebd7d5fe9d3d303aa3a7c88d42278c8455252931168b3307b2b87936d49354');
INSERT INTO public.operator_actions VALUES (4, 'legacy', '2026-03-02 19:45:00+05:45', 'retire', 'root (uid 0) on vm, PostgreSQL user postgres', NULL, '{}', 14, '\xf20be3eab6a88b88190a39ed8115948b5aff9acea449512dbeb2d1491c6c5219');
INSERT INTO public.sync_runs VALUES (1, 'research', 'manual', 'succeeded', '2026-03-02 05:45:00+05:45', '2026-03-02 05:45:00+05:45', '2026-03-02 05:45:00+05:45', NULL, true, 3600, 3, 60, 0, 0, 60, 0, 0, 0, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', 'b8eb8de7d01096536033e5d0533f3753d69f26b786dbcd164054fb2a5bbfaf22', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 1, '\x7fabef113dfe4917b1eb578c76fd63abb661833985beeb90f1eb61ea0c7dd461', '\x8850b8ee7c9052013a56798026a60a486587de92e69fd87d11c4c1549baa62c9', NULL, NULL);
INSERT INTO public.sync_runs VALUES (2, 'research', 'manual', 'succeeded', '2026-03-02 06:45:00+05:45', '2026-03-02 06:45:00+05:45', '2026-03-02 06:45:00+05:45', '2026-03-02 05:45:00+05:45', true, 3600, 3, 58, 0, 0, 1, 1, 0, 3, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '9d8350e214cd9cb1c7cab5916dd3db454e33b5c16fa705b399ab50964a0dfcf6', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 2, '\x44ca11b72ae44c221d522536ee331035fe02ba18b5fa0dbfc5d75771f667af1f', '\xe7a7cf1f441d76fd9483cb80af16e54acd4db12bdebdb4799abda4a03c1b9754', NULL, NULL);
INSERT INTO public.sync_runs VALUES (3, 'research', 'manual', 'succeeded', '2026-03-02 07:45:00+05:45', '2026-03-02 07:45:00+05:45', '2026-03-02 07:45:00+05:45', '2026-03-02 06:45:00+05:45', true, 3600, 3, 60, 0, 0, 2, 3, 0, 0, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '629fe275c9333ab0f7ac21672ad0ffa04e84d5e77399ff82874904a8cc226a46', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 3, '\x6b312fa65e325c002ea885931d492b751a012fe3bcafcc5b11e21d6f558c66e0', '\x7c043b0673cdd28adc8086a834ac38613842b6b7265efa39f0f05365e0ee55e0', NULL, NULL);
INSERT INTO public.sync_runs VALUES (4, 'research', 'manual', 'succeeded', '2026-03-02 08:45:00+05:45', '2026-03-02 08:45:00+05:45', '2026-03-02 08:45:00+05:45', '2026-03-02 07:45:00+05:45', true, 3600, 3, 58, 0, 0, 1, 1, 0, 3, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '642bc2eaa61de2551684756076e67336d3cf0f5f0c7dae139ed622a83ac2f4f9', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 4, '\x0b12eabe5a17c3013ee3f803bf5a71e39063b7256eb337c744846d073152e562', '\x6b663e2b87dbc9ecfc3dbee945badf9bdac43770bcf42db3df9589c6041865a4', NULL, NULL);
INSERT INTO public.sync_runs VALUES (5, 'research', 'manual', 'succeeded', '2026-03-02 09:45:00+05:45', '2026-03-02 09:45:00+05:45', '2026-03-02 09:45:00+05:45', '2026-03-02 08:45:00+05:45', true, 3600, 3, 58, 0, 0, 1, 2, 0, 1, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '81ab1781016329e2c11ba1d6f446ffbfbb19a269ee6a9c09d14a934687bc4232', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 5, '\xbbea8b1b2f2779ea45a44e94b8276667bb4b98e37e6c71a4c635137e884cbc1d', '\x0a205d0d97b7414a58aa70767a0c6ee2460e68d536ad49351094626e21d11229', NULL, NULL);
INSERT INTO public.sync_runs VALUES (6, 'research', 'manual', 'succeeded', '2026-03-02 10:45:00+05:45', '2026-03-02 10:45:00+05:45', '2026-03-02 10:45:00+05:45', '2026-03-02 09:45:00+05:45', true, 3600, 3, 58, 0, 0, 1, 2, 0, 1, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '975396db2776f67075ee832fba46cc438617be1b9cfde66bee7838041a2039d7', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 6, '\x1bf22763ca20ee2aac47741ae4d55d38a4457bc6335c448dc72ce6c27c5646d8', '\x2a836b8f78e5dc4be03421f5e262b9c845510ce8716e57bbfc5b3145f47c6767', NULL, NULL);
INSERT INTO public.sync_runs VALUES (7, 'research', 'manual', 'succeeded', '2026-03-02 11:45:00+05:45', '2026-03-02 11:45:00+05:45', '2026-03-02 11:45:00+05:45', '2026-03-02 10:45:00+05:45', true, 3600, 3, 58, 0, 0, 1, 0, 0, 1, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '906d6748a25b56f9a83efb2738b9bbffbec54913bb30015532c7ff6546e7e4b0', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 7, '\x7eebc2b2fd4b725e427cbdce4e2b5890ce44ec0a306a9155d0caf2e385b1d10e', '\x0533ccc01a5d3f95d0d1d81ceea4784c138c669f7581e9ad8611db255cad43cd', NULL, NULL);
INSERT INTO public.sync_runs VALUES (8, 'research', 'manual', 'succeeded', '2026-03-02 12:45:00+05:45', '2026-03-02 12:45:00+05:45', '2026-03-02 12:45:00+05:45', '2026-03-02 11:45:00+05:45', true, 3600, 3, 56, 0, 0, 0, 3, 0, 2, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '18f7609f3e930080a88ca64252b2c98732cf7a996be25c9ccc70b3321e45a96c', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 8, '\xa2ccc561aeb6e2fc8ac5de86f582184275421e7e7a7732699c6f6d131cca7700', '\x39dbdfe591f55f826d4042bb3f86a7457d2562abe349b1891a8618611c188994', NULL, NULL);
INSERT INTO public.sync_runs VALUES (9, 'research', 'manual', 'succeeded', '2026-03-02 13:45:00+05:45', '2026-03-02 13:45:00+05:45', '2026-03-02 13:45:00+05:45', '2026-03-02 12:45:00+05:45', true, 3600, 3, 56, 0, 0, 0, 0, 0, 0, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '18f7609f3e930080a88ca64252b2c98732cf7a996be25c9ccc70b3321e45a96c', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 9, '\xba1511dd00c7a4df791e80e356fdd0f31561281f3e66811ccb31da7726fe927b', NULL, NULL, NULL);
INSERT INTO public.sync_runs VALUES (10, 'research', 'manual', 'succeeded', '2026-03-02 14:45:00+05:45', '2026-03-02 14:45:00+05:45', '2026-03-02 14:45:00+05:45', '2026-03-02 13:45:00+05:45', true, 3600, 3, 56, 0, 0, 0, 1, 0, 0, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '66edc094b95be1d2981a0b1ae591736da9dade4f9c6b3c212d297797333103a4', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 10, '\x5d8a2319a0de8e025311058ef5c68b84a5d1c2837dfcc38551e69f1f62c48e61', '\x2d25e5188c618d66b7023e907c721e01664ea4b2317d781059c5ea2f6d59eaa0', NULL, NULL);
INSERT INTO public.sync_runs VALUES (11, 'research', 'manual', 'succeeded', '2026-03-02 15:45:00+05:45', '2026-03-02 15:45:00+05:45', '2026-03-02 15:45:00+05:45', '2026-03-02 14:45:00+05:45', true, 3600, 3, 54, 0, 0, 0, 2, 0, 2, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', 'c54999431f6f43819a58d644b9559dc1483c4753dcb57b5d78c3d4406a268e6a', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 11, '\x62fc374f64bddaf01562f6e87040d57f31028b03f68c49e8f3b9cfaf7669ddc3', '\x398ad5b35526fb4ead687a2be333099cfdeab10ff2b92aed056d985f6709d966', NULL, NULL);
INSERT INTO public.sync_runs VALUES (12, 'research', 'manual', 'succeeded', '2026-03-02 16:45:00+05:45', '2026-03-02 16:45:00+05:45', '2026-03-02 16:45:00+05:45', '2026-03-02 15:45:00+05:45', true, 3600, 3, 54, 0, 0, 1, 1, 0, 1, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '3096b488a72daa458e28c5e2f544780269770f32cb013b1d38074a1c2287c125', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 12, '\x7ead7dd313f99a3da9866be4616ed3f726695c8218b6be2825b4eca3b4f693e1', '\x33b2555843e9d269c0d1883c969359662660ac36e42f72441ddc11bc8524e164', NULL, NULL);
INSERT INTO public.sync_runs VALUES (13, 'research', 'manual', 'partial', '2026-03-02 17:45:00+05:45', '2026-03-02 17:45:00+05:45', '2026-03-02 17:45:00+05:45', '2026-03-02 16:45:00+05:45', false, 3600, 1, 25, 0, 0, 0, 0, 0, 0, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', NULL, 'server_error', 'The API answered 503: Service Unavailable; what was seen was applied, nothing was marked missing.', '0.2.0.dev0', NULL, 0.5, 90000, 13, '\x088f9fd97396eef63ae4173f32b3c246e3e68b3650c65f03f6f6a4998c1d620c', NULL, NULL, NULL);
INSERT INTO public.sync_runs VALUES (14, 'research', 'manual', 'succeeded', '2026-03-02 18:45:00+05:45', '2026-03-02 18:45:00+05:45', '2026-03-02 18:45:00+05:45', '2026-03-02 16:45:00+05:45', true, 3600, 3, 55, 0, 0, 3, 1, 0, 2, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '9ec3c12524aac00351b9feaf34abf6ebf761f4579175d28709a49958eb0a10f2', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 14, '\xa6a712ed2cbcde41ad9dd2e354e65955e4b196c9b43c4667027dd8d862f4946e', '\xdf1be27fa0c812db6cf6212af4452a26a6720af48789d8448c326a34afcc3877', NULL, NULL);
INSERT INTO public.sync_runs VALUES (15, 'research', 'manual', 'succeeded', '2026-03-02 19:45:00+05:45', '2026-03-02 19:45:00+05:45', '2026-03-02 19:45:00+05:45', '2026-03-02 18:45:00+05:45', true, 3600, 3, 56, 0, 0, 1, 1, 0, 0, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '32a8ef1b483a269e83d1c54b40dd56fdd595b0177dbf31ef2b3fd19d2c9937e7', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 15, '\xc5127b12f98aff62c5b4cf88828b29ff4b0156fd1355c3980f6e132247128210', '\x63f487ae31dcf8d2ec8b4471e7d0a92ec7e8ef254f3e768a30fb17ac9b817fc3', NULL, NULL);
INSERT INTO public.sync_runs VALUES (16, 'research', 'manual', 'succeeded', '2026-03-02 20:45:00+05:45', '2026-03-02 20:45:00+05:45', '2026-03-02 20:45:00+05:45', '2026-03-02 19:45:00+05:45', true, 3600, 3, 58, 0, 0, 4, 0, 0, 2, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '63d90286760e5e255b76ef3c6fdb7c005972e11815b71b5812bc8145912238c8', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 16, '\xf2ae95d68f07c60d1c745f6aa009e984d23b3fead30d38cd3d82d36d618e00f4', '\xd4ab68ea4b3b5f344278afd97d74549eebc3cf5b8ded0a378668af076f560833', NULL, NULL);
INSERT INTO public.sync_runs VALUES (17, 'research', 'manual', 'succeeded', '2026-03-02 21:45:00+05:45', '2026-03-02 21:45:00+05:45', '2026-03-02 21:45:00+05:45', '2026-03-02 20:45:00+05:45', true, 3600, 3, 60, 0, 0, 2, 0, 0, 0, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', 'e9035fc30b5b67888f140438b72740cd7bee4c2c87ddd754f7e541ac7143d37e', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 17, '\x8131f07e81d0eab1819c6c5d57828745fccdd66c00b99e53c2dd07f4bdf013b4', '\x923a4eb987933ff46785189b8eed5b7b592e629a3a57c45c246edf6e981a5f25', NULL, NULL);
INSERT INTO public.sync_runs VALUES (18, 'research', 'manual', 'succeeded', '2026-03-02 22:45:00+05:45', '2026-03-02 22:45:00+05:45', '2026-03-02 22:45:00+05:45', '2026-03-02 21:45:00+05:45', true, 3600, 3, 60, 0, 0, 0, 3, 0, 0, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '89d24776802af4ab145212866f87f93ef5887c0f9de5ae05b6b1c58ac41c1ea9', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 18, '\xf4900750aec5e92ea96af3f90c6bc39265b6280fde1479e5430983f9a1b8906b', '\x48993623d106cad87824cdf45fb669367e1a7ec89a1dd460dac1ea2638503690', NULL, NULL);
INSERT INTO public.sync_runs VALUES (19, 'research', 'manual', 'succeeded', '2026-03-02 23:45:00+05:45', '2026-03-02 23:45:00+05:45', '2026-03-02 23:45:00+05:45', '2026-03-02 22:45:00+05:45', true, 3600, 3, 62, 0, 0, 2, 1, 0, 0, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '228345dc63b8d362963176709e714f4582d8c4c97b83779f3fd2de817aa5b7af', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 19, '\x6766462a0dba1e52a61fac59e8748351f0af21bd3b55675b8aec1d385c8206a5', '\xd9af82b86766567663fe9fa2b86debd162a067043b77578dd8f302dd1db5ca44', NULL, NULL);
INSERT INTO public.sync_runs VALUES (20, 'research', 'manual', 'succeeded', '2026-03-03 00:45:00+05:45', '2026-03-03 00:45:00+05:45', '2026-03-03 00:45:00+05:45', '2026-03-02 23:45:00+05:45', true, 3600, 3, 63, 0, 0, 2, 6, 0, 1, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '42455ef8359e934f03d86d0789d120a1efa26dc440ab923936eb3c4d0ed58655', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 20, '\x6cdfb464e8ff25276e19309917386eafb060d1291988f5ed430c19551cd3baab', '\xdae0230397b24ec89aba76978ae8a6d2de89d0feb64db528013fa29849dec065', NULL, NULL);
INSERT INTO public.sync_runs VALUES (21, 'research', 'manual', 'failed', '2026-03-03 01:45:00+05:45', '2026-03-03 01:45:00+05:45', '2026-03-03 01:45:00+05:45', '2026-03-03 00:45:00+05:45', false, 3600, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', NULL, 'server_error', 'The API answered 503: Service Unavailable; nothing was applied; the next run tries again.', '0.2.0.dev0', NULL, 0.5, 90000, 21, '\xc45723d59b92e2d0ceb17ff1c8e98653e5021b6fe7d8098f43c9721f616cac86', NULL, NULL, NULL);
INSERT INTO public.sync_runs VALUES (22, 'research', 'manual', 'failed', '2026-03-03 02:45:00+05:45', '2026-03-03 02:45:00+05:45', '2026-03-03 02:45:00+05:45', '2026-03-03 00:45:00+05:45', false, 3600, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', NULL, 'server_error', 'The API answered 503: Service Unavailable; nothing was applied; the next run tries again.', '0.2.0.dev0', NULL, 0.5, 90000, 22, '\xf9430610b07b6bf7b2eb53b0f8df9eb9dfc468e7a7b4f75cc6a7410d4752f0f0', NULL, NULL, NULL);
INSERT INTO public.sync_runs VALUES (23, 'research', 'manual', 'succeeded', '2026-03-03 03:45:00+05:45', '2026-03-03 03:45:00+05:45', '2026-03-03 03:45:00+05:45', '2026-03-03 00:45:00+05:45', true, 3600, 3, 58, 0, 0, 1, 6, 0, 6, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '520ea94c8e3a11d6e0047fa37bf2bb589eb46937b9c593d2abc325dfc68e5a28', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 23, '\xb2a399b454630f69a3ac05debe5bb8bfd161a81a39a85a1b27372834a67e0838', '\x7c716ef4aef04ed136e82a3a013b32dd710a55be7eaa7830517d74d3851ce1d1', NULL, NULL);
INSERT INTO public.sync_runs VALUES (24, 'research', 'manual', 'succeeded', '2026-03-03 04:45:00+05:45', '2026-03-03 04:45:00+05:45', '2026-03-03 04:45:00+05:45', '2026-03-03 03:45:00+05:45', true, 3600, 3, 58, 0, 0, 1, 2, 0, 1, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '2884a6005a33bfdbedd7a863bf2eab412bb47c617a08a1eabdea1ea6ca8ca6fa', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 24, '\x286cefb8061dcf3a1ce4b39e31147bd7469e81a011ec5ab3c5989375274a912d', '\x014ae661cd012c051b9d1239903bfc94b5ef4eca8c1f00f44cf8b206786517d8', NULL, NULL);
INSERT INTO public.sync_runs VALUES (25, 'research', 'manual', 'succeeded', '2026-03-03 05:45:00+05:45', '2026-03-03 05:45:00+05:45', '2026-03-03 05:45:00+05:45', '2026-03-03 04:45:00+05:45', true, 3600, 3, 58, 0, 0, 0, 1, 0, 0, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '1550c5e1f917f3ec490eee6256a836f5fd01cd7ad4b889e8d96830d1ff84e1da', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 25, '\x83289552b606c4dc7c35459b527fb33c7a48c2e36ed86472d8e6a23b1c2c02b1', '\xf464541d4a87fcf6c166b8db6a1862c5f991ee04552a2a3d93a17f2740a99685', NULL, NULL);
INSERT INTO public.sync_runs VALUES (26, 'research', 'manual', 'succeeded', '2026-03-03 06:45:00+05:45', '2026-03-03 06:45:00+05:45', '2026-03-03 06:45:00+05:45', '2026-03-03 05:45:00+05:45', true, 3600, 3, 58, 0, 0, 0, 2, 0, 0, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '592bba1472792aff65389c00d973d997d61fcf06755437b8aed351e5e0c1f6a6', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 26, '\x87483fea186e629c497b251ca6ba4509fe71ec93fa35e07abc8e006f3186c4fd', '\x945b0dd26666f1a5193e71b06c44cb533bf096460fe89f0127f662e88522004b', NULL, NULL);
INSERT INTO public.sync_runs VALUES (27, 'research', 'manual', 'succeeded', '2026-03-03 07:45:00+05:45', '2026-03-03 07:45:00+05:45', '2026-03-03 07:45:00+05:45', '2026-03-03 06:45:00+05:45', true, 3600, 3, 57, 0, 0, 1, 0, 0, 2, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '543a1945e7bde22b8e400c7eaafa2ccf47853054308356484f36bc351d2216f4', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 27, '\x5955908ea80d5b670f099a73bd5c87512a774c89e8ba317769f897f43cb45bc4', '\x0df79311afde620bce1c1752c87de67ae6d38b045783a12973f3f24a3c67c593', NULL, NULL);
INSERT INTO public.sync_runs VALUES (28, 'research', 'manual', 'succeeded', '2026-03-03 08:45:00+05:45', '2026-03-03 08:45:00+05:45', '2026-03-03 08:45:00+05:45', '2026-03-03 07:45:00+05:45', true, 3600, 3, 58, 0, 0, 3, 0, 0, 2, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '37f661708f2569423abb89d9e7d2d0945b1e3a24bd10d21be5d2bb5a23081b7c', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 28, '\x70e10c16b71a227aa198e995898d62a09a55ff3eb0d8027b2449067eca9dc5a2', '\x42c1cac5aef3ac8171833573a406ad6ea0f9f3a02b3afaf6ab7f0a7fc445dced', NULL, NULL);
INSERT INTO public.sync_runs VALUES (29, 'research', 'manual', 'succeeded', '2026-03-03 09:45:00+05:45', '2026-03-03 09:45:00+05:45', '2026-03-03 09:45:00+05:45', '2026-03-03 08:45:00+05:45', true, 3600, 3, 57, 0, 0, 0, 2, 0, 1, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', 'a2e4451ee539340816f6e9a49cf3eda0d6fe91deb415b7cdc1dfb5819aca6655', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 29, '\xea39cf44e0636a83ac87636cbfa9b152a0d2c7d2f031d4de274e26b398b6cec4', '\x579ff0d1cd3df2b8186a962aac60ca7f663b8815e3bc122ed2980d95243ccd1f', NULL, NULL);
INSERT INTO public.sync_runs VALUES (30, 'research', 'manual', 'succeeded', '2026-03-03 10:45:00+05:45', '2026-03-03 10:45:00+05:45', '2026-03-03 10:45:00+05:45', '2026-03-03 09:45:00+05:45', true, 3600, 3, 57, 0, 0, 0, 1, 0, 0, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '673b1f1d8bf225a055c5f03b41746fbaa078404f8aaec281dd7795517dc009ea', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 30, '\x534ba83fa5d70df08c73fb0c704613d8718d508abc1d4800d9e361c227bbde53', '\xdd9d846554f896f83524cd4947093edded3eb27c74ee5658345f14cabe8c382d', NULL, NULL);
INSERT INTO public.sync_runs VALUES (31, 'research', 'manual', 'succeeded', '2026-03-03 11:45:00+05:45', '2026-03-03 11:45:00+05:45', '2026-03-03 11:45:00+05:45', '2026-03-03 10:45:00+05:45', true, 3600, 3, 57, 0, 0, 0, 5, 0, 0, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '61230d8eb22f8ef0f65d45b805dfd100fc93519c27e8adfe7384b5735fcca9c2', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 31, '\xed2332f307b133b6d9ae8fd6b5e9583e14415a034dd51c54a34832c1f1a08cee', '\x9329bf9b6002528f8af15f527aaa9755591c47c1cb772fe1de4df755dd707495', NULL, NULL);
INSERT INTO public.sync_runs VALUES (32, 'research', 'manual', 'succeeded', '2026-03-03 12:45:00+05:45', '2026-03-03 12:45:00+05:45', '2026-03-03 12:45:00+05:45', '2026-03-03 11:45:00+05:45', true, 3600, 3, 58, 0, 0, 1, 4, 0, 0, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', 'fbcad726ea7393c71b910f6a28908a9988a56791de63a279683a6225183d5eab', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 32, '\x9276a31295662138d8dfc45ce9489f39af2c54a853480d3f7ecaa605a24936c5', '\x731bde559a28fc68d0fdcb4a899fb9988b4c49191bb71963b33cb9000136aa3a', NULL, NULL);
INSERT INTO public.sync_runs VALUES (33, 'research', 'manual', 'succeeded', '2026-03-03 13:45:00+05:45', '2026-03-03 13:45:00+05:45', '2026-03-03 13:45:00+05:45', '2026-03-03 12:45:00+05:45', true, 3600, 6, 60, 0, 0, 3, 1, 0, 1, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '6e12798380331ff5bcddf589846419bc9491966ff5ddcfd65da679dd11b490ec', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 33, '\x84ad78da546b0b41f015f1f5120659bcf3a38c09460b0a14e277e9e862947ec7', '\x4d00d196c85d578c0238efb11ba28287c78cf6cd9650888cd041a238debd6c59', NULL, NULL);
INSERT INTO public.sync_runs VALUES (34, 'research', 'manual', 'succeeded', '2026-03-03 14:45:00+05:45', '2026-03-03 14:45:00+05:45', '2026-03-03 14:45:00+05:45', '2026-03-03 13:45:00+05:45', true, 3600, 3, 60, 0, 0, 1, 2, 0, 1, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', 'e5291f70f0b9cb15e688005e2d2cbc07a20bcf664b8949f79a1edd0b3a96776b', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 34, '\x11f40cbe20c72a766b70c7ed3246244725f9356b1d8ea9934236312af4b0647e', '\x79d8c462d7c7bc999a11f7300c51bf5b36bb9172d1d5b9b4be0f8406d23f51f3', NULL, NULL);
INSERT INTO public.sync_runs VALUES (35, 'research', 'manual', 'succeeded', '2026-03-03 15:45:00+05:45', '2026-03-03 15:45:00+05:45', '2026-03-03 15:45:00+05:45', '2026-03-03 14:45:00+05:45', true, 3600, 3, 60, 0, 0, 1, 1, 0, 1, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '07d364e49a9a46f7ce9802261bda6b4bf24eef6775aa1a1ad7442320ba56c222', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 35, '\xd423cc3fb76eff92a0c3f9fbec13697eda8363d9443fe2247d06d4777e363281', '\x206128f0ebc4b2644ecffe4cfecc715e546fde61ec45e2f938c2ab7ca68f13cd', NULL, NULL);
INSERT INTO public.sync_runs VALUES (36, 'research', 'manual', 'succeeded', '2026-03-03 16:45:00+05:45', '2026-03-03 16:45:00+05:45', '2026-03-03 16:45:00+05:45', '2026-03-03 15:45:00+05:45', true, 3600, 3, 61, 0, 0, 1, 4, 0, 0, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '2d5038889491f239fdf54658876f8e1cffe71d919b6278b5d1bb7c118bba3bc3', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 36, '\xb8f37a884e3dd976ceaf00e4f85beb95642e589655866fb894323ee3ef1dcf9b', '\xb55938bd1436a8361da867c7ef1efb151194ea1c33792b936c30c803db1654a5', NULL, NULL);
INSERT INTO public.sync_runs VALUES (37, 'research', 'manual', 'succeeded', '2026-03-03 17:45:00+05:45', '2026-03-03 17:45:00+05:45', '2026-03-03 17:45:00+05:45', '2026-03-03 16:45:00+05:45', true, 3600, 3, 64, 0, 0, 4, 0, 0, 1, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', 'e50c2f25e37c6e9ba732c14246df476db1c00c8361293a5a3ff37aa669d820f6', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 37, '\x27addb4845f02ac73da2bc2d47dd03128adce920ee073abf0fa93cb46cc945dd', '\x25fdc876884998dbf4f8712822eb16589906df65ef0a21bd93a0d82beddb8380', NULL, NULL);
INSERT INTO public.sync_runs VALUES (38, 'research', 'manual', 'succeeded', '2026-03-03 18:45:00+05:45', '2026-03-03 18:45:00+05:45', '2026-03-03 18:45:00+05:45', '2026-03-03 17:45:00+05:45', true, 3600, 3, 63, 0, 0, 0, 4, 1, 2, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '7bfbf88a1906a02584609ca6b5698330b4ee261bbe91c7c387609df35b233148', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 38, '\xfa9f4732739439bc08223826fbfb7eb05b6abe797abb953486a22178fecb3404', '\x61157136d3a85e5ab7c15bd81b3e1f12e2652b3dbe0f99e22413bdef5680a7c1', NULL, NULL);
INSERT INTO public.sync_runs VALUES (39, 'research', 'manual', 'succeeded', '2026-03-03 19:45:00+05:45', '2026-03-03 19:45:00+05:45', '2026-03-03 19:45:00+05:45', '2026-03-03 18:45:00+05:45', true, 3600, 3, 61, 0, 0, 2, 2, 0, 4, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '17fdef50b1caf6fd054af5d7f18d4cb433f79d877f21769c67463f62b2ff85af', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 39, '\x41d48cc8f5e52b901cbf5f70df1dc7fee6d3ff43961dc2031abdfe02b7a6c77e', '\x9e241f2dc3f492f06b4009de14689740767e3edf9d90d94736c9b27911ce53aa', NULL, NULL);
INSERT INTO public.sync_runs VALUES (40, 'research', 'manual', 'succeeded', '2026-03-03 20:45:00+05:45', '2026-03-03 20:45:00+05:45', '2026-03-03 20:45:00+05:45', '2026-03-03 19:45:00+05:45', true, 3600, 3, 63, 0, 0, 2, 3, 0, 0, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '91a207bd0205ec837bbe210e5f6a5fb30410a3855de5b2d721f5f6e97df62a84', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 40, '\xc99f036eacf92ae6fcb2993b093c0f349583cecbf49a6c4298063d1bb9bca130', '\xda93f85ed6cb568a4ad44c1c32653b4715a42a63f94a9a076f5a48b23307991b', NULL, NULL);
INSERT INTO public.sync_runs VALUES (41, 'research', 'manual', 'succeeded', '2026-03-03 21:45:00+05:45', '2026-03-03 21:45:00+05:45', '2026-03-03 21:45:00+05:45', '2026-03-03 20:45:00+05:45', true, 3600, 3, 62, 0, 0, 1, 1, 0, 2, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '64853aed6333ce4a69dd54322b3dd840732bc69b41d7f276087ba30942ba2ce6', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 41, '\x4b2cb6932c2c691f2b0f684d9e4809f099a8349aeba49e066d284e68ca78576a', '\x6b583489ba8a4593e35ad7f84774c704401e291e7bedff53ef7bf46eb243f192', NULL, NULL);
INSERT INTO public.sync_runs VALUES (42, 'research', 'manual', 'succeeded', '2026-03-03 22:45:00+05:45', '2026-03-03 22:45:00+05:45', '2026-03-03 22:45:00+05:45', '2026-03-03 21:45:00+05:45', true, 3600, 3, 64, 0, 0, 2, 0, 0, 0, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '344c38a02429ebb64ebb16eeea56acff5199073e586f39519b3b4f3578729992', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 42, '\xe4de21d4f44b2b34e602d965ea54b7264b381cb56537b9d94ec91b35686f4356', '\x8910e43bb49c4e288dd9737a9804908f200fb92f5fdd6ae691db4df3aa559406', NULL, NULL);
INSERT INTO public.sync_runs VALUES (43, 'research', 'manual', 'succeeded', '2026-03-03 23:45:00+05:45', '2026-03-03 23:45:00+05:45', '2026-03-03 23:45:00+05:45', '2026-03-03 22:45:00+05:45', true, 3600, 3, 63, 0, 0, 1, 4, 0, 2, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '93991a1bec8f4a49a1baa7524ea96708ed57174d2bcd2e6e73db27799b91aa7c', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 43, '\x880753f72f241cbe8c4b3961d54273fae6df9abdc45925d67ff03ef14508225d', '\x84c285cede89de7d4f8f5dc2d21a9f25020c4c86e94b7ad2e3832b45bae33372', NULL, NULL);
INSERT INTO public.sync_runs VALUES (44, 'research', 'manual', 'succeeded', '2026-03-04 00:45:00+05:45', '2026-03-04 00:45:00+05:45', '2026-03-04 00:45:00+05:45', '2026-03-03 23:45:00+05:45', true, 3600, 3, 61, 0, 0, 0, 1, 0, 2, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '1905189b3f8e8425db5d62d309d92614ff11c768806830a306706d36d8933adb', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 44, '\x25586e55401c3bddf045db79a0344dcb2be32f89eacaa581315e6592765580e2', '\x2d99342a350b03a9ae01e01ddf38b330e490f26cf6d1a1ea9929f449adc3a9ec', NULL, NULL);
INSERT INTO public.sync_runs VALUES (45, 'research', 'manual', 'succeeded', '2026-03-04 01:45:00+05:45', '2026-03-04 01:45:00+05:45', '2026-03-04 01:45:00+05:45', '2026-03-04 00:45:00+05:45', true, 3600, 3, 62, 0, 0, 1, 1, 0, 0, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '1023c2b3bd5d2011466b02ae4cc2409bca014c699494af2ed5fb34c7cee2c0ef', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 45, '\xb4463098d1005113ad7b7a58c6a2b8deafda5e3558d64c0ce3365d2102649fd6', '\x2ef5a5a6eca983a92c832215dfa7cbfdc4220d47844a5a5e259eda4e3fcf08c7', NULL, NULL);
INSERT INTO public.sync_runs VALUES (46, 'research', 'manual', 'succeeded', '2026-03-04 02:45:00+05:45', '2026-03-04 02:45:00+05:45', '2026-03-04 02:45:00+05:45', '2026-03-04 01:45:00+05:45', true, 3600, 3, 60, 0, 0, 0, 1, 0, 2, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '160a4f90dd2366e07fe18644acf0a40691bf1db0a0988b140753e663bdcbfcaf', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 46, '\xd7c4a608ead95d03d1914ff29362fcdf536e0af339233e1513edef0c14ed0042', '\x0a71d1ec27dbb965b9d6f8c91b58058a722121fdc3c8bc071fd21eaf26fd7a72', NULL, NULL);
INSERT INTO public.sync_runs VALUES (47, 'research', 'manual', 'succeeded', '2026-03-04 03:45:00+05:45', '2026-03-04 03:45:00+05:45', '2026-03-04 03:45:00+05:45', '2026-03-04 02:45:00+05:45', true, 3600, 3, 60, 0, 0, 1, 1, 0, 1, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', 'd37ff4e482964ae2a172d0390fb9122d1b26a4bb50f5bec5ff2109dc38eb9954', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 47, '\x3504234d8ec37acefba65592ca55a983cfcfa37e1711631f05463fd0c3993aab', '\x55eca9ebc5cd25586986a75d411a3e08cea88efec0aa352ea345e61ef8808d12', NULL, NULL);
INSERT INTO public.sync_runs VALUES (48, 'research', 'manual', 'succeeded', '2026-03-04 04:45:00+05:45', '2026-03-04 04:45:00+05:45', '2026-03-04 04:45:00+05:45', '2026-03-04 03:45:00+05:45', true, 3600, 3, 60, 0, 0, 1, 5, 0, 1, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', 'e08c3d48c400b79dc6ad56fd27ee5d726a8f83ec624bb4819441889af28e43d6', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 48, '\xf2ab48fa68a8f128835e5087ca3fa861be0e6471a04f911e67e7017f45b6b7c9', '\xf39da4e1d8e45d36e2504de7159c1b537921895a4ed1b8c0aae565cbd760571e', NULL, NULL);
INSERT INTO public.sync_runs VALUES (49, 'production', 'manual', 'succeeded', '2026-03-02 05:55:00+05:45', '2026-03-02 05:55:00+05:45', '2026-03-02 05:55:00+05:45', NULL, true, 3600, 1, 16, 0, 0, 16, 0, 0, 0, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '096c013f0129c2663fa5819766856ef292e8ddd011c9d35c2fd0592b623d4018', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 1, '\xa425449363d00c80bbd3e851eee155a0048d0ee93ef575069e07d4ab08c28308', '\xc4af14bcbd7bd0170f1b817f15588737dc421c74576f3847084b049bd3b27bb5', NULL, NULL);
INSERT INTO public.sync_runs VALUES (50, 'production', 'manual', 'succeeded', '2026-03-02 06:55:00+05:45', '2026-03-02 06:55:00+05:45', '2026-03-02 06:55:00+05:45', '2026-03-02 05:55:00+05:45', true, 3600, 1, 16, 0, 0, 0, 4, 0, 0, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', 'c23ad6d2c457d6c9d64857b32f1308e32b8257fcd1365a162e065da0c391c04f', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 2, '\x978ca061f45efa1f89039cef42ad5b3948d94d590ac911620e3decd08e42c3e7', '\x92585d39ac71bb9136e72c969bcd4d3770258fd8fcd534a4576779a68e27bf09', NULL, NULL);
INSERT INTO public.sync_runs VALUES (51, 'production', 'manual', 'succeeded', '2026-03-02 07:55:00+05:45', '2026-03-02 07:55:00+05:45', '2026-03-02 07:55:00+05:45', '2026-03-02 06:55:00+05:45', true, 3600, 1, 14, 0, 0, 0, 0, 0, 2, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', 'b30dd35b2580445cce954e687e160ded80d168c4fdf9a62943126b4f604298ec', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 3, '\xc537a01ba87beae897c88f6c33ebf1d31a0f376a67766a2f5cc70703580b5f76', '\x5af56858617af1a8ca6a3111304997d67f17cc9a89c38f2676700afd06c0bfa9', NULL, NULL);
INSERT INTO public.sync_runs VALUES (52, 'production', 'manual', 'succeeded', '2026-03-02 08:55:00+05:45', '2026-03-02 08:55:00+05:45', '2026-03-02 08:55:00+05:45', '2026-03-02 07:55:00+05:45', true, 3600, 1, 15, 0, 0, 0, 1, 1, 0, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', 'c44b6d6c9e4a4fcff6482c6079e0ab5d3a2b52f241c7d2adbc7a41d54b345bf4', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 4, '\xa98f9892e429bc71c808115e8ec0d9e34188a4da602c86d271d2801f43bb0e65', '\xe2020f94d21b3b5b5db6520e3f41211b91fec208bbd8af82a560caf3b8f6b1d8', NULL, NULL);
INSERT INTO public.sync_runs VALUES (53, 'production', 'manual', 'succeeded', '2026-03-02 09:55:00+05:45', '2026-03-02 09:55:00+05:45', '2026-03-02 09:55:00+05:45', '2026-03-02 08:55:00+05:45', true, 3600, 1, 15, 0, 0, 0, 0, 0, 0, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', 'c44b6d6c9e4a4fcff6482c6079e0ab5d3a2b52f241c7d2adbc7a41d54b345bf4', NULL, NULL, '0.2.0.dev0', 'ip', 0.5, 90000, 5, '\xe906f0aa387512f636047aa017883784481f7581a84b117b6adb37573addcecd', NULL, NULL, NULL);
INSERT INTO public.sync_runs VALUES (54, 'production', 'manual', 'succeeded', '2026-03-02 10:55:00+05:45', '2026-03-02 10:55:00+05:45', '2026-03-02 10:55:00+05:45', '2026-03-02 09:55:00+05:45', true, 3600, 1, 14, 0, 0, 0, 0, 0, 0, 1, 'http://127.0.0.1:8123/v1', 'keyid-1', NULL, 'server_error', 'The API answered 503: Service Unavailable; the second walk failed, so what is absent stays missing until a later run.', '0.2.0.dev0', NULL, 0.5, 90000, 6, '\x29f328f55db7005933434bc6aa9376c8e5b7c24deb5ccbcea90a791081cf24b5', NULL, '\x24fe8d98cb75c75eb28a82aadfcd7f5b00ef0943a7008bd6b87300c1859f24f1', NULL);
INSERT INTO public.sync_runs VALUES (55, 'production', 'manual', 'held', '2026-03-02 11:55:00+05:45', '2026-03-02 11:55:00+05:45', '2026-03-02 11:55:00+05:45', '2026-03-02 10:55:00+05:45', true, 3600, 1, 5, 0, 0, 0, 0, 0, 1, 10, 'http://127.0.0.1:8123/v1', 'keyid-1', NULL, 'mass_vanish', '10 instances are absent and held: too many at once, or the key or address has changed. All else was applied. Look with `inventory missing`, settle with `inventory missing --accept`.', '0.2.0.dev0', NULL, 0.5, 90000, 7, '\x64b1d81d42f318561f7fe77ad016722021cb2e8f021ba330fa4cdeaf5ae4c33d', NULL, '\x8e42b20909e9f0d8e446755ba8c5eff549ff62e52c21243606ef80d06e11f600', NULL);
INSERT INTO public.sync_runs VALUES (56, 'production', 'manual', 'held', '2026-03-02 13:55:00+05:45', '2026-03-02 13:55:00+05:45', '2026-03-02 13:55:00+05:45', '2026-03-02 11:55:00+05:45', true, 3600, 1, 5, 0, 0, 0, 0, 0, 0, 9, 'http://127.0.0.1:8123/v1', 'keyid-1', NULL, 'mass_vanish', '9 instances are absent and held: too many at once, or the key or address has changed. All else was applied. Look with `inventory missing`, settle with `inventory missing --accept`.', '0.2.0.dev0', NULL, 0.5, 90000, 9, '\x5b9b74af5f4c9cc14c016aeeb740a594a366a90005ae88d4b3ebd178d96d3f0a', NULL, '\x0595caa2787124f575aaa8f3eed08971f8ed3634d3f1b359a64e4273031ec844', NULL);
INSERT INTO public.sync_runs VALUES (65, 'legacy', 'manual', 'succeeded', '2026-03-02 14:05:00+05:45', '2026-03-02 14:05:00+05:45', '2026-03-02 14:05:00+05:45', '2026-03-02 13:05:00+05:45', true, 3600, 1, 2, 0, 0, 0, 2, 0, 0, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '01b523ea947f97a29fadb967d2280b42f0d1b58b013e32d91a14d83a233bff6d', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 9, '\xee955e6c498aeb75e980dbad9771398b18c11ff6b86fb4100e2213279183fc00', '\x8cccf0de4fca5e8f5d8ed3e804166ec73accafd5dd44ff9e839fb16c20bf76dc', NULL, NULL);
INSERT INTO public.sync_runs VALUES (66, 'legacy', 'manual', 'succeeded', '2026-03-02 15:05:00+05:45', '2026-03-02 15:05:00+05:45', '2026-03-02 15:05:00+05:45', '2026-03-02 14:05:00+05:45', true, 3600, 1, 2, 0, 0, 0, 1, 0, 0, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '2b16fda070e3e9e6c622aac50fa8a80d997859294d4b3e42c68c253b1694ab60', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 10, '\x6c43ae3123d6d1f4305988169f5162c81f7faa3e1802f4b46dd1f5112fbe8021', '\x07639878a61adb7f1db3ecb79725213aa0181e161f5271079de59fa82c10661e', NULL, NULL);
INSERT INTO public.sync_runs VALUES (67, 'legacy', 'manual', 'succeeded', '2026-03-02 16:05:00+05:45', '2026-03-02 16:05:00+05:45', '2026-03-02 16:05:00+05:45', '2026-03-02 15:05:00+05:45', true, 3600, 1, 2, 0, 0, 0, 1, 0, 0, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '01b523ea947f97a29fadb967d2280b42f0d1b58b013e32d91a14d83a233bff6d', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 11, '\xe34573dd158debf527de2a98f9a20a42bd909f06667c2cc203300ea18f2e1b67', '\x5c5619c8994485b88967379a6d892e768481be4d44ba84f916d0b8fa6de1953e', NULL, NULL);
INSERT INTO public.sync_runs VALUES (68, 'legacy', 'manual', 'succeeded', '2026-03-02 17:05:00+05:45', '2026-03-02 17:05:00+05:45', '2026-03-02 17:05:00+05:45', '2026-03-02 16:05:00+05:45', true, 3600, 1, 2, 0, 0, 0, 1, 0, 0, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', '2b16fda070e3e9e6c622aac50fa8a80d997859294d4b3e42c68c253b1694ab60', NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 12, '\x291bc92a5adcf64fc72d960be28381018c034d5e2aab6d52688b6cde1569544c', '\xf2738c83700511fda3bfcccd1625aa52445e2d34399f8f84e4c38a36a3fa82f8', NULL, NULL);
INSERT INTO public.sync_runs VALUES (57, 'legacy', 'manual', 'succeeded', '2026-03-02 06:05:00+05:45', '2026-03-02 06:05:00+05:45', '2026-03-02 06:05:00+05:45', NULL, true, 3600, 1, 2, 0, 0, 2, 0, 0, 0, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', NULL, NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 1, '\xd54ac07f0b8ad10a22bbc8a7c81f7c609433d2a8aeeb119baae66d71b8db71f8', '\x20648aa559fa29277170ae7f194ab5f5f2691212a72c524684e69054728d0296', NULL, '9f423fc742df647b33bfad26ef3e83faf11032465ca6926b49e41d626ae1376e');
INSERT INTO public.sync_runs VALUES (63, 'legacy', 'manual', 'succeeded', '2026-03-02 12:05:00+05:45', '2026-03-02 12:05:00+05:45', '2026-03-02 12:05:00+05:45', '2026-03-02 11:05:00+05:45', true, 3600, 1, 1, 0, 0, 0, 1, 0, 1, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', NULL, NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 7, '\x4b68b80bcdb01dc1d912d8a12335e50783d6828276f59e88bef4d309456b6c5f', '\xbd857dac38a4b14f84948d7502a9724dfe1393cf7bb9659269ea235ebe8c0eea', NULL, 'c9f3e0b4ac752525d5764152cd3a4ac2965c89ea005b16092553a545c951e85b');
INSERT INTO public.sync_runs VALUES (64, 'legacy', 'manual', 'succeeded', '2026-03-02 13:05:00+05:45', '2026-03-02 13:05:00+05:45', '2026-03-02 13:05:00+05:45', '2026-03-02 12:05:00+05:45', true, 3600, 1, 2, 0, 0, 0, 1, 1, 0, 0, 'http://127.0.0.1:8123/v1', 'keyid-1', NULL, NULL, NULL, '0.2.0.dev0', NULL, 0.5, 90000, 8, '\x5b06b27ecb4dad9ecc74ba026acb63fcd9f9624caa132ea09f7706f4abe66c39', '\x862dd24d9c0c4527eb9a132b348a5e430d053b8da961f660d6c0de3cd07b2c88', NULL, 'a5729eb3e9c4704f3888b1eeec8dd72ba1e02c362a5c5347203a05ab8a0038f9');
INSERT INTO public.sync_runs VALUES (69, 'killed', 'manual', 'running', '2026-03-02 05:45:00+05:45', '2026-03-02 05:45:00+05:45', NULL, NULL, false, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'https://api.fal.ai/v1', 'keyid-1', NULL, NULL, NULL, '0.2.0.dev0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
SELECT pg_catalog.setval('public.operator_actions_action_id_seq', 4, true);
SELECT pg_catalog.setval('public.sync_runs_run_id_seq', 69, true);
SELECT pg_catalog.setval('public.typed_id_seq', 1, false);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT pk_accounts PRIMARY KEY (account);
ALTER TABLE ONLY public.calendar
    ADD CONSTRAINT pk_calendar PRIMARY KEY (day);
ALTER TABLE ONLY public.dropped_entries
    ADD CONSTRAINT pk_dropped_entries PRIMARY KEY (log_id, tree, first_index);
ALTER TABLE ONLY public.instance_state
    ADD CONSTRAINT pk_instance_state PRIMARY KEY (account, instance_id);
ALTER TABLE ONLY public.instance_versions
    ADD CONSTRAINT pk_instance_versions PRIMARY KEY (account, instance_id, valid_from);
ALTER TABLE ONLY public.operator_actions
    ADD CONSTRAINT pk_operator_actions PRIMARY KEY (action_id);
ALTER TABLE ONLY public.sync_runs
    ADD CONSTRAINT pk_sync_runs PRIMARY KEY (run_id);
ALTER TABLE ONLY public.typed
    ADD CONSTRAINT pk_typed PRIMARY KEY (id);
CREATE INDEX ix_instance_state_account_presence ON public.instance_state USING btree (account, presence);
CREATE INDEX ix_instance_versions_stretches ON public.instance_versions USING btree (account, instance_id, valid_from) WHERE ((opened_as <> 'changed'::text) OR moved);
CREATE INDEX ix_instance_versions_valid_from_valid_to ON public.instance_versions USING btree (valid_from, valid_to);
CREATE INDEX ix_instance_versions_valid_to ON public.instance_versions USING btree (valid_to) WHERE (valid_to IS NOT NULL);
CREATE INDEX ix_instance_versions_vanished ON public.instance_versions USING btree (account, instance_id, episode) WHERE (closed_as = 'vanished'::text);
CREATE UNIQUE INDEX ix_operator_actions_account_log_index ON public.operator_actions USING btree (account, log_index);
CREATE UNIQUE INDEX ix_sync_runs_account_started_at ON public.sync_runs USING btree (account, started_at);
CREATE UNIQUE INDEX uq_instance_versions_open ON public.instance_versions USING btree (account, instance_id) WHERE (valid_to IS NULL);
CREATE UNIQUE INDEX uq_sync_runs_account_running ON public.sync_runs USING btree (account) WHERE (status = 'running'::text);
ALTER TABLE ONLY public.operator_actions
    ADD CONSTRAINT fk_operator_actions_account FOREIGN KEY (account) REFERENCES public.accounts(account) ON UPDATE CASCADE;
ALTER TABLE ONLY public.sync_runs
    ADD CONSTRAINT fk_sync_runs_account FOREIGN KEY (account) REFERENCES public.accounts(account) ON UPDATE CASCADE;
