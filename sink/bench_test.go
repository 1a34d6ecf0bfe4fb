package sink

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tracetally/tracetally/internal/localpg"
	"github.com/tracetally/tracetally/internal/secret"
	"github.com/tracetally/tracetally/schemas"
)

// BenchmarkCommit commits 64 partitions of 2,000 events in one transaction: 200 series, 5 % duplicates, 5 % failures, a
// durable server. It reports the server's CPU time too (Linux). Run it with -benchtime=5x.
func BenchmarkCommit(b *testing.B) {
	const partitions, events = 64, 2000
	server, err := localpg.Start(b.Context(), localpg.Config{Settings: map[string]string{
		"fsync": "on", "shared_buffers": "1GB", "max_wal_size": "8GB",
	}})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	url := server.URL("postgres")
	if err := Migrate(b.Context(), Config{URL: secret.New(url)}); err != nil {
		b.Fatal(err)
	}
	s, err := Open(b.Context(), Config{URL: secret.New(url), Now: noon})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	claims := make([]Claim, partitions)
	for p := range claims {
		claims[p] = acquire(b, s, "calls", int32(p))
	}
	r := rand.New(rand.NewPCG(1, 1))
	cpu := serverCPU(b, server.Pid())
	b.ReportAllocs()
	b.ResetTimer()
	for n := range b.N {
		b.StopTimer()
		batches := make([]*Batch, partitions)
		for p := range batches {
			batches[p] = benchBatch(r, claims[p], int64(n*events), events)
		}
		b.StartTimer()
		commit(b, s, batches...)
	}
	b.StopTimer()
	total := float64(b.N * partitions * events)
	b.ReportMetric(total/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64((serverCPU(b, server.Pid())-cpu).Microseconds())/total, "server-µs/event")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/total, "ns/event")
}

func benchBatch(r *rand.Rand, c Claim, from int64, events int) *Batch {
	b := &Batch{Claim: c, From: from, To: from + int64(events), FirstTime: noon(), Watermark: noon()}
	var all []schemas.Event
	for i := range events {
		e := call(uuid.NewString(), noon().Add(time.Duration(from)*time.Millisecond+time.Duration(r.Int64N(1e9))).Truncate(time.Microsecond))
		if i > 0 && r.IntN(20) == 0 {
			e = all[r.IntN(i)]
		}
		e.TraceID = uuid.NewString()
		e.PromptName, e.Model = fmt.Sprint("prompt", r.IntN(20)), fmt.Sprint("model", r.IntN(10))
		e.Latency = schemas.Some(time.Duration(r.Int64N(5e9)))
		if r.IntN(20) == 0 {
			e = failed(e, "rate_limit")
		}
		b.add(from+int64(i), e)
		all = append(all, e)
	}
	return b
}

// serverCPU is the time that a server and its children have used, those that have ended included (proc(5), fields 14–17).
func serverCPU(b *testing.B, pid int) time.Duration {
	b.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		b.Fatal(err)
	}
	var ticks int64
	for _, f := range files {
		stat, err := os.ReadFile(f)
		if err != nil {
			continue // it has ended meanwhile
		}
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:]) // from field 3, the state
		own := filepath.Base(filepath.Dir(f)) == strconv.Itoa(pid)
		if !own && string(fields[1]) != strconv.Itoa(pid) {
			continue
		}
		for _, i := range []int{11, 12, 13, 14} {
			n, err := strconv.ParseInt(string(fields[i]), 10, 64)
			if err != nil {
				b.Fatal(err)
			}
			ticks += n
		}
	}
	return time.Duration(ticks) * 10 * time.Millisecond // USER_HZ is 100 on every Linux
}
