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

// observe tells the metrics of a transaction that PostgreSQL acknowledged, and never before: counters are not ahead of the
// tables. All of a transaction is told at once, because each tuple of labels that it touches costs as much as several events.
func (w *worker) observe(c sink.Commit) {
	events := committedEvents{batches: c.Batches}
	isNew := make([]bool, 0, c.Events)
	for i := range c.Batches {
		isNew = append(isNew, c.Batches[i].Outcome.New...)
		w.accounted(&c.Batches[i])
	}
	w.metrics.Committed(&events, isNew)
	w.metrics.CommitAcknowledged(c.Took, c.Events)
	for range c.Fenced {
		w.metrics.BatchFenced()
	}
}

// accounted tells the metrics of the verdicts on one batch.
func (w *worker) accounted(c *sink.Committed) {
	records, events := c.Outcome.Records, c.Outcome.Events
	v := alerts.Verdicts{
		Offsets: c.Batch.To - c.Batch.From,
		Counted: records.Counted, Duplicate: records.Duplicate, Late: records.Late,
		Quarantined: records.Quarantined, Ignored: records.Ignored, Gap: records.Gap,
		EventsNew: events.New, EventsDuplicate: events.Duplicate,
		EventsLate: events.Late, EventsConflicting: events.Conflicting,
		ByReason: map[schemas.Reason]int64{},
	}
	refused := records.Quarantined // what is left after ours is what PostgreSQL refused
	for _, r := range c.Batch.Quarantined {
		v.ByReason[r.Reason] += r.To - r.From
		refused -= r.To - r.From
	}
	v.ByReason[schemas.DatabaseRejected] += refused
	w.metrics.Accounted(v)
}

// committedEvents are the events of several batches, one after the other. They are asked for in order.
type committedEvents struct {
	batches  []sink.Committed
	at, from int // the batch that was asked last, and how many events stand before it
}

// Len is part of alerts.Events.
func (e *committedEvents) Len() int {
	n := 0
	for i := range e.batches {
		n += e.batches[i].Batch.Len()
	}
	return n
}

// Event is part of alerts.Events.
func (e *committedEvents) Event(i int, into *schemas.Event) {
	if i < e.from {
		e.at, e.from = 0, 0
	}
	for i-e.from >= e.batches[e.at].Batch.Len() {
		e.from += e.batches[e.at].Batch.Len()
		e.at++
	}
	e.batches[e.at].Batch.Event(i-e.from, into)
}
