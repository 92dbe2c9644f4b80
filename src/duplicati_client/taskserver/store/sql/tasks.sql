-- Where a condition on the state is told twice, SQLite finds the index of few rows by its words.

-- name: take_numbers
update daemons set next_number = next_number + :count where daemon_id = :daemon_id and state <> 'revoked'
returning next_number - :count as first_number, :now as taken_at;

-- name: count_open_tasks
select count(*) as found from (
  select 1 from tasks where daemon_id = :daemon_id and state in ('pending', 'offered', 'accepted') limit :ceiling
) as counted;

-- name: add_task
insert into tasks (daemon_id, number, content, state, attempt, offers_count, created_at, created_by, expires_at, is_cancel_wanted, version)
values (:daemon_id, :number, :content, :state, :attempt, :offers_count, :created_at, :created_by, :expires_at, :is_cancel_wanted, :version);

-- name: offer_tasks
update tasks set state = 'offered', offers_count = offers_count + case when :lease > 0 then 1 else 0 end, offered_at = :now,
  lease_ends_at = :now + :lease, version = version + 1
where daemon_id = :daemon_id and number in (
  select number from tasks
  where daemon_id = :daemon_id and number > :after and is_cancel_wanted = 0 and state in ('pending', 'offered', 'accepted')
    and (state = 'pending' or (state = 'offered' and lease_ends_at <= :now))
  order by number limit :limit
)
returning *;

-- name: attend
select
  exists (select 1 from tasks where daemon_id = :daemon_id and is_cancel_wanted = 0 and state in ('pending', 'offered', 'accepted')
          and (state = 'pending' or (state = 'offered' and lease_ends_at <= :now))) as has_pending,
  exists (select 1 from tasks where daemon_id = :daemon_id and is_cancel_wanted = 0
          and state in ('pending', 'offered', 'accepted') and state = 'offered') as has_offered;

-- name: attend_all
select distinct daemon_id from tasks
where is_cancel_wanted = 0 and state in ('pending', 'offered') and (state = 'pending' or (state = 'offered' and lease_ends_at <= :now));

-- name: accept_task
update tasks set state = 'accepted', accepted_at = :now, lease_ends_at = null, version = version + 1
where daemon_id = :daemon_id and number = :number and state in ('pending', 'offered') and (attempt = :attempt or :attempt = 0)
returning number;

-- name: end_task
update tasks set state = :state, ended_at = :now, lease_ends_at = null, outcome = :outcome, result = :result, result_digest = :digest,
  version = version + 1
where daemon_id = :daemon_id and number = :number and state in ('pending', 'offered', 'accepted') and (attempt = :attempt or :attempt = 0)
returning number;

-- name: get_task
select * from tasks where daemon_id = :daemon_id and number = :number;

-- name: keep_result
insert into results (result_id, daemon_id, task_id, attempt, status, recorded, received_at, data)
values (:result_id, :daemon_id, :task_id, :attempt, :status, :recorded, :now, :data);

-- name: list_results
select * from results where daemon_id = :daemon_id and task_id = :task_id order by received_at, result_id limit 100;

-- name: keep_progress
update tasks set progress = :progress, version = version + 1
where daemon_id = :daemon_id and number = :number and state = 'accepted';

-- name: list_cancels
select number from tasks where daemon_id = :daemon_id and is_cancel_wanted = 1
  and state in ('pending', 'offered', 'accepted') and state <> 'pending' order by number limit 1000;

-- name: cancel_waiting_task
update tasks set state = 'cancelled', ended_at = :now, is_cancel_wanted = 1, lease_ends_at = null, version = version + 1
where daemon_id = :daemon_id and number = :number and state = 'pending'
returning *;

-- name: want_cancel
update tasks set is_cancel_wanted = 1, version = version + 1
where daemon_id = :daemon_id and number = :number and state in ('offered', 'accepted') and is_cancel_wanted = 0
returning *;

-- name: reassign_task
update tasks set state = 'pending', attempt = attempt + 1, offers_count = 0, offered_at = null, accepted_at = null, lease_ends_at = null,
  is_cancel_wanted = 0, progress = null, version = version + 1
where daemon_id = :daemon_id and number = :number and state in ('pending', 'offered', 'accepted')
returning *;

-- name: list_expired
select daemon_id, number from tasks indexed by tasks_expiring
where state = 'pending' and expires_at is not null and expires_at <= :now order by expires_at limit :limit;

-- name: expire_task
update tasks set state = 'expired', ended_at = :now, version = version + 1
where daemon_id = :daemon_id and number = :number and state = 'pending' and expires_at <= :now;

-- name: list_poisonous
select daemon_id, number from tasks
where state in ('pending', 'offered') and state = 'offered' and lease_ends_at <= :now
  and offers_count >= :ceiling and is_cancel_wanted = 0 limit :limit;

-- name: poison_task
update tasks set state = 'error', ended_at = :now, lease_ends_at = null, outcome = null, result = :result, version = version + 1
where daemon_id = :daemon_id and number = :number and state = 'offered' and lease_ends_at <= :now
  and offers_count >= :ceiling and is_cancel_wanted = 0;

-- name: list_ended_cancels
select daemon_id, number from tasks
where state in ('pending', 'offered') and state = 'offered' and lease_ends_at <= :now and is_cancel_wanted = 1 limit :limit;

-- name: end_cancelled_task
update tasks set state = 'cancelled', ended_at = :now, lease_ends_at = null, version = version + 1
where daemon_id = :daemon_id and number = :number and state = 'offered' and lease_ends_at <= :now and is_cancel_wanted = 1;

-- name: forget_tasks
delete from tasks where (daemon_id, number) in (
  select daemon_id, number from tasks where ended_at < :now - :kept order by ended_at limit :limit
)
returning daemon_id;

-- name: forget_results
delete from results where (daemon_id, result_id) in (
  select daemon_id, result_id from results where received_at < :now - :kept limit :limit
)
returning daemon_id;

-- name: list_daemons_of_many_results
select daemon_id from results group by daemon_id having count(*) > :most order by daemon_id limit 20;

-- name: cut_results
delete from results where daemon_id = :daemon_id and result_id in (
  select result_id from results where daemon_id = :daemon_id order by received_at desc, result_id limit :limit offset :most
)
returning result_id;

-- name: list_tasks
select daemon_id, number, content, state, attempt, offers_count, created_at, created_by, expires_at, offered_at, lease_ends_at,
  accepted_at, ended_at, is_cancel_wanted, outcome, progress, null as result, version
from tasks
where (created_at, daemon_id, number) < (:created_at, :daemon_id, :number)
order by created_at desc, daemon_id desc, number desc limit :limit;

-- name: list_tasks_in_state
select daemon_id, number, content, state, attempt, offers_count, created_at, created_by, expires_at, offered_at, lease_ends_at,
  accepted_at, ended_at, is_cancel_wanted, outcome, progress, null as result, version
from tasks
where state = :state and (created_at, daemon_id, number) < (:created_at, :daemon_id, :number)
order by created_at desc, daemon_id desc, number desc limit :limit;

-- name: list_tasks_of_daemon
select daemon_id, number, content, state, attempt, offers_count, created_at, created_by, expires_at, offered_at, lease_ends_at,
  accepted_at, ended_at, is_cancel_wanted, outcome, progress, null as result, version
from tasks
where daemon_id = :daemon_id and number < :number
order by number desc limit :limit;
