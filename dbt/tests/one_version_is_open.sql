-- An instance that is live or missing has one open version, and a vanished one has none.
select i.account, i.instance_id, i.presence, count(v.instance_id) as open_versions
from {{ source('inventory', 'instances') }} as i
left join {{ source('inventory', 'instance_versions') }} as v
    on v.account = i.account and v.instance_id = i.instance_id and v.valid_to is null
group by i.account, i.instance_id, i.presence
having count(v.instance_id) <> case i.presence when 'vanished' then 0 else 1 end
