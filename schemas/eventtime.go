package schemas

import (
	"encoding/hex"
	"time"
)

// Years outside of these are a clock that was never set or a unit that was misread, not a time.
const (
	minYear = 1970
	maxYear = 2199
)

// timeOf is the time of an event: the one it states, else the one in its id if that is a UUID of version 7, else the
// record's, else zero. Only the first goes without the warning bad_time. It depends on nothing but the record's bytes
// and timestamp, so every copy of an event gets the same time.
func (d *Decoder) timeOf(stamp value, id string, w *Warnings) time.Time {
	if stamp.kind == jsonString {
		text, _ := d.plain(stamp)
		if t, ok := parseTime(trimSpace(text)); ok {
			return t
		}
	}
	*w |= WarnBadTime
	if t, ok := uuidTime(id); ok {
		return t
	}
	return d.recordTime()
}

// recordTime is the record's timestamp, zero if it has none or one that was never a time: Kafka takes any 64-bit number.
func (d *Decoder) recordTime() time.Time {
	t := d.record.Timestamp.UTC()
	if !plausible(t) {
		return time.Time{}
	}
	return t.Truncate(time.Microsecond)
}

func plausible(t time.Time) bool { return t.Year() >= minYear && t.Year() <= maxYear }

// uuidTime is the time in a UUID of version 7: its first 48 bits are milliseconds since 1970 (RFC 9562, 5.7).
func uuidTime(id string) (time.Time, bool) {
	if len(id) != 36 || id[14] != '7' || !hexID([]byte(id)) {
		return time.Time{}, false
	}
	var digits [12]byte
	copy(digits[:], id[:8])
	copy(digits[8:], id[9:13])
	var b [6]byte
	if _, err := hex.Decode(b[:], digits[:]); err != nil {
		return time.Time{}, false
	}
	ms := int64(0)
	for _, c := range b {
		ms = ms<<8 | int64(c)
	}
	t := time.UnixMilli(ms).UTC()
	return t, plausible(t)
}

// parseTime reads RFC 3339 with any offset and fraction, and ClickHouse's form of it: a space instead of the T and no
// zone, which is UTC. The result is UTC, cut to microseconds.
func parseTime(b []byte) (time.Time, bool) {
	if len(b) < 19 || b[4] != '-' || b[7] != '-' || b[13] != ':' || b[16] != ':' || b[10]|0x20 != 't' && b[10] != ' ' {
		return time.Time{}, false
	}
	year, ok0 := number(b[0:4])
	month, ok1 := number(b[5:7])
	day, ok2 := number(b[8:10])
	hour, ok3 := number(b[11:13])
	minute, ok4 := number(b[14:16])
	second, ok5 := number(b[17:19])
	nanos, rest, ok6 := fraction(b[19:])
	offset, ok7 := zone(rest)
	if !(ok0 && ok1 && ok2 && ok3 && ok4 && ok5 && ok6 && ok7) || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC)
	if t.Day() != day || int(t.Month()) != month { // the 30th of February
		return time.Time{}, false
	}
	t = t.Add(-offset).Truncate(time.Microsecond)
	return t, plausible(t)
}

// number reads digits only.
func number(b []byte) (n int, ok bool) {
	for _, c := range b {
		if c-'0' > 9 {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, len(b) > 0
}

// fraction reads the decimals of a second, to the nanosecond; any further ones are passed over.
func fraction(b []byte) (nanos int, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '.' && b[0] != ',' {
		return 0, b, true
	}
	i := 1
	for unit := 100_000_000; i < len(b) && b[i]-'0' <= 9; i++ {
		nanos += unit * int(b[i]-'0')
		unit /= 10
	}
	return nanos, b[i:], i > 1
}

// zone reads Z, +hh:mm, +hhmm, +hh or nothing (UTC).
func zone(b []byte) (time.Duration, bool) {
	if len(b) == 0 || len(b) == 1 && b[0]|0x20 == 'z' {
		return 0, true
	}
	if b[0] != '+' && b[0] != '-' || len(b) < 3 {
		return 0, false
	}
	hours, ok := number(b[1:3])
	minutes, rest := 0, b[3:]
	if len(rest) > 0 {
		if rest[0] == ':' {
			rest = rest[1:]
		}
		var whole bool
		minutes, whole = number(rest)
		ok = ok && whole && len(rest) == 2
	}
	if !ok || hours > 23 || minutes > 59 {
		return 0, false
	}
	offset := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if b[0] == '-' {
		offset = -offset
	}
	return offset, true
}
