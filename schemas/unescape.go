package schemas

import "unicode/utf8"

// appendUnescaped appends the text that the content of a JSON string stands for, and tells whether all of it could be
// read: half a surrogate pair becomes U+FFFD. The content has been scanned, so its escapes are well formed.
func appendUnescaped(dst, src []byte) ([]byte, bool) {
	whole := true
	for {
		i := nextBackslash(src)
		dst = append(dst, src[:i]...)
		if i+1 >= len(src) {
			return dst, whole
		}
		n := 2
		switch c := src[i+1]; c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			var r rune
			var ok bool
			r, n, ok = unicodeEscape(src[i:])
			whole = whole && ok
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, c)
		}
		src = src[i+n:]
	}
}

// nextBackslash is the position of the first backslash of b, or its length.
func nextBackslash(b []byte) int {
	for i := 0; ; i++ {
		if i = stop(b, i); i >= len(b) || b[i] == '\\' {
			return i
		}
	}
}

// unicodeEscape reads \uXXXX, or two of them that form a surrogate pair: the character, the bytes it took, and whether it
// is one.
func unicodeEscape(b []byte) (rune, int, bool) {
	r, ok := hex4(b[2:])
	if !ok {
		return utf8.RuneError, min(len(b), 6), false
	}
	if r < 0xD800 || r > 0xDFFF {
		return r, 6, true
	}
	if r < 0xDC00 && len(b) >= 12 && b[6] == '\\' && b[7] == 'u' {
		if low, ok := hex4(b[8:]); ok && low >= 0xDC00 && low <= 0xDFFF {
			return (r-0xD800)<<10 | (low - 0xDC00) + 0x10000, 12, true
		}
	}
	return utf8.RuneError, 6, false
}
