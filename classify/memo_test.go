package classify

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/tracetally/tracetally/schemas"
)

// TestMemoizedLabelIsTheComputedOne takes labelled errors and changes one thing that may be evidence: a classifier that has
// seen all the others answers what one would that remembers nothing.
func TestMemoizedLabelIsTheComputedOne(t *testing.T) {
	t.Parallel()
	c, err := builtIn()
	if err != nil {
		t.Fatal(err)
	}
	cases := readCases(t)
	rapid.Check(t, func(rt *rapid.T) {
		e, s := cases[rapid.IntRange(0, len(cases)-1).Draw(rt, "case")].event(t)
		ev, sensitive := *e, *s
		sensitive.Exceptions = append([]schemas.Exception(nil), s.Exceptions...)
		change(rt, &ev, &sensitive)
		c.Classify(e, s)
		c.Classify(&ev, &sensitive)
		if ev.Failure == nil {
			return
		}
		if want := c.label(new(facts), &ev, &sensitive); *ev.Failure != want {
			rt.Fatalf("got %+v, want %+v", *ev.Failure, want)
		}
	})
}

// change puts another word where Classify may look.
func change(rt *rapid.T, e *schemas.Event, s *schemas.Sensitive) {
	word := rapid.SampledFrom([]string{
		"", "429", "context_length_exceeded", "RateLimitError", "JSONDecodeError", "connection refused", "length", "openai",
		"Expecting value: line 1 column 1", "chromadb", "abandoned",
	}).Draw(rt, "word")
	texts := []*string{
		&s.ErrorText, &s.ErrorType, &s.ErrorCode, &s.Stage, &s.Category, &s.ClientFingerprint, &e.StopReason, &e.Provider, &e.ProviderRaw,
	}
	if len(s.Exceptions) > 0 {
		x := &s.Exceptions[rapid.IntRange(0, len(s.Exceptions)-1).Draw(rt, "link")]
		x.Frames = append([]schemas.Frame(nil), x.Frames...)
		texts = append(texts, &x.Type, &x.Module, &x.Value)
		if len(x.Frames) > 0 {
			f := &x.Frames[len(x.Frames)-1]
			f.InApp = rapid.Bool().Draw(rt, "in app")
			texts = append(texts, &f.Filename, &f.Module, &f.Function, &f.ContextLine)
		}
	}
	switch i := rapid.IntRange(0, len(texts)+1).Draw(rt, "what"); i {
	case len(texts):
		e.HTTPStatus = rapid.SampledFrom([]int{0, 200, 400, 429, 500, 503}).Draw(rt, "http status")
	case len(texts) + 1:
		e.Status = schemas.Status(rapid.IntRange(int(schemas.StatusError), int(schemas.StatusValidationFailed)).Draw(rt, "status"))
	default:
		*texts[i] = word
	}
}
