package sink

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/tracetally/tracetally/schemas"
)

// TestReplayedAndRecutBatchesLeaveTheSameTables commits the same logs three ways: in few large transactions; cut elsewhere,
// each batch sent twice; and with the partition taken away in the middle again and again.
func TestReplayedAndRecutBatchesLeaveTheSameTables(t *testing.T) {
	t.Parallel()
	const partitions, records = 3, 60
	var logs [partitions][]logged
	for p := range logs {
		logs[p] = randomLog(rand.New(rand.NewPCG(1, uint64(p))), fmt.Sprint("p", p), records)
	}
	run := func(t *testing.T, step int, after func(s *Store, b *Batch)) map[string][]string {
		s := openStore(t, atNoon())
		var claims [partitions]Claim
		for p := range claims {
			claims[p] = acquire(t, s, "calls", int32(p))
		}
		for at := 0; at < records; at += step {
			var batches []*Batch
			for p := range claims {
				batches = append(batches, cut(claims[p], logs[p], at, min(at+step, records)))
			}
			commit(t, s, batches...)
			if after != nil {
				after(s, batches[1])
				claims[1] = acquire(t, s, "calls", 1)
			}
		}
		return dump(t, s)
	}
	want := run(t, records, nil)
	again := func(s *Store, b *Batch) {
		for range 2 {
			if out := commit(t, s, b)[0]; !out.Fenced || out.Records.Sum() != 0 {
				t.Errorf("a batch sent again = %+v, want fenced and nothing counted", out)
			}
		}
	}
	fence := func(s *Store, b *Batch) {
		acquire(t, s, "calls", 1)
		next := cut(b.Claim, logs[1], int(b.To)%records, records) // an old owner goes on, or starts over
		if out := commit(t, s, next)[0]; !out.Fenced {
			t.Errorf("a batch of an old owner = %+v, want fenced", out)
		}
	}
	t.Run("cut into sevens and sent again", func(t *testing.T) { sameTables(t, run(t, 7, again), want) })
	t.Run("cut into elevens and fenced in the middle", func(t *testing.T) { sameTables(t, run(t, 11, fence), want) })
	t.Run("record by record", func(t *testing.T) { sameTables(t, run(t, 1, nil), want) })
}

// TestReplayFromTheBeginningCountsNothing reads a topic a second time under another name: a new partition, the same events.
func TestReplayFromTheBeginningCountsNothing(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	log := randomLog(rand.New(rand.NewPCG(2, 0)), "x", 80)
	commit(t, s, cut(acquire(t, s, "a", 0), log, 0, 80))
	before := dump(t, s)
	out := commit(t, s, cut(acquire(t, s, "b", 0), log, 0, 80))[0]
	if out.Events.New != 0 || out.Records.Counted != 0 {
		t.Errorf("a replay counted %+v", out.Events)
	}
	after := dump(t, s)
	for _, table := range []string{"progress", "quarantined", "gap"} { // the second partition's own
		delete(before, table)
	}
	sameTables(t, after, before)
}

// TestRollupsAreTheSumsOverTheLedger computes the rollups again, by SQL over the ledger alone, tier by tier.
func TestRollupsAreTheSumsOverTheLedger(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	for p := range int32(2) {
		log := randomLog(rand.New(rand.NewPCG(3, uint64(p))), "shared", 150)
		c := acquire(t, s, "calls", p)
		for at := 0; at < 150; at += 50 {
			commit(t, s, cut(c, log, at, at+50))
		}
	}
	checkRollups(t, s)
}

// checkRollups is the oracle: f(event) in SQL, from the ledger's columns.
func checkRollups(t testing.TB, s *Store) {
	t.Helper()
	for name, unit := range map[string]string{"1m": "minute", "1h": "hour", "1d": "day"} {
		var histogram []string
		for i := range bins {
			histogram = append(histogram, fmt.Sprintf("sum((bin = %d)::int)", i))
		}
		calls := `
with f as (
    select date_trunc('` + unit + `', time, 'UTC') as t, *, status in ('error', 'timeout', 'blocked', 'validation_failed') as bad,
        case when final and latency_us is not null
            then least(59, greatest(0, floor(4 * log(2, greatest(latency_us, 1) / 16000.0)))) end as bin,
        case when final then coalesce(input_tokens, 0) else 0 end as i, case when final then coalesce(output_tokens, 0) else 0 end as o
    from tracetally.ledger where kind = 'call' and status <> 'started'
)
select t, series_id, sum(final::int), sum((final and bad)::int), sum(1 + retries), sum(i), sum(o),
    sum(coalesce(cache_read_tokens, 0)) filter (where final), sum(coalesce(cost_usd, 0)) filter (where final),
    sum(coalesce(cost_usd, 0)) filter (where final and bad),
    sum((cost_usd is null)::int) filter (where final), sum(i + o) filter (where final and cost_usd is null), sum(i), sum(o),
    sum(latency_us) filter (where final) / 1000.0, sum((latency_us is not null)::int) filter (where final),
    sum(ttft_us) filter (where final) / 1000.0, sum((ttft_us is not null)::int) filter (where final),
    ` + strings.Join(histogram, ", ") + `
from f group by 1, 2`
		have := `select time, series_id, calls, failures, attempts, input_tokens, output_tokens, cache_read_tokens, cost_usd,
    wasted_cost_usd, unpriced_calls, unpriced_tokens, input_length_sum, output_length_sum, latency_ms_sum, latency_count,
    ttft_ms_sum, ttft_count, ` + strings.Join(callMeasures()[20:], ", ") + ` from tracetally.rollup_calls_` + name
		differ(t, s, "calls_"+name, zeroNulls(calls, 78), zeroNulls(have, 78))

		errors := `
select date_trunc('` + unit + `', l.time, 'UTC'), l.series_id, l.category, l.reason, coalesce(l.error_code, ''), coalesce(l.step, ''),
    l.kind = 'call', sum((l.kind = 'call')::int), sum((l.kind = 'exception')::int),
    coalesce(sum(l.cost_usd) filter (where l.kind = 'call'), 0)
from tracetally.ledger l
where l.kind = 'exception' or l.kind = 'call' and l.final and l.status not in ('ok', 'started')
group by 1, 2, 3, 4, 5, 6, 7`
		haveErrors := `
select r.time, e.series_id, e.category, e.reason, e.error_code, e.step, e.linked = 'call', r.failures, r.exceptions, r.wasted_cost_usd
from tracetally.rollup_errors_` + name + ` r join tracetally.error_series e on e.id = r.error_series_id`
		differ(t, s, "errors_"+name, errors, haveErrors)
	}
	const both = `select (select sum(failures) from tracetally.calls_1d) = (select sum(failures) from tracetally.errors_1d where linked = 'call')`
	if !one[bool](t, s, both) {
		t.Error("failures of calls_1d and errors_1d differ")
	}
}

// zeroNulls wraps a query whose sums are null where nothing was summed.
func zeroNulls(query string, columns int) string {
	var names, zeroed []string
	for i := range columns {
		names = append(names, fmt.Sprintf("c%d", i))
		if i < 2 {
			zeroed = append(zeroed, names[i])
		} else {
			zeroed = append(zeroed, fmt.Sprintf("coalesce(c%d, 0)::numeric", i))
		}
	}
	return "select " + strings.Join(zeroed, ", ") + " from (" + query + ") z (" + strings.Join(names, ", ") + ")"
}

func differ(t testing.TB, s *Store, what, want, have string) {
	t.Helper()
	missing := column[string](t, s, "select x::text from (("+want+") except all ("+have+")) x limit 2")
	extra := column[string](t, s, "select x::text from (("+have+") except all ("+want+")) x limit 2")
	rows := one[int](t, s, "select count(*)::int from ("+have+") x")
	if len(missing)+len(extra) > 0 || rows == 0 {
		t.Errorf("%s (%d rows): ledger says %v\nrollup says %v", what, rows, missing, extra)
	}
}

func TestCopiesAcrossPartitionsCountOnce(t *testing.T) {
	t.Parallel()
	e := call("0190c8f0-0000-7000-8000-000000000001", noon().Add(-time.Hour))
	other := e
	other.SessionID = "another"
	log := []logged{{time: noon(), events: []schemas.Event{e}}}
	conflicting := []logged{{time: noon(), events: []schemas.Event{other}}}
	verify := func(t *testing.T, s *Store, first, second, third Outcome) {
		if first.Records.Counted != 1 || !first.New[0] {
			t.Errorf("first = %+v, want counted", first)
		}
		if second.Records.Duplicate != 1 || second.Events.Duplicate != 1 || second.New[0] {
			t.Errorf("second = %+v, want a duplicate", second)
		}
		if third.Records.Duplicate != 1 || third.Events.Conflicting != 1 || third.New[0] {
			t.Errorf("third = %+v, want a conflicting duplicate", third)
		}
		if n := one[int64](t, s, `select sum(calls)::bigint from tracetally.calls_1m`); n != 1 {
			t.Errorf("calls = %d, want 1", n)
		}
	}
	t.Run("in one transaction", func(t *testing.T) {
		t.Parallel()
		s := openStore(t, atNoon())
		a, b, c := acquire(t, s, "a", 0), acquire(t, s, "a", 1), acquire(t, s, "b", 0)
		out := commit(t, s, cut(a, log, 0, 1), cut(b, log, 0, 1), cut(c, conflicting, 0, 1))
		verify(t, s, out[0], out[1], out[2])
	})
	t.Run("in three transactions", func(t *testing.T) {
		t.Parallel()
		s := openStore(t, atNoon())
		a, b, c := acquire(t, s, "a", 0), acquire(t, s, "a", 1), acquire(t, s, "b", 0)
		verify(t, s, commit(t, s, cut(a, log, 0, 1))[0], commit(t, s, cut(b, log, 0, 1))[0], commit(t, s, cut(c, conflicting, 0, 1))[0])
	})
}

// TestOneRecordHasOneVerdict: counted if one event is new, else late if one is late, else duplicate.
func TestOneRecordHasOneVerdict(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	fresh, old := call("n1", noon()), call("l1", noon().Add(-30*day))
	log := []logged{
		{time: noon(), events: []schemas.Event{call("n0", noon())}},
		{time: noon(), events: []schemas.Event{call("n0", noon()), old, fresh}}, // counted
		{time: noon(), events: []schemas.Event{old, call("n0", noon())}},        // late
		{time: noon(), events: []schemas.Event{call("n0", noon()), fresh}},      // duplicate
		{time: noon()},                           // ignored
		{time: noon(), reject: schemas.Oversize}, // quarantined
		{gap: true},
	}
	got := commit(t, s, cut(acquire(t, s, "a", 0), log, 0, len(log)))[0]
	want := RecordCounts{Counted: 2, Late: 1, Duplicate: 1, Ignored: 1, Quarantined: 1, Gap: 1}
	if got.Records != want {
		t.Errorf("records = %+v, want %+v", got.Records, want)
	}
	if want := (EventCounts{New: 2, Late: 2, Duplicate: 4}); got.Events != want {
		t.Errorf("events = %+v, want %+v", got.Events, want)
	}
}
