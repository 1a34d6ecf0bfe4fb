package sink

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/tracetally/tracetally/schemas"
)

// Claim is the right to commit one partition, for as long as nobody else acquires it.
type Claim struct {
	Topic     string
	Partition int32
	// Token is new with every Acquire; a commit with an older one is fenced.
	Token uuid.UUID
	// Next is the first offset that is not accounted for yet: read from here.
	Next int64
	// StartOffset was resolved when the partition was first seen and never changes.
	StartOffset int64
	// Anchor is the last record before Next, to recognise a log that was replaced.
	Anchor Anchor
	// ClusterID is the Kafka cluster that the partition was first read from.
	ClusterID string
	// LeaderEpoch is the highest one seen, -1 when unknown.
	LeaderEpoch int32
	// Status is StatusRunning, or why the partition is halted.
	Status string
	// SourceID is the database's short name for this partition and incarnation.
	SourceID int32
}

// Anchor identifies the record before the next offset. Hash is over timestamp, key and value; nil when there is none.
type Anchor struct {
	Offset int64
	Hash   []byte
}

// Range is a run of offsets, To not included.
type Range struct {
	From, To int64
	// Reason says why the range is quarantined. Gaps have none.
	Reason schemas.Reason
	// Size is the number of bytes of the range's keys and values, 0 when unknown.
	Size int64
	// SHA256 is the hash of the record's value when the range is one record, else nil. Collapsed ranges keep the exclusive
	// or of their records' hashes, so that a part can be taken out again.
	SHA256 []byte
}

// RecordEvents says which events of a batch came from one record: N from First on, in the record's order.
type RecordEvents struct {
	Offset   int64
	First, N int
}

// Batch is what one partition commits at once: every offset of [From, To), each with one verdict.
type Batch struct {
	Claim    Claim
	From, To int64
	// Records are the records that hold counted events, ascending; Add makes them. An offset in none of Records,
	// Quarantined and Gaps is ignored.
	Records []RecordEvents
	// Quarantined and Gaps are ascending and overlap nothing.
	Quarantined, Gaps []Range
	// FirstTime is the earliest timestamp of the batch's records; without it Watermark is taken. The partition's watermark,
	// by which the horizon goes, is the latest FirstTime: so one record with a clock that is ahead does not pass for all of a
	// log being read, which would make the rest of it late.
	FirstTime time.Time
	// Watermark is the latest record timestamp of the batch, for metrics. If both are zero the partition's stays as it is.
	Watermark time.Time
	// Anchor is the record at To−1, if its hash is known.
	Anchor Anchor
	// LeaderEpoch is the partition's, 0 or less when unknown.
	LeaderEpoch int32
	// Urgent: the partition has more to read than it may hold and waits for this commit, so the committer does not wait
	// for others. While it writes, those of the other partitions gather.
	Urgent bool

	rowStore
	labels
}

// NewBatch is an empty batch that takes its memory from m and gives it back with Release. A Batch that is made otherwise
// takes new memory.
func NewBatch(m *Memory, c Claim, from int64) *Batch {
	b := &Batch{Claim: c, From: from, To: from, rowStore: rowStore{memory: m}}
	b.labels, b.Records = m.labels()
	return b
}

// Release gives back the memory of a batch that nobody looks at any more.
func (b *Batch) Release() {
	b.memory.giveLabels(&b.labels, b.Records)
	b.rowStore.release()
	b.labels, b.Records = labels{}, nil
}

// Weight is about how much a batch holds, in events; a range takes as much room as one.
func (b *Batch) Weight() int { return b.n + len(b.Quarantined) + len(b.Gaps) }

// Bytes is about how much memory a batch holds.
func (b *Batch) Bytes() int {
	return b.bytes() + len(b.dims)*dimsBytes + len(b.failures)*failureBytes + len(b.Records)*recordBytes +
		(len(b.Quarantined)+len(b.Gaps))*rangeBytes
}

// RecordCounts are the verdicts on offsets: each offset of a batch has exactly one.
type RecordCounts struct {
	Counted, Duplicate, Late, Quarantined, Ignored, Gap int64
}

// Sum is the number of offsets.
func (c RecordCounts) Sum() int64 {
	return c.Counted + c.Duplicate + c.Late + c.Quarantined + c.Ignored + c.Gap
}

// EventCounts are the verdicts on events: each event has exactly one. A duplicate whose content differs from the one
// that counted is conflicting instead.
type EventCounts struct {
	New, Duplicate, Late, Conflicting int64
}

// Outcome is what became of a batch.
type Outcome struct {
	// Fenced: the partition has another owner, or the batch does not start at the next offset. Nothing was written, unless
	// the batch had to be cut to find a record that Postgres refused: then Records tells what was written before.
	Fenced bool
	// New tells for each event of the batch whether it counted: what was late, duplicate or rejected did not. Metrics may
	// count exactly these.
	New     []bool
	Records RecordCounts
	Events  EventCounts
}

// ErrBadBatch is a batch that contradicts itself: a bug of its maker.
var ErrBadBatch = errors.New("batch contradicts itself")

// validate checks what the accounting relies on.
func (b *Batch) validate() error {
	if b.From < 0 || b.To <= b.From {
		return fmt.Errorf("%w: offsets [%d, %d)", ErrBadBatch, b.From, b.To)
	}
	next, at := 0, b.From
	for _, r := range b.Records {
		if r.Offset < at || r.Offset >= b.To || r.First != next || r.N < 0 || r.First+r.N > b.n {
			return fmt.Errorf("%w: record %d in [%d, %d)", ErrBadBatch, r.Offset, b.From, b.To)
		}
		next, at = r.First+r.N, r.Offset+1
	}
	if next != b.n {
		return fmt.Errorf("%w: %d events belong to no record", ErrBadBatch, b.n-next)
	}
	return b.validateRanges()
}

// validateRanges checks that no offset has two verdicts.
func (b *Batch) validateRanges() error {
	spans := make([]Range, 0, len(b.Records)+len(b.Quarantined)+len(b.Gaps))
	for _, r := range b.Records {
		spans = append(spans, Range{From: r.Offset, To: r.Offset + 1})
	}
	spans = append(append(spans, b.Quarantined...), b.Gaps...)
	slices.SortFunc(spans, func(x, y Range) int { return cmp.Compare(x.From, y.From) })
	at := b.From
	for _, r := range spans {
		if r.From < at || r.To <= r.From || r.To > b.To {
			return fmt.Errorf("%w: range [%d, %d) at %d in [%d, %d)", ErrBadBatch, r.From, r.To, at, b.From, b.To)
		}
		at = r.To
	}
	return nil
}
