package classify

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/tracetally/tracetally/schemas"
)

// wording is a message that a library is known to write, and the reason that the labelling guide gives it.
type wording struct {
	Kind, Type, Module, Code, Text, Reason string
	Status                                 int
	Frames                                 []string // files, the newest last
}

func (w *wording) event() (*schemas.Event, *schemas.Sensitive) {
	if w.Kind == "call" {
		return &schemas.Event{Kind: schemas.Call, Status: schemas.StatusError, HTTPStatus: w.Status}, &schemas.Sensitive{ErrorText: w.Text, ErrorType: w.Type, ErrorCode: w.Code}
	}
	e := schemas.Exception{Type: w.Type, Module: w.Module, Value: w.Text}
	for _, file := range w.Frames {
		e.Frames = append(e.Frames, schemas.Frame{Filename: file, InApp: strings.HasPrefix(file, "app/")})
	}
	return &schemas.Event{Kind: schemas.ExceptionEvent, HTTPStatus: w.Status}, &schemas.Sensitive{Exceptions: []schemas.Exception{e}}
}

func readWordings(tb testing.TB) []wording {
	tb.Helper()
	file, err := os.Open("testdata/wordings.jsonl")
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	var list []wording
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var w wording
		if err := json.Unmarshal(lines.Bytes(), &w); err != nil {
			tb.Fatal(err)
		}
		list = append(list, w)
	}
	if err := lines.Err(); err != nil {
		tb.Fatal(err)
	}
	return list
}

func TestKnownWordingsGetTheirReason(t *testing.T) {
	c := newClassifier(t, Config{})
	for _, w := range readWordings(t) {
		ev, s := w.event()
		if c.Classify(ev, s); ev.Failure.Reason != w.Reason {
			t.Errorf("%s %s %.90q = %s by %s, want %s", w.Type, w.Code, w.Text, ev.Failure.Reason, ev.Failure.Rule, w.Reason)
		}
	}
}
