package sink

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tracetally/tracetally/schemas"
)

func TestValuesPastTheCapCountAsOther(t *testing.T) {
	t.Parallel()
	cfg := atNoon()
	cfg.Caps = Caps{Model: 3, Step: 1}
	s := openStore(t, cfg)
	c := acquire(t, s, "a", 0)
	var log []logged
	for i := range 8 {
		e := failed(call(fmt.Sprint("e", i), noon()), "rate_limit")
		e.Model, e.Step = fmt.Sprint("m", i), fmt.Sprint("s", i/4)
		log = append(log, logged{time: noon(), events: []schemas.Event{e}})
	}
	commit(t, s, cut(c, log, 0, 3))
	commit(t, s, cut(c, log, 3, 8))
	const models = `select model || ' ' || calls from tracetally.calls_1m order by model collate "C"`
	if got := fmt.Sprint(column[string](t, s, models)); got != "[__other__ 5 m0 1 m1 1 m2 1]" {
		t.Errorf("models = %s", got)
	}
	const steps = `select step || ' ' || sum(failures) from tracetally.errors_1m group by step order by step collate "C"`
	if got := fmt.Sprint(column[string](t, s, steps)); got != "[__other__ 4 s0 4]" {
		t.Errorf("steps = %s", got)
	}
	// Another worker, which remembers nothing, decides alike.
	again, err := Open(t.Context(), s.cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	e := call("late", noon())
	e.Model = "m7"
	commit(t, again, cut(acquire(t, again, "b", 0), []logged{{time: noon(), events: []schemas.Event{e}}}, 0, 1))
	if got := fmt.Sprint(column[string](t, s, models)); got != "[__other__ 6 m0 1 m1 1 m2 1]" {
		t.Errorf("models = %s", got)
	}
}

func TestSeriesPastTheirCapAreOneSeries(t *testing.T) {
	t.Parallel()
	cfg := atNoon()
	cfg.Caps = Caps{Series: 2}
	s := openStore(t, cfg)
	var log []logged
	for i := range 6 {
		e := call(fmt.Sprint("e", i), noon())
		e.PromptVersion = fmt.Sprint("v", i)
		log = append(log, logged{time: noon(), events: []schemas.Event{e}})
	}
	c := acquire(t, s, "a", 0)
	commit(t, s, cut(c, log, 0, 2))
	commit(t, s, cut(c, log, 2, 6))
	const ask = `select prompt_version || ' ' || model || ' ' || calls from tracetally.calls_1d order by calls, prompt_version`
	if got := fmt.Sprint(column[string](t, s, ask)); got != "[v0 gpt-4o 1 v1 gpt-4o 1 __other__ __other__ 4]" {
		t.Errorf("series = %s", got)
	}
}

// TestTextThatPostgresRefusesIsRepaired: NUL and invalid UTF-8 in every text of an event, in topic and cluster.
func TestTextThatPostgresRefusesIsRepaired(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	const bad = "a\x00b\xff\xed\xa0\x80\""
	e := failed(call(bad, noon()), bad)
	for _, f := range []*string{
		&e.TraceID, &e.AltTraceID, &e.SpanID, &e.ParentID, &e.SessionID, &e.UserHash, &e.InputHash, &e.Environment, &e.Service,
		&e.Provider, &e.Model, &e.ProviderRaw, &e.ModelRaw, &e.PromptName, &e.PromptVersion, &e.TaskType, &e.Step, &e.Tool,
		&e.ServiceTier, &e.InputBucket, &e.PriceKey, &e.PriceVersion, &e.TraceURL, &e.Usage.BaseURLHost, &e.Usage.Framework,
		&e.Failure.Code, &e.Failure.Type, &e.Failure.Rule, &e.Failure.Fingerprint, &e.Failure.Message,
	} {
		*f = bad
	}
	e.Usage.Extra = []schemas.CostInput{{Key: bad, Value: bad}}
	c, err := s.Acquire(t.Context(), "topic"+bad, 0, bad, startAt(0))
	if err != nil {
		t.Fatal(err)
	}
	out := commit(t, s, cut(c, []logged{{time: noon(), events: []schemas.Event{e}}}, 0, 1))[0]
	if out.Records.Counted != 1 {
		t.Errorf("outcome = %+v", out)
	}
	const ask = `select model || (select cost_inputs::jsonb ->> 'model' from tracetally.ledger) from tracetally.calls_1m`
	fixed := strings.ToValidUTF8(strings.ReplaceAll(bad, "\x00", "\uFFFD"), "\uFFFD")
	if got := one[string](t, s, ask); got != fixed+fixed {
		t.Errorf("stored %q, want %q", got, fixed+fixed)
	}
}

// TestDecimalsReachPostgresExactly sends random decimals as our bytes and reads them back as text.
func TestDecimalsReachPostgresExactly(t *testing.T) {
	t.Parallel()
	s := openStore(t, Config{})
	decimal := rapid.Custom(func(t *rapid.T) schemas.Decimal {
		d := schemas.NewDecimal(rapid.Int64().Draw(t, "coefficient"), rapid.Uint16Range(0, 60).Draw(t, "scale"))
		for range rapid.IntRange(0, 3).Draw(t, "factors") {
			d = d.Mul(schemas.NewDecimal(rapid.Int64().Draw(t, "factor"), 2))
		}
		return d
	})
	rapid.Check(t, func(rt *rapid.T) {
		all := rapid.SliceOfN(decimal, 1, 20).Draw(rt, "all")
		var r rows
		var want []string
		for _, d := range all {
			r.begin()
			writeErrors(&r, rollupKey{}, &errorSums{wasted: d})
			r.end()
			want = append(want, d.String())
		}
		const ask = `select trim_scale(wasted_cost_usd)::text from unnest($1::tracetally.errors_in[])`
		if got := column[string](t, s, ask, &r); !slices.Equal(got, want) {
			rt.Fatalf("read %v, want %v", got, want)
		}
	})
}

func TestSumsBeyond64BitsAreExact(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	var log []logged
	for i := range 3 {
		e := call(fmt.Sprint("e", i), noon())
		e.Usage.Tokens.Input = schemas.Some[int64](math.MaxInt64)
		e.Retries = math.MaxInt64
		log = append(log, logged{time: noon(), events: []schemas.Event{e}})
	}
	c := acquire(t, s, "a", 0)
	commit(t, s, cut(c, log, 0, 2))
	commit(t, s, cut(c, log, 2, 3))
	const ask = `select input_tokens || ' ' || attempts from tracetally.calls_1h`
	if got := one[string](t, s, ask); got != "27670116110564327421 27670116110564327424" { // 3·(2^63−1), and 3 more
		t.Errorf("sums = %s", got)
	}
}

func TestWideSumsAgreeWithBigIntegers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOf(rapid.Int64Min(0)).Draw(t, "all")
		var w, halves wide
		sum := schemas.Decimal{}
		for i, n := range all {
			w.add(n)
			var single wide
			single.add(n)
			if i%2 == 0 {
				halves.merge(single)
			} else {
				single.merge(halves)
				halves = single
			}
			sum = sum.Add(schemas.NewDecimal(n, 0))
		}
		if w.big().Cmp(sum.Coefficient()) != 0 || halves != w {
			t.Fatalf("sum = %v and %v, want %v", w.big(), halves.big(), sum)
		}
	})
}

func TestCostIsNullWhereEveryCallIsUnpriced(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	priced, unpriced, mixed := call("a", noon()), call("b", noon()), call("c", noon())
	unpriced.Model, mixed.CostUSD, unpriced.CostUSD = "unknown", schemas.Opt[schemas.USD]{}, schemas.Opt[schemas.USD]{}
	log := []logged{{time: noon(), events: []schemas.Event{priced, unpriced, mixed}}}
	commit(t, s, cut(acquire(t, s, "a", 0), log, 0, 1))
	const ask = `
select model || ' ' || coalesce(cost_usd::text, 'null') || ' ' || unpriced_calls || ' ' || unpriced_tokens
from tracetally.calls_1m order by model`
	if got := fmt.Sprint(column[string](t, s, ask)); got != "[gpt-4o 0.00411 1 1374 unknown null 1 1374]" {
		t.Errorf("rows = %s", got)
	}
}

func TestAttemptsCountTriesAndCallsCountAnswers(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	plain, retried, notFinal, started := call("a", noon()), call("b", noon()), call("c", noon()), call("d", noon())
	retried.Retries = 2
	notFinal = failed(notFinal, "rate_limit")
	notFinal.Final = schemas.Some(false)
	started.Status = schemas.StatusStarted
	span := call("e", noon())
	span.Kind = schemas.Span
	log := []logged{{time: noon(), events: []schemas.Event{plain, retried, notFinal, started, span}}}
	out := commit(t, s, cut(acquire(t, s, "a", 0), log, 0, 1))[0]
	if out.Events.New != 5 {
		t.Errorf("new = %d, want 5 rows of the ledger", out.Events.New)
	}
	const ask = `select calls || ' ' || failures || ' ' || attempts || ' ' || latency_count from tracetally.calls_1m`
	if got := one[string](t, s, ask); got != "2 0 5 2" {
		t.Errorf("calls, failures, attempts, latencies = %s, want 2 0 5 2", got)
	}
	if n := one[int64](t, s, `select count(*) from tracetally.failures`); n != 0 {
		t.Errorf("failures lists %d, want none", n)
	}
}

func TestErrorGroupShowsItsEarliestEventInAnyOrder(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	at := func(id string, minutes int) logged {
		return logged{time: noon(), events: []schemas.Event{exception(id, noon().Add(time.Duration(minutes)*time.Minute))}}
	}
	log := []logged{at("middle", 5), at("early", 1), at("last", 9), at("early", 1)}
	c := acquire(t, s, "a", 0)
	for i := range log {
		commit(t, s, cut(c, log, i, i+1))
	}
	const ask = `select message || ', ' || events || ', ' || extract(minute from first_time) || '-' || extract(minute from last_time)
from tracetally.error_groups`
	if got := one[string](t, s, ask); got != "line 1 early, 3, 1-9" {
		t.Errorf("group = %s", got)
	}
	const failures = `select string_agg(error_type || ' ' || linked || ' ' || trace_id, '; ' order by time) from tracetally.failures`
	want := "JSONDecodeError none trace-early; JSONDecodeError none trace-middle; JSONDecodeError none trace-last"
	if got := one[string](t, s, failures); got != want {
		t.Errorf("failures = %s", got)
	}
}

// TestErrorGroupDecidesBetweenEventsOfOneTimeByID, in one transaction and in two.
func TestErrorGroupDecidesBetweenEventsOfOneTimeByID(t *testing.T) {
	t.Parallel()
	ids := []string{
		"0190c8f0-0000-7000-8000-000000000002", "0190c8f0-0000-7000-8000-000000000001", "0190c8f0-0000-7000-8000-000000000003",
	}
	var log []logged
	for _, id := range ids {
		log = append(log, logged{time: noon(), events: []schemas.Event{exception(id, noon())}})
	}
	for _, n := range []int{1, 3} {
		s := openStore(t, atNoon())
		c := acquire(t, s, "a", 0)
		for at := 0; at < len(log); at += n {
			commit(t, s, cut(c, log, at, at+n))
		}
		if got := one[string](t, s, `select message from tracetally.error_groups`); got != "line 1 "+ids[1] {
			t.Errorf("in batches of %d: sample = %q, want that of the lowest id", n, got)
		}
	}
}

func TestUsageViewAddsTokensByPriceAndTier(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	flex, plain := call("a", noon()), call("b", noon())
	flex.ServiceTier = "flex"
	log := []logged{{time: noon(), events: []schemas.Event{flex, plain, call("c", noon())}}}
	commit(t, s, cut(acquire(t, s, "a", 0), log, 0, 1))
	const ask = `
select string_agg(service_tier || ' ' || price_key || ' ' || tokens || ' ' || calls, '; ' order by service_tier)
from tracetally.usage_1h where kind = 'input'`
	if got := one[string](t, s, ask); got != " gpt-4o 2568 2; flex gpt-4o 1284 1" {
		t.Errorf("usage = %s", got)
	}
}

// TestLatencyBinsAgreeWithALinearSearch takes the edges from floating point, and values on, below and above each.
func TestLatencyBinsAgreeWithALinearSearch(t *testing.T) {
	edge := func(i int) time.Duration { return time.Duration(math.Round(16e6 * math.Exp2(float64(i)/4))) }
	linear := func(d time.Duration) int {
		i := 0
		for i < bins-1 && d >= edge(i+1) {
			i++
		}
		return i
	}
	for i := 1; i < bins; i++ {
		if off := binEdge(i) - edge(i); off < -1<<(i/4) || off > 1<<(i/4) {
			t.Errorf("edge %d = %v, want %v", i, binEdge(i), edge(i))
		}
		for _, d := range []time.Duration{binEdge(i) - 1, binEdge(i), binEdge(i) + 1} {
			if want := i - 1 + min(1, int(max(0, d-binEdge(i)+1))); bin(d) != want {
				t.Errorf("bin(%v) = %d, want %d", d, bin(d), want)
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(0, int64(24*time.Hour)).Draw(t, "d"))
		if got, want := bin(d), linear(d); got != want && binEdge(got).Round(time.Microsecond) != d.Round(time.Microsecond) {
			t.Fatalf("bin(%v) = %d, want %d", d, got, want)
		}
	})
}

// TestQuantileIsNearTheExactOne compares the SQL function with quantiles of the values themselves, laid out evenly on a
// log-normal and on a uniform distribution.
func TestQuantileIsNearTheExactOne(t *testing.T) {
	t.Parallel()
	s := openStore(t, Config{})
	const n = 20_000
	lognormal, uniform := make([]float64, n), make([]float64, n)
	for i := range n {
		p := (float64(i) + 0.5) / n
		lognormal[i] = 900 * math.Exp(0.8*math.Sqrt2*math.Erfinv(2*p-1))
		uniform[i] = 30_000 * p
	}
	for name, values := range map[string][]float64{"lognormal": lognormal, "uniform": uniform} {
		bound := 0.004 // where the density is smooth
		if name == "uniform" {
			bound = math.Exp2(0.25) - 1 // where it ends in the middle of a bin: that bin
		}
		histogram := make([]int64, bins)
		for _, ms := range values {
			histogram[bin(time.Duration(ms*1e6))]++
		}
		for _, q := range []float64{0.5, 0.9, 0.95, 0.99} {
			got := one[float64](t, s, `select tracetally.quantile($1, $2::bigint[])`, q, histogram)
			exact := values[int(q*n)]
			if off := math.Abs(got-exact) / exact; off > bound {
				t.Errorf("%s: quantile(%v) = %.1f ms, exact %.1f ms, %.2f %% off", name, q, got, exact, 100*off)
			}
		}
	}
	edges := `select coalesce(tracetally.quantile(0.5, array_fill(0::bigint, array[60])), -1)`
	if got := one[float64](t, s, edges); got != -1 {
		t.Errorf("quantile of nothing = %v, want null", got)
	}
	long := `select tracetally.quantile(0.99, array_fill(0::bigint, array[59]) || array[5::bigint])`
	if got := one[float64](t, s, long); math.Abs(got-440_871.5) > 1 {
		t.Errorf("quantile beyond the last edge = %v, want its lower edge", got)
	}
}

func TestUUIDsInAllFormsAreOneID(t *testing.T) {
	want := eventID("0190c8f0-aaaa-7000-8000-000000000001")
	for _, id := range []string{"0190C8F0-AAAA-7000-8000-000000000001", "0190c8f0aaaa70008000000000000001"} {
		if eventID(id) != want {
			t.Errorf("eventID(%q) differs", id)
		}
	}
	for _, id := range []string{"", "x", "{190c8f0-aaaa-7000-8000-000000000001}", strings.Repeat("z", 36)} {
		if eventID(id) == want {
			t.Errorf("eventID(%q) is that of the UUID", id)
		}
	}
}

func TestContentHashIgnoresWhatWeComputed(t *testing.T) {
	var d digest
	a := call("a", noon())
	b := a
	b.CostUSD, b.PriceVersion, b.Model, b.Warnings = schemas.Opt[schemas.USD]{}, "other", "other", schemas.WarnUnknownModel
	b.ID, b.IDMade, b.UserHash = "b", true, "00"
	b.Usage.InputTokens.Exact = schemas.NewDecimal(12840, 1)
	if d.contentHash(&a) != d.contentHash(&b) {
		t.Error("hash depends on what we computed or on the scale of a number")
	}
	b.Usage.OutputTokens = schemas.CountOf(91)
	if d.contentHash(&a) == d.contentHash(&b) {
		t.Error("hash does not depend on the tokens")
	}
}
