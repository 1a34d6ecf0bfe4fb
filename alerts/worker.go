package alerts

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/tracetally/tracetally/schemas"
)

// Verdicts is what a committed batch was accounted as: each offset has one verdict, each event another.
type Verdicts struct {
	// Offsets is how many offsets the batch covers: the sum of their verdicts.
	Offsets int64
	// Of offsets.
	Counted, Duplicate, Late, Quarantined, Ignored, Gap int64
	// Of events. A conflicting one, which has the id of an event that counted and other content, is no duplicate here.
	EventsNew, EventsDuplicate, EventsLate, EventsConflicting int64
	// ByReason splits Quarantined.
	ByReason map[schemas.Reason]int64
}

// worker holds the metrics of the worker itself.
type worker struct {
	now                          func() time.Time
	records, events, quarantined *prometheus.CounterVec
	fenced, retries, renewed     prometheus.Counter
	commitSeconds, commitEvents  prometheus.Histogram
	lastSuccess, started         prometheus.Gauge
	unaccounted                  prometheus.Gauge
	build                        *prometheus.GaugeVec
}

func newWorker(cfg Config) *worker {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	vec := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	w := &worker{
		now: cfg.Now,
		records: vec("tracetally_records_total",
			"Offsets committed, by their one verdict. Holes of a log are offsets too: they are ignored.", "verdict"),
		events: vec("tracetally_events_total",
			"Decoded events committed, by their one verdict. A conflicting one has the id of an event that counted, and other content.", "verdict"),
		quarantined: vec("tracetally_quarantined_records_total",
			"Offsets that were quarantined, by the reason why they can never be used.", "reason"),
		fenced: counter("tracetally_fenced_batches_total",
			"Batches that were given up because another worker had taken the partition; it reads them again."),
		retries: counter("tracetally_commit_retries_total",
			"Commits that were tried again after an error of the database or of the way to it."),
		renewed: counter("tracetally_kafka_renewals_total",
			"Times that all connections to Kafka were given up because a partition stood still although its log went on."),
		commitSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tracetally_commit_duration_seconds", Help: "Duration of commits that were acknowledged, retries included.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900},
		}),
		commitEvents: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tracetally_commit_events", Help: "Events in a commit that was acknowledged.",
			Buckets: []float64{0, 1, 10, 100, 1e3, 1e4, 1e5, 1e6},
		}),
		lastSuccess: gauge("tracetally_commit_last_success_timestamp_seconds",
			"Unix time of the last acknowledged commit; before the first, of the start of the worker."),
		unaccounted: gauge("tracetally_unaccounted_records",
			"Offsets committed since the start less those with a verdict: 0, or there is a bug."),
		started: gauge("tracetally_start_timestamp_seconds", "Unix time of the start of the worker."),
		build: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tracetally_build_info", Help: "Always 1; the labels say what is running.",
		}, []string{"version", "go_version"}),
	}
	w.startAtZero(cfg)
	return w
}

// startAtZero makes the series of the closed sets.
func (w *worker) startAtZero(cfg Config) {
	w.add(Verdicts{})
	for _, r := range schemas.Reasons() {
		w.quarantined.WithLabelValues(string(r))
	}
	start := unix(cfg.Now())
	w.lastSuccess.Set(start)
	w.started.Set(start)
	w.build.WithLabelValues(label(cfg.Version), runtime.Version()).Set(1)
}

func (w *worker) add(v Verdicts) {
	w.unaccounted.Add(float64(v.Offsets - v.Counted - v.Duplicate - v.Late - v.Quarantined - v.Ignored - v.Gap))
	for verdict, n := range map[string]int64{
		"counted": v.Counted, "duplicate": v.Duplicate, "late": v.Late,
		"quarantined": v.Quarantined, "ignored": v.Ignored, "gap": v.Gap,
	} {
		w.records.WithLabelValues(verdict).Add(float64(n))
	}
	for verdict, n := range map[string]int64{
		"new": v.EventsNew, "duplicate": v.EventsDuplicate, "late": v.EventsLate, "conflicting": v.EventsConflicting,
	} {
		w.events.WithLabelValues(verdict).Add(float64(n))
	}
	for reason, n := range v.ByReason {
		w.quarantined.WithLabelValues(label(string(reason))).Add(float64(n))
	}
}

func (w *worker) collectors() []prometheus.Collector {
	return []prometheus.Collector{
		w.records, w.events, w.quarantined, w.fenced, w.retries, w.renewed, w.commitSeconds, w.commitEvents, w.lastSuccess, w.started,
		w.unaccounted, w.build,
	}
}

// unix is the time in seconds since 1970, as Prometheus' time() gives it.
func unix(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }

// Accounted counts the verdicts of one committed batch, after the acknowledgement.
func (m *Metrics) Accounted(v Verdicts) {
	if v.negative() {
		m.refuse(errNegative)
		return
	}
	m.worker.add(v)
}

func (v Verdicts) negative() bool {
	lowest := min(v.Offsets, v.Counted, v.Duplicate, v.Late, v.Quarantined, v.Ignored, v.Gap,
		v.EventsNew, v.EventsDuplicate, v.EventsLate, v.EventsConflicting)
	for _, n := range v.ByReason {
		lowest = min(lowest, n)
	}
	return lowest < 0
}

// CommitAcknowledged notes one transaction that the database acknowledged: how long it took, retries included, and how
// many events it held, new or not.
func (m *Metrics) CommitAcknowledged(took time.Duration, events int) {
	m.worker.commitSeconds.Observe(took.Seconds())
	m.worker.commitEvents.Observe(float64(events))
	m.worker.lastSuccess.Set(unix(m.cfg.Now()))
}

// BatchFenced notes a batch that was given up because its partition has another owner.
func (m *Metrics) BatchFenced() { m.worker.fenced.Inc() }

// CommitRetried notes a commit that is tried again.
func (m *Metrics) CommitRetried() { m.worker.retries.Inc() }

// KafkaRenewed notes that all connections to Kafka are made anew because a partition stood still.
func (m *Metrics) KafkaRenewed() { m.worker.renewed.Inc() }

// RegisterRuntime registers what the Go runtime and the operating system say of the process: go_* and process_*.
func RegisterRuntime(reg prometheus.Registerer) error {
	for _, c := range []prometheus.Collector{
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := reg.Register(c); err != nil {
			return err
		}
	}
	return nil
}
