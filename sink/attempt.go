package sink

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// attemptTimeout bounds one attempt and statementTimeout one statement outside of it, beyond what the server's own timeouts
// bound: a network may swallow answers, and the kernel gives up on it only after a quarter of an hour.
const (
	attemptTimeout   = 45 * time.Second
	statementTimeout = 15 * time.Second
)

// attempt runs one transaction for all works. Works that turn out to be fenced, or to have been committed by an earlier
// attempt, are marked done, and if there was any the others wait for the next attempt. If it returns nil and no work was
// marked that way, all are committed.
func (s *Store) attempt(ctx context.Context, works []*work) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	if err := s.ensureDays(ctx, works); err != nil {
		return err
	}
	if err := s.resolveSeries(ctx, works); err != nil {
		return err
	}
	tx, err := s.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	if err != nil {
		return doing("begin", err)
	}
	defer rollback(ctx, tx) // after a commit it does nothing
	horizon, settled, err := s.lock(ctx, tx, works)
	if err != nil || settled {
		return err
	}
	if err := decide(ctx, tx, works, horizon); err != nil {
		return err
	}
	if err := s.write(ctx, tx, works); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return doing("commit", err) // without SQLSTATE the outcome is unknown: the next attempt finds out
	}
	for _, w := range works {
		w.done = true
	}
	return nil
}

// rollback does not wait long for a server that may be gone; closing the connection has the same effect.
func rollback(ctx context.Context, tx pgx.Tx) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = tx.Rollback(ctx)
}

// lock is the first statement of the transaction: it takes the partitions' rows in one order for all workers and compares
// token and offset. It waits for an acquire or a commit in progress and then sees what that left. The new offset is set
// under the same locks by the last step, with the counters, so that the check of the accounting holds for every version of
// the row.
//
// settled tells that works were marked done here, as fenced or as committed by an attempt whose answer was lost.
func (s *Store) lock(ctx context.Context, tx pgx.Tx, works []*work) (horizon int64, settled bool, err error) {
	const compareAndLock = `
select u.n, coalesce(p.owner_token = u.token and p.next_offset = u.from_offset, false), coalesce(p.last_commit = u.commit, false),
       (select ts from tracetally.horizon), (select min(watermark) from tracetally.progress)
from unnest($1::int[], $2::uuid[], $3::bigint[], $4::uuid[]) with ordinality u (id, token, from_offset, commit, n)
join tracetally.progress p on p.id = u.id
order by p.id
for update of p`
	n := len(works)
	ids, tokens, froms, commits := make([]int32, n), make([]uuid.UUID, n), make([]int64, n), make([]uuid.UUID, n)
	for i, w := range works {
		c := w.batch.Claim
		ids[i], tokens[i], froms[i], commits[i] = c.SourceID, c.Token, w.batch.From, w.commit
	}
	rows, err := tx.Query(ctx, compareAndLock, ids, tokens, froms, commits)
	if err != nil {
		return 0, false, doing("lock partitions", err)
	}
	var ord int
	var matches, happened bool
	var h horizonState
	locked := 0
	_, err = pgx.ForEachRow(rows, []any{&ord, &matches, &happened, &h.stored, &h.watermark}, func() error {
		locked++
		if !matches {
			works[ord-1].settle(happened)
			settled = true
		}
		return nil
	})
	if err != nil {
		return 0, false, doing("lock partitions", err)
	}
	if locked != n { // a row that is gone, for example in a database that was failed over to an older state
		return 0, true, s.settleMissing(ctx, tx, works)
	}
	return s.horizonUS(h, works), settled, nil
}

// settle marks a work whose partition no longer stands where the work begins.
func (w *work) settle(happened bool) {
	w.done = true
	if !happened {
		w.outcome = Outcome{Fenced: true, New: make([]bool, w.batch.n)}
	}
}

// settleMissing marks the works whose partitions have no row.
func (s *Store) settleMissing(ctx context.Context, tx pgx.Tx, works []*work) error {
	for _, w := range works {
		var there bool
		const ask = `select exists (select from tracetally.progress where id = $1)`
		if err := tx.QueryRow(ctx, ask, w.batch.Claim.SourceID).Scan(&there); err != nil {
			return doing("look for a partition", err)
		}
		if !there {
			w.settle(false)
		}
	}
	return nil
}

// write adds the rollups and the accounting, in one round trip and in one fixed order of tables. Rollups come last: their
// rows are shared by all workers, and so they are locked for no longer than it takes to commit.
func (s *Store) write(ctx context.Context, tx pgx.Tx, works []*work) error {
	sums := newRollups()
	for _, w := range works {
		w.outcome = w.judge()
		for i := range w.events() {
			if w.verdicts[i] == verdictNew {
				sums.add(w, w.batch.at(i))
			}
		}
	}
	var b pgx.Batch
	s.queueProgress(&b, works)
	queueRanges(&b, works)
	s.sql.queueRollups(&b, sums)
	sent := tx.SendBatch(ctx, &b)
	for range b.Len() {
		if _, err := sent.Exec(); err != nil {
			_ = sent.Close()
			return doing("write rollups and accounting", err)
		}
	}
	if err := sent.Close(); err != nil {
		return doing("write rollups and accounting", err)
	}
	return nil
}

// errOffsetsMoved cannot happen under the locks of lock; if it does, nothing is committed.
var errOffsetsMoved = fmt.Errorf("%w: a locked partition moved", ErrInvariant)
