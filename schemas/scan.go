package schemas

// scanner walks over JSON text once. It refuses what is not JSON, counts depth, keys and the length of numbers on the way,
// and hands out values as slices of its buffer. RFC 8259 is the grammar; json.Valid is the oracle (FuzzScannerAgreesWithEncodingJSON).
//
// With esc set it walks over JSON text that is itself the content of a JSON string, still escaped: a quote is written \",
// a backslash \\, a newline \n, and a bare quote ends the text. PostHog's topics hold their properties in that form, and
// unescaping them first costs more than everything else (docs/decisions/0003-json-scanner.md).
type scanner struct {
	buf   []byte
	pos   int
	depth int
	esc   bool
	// odd: the escaped text spells structure with \u00xx. Legal, rare, and left to a scan of the unescaped copy.
	odd bool
	// reason is why the walk stopped, empty while all is well.
	reason Reason
}

type valueKind uint8

const (
	absent valueKind = iota
	jsonNull
	jsonFalse
	jsonTrue
	jsonNumber
	jsonString
	jsonObject
	jsonArray
)

// value is one JSON value. Of a string raw is what stands between the quotes, of everything else the whole literal.
type value struct {
	raw  []byte
	kind valueKind
	// esc: raw was found by a scanner with esc set. escaped: raw holds a backslash, so it has to be unescaped to be read.
	esc, escaped bool
}

func (s *scanner) fail(r Reason) bool {
	if s.reason == "" {
		s.reason = r
	}
	return false
}

// next moves over white space and returns the byte that follows, without consuming it: 0 at the end, '"' for a quote in
// the spelling of the mode.
func (s *scanner) next() byte {
	for s.pos < len(s.buf) {
		c := s.buf[s.pos]
		switch {
		case c == '\\' && s.esc:
			if c = s.escapedByte(); c != ' ' {
				return c
			}
			s.pos += 2
		case c == '"' && s.esc:
			return 0
		case c > ' ':
			return c
		case c == ' ' || !s.esc && (c == '\n' || c == '\r' || c == '\t'):
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// escapedByte is what the escape at pos stands for outside of a string: a quote, white space, or nothing legal ('\\').
func (s *scanner) escapedByte() byte {
	if s.pos+1 >= len(s.buf) {
		return '\\'
	}
	switch s.buf[s.pos+1] {
	case '"':
		return '"'
	case 'n', 'r', 't':
		return ' '
	case 'u':
		s.odd = true
	}
	return '\\'
}

// value consumes one value of any kind.
func (s *scanner) value() (value, bool) {
	c := s.next()
	start := s.pos
	switch c {
	case '"':
		return s.text()
	case '{':
		ok := s.skipObject()
		return value{raw: s.buf[start:s.pos], kind: jsonObject, esc: s.esc}, ok
	case '[':
		ok := s.skipArray()
		return value{raw: s.buf[start:s.pos], kind: jsonArray, esc: s.esc}, ok
	case 't':
		return s.literal("true", jsonTrue)
	case 'f':
		return s.literal("false", jsonFalse)
	case 'n':
		return s.literal("null", jsonNull)
	}
	return s.number()
}

func (s *scanner) literal(word string, k valueKind) (value, bool) {
	end := s.pos + len(word)
	if end > len(s.buf) || string(s.buf[s.pos:end]) != word {
		return value{}, s.fail(Malformed)
	}
	v := value{raw: s.buf[s.pos:end], kind: k, esc: s.esc}
	s.pos = end
	return v, true
}

// open enters an object or array, whose bracket is at pos.
func (s *scanner) open() bool {
	s.pos++
	s.depth++
	if s.depth > MaxDepth {
		return s.fail(TooDeep)
	}
	return true
}

// key consumes the name of the next member and its colon. It answers false after the last member, or when the text is
// unusable (reason is set). n counts the members.
func (s *scanner) key(n *int) (value, bool) {
	c := s.next()
	if c == '}' {
		s.pos++
		s.depth--
		return value{}, false
	}
	if *n > 0 {
		if c != ',' {
			return value{}, s.fail(Malformed)
		}
		s.pos++
		c = s.next()
	}
	if *n++; *n > MaxKeys {
		return value{}, s.fail(TooWide)
	}
	if c != '"' {
		return value{}, s.fail(Malformed)
	}
	k, ok := s.text()
	if !ok {
		return value{}, false
	}
	if s.next() != ':' {
		return value{}, s.fail(Malformed)
	}
	s.pos++
	return k, true
}

// element moves to the next element of an array; false after the last one or when the text is unusable.
func (s *scanner) element(n *int) bool {
	c := s.next()
	if c == ']' {
		s.pos++
		s.depth--
		return false
	}
	if *n > 0 {
		if c != ',' {
			return s.fail(Malformed)
		}
		s.pos++
	}
	*n++
	return true
}

func (s *scanner) skipObject() bool {
	if !s.open() {
		return false
	}
	for n := 0; ; {
		if _, ok := s.key(&n); !ok {
			return s.reason == ""
		}
		if _, ok := s.value(); !ok {
			return false
		}
	}
}

func (s *scanner) skipArray() bool {
	if !s.open() {
		return false
	}
	for n := 0; s.element(&n); {
		if _, ok := s.value(); !ok {
			return false
		}
	}
	return s.reason == ""
}

// number consumes a number. One longer than MaxNumberBytes is refused before it is judged: it can only be an attack on
// whoever turns it into a number later.
func (s *scanner) number() (value, bool) {
	b := s.buf
	start := s.pos
	i := start
	if i < len(b) && b[i] == '-' {
		i++
	}
	first := i
	i = digits(b, i)
	if i == first {
		return value{}, s.fail(Malformed)
	}
	good := b[first] != '0' || i == first+1
	if i < len(b) && b[i] == '.' {
		from := i + 1
		i = digits(b, from)
		good = good && i > from
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		from := i
		i = digits(b, from)
		good = good && i > from
	}
	s.pos = i
	if i-start > MaxNumberBytes {
		return value{}, s.fail(BadNumber)
	}
	if !good {
		return value{}, s.fail(Malformed)
	}
	return value{raw: b[start:i], kind: jsonNumber, esc: s.esc}, true
}

func digits(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}
