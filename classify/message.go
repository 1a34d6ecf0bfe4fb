package classify

import (
	"regexp"
	"slices"
	"strings"

	"github.com/tracetally/tracetally/schemas"
)

// messageOf is the redacted message of the event: of the captured exception, else of the error text. Structures are
// reduced to the messages inside them, and what an error quotes of a prompt or an output is cut (privacy: neither is kept).
// A parsing error quotes what the model wrote more often than not, so there only names stay.
// The message is a copy: withoutStructures builds it anew, so the decoder may overwrite its buffer.
func messageOf(s *schemas.Sensitive, c schemas.Category) string {
	text := s.ErrorText
	if len(s.Exceptions) > 0 {
		text = s.Exceptions[0].Value
	}
	return RedactMessage(withoutQuotes(withoutEchoes(withoutStructures(text)), c == schemas.ParsingError))
}

// withoutStructures replaces every literal by the messages that it holds.
func withoutStructures(text string) string {
	var prose strings.Builder
	for s := headAndTail(text, maxText); len(s) > 0; {
		at := structureAt(s)
		prose.WriteString(s[:at])
		if at == len(s) {
			break
		}
		inner := &unwrapped{}
		r := literalReader{s: s[at:], u: inner}
		s = s[at+r.read():]
		prose.WriteString(messagesIn(inner.fields))
	}
	return prose.String()
}

// messagesIn joins the messages of a literal, outermost first; a message that is a literal itself shows in its parts.
func messagesIn(fields []field) string {
	var parts []string
	for _, f := range fields {
		switch f.key {
		case "message", "msg", "detail", "details", "error", "description", "error_description", "errormessage", "error_message",
			"reason", "finishreason", "finish_reason", "blockreason":
			if structureAt(f.value) == len(f.value) && len(parts) < maxParts && !slices.Contains(nothings, f.value) {
				parts = append(parts, f.value)
			}
		}
	}
	return " " + strings.Join(parts, "; ") + " "
}

// maxParts messages fill what is kept.
const maxParts = 4

// nothings are the words for no value in JSON, Python and JavaScript.
var nothings = []string{"", "null", "None", "undefined"}

// echoWords introduce what a model wrote or was asked: after such a word and a colon comes text of a user.
var echoWords = []string{
	"output", "outputs", "completion", "response", "answer", "content", "text", "input", "inputs", "prompt", "query", "question", "value",
	"values", "arguments", "args", "body", "document", "string", "object", "data", "got", "received", "from",
}

// withoutEchoes cuts a text where it begins to quote: after an echo word with a colon or an equals sign, or at a code
// fence. "Expecting value: line 1" goes on with a place, not with a quotation.
func withoutEchoes(text string) string {
	end := len(text)
	if fence := strings.Index(text, "```"); fence >= 0 {
		end = fence
	}
	for i := range end {
		if text[i] != ':' && text[i] != '=' || !endsInEchoWord(text[:i]) {
			continue
		}
		if rest := strings.TrimLeft(text[i+1:], " \t\n"); !strings.HasPrefix(rest, "line ") {
			return text[:i+1] + " …"
		}
	}
	if end < len(text) {
		return text[:end] + "…"
	}
	return text
}

// endsInEchoWord looks at the last word of text, "is" and "was" aside; the last part of a joined_name counts.
func endsInEchoWord(text string) bool {
	text = strings.ToLower(strings.TrimRight(text[max(0, len(text)-maxEchoWord):], " \t\n"))
	text = strings.TrimSuffix(strings.TrimSuffix(text, " is"), " was")
	word := text[strings.LastIndexFunc(text, func(r rune) bool { return r < 'a' || r > 'z' })+1:]
	return slices.Contains(echoWords, word)
}

// maxEchoWord bytes hold the longest echo word, blanks and "was".
const maxEchoWord = 32

var (
	// quoted is text between quotes.
	quoted = regexp.MustCompile("\"[^\"]*\"|'[^']*'|`[^`]*`|“[^”]*”")
	// name is what may stay of it: of a model, a parameter, a column, a file.
	name = regexp.MustCompile("^['\"`“][\\w./:@<>\\[\\]-]{1,62}['\"`”]")
)

// withoutQuotes removes what stands between quotes and is no name; with strict, only single quotes may hold one.
func withoutQuotes(text string, strict bool) string {
	if !strings.ContainsAny(text, "\"'`“") {
		return text
	}
	return quoted.ReplaceAllStringFunc(text, func(q string) string {
		if name.MatchString(q) && (!strict || q[0] == '\'') {
			return q
		}
		return "'…'"
	})
}
