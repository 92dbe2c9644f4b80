-- name: add_code
insert into codes (code_id, digest, created_at, created_by, expires_at, uses_left, name, labels, needs_approval)
values (:code_id, :digest, :now, :created_by, :expires_at, :uses_left, :name, :labels, :needs_approval);

-- name: use_code
update codes set uses_left = uses_left - 1 where digest = :digest and uses_left > 0 and expires_at > :now returning *;

-- name: note_spent_code
-- -1: it was found to be used again, which is told once.
update codes set uses_left = -1 where digest = :digest and uses_left = 0 returning code_id;

-- name: list_codes
select * from codes where uses_left > 0 and expires_at > :now order by created_at;

-- name: revoke_code
update codes set uses_left = 0 where code_id = :code_id and uses_left > 0 returning code_id;

-- name: forget_codes
delete from codes where code_id in (select code_id from codes where expires_at < :now - :kept limit :limit) returning code_id;

-- name: forget_daemon_tokens
delete from daemon_tokens where digest in (select digest from daemon_tokens where ended_at < :now - :kept limit :limit) returning digest;

-- name: forget_old_failures
delete from failures where failure_id in (select failure_id from failures where failed_at < :now - 86400000 limit :limit)
returning failure_id;
