-- The dimensions, once each. New tables: no lock is held long.
-- +goose Up
create table tracetally.series (
    id bigint not null,
    environment text not null,
    service text not null,
    provider text not null,
    model text not null,
    operation text not null,
    prompt_name text not null,
    prompt_version text not null,
    task_type text not null,
    input_length_bucket text not null,
    constraint series_pkey primary key (id)
);
comment on table tracetally.series is
    'Combinations of dimensions. The id is 64 bits of a hash of the row, so every worker finds it alone; '''' is unknown.';
comment on column tracetally.series.id is 'first 8 bytes of SHA-256 over the length-prefixed values';
comment on column tracetally.series.environment is 'as the producer or the configuration says';
comment on column tracetally.series.service is 'as the producer or the configuration says';
comment on column tracetally.series.provider is 'normalised';
comment on column tracetally.series.model is 'normalised';
comment on column tracetally.series.operation is 'chat, completion, embedding, rerank, image, audio, other';
comment on column tracetally.series.prompt_name is 'as sent';
comment on column tracetally.series.prompt_version is 'as sent';
comment on column tracetally.series.task_type is 'as sent';
comment on column tracetally.series.input_length_bucket is 'length of the whole prompt';

create table tracetally.error_series (
    id bigint not null,
    series_id bigint not null,
    category text not null,
    reason text not null,
    error_code text not null,
    http_status integer not null,
    retryable boolean not null,
    step text not null,
    linked text not null,
    constraint error_series_pkey primary key (id),
    constraint error_series_series foreign key (series_id) references tracetally.series (id),
    constraint error_series_linked check (linked in ('call', 'trace', 'none'))
);
comment on table tracetally.error_series is 'Combinations of dimensions of failures and exceptions, on top of a series.';
comment on column tracetally.error_series.id is 'first 8 bytes of SHA-256 over the length-prefixed values';
comment on column tracetally.error_series.series_id is 'series.id';
comment on column tracetally.error_series.category is 'one of the five categories';
comment on column tracetally.error_series.reason is 'slug of the closed list';
comment on column tracetally.error_series.error_code is 'HTTP status or provider code';
comment on column tracetally.error_series.http_status is 'HTTP status, 0 when there is none or none between 100 and 599';
comment on column tracetally.error_series.retryable is 'whether trying again can help';
comment on column tracetally.error_series.step is 'step or tool name of the trace';
comment on column tracetally.error_series.linked is 'call: of a failed call; trace: of a trace; none: by itself';

create table tracetally.dimension_value (
    dimension text not null,
    value text not null,
    constraint dimension_value_pkey primary key (dimension, value)
);
comment on table tracetally.dimension_value is 'Values that were admitted before their dimension reached its cap.';
comment on column tracetally.dimension_value.dimension is 'name of the dimension';
comment on column tracetally.dimension_value.value is 'an admitted value; what is not here counts as __other__';

-- +goose StatementBegin
create function tracetally.admit(dim text, vals text[], cap integer)
returns setof text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- One at a time per dimension, or two workers fill the last place twice. The lock ends with this statement's transaction.
    perform pg_advisory_xact_lock(hashtextextended('tracetally.dimension.' || dim, 0));
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
comment on function tracetally.admit is 'admits values to a dimension up to its cap and returns those that are in';
revoke all on function tracetally.admit from public;
revoke all on all tables in schema tracetally from public;
