package alerts

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tracetally/tracetally/schemas"
)

// BenchmarkCommitted counts batches of 2,000 events of 20 models, 5 % of them failed, each with a trace, a duration,
// tokens and a cost; stale is a batch of a worker that catches up.
func BenchmarkCommitted(b *testing.B) {
	for name, age := range map[string]time.Duration{"fresh": 0, "stale": time.Hour} {
		b.Run(name, func(b *testing.B) {
			c := newClock()
			m, err := New(prometheus.NewRegistry(), Config{Now: c.now, Reasons: testReasons, Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				b.Fatal(err)
			}
			events, isNew := load(c, 2000, age)
			b.ReportAllocs()
			for b.Loop() {
				m.Committed(List(events), isNew)
			}
			b.ReportMetric(float64(b.N*len(events))/b.Elapsed().Seconds(), "events/s")
		})
	}
}

func load(c *clock, n int, age time.Duration) (events []schemas.Event, isNew []bool) {
	for i := range n {
		e := call(c)
		if i%20 == 0 {
			e = failed(c)
		}
		e.Time = e.Time.Add(-age)
		e.Model = fmt.Sprint("model-", i%20)
		e.Latency = schemas.Some(time.Duration(i) * time.Millisecond)
		e.Usage.Tokens.Input, e.Usage.Tokens.Output = schemas.Some(int64(1284)), schemas.Some(int64(96))
		e.CostUSD = schemas.Some(schemas.NewDecimal(int64(1000+i), 9))
		events, isNew = append(events, e), append(isNew, true)
	}
	return events, isNew
}

// BenchmarkGather reads the whole registry with 100 tuples that all have 60 reasons.
func BenchmarkGather(b *testing.B) {
	c := newClock()
	reg := prometheus.NewRegistry()
	var reasons []Reason
	for i := range 60 {
		reasons = append(reasons, Reason{schemas.APIError, fmt.Sprint("reason-", i), ""})
	}
	m, err := New(reg, Config{Now: c.now, Reasons: reasons})
	if err != nil {
		b.Fatal(err)
	}
	for i := range 100 {
		commit(m, ofModel(call(c), fmt.Sprint("model-", i)))
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := reg.Gather(); err != nil {
			b.Fatal(err)
		}
	}
}
