package pipeline

import (
	"context"

	"github.com/tracetally/tracetally/alerts"
	"github.com/tracetally/tracetally/sink"
)

// newRetention makes the worker's part in retention: of all workers of a pipeline one at a time is at it.
func newRetention(cfg Config, metrics *alerts.Metrics) (*sink.Retention, error) {
	opts := cfg.Retention
	opts.Observe = func(s sink.RetentionState, err error) {
		if err != nil {
			metrics.RetentionFailed(sink.InTheWay(err))
		}
		metrics.Retained(alerts.RetentionState{
			Known: s.Known, Horizon: s.Horizon, Oldest: s.Oldest, Succeeded: s.Succeeded, Partitions: s.Partitions,
			Expired: s.Expired, Holding: s.Holding, Released: s.Released, Dropped: len(s.Dropped), Deleted: s.Deleted,
		})
	}
	return sink.NewRetention(cfg.Sink, opts)
}

// keep runs retention until ctx ends. Nothing that goes wrong there stops the worker: commits do not need it.
func (w *worker) keep(ctx context.Context) error {
	w.retention.Run(ctx)
	return nil
}
