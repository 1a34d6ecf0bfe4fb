package consumer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tracetally/tracetally/internal/kafkatest"
)

func fuzzClient(t testing.TB) *Client {
	return tapeClient(t, func(c *Config) { c.MaxBatchBytes, c.FetchBytes = 1<<20, 1<<16 })
}

// FuzzResponse feeds whole answers of a broker. Whatever they are, reading goes on or gives up cleanly, never in circles,
// and what it says is in order (tape.play checks that).
func FuzzResponse(f *testing.F) {
	good := kafkatest.Batch{Count: 2, Records: [][]byte{kafkatest.Record(0, nil, []byte("v"), 0), kafkatest.Record(1, nil, nil, 0)}}
	f.Add(good.Bytes(), int64(0), int64(2))
	f.Add(append(good.Bytes(), good.Bytes()...), int64(1), int64(9))
	f.Add(good.Bytes()[:40], int64(0), int64(5))
	f.Add(kafkatest.Batch{Count: 1, BadCRC: true}.Bytes(), int64(0), int64(1))
	f.Add(kafkatest.Batch{Count: math.MaxInt32, LastDelta: -5}.Bytes(), int64(0), int64(1))
	f.Add(kafkatest.Batch{Base: math.MaxInt64 - 1, Count: 1, LastDelta: math.MaxInt32}.Bytes(), int64(0), int64(math.MaxInt64))
	f.Add(kafkatest.Batch{Base: math.MinInt64, Count: 1}.Bytes(), int64(3), int64(4))
	f.Add(kafkatest.Batch{Magic: 1}.Bytes(), int64(0), int64(1))
	f.Add(kafkatest.Batch{LyingSize: -60}.Bytes(), int64(0), int64(1))
	client := fuzzClient(f)
	f.Fuzz(func(t *testing.T, records []byte, offset, end int64) {
		if offset < 0 || end <= offset || end-offset > 50 {
			return
		}
		r := client.Reader("t", 0, offset)
		for asks := 0; r.offset < end && asks < 1000; asks++ {
			r.rest, r.fresh = records, r.offset
			r.log = fetched{highWatermark: end}
			r.filter.reset([]abortedTxn{{producer: 7, first: 1}})
			for len(r.rest) > 0 {
				at := r.offset
				c, err := r.scan()
				if errors.Is(err, errAskAgain) {
					break
				}
				if err != nil {
					return // the caller waits and asks again
				}
				if c.From != at || c.To <= at || c.To != r.offset {
					t.Fatalf("chunk [%d,%d) after %d", c.From, c.To, at)
				}
				for _, b := range c.Bad {
					if b.From < at || b.To <= b.From || b.To > c.To {
						t.Fatalf("bad range [%d,%d) in [%d,%d)", b.From, b.To, c.From, c.To)
					}
				}
				r.Release()
			}
			if len(records) == 0 {
				return
			}
		}
		if r.offset < end {
			t.Fatalf("going in circles at offset %d", r.offset)
		}
	})
}

// FuzzFetched feeds the frame around the records.
func FuzzFetched(f *testing.F) {
	f.Add([]byte{}, false)
	f.Add(bytes.Repeat([]byte{0}, 100), true)
	f.Add(append(make([]byte, 10), 0, 0, 0, 1, 0, 1, 't', 0, 0, 0, 1, 0, 0, 0, 0, 0, 0), false)
	f.Fuzz(func(t *testing.T, body []byte, cut bool) {
		got, err := readFetched(body, "t", 0, cut)
		if err == nil && len(got.records)+16*len(got.aborted) > len(body) {
			t.Fatalf("%d bytes of records and %d aborted transactions out of %d bytes", len(got.records), len(got.aborted), len(body))
		}
	})
}

// FuzzBatch compares the decoder with franz-go's, on batches whose checksum is right and whose every other field may lie.
func FuzzBatch(f *testing.F) {
	rec := kafkatest.Record
	f.Add(uint16(0), int32(1), int32(2), int64(5), rec(0, []byte("k"), []byte("v"), 1, kafkatest.Header("h", nil)...))
	f.Add(uint16(0), int32(0), int32(1), int64(0), rec(0, nil, nil, 1<<50))
	f.Add(uint16(8), int32(1), int32(2), int64(-1), append(rec(0, nil, []byte{}, 0), rec(1, nil, nil, -2)...))
	f.Add(uint16(0), int32(5), int32(math.MaxInt32), int64(0), rec(5, nil, nil, 0))
	f.Add(uint16(0), int32(5), int32(-1), int64(0), rec(5, nil, nil, 0))
	f.Add(uint16(2), int32(0), int32(1), int64(0), []byte("\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00"))
	f.Add(uint16(3), int32(0), int32(1), int64(0), []byte("\x04\x22\x4d\x18\x60\x40\x82\x05\x00\x00\x80hello\x00\x00\x00\x00"))
	f.Add(uint16(1), int32(0), int32(1), int64(0), []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"))
	f.Add(uint16(4), int32(0), int32(1), int64(0), []byte("\x28\xb5\x2f\xfd\xa0\x00\x00\x00\x10\x01\x00\x00")) // claims 256 MiB
	client := fuzzClient(f)
	f.Fuzz(func(t *testing.T, attributes uint16, lastDelta, count int32, baseTime int64, payload []byte) {
		if lastDelta < 0 {
			return // FuzzResponse has those; franz-go does not look
		}
		const base = 100
		raw := kafkatest.Batch{Base: base, Attributes: attributes &^ 48, LastDelta: lastDelta, Count: count, BaseTime: baseTime,
			MaxTime: baseTime, Payload: append([]byte{}, payload...)}.Bytes()
		b := readBatch(raw)
		r := client.Reader("t", 0, base)
		r.rest, r.log = raw, fetched{highWatermark: base}
		if b.state != whole {
			t.Fatalf("a batch whose checksum is right is in state %d", b.state)
		}
		r.take(&b)
		if want := base + int64(int32(binary.BigEndian.Uint32(raw[23:]))) + 1; r.offset != want {
			t.Fatalf("stepped to %d over a batch that ends before %d", r.offset, want)
		}
		compare(t, r, raw, attributes)
	})
}

// compare: what we take, franz-go reads alike; what is written as a producer writes it, we take.
func compare(t *testing.T, r *Reader, raw []byte, attributes uint16) {
	t.Helper()
	refused := len(r.decoder.bad) > 0
	if refused && attributes&15 != 0 {
		return // franz-go must not unpack what may be a bomb, and a time of appending cannot be encoded again
	}
	var header kmsg.RecordBatch
	if err := header.ReadFrom(raw); err != nil {
		t.Fatal(err)
	}
	in := kmsg.FetchResponseTopicPartition{RecordBatches: raw}
	oracle, _ := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Topic: "t"}, &in, kgo.DefaultDecompressor(), nil)
	complete := oracle.Err == nil && len(oracle.Records) == int(header.NumRecords)
	got := r.decoder.records
	switch {
	case refused && complete && orderly(oracle.Records, header):
		t.Fatalf("refused %d records that are as a producer writes them: %+v", len(oracle.Records), r.decoder.bad)
	case refused:
		return
	case oracle.Err != nil && attributes&7 == codecLZ4:
		return // the frame's own checksums, which we leave to the batch's
	case !complete || len(got) != len(oracle.Records):
		t.Fatalf("took %d records of a batch of which franz-go takes %d of %d, %v", len(got), len(oracle.Records), header.NumRecords, oracle.Err)
	}
	for i, rec := range got {
		if !sameRecord(rec, oracle.Records[i]) {
			t.Fatalf("record %d = %+v, want %+v", i, rec, oracle.Records[i])
		}
	}
}

// orderly: encoding the records again gives the very bytes, and their offsets are such as a broker gives.
func orderly(records []*kgo.Record, header kmsg.RecordBatch) bool {
	next := header.FirstOffset
	for _, r := range records {
		if r.Offset < next || r.Offset > header.FirstOffset+int64(header.LastOffsetDelta) || len(r.Headers) > maxHeaders {
			return false
		}
		next = r.Offset + 1
	}
	return bytes.Equal(canonical(records, header.FirstOffset, header.FirstTimestamp), header.Records)
}
