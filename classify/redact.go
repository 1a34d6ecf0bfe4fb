package classify

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxMessage is the most that is kept of a message, in bytes.
const MaxMessage = 200

// redaction replaces one kind of secret. Order matters: what has a frame around it (a URL, a header) goes before bare keys.
type redaction struct {
	needs string   // one of these bytes is in every match: the expression runs only where it may match
	least int      // and so many of them, if more than one
	words []string // and, if given, one of these in any case
	find  *regexp.Regexp
	with  string
}

// redactions covers API keys, bearer tokens, URLs with credentials, e-mail addresses and long digits; the prefixes are
// those that the vendors document, as collected by github.com/gitleaks/gitleaks and in GitHub's list of scanned secrets.
var redactions = []redaction{
	{"-", 10, []string{"-----begin "}, regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*(?:KEY|CERTIFICATE)(?: BLOCK)?-----.*?(?:-----END [A-Z ]*-----|$)`), "<key>"},
	// scheme://user:password@host, and without a user; up to the last @ before a blank, so that a password may hold one
	{"@", 1, nil, regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*:/{2})[^\s/"'<>]*(?:[/?#][^\s"'<>]*)?@`), "${1}<credentials>@"},
	{" =:'\"", 1, []string{"bearer", "basic", "apikey", "digest"}, regexp.MustCompile(`(?i)\b(bearer|basic|apikey|digest)(["'\s:=]+)[A-Za-z0-9._~+/=-]{8,}`), "${1}${2}<key>"},
	{":=", 1, []string{"key", "token", "secret", "pass", "pwd", "credential", "auth", "sig", "cookie"}, regexp.MustCompile(`(?i)((?:api|access|secret|auth|private|account|subscription|client|signing|shared|x)?[_. -]?(?:key|token|secret|passwd|password|pwd|credential|authorization|signature|cookie|sig)s?["'\\]*(?:\s+(?:provided|is|was|given))?\s*[:=]+\s*["'\\]*)(?:bearer |basic )?[^\s"',;&)}\]<>\\]{4,}`), "${1}<key>"},
	{"-_.", 1, nil, regexp.MustCompile(`\b(?:sk|pk|rk|gsk|xai|hf|r8|nvapi|pplx|fw|tvly|lsv2|ls__|pcsk|phc|phx|phs|glpat|gh[pousr]|github_pat|xox[abeoprs]|shpat|dop_v1|sntrys|fc|jina|voyage|pa|AIza|ya29|AKIA|ASIA|AGPA|AROA|ABIA|ACCA|SG|key|tok|org|proj|req|acct|user)[-_.][A-Za-z0-9*._-]{8,}`), "<key>"},
	{"AGy", 1, []string{"aiza", "akia", "asia", "agpa", "aroa", "ya29."}, regexp.MustCompile(`\b(?:AIza[A-Za-z0-9_-]{20,}|(?:AKIA|ASIA|AGPA|AROA)[A-Z0-9]{12,}|ya29\.[A-Za-z0-9_-]{10,})`), "<key>"},
	{"e", 1, []string{"eyj"}, regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*){0,2}`), "<key>"},
	{"@", 1, nil, regexp.MustCompile(`[\p{L}\p{N}._%+'-]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)*`), "<email>"},
	{"-", 4, nil, regexp.MustCompile(`\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b`), "<id>"},
	{digits, 9, nil, regexp.MustCompile(`\+?\d(?:[ .()-]{0,2}\d){8,}`), "<number>"},
	{digits, 7, nil, regexp.MustCompile(`\d{7,}`), "<number>"},
}

const digits = "0123456789"

// minOpaque is how long such a run is, at least.
const minOpaque = 20

// opaque finds runs that may be a key of an unknown vendor.
var opaque = regexp.MustCompile(`[A-Za-z0-9+/_=-]{20,}`)

// Redact removes what must never be kept from a text: API keys, bearer tokens, passwords, credentials in URLs, e-mail
// addresses, long digits, and any run of letters and digits that looks random. Time is linear in the text.
// What is taken away may lay bare what had no word boundary before, so it goes on until nothing is found.
func Redact(text string) string {
	for range maxPasses {
		next := redactOnce(text)
		if next == text {
			break
		}
		text = next
	}
	return text
}

// maxPasses bounds the work. No text was found that needs more than three (TestRedactingTwiceChangesNothing, FuzzRedact).
const maxPasses = 8

func redactOnce(text string) string {
	lower := folded(text)
	for i := range redactions {
		r := &redactions[i]
		if !r.mayMatch(text, lower) {
			continue
		}
		if changed := r.find.ReplaceAllString(text, r.with); changed != text {
			text, lower = changed, folded(changed)
		}
	}
	if !holdsRun(text, minOpaque) {
		return text
	}
	return opaque.ReplaceAllStringFunc(text, func(run string) string {
		if looksRandom(run) {
			return "<key>"
		}
		return run
	})
}

// folded is text in lower case as expressions fold it: they take the long s for an s.
func folded(text string) string { return strings.ReplaceAll(strings.ToLower(text), "ſ", "s") }

func (r *redaction) mayMatch(text, lower string) bool {
	found := 0
	for at := 0; found < r.least; found++ {
		i := strings.IndexAny(text[at:], r.needs)
		if i < 0 {
			return false
		}
		at += i + 1
	}
	return r.words == nil || slices.ContainsFunc(r.words, func(w string) bool { return strings.Contains(lower, w) })
}

// holdsRun tells whether n bytes that opaque accepts stand in a row.
func holdsRun(text string, n int) bool {
	run := 0
	for i := range len(text) {
		if b := text[i]; b < 0x80 && wordByte(b) || b == '+' || b == '/' || b == '=' || b == '-' {
			if run++; run == n {
				return true
			}
		} else {
			run = 0
		}
	}
	return false
}

// looksRandom tells a key from a name. Names of models have digits too, but in short parts: gpt-4o-mini-2024-07-18.
func looksRandom(run string) bool {
	longest := 0
	for _, part := range strings.FieldsFunc(run, func(r rune) bool { return strings.ContainsRune("-_/=+", r) }) {
		if strings.ContainsAny(part, digits) && strings.ContainsFunc(part, unicode.IsLetter) {
			longest = max(longest, len(part))
		}
	}
	mixed := strings.ToLower(run) != run && strings.ContainsAny(run, digits)
	return longest >= 16 || mixed && len(run) >= 32
}

// RedactMessage is Redact for one line: blanks folded, control characters gone, at most MaxMessage bytes, cut at a rune.
// It redacts before it cuts, so that half a key cannot pass for a word. A text that is much longer than what is kept is
// cut first, with the word at the cut.
func RedactMessage(text string) string {
	if len(text) > redactBytes {
		text = text[:redactBytes]
		text = text[:max(0, strings.LastIndexAny(text, " \t\n"))]
	}
	text = strings.ToValidUTF8(text, "\uFFFD")
	text = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Co, r) {
			return -1
		}
		if unicode.IsControl(r) || unicode.IsSpace(r) {
			return ' '
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ") // before too: blanks between digits decide whether they are one number
	text = strings.Join(strings.Fields(Redact(text)), " ")
	return trimTo(text, MaxMessage)
}

// redactBytes of a text are enough to fill a message after redaction has shortened it.
const redactBytes = 8 * MaxMessage

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
