package traffic

import (
	"encoding/json"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// object is a JSON object with its fields in the order in which a producer writes them, which Go's maps do not keep.
type object []field

type field struct {
	key   string
	value any
}

// set adds a field, or replaces the one of that name.
func (o object) set(key string, value any) object {
	for i := range o {
		if o[i].key == key {
			o[i].value = value
			return o
		}
	}
	return append(o, field{key, value})
}

// dialect is how a producer writes JSON. JavaScript and Rust write it without blanks and in UTF-8; Python's json.dumps
// puts a blank after each comma and colon and escapes everything beyond ASCII.
type dialect uint8

const (
	compact dialect = iota
	pythonic
)

func (d dialect) encode(v any) []byte { return d.append(nil, v) }

func (d dialect) append(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case string:
		return d.appendString(b, v)
	case bool:
		return strconv.AppendBool(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case json.Number:
		return append(b, v...)
	case json.RawMessage:
		return append(b, v...)
	case object:
		return d.appendObject(b, v)
	case []any:
		return d.appendArray(b, v)
	}
	panic("traffic: no JSON for this type")
}

func (d dialect) appendObject(b []byte, o object) []byte {
	b = append(b, '{')
	for i, f := range o {
		if i > 0 {
			b = d.separate(b, ',')
		}
		b = d.separate(d.appendString(b, f.key), ':')
		b = d.append(b, f.value)
	}
	return append(b, '}')
}

func (d dialect) appendArray(b []byte, values []any) []byte {
	b = append(b, '[')
	for i, v := range values {
		if i > 0 {
			b = d.separate(b, ',')
		}
		b = d.append(b, v)
	}
	return append(b, ']')
}

func (d dialect) separate(b []byte, sign byte) []byte {
	b = append(b, sign)
	if d == pythonic {
		b = append(b, ' ')
	}
	return b
}

func (d dialect) appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, '\\', 'n')
		case r == '\t':
			b = append(b, '\\', 't')
		case r < 0x20 || d == pythonic && r >= utf8.RuneSelf:
			b = appendEscape(b, r)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

// appendEscape writes \uXXXX, twice for what lies beyond the basic plane.
func appendEscape(b []byte, r rune) []byte {
	units := utf16.AppendRune(nil, r)
	for _, u := range units {
		b = append(b, '\\', 'u')
		for shift := 12; shift >= 0; shift -= 4 {
			b = append(b, "0123456789abcdef"[u>>shift&15])
		}
	}
	return b
}
