package classify

import (
	"strings"
	"testing"
	"time"

	"github.com/tracetally/tracetally/schemas"
)

// TestTheListOfReasonsIsTheGuides pins the closed list: a reason is a label of metrics and of tables.
func TestTheListOfReasonsIsTheGuides(t *testing.T) {
	counts := map[schemas.Category]int{}
	seen := map[string]bool{}
	for _, r := range Reasons() {
		if seen[r.Reason] || r.Origin == "" || r.Recovery == "" {
			t.Errorf("twice or incomplete: %+v", r)
		}
		seen[r.Reason] = true
		counts[r.Category]++
	}
	for category, want := range map[schemas.Category]int{
		schemas.APIError: 15, schemas.ParsingError: 8, schemas.DataError: 16, schemas.ModelError: 9, schemas.SystemError: 15,
	} {
		if counts[category] != want {
			t.Errorf("%s has %d reasons, the guide %d", category, counts[category], want)
		}
	}
}

func TestLabelledErrorsAgreeWithTheListOfReasons(t *testing.T) {
	infos := map[string]ReasonInfo{}
	for _, r := range Reasons() {
		infos[r.Reason] = r
	}
	for _, c := range readCases(t) {
		if r := infos[c.Reason]; r.Category != c.Category || r.Retryable != c.Retryable || r.Origin != c.Origin {
			t.Errorf("%s: labelled %s %v %s, the list says %+v", c.ID, c.Category, c.Retryable, c.Origin, r)
		}
	}
}

func TestRetryAdviceIsTheArticles(t *testing.T) {
	for reason, want := range map[string]Retry{
		"rate_limit":     {Base: time.Second, Cap: time.Minute},
		"server_error":   {Base: time.Second, Cap: 30 * time.Second, Attempts: 3},
		"unknown_api":    {Base: time.Second, Cap: 30 * time.Second, Attempts: 2},
		"authentication": {Attempts: 1},
		"no such reason": {Attempts: 1},
	} {
		if got := RetryAdvice(reason); got != want {
			t.Errorf("RetryAdvice(%s) = %+v, want %+v", reason, got, want)
		}
	}
}

func TestAUsersRuleComesBeforeOurs(t *testing.T) {
	c := newClassifier(t, Config{UserRules: []byte(`- {rule: ours.gateway, reason: overloaded, text: ["flux capacitor"]}`)})
	ev, s := failedCall("Rate limit reached: flux capacitor empty")
	ev.HTTPStatus = 429
	if c.Classify(ev, s); ev.Failure.Reason != "overloaded" || ev.Failure.Rule != "ours.gateway" {
		t.Errorf("got %s by %s", ev.Failure.Reason, ev.Failure.Rule)
	}
}

func TestEveryProblemOfUsersRulesIsReportedAtOnce(t *testing.T) {
	_, err := New(Config{UserRules: []byte(`
- {rule: a, reason: no_such_reason, text: [x]}
- {rule: b, reason: timeout}
- {rule: c, reason: timeout, pattern: ["("], text: [x]}
- {rule: d, reason: timeout, pattern: ["x"]}
- {rule: e, reason: timeout, text: [x], owner: [nobody]}
- {rule: f, reason: timeout, text: ["a * b"]}
- {rule: g, reason: timeout, text: ["*"]}
- {rule: api.timeout.text, reason: timeout, text: [x]}
`)})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`unknown reason "no_such_reason"`, `rule "b": no evidence`, `rule "c": compile pattern`, `a pattern needs a phrase`,
		`unknown owner "nobody"`, `rule "f": phrase "a * b"`, `rule "g": phrase "*"`, `"api.timeout.text": name is empty or used twice`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error does not say %s:\n%v", want, err)
		}
	}
	if _, err := New(Config{UserRules: []byte(`- {rule: a, reason: timeout, txet: [x]}`)}); err == nil {
		t.Error("an unknown key is taken")
	}
}

// TestEveryRuleCanBeReached finds names that a rule excludes and asks for at once, which the files would hide.
func TestEveryRuleCanBeReached(t *testing.T) {
	for _, r := range newClassifier(t, Config{}).rules.rules {
		for _, id := range r.none {
			for _, want := range r.all {
				if id == want {
					t.Errorf("%s asks for and excludes one phrase", r.Rule)
				}
			}
		}
		if len(r.text) == 1 && len(r.none) > 0 && r.text[0] == r.none[0] {
			t.Errorf("%s excludes its only phrase", r.Rule)
		}
	}
}
