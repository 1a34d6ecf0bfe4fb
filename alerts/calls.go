package alerts

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tracetally/tracetally/schemas"
)

// tokenTypes are the values of the label type of llm_tokens_total, in the order of tokensOf. input is the whole prompt
// and holds cache_read and cache_write; output holds reasoning: the types are not to be added up.
var tokenTypes = [...]string{"input", "output", "cache_read", "cache_write", "reasoning"}

// latencyBuckets, in seconds, reach 900 s: a threshold above the last finite bucket can never fire. They hold the
// limits that teams alert on (1, 2, 4, 10, 30, 60 s) as edges, for a quantile is exact only at an edge.
var latencyBuckets = []float64{.1, .25, .5, .75, 1, 1.5, 2, 3, 4, 6, 8, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 900}

// calls holds the families of what we observe.
type calls struct {
	calls, unpriced, cost, tokens, errors *family[prometheus.Counter]
	latency                               *family[prometheus.Histogram]
	stale                                 *prometheus.CounterVec
	warnings                              *prometheus.CounterVec
	wanted, limit                         prometheus.Gauge
	refused                               prometheus.Counter
}

func newCalls(vs *viewers) *calls {
	tuple := []string{"environment", "provider", "model"}
	c := &calls{
		calls: newCounters(vs, "llm_calls_total",
			"Calls that ended, failed ones included, counted at their end. Retries that an application made inside are not calls.", tuple...),
		unpriced: newCounters(vs, "llm_unpriced_calls_total",
			"Calls that ended and whose cost is unknown; llm_cost_usd_total lacks them.", tuple...),
		cost: newCounters(vs, "llm_cost_usd_total",
			"Cost of calls in US dollars, as far as it is known. Postgres holds the exact sums.", tuple...),
		tokens: newCounters(vs, "llm_tokens_total",
			"Tokens of calls. Input is the whole prompt and includes cache_read and cache_write, output includes reasoning: do not add the types up.",
			append(tuple, "type")...),
		errors: newCounters(vs, "llm_errors_total",
			"Failed calls (linked=\"call\") and exceptions that belong to no call (linked=\"none\"). error_code is the HTTP status or the provider's code, reason the classifier's.",
			append(tuple, "category", "reason", "error_code", "linked")...),
		latency: newHistograms(vs, prometheus.HistogramOpts{
			Name:    "llm_call_duration_seconds",
			Help:    "Duration of calls that state one, failed calls included.",
			Buckets: latencyBuckets,
			// Native buckets too, about 10 % wide. A server that asks for them gets no classic ones (Prometheus 2.42).
			NativeHistogramBucketFactor:     1.1,
			NativeHistogramMaxBucketNumber:  100,
			NativeHistogramMinResetDuration: time.Hour,
		}, tuple...),
	}
	c.stale = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tracetally_stale_events_total",
		Help: "New events that were committed too long after their time to move an llm_* counter. They are in the rollups.",
	}, []string{"kind"})
	c.warnings = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tracetally_event_warnings_total",
		Help: "New events, of whatever age, that counted although something about them was odd.",
	}, []string{"warning"})
	c.wanted = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "tracetally_metric_tuples_wanted",
		Help: "Combinations of environment, provider and model seen since the start. Those beyond the limit are counted as __other__.",
	})
	c.limit = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "tracetally_metric_tuples_limit",
		Help: "Combinations of environment, provider and model that may have series of their own.",
	})
	c.refused = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "tracetally_metric_refused_total",
		Help: "Amounts that no counter can take, such as a negative count of tokens. They are in the rollups.",
	})
	c.startAtZero()
	return c
}

// startAtZero makes the series of the closed sets.
func (c *calls) startAtZero() {
	for _, k := range schemas.Kinds() {
		c.stale.WithLabelValues(k.String())
	}
	for _, w := range schemas.Warnings(^uint16(0)).Names() {
		c.warnings.WithLabelValues(w)
	}
}

func (c *calls) collectors() []prometheus.Collector {
	return []prometheus.Collector{
		c.calls, c.unpriced, c.cost, c.tokens, c.errors, c.latency, c.stale, c.warnings, c.wanted, c.limit, c.refused,
	}
}

// tokensOf are the counts of a call in the order of tokenTypes.
func tokensOf(e *schemas.Event) [len(tokenTypes)]schemas.Opt[int64] {
	t := &e.Usage.Tokens
	return [...]schemas.Opt[int64]{t.Input, t.Output, t.CacheRead, t.CacheWrite, t.Reasoning}
}
