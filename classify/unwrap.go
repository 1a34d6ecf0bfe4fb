package classify

import (
	"strings"
	"unicode/utf8"
)

// Bounds on what is read of one text. An error text is a few hundred bytes; what is longer is a page, a dump or an attack.
const (
	maxText   = 16 << 10 // bytes read of one text: three quarters from the head and the rest from the tail, where causes stand
	maxNest   = 6        // wrappers inside wrappers (a string of JSON inside JSON …)
	maxFields = 256      // fields kept of one link
	maxKey    = 64
)

// field is a scalar inside a structure that an error text carries.
type field struct {
	parent, key, value string // keys are lower case
	nest               int    // wrappers around it
	echo               bool   // of what a model wrote or was asked: evidence, but no message
}

// unclosed is the key of the mark that a literal ended before its last bracket.
const unclosed = "\x00unclosed"

// unwrapped is an error text with its structures opened: prose as it stood, then one "key: value" a line for what was
// inside JSON, Python and JavaScript literals, without what is no evidence (stacks, headers, prompts).
type unwrapped struct {
	text   strings.Builder
	fields []field
}

// unwrap opens text. It never fails: what is no structure is prose, and a structure that ends early is read as far as it goes.
// Each level costs one pass over the text, so the whole is linear.
func unwrap(text string) *unwrapped {
	u := &unwrapped{}
	u.open(text, 0, false)
	return u
}

// headAndTail bounds a text to n bytes and a line break. Cuts fall between runes.
func headAndTail(s string, n int) string {
	if len(s) <= n {
		return s
	}
	head, tail := n-n/4, len(s)-n/4
	for head > 0 && !utf8.RuneStart(s[head]) {
		head--
	}
	for tail < len(s) && !utf8.RuneStart(s[tail]) {
		tail++
	}
	return s[:head] + "\n" + s[tail:]
}

func (u *unwrapped) open(s string, nest int, echo bool) {
	for len(s) > 0 {
		at := structureAt(s)
		u.prose(s[:at])
		if at == len(s) {
			return
		}
		r := literalReader{s: s[at:], u: u, nest: nest, quiet: echo || introducesLiteral(s[:at])}
		s = s[at+r.read():]
	}
}

func (u *unwrapped) prose(s string) {
	u.text.WriteString(s)
	u.text.WriteByte('\n')
}

// structureAt is where the next literal begins: an object whose first key can be seen, or a list of those.
func structureAt(s string) int {
	for i := range len(s) {
		if s[i] != '{' && s[i] != '[' {
			continue
		}
		rest := strings.TrimLeft(s[i+1:min(len(s), i+64)], " \t\r\n[")
		if rest == "" {
			continue
		}
		if s[i] == '[' && rest[0] != '{' {
			continue
		}
		if opensObject(strings.TrimLeft(rest, "{ \t\r\n")) {
			return i
		}
	}
	return len(s)
}

// opensObject tells whether s goes on like the first key of an object: quoted, or a bare word and a colon.
func opensObject(s string) bool {
	if s == "" {
		return false
	}
	if s[0] == '"' || s[0] == '\'' {
		return true
	}
	n := 0
	for n < len(s) && (wordByte(s[n]) || s[n] == '$') {
		n++
	}
	return n > 0 && n < len(s) && s[n] == ':' && !strings.HasPrefix(s[n:], "://")
}

// keep records one scalar, and opens it when it is a wrapper itself.
func (u *unwrapped) keep(f field) {
	if len(u.fields) < maxFields {
		u.fields = append(u.fields, f)
	}
	if f.key != "" {
		u.text.WriteString(f.key)
		u.text.WriteString(": ")
	}
	if f.nest < maxNest && strings.ContainsAny(f.value, "{[") {
		u.open(f.value, f.nest+1, f.echo)
		return
	}
	u.prose(f.value)
}

// noEvidence lists the keys whose values say nothing about a cause, or hold what was sent and answered: the words of a
// prompt must not decide why a call failed. That such a key is there is kept.
func noEvidence(key string) bool {
	switch key {
	case "stack", "stacktrace", "stack_trace", "traceback", "headers", "responseheaders", "response_headers", "requestbodyvalues",
		"requestbody", "request", "prompt", "messages", "input", "inputs", "url", "requestid", "request_id", "config",
		"tools", "failed_generation", "failedgeneration", "usage", "usagemetadata", "system_fingerprint", "body_sent", "params", "links", "help", "doc_url":
		return true
	}
	return false
}
