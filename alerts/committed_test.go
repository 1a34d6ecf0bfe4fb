package alerts

import (
	"strings"
	"testing"
	"time"

	"github.com/tracetally/tracetally/schemas"
)

func TestOnlyNewEventsMoveCounters(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	m.Committed(List{failed(c), failed(c), failed(c)}, []bool{true, false, true})
	want(t, settled(t, reg), map[string]float64{"llm_calls_total" + gpt: 2, gptCall: 2})
}

func TestVerdictsThatDoNotFitTheEventsCountNothing(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	m.Committed(List{call(c)}, nil)
	got := settled(t, reg)
	want(t, got, map[string]float64{"tracetally_metric_refused_total{}": 1})
	if v, ok := got["llm_calls_total"+gpt]; ok {
		t.Errorf("llm_calls_total = %v, want none", v)
	}
}

func TestBacklogMovesNoAlertSeries(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	old, oldException, feedback := failed(c), exception(c), schemas.Event{Kind: schemas.Feedback, Time: c.now()}
	edge := call(c)
	c.advance(5 * time.Minute) // an event of exactly the window's age is fresh
	old.Time, oldException.Time = old.Time.Add(-time.Microsecond), oldException.Time.Add(-6*time.Hour)
	feedback.Time = old.Time
	commit(m, old, oldException, feedback, edge)
	got := settled(t, reg)
	want(t, got, map[string]float64{
		"llm_calls_total" + gpt: 1, gptCall: 0,
		`tracetally_stale_events_total{kind="call"}`:       1,
		`tracetally_stale_events_total{kind="exception"}`:  1,
		`tracetally_stale_events_total{kind="feedback"}`:   1,
		`tracetally_stale_events_total{kind="span"}`:       0,
		`tracetally_stale_events_total{kind="outcome"}`:    0,
		`tracetally_stale_events_total{kind="evaluation"}`: 0,
		"tracetally_metric_tuples_wanted{}":                1,
	})
	for key := range got {
		if strings.Contains(key, `linked="none"`) {
			t.Errorf("an old exception made %s", key)
		}
	}
}

func TestAnEventAheadOfTheClockIsFresh(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	e := call(c)
	e.Time = e.Time.Add(time.Hour)
	commit(m, e)
	want(t, settled(t, reg), map[string]float64{"llm_calls_total" + gpt: 1})
}

func TestACallCountsOnceAtItsEnd(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	started, given, last := call(c), failed(c), call(c)
	started.Status = schemas.StatusStarted
	given.Final, last.Final = schemas.Some(false), schemas.Some(true)
	span := failed(c)
	span.Kind = schemas.Span
	commit(m, started, given, last, span)
	want(t, settled(t, reg), map[string]float64{"llm_calls_total" + gpt: 1, gptCall: 0})
}

func TestEveryFailedStatusIsACallAndAnError(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	for _, s := range []schemas.Status{schemas.StatusError, schemas.StatusTimeout, schemas.StatusBlocked, schemas.StatusValidationFailed} {
		e := failed(c)
		e.Status = s
		commit(m, e)
	}
	commit(m, call(c))
	want(t, settled(t, reg), map[string]float64{"llm_calls_total" + gpt: 5, gptCall: 4})
}

func TestAnExceptionIsAnErrorOfNoCall(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	commit(m, exception(c))
	got := settled(t, reg)
	want(t, got, map[string]float64{
		`llm_errors_total{category="parsing_error",environment="production",error_code="",linked="none",model="",provider="",reason="invalid_json"}`: 1,
		`llm_errors_total{category="api_error",environment="production",error_code="429",linked="none",model="",provider="",reason="rate_limit"}`:    0,
	})
	for key := range got {
		if strings.HasPrefix(key, "llm_calls_total") {
			t.Errorf("an exception made %s", key)
		}
	}
}

func TestAFailureThatNobodyClassifiedStillCounts(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	e := failed(c)
	e.Failure = nil
	commit(m, e)
	want(t, settled(t, reg), map[string]float64{
		`llm_errors_total{category="",environment="production",error_code="",linked="call",model="gpt-4.1-mini",provider="openai",reason=""}`: 1,
	})
}

func TestUsageOfACallIsAddedByType(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	e := call(c)
	n := schemas.Some[int64]
	e.Usage.Tokens = schemas.Tokens{Input: n(1284), Output: n(96), CacheRead: n(1000), CacheWrite: n(200)}
	e.Latency = schemas.Some(1500 * time.Millisecond)
	commit(m, e, e)
	tokens := func(kind string) string {
		return `llm_tokens_total{environment="production",model="gpt-4.1-mini",provider="openai",type="` + kind + `"}`
	}
	want(t, settled(t, reg), map[string]float64{
		tokens("input"): 2568, tokens("output"): 192, tokens("cache_read"): 2000, tokens("cache_write"): 400, tokens("reasoning"): 0,
		"llm_call_duration_seconds" + gpt + " count": 2, "llm_call_duration_seconds" + gpt + " sum": 3,
	})
}

func TestCostIsSummedExactlyBeforeItIsAFloat(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	events := make([]schemas.Event, 1000)
	for i := range events {
		events[i] = call(c)
		events[i].CostUSD = schemas.Some(schemas.NewDecimal(1, 1)) // 0.1 added a thousand times as floats is not 100
	}
	commit(m, events...)
	want(t, settled(t, reg), map[string]float64{"llm_cost_usd_total" + gpt: 100, "llm_unpriced_calls_total" + gpt: 0})
}

func TestAnUnknownCostIsUnpricedAndNotZero(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	free, unknown := call(c), call(c)
	free.CostUSD = schemas.Some(schemas.USD{})
	commit(m, free, unknown)
	want(t, settled(t, reg), map[string]float64{"llm_cost_usd_total" + gpt: 0, "llm_unpriced_calls_total" + gpt: 1})
}

func TestAnAmountBelowZeroIsRefusedAndTheCallCounts(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	e := call(c)
	e.Usage.Tokens.Input = schemas.Some(int64(-1))
	e.Latency = schemas.Some(-time.Second)
	e.CostUSD = schemas.Some(schemas.NewDecimal(-1, 2))
	commit(m, e)
	want(t, settled(t, reg), map[string]float64{
		"llm_calls_total" + gpt: 1, "llm_cost_usd_total" + gpt: 0, "llm_call_duration_seconds" + gpt + " count": 0,
		"tracetally_metric_refused_total{}": 3,
	})
}

func TestWarningsOfNewEventsAreCountedWhateverTheirAge(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	e := call(c)
	e.Time, e.Warnings = e.Time.Add(-time.Hour), schemas.WarnLatencyUnitGuessed|schemas.WarnBadTime
	m.Committed(List{e, e}, []bool{true, false})
	want(t, gather(t, reg), map[string]float64{
		`tracetally_event_warnings_total{warning="latency_unit_guessed"}`: 1,
		`tracetally_event_warnings_total{warning="bad_time"}`:             1,
		`tracetally_event_warnings_total{warning="unknown_model"}`:        0,
	})
}
