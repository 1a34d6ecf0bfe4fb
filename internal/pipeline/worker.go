package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/tracetally/tracetally/alerts"
	"github.com/tracetally/tracetally/classify"
	"github.com/tracetally/tracetally/consumer"
	"github.com/tracetally/tracetally/sink"
)

// commitEvents is how many events make a commit that waits for no more.
const commitEvents = 6_000

// commitGrace bounds the last commit after the partitions have used up their own grace: stopping takes little longer than
// Config.Drain when PostgreSQL does not answer.
const commitGrace = time.Second

// worker is one process of the pipeline: what the partitions share.
type worker struct {
	cfg       Config
	log       *slog.Logger
	now       func() time.Time
	store     *sink.Store
	kafka     *consumer.Client
	committer *sink.Committer
	watchdog  *watchdog
	retention *sink.Retention
	metrics   *alerts.Metrics
	room      *room
	// partitions is how many are assigned now; they share what may be fetched.
	partitions atomic.Int64
	// retryPause is how long a partition rests after it was fenced or failed.
	retryPause time.Duration
	// commitCtx outlives the partitions, so that what they hold when they stop is still written.
	commitCtx context.Context //nolint:containedctx // the committer's, not a request's
	offers    sync.WaitGroup
	stop      context.CancelCauseFunc
}

// Run is a worker: it consumes until ctx ends, then drains and returns nil. It returns an error when it cannot start or
// when going on would be wrong (a bug that PostgreSQL refused, a schema of another version).
func Run(ctx context.Context, cfg Config, rules *classify.Classifier) error {
	cfg = cfg.withDefaults()
	registry := prometheus.NewRegistry()
	metrics, err := newMetrics(cfg, registry)
	if err != nil {
		return fmt.Errorf("set up metrics: %w", err)
	}
	room, err := newRoom(cfg.MemoryLimit, cfg.Line, rules)
	if err != nil {
		return err
	}
	cfg.Sink.Retried = metrics.CommitRetried
	store, err := sink.Open(ctx, cfg.Sink)
	if err != nil {
		return err
	}
	defer store.Close()
	retention, err := newRetention(cfg, metrics)
	if err != nil {
		return err
	}
	group := &membership{now: time.Now}
	cfg.Kafka.Joined = group.joined
	kafka, err := consumer.New(cfg.Kafka)
	if err != nil {
		return err
	}
	defer kafka.Close() //nolint:errcheck // closing idle connections at the end
	group.grace = kafka.RebalanceLimit()
	server, err := newServer(cfg, registry, metrics, readiness(store, group, kafka))
	if err != nil {
		return err
	}
	if cfg.Listening != nil {
		cfg.Listening(server.Addr())
	}
	w := &worker{
		cfg: cfg, log: cfg.Logger, now: time.Now, store: store, kafka: kafka, metrics: metrics,
		room: room, retryPause: time.Second, retention: retention, watchdog: newWatchdog(time.Now, cfg.Stall, group),
	}
	w.committer = sink.NewCommitter(store, sink.CommitterConfig{
		Interval: cfg.CommitInterval, MaxEvents: commitEvents, Grace: commitGrace, Observe: w.observe,
	})
	return w.run(ctx, server)
}

// run starts the committer, the metrics server and the group, and stops them in the right order: first the reading, then
// the commits in hand, then the server, which shows the last numbers until the end.
func (w *worker) run(ctx context.Context, server *alerts.Server) error {
	ctx, w.stop = context.WithCancelCause(ctx)
	defer w.stop(nil)
	commitCtx, stopCommits := context.WithCancel(context.WithoutCancel(ctx))
	defer stopCommits()
	w.commitCtx = commitCtx
	var background errgroup.Group
	background.Go(func() error { return w.alive(w.committer.Run(commitCtx)) })
	background.Go(func() error { return w.alive(server.Run(commitCtx)) })

	err := w.awaitStore(ctx)
	if err == nil {
		background.Go(func() error { return w.keep(commitCtx) })
		err = w.awaitTopics(ctx)
	}
	if err == nil && ctx.Err() == nil {
		err = w.consume(ctx)
	}
	stopCommits() // every partition has settled or used up its grace: what is still open now is unknown, and read again
	w.offers.Wait()
	err = errors.Join(err, background.Wait())
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// awaitStore waits until PostgreSQL can take commits, so that partitions are not taken from a worker that works. Tables of
// another version end the worker: waiting would not mend them.
func (w *worker) awaitStore(ctx context.Context) error {
	return w.insist(ctx, w.log, "reach PostgreSQL", func() error { return w.store.Ready(ctx) }, w.fatal)
}

// alive stops the worker when a part of it ended that must not; what such a part returns at a clean stop is nil.
func (w *worker) alive(err error) error {
	if err != nil && !errors.Is(err, context.Canceled) {
		w.stop(err)
		return err
	}
	return nil
}

// assigned walks one partition for the length of an assignment.
func (w *worker) assigned(ctx context.Context, a consumer.Assigned) {
	log := w.log.With("topic", a.Topic, "partition", a.Partition)
	w.partitions.Add(1)
	defer w.partitions.Add(-1)
	p := &partition{w: w, assigned: a, log: log, metrics: w.metrics.Partition(a.Topic, a.Partition)}
	if err := p.walk(ctx); err != nil {
		w.stop(fmt.Errorf("%s/%d: %w", a.Topic, a.Partition, err))
	}
}

// fatal tells whether an error must stop the worker loudly: a bug that the database refused, tables of another version, or
// tables that were filled from another Kafka cluster.
func (w *worker) fatal(err error) bool {
	return errors.Is(err, sink.ErrInvariant) || errors.Is(err, sink.ErrBadBatch) || errors.Is(err, sink.ErrSchemaVersion) || errors.Is(err, sink.ErrOtherCluster)
}
