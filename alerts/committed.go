package alerts

import (
	"errors"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tracetally/tracetally/schemas"
)

var (
	errLengths  = errors.New("events and verdicts differ in number")
	errNegative = errors.New("a counter cannot decrease")
)

// Events are the events of a batch. Event fills in what is counted of the i-th; the strings of its ids need only live until
// the next one.
type Events interface {
	Len() int
	Event(i int, into *schemas.Event)
}

// List is events that are there already.
type List []schemas.Event

// Len is part of Events.
func (l List) Len() int { return len(l) }

// Event is part of Events.
func (l List) Event(i int, into *schemas.Event) { *into = l[i] }

// Committed counts the events of a batch whose commit was acknowledged; isNew tells, for each of them, whether the ledger
// saw it for the first time. Duplicates and late events move nothing. It never fails: an amount that no counter can take
// is counted in tracetally_metric_refused_total, and the rollups have it.
//
// Until the join exists, an exception is added here, at its commit, with linked="none"; the join will add it after 60 s
// or move it to its call.
func (m *Metrics) Committed(events Events, isNew []bool) {
	if events.Len() != len(isNew) {
		m.refuse(errLengths)
		return
	}
	now := m.cfg.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	touched := map[*tuple]struct{}{}
	var e schemas.Event
	for i, first := range isNew {
		if first {
			events.Event(i, &e)
			m.add(&e, now, touched)
		}
	}
	for t := range touched {
		m.finish(t)
	}
}

// add counts one new event.
func (m *Metrics) add(e *schemas.Event, now time.Time, touched map[*tuple]struct{}) {
	if e.Warnings != 0 {
		for _, w := range e.Warnings.Names() {
			m.calls.warnings.WithLabelValues(w).Inc()
		}
	}
	if now.Sub(e.Time) > m.cfg.FreshWindow {
		m.calls.stale.WithLabelValues(e.Kind.String()).Inc()
		return
	}
	switch {
	case e.Kind == schemas.ExceptionEvent:
		m.addError(m.tupleOf(e), e, linkedNone)
	case ended(e):
		m.addCall(m.tupleOf(e), e, touched)
	}
}

// ended tells whether the event counts as a call: a start does not, nor does a try that was followed by another.
func ended(e *schemas.Event) bool {
	return e.Kind == schemas.Call && e.Status != schemas.StatusStarted && (!e.Final.Ok || e.Final.V)
}

func (m *Metrics) addCall(t *tuple, e *schemas.Event, touched map[*tuple]struct{}) {
	s, err := m.endedOf(t)
	if err != nil {
		m.refuse(err)
		return
	}
	touched[t] = struct{}{}
	s.calls.Inc()
	for i, n := range tokensOf(e) {
		m.addTo(s.tokens[i], n.V)
	}
	if e.CostUSD.Ok {
		t.batch.cost = t.batch.cost.Add(e.CostUSD.V)
	} else {
		s.unpriced.Inc()
	}
	if e.Latency.Ok {
		m.observe(t, e.Latency.V, e.TraceID)
	}
	if e.Status.Failed() {
		m.addError(t, e, linkedCall)
	}
}

func (m *Metrics) addError(t *tuple, e *schemas.Event, linked string) {
	c, err := m.errorOf(t, e.Failure, linked)
	if err != nil {
		m.refuse(err)
		return
	}
	if a, ok := c.(prometheus.ExemplarAdder); ok {
		a.AddWithExemplar(1, exemplar(e.TraceID))
		return
	}
	c.Inc()
}

func (m *Metrics) addTo(c prometheus.Counter, n int64) {
	if n < 0 {
		m.refuse(errNegative)
		return
	}
	c.Add(float64(n))
}

// observe adds a duration. The slowest of the commit waits for finish: it alone carries its trace, for an exemplar costs
// several times what the observation does, and the slowest call is the one that people look for.
func (m *Metrics) observe(t *tuple, d time.Duration, traceID string) {
	if d < 0 {
		m.refuse(errNegative)
		return
	}
	wait := &t.batch
	if wait.timed && d <= wait.slowest {
		t.ended.latency.Observe(d.Seconds())
		return
	}
	if wait.timed {
		t.ended.latency.Observe(wait.slowest.Seconds())
	}
	wait.timed, wait.slowest, wait.traceID = true, d, strings.Clone(traceID)
}

// finish adds what the commit in hand left for its end.
func (m *Metrics) finish(t *tuple) {
	batch := t.batch
	t.batch = tupleBatch{}
	if batch.cost.Sign() < 0 {
		m.refuse(errNegative)
	} else {
		t.ended.cost.Add(batch.cost.Float64())
	}
	if !batch.timed {
		return
	}
	if o, ok := t.ended.latency.(prometheus.ExemplarObserver); ok {
		o.ObserveWithExemplar(batch.slowest.Seconds(), exemplar(batch.traceID))
		return
	}
	t.ended.latency.Observe(batch.slowest.Seconds())
}

// refuse counts an amount that could not be added. Only the first is logged, for a producer may send many; the line holds
// no value of an event.
func (m *Metrics) refuse(err error) {
	m.calls.refused.Inc()
	m.refusal.Do(func() { m.cfg.Logger.Warn("metric refused an amount", "err", err) })
}
