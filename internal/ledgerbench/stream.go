package main

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"time"
)

// stream is a sequence of deliveries that repeats itself: what delivery n brings is a function of n, so a second copy of an
// event is made by asking for it again, and a look-up knows which keys there are.
type stream struct {
	seed  uint64
	start time.Time
	// gap is the time between two events.
	gap time.Duration
	// orderedIDs and orderedTraces give version 7 (begins with its time) to event ids and to trace ids; else they are random.
	orderedIDs, orderedTraces bool
}

// The shape of the traffic.
const (
	perTrace       = 4                // events of a trace, on average
	duplicateShare = 20               // one delivery in so many is a copy of an earlier one
	stragglerShare = 200              // one event in so many is late
	jitter         = 30 * time.Second // how far the order of delivery is from the order of time
	maxLate        = 6 * time.Hour    // of a straggler
)

// event is what differs from row to row. The rest of a row comes from a template.
type event struct {
	us       int64 // microseconds since 1970
	id       [16]byte
	trace    [16]byte
	number   int64
	template uint64
}

// duplicate tells whether delivery n is a copy.
func (s *stream) duplicate(n int64) bool { return n > 0 && s.draw(n, 1)%duplicateShare == 0 }

// delivery is what arrives as number n: an event of its own, or one that arrived before.
func (s *stream) delivery(n int64) event {
	if !s.duplicate(n) {
		return s.event(n)
	}
	back := int64(s.draw(n, 2) % 20_000) // some seconds of traffic: a producer tries again
	if s.draw(n, 3)%10 == 0 {
		back = int64(s.draw(n, 2) % uint64(time.Hour/s.gap+1)) // a worker reads the last hour again
	}
	for n = max(0, n-1-back); s.duplicate(n); {
		n--
	}
	return s.event(n)
}

// event is the event of delivery n, which is no copy.
func (s *stream) event(n int64) event {
	e := event{number: n, template: s.draw(n, 4)}
	at := s.start.Add(time.Duration(n)*s.gap + time.Duration(s.draw(n, 5)%uint64(jitter)))
	if s.draw(n, 6)%stragglerShare == 0 {
		at = at.Add(-min(maxLate, time.Duration(n)*s.gap) * time.Duration(s.draw(n, 7)%1000) / 1000)
	}
	e.us = at.UnixMicro()
	e.id = s.uuid(n, 8, at, s.orderedIDs)
	e.trace = s.traceID(n/perTrace - int64(s.sinceBegin(n)/(perTrace*s.gap)))
	return e
}

// sinceBegin is how long before event n its trace began: mostly seconds, at times hours.
func (s *stream) sinceBegin(n int64) time.Duration {
	within := time.Minute
	switch chance := s.draw(n, 9) % 100; {
	case chance < 5:
		within = 2 * time.Hour
	case chance < 40:
		within = 10 * time.Minute
	}
	return time.Duration(s.draw(n, 10) % uint64(within))
}

// traceID is the id of trace t. Traces are numbered in the order of their beginnings, those before the stream's are negative.
func (s *stream) traceID(t int64) [16]byte { return s.uuid(t, 11, s.traceBegin(t), s.orderedTraces) }

// traceBegin is when trace t began.
func (s *stream) traceBegin(t int64) time.Time {
	return s.start.Add(time.Duration(t) * perTrace * s.gap)
}

func (s *stream) uuid(n int64, salt uint64, at time.Time, ordered bool) (id [16]byte) {
	binary.BigEndian.PutUint64(id[:8], s.draw(n, salt<<8|1))
	binary.BigEndian.PutUint64(id[8:], s.draw(n, salt<<8|2))
	id[6], id[8] = 0x40|id[6]&0x0f, 0x80|id[8]&0x3f
	if ordered {
		ms := uint64(at.UnixMilli())
		for i := range 6 {
			id[i] = byte(ms >> (40 - 8*i))
		}
		id[6] = 0x70 | id[6]&0x0f
	}
	return id
}

// draw is a random number that belongs to n and salt: the finaliser of splitmix64 (Steele, Lea, Flood: Fast splittable
// pseudorandom number generators, 2014), twice.
func (s *stream) draw(n int64, salt uint64) uint64 {
	return mix(mix(uint64(n)+s.seed) + salt*0x9e3779b97f4a7c15)
}

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// batch is the deliveries [from, to), sorted and distinct as the sink sends them; fresh is how many of them are no copy of an
// earlier delivery.
func (s *stream) batch(buf []event, from, to int64) (events []event, fresh int) {
	events = buf[:0]
	for n := from; n < to; n++ {
		if !s.duplicate(n) {
			fresh++
		}
		events = append(events, s.delivery(n))
	}
	slices.SortFunc(events, func(a, b event) int {
		return cmp.Or(cmp.Compare(a.us, b.us), bytes.Compare(a.id[:], b.id[:]))
	})
	return slices.CompactFunc(events, func(a, b event) bool { return a.number == b.number }), fresh
}

// key is a trace id as the ledger holds it: 32 hex digits.
func key(trace [16]byte) string { return hex.EncodeToString(trace[:]) }
