package schemas

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSpellingsOfOneTraceIDBecomeEqual(t *testing.T) {
	const want = "0af7651916cd43dd8448eb211c80319c"
	for _, raw := range []string{
		want, strings.ToUpper(want), "0af76519-16cd-43dd-8448-eb211c80319c", "0AF76519-16CD-43DD-8448-EB211C80319C", "  " + want + "\n",
	} {
		if got, ok := NormalizeTraceID(raw); got != want || !ok {
			t.Errorf("%q: %q %v", raw, got, ok)
		}
	}
	for raw, want := range map[string]string{
		"trace_01J7ZP8E9K4VQ2": "trace_01J7ZP8E9K4VQ2", "ABC": "ABC", "0": "", "0000000000000000": "", "  ": "", "": "", "undefined": "",
		"null": "", "NULL": "", "None": "", "nil": "", "Test": "", "[object Object]": "", "00000000-0000-0000-0000-000000000000": "", "test1": "test1",
		"0af76519-16cd-43dd-8448-eb211c80319": "0af76519-16cd-43dd-8448-eb211c80319", "10": "10",
	} {
		if got, ok := NormalizeTraceID(raw); got != want || ok != (want != "") {
			t.Errorf("%q: %q %v, want %q", raw, got, ok, want)
		}
	}
}

func TestOverlongOrOddTraceIDsStayDistinct(t *testing.T) {
	long := strings.Repeat("x", 300)
	seen := map[string]string{}
	for _, raw := range []string{long, long + "y", "a\x00b", "a\x01b", "a\u202eb", "a\xffb", strings.Repeat("z", 1<<20)} {
		norm, ok := NormalizeTraceID(raw)
		if !ok || !strings.HasPrefix(norm, "sha256:") || len(norm) > MaxTextBytes || seen[norm] != "" {
			t.Errorf("%.20q: %q %v, same as %.20q", raw, norm, ok, seen[norm])
		}
		seen[norm] = raw
	}
}

func TestIDsOfUpToTheBoundAreKept(t *testing.T) {
	for n, kept := range map[int]bool{MaxTextBytes: true, MaxTextBytes + 1: false} {
		raw := strings.Repeat("x", n)
		if norm, _ := NormalizeTraceID(raw); (norm == raw) != kept {
			t.Errorf("%d characters: %q", n, norm)
		}
	}
}

func TestNormalizingATraceIDTwiceChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.OneOf(rapid.String(), rapid.StringMatching(`[0-9a-fA-F-]{30,36}`)).Draw(t, "raw")
		once, ok := NormalizeTraceID(raw)
		if twice, again := NormalizeTraceID(once); ok && (twice != once || !again) {
			t.Fatalf("%q: %q, then %q %v", raw, once, twice, again)
		}
		if !ok && once != "" {
			t.Fatalf("%q is no id but gives %q", raw, once)
		}
	})
}

func TestTraceIDIsTheFirstUsableOne(t *testing.T) {
	const header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	const fromHeader = "0af7651916cd43dd8448eb211c80319c"
	for _, tc := range []struct{ props, trace, alt string }{
		{`"$ai_trace_id":"a"`, "a", ""},
		{`"$ai_trace_id":"a","trace_id":"b"`, "a", "b"},
		{`"$ai_trace_id":"a","trace_id":"a"`, "a", ""},
		{`"$ai_trace_id":"undefined","trace_id":"b"`, "b", ""},
		{`"$ai_trace_id":null,"traceId":"b"`, "b", ""},
		{`"$ai_trace_id":"","trace.id":"b"`, "b", ""},
		{`"$ai_trace_id":{"id":"a"},"trace_id":"b"`, "b", ""},
		{`"$ai_trace_id":["a"]`, fromHeader, ""},
		{`"$ai_trace_id":12345`, "12345", ""},
		{`"$ai_trace_id":true`, "true", ""},
		{`"$ai_trace_id":false`, "false", ""},
		{`"x":1`, fromHeader, ""},
	} {
		rec := recordOf([]byte(posthog("$ai_generation", tc.props)))
		rec.Headers = []Header{{Key: "traceparent", Value: []byte(header)}, {Key: "other"}}
		e := NewDecoder(DecoderConfig{}).Decode(rec).Events[0].Event
		if e.TraceID != tc.trace || e.AltTraceID != tc.alt {
			t.Errorf("%s: %q and %q, want %q and %q", tc.props, e.TraceID, e.AltTraceID, tc.trace, tc.alt)
		}
	}
	rec := recordOf([]byte(posthog("$ai_generation", "")))
	rec.Headers = []Header{{Key: "ce_traceparent", Value: []byte(header)}}
	if e := NewDecoder(DecoderConfig{}).Decode(rec).Events[0].Event; e.TraceID != fromHeader {
		t.Errorf("ce_traceparent gives %q", e.TraceID)
	}
	for _, bad := range []string{"", "00-", "00-zzz7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-00000000000000000000000000000000-b7ad6b7169203331-01"} {
		rec := recordOf([]byte(posthog("$ai_generation", "")))
		rec.Headers = []Header{{Key: "traceparent", Value: []byte(bad)}}
		if e := NewDecoder(DecoderConfig{}).Decode(rec).Events[0].Event; e.TraceID != "" {
			t.Errorf("traceparent %q gives %q", bad, e.TraceID)
		}
	}
}

// captureException(error, {$ai_trace_id: …}) on posthog-node puts the properties where the user's id belongs; PostHog's
// capture then writes them as text of at most 200 characters.
func TestTraceIDIsRecoveredFromTheUsersPlace(t *testing.T) {
	const object = `{"$ai_trace_id":"trace_seed_js","endpoint":"/api/chat","user_id":"u7","llm_model":"gpt-5","error_type":"llm_api_error"}`
	exception := func(user string) string {
		return `{"event":"$exception","properties":{"$exception_list":[{"type":"Error","value":"boom"}]},"distinct_id":` + user + `}`
	}
	for _, tc := range []struct{ user, trace, model, typ, id string }{
		{object, "trace_seed_js", "gpt-5", "llm_api_error", "u7"},
		{jsonText(object), "trace_seed_js", "gpt-5", "llm_api_error", "u7"},
		{jsonText(object[:70]), "trace_seed_js", "", "", "u7"},
		{jsonText(object[:25]), "", "", "", ""},
		{`"[object Object]"`, "", "", "", ""},
		{`"{braces}"`, "", "", "", "{braces}"},
		{`"user_1"`, "", "", "", "user_1"},
		{`{"trace_id":"b","stage":"response_processing"}`, "b", "", "", ""},
	} {
		for _, value := range []string{exception(tc.user), string(captured([]byte(exception(tc.user))))} {
			got := decodeOne(t, value)
			if got.Event.TraceID != tc.trace || got.Event.ModelRaw != tc.model || got.Sensitive.ErrorType != tc.typ || got.Sensitive.UserID != tc.id {
				t.Errorf("%s: trace %q, model %q, type %q, user %q", tc.user, got.Event.TraceID, got.Event.ModelRaw, got.Sensitive.ErrorType, got.Sensitive.UserID)
			}
		}
	}
}

func TestAnonymousEventsHaveNoUser(t *testing.T) {
	for _, tc := range []struct{ value, want string }{
		{posthog("$ai_generation", `"$ai_trace_id":"t"`), "user_1"},
		{posthog("$ai_generation", `"$ai_trace_id":"user_1","$process_person_profile":false`), ""},
		{posthog("$ai_generation", `"$ai_trace_id":"user_1"`), ""},
		{posthog("$exception", `"$exception_list":[{"type":"E"}],"$process_person_profile":false`), ""},
		{posthog("$exception", `"$exception_list":[{"type":"E"}],"user_id":"u2"`), "user_1"},
		{`{"event":"$ai_generation","properties":{"distinct_id":"inside"}}`, "inside"},
		{`{"event":"$ai_generation","properties":{},"distinct_id":42}`, "42"},
	} {
		if got := decodeOne(t, tc.value).Sensitive.UserID; got != tc.want {
			t.Errorf("%s: user %q, want %q", tc.value, got, tc.want)
		}
	}
}

func TestEveryEventHasAnIDThatAReplayRepeats(t *testing.T) {
	const batch = `{"created_at":"x","batch":[{"event":"$ai_generation","properties":{}},{"event":"$ai_generation","properties":{},"uuid":""},` +
		`{"event":"$ai_generation","properties":{},"uuid":"BDC174F1-1F36-4F8A-807E-8BCC13BC8534"},{"event":"$ai_generation","properties":{},"uuid":7}]}`
	want := []string{"events/3/17/0", "events/3/17/1", "bdc174f1-1f36-4f8a-807e-8bcc13bc8534", "7"}
	for range 2 {
		for i, e := range decodeValue(batch).Events {
			if e.Event.ID != want[i] || e.Event.IDMade != (i < 2) {
				t.Errorf("event %d: id %q, made %v", i, e.Event.ID, e.Event.IDMade)
			}
		}
	}
	for _, none := range []string{`"undefined"`, `"null"`, `"00000000-0000-0000-0000-000000000000"`, `true`, `false`, `{}`, `null`, `" "`} {
		if e := decodeOne(t, `{"event":"$ai_generation","properties":{},"uuid":`+none+`}`).Event; e.ID != "events/3/17/0" || !e.IDMade {
			t.Errorf("uuid %s: id %q", none, e.ID)
		}
	}
	several := recordOf([]byte(`[{"event":"$ai_generation","properties":{}},{"event":"$ai_generation","properties":{}}]`))
	several.Headers = []Header{{Key: "uuid", Value: []byte("from-header")}}
	if events := NewDecoder(DecoderConfig{}).Decode(several).Events; events[0].Event.ID == events[1].Event.ID {
		t.Errorf("two events share the id %q", events[0].Event.ID)
	}
	rec := recordOf([]byte(`{"event":"$ai_generation","properties":{}}`))
	rec.Headers = []Header{{Key: "uuid", Value: []byte("from-header")}}
	if e := NewDecoder(DecoderConfig{}).Decode(rec).Events[0].Event; e.ID != "from-header" || e.IDMade {
		t.Errorf("id %q", e.ID)
	}
	if e := decodeOne(t, string(captured([]byte(`{"event":"$ai_generation","properties":{}}`)))).Event; e.ID != "01a20111-3e59-7884-8da0-9ac78c89f968" {
		t.Errorf("id of the wrapper: %q", e.ID)
	}
}

func TestSpansAndParentsMeet(t *testing.T) {
	root := decodeProps(t, "$ai_trace", `"$ai_trace_id":"0AF76519-16CD-43DD-8448-EB211C80319C","$ai_span_name":"agent"`).Event
	child := decodeProps(t, "$ai_span", `"$ai_trace_id":"0af7651916cd43dd8448eb211c80319c","$ai_span_id":"s1","$ai_parent_id":"0AF76519-16CD-43DD-8448-EB211C80319C"`).Event
	if root.SpanID != child.ParentID || root.TraceID != child.TraceID || child.SpanID != "s1" || root.Step != "agent" {
		t.Errorf("root %q/%q, child %q/%q", root.TraceID, root.SpanID, child.TraceID, child.ParentID)
	}
	named := decodeProps(t, "$ai_generation", `"$exception_event_id":"BDC174F1-1F36-4F8A-807E-8BCC13BC8534"`).Event
	if named.ExceptionEventID != "bdc174f1-1f36-4f8a-807e-8bcc13bc8534" {
		t.Errorf("exception named by a call: %q", named.ExceptionEventID)
	}
}
