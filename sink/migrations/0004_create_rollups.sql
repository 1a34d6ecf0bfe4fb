-- Sums per minute, hour and day. The three tiers are written by the same transaction and agree at every moment.
-- New tables: no lock is held long.
-- +goose Up
-- The histogram is 60 columns because that is what plain SQL adds up fastest (10^5 rows in 86 ms; an array takes 6 times as
-- long, a row per bin 4 times the space). int in the minute and hour tables: a series would need 600,000 calls a second
-- for an hour to leave it. fillfactor: rows of the current minute are updated every second.
create table tracetally.rollup_calls_1m (
    time timestamptz not null,
    series_id bigint not null,
    calls bigint not null,
    failures bigint not null,
    attempts numeric not null,
    input_tokens numeric not null,
    output_tokens numeric not null,
    cache_read_tokens numeric not null,
    cache_write_tokens numeric not null,
    reasoning_tokens numeric not null,
    cost_usd numeric not null,
    reported_cost_usd numeric not null,
    estimated_cost_usd numeric not null,
    wasted_cost_usd numeric not null,
    unpriced_calls bigint not null,
    unpriced_tokens numeric not null,
    input_length_sum numeric not null,
    output_length_sum numeric not null,
    latency_ms_sum numeric not null,
    latency_count bigint not null,
    ttft_ms_sum numeric not null,
    ttft_count bigint not null,
    latency_h00 integer not null, latency_h01 integer not null, latency_h02 integer not null,
    latency_h03 integer not null, latency_h04 integer not null, latency_h05 integer not null,
    latency_h06 integer not null, latency_h07 integer not null, latency_h08 integer not null,
    latency_h09 integer not null, latency_h10 integer not null, latency_h11 integer not null,
    latency_h12 integer not null, latency_h13 integer not null, latency_h14 integer not null,
    latency_h15 integer not null, latency_h16 integer not null, latency_h17 integer not null,
    latency_h18 integer not null, latency_h19 integer not null, latency_h20 integer not null,
    latency_h21 integer not null, latency_h22 integer not null, latency_h23 integer not null,
    latency_h24 integer not null, latency_h25 integer not null, latency_h26 integer not null,
    latency_h27 integer not null, latency_h28 integer not null, latency_h29 integer not null,
    latency_h30 integer not null, latency_h31 integer not null, latency_h32 integer not null,
    latency_h33 integer not null, latency_h34 integer not null, latency_h35 integer not null,
    latency_h36 integer not null, latency_h37 integer not null, latency_h38 integer not null,
    latency_h39 integer not null, latency_h40 integer not null, latency_h41 integer not null,
    latency_h42 integer not null, latency_h43 integer not null, latency_h44 integer not null,
    latency_h45 integer not null, latency_h46 integer not null, latency_h47 integer not null,
    latency_h48 integer not null, latency_h49 integer not null, latency_h50 integer not null,
    latency_h51 integer not null, latency_h52 integer not null, latency_h53 integer not null,
    latency_h54 integer not null, latency_h55 integer not null, latency_h56 integer not null,
    latency_h57 integer not null, latency_h58 integer not null, latency_h59 integer not null,
    constraint rollup_calls_1m_pkey primary key (time, series_id)
) with (fillfactor = 70);
comment on table tracetally.rollup_calls_1m is 'Sums over the calls of one series in one minute.';
comment on column tracetally.rollup_calls_1m.time is 'start of the minute, UTC';
comment on column tracetally.rollup_calls_1m.series_id is 'series.id';
comment on column tracetally.rollup_calls_1m.calls is 'finished calls';
comment on column tracetally.rollup_calls_1m.failures is 'calls that failed';
comment on column tracetally.rollup_calls_1m.attempts is 'calls and the retries that events state';
comment on column tracetally.rollup_calls_1m.input_tokens is 'tokens of the whole prompts, cache included';
comment on column tracetally.rollup_calls_1m.output_tokens is 'tokens of the whole outputs, reasoning included';
comment on column tracetally.rollup_calls_1m.cache_read_tokens is 'tokens read from the provider''s cache';
comment on column tracetally.rollup_calls_1m.cache_write_tokens is 'tokens written to the provider''s cache';
comment on column tracetally.rollup_calls_1m.reasoning_tokens is 'tokens of reasoning';
comment on column tracetally.rollup_calls_1m.cost_usd is 'exact cost in US dollars of the priced calls';
comment on column tracetally.rollup_calls_1m.reported_cost_usd is 'cost as the producers reported it';
comment on column tracetally.rollup_calls_1m.estimated_cost_usd is 'cost as the producers estimated it';
comment on column tracetally.rollup_calls_1m.wasted_cost_usd is 'cost of the calls that failed';
comment on column tracetally.rollup_calls_1m.unpriced_calls is 'calls without a known cost';
comment on column tracetally.rollup_calls_1m.unpriced_tokens is 'tokens of these calls';
comment on column tracetally.rollup_calls_1m.input_length_sum is 'lengths of the prompts in tokens';
comment on column tracetally.rollup_calls_1m.output_length_sum is 'lengths of the outputs in tokens';
comment on column tracetally.rollup_calls_1m.latency_ms_sum is 'latencies in milliseconds, to the microsecond';
comment on column tracetally.rollup_calls_1m.latency_count is 'calls with a latency';
comment on column tracetally.rollup_calls_1m.ttft_ms_sum is 'times to the first token in milliseconds';
comment on column tracetally.rollup_calls_1m.ttft_count is 'calls with a time to the first token';

create table tracetally.rollup_calls_1h (
    time timestamptz not null,
    series_id bigint not null,
    calls bigint not null,
    failures bigint not null,
    attempts numeric not null,
    input_tokens numeric not null,
    output_tokens numeric not null,
    cache_read_tokens numeric not null,
    cache_write_tokens numeric not null,
    reasoning_tokens numeric not null,
    cost_usd numeric not null,
    reported_cost_usd numeric not null,
    estimated_cost_usd numeric not null,
    wasted_cost_usd numeric not null,
    unpriced_calls bigint not null,
    unpriced_tokens numeric not null,
    input_length_sum numeric not null,
    output_length_sum numeric not null,
    latency_ms_sum numeric not null,
    latency_count bigint not null,
    ttft_ms_sum numeric not null,
    ttft_count bigint not null,
    latency_h00 integer not null, latency_h01 integer not null, latency_h02 integer not null,
    latency_h03 integer not null, latency_h04 integer not null, latency_h05 integer not null,
    latency_h06 integer not null, latency_h07 integer not null, latency_h08 integer not null,
    latency_h09 integer not null, latency_h10 integer not null, latency_h11 integer not null,
    latency_h12 integer not null, latency_h13 integer not null, latency_h14 integer not null,
    latency_h15 integer not null, latency_h16 integer not null, latency_h17 integer not null,
    latency_h18 integer not null, latency_h19 integer not null, latency_h20 integer not null,
    latency_h21 integer not null, latency_h22 integer not null, latency_h23 integer not null,
    latency_h24 integer not null, latency_h25 integer not null, latency_h26 integer not null,
    latency_h27 integer not null, latency_h28 integer not null, latency_h29 integer not null,
    latency_h30 integer not null, latency_h31 integer not null, latency_h32 integer not null,
    latency_h33 integer not null, latency_h34 integer not null, latency_h35 integer not null,
    latency_h36 integer not null, latency_h37 integer not null, latency_h38 integer not null,
    latency_h39 integer not null, latency_h40 integer not null, latency_h41 integer not null,
    latency_h42 integer not null, latency_h43 integer not null, latency_h44 integer not null,
    latency_h45 integer not null, latency_h46 integer not null, latency_h47 integer not null,
    latency_h48 integer not null, latency_h49 integer not null, latency_h50 integer not null,
    latency_h51 integer not null, latency_h52 integer not null, latency_h53 integer not null,
    latency_h54 integer not null, latency_h55 integer not null, latency_h56 integer not null,
    latency_h57 integer not null, latency_h58 integer not null, latency_h59 integer not null,
    constraint rollup_calls_1h_pkey primary key (time, series_id)
) with (fillfactor = 70);
comment on table tracetally.rollup_calls_1h is 'Sums over the calls of one series in one hour.';
comment on column tracetally.rollup_calls_1h.time is 'start of the hour, UTC';
comment on column tracetally.rollup_calls_1h.series_id is 'series.id';
comment on column tracetally.rollup_calls_1h.calls is 'finished calls';
comment on column tracetally.rollup_calls_1h.failures is 'calls that failed';
comment on column tracetally.rollup_calls_1h.attempts is 'calls and the retries that events state';
comment on column tracetally.rollup_calls_1h.input_tokens is 'tokens of the whole prompts, cache included';
comment on column tracetally.rollup_calls_1h.output_tokens is 'tokens of the whole outputs, reasoning included';
comment on column tracetally.rollup_calls_1h.cache_read_tokens is 'tokens read from the provider''s cache';
comment on column tracetally.rollup_calls_1h.cache_write_tokens is 'tokens written to the provider''s cache';
comment on column tracetally.rollup_calls_1h.reasoning_tokens is 'tokens of reasoning';
comment on column tracetally.rollup_calls_1h.cost_usd is 'exact cost in US dollars of the priced calls';
comment on column tracetally.rollup_calls_1h.reported_cost_usd is 'cost as the producers reported it';
comment on column tracetally.rollup_calls_1h.estimated_cost_usd is 'cost as the producers estimated it';
comment on column tracetally.rollup_calls_1h.wasted_cost_usd is 'cost of the calls that failed';
comment on column tracetally.rollup_calls_1h.unpriced_calls is 'calls without a known cost';
comment on column tracetally.rollup_calls_1h.unpriced_tokens is 'tokens of these calls';
comment on column tracetally.rollup_calls_1h.input_length_sum is 'lengths of the prompts in tokens';
comment on column tracetally.rollup_calls_1h.output_length_sum is 'lengths of the outputs in tokens';
comment on column tracetally.rollup_calls_1h.latency_ms_sum is 'latencies in milliseconds, to the microsecond';
comment on column tracetally.rollup_calls_1h.latency_count is 'calls with a latency';
comment on column tracetally.rollup_calls_1h.ttft_ms_sum is 'times to the first token in milliseconds';
comment on column tracetally.rollup_calls_1h.ttft_count is 'calls with a time to the first token';

create table tracetally.rollup_calls_1d (
    time timestamptz not null,
    series_id bigint not null,
    calls bigint not null,
    failures bigint not null,
    attempts numeric not null,
    input_tokens numeric not null,
    output_tokens numeric not null,
    cache_read_tokens numeric not null,
    cache_write_tokens numeric not null,
    reasoning_tokens numeric not null,
    cost_usd numeric not null,
    reported_cost_usd numeric not null,
    estimated_cost_usd numeric not null,
    wasted_cost_usd numeric not null,
    unpriced_calls bigint not null,
    unpriced_tokens numeric not null,
    input_length_sum numeric not null,
    output_length_sum numeric not null,
    latency_ms_sum numeric not null,
    latency_count bigint not null,
    ttft_ms_sum numeric not null,
    ttft_count bigint not null,
    latency_h00 bigint not null, latency_h01 bigint not null, latency_h02 bigint not null,
    latency_h03 bigint not null, latency_h04 bigint not null, latency_h05 bigint not null,
    latency_h06 bigint not null, latency_h07 bigint not null, latency_h08 bigint not null,
    latency_h09 bigint not null, latency_h10 bigint not null, latency_h11 bigint not null,
    latency_h12 bigint not null, latency_h13 bigint not null, latency_h14 bigint not null,
    latency_h15 bigint not null, latency_h16 bigint not null, latency_h17 bigint not null,
    latency_h18 bigint not null, latency_h19 bigint not null, latency_h20 bigint not null,
    latency_h21 bigint not null, latency_h22 bigint not null, latency_h23 bigint not null,
    latency_h24 bigint not null, latency_h25 bigint not null, latency_h26 bigint not null,
    latency_h27 bigint not null, latency_h28 bigint not null, latency_h29 bigint not null,
    latency_h30 bigint not null, latency_h31 bigint not null, latency_h32 bigint not null,
    latency_h33 bigint not null, latency_h34 bigint not null, latency_h35 bigint not null,
    latency_h36 bigint not null, latency_h37 bigint not null, latency_h38 bigint not null,
    latency_h39 bigint not null, latency_h40 bigint not null, latency_h41 bigint not null,
    latency_h42 bigint not null, latency_h43 bigint not null, latency_h44 bigint not null,
    latency_h45 bigint not null, latency_h46 bigint not null, latency_h47 bigint not null,
    latency_h48 bigint not null, latency_h49 bigint not null, latency_h50 bigint not null,
    latency_h51 bigint not null, latency_h52 bigint not null, latency_h53 bigint not null,
    latency_h54 bigint not null, latency_h55 bigint not null, latency_h56 bigint not null,
    latency_h57 bigint not null, latency_h58 bigint not null, latency_h59 bigint not null,
    constraint rollup_calls_1d_pkey primary key (time, series_id)
) with (fillfactor = 70);
comment on table tracetally.rollup_calls_1d is 'Sums over the calls of one series in one day.';
comment on column tracetally.rollup_calls_1d.time is 'start of the day, UTC';
comment on column tracetally.rollup_calls_1d.series_id is 'series.id';
comment on column tracetally.rollup_calls_1d.calls is 'finished calls';
comment on column tracetally.rollup_calls_1d.failures is 'calls that failed';
comment on column tracetally.rollup_calls_1d.attempts is 'calls and the retries that events state';
comment on column tracetally.rollup_calls_1d.input_tokens is 'tokens of the whole prompts, cache included';
comment on column tracetally.rollup_calls_1d.output_tokens is 'tokens of the whole outputs, reasoning included';
comment on column tracetally.rollup_calls_1d.cache_read_tokens is 'tokens read from the provider''s cache';
comment on column tracetally.rollup_calls_1d.cache_write_tokens is 'tokens written to the provider''s cache';
comment on column tracetally.rollup_calls_1d.reasoning_tokens is 'tokens of reasoning';
comment on column tracetally.rollup_calls_1d.cost_usd is 'exact cost in US dollars of the priced calls';
comment on column tracetally.rollup_calls_1d.reported_cost_usd is 'cost as the producers reported it';
comment on column tracetally.rollup_calls_1d.estimated_cost_usd is 'cost as the producers estimated it';
comment on column tracetally.rollup_calls_1d.wasted_cost_usd is 'cost of the calls that failed';
comment on column tracetally.rollup_calls_1d.unpriced_calls is 'calls without a known cost';
comment on column tracetally.rollup_calls_1d.unpriced_tokens is 'tokens of these calls';
comment on column tracetally.rollup_calls_1d.input_length_sum is 'lengths of the prompts in tokens';
comment on column tracetally.rollup_calls_1d.output_length_sum is 'lengths of the outputs in tokens';
comment on column tracetally.rollup_calls_1d.latency_ms_sum is 'latencies in milliseconds, to the microsecond';
comment on column tracetally.rollup_calls_1d.latency_count is 'calls with a latency';
comment on column tracetally.rollup_calls_1d.ttft_ms_sum is 'times to the first token in milliseconds';
comment on column tracetally.rollup_calls_1d.ttft_count is 'calls with a time to the first token';

create table tracetally.rollup_errors_1m (
    time timestamptz not null,
    error_series_id bigint not null,
    failures bigint not null,
    exceptions bigint not null,
    wasted_cost_usd numeric not null,
    constraint rollup_errors_1m_pkey primary key (time, error_series_id)
) with (fillfactor = 70);
comment on table tracetally.rollup_errors_1m is 'Sums over the failures and exceptions of one error series in one minute.';
comment on column tracetally.rollup_errors_1m.time is 'start of the minute, UTC';
comment on column tracetally.rollup_errors_1m.error_series_id is 'error_series.id';
comment on column tracetally.rollup_errors_1m.failures is 'failed calls';
comment on column tracetally.rollup_errors_1m.exceptions is 'exceptions';
comment on column tracetally.rollup_errors_1m.wasted_cost_usd is 'cost of the failed calls in US dollars';

create table tracetally.rollup_errors_1h (
    time timestamptz not null,
    error_series_id bigint not null,
    failures bigint not null,
    exceptions bigint not null,
    wasted_cost_usd numeric not null,
    constraint rollup_errors_1h_pkey primary key (time, error_series_id)
) with (fillfactor = 70);
comment on table tracetally.rollup_errors_1h is 'Sums over the failures and exceptions of one error series in one hour.';
comment on column tracetally.rollup_errors_1h.time is 'start of the hour, UTC';
comment on column tracetally.rollup_errors_1h.error_series_id is 'error_series.id';
comment on column tracetally.rollup_errors_1h.failures is 'failed calls';
comment on column tracetally.rollup_errors_1h.exceptions is 'exceptions';
comment on column tracetally.rollup_errors_1h.wasted_cost_usd is 'cost of the failed calls in US dollars';

create table tracetally.rollup_errors_1d (
    time timestamptz not null,
    error_series_id bigint not null,
    failures bigint not null,
    exceptions bigint not null,
    wasted_cost_usd numeric not null,
    constraint rollup_errors_1d_pkey primary key (time, error_series_id)
) with (fillfactor = 70);
comment on table tracetally.rollup_errors_1d is 'Sums over the failures and exceptions of one error series in one day.';
comment on column tracetally.rollup_errors_1d.time is 'start of the day, UTC';
comment on column tracetally.rollup_errors_1d.error_series_id is 'error_series.id';
comment on column tracetally.rollup_errors_1d.failures is 'failed calls';
comment on column tracetally.rollup_errors_1d.exceptions is 'exceptions';
comment on column tracetally.rollup_errors_1d.wasted_cost_usd is 'cost of the failed calls in US dollars';

-- What the worker sends, for all tiers alike.
create type tracetally.calls_in as (
    time timestamptz, series_id bigint, calls bigint, failures bigint, attempts numeric, input_tokens numeric,
    output_tokens numeric, cache_read_tokens numeric, cache_write_tokens numeric, reasoning_tokens numeric,
    cost_usd numeric, reported_cost_usd numeric, estimated_cost_usd numeric, wasted_cost_usd numeric,
    unpriced_calls bigint, unpriced_tokens numeric, input_length_sum numeric, output_length_sum numeric,
    latency_ms_sum numeric, latency_count bigint, ttft_ms_sum numeric, ttft_count bigint, latency_h00 bigint,
    latency_h01 bigint, latency_h02 bigint, latency_h03 bigint, latency_h04 bigint, latency_h05 bigint,
    latency_h06 bigint, latency_h07 bigint, latency_h08 bigint, latency_h09 bigint, latency_h10 bigint,
    latency_h11 bigint, latency_h12 bigint, latency_h13 bigint, latency_h14 bigint, latency_h15 bigint,
    latency_h16 bigint, latency_h17 bigint, latency_h18 bigint, latency_h19 bigint, latency_h20 bigint,
    latency_h21 bigint, latency_h22 bigint, latency_h23 bigint, latency_h24 bigint, latency_h25 bigint,
    latency_h26 bigint, latency_h27 bigint, latency_h28 bigint, latency_h29 bigint, latency_h30 bigint,
    latency_h31 bigint, latency_h32 bigint, latency_h33 bigint, latency_h34 bigint, latency_h35 bigint,
    latency_h36 bigint, latency_h37 bigint, latency_h38 bigint, latency_h39 bigint, latency_h40 bigint,
    latency_h41 bigint, latency_h42 bigint, latency_h43 bigint, latency_h44 bigint, latency_h45 bigint,
    latency_h46 bigint, latency_h47 bigint, latency_h48 bigint, latency_h49 bigint, latency_h50 bigint,
    latency_h51 bigint, latency_h52 bigint, latency_h53 bigint, latency_h54 bigint, latency_h55 bigint,
    latency_h56 bigint, latency_h57 bigint, latency_h58 bigint, latency_h59 bigint
);
create type tracetally.errors_in as (
    time timestamptz, error_series_id bigint, failures bigint, exceptions bigint, wasted_cost_usd numeric
);
comment on type tracetally.calls_in is 'a row of rollup_calls_* as the worker sends it';
comment on type tracetally.errors_in is 'a row of rollup_errors_* as the worker sends it';
revoke all on type tracetally.calls_in, tracetally.errors_in from public;

create view tracetally.calls_1m as
select r.time, s.environment, s.service, s.provider, s.model, s.operation, s.prompt_name, s.prompt_version, s.task_type,
       s.input_length_bucket,
       r.calls, r.failures, r.attempts, r.input_tokens, r.output_tokens, r.cache_read_tokens, r.cache_write_tokens,
       r.reasoning_tokens,
       case when r.calls > 0 and r.unpriced_calls = r.calls then null else r.cost_usd end as cost_usd,
       r.reported_cost_usd, r.estimated_cost_usd, r.wasted_cost_usd, r.unpriced_calls, r.unpriced_tokens,
       r.input_length_sum, r.output_length_sum, r.latency_ms_sum, r.latency_count, r.ttft_ms_sum, r.ttft_count,
       r.latency_h00, r.latency_h01, r.latency_h02, r.latency_h03, r.latency_h04, r.latency_h05, r.latency_h06,
       r.latency_h07, r.latency_h08, r.latency_h09, r.latency_h10, r.latency_h11, r.latency_h12, r.latency_h13,
       r.latency_h14, r.latency_h15, r.latency_h16, r.latency_h17, r.latency_h18, r.latency_h19, r.latency_h20,
       r.latency_h21, r.latency_h22, r.latency_h23, r.latency_h24, r.latency_h25, r.latency_h26, r.latency_h27,
       r.latency_h28, r.latency_h29, r.latency_h30, r.latency_h31, r.latency_h32, r.latency_h33, r.latency_h34,
       r.latency_h35, r.latency_h36, r.latency_h37, r.latency_h38, r.latency_h39, r.latency_h40, r.latency_h41,
       r.latency_h42, r.latency_h43, r.latency_h44, r.latency_h45, r.latency_h46, r.latency_h47, r.latency_h48,
       r.latency_h49, r.latency_h50, r.latency_h51, r.latency_h52, r.latency_h53, r.latency_h54, r.latency_h55,
       r.latency_h56, r.latency_h57, r.latency_h58, r.latency_h59
from tracetally.rollup_calls_1m r
join tracetally.series s on s.id = r.series_id;
comment on view tracetally.calls_1m is
    'Calls per minute and dimensions. All measures add up; cost_usd is null where no call has a known cost.';
create view tracetally.calls_1h as
select r.time, s.environment, s.service, s.provider, s.model, s.operation, s.prompt_name, s.prompt_version, s.task_type,
       s.input_length_bucket,
       r.calls, r.failures, r.attempts, r.input_tokens, r.output_tokens, r.cache_read_tokens, r.cache_write_tokens,
       r.reasoning_tokens,
       case when r.calls > 0 and r.unpriced_calls = r.calls then null else r.cost_usd end as cost_usd,
       r.reported_cost_usd, r.estimated_cost_usd, r.wasted_cost_usd, r.unpriced_calls, r.unpriced_tokens,
       r.input_length_sum, r.output_length_sum, r.latency_ms_sum, r.latency_count, r.ttft_ms_sum, r.ttft_count,
       r.latency_h00, r.latency_h01, r.latency_h02, r.latency_h03, r.latency_h04, r.latency_h05, r.latency_h06,
       r.latency_h07, r.latency_h08, r.latency_h09, r.latency_h10, r.latency_h11, r.latency_h12, r.latency_h13,
       r.latency_h14, r.latency_h15, r.latency_h16, r.latency_h17, r.latency_h18, r.latency_h19, r.latency_h20,
       r.latency_h21, r.latency_h22, r.latency_h23, r.latency_h24, r.latency_h25, r.latency_h26, r.latency_h27,
       r.latency_h28, r.latency_h29, r.latency_h30, r.latency_h31, r.latency_h32, r.latency_h33, r.latency_h34,
       r.latency_h35, r.latency_h36, r.latency_h37, r.latency_h38, r.latency_h39, r.latency_h40, r.latency_h41,
       r.latency_h42, r.latency_h43, r.latency_h44, r.latency_h45, r.latency_h46, r.latency_h47, r.latency_h48,
       r.latency_h49, r.latency_h50, r.latency_h51, r.latency_h52, r.latency_h53, r.latency_h54, r.latency_h55,
       r.latency_h56, r.latency_h57, r.latency_h58, r.latency_h59
from tracetally.rollup_calls_1h r
join tracetally.series s on s.id = r.series_id;
comment on view tracetally.calls_1h is
    'Calls per hour and dimensions. All measures add up; cost_usd is null where no call has a known cost.';
create view tracetally.calls_1d as
select r.time, s.environment, s.service, s.provider, s.model, s.operation, s.prompt_name, s.prompt_version, s.task_type,
       s.input_length_bucket,
       r.calls, r.failures, r.attempts, r.input_tokens, r.output_tokens, r.cache_read_tokens, r.cache_write_tokens,
       r.reasoning_tokens,
       case when r.calls > 0 and r.unpriced_calls = r.calls then null else r.cost_usd end as cost_usd,
       r.reported_cost_usd, r.estimated_cost_usd, r.wasted_cost_usd, r.unpriced_calls, r.unpriced_tokens,
       r.input_length_sum, r.output_length_sum, r.latency_ms_sum, r.latency_count, r.ttft_ms_sum, r.ttft_count,
       r.latency_h00, r.latency_h01, r.latency_h02, r.latency_h03, r.latency_h04, r.latency_h05, r.latency_h06,
       r.latency_h07, r.latency_h08, r.latency_h09, r.latency_h10, r.latency_h11, r.latency_h12, r.latency_h13,
       r.latency_h14, r.latency_h15, r.latency_h16, r.latency_h17, r.latency_h18, r.latency_h19, r.latency_h20,
       r.latency_h21, r.latency_h22, r.latency_h23, r.latency_h24, r.latency_h25, r.latency_h26, r.latency_h27,
       r.latency_h28, r.latency_h29, r.latency_h30, r.latency_h31, r.latency_h32, r.latency_h33, r.latency_h34,
       r.latency_h35, r.latency_h36, r.latency_h37, r.latency_h38, r.latency_h39, r.latency_h40, r.latency_h41,
       r.latency_h42, r.latency_h43, r.latency_h44, r.latency_h45, r.latency_h46, r.latency_h47, r.latency_h48,
       r.latency_h49, r.latency_h50, r.latency_h51, r.latency_h52, r.latency_h53, r.latency_h54, r.latency_h55,
       r.latency_h56, r.latency_h57, r.latency_h58, r.latency_h59
from tracetally.rollup_calls_1d r
join tracetally.series s on s.id = r.series_id;
comment on view tracetally.calls_1d is
    'Calls per day and dimensions. All measures add up; cost_usd is null where no call has a known cost.';
create view tracetally.errors_1m as
select r.time, s.environment, s.service, s.provider, s.model, s.operation, s.prompt_name, s.prompt_version, s.task_type,
       s.input_length_bucket,
       e.category, e.reason, e.error_code, nullif(e.http_status, 0) as http_status, e.retryable, e.step, e.linked,
       r.failures, r.exceptions, r.wasted_cost_usd
from tracetally.rollup_errors_1m r
join tracetally.error_series e on e.id = r.error_series_id
join tracetally.series s on s.id = e.series_id;
comment on view tracetally.errors_1m is
    'Failures and exceptions per minute and dimensions. Failures of calls are those with linked = call.';
create view tracetally.errors_1h as
select r.time, s.environment, s.service, s.provider, s.model, s.operation, s.prompt_name, s.prompt_version, s.task_type,
       s.input_length_bucket,
       e.category, e.reason, e.error_code, nullif(e.http_status, 0) as http_status, e.retryable, e.step, e.linked,
       r.failures, r.exceptions, r.wasted_cost_usd
from tracetally.rollup_errors_1h r
join tracetally.error_series e on e.id = r.error_series_id
join tracetally.series s on s.id = e.series_id;
comment on view tracetally.errors_1h is
    'Failures and exceptions per hour and dimensions. Failures of calls are those with linked = call.';
create view tracetally.errors_1d as
select r.time, s.environment, s.service, s.provider, s.model, s.operation, s.prompt_name, s.prompt_version, s.task_type,
       s.input_length_bucket,
       e.category, e.reason, e.error_code, nullif(e.http_status, 0) as http_status, e.retryable, e.step, e.linked,
       r.failures, r.exceptions, r.wasted_cost_usd
from tracetally.rollup_errors_1d r
join tracetally.error_series e on e.id = r.error_series_id
join tracetally.series s on s.id = e.series_id;
comment on view tracetally.errors_1d is
    'Failures and exceptions per day and dimensions. Failures of calls are those with linked = call.';

revoke all on all tables in schema tracetally from public;
