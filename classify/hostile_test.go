package classify

import (
	"strings"
	"testing"

	"github.com/tracetally/tracetally/schemas"
)

// everyPhrase is a text that makes each rule's expression run: what costs most.
func everyPhrase(c *Classifier) string {
	var b strings.Builder
	for _, p := range c.rules.matcher.phrases {
		b.WriteString(p.text + " model 12 ")
	}
	return b.String()
}

// TestHostileTextIsLabelledInBoundedWork meets a million characters of every shape that has hung parsers; the test's own
// deadline is the assertion.
func TestHostileTextIsLabelledInBoundedWork(t *testing.T) {
	c := newClassifier(t, Config{})
	const million = 1_000_000
	for name, unit := range map[string]string{
		"open braces": "{", "open objects": `{"a":`, "open lists": `[{"a":[`, "quotes": `"`, "escapes": `\`, "escaped quotes": `\"`,
		"causes": "(Caused by X(", "digits": "1", "at signs": "a@", "urls": "http://a:b@", "colons": ":", "blanks": " ",
		"nested text": `{"message":"{\"message\":\"`, "bytes": "\xff\xfe", "words": "model not found ", "phrases": everyPhrase(c),
		"keys": "api_key=", "backticks": "`", "runes": "‘", "newlines": "\n",
	} {
		text := strings.Repeat(unit, million/len(unit)+1)
		ev := &schemas.Event{Kind: schemas.ExceptionEvent}
		s := &schemas.Sensitive{ErrorText: text, Exceptions: []schemas.Exception{{Type: text, Module: text, Value: text,
			Frames: []schemas.Frame{{Filename: text, Module: text, Function: text, ContextLine: text, InApp: true}}}}}
		c.Classify(ev, s)
		if f := ev.Failure; f.Reason == "" || len(f.Message) > MaxMessage || f.Type != "" {
			t.Errorf("%s: reason %q, message of %d bytes, type of %d", name, f.Reason, len(f.Message), len(f.Type))
		}
	}
}

func BenchmarkClassify(b *testing.B) {
	c := newClassifier(b, Config{})
	cases := readCases(b)
	b.Run("labelled", func(b *testing.B) {
		b.ReportAllocs()
		var evs []*schemas.Event
		var ss []*schemas.Sensitive
		for i := range cases {
			ev, s := cases[i].event(b)
			evs, ss = append(evs, ev), append(ss, s)
		}
		i := 0
		for b.Loop() {
			c.Classify(evs[i%len(evs)], ss[i%len(evs)])
			i++
		}
	})
	b.Run("worst", func(b *testing.B) {
		text := everyPhrase(c)
		s := &schemas.Sensitive{ErrorText: text}
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			c.Classify(&schemas.Event{Kind: schemas.ExceptionEvent}, s)
		}
	})
	b.Run("success", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.Classify(&schemas.Event{Kind: schemas.Call, Status: schemas.StatusOK}, &schemas.Sensitive{})
		}
	})
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		if _, err := New(Config{}); err != nil {
			b.Fatal(err)
		}
	}
}
