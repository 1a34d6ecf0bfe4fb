package pipeline

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/tracetally/tracetally/consumer"
	"github.com/tracetally/tracetally/schemas"
	"github.com/tracetally/tracetally/sink"
)

// builder gathers what one partition offers to the committer next. It works through the chunks of the reader in order of
// offset and may stop inside one, so that no chunk, however many events it unpacks to, makes a batch larger than the limit.
type builder struct {
	claim   sink.Claim
	limit   int
	now     func() time.Time
	batch   *sink.Batch
	started time.Time
	// last is the anchor of the last record that was read, committed or not.
	last sink.Anchor
	// spare is the memory of a committed batch, for the next one: events are large, and a batch that grew from nothing
	// would be copied several times on its way.
	spare sink.Batch
}

// reset begins an empty batch at the given offset.
func (b *builder) reset(from int64) {
	b.batch = &sink.Batch{Claim: b.claim, From: from, To: from, Events: b.spare.Events, Records: b.spare.Records}
	b.started, b.spare = time.Time{}, sink.Batch{}
}

// recycle takes back the memory of a batch that is committed and that nobody looks at any more. A batch that used little
// of its memory gives it up, so that a partition whose backlog is done does not hold on to it.
func (b *builder) recycle(done *sink.Batch) {
	if len(done.Events) < cap(done.Events)/4 || cap(done.Events) > 2*b.limit {
		return
	}
	clear(done.Events) // the strings of the old events must not live on behind the new ones
	b.spare = sink.Batch{Events: done.Events[:0], Records: done.Records[:0]}
}

func (b *builder) empty() bool { return b.batch.To == b.batch.From }

func (b *builder) full() bool { return b.batch.Weight() >= b.limit }

// aged tells whether the oldest offset of the batch has waited long enough.
func (b *builder) aged(age time.Duration) bool {
	return !b.empty() && b.now().Sub(b.started) >= age
}

// advance moves the end of the batch; offsets in between that nothing was said of are ignored ones.
func (b *builder) advance(to int64) {
	if b.empty() {
		b.started = b.now()
	}
	b.batch.To = max(b.batch.To, to)
}

// gap declares offsets that Kafka deleted before they were read.
func (b *builder) gap(to int64) {
	b.batch.Gaps = append(b.batch.Gaps, sink.Range{From: b.batch.To, To: to})
	b.advance(to)
}

// bad sets a range aside whose batch could not be decoded.
func (b *builder) bad(r consumer.BadRange) {
	set := sink.Range{From: r.From, To: r.To, Reason: r.Reason, Size: int64(r.Size)}
	if r.SHA256 != [32]byte{} {
		set.SHA256 = bytes.Clone(r.SHA256[:])
	}
	b.batch.Quarantined = append(b.batch.Quarantined, set)
	b.advance(r.To)
}

// record adds what the line made of one record.
func (b *builder) record(rec *schemas.Record, res *schemas.Result) {
	if res.Reject != "" {
		sum := sha256.Sum256(rec.Value)
		b.batch.Quarantined = append(b.batch.Quarantined, sink.Range{
			From: rec.Offset, To: rec.Offset + 1, Reason: res.Reject, Size: int64(len(rec.Value)), SHA256: sum[:],
		})
	} else {
		b.events(rec, res)
	}
	b.seen(rec)
	b.advance(rec.Offset + 1)
}

func (b *builder) events(rec *schemas.Record, res *schemas.Result) {
	first := len(b.batch.Events)
	for i := range res.Events {
		if !res.Events[i].Ignored {
			b.batch.Events = append(b.batch.Events, res.Events[i].Event)
		}
	}
	if n := len(b.batch.Events) - first; n > 0 {
		b.batch.Records = append(b.batch.Records, sink.RecordEvents{Offset: rec.Offset, First: first, N: n})
	}
}

// seen keeps the time of the batch's first record and its watermark: the latest time of one, never ahead of the clock.
func (b *builder) seen(rec *schemas.Record) {
	t := rec.Timestamp
	if now := b.now(); t.After(now) {
		t = now
	}
	if b.batch.FirstTime.IsZero() {
		b.batch.FirstTime = t
	}
	if t.After(b.batch.Watermark) {
		b.batch.Watermark = t
	}
}

// anchor notes what the log held just below the next offset, to notice a log that was replaced behind our back. It hashes
// a whole value, so it is taken once per cut, not per record.
func (b *builder) anchor(rec *schemas.Record) {
	b.last = sink.Anchor{Offset: rec.Offset, Hash: anchorHash(rec)}
	b.batch.Anchor = b.last
}

// anchorHash identifies a record by what a producer and broker fixed: timestamp, key, value.
func anchorHash(rec *schemas.Record) []byte {
	h := sha256.New()
	var n [24]byte
	binary.BigEndian.PutUint64(n[0:], uint64(rec.Timestamp.UnixMilli()))
	binary.BigEndian.PutUint64(n[8:], uint64(len(rec.Key)))
	binary.BigEndian.PutUint64(n[16:], uint64(len(rec.Value)))
	h.Write(n[:])
	h.Write(rec.Key)
	h.Write(rec.Value)
	return h.Sum(nil)[:16]
}
