package classify

import (
	"bufio"
	"encoding/json"
	"os"
	"sync"
	"testing"

	"github.com/tracetally/tracetally/schemas"
)

// labelled is one error of testdata/cases.jsonl: a captured event in PostHog's form and what the labelling guide says of it.
type labelled struct {
	ID        string
	Event     json.RawMessage
	Category  schemas.Category
	Reason    string
	Retryable bool
	Origin    string
}

func readCases(tb testing.TB) []labelled {
	tb.Helper()
	file, err := os.Open("testdata/cases.jsonl")
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	var list []labelled
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c labelled
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			tb.Fatal(err)
		}
		list = append(list, c)
	}
	if err := lines.Err(); err != nil {
		tb.Fatal(err)
	}
	return list
}

// event is what the decoder makes of the case. Its strings stay valid: each case has a decoder of its own.
func (c *labelled) event(tb testing.TB) (*schemas.Event, *schemas.Sensitive) {
	tb.Helper()
	r := schemas.NewDecoder(schemas.DecoderConfig{}).Decode(&schemas.Record{Topic: "llm_events", Value: c.Event})
	if r.Reject != "" || len(r.Events) != 1 || r.Events[0].Ignored {
		tb.Fatalf("%s: reject %q, %d events", c.ID, r.Reject, len(r.Events))
	}
	return &r.Events[0].Event, &r.Events[0].Sensitive
}

// builtIn is compiled once for all tests: it is safe for concurrent use.
var builtIn = sync.OnceValues(func() (*Classifier, error) { return New(Config{}) })

func newClassifier(tb testing.TB, cfg Config) *Classifier {
	tb.Helper()
	compile := builtIn
	if cfg.UserRules != nil || cfg.NoMessages {
		compile = func() (*Classifier, error) { return New(cfg) }
	}
	c, err := compile()
	if err != nil {
		tb.Fatal(err)
	}
	plain := *c // it computes every label: what it remembers would hide what it does
	plain.memo = nil
	return &plain
}

// What was measured on the 270 labelled errors: floors, so that no change of a rule loses a case unseen. They say how well
// the rules know these cases and not how well they do on others: docs/decisions/0006-error-rules.md has that number.
const (
	floorCategory = 270
	floorReason   = 270
)

func TestLabelledErrorsKeepTheirLabels(t *testing.T) {
	c := newClassifier(t, Config{})
	cases := readCases(t)
	category, reason := 0, 0
	for _, want := range cases {
		ev, s := want.event(t)
		c.Classify(ev, s)
		category += count(ev.Failure.Category == want.Category)
		if reason += count(ev.Failure.Reason == want.Reason); ev.Failure.Reason != want.Reason {
			t.Logf("%s: %s by %s, labelled %s", want.ID, ev.Failure.Reason, ev.Failure.Rule, want.Reason)
		}
	}
	if category < floorCategory || reason < floorReason {
		t.Errorf("category %d, reason %d of %d; the floors are %d and %d", category, reason, len(cases), floorCategory, floorReason)
	}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}
