package schemas

// NormalizeTraceID makes the spellings of one trace id equal: white space off the ends, a UUID without its hyphens, 32 hex
// digits in lower case, so that an id set by OpenTelemetry equals the same one written as a UUID. Every other id is opaque
// and stays as it is; one that is longer than MaxTextBytes or holds characters that must not be kept becomes a hash.
// ok is false for what is no id at all: the empty string, all zeros, and what programs write when they have none.
func NormalizeTraceID(raw string) (norm string, ok bool) {
	b, ok := appendTraceID(make([]byte, 0, 64), []byte(raw))
	return string(b), ok
}

func appendTraceID(dst, raw []byte) ([]byte, bool) {
	raw = trimSpace(raw)
	if noTraceID(raw) {
		return dst, false
	}
	if hexID(raw) {
		for _, c := range raw {
			if c != '-' {
				dst = append(dst, lower(c))
			}
		}
		return dst, true
	}
	if needsHash(raw) {
		return appendHashed(dst, raw), true
	}
	return append(dst, raw...), true
}

// noTraceID knows the values that stand for a missing id. As a key they would join every event that lacks one.
func noTraceID(id []byte) bool {
	switch len(id) {
	case 0:
		return true
	case 3, 4, 9, 15: // the lengths of the words below
		var word [15]byte
		for i, c := range id {
			word[i] = lower(c)
		}
		switch string(word[:len(id)]) {
		case "nil", "null", "none", "test", "undefined", "[object object]":
			return true
		}
	}
	for _, c := range id {
		if c != '0' && c != '-' {
			return false
		}
	}
	return true
}

// hexID tells whether an id is a UUID or 32 hex digits.
func hexID(id []byte) bool {
	if len(id) != 32 && len(id) != 36 {
		return false
	}
	for i, c := range id {
		hyphen := len(id) == 36 && (i == 8 || i == 13 || i == 18 || i == 23)
		if hyphen != (c == '-') || !hyphen && !hexDigit(c) {
			return false
		}
	}
	return true
}

func hexDigit(c byte) bool {
	return c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'f'
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// traceID is the normalised id that a value holds, or "".
func (d *Decoder) traceID(v value) string {
	if !v.scalar() {
		return ""
	}
	text, _ := d.plain(v)
	return d.traceIDOf(text)
}

func (d *Decoder) traceIDOf(text []byte) string {
	b, ok := appendTraceID(d.key[:0], text)
	if d.key = b; !ok {
		return ""
	}
	return d.arena.text(b)
}

// eventID is an id that is compared as it is (an event's, a request's): as sent, a UUID in lower case so that the same
// event meets itself whoever wrote it, a hash if it cannot be kept. What stands for a missing id is none: with "undefined"
// for an id, all events but the first would be duplicates.
func (d *Decoder) eventID(v value) string {
	if v.kind != jsonString && v.kind != jsonNumber {
		return ""
	}
	text, _ := d.plain(v)
	return d.eventIDOf(text)
}

func (d *Decoder) eventIDOf(text []byte) string {
	text = trimSpace(text)
	if noTraceID(text) {
		return ""
	}
	b := d.key[:0]
	switch {
	case len(text) == 36 && hexID(text):
		for _, c := range text {
			b = append(b, lower(c))
		}
	case needsHash(text):
		b = appendHashed(b, text)
	default:
		b = append(b, text...)
	}
	d.key = b
	return d.arena.text(b)
}
