package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// layout is a way to lay the ledger out: how wide a partition is, and what finds the events of a trace.
type layout struct {
	name  string
	width time.Duration // of a partition; 0: as the product makes them
	index index
}

// index is what finds the events of a trace.
type index struct {
	// create makes it on the ledger; empty: there is none, or the product's own.
	create string
	// look counts the events of traces, each within a span of time: $1 keys, $2 and $3 the ends of the spans. Empty: no way
	// to look but to read everything.
	look string
}

// byKey looks with an index that begins with the key, or is a hash of it.
const byKey = `
select count(l.content_hash), max(l.cost_usd)
from unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) k (key, lower, upper)
cross join lateral (
    select l.content_hash, l.cost_usd from tracetally.ledger l
    where l.join_key = k.key and l.time >= k.lower and l.time < k.upper
    limit 5001
) l`

// byKeyAlone looks with a hash index. The times are compared outside: while a partition is new and has no statistics the planner
// would rather read the whole span by the primary key, at 20 ms a look (seen).
const byKeyAlone = `
select count(l.content_hash), max(l.cost_usd)
from unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) k (key, lower, upper)
cross join lateral (
    select l.time, l.content_hash, l.cost_usd from tracetally.ledger l where l.join_key = k.key limit 5001
) l
where l.time >= k.lower and l.time < k.upper`

// byHash looks with 64 bits of a hash of the key, and for the same reason without the times.
const byHash = `
select count(l.content_hash), max(l.cost_usd)
from unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) k (key, lower, upper)
cross join lateral (
    select l.time, l.content_hash, l.cost_usd from tracetally.ledger l
    where hashtextextended(l.join_key, 0) = hashtextextended(k.key, 0) and l.join_key = k.key
    limit 5001
) l
where l.time >= k.lower and l.time < k.upper`

// byHashAndTime looks with the same hash and the time, both in one index.
const byHashAndTime = `
select count(l.content_hash), max(l.cost_usd)
from unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) k (key, lower, upper)
cross join lateral (
    select l.content_hash, l.cost_usd from tracetally.ledger l
    where hashtextextended(l.join_key, 0) = hashtextextended(k.key, 0) and l.join_key = k.key
      and l.time >= k.lower and l.time < k.upper
    limit 5001
) l`

// byHour looks once for each hour of the span.
const byHour = `
select count(l.content_hash), max(l.cost_usd)
from unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) k (key, lower, upper)
cross join lateral generate_series(date_bin('1 hour', k.lower, '2000-01-01 00:00+00'), k.upper, '1 hour') h
cross join lateral (
    select l.content_hash, l.cost_usd from tracetally.ledger l
    where date_bin('1 hour', l.time, '2000-01-01 00:00+00') = h and l.join_key = k.key
      and l.time >= greatest(h, k.lower) and l.time < least(h + interval '1 hour', k.upper)
    limit 5001
) l`

const byHourAndHash = `
select count(l.content_hash), max(l.cost_usd)
from unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) k (key, lower, upper)
cross join lateral generate_series(date_bin('1 hour', k.lower, '2000-01-01 00:00+00'), k.upper, '1 hour') h
cross join lateral (
    select l.content_hash, l.cost_usd from tracetally.ledger l
    where date_bin('1 hour', l.time, '2000-01-01 00:00+00') = h and hashtextextended(l.join_key, 0) = hashtextextended(k.key, 0)
      and l.join_key = k.key and l.time >= greatest(h, k.lower) and l.time < least(h + interval '1 hour', k.upper)
    limit 5001
) l`

func indexes() map[string]index {
	return map[string]index{
		"none":     {},
		"key-time": {`create index ledger_join on tracetally.ledger (join_key, time)`, byKey},
		"hashed":   {`create index ledger_join on tracetally.ledger using hash (join_key)`, byKeyAlone},
		"hash64": {
			`create index ledger_join on tracetally.ledger (hashtextextended(join_key, 0)) where join_key is not null`, byHash,
		},
		"hash64-time": {
			`create index ledger_join on tracetally.ledger (hashtextextended(join_key, 0), time) where join_key is not null`, byHashAndTime,
		},
		"hour-key": {
			`create index ledger_join on tracetally.ledger (date_bin('1 hour', time, '2000-01-01 00:00+00'), join_key) where join_key is not null`,
			byHour,
		},
		"hour-hash64": {
			`create index ledger_join on tracetally.ledger (date_bin('1 hour', time, '2000-01-01 00:00+00'), hashtextextended(join_key, 0))
             where join_key is not null`,
			byHourAndHash,
		},
	}
}

// shipped is the layout of the product's migrations.
func shipped() layout { return layout{name: "shipped", index: index{look: byHourAndHash}} }

// parseLayout reads "shipped", or WIDTH/INDEX such as "24h/key-time".
func parseLayout(name string) (layout, error) {
	if name == "shipped" {
		return shipped(), nil
	}
	width, kind, _ := strings.Cut(name, "/")
	d, err := time.ParseDuration(width)
	ix, known := indexes()[kind]
	if err != nil || d < time.Minute || (24*time.Hour)%d != 0 || !known {
		return layout{}, fmt.Errorf("layout: must be shipped, or a width that divides 24h, a slash and a kind of index, got %q", name)
	}
	return layout{name: name, width: d, index: ix}, nil
}

// prepare turns the migrated, empty ledger into the layout, and makes the table of the control (measure.go).
func (l layout) prepare(ctx context.Context, conn *pgx.Conn) error {
	const clear = `
drop index tracetally.ledger_join;
do $$ declare p regclass; begin
    for p in select inhrelid::regclass from pg_inherits where inhparent = 'tracetally.ledger'::regclass loop
        execute format('drop table %s', p);
    end loop;
end $$;`
	const control = `
truncate tracetally.ledger;
create table tracetally.control (like tracetally.ledger including all);`
	const partition = `
create function tracetally.bench_partition(lower timestamptz, upper timestamptz) returns void language plpgsql as $$
begin
    execute format('create table tracetally.%I partition of tracetally.ledger for values from (%L) to (%L)',
                   'ledger_' || to_char(lower, 'YYYYMMDDHH24MI'), lower, upper);
end $$`
	statements := []string{control}
	if l.width > 0 {
		statements = []string{clear, partition, l.index.create, control}
	}
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			return fmt.Errorf("lay out %s: %w", l.name, err)
		}
	}
	return nil
}

// extend makes the partitions of [from, to).
func (l layout) extend(ctx context.Context, conn *pgx.Conn, from, to time.Time) error {
	if l.width == 0 {
		const ensure = `select tracetally.ensure_ledger_day($1::date)`
		for at := from.Truncate(24 * time.Hour); at.Before(to); at = at.Add(24 * time.Hour) {
			var made bool
			if err := conn.QueryRow(ctx, ensure, at).Scan(&made); err != nil {
				return fmt.Errorf("make a partition: %w", err)
			}
			if !made {
				return errors.New("make a partition: it is before the horizon")
			}
		}
		return nil
	}
	for at := from.Truncate(l.width); at.Before(to); at = at.Add(l.width) {
		if _, err := conn.Exec(ctx, `select tracetally.bench_partition($1, $2)`, at, at.Add(l.width)); err != nil {
			return fmt.Errorf("make a partition: %w", err)
		}
	}
	return nil
}
