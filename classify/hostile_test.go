package classify

import (
	"runtime"
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

// shapes are units of every kind that has hung a parser.
func shapes(c *Classifier) map[string]string {
	return map[string]string{
		"open braces": "{", "open objects": `{"a":`, "open lists": `[{"a":[`, "quotes": `"`, "escapes": `\`, "escaped quotes": `\"`,
		"causes": "(Caused by X(", "digits": "1", "at signs": "a@", "urls": "http://a:b@", "colons": ":", "blanks": " ",
		"nested text": `{"message":"{\"message\":\"`, "bytes": "\xff\xfe", "words": "model not found ", "phrases": everyPhrase(c),
		"keys": "api_key=", "backticks": "`", "runes": "‘", "newlines": "\n", "echoes": "output: ", "apostrophes": "a'b", "quoted": `"a" `,
		"queries": "/a?b", "begins": "-----BEGIN KEY-----", "tails": "‘a’b",
	}
}

func hostile(text string) (*schemas.Event, *schemas.Sensitive) {
	return &schemas.Event{Kind: schemas.ExceptionEvent}, &schemas.Sensitive{ErrorText: text, Exceptions: []schemas.Exception{{Type: text,
		Module: text, Value: text, Frames: []schemas.Frame{{Filename: text, Module: text, Function: text, ContextLine: text, InApp: true}}}}}
}

// TestHostileTextIsLabelledInBoundedWork meets a million characters of every shape; the test's own deadline is the assertion.
func TestHostileTextIsLabelledInBoundedWork(t *testing.T) {
	c := newClassifier(t, Config{})
	const million = 1_000_000
	for name, unit := range shapes(c) {
		ev, s := hostile(strings.Repeat(unit, million/len(unit)+1))
		c.Classify(ev, s)
		if f := ev.Failure; f.Reason == "" || len(f.Message) > MaxMessage || f.Type != "" {
			t.Errorf("%s: reason %q, message of %d bytes, type of %d", name, f.Reason, len(f.Message), len(f.Type))
		}
	}
}

// TestWorkDoesNotGrowWithTheText counts the work in bytes allocated, not in seconds: what is read of a text is bounded, so
// 4 MiB cost what 64 KiB cost.
func TestWorkDoesNotGrowWithTheText(t *testing.T) {
	c := newClassifier(t, Config{})
	for name, unit := range shapes(c) {
		cost := func(size int) uint64 {
			ev, s := hostile(strings.Repeat(unit, size/len(unit)+1))
			c.Classify(ev, s) // what is kept for reuse has its size now
			return allocated(func() { c.Classify(ev, s) })
		}
		if small, large := cost(64<<10), cost(4<<20); large > 2*small+64<<10 {
			t.Errorf("%s: 64 KiB allocate %d bytes, 4 MiB %d", name, small, large)
		}
	}
}

// allocated is how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
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
