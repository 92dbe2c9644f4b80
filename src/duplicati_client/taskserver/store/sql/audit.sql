-- name: await_audit
insert into audit_waiting (entry_id, at, actor, action, subject, details) values (:entry_id, :now, :actor, :action, :subject, :details);

-- name: has_waiting_audit
select 1 as found from audit_waiting limit 1;

-- name: list_waiting_audit
select * from audit_waiting order by entry_id limit :limit;

-- name: forget_waiting_audit
delete from audit_waiting where entry_id = :entry_id;

-- name: hold_audit_head
update audit_head set number = number where head = :head;

-- name: add_audit
insert into audit (number, at, actor, action, subject, details, sum) values (:number, :at, :actor, :action, :subject, :details, :sum);

-- name: set_audit_head
update audit_head set number = :number, sum = :sum where head = :head;

-- name: get_audit_head
select number, sum from audit_head where head = :head;

-- name: list_audit
select * from audit where number < :number order by number desc limit :limit;

-- name: list_audit_from
select * from audit where number > :number order by number limit :limit;

-- name: list_old_audit
select number, sum, case when at < :now - :kept then 1 else 0 end as is_old from audit where number > :number order by number limit :limit;

-- name: cut_audit
delete from audit where number <= :number;
