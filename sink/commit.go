package sink

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// Waits between attempts: from 50 ms, doubling, to 5 s, each cut by up to a half at random so that workers spread out.
const (
	firstWait = 50 * time.Millisecond
	maxWait   = 5 * time.Second
)

// commitAll commits works in one transaction and tries until each is committed or fenced. It gives up only when ctx ends or
// when trying cannot help (ErrInvariant, missing rights). Works are sorted by topic and partition, one per partition.
func (s *Store) commitAll(ctx context.Context, works []*work) error {
	wait := firstWait
	for tries := 1; ; tries++ {
		works = open(works)
		if len(works) == 0 {
			return nil
		}
		err := s.attempt(ctx, works)
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return fmt.Errorf("commit %d partitions: %w", len(works), context.Cause(ctx))
		}
		switch classify(err) {
		case classFatal:
			return fmt.Errorf("commit %d partitions: %w", len(works), stop(err))
		case classReject:
			return s.bisect(ctx, works, err)
		case classPartition:
			s.memo.days.Purge()
		case classReconnect:
			// The server may be another one, or the same that no longer takes writes: no connection to it is kept, and
			// nothing that was learnt from it.
			s.pool.Reset()
			s.memo.forget()
		case classRetry:
		}
		s.cfg.Retried()
		s.log.Warn("commit tried again", "partitions", len(works), "tries", tries, "err", err)
		if err := pause(ctx, wait); err != nil {
			return fmt.Errorf("commit %d partitions: %w", len(works), err)
		}
		wait = min(2*wait, maxWait)
	}
}

// open are the works that are not done.
func open(works []*work) []*work {
	var left []*work
	for _, w := range works {
		if !w.done {
			left = append(left, w)
		}
	}
	return left
}

func pause(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait/2 + rand.N(wait/2+1)) //nolint:gosec // spreads workers out, guards nothing
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// bisect finds the record whose values Postgres refuses (SQLSTATE class 22). Each work is committed by itself, and one that
// fails again in halves, until the halves are one record: that one goes to quarantine. cause is the refusal.
func (s *Store) bisect(ctx context.Context, works []*work, cause error) error {
	if len(works) > 1 {
		for _, w := range works {
			if err := s.commitAll(ctx, []*work{w}); err != nil {
				return err
			}
		}
		return nil
	}
	w := works[0]
	records := w.batch.Records
	switch len(records) {
	case 0:
		return fmt.Errorf("%w: postgres refuses a batch without events: %w", ErrInvariant, cause)
	case 1:
		return s.replaceBy(ctx, w, w.reject())
	}
	first, second := w.split(records[len(records)/2].Offset)
	return s.replaceBy(ctx, w, first, second)
}

// replaceBy commits the parts of a work one after the other and adds up what became of them.
func (s *Store) replaceBy(ctx context.Context, w *work, parts ...*work) error {
	w.outcome = Outcome{New: make([]bool, w.batch.n)}
	for _, p := range parts {
		if err := s.commitAll(ctx, []*work{p}); err != nil {
			return err
		}
		w.outcome.merge(p.outcome)
		if p.outcome.Fenced {
			break
		}
	}
	w.done = true
	return nil
}

func (o *Outcome) merge(p Outcome) {
	o.Fenced = p.Fenced
	o.Records.merge(p.Records)
	o.Events.merge(p.Events)
	for i, isNew := range p.New {
		o.New[i] = o.New[i] || isNew
	}
}
