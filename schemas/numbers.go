package schemas

import (
	"strconv"
	"time"
)

// maxDecimals bounds the decimals of a number that is kept: the longest literal that is accepted at all has fewer, so
// only an exponent can ask for more, and what it asks for is nothing that was measured.
const maxDecimals = MaxNumberBytes

// literal is the number that a value holds, as it was written: a JSON number, or a string that holds nothing else
// (PostHog's SDKs for Python send "12" at times).
func (d *Decoder) literal(v value) ([]byte, bool) {
	switch v.kind {
	case jsonNumber:
		return v.raw, true
	case jsonString:
		text, _ := d.plain(v)
		s := scanner{buf: text}
		if n, ok := s.number(); ok && s.pos == len(text) {
			return n.raw, true
		}
	}
	return nil, false
}

// decimal is the exact number that a value holds.
func (d *Decoder) decimal(v value) (Decimal, bool) {
	b, ok := d.literal(v)
	if !ok {
		return Decimal{}, false
	}
	if n, ok := shortDecimal(b); ok {
		return n, true
	}
	n, err := ParseDecimal(string(b))
	return n, err == nil && n.Scale() <= maxDecimals
}

// shortDecimal reads the numbers that are nearly all numbers, up to 18 digits without exponent, without allocating.
func shortDecimal(b []byte) (Decimal, bool) {
	if len(b) > 19 {
		return Decimal{}, false
	}
	var n, scale int64
	sign, point := int64(1), false
	for i, c := range b {
		switch {
		case c == '-' && i == 0:
			sign = -1
		case c == '.' && !point:
			point = true
		case c-'0' <= 9:
			n = n*10 + int64(c-'0')
			if point {
				scale++
			}
		default:
			return Decimal{}, false
		}
	}
	if scale > 18 {
		return Decimal{}, false
	}
	return NewDecimal(sign*n, uint16(scale)).trim(), true
}

// maxCount is the first whole number that is no count: 2^63.
var maxCount = newMaxCount()

func newMaxCount() Decimal {
	d, _ := ParseDecimal("9223372036854775808")
	return d
}

// count reads a number of tokens. What is there and is no number from 0 to 2^63 is CountInvalid: it must not pass for a
// missing count, or a call would be priced too low.
func (d *Decoder) count(v value) Count {
	if v.kind == absent {
		return Count{}
	}
	n, ok := d.decimal(v)
	if !ok || n.Sign() < 0 || n.large != nil && n.Cmp(maxCount) >= 0 {
		return Count{State: CountInvalid}
	}
	return Count{Exact: n, State: CountValid}
}

// usd is an amount of money, absent if the value is none: negative, not a number, an object.
func (d *Decoder) usd(v value) Opt[USD] {
	n, ok := d.decimal(v)
	if !ok || n.Sign() < 0 {
		return Opt[USD]{}
	}
	return Some(n)
}

// whole is a whole number of this size or less, for fields that count tries.
func (d *Decoder) whole(v value, most int64) Opt[int64] {
	n, ok := d.decimal(v)
	if !ok || n.large != nil || n.scale != 0 || n.small < 0 || n.small > most {
		return Opt[int64]{}
	}
	return Some(n.small)
}

// truth is a truth value: true, false, the same as text in any case, 1 and 0.
func (d *Decoder) truth(v value) Opt[bool] {
	switch v.kind {
	case jsonTrue:
		return Some(true)
	case jsonFalse:
		return Some(false)
	case jsonNumber, jsonString:
		switch d.word(v) {
		case "true", "1", "yes":
			return Some(true)
		case "false", "0", "no":
			return Some(false)
		}
	}
	return Opt[bool]{}
}

// word is a short text in lower case, "" for a longer one: the words that mean something are short.
func (d *Decoder) word(v value) string {
	if !v.scalar() {
		return ""
	}
	text, _ := d.plain(v)
	text = trimSpace(text)
	var small [24]byte
	if len(text) > len(small) {
		return ""
	}
	for i, c := range text {
		small[i] = lower(c)
	}
	return d.names.text(small[:len(text)])
}

// duration is a span of time, given as a number of units, absent below 0 and above MaxLatency. Microseconds are what producers measure in.
func (d *Decoder) duration(v value, unit time.Duration) Opt[time.Duration] {
	b, ok := d.literal(v)
	if !ok {
		return Opt[time.Duration]{}
	}
	f, err := strconv.ParseFloat(unsafeString(b), 64)
	if err != nil || f < 0 || f > float64(MaxLatency)/float64(unit) {
		return Opt[time.Duration]{}
	}
	return Some(time.Duration(f*float64(unit) + float64(time.Microsecond)/2).Truncate(time.Microsecond))
}
