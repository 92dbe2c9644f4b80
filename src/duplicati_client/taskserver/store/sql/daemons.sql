-- name: add_daemon
insert into daemons (daemon_id, name, state, level, labels, facts, created_at, has_conflict, code_digest, next_number, version)
values (:daemon_id, :name, :state, :level, :labels, :facts, :now, 0, :code_digest, 1, 1)
returning *;

-- name: take_name
insert into daemon_names (name, daemon_id) values (lower(:name), :daemon_id);

-- name: change_name
update daemon_names set name = lower(:name) where daemon_id = :daemon_id;

-- name: release_name
delete from daemon_names where daemon_id = :daemon_id;

-- name: add_daemon_token
insert into daemon_tokens (digest, daemon_id, created_at, expires_at, successor_of)
values (:digest, :daemon_id, :now, case when :life = 0 then null else :now + :life end, :successor_of);

-- name: find_daemon_by_token
select daemons.*, daemon_tokens.successor_of,
  case when daemon_tokens.expires_at is not null and daemon_tokens.expires_at <= :now then 1 else 0 end as is_expired
from daemon_tokens join daemons on daemons.daemon_id = daemon_tokens.daemon_id
where daemon_tokens.digest = :digest and daemon_tokens.ended_at is null and daemons.state = 'active';

-- name: find_ended_daemon_token
select daemon_tokens.daemon_id from daemon_tokens join daemons on daemons.daemon_id = daemon_tokens.daemon_id
where daemon_tokens.digest = :digest and daemon_tokens.ended_at < :now - :grace
  and (daemon_tokens.expires_at is null or daemon_tokens.expires_at > 0) and daemons.state = 'active';

-- name: note_ended_daemon_token
-- 0: it was found to be shown after its end, which is told once.
update daemon_tokens set expires_at = 0
where digest = :digest and daemon_id = :daemon_id and ended_at is not null and (expires_at is null or expires_at > 0)
returning digest;

-- name: end_daemon_token
update daemon_tokens set ended_at = :now where digest = :digest and ended_at is null returning digest;

-- name: settle_daemon_token
update daemon_tokens set successor_of = null where digest = :digest and successor_of is not null returning digest;

-- name: hold_daemon_token
update daemon_tokens set created_at = created_at where digest = :digest and daemon_id = :daemon_id and ended_at is null returning digest;

-- name: end_daemon_successors
update daemon_tokens set ended_at = :now where successor_of = :digest and ended_at is null;

-- name: end_daemon_tokens
update daemon_tokens set ended_at = :now where daemon_id = :daemon_id and ended_at is null;

-- name: get_daemon
select * from daemons where daemon_id = :daemon_id;

-- name: list_daemons
select daemon_id, name, state, level, labels, facts, created_at, seen_at, instance, has_conflict, null as inventory, inventory_at,
  health, version, lower(name) as sort_name
from daemons where (lower(name), daemon_id) > (:name, :daemon_id) order by lower(name), daemon_id limit :limit;

-- name: find_arrived_daemon
select * from daemons where code_digest = :code_digest and state <> 'revoked';

-- name: touch_daemon
update daemons set level = :level, seen_at = case when seen_at > :now - :ago then seen_at else :now - :ago end
where daemon_id = :daemon_id
returning instance, earlier_instances, has_conflict;

-- name: get_time
select :now as now;

-- name: set_instance
update daemons set instance = :instance, earlier_instances = :earlier_instances, has_conflict = :has_conflict,
  version = version + case when has_conflict = :has_conflict then 0 else 1 end
where daemon_id = :daemon_id;

-- name: choose_instance
update daemons set instance = null, earlier_instances = null, has_conflict = 0, version = version + 1
where daemon_id = :daemon_id
returning *;

-- name: keep_inventory
update daemons set inventory = :inventory, inventory_at = :now where daemon_id = :daemon_id;

-- name: keep_health
update daemons set health = :health where daemon_id = :daemon_id and (health is null or health <> :health);

-- name: change_daemon
update daemons set
  name = coalesce(:name, name), labels = coalesce(:labels, labels), state = coalesce(:state, state), version = version + 1
where daemon_id = :daemon_id and (:version = 0 or version = :version)
returning *;

-- name: end_tasks_of_revoked
update tasks set state = 'cancelled', ended_at = :now, is_cancel_wanted = 1, lease_ends_at = null, version = version + 1
where daemon_id = :daemon_id and state = 'pending'
returning number;

-- name: end_begun_of_revoked
update tasks set state = 'error', ended_at = :now, lease_ends_at = null, outcome = null, result = :result, version = version + 1
where daemon_id = :daemon_id and state in ('pending', 'offered', 'accepted') and state <> 'pending'
returning number;

-- name: admit_approved_daemon
update daemons set code_digest = null where daemon_id = :daemon_id and code_digest = :code_digest and state = 'active' returning *;

-- name: get_daemon_by_name
select * from daemons where lower(name) = lower(:name) and state <> 'revoked';

-- name: count_daemons
select count(*) as found from daemons where state = 'active' and seen_at > :now - :within;
