package sink

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/tracetally/tracetally/schemas"
)

// rollupKey is a row of a rollup: the start of its minute, hour or day in microseconds since 1970, and its series.
type rollupKey struct {
	us     int64
	series int64
}

func (k rollupKey) compare(o rollupKey) int {
	return cmp.Or(cmp.Compare(k.us, o.us), cmp.Compare(k.series, o.series))
}

// rollups are the sums of a transaction's new events, per minute.
type rollups struct {
	calls  map[rollupKey]*callSums
	errors map[rollupKey]*errorSums
	groups map[string]*errorGroup
}

func newRollups() *rollups {
	return &rollups{
		calls: map[rollupKey]*callSums{}, errors: map[rollupKey]*errorSums{}, groups: map[string]*errorGroup{},
	}
}

// add counts a new event of w under its series and, if it fails, its error series.
func (r *rollups) add(w *work, p *prepared) {
	minute := floor(p.us, time.Minute)
	if p.kind == schemas.Call && p.status != schemas.StatusStarted {
		sums(r.calls, rollupKey{minute, w.series[p.series]}).addCall(p)
	}
	if p.fails() {
		sums(r.errors, rollupKey{minute, w.errorSeries[p.failure]}).addError(p)
		r.addGroup(&w.batch.failures[p.failure], p)
	}
}

func sums[K comparable, S any](m map[K]*S, k K) *S {
	s, ok := m[k]
	if !ok {
		s = new(S)
		m[k] = s
	}
	return s
}

// floor is the start of the unit that us lies in; microseconds since 1970, both sides of it.
func floor(us int64, unit time.Duration) int64 {
	step := unit.Microseconds()
	rest := us % step
	if rest < 0 {
		rest += step
	}
	return us - rest
}

// tier is one of the three widths of a rollup.
type tier struct {
	name string
	unit time.Duration
}

// tiers is in the order in which every transaction writes them.
func tiers() []tier { return []tier{{"1m", time.Minute}, {"1h", time.Hour}, {"1d", day}} }

// coarsen adds rows of a finer tier up.
func coarsen[S any](fine map[rollupKey]*S, unit time.Duration, merge func(into, from *S)) map[rollupKey]*S {
	coarse := map[rollupKey]*S{}
	for k, s := range fine {
		merge(sums(coarse, rollupKey{floor(k.us, unit), k.series}), s)
	}
	return coarse
}

// sortedKeys is the order in which rows are locked, in every worker alike: two transactions can wait for each other only
// if they lock in different orders.
func sortedKeys[S any](m map[rollupKey]*S) []rollupKey {
	keys := make([]rollupKey, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, rollupKey.compare)
	return keys
}

// errorGroup is what a transaction knows of a fingerprint: its earliest event, its latest time, how many.
type errorGroup struct {
	first          *prepared
	labels         *failureKey // of first
	lastUS, events int64
}

func (r *rollups) addGroup(labels *failureKey, p *prepared) {
	if len(p.group) == 0 {
		return
	}
	fingerprint := p.groupFields()[0]
	if fingerprint == "" {
		return
	}
	g := sums(r.groups, clean(fingerprint))
	if g.first == nil || p.us < g.first.us || p.us == g.first.us && bytes.Compare(p.id[:], g.first.id[:]) < 0 {
		g.first, g.labels = p, labels
	}
	if g.events == 0 || p.us > g.lastUS {
		g.lastUS = p.us
	}
	g.events++
}
