-- The fleet as it was at the start of a day (UTC): one row for each instance that was there.
with moment as (
    select
        {% if var('as_of') %}'{{ var("as_of") }}'::date{% else %}(now() at time zone 'UTC')::date{% endif %} as day
)

select
    m.day, v.account, v.instance_id, v.instance_type, v.gpu_count, v.gpu_model, v.region, v.sector, v.status,
    v.creator_user_nickname, v.valid_from
from {{ source('inventory', 'instance_versions') }} as v
cross join moment as m
where v.valid_from <= m.day::timestamp at time zone 'UTC'
    and (v.valid_to is null or v.valid_to > m.day::timestamp at time zone 'UTC')
