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

// counts tells whether an event is a finished call: one that is in calls. A call that only started is none, and a try that
// another one followed counts in attempts alone.
func counts(e *schemas.Event) bool {
	return e.Kind == schemas.Call && e.Status != schemas.StatusStarted && final(e)
}

func final(e *schemas.Event) bool { return !e.Final.Ok || e.Final.V }

// fails tells whether an event has a row in the rollups of errors.
func fails(e *schemas.Event) bool {
	return e.Kind == schemas.ExceptionEvent || counts(e) && e.Status.Failed()
}

// addCall adds f(event) of design §4 for an event of kind call.
func (s *callSums) addCall(e *schemas.Event) {
	if e.Status == schemas.StatusStarted {
		return
	}
	s.attempts.add(1)
	s.attempts.add(e.Retries)
	if !final(e) {
		return
	}
	s.calls++
	s.addTokens(e)
	s.addMoney(e)
	s.addTimes(e)
}

func (s *callSums) addTokens(e *schemas.Event) {
	t := &e.Usage.Tokens // what is absent adds 0
	s.input.add(t.Input.V)
	s.output.add(t.Output.V)
	s.cacheRead.add(t.CacheRead.V)
	s.cacheWrite.add(t.CacheWrite.V)
	s.reasoning.add(t.Reasoning.V)
}

func (s *callSums) addMoney(e *schemas.Event) {
	s.reported = addOpt(s.reported, e.ReportedCostUSD)
	s.estimated = addOpt(s.estimated, e.EstimatedCostUSD)
	s.cost = addOpt(s.cost, e.CostUSD)
	if !e.CostUSD.Ok {
		s.unpricedCalls++
		s.unpricedTokens.add(e.Usage.Tokens.Input.V)
		s.unpricedTokens.add(e.Usage.Tokens.Output.V)
	}
	if e.Status.Failed() {
		s.failures++
		s.wasted = addOpt(s.wasted, e.CostUSD)
	}
}

func (s *callSums) addTimes(e *schemas.Event) {
	if e.Latency.Ok {
		s.latencyCount++
		s.latency.add(e.Latency.V.Microseconds())
		s.histogram[bin(e.Latency.V.Truncate(time.Microsecond))]++
	}
	if e.TTFT.Ok {
		s.ttftCount++
		s.ttft.add(e.TTFT.V.Microseconds())
	}
}

func addOpt(sum schemas.Decimal, d schemas.Opt[schemas.USD]) schemas.Decimal {
	if !d.Ok {
		return sum
	}
	return sum.Add(d.V)
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
func (s *errorSums) addError(e *schemas.Event) {
	if e.Kind == schemas.ExceptionEvent {
		s.exceptions++
		return
	}
	s.failures++
	s.wasted = addOpt(s.wasted, e.CostUSD)
}

func (s *errorSums) merge(o *errorSums) {
	s.failures += o.failures
	s.exceptions += o.exceptions
	s.wasted = s.wasted.Add(o.wasted)
}
