package sink

import (
	"math/big"
	"math/bits"
	"time"

	"github.com/tracetally/tracetally/schemas"
)

// wide is an exact sum of non-negative 64-bit numbers: a producer may send token counts near 2^63, and sums never wrap.
type wide struct{ hi, lo uint64 }

func (w *wide) add(n int64) {
	var carry uint64
	w.lo, carry = bits.Add64(w.lo, uint64(max(n, 0)), 0)
	w.hi += carry
}

func (w *wide) merge(o wide) {
	var carry uint64
	w.lo, carry = bits.Add64(w.lo, o.lo, 0)
	w.hi, _ = bits.Add64(w.hi, o.hi, carry)
}

func (w wide) big() *big.Int {
	n := new(big.Int).SetUint64(w.hi)
	return n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(w.lo))
}

// callSums are the measures of a row of rollup_calls_*. The latencies are in microseconds.
type callSums struct {
	calls, failures                                 int64
	attempts                                        wide
	input, output, cacheRead, cacheWrite, reasoning wide
	cost, reported, estimated, wasted               schemas.Decimal
	unpricedCalls                                   int64
	unpricedTokens                                  wide
	latency, ttft                                   wide
	latencyCount, ttftCount                         int64
	histogram                                       [bins]int64
}

// errorSums are the measures of a row of rollup_errors_*.
type errorSums struct {
	failures, exceptions int64
	wasted               schemas.Decimal
}

func final(e *schemas.Event) bool { return !e.Final.Ok || e.Final.V }

// addCall adds f(event) of design §4 for an event of kind call.
func (s *callSums) addCall(p *prepared) {
	if p.status == schemas.StatusStarted {
		return
	}
	s.attempts.add(1)
	s.attempts.add(p.measures.retries)
	if !p.has.of(isFinal) {
		return
	}
	s.calls++
	s.addTokens(&p.measures)
	s.addMoney(p)
	s.addTimes(p)
}

func (s *callSums) addTokens(m *measures) {
	s.input.add(m.input) // what is absent adds 0
	s.output.add(m.output)
	s.cacheRead.add(m.cacheRead)
	s.cacheWrite.add(m.cacheWrite)
	s.reasoning.add(m.reasoning)
}

func (s *callSums) addMoney(p *prepared) {
	m := &p.measures
	s.reported = addIf(s.reported, m.reported, p.has.of(hasReported))
	s.estimated = addIf(s.estimated, m.estimated, p.has.of(hasEstimated))
	s.cost = addIf(s.cost, m.cost, p.has.of(hasCost))
	if !p.has.of(hasCost) {
		s.unpricedCalls++
		s.unpricedTokens.add(m.input)
		s.unpricedTokens.add(m.output)
	}
	if p.status.Failed() {
		s.failures++
		s.wasted = addIf(s.wasted, m.cost, p.has.of(hasCost))
	}
}

func (s *callSums) addTimes(p *prepared) {
	m := &p.measures
	if p.has.of(hasLatency) {
		s.latencyCount++
		s.latency.add(m.latency.Microseconds())
		s.histogram[bin(m.latency.Truncate(time.Microsecond))]++
	}
	if p.has.of(hasTTFT) {
		s.ttftCount++
		s.ttft.add(m.ttft.Microseconds())
	}
}

func addIf(sum, d schemas.Decimal, there bool) schemas.Decimal {
	if !there {
		return sum
	}
	return sum.Add(d)
}

func (s *callSums) merge(o *callSums) {
	s.calls += o.calls
	s.failures += o.failures
	for _, p := range [][2]*wide{
		{&s.attempts, &o.attempts}, {&s.input, &o.input}, {&s.output, &o.output}, {&s.cacheRead, &o.cacheRead},
		{&s.cacheWrite, &o.cacheWrite}, {&s.reasoning, &o.reasoning}, {&s.unpricedTokens, &o.unpricedTokens},
		{&s.latency, &o.latency}, {&s.ttft, &o.ttft},
	} {
		p[0].merge(*p[1])
	}
	s.cost, s.reported = s.cost.Add(o.cost), s.reported.Add(o.reported)
	s.estimated, s.wasted = s.estimated.Add(o.estimated), s.wasted.Add(o.wasted)
	s.unpricedCalls += o.unpricedCalls
	s.latencyCount += o.latencyCount
	s.ttftCount += o.ttftCount
	for i := range s.histogram {
		s.histogram[i] += o.histogram[i]
	}
}

// addError adds f(event) for a failed call or an exception.
func (s *errorSums) addError(p *prepared) {
	if p.kind == schemas.ExceptionEvent {
		s.exceptions++
		return
	}
	s.failures++
	s.wasted = addIf(s.wasted, p.measures.cost, p.has.of(hasCost))
}

func (s *errorSums) merge(o *errorSums) {
	s.failures += o.failures
	s.exceptions += o.exceptions
	s.wasted = s.wasted.Add(o.wasted)
}
