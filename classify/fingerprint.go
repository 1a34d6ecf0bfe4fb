package classify

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"regexp"
	"strings"

	"github.com/tracetally/tracetally/schemas"
)

// fingerprint groups failures of one cause: "v1:" and the first 16 hex digits of a SHA-256 over the client's own
// fingerprint, else over type and masked message of every link (captured first) and the captured one's top in-app frame.
// It depends on nothing that changes from one occurrence to the next, and not on the rules.
func fingerprint(s *schemas.Sensitive) string {
	h := sha256.New()
	switch {
	case s.ClientFingerprint != "":
		put(h, "client", s.ClientFingerprint)
	case len(s.Exceptions) == 0:
		put(h, s.ErrorType, mask(s.ErrorText))
	default:
		for i := range links(s.Exceptions) {
			e := linkAt(s.Exceptions, i)
			put(h, e.Type, mask(e.Value))
		}
		put(h, topInApp(s.Exceptions[0].Frames))
	}
	return "v1:" + hex.EncodeToString(h.Sum(nil)[:8])
}

// put writes parts so that no two lists of parts look alike, but those that differ only beyond what is read of a text.
func put(h hash.Hash, parts ...string) {
	for _, p := range parts {
		h.Write([]byte(headAndTail(p, maxText)))
		h.Write([]byte{0})
	}
	h.Write([]byte{1})
}

// topInApp names the newest frame of the application's own code: module or file, and function; never line numbers.
func topInApp(frames []schemas.Frame) string {
	for i := len(frames) - 1; i >= 0; i-- {
		if f := &frames[i]; f.InApp {
			return headAndTail(cmp.Or(f.Module, f.Filename), maxText/4) + "\x00" + headAndTail(f.Function, maxText/4)
		}
	}
	return ""
}

// varying is what changes between occurrences of one error: URLs, paths, quoted strings, ids, numbers.
var varying = regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]{1,20}://[^\s"'<>)\]}]+` + // URL
	`|"[^"\n]*"|'[^'\n]*'` + "|`[^`\n]*`" + // quoted
	`|(?:[A-Za-z]:)?(?:[/\\][\w.@~+-]+){2,}` + // path
	`|\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b` + // UUID
	`|\b0x[0-9a-fA-F]+\b|\b[\w-]*\d[\w-]*\b`) // id or number

// mask makes the message of one cause the same each time.
func mask(text string) string {
	text = headAndTail(text, maxText)
	if !strings.ContainsAny(text, "\"'`/\\-"+digits) { // every match holds one of them
		return strings.Join(strings.Fields(text), " ")
	}
	return strings.Join(strings.Fields(varying.ReplaceAllString(text, "?")), " ")
}
