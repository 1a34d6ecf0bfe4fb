package enrich_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tracetally/tracetally/enrich"
	"github.com/tracetally/tracetally/schemas"
)

// priced asks by which key a name is priced.
func priced(e *enrich.Enricher, provider, model, host string) schemas.Event {
	ev := schemas.Event{Kind: schemas.Call, Status: schemas.StatusOK, ProviderRaw: provider, ModelRaw: model, Usage: schemas.Usage{
		InputTokens: schemas.CountOf(1), OutputTokens: schemas.CountOf(1), BaseURLHost: host}}
	e.Apply(&ev, &schemas.Sensitive{})
	return ev
}

// bookOf makes a book of keys, each of the provider that is written before the @@.
func bookOf(t testing.TB, keys ...string) *enrich.Enricher {
	t.Helper()
	var records []string
	for _, k := range keys {
		provider, key, _ := strings.Cut(k, "@@")
		records = append(records, fmt.Sprintf(`%q: {"litellm_provider": %q, "mode": "chat", "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}`, key, provider))
	}
	file := enrich.PriceFile{Name: "keys", Data: []byte("{" + strings.Join(records, ",") + "}")}
	b, err := enrich.LoadBook(enrich.BookConfig{Files: []enrich.PriceFile{file}, Only: true})
	if err != nil {
		t.Fatal(err)
	}
	e, err := enrich.New(enrich.Config{Book: b})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestAModelIsFoundUnderTheNamesItGoesBy(t *testing.T) {
	e := bookOf(t, "openai@@gpt-4o", "openai@@gpt-4o-2024-08-06", "openai@@gpt-3.5-turbo", "azure@@azure/gpt-4o", "openai@@ft:gpt-4o-2024-08-06",
		"anthropic@@claude-sonnet-4-5", "anthropic@@claude-sonnet-4-5-20250929", "anthropic@@claude-3-5-sonnet-20241022",
		"vertex_ai-anthropic_models@@vertex_ai/claude-sonnet-4-5@20250929", "gemini@@gemini/gemini-2.5-pro",
		"vertex_ai-language-models@@gemini-2.5-pro", "openrouter@@openrouter/anthropic/claude-sonnet-4.5",
		"bedrock_converse@@anthropic.claude-sonnet-4-5-20250929-v1:0", "bedrock_converse@@us.anthropic.claude-sonnet-4-5-20250929-v1:0",
		"together_ai@@together_ai/meta-llama/Llama-3.3-70B-Instruct-Turbo", "fireworks_ai@@fireworks_ai/accounts/fireworks/models/deepseek-v3",
		"groq@@groq/openai/gpt-oss-120b", "azure_ai@@azure_ai/grok-3", "cloudflare@@cloudflare/@cf/meta/llama-3-8b")
	for _, c := range []struct{ provider, model, host, key string }{
		{"openai", "gpt-4o", "", "gpt-4o"},
		{"OpenAI", " GPT-4o ", "", "gpt-4o"},
		{"openai.chat", "gpt-4o", "", "gpt-4o"},
		{"", "gpt-4o", "", "gpt-4o"},
		{"openai", "gpt-4o-2024-08-06", "", "gpt-4o-2024-08-06"},
		{"openai", "gpt-4o-2024-11-20", "", "gpt-4o"},
		{"openai", "openai/gpt-4o-latest", "", "gpt-4o"},
		{"azure", "gpt-4o", "", "azure/gpt-4o"},
		{"azure", "gpt-35-turbo", "", "gpt-3.5-turbo"},
		{"openai", "gpt-4o", "team.openai.azure.com", "azure/gpt-4o"},
		{"openai", "ft:gpt-4o-2024-08-06:acme:support:AbC123", "", "ft:gpt-4o-2024-08-06"},
		{"openai", "ft:gpt-4o-2024-08-06:acme::x:ckpt-step-90", "", "ft:gpt-4o-2024-08-06"},
		{"anthropic", "claude-sonnet-4.5", "", "claude-sonnet-4-5"},
		{"anthropic", "claude-4.5-sonnet", "", "claude-sonnet-4-5"},
		{"anthropic", "claude-4-5-sonnet-20990101", "", "claude-sonnet-4-5"},
		{"anthropic", "claude-sonnet-4-5[1m]", "", "claude-sonnet-4-5"},
		{"anthropic", "claude-3.5-sonnet-20241022", "", "claude-3-5-sonnet-20241022"},
		{"vertex_ai", "claude-sonnet-4-5-20250929", "", "vertex_ai/claude-sonnet-4-5@20250929"},
		{"vertex_ai", "publishers/anthropic/models/claude-sonnet-4-5@20250929", "", "vertex_ai/claude-sonnet-4-5@20250929"},
		{"vertex_ai", "gemini-2.5-pro", "", "gemini-2.5-pro"},
		{"google", "models/gemini-2.5-pro", "", "gemini/gemini-2.5-pro"},
		{"gcp.gemini", "gemini-2.5-pro", "", "gemini/gemini-2.5-pro"},
		{"openrouter", "anthropic/claude-sonnet-4-5", "", "openrouter/anthropic/claude-sonnet-4.5"},
		{"openai", "anthropic/claude-sonnet-4.5", "openrouter.ai", "openrouter/anthropic/claude-sonnet-4.5"},
		{"gateway", "anthropic/claude-sonnet-4.5", "", "claude-sonnet-4-5"},
		{"", "anthropic/claude-sonnet-4.5", "", "claude-sonnet-4-5"},
		{"bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"},
		{"bedrock", "apac.anthropic.claude-sonnet-4-5-20250929-v1:0", "", "anthropic.claude-sonnet-4-5-20250929-v1:0"},
		{"aws-bedrock", "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0", "", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"},
		{"bedrock", "bedrock/eu-west-1/anthropic.claude-sonnet-4-5-20250929-v1:0", "", "anthropic.claude-sonnet-4-5-20250929-v1:0"},
		{"together", "meta-llama/Llama-3.3-70B-Instruct-Turbo", "", "together_ai/meta-llama/Llama-3.3-70B-Instruct-Turbo"},
		{"fireworks", "accounts/fireworks/models/deepseek-v3", "", "fireworks_ai/accounts/fireworks/models/deepseek-v3"},
		{"openai", "openai/gpt-oss-120b", "api.groq.com", "groq/openai/gpt-oss-120b"},
		{"cloudflare", "@cf/meta/llama-3-8b", "", "cloudflare/@cf/meta/llama-3-8b"},
	} {
		if ev := priced(e, c.provider, c.model, c.host); ev.PriceKey != c.key {
			t.Errorf("%q %q at %q: key %q (%s), want %q", c.provider, c.model, c.host, ev.PriceKey, ev.CostReason, c.key)
		}
	}
}

func TestANameIsNeverMatchedByAPart(t *testing.T) {
	e := bookOf(t, "openai@@gpt-4", "openai@@gpt-4o", "openai@@o1", "anthropic@@claude-3-opus-20240229", "anthropic@@claude-sonnet-4-5",
		"openai@@gpt-4o-2024-08-06", "azure_ai@@azure_ai/gpt-oss-120b", "groq@@groq/llama-3.3-70b", "gemini@@gemini/gemini-3-pro-preview")
	for _, c := range []struct{ provider, model string }{
		{"openai", "gpt-4-garbage"}, {"openai", "gpt-4-日本語"}, {"openai", "my-gpt-4"}, {"openai", "gpt-4-turbo-0125-preview"},
		{"openai", "agent_8kN5tLo1Y"}, {"openai", "gpt-4o:free"}, {"openai", "gpt-4o[2m]"}, {"anthropic", "claude-3-opus-20250219"},
		{"openai", "ft:gpt-4o:acme::1"}, {"openai", "ft:gpt-4o-2024-08-06-acme"}, {"azure", "my-team-gpt4o-prod"}, {"azure", "gpt-oss-120b"},
		{"groq", "gpt-4o"}, {"gemini", "gemini-3-pro"}, {"ollama", "llama-3.3-70b"}, {"openai", "sample_spec"}, {"openai", ""}, {"openai", "/"},
		{"bedrock", "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc123"}, {"openai", strings.Repeat("gpt-4/", 40)},
	} {
		if ev := priced(e, c.provider, c.model, ""); ev.CostUSD.Ok {
			t.Errorf("%q %q was priced by %q", c.provider, c.model, ev.PriceKey)
		}
	}
}

func TestAVendorsPriceIsSaidToBeOne(t *testing.T) {
	e := bookOf(t, "openai@@gpt-4o", "azure@@azure/gpt-4", "anthropic@@claude-sonnet-4-5", "openrouter@@openrouter/x/y", "bedrock@@amazon.nova-pro-v1:0")
	for _, c := range []struct {
		provider, model, key string
		vendor               bool
	}{
		{"openai", "gpt-4o", "gpt-4o", false}, {"azure", "gpt-4o", "gpt-4o", true}, {"azure", "gpt-4", "azure/gpt-4", false},
		{"openrouter", "openai/gpt-4o", "gpt-4o", true}, {"openrouter", "x/y", "openrouter/x/y", false}, {"openrouter", "x/y:nitro", "openrouter/x/y", true},
		{"bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5", true},
		{"nobody", "gpt-4o", "gpt-4o", false},
	} {
		ev := priced(e, c.provider, c.model, "")
		if got := ev.Warnings&schemas.WarnVendorPriceUsed != 0; got != c.vendor || ev.PriceKey != c.key {
			t.Errorf("%s %s: key %q, vendor's %v", c.provider, c.model, ev.PriceKey, got)
		}
	}
}

func TestOpenRoutersFreeModelsCostNothing(t *testing.T) {
	ev := priced(bookOf(t, "openrouter@@openrouter/x/y"), "openrouter", "x/y:free", "")
	if got := outcome(&ev); got != "0" || ev.CostStatus != schemas.CostBook {
		t.Errorf("%s by %s", got, ev.CostStatus)
	}
}

func TestOneModelHasOneName(t *testing.T) {
	e := bookOf(t, "openai@@gpt-4o")
	for sent, want := range map[string]string{
		"GPT-4o": "gpt-4o", "gpt-4o-2024-08-06": "gpt-4o", "openai/gpt-4o": "gpt-4o", "gpt-4o-latest": "gpt-4o", "gpt-35-turbo": "gpt-3.5-turbo",
		"claude-sonnet-4.5": "claude-sonnet-4-5", "claude-sonnet-4-5@20250929": "claude-sonnet-4-5", "claude-4.5-sonnet": "claude-sonnet-4-5",
		"us.anthropic.claude-sonnet-4-5-20250929-v1:0": "claude-sonnet-4-5", "anthropic/claude-sonnet-4.5": "claude-sonnet-4-5",
		"claude-3-5-sonnet-20241022": "claude-3-5-sonnet", "claude-3.5-sonnet": "claude-3-5-sonnet", "ft:gpt-4o-2024-08-06:acme::1": "ft:gpt-4o",
		"publishers/google/models/gemini-2.5-pro": "gemini-2.5-pro", "meta-llama/Llama-3.3-70B-Instruct-Turbo": "llama-3.3-70b-instruct-turbo",
		"amazon.nova-pro-v1:0": "nova-pro", "gpt-4-0613": "gpt-4-0613", "": "",
	} {
		if ev := priced(e, "", sent, ""); ev.Model != want {
			t.Errorf("%q is called %q, want %q", sent, ev.Model, want)
		}
	}
	for sent, want := range map[string]string{
		"openai.chat": "openai", "Azure_OpenAI": "azure", "google": "gemini", "vertexai": "vertex_ai", "aws.bedrock": "bedrock", "x_ai": "xai",
		"my-anthro": "my-anthro", "": "",
	} {
		if ev := priced(e, sent, "gpt-4o", ""); ev.Provider != want {
			t.Errorf("%q is called %q, want %q", sent, ev.Provider, want)
		}
	}
}

// FuzzNames: any name ends in a price by an existing key or in a reason, and its answer does not depend on what was asked before.
func FuzzNames(f *testing.F) {
	for _, s := range [][2]string{{"openai", "gpt-4o"}, {"bedrock", "arn:aws:x/us.anthropic.claude-v2:1"}, {"", "a/b/c@20250101:free[1m]"}, {"openrouter", "x/y:z:free"}, {"azure", "ft:::"}} {
		f.Add(s[0], s[1], "openrouter.ai")
	}
	keys := []string{"openai@@gpt-4o", "anthropic@@claude-sonnet-4-5", "openrouter@@openrouter/x/y", "bedrock@@amazon.nova-pro-v1:0"}
	warm := bookOf(f, keys...)
	f.Fuzz(func(t *testing.T, provider, model, host string) {
		cold := bookOf(t, keys...)
		a, b := priced(warm, provider, model, host), priced(cold, provider, model, host)
		if a.CostUSD.Ok == (a.CostReason != "") {
			t.Fatalf("cost %v and reason %q", a.CostUSD, a.CostReason)
		}
		if a.PriceKey != b.PriceKey || a.CostReason != b.CostReason || a.Model != b.Model || a.Provider != b.Provider {
			t.Fatalf("%q %q: %q %q, then %q %q", provider, model, a.PriceKey, a.Model, b.PriceKey, b.Model)
		}
	})
}
