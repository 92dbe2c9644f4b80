-- What SQLite calls max() of two is greatest() here; with it instead of a case, tables may be spread over machines.

-- name: touch_daemon
update daemons set level = :level, seen_at = greatest(seen_at, :now - :ago)
where daemon_id = :daemon_id
returning instance, earlier_instances, has_conflict;
