package sink

import (
	"encoding/binary"
	"time"
	"unsafe"

	"github.com/tracetally/tracetally/schemas"
)

// prepared is what a commit needs of an event beside its row of the ledger, which is made at once: a schemas.Event takes
// 1.4 KB and points to strings everywhere, this and its row are half of that, and nothing in the row is a pointer.
type prepared struct {
	us   int64 // microseconds since 1970
	id   [16]byte
	hash int64 // of the content
	// row is the row of ledger_in, its series not yet filled in; group is what the error group keeps of a failure.
	row, group []byte
	// series is an index into Batch.dims, failure one into Batch.failures or noFailure.
	series, failure int32
	seriesAt        uint16 // where in row the series id stands
	traceAt         uint16 // where in row the trace id stands
	traceLen        uint16
	kind            schemas.Kind
	status          schemas.Status
	warnings        schemas.Warnings
	has             present
	measures        measures
}

// measures are the numbers of an event that rollups and metrics add up; what is absent is 0.
type measures struct {
	retries                                         int64
	input, output, cacheRead, cacheWrite, reasoning int64
	cost, reported, estimated                       schemas.Decimal
	latency, ttft                                   time.Duration
}

// present tells which optional values an event has.
type present uint16

const (
	hasInput present = 1 << iota
	hasOutput
	hasCacheRead
	hasCacheWrite
	hasReasoning
	hasCost
	hasReported
	hasEstimated
	hasLatency
	hasTTFT
	isFinal
)

func (p present) of(bit present) bool { return p&bit != 0 }

// noFailure is the failure of an event without one.
const noFailure = -1

// failureKey is what tells the error series of two events of one series apart. The step is as sent.
type failureKey struct {
	series                        int32
	category                      schemas.Category
	reason, code, step            string
	httpStatus                    int32
	retryable, classified, ofCall bool
}

func flag(ok bool, bit present) present {
	if ok {
		return bit
	}
	return 0
}

// measure takes over the numbers of an event.
func (p *prepared) measure(e *schemas.Event) {
	t := &e.Usage.Tokens
	p.measures = measures{
		retries: e.Retries, input: t.Input.V, output: t.Output.V, cacheRead: t.CacheRead.V, cacheWrite: t.CacheWrite.V,
		reasoning: t.Reasoning.V, cost: e.CostUSD.V, reported: e.ReportedCostUSD.V, estimated: e.EstimatedCostUSD.V,
		latency: e.Latency.V, ttft: e.TTFT.V,
	}
	p.has = flag(t.Input.Ok, hasInput) | flag(t.Output.Ok, hasOutput) | flag(t.CacheRead.Ok, hasCacheRead) |
		flag(t.CacheWrite.Ok, hasCacheWrite) | flag(t.Reasoning.Ok, hasReasoning) | flag(e.CostUSD.Ok, hasCost) |
		flag(e.ReportedCostUSD.Ok, hasReported) | flag(e.EstimatedCostUSD.Ok, hasEstimated) |
		flag(e.Latency.Ok, hasLatency) | flag(e.TTFT.Ok, hasTTFT) | flag(final(e), isFinal)
}

// counts tells whether an event is a finished call: one that is in calls. A call that only started is none, and a try that
// another one followed counts in attempts alone.
func (p *prepared) counts() bool {
	return p.kind == schemas.Call && p.status != schemas.StatusStarted && p.has.of(isFinal)
}

// fails tells whether an event has a row in the rollups of errors.
func (p *prepared) fails() bool {
	return p.kind == schemas.ExceptionEvent || p.counts() && p.status.Failed()
}

// Add prepares an event of the record at offset for the commit. Events are added in the order of their records, all of a
// record one after the other. Nothing of e is kept but strings of its dimensions and its failure's labels, which e's maker
// must not change.
func (b *Batch) Add(offset int64, e *schemas.Event) {
	if n := len(b.Records); n == 0 || b.Records[n-1].Offset != offset {
		b.Records = append(b.Records, RecordEvents{Offset: offset, First: b.n})
		b.before = [2]int{len(b.dims), len(b.failures)}
	}
	record := &b.Records[len(b.Records)-1]
	p := b.next()
	p.us, p.id, p.hash = micros(e.Time), eventID(e.ID), b.digest.contentHash(e)
	p.kind, p.status, p.warnings = e.Kind, e.Status, e.Warnings
	p.measure(e)
	p.series = b.seriesOf(e)
	p.failure = b.failureOf(p, e)
	b.row.reset()
	b.row.begin()
	b.writeLedger(p, e, rowSource{id: b.Claim.SourceID, offset: offset, index: int32(record.N)})
	b.row.end()
	rowLen := len(b.row.buf)
	if p.failure != noFailure && e.Failure != nil {
		b.row.buf = appendGroup(b.row.buf, e.Failure)
	}
	kept := b.keep(b.row.buf)
	p.row, p.group = kept[:rowLen:rowLen], kept[rowLen:]
	record.N++
}

// Drop takes the events of the record at offset back, if it is the last that was added to: one of its events cannot be used.
func (b *Batch) Drop(offset int64) {
	n := len(b.Records)
	if n == 0 || b.Records[n-1].Offset != offset {
		return
	}
	for _, d := range b.dims[b.before[0]:] { // or they would take places below the caps
		delete(b.dimsIndex, d)
	}
	for _, k := range b.failures[b.before[1]:] {
		delete(b.failureIndex, k)
	}
	b.dims, b.failures, b.lastDims = b.dims[:b.before[0]], b.failures[:b.before[1]], 0
	b.n = b.Records[n-1].First // the memory stays with the batch until it is released
	b.Records = b.Records[:n-1]
}

// appendGroup writes what an error group keeps of its first failure: fingerprint, type and message, each with its length.
func appendGroup(b []byte, f *schemas.Failure) []byte {
	for _, s := range [...]string{f.Fingerprint, f.Type, f.Message} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return b
}

// groupFields are what appendGroup wrote.
func (p *prepared) groupFields() (fields [3]string) {
	rest := p.group
	for i := range fields {
		n, size := binary.Uvarint(rest)
		if size <= 0 {
			return fields
		}
		fields[i], rest = string(rest[size:size+int(n)]), rest[size+int(n):]
	}
	return fields
}

// seriesOf is the index of the event's dimensions in b.dims.
func (b *Batch) seriesOf(e *schemas.Event) int32 {
	d := dimsOf(e)
	if n := len(b.dims); n > 0 && b.dims[b.lastDims] == d { // neighbours are often alike
		return b.lastDims
	}
	i, ok := b.dimsIndex[d]
	if !ok {
		if b.dimsIndex == nil {
			b.dimsIndex = map[dims]int32{}
		}
		i = int32(len(b.dims))
		b.dims, b.dimsIndex[d] = append(b.dims, d), i
	}
	b.lastDims = i
	return i
}

// failureOf is the index of the event's error labels in b.failures.
func (b *Batch) failureOf(p *prepared, e *schemas.Event) int32 {
	if !p.fails() {
		return noFailure
	}
	k := failureKey{series: p.series, step: e.Step, ofCall: e.Kind == schemas.Call}
	if e.HTTPStatus >= 100 && e.HTTPStatus <= 599 {
		k.httpStatus = int32(e.HTTPStatus)
	}
	if f := e.Failure; f != nil {
		k.category, k.reason, k.code, k.retryable, k.classified = f.Category, f.Reason, f.Code, f.Retryable, true
	}
	i, ok := b.failureIndex[k]
	if !ok {
		if b.failureIndex == nil {
			b.failureIndex = map[failureKey]int32{}
		}
		i = int32(len(b.failures))
		b.failures, b.failureIndex[k] = append(b.failures, k), i
	}
	return i
}

// Event fills e with what metrics read of the i-th event: kind, status, time, finality, the dimensions of calls, tokens,
// cost, durations, trace id, labels of the failure, warnings. Its trace id is valid until Release.
func (b *Batch) Event(i int, e *schemas.Event) {
	p := b.at(i)
	d, m := &b.dims[p.series], &p.measures
	*e = schemas.Event{
		Kind: p.kind, Status: p.status, Warnings: p.warnings, Time: time.UnixMicro(p.us).UTC(), Final: schemas.Some(p.has.of(isFinal)),
		Environment: d.environment, Service: d.service, Provider: d.provider, Model: d.model, Retries: m.retries,
		CostUSD: schemas.Opt[schemas.USD]{V: m.cost, Ok: p.has.of(hasCost)},
		Latency: schemas.Opt[time.Duration]{V: m.latency, Ok: p.has.of(hasLatency)},
		TTFT:    schemas.Opt[time.Duration]{V: m.ttft, Ok: p.has.of(hasTTFT)},
	}
	count := func(n int64, bit present) schemas.Opt[int64] { return schemas.Opt[int64]{V: n, Ok: p.has.of(bit)} }
	e.Usage.Tokens = schemas.Tokens{
		Input: count(m.input, hasInput), Output: count(m.output, hasOutput), CacheRead: count(m.cacheRead, hasCacheRead),
		CacheWrite: count(m.cacheWrite, hasCacheWrite), Reasoning: count(m.reasoning, hasReasoning),
	}
	if n := int(p.traceLen); n > 0 {
		e.TraceID = unsafe.String(&p.row[p.traceAt], n)
	}
	if p.failure != noFailure && b.failures[p.failure].classified {
		k := &b.failures[p.failure]
		e.HTTPStatus = int(k.httpStatus)
		e.Failure = &schemas.Failure{Category: k.category, Reason: k.reason, Code: k.code, Retryable: k.retryable}
	}
}
