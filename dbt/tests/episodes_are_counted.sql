-- The number of episodes of an instance is that of the newest one. `prune` keeps the number and may fold the episodes.
select i.account, i.instance_id, i.episodes, max(e.episode) as newest
from {{ source('inventory', 'instances') }} as i
join {{ source('inventory', 'instance_episodes') }} as e using (account, instance_id)
group by i.account, i.instance_id, i.episodes
having i.episodes <> max(e.episode)
