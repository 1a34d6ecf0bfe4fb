-- Two functions that commits call took advisory locks, which every login of the server may take too: one that only reads could
-- hold commits up for as long as its session lived. Now they lock a table of ours, which needs a right on it. The lock is the
-- one that ATTACH takes in any case; it lets readers and writers through, and waits for ANALYZE and VACUUM at most.
-- +goose Up
-- +goose StatementBegin
create or replace function tracetally.ensure_ledger_day(day date)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
    name text := 'ledger_' || to_char(day, 'YYYYMMDD');
    lower timestamptz := day::timestamp at time zone 'UTC';
    upper timestamptz := (day + 1)::timestamp at time zone 'UTC';
    attached boolean;
begin
    for turn in 1..2 loop
        if lower < (select ts from tracetally.horizon) then
            return false;
        end if;
        select exists (
            select from pg_inherits
            where inhparent = 'tracetally.ledger'::regclass and inhrelid = to_regclass('tracetally.' || quote_ident(name))
              and not inhdetachpending
        ) into attached;
        if attached then
            return true;
        end if;
        if turn = 1 then -- one at a time, and look again: another may have made it, or the horizon may have moved
            lock table only tracetally.ledger in share update exclusive mode;
        end if;
    end loop;
    execute format('create table tracetally.%I (like tracetally.ledger including all)', name);
    execute format('alter table tracetally.%I add constraint day check (time >= %L and time < %L)', name, lower, upper);
    execute format('alter table tracetally.ledger attach partition tracetally.%I for values from (%L) to (%L)',
                   name, lower, upper);
    execute format('alter table tracetally.%I drop constraint day', name);
    execute format('revoke all on tracetally.%I from public', name);
    return true;
end
$$;

create or replace function tracetally.admit(dim text, vals text[], cap integer)
returns setof text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    -- One at a time, or two workers fill the last place twice. The lock ends with this statement's transaction.
    lock table tracetally.dimension_value in share update exclusive mode;
    insert into tracetally.dimension_value (dimension, value)
    select dim, v.value
    from (select distinct unnest(vals) as value) v
    where not exists (select from tracetally.dimension_value d where d.dimension = dim and d.value = v.value)
    order by v.value
    limit greatest(0, cap - (select count(*) from tracetally.dimension_value d where d.dimension = dim));
    return query
    select d.value from tracetally.dimension_value d where d.dimension = dim and d.value = any (vals);
end
$$;
-- +goose StatementEnd
