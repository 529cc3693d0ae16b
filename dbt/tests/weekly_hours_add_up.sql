-- The hours by week are those by day. (After a prune, days before it are coarser; the sums stay.)
with weekly as (
    select account, sum(hours) as hours, sum(gpu_hours) as gpu_hours
    from {{ ref('gpu_hours_weekly') }}
    group by account
),

daily as (
    select account, sum(hours) as hours, sum(gpu_hours) as gpu_hours
    from {{ source('inventory', 'fleet_daily') }}
    group by account
)

select account, weekly.hours, daily.hours as hours_by_day, weekly.gpu_hours, daily.gpu_hours as gpu_hours_by_day
from weekly
full join daily using (account)
where abs(coalesce(weekly.hours, 0) - coalesce(daily.hours, 0)) > 0.001 * greatest(1, daily.hours)
    or abs(coalesce(weekly.gpu_hours, 0) - coalesce(daily.gpu_hours, 0)) > 0.001 * greatest(1, daily.gpu_hours)
