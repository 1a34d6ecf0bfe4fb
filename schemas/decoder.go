package schemas

import (
	"bytes"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Decoder turns records into events. It is not safe for concurrent use and reuses its buffers: one per partition.
type Decoder struct {
	cfg     DecoderConfig
	formats []format
	arena   arena
	names   interner
	result  Result
	record  *Record
	topic   TopicConfig
	headers headers
	outer   shape
	inner   shape
	scratch []byte // unescaped text of this record
	key     []byte // an id while it is made
	usage   []byte // the path of a leaf of the raw usage object
	inputs  []CostInput
	stack   exceptions
	// lastURL and lastHost are the last base URL and what was made of it.
	lastURL, lastHost string
	// recovered is what an object in the place of the user's id holds.
	recovered properties
	// elements counts the events of this record, usable or not, decoded those that were; readable: all of it is JSON.
	elements, decoded int
	readable          bool
	// latest is what an event's time was last allowed to be: see ahead.
	latest time.Time
	// each, if set, is given every event when it is complete, instead of the result.
	each func(*Decoded)
}

// These bound the memory that one huge record leaves behind in a decoder.
const (
	maxKeptScratch = 1 << 20
	maxKeptEvents  = 256
)

// NewDecoder makes a decoder.
func NewDecoder(cfg DecoderConfig) *Decoder {
	if cfg.MaxValueBytes == 0 {
		cfg.MaxValueBytes = MaxValueBytes
	}
	return &Decoder{cfg: cfg, formats: knownFormats()}
}

// Decode reads one record. It never panics; the result, and every string in a Sensitive, is valid until the next Decode.
func (d *Decoder) Decode(rec *Record) *Result {
	d.begin(rec)
	d.decode()
	if d.result.Reject != "" {
		d.result.Format, d.result.Events, d.result.Wrappers = FormatNone, d.result.Events[:0], nil
		if d.readable {
			d.result.RejectedEvents = d.elements
		}
	}
	return &d.result
}

// Each is Decode for a record of any number of events: each is handed to take as soon as it is complete, is valid until
// take returns, and is not in the result. What it was told is void if the record is rejected in the end.
func (d *Decoder) Each(rec *Record, take func(*Decoded)) *Result {
	d.each = take
	defer func() { d.each = nil }()
	return d.Decode(rec)
}

// Release lets go of the last record: its bytes are part of a batch that may be tens of megabytes, and a partition without
// traffic would keep them. The last Result is no longer valid.
func (d *Decoder) Release() {
	d.record, d.headers = nil, headers{}
	d.outer, d.inner, d.recovered = shape{}, shape{}, properties{}
	d.stack.release()
	clear(d.inputs[:cap(d.inputs)])
	if cap(d.scratch) > maxKeptScratch {
		d.scratch = nil
	}
	events := d.result.Events[:0]
	if cap(events) > maxKeptEvents {
		events = nil
	}
	clear(events[:cap(events)])
	d.result = Result{Events: events}
}

func (d *Decoder) begin(rec *Record) {
	if cap(d.scratch) > maxKeptScratch {
		d.scratch = nil
	}
	d.scratch, d.record = d.scratch[:0], rec
	d.elements, d.decoded, d.readable = 0, 0, false
	d.stack.reset()
	d.topic = d.cfg.Topics[rec.Topic]
	d.headers = readHeaders(rec.Headers)
	events := d.result.Events[:0]
	if cap(events) > maxKeptEvents {
		events = nil
	}
	d.result = Result{Events: events}
}

func (d *Decoder) decode() {
	defer func() {
		if bug := recover(); bug != nil {
			d.result.Reject, d.result.Bug = Malformed, FaultyLine()
		}
	}()
	switch {
	case d.record.Value == nil: // a tombstone
	case d.headers.event != nil && foreignEvent(d.headers.event):
	case len(d.record.Value) > d.cfg.MaxValueBytes:
		d.result.Reject = Oversize
	default:
		d.result.Reject = d.document(d.record.Value)
	}
}

// FaultyLine names the line of ours that panicked, as function:line. It is for a deferred function that has recovered, and
// must be called by that function itself. It says nothing of the data.
func FaultyLine() string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	for {
		f, more := frames.Next()
		if strings.HasPrefix(f.Function, "github.com/tracetally/tracetally/") {
			return f.Function[strings.LastIndexByte(f.Function, '/')+1:] + ":" + strconv.Itoa(f.Line)
		}
		if !more {
			return "unknown"
		}
	}
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// document reads a whole value: one JSON text, or one a line. Whether it is JSON is decided to its last byte, so that
// Malformed wins over what else may be wrong with it.
func (d *Decoder) document(b []byte) Reason {
	b = bytes.TrimPrefix(b, byteOrderMark)
	s := scanner{buf: b}
	if c := s.next(); c != '{' && c != '[' && len(b) > 0 && foreignEncoding(b) {
		return UnsupportedEncoding
	}
	for line := 0; ; line++ {
		start := s.pos
		if !d.text(&s, min(line, 1)) {
			return s.reason
		}
		end := s.pos
		if !endOfLine(&s) {
			return Malformed
		}
		s.next()
		more := s.pos < len(b)
		if (more || line > 0) && bytes.IndexByte(b[start:end], '\n') >= 0 {
			return Malformed // several texts, and this one takes more than a line
		}
		if !more {
			d.readable = true
			return d.result.Reject
		}
		if line == 0 {
			d.result.Wrappers = append([]string{"ndjson"}, d.result.Wrappers...)
			d.headers.uuid = nil
		}
	}
}

// endOfLine moves over spaces and tells whether the line, or the text, ends there.
func endOfLine(s *scanner) bool {
	for ; s.pos < len(s.buf); s.pos++ {
		switch s.buf[s.pos] {
		case ' ', '\t', '\r':
		case '\n':
			return true
		default:
			return false
		}
	}
	return true
}

// text reads one JSON text at s: an object is a record of some format, an array holds several. It answers false if the
// text is no JSON; what is wrong beyond that goes to refuse.
func (d *Decoder) text(s *scanner, wrappers int) bool {
	switch s.next() {
	case '{':
		return d.object(s)
	case '[':
		return d.array(s, wrappers+1)
	}
	v, ok := s.value()
	if v.kind == jsonNull {
		d.refuse(Malformed)
	} else {
		d.refuse(UnknownFormat)
	}
	return ok
}

// refuse notes why the record cannot be used; the first reason stays.
func (d *Decoder) refuse(r Reason) {
	if d.result.Reject == "" {
		d.result.Reject = r
	}
}

func (d *Decoder) array(s *scanner, wrappers int) bool {
	if wrappers > MaxWrappers {
		d.refuse(TooManyWrappers)
		return s.skipArray()
	}
	if len(d.result.Wrappers) < wrappers {
		d.result.Wrappers = append(d.result.Wrappers, "array")
	}
	d.headers.uuid = nil // it cannot be the id of several events
	if !s.open() {
		return false
	}
	for n := 0; s.element(&n); {
		if !d.text(s, wrappers) {
			return false
		}
	}
	return s.reason == ""
}

// object reads one object and hands it to the format that knows it.
func (d *Decoder) object(s *scanner) bool {
	if !d.scanShape(s, &d.outer, &d.inner) {
		return false
	}
	for i := range d.formats {
		f := &d.formats[i]
		if d.topic.Format != FormatNone && d.topic.Format != f.name || !f.matches(&d.outer) {
			continue
		}
		if d.result.Format == FormatNone {
			d.result.Format = f.name
		}
		before := d.elements
		reason := Ambiguous
		if !d.outer.ambiguous {
			reason = f.decode(d, &d.outer)
		}
		d.elements = max(d.elements, before+1)
		d.refuse(reason)
		return true
	}
	d.elements++
	d.refuse(UnknownFormat)
	return true
}
