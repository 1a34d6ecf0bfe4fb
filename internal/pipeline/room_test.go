package pipeline

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/semaphore"
	"pgregory.net/rapid"

	"github.com/tracetally/tracetally/schemas"
)

// TestHugeRecordsInEveryPartitionAreAllCounted: each partition holds a record whose events alone need more than a quarter of
// the room of all, among ordinary ones, and PostgreSQL lets nothing through for a while. None waits for another for ever.
func TestHugeRecordsInEveryPartitionAreAllCounted(t *testing.T) {
	t.Parallel()
	const topic, partitions, wide = "huge", 12, 4500
	r := newRig(t, map[string]int32{topic: partitions})
	now := time.Now().UTC().Format(time.RFC3339)
	call := func(id string) string {
		return fmt.Sprintf(`{"event":"$ai_generation","uuid":"","timestamp":%q,"distinct_id":"u","properties":{"$ai_trace_id":%q,"$ai_model":"m"}}`, now, id)
	}
	var records []*kgo.Record
	for p := range int32(partitions) {
		events := make([]string, wide)
		for i := range events {
			events[i] = call(fmt.Sprint("wide-", p, "-", i))
		}
		for n := range 40 {
			value := call(fmt.Sprint("single-", p, "-", n))
			if n == 20 {
				value = `{"api_key":"k","batch":[` + strings.Join(events, ",") + `]}`
			}
			records = append(records, &kgo.Record{Topic: topic, Partition: p, Value: []byte(value)})
		}
	}
	r.produce(records...)
	cfg := r.config(topic)
	cfg.MemoryLimit = baseBytes // the least that batches are given
	hold, err := r.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := hold.Exec(t.Context(), `lock table tracetally.ledger in exclusive mode`); err != nil {
		t.Fatal(err)
	}
	w := r.start(cfg)
	r.until("true", `select count(*) > 0 from pg_locks where not granted`)
	if err := hold.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.until(fmt.Sprint(partitions*(39+wide)), `select sum(events_new)::bigint from tracetally.partition_progress`)
	w.close()
}

// TestRoomIsWholeAgainWhenEverythingEnded lets batches and chunks come and go in any order: what they took comes back, no
// two go beyond the room at a time, and a batch never holds more than it may.
func TestRoomIsWholeAgainWhenEverythingEnded(t *testing.T) {
	t.Parallel()
	const steps = 6
	rapid.Check(t, func(rt *rapid.T) {
		r := &room{events: semaphore.NewWeighted(steps * stepBytes), large: semaphore.NewWeighted(1)}
		leases := make([]lease, 4)
		var chunk *token
		at := func() *lease { return &leases[rapid.IntRange(0, len(leases)-1).Draw(rt, "batch")] }
		for i := range leases {
			leases[i].room = r
		}
		free := func(s *semaphore.Weighted, n int64) bool { // whether it would not have to wait
			if !s.TryAcquire(n) {
				return false
			}
			s.Release(n)
			return true
		}
		rt.Repeat(map[string]func(*rapid.T){
			"begin": func(rt *rapid.T) {
				if l := at(); free(r.events, stepBytes) && (l.begin(t.Context(), chunk) != nil || l.held == 0 && l.large == nil) {
					rt.Fatal("a batch begins with nothing")
				}
			},
			"grow": func(rt *rapid.T) {
				l, want := at(), rapid.IntRange(0, steps*stepBytes).Draw(rt, "bytes")
				if l.covers(want) && l.large == nil && l.held < int64(want) {
					rt.Fatalf("%d bytes are covered by %d", want, l.held)
				}
			},
			"enlarge": func(*rapid.T) {
				if free(r.large, 1) {
					chunk, _ = r.enlarge(t.Context()) // it does not wait, so it cannot fail
				}
			},
			"chunk ends": func(*rapid.T) {
				chunk.end()
				chunk = nil
			},
			"share": func(*rapid.T) {
				if l := at(); chunk != nil && l.large == nil {
					l.large = chunk.share()
				}
			},
			"batch ends": func(*rapid.T) { at().end() },
			"": func(rt *rapid.T) {
				held, large := int64(0), chunk != nil
				for i := range leases {
					held, large = held+leases[i].held, large || leases[i].large != nil
				}
				if large == free(r.large, 1) {
					rt.Fatal("two may go beyond the room, or none")
				}
				if held > steps*stepBytes {
					rt.Fatalf("%d bytes are held of %d", held, steps*stepBytes)
				}
			},
		})
		for i := range leases {
			leases[i].end()
		}
		chunk.end()
		if !r.events.TryAcquire(steps*stepBytes) || !r.large.TryAcquire(1) {
			rt.Fatal("something was not given back")
		}
	})
}

// TestWhoMayGoBeyondTheRoomWaitsForNoPartOfIt: one partition has a chunk beyond 4 MiB in hand, and the record of another has
// taken all of the room and wants to go beyond it.
func TestWhoMayGoBeyondTheRoomWaitsForNoPartOfIt(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	line := &Line{decoder: schemas.NewDecoder(schemas.DecoderConfig{Now: time.Now})}
	room := &room{events: semaphore.NewWeighted(4 * stepBytes), large: semaphore.NewWeighted(1), lines: make(chan *Line, 2)}
	room.lines <- line
	room.lines <- line
	w := &worker{room: room, watchdog: newWatchdog(time.Now, time.Minute, nil)}
	enter := func() *partition {
		p := &partition{w: w, pace: w.watchdog.enter("t", 0), builder: builder{room: room, now: time.Now}}
		p.builder.reset(0)
		return p
	}
	chunky, wide := enter(), enter()
	if err := chunky.enlarge(ctx); err != nil {
		t.Fatal(err)
	}
	if wide.builder.lease.covers(5 * stepBytes) {
		t.Fatal("there is room for more than there is")
	}
	enlarged := make(chan error, 1)
	go func() { enlarged <- wide.enlargeBatch(ctx) }()
	if err := chunky.builder.lease.begin(ctx, chunky.large); err != nil {
		t.Fatalf("each waits for the other: %v", err)
	}
	if chunky.turnOver(); room.large.TryAcquire(1) {
		t.Error("a batch beyond the room lets go of the token before it is committed")
	}
	chunky.builder.drop()
	if err := <-enlarged; err != nil {
		t.Fatal(err)
	}
}
