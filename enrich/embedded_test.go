package enrich_test

import (
	"testing"

	"github.com/tracetally/tracetally/enrich"
	"github.com/tracetally/tracetally/schemas"
)

func TestTheEmbeddedBookKnowsTheCommonModels(t *testing.T) {
	b := embeddedBook(t)
	if b.Len() < 1500 {
		t.Errorf("%d models", b.Len())
	}
	for _, f := range b.Flags() {
		t.Errorf("the generator let through: %v", f)
	}
	e, err := enrich.New(enrich.Config{Book: b})
	if err != nil {
		t.Fatal(err)
	}
	// 1,000,000 tokens in and out, USD, as LiteLLM's file of 2026-08-01 has them.
	for _, c := range []struct{ provider, model, in, out string }{
		{"openai", "gpt-4o", "2.5", "10"}, {"openai", "gpt-4o-mini", "0.15", "0.6"}, {"openai", "gpt-4.1-mini", "0.4", "1.6"},
		{"azure", "gpt-4o-mini", "0.165", "0.66"}, {"openai", "text-embedding-3-small", "0.02", "0"}, {"openai", "o1", "15", "60"},
		{"anthropic", "claude-haiku-4-5", "1", "5"}, {"anthropic", "claude-opus-5", "5", "25"}, {"anthropic", "claude-3-5-sonnet-20241022", "3", "15"},
		{"bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "6.6", "24.75"}, // above 200k tokens
		{"gemini", "gemini-2.5-flash", "0.3", "2.5"}, {"gemini", "gemini-1.5-pro", "2.5", "10"}, {"vertex_ai", "gemini-2.5-flash", "0.3", "2.5"},
		{"mistral", "mistral-large-latest", "0.5", "1.5"}, {"groq", "llama-3.3-70b-versatile", "0.59", "0.79"}, {"deepseek", "deepseek-chat", "0.28", "0.42"},
		{"xai", "grok-4", "3", "15"}, {"cohere", "command-r-plus", "2.5", "10"}, {"perplexity", "sonar", "1", "1"},
		{"together", "meta-llama/Llama-3.3-70B-Instruct-Turbo", "0.88", "0.88"}, {"fireworks", "accounts/fireworks/models/deepseek-v3", "0.9", "0.9"},
		{"openrouter", "anthropic/claude-sonnet-4.5", "6", "22.5"},
	} {
		if got := million(e, c.provider, c.model, true); got != c.in {
			t.Errorf("%s %s: input %s, want %s", c.provider, c.model, got, c.in)
		}
		if got := million(e, c.provider, c.model, false); got != c.out && c.out != "0" {
			t.Errorf("%s %s: output %s, want %s", c.provider, c.model, got, c.out)
		}
	}
}

// million is the cost of 1,000,000 tokens; those of the output come with a prompt that is as long and is taken off again.
func million(e *enrich.Enricher, provider, model string, input bool) string {
	ev := schemas.Event{Kind: schemas.Call, Status: schemas.StatusOK, ProviderRaw: provider, ModelRaw: model, Usage: schemas.Usage{
		InputTokens: schemas.CountOf(1_000_000), OutputTokens: schemas.CountOf(0)}}
	e.Apply(&ev, &schemas.Sensitive{})
	if !input {
		in := ev.CostUSD.V
		ev.Usage.OutputTokens = schemas.CountOf(1_000_000)
		e.Apply(&ev, &schemas.Sensitive{})
		ev.CostUSD.V = ev.CostUSD.V.Sub(in)
	}
	return outcome(&ev)
}

func TestTheEmbeddedBookPricesAreBook(t *testing.T) {
	e, err := enrich.New(enrich.Config{Book: embeddedBook(t)})
	if err != nil {
		t.Fatal(err)
	}
	ev := priced(e, "openai", "gpt-4o", "")
	if want := embeddedBook(t).Version() + "@-"; ev.CostStatus != schemas.CostBook || ev.PriceVersion != want {
		t.Errorf("%s by %s, want book by %s", ev.CostStatus, ev.PriceVersion, want)
	}
}
