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
//
// What is left is prose that a program wrote. An error that a program words with a user's text and no mark around it
// ("Sorry, it rains") cannot be told from prose: Config.NoMessages is for those who cannot have that.
// The message is a copy: withoutStructures builds it anew, so the decoder may overwrite its buffer.
func messageOf(s *schemas.Sensitive, c schemas.Category) string {
	text := s.ErrorText
	if len(s.Exceptions) > 0 {
		text = s.Exceptions[0].Value
	}
	strict := c == schemas.ParsingError
	if !strict {
		text = unquoted(text)
	}
	return RedactMessage(withoutQuotes(withoutEchoes(withoutQueries(withoutStructures(text, strict))), strict))
}

// withoutStructures replaces every literal by the messages that it holds, and drops one that is introduced as an output.
func withoutStructures(text string, strict bool) string {
	var prose strings.Builder
	for s := headAndTail(text, maxText); len(s) > 0; {
		at := structureAt(s)
		before := s[:at]
		if at == len(s) {
			prose.WriteString(before)
			break
		}
		inner := &unwrapped{}
		r := literalReader{s: s[at:], u: inner, quiet: introducesLiteral(before)}
		rest := s[at+r.read():]
		before, s = withoutQuoteAround(before, rest)
		prose.WriteString(before)
		prose.WriteString(messagesIn(inner.fields, strict))
	}
	return prose.String()
}

// withoutQuoteAround takes away the quotes that stand just before and just behind a literal: what is inside is looked at
// by itself.
func withoutQuoteAround(before, rest string) (b, r string) {
	if before == "" || rest == "" || before[len(before)-1] != rest[0] || !strings.Contains("'\"`", rest[:1]) {
		return before, rest
	}
	return before[:len(before)-1], rest[1:]
}

// messagesIn joins the messages of a literal, outermost first; a message that is a literal itself shows in its parts.
// Reasons and descriptions are as often fields of a model's answer as of an error, so a parsing error's are left out.
func messagesIn(fields []field, strict bool) string {
	var parts []string
	for _, f := range fields {
		switch f.key {
		case "detail", "details", "description", "reason":
			if strict {
				continue
			}
		case "message", "msg", "error", "error_description", "errormessage", "error_message", "finishreason", "finish_reason", "blockreason":
		default:
			continue
		}
		if (!f.echo || enumerated(f.value)) && structureAt(f.value) == len(f.value) && len(parts) < maxParts && !slices.Contains(nothings, f.value) {
			parts = append(parts, f.value)
		}
	}
	return " " + strings.Join(parts, "; ") + " "
}

// enumerated tells whether a value is of a closed set, as APIs write them: MALFORMED_FUNCTION_CALL.
func enumerated(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return (r < 'A' || r > 'Z') && r != '_' })
}

// maxParts messages fill what is kept.
const maxParts = 4

// nothings are the words for no value in JSON, Python and JavaScript.
var nothings = []string{"", "null", "None", "undefined"}

// query is what follows the question mark of a URL or of a path: it holds what was searched for.
var query = regexp.MustCompile(`([/.][^\s?'"<>]*)\?[^\s'"<>)\]]+`)

func withoutQueries(text string) string {
	if strings.IndexByte(text, '?') < 0 {
		return text
	}
	return query.ReplaceAllString(text, "$1?…")
}
