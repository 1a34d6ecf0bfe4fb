package main

import (
	"io"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/tracetally/tracetally/internal/traffic"
)

// check holds one figure against the producer's books. A detail is printed only if it differs.
type check struct {
	what, produced, found string
	detail                bool
}

func (c check) agrees() bool { return c.produced == c.found }

// compare holds what was found against the books. What the books cannot know beforehand is which of two copies came
// first, hence counted and duplicate are compared by topic, their sum by partition.
func compare(b traffic.Books, f found) []check {
	var checks []check
	number := func(what string, produced, found int64) {
		checks = append(checks, check{what: what, produced: count(produced), found: count(found)})
	}
	var want, got recordVerdicts
	var partitions, agreeing int64
	for _, t := range traffic.Topics() {
		w, g := topicBooks(b, t.Name), f.topic(t.Name)
		for _, c := range compareVerdicts(t.Name+": ", w, g) {
			c.detail = true
			checks = append(checks, c)
		}
		want.add(w)
		got.add(g)
		partitions += int64(t.Partitions)
		agreeing += f.agreeing(b, t)
	}
	checks = append(checks, compareVerdicts("records: ", want, got)...)
	number("partitions in which every offset agrees", partitions, agreeing)
	number("events: new", b.DistinctEvents(), f.events.New)
	number("events: duplicate", b.DuplicateEvents, f.events.Duplicate)
	number("events: late or conflicting", 0, f.events.Late+f.events.Conflicting)
	checks = append(checks, compareCounts("quarantined as ", b.Rejects, f.rejects)...)
	checks = append(checks, compareCounts("failed calls: ", byCategory(b.Failures), f.failures)...)
	checks = append(checks, compareCounts("exceptions: ", byCategory(b.Exceptions), f.exceptions)...)
	return append(checks, compareCalls(b.Calls, f.calls)...)
}

// topicBooks is what the books say of a topic, in the words of the tables.
func topicBooks(b traffic.Books, topic string) recordVerdicts {
	t := b.Topics[topic]
	return recordVerdicts{Counted: t.Counted, Duplicate: t.Duplicate, Quarantined: t.Quarantined, Ignored: t.Ignored}
}

func compareVerdicts(prefix string, want, got recordVerdicts) []check {
	var checks []check
	for _, v := range []struct {
		what            string
		produced, found int64
	}{
		{"counted", want.Counted, got.Counted},
		{"duplicate", want.Duplicate, got.Duplicate},
		{"quarantined", want.Quarantined, got.Quarantined},
		{"ignored", want.Ignored, got.Ignored},
		{"late", want.Late, got.Late},
		{"gap", want.Gap, got.Gap},
	} {
		checks = append(checks, check{what: prefix + v.what, produced: count(v.produced), found: count(v.found)})
	}
	return checks
}

// agreeing counts the partitions of a topic in which every offset sent has the verdict that it should have.
func (f found) agreeing(b traffic.Books, t traffic.Topic) int64 {
	n := int64(0)
	for p := range t.Partitions {
		at := traffic.TopicPartition{Topic: t.Name, Partition: p}
		want, got := b.Partitions[at], f.partitions[at]
		if got.Scanned == want.Sent() && got.Counted+got.Duplicate == want.Usable &&
			got.Quarantined == want.Quarantined && got.Ignored == want.Ignored {
			n++
		}
	}
	return n
}

func (f found) topic(name string) recordVerdicts {
	var sum recordVerdicts
	for at, p := range f.partitions {
		if at.Topic == name {
			sum.add(p)
		}
	}
	return sum
}

func byCategory(causes map[traffic.Cause]int64) map[string]int64 {
	sums := map[string]int64{}
	for cause, n := range causes {
		sums[cause.Category] += n
	}
	return sums
}

func compareCounts(prefix string, produced, found map[string]int64) []check {
	keys := maps.Clone(produced)
	maps.Copy(keys, found)
	var checks []check
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		checks = append(checks, check{what: prefix + k, produced: count(produced[k]), found: count(found[k])})
	}
	return checks
}

func compareCalls(want traffic.CallBooks, got callsFound) []check {
	var checks []check
	for _, c := range []struct {
		what            string
		produced, found int64
	}{
		{"calls", want.Calls, got.Calls},
		{"calls: failed", want.Failed, got.Failed},
		{"calls: without a price", want.Unpriced, got.Unpriced},
		{"tokens: input", want.InputTokens, got.Input},
		{"tokens: output", want.OutputTokens, got.Output},
		{"tokens: read from cache", want.CacheRead, got.CacheRead},
		{"tokens: written to cache", want.CacheWrite, got.CacheWrite},
		{"tokens: reasoning", want.ReasoningTokens, got.Reasoning},
	} {
		checks = append(checks, check{what: c.what, produced: count(c.produced), found: count(c.found)})
	}
	return append(checks, money("cost, USD", want.CostUSD, got.CostUSD), money("wasted on failures, USD", want.WastedUSD, got.WastedUSD))
}

// money compares exactly, whatever the number of decimals, and shows twelve: the traffic's prices have no more.
func money(what string, produced *big.Rat, foundText string) check {
	got, ok := new(big.Rat).SetString(foundText)
	c := check{what: what, produced: produced.FloatString(12), found: foundText}
	if ok && got.Cmp(produced) == 0 {
		c.found = c.produced
	}
	return c
}

// printSummary prints the comparison and tells whether everything agrees.
func printSummary(out io.Writer, checks []check) bool {
	agree := true
	say(out, "\n%-46s %20s %20s", "held against what was produced", "produced", "in PostgreSQL")
	for _, c := range checks {
		mark := ""
		if !c.agrees() {
			mark, agree = "  DIFFERS", false
		} else if c.detail {
			continue
		}
		say(out, "%-46s %20s %20s%s", c.what, c.produced, c.found, mark)
	}
	say(out, "%s", strings.Repeat("-", 88))
	if agree {
		say(out, "all %d figures agree", len(checks))
	} else {
		say(out, "the figures DIFFER")
	}
	return agree
}
