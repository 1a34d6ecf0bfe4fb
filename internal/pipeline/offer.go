package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/tracetally/tracetally/sink"
)

// offered is a batch in the committer's hands.
type offered struct {
	batch   *sink.Batch
	charge  int64
	outcome sink.Outcome
	err     error
	done    chan struct{}
}

// ready tells whether the committer is done with the last batch, so that offering the next will not wait.
func (p *partition) ready() bool {
	if p.pending == nil {
		return true
	}
	select {
	case <-p.pending.done:
		return true
	default:
		return false
	}
}

// offer hands the batch to the committer and begins the next. The last one must be done first: a partition's batches
// commit in order, and two of them in memory are enough.
func (p *partition) offer(ctx context.Context) error {
	if p.builder.empty() {
		return p.settle(ctx)
	}
	if err := p.settle(ctx); err != nil {
		return err
	}
	b := p.builder.batch
	o := &offered{batch: b, charge: charge(b), done: make(chan struct{})}
	if err := p.w.budget.Acquire(ctx, o.charge); err != nil {
		return err
	}
	p.pending = o
	p.builder.limit = p.w.batchLimit() // others may have come or gone
	p.builder.reset(b.To)
	p.w.offers.Go(func() {
		defer close(o.done)
		defer p.w.budget.Release(o.charge)
		o.outcome, o.err = p.w.committer.Submit(p.w.commitCtx, b)
	})
	return nil
}

// settle waits for the batch in the committer's hands and draws the consequences of its outcome.
func (p *partition) settle(ctx context.Context) error {
	o := p.pending
	if o == nil {
		return nil
	}
	select {
	case <-o.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	p.pending = nil
	switch {
	case o.err != nil:
		return fmt.Errorf("%w: %w", errUncommitted, o.err)
	case o.outcome.Fenced:
		return errFenced
	}
	p.committed(o)
	return nil
}

// committed draws the consequences of an acknowledged batch.
func (p *partition) committed(o *offered) {
	p.w.committed(o)
	p.metrics.Committed(o.batch.To, o.batch.Watermark)
	p.assigned.Mirror(o.batch.To)
	p.builder.recycle(o.batch)
}

// drain commits what is in hand when the walk ends, within the grace that stopping has.
func (p *partition) drain(ctx context.Context) error {
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.w.cfg.Drain)
	defer cancel()
	err := p.offer(grace)
	if err == nil {
		err = p.settle(grace)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w within %v: %w", errUncommitted, p.w.cfg.Drain, err)
	}
	return err
}

// charge is what a batch weighs in the budget of the worker, at least one.
func charge(b *sink.Batch) int64 {
	return min(max(int64(b.Weight()), 1), budgetEvents)
}
