package classify

import (
	"strconv"
	"strings"
)

// maxOpen bounds how deep one literal may nest; what is deeper is read flat.
const maxOpen = 64

// literalReader walks a JSON, Python or JavaScript literal that may be cut, quoted in either way, or broken, in one pass
// from left to right. It needs no grammar: quotes, colons, commas and brackets tell keys from values.
type literalReader struct {
	s    string
	i    int
	u    *unwrapped
	nest int
	// quiet: the whole literal is what a model wrote or was asked.
	quiet bool

	keys [maxOpen]string // key under which each open bracket stands
	drop [maxOpen]bool   // inside a value that is no evidence
	echo [maxOpen]bool   // inside a value that a model wrote or was asked
	open int
	key  string
}

// read consumes the literal at the start of s and returns its length.
func (r *literalReader) read() int {
	for r.i < len(r.s) {
		switch c := r.s[r.i]; c {
		case '{', '[':
			r.push()
		case '}', ']':
			if r.pop(); r.open == 0 {
				return r.i
			}
		case ',':
			r.comma()
		case ' ', '\t', '\r', '\n', ':':
			r.i++
		case '"', '\'':
			r.scalar(r.quoted(c), true)
		default:
			r.scalar(r.bare(), false)
		}
	}
	if len(r.u.fields) < maxFields {
		r.u.fields = append(r.u.fields, field{key: unclosed, nest: r.nest})
	}
	return r.i
}

func (r *literalReader) push() {
	r.i++
	if r.open < maxOpen {
		r.keys[r.open] = r.key
		r.drop[r.open] = noEvidence(r.key) || r.open > 0 && r.drop[r.open-1]
		r.echo[r.open] = echoKey(r.key, r.echoed())
		r.open++
	}
	// A list's values go by the list's own key; an object's first key follows.
}

func (r *literalReader) pop() {
	r.i++
	r.open--
	r.key = ""
}

// comma ends a value. In a list the key stays the list's.
func (r *literalReader) comma() {
	r.i++
	r.key = r.parent()
}

func (r *literalReader) parent() string {
	if r.open == 0 {
		return ""
	}
	return r.keys[r.open-1]
}

// scalar takes a string or a bare word: a key if a colon follows, else a value.
func (r *literalReader) scalar(s string, quoted bool) {
	if r.colonFollows() {
		r.key = strings.ToLower(s[:min(len(s), maxKey)])
		return
	}
	if r.open > 0 && r.drop[r.open-1] {
		return
	}
	if noEvidence(r.key) {
		s = ""
	}
	if s != "" || quoted {
		r.u.keep(field{r.parent(), r.key, s, r.nest, echoKey(r.key, r.echoed())})
	}
}

// echoed tells whether the place that was reached is inside of what a model wrote or was asked.
func (r *literalReader) echoed() bool {
	if r.open == 0 {
		return r.quiet
	}
	return r.quiet || r.echo[r.open-1]
}

func (r *literalReader) colonFollows() bool {
	j := r.i
	for j < len(r.s) && (r.s[j] == ' ' || r.s[j] == '\t') {
		j++
	}
	return j < len(r.s) && r.s[j] == ':' && !strings.HasPrefix(r.s[j:], "://")
}

// bare reads a number, a word, or prose without quotes, up to what ends a value.
func (r *literalReader) bare() string {
	start := r.i
	for r.i < len(r.s) && !strings.ContainsRune(",{}[]\n", rune(r.s[r.i])) {
		if r.s[r.i] == ':' && r.key == r.parent() { // the end of a bare key
			break
		}
		r.i++
	}
	if r.i == start { // never stand still
		r.i++
	}
	return strings.TrimSpace(r.s[start:min(r.i, len(r.s))])
}

// quoted reads a string and undoes its escapes.
func (r *literalReader) quoted(quote byte) string {
	r.i++
	start := r.i
	escaped := false
	for r.i < len(r.s) && r.s[r.i] != quote {
		if r.s[r.i] == '\\' && r.i+1 < len(r.s) {
			escaped = true
			r.i++
		}
		r.i++
	}
	text := r.s[start:min(r.i, len(r.s))]
	r.i = min(r.i+1, len(r.s))
	if escaped {
		return unescape(text)
	}
	return text
}

// unescape undoes the escapes that JSON, Python and JavaScript share; an unknown one stands for its character.
func unescape(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 'n', 'r', 't':
			b.WriteByte(' ')
		case 'u':
			if i+4 < len(s) {
				if n, err := strconv.ParseUint(s[i+1:i+5], 16, 32); err == nil {
					b.WriteRune(rune(n))
					i += 4
				}
			}
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}
