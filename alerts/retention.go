package alerts

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// RetentionState is what retention last found in the database and did; a time that is not known is zero.
type RetentionState struct {
	// Known tells that the gauges could be found out: else they stay as they were.
	Known bool
	// Horizon is the time before which events are late, Oldest where the ledger begins, Succeeded when nothing was last left
	// before the horizon, whichever worker saw to it.
	Horizon, Oldest, Succeeded time.Time
	// Partitions of the ledger, and how many of them should be gone.
	Partitions, Expired int
	// Holding and Released are partitions of topics that nobody attends to.
	Holding, Released int
	// Dropped and Deleted are what this worker removed since it last told.
	Dropped int
	Deleted int64
}

// retention holds the metrics of what is kept and what goes.
type retention struct {
	horizon, oldest, succeeded prometheus.Gauge
	partitions, expired        prometheus.Gauge
	unattended                 *prometheus.GaugeVec
	dropped, deleted           prometheus.Counter
	waits, errors              prometheus.Counter
}

// The values of the label horizon of tracetally_unattended_partitions.
const (
	horizonHeld     = "held"
	horizonReleased = "released"
)

func newRetention(now func() time.Time) *retention {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	r := &retention{
		horizon: gauge("tracetally_horizon_timestamp_seconds",
			"Unix time before which events are late; 0 until every partition has shown a time."),
		oldest: gauge("tracetally_ledger_oldest_partition_timestamp_seconds",
			"Unix time at which the ledger's oldest partition begins; 0 when there is none."),
		succeeded: gauge("tracetally_retention_last_success_timestamp_seconds",
			"Unix time at which any worker last left nothing before the horizon; before that is known, of the start of this worker."),
		partitions: gauge("tracetally_ledger_partitions", "Partitions of the ledger."),
		expired:    gauge("tracetally_ledger_expired_partitions", "Partitions before the horizon that are not dropped yet."),
		unattended: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tracetally_unattended_partitions",
			Help: "Partitions of topics that are halted, or that no worker has touched for an hour: those that hold the horizon, and those that have stopped doing so.",
		}, []string{"horizon"}),
		dropped: counter("tracetally_ledger_partitions_dropped_total", "Partitions of the ledger that this worker dropped."),
		deleted: counter("tracetally_rollup_rows_deleted_total", "Old rows of rollups that this worker deleted."),
		waits: counter("tracetally_retention_waits_total",
			"Times that retention gave up because of a transaction in the way, to try again later."),
		errors: counter("tracetally_retention_errors_total", "Times that retention failed for any other reason."),
	}
	r.succeeded.Set(unix(now()))
	r.unattended.WithLabelValues(horizonHeld)
	r.unattended.WithLabelValues(horizonReleased)
	return r
}

func (r *retention) collectors() []prometheus.Collector {
	return []prometheus.Collector{
		r.horizon, r.oldest, r.succeeded, r.partitions, r.expired, r.unattended, r.dropped, r.deleted, r.waits, r.errors,
	}
}

// Retained notes how retention found things.
func (m *Metrics) Retained(s RetentionState) {
	r := m.retention
	r.dropped.Add(float64(s.Dropped))
	r.deleted.Add(float64(s.Deleted))
	if !s.Known {
		return
	}
	set := func(g prometheus.Gauge, t time.Time) {
		if !t.IsZero() {
			g.Set(unix(t))
		}
	}
	set(r.horizon, s.Horizon)
	set(r.succeeded, s.Succeeded)
	r.oldest.Set(0)
	set(r.oldest, s.Oldest)
	r.partitions.Set(float64(s.Partitions))
	r.expired.Set(float64(s.Expired))
	r.unattended.WithLabelValues(horizonHeld).Set(float64(s.Holding))
	r.unattended.WithLabelValues(horizonReleased).Set(float64(s.Released))
}

// RetentionFailed notes a pass that did not get through: with waiting, because of a transaction that began before and has not
// ended.
func (m *Metrics) RetentionFailed(waiting bool) {
	if waiting {
		m.retention.waits.Inc()
		return
	}
	m.retention.errors.Inc()
}
