package classify

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	// name is what may stay between quotes: a model, a parameter, a column, a file.
	name = regexp.MustCompile(`^[\w./:@<>\[\]-]{1,62}$`)
	// valueBefore and valueAfter are the words around a quoted word that say that it is a value, which is a user's or a
	// model's, and no name: int('…') in Python, Jackson, serde and Gemini before it, jsonschema and enum types behind it.
	valueBefore = regexp.MustCompile(`(?i)(?:\bbase \d+:|\(type_\w+\),|\(string\))\s*$`)
	valueAfter  = regexp.MustCompile(`(?i)^(?:\.\.\.|…)?\s*(?:(?:is not|isn't) (?:of type|one of|an? valid|valid|in\b|an? allowed|json)|is too (?:long|short)|` +
		`(?:does not|doesn't|did not) match|as ["'\x60]|: invalid syntax)`)
)

// reach is how far valueBefore and valueAfter look, in bytes.
const reach = 40

// withoutQuotes removes what stands between quotes and is no name; with strict, only single quotes may hold one. A quote
// that nothing closes runs to the end. An apostrophe is no quote: it has a letter before it.
func withoutQuotes(text string, strict bool) string {
	if !strings.ContainsAny(text, quotes) {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		at := strings.IndexAny(text, quotes)
		if at < 0 {
			break
		}
		mark, width := utf8.DecodeRuneInString(text[at:])
		if mark == '\'' && endsInWord(text[:at]) || mark == '’' {
			b.WriteString(text[:at+width])
			text = text[at+width:]
			continue
		}
		end, inner := closing(text[at:], mark, width)
		b.WriteString(text[:at])
		if keepsName(b.String(), inner, text[at+end:]) && (!strict || mark == '\'') {
			b.WriteString(text[at : at+end])
		} else {
			b.WriteString("'…'")
		}
		text = text[at+end:]
	}
	b.WriteString(text)
	return b.String()
}

// unquoted takes the quotes off a text that stands between them as a whole, which is how Python shows a KeyError that was
// given a sentence.
func unquoted(text string) string {
	text = strings.TrimSpace(text)
	if len(text) < 2 || text[0] != '"' && text[0] != '\'' || text[len(text)-1] != text[0] {
		return text
	}
	if end, inner := closing(text, rune(text[0]), 1); end == len(text) && !name.MatchString(inner) {
		return inner
	}
	return text
}

// quotes are the marks that open a quotation, the typographic ones of English, German and French included.
const quotes = "\"'`“„‘«’"

// closing gives the end of the quotation that s begins with, and what is in it: up to the first of its closing marks that
// has no letter behind it, as that one would be an apostrophe.
func closing(s string, mark rune, width int) (end int, inner string) {
	ends := closers(mark)
	for i := width; i < len(s); {
		at := strings.IndexAny(s[i:], ends)
		if at < 0 {
			break
		}
		i += at
		_, w := utf8.DecodeRuneInString(s[i:])
		if !startsWord(s[i+w:]) {
			return i + w, s[width:i]
		}
		i += w
	}
	return len(s), s[width:] + "\n" // no name, whatever it is
}

func closers(mark rune) string {
	switch mark {
	case '“', '„':
		return "”“\""
	case '‘':
		return "’'"
	case '«':
		return "»"
	}
	return string(mark)
}

func keepsName(before, inner, after string) bool {
	return name.MatchString(inner) &&
		(len(inner) == 1 || !strings.ContainsFunc(inner, unicode.IsLetter) || !introduces(before) && !valueBefore.MatchString(before[max(0, len(before)-reach):]) &&
			!valueAfter.MatchString(after[:min(len(after), reach)]))
}

func startsWord(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.IsLetter(r) || unicode.IsDigit(r)
}

func endsInWord(s string) bool {
	r, _ := utf8.DecodeLastRuneInString(s)
	return unicode.IsLetter(r) || unicode.IsDigit(r)
}
