package sink

import (
	"fmt"
	"testing"
	"time"
	"unsafe"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/tracetally/tracetally/schemas"
)

func TestSizeOfAPreparedEventIsKnown(t *testing.T) {
	t.Parallel()
	if n := unsafe.Sizeof(prepared{}); n > preparedBytes {
		t.Errorf("a prepared event takes %d bytes, the budget of a batch counts %d", n, preparedBytes)
	}
}

// TestPreparedEventKeepsWhatMetricsCount holds what a batch gives back against the event that it was given, over memory
// that earlier batches have used.
func TestPreparedEventKeepsWhatMetricsCount(t *testing.T) {
	t.Parallel()
	var m Memory
	rapid.Check(t, func(rt *rapid.T) {
		b := NewBatch(&m, Claim{SourceID: 1}, 0)
		defer b.Release()
		var given []schemas.Event
		for offset := range rapid.Int64Range(1, 90).Draw(rt, "records") {
			for range rapid.IntRange(1, 3).Draw(rt, "events") {
				e := drawEvent(rt)
				b.Add(offset, &e)
				given = append(given, e)
			}
			if rapid.IntRange(0, 9).Draw(rt, "drop") == 0 {
				given = given[:b.Records[len(b.Records)-1].First]
				b.Drop(offset)
			}
		}
		if b.Len() != len(given) {
			rt.Fatalf("%d events, want %d", b.Len(), len(given))
		}
		var e schemas.Event
		for i := range given {
			b.Event(i, &e)
			if got, want := view(&e), view(&given[i]); got != want {
				rt.Fatalf("event %d: got %s, want %s", i, got, want)
			}
		}
	})
}

func drawEvent(rt *rapid.T) schemas.Event {
	word := func(name string) string { return rapid.SampledFrom([]string{"", "a", "b"}).Draw(rt, name) }
	e := call(uuid.NewString(), noon().Add(time.Duration(rapid.Int64Range(0, 1e9).Draw(rt, "time"))*time.Microsecond))
	if rapid.Bool().Draw(rt, "exception") {
		e = exception(e.ID, e.Time)
	} else if rapid.Bool().Draw(rt, "failed") {
		e = failed(e, "reason"+word("reason"))
	}
	e.Environment, e.Provider, e.Model, e.Step = word("environment"), word("provider"), word("model"), word("step")
	e.TraceID = rapid.SampledFrom([]string{"", e.ID, "0af7651916cd43dd8448eb211c80319c"}).Draw(rt, "trace")
	e.Usage.Tokens.Reasoning = schemas.Opt[int64]{V: 7, Ok: true}
	e.Latency.Ok = rapid.Bool().Draw(rt, "timed")
	if !e.Latency.Ok {
		e.Latency.V = 0
	}
	e.Warnings = schemas.Warnings(rapid.Uint16().Draw(rt, "warnings"))
	return e
}

// view is what metrics read of an event.
func view(e *schemas.Event) string {
	failure := schemas.Failure{}
	if e.Failure != nil {
		failure = schemas.Failure{Category: e.Failure.Category, Reason: e.Failure.Reason, Code: e.Failure.Code}
	}
	t := &e.Usage.Tokens
	return fmt.Sprint(e.Kind, e.Status, e.Time, e.Environment, e.Service, e.Provider, e.Model, e.TraceID, e.CostUSD.Ok, e.CostUSD.V,
		e.Latency, e.Warnings, failure, final(e), t.Input, t.Output, t.CacheRead, t.CacheWrite, t.Reasoning)
}

func TestDroppedRecordLeavesNoDimensions(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	c := acquire(t, s, "a", 0)
	kept, odd := call("kept", noon()), failed(call("odd", noon()), "odd")
	odd.Model = "odd"
	b := &Batch{Claim: c, From: 0, To: 3}
	b.add(0, kept).add(1, kept, odd)
	b.Drop(1)
	b.add(2, call("later", noon()))
	out := commit(t, s, b)[0]
	if want := (RecordCounts{Counted: 2, Ignored: 1}); out.Records != want {
		t.Errorf("records = %+v, want %+v", out.Records, want)
	}
	if got := one[string](t, s, `select string_agg(model, ' ') from tracetally.series`); got != "gpt-4o" {
		t.Errorf("models = %s", got)
	}
}
