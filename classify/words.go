package classify

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// normalize appends text in the form that phrases and patterns are written for: ASCII letters lower case, runs of blanks
// one blank, typographic quotes straight.
func normalize(dst []byte, text string) []byte {
	blank := true
	for _, r := range text {
		switch {
		case r == ' ' || r == '\t' || r == '\n' || r == '\r' || r == '\u00a0':
			if !blank {
				dst = append(dst, ' ')
			}
			blank = true
			continue
		case r >= 'A' && r <= 'Z':
			dst = append(dst, byte(r)+'a'-'A')
		case r == '\u2018' || r == '\u2019':
			dst = append(dst, '\'')
		case r == '\u201c' || r == '\u201d':
			dst = append(dst, '"')
		case r < 0x80:
			dst = append(dst, byte(r))
		default:
			dst = append(dst, string(r)...)
		}
		blank = false
	}
	return dst
}

// words splits prose into words of code: letters, digits, underscore and dot.
func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r != '.' && (r >= 0x80 || !wordByte(byte(r))) })
}

// addWord takes one word of prose: a code of our tables if it cannot be plain English, or a class name.
func (f *facts) addWord(w string, d depth, set *ruleSet) {
	w = strings.Trim(w, ".")
	if len(w) < 4 || len(w) > 128 {
		return
	}
	if looksLikeCode(w) && set.codes[strings.ToLower(w)] {
		f.add(strings.ToLower(w), d)
	}
	last := w[strings.LastIndexByte(w, '.')+1:]
	if looksLikeClass(w) || looksLikeCode(w) && set.typeNames[strings.ToLower(last)] {
		f.addType(w, d)
	}
}

// looksLikeCode tells a code from an English word: it has an underscore, a capital after the first letter, or letters and digits.
func looksLikeCode(w string) bool {
	return strings.ContainsAny(w, "_.") || strings.ContainsAny(w[1:], "ABCDEFGHIJKLMNOPQRSTUVWXYZ") || strings.ContainsAny(w, "0123456789")
}

// looksLikeClass tells the name of an exception class by the endings that languages give them.
func looksLikeClass(w string) bool {
	if i := strings.LastIndexByte(w, '.'); i >= 0 {
		w = w[i+1:]
	}
	if len(w) < 6 || w[0] < 'A' || w[0] > 'Z' && w[0] != '_' {
		return false
	}
	for _, end := range []string{"Error", "Exception", "Timeout", "Refused", "Failure", "Exhausted", "Unavailable", "Exceeded", "NotFound", "Denied", "Argument", "Violation"} {
		if len(w) > len(end) && strings.HasSuffix(w, end) {
			return true
		}
	}
	return false
}

// statusForms are the ways in which a text states an HTTP status; the number is a group. A bare number is none:
// counts, ports and limits are numbers too.
var statusForms = regexp.MustCompile(`(?:^\W{0,3}|(?:error|status|response|http|api|code|http/1\.1|http/2)[ _]?(?:status|code|error)?(?: code)?(?: was| is| of| does not indicate success)?\W{0,3}|` +
	`\| |exception[: -]{1,3})([345]\d\d)\b|\(([45]\d\d)\)`)

// statusNames are reasons of statuses, as in "429 too many requests"; the number stands before.
var statusNames = regexp.MustCompile(`\b([45]\d\d)[: -]{1,3}(?:client error|server error|bad request|unauthorized|payment required|forbidden|not found|` +
	`method not allowed|request timeout|conflict|gone|payload too large|request entity too large|unprocessable|too many requests|internal server error|bad gateway|service (?:temporarily )?unavailable|gateway time-?out)`)

func (f *facts) addStatusesOf(norm string, d depth) {
	if !holdsStatus(norm) {
		return
	}
	for _, form := range [...]*regexp.Regexp{statusForms, statusNames} {
		for _, m := range form.FindAllStringSubmatch(norm, 8) {
			if n, err := strconv.Atoi(strings.Join(m[1:], "")); err == nil {
				f.statuses[n] = max(f.statuses[n], d)
			}
		}
	}
}

// holdsStatus tells whether there are three digits that may be a status: both expressions ask for them, and to look costs
// a hundredth of running them.
func holdsStatus(norm string) bool {
	for i := 0; i+2 < len(norm); i++ {
		if norm[i] >= '3' && norm[i] <= '5' && isDigit(norm[i+1]) && isDigit(norm[i+2]) {
			return true
		}
	}
	return false
}

func isDigit(b byte) bool { return b >= '0' && b <= '9' }

// gRPC states its code as a name or, in debug strings, as a number (grpc.io/docs/guides/status-codes).
var (
	grpcName   = regexp.MustCompile(`(?:statuscode\.|rpc error: code = |grpc[_-]status(?: code)?\W{1,3}|status: )([a-z_]{2,20})\b`)
	grpcNumber = regexp.MustCompile(`grpc_status\W{1,3}(\d{1,2})\b`)
)

var grpcCodes = [...]string{"ok", "cancelled", "unknown", "invalidargument", "deadlineexceeded", "notfound", "alreadyexists", "permissiondenied",
	"resourceexhausted", "failedprecondition", "aborted", "outofrange", "unimplemented", "internal", "unavailable", "dataloss", "unauthenticated"}

// addGRPC adds codes of the form grpc:unavailable.
func (f *facts) addGRPC(norm string, d depth) {
	// What every match holds, so that the expressions run only where they may match.
	if !strings.Contains(norm, "grpc") && !strings.Contains(norm, "statuscode.") && !strings.Contains(norm, "rpc error: code = ") &&
		!strings.Contains(norm, "status: ") {
		return
	}
	for _, m := range grpcName.FindAllStringSubmatch(norm, 8) {
		f.addGRPCName(m[1], d)
	}
	for _, m := range grpcNumber.FindAllStringSubmatch(norm, 8) {
		if n, err := strconv.Atoi(m[1]); err == nil && n < len(grpcCodes) {
			f.add("grpc:"+grpcCodes[n], d)
		}
	}
}

// addGRPCName takes a word that may be a gRPC status, with or without underscores.
func (f *facts) addGRPCName(word string, d depth) {
	if name := strings.ReplaceAll(word, "_", ""); slices.Contains(grpcCodes[:], name) {
		f.add("grpc:"+name, d)
	}
}
