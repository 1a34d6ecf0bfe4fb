package consumer_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/tracetally/tracetally/consumer"
	"github.com/tracetally/tracetally/internal/kafkatest"
	"github.com/tracetally/tracetally/schemas"
)

func record(delta int64) []byte { return kafkatest.Record(delta, nil, []byte("v"), 0) }

// packed is n zero bytes, compressed. For each codec these are far fewer.
func packed(t *testing.T, codec kafkatest.Codec, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	zeros := make([]byte, n)
	switch codec {
	case kafkatest.Gzip:
		w := gzip.NewWriter(&b)
		_, err := w.Write(zeros)
		must(t, err)
		must(t, w.Close())
	case kafkatest.Snappy:
		b.Write(snappy.Encode(nil, zeros))
	case kafkatest.LZ4:
		w := lz4.NewWriter(&b)
		_, err := w.Write(zeros)
		must(t, err)
		must(t, w.Close())
	case kafkatest.Zstd:
		return zstdOf(t, zeros)
	}
	return b.Bytes()
}

func zstdOf(t *testing.T, payload []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b)
	must(t, err)
	_, err = w.Write(payload)
	must(t, err)
	must(t, w.Close())
	return b.Bytes()
}

// TestPoisonedBatchCostsItselfOnly: each of these batches is stored by a broker, its checksum being right.
func TestPoisonedBatchCostsItselfOnly(t *testing.T) {
	t.Parallel()
	two := func(rec ...[]byte) kafkatest.Batch { return kafkatest.Batch{Count: 2, Records: rec} }
	poisons := map[string]struct {
		batch  kafkatest.Batch
		reason schemas.Reason
	}{
		"2^50 headers":           {two(record(0), kafkatest.Record(1, nil, nil, 1<<50)), schemas.BadBatch},
		"negative headers":       {two(record(0), kafkatest.Record(1, nil, nil, -2)), schemas.BadBatch},
		"header without a name":  {two(record(0), kafkatest.Record(1, nil, nil, 1, 1, 1)), schemas.BadBatch},
		"fewer records":          {two(record(0)), schemas.BadBatch},
		"more records":           {two(record(0), record(1), record(2)), schemas.BadBatch},
		"2^31-1 records":         {kafkatest.Batch{Count: 1<<31 - 1, Records: [][]byte{record(0)}}, schemas.BadBatch},
		"offsets twice":          {two(record(1), record(1)), schemas.BadBatch},
		"offset outside":         {two(record(0), record(2)), schemas.BadBatch},
		"negative offset":        {two(record(-1), record(0)), schemas.BadBatch},
		"negative record length": {two(record(0), []byte{3, 0, 0, 0, 0, 0, 0}), schemas.BadBatch},
		"long record length":     {two(record(0), binary.AppendVarint(nil, 1<<40), record(1)), schemas.BadBatch},
		"endless varint":         {two(record(0), bytes.Repeat([]byte{0xff}, 30)), schemas.BadBatch},
		"negative key length":    {two(record(0), []byte{14, 0, 0, 2, 7, 1, 0, 0}), schemas.BadBatch},
		"record with a tail":     {two(record(0), kafkatest.Record(1, nil, nil, 0, 9, 9)), schemas.BadBatch},
		"not gzip":               {kafkatest.Batch{Count: 2, Attributes: 1, Payload: []byte("nonsense, really")}, schemas.BadCompression},
		"not snappy":             {kafkatest.Batch{Count: 2, Attributes: 2, Payload: []byte("\xff\xff\xff\xff\x0fense")}, schemas.BadCompression},
		"cut xerial":             {kafkatest.Batch{Count: 2, Attributes: 2, Payload: []byte("\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01\x7f\xff\xff\xff0")}, schemas.BadCompression},
		"not lz4":                {kafkatest.Batch{Count: 2, Attributes: 3, Payload: []byte("nonsense, really")}, schemas.BadCompression},
		"not zstd":               {kafkatest.Batch{Count: 2, Attributes: 4, Payload: []byte("nonsense, really")}, schemas.BadCompression},
		"gzip bomb":              {kafkatest.Batch{Count: 2, Attributes: 1, Payload: packed(t, kafkatest.Gzip, 64<<20)}, schemas.BadCompression},
		"snappy bomb":            {kafkatest.Batch{Count: 2, Attributes: 2, Payload: packed(t, kafkatest.Snappy, 16<<20)}, schemas.BadCompression},
		"lz4 bomb":               {kafkatest.Batch{Count: 2, Attributes: 3, Payload: packed(t, kafkatest.LZ4, 64<<20)}, schemas.BadCompression},
		"zstd bomb":              {kafkatest.Batch{Count: 2, Attributes: 4, Payload: packed(t, kafkatest.Zstd, 256<<20)}, schemas.BadCompression},
		"zeros in zstd":          {kafkatest.Batch{Count: 2, Attributes: 4, Payload: packed(t, kafkatest.Zstd, 1<<20)}, schemas.BadBatch},
	}
	for name, poison := range poisons {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := kafkatest.Run(t, kafkatest.Config{Topics: map[string]int32{"t": 1}})
			ctx := patient(t)
			must(t, cluster.Produce(ctx, kafkatest.Snappy, numbered("before", 3)...))
			raw := poison.batch.Bytes()
			base, err := cluster.ProduceRaw(ctx, "t", 0, raw)
			must(t, err)
			must(t, cluster.Produce(ctx, kafkatest.Gzip, numbered("after", 2)...))
			end := cluster.Fake().PartitionInfo("t", 0).HighWatermark

			got := readTo(t, newClient(t, cluster, func(c *consumer.Config) { c.MaxBatchBytes = 8 << 20 }).Reader("t", 0, 0), end)
			if want := []string{"before-0", "before-1", "before-2", "after-0", "after-1"}; !slices.Equal(got.values(), want) {
				t.Errorf("neighbours: %v, want %v", got.values(), want)
			}
			if len(got.bad) != 1 {
				t.Fatalf("bad ranges %+v, want one", got.bad)
			}
			b := got.bad[0]
			if b.From != base || b.To != end-2 || b.Reason != poison.reason || b.Size != len(raw) || b.SHA256 == [32]byte{} {
				t.Errorf("bad range [%d,%d) %s of %d bytes, want [%d,%d) %s of %d", b.From, b.To, b.Reason, b.Size, base, end-2, poison.reason, len(raw))
			}
		})
	}
}

func TestRecordWithTooManyHeadersCostsItselfOnly(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.Run(t, kafkatest.Config{Topics: map[string]int32{"t": 1}})
	many := bytes.Repeat(kafkatest.Header("h", []byte("v")), 10_000)
	batch := kafkatest.Batch{Records: [][]byte{record(0), kafkatest.Record(1, nil, nil, 10_000, many...), record(2)}}
	_, err := cluster.ProduceRaw(patient(t), "t", 0, batch.Bytes())
	must(t, err)
	got := readTo(t, newClient(t, cluster, nil).Reader("t", 0, 0), 3)
	if len(got.records) != 2 || got.records[0].Offset != 0 || got.records[1].Offset != 2 {
		t.Errorf("records %v", got.records)
	}
	if len(got.bad) != 1 || got.bad[0].From != 1 || got.bad[0].To != 2 || got.bad[0].Reason != schemas.BadBatch {
		t.Errorf("bad ranges %+v, want [1,2)", got.bad)
	}
}

// sound is a batch of n records with the values "base+0" and so on, that ends before base+n.
func sound(base int64, n int) []byte {
	b := kafkatest.Batch{Base: base}
	for i := range n {
		b.Records = append(b.Records, kafkatest.Record(int64(i), nil, fmt.Appendf(nil, "%d", base+int64(i)), 0))
	}
	return b.Bytes()
}

// outdated is a message of format v1 with the offset given.
func outdated(offset int64) []byte {
	message := []byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 0} // magic, attributes, timestamp
	message = append(message, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 'v')
	b := binary.BigEndian.AppendUint64(nil, uint64(offset))
	b = binary.BigEndian.AppendUint32(b, uint32(len(message)+4))
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(message))
	return append(b, message...)
}

// with changes a byte of a batch.
func with(b []byte, at int, value byte) []byte {
	b = slices.Clone(b)
	b[at] = value
	return b
}

// TestDamageOnDiskCostsItsBatchOnly: logs that a broker would not have written, or that broke later. The middle batch is
// [10,15) in all of them; what can be lost is that and no more.
func TestDamageOnDiskCostsItsBatchOnly(t *testing.T) {
	t.Parallel()
	middle := sound(10, 5)
	logs := map[string][]byte{
		"flipped bit in a record":   with(middle, len(middle)-1, 'x'),
		"flipped bit in the CRC":    kafkatest.Batch{Base: 10, Count: 5, BadCRC: true, Records: [][]byte{record(0)}}.Bytes(),
		"last offset far away":      with(middle, 23, 0x7f),
		"last offset negative":      with(middle, 23, 0xff),
		"magic of the future":       with(middle, 16, 3),
		"magic of the past":         with(middle, 16, 1),
		"a message of the past":     outdated(14),
		"length too small":          with(with(middle, 11, 4), 10, 0),
		"length negative":           with(middle, 8, 0xff),
		"length far too large":      with(middle, 8, 0x7f),
		"length a little too large": kafkatest.Batch{Base: 10, Count: 5, LyingSize: 200, Records: [][]byte{record(0)}}.Bytes(),
		"last delta and CRC wrong":  kafkatest.Batch{Base: 10, LastDelta: 1 << 30, BadCRC: true, Records: [][]byte{record(0)}}.Bytes(),
		"unknown codec":             kafkatest.Batch{Base: 10, Count: 5, Attributes: 6, Payload: []byte("?")}.Bytes(),
	}
	for name, damaged := range logs {
		for _, place := range []string{"in the middle", "at the end"} {
			t.Run(name+" "+place, func(t *testing.T) {
				t.Parallel()
				cluster := kafkatest.Run(t, kafkatest.Config{Topics: map[string]int32{"t": 1}})
				log := &kafkatest.Log{Topic: "t"}
				log.Add(10, sound(0, 10))
				log.Add(15, damaged)
				want := []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}
				if place == "in the middle" {
					log.Add(18, sound(15, 3))
					want = append(want, "15", "16", "17")
				}
				cluster.Serve(log)
				got := readTo(t, newClient(t, cluster, nil).Reader("t", 0, 0), log.End())
				if !slices.Equal(got.values(), want) {
					t.Errorf("neighbours: %v, want %v", got.values(), want)
				}
				at := int64(10)
				for _, b := range got.bad {
					if b.From != at {
						t.Errorf("bad ranges %+v leave a hole before %d", got.bad, b.From)
					}
					at = b.To
				}
				if at != 15 {
					t.Errorf("bad ranges %+v, want all of [10,15)", got.bad)
				}
			})
		}
	}
}

func TestBatchThatClaimsItsNeighboursOffsetsDoesNotHideThem(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.Run(t, kafkatest.Config{Topics: map[string]int32{"t": 1}})
	log := &kafkatest.Log{Topic: "t"}
	log.Add(15, kafkatest.Batch{Base: 10, LastDelta: 7, Records: [][]byte{record(0)}}.Bytes())
	log.Add(18, sound(15, 3))
	log.Start = 10
	cluster.Serve(log)
	got := readTo(t, newClient(t, cluster, nil).Reader("t", 0, 10), 18)
	if !slices.Equal(got.values(), []string{"15", "16", "17"}) {
		t.Errorf("neighbours: %v", got.values())
	}
	if len(got.bad) != 1 || got.bad[0].From != 10 || got.bad[0].To != 15 {
		t.Errorf("bad ranges %+v, want [10,15)", got.bad)
	}
}

// TestDamagedHeaderDoesNotHideABatchThatDidNotFitInTheAnswer: the header claims more offsets than it has, and the batch
// behind it, which would contradict, is beyond what one fetch asks for.
func TestDamagedHeaderDoesNotHideABatchThatDidNotFitInTheAnswer(t *testing.T) {
	t.Parallel()
	for _, size := range []int{100, 5000} { // below and above FetchBytes
		cluster := kafkatest.Run(t, kafkatest.Config{Topics: map[string]int32{"t": 1}})
		log := &kafkatest.Log{Topic: "t"}
		log.Add(2, kafkatest.Batch{LastDelta: 5, BadCRC: true, Count: 2, Payload: make([]byte, 1000)}.Bytes())
		log.Add(3, kafkatest.Batch{Base: 2, Records: [][]byte{kafkatest.Record(0, nil, bytes.Repeat([]byte("x"), size), 0)}}.Bytes())
		log.Add(8, sound(3, 5))
		cluster.Serve(log)
		got := readTo(t, newClient(t, cluster, func(c *consumer.Config) { c.FetchBytes = 1 << 10 }).Reader("t", 0, 0), 8)
		offsets := []int64{}
		for _, r := range got.records {
			offsets = append(offsets, r.Offset)
		}
		if !slices.Equal(offsets, []int64{2, 3, 4, 5, 6, 7}) {
			t.Errorf("with %d bytes behind it: records at %v", size, offsets)
		}
	}
}

func TestDamageOnTheWayIsReadAgain(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.Run(t, kafkatest.Config{Topics: map[string]int32{"t": 1}})
	log := &kafkatest.Log{Topic: "t"}
	log.Add(3, sound(0, 3))
	log.Add(6, sound(3, 3))
	asked := map[int64]int{}
	log.OnFetch = func(offset int64, records []byte) []byte {
		asked[offset]++
		if asked[offset] == 1 && len(records) > 0 {
			return with(records, len(records)-1, 'x')
		}
		return records
	}
	cluster.Serve(log)
	got := readTo(t, newClient(t, cluster, nil).Reader("t", 0, 0), 6)
	if len(got.bad) != 0 || len(got.records) != 6 {
		t.Errorf("got %v and bad ranges %v", got.values(), got.bad)
	}
}

func TestBatchBeyondTheLimitIsSteppedOverWithoutBeingLoaded(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.Run(t, kafkatest.Config{Topics: map[string]int32{"t": 1}})
	log := &kafkatest.Log{Topic: "t"}
	huge := kafkatest.Batch{Base: 2, Count: 4, Payload: bytes.Repeat([]byte{7}, 3<<20)}.Bytes()
	log.Add(2, sound(0, 2))
	log.Add(6, huge)
	log.Add(8, sound(6, 2))
	cluster.Serve(log)
	limits := func(c *consumer.Config) { c.MaxBatchBytes, c.FetchBytes = 1<<20, 1<<16 }
	got := readTo(t, newClient(t, cluster, limits).Reader("t", 0, 0), 8)
	if !slices.Equal(got.values(), []string{"0", "1", "6", "7"}) {
		t.Errorf("neighbours: %v", got.values())
	}
	want := consumer.BadRange{From: 2, To: 6, Reason: schemas.BadBatch, Size: len(huge)}
	if len(got.bad) != 1 || got.bad[0] != want {
		t.Errorf("bad ranges %+v, want %+v", got.bad, want)
	}
}

func TestCompactedGapsAndEmptyBatchesAreSteppedOver(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.Run(t, kafkatest.Config{Topics: map[string]int32{"t": 1}})
	log := &kafkatest.Log{Topic: "t"}
	log.Add(5, kafkatest.Batch{Base: 0, LastDelta: 4, Records: [][]byte{record(1), record(3)}}.Bytes())
	log.Add(20, kafkatest.Batch{Base: 10, LastDelta: 9}.Bytes()) // all its records are gone
	log.Add(40, kafkatest.Batch{Base: 38, LastDelta: 1, Records: [][]byte{record(0)}}.Bytes())
	cluster.Serve(log)
	got := readTo(t, newClient(t, cluster, nil).Reader("t", 0, 0), 40)
	offsets := []int64{}
	for _, r := range got.records {
		offsets = append(offsets, r.Offset)
	}
	if !slices.Equal(offsets, []int64{1, 3, 38}) || len(got.bad) != 0 || got.to != 40 {
		t.Errorf("records at %v, bad %v, to %d", offsets, got.bad, got.to)
	}
}
