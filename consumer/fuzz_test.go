package consumer

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"runtime/metrics"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tracetally/tracetally/internal/kafkatest"
	"github.com/tracetally/tracetally/schemas"
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
				var c Chunk
				var err error
				if used := allocated(func() { c, err = r.scan() }); used > uint64(maxUnpacking+64*len(records)) {
					t.Fatalf("%d bytes allocated for an answer of %d", used, len(records))
				}
				if errors.Is(err, errAskAgain) {
					break
				}
				if err != nil {
					return // the caller waits and asks again
				}
				if c.From != at || c.To <= at || c.To != r.offset {
					t.Fatalf("chunk [%d,%d) after %d", c.From, c.To, at)
				}
				checkCover(t, c)
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

// maxUnpacking bounds what one answer may make a client of fuzzClient allocate beyond its own size: a few batches of the
// limit of 1 MiB in buffers that grow by doubling, and the tables of the codecs, which are made once. A bomb takes 3 MiB.
const maxUnpacking = 16 << 20

// allocated is how many bytes f allocates, but for small objects in spans that the allocator held already: one span for each
// size, 2 MiB at most for a processor (13 KiB were missed of 32 MiB). Unlike runtime.ReadMemStats, reading this does not stop
// the world, which was nearly all that this target did.
func allocated(f func()) uint64 {
	sample := [1]metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample[:])
	before := sample[0].Value.Uint64()
	f()
	metrics.Read(sample[:])
	return sample[0].Value.Uint64() - before
}

// TestBombAllocatesNoMoreThanTheLimit shows that the bound of FuzzResponse is one that a bomb would break. Its mutations do
// not come upon any, as they would have to get the checksum right, and with these as seeds it would do little else.
func TestBombAllocatesNoMoreThanTheLimit(t *testing.T) {
	bomb := kafkatest.Record(0, nil, make([]byte, 32<<20), 0)
	for codec := uint16(codecGzip); codec <= codecZstd; codec++ {
		r := fuzzClient(t).Reader("t", 0, 0)
		r.rest = kafkatest.Batch{Count: 1, Attributes: codec, Payload: compress(t, codec, bomb, len(bomb))}.Bytes()
		r.log = fetched{highWatermark: 1}
		var c Chunk
		var err error
		if used := allocated(func() { c, err = r.scan() }); used > maxUnpacking || err != nil || len(c.Bad) != 1 {
			t.Errorf("codec %d: %d bytes allocated, bad ranges %v, %v", codec, used, c.Bad, err)
		}
		r.Release()
	}
}

// checkCover: what a chunk says of offsets lies within it, in order, and no offset is in two of its records and bad ranges.
func checkCover(t *testing.T, c Chunk) {
	type span struct{ from, to int64 }
	var said []span
	for _, rec := range c.Records {
		said = append(said, span{rec.Offset, rec.Offset + 1})
	}
	for _, b := range c.Bad {
		said = append(said, span{b.From, b.To})
	}
	slices.SortFunc(said, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	at := c.From
	for _, s := range said {
		if s.from < at || s.to <= s.from || s.to > c.To {
			t.Fatalf("[%d,%d) after %d in chunk [%d,%d)", s.from, s.to, at, c.From, c.To)
		}
		at = s.to
	}
	for i := 1; i < len(c.Records); i++ {
		if c.Records[i].Offset <= c.Records[i-1].Offset {
			t.Fatalf("record %d after %d", c.Records[i].Offset, c.Records[i-1].Offset)
		}
	}
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

// FuzzBatch compares the decoder with franz-go's, on batches whose checksum is right and whose every other field may lie; the
// payload is taken as packed by the codec that the attributes name, and, if they name none, packed by each codec as well.
//
// What both take is equal record by record: offset, time, key, value, headers, null apart from empty. What only one takes:
// ours refuses what no producer writes (records out of order or beyond the batch's last offset, counts that do not fit,
// bytes left over, overlong varints, more than maxHeaders headers, a time beyond the year 9999 is none) and what unpacks beyond
// its limit; franz-go refuses LZ4 frames whose own checksums are wrong, which we leave to the batch's.
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
		for codec := uint16(codecGzip); codec <= codecZstd && attributes&7 == codecNone; codec++ {
			samePacked(t, client, r, codec, attributes, lastDelta, count, baseTime, payload)
		}
	})
}

// samePacked: the same records in a batch that is packed well are read alike, by us and by franz-go.
func samePacked(t *testing.T, client *Client, plain *Reader, codec, attributes uint16, lastDelta, count int32, baseTime int64, payload []byte) {
	t.Helper()
	const base = 100
	raw := kafkatest.Batch{Base: base, Attributes: attributes&^48 | codec, LastDelta: lastDelta, Count: count, BaseTime: baseTime,
		MaxTime: baseTime, Payload: compress(t, codec, payload, len(payload))}.Bytes()
	b := readBatch(raw)
	r := client.Reader("t", 0, base)
	r.rest, r.log = raw, fetched{highWatermark: base}
	r.take(&b)
	if len(r.decoder.bad) != len(plain.decoder.bad) || !slices.EqualFunc(r.decoder.records, plain.decoder.records, func(a, b schemas.Record) bool {
		return reflect.DeepEqual(a, b)
	}) {
		t.Fatalf("codec %d: %d records and %d bad ranges, unpacked %d and %d", codec, len(r.decoder.records), len(r.decoder.bad),
			len(plain.decoder.records), len(plain.decoder.bad))
	}
	compare(t, r, raw, attributes|codec)
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
