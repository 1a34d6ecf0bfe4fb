package classify

import (
	"regexp"
	"strings"

	"github.com/tracetally/tracetally/schemas"
)

// messageOf is the redacted message of the event: of the captured exception, else of the error text. Structures are
// reduced to the messages inside them, and what an error quotes of a prompt or an output is cut (privacy: neither is kept).
func messageOf(s *schemas.Sensitive) string {
	text := s.ErrorText // never more than headAndTail of it
	if len(s.Exceptions) > 0 {
		text = s.Exceptions[0].Value
	}
	return RedactMessage(withoutEchoes(withoutStructures(text)))
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

// messagesIn joins the codes and messages of a literal, outermost first; a message that is a literal itself shows in its parts.
func messagesIn(fields []field) string {
	var parts []string
	for _, f := range fields {
		switch f.key {
		case "message", "msg", "detail", "details", "error", "description", "error_description", "code", "type", "status", "reason", "errormessage", "error_message", "finishreason", "finish_reason", "blockreason":
			if structureAt(f.value) == len(f.value) && len(parts) < 8 {
				parts = append(parts, f.value)
			}
		}
	}
	return " " + strings.Join(parts, "; ") + " "
}

// echo is where an error begins to quote what a model wrote or was asked: after these words comes text of a user.
var echo = regexp.MustCompile("(?is)(\\b(?:llm|model|json|raw|invalid json|tool|function|parsed?)?[ _-]?(?:outputs?|completion|response|answer|content|text|input|inputs|prompt|query|question|value|values|arguments|args|body|document|string|object|data|input_value|got|received|from)\\b(?: was| is)?\\s*[:=]\\s*|```).*")

// quoted is text between quotes. A short one may be a name that the reader needs; a longer one is somebody's words.
var quotedText = regexp.MustCompile("\"[^\"]*\"|'[^']*'|`[^`]*`|“[^”]*”")

// withoutEchoes cuts quotations.
func withoutEchoes(text string) string {
	text = echo.ReplaceAllString(text, "${1}…")
	return quotedText.ReplaceAllStringFunc(text, func(q string) string {
		if len(q) <= maxQuoted && strings.Count(q, " ") <= 1 {
			return q
		}
		return "'…'"
	})
}

// maxQuoted bytes hold the name of a model, a parameter or a column.
const maxQuoted = 64
