package schemas

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"unicode/utf8"
)

// plain is the text of a value: of a string what it stands for, of everything else its literal. whole is false if half a
// surrogate pair was in it. The result points into the record or into the decoder's scratch memory.
func (d *Decoder) plain(v value) (text []byte, whole bool) {
	if v.kind == jsonNull || v.kind == absent {
		return nil, true
	}
	if v.kind == jsonString && !v.escaped {
		return v.raw, true
	}
	raw, whole := v.raw, true
	if v.esc && (v.escaped || v.kind >= jsonObject) {
		raw, whole = d.unescape(raw)
	}
	if v.kind == jsonString {
		text, ok := d.unescape(raw)
		return text, ok && whole
	}
	return raw, whole
}

// unescape appends to the scratch memory of this record. What was handed out before stays valid: a grown slice leaves the
// old array to those who still point to it.
func (d *Decoder) unescape(b []byte) ([]byte, bool) {
	start := len(d.scratch)
	var whole bool
	d.scratch, whole = appendUnescaped(d.scratch, b)
	return d.scratch[start:len(d.scratch):len(d.scratch)], whole
}

// sensitive is the text of a value for a Sensitive: valid until the next Decode, neither repaired nor trimmed.
func (d *Decoder) sensitive(v value) string {
	text, _ := d.plain(v)
	return unsafeString(text)
}

// scalar tells whether a value can be a name or an id: objects and arrays are dropped, as PostHog does with ids.
func (v value) scalar() bool { return v.kind >= jsonFalse && v.kind <= jsonString }

// name is a value of few values (a model, an environment): repaired, trimmed, interned.
func (d *Decoder) name(v value, w *Warnings) string {
	if !v.scalar() {
		return ""
	}
	text, whole := d.plain(v)
	return d.names.text(d.tidy(text, whole, w))
}

// webLink is a URL that a dashboard may link to: http or https, no credentials, whole. Any other is dropped: trimmed or
// repaired it would lead elsewhere, and a javascript: URL would run in the reader's browser.
func (d *Decoder) webLink(v value) string {
	if v.kind != jsonString {
		return ""
	}
	text, whole := d.plain(v)
	text = trimSpace(text)
	rest, ok := bytes.CutPrefix(text, []byte("https://"))
	if !ok {
		rest, ok = bytes.CutPrefix(text, []byte("http://"))
	}
	host, _, _ := bytes.Cut(rest, []byte("/"))
	if !ok || !whole || needsHash(text) || bytes.IndexByte(host, '@') >= 0 || bytes.ContainsAny(text, " \"'<>\\`") {
		return ""
	}
	return d.arena.text(text)
}

// tidy makes a text fit for a table and a terminal: valid UTF-8 without control characters, white space off its ends, at
// most MaxTextBytes.
func (d *Decoder) tidy(text []byte, whole bool, w *Warnings) []byte {
	text = trimSpace(text)
	if !whole {
		*w |= WarnTextRepaired
	}
	if len(text) > MaxTextBytes+utf8.UTFMax*MaxTextBytes {
		// The rest cannot reach the result, and repairing it would let one long value cost as much as it likes.
		text = text[:MaxTextBytes+utf8.UTFMax*MaxTextBytes]
		*w |= WarnTextTrimmed
	}
	if !clean(text) {
		*w |= WarnTextRepaired
		text = d.repair(text)
	}
	if len(text) > MaxTextBytes {
		*w |= WarnTextTrimmed
		text = text[:runeBoundary(text, MaxTextBytes)]
	}
	return text
}

// repair replaces every unfit character by U+FFFD.
func (d *Decoder) repair(text []byte) []byte {
	start := len(d.scratch)
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if unfit(r) {
			r = utf8.RuneError
		}
		d.scratch = utf8.AppendRune(d.scratch, r)
		text = text[n:]
	}
	return d.scratch[start:len(d.scratch):len(d.scratch)]
}

// clean tells whether a text can be kept as it is.
func clean(text []byte) bool {
	ascii := true
	for _, c := range text {
		if c < ' ' || c == 0x7f {
			return false
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	if ascii {
		return true
	}
	if !utf8.Valid(text) {
		return false
	}
	for _, r := range unsafeString(text) {
		if unfit(r) {
			return false
		}
	}
	return true
}

// unfit are the characters that forge lines, hide text or turn it around: control characters (C0, DEL, C1), line and
// paragraph separators, and the bidirectional controls of Unicode UAX #9.
func unfit(r rune) bool {
	switch {
	case r < ' ', r >= 0x7f && r <= 0x9f:
		return true
	case r == 0x061c, r == 0x200e, r == 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
		return true
	}
	return false
}

// runeBoundary is the last position at or before n where a character of valid UTF-8 begins.
func runeBoundary(text []byte, n int) int {
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return n
}

func trimSpace(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] >= '\t' && b[0] <= '\r') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] >= '\t' && b[len(b)-1] <= '\r') {
		b = b[:len(b)-1]
	}
	return b
}

// hashedPrefix marks an id that could not be kept as sent: too long, or with characters that must not be kept. Trimming
// or repairing would make two different ids equal, a hash does not.
const hashedPrefix = "sha256:"

// appendHashed appends the key that stands for such an id: half of its SHA-256 in hex.
func appendHashed(dst, id []byte) []byte {
	sum := sha256.Sum256(id)
	dst = append(dst, hashedPrefix...)
	return hex.AppendEncode(dst, sum[:16])
}

// needsHash tells whether an id cannot be kept as sent.
func needsHash(id []byte) bool { return len(id) > MaxTextBytes || !clean(id) }
