package schemas

import (
	"encoding/binary"
	"math/bits"
)

// text consumes a string whose opening quote is at pos. Its escapes are checked, not resolved.
//
// Prompts are most of the bytes of a topic and are only ever passed over, here and in textInText: eight bytes a step, in
// one function, since text is full of escapes and a call for each of them would cost more than the bytes between.
func (s *scanner) text() (value, bool) {
	if s.esc {
		return s.textInText()
	}
	b, start := s.buf, s.pos+1
	escaped := false
	for i := start; i < len(b); {
		if i+8 <= len(b) {
			hit := special(binary.LittleEndian.Uint64(b[i:]))
			if hit == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(hit) >> 3
		}
		switch c := b[i]; {
		case c == '"':
			s.pos = i + 1
			return value{raw: b[start:i], kind: jsonString, escaped: escaped}, true
		case c == '\\':
			escaped = true
			if i+1 < len(b) && simpleEscape[b[i+1]] {
				i += 2
				continue
			}
			if escapeLen(b[i:]) == 0 {
				return value{}, s.fail(Malformed)
			}
			i += 6
		case c < ' ':
			return value{}, s.fail(Malformed)
		default: // one of the last seven bytes
			i++
		}
	}
	return value{}, s.fail(Malformed)
}

// textInText is text for a string inside of a JSON string: \" ends it, \\ begins one of its own escapes.
func (s *scanner) textInText() (value, bool) {
	b, start := s.buf, s.pos+2
	escaped := false
	for i := start; i+1 < len(b); {
		if i+8 <= len(b) {
			hit := special(binary.LittleEndian.Uint64(b[i:]))
			if hit == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(hit) >> 3
		}
		switch c := b[i]; {
		case c == '\\' && i+2 < len(b) && b[i+1] == '\\' && b[i+2] != '"' && simpleEscape[b[i+2]] && b[i+2] != '\\':
			escaped = true
			i += 3
		case c == '\\' && i+1 < len(b) && b[i+1] == '"':
			s.pos = i + 2
			return value{raw: b[start:i], kind: jsonString, esc: true, escaped: escaped}, true
		case c == '\\':
			n := s.escapeInText(b[i:])
			if n == 0 {
				return value{}, s.fail(Malformed)
			}
			escaped = true
			i += n
		case c == '"' || c < ' ': // the end of the outer string, or no JSON
			return value{}, s.fail(Malformed)
		default:
			i++
		}
	}
	return value{}, s.fail(Malformed)
}

// simpleEscape holds the characters that may follow a backslash, but u.
var simpleEscape = [256]bool{'"': true, '\\': true, '/': true, 'b': true, 'f': true, 'n': true, 'r': true, 't': true}

// escapeLen is the length of the escape that b begins with, 0 if it is none.
func escapeLen(b []byte) int {
	if len(b) > 1 && simpleEscape[b[1]] {
		return 2
	}
	if len(b) > 1 && b[1] == 'u' {
		if _, ok := hex4(b[2:]); ok {
			return 6
		}
	}
	return 0
}

// escapeInText is the length of what stands for one character, or for one inner escape, at a backslash in an escaped
// text; 0 if the inner text would not be JSON, or (odd) if only unescaping can tell.
func (s *scanner) escapeInText(b []byte) int {
	if len(b) < 2 {
		return 0
	}
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

// special marks the quotes, backslashes and control bytes of eight bytes: the lowest high bit is exact, those above it may
// err. It is the zero-in-word test (Hacker's Delight, 6-1), once for the backslash, and once for all below 0x21 after
// the exclusive or with 2, which is the control bytes and the quote.
func special(w uint64) uint64 {
	return (((w ^ 0x02*ones) - 0x21*ones) | ((w ^ '\\'*ones) - ones)) &^ w & highs
}

// stop is the position of the first quote, backslash or control byte of b at or after i, len(b) if there is none.
func stop(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		if hit := special(binary.LittleEndian.Uint64(b[i:])); hit != 0 {
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
