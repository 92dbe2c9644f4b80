-- name: offer_tasks
with picked as materialized (
  select number from tasks
  where daemon_id = :daemon_id and number > :after and is_cancel_wanted = 0
    and (state = 'pending' or (state = 'offered' and lease_ends_at <= :now))
  order by number limit :limit for update skip locked
)
update tasks set state = 'offered', offers_count = offers_count + case when :lease > 0 then 1 else 0 end, offered_at = :now,
  lease_ends_at = :now + :lease, version = version + 1
from picked where tasks.daemon_id = :daemon_id and tasks.number = picked.number
returning tasks.*;

-- name: list_expired
select daemon_id, number from tasks where state = 'pending' and expires_at <= :now order by expires_at limit :limit;
