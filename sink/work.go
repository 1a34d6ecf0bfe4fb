package sink

import (
	"iter"
	"slices"

	"github.com/google/uuid"

	"github.com/tracetally/tracetally/schemas"
)

// work is a batch on its way into the database.
type work struct {
	batch *Batch
	// commit is the batch's own id. It stays the same over all attempts, so a transaction whose answer was lost is
	// recognised by the next attempt, which waits for the partition's row until the lost one has ended.
	commit uuid.UUID

	// Made anew in each attempt: the ids of the batch's distinct series and error series, the verdicts by event.
	series, errorSeries []int64
	verdicts            []verdict

	// Of a part of a batch: which of the batch's series and error series its own events have. Nil means all. The others'
	// must not be asked for, as one of them may be what Postgres refuses.
	hasSeries, hasErrorSeries []bool

	outcome Outcome
	done    bool
}

// verdict is what becomes of an event.
type verdict uint8

const (
	verdictNone verdict = iota
	verdictNew
	verdictDuplicate
	verdictConflicting
	verdictLate
)

func newWork(b *Batch) *work {
	return &work{
		batch: b, commit: uuid.New(),
		series: make([]int64, len(b.dims)), errorSeries: make([]int64, len(b.failures)), verdicts: make([]verdict, b.n),
	}
}

// events are the indices of the work's own events: a part of a batch has those of its records only.
func (w *work) events() iter.Seq[int] {
	return func(yield func(int) bool) {
		for _, r := range w.batch.Records {
			for i := r.First; i < r.First+r.N; i++ {
				if !yield(i) {
					return
				}
			}
		}
	}
}

// judge sums the verdicts on events up to verdicts on offsets.
func (w *work) judge() Outcome {
	b := w.batch
	out := Outcome{New: make([]bool, b.n)}
	for _, r := range b.Records {
		var seen EventCounts
		for i := r.First; i < r.First+r.N; i++ {
			seen.add(w.verdicts[i])
			out.New[i] = w.verdicts[i] == verdictNew
		}
		out.Records.add(r, seen)
		out.Events.merge(seen)
	}
	for _, r := range b.Quarantined {
		out.Records.Quarantined += r.To - r.From
	}
	for _, r := range b.Gaps {
		out.Records.Gap += r.To - r.From
	}
	out.Records.Ignored = b.To - b.From - out.Records.Sum()
	return out
}

func (c *EventCounts) add(v verdict) {
	switch v {
	case verdictNew:
		c.New++
	case verdictDuplicate:
		c.Duplicate++
	case verdictConflicting:
		c.Conflicting++
	case verdictLate:
		c.Late++
	}
}

func (c *EventCounts) merge(o EventCounts) {
	c.New += o.New
	c.Duplicate += o.Duplicate
	c.Late += o.Late
	c.Conflicting += o.Conflicting
}

// add gives a record its one verdict. A record without counted events is left to be ignored.
func (c *RecordCounts) add(r RecordEvents, seen EventCounts) {
	switch {
	case r.N == 0:
	case seen.New > 0:
		c.Counted++
	case seen.Late > 0:
		c.Late++
	default:
		c.Duplicate++
	}
}

func (c *RecordCounts) merge(o RecordCounts) {
	c.Counted += o.Counted
	c.Duplicate += o.Duplicate
	c.Late += o.Late
	c.Quarantined += o.Quarantined
	c.Ignored += o.Ignored
	c.Gap += o.Gap
}

// split cuts a work at an offset. The parts share the events. What is known only of the whole batch's last record, its
// anchor, stays with the second part.
func (w *work) split(at int64) (first, second *work) {
	b := w.batch
	one, two := *b, *b
	one.To, two.From = at, at
	one.Anchor = Anchor{}
	cut, _ := slices.BinarySearchFunc(b.Records, at, func(r RecordEvents, at int64) int { return int(r.Offset - at) })
	one.Records, two.Records = b.Records[:cut], b.Records[cut:]
	one.Quarantined, two.Quarantined = cutRanges(b.Quarantined, at)
	one.Gaps, two.Gaps = cutRanges(b.Gaps, at)
	return w.part(&one), w.part(&two)
}

// part is a work for a part of w's batch, with everything that was computed by event.
func (w *work) part(b *Batch) *work {
	p := *w
	p.batch, p.commit, p.outcome, p.done = b, uuid.New(), Outcome{}, false
	p.hasSeries, p.hasErrorSeries = make([]bool, len(b.dims)), make([]bool, len(b.failures))
	for i := range p.events() {
		e := b.at(i)
		p.hasSeries[e.series] = true
		if e.failure != noFailure {
			p.hasErrorSeries[e.failure] = true
		}
	}
	return &p
}

// dims and failures are the distinct ones of the work's own events, by their places in the batch.
func (w *work) dims() iter.Seq2[int, dims]           { return only(w.batch.dims, w.hasSeries) }
func (w *work) failures() iter.Seq2[int, failureKey] { return only(w.batch.failures, w.hasErrorSeries) }

// only yields what has its flag set; without flags, all.
func only[T any](all []T, has []bool) iter.Seq2[int, T] {
	return func(yield func(int, T) bool) {
		for i, v := range all {
			if (has == nil || has[i]) && !yield(i, v) {
				return
			}
		}
	}
}

// cutRanges cuts ranges at an offset. A cut range has no hash of its own any more and its bytes stay with the first part.
func cutRanges(ranges []Range, at int64) (before, after []Range) {
	for _, r := range ranges {
		switch {
		case r.To <= at:
			before = append(before, r)
		case r.From >= at:
			after = append(after, r)
		default:
			before = append(before, Range{From: r.From, To: at, Reason: r.Reason, Size: r.Size})
			after = append(after, Range{From: at, To: r.To, Reason: r.Reason})
		}
	}
	return before, after
}

// reject moves the work's only record to quarantine: Postgres refuses its values.
func (w *work) reject() *work {
	b := *w.batch
	offset := b.Records[0].Offset
	b.Records = nil
	b.Quarantined = append(slices.Clone(b.Quarantined), Range{From: offset, To: offset + 1, Reason: schemas.DatabaseRejected})
	slices.SortFunc(b.Quarantined, func(x, y Range) int { return int(x.From - y.From) })
	return w.part(&b)
}
