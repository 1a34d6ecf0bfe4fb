// Package audit holds what the tables say against the books of the traffic generator: the oracle of the demo and of the
// tests that kill workers. It shares no code with the product and reads only the views.
package audit

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tracetally/tracetally/internal/traffic"
)

// RecordVerdicts is the accounting of offsets; Scanned is how many have one.
type RecordVerdicts struct{ Counted, Duplicate, Late, Quarantined, Ignored, Gap, Scanned int64 }

// EventVerdicts is the accounting of events.
type EventVerdicts struct{ New, Duplicate, Late, Conflicting int64 }

// Add adds another partition's.
func (r *RecordVerdicts) Add(o RecordVerdicts) {
	r.Counted += o.Counted
	r.Duplicate += o.Duplicate
	r.Late += o.Late
	r.Quarantined += o.Quarantined
	r.Ignored += o.Ignored
	r.Gap += o.Gap
	r.Scanned += o.Scanned
}

// Found is what the views say after a run.
type Found struct {
	Partitions map[traffic.TopicPartition]RecordVerdicts
	Events     EventVerdicts
	Rejects    map[string]int64
	Failures   map[traffic.Cause]int64 // failed calls
	Exceptions map[traffic.Cause]int64
	Calls      CallsFound
}

// CallsFound is the sums over all calls; money is exact decimal text.
type CallsFound struct {
	Calls, Failed, Unpriced, Input, Output, CacheRead, CacheWrite, Reasoning int64
	CostUSD, WastedUSD                                                       string
}

// Read reads the views of the schema tracetally.
func Read(ctx context.Context, pool *pgxpool.Pool) (Found, error) {
	var f Found
	for _, read := range []func(context.Context, *pgxpool.Pool) error{f.readPartitions, f.readRejects, f.readErrors, f.readCalls} {
		if err := read(ctx, pool); err != nil {
			return Found{}, fmt.Errorf("read the result: %w", err)
		}
	}
	return f, nil
}

func (f *Found) readPartitions(ctx context.Context, pool *pgxpool.Pool) error {
	rows, err := pool.Query(ctx, `
		select topic, partition, counted, duplicate, late, quarantined, ignored, gap, next_offset - start_offset,
		       events_new, events_duplicate, events_late, events_conflicting
		from tracetally.partition_progress`)
	if err != nil {
		return err
	}
	f.Partitions = map[traffic.TopicPartition]RecordVerdicts{}
	var at traffic.TopicPartition
	var p RecordVerdicts
	var e EventVerdicts
	_, err = pgx.ForEachRow(rows, []any{
		&at.Topic, &at.Partition, &p.Counted, &p.Duplicate, &p.Late, &p.Quarantined, &p.Ignored, &p.Gap, &p.Scanned,
		&e.New, &e.Duplicate, &e.Late, &e.Conflicting,
	}, func() error {
		f.Partitions[at] = p
		f.Events.New += e.New
		f.Events.Duplicate += e.Duplicate
		f.Events.Late += e.Late
		f.Events.Conflicting += e.Conflicting
		return nil
	})
	return err
}

func (f *Found) readRejects(ctx context.Context, pool *pgxpool.Pool) error {
	var err error
	f.Rejects, err = readCounts(ctx, pool, `select reason, sum(records)::bigint from tracetally.quarantine group by reason`)
	return err
}

func (f *Found) readErrors(ctx context.Context, pool *pgxpool.Pool) error {
	rows, err := pool.Query(ctx, `
		select category, reason, coalesce(sum(failures) filter (where linked = 'call'), 0)::bigint, sum(exceptions)::bigint
		from tracetally.errors_1d
		group by category, reason`)
	if err != nil {
		return err
	}
	f.Failures, f.Exceptions = map[traffic.Cause]int64{}, map[traffic.Cause]int64{}
	var cause traffic.Cause
	var failures, exceptions int64
	_, err = pgx.ForEachRow(rows, []any{&cause.Category, &cause.Reason, &failures, &exceptions}, func() error {
		if failures != 0 {
			f.Failures[cause] = failures
		}
		if exceptions != 0 {
			f.Exceptions[cause] = exceptions
		}
		return nil
	})
	return err
}

func (f *Found) readCalls(ctx context.Context, pool *pgxpool.Pool) error {
	c := &f.Calls
	return pool.QueryRow(ctx, `
		select coalesce(sum(calls), 0)::bigint, coalesce(sum(failures), 0)::bigint, coalesce(sum(unpriced_calls), 0)::bigint,
		       coalesce(sum(input_tokens), 0)::bigint, coalesce(sum(output_tokens), 0)::bigint,
		       coalesce(sum(cache_read_tokens), 0)::bigint, coalesce(sum(cache_write_tokens), 0)::bigint,
		       coalesce(sum(reasoning_tokens), 0)::bigint,
		       coalesce(sum(cost_usd), 0)::text, coalesce(sum(wasted_cost_usd), 0)::text
		from tracetally.calls_1d`).Scan(&c.Calls, &c.Failed, &c.Unpriced, &c.Input, &c.Output, &c.CacheRead, &c.CacheWrite, &c.Reasoning,
		&c.CostUSD, &c.WastedUSD)
}

func readCounts(ctx context.Context, pool *pgxpool.Pool, query string) (map[string]int64, error) {
	rows, err := pool.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	counts := map[string]int64{}
	var key string
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&key, &n}, func() error { counts[key] = n; return nil })
	return counts, err
}
