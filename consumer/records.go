package consumer

import (
	"encoding/binary"
	"errors"
	"math"
	"time"
	"unsafe"

	"github.com/tracetally/tracetally/schemas"
)

const (
	// minRecordBytes is a record of nothing: length, attributes, two deltas, key, value and headers take a byte each.
	minRecordBytes = 7
	// maxHeaders of one record: more is no use of headers that we know of, and each takes 20 times its bytes.
	maxHeaders = 1000
	// maxMillis is the end of the year 9999, the last that texts and tables can hold.
	maxMillis = 253402300799999
	// maxNames bounds the header names that a reader remembers, and maxNameBytes their length.
	maxNames, maxNameBytes = 256, 64

	recordBytes = int(unsafe.Sizeof(schemas.Record{}))
	headerBytes = int(unsafe.Sizeof(schemas.Header{}))
)

var errLies = errors.New("batch does not hold what it claims")

// decoder turns the payload of batches into records. Its slices are reused from chunk to chunk.
type decoder struct {
	topic     string
	partition int32
	limit     int // of the memory that the records of one batch take

	records []schemas.Record
	headers []schemas.Header
	names   map[string]string // header names seen: producers use few, and each record repeats them
	bad     []BadRange
}

// decode appends the records of b at offset from and later. It is all or nothing: records that are not what the header
// claims in number, size or order leave no trace and give an error. Only a record with too many headers, whose
// neighbours are none the worse, becomes a bad range of its own.
func (d *decoder) decode(b *batch, payload []byte, from int64) error {
	if b.count < 0 || b.count > len(payload)/minRecordBytes || b.count > d.limit/recordBytes {
		return errLies
	}
	records, headers, bad := len(d.records), len(d.headers), len(d.bad)
	room := d.limit / headerBytes
	last := b.base - 1
	for range b.count {
		body, rest, ok := takeRecord(payload)
		payload = rest
		rec := schemas.Record{Topic: d.topic, Partition: d.partition}
		tooMany := false
		if ok {
			tooMany, ok = d.record(&rec, b, body, room-(len(d.headers)-headers))
		}
		if !ok || rec.Offset <= last || rec.Offset > b.last {
			d.records, d.headers, d.bad = d.records[:records], d.headers[:headers], d.bad[:bad]
			return errLies
		}
		last = rec.Offset
		switch {
		case last < from:
		case tooMany:
			d.bad = append(d.bad, BadRange{From: last, To: last + 1, Reason: schemas.BadBatch, Size: len(body)})
		default:
			d.records = append(d.records, rec)
		}
	}
	if len(payload) > 0 {
		d.records, d.headers, d.bad = d.records[:records], d.headers[:headers], d.bad[:bad]
		return errLies
	}
	return nil
}

// takeRecord splits off the first record, without its length.
func takeRecord(b []byte) (rec, rest []byte, ok bool) {
	n, width := binary.Varint(b)
	if width <= 0 || n < 0 || n > int64(len(b)-width) {
		return nil, nil, false
	}
	end := width + int(n)
	return b[width:end], b[end:], true
}

// record reads https://kafka.apache.org/documentation/#record. It must use up the body.
func (d *decoder) record(rec *schemas.Record, b *batch, body []byte, room int) (tooMany, ok bool) {
	if len(body) == 0 {
		return false, false
	}
	f := fields{b: body[1:]} // no attribute of a record is in use
	rec.Timestamp = timestamp(b, f.varint())
	delta := f.varint()
	if delta < 0 || delta > math.MaxInt32 {
		return false, false
	}
	rec.Offset = b.base + delta
	rec.Key = f.bytes()
	rec.Value = f.bytes()
	n := f.varint()
	if f.bad || n < 0 || n > int64(len(f.b)/2) {
		return false, false
	}
	if n > maxHeaders || int(n) > room {
		return true, true
	}
	first := len(d.headers)
	for range n {
		key := f.bytes()
		h := schemas.Header{Key: d.name(key), Value: f.bytes()}
		f.bad = f.bad || key == nil // a header has a name, be it empty
		d.headers = append(d.headers, h)
	}
	if n > 0 {
		rec.Headers = d.headers[first:len(d.headers):len(d.headers)]
	}
	return false, !f.bad && len(f.b) == 0
}

// timestamp is zero when the producer gave none, or one that no calendar has.
func timestamp(b *batch, delta int64) time.Time {
	millis := b.baseTime + delta
	if b.logAppendTime() {
		millis = b.maxTime
	}
	if millis < 0 || millis > maxMillis {
		return time.Time{}
	}
	return time.UnixMilli(millis).UTC()
}

// name is b as a string; the usual names cost nothing.
func (d *decoder) name(b []byte) string {
	if s, ok := d.names[string(b)]; ok {
		return s
	}
	s := string(b)
	if len(b) <= maxNameBytes && len(d.names) < maxNames {
		if d.names == nil {
			d.names = map[string]string{}
		}
		d.names[s] = s
	}
	return s
}

// release forgets the records, and with them the buffers that they point into.
func (d *decoder) release() {
	clear(d.records)
	clear(d.headers)
	d.records, d.headers, d.bad = d.records[:0], d.headers[:0], d.bad[:0]
	if cap(d.records)*recordBytes+cap(d.headers)*headerBytes > maxKept {
		d.records, d.headers = nil, nil
	}
}

// fields reads the variable-length fields of a record. Past the end, or where a length makes no sense, it gives zeros and
// remembers.
type fields struct {
	b   []byte
	bad bool
}

func (f *fields) varint() int64 {
	n, width := binary.Varint(f.b)
	if width <= 0 {
		f.b, f.bad = nil, true
		return 0
	}
	f.b = f.b[width:]
	return n
}

// bytes reads a length and as many bytes; nil for the length -1, which is null.
func (f *fields) bytes() []byte {
	n := f.varint()
	if n < -1 || n > int64(len(f.b)) {
		f.b, f.bad = nil, true
		return nil
	}
	if n < 0 || f.bad {
		return nil
	}
	b := f.b[:n:n]
	f.b = f.b[n:]
	return b
}
