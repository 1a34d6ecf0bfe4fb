package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tracetally/tracetally/internal/traffic"
)

// found is what the views say after a run.
type found struct {
	partitions map[traffic.TopicPartition]recordVerdicts
	events     eventVerdicts
	rejects    map[string]int64
	failures   map[string]int64 // failed calls by category
	exceptions map[string]int64
	calls      callsFound
}

type callsFound struct {
	Calls, Failed, Unpriced, Input, Output, CacheRead, CacheWrite, Reasoning int64
	CostUSD, WastedUSD                                                       string
}

func readFound(ctx context.Context, pool *pgxpool.Pool) (found, error) {
	var f found
	for _, read := range []func(context.Context, *pgxpool.Pool) error{f.readPartitions, f.readRejects, f.readErrors, f.readCalls} {
		if err := read(ctx, pool); err != nil {
			return found{}, fmt.Errorf("read the result: %w", err)
		}
	}
	return f, nil
}

func (f *found) readPartitions(ctx context.Context, pool *pgxpool.Pool) error {
	rows, err := pool.Query(ctx, `
		select topic, partition, counted, duplicate, late, quarantined, ignored, gap, next_offset - start_offset,
		       events_new, events_duplicate, events_late, events_conflicting
		from partition_progress`)
	if err != nil {
		return err
	}
	f.partitions = map[traffic.TopicPartition]recordVerdicts{}
	var at traffic.TopicPartition
	var p recordVerdicts
	var e eventVerdicts
	_, err = pgx.ForEachRow(rows, []any{
		&at.Topic, &at.Partition, &p.Counted, &p.Duplicate, &p.Late, &p.Quarantined, &p.Ignored, &p.Gap, &p.Scanned,
		&e.New, &e.Duplicate, &e.Late, &e.Conflicting,
	}, func() error {
		f.partitions[at] = p
		f.events.New += e.New
		f.events.Duplicate += e.Duplicate
		f.events.Late += e.Late
		f.events.Conflicting += e.Conflicting
		return nil
	})
	return err
}

func (f *found) readRejects(ctx context.Context, pool *pgxpool.Pool) error {
	var err error
	f.rejects, err = readCounts(ctx, pool, `select reason, sum(records)::bigint from quarantine group by reason`)
	return err
}

func (f *found) readErrors(ctx context.Context, pool *pgxpool.Pool) error {
	var err error
	f.failures, err = readCounts(ctx, pool, `
		select category, sum(failures)::bigint from errors_1d where linked = 'call' group by category having sum(failures) > 0`)
	if err != nil {
		return err
	}
	f.exceptions, err = readCounts(ctx, pool, `
		select category, sum(exceptions)::bigint from errors_1d group by category having sum(exceptions) > 0`)
	return err
}

func (f *found) readCalls(ctx context.Context, pool *pgxpool.Pool) error {
	c := &f.calls
	return pool.QueryRow(ctx, `
		select coalesce(sum(calls), 0)::bigint, coalesce(sum(failures), 0)::bigint, coalesce(sum(unpriced_calls), 0)::bigint,
		       coalesce(sum(input_tokens), 0)::bigint, coalesce(sum(output_tokens), 0)::bigint,
		       coalesce(sum(cache_read_tokens), 0)::bigint, coalesce(sum(cache_write_tokens), 0)::bigint,
		       coalesce(sum(reasoning_tokens), 0)::bigint,
		       coalesce(sum(cost_usd), 0)::text, coalesce(sum(wasted_cost_usd), 0)::text
		from calls_1d`).Scan(&c.Calls, &c.Failed, &c.Unpriced, &c.Input, &c.Output, &c.CacheRead, &c.CacheWrite, &c.Reasoning,
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
