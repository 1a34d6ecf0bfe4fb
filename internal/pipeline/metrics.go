package pipeline

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tracetally/tracetally/alerts"
	"github.com/tracetally/tracetally/classify"
	"github.com/tracetally/tracetally/schemas"
	"github.com/tracetally/tracetally/sink"
)

// newMetrics registers the metrics. The reasons of a failure come from the classifier, so that each is there at 0 before
// the first failure of its kind.
func newMetrics(cfg Config, registry *prometheus.Registry) (*alerts.Metrics, error) {
	if err := alerts.RegisterRuntime(registry); err != nil {
		return nil, err
	}
	reasons := make([]alerts.Reason, 0, 64)
	for _, r := range classify.Reasons() {
		reasons = append(reasons, alerts.Reason{Category: r.Category, Reason: r.Reason, UsualCode: r.UsualCode})
	}
	return alerts.New(registry, alerts.Config{
		FreshWindow: cfg.FreshWindow, Reasons: reasons, Version: cfg.Version, Logger: cfg.Logger,
	})
}

// newServer listens for Prometheus and for whoever asks whether the worker can work.
func newServer(cfg Config, registry *prometheus.Registry, metrics *alerts.Metrics, ready func(context.Context) []alerts.Missing) (*alerts.Server, error) {
	return alerts.NewServer(alerts.ServerConfig{
		Addr: cfg.MetricsAddr, AllowRemote: cfg.AllowRemote, Registry: registry, Metrics: metrics, Ready: ready, Logger: cfg.Logger,
	})
}

// committed tells the metrics of a batch that PostgreSQL acknowledged, and never before: counters are not ahead of the tables.
func (w *worker) committed(o *offered) {
	w.metrics.Committed(o.batch, o.outcome.New)
	records, events := o.outcome.Records, o.outcome.Events
	v := alerts.Verdicts{
		Offsets: o.batch.To - o.batch.From,
		Counted: records.Counted, Duplicate: records.Duplicate, Late: records.Late,
		Quarantined: records.Quarantined, Ignored: records.Ignored, Gap: records.Gap,
		EventsNew: events.New, EventsDuplicate: events.Duplicate,
		EventsLate: events.Late, EventsConflicting: events.Conflicting,
		ByReason: map[schemas.Reason]int64{},
	}
	refused := records.Quarantined // what is left after ours is what PostgreSQL refused
	for _, r := range o.batch.Quarantined {
		v.ByReason[r.Reason] += r.To - r.From
		refused -= r.To - r.From
	}
	v.ByReason[schemas.DatabaseRejected] += refused
	w.metrics.Accounted(v)
}

// observe tells the metrics of a transaction.
func (w *worker) observe(c sink.Commit) {
	w.metrics.CommitAcknowledged(c.Took, c.Events)
	for range c.Fenced {
		w.metrics.BatchFenced()
	}
}
