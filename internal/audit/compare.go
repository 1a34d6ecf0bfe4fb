package audit

import (
	"maps"
	"math/big"
	"slices"
	"strconv"

	"github.com/tracetally/tracetally/internal/traffic"
)

// Check is one figure, from the producer's books and from the tables. A detail is of interest only if it differs.
type Check struct {
	What, Produced, Found string
	Detail                bool
}

// Agrees tells whether the two are equal.
func (c Check) Agrees() bool { return c.Produced == c.Found }

// Compare holds what was found against the books. What the books cannot know beforehand is which of two copies came
// first, hence counted and duplicate are compared by topic, their sum by partition.
func Compare(b traffic.Books, f Found) []Check {
	var checks []Check
	add := func(what string, produced, found int64) { checks = append(checks, number(what, produced, found)) }
	var want, got RecordVerdicts
	var partitions, agreeing int64
	for _, t := range traffic.Topics() {
		w, g := topicBooks(b, t.Name), f.topic(t.Name)
		for _, c := range compareVerdicts(t.Name+": ", w, g) {
			c.Detail = true
			checks = append(checks, c)
		}
		want.Add(w)
		got.Add(g)
		partitions += int64(t.Partitions)
		agreeing += f.agreeing(b, t)
	}
	checks = append(checks, compareVerdicts("records: ", want, got)...)
	add("partitions in which every offset agrees", partitions, agreeing)
	add("events: new", b.DistinctEvents(), f.Events.New)
	add("events: duplicate", b.DuplicateEvents, f.Events.Duplicate)
	add("events: late or conflicting", 0, f.Events.Late+f.Events.Conflicting)
	checks = append(checks, compareCounts("quarantined as ", b.Rejects, f.Rejects)...)
	checks = append(checks, compareCounts("failed calls: ", byText(b.Failures), byText(f.Failures))...)
	checks = append(checks, compareCounts("exceptions: ", byText(b.Exceptions), byText(f.Exceptions))...)
	return append(checks, compareCalls(b.Calls, f.Calls)...)
}

// topicBooks is what the books say of a topic, in the words of the tables.
func topicBooks(b traffic.Books, topic string) RecordVerdicts {
	t := b.Topics[topic]
	return RecordVerdicts{Counted: t.Counted, Duplicate: t.Duplicate, Quarantined: t.Quarantined, Ignored: t.Ignored}
}

func compareVerdicts(prefix string, want, got RecordVerdicts) []Check {
	return []Check{
		number(prefix+"counted", want.Counted, got.Counted),
		number(prefix+"duplicate", want.Duplicate, got.Duplicate),
		number(prefix+"quarantined", want.Quarantined, got.Quarantined),
		number(prefix+"ignored", want.Ignored, got.Ignored),
		number(prefix+"late", want.Late, got.Late),
		number(prefix+"gap", want.Gap, got.Gap),
	}
}

// agreeing counts the partitions of a topic in which every offset sent has the verdict that it should have.
func (f Found) agreeing(b traffic.Books, t traffic.Topic) int64 {
	n := int64(0)
	for p := range t.Partitions {
		at := traffic.TopicPartition{Topic: t.Name, Partition: p}
		want, got := b.Partitions[at], f.Partitions[at]
		if got.Scanned == want.Sent() && got.Counted+got.Duplicate == want.Usable &&
			got.Quarantined == want.Quarantined && got.Ignored == want.Ignored {
			n++
		}
	}
	return n
}

func (f Found) topic(name string) RecordVerdicts {
	var sum RecordVerdicts
	for at, p := range f.Partitions {
		if at.Topic == name {
			sum.Add(p)
		}
	}
	return sum
}

func byText(causes map[traffic.Cause]int64) map[string]int64 {
	sums := map[string]int64{}
	for cause, n := range causes {
		sums[cause.Category+"/"+cause.Reason] += n
	}
	return sums
}

func compareCounts(prefix string, produced, found map[string]int64) []Check {
	keys := maps.Clone(produced)
	maps.Copy(keys, found)
	var checks []Check
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		checks = append(checks, number(prefix+k, produced[k], found[k]))
	}
	return checks
}

func compareCalls(want traffic.CallBooks, got CallsFound) []Check {
	return []Check{
		number("calls", want.Calls, got.Calls),
		number("calls: failed", want.Failed, got.Failed),
		number("calls: without a price", want.Unpriced, got.Unpriced),
		number("tokens: input", want.InputTokens, got.Input),
		number("tokens: output", want.OutputTokens, got.Output),
		number("tokens: read from cache", want.CacheRead, got.CacheRead),
		number("tokens: written to cache", want.CacheWrite, got.CacheWrite),
		number("tokens: reasoning", want.ReasoningTokens, got.Reasoning),
		money("cost, USD", want.CostUSD, got.CostUSD),
		money("wasted on failures, USD", want.WastedUSD, got.WastedUSD),
	}
}

// money compares exactly, whatever the number of decimals, and shows twelve: the traffic's prices have no more.
func money(what string, produced *big.Rat, foundText string) Check {
	got, ok := new(big.Rat).SetString(foundText)
	c := Check{What: what, Produced: produced.FloatString(12), Found: foundText}
	if ok && got.Cmp(produced) == 0 {
		c.Found = c.Produced
	}
	return c
}

func number(what string, produced, found int64) Check {
	return Check{What: what, Produced: strconv.FormatInt(produced, 10), Found: strconv.FormatInt(found, 10)}
}
