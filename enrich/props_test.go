package enrich_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/tracetally/tracetally/enrich"
	"github.com/tracetally/tracetally/schemas"
	"pgregory.net/rapid"
)

// oneModel is a book of one model with a rate for every bucket of text.
func oneModel(t testing.TB) *enrich.Enricher {
	return newEnricher(t, nil, []byte(`{"m": {"litellm_provider": "p", "mode": "chat",
		"input_cost_per_token": "0.0000030007", "output_cost_per_token": "0.000015", "cache_read_input_token_cost": "3e-7",
		"cache_creation_input_token_cost": "0.00000375", "cache_creation_input_token_cost_above_1hr": "6e-6",
		"output_cost_per_reasoning_token": "0.00002"}}`))
}

// split is a call's tokens in the buckets of oneModel.
type split struct{ fresh, read, write5m, write1h, out, reasoning int64 }

var anySplit = rapid.Custom(func(t *rapid.T) split {
	n := func(name string) int64 { return rapid.Int64Range(0, 1<<40).Draw(t, name) }
	return split{n("fresh"), n("read"), n("write5m"), n("write1h"), n("out"), n("reasoning")}
})

// event encodes a split with an input count that leaves the cache out, or includes it.
func (s split) event(exclusive bool) *schemas.Event {
	in := s.fresh
	if !exclusive {
		in += s.read + s.write5m + s.write1h
	}
	return &schemas.Event{Kind: schemas.Call, Status: schemas.StatusOK, ProviderRaw: "p", ModelRaw: "m", Usage: schemas.Usage{
		InputTokens: schemas.CountOf(in), OutputTokens: schemas.CountOf(s.out + s.reasoning),
		CacheReadTokens: schemas.CountOf(s.read), CacheWrite5mTokens: schemas.CountOf(s.write5m),
		CacheWrite1hTokens: schemas.CountOf(s.write1h), ReasoningTokens: schemas.CountOf(s.reasoning),
		CacheExclusive: schemas.Some(exclusive),
	}}
}

// oracle is the cost by arithmetic that has nothing in common with the engine.
func (s split) oracle() *big.Rat {
	total := new(big.Rat)
	for rate, n := range map[string]int64{
		"30007/10000000000": s.fresh, "3/10000000": s.read, "375/100000000": s.write5m, "6/1000000": s.write1h,
		"15/1000000": s.out, "2/100000": s.reasoning,
	} {
		r, _ := new(big.Rat).SetString(rate)
		total.Add(total, r.Mul(r, new(big.Rat).SetInt64(n)))
	}
	return total
}

func cost(t rapid.TB, e *enrich.Enricher, ev *schemas.Event) schemas.Decimal {
	e.Apply(ev, &schemas.Sensitive{})
	if !ev.CostUSD.Ok {
		t.Fatalf("no cost: %s", ev.CostReason)
	}
	return ev.CostUSD.V
}

func TestCostIsExact(t *testing.T) {
	e := oneModel(t)
	rapid.Check(t, func(t *rapid.T) {
		s := anySplit.Draw(t, "call")
		got, _ := new(big.Rat).SetString(cost(t, e, s.event(true)).String())
		if want := s.oracle(); got.Cmp(want) != 0 {
			t.Fatalf("cost %v, want %v", got, want)
		}
	})
}

func TestBothWaysOfCountingCostTheSame(t *testing.T) {
	e := oneModel(t)
	rapid.Check(t, func(t *rapid.T) {
		s := anySplit.Draw(t, "call")
		exclusive, inclusive := s.event(true), s.event(false)
		if a, b := cost(t, e, exclusive), cost(t, e, inclusive); a.Cmp(b) != 0 {
			t.Fatalf("exclusive %s, inclusive %s", a, b)
		}
		if exclusive.Usage.Tokens.Input != inclusive.Usage.Tokens.Input || exclusive.InputBucket != inclusive.InputBucket {
			t.Fatalf("whole prompt %v and %v", exclusive.Usage.Tokens.Input, inclusive.Usage.Tokens.Input)
		}
	})
}

func TestCostIsLinearInItsCounts(t *testing.T) {
	e := oneModel(t)
	rapid.Check(t, func(t *rapid.T) {
		a, b := anySplit.Draw(t, "a"), anySplit.Draw(t, "b")
		both := split{a.fresh + b.fresh, a.read + b.read, a.write5m + b.write5m, a.write1h + b.write1h, a.out + b.out, a.reasoning + b.reasoning}
		sum := cost(t, e, a.event(false)).Add(cost(t, e, b.event(false)))
		if got := cost(t, e, both.event(false)); got.Cmp(sum) != 0 {
			t.Fatalf("together %s, apart %s", got, sum)
		}
	})
}

func TestCostNeverFallsWhenACountGrows(t *testing.T) {
	e := oneModel(t)
	rapid.Check(t, func(t *rapid.T) {
		a := anySplit.Draw(t, "call")
		b := a
		grown := []*int64{&b.fresh, &b.read, &b.write5m, &b.write1h, &b.out, &b.reasoning}
		*rapid.SampledFrom(grown).Draw(t, "which") += rapid.Int64Range(1, 1<<30).Draw(t, "by")
		if before, after := cost(t, e, a.event(true)), cost(t, e, b.event(true)); after.Cmp(before) <= 0 {
			t.Fatalf("cost fell from %s to %s", before, after)
		}
	})
}

func TestPartsAddUpToTheCost(t *testing.T) {
	e := oneModel(t)
	rapid.Check(t, func(rt *rapid.T) {
		ev := anySplit.Draw(rt, "call").event(rapid.Bool().Draw(rt, "exclusive"))
		e.Apply(ev, &schemas.Sensitive{})
		detailAddsUp(t, e, ev)
	})
}

func TestBatchIsHalfWithoutABatchPrice(t *testing.T) {
	e := oneModel(t)
	rapid.Check(t, func(t *rapid.T) {
		s := anySplit.Draw(t, "call")
		batch := s.event(true)
		batch.ServiceTier = "batch"
		if got, want := cost(t, e, batch).Mul(schemas.NewDecimal(2, 0)), cost(t, e, s.event(true)); got.Cmp(want) != 0 {
			t.Fatalf("twice the batch cost is %s, standard %s", got, want)
		}
	})
}

// TestHostileCountsNeverMakeANegativeCost feeds counts that contradict each other in every way.
func TestHostileCountsNeverMakeANegativeCost(t *testing.T) {
	e := newEnricher(t, nil)
	count := rapid.SampledFrom([]string{`0`, `1`, `7`, `-1`, `1e18`, `0.5`, `"12"`, `""`, `true`, `null`, `{}`, `[1]`, `"NaN"`, `9223372036854775808`})
	keys := []string{
		"$ai_input_tokens", "$ai_output_tokens", "$ai_cache_read_input_tokens", "$ai_cache_creation_input_tokens",
		"$ai_cache_creation_5m_input_tokens", "$ai_cache_creation_1h_input_tokens", "$ai_reasoning_tokens", "audio_input_tokens",
		"audio_output_tokens", "image_output_tokens", "cache_read_audio_tokens", "citation_tokens", "web_search_count", "request_count",
	}
	models := rapid.SampledFrom([]string{
		"openai/gpt-5.6-luna", "anthropic/claude-opus-5", "gemini/gemini-3-flash-preview", "xai/grok-4.3", "openai/gpt-realtime-2.1",
		"perplexity/sonar-deep-research", "dashscope/qwen3-max", "openai/gpt-image-1",
	})
	rapid.Check(t, func(rt *rapid.T) {
		props := map[string]json.RawMessage{"$ai_trace_id": json.RawMessage(`"t"`), "$ai_cache_reporting_exclusive": json.RawMessage(
			rapid.SampledFrom([]string{"null", "true", "false"}).Draw(rt, "flag"))}
		for _, k := range keys {
			if rapid.Bool().Draw(rt, "has "+k) {
				props[k] = json.RawMessage(count.Draw(rt, k))
			}
		}
		provider, model, _ := strings.Cut(models.Draw(rt, "model"), "/")
		props["$ai_provider"], props["$ai_model"] = quote(provider), quote(model)
		value, err := json.Marshal(map[string]any{"event": "$ai_generation", "distinct_id": "u", "timestamp": "2026-08-01T12:00:00Z", "properties": props})
		if err != nil {
			rt.Fatal(err)
		}
		ev := apply(t, e, value)
		if ev.CostUSD.Ok == (ev.CostReason != "") {
			rt.Fatalf("cost %v and reason %q", ev.CostUSD, ev.CostReason)
		}
		if ev.CostUSD.Ok && ev.CostUSD.V.Sign() < 0 || ev.Usage.Tokens.Input.V < 0 || ev.Usage.Tokens.Output.V < 0 {
			rt.Fatalf("negative: %s of %v and %v", ev.CostUSD.V, ev.Usage.Tokens.Input, ev.Usage.Tokens.Output)
		}
		detailAddsUp(t, e, &ev)
	})
}

func quote(s string) json.RawMessage { return json.RawMessage(fmt.Sprintf("%q", s)) }
