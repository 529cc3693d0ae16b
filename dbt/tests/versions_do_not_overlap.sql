-- Two versions of one instance never hold at the same time.
select account, instance_id, valid_from, valid_to, following
from (
    select
        account, instance_id, valid_from, valid_to,
        lead(valid_from) over (partition by account, instance_id order by valid_from) as following
    from {{ source('inventory', 'instance_versions') }}
) as versions
where following is not null and (valid_to is null or valid_to > following)
