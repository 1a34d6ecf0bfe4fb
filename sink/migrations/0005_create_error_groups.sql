-- Groups of failures of one cause, and the failures one by one. New tables: no lock is held long.
-- +goose Up
create table tracetally.error_group (
    fingerprint text not null,
    category text not null,
    reason text not null,
    error_type text not null,
    message text not null,
    first_time timestamptz not null,
    first_event_id bytea not null,
    last_time timestamptz not null,
    events bigint not null,
    constraint error_group_pkey primary key (fingerprint)
) with (fillfactor = 70);
comment on table tracetally.error_group is
    'One row per fingerprint. Category, reason, type and message are those of its earliest event, whatever the order of arrival.';
comment on column tracetally.error_group.fingerprint is 'v1: and 16 hex digits';
comment on column tracetally.error_group.category is 'one of the five categories';
comment on column tracetally.error_group.reason is 'slug of the closed list';
comment on column tracetally.error_group.error_type is 'class name of the exception';
comment on column tracetally.error_group.message is 'redacted message, at most 200 bytes';
comment on column tracetally.error_group.first_time is 'time of the earliest event';
comment on column tracetally.error_group.first_event_id is 'its id, which decides between events of one time';
comment on column tracetally.error_group.last_time is 'time of the latest event';
comment on column tracetally.error_group.events is 'failed calls and exceptions, each event once';

create type tracetally.error_group_in as (
    fingerprint text, category text, reason text, error_type text, message text, first_time timestamptz,
    first_event_id bytea, last_time timestamptz, events bigint
);
comment on type tracetally.error_group_in is 'a row of error_group as the worker sends it';
revoke all on type tracetally.error_group_in from public;

create view tracetally.error_groups as
select fingerprint, category, reason, error_type, message, first_time, last_time, events
from tracetally.error_group;
comment on view tracetally.error_groups is 'Causes of failure: what, since when, how often.';

create view tracetally.failures as
select l.time, s.environment, s.service, s.provider, s.model, s.operation, s.prompt_name, s.prompt_version, s.task_type,
       s.input_length_bucket, l.category, l.reason, coalesce(l.error_code, '') as error_code,
       nullif(l.http_status, 0) as http_status, l.retryable, coalesce(l.step, '') as step,
       case when l.kind = 'call' then 'call' else 'none' end as linked, g.error_type,
       case when l.join_key like 'exc:%' then null else l.join_key end as trace_id, l.trace_url, l.span_id,
       encode(l.event_id, 'hex') as event_id, l.fingerprint, l.message_hash, l.rule, l.cost_usd as wasted_cost_usd
from tracetally.ledger l
join tracetally.series s on s.id = l.series_id
left join tracetally.error_group g on g.fingerprint = l.fingerprint
where l.kind = 'exception'
   or (l.kind = 'call' and l.final and l.status in ('error', 'timeout', 'blocked', 'validation_failed'));
comment on view tracetally.failures is
    'One row per failed call and per exception, as far back as the ledger reaches. Without a time range it reads all of it.';

create view tracetally.usage_1h as
select date_trunc('hour', l.time, 'UTC') as time, l.price_key, l.price_version, s.provider, s.model,
       coalesce(nullif(l.cost_inputs, '')::json ->> 'service_tier', '') as service_tier, k.kind, sum(k.tokens) as tokens,
       count(*) as calls
from tracetally.ledger l
join tracetally.series s on s.id = l.series_id
cross join lateral (values
    ('input', l.input_tokens), ('output', l.output_tokens), ('cache_read', l.cache_read_tokens),
    ('cache_write', l.cache_write_tokens), ('reasoning', l.reasoning_tokens)) k (kind, tokens)
where l.kind = 'call' and l.final and l.status <> 'started' and k.tokens is not null
group by 1, 2, 3, 4, 5, 6, 7;
comment on view tracetally.usage_1h is
    'Tokens per hour, price and kind, as far back as the ledger reaches: for reprice and for checking a bill.';

revoke all on all tables in schema tracetally from public;
