package main

import (
	"context"
	"fmt"
	"time"
)

// How the ledger is read: what the resolver of the join asks, and the look at the row that a duplicate met.
const (
	looksAtOnce = 50 // traces of one statement
	looks       = 1000
	// reach is how far from an exception the join looks; wide is that of an outcome, half of a retention of 7 days.
	reach      = time.Hour
	wide       = 84 * time.Hour
	twinsAsked = 4000
)

// reads is the server's CPU time of one look of each kind, in microseconds, and what they found.
type reads struct {
	recent, anyAge, wide, twin float64
	found                      float64 // events of a recent trace
}

// reader asks on a session of its own.
type reader struct {
	session *session
	stream  *stream
	look    string
}

// readAll measures every kind of read while the ledger holds the deliveries before next.
func (r *reader) readAll(ctx context.Context, next int64) (reads, error) {
	var out reads
	var err error
	if out.twin, err = r.twins(ctx, next); err != nil || r.look == "" {
		return out, err
	}
	traces := next / perTrace
	recent := min(traces, int64(5*time.Minute/(perTrace*r.stream.gap))+1)
	settled := max(1, traces-int64(2*time.Hour/(perTrace*r.stream.gap))) // traces whose last event is most likely there
	if out.recent, _, err = r.traces(ctx, traces-recent, traces, reach, looks); err != nil {
		return out, err
	}
	if out.anyAge, out.found, err = r.traces(ctx, 0, settled, reach, looks); err != nil {
		return out, err
	}
	out.wide, _, err = r.traces(ctx, 0, settled, wide, looks/5)
	return out, err
}

// traces looks n times at traces of [from, to), at random, and returns the CPU time and the events found of one look.
func (r *reader) traces(ctx context.Context, from, to int64, reach time.Duration, n int) (micros, found float64, err error) {
	before, err := onCPU(r.session.pid)
	if err != nil {
		return 0, 0, err
	}
	total := int64(0)
	for round := range n / looksAtOnce {
		keys, lower, upper := make([]string, looksAtOnce), make([]time.Time, looksAtOnce), make([]time.Time, looksAtOnce)
		for i := range keys {
			t := from + int64(r.stream.draw(int64(round*looksAtOnce+i)+to, 30)%uint64(to-from))
			at := r.stream.traceBegin(t)
			keys[i], lower[i], upper[i] = key(r.stream.traceID(t)), at.Add(-reach), at.Add(reach)
		}
		var events int64
		var cost *float64
		if err := r.session.QueryRow(ctx, r.look, keys, lower, upper).Scan(&events, &cost); err != nil {
			return 0, 0, fmt.Errorf("look at traces: %w", err)
		}
		total += events
	}
	after, err := onCPU(r.session.pid)
	if err != nil {
		return 0, 0, err
	}
	n = n / looksAtOnce * looksAtOnce
	return perPiece(after-before, int64(n)), float64(total) / float64(n), nil
}

// twins looks up rows that are there by their keys, as the sink does to compare the contents of duplicates.
func (r *reader) twins(ctx context.Context, next int64) (float64, error) {
	const ask = `
select count((select l.content_hash from tracetally.ledger l where l.time = u.time and l.event_id = u.id))
from unnest($1::timestamptz[], $2::bytea[]) u (time, id)`
	times, ids := make([]time.Time, twinsAsked), make([][]byte, twinsAsked)
	for i := range times {
		n := int64(r.stream.draw(next+int64(i), 31) % uint64(next))
		for r.stream.duplicate(n) {
			n--
		}
		e := r.stream.event(n)
		times[i], ids[i] = time.UnixMicro(e.us).UTC(), e.id[:]
	}
	before, err := onCPU(r.session.pid)
	if err != nil {
		return 0, err
	}
	var found int
	if err := r.session.QueryRow(ctx, ask, times, ids).Scan(&found); err != nil {
		return 0, fmt.Errorf("look rows up by their keys: %w", err)
	}
	if found != twinsAsked {
		return 0, fmt.Errorf("only %d of %d rows are in the ledger", found, twinsAsked)
	}
	after, err := onCPU(r.session.pid)
	return perPiece(after-before, twinsAsked), err
}

func perPiece(d time.Duration, n int64) float64 {
	return float64(d.Nanoseconds()) / 1000 / float64(max(1, n))
}
