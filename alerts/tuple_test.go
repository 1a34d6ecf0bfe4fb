package alerts

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tracetally/tracetally/schemas"
)

// small gives Metrics with room for two tuples.
func small(t *testing.T, c *clock) (*Metrics, *prometheus.Registry) {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	m, err := New(reg, Config{Now: c.now, MaxTuples: 2, Reasons: testReasons, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return m, reg
}

func ofModel(e schemas.Event, model string) schemas.Event {
	e.Model = model
	return e
}

func TestPastTheCapTuplesAreCountedAsOther(t *testing.T) {
	c := newClock()
	m, reg := small(t, c)
	for i := range 5 {
		commit(m, ofModel(failed(c), fmt.Sprint("model-", i)))
	}
	commit(m, ofModel(failed(c), "model-1"), ofModel(failed(c), "model-4"))
	tuple := func(model string) string {
		return fmt.Sprintf(`{environment="production",model=%q,provider="openai"}`, model)
	}
	got := settled(t, reg)
	want(t, got, map[string]float64{
		"llm_calls_total" + tuple("model-0"):                                              1,
		"llm_calls_total" + tuple("model-1"):                                              2,
		`llm_calls_total{environment="__other__",model="__other__",provider="__other__"}`: 4,
		`llm_errors_total{category="api_error",environment="__other__",error_code="429",linked="call",model="__other__",provider="__other__",reason="rate_limit"}`: 4,
		"tracetally_metric_tuples_wanted{}": 5,
		"tracetally_metric_tuples_limit{}":  2,
	})
	if n := countPrefix(got, "llm_calls_total"); n != 3 {
		t.Errorf("%d series of llm_calls_total, want 3", n)
	}
}

func TestTheDemandIsCountedInBoundedMemory(t *testing.T) {
	c := newClock()
	m, reg := small(t, c)
	for i := range 1000 {
		commit(m, ofModel(call(c), fmt.Sprint("model-", i)))
	}
	want(t, gather(t, reg), map[string]float64{"tracetally_metric_tuples_wanted{}": 2 + 2*demandFactor})
}

func TestErrorSeriesOfATupleAreCapped(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	const n = 1000
	for i := range n {
		e := failed(c)
		e.Failure = &schemas.Failure{Category: schemas.APIError, Reason: fmt.Sprint("r", i), Code: fmt.Sprint(i)}
		if i%2 == 0 {
			e.Failure.Category = schemas.Category(fmt.Sprint("c", i))
		}
		commit(m, e)
	}
	got := settled(t, reg)
	sum := 0.0
	for key, v := range got {
		if strings.HasPrefix(key, "llm_errors_total") {
			sum += v
		}
	}
	series, limit := countPrefix(got, "llm_errors_total"), 2*(len(testReasons)+spareErrors)+2
	if sum != n || series > limit {
		t.Errorf("%v errors in %d series, want %d in at most %d", sum, series, n, limit)
	}
	rest := `llm_errors_total{category="api_error",environment="production",error_code="__other__",linked="call",model="gpt-4.1-mini",provider="openai",reason="__other__"}`
	if got[rest] == 0 {
		t.Errorf("%s holds nothing", rest)
	}
}

func countPrefix(samples map[string]float64, prefix string) int {
	n := 0
	for key := range samples {
		if strings.HasPrefix(key, prefix) {
			n++
		}
	}
	return n
}
