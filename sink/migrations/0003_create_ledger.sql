-- One row per counted event. New tables: no lock is held long.
-- +goose Up
create table tracetally.ledger (
    time timestamptz not null,
    event_id bytea not null,
    kind text not null,
    series_id bigint not null,
    join_key text,
    alt_key text,
    span_id text,
    parent_id text,
    user_hash bytea,
    session_id text,
    input_tokens bigint,
    output_tokens bigint,
    cache_read_tokens bigint,
    cache_write_tokens bigint,
    cache_write_1h_tokens bigint,
    reasoning_tokens bigint,
    cost_inputs text,
    cost_status text,
    cost_reason text,
    price_key text,
    price_version text,
    cost_usd numeric,
    reported_cost_usd numeric,
    estimated_cost_usd numeric,
    status text,
    retries bigint not null,
    final boolean not null,
    http_status integer,
    category text,
    reason text,
    error_code text,
    retryable boolean,
    rule text,
    fingerprint text,
    message_hash bigint,
    trace_url text,
    step text,
    tool text,
    latency_us bigint,
    ttft_us bigint,
    input_hash bytea,
    content_hash bigint not null,
    source_id integer not null,
    source_offset bigint not null,
    source_index integer not null,
    constraint ledger_pkey primary key (time, event_id),
    constraint ledger_event_id_16_bytes check (octet_length(event_id) = 16),
    constraint ledger_kind check (kind in ('call', 'span', 'exception', 'feedback', 'outcome', 'evaluation')),
    constraint ledger_status check (status in ('ok', 'error', 'timeout', 'blocked', 'validation_failed', 'started'))
) partition by range (time);
create index ledger_join_key on tracetally.ledger (join_key, time);
create index ledger_alt_key on tracetally.ledger (alt_key, time) where alt_key is not null;

comment on table tracetally.ledger is 'One row per counted event, a partition per UTC day. Its primary key decides what is new.';
comment on column tracetally.ledger.time is 'time of the event, the end of a call, from the record''s bytes';
comment on column tracetally.ledger.event_id is 'the 16 bytes of a UUID, else the first 16 of SHA-256 of the id';
comment on column tracetally.ledger.kind is 'call, span, exception, feedback, outcome, evaluation';
comment on column tracetally.ledger.series_id is 'series.id: the dimensions';
comment on column tracetally.ledger.join_key is 'normalised trace id, or exc:<event id> of an exception without one';
comment on column tracetally.ledger.alt_key is 'exc:<event id> that a failed call names, or a second trace id';
comment on column tracetally.ledger.span_id is 'span id';
comment on column tracetally.ledger.parent_id is 'parent span id';
comment on column tracetally.ledger.user_hash is 'keyed hash of the user id';
comment on column tracetally.ledger.session_id is 'session id';
comment on column tracetally.ledger.input_tokens is 'tokens of the whole prompt, cache included; null when unknown';
comment on column tracetally.ledger.output_tokens is 'tokens of the whole output, reasoning included; null when unknown';
comment on column tracetally.ledger.cache_read_tokens is 'tokens read from the provider''s cache';
comment on column tracetally.ledger.cache_write_tokens is 'tokens written to the provider''s cache';
comment on column tracetally.ledger.cache_write_1h_tokens is 'of these, tokens kept for an hour';
comment on column tracetally.ledger.reasoning_tokens is 'tokens of reasoning';
comment on column tracetally.ledger.cost_inputs is 'JSON: every other input of the cost engine, the model as sent included';
comment on column tracetally.ledger.cost_status is 'how the cost came about';
comment on column tracetally.ledger.cost_reason is 'why there is no cost';
comment on column tracetally.ledger.price_key is 'entry of the price file';
comment on column tracetally.ledger.price_version is 'which price file and entry';
comment on column tracetally.ledger.cost_usd is 'exact cost in US dollars; null when unknown, never 0 for unknown';
comment on column tracetally.ledger.reported_cost_usd is 'cost as the producer reported it';
comment on column tracetally.ledger.estimated_cost_usd is 'cost as the producer estimated it';
comment on column tracetally.ledger.status is 'how the call or span ended';
comment on column tracetally.ledger.retries is 'further tries that the event states inside itself';
comment on column tracetally.ledger.final is 'false for a try that another one followed';
comment on column tracetally.ledger.http_status is 'as sent';
comment on column tracetally.ledger.category is 'one of the five categories';
comment on column tracetally.ledger.reason is 'slug of the closed list';
comment on column tracetally.ledger.error_code is 'HTTP status or provider code';
comment on column tracetally.ledger.retryable is 'whether trying again can help';
comment on column tracetally.ledger.rule is 'rule of the classifier that decided';
comment on column tracetally.ledger.fingerprint is 'group of failures of one cause';
comment on column tracetally.ledger.message_hash is '64 bits of a hash of the redacted message';
comment on column tracetally.ledger.trace_url is 'link to the trace, of failures only';
comment on column tracetally.ledger.step is 'step of the trace';
comment on column tracetally.ledger.tool is 'tool of the step';
comment on column tracetally.ledger.latency_us is 'latency in microseconds';
comment on column tracetally.ledger.ttft_us is 'time to the first token in microseconds';
comment on column tracetally.ledger.input_hash is 'keyed hash of the input: the same input again?';
comment on column tracetally.ledger.content_hash is '64 bits of a hash of what the producer stated: same id, other content?';
comment on column tracetally.ledger.source_id is 'progress.id: where the counted copy came from';
comment on column tracetally.ledger.source_offset is 'its offset';
comment on column tracetally.ledger.source_index is 'its place in the record';

-- What the worker sends: the same columns. A type of its own, so that a column added to the table does not change what an
-- older worker sends during a rolling upgrade.
create type tracetally.ledger_in as (
    time timestamptz, event_id bytea, kind text, series_id bigint, join_key text, alt_key text, span_id text,
    parent_id text, user_hash bytea, session_id text, input_tokens bigint, output_tokens bigint,
    cache_read_tokens bigint, cache_write_tokens bigint, cache_write_1h_tokens bigint, reasoning_tokens bigint,
    cost_inputs text, cost_status text, cost_reason text, price_key text, price_version text, cost_usd numeric,
    reported_cost_usd numeric, estimated_cost_usd numeric, status text, retries bigint, final boolean,
    http_status integer, category text, reason text, error_code text, retryable boolean, rule text, fingerprint text,
    message_hash bigint, trace_url text, step text, tool text, latency_us bigint, ttft_us bigint, input_hash bytea,
    content_hash bigint, source_id integer, source_offset bigint, source_index integer
);
comment on type tracetally.ledger_in is 'a ledger row as the worker sends it';
revoke all on type tracetally.ledger_in from public;

-- Makes the partition of one UTC day, unless the day lies before the horizon. LIKE, CHECK and ATTACH take no lock that
-- readers or writers of the ledger feel; CREATE … PARTITION OF would wait behind a pending detach.
-- +goose StatementBegin
create function tracetally.ensure_ledger_day(day date)
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
begin
    perform pg_advisory_xact_lock(hashtextextended('tracetally.ledger', 0));
    if lower < (select ts from tracetally.horizon) then
        return false;
    end if;
    if exists (
        select from pg_inherits
        where inhparent = 'tracetally.ledger'::regclass and inhrelid = to_regclass('tracetally.' || quote_ident(name))
          and not inhdetachpending
    ) then
        return true;
    end if;
    execute format('create table tracetally.%I (like tracetally.ledger including all)', name);
    execute format('alter table tracetally.%I add constraint day check (time >= %L and time < %L)', name, lower, upper);
    execute format('alter table tracetally.ledger attach partition tracetally.%I for values from (%L) to (%L)',
                   name, lower, upper);
    execute format('alter table tracetally.%I drop constraint day', name);
    execute format('revoke all on tracetally.%I from public', name);
    return true;
end
$$;
-- +goose StatementEnd
comment on function tracetally.ensure_ledger_day is 'makes the partition of a UTC day; false when the day is before the horizon';
revoke all on function tracetally.ensure_ledger_day from public;
revoke all on all tables in schema tracetally from public;
