-- What retention has to remember, and a way out for a partition that nobody reads any more. A new table, and a new column with
-- a constant default: the locks are held for a moment, whatever the size.
-- +goose Up
alter table tracetally.progress add column unattended interval not null default '0';
comment on column tracetally.progress.unattended is
    'for how long the pipeline worked while this partition was halted or untouched; from one retention on it no longer holds the horizon';
comment on column tracetally.progress.watermark is
    'the latest time from which on a whole commit''s records were, by their timestamps; never ahead of the clock';
alter table tracetally.horizon add column looked_at timestamptz;
comment on column tracetally.horizon.looked_at is 'when a worker last tried to move it';

-- Moves the horizon to the UTC midnight one retention behind the slowest partition. A partition that has shown no time yet
-- holds it back altogether; one that is halted, or that nobody acquired, committed or found caught up, stops holding it after
-- one retention. What counts towards that is time in which the pipeline worked, an hour at a time at most: after an outage
-- nobody has lost anything, however long it was, because the partitions that are acquired again start from nothing.
-- Security definer: the worker moves the horizon by this rule and by no other. Of the worker's clock and the server's the
-- earlier one holds: a worker whose clock is days ahead would make everything late, for good.
-- +goose StatementBegin
create or replace function tracetally.advance_horizon(retention interval, clock timestamptz)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    elapsed interval;
begin
    if retention < interval '1 day' then -- of 0, or of less, everything would be late, and be dropped
        raise exception 'a retention is at least a day' using errcode = 'invalid_parameter_value';
    end if;
    clock := least(clock, now());
    -- Workers come here one after the other. None of them holds a lock that a commit could wait for while it waits here.
    select greatest('0', least(coalesce(clock - h.looked_at, '0'), '1 hour')) into elapsed from tracetally.horizon h for update;
    update tracetally.horizon set looked_at = greatest(looked_at, clock);

    with l as materialized (
        select p.id, p.status <> 'running' or greatest(p.updated_at, p.caught_up_at) < clock - interval '1 hour' as alone
        from tracetally.progress p
        where p.status <> 'running' or greatest(p.updated_at, p.caught_up_at) < clock - interval '1 hour' or p.unattended > '0'
        order by p.id
        for update skip locked
    )
    update tracetally.progress p
    set unattended = case when l.alone then least(p.unattended + elapsed, '100 years') else '0' end
    from l
    where p.id = l.id;

    with hold as (
        select case
            when p.unattended >= retention then clock
            else least(clock, coalesce(greatest(p.watermark, p.caught_up_at), '-infinity'))
        end as ts
        from tracetally.progress p
    ), target as (
        select date_trunc('day', min(ts) - retention, 'UTC') as ts from hold
    )
    update tracetally.horizon h
    set ts = target.ts
    from target
    where target.ts > coalesce(h.ts, '-infinity');
end
$$;
-- +goose StatementEnd

create or replace view tracetally.partition_progress as
select topic, partition, status, owner, start_offset, next_offset, counted, duplicate, late, quarantined, ignored, gap,
       events_new, events_duplicate, events_late, events_conflicting, watermark, incarnation, caught_up_at, updated_at, unattended
from tracetally.progress;

create table tracetally.retired_partition (
    name text not null,
    relation oid not null,
    upper timestamptz not null,
    marked_at timestamptz not null default now(),
    constraint retired_partition_pkey primary key (name)
);
comment on table tracetally.retired_partition is
    'Partitions of the ledger that retention set out to drop, written before they are detached: what is detached and not here is not dropped.';
comment on column tracetally.retired_partition.name is 'name of the table in the schema tracetally';
comment on column tracetally.retired_partition.relation is 'its oid: a table that took its name later is another one';
comment on column tracetally.retired_partition.upper is 'end of its range; it was at or before the horizon';
comment on column tracetally.retired_partition.marked_at is 'when retention came to it';

create table tracetally.retention (
    one boolean not null default true,
    succeeded_at timestamptz,
    constraint retention_pkey primary key (one),
    constraint retention_one_row check (one)
);
comment on table tracetally.retention is 'One row: what retention last did.';
comment on column tracetally.retention.one is 'always true';
comment on column tracetally.retention.succeeded_at is 'when everything before the horizon was last found gone';
insert into tracetally.retention default values;

-- Deletes at most so many of the oldest rows of a tier's rollups, and says how many. Never a row of the day before the horizon
-- or later: what lies there still changes, or will be compared with what does. So the role that runs retention needs no right
-- on the rollups.
-- +goose StatementBegin
create function tracetally.delete_old_rollups(tier text, bound timestamptz, slice integer)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    what text;
    deleted bigint := 0;
    n bigint;
begin
    if tier not in ('1m', '1h', '1d') then
        raise exception 'no such tier' using errcode = 'invalid_parameter_value';
    end if;
    bound := least(bound, (select coalesce(h.ts - interval '1 day', '-infinity') from tracetally.horizon h));
    foreach what in array array['calls', 'errors'] loop
        execute format(
            'delete from tracetally.%1$I where ctid = any (array(
                 select ctid from tracetally.%1$I where time < $1 order by time limit $2 for update skip locked))',
            'rollup_' || what || '_' || tier)
        using bound, slice;
        get diagnostics n = row_count;
        deleted := deleted + n;
    end loop;
    return deleted;
end
$$;
-- +goose StatementEnd
comment on function tracetally.delete_old_rollups is 'deletes old rows of a tier, at most so many of each table; returns how many';

revoke all on all tables in schema tracetally from public;
revoke all on function tracetally.advance_horizon, tracetally.delete_old_rollups from public;

grant select, insert, update, delete on tracetally.retired_partition to tracetally_retention;
grant select, update (succeeded_at) on tracetally.retention to tracetally_retention;
grant select (unattended) on tracetally.progress to tracetally_retention;
grant execute on function tracetally.delete_old_rollups to tracetally_retention;
grant select on tracetally.retired_partition, tracetally.retention to tracetally_writer; -- to show how things stand
