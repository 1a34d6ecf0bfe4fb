package classify

import (
	"bufio"
	"encoding/json"
	"os"
	"strconv"
	"strings"
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

// event builds what the decoder hands to the classifier.
func (c *labelled) event(tb testing.TB) (*schemas.Event, *schemas.Sensitive) {
	tb.Helper()
	var in struct {
		Event      string
		Properties map[string]any
	}
	if err := json.Unmarshal(c.Event, &in); err != nil {
		tb.Fatal(err)
	}
	p := in.Properties
	ev := &schemas.Event{Kind: schemas.Call, Status: schemas.StatusError, ProviderRaw: str(p, "$ai_provider") + str(p, "provider")}
	s := &schemas.Sensitive{
		ErrorText: str(p, "$ai_error") + str(p, "error_message"), ErrorType: str(p, "error_type") + str(p, "$ai_error_type"),
		ErrorCode: str(p, "error_code"), Stage: str(p, "stage"), ClientFingerprint: str(p, "$exception_fingerprint"),
	}
	for name, status := range map[string]schemas.Status{"timeout": schemas.StatusTimeout, "blocked": schemas.StatusBlocked, "validation_failed": schemas.StatusValidationFailed} {
		if p["status"] == name {
			ev.Status = status
		}
	}
	for _, key := range []string{"$ai_http_status", "http_status", "status_code"} {
		if n, ok := p[key].(float64); ok {
			ev.HTTPStatus = int(n)
		}
	}
	if in.Event == "$exception" {
		ev.Kind, ev.Status = schemas.ExceptionEvent, schemas.NoStatus
		list, _ := json.Marshal(p["$exception_list"])
		s.Exceptions = chain(tb, list)
	}
	return ev, s
}

func str(p map[string]any, key string) string {
	switch v := p[key].(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case nil:
		return ""
	default:
		text, _ := json.Marshal(v)
		return string(text)
	}
}

func chain(tb testing.TB, list []byte) []schemas.Exception {
	tb.Helper()
	var in []struct {
		Type, Module, Value string
		Stacktrace          struct {
			Frames []struct {
				Filename, Module, Function string
				ContextLine                string `json:"context_line"`
				InApp                      bool   `json:"in_app"`
			}
		}
	}
	if err := json.Unmarshal(list, &in); err != nil {
		tb.Fatal(err)
	}
	var out []schemas.Exception
	for _, e := range in {
		x := schemas.Exception{Type: e.Type, Module: e.Module, Value: e.Value}
		for _, f := range e.Stacktrace.Frames {
			x.Frames = append(x.Frames, schemas.Frame{Filename: f.Filename, Module: f.Module, Function: f.Function, ContextLine: f.ContextLine, InApp: f.InApp})
		}
		out = append(out, x)
	}
	return out
}

// builtIn is compiled once for all tests: it is safe for concurrent use.
var builtIn = sync.OnceValues(func() (*Classifier, error) { return New(Config{}) })

func newClassifier(tb testing.TB, cfg Config) *Classifier {
	tb.Helper()
	if cfg.UserRules == nil && !cfg.NoMessages {
		c, err := builtIn()
		if err != nil {
			tb.Fatal(err)
		}
		return c
	}
	c, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// TestLabelledErrorsKeepTheirLabels is a floor under what was measured: a change of rules may not lose a case unseen.
func TestLabelledErrorsKeepTheirLabels(t *testing.T) {
	c := newClassifier(t, Config{})
	cases := readCases(t)
	category, reason := 0, 0
	for _, want := range cases {
		ev, s := want.event(t)
		c.Classify(ev, s)
		if ev.Failure.Category == want.Category {
			category++
		}
		if ev.Failure.Reason == want.Reason {
			reason++
		} else {
			t.Logf("%s: %s by %s, labelled %s %s", want.ID, ev.Failure.Reason, ev.Failure.Rule, want.Reason, strings.Repeat("!", btoi(ev.Failure.Category != want.Category)))
		}
	}
	t.Logf("category %d, reason %d of %d", category, reason, len(cases))
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
