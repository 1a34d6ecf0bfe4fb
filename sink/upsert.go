package sink

import (
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/tracetally/tracetally/schemas"
)

// statements are the texts that are the same but for a tier or a list of columns. They are made once, of constants only.
type statements struct {
	calls, errors []string // by tier
}

// rollupChunk is how many rows one statement carries: beyond about 2,000 an array costs more than it saves.
const rollupChunk = 2000

func callMeasures() []string {
	names := strings.Fields(`calls failures attempts input_tokens output_tokens cache_read_tokens cache_write_tokens
		reasoning_tokens cost_usd reported_cost_usd estimated_cost_usd wasted_cost_usd unpriced_calls unpriced_tokens
		input_length_sum output_length_sum latency_ms_sum latency_count ttft_ms_sum ttft_count`)
	for i := range bins {
		names = append(names, "latency_h"+string([]byte{'0' + byte(i/10), '0' + byte(i%10)}))
	}
	return names
}

func errorMeasures() []string { return []string{"failures", "exceptions", "wasted_cost_usd"} }

func newStatements() statements {
	var s statements
	for _, t := range tiers() {
		s.calls = append(s.calls, upsertSums("rollup_calls_"+t.name, "calls_in", "series_id", callMeasures()))
		s.errors = append(s.errors, upsertSums("rollup_errors_"+t.name, "errors_in", "error_series_id", errorMeasures()))
	}
	return s
}

// upsertSums adds rows to a rollup. The rows come in the order of the array, which is sorted: that is the lock order.
func upsertSums(table, rowType, key string, measures []string) string {
	set := make([]string, len(measures))
	for i, m := range measures {
		set[i] = m + " = r." + m + " + excluded." + m
	}
	columns := "time, " + key + ", " + strings.Join(measures, ", ")
	return "insert into tracetally." + table + " as r (" + columns + ")\nselect " + columns +
		"\nfrom unnest($1::tracetally." + rowType + "[])\non conflict (time, " + key + ") do update set\n    " +
		strings.Join(set, ",\n    ")
}

// queueRollups puts the sums of all tiers into b, tables in one fixed order, rows sorted by key.
func (s *statements) queueRollups(b *pgx.Batch, r *rollups) {
	queueGroups(b, r.groups)
	calls, errs := r.calls, r.errors
	for i, t := range tiers() {
		calls = coarsen(calls, t.unit, (*callSums).merge)
		queueSums(b, s.calls[i], calls, writeCalls)
	}
	for i, t := range tiers() {
		errs = coarsen(errs, t.unit, (*errorSums).merge)
		queueSums(b, s.errors[i], errs, writeErrors)
	}
}

func queueSums[S any](b *pgx.Batch, sql string, all map[rollupKey]*S, write func(*rows, rollupKey, *S)) {
	for keys := range slices.Chunk(sortedKeys(all), rollupChunk) {
		r := &rows{}
		for _, k := range keys {
			r.begin()
			write(r, k, all[k])
			r.end()
		}
		b.Queue(sql, r)
	}
}

// writeCalls writes the columns of calls_in.
func writeCalls(r *rows, k rollupKey, s *callSums) {
	r.time(k.us)
	r.int8(k.series)
	r.int8(s.calls)
	r.int8(s.failures)
	for _, w := range []wide{s.attempts, s.input, s.output, s.cacheRead, s.cacheWrite, s.reasoning} {
		r.wide(w, 0)
	}
	for _, d := range []schemas.Decimal{s.cost, s.reported, s.estimated, s.wasted} {
		r.decimal(d)
	}
	r.int8(s.unpricedCalls)
	r.wide(s.unpricedTokens, 0)
	r.wide(s.input, 0)
	r.wide(s.output, 0)
	r.wide(s.latency, microsToMillis)
	r.int8(s.latencyCount)
	r.wide(s.ttft, microsToMillis)
	r.int8(s.ttftCount)
	for _, n := range s.histogram {
		r.int8(n)
	}
}

// microsToMillis is the decimal shift between the two.
const microsToMillis = 3

// writeErrors writes the columns of errors_in.
func writeErrors(r *rows, k rollupKey, s *errorSums) {
	r.time(k.us)
	r.int8(k.series)
	r.int8(s.failures)
	r.int8(s.exceptions)
	r.decimal(s.wasted)
}

// queueGroups writes the error groups, sorted. The sample is that of the earliest event, whatever the order of arrival.
func queueGroups(b *pgx.Batch, groups map[string]*errorGroup) {
	const upsert = `
insert into tracetally.error_group as g (fingerprint, category, reason, error_type, message, first_time, first_event_id,
    last_time, events)
select fingerprint, category, reason, error_type, message, first_time, first_event_id, last_time, events
from unnest($1::tracetally.error_group_in[])
on conflict (fingerprint) do update set
    category = case when (excluded.first_time, excluded.first_event_id) < (g.first_time, g.first_event_id)
        then excluded.category else g.category end,
    reason = case when (excluded.first_time, excluded.first_event_id) < (g.first_time, g.first_event_id)
        then excluded.reason else g.reason end,
    error_type = case when (excluded.first_time, excluded.first_event_id) < (g.first_time, g.first_event_id)
        then excluded.error_type else g.error_type end,
    message = case when (excluded.first_time, excluded.first_event_id) < (g.first_time, g.first_event_id)
        then excluded.message else g.message end,
    first_event_id = case when (excluded.first_time, excluded.first_event_id) < (g.first_time, g.first_event_id)
        then excluded.first_event_id else g.first_event_id end,
    first_time = least(g.first_time, excluded.first_time),
    last_time = greatest(g.last_time, excluded.last_time),
    events = g.events + excluded.events`
	for names := range slices.Chunk(slices.Sorted(maps.Keys(groups)), rollupChunk) {
		r := &rows{}
		for _, name := range names {
			g := groups[name]
			fields := g.first.groupFields()
			r.begin()
			r.text(name)
			r.text(string(g.labels.category))
			r.text(g.labels.reason)
			r.text(fields[1])
			r.text(fields[2])
			r.time(g.first.us)
			r.bytes(g.first.id[:])
			r.time(g.lastUS)
			r.int8(g.events)
			r.end()
		}
		b.Queue(upsert, r)
	}
}
