package consumer

import (
	"errors"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tracetally/tracetally/schemas"
)

// tape plays a log to a Reader without a network: what a broker would answer, cut off wherever a test likes.
type tape struct {
	batches [][]byte
	ends    []int64 // the offset behind each batch
	start   int64
	aborted []abortedTxn
	markers []int64 // offset of the abort marker of each
	most    func() int
}

func (p *tape) end() int64 {
	if len(p.ends) == 0 {
		return p.start
	}
	return p.ends[len(p.ends)-1]
}

// fill answers a fetch of at least one batch.
func (p *tape) fill(r *Reader) {
	r.rest, r.fresh = nil, r.offset
	var aborted []abortedTxn
	records, most := []byte{}, max(p.most(), r.want)
	for i, b := range p.batches {
		if p.ends[i] <= r.offset {
			continue
		}
		before := len(records)
		if records = append(records, b...); len(records) > most && before > 0 {
			records = records[:max(before, most)]
			break
		}
	}
	for i, a := range p.aborted {
		if p.markers[i] >= r.offset {
			aborted = append(aborted, a)
		}
	}
	slices.Reverse(aborted) // Redpanda gives them in such an order
	r.rest = records
	r.log = fetched{highWatermark: p.end(), lastStable: p.end(), records: records}
	r.filter.reset(aborted)
}

// played is what came out, copied.
type played struct {
	records []schemas.Record
	bad     []BadRange
	chunks  int
}

// play reads from offset to the end and checks what every chunk promises.
func (p *tape) play(t interface {
	Helper()
	Fatalf(string, ...any)
}, c *Client, offset int64) played {
	t.Helper()
	r := c.Reader("t", 3, offset)
	var out played
	for asks := 0; r.offset < p.end(); {
		if len(r.rest) == 0 {
			if asks++; asks > 100_000 {
				t.Fatalf("still at offset %d after %d fetches", r.offset, asks)
			}
			p.fill(r)
		}
		at := r.offset
		chunk, err := r.scan()
		if errors.Is(err, errAskAgain) {
			continue
		}
		if err != nil {
			t.Fatalf("at offset %d: %v", at, err)
		}
		if chunk.From != at || chunk.To <= at || r.offset != chunk.To {
			t.Fatalf("chunk [%d,%d) after %d", chunk.From, chunk.To, at)
		}
		for _, rec := range chunk.Records {
			if rec.Offset < at || rec.Offset >= chunk.To {
				t.Fatalf("record %d in [%d,%d) after %d", rec.Offset, chunk.From, chunk.To, at)
			}
			at = rec.Offset + 1
			rec.Key, rec.Value = slices.Clone(rec.Key), slices.Clone(rec.Value)
			rec.Headers = slices.Clone(rec.Headers)
			for i := range rec.Headers {
				rec.Headers[i].Value = slices.Clone(rec.Headers[i].Value)
			}
			out.records = append(out.records, rec)
		}
		out.bad = append(out.bad, chunk.Bad...)
		out.chunks++
		r.Release()
	}
	return out
}

func tapeClient(t testing.TB, change func(*Config)) *Client {
	t.Helper()
	cfg := Config{Brokers: []string{"127.0.0.1:1"}, GroupID: "g", Topics: []string{"t"}}
	if change != nil {
		change(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// sameRecord compares with what franz-go decoded. It gives null and empty different answers, as we must.
func sameRecord(got schemas.Record, want *kgo.Record) bool {
	same := func(a, b []byte) bool { return slices.Equal(a, b) && (a == nil) == (b == nil) }
	if got.Offset != want.Offset || !same(got.Key, want.Key) || !same(got.Value, want.Value) || len(got.Headers) != len(want.Headers) {
		return false
	}
	for i, h := range want.Headers {
		if got.Headers[i].Key != h.Key || !same(got.Headers[i].Value, h.Value) {
			return false
		}
	}
	millis := want.Timestamp.UnixMilli()
	if millis < 0 || millis > maxMillis {
		return got.Timestamp.IsZero()
	}
	return got.Timestamp.Equal(want.Timestamp)
}

// canonical writes records as a producer would, with deltas against base and baseTime.
func canonical(records []*kgo.Record, base, baseTime int64) []byte {
	var out []byte
	for _, r := range records {
		body := []byte{0}
		body = kbin.AppendVarlong(body, r.Timestamp.UnixMilli()-baseTime)
		body = kbin.AppendVarint(body, int32(r.Offset-base))
		body = kbin.AppendVarintBytes(body, r.Key)
		body = kbin.AppendVarintBytes(body, r.Value)
		body = kbin.AppendVarint(body, int32(len(r.Headers)))
		for _, h := range r.Headers {
			body = kbin.AppendVarintString(body, h.Key)
			body = kbin.AppendVarintBytes(body, h.Value)
		}
		out = append(kbin.AppendVarint(out, int32(len(body))), body...)
	}
	return out
}
