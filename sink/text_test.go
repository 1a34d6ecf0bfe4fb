package sink

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tracetally/tracetally/schemas"
)

// anyText are bytes that something on the way to a table has been known to refuse, torn and joined at will.
var anyText = rapid.Custom(func(t *rapid.T) string {
	parts := rapid.SliceOfN(rapid.OneOf(
		rapid.SampledFrom([]string{
			"\x00", "\xff", "\xed\xa0\x80", "\xc0\x80", "\"", "\\", "\\u0000", "'", "{", "}", ",", "\n", "\t", "\x1b[31m", "\u202e", "\u2028", "\ufeff", "é", "😀",
			"null", "NULL", "__other__", "$1", "'; drop table tracetally.ledger; --", "(", ")", "\u0301",
		}),
		rapid.StringN(0, 20, 40), rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 10), func(b []byte) string { return string(b) }),
	), 0, 6).Draw(t, "parts")
	return strings.Join(parts, "")
})

// TestAnyTextReachesPostgresRepairedAtMost: whatever bytes the texts of an event hold, the event is counted, and what is read
// back is the text, with NUL and what is no UTF-8 replaced.
func TestAnyTextReachesPostgresRepairedAtMost(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	c := acquire(t, s, "a", 0)
	var log []logged
	const enough = 40 // each event is a dozen transactions: its values are admitted one by one
	rapid.Check(t, func(rt *rapid.T) {
		n := len(log)
		if n == enough {
			return
		}
		e := failed(call(fmt.Sprint("e", n), noon()), "rate_limit")
		for i, f := range []*string{
			&e.TraceID, &e.AltTraceID, &e.SpanID, &e.ParentID, &e.SessionID, &e.Environment, &e.Service, &e.Provider, &e.Model, &e.ProviderRaw, &e.ModelRaw,
			&e.PromptName, &e.PromptVersion, &e.TaskType, &e.Step, &e.Tool, &e.ServiceTier, &e.InputBucket, &e.PriceKey, &e.PriceVersion, &e.TraceURL,
			&e.Usage.BaseURLHost, &e.Usage.Framework, &e.Failure.Code, &e.Failure.Type, &e.Failure.Message,
		} {
			*f = anyText.Draw(rt, fmt.Sprint("field ", i))
		}
		e.Failure.Fingerprint = fmt.Sprint("v1:", n)
		e.Usage.Extra = []schemas.CostInput{{Key: anyText.Draw(rt, "key"), Value: anyText.Draw(rt, "value")}}
		log = append(log, logged{time: noon(), events: []schemas.Event{e}})
		if out := commit(t, s, cut(c, log, n, n+1))[0]; out.Records.Counted != 1 {
			rt.Fatalf("outcome %+v", out)
		}
		fixed := strings.ToValidUTF8(strings.ReplaceAll(e.Failure.Message, "\x00", "\uFFFD"), "\uFFFD")
		if got := one[string](t, s, `select message from tracetally.error_groups where fingerprint = $1`, e.Failure.Fingerprint); got != fixed {
			rt.Fatalf("stored %q, want %q", got, fixed)
		}
	})
	const odd = `select count(*) from tracetally.ledger where cost_inputs is not null and cost_inputs::jsonb is null`
	if n := one[int64](t, s, odd); n != 0 {
		t.Errorf("%d rows of cost inputs are no JSON", n)
	}
}
