-- name: add_user
insert into users (name, password, role, scope, created_at, is_disabled, version)
values (:name, :password, :role, :scope, :now, 0, 1);

-- name: get_user
select * from users where name = :name;

-- name: list_users
select * from users order by name limit 10000;

-- name: change_user
update users set role = :role, scope = :scope, is_disabled = :is_disabled, password = coalesce(:password, password), version = version + 1
where name = :name and version = :version
returning *;

-- name: remove_user
delete from users where name = :name returning name;

-- name: lock_administrators
update users set version = version where role = 'administrator' and is_disabled = 0 and scope = '{}' returning name;

-- name: add_token
insert into tokens (token_id, digest, user_name, role, scope, note, created_at, expires_at)
values (:token_id, :digest, :user_name, :role, :scope, :note, :now, :expires_at);

-- name: find_token
select * from tokens where digest = :digest and (expires_at is null or expires_at > :now);

-- name: use_token
update tokens set used_at = :now where digest = :digest and (used_at is null or used_at < :now - 60000);

-- name: list_tokens
select * from tokens where expires_at is null or expires_at > :now order by created_at, token_id limit 10000;

-- name: list_tokens_of_user
select * from tokens where user_name = :user_name and (expires_at is null or expires_at > :now) order by created_at, token_id limit 10000;

-- name: remove_token
delete from tokens where token_id = :token_id returning token_id;

-- name: remove_tokens_of_user
delete from tokens where user_name = :user_name;

-- name: remove_other_tokens
delete from tokens where user_name = :user_name and token_id <> :token_id;

-- name: forget_tokens
delete from tokens where expires_at <= :now;

-- name: note_failure
insert into failures (failure_id, subject, failed_at) values (:failure_id, :subject, :now);

-- name: count_failures
select count(*) as found, max(failed_at) as last_at from failures where subject = :subject and failed_at > :now - :within;

-- name: forget_failures
delete from failures where subject = :subject or failed_at < :now - 86400000;
