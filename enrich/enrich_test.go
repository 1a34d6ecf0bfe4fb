package enrich_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/tracetally/tracetally/enrich"
	"github.com/tracetally/tracetally/internal/secret"
	"github.com/tracetally/tracetally/schemas"
)

func embeddedBook(t testing.TB) *enrich.Book {
	t.Helper()
	b, err := enrich.LoadBook(enrich.BookConfig{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestHashOfAUserIsThePlainHMAC(t *testing.T) {
	e, err := enrich.New(enrich.Config{Book: embeddedBook(t), HashKey: secret.New("k3y")})
	if err != nil {
		t.Fatal(err)
	}
	var ev schemas.Event
	e.Apply(&ev, &schemas.Sensitive{UserID: "user-42", Input: []byte("user-42")})
	// printf %s user-42 | openssl dgst -sha256 -hmac k3y | cut -c1-32
	if want := "e0d56d692daad2efaefd085b40e0b39c"; ev.UserHash != want || ev.InputHash == want || len(ev.InputHash) != len(want) {
		t.Errorf("hashes %s and %s, want %s and another", ev.UserHash, ev.InputHash, want)
	}
	e.Apply(&ev, &schemas.Sensitive{UserID: "user-43"})
	if ev.UserHash == "" || ev.UserHash == "e0d56d692daad2efaefd085b40e0b39c" || ev.InputHash != "" {
		t.Errorf("hashes %q and %q of another user without input", ev.UserHash, ev.InputHash)
	}
}

// TestHashOfAnInputTellsWhetherItCameAgain also holds the key to be part of it: without it nobody can try inputs.
func TestHashOfAnInputTellsWhetherItCameAgain(t *testing.T) {
	book := embeddedBook(t)
	hash := func(key string, input []byte) string {
		e, err := enrich.New(enrich.Config{Book: book, HashKey: secret.New(key)})
		if err != nil {
			t.Fatal(err)
		}
		var ev schemas.Event
		e.Apply(&ev, &schemas.Sensitive{Input: []byte("another input, hashed before")})
		e.Apply(&ev, &schemas.Sensitive{Input: input})
		return ev.InputHash
	}
	rapid.Check(t, func(rt *rapid.T) {
		a := rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(rt, "input")
		b := slices.Clone(a)
		if hash("k3y", a) != hash("k3y", b) {
			rt.Fatal("two hashes of one input")
		}
		if hash("k3y", a) == hash("other", a) {
			rt.Fatal("the hash does not depend on the key")
		}
		b[rapid.IntRange(0, len(b)-1).Draw(rt, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
		if hash("k3y", a) == hash("k3y", b) || hash("k3y", a) == hash("k3y", append(a, 0)) {
			rt.Fatal("one hash for two inputs")
		}
	})
}

func TestWithoutAKeyNothingIsHashed(t *testing.T) {
	e, err := enrich.New(enrich.Config{Book: embeddedBook(t)})
	if err != nil {
		t.Fatal(err)
	}
	var ev schemas.Event
	e.Apply(&ev, &schemas.Sensitive{UserID: "user-42", Input: []byte("hello")})
	if ev.UserHash != "" || ev.InputHash != "" {
		t.Errorf("hashes %q and %q", ev.UserHash, ev.InputHash)
	}
}

func TestTraceURLTakesTheIDUnlessTheEventHasItsOwn(t *testing.T) {
	e, err := enrich.New(enrich.Config{Book: embeddedBook(t), TraceURL: "https://traces.example/t/{trace_id}?tab=all"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ id, own, want string }{
		{"abc", "", "https://traces.example/t/abc?tab=all"},
		{"a/b?c", "", "https://traces.example/t/a%2Fb%3Fc?tab=all"},
		{"abc", "https://own.example/1", "https://own.example/1"},
		{"", "", ""},
	} {
		ev := schemas.Event{TraceID: "normalised", TraceIDRaw: c.id, TraceURL: c.own}
		e.Apply(&ev, &schemas.Sensitive{})
		if ev.TraceURL != c.want {
			t.Errorf("trace %q: %q, want %q", c.id, ev.TraceURL, c.want)
		}
	}
}

func TestConfigReportsEveryProblemAtOnce(t *testing.T) {
	for template, want := range map[string]string{
		"https://x.example/":               "{trace_id}",
		"javascript:alert(1)//{trace_id}":  "http or https",
		"//x.example/{trace_id}":           "http or https",
		"https://{trace_id}.example/%zz/x": "http or https",
	} {
		_, err := enrich.New(enrich.Config{TraceURL: template})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "book: must be set") {
			t.Errorf("%s: %v", template, err)
		}
	}
}

func TestOnlyCallsThatEndedAreBilled(t *testing.T) {
	e := newEnricher(t, nil)
	usage := schemas.Usage{InputTokens: schemas.CountOf(1000), OutputTokens: schemas.CountOf(10)}
	for _, kind := range schemas.Kinds() {
		ev := schemas.Event{Kind: kind, Status: schemas.StatusOK, ProviderRaw: "openai", ModelRaw: "gpt-4o", Usage: usage,
			ReportedCostUSD: schemas.Some(schemas.NewDecimal(7, 0))}
		e.Apply(&ev, &schemas.Sensitive{})
		want := "not_billable"
		if kind == schemas.Call {
			want = "7"
		}
		if got := outcome(&ev); got != want {
			t.Errorf("%v: %s, want %s", kind, got, want)
		}
	}
	started := schemas.Event{Kind: schemas.Call, Status: schemas.StatusStarted, ModelRaw: "gpt-4o", Usage: usage}
	e.Apply(&started, &schemas.Sensitive{})
	if got := outcome(&started); got != "not_billable" || started.CostStatus != schemas.CostUnpriced {
		t.Errorf("started: %s %s", got, started.CostStatus)
	}
}

// generation is the bytes of a successful call with more properties.
func generation(props string) []byte {
	return []byte(`{"event":"$ai_generation","distinct_id":"u","timestamp":"2026-08-01T12:00:00Z","properties":{"$ai_trace_id":"t1",` + props + `}}`)
}

func TestPrecedence(t *testing.T) {
	const usage = `"$ai_provider":"openai","$ai_model":"gpt-4o","$ai_input_tokens":1000,"$ai_output_tokens":10`
	const unknown = `"$ai_provider":"internal","$ai_model":"nobodys","$ai_input_tokens":1000,"$ai_output_tokens":10`
	e := newEnricher(t, map[string]string{"My-Deployment": "gpt-4o"}, []byte(`{"ours": {"input_cost_per_token": 1, "output_cost_per_token": 2}}`))
	for _, c := range []struct {
		name, props, status, cost, key string
	}{
		{"book", usage, "book", "0.0026", "gpt-4o"},
		{"file of the operator", `"$ai_model":"ours","$ai_input_tokens":3,"$ai_output_tokens":1`, "override", "5", "ours"},
		{"alias", `"$ai_provider":"azure","$ai_model":"my-deployment","$ai_input_tokens":1000,"$ai_output_tokens":10`, "override", "0.0026", "gpt-4o"},
		{"prices in the event beat the book", usage + `,"$ai_input_token_price":1,"$ai_output_token_price":2`, "custom", "1020", "custom"},
		{"one price in the event is not enough", usage + `,"$ai_input_token_price":1`, "book", "0.0026", "gpt-4o"},
		{"reported beats prices", usage + `,"$ai_total_cost_usd":0.5,"$ai_input_token_price":1,"$ai_output_token_price":2`, "passthrough", "0.5", "passthrough"},
		{"reported 0 is a value", usage + `,"$ai_total_cost_usd":0`, "passthrough", "0", "passthrough"},
		{"reported input alone replaces the input", usage + `,"$ai_input_cost_usd":0.5`, "passthrough", "0.5001", "gpt-4o"},
		{"reported output alone replaces the output", usage + `,"$ai_output_cost_usd":0.5`, "passthrough", "0.5025", "gpt-4o"},
		{"a negative report is none", usage + `,"$ai_total_cost_usd":-3`, "book", "0.0026", "gpt-4o"},
		{"local cache", usage + `,"cache_hit":true`, "local_cache", "0", "local_cache"},
		{"estimate of an unknown model", unknown + `,"estimated_cost_usd":0.25`, "caller_estimate", "0.25", "caller_estimate"},
		{"estimate never beats the book", usage + `,"estimated_cost_usd":0.25`, "book", "0.0026", "gpt-4o"},
		{"unknown", unknown, "unpriced", "unknown_model", ""},
		{"failed before anything was counted", `"$ai_provider":"internal","$ai_model":"nobodys","$ai_is_error":true`, "book", "0", ""},
		{"failed with 0 tokens", `"$ai_provider":"openai","$ai_model":"gpt-4o","$ai_is_error":true,"$ai_input_tokens":0,"$ai_output_tokens":0`, "book", "0", "gpt-4o"},
		{"a price that is none", usage + `,"$ai_input_token_price":-1,"$ai_output_token_price":2`, "unpriced", "invalid_price", ""},
	} {
		ev := apply(t, e, generation(c.props))
		if got := outcome(&ev); got != c.cost || string(ev.CostStatus) != c.status || ev.PriceKey != c.key {
			t.Errorf("%s: %s by %s %q, want %s by %s %q", c.name, got, ev.CostStatus, ev.PriceKey, c.cost, c.status, c.key)
		}
		detailAddsUp(t, e, &ev)
	}
}

func TestAnIgnoredReportIsSaid(t *testing.T) {
	e := newEnricher(t, nil)
	for _, bad := range []string{`-3`, `"NaN"`, `{"usd":3}`, `true`} {
		ev := apply(t, e, generation(`"$ai_provider":"openai","$ai_model":"gpt-4o","$ai_input_tokens":1,"$ai_output_tokens":1,"$ai_total_cost_usd":`+bad))
		if ev.Warnings&schemas.WarnReportedCostIgnored == 0 || ev.ReportedCostUSD.Ok {
			t.Errorf("%s: warnings %v, reported %v", bad, ev.Warnings.Names(), ev.ReportedCostUSD)
		}
	}
}

func TestCountsThatContradictEachOtherAreNullAndNoOthers(t *testing.T) {
	e := newEnricher(t, nil)
	const model = `"$ai_provider":"openai","$ai_model":"gpt-4o",`
	n := schemas.Some[int64]
	for props, want := range map[string]schemas.Tokens{
		`"$ai_input_tokens":10,"$ai_output_tokens":5,"$ai_reasoning_tokens":6`:                                               {Input: n(10)},
		`"$ai_input_tokens":10,"$ai_output_tokens":5,"$ai_cache_read_input_tokens":11,"$ai_cache_reporting_exclusive":false`: {Output: n(5)},
		`"$ai_input_tokens":-5,"$ai_output_tokens":5,"$ai_cache_read_input_tokens":2`:                                        {Output: n(5)},
		`"$ai_input_tokens":10,"$ai_output_tokens":true,"$ai_reasoning_tokens":1`:                                            {Input: n(10)},
		`"$ai_input_tokens":10,"$ai_output_tokens":5,"$ai_cache_read_input_tokens":"x"`:                                      {Input: n(10), Output: n(5)},
		`"$ai_input_tokens":10,"$ai_output_tokens":5,"$ai_cache_read_input_tokens":{},"$ai_cache_reporting_exclusive":true`:  {Output: n(5)},
		`"$ai_input_tokens":10,"$ai_output_tokens":5,"$ai_web_search_count":-1`:                                              {Input: n(10), Output: n(5)},
	} {
		ev := apply(t, e, generation(model+props))
		if ev.Usage.Tokens != want || ev.CostReason != schemas.InvalidUsage || (ev.InputBucket != "") != want.Input.Ok {
			t.Errorf("%s: %+v, bucket %q, %s; want %+v", props, ev.Usage.Tokens, ev.InputBucket, ev.CostReason, want)
		}
	}
}

func TestPartsOfRawUsageAreKept(t *testing.T) {
	e := newEnricher(t, nil)
	n := schemas.Some[int64]
	ev := apply(t, e, generation(`"$ai_provider":"anthropic","$ai_model":"claude-haiku-4-5","$ai_usage":{"input_tokens":21,"output_tokens":9,`+
		`"cache_read_input_tokens":2048,"cache_creation_input_tokens":188,"cache_creation":{"ephemeral_5m_input_tokens":100,"ephemeral_1h_input_tokens":88}}`))
	want := schemas.Tokens{Input: n(2257), Output: n(9), CacheRead: n(2048), CacheWrite: n(188), CacheWrite1h: n(88)}
	if ev.Usage.Tokens != want {
		t.Errorf("%+v, want %+v", ev.Usage.Tokens, want)
	}
}

func TestBucketsAreOfTheWholePrompt(t *testing.T) {
	e := newEnricher(t, nil)
	ev := apply(t, e, generation(`"$ai_provider":"anthropic","$ai_model":"claude-haiku-4-5","$ai_input_tokens":900,"$ai_cache_read_input_tokens":384,"$ai_output_tokens":2000`))
	if ev.Usage.Tokens.Input != schemas.Some(int64(1284)) || ev.InputBucket != "1k_2k_tokens" || ev.OutputBucket != "2k_4k_tokens" {
		t.Errorf("%v %q %q", ev.Usage.Tokens.Input, ev.InputBucket, ev.OutputBucket)
	}
	own := schemas.Event{Kind: schemas.Call, InputBucket: "8k_16k_tokens"}
	e.Apply(&own, &schemas.Sensitive{})
	if own.InputBucket != "8k_16k_tokens" {
		t.Errorf("a producer's own bucket became %q without tokens", own.InputBucket)
	}
}

func TestApplyingTwiceChangesNothing(t *testing.T) {
	for _, c := range readCases(t) {
		if c.Override != nil {
			continue // one book for all is enough here, and faster
		}
		e := newEnricher(t, c.Config.Aliases)
		d := decode(t, c.Event)
		e.Apply(&d.Event, &d.Sensitive)
		once := fmt.Sprintf("%+v", d.Event)
		e.Apply(&d.Event, &d.Sensitive)
		if twice := fmt.Sprintf("%+v", d.Event); twice != once {
			t.Errorf("%s:\n%s\n%s", c.ID, once, twice)
		}
	}
}

func TestPricingACallAllocatesNothing(t *testing.T) {
	e := newEnricher(t, nil)
	ev := decode(t, generation(`"$ai_provider":"anthropic","$ai_model":"claude-sonnet-4-5","$ai_input_tokens":900,"$ai_cache_read_input_tokens":384,"$ai_output_tokens":2000,"web_search_count":1`)).Event
	var s schemas.Sensitive
	if n := testing.AllocsPerRun(100, func() { e.Apply(&ev, &s) }); n != 0 {
		t.Errorf("%v allocations per event", n)
	}
}

// TestEnrichersShareABook runs under the race detector.
func TestEnrichersShareABook(t *testing.T) {
	cases := readCases(t)
	book, err := enrich.LoadBook(enrich.BookConfig{Files: []enrich.PriceFile{{Name: "prices.json", Data: readPrices(t)}}, Only: true})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	totals := make([]schemas.Decimal, 4)
	for i := range totals {
		e, err := enrich.New(enrich.Config{Book: book})
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			for _, c := range cases {
				ev := apply(t, e, c.Event)
				totals[i] = totals[i].Add(ev.CostUSD.V)
			}
		})
	}
	wg.Wait()
	for i := range totals {
		if totals[i].Cmp(totals[0]) != 0 || totals[i].Sign() == 0 {
			t.Errorf("enricher %d counts %s, enricher 0 %s", i, totals[i], totals[0])
		}
	}
}

func BenchmarkApply(b *testing.B) {
	e := newEnricher(b, nil)
	ev := decode(b, generation(`"$ai_provider":"anthropic","$ai_model":"claude-sonnet-4-5","$ai_input_tokens":900,"$ai_cache_read_input_tokens":384,"$ai_output_tokens":2000`)).Event
	var s schemas.Sensitive
	b.ReportAllocs()
	for b.Loop() {
		e.Apply(&ev, &s)
	}
}
