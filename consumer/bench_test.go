package consumer

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/pierrec/lz4/v4"

	"github.com/tracetally/tracetally/internal/kafkatest"
)

// answer is a response of about 1 MiB: lz4 batches of events of the size given, which shrink to about a third.
func answer(tb testing.TB, size int) (records []byte, count int) {
	tb.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	perBatch := max(1, 64<<10/size)
	for base := int64(0); len(records) < 1<<20; base += int64(perBatch) {
		var payload []byte
		for i := range perBatch {
			var value []byte
			for len(value) < size {
				value = fmt.Appendf(value, `{"event":"$ai_generation","$ai_latency":%d,"x":"%x"},`, rng.IntN(1000), rng.Uint32())
			}
			payload = append(payload, kafkatest.Record(int64(i), nil, value[:size], 1, kafkatest.Header("token", []byte("abc"))...)...)
		}
		var packed bytes.Buffer
		w := lz4.NewWriter(&packed)
		if _, err := w.Write(payload); err != nil {
			tb.Fatal(err)
		}
		if err := w.Close(); err != nil {
			tb.Fatal(err)
		}
		b := kafkatest.Batch{Base: base, Count: int32(perBatch), Attributes: codecLZ4, Payload: packed.Bytes()}
		records = append(records, b.Bytes()...)
		count += perBatch
	}
	return records, count
}

// readAll scans one response.
func readAll(r *Reader, records []byte) (count int, err error) {
	r.offset, r.fresh, r.rest = 0, 0, records
	r.filter.reset(nil)
	for len(r.rest) > 0 {
		c, err := r.scan()
		if err != nil {
			return count, err
		}
		count += len(c.Records) + len(c.Bad)*1_000_000
		r.Release()
	}
	return count, nil
}

func TestReadingAllocatesNothingPerRecord(t *testing.T) {
	records, count := answer(t, 1000)
	r := tapeClient(t, nil).Reader("t", 0, 0)
	r.log.highWatermark = 1 << 40
	got, err := readAll(r, records)
	if err != nil || got != count {
		t.Fatalf("read %d of %d records, %v", got, count, err)
	}
	allocs := testing.AllocsPerRun(20, func() { _, _ = readAll(r, records) })
	if allocs > float64(count)/10 {
		t.Errorf("%.0f allocations for %d records", allocs, count)
	}
}

func BenchmarkScanLZ4(b *testing.B) {
	for _, size := range []int{1000, 8000, 40000} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			records, count := answer(b, size)
			r := tapeClient(b, nil).Reader("t", 0, 0)
			r.log.highWatermark = 1 << 40
			b.ReportAllocs()
			for b.Loop() {
				if _, err := readAll(r, records); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(count), "ns/record")
			b.ReportMetric(float64(count), "records/op")
		})
	}
}
