package alerts

import (
	"hash/maphash"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tracetally/tracetally/schemas"
)

const (
	// linkedCall is a failure that a call states itself, linkedNone an exception. A third value, "trace", comes with
	// the join.
	linkedCall, linkedNone = "call", "none"
	// spareErrors is how many error series a tuple may have beyond the reasons with their usual codes, per linkage.
	spareErrors = 64
	// demandFactor bounds the memory of the demand: so many times the cap are told apart, then the gauge stands still.
	demandFactor = 100
)

// tupleKey is what calls, cost and tokens are labelled with.
type tupleKey struct{ environment, provider, model string }

// errorKey is what errors are labelled with beyond the tuple.
type errorKey struct {
	category             schemas.Category
	reason, code, linked string
}

// tuple holds the series of one tuple. ended is nil until its first call: a tuple of exceptions has no calls to divide by.
type tuple struct {
	key    tupleKey
	ended  *endedSeries
	errors map[errorKey]prometheus.Counter
	batch  tupleBatch
}

// tupleBatch is what the commit in hand adds at its end.
type tupleBatch struct {
	// cost is summed exactly before it becomes a float.
	cost schemas.USD
	// slowest is the longest duration so far, and traceID its trace, if timed says that there is one.
	slowest time.Duration
	traceID string
	timed   bool
}

// endedSeries are the series of a tuple's calls.
type endedSeries struct {
	calls, unpriced, cost prometheus.Counter
	tokens                [len(tokenTypes)]prometheus.Counter
	latency               prometheus.Histogram
}

// tupleOf finds the tuple of an event; the first Config.MaxTuples get series of their own.
func (m *Metrics) tupleOf(e *schemas.Event) *tuple {
	key := tupleKey{label(e.Environment), label(e.Provider), label(e.Model)}
	if t := m.tuples[key]; t != nil {
		return t
	}
	rest := tupleKey{other, other, other}
	if own := len(m.tuples); own >= m.cfg.MaxTuples {
		m.fold(key)
		key = rest
	}
	t := m.tuples[key]
	if t == nil {
		t = &tuple{key: key, errors: map[errorKey]prometheus.Counter{}}
		m.tuples[key] = t
	}
	m.calls.wanted.Set(float64(m.demand()))
	return t
}

// demand is how many tuples were seen.
func (m *Metrics) demand() int {
	return min(len(m.tuples), m.cfg.MaxTuples) + len(m.folded)
}

// fold remembers that the tuple was left out.
func (m *Metrics) fold(key tupleKey) {
	if len(m.folded) < demandFactor*m.cfg.MaxTuples {
		m.folded[maphash.Comparable(m.seed, key)] = struct{}{}
	}
}

// endedOf is the tuple's series of calls; the first call makes them, and those of every reason, at 0.
func (m *Metrics) endedOf(t *tuple) (*endedSeries, error) {
	if t.ended != nil {
		return t.ended, nil
	}
	s, err := m.calls.newEnded(t.key)
	if err != nil {
		return nil, err
	}
	if err := m.startErrors(t, linkedCall); err != nil {
		return nil, err
	}
	t.ended = s
	return s, nil
}

func (c *calls) newEnded(k tupleKey) (*endedSeries, error) {
	s := &endedSeries{}
	labels := []string{k.environment, k.provider, k.model}
	var err error
	if s.calls, err = c.calls.at(labels...); err != nil {
		return nil, err
	}
	if s.unpriced, err = c.unpriced.at(labels...); err != nil {
		return nil, err
	}
	if s.cost, err = c.cost.at(labels...); err != nil {
		return nil, err
	}
	if s.latency, err = c.latency.at(labels...); err != nil {
		return nil, err
	}
	for i, name := range tokenTypes {
		if s.tokens[i], err = c.tokens.at(slices.Concat(labels, []string{name})...); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// startErrors makes the series of every reason with its usual code.
func (m *Metrics) startErrors(t *tuple, linked string) error {
	for _, r := range m.cfg.Reasons {
		if _, err := m.errorSeries(t, errorKey{r.Category, label(r.Reason), label(r.UsualCode), linked}); err != nil {
			return err
		}
	}
	return nil
}

// errorOf is the series of a failure; nil, which a failed call that nobody classified has, leaves its labels empty. The
// tuple's first error of its linkage makes those of every reason, at 0.
func (m *Metrics) errorOf(t *tuple, f *schemas.Failure, linked string) (prometheus.Counter, error) {
	key := errorKey{linked: linked}
	if f != nil {
		key = errorKey{f.Category, label(f.Reason), label(f.Code), linked}
	}
	if c := t.errors[key]; c != nil {
		return c, nil
	}
	if err := m.startErrors(t, linked); err != nil {
		return nil, err
	}
	if t.errors[key] == nil && len(t.errors) >= 2*(len(m.cfg.Reasons)+spareErrors) {
		key = errorKey{key.category, other, other, linked}
		if !slices.Contains(schemas.Categories(), key.category) {
			key.category = other
		}
	}
	return m.errorSeries(t, key)
}

func (m *Metrics) errorSeries(t *tuple, key errorKey) (prometheus.Counter, error) {
	if c := t.errors[key]; c != nil {
		return c, nil
	}
	k := t.key
	c, err := m.calls.errors.at(k.environment, k.provider, k.model, label(string(key.category)), key.reason, key.code, key.linked)
	if err != nil {
		return nil, err
	}
	t.errors[key] = c
	return c, nil
}
