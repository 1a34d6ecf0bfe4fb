package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tracetally/tracetally/enrich"
	"github.com/tracetally/tracetally/schemas"
)

func generated(t *testing.T, current, history string) (book []byte, report string) {
	t.Helper()
	var out bytes.Buffer
	book, err := generate([]byte(current), []byte(history), "2026-08-01", &out)
	if err != nil {
		t.Fatal(err)
	}
	return book, out.String()
}

func TestTheSameFiguresGiveTheSameBytes(t *testing.T) {
	source := readPrices(t)
	first, _ := generated(t, source, "")
	for range 5 {
		if again, _ := generated(t, source, ""); !bytes.Equal(first, again) {
			t.Fatal("two runs differ")
		}
	}
}

func readPrices(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "enrich", "testdata", "prices.json"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func enricher(t *testing.T, data []byte) (*enrich.Enricher, *enrich.Book) {
	t.Helper()
	b, err := enrich.LoadBook(enrich.BookConfig{Files: []enrich.PriceFile{{Name: "book", Data: data}}, Only: true})
	if err != nil {
		t.Fatal(err)
	}
	e, err := enrich.New(enrich.Config{Book: b})
	if err != nil {
		t.Fatal(err)
	}
	return e, b
}

// TestTheBookSaysWhatTheSourceSays prices calls of every size and tier by both.
func TestTheBookSaysWhatTheSourceSays(t *testing.T) {
	source := readPrices(t)
	book, _ := generated(t, source, "")
	old, figures := enricher(t, []byte(source))
	made, _ := enricher(t, book)
	priced := 0
	for _, entry := range figures.Entries(time.Time{}) {
		if repaired[entry.Key] || !common(entry.Key, entry.Record) {
			continue
		}
		for _, tier := range []string{"", "flex", "priority", "batch"} {
			for _, tokens := range []int64{10, 130_000, 300_000, 3_000_000} {
				a, b := call(entry, tier, tokens), call(entry, tier, tokens)
				old.Apply(&a, &schemas.Sensitive{})
				made.Apply(&b, &schemas.Sensitive{})
				if a.CostUSD.V.Cmp(b.CostUSD.V) != 0 || a.CostReason != b.CostReason || a.PriceKey != b.PriceKey || a.Warnings != b.Warnings {
					t.Errorf("%s %s %d: %s %s in the source, %s %s in the book", entry.Key, tier, tokens, a.CostUSD.V, a.CostReason, b.CostUSD.V, b.CostReason)
				}
				if a.CostUSD.Ok {
					priced++
				}
			}
		}
	}
	if priced < 900 {
		t.Errorf("only %d calls had a cost", priced)
	}
}

// repaired are the models of the test file whose figures the generator changes on purpose.
var repaired = map[string]bool{"claude-3-opus-20240229": true, "gpt-5-nano": true}

// call uses whatever a model has a price for.
func call(e enrich.Entry, tier string, tokens int64) schemas.Event {
	u := schemas.Usage{
		InputTokens: schemas.CountOf(tokens), OutputTokens: schemas.CountOf(tokens), CacheExclusive: schemas.Some(true),
		CacheReadTokens: schemas.CountOf(3), CacheWrite5mTokens: schemas.CountOf(5), CacheWrite1hTokens: schemas.CountOf(7),
		Extra: []schemas.CostInput{{Key: "data_residency", Value: "eu"}, {Key: "inference_geo", Value: "us"}, {Key: "speed", Value: "fast"}},
	}
	if _, ok := e.Record.PerUnit["web_search.medium"]; ok {
		u.Extra = append(u.Extra, schemas.CostInput{Key: "web_search_count", Value: "2"})
	}
	return schemas.Event{Kind: schemas.Call, ProviderRaw: e.Record.Provider, ModelRaw: e.Key, ServiceTier: tier, Usage: u}
}

func TestFaultyFiguresStayOutAndAreNamed(t *testing.T) {
	const good = `"litellm_provider": "openai", "mode": "chat", "output_cost_per_token": 2e-6`
	book, report := generated(t, `{
		"fine": {"input_cost_per_token": 1e-6, `+good+`},
		"dear": {"input_cost_per_token": 0.015, `+good+`},
		"free": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 0, "output_cost_per_token": 0},
		"half": {`+good+`},
		"tier": {"input_cost_per_token": 1e-6, "input_cost_per_token_priority": 5e-5, `+good+`},
		"claude-x": {"litellm_provider": "anthropic", "mode": "chat", "input_cost_per_token": 1e-6, "cache_creation_input_token_cost_above_1hr": 6e-6, "output_cost_per_token": 5e-6},
		"rare": {"litellm_provider": "nobody", "mode": "chat", "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}}`,
		`{"event": "removed", "model": "gpt-old", "last_prices": {"input_cost_per_token": "0.00001", "output_cost_per_token": "0.00002"}}
{"event": "removed", "model": "gpt-back", "last_prices": {"input_cost_per_token": "0.00001", "output_cost_per_token": "0.00002"}}
{"event": "added", "model": "gpt-back", "prices": {}}
{"event": "removed", "model": "gemini-pro", "last_prices": {"input_cost_per_token": "0.00001", "output_cost_per_token": "0.00002"}}`)
	_, b := enricher(t, book)
	var keys []string
	for _, e := range b.Entries(time.Time{}) {
		keys = append(keys, e.Key)
		for price := range e.Record.PerMTok {
			if strings.Contains(price, "priority") || price == "cache_write_1h" {
				t.Errorf("%s kept %s", e.Key, price)
			}
		}
	}
	want := "claude-x fine gemini/gemini-1.5-pro gemini/gemini-1.5-pro-001 gemini/gemini-1.5-pro-002 gemini/gemini-1.5-pro-latest gpt-old tier"
	if got := strings.Join(keys, " "); got != want {
		t.Errorf("models %s, want %s", got, want)
	}
	for _, line := range []string{"dear: input: costs more", "free: input: is 0", "half: input: is missing", "tier: priority: has a price on one side", "claude-x: cache_write_1h: is not twice", "gemini-pro: its last price is disputed"} {
		if !strings.Contains(report, line) {
			t.Errorf("no %q in:\n%s", line, report)
		}
	}
}

func TestTheCommandWritesTheBook(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.json"), filepath.Join(dir, "book.json")
	if err := os.WriteFile(in, []byte(readPrices(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	var report bytes.Buffer
	if err := run([]string{"-litellm", in, "-as-of", "2026-08-01", "-out", out}, &report); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if _, b := enricher(t, data); b.Len() == 0 || !strings.Contains(report.String(), "kept") {
		t.Errorf("%d models, report %s", b.Len(), report.String())
	}
	if err := run([]string{"-litellm", in}, &report); err == nil {
		t.Error("ran without -out")
	}
}
