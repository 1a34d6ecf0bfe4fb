package enrich_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tracetally/tracetally/enrich"
	"github.com/tracetally/tracetally/schemas"
)

// load makes a book of these files and nothing else.
func load(files ...string) (*enrich.Book, error) {
	cfg := enrich.BookConfig{Only: true}
	for i, f := range files {
		cfg.Files = append(cfg.Files, enrich.PriceFile{Name: fmt.Sprintf("f%d", i), Data: []byte(f)})
	}
	return enrich.LoadBook(cfg)
}

func TestABadFileIsRefusedWithEveryProblem(t *testing.T) {
	_, err := load(`{"a": {"input_cost_per_token": -0.5, "output_cost_per_token": "NaN"}, "b": 7, "a": {},
		"c": [{"effective_from": "yesterday", "prices": {}}, {"prices": {"input_cost_per_token": true}},
		      {"effective_from": "2026-01-02", "effective_to": "2026-01-01", "utc_time_window": "9-17", "since_launch": "yes", "price": 1, "prices": {}}],
		"d": [], "e": {"tiered_pricing": [{"range": [0, 5]}, {"range": [5, 5]}]},
		"g": [{"effective_from": "2026-01-01", "prices": {}}, {"effective_from": "2026-01-01T00:00:00Z", "prices": {}}]}`)
	if err == nil {
		t.Fatal("loaded")
	}
	for _, want := range []string{
		"f0: a: input_cost_per_token: is negative", "f0: a: output_cost_per_token: is no decimal number", "f0: b: is neither",
		"f0: a: is there twice", "f0: c: [0].effective_from: want", "f0: c: [1].effective_from: is no text", "f0: c: input_cost_per_token: is no number",
		"f0: c: [2].effective_to: is not after", "f0: c: [2].utc_time_window: want", "f0: c: [2].since_launch: is neither", "f0: c: [2].price: is no key",
		"f0: d: is an empty list", "f0: e: tiered_pricing.range: does not ascend", "f0: g: has two prices from the same moment",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in:\n%v", want, err)
		}
	}
	for _, broken := range []string{``, `[]`, `{"a"`, `{} {}`, `{"format": "tracetally-prices-9", "models": {}}`, `{"format": "tracetally-prices-1"}`} {
		if _, err := load(broken); err == nil {
			t.Errorf("%q was loaded", broken)
		}
	}
}

// costAt prices 1,000,000 input tokens of m at a time.
func costAt(t *testing.T, b *enrich.Book, at string) schemas.Event {
	t.Helper()
	e, err := enrich.New(enrich.Config{Book: b})
	if err != nil {
		t.Fatal(err)
	}
	when, err := time.Parse(time.RFC3339, at)
	if err != nil {
		t.Fatal(err)
	}
	ev := schemas.Event{Kind: schemas.Call, Status: schemas.StatusOK, Time: when, ModelRaw: "m", Usage: schemas.Usage{
		InputTokens: schemas.CountOf(1_000_000), OutputTokens: schemas.CountOf(0)}}
	e.Apply(&ev, &schemas.Sensitive{})
	return ev
}

func TestThePriceInForceAtTheEventApplies(t *testing.T) {
	b, err := load(`{"m": [
		{"effective_from": "2026-03-01T00:00:00Z", "effective_to": "2026-05-01T00:00:00Z", "prices": {"input_cost_per_token": 3e-6}},
		{"effective_from": "2026-01-01", "prices": {"input_cost_per_token": 1e-6}},
		{"effective_from": "2026-02-01T00:00:00+01:00", "utc_time_window": "16:30-00:30", "effective_to": "2026-06-01", "prices": {"input_cost_per_token": 2e-6}},
		{"effective_from": "2027-01-01", "prices": {"input_cost_per_token": 9e-6}}]}`)
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]string{
		"2025-12-31T23:59:59Z": "no_price_at_time", "2026-01-01T00:00:00Z": "1", "2026-01-31T22:59:59Z": "1",
		"2026-01-31T23:00:00Z": "2", "2026-02-01T00:29:59Z": "2", "2026-02-01T00:30:00Z": "1", "2026-02-02T16:29:59Z": "1", "2026-02-02T16:30:00Z": "2",
		"2026-03-01T00:00:00Z": "2", "2026-03-01T12:00:00Z": "3", "2026-04-30T23:59:59Z": "2", "2026-05-01T00:00:00Z": "2", "2026-05-01T12:00:00Z": "1",
		"2026-07-01T18:00:00Z": "1", "2026-12-31T23:59:59Z": "1", "2027-01-01T00:00:00Z": "9",
	} {
		ev := costAt(t, b, at)
		if got := outcome(&ev); got != want {
			t.Errorf("at %s: %s, want %s by %s", at, got, want, ev.PriceVersion)
		}
	}
	ev := costAt(t, b, "2026-01-31T23:00:00Z")
	if want := b.Version() + "@2026-02-01T00:00:00+01:00"; ev.PriceVersion != want {
		t.Errorf("version %q, want %q", ev.PriceVersion, want)
	}
}

func TestAPriceSinceLaunchHoldsBeforeItsDate(t *testing.T) {
	b, err := load(`{"m": [{"effective_from": "2026-01-01", "since_launch": true, "prices": {"input_cost_per_token": 1e-6}},
		{"effective_from": "2026-02-01", "since_launch": true, "prices": {"input_cost_per_token": 2e-6}}]}`)
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]string{"2020-01-01T00:00:00Z": "1", "2026-01-15T00:00:00Z": "1", "2026-02-01T00:00:00Z": "2"} {
		ev := costAt(t, b, at)
		if got := outcome(&ev); got != want {
			t.Errorf("at %s: %s, want %s", at, got, want)
		}
	}
}

func TestALaterFileReplacesAModelsWholeHistory(t *testing.T) {
	b, err := load(`{"m": [{"effective_from": "2020-01-01", "prices": {"input_cost_per_token": 1e-6}}], "n": {"input_cost_per_token": 1e-6}}`,
		`{"M": [{"effective_from": "2026-01-01", "prices": {"input_cost_per_token": 2e-6}}]}`)
	if err != nil {
		t.Fatal(err)
	}
	before, after := costAt(t, b, "2025-01-01T00:00:00Z"), costAt(t, b, "2026-01-01T00:00:00Z")
	if before.CostReason != schemas.NoPriceAtTime || outcome(&after) != "2" || after.CostStatus != schemas.CostOverride {
		t.Errorf("before %s, after %s by %s", outcome(&before), outcome(&after), after.CostStatus)
	}
	if b.Len() != 2 {
		t.Errorf("%d models", b.Len())
	}
}

func TestEveryBookHasAVersionOfItsOwn(t *testing.T) {
	a, b := `{"m": {"input_cost_per_token": 1e-6}}`, `{"m": {"input_cost_per_token": 2e-6}}`
	seen := map[string]int{}
	for i, files := range [][]string{{a}, {b}, {a, b}, {b, a}} {
		book, err := load(files...)
		if err != nil {
			t.Fatal(err)
		}
		if before, ok := seen[book.Version()]; ok || len(book.Version()) != 12 {
			t.Errorf("books %d and %d are both %q", before, i, book.Version())
		}
		seen[book.Version()] = i
	}
	book, err := load(a)
	if err != nil {
		t.Fatal(err)
	}
	// printf %s '{"m": {"input_cost_per_token": 1e-6}}' | sha256sum | cut -c1-12
	if ev := costAt(t, book, "2026-01-01T00:00:00Z"); ev.PriceVersion != "293465428b67@-" || book.Version() != "293465428b67" {
		t.Errorf("versions %q and %q", ev.PriceVersion, book.Version())
	}
}

func TestARouterHasNoPrice(t *testing.T) {
	b, err := load(`{"m": {"litellm_provider": "openrouter", "input_cost_per_token": -1, "output_cost_per_token": "-1"}}`)
	if err != nil {
		t.Fatal(err)
	}
	if ev := costAt(t, b, "2026-01-01T00:00:00Z"); ev.CostReason != schemas.InvalidPrice || ev.CostUSD.Ok {
		t.Errorf("%s", outcome(&ev))
	}
}

func TestOddFiguresAreFlaggedAndStayInForce(t *testing.T) {
	for record, want := range map[string]string{
		`{"input_cost_per_token": 0.015}`:                                     enrich.TooDear,
		`{"input_cost_per_token": 1e-6, "cache_read_input_token_cost": 2e-6}`: enrich.DearerThanPart,
		`{"input_cost_per_token": 2e-6, "output_cost_per_token": 2e-6, "input_cost_per_token_priority": 1e-6, "output_cost_per_token_priority": 4e-6}`: enrich.TierReversed,
		`{"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6, "input_cost_per_token_priority": 2e-6}`:                                         enrich.OneSided,
		`{"input_cost_per_token": 1e-6, "cache_creation_input_token_cost": 3e-6, "cache_creation_input_token_cost_above_1hr": 2e-6}`:                   enrich.ShortDearer,
		`{"input_cost_per_token": 1.0000000000000002e-6}`:                                                                                              enrich.FloatNoise,
		`{"mode": "chat", "input_cost_per_token": 0, "output_cost_per_token": 0}`:                                                                      enrich.BothZero,
		`{"mode": "chat", "output_cost_per_token": 1e-6}`:                                                                                              enrich.Missing,
		`{"input_cost_per_token": 1e-6, "input_cost_per_hologram": 1}`:                                                                                 enrich.UnknownKey,
		`{"input_cost_per_token": 1e-6, "input_cost_per_audio_token": 2e-6, "cache_read_input_audio_token_cost": 2e-6}`:                                enrich.DearerThanPart,
	} {
		b, err := load(`{"m": ` + record + `}`)
		if err != nil {
			t.Errorf("%s: %v", record, err)
			continue
		}
		if f := b.Flags(); len(f) != 1 || f[0].What != want || f[0].Model != "m" {
			t.Errorf("%s: flags %v, want %s", record, f, want)
		}
	}
	claude, err := load(`{"claude-x": {"input_cost_per_token": 1e-6, "cache_creation_input_token_cost": 0.9e-6, "cache_creation_input_token_cost_above_1hr": 6e-6}}`)
	if err != nil {
		t.Fatal(err)
	}
	if f := claude.Flags(); len(f) != 2 || f[0].What != enrich.NotTwice || f[1].What != enrich.WriteTooCheap {
		t.Errorf("flags %v", f)
	}
}

// FuzzLoadBook: no file makes the loader panic, and what it accepts never makes a negative cost.
func FuzzLoadBook(f *testing.F) {
	f.Add([]byte(`{"m": {"input_cost_per_token": 1e-6, "output_cost_per_token_above_200k_tokens_flex": "2"}}`))
	f.Add([]byte(`{"m": [{"effective_from": "2026-01-01", "utc_time_window": "23:00-01:00", "prices": {"tiered_pricing": [{"range": [0, 1e3], "input_cost_per_token": 1}]}}]}`))
	f.Add([]byte(`{"format": "tracetally-prices-1", "models": {"m": {"per_mtok": {"input>2k/flex": 1e400}, "ranges": [{"up_to": 5, "per_mtok": {}}]}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := enrich.LoadBook(enrich.BookConfig{Files: []enrich.PriceFile{{Name: "fuzz", Data: data}}, Only: true})
		if err != nil {
			return
		}
		e, err := enrich.New(enrich.Config{Book: b})
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range b.Entries(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) {
			ev := priced(e, entry.Record.Provider, entry.Key, "")
			if ev.CostUSD.Ok && ev.CostUSD.V.Sign() < 0 {
				t.Fatalf("%q costs %s", entry.Key, ev.CostUSD.V)
			}
		}
	})
}
