package schemas

import (
	"encoding/binary"
	"math/bits"
)

// text consumes a string whose opening quote is at pos. Its escapes are checked, not resolved.
func (s *scanner) text() (value, bool) {
	if s.esc {
		return s.textInText()
	}
	start := s.pos + 1
	escaped := false
	for i := start; ; {
		i = stop(s.buf, i)
		if i >= len(s.buf) {
			return value{}, s.fail(Malformed)
		}
		switch s.buf[i] {
		case '"':
			s.pos = i + 1
			return value{raw: s.buf[start:i], kind: jsonString, escaped: escaped}, true
		case '\\':
			n := escapeLen(s.buf[i:])
			if n == 0 {
				return value{}, s.fail(Malformed)
			}
			i += n
			escaped = true
		default:
			return value{}, s.fail(Malformed)
		}
	}
}

// textInText is text for a string inside of a JSON string: \" ends it, \\ begins one of its own escapes.
func (s *scanner) textInText() (value, bool) {
	start := s.pos + 2
	escaped := false
	for i := start; ; {
		i = stop(s.buf, i)
		if i+1 >= len(s.buf) || s.buf[i] != '\\' {
			return value{}, s.fail(Malformed) // a bare quote ends the outer string, a control byte is not JSON
		}
		if s.buf[i+1] == '"' {
			s.pos = i + 2
			return value{raw: s.buf[start:i], kind: jsonString, esc: true, escaped: escaped}, true
		}
		n := s.escapeInText(s.buf[i:])
		if n == 0 {
			return value{}, s.fail(Malformed)
		}
		i += n
		escaped = true
	}
}

// escapeLen is the length of the escape that b begins with, 0 if it is none.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(b[2:]); ok {
			return 6
		}
	}
	return 0
}

// escapeInText is the length of what stands for one character, or for one inner escape, at a backslash in an escaped
// text; 0 if the inner text would not be JSON, or (odd) if only unescaping can tell.
func (s *scanner) escapeInText(b []byte) int {
	switch b[1] {
	case '/':
		return 2
	case 'u':
		r, ok := hex4(b[2:])
		if ok && (r == '"' || r == '\\') {
			s.odd = true
			return 0
		}
		if !ok || r < ' ' {
			return 0
		}
		return 6
	case '\\':
		return s.innerEscape(b)
	}
	return 0
}

// innerEscape measures an inner escape, whose backslash is written as the two bytes b begins with.
func (s *scanner) innerEscape(b []byte) int {
	if len(b) < 4 {
		return 0
	}
	switch b[2] {
	case '/', 'b', 'f', 'n', 'r', 't':
		return 3
	case 'u':
		if _, ok := hex4(b[3:]); ok {
			return 7
		}
		s.odd = s.odd || len(b) >= 7 && containsBackslash(b[3:7])
	case '\\':
		switch b[3] {
		case '"', '\\', '/':
			return 4
		case 'u':
			s.odd = true
		}
	}
	return 0
}

func containsBackslash(b []byte) bool {
	for _, c := range b {
		if c == '\\' {
			return true
		}
	}
	return false
}

// hex4 reads the four hex digits of a \u escape.
func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	r := rune(0)
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// stop is the position of the first quote, backslash or control byte of b at or after i, len(b) if there is none. Prompts
// are most of the bytes of a topic and are only ever skipped, by this loop: eight bytes a step, with the zero-in-word
// test (Hacker's Delight, 6-1); its lowest hit is exact.
func stop(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		quote, slash := w^('"'*ones), w^('\\'*ones)
		hit := ((quote - ones) &^ quote) | ((slash - ones) &^ slash) | ((w - ' '*ones) &^ w)
		if hit &= highs; hit != 0 {
			return i + bits.TrailingZeros64(hit)>>3
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c == '"' || c == '\\' || c < ' ' {
			return i
		}
	}
	return i
}
