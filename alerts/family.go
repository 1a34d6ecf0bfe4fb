package alerts

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// holdLimit ends the wait of a new series for its first gathering: by then no Prometheus with a usual scrape interval
// (its default is one minute) is there to see the 0.
const holdLimit = 60 * time.Second

// between parts the label values in a key: no valid UTF-8 holds this byte.
const between = "\xff"

// family is a metric family whose series are shown at 0 until they were gathered once, however much was added by then.
// Prometheus computes increase() from differences of samples: of a series whose first sample is 5 it never sees the
// first 5. What was added shows with the second gathering; a crash in between loses it here, never in Postgres.
//
// One gathering ends the wait, whoever gathers: of two Prometheus servers only the first is sure to see the 0.
type family[M prometheus.Metric] struct {
	vec prometheus.Collector // the live series, for their description
	// live finds or makes the series that counts; zero makes an untouched twin that no vector keeps.
	live, zero func(values ...string) (M, error)
	now        func() time.Time

	mu     sync.Mutex
	series map[string]*series[M]
}

// series is one combination of label values. gathered tells that it may show what it counted.
type series[M prometheus.Metric] struct {
	live     M
	born     time.Time
	gathered bool
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
	f.series[key] = &series[M]{live: live, born: f.now()}
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

// show ends the wait of the series that it returns at 0.
func (f *family[M]) show() []prometheus.Metric {
	f.mu.Lock()
	defer f.mu.Unlock()
	shown := make([]prometheus.Metric, 0, len(f.series))
	now := f.now()
	for key, s := range f.series {
		if s.gathered || now.Sub(s.born) > holdLimit {
			shown = append(shown, s.live)
		} else {
			shown = append(shown, f.twin(key, s))
		}
		s.gathered = true
	}
	return shown
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
func newCounters(now func() time.Time, name, help string, labels ...string) *family[prometheus.Counter] {
	opts := prometheus.CounterOpts{Name: name, Help: help}
	live, zeros := prometheus.NewCounterVec(opts, labels), prometheus.NewCounterVec(opts, labels)
	return &family[prometheus.Counter]{
		vec: live, now: now, series: map[string]*series[prometheus.Counter]{},
		live: live.GetMetricWithLabelValues,
		zero: func(values ...string) (prometheus.Counter, error) {
			defer zeros.Reset()
			return zeros.GetMetricWithLabelValues(values...)
		},
	}
}

// newHistograms is a family of histograms.
func newHistograms(now func() time.Time, opts prometheus.HistogramOpts, labels ...string) *family[prometheus.Histogram] {
	live, zeros := prometheus.NewHistogramVec(opts, labels), prometheus.NewHistogramVec(opts, labels)
	return &family[prometheus.Histogram]{
		vec: live, now: now, series: map[string]*series[prometheus.Histogram]{},
		live: func(values ...string) (prometheus.Histogram, error) { return histogram(live, values) },
		zero: func(values ...string) (prometheus.Histogram, error) {
			defer zeros.Reset()
			return histogram(zeros, values)
		},
	}
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
