package enrich_test

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/tracetally/tracetally/enrich"
	"github.com/tracetally/tracetally/schemas"
)

// costCase is one line of testdata/cases.jsonl: an event as a producer sends it, and what the call must cost.
type costCase struct {
	ID       string          `json:"id"`
	Event    json.RawMessage `json:"event"`
	Override json.RawMessage `json:"price_override"`
	Config   struct {
		Aliases map[string]string `json:"aliases"`
	} `json:"config"`
	Cost     string   `json:"expected_cost_usd"` // empty: none, for the reason of Error
	Error    string   `json:"expected_error"`
	Key      string   `json:"expected_price_key"`
	Warnings []string `json:"expected_warnings"`
	Why      string   `json:"why"`
}

func readCases(t *testing.T) []costCase {
	t.Helper()
	f, err := os.Open("testdata/cases.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var cases []costCase
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var c costCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	if err := lines.Err(); err != nil || len(cases) == 0 {
		t.Fatalf("read %d cases: %v", len(cases), err)
	}
	return cases
}

func readPrices(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/prices.json")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// newEnricher works with the price file of the tests and overlays.
func newEnricher(t testing.TB, aliases map[string]string, overlays ...[]byte) *enrich.Enricher {
	t.Helper()
	files := []enrich.PriceFile{{Name: "prices.json", Data: readPrices(t)}}
	for _, o := range overlays {
		files = append(files, enrich.PriceFile{Name: "overlay", Data: o})
	}
	book, err := enrich.LoadBook(enrich.BookConfig{Files: files, Only: true})
	if err != nil {
		t.Fatal(err)
	}
	e, err := enrich.New(enrich.Config{Book: book, Aliases: aliases})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// decode reads the bytes of a record as the worker does.
func decode(t testing.TB, value []byte) schemas.Decoded {
	t.Helper()
	res := schemas.NewDecoder(schemas.DecoderConfig{}).Decode(&schemas.Record{Value: value})
	if len(res.Events) != 1 {
		t.Fatalf("%d events, reject %q: %s", len(res.Events), res.Reject, value)
	}
	return res.Events[0]
}

// apply prices the bytes of a record.
func apply(t testing.TB, e *enrich.Enricher, value []byte) schemas.Event {
	t.Helper()
	d := decode(t, value)
	e.Apply(&d.Event, &d.Sensitive)
	return d.Event
}

// outcome is the cost of an event, or why it has none.
func outcome(ev *schemas.Event) string {
	if ev.CostUSD.Ok {
		return ev.CostUSD.V.String()
	}
	return string(ev.CostReason)
}

func TestEveryCaseCostsWhatItsProviderBills(t *testing.T) {
	for _, c := range readCases(t) {
		t.Run(c.ID, func(t *testing.T) {
			var overlays [][]byte
			if c.Override != nil {
				overlays = append(overlays, c.Override)
			}
			e := newEnricher(t, c.Config.Aliases, overlays...)
			ev := apply(t, e, c.Event)
			want := c.Error
			if d, err := schemas.ParseDecimal(c.Cost); err == nil {
				want = d.String()
			}
			if got := outcome(&ev); got != want || ev.PriceKey != c.Key {
				t.Errorf("cost %s by %q, want %s by %q: %s", got, ev.PriceKey, want, c.Key, c.Why)
			}
			for _, w := range c.Warnings {
				if !slices.Contains(ev.Warnings.Names(), w) {
					t.Errorf("warnings %v, want %s", ev.Warnings.Names(), w)
				}
			}
			detailAddsUp(t, e, &ev)
		})
	}
}

// detailAddsUp: the parts that explain shows are the whole cost.
func detailAddsUp(t testing.TB, e *enrich.Enricher, ev *schemas.Event) {
	t.Helper()
	if !ev.CostUSD.Ok {
		return
	}
	total := schemas.Decimal{}
	for _, b := range e.Detail(ev).Buckets {
		amount := parse(t, b.Amount)
		if again := parse(t, string(b.Count)).Mul(parse(t, b.Rate)).Mul(parse(t, b.Multiplier)); again.Cmp(amount) != 0 {
			t.Errorf("%s: %s × %s × %s is not %s", b.Bucket, b.Count, b.Rate, b.Multiplier, b.Amount)
		}
		total = total.Add(amount)
	}
	if total.Cmp(ev.CostUSD.V) != 0 {
		t.Errorf("parts add up to %s, the cost is %s", total, ev.CostUSD.V)
	}
}

func parse(t testing.TB, s string) schemas.Decimal {
	t.Helper()
	d, err := schemas.ParseDecimal(s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return d
}
