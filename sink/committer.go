package sink

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// CommitterConfig says how batches are taken together. Zero fields mean their defaults.
type CommitterConfig struct {
	// Interval is how long the first batch waits for others. Default 1 s.
	Interval time.Duration
	// MaxEvents commits earlier, as soon as this many are ready. Default 50,000.
	MaxEvents int
	// Grace bounds the last commit after Run's context has ended. Default 10 s.
	Grace time.Duration
	// HorizonEvery is how often the horizon is looked at, after a commit. Default 10 s.
	HorizonEvery time.Duration
	// Observe, if set, hears of every transaction that committed, in Run's goroutine, before Submit answers.
	Observe func(Commit)
}

// Commit describes one commit, for metrics.
type Commit struct {
	Partitions, Events int
	Fenced             int // partitions
	Took               time.Duration
	// Batches are those that were not fenced. They may be looked at until Observe returns.
	Batches []Committed
}

// Committed is a batch and what became of it.
type Committed struct {
	Batch   *Batch
	Outcome Outcome
}

// Committer takes the batches of all partitions of a worker and commits what is ready in one transaction: at 64 partitions
// that is five times as fast as one transaction for each, because they would queue for the rows of the current minute.
type Committer struct {
	store  *Store
	cfg    CommitterConfig
	submit chan *submission
	ended  chan struct{} // closed when Run returns
}

type submission struct {
	work *work
	done chan error // buffered: Submit may have gone
}

// ErrStopped is what Submit answers once Run has ended.
var ErrStopped = errors.New("committer has stopped")

// NewCommitter makes a committer; nothing happens before Run.
func NewCommitter(s *Store, cfg CommitterConfig) *Committer {
	cfg.Interval = cmp.Or(cfg.Interval, time.Second)
	cfg.MaxEvents = cmp.Or(cfg.MaxEvents, 50_000)
	cfg.Grace = cmp.Or(cfg.Grace, 10*time.Second)
	cfg.HorizonEvery = cmp.Or(cfg.HorizonEvery, 10*time.Second)
	return &Committer{store: s, cfg: cfg, submit: make(chan *submission), ended: make(chan struct{})}
}

// Submit blocks until the batch is committed or fenced. A transient trouble of the database is not an error: it is tried
// again for as long as it takes. After an error the batch may or may not be committed, and it must not be changed:
// the committer may still be working on it. Errors: ErrBadBatch, ErrInvariant and missing rights, which no retry mends;
// ErrStopped; the context's.
func (c *Committer) Submit(ctx context.Context, b *Batch) (Outcome, error) {
	if err := b.validate(); err != nil {
		return Outcome{}, err
	}
	s := &submission{work: newWork(b), done: make(chan error, 1)}
	select {
	case c.submit <- s:
	case <-c.ended:
		return Outcome{}, ErrStopped
	case <-ctx.Done():
		return Outcome{}, context.Cause(ctx)
	}
	select {
	case err := <-s.done:
		if err != nil {
			return Outcome{}, err
		}
		return s.work.outcome, nil
	case <-ctx.Done():
		return Outcome{}, context.Cause(ctx)
	}
}

// Run commits until ctx ends; what was submitted by then is committed within Grace. It returns early with the error that no
// retry mends. It may be called once.
func (c *Committer) Run(ctx context.Context) error {
	defer close(c.ended)
	var waiting []*submission // a second batch of a partition waits for the first
	looked := time.Time{}
	for {
		group := c.collect(ctx, waiting)
		if len(group) == 0 {
			return nil
		}
		group, waiting = onePerPartition(group)
		if err := c.commit(ctx, group); err != nil {
			answer(waiting, err)
			return err
		}
		if now := c.store.cfg.Now(); now.Sub(looked) >= c.cfg.HorizonEvery && ctx.Err() == nil {
			looked = now
			if err := c.store.AdvanceHorizon(ctx); err != nil {
				c.store.log.Warn("horizon not advanced", "err", err)
			}
		}
	}
}

// collect takes submissions until there are enough events, one is urgent, the interval is over or ctx ends. It is empty only
// when ctx has ended and nothing is left.
func (c *Committer) collect(ctx context.Context, group []*submission) []*submission {
	if len(group) == 0 {
		if ctx.Err() != nil {
			return nil
		}
		select {
		case s := <-c.submit:
			group = append(group, s)
		case <-ctx.Done():
			return nil
		}
	}
	timer := time.NewTimer(c.cfg.Interval)
	defer timer.Stop()
	for !c.enough(group) {
		select {
		case s := <-c.submit:
			group = append(group, s)
		case <-timer.C:
			return group
		case <-ctx.Done():
			return group
		}
	}
	for {
		select {
		case s := <-c.submit: // whoever waits already comes along
			group = append(group, s)
		default:
			return group
		}
	}
}

// enough tells whether to commit without waiting for more.
func (c *Committer) enough(group []*submission) bool {
	events := 0
	for _, s := range group {
		if events += s.work.batch.Weight(); s.work.batch.Urgent || events >= c.cfg.MaxEvents {
			return true
		}
	}
	return false
}

// onePerPartition keeps the first batch of each partition and puts later ones off.
func onePerPartition(all []*submission) (now, later []*submission) {
	taken := map[int32]bool{}
	for _, s := range all {
		id := s.work.batch.Claim.SourceID
		if taken[id] {
			later = append(later, s)
			continue
		}
		taken[id] = true
		now = append(now, s)
	}
	slices.SortFunc(now, func(x, y *submission) int {
		a, b := x.work.batch.Claim, y.work.batch.Claim
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.SourceID, b.SourceID))
	})
	return now, later
}

func (c *Committer) commit(ctx context.Context, group []*submission) error {
	ctx, cancel := withGrace(ctx, c.cfg.Grace)
	defer cancel()
	began := time.Now()
	works := make([]*work, len(group))
	report := Commit{Partitions: len(group)}
	for i, s := range group {
		works[i] = s.work
		report.Events += s.work.batch.n
	}
	err := c.store.commitAll(ctx, works)
	if err == nil && c.cfg.Observe != nil {
		report.Took = time.Since(began)
		for _, w := range works {
			if w.outcome.Fenced {
				report.Fenced++
			} else {
				report.Batches = append(report.Batches, Committed{w.batch, w.outcome})
			}
		}
		c.cfg.Observe(report)
	}
	answer(group, err)
	return err
}

// withGrace is ctx, ending grace later.
func withGrace(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	inner, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(grace, func() { cancel(fmt.Errorf("grace of %v is over: %w", grace, context.Cause(ctx))) })
		context.AfterFunc(inner, func() { timer.Stop() })
	})
	return inner, func() {
		stop()
		cancel(context.Canceled)
	}
}

// answer tells what became of the group: a work that was done before the error came is still done.
func answer(group []*submission, err error) {
	for _, s := range group {
		if s.work.done {
			s.done <- nil
		} else {
			s.done <- err
		}
	}
}
