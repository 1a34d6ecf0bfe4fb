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
	room    *room
	limit   int
	now     func() time.Time
	batch   *sink.Batch
	started time.Time
	// last is the anchor of the last record that was read, committed or not.
	last sink.Anchor
	// lease is the batch's part of the room.
	lease lease
}

// reset begins an empty batch at the given offset.
func (b *builder) reset(from int64) {
	b.batch = sink.NewBatch(&b.room.memory, b.claim, from)
	b.started, b.lease = time.Time{}, lease{room: b.room}
}

// drop gives a batch up that was not offered.
func (b *builder) drop() {
	if b.batch != nil {
		b.lease.end()
		b.batch.Release()
		b.batch = nil
	}
}

func (b *builder) empty() bool { return b.batch.To == b.batch.From }

// full tells whether nothing more may go into the batch.
func (b *builder) full() bool {
	return b.batch.Weight() >= b.limit || b.lease.large != nil || !b.empty() && !b.lease.covers(b.batch.Bytes())
}

// aged tells whether the oldest offset of the batch has waited long enough.
func (b *builder) aged(age time.Duration) bool {
	return !b.empty() && b.left(age) <= 0
}

// left is how much longer the oldest offset of the batch may wait.
func (b *builder) left(age time.Duration) time.Duration { return age - b.now().Sub(b.started) }

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

// add takes an event of the record at offset, and tells whether there is room for what the batch holds now. In the middle of
// a record nothing can be offered, so a record may take recordBytes more than there is.
func (b *builder) add(offset int64, e *schemas.Event) bool {
	b.batch.Add(offset, e)
	return b.lease.covers(b.batch.Bytes() - recordBytes)
}

// record notes the verdict on a record whose events were added: if it is a reject they are taken back.
func (b *builder) record(rec *schemas.Record, res *schemas.Result) {
	if res.Reject != "" {
		b.batch.Drop(rec.Offset)
		sum := sha256.Sum256(rec.Value)
		b.batch.Quarantined = append(b.batch.Quarantined, sink.Range{
			From: rec.Offset, To: rec.Offset + 1, Reason: res.Reject, Size: int64(len(rec.Value)), SHA256: sum[:],
		})
	}
	b.seen(rec)
	b.advance(rec.Offset + 1)
}

// seen keeps the earliest and the latest time of the batch's records, never ahead of the clock. A time that is far ahead says
// nothing: in an old log it would pass for now.
func (b *builder) seen(rec *schemas.Record) {
	t, now := rec.Timestamp, b.now()
	if t.IsZero() || t.After(now.Add(schemas.MaxAhead)) {
		return
	}
	if t.After(now) {
		t = now
	}
	if b.batch.FirstTime.IsZero() || t.Before(b.batch.FirstTime) {
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
