-- name: get_setting
select value from settings where name = :name;

-- name: list_settings
select name, value from settings order by name;

-- name: change_version
update settings set value = cast(cast(value as bigint) + 1 as text)
where name = 'version' and (:version = 0 or cast(value as bigint) = :version)
returning value;

-- name: set_setting
insert into settings (name, value) values (:name, :value) on conflict (name) do update set value = excluded.value;

-- name: add_setting
insert into settings (name, value) values (:name, :value) on conflict (name) do nothing returning value;

-- name: claim_answer
insert into answers (actor, key, digest, status, body, created_at) values (:actor, :key, :digest, 0, '', :now)
on conflict (actor, key) do nothing
returning key;

-- name: get_answer
select * from answers where actor = :actor and key = :key and created_at >= :now - 86400000;

-- name: keep_answer
update answers set status = :status, body = :body where actor = :actor and key = :key;

-- name: drop_answer
delete from answers where actor = :actor and key = :key and status = 0;

-- name: forget_answers
delete from answers where created_at < :now - 86400000;
