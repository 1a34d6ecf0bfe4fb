package alerts

import (
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"
	"pgregory.net/rapid"

	"github.com/tracetally/tracetally/schemas"
)

// openMetrics is all that a scrape with exemplars would carry, after new series had their turn at 0.
func openMetrics(t testing.TB, reg *prometheus.Registry) string {
	t.Helper()
	gather(t, reg)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	enc := expfmt.NewEncoder(&out, expfmt.NewFormat(expfmt.TypeOpenMetrics))
	for _, f := range families {
		if err := enc.Encode(f); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(out.String(), "llm_calls_total{") {
		t.Fatalf("no call in %s", out.String())
	}
	return out.String()
}

func FuzzCommittedTakesAnyText(f *testing.F) {
	f.Add("production", "openai", "gpt-4.1-mini", "429", "0af7651916cd43dd8448eb211c80319c")
	f.Add("\xff\xfe", "a\x00b", strings.Repeat("é", 300), "line\nbreak\"\\", strings.Repeat("x", 121))
	f.Add("", "", "", "", "\xc3\x28")
	f.Fuzz(func(t *testing.T, environment, provider, model, code, trace string) {
		c := newClock()
		m, reg := newTest(t, c)
		e := failed(c)
		e.Environment, e.Provider, e.Model, e.TraceID = environment, provider, model, trace
		e.Failure = &schemas.Failure{Category: schemas.Category(model), Reason: provider, Code: code}
		e.Latency = schemas.Some(time.Second)
		x := exception(c)
		x.Environment, x.TraceID, x.Failure = provider, trace, e.Failure
		commit(m, e, x)
		openMetrics(t, reg)
		calls, errs := 0.0, 0.0
		for key, v := range gather(t, reg) {
			switch {
			case strings.HasPrefix(key, "llm_calls_total"):
				calls += v
			case strings.HasPrefix(key, "llm_errors_total"):
				errs += v
			}
		}
		if calls != 1 || errs != 2 {
			t.Errorf("%v calls and %v errors, want 1 and 2", calls, errs)
		}
	})
}

func TestALabelIsValidShortAndUnchangedIfItWasBoth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := string(rapid.SliceOfN(rapid.Byte(), 0, 400).Draw(t, "in"))
		if rapid.Bool().Draw(t, "text") {
			in = rapid.StringN(0, 300, -1).Draw(t, "text in")
		}
		out := label(in)
		if !utf8.ValidString(out) || len(out) > schemas.MaxTextBytes {
			t.Fatalf("label(%q) = %q", in, out)
		}
		if utf8.ValidString(in) && !strings.HasPrefix(in, out) {
			t.Fatalf("label(%q) = %q is no beginning of it", in, out)
		}
		if utf8.ValidString(in) && len(out)+utf8.UTFMax <= schemas.MaxTextBytes && in != out {
			t.Fatalf("label(%q) = %q was cut too early", in, out)
		}
	})
}

func TestTraceIDsAreExemplarsAndNeverLabels(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	e := failed(c)
	e.Latency = schemas.Some(2 * time.Second)
	commit(m, e)
	out := openMetrics(t, reg)
	link := `# {trace_id="` + e.TraceID + `"}`
	for _, prefix := range []string{"llm_errors_total{", "llm_call_duration_seconds_bucket{"} {
		if !hasLine(out, prefix, link) {
			t.Errorf("no exemplar on %s", prefix)
		}
	}
	if bare := strings.ReplaceAll(out, link, ""); strings.Contains(bare, e.TraceID) {
		t.Error("the trace id is elsewhere too")
	}
}

func TestTheSlowestCallOfACommitLendsItsTraceToTheDurations(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	var events []schemas.Event
	for i, d := range []time.Duration{3 * time.Second, 40 * time.Second, 2 * time.Second, 40 * time.Second} {
		e := call(c)
		e.TraceID, e.Latency = strings.Repeat("abcd"[i:i+1], 32), schemas.Some(d)
		events = append(events, e)
	}
	commit(m, events...)
	out := openMetrics(t, reg)
	if !hasLine(out, `llm_call_duration_seconds_bucket{`, `le="45.0"} 4 # {trace_id="`+strings.Repeat("b", 32)) || strings.Count(out, "trace_id") != 1 {
		t.Error("want one exemplar, the first of the slowest")
	}
	want(t, gather(t, reg), map[string]float64{"llm_call_duration_seconds" + gpt + " sum": 85})
}

func TestATraceIDTooLongForAnExemplarStillCounts(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	e := failed(c)
	e.TraceID = strings.Repeat("t", prometheus.ExemplarMaxRunes-len(exemplarLabel)+1)
	commit(m, e)
	out := openMetrics(t, reg)
	if strings.Contains(out, e.TraceID) || !hasLine(out, "llm_errors_total{", " 1.0") {
		t.Error("want the error counted and no exemplar")
	}
}

func hasLine(out, prefix, part string) bool {
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, prefix) && strings.Contains(line, part) {
			return true
		}
	}
	return false
}

func TestNoOtherTextOfAnEventIsExported(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	const canary = "CANARY"
	e := failed(c)
	for _, field := range []*string{
		&e.ID, &e.AltTraceID, &e.SpanID, &e.ParentID, &e.RequestID, &e.SessionID, &e.ExceptionEventID, &e.UserHash,
		&e.InputHash, &e.Service, &e.ProviderRaw, &e.ModelRaw, &e.PromptName, &e.PromptVersion, &e.PromptHash, &e.TaskType,
		&e.Flag, &e.Variant, &e.AgentConfig, &e.Step, &e.Tool, &e.OutputCategory, &e.StopReason, &e.ServiceTier,
		&e.InputBucket, &e.OutputBucket, &e.PriceKey, &e.PriceVersion, &e.TraceURL, &e.Usage.BaseURLHost, &e.Usage.Framework,
		&e.Failure.Type, &e.Failure.Origin, &e.Failure.Recovery, &e.Failure.Rule, &e.Failure.Fingerprint, &e.Failure.Message,
		&e.Measures.EvalName, &e.Measures.EvalReasonCode,
	} {
		*field = canary
	}
	x := e
	x.Kind = schemas.ExceptionEvent
	commit(m, e, x)
	if strings.Contains(openMetrics(t, reg), canary) {
		t.Error("the canary is out")
	}
}

func TestNamesAndUnitsPassTheLinterOfPrometheus(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	commit(m, failed(c), exception(c))
	m.Partition("llm_events", 0).Committed(1, c.now())
	problems, err := testutil.GatherAndLint(reg)
	if err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
}

// drawn is one event of a random stream, in the oracle's words.
type drawn struct {
	model         string
	failed, isNew bool
	age           time.Duration
	cents         int64
}

func TestCountersEqualAPlainCountHoweverBatchesAreCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stream := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) drawn {
			return drawn{
				model:  rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "model"),
				failed: rapid.Bool().Draw(t, "failed"), isNew: rapid.Bool().Draw(t, "new"),
				age:   time.Duration(rapid.IntRange(-60, 900).Draw(t, "age")) * time.Second,
				cents: rapid.Int64Range(0, 1e6).Draw(t, "cents"),
			}
		}), 0, 60).Draw(t, "stream")
		c := newClock()
		reg := prometheus.NewPedanticRegistry()
		m, err := New(reg, Config{Now: c.now, Reasons: testReasons})
		if err != nil {
			t.Fatal(err)
		}
		plain := map[string]float64{}
		for rest := stream; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "cut")
			m.Committed(eventsOf(c, rest[:n], plain))
			rest = rest[n:]
			if rapid.Bool().Draw(t, "scrape") {
				if _, err := reg.Gather(); err != nil {
					t.Fatal(err)
				}
			}
		}
		compare(t, reg, plain)
	})
}

// eventsOf makes the events and adds to plain what they should add.
func eventsOf(c *clock, batch []drawn, plain map[string]float64) (events List, isNew []bool) {
	for _, d := range batch {
		e := ofModel(call(c), d.model)
		if d.failed {
			e = ofModel(failed(c), d.model)
		}
		e.Time = e.Time.Add(-d.age)
		e.CostUSD = schemas.Some(schemas.NewDecimal(d.cents, 2))
		events, isNew = append(events, e), append(isNew, d.isNew)
		if d.isNew && d.age <= 300*time.Second {
			plain["calls "+d.model]++
			plain["cents "+d.model] += float64(d.cents)
			if d.failed {
				plain["errors "+d.model]++
			}
		}
	}
	return events, isNew
}

func compare(t *rapid.T, reg *prometheus.Registry, plain map[string]float64) {
	got := map[string]float64{}
	for range 2 {
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		clear(got)
		for _, f := range families {
			flatten(got, f)
		}
	}
	labels := func(model string) string {
		return `{environment="production",model="` + model + `",provider="openai"}`
	}
	for _, model := range []string{"a", "b", "c"} {
		if v := got["llm_calls_total"+labels(model)]; v != plain["calls "+model] {
			t.Fatalf("calls of %s = %v, want %v; all: %v", model, v, plain["calls "+model], slices.Sorted(maps.Keys(got)))
		}
		if v := math.Round(100 * got["llm_cost_usd_total"+labels(model)]); v != plain["cents "+model] {
			t.Fatalf("cents of %s = %v, want %v", model, v, plain["cents "+model])
		}
		if v := got[strings.Replace(gptCall, "gpt-4.1-mini", model, 1)]; v != plain["errors "+model] {
			t.Fatalf("errors of %s = %v, want %v", model, v, plain["errors "+model])
		}
	}
}
