create table daemons (
  daemon_id text primary key,
  name text not null,
  state text not null,
  level integer not null,
  labels text not null,
  facts text not null,
  created_at bigint not null,
  seen_at bigint,
  instance text,
  earlier_instances text,
  has_conflict integer not null,
  inventory text,
  inventory_at bigint,
  health text,
  code_digest text,
  next_number bigint not null,
  version bigint not null
);
create index daemons_by_name on daemons (lower(name), daemon_id);

-- Who has which name now, apart from the daemons so that these may be spread over machines by their key.
create table daemon_names (
  name text primary key,
  daemon_id text not null unique
);

create table daemon_tokens (
  digest text not null,
  daemon_id text not null references daemons (daemon_id),
  created_at bigint not null,
  expires_at bigint,
  successor_of text,
  ended_at bigint,
  primary key (digest, daemon_id)
);
create index daemon_tokens_of_daemon on daemon_tokens (daemon_id);

create table tasks (
  daemon_id text not null references daemons (daemon_id),
  number bigint not null,
  content text not null,
  state text not null,
  attempt integer not null,
  offers_count integer not null,
  created_at bigint not null,
  created_by text not null,
  expires_at bigint,
  offered_at bigint,
  lease_ends_at bigint,
  accepted_at bigint,
  ended_at bigint,
  is_cancel_wanted integer not null,
  outcome text,
  progress text,
  result text,
  result_digest text,
  version bigint not null,
  primary key (daemon_id, number)
);
create index tasks_waiting on tasks (daemon_id, number) where state in ('pending', 'offered', 'accepted');
create index tasks_unanswered on tasks (state, lease_ends_at, daemon_id) where state in ('pending', 'offered');
create index tasks_expiring on tasks (expires_at) where state = 'pending' and expires_at is not null;
create index tasks_by_age on tasks (created_at, daemon_id, number);
create index tasks_by_state on tasks (state, created_at, daemon_id, number);
create index tasks_by_end on tasks (ended_at) where ended_at is not null;

create table results (
  result_id text not null,
  daemon_id text not null,
  task_id text not null,
  attempt integer,
  status text not null,
  recorded text not null,
  received_at bigint not null,
  data text not null,
  primary key (daemon_id, result_id)
);
create index results_of_task on results (daemon_id, task_id);
create index results_by_age on results (received_at);

create table codes (
  code_id text primary key,
  digest text not null unique,
  created_at bigint not null,
  created_by text not null,
  expires_at bigint not null,
  uses_left integer not null,
  name text,
  labels text not null,
  needs_approval integer not null
);

create table users (
  name text primary key,
  password text,
  role text not null,
  scope text not null,
  created_at bigint not null,
  is_disabled integer not null,
  version bigint not null
);

create table tokens (
  token_id text primary key,
  digest text not null unique,
  user_name text not null references users (name) on delete cascade,
  role text not null,
  scope text not null,
  note text not null,
  created_at bigint not null,
  expires_at bigint,
  used_at bigint
);

create table failures (
  subject text not null,
  failed_at bigint not null,
  failure_id text primary key
);
create index failures_of_subject on failures (subject, failed_at);

create table audit (
  number bigint primary key,
  at bigint not null,
  actor text not null,
  action text not null,
  subject text not null,
  details text not null,
  sum text not null
);

create table audit_head (
  head integer primary key,
  number bigint not null,
  sum text not null
);
insert into audit_head (head, number, sum) values (1, 0, '');

create table settings (
  name text primary key,
  value text not null
);

create table answers (
  actor text not null,
  key text not null,
  digest text not null,
  status integer not null,
  body text not null,
  created_at bigint not null,
  primary key (actor, key)
);
create index answers_by_age on answers (created_at);
