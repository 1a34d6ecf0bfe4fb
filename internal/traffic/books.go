package traffic

import (
	"maps"
	"math/big"
)

// Books say what was sent and what a correct reader must make of it. They are exact, except that of a record sent twice
// nobody can say beforehand which copy a reader meets first: Counted and Duplicate are therefore kept by topic, and
// Usable, their sum, by partition.
type Books struct {
	Topics     map[string]TopicBooks
	Partitions map[TopicPartition]PartitionBooks
	// Rejects counts the unusable records by the reason that the bad-input matrix gives them.
	Rejects map[string]int64
	// Events counts distinct events by kind: call, started, span, exception, feedback, outcome.
	Events map[string]int64
	// DuplicateEvents counts the events of records that were sent before.
	DuplicateEvents int64
	// Failures counts distinct failed calls, Exceptions distinct exceptions, by cause.
	Failures, Exceptions map[Cause]int64
	Calls                CallBooks
}

// TopicPartition names a partition.
type TopicPartition struct {
	Topic     string
	Partition int32
}

// TopicBooks counts the records of a topic by verdict.
type TopicBooks struct{ Counted, Duplicate, Quarantined, Ignored int64 }

// PartitionBooks counts the records of a partition. Usable is counted or duplicate.
type PartitionBooks struct{ Usable, Quarantined, Ignored int64 }

// Sent is the number of records, which is the partition's next offset.
func (p PartitionBooks) Sent() int64 { return p.Usable + p.Quarantined + p.Ignored }

// Cause is why a call failed or an exception was raised, in the words of the error guide.
type Cause struct{ Category, Reason string }

// CallBooks sums over distinct finished calls. InputTokens is the whole prompt, cached tokens included; OutputTokens
// includes reasoning. Unpriced calls are those of which nobody knows the price; they add nothing to CostUSD.
// WastedUSD is the part of CostUSD that went into calls that failed.
type CallBooks struct {
	Calls, Failed, Unpriced                int64
	InputTokens, OutputTokens              int64
	CacheRead, CacheWrite, ReasoningTokens int64
	CostUSD, WastedUSD                     *big.Rat
}

// Sent is the number of records.
func (b Books) Sent() int64 {
	n := int64(0)
	for _, p := range b.Partitions {
		n += p.Sent()
	}
	return n
}

// DistinctEvents is the number of different events in usable records.
func (b Books) DistinctEvents() int64 {
	n := int64(0)
	for _, v := range b.Events {
		n += v
	}
	return n
}

func newBooks() Books {
	return Books{
		Topics:     map[string]TopicBooks{},
		Partitions: map[TopicPartition]PartitionBooks{},
		Rejects:    map[string]int64{},
		Events:     map[string]int64{},
		Failures:   map[Cause]int64{},
		Exceptions: map[Cause]int64{},
		Calls:      CallBooks{CostUSD: new(big.Rat), WastedUSD: new(big.Rat)},
	}
}

func (b Books) clone() Books {
	b.Topics, b.Partitions = maps.Clone(b.Topics), maps.Clone(b.Partitions)
	b.Rejects, b.Events = maps.Clone(b.Rejects), maps.Clone(b.Events)
	b.Failures, b.Exceptions = maps.Clone(b.Failures), maps.Clone(b.Exceptions)
	b.Calls.CostUSD = new(big.Rat).Set(b.Calls.CostUSD)
	b.Calls.WastedUSD = new(big.Rat).Set(b.Calls.WastedUSD)
	return b
}

// enter writes one sent record into the books; again says that the same record was sent before.
func (b *Books) enter(at TopicPartition, e entry, again bool) {
	t, p := b.Topics[at.Topic], b.Partitions[at]
	switch {
	case e.reject != "":
		t.Quarantined++
		p.Quarantined++
		b.Rejects[e.reject]++
	case len(e.events) == 0:
		t.Ignored++
		p.Ignored++
	case again:
		t.Duplicate++
		p.Usable++
		b.DuplicateEvents += int64(len(e.events))
	default:
		t.Counted++
		p.Usable++
		for _, ev := range e.events {
			b.count(ev)
		}
	}
	b.Topics[at.Topic], b.Partitions[at] = t, p
}

func (b *Books) count(ev event) {
	b.Events[ev.kind]++
	switch {
	case ev.usage != nil:
		b.Calls.add(ev)
		if ev.cause != (Cause{}) {
			b.Failures[ev.cause]++
		}
	case ev.kind == kindException:
		b.Exceptions[ev.cause]++
	}
}

func (c *CallBooks) add(ev event) {
	u := ev.usage
	c.Calls++
	c.InputTokens += u.input
	c.OutputTokens += u.output
	c.CacheRead += u.cacheRead
	c.CacheWrite += u.cacheWrite
	c.ReasoningTokens += u.reasoning
	if u.cost == nil {
		c.Unpriced++
	} else {
		c.CostUSD.Add(c.CostUSD, u.cost)
	}
	if ev.cause == (Cause{}) {
		return
	}
	c.Failed++
	if u.cost != nil {
		c.WastedUSD.Add(c.WastedUSD, u.cost)
	}
}

// entry is what the books must say of one record. A record that holds no event of ours and is no reject is ignored.
type entry struct {
	reject string
	events []event
}

// event is what the books must say of one event. usage is there for finished calls only.
type event struct {
	kind  string
	cause Cause
	usage *usage
}

// The kinds of event as the ledger names them, and "started" for a call that only began.
const (
	kindCall      = "call"
	kindStarted   = "started"
	kindSpan      = "span"
	kindException = "exception"
	kindFeedback  = "feedback"
	kindOutcome   = "outcome"
)

// usage is what a call used: totals as the books count them. A nil cost means that nobody knows it.
type usage struct {
	input, output, cacheRead, cacheWrite, reasoning int64
	cost                                            *big.Rat
}
