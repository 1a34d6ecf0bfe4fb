package main

import (
	"context"
	"fmt"
	"time"
)

// controlEvery is the number of transactions of the ledger for one of the control. The control takes the same statement, rows and
// indexes to a table that is emptied after every step: what moves its cost is the machine, not the size of the ledger.
const controlEvery = 5

// step is the figures of one step of the filling; costs are microseconds of the server's CPU for each row that was sent.
type step struct {
	rows               int64 // in the ledger after it
	user, system       float64
	background         float64 // checkpointer, writers, autovacuum
	control            float64
	rate               float64 // rows per second
	wal, fullPages     float64 // bytes a row; pages written whole, a thousand rows
	hits               float64 // share of the pages that shared buffers had
	heap, unique, join int64   // bytes
	reads              reads
}

func (s *step) insert() float64 { return s.user + s.system }

// ratio is the cost of a row in the ledger over that of a row in a small table, at the same time.
func (s *step) ratio() float64 { return s.insert() / s.control }

// run is one layout under measurement.
type run struct {
	layout  layout
	server  int // its pid
	admin   *session
	ledger  *filler
	control *filler
	reader  *reader
	laidTo  time.Time // partitions are made up to here
}

// counters are what the server counts for itself.
type counters struct {
	wal, fullPages, hits, reads int64
	heap, unique, join          int64
}

func (r *run) counters(ctx context.Context) (counters, error) {
	const ask = `
select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint, (select wal_fpi from pg_stat_wal),
       d.blks_hit, d.blks_read,
       (select coalesce(sum(pg_relation_size(relid)), 0)::bigint from pg_partition_tree('tracetally.ledger') where isleaf),
       (select coalesce(sum(pg_relation_size(relid)), 0)::bigint from pg_partition_tree('tracetally.ledger_pkey') where isleaf),
       (select coalesce(sum(pg_relation_size(relid)), 0)::bigint
        from pg_partition_tree(to_regclass('tracetally.ledger_join')) where isleaf)
from pg_stat_database d
where d.datname = current_database()`
	var c counters
	err := r.admin.QueryRow(ctx, ask).Scan(&c.wal, &c.fullPages, &c.hits, &c.reads, &c.heap, &c.unique, &c.join)
	if err != nil {
		return c, fmt.Errorf("read the server's counters: %w", err)
	}
	return c, nil
}

// step fills the ledger until it was sent so many rows more, and measures.
func (r *run) step(ctx context.Context, rows int64) (s step, err error) {
	before, err := r.counters(ctx)
	if err != nil {
		return s, err
	}
	own, err := backendCPU(r.ledger.session.pid)
	if err != nil {
		return s, err
	}
	controlled, err := onCPU(r.control.session.pid)
	if err != nil {
		return s, err
	}
	all, began, sent, sentControl := serverCPU(r.server), time.Now(), r.ledger.sent, r.control.sent
	for n := 0; r.ledger.sent-sent < rows; n++ {
		if err := r.transaction(ctx, n%controlEvery == 0); err != nil {
			return s, err
		}
	}
	took, all := time.Since(began), serverCPU(r.server)-all
	after, err := r.counters(ctx)
	if err != nil {
		return s, err
	}
	ownAfter, err := backendCPU(r.ledger.session.pid)
	if err != nil {
		return s, err
	}
	controlAfter, err := onCPU(r.control.session.pid)
	if err != nil {
		return s, err
	}
	own, controlled = ownAfter.minus(own), controlAfter-controlled
	n := r.ledger.sent - sent
	s = step{
		rows: r.ledger.added, user: perPiece(own.user, n), system: perPiece(own.system, n),
		background: perPiece(max(0, all-own.sum()-controlled), n), control: perPiece(controlled, r.control.sent-sentControl),
		rate: float64(n) / took.Seconds(),
		wal:  float64(after.wal-before.wal) / float64(n), fullPages: float64(after.fullPages-before.fullPages) / float64(n) * 1000,
		hits: float64(after.hits-before.hits) / float64(max(1, after.hits-before.hits+after.reads-before.reads)),
		heap: after.heap, unique: after.unique, join: after.join,
	}
	if _, err := r.admin.Exec(ctx, `truncate tracetally.control`); err != nil {
		return s, fmt.Errorf("empty the control: %w", err)
	}
	s.reads, err = r.reader.readAll(ctx, r.ledger.next)
	return s, err
}

// transaction makes the partitions that the next rows need, and writes them.
func (r *run) transaction(ctx context.Context, control bool) error {
	need := r.ledger.now().Add(chunk*chunksATime*r.ledger.stream.gap + jitter)
	if !need.Before(r.laidTo) {
		width := max(r.layout.width, time.Minute)
		if r.layout.width == 0 {
			width = 24 * time.Hour
		}
		to := need.Truncate(width).Add(width)
		if err := r.layout.extend(ctx, r.admin.Conn, r.laidTo, to); err != nil {
			return err
		}
		r.laidTo = to
	}
	if err := r.ledger.transaction(ctx, chunksATime); err != nil {
		return err
	}
	if control {
		return r.control.transaction(ctx, 1)
	}
	return nil
}
