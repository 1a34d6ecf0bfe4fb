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
	lease   lease
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
	if err := p.settle(ctx); err != nil || p.builder.empty() {
		return err
	}
	o := &offered{batch: p.builder.batch, lease: p.builder.lease, done: make(chan struct{})}
	p.pending = o
	p.builder.reset(o.batch.To)
	p.w.offers.Go(func() {
		defer close(o.done)
		defer o.lease.end()
		o.outcome, o.err = p.w.committer.Submit(p.w.commitCtx, o.batch)
		if o.err == nil { // else the committer may still look at the batch
			o.batch.Release()
		}
	})
	return nil
}

// offerNow is offer for a batch that is full: the partition has more to read and waits for the commit.
func (p *partition) offerNow(ctx context.Context) error {
	p.builder.batch.Urgent = true
	return p.offer(ctx)
}

// settle waits for the batch in the committer's hands and draws the consequences of its outcome.
func (p *partition) settle(ctx context.Context) error {
	o := p.pending
	if o == nil {
		return nil
	}
	p.pace.busy()
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
	p.committed(ctx, o)
	return nil
}

// committed draws the consequences of an acknowledged batch.
func (p *partition) committed(ctx context.Context, o *offered) {
	p.metrics.Committed(o.batch.To, o.batch.Watermark)
	p.assigned.Mirror(o.batch.To)
	if at, ok := p.ends.committed(p.w.now(), o.batch.To, o.batch.FirstTime); ok {
		p.caughtUp(ctx, at)
	}
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
