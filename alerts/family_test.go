package alerts

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// increase is what Prometheus sees of a series over all scrapes: differences only.
func increase(scrapes []map[string]float64, key string) float64 {
	sum, before, seen := 0.0, 0.0, false
	for _, s := range scrapes {
		v, ok := s[key]
		if !ok {
			continue
		}
		if seen {
			sum += v - before
		}
		before, seen = v, true
	}
	return sum
}

func TestIncreaseSeesTheFirstFailureOfAModel(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	scrapes := []map[string]float64{gather(t, reg)}
	commit(m, failed(c), failed(c), call(c))
	scrapes = append(scrapes, gather(t, reg))
	want(t, scrapes[1], map[string]float64{"llm_calls_total" + gpt: 0, gptCall: 0})
	commit(m, failed(c))
	scrapes = append(scrapes, gather(t, reg))
	for key, n := range map[string]float64{"llm_calls_total" + gpt: 4, gptCall: 3} {
		if got := increase(scrapes, key); got != n {
			t.Errorf("increase(%s) = %v, want %v", key, got, n)
		}
	}
}

func TestTheFirstCallOfAModelStartsAllItsReasonsAtZero(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	commit(m, call(c))
	got := gather(t, reg)
	for _, r := range testReasons {
		want(t, got, map[string]float64{
			`llm_errors_total{category="` + string(r.Category) + `",environment="production",error_code="` + r.UsualCode +
				`",linked="call",model="gpt-4.1-mini",provider="openai",reason="` + r.Reason + `"}`: 0,
		})
	}
	want(t, got, map[string]float64{
		"llm_calls_total" + gpt: 0, "llm_cost_usd_total" + gpt: 0, "llm_unpriced_calls_total" + gpt: 0,
		"llm_call_duration_seconds" + gpt + " count": 0,
	})
}

func TestAnUnusualCodeIsShownAtZeroFirst(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	commit(m, failed(c))
	settled(t, reg)
	e := failed(c)
	e.Failure.Code = "529"
	commit(m, e)
	key := strings.Replace(gptCall, "429", "529", 1)
	want(t, gather(t, reg), map[string]float64{key: 0, gptCall: 1})
	want(t, gather(t, reg), map[string]float64{key: 1})
}

func TestADurationIsShownAtZeroFirst(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	e := call(c)
	e.Latency.V, e.Latency.Ok = 3*time.Second, true
	commit(m, e)
	want(t, gather(t, reg), map[string]float64{"llm_call_duration_seconds" + gpt + " count": 0, "llm_call_duration_seconds" + gpt + " sum": 0})
	want(t, gather(t, reg), map[string]float64{"llm_call_duration_seconds" + gpt + " count": 1, "llm_call_duration_seconds" + gpt + " sum": 3})
}

func TestASeriesThatNobodyGathersWaitsAMinute(t *testing.T) {
	for waited, shown := range map[time.Duration]float64{holdLimit: 0, holdLimit + 1: 2} {
		c := newClock()
		m, reg := newTest(t, c)
		commit(m, call(c), call(c))
		c.advance(waited)
		want(t, gather(t, reg), map[string]float64{"llm_calls_total" + gpt: shown})
	}
}

func TestTheTwinAtZeroHasTheShapeOfTheSeries(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	e := call(c)
	e.Latency.V, e.Latency.Ok = 700*time.Second, true
	commit(m, e)
	first, second := durations(t, reg), durations(t, reg)
	if len(first.GetBucket()) != len(second.GetBucket()) || first.Schema == nil || first.GetSchema() != second.GetSchema() {
		t.Errorf("twin has %d classic buckets and schema %v, series has %d and %v",
			len(first.GetBucket()), first.Schema, len(second.GetBucket()), second.Schema)
	}
}

func TestDurationsHaveNativeBucketsAndClassicOnesBeyondTenMinutes(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	e := call(c)
	e.Latency.V, e.Latency.Ok = 700*time.Second, true
	commit(m, e)
	durations(t, reg)
	h := durations(t, reg)
	if len(h.GetPositiveDelta()) == 0 {
		t.Error("no native bucket")
	}
	last := h.GetBucket()[len(h.GetBucket())-1]
	if last.GetUpperBound() < 600 || last.GetCumulativeCount() != 1 {
		t.Errorf("last classic bucket ends at %v s and holds %d calls", last.GetUpperBound(), last.GetCumulativeCount())
	}
}

func durations(t *testing.T, reg prometheus.Gatherer) *dto.Histogram {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "llm_call_duration_seconds" {
			return f.GetMetric()[0].GetHistogram()
		}
	}
	t.Fatal("no llm_call_duration_seconds")
	return nil
}
