package consumer

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"pgregory.net/rapid"

	"github.com/tracetally/tracetally/internal/kafkatest"
)

// compress packs as producers do. lz4 takes the block size and its options from n, so that all of them are met.
func compress(t interface{ Fatal(args ...any) }, codec uint16, payload []byte, n int) []byte {
	var b bytes.Buffer
	var err error
	switch codec {
	case codecNone:
		return payload
	case codecGzip:
		w := gzip.NewWriter(&b)
		_, err = w.Write(payload)
		_ = w.Close()
	case codecSnappy:
		if n%2 == 0 {
			return snappy.Encode(nil, payload)
		}
		b.WriteString("\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01")
		for block := range slices.Chunk(payload, 100) {
			packed := snappy.Encode(nil, block)
			b.Write([]byte{0, 0, byte(len(packed) >> 8), byte(len(packed))})
			b.Write(packed)
		}
	case codecLZ4:
		w := lz4.NewWriter(&b)
		sizes := []lz4.BlockSize{lz4.Block64Kb, lz4.Block256Kb, lz4.Block1Mb, lz4.Block4Mb}
		err = w.Apply(lz4.BlockSizeOption(sizes[n%4]), lz4.BlockChecksumOption(n%3 == 0), lz4.ChecksumOption(n%5 != 0))
		if err == nil && n%7 == 0 {
			err = w.Apply(lz4.SizeOption(uint64(len(payload))))
		}
		_, _ = w.Write(payload)
		_ = w.Close()
	case codecZstd:
		w, _ := zstd.NewWriter(&b)
		_, err = w.Write(payload)
		_ = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// story is a log of plain and transactional batches with gaps, and what a reader must find in it.
type story struct {
	tape  tape
	want  map[int64]string
	holes []int64 // to draw from
}

func (s *story) batch(t *rapid.T, producer int64, attributes uint16) (offsets []int64) {
	base := s.tape.end() + rapid.SampledFrom(s.holes).Draw(t, "hole")
	var records [][]byte
	delta := int64(0)
	for range rapid.IntRange(0, 6).Draw(t, "records") {
		delta += rapid.SampledFrom([]int64{0, 0, 0, 2}).Draw(t, "compacted")
		value := bytes.Repeat([]byte(fmt.Sprint(base+delta, " ")), rapid.IntRange(1, 400).Draw(t, "size"))
		records = append(records, kafkatest.Record(delta, nil, value, 1, kafkatest.Header("h", value[:1])...))
		offsets = append(offsets, base+delta)
		s.want[base+delta] = string(value)
		delta++
	}
	last := delta + rapid.SampledFrom([]int64{0, 0, 3}).Draw(t, "tail")
	codec := rapid.Uint16Range(0, 4).Draw(t, "codec")
	s.tape.batches = append(s.tape.batches, kafkatest.Batch{
		Base: base, LastDelta: int32(last), Count: int32(len(records)), Producer: producer, Attributes: attributes | codec,
		Payload: compress(t, codec, bytes.Join(records, nil), rapid.IntRange(0, 1000).Draw(t, "options")),
	}.Bytes())
	s.tape.ends = append(s.tape.ends, base+last+1)
	return offsets
}

func (s *story) marker(producer int64, commit byte) {
	base := s.tape.end()
	s.tape.batches = append(s.tape.batches, kafkatest.Batch{Base: base, Producer: producer, Attributes: 16 | 32,
		Records: [][]byte{kafkatest.Record(0, []byte{0, 0, 0, commit}, []byte{0, 0, 0, 0, 0, 0}, 0)}}.Bytes())
	s.tape.ends = append(s.tape.ends, base+1)
}

// tell draws a story of three producers, whose transactions overlap.
func tell(t *rapid.T) *story {
	s := &story{want: map[int64]string{}, holes: []int64{0, 0, 0, 1, 5}}
	open := map[int64][]int64{} // offsets of open transactions
	first := map[int64]int64{}
	for range rapid.IntRange(1, 14).Draw(t, "steps") {
		producer := rapid.Int64Range(1, 3).Draw(t, "producer")
		switch rapid.IntRange(0, 3).Draw(t, "what") {
		case 0:
			s.batch(t, -1, 0)
		case 1, 2:
			begins := len(s.tape.batches)
			offsets := s.batch(t, producer, 16)
			if _, ok := first[producer]; !ok {
				first[producer] = kafkatest.BaseOf(s.tape.batches[begins])
			}
			open[producer] = append(open[producer], offsets...)
		case 3:
			s.close(producer, open, first, rapid.Bool().Draw(t, "commit"))
		}
	}
	for producer := range int64(4) { // the log ends where no transaction is open
		s.close(producer, open, first, false)
	}
	return s
}

func (s *story) close(producer int64, open map[int64][]int64, first map[int64]int64, commit bool) {
	begin, ok := first[producer]
	if !ok {
		return
	}
	if commit {
		s.marker(producer, 1)
	} else {
		for _, o := range open[producer] {
			delete(s.want, o)
		}
		s.tape.aborted = append(s.tape.aborted, abortedTxn{producer: producer, first: begin})
		s.tape.markers = append(s.tape.markers, s.tape.end())
		s.marker(producer, 0)
	}
	delete(open, producer)
	delete(first, producer)
}

// TestAnyLogIsReadOnceFromAnyOffsetInAnyPieces: whatever the batches, codecs, gaps and transactions, wherever reading
// starts and responses are cut off, exactly the committed records come, in order.
func TestAnyLogIsReadOnceFromAnyOffsetInAnyPieces(t *testing.T) {
	client := tapeClient(t, func(c *Config) { c.FetchBytes = 1 << 10 })
	rapid.Check(t, func(t *rapid.T) {
		s := tell(t)
		s.tape.most = func() int { return rapid.IntRange(1, 5000).Draw(t, "most") }
		from := rapid.Int64Range(0, s.tape.end()).Draw(t, "from")
		got := s.tape.play(t, client, from)
		var offsets []int64
		for _, rec := range got.records {
			offsets = append(offsets, rec.Offset)
			if want := s.want[rec.Offset]; string(rec.Value) != want || len(rec.Headers) != 1 || rec.Headers[0].Key != "h" {
				t.Fatalf("record %d = %.20q with headers %v, want %.20q", rec.Offset, rec.Value, rec.Headers, want)
			}
		}
		var want []int64
		for o := range s.want {
			if o >= from {
				want = append(want, o)
			}
		}
		if slices.Sort(want); !slices.Equal(offsets, want) || len(got.bad) > 0 {
			t.Fatalf("from %d read %v and bad ranges %v, want %v", from, offsets, got.bad, want)
		}
	})
}

// TestAnyDamageCostsItsBatchOnly: one batch of a log has one byte changed, anywhere but in its base offset, which no
// checksum covers and only its neighbours can contradict.
func TestAnyDamageCostsItsBatchOnly(t *testing.T) {
	client := tapeClient(t, nil)
	rapid.Check(t, func(t *rapid.T) {
		s := &story{want: map[int64]string{}, holes: []int64{0, 0, 0, 4}}
		for range rapid.IntRange(2, 6).Draw(t, "batches") {
			s.batch(t, -1, 0)
		}
		s.tape.most = func() int { return 1 << 20 }
		victim := rapid.IntRange(0, len(s.tape.batches)-1).Draw(t, "victim")
		b := s.tape.batches[victim]
		begin := kafkatest.BaseOf(b)
		at := rapid.OneOf(rapid.IntRange(8, 30), rapid.IntRange(8, len(b)-1)).Draw(t, "byte")
		b[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "flip"))
		got := s.tape.play(t, client, 0)
		seen := map[int64]bool{}
		for _, rec := range got.records {
			seen[rec.Offset] = true
			if string(rec.Value) != s.want[rec.Offset] {
				t.Fatalf("record %d is not what was written", rec.Offset)
			}
		}
		for o := range s.want {
			inside := o >= begin && o < s.tape.ends[victim]
			bad := slices.ContainsFunc(got.bad, func(b BadRange) bool { return o >= b.From && o < b.To })
			if !seen[o] && (!inside || !bad) || seen[o] && bad {
				t.Fatalf("offset %d (victim's %v): read %v, bad %v; byte %d of [%d,%d)", o, inside, seen[o], got.bad, at, begin, s.tape.ends[victim])
			}
		}
	})
}

// TestManySmallBombsAreUnpackedAFewAtATime: one response of 100 KiB stands for 100 MiB.
func TestManySmallBombsAreUnpackedAFewAtATime(t *testing.T) {
	const fetch, unpacked = 1 << 16, 1 << 20
	client := tapeClient(t, func(c *Config) { c.FetchBytes, c.MaxBatchBytes = fetch, 2<<20 })
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write(kafkatest.Record(0, nil, make([]byte, unpacked), 0))
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	p := tape{most: func() int { return 1 << 30 }}
	for i := range int64(100) {
		p.batches = append(p.batches, kafkatest.Batch{Base: i, Count: 1, Attributes: codecGzip, Payload: packed.Bytes()}.Bytes())
		p.ends = append(p.ends, i+1)
	}
	r := client.Reader("t", 0, 0)
	p.fill(r)
	response := len(r.rest)
	for r.offset < p.end() {
		c, err := r.scan()
		if err != nil || c.Bytes > response+fetch+2*unpacked {
			t.Fatalf("chunk [%d,%d) of %d bytes, %v", c.From, c.To, c.Bytes, err)
		}
		r.Release()
	}
}

// TestZstdOfAnyLevelUnpacks: the highest ones have windows larger than MaxBatchBytes, whatever the size of the batch.
func TestZstdOfAnyLevelUnpacks(t *testing.T) {
	client := tapeClient(t, func(c *Config) { c.MaxBatchBytes = 1 << 20 })
	payload := bytes.Repeat([]byte("prompt "), 100_000)
	var packed bytes.Buffer
	w, err := zstd.NewWriter(&packed, zstd.WithWindowSize(128<<20), zstd.WithSingleSegment(false))
	if err == nil {
		_, err = w.Write(payload)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	if got, err := client.codecs.unpack(codecZstd, packed.Bytes(), nil, client.codecs.limit); err != nil || !bytes.Equal(got, payload) {
		t.Errorf("unpacked %d bytes of %d, %v", len(got), len(payload), err)
	}
}
