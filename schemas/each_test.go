package schemas

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestEachHandsOnWhatDecodeReturns: a worker reads records with Each and explain with Decode, and both must see the same.
func TestEachHandsOnWhatDecodeReturns(t *testing.T) {
	t.Parallel()
	captured := capturedRecords(t)
	stack := `{"type":"E","stacktrace":{"frames":[` + strings.Repeat(`{"function":"f"},`, maxFrames-1) + `{}]}}`
	pieces := []string{
		posthog("$ai_generation", `"$ai_model":"gpt-4o","$ai_trace_id":"t-1"`), posthog("$pageview", ""), posthog("$ai_span", `"$ai_span_name":"plan"`),
		posthog("$exception", `"$exception_list":[{"type":"ValueError","value":"bad"}]`), posthog("$exception", `"$exception_list":[]`),
		posthog("$exception", `"$exception_list":[`+strings.Repeat(stack+",", 19)+stack+`]`), `7`, `{"event":7}`,
	}
	rapid.Check(t, func(rt *rapid.T) {
		rec := captured[rapid.IntRange(0, len(captured)-1).Draw(rt, "record")].record(3)
		if rapid.Bool().Draw(rt, "batch") {
			list := rapid.SliceOfN(rapid.SampledFrom(pieces), 1, 6).Draw(rt, "events")
			rec = recordOf([]byte(`{"api_key":"k","batch":[` + strings.Join(list, ",") + `]}`))
		}
		whole, each := NewDecoder(DecoderConfig{}), NewDecoder(DecoderConfig{})
		var want, got []string
		res := whole.Decode(rec)
		for i := range res.Events {
			want = append(want, fmt.Sprintf("%+v", res.Events[i]))
		}
		handed := each.Each(rec, func(d *Decoded) { got = append(got, fmt.Sprintf("%+v", *d)) })
		if len(handed.Events) != 0 || handed.Reject != res.Reject || handed.RejectedEvents != res.RejectedEvents || handed.Format != res.Format {
			rt.Fatalf("result %+v, want %+v", handed, res)
		}
		if res.Reject == "" && !slices.Equal(got, want) {
			rt.Fatalf("got %q, want %q", got, want)
		}
	})
}
