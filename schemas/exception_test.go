package schemas

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestChainIsReadCapturedFirstWithItsFrames(t *testing.T) {
	const list = `"$exception_list":[{"type":"RateLimitError","module":"openai","value":"429 \"slow down\"","mechanism":{"handled":true},` +
		`"stacktrace":{"type":"raw","frames":[{"filename":"a.py","module":"app","function":"main","in_app":true,"lineno":3},` +
		`{"filename":"b.py","function":"call","in_app":false,"context_line":"response.choices[0]","pre_context":["x"]}]}},` +
		`{"type":"Cause","value":"root"}],"error_type":"llm_api_error","stage":"response_processing","$exception_fingerprint":"fp1"`
	for _, value := range []string{posthog("$exception", list), string(captured([]byte(posthog("$exception", list))))} {
		s := decodeOne(t, value).Sensitive
		got := fmt.Sprintf("%+v|%s|%s|%s", s.Exceptions, s.ErrorType, s.Stage, s.ClientFingerprint)
		const want = `[{Type:RateLimitError Module:openai Value:429 "slow down" Frames:[{Filename:a.py Module:app Function:main ContextLine: InApp:true} ` +
			`{Filename:b.py Module: Function:call ContextLine:response.choices[0] InApp:false}]} {Type:Cause Module: Value:root Frames:[]}]` +
			`|llm_api_error|response_processing|fp1`
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestLongChainsAndStacksKeepBothEnds(t *testing.T) {
	frames := func(n int) string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(`{"function":"f%d"}`, i))
		}
		return strings.Join(all, ",")
	}
	var links []string
	for i := range 120 {
		links = append(links, fmt.Sprintf(`{"type":"E%d","stacktrace":{"frames":[%s]}}`, i, frames(i%3*250)))
	}
	s := decodeProps(t, "$exception", `"$exception_list":[`+strings.Join(links, ",")+`]`).Sensitive
	if len(s.Exceptions) != maxExceptions || s.Exceptions[0].Type != "E0" || s.Exceptions[24].Type != "E24" ||
		s.Exceptions[25].Type != "E95" || s.Exceptions[49].Type != "E119" {
		t.Errorf("%d links, from %s to %s", len(s.Exceptions), s.Exceptions[0].Type, s.Exceptions[len(s.Exceptions)-1].Type)
	}
	stack := s.Exceptions[1].Frames
	if len(stack) != maxFrames || stack[0].Function != "f0" || stack[99].Function != "f99" || stack[100].Function != "f150" || stack[199].Function != "f249" {
		t.Errorf("%d frames, from %s to %s", len(stack), stack[0].Function, stack[len(stack)-1].Function)
	}
}

func TestUnrollKeepsHeadAndTailInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, most := rapid.IntRange(0, 60).Draw(t, "n"), rapid.IntRange(2, 20).Draw(t, "most")
		var kept, want []int
		for i := range n {
			if at := slot(i, most); at == len(kept) {
				kept = append(kept, i)
			} else {
				kept[at] = i
			}
			if i < most/2 || i >= n-(most-most/2) {
				want = append(want, i)
			}
		}
		if unroll(kept, n, most); n > most && !slices.Equal(kept, want) || n <= most && len(kept) != n {
			t.Fatalf("n %d, most %d: %v, want %v", n, most, kept, want)
		}
	})
}

func TestClientFingerprintIsTextOrAList(t *testing.T) {
	for literal, want := range map[string]string{`"fp1"`: "fp1", `["a","b"]`: `["a","b"]`, `[]`: "", `{"a":1}`: "", `null`: ""} {
		s := decodeProps(t, "$exception", `"$exception_list":[{"type":"E"}],"$exception_fingerprint":`+literal).Sensitive
		if s.ClientFingerprint != want {
			t.Errorf("%s: %q", literal, s.ClientFingerprint)
		}
	}
}

func TestOlderExceptionsWithoutAListHaveOneLink(t *testing.T) {
	s := decodeProps(t, "$exception", `"$exception_type":"ValueError","$exception_message":"bad"`).Sensitive
	if len(s.Exceptions) != 1 || s.Exceptions[0].Type != "ValueError" || s.Exceptions[0].Value != "bad" {
		t.Errorf("%+v", s.Exceptions)
	}
}

func TestErrorTextIsHandedOverUnescaped(t *testing.T) {
	const text = `{"name":"Error","message":"429 \"slow\"","status":429}`
	for _, literal := range []string{jsonText(text), text} {
		for _, value := range []string{
			posthog("$ai_generation", `"$ai_is_error":true,"$ai_error":`+literal), string(captured([]byte(posthog("$ai_generation", `"$ai_is_error":true,"$ai_error":`+literal)))),
		} {
			if got := decodeOne(t, value).Sensitive.ErrorText; got != text {
				t.Errorf("%s", got)
			}
		}
	}
	s := decodeProps(t, "llm_request_failed", `"error_message":"m","error_type":"TimeoutError","error_code":504,"error_category":"api_error"`).Sensitive
	if s.ErrorText != "m" || s.ErrorType != "TimeoutError" || s.ErrorCode != "504" || s.Category != "api_error" {
		t.Errorf("%+v", s)
	}
	if s := decodeProps(t, "$ai_generation", `"message":"hello"`).Sensitive; s.ErrorText != "" {
		t.Errorf("a call that went well has error text %q", s.ErrorText)
	}
}

// One input has one hash, so its bytes must not depend on the envelope it came in.
func TestInputIsTheSameInEveryEnvelope(t *testing.T) {
	const input = `[{"role":"user","content":"a \"b\"\né"}]`
	event := posthog("$ai_generation", `"$ai_input":`+input)
	for i, value := range []string{event, string(captured([]byte(event)))} {
		if got := string(decodeOne(t, value).Sensitive.Input); got != input {
			t.Errorf("envelope %d: %s", i, got)
		}
	}
	if got := string(decodeProps(t, "$ai_embedding", `"$ai_input":"a \"b\""`).Sensitive.Input); got != `a "b"` {
		t.Errorf("text: %s", got)
	}
	d := NewDecoder(DecoderConfig{SkipInput: true})
	if got := d.Decode(recordOf([]byte(event))).Events[0].Sensitive.Input; got != nil {
		t.Errorf("SkipInput: %s", got)
	}
}
