package classify

import (
	"encoding/json"
	"reflect"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
	"unsafe"

	"pgregory.net/rapid"

	"github.com/tracetally/tracetally/schemas"
)

func failedCall(text string) (*schemas.Event, *schemas.Sensitive) {
	return &schemas.Event{Kind: schemas.Call, Status: schemas.StatusError}, &schemas.Sensitive{ErrorText: text}
}

func exception(chain ...schemas.Exception) (*schemas.Event, *schemas.Sensitive) {
	return &schemas.Event{Kind: schemas.ExceptionEvent}, &schemas.Sensitive{Exceptions: chain}
}

func TestOnlyFailuresAreLabelled(t *testing.T) {
	c := newClassifier(t, Config{})
	s := &schemas.Sensitive{ErrorText: "Rate limit reached"}
	for _, ev := range []*schemas.Event{
		{Kind: schemas.Call, Status: schemas.StatusOK}, {Kind: schemas.Call, Status: schemas.StatusStarted}, {Kind: schemas.Call},
		{Kind: schemas.Span, Status: schemas.StatusOK}, {Kind: schemas.Feedback}, {Kind: schemas.Outcome}, {Kind: schemas.Evaluation},
	} {
		if c.Classify(ev, s); ev.Failure != nil || c.Why(ev, s) != nil {
			t.Errorf("%v %v got %+v", ev.Kind, ev.Status, ev.Failure)
		}
	}
	for _, ev := range []*schemas.Event{
		{Kind: schemas.Call, Status: schemas.StatusError}, {Kind: schemas.Span, Status: schemas.StatusTimeout}, {Kind: schemas.ExceptionEvent},
	} {
		if c.Classify(ev, s); ev.Failure == nil || ev.Failure.Reason != "rate_limit" {
			t.Errorf("%v %v got %+v", ev.Kind, ev.Status, ev.Failure)
		}
	}
}

// TestWhatNothingIsKnownOfIsAnAPIsOnlyIfItIsACall: a failed call names an API by itself, a span and an exception do not.
func TestWhatNothingIsKnownOfIsAnAPIsOnlyIfItIsACall(t *testing.T) {
	c := newClassifier(t, Config{})
	for kind, want := range map[schemas.Kind]string{schemas.Call: "unknown_api", schemas.Span: "unknown", schemas.ExceptionEvent: "unknown"} {
		ev := &schemas.Event{Kind: kind, Status: schemas.StatusError}
		if c.Classify(ev, &schemas.Sensitive{}); ev.Failure.Reason != want {
			t.Errorf("%v: %s, want %s", kind, ev.Failure.Reason, want)
		}
	}
}

func TestASuccessCostsNothing(t *testing.T) {
	c := newClassifier(t, Config{})
	ev, s := &schemas.Event{Kind: schemas.Call, Status: schemas.StatusOK}, &schemas.Sensitive{}
	if n := testing.AllocsPerRun(100, func() { c.Classify(ev, s) }); n != 0 {
		t.Errorf("%v allocations for a success", n)
	}
}

// TestEvidenceIsWeighedInItsOrder has one case for each level: the upper one wins whatever the lower ones say.
func TestEvidenceIsWeighedInItsOrder(t *testing.T) {
	c := newClassifier(t, Config{})
	for want, in := range map[string]struct {
		ev *schemas.Event
		s  *schemas.Sensitive
	}{
		"insufficient_quota": {&schemas.Event{Kind: schemas.Call, Status: schemas.StatusTimeout, HTTPStatus: 503}, // code over text and type
			&schemas.Sensitive{ErrorCode: "insufficient_quota", ErrorText: "rate limit reached", ErrorType: "APITimeoutError"}},
		"context_length_exceeded": {&schemas.Event{Kind: schemas.Call, Status: schemas.StatusError, HTTPStatus: 400}, // text over type and status
			&schemas.Sensitive{ErrorText: "prompt is too long: 300000 tokens > 200000 maximum", ErrorType: "BadRequestError"}},
		"authentication": {&schemas.Event{Kind: schemas.Call, Status: schemas.StatusError, HTTPStatus: 400}, // type over status
			&schemas.Sensitive{ErrorType: "openai.AuthenticationError"}},
		"rate_limit": {&schemas.Event{Kind: schemas.Call, Status: schemas.StatusTimeout, HTTPStatus: 429}, &schemas.Sensitive{}}, // status over hint
		"content_filter": {&schemas.Event{Kind: schemas.Call, Status: schemas.StatusBlocked}, // hint over nothing
			&schemas.Sensitive{ErrorType: "Error", ErrorCode: "unknown"}},
	} {
		if c.Classify(in.ev, in.s); in.ev.Failure.Reason != want {
			t.Errorf("got %s by %s, want %s", in.ev.Failure.Reason, in.ev.Failure.Rule, want)
		}
	}
}

func TestChainsReadTheSameInEitherOrder(t *testing.T) {
	c := newClassifier(t, Config{})
	outer := schemas.Exception{Type: "APIConnectionError", Module: "openai", Value: "Connection error."}
	inner := schemas.Exception{Type: "ConnectError", Module: "httpx", Value: "[Errno -2] Name or service not known"}
	for _, chain := range [][]schemas.Exception{{outer, inner}, {inner, outer}} {
		ev, s := exception(chain...)
		if c.Classify(ev, s); ev.Failure.Reason != "dns_failure" {
			t.Errorf("got %s by %s", ev.Failure.Reason, ev.Failure.Rule)
		}
	}
}

func TestTheFailingComponentDecidesNotTheWords(t *testing.T) {
	c := newClassifier(t, Config{})
	for want, e := range map[string]schemas.Exception{
		"timeout":           {Type: "TimeoutError", Value: "timed out"},
		"store_timeout":     {Type: "TimeoutError", Value: "timed out", Frames: []schemas.Frame{{Filename: "app.py", InApp: true}, {Filename: "qdrant_client/http/api_client.py"}}},
		"connection":        {Type: "ConnectionError", Value: "Connection refused localhost:11434"},
		"store_unavailable": {Type: "ConnectionError", Value: "Connection refused localhost:6379"},
		"authentication":    {Type: "AuthenticationError", Module: "openai", Value: "401"},
		"store_auth":        {Type: "AuthenticationError", Module: "redis.exceptions", Value: "401"},
	} {
		ev, s := exception(e)
		if c.Classify(ev, s); ev.Failure.Reason != want {
			t.Errorf("got %s by %s, want %s", ev.Failure.Reason, ev.Failure.Rule, want)
		}
	}
}

// TestAStatus500ThatTheTextDoesNotStateIsNoEvidence: the Node client of PostHog sends it for timeouts and lost connections.
func TestAStatus500ThatTheTextDoesNotStateIsNoEvidence(t *testing.T) {
	c := newClassifier(t, Config{})
	for text, want := range map[string]struct{ reason, code string }{
		"Connection error.":         {"connection", ""},
		"Request timed out.":        {"timeout", ""},
		"":                          {"unknown_api", "500"},
		"500 Internal Server Error": {"server_error", "500"},
	} {
		ev, s := failedCall(text)
		ev.HTTPStatus = 500
		if c.Classify(ev, s); ev.Failure.Reason != want.reason || ev.Failure.Code != want.code || ev.HTTPStatus != 500 {
			t.Errorf("%q: %s code %q, want %+v", text, ev.Failure.Reason, ev.Failure.Code, want)
		}
	}
}

func TestCodesComeFromAClosedList(t *testing.T) {
	c := newClassifier(t, Config{})
	for want, in := range map[string]struct {
		status     int
		code, text string
	}{
		"429":                {429, "insufficient_quota", ""},
		"insufficient_quota": {0, "insufficient_quota", ""},
		"503":                {0, "503", ""},
		"400":                {0, "", "Error code: 400 - {'error': {'code': 'x'}}"},
		"enotfound":          {0, "", "getaddrinfo ENOTFOUND api.openai.com"},
		"other":              {0, "E_CUSTOM_17", ""},
		"":                   {0, "unknown", "something"},
	} {
		ev, s := failedCall(in.text)
		ev.HTTPStatus, s.ErrorCode = in.status, in.code
		if c.Classify(ev, s); ev.Failure.Code != want {
			t.Errorf("%+v: code %q, want %q", in, ev.Failure.Code, want)
		}
	}
}

func TestEveryVerdictNamesItsRuleAndItsEvidence(t *testing.T) {
	c := newClassifier(t, Config{})
	for _, want := range readCases(t) {
		ev, s := want.event(t)
		c.Classify(ev, s)
		used := 0
		for _, e := range c.Why(ev, s) {
			if e.Level < 1 || e.Level > 6 || e.Rule == "" || e.What == "" {
				t.Errorf("%s: evidence %+v", want.ID, e)
			}
			if e.Used {
				used++
				if e.Rule != ev.Failure.Rule {
					t.Errorf("%s: evidence says %s, the failure %s", want.ID, e.Rule, ev.Failure.Rule)
				}
			}
		}
		if used != 1 && !strings.HasPrefix(ev.Failure.Rule, "default.") {
			t.Errorf("%s: %d rules decided, the failure names %s", want.ID, used, ev.Failure.Rule)
		}
	}
}

func TestVerdictsDoNotDependOnWhatWasReadBefore(t *testing.T) {
	c := newClassifier(t, Config{})
	cases := readCases(t)
	alone := make([]*schemas.Failure, len(cases))
	for i := range cases {
		ev, s := cases[i].event(t)
		newClassifierOnce(c).Classify(ev, s)
		alone[i] = ev.Failure
	}
	rapid.Check(t, func(rt *rapid.T) {
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(cases)-1), 1, 20).Draw(rt, "order") {
			ev, s := cases[i].event(t)
			if c.Classify(ev, s); !reflect.DeepEqual(ev.Failure, alone[i]) {
				rt.Fatalf("%s: %+v, alone %+v", cases[i].ID, ev.Failure, alone[i])
			}
		}
	})
}

// newClassifierOnce is c with scratch of its own.
func newClassifierOnce(c *Classifier) *Classifier {
	return &Classifier{rules: c.rules, noMessages: c.noMessages, scratch: &sync.Pool{New: func() any { return new(facts) }}}
}

func TestOneClassifierServesManyGoroutines(t *testing.T) {
	c := newClassifier(t, Config{})
	cases := readCases(t)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for i := range cases {
				ev, s := cases[i].event(t)
				if c.Classify(ev, s); ev.Failure == nil || len(c.Why(ev, s)) == 0 && !strings.HasPrefix(ev.Failure.Rule, "default.") {
					t.Errorf("%s: %+v", cases[i].ID, ev.Failure)
				}
			}
		})
	}
	group.Wait()
}

// TestNoTextOfAnErrorLeavesExceptInTheMessage looks for every run of four words of the inputs in everything that is kept.
func TestNoTextOfAnErrorLeavesExceptInTheMessage(t *testing.T) {
	open, closed := newClassifier(t, Config{}), newClassifier(t, Config{NoMessages: true})
	for _, in := range readCases(t) {
		ev, s := in.event(t)
		why, _ := json.Marshal(open.Why(ev, s))
		closed.Classify(ev, s)
		if ev.Failure.Message != "" {
			t.Errorf("%s: message %q without leave", in.ID, ev.Failure.Message)
		}
		kept, _ := json.Marshal(ev.Failure)
		for _, text := range append([]string{s.ErrorText}, values(s)...) {
			words := strings.Fields(text)
			for i := 0; i+4 <= len(words); i++ {
				run := strings.Join(words[i:i+4], " ")
				if strings.Contains(string(kept), run) {
					t.Errorf("%s: %q is kept in %s", in.ID, run, kept)
				}
				if strings.Contains(strings.ToLower(string(why)), strings.ToLower(run)) && !inRules(open, run) {
					t.Errorf("%s: %q is quoted in the evidence", in.ID, run)
				}
			}
		}
	}
}

func values(s *schemas.Sensitive) []string {
	var list []string
	for _, e := range s.Exceptions {
		list = append(list, e.Value)
	}
	return list
}

// inRules tells whether the words stand in a rule: then quoting the rule is no quotation of the event.
func inRules(c *Classifier, run string) bool {
	run = strings.Trim(strings.ToLower(run), `"'\.,`)
	for _, p := range c.rules.matcher.phrases {
		if strings.Contains(p.text, run) {
			return true
		}
	}
	return false
}

// TestAFailureOutlivesTheDecodersBuffer: the strings of a Sensitive are overwritten by the next record.
func TestAFailureOutlivesTheDecodersBuffer(t *testing.T) {
	c := newClassifier(t, Config{})
	texts := []string{"terminated", "Overloaded", "insufficient_quota", "429", "ECONNREFUSED", "E_CUSTOM", "TypeError", "grpc: UNAVAILABLE",
		"Connection error.", `{"error":{"code":"rate_limit_exceeded","message":"x"}}`, "Error code: 429 - {'error': {'code': 'x'}}"}
	for _, text := range texts {
		for _, code := range texts {
			for _, end := range []schemas.Kind{schemas.Call, schemas.ExceptionEvent} {
				buffer := []byte(text + code)
				alias := unsafe.String(&buffer[0], len(buffer))
				value, given := alias[:len(text)], alias[len(text):]
				ev := &schemas.Event{Kind: end, Status: schemas.StatusError}
				s := &schemas.Sensitive{ErrorText: value, ErrorType: given, ErrorCode: given, ClientFingerprint: value}
				if end == schemas.ExceptionEvent {
					s.Exceptions = []schemas.Exception{{Type: given, Module: given, Value: value}}
				}
				c.Classify(ev, s)
				want, err := json.Marshal(ev.Failure)
				if err != nil {
					t.Fatal(err)
				}
				for i := range buffer {
					buffer[i] = '#'
				}
				if got, _ := json.Marshal(ev.Failure); string(got) != string(want) {
					t.Errorf("%q, %q: %s became %s", text, code, want, got)
				}
			}
		}
	}
}

func TestAMessageQuotesNeitherPromptNorOutput(t *testing.T) {
	c := newClassifier(t, Config{})
	const canary = "the patient reports chest pain"
	for _, text := range []string{
		"Could not parse LLM output: `" + canary + "`", "Invalid json output: " + canary, `{"message":"bad","prompt":"` + canary + `"}`,
		"Error code: 400 - {'error': {'message': 'no'}, 'messages': [{'content': '" + canary + "'}]}", "Failed to parse: \"" + canary + "\"",
		`Unexpected token 't', "` + canary + `" is not valid JSON`, "1 validation error for A\n x [type=missing, input_value='" + canary + "', input_type=str]",
		"Could not extract json string from output: " + canary, "Type validation failed: Value: " + canary, "got: " + canary, "```json\n" + canary,
		`{"failed_generation":"` + canary + `","message":"Failed to call a function"}`, "completion: " + canary, "User input: " + canary,
		"Query: " + canary, `{"error":{"message":"bad prompt: ` + canary + `"}}`,
	} {
		ev, s := failedCall(text)
		if c.Classify(ev, s); strings.Contains(ev.Failure.Message, "chest pain") {
			t.Errorf("%q: message %q", text, ev.Failure.Message)
		}
	}
}

// FuzzClassify holds for any bytes: a label of the list, the same twice, nothing kept of a secret, bounds respected.
func FuzzClassify(f *testing.F) {
	c, err := New(Config{})
	if err != nil {
		f.Fatal(err)
	}
	for _, in := range readCases(f)[:60] {
		_, s := in.event(f)
		first := schemas.Exception{}
		if len(s.Exceptions) > 0 {
			first = s.Exceptions[0]
		}
		f.Add(s.ErrorText, s.ErrorType, s.ErrorCode, first.Value, first.Type, first.Module, 0, uint8(2))
	}
	infos := map[string]ReasonInfo{}
	for _, r := range Reasons() {
		infos[r.Reason] = r
	}
	f.Fuzz(func(t *testing.T, text, kind, code, value, class, module string, status int, end uint8) {
		frames := []schemas.Frame{{Filename: module, Module: class, Function: code, ContextLine: text, InApp: status%2 == 0}}
		ev := &schemas.Event{Kind: schemas.Kinds()[end%3], Status: schemas.StatusError + schemas.Status(end)%4, HTTPStatus: status}
		s := &schemas.Sensitive{ErrorText: text + " " + secrets["openai"] + " " + value, ErrorType: kind, ErrorCode: code,
			Exceptions: []schemas.Exception{{Type: class, Module: module, Value: value + " " + secrets["openai"], Frames: frames}, {Type: kind, Value: text}}}
		c.Classify(ev, s)
		first := *ev.Failure
		c.Classify(ev, s)
		if first != *ev.Failure {
			t.Fatalf("twice: %+v and %+v", first, *ev.Failure)
		}
		info, listed := infos[first.Reason]
		if !listed || info.Category != first.Category || info.Retryable != first.Retryable || info.Origin != first.Origin || info.Recovery != first.Recovery {
			t.Fatalf("not of the list: %+v", first)
		}
		if len(first.Message) > MaxMessage || len(first.Type) > maxTypeName || len(first.Code) > 80 || len(first.Fingerprint) != 19 || first.Rule == "" {
			t.Fatalf("out of bounds: %+v", first)
		}
		if m := first.Message; !utf8.ValidString(m) || RedactMessage(m) != m || first.Fingerprint != fingerprint(s) {
			t.Fatalf("message %q, redacted again %q", m, RedactMessage(m))
		}
		kept, err := json.Marshal([]any{first, c.Why(ev, s)})
		if err != nil || strings.Contains(string(kept), secrets["openai"]) && !strings.Contains(text+kind+code+value+class+module, secrets["openai"]) {
			t.Fatalf("kept: %s, %v", kept, err)
		}
	})
}
