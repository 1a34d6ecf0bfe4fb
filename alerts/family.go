package alerts

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// holdLimit ends the wait of a new series for who has never gathered: by then no Prometheus with a usual scrape interval
// (its default is one minute) is there to see the 0.
const holdLimit = 60 * time.Second

// between parts the label values in a key: no valid UTF-8 holds this byte.
const between = "\xff"

// family is a metric family whose series are shown at 0 to each viewer once, however much was added by then. Prometheus
// computes increase() from differences of samples: of a series whose first sample is 5 it never sees the first 5. What was
// added shows with the viewer's next gathering; a crash in between loses it there, never in Postgres.
type family[M prometheus.Metric] struct {
	vec prometheus.Collector // the live series, for their description
	// live finds or makes the series that counts; zero makes an untouched twin that no vector keeps.
	live, zero func(values ...string) (M, error)
	viewers    *viewers

	mu     sync.Mutex
	series map[string]*series[M]
}

// series is one combination of label values. seen has the bits of the viewers that it was shown to.
type series[M prometheus.Metric] struct {
	live M
	born time.Time
	seen uint16
}

// at finds the series of the label values, and makes it at 0 when it is new.
func (f *family[M]) at(values ...string) (M, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := strings.Join(values, between)
	if s := f.series[key]; s != nil {
		return s.live, nil
	}
	live, err := f.live(values...)
	if err != nil {
		return live, fmt.Errorf("make a series of %d labels: %w", len(values), err)
	}
	f.series[key] = &series[M]{live: live, born: f.viewers.now()}
	return live, nil
}

// Describe tells the registry which descriptor the family's series carry.
func (f *family[M]) Describe(ch chan<- *prometheus.Desc) { f.vec.Describe(ch) }

// Collect hands over every series, a new one as its twin at 0. The registry reads a metric only after it was handed
// over, so the live one could not simply be filled late: it might be read with the value.
func (f *family[M]) Collect(ch chan<- prometheus.Metric) {
	for _, shown := range f.show() {
		ch <- shown
	}
}

// show ends the wait, for the current viewer, of the series that it returns at 0.
func (f *family[M]) show() []prometheus.Metric {
	v, now := f.viewers.viewing(), f.viewers.now()
	f.mu.Lock()
	defer f.mu.Unlock()
	shown := make([]prometheus.Metric, 0, len(f.series))
	for key, s := range f.series {
		if s.seen&v.bit == 0 && (v.expected(now) || now.Sub(s.born) <= holdLimit) {
			shown = append(shown, f.twin(key, s))
		} else {
			shown = append(shown, s.live)
		}
		s.seen |= v.bit
	}
	return shown
}

// forget makes every series unseen by a viewer that is gone.
func (f *family[M]) forget(bit uint16) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.series {
		s.seen &^= bit
	}
}

// twin is the series at 0. The labels were good enough for the live one, so an error cannot be; the live one stands in.
func (f *family[M]) twin(key string, s *series[M]) prometheus.Metric {
	zero, err := f.zero(strings.Split(key, between)...)
	if err != nil {
		return s.live
	}
	return zero
}

// newCounters is a family of counters.
func newCounters(vs *viewers, name, help string, labels ...string) *family[prometheus.Counter] {
	opts := prometheus.CounterOpts{Name: name, Help: help}
	live, zeros := prometheus.NewCounterVec(opts, labels), prometheus.NewCounterVec(opts, labels)
	f := &family[prometheus.Counter]{
		vec: live, viewers: vs, series: map[string]*series[prometheus.Counter]{},
		live: live.GetMetricWithLabelValues,
		zero: func(values ...string) (prometheus.Counter, error) {
			defer zeros.Reset()
			return zeros.GetMetricWithLabelValues(values...)
		},
	}
	vs.forget = append(vs.forget, f.forget)
	return f
}

// newHistograms is a family of histograms.
func newHistograms(vs *viewers, opts prometheus.HistogramOpts, labels ...string) *family[prometheus.Histogram] {
	live, zeros := prometheus.NewHistogramVec(opts, labels), prometheus.NewHistogramVec(opts, labels)
	f := &family[prometheus.Histogram]{
		vec: live, viewers: vs, series: map[string]*series[prometheus.Histogram]{},
		live: func(values ...string) (prometheus.Histogram, error) { return histogram(live, values) },
		zero: func(values ...string) (prometheus.Histogram, error) {
			defer zeros.Reset()
			return histogram(zeros, values)
		},
	}
	vs.forget = append(vs.forget, f.forget)
	return f
}

// histogram is the series of a vector as what it is: client_golang hands it out as an Observer, which cannot be shown.
func histogram(vec *prometheus.HistogramVec, values []string) (prometheus.Histogram, error) {
	o, err := vec.GetMetricWithLabelValues(values...)
	if err != nil {
		return nil, err
	}
	h, ok := o.(prometheus.Histogram)
	if !ok {
		return nil, fmt.Errorf("a histogram vector holds a %T", o)
	}
	return h, nil
}
