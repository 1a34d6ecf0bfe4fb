package sink

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"

	"github.com/cespare/xxhash/v2"
	"github.com/google/uuid"

	"github.com/tracetally/tracetally/schemas"
)

// eventID is the ledger's form of an id: the 16 bytes of a UUID in its usual forms, else the first 16 of SHA-256 of the id.
func eventID(id string) [16]byte {
	if len(id) == 36 || len(id) == 32 {
		if u, err := uuid.Parse(id); err == nil {
			return u
		}
	}
	sum := sha256.Sum256([]byte(id))
	return [16]byte(sum[:16])
}

// digest feeds values into a hash, each with its length or size, so that no two lists of values have the same bytes.
type digest struct{ buf []byte }

func (d *digest) text(values ...string) {
	for _, s := range values {
		d.buf = binary.AppendUvarint(d.buf, uint64(len(s)))
		d.buf = append(d.buf, s...)
	}
}

func (d *digest) int(values ...int64) {
	for _, n := range values {
		d.buf = binary.BigEndian.AppendUint64(d.buf, uint64(n))
	}
}

func (d *digest) flag(values ...bool) {
	for _, b := range values {
		if b {
			d.buf = append(d.buf, 1)
		} else {
			d.buf = append(d.buf, 0)
		}
	}
}

func (d *digest) optInt(o schemas.Opt[int64]) { d.flag(o.Ok); d.int(o.V) }

func (d *digest) optFlag(values ...schemas.Opt[bool]) {
	for _, o := range values {
		d.flag(o.Ok, o.V)
	}
}

func (d *digest) optDecimal(values ...schemas.Opt[schemas.Decimal]) {
	for _, o := range values {
		d.flag(o.Ok)
		if o.Ok {
			d.decimal(o.V)
		}
	}
}

// decimal takes the plain text: equal numbers have equal texts whatever their scales. A whole number, which nearly every
// count is, needs no allocation for it.
func (d *digest) decimal(v schemas.Decimal) {
	n, ok := v.Small()
	if !ok || v.Scale() != 0 {
		d.text(v.String())
		return
	}
	var digits [20]byte
	text := strconv.AppendInt(digits[:0], n, 10)
	d.buf = binary.AppendUvarint(d.buf, uint64(len(text)))
	d.buf = append(d.buf, text...)
}

func (d *digest) count(values ...schemas.Count) {
	for _, c := range values {
		d.int(int64(c.State))
		if c.Known() {
			d.decimal(c.Exact)
		}
	}
}

// sum is 64 bits of the hash of what was fed, as a signed number: PostgreSQL has no other.
func (d *digest) sum() int64 {
	s := sha256.Sum256(d.buf)
	return int64(binary.BigEndian.Uint64(s[:8]))
}

// contentHash tells copies of one event from different events with one id. It covers what the producer stated, and neither
// the way the record took (topic, offset, made-up id) nor what we computed: a price list or a rule that changed between
// two readings makes no conflict. It is quick rather than strong: whoever builds two events with one id and one hash makes
// a conflict look like a duplicate, and nothing else.
func (d *digest) contentHash(e *schemas.Event) int64 {
	d.buf = d.buf[:0]
	d.int(int64(e.Kind), int64(e.Status), int64(e.Operation), int64(e.HTTPStatus), e.Retries)
	d.text(e.TraceID, e.AltTraceID, e.SpanID, e.ParentID, e.RequestID, e.SessionID, e.ExceptionEventID,
		e.Environment, e.Service, e.ProviderRaw, e.ModelRaw, e.PromptName, e.PromptVersion, e.PromptHash, e.TaskType,
		e.Flag, e.Variant, e.AgentConfig, e.Step, e.Tool, e.OutputCategory, e.StopReason, e.ServiceTier)
	d.optInt(e.Attempt)
	d.optFlag(e.Final)
	d.flag(e.Latency.Ok, e.TTFT.Ok)
	d.int(int64(e.Latency.V), int64(e.TTFT.V))
	d.optDecimal(e.ReportedCostUSD, e.EstimatedCostUSD)
	u := &e.Usage
	d.count(u.InputTokens, u.OutputTokens, u.CacheReadTokens, u.CacheWriteTokens, u.CacheWrite5mTokens,
		u.CacheWrite1hTokens, u.ReasoningTokens)
	d.optFlag(u.CacheExclusive)
	d.text(u.BaseURLHost, u.Framework)
	d.flag(u.CacheHit)
	for _, x := range u.Extra {
		d.text(x.Key, x.Value)
	}
	d.measures(&e.Measures)
	return int64(xxhash.Sum64(d.buf))
}

func (d *digest) measures(m *schemas.Measures) {
	d.optFlag(m.TaskCompleted, m.Accepted, m.Edited, m.Escalated, m.Resolved, m.Abandoned, m.EvalPassed)
	d.optInt(m.Retries)
	d.optInt(m.Feedback)
	d.text(m.EvalName, m.EvalReasonCode)
	d.optDecimal(m.EvalScore, m.Satisfaction, m.RevenueUSD, m.SecondsSend)
}

// textHash is 64 bits of a hash of one text.
func textHash(s string) int64 {
	d := digest{}
	d.text(s)
	return d.sum()
}
