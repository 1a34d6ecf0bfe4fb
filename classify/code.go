package classify

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tracetally/tracetally/schemas"
)

// otherCode stands for a code that no list of ours knows. Codes become labels of metrics, so their set is closed.
const otherCode = "other"

// code is the HTTP status or else the provider's code from the closed list of the rules, else "other"; empty without any.
// An answer of 2xx is no code: it says nothing about the failure. A status 500 that the text does not state is left out where the reason is one that has no answer at all (guide §5).
func (c *Classifier) code(f *facts, ev *schemas.Event, s *schemas.Sensitive, reason string) string {
	if status := ev.HTTPStatus; status >= 300 && status <= 599 && !(f.distrusted && unanswered(reason)) {
		return strconv.Itoa(status)
	}
	given := strings.ToLower(headAndTail(strings.TrimSpace(s.ErrorCode), maxIdentifier))
	if n, err := strconv.Atoi(given); err == nil && len(given) == 3 && n >= 300 && n <= 599 {
		return strings.Clone(given) // it may point into the decoder's buffer, which the next record overwrites
	}
	if c.rules.codes[given] {
		return strings.Clone(given)
	}
	if status := innermost(f.statuses); status > 0 {
		return strconv.Itoa(status)
	}
	if code := c.innermostCode(f); code != "" {
		return code
	}
	if given == "" || slices.Contains(noCodes, given) || looksLikeClass(s.ErrorCode) {
		return ""
	}
	return otherCode
}

// unanswered tells whether a reason means that no HTTP answer was received.
func unanswered(reason string) bool {
	switch reason {
	case "timeout", "connection", "dns_failure", "tls_error", "cancelled", "config_error":
		return true
	}
	return false
}

// innermost is the deepest status; of equals the lowest, so that the answer does not depend on a map's order.
func innermost(statuses map[int]depth) int {
	best := 0
	for status, d := range statuses {
		if status < 300 {
			continue
		}
		if best == 0 || d > statuses[best] || d == statuses[best] && status < best {
			best = status
		}
	}
	return best
}

// innermostCode is the deepest code that the rules know, without those that we made ourselves (finish:, field:).
func (c *Classifier) innermostCode(f *facts) string {
	best := ""
	for code, d := range f.codes {
		if !c.rules.codes[code] || strings.Contains(code, ":") && !strings.HasPrefix(code, "grpc:") {
			continue
		}
		if best == "" || d > f.codes[best] || d == f.codes[best] && code < best {
			best = code
		}
	}
	return strings.Clone(strings.TrimPrefix(best, "grpc:"))
}

// typeOf is the exception's class name as sent, if it is one: a text in its place could hold anything.
func typeOf(s *schemas.Sensitive) string {
	name := s.ErrorType
	if len(s.Exceptions) > 0 {
		name = s.Exceptions[0].Type
	}
	if len(name) > maxTypeName || !identifier(name) || Redact(name) != name {
		return ""
	}
	return strings.Clone(name)
}

// maxTypeName is longer than any class name seen (java.util.concurrent.CompletionException has 43 bytes).
const maxTypeName = 120
