package classify

import (
	"strings"
	"testing"
)

func TestUnwrapOpensEveryQuotingOfOneError(t *testing.T) {
	for name, text := range map[string]string{
		"json":           `{"error":{"message":"too slow","code":"insufficient_quota"}}`,
		"json in json":   `{"error":{"message":"{\n  \"error\": {\n \"code\": \"insufficient_quota\", \"message\": \"too slow\" } }","code":400}}`,
		"python repr":    `Error code: 429 - {'error': {'message': "too slow", 'param': None, 'code': 'insufficient_quota'}}`,
		"python bytes":   `Raw response content: b'{"error":{"message":"too slow","code":"insufficient_quota"}}'`,
		"js inspect":     `{ error: { message: 'too slow', code: 'insufficient_quota', param: null } }`,
		"cut":            `Error: {"error":{"message":"too slow","code":"insufficient_quota","deta`,
		"list":           `ApiError: [{"error":{"message":"too slow","code":"insufficient_quota"}}]`,
		"prose around":   `litellm.X: Y - {"error":{"message":"too slow","code":"insufficient_quota"}} Received Model Group=a`,
		"thrice wrapped": `{"a":"{\"b\":\"{\\\"code\\\":\\\"insufficient_quota\\\",\\\"message\\\":\\\"too slow\\\"}\"}"}`,
	} {
		u := unwrap(text)
		code := ""
		for _, f := range u.fields {
			if f.key == "code" && f.value == "insufficient_quota" {
				code = f.value
			}
		}
		if code == "" || !strings.Contains(u.text.String(), "message: too slow") {
			t.Errorf("%s: fields %v, text %q", name, u.fields, u.text.String())
		}
	}
}

func TestPromptsInsideAnErrorAreNoEvidence(t *testing.T) {
	for _, key := range []string{"prompt", "messages", "requestBodyValues", "input", "headers", "stack"} {
		u := unwrap(`{"` + key + `":{"content":["rate limit reached"]},"` + key + `":"rate limit reached","message":"other"}`)
		if strings.Contains(u.text.String(), "rate limit") || !strings.Contains(u.text.String(), "other") {
			t.Errorf("%s: text %q", key, u.text.String())
		}
	}
}

func TestProseWithBracesStaysProse(t *testing.T) {
	text := "expected {x} or [y] before } in {{template}} at http://host/{id}"
	if got := strings.TrimSpace(unwrap(text).text.String()); got != text {
		t.Errorf("unwrap(%q) = %q", text, got)
	}
}
