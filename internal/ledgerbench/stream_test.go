package main

import (
	"bytes"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func testStream() *stream { return &stream{seed: 5, start: begin(), gap: 5 * time.Millisecond} }

func TestBatchesAreSortedAndSayWhatIsNew(t *testing.T) {
	s := testStream()
	seen := map[[16]byte]bool{}
	for from := int64(0); from < 60_000; from += chunk {
		events, fresh := s.batch(nil, from, from+chunk)
		added := 0
		for i, e := range events {
			if i > 0 && (events[i-1].us > e.us || events[i-1].us == e.us && bytes.Compare(events[i-1].id[:], e.id[:]) >= 0) {
				t.Fatalf("delivery %d: rows %d and %d are not in the order of their keys", from, i-1, i)
			}
			if !seen[e.id] {
				seen[e.id] = true
				added++
			}
		}
		if added != fresh {
			t.Errorf("deliveries [%d, %d): %d are new, the stream says %d", from, from+chunk, added, fresh)
		}
	}
	if copies := 60_000 - len(seen); copies < 60_000/duplicateShare*9/10 || copies > 60_000/duplicateShare*11/10 {
		t.Errorf("%d copies in 60,000 deliveries, want about one in %d", copies, duplicateShare)
	}
}

func TestCopiesAreTheEventsThatCameBefore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := testStream()
		s.seed, s.gap = rapid.Uint64().Draw(t, "seed"), time.Duration(rapid.Int64Range(1, 1e10).Draw(t, "gap"))
		n := rapid.Int64Range(0, 1e9).Draw(t, "n")
		e := s.delivery(n)
		if e.number > n || e.number < 0 || s.duplicate(e.number) {
			t.Fatalf("delivery %d is event %d", n, e.number)
		}
		if e != s.delivery(e.number) {
			t.Fatalf("delivery %d differs from the event %d that it repeats", n, e.number)
		}
	})
}

func TestATraceHasAFewEventsWithinHours(t *testing.T) {
	s := testStream()
	s.gap = 100 * time.Millisecond
	const n = 400_000 // eleven hours
	events := map[[16]byte]int{}
	for i := range int64(n) {
		events[s.event(i).trace]++
	}
	total, traces := 0, int64(n/perTrace)
	settled := traces - int64(2*time.Hour/(perTrace*s.gap))
	for k := range settled {
		total += events[s.traceID(k)]
	}
	if mean := float64(total) / float64(settled); mean < perTrace*0.97 || mean > perTrace*1.03 {
		t.Errorf("a trace has %.2f events, want about %d", mean, perTrace)
	}
}

func TestOrderedIDsBeginWithTheirTime(t *testing.T) {
	s := testStream()
	s.orderedIDs, s.orderedTraces = true, true
	for n := int64(1000); n < 2000; n++ {
		e := s.event(n)
		ms := int64(0)
		for _, b := range e.id[:6] {
			ms = ms<<8 | int64(b)
		}
		if ms != e.us/1000 || e.id[6]>>4 != 7 {
			t.Fatalf("event %d at %d ms has the id %x", n, e.us/1000, e.id)
		}
		if a, b := s.traceID(n), s.traceID(n+1); bytes.Compare(a[:6], b[:6]) > 0 {
			t.Fatalf("trace %d: %x comes before %x", n, a, b)
		}
	}
}
