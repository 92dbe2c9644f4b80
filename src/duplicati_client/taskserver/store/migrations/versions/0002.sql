create table audit_waiting (
  entry_id text primary key,
  at bigint not null,
  actor text not null,
  action text not null,
  subject text not null,
  details text not null
);
insert into audit_head (head, number, sum) values (0, 0, '');
insert into settings (name, value) values ('version', '1');
create index daemons_by_visit on daemons (seen_at) where state = 'active';
