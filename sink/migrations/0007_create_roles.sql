-- Who may do what. The roles are there before this runs (sink/roles.go makes them; docs/access.md shows the statements).
-- Locks every table for moments, without reading it; it waits for transactions in progress, a worker's take under 30 s.
--
-- Rule for every later migration. It runs as tracetally_owner, so what it creates belongs to that role, and nobody else has
-- a right on it. It grants what the worker uses to tracetally_writer (see below for how little that is), and views of the
-- contract to grafana_ro. The ledger, its partitions, join_entry and the functions that make partitions are altered to
-- belong to tracetally_retention, which detaches and drops them. TestOwnersAndRights lists all of it: a new object or right
-- that is not on its list fails it.
-- +goose Up
alter default privileges revoke execute on functions from public;
alter default privileges revoke usage on types from public;
alter default privileges for role tracetally_retention revoke execute on functions from public;
alter default privileges for role tracetally_retention revoke usage on types from public;

revoke all on schema tracetally from public;
revoke all on all tables in schema tracetally from public;
revoke all on all sequences in schema tracetally from public;
revoke all on all routines in schema tracetally from public;
grant usage on schema tracetally to tracetally_writer, grafana_ro;
grant usage, create on schema tracetally to tracetally_retention; -- create: it makes partitions of what it owns

-- The worker. It cannot delete, truncate or define anything, cannot rename a partition of Kafka or move the horizon by hand,
-- and reads of the ledger what decides what is new.
grant select on tracetally.schema_migration, tracetally.horizon to tracetally_writer;
grant select,
      insert (topic, partition, start_offset, next_offset, cluster_id, status),
      update (status, owner, owner_token, epoch, start_offset, next_offset, counted, duplicate, late, quarantined, ignored,
              gap, events_new, events_duplicate, events_late, events_conflicting, watermark, caught_up_at, last_commit,
              leader_epoch, anchor_offset, anchor_hash, acquired_at, updated_at)
    on tracetally.progress to tracetally_writer;
grant select, insert, update (to_offset, size_bytes, sha256) on tracetally.quarantined to tracetally_writer;
grant select, insert, update (to_offset) on tracetally.gap to tracetally_writer;
grant select, insert on tracetally.series, tracetally.error_series to tracetally_writer;
grant select (time, event_id, content_hash), insert on tracetally.ledger to tracetally_writer;
grant select, insert, update on
    tracetally.rollup_calls_1m, tracetally.rollup_calls_1h, tracetally.rollup_calls_1d,
    tracetally.rollup_errors_1m, tracetally.rollup_errors_1h, tracetally.rollup_errors_1d, tracetally.error_group
    to tracetally_writer;
grant usage on type tracetally.ledger_in, tracetally.calls_in, tracetally.errors_in, tracetally.error_group_in to tracetally_writer;
alter function tracetally.admit security definer;
alter function tracetally.advance_horizon security definer;
grant execute on function tracetally.admit, tracetally.advance_horizon, tracetally.ensure_ledger_day to tracetally_writer;

-- Retention. It owns the ledger, moves the horizon, and sees what holds it.
grant select on tracetally.schema_migration, tracetally.horizon, tracetally.partition_progress to tracetally_retention;
grant execute on function tracetally.advance_horizon to tracetally_retention;
-- +goose StatementBegin
do $$
declare
    part regclass;
begin
    for part in select inhrelid::regclass from pg_inherits where inhparent = 'tracetally.ledger'::regclass loop
        execute format('alter table %s owner to tracetally_retention', part);
    end loop;
end
$$;
-- +goose StatementEnd
alter table tracetally.ledger owner to tracetally_retention;
alter function tracetally.ensure_ledger_day owner to tracetally_retention;

-- Dashboards. Views run with the rights of their owner, so no table is open. security_barrier: failures leaves rows out, and
-- no condition of a reader may see them before they are left out.
alter view tracetally.failures set (security_barrier);
grant select on
    tracetally.calls_1m, tracetally.calls_1h, tracetally.calls_1d,
    tracetally.errors_1m, tracetally.errors_1h, tracetally.errors_1d,
    tracetally.error_groups, tracetally.failures, tracetally.usage_1h,
    tracetally.partition_progress, tracetally.quarantine, tracetally.gaps
    to grafana_ro;
grant execute on function tracetally.quantile to grafana_ro;
