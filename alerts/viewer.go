package alerts

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

const (
	// maxViewers is how many who gather are told apart: some Prometheus servers, and people who look. Beyond it the one
	// that has not come for longest is forgotten, of those who do not come regularly if there are any: else whoever looks
	// under many names would make servers forgotten, who would see 0 again of what they saw counting.
	maxViewers = 16
	// viewerLimit is how long who gathered is expected back. Prometheus takes a series for gone after five minutes, so it
	// cannot be scraped less often.
	viewerLimit = 5 * time.Minute
)

// viewers tells apart who gathers, because each has to see a new series at 0 before it sees what the series counted. What
// one of two Prometheus servers has seen says nothing about the other, and a person who looks may not take it away from both.
type viewers struct {
	now func() time.Time
	// forget clears what the families remember of a viewer.
	forget []func(bit uint16)

	// gathering is held while somebody gathers: the registry does not tell collectors who asks.
	gathering sync.Mutex

	mu      sync.Mutex
	known   []*viewer
	current viewer
}

// viewer is one who gathers. bit is its own in series.seen; last is when it gathered before, and again that it was not the
// first time.
type viewer struct {
	name  string
	bit   uint16
	last  time.Time
	again bool
}

// expected tells whether it comes regularly, so that a series it has not seen is new to it, however old it is.
func (v viewer) expected(now time.Time) bool {
	return !v.last.IsZero() && now.Sub(v.last) <= viewerLimit
}

// gather gathers on behalf of the named viewer.
func (vs *viewers) gather(from prometheus.Gatherer, name string) ([]*dto.MetricFamily, error) {
	vs.gathering.Lock()
	defer vs.gathering.Unlock()
	vs.enter(name)
	return from.Gather()
}

// enter makes the named viewer the current one.
func (vs *viewers) enter(name string) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	v := vs.find(name)
	vs.current = *v
	v.again = v.expected(vs.now())
	v.last = vs.now()
}

// find finds the viewer, or gives a new one a bit of its own.
func (vs *viewers) find(name string) *viewer {
	var oldest *viewer
	regular := func(v *viewer) bool { return v.again && v.expected(vs.now()) }
	for _, v := range vs.known {
		if v.name == name {
			return v
		}
		if oldest == nil || regular(oldest) && !regular(v) || regular(oldest) == regular(v) && v.last.Before(oldest.last) {
			oldest = v
		}
	}
	if len(vs.known) < maxViewers {
		v := &viewer{name: name, bit: 1 << len(vs.known)}
		vs.known = append(vs.known, v)
		return v
	}
	for _, forget := range vs.forget {
		forget(oldest.bit)
	}
	*oldest = viewer{name: name, bit: oldest.bit}
	return oldest
}

// viewing is who gathers now.
func (vs *viewers) viewing() viewer {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	return vs.current
}

// viewed is a registry as one viewer sees it.
type viewed struct {
	viewers *viewers
	from    prometheus.Gatherer
	name    string
}

// Gather implements prometheus.Gatherer.
func (v viewed) Gather() ([]*dto.MetricFamily, error) { return v.viewers.gather(v.from, v.name) }

// As is the registry that m is registered with, as the named viewer sees it: each viewer sees a new series at 0 first.
// Names are host and program of who scrapes, and are not kept for long.
func (m *Metrics) As(viewer string, registry prometheus.Gatherer) prometheus.Gatherer {
	return viewed{m.viewers, registry, viewer}
}
