package classify

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxMessage is the most that is kept of a message, in bytes.
const MaxMessage = 200

// redaction replaces one kind of secret. Order matters: what has a frame around it (a URL, a header) goes before bare keys.
type redaction struct {
	find *regexp.Regexp
	with string
}

// redactions covers API keys, bearer tokens, URLs with credentials, e-mail addresses and long digits; the prefixes are
// those that the vendors document, as collected by github.com/gitleaks/gitleaks and in GitHub's list of scanned secrets.
var redactions = []redaction{
	{regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*(?:KEY|CERTIFICATE)-----.*?(?:-----END [A-Z ]*-----|$)`), "<key>"},
	// scheme://user:password@host, and without a user; up to the last @ before a blank, so that a password may hold one
	{regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*:/{2})[^\s/"'<>]*(?:[/?#][^\s"'<>]*)?@`), "${1}<credentials>@"},
	{regexp.MustCompile(`(?i)\b(bearer|basic|token|apikey|digest)(["'\s:=]+)[A-Za-z0-9._~+/=-]{8,}`), "${1}${2}<key>"},
	{regexp.MustCompile(`(?i)((?:api|access|secret|auth|private|account|subscription|client|signing|shared|x)?[_. -]?(?:key|token|secret|passwd|password|pwd|credential|authorization|signature|cookie|sig)s?["'\\]*(?:\s+(?:provided|is|was|given))?\s*[:=]+\s*["'\\]*)(?:bearer |basic )?[^\s"',;&)}\]<>\\]{4,}`), "${1}<key>"},
	{regexp.MustCompile(`\b(?:sk|pk|rk|gsk|xai|hf|r8|nvapi|pplx|fw|tvly|lsv2|ls__|pcsk|phc|phx|phs|glpat|gh[pousr]|github_pat|xox[abeoprs]|shpat|dop_v1|sntrys|fc|jina|voyage|pa|AIza|ya29|AKIA|ASIA|AGPA|AROA|ABIA|ACCA|SG|key|tok|org|proj|req|acct|user)[-_.][A-Za-z0-9*._-]{8,}`), "<key>"},
	{regexp.MustCompile(`\b(?:AIza[A-Za-z0-9_-]{20,}|(?:AKIA|ASIA|AGPA|AROA)[A-Z0-9]{12,}|ya29\.[A-Za-z0-9_-]{10,})`), "<key>"},
	{regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*){0,2}`), "<key>"},
	{regexp.MustCompile(`[\p{L}\p{N}._%+'-]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)*`), "<email>"},
	{regexp.MustCompile(`\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b`), "<id>"},
	{regexp.MustCompile(`\+?\d(?:[ .()-]{0,2}\d){8,}`), "<number>"},
	{regexp.MustCompile(`\d{7,}`), "<number>"},
}

// opaque finds runs that may be a key of an unknown vendor.
var opaque = regexp.MustCompile(`[A-Za-z0-9+/_=-]{20,}`)

// Redact removes what must never be kept from a text: API keys, bearer tokens, passwords, credentials in URLs, e-mail
// addresses, long digits, and any run of 20 characters that mixes letters and digits. Time is linear in the text.
func Redact(text string) string {
	for _, r := range redactions {
		text = r.find.ReplaceAllString(text, r.with)
	}
	return opaque.ReplaceAllStringFunc(text, func(run string) string {
		if strings.ContainsAny(run, "0123456789") && strings.ContainsFunc(run, unicode.IsLetter) {
			return "<key>"
		}
		return run
	})
}

// RedactMessage is Redact for one line: blanks folded, control characters gone, at most MaxMessage bytes, cut at a rune.
// It redacts before it cuts, so that half a key cannot pass for a word.
func RedactMessage(text string) string {
	text = strings.ToValidUTF8(headAndTail(text), "\uFFFD")
	text = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Co, r) {
			return -1
		}
		if unicode.IsControl(r) || unicode.IsSpace(r) {
			return ' '
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(Redact(text)), " ")
	return trimTo(text, MaxMessage)
}

func trimTo(s string, n int) string {
	if len(s) <= n {
		return s
	}
	n -= len("…")
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
