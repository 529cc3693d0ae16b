-- GPU hours, at least, by week (from Monday, UTC), account and creator of the presence.
-- Hours count for the type that the instance had at that time, up to the time at which it was last seen.
with stays as (
    select
        v.account, e.creator_user_nickname, v.gpu_count, v.valid_from as began,
        case v.closed_as
            when 'changed' then v.valid_to
            when 'vanished' then v.last_seen_at
            else i.last_seen_at
        end as ended
    from {{ source('inventory', 'instance_versions') }} as v
    join {{ source('inventory', 'instance_episodes') }} as e using (account, instance_id, episode)
    join {{ source('inventory', 'instances') }} as i using (account, instance_id)
),

days as (
    select week, day, day::timestamp at time zone 'UTC' as began, (day + 1)::timestamp at time zone 'UTC' as ended
    from {{ source('inventory', 'calendar') }}
),

parts as (
    select
        d.week, s.account, s.creator_user_nickname, s.gpu_count,
        extract(epoch from least(s.ended, d.ended) - greatest(s.began, d.began)) / 3600 as hours
    from stays as s
    join days as d
        on d.day between (s.began at time zone 'UTC')::date and (s.ended at time zone 'UTC')::date
    where s.ended > s.began
)

select
    week, account, creator_user_nickname,
    sum(hours)::double precision as hours,
    sum(hours * gpu_count)::double precision as gpu_hours
from parts
group by week, account, creator_user_nickname
