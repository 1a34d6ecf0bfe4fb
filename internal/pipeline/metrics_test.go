package pipeline

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tracetally/tracetally/internal/traffic"
)

// total sums the series of one metric in the text of /metrics.
func total(t *testing.T, text, metric string) int64 {
	t.Helper()
	sum := 0.0
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, metric+"{") && !strings.HasPrefix(line, metric+" ") {
			continue
		}
		fields := strings.Fields(line[strings.LastIndexByte(line, '}')+1:])
		v, err := strconv.ParseFloat(fields[len(fields)-1], 64)
		if err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		sum += v
	}
	return int64(sum)
}

func TestMetricsNeverLeadTheTables(t *testing.T) {
	t.Parallel()
	r := newRig(t, trafficTopics())
	w := r.start(r.config(topicNames()...))
	g := traffic.New(traffic.Config{Seed: 3, Start: time.Now().Add(-time.Minute), Rate: 1000})
	const calls = `select coalesce(sum(calls), 0)::bigint from tracetally.calls_1m`
	for range 40 {
		some := make([]*kgo.Record, 50)
		for i := range some {
			some[i] = kafkaRecord(g.Next())
		}
		r.produce(some...)
		seen := total(t, w.scrape(), "llm_calls_total") // first the metric, then the table
		if inTables, err := strconv.ParseInt(r.text(calls), 10, 64); err != nil || seen > inTables {
			t.Fatalf("llm_calls_total is %d, PostgreSQL has %d, %v", seen, inTables, err)
		}
	}
	r.until("2000", `select sum(next_offset - start_offset)::bigint from tracetally.partition_progress`)
	want, err := strconv.ParseInt(r.text(calls), 10, 64)
	if err != nil || want == 0 {
		t.Fatalf("%d calls, %v", want, err)
	}
	w.shows("llm_calls_total", func(n int64) bool { return n == want })
	w.close()
}

func TestRetriedCommitsAreSeenWhileTheyLast(t *testing.T) {
	t.Parallel()
	const topic = "blocked"
	r := newRig(t, map[string]int32{topic: 1})
	w := r.start(r.config(topic))
	r.calls(topic, 0, 0, 1)
	r.accounted(topic, 1)
	unlock := r.lockLedger()
	r.calls(topic, 0, 1, 1)
	w.shows("tracetally_commit_retries_total", func(n int64) bool { return n > 0 })
	unlock()
	r.accounted(topic, 2)
	w.close()
}

// shows waits for a metric's sum.
func (w *running) shows(metric string, want func(int64) bool) {
	w.t.Helper()
	for end := time.Now().Add(patience); !want(total(w.t, w.scrape(), metric)); {
		if time.Now().After(end) {
			w.t.Fatalf("%s stays at %d", metric, total(w.t, w.scrape(), metric))
		}
		pause(w.t.Context(), 20*time.Millisecond)
	}
}

func TestOldBacklogMovesNoAlertSeries(t *testing.T) {
	t.Parallel()
	const topic = "backlog"
	r := newRig(t, map[string]int32{topic: 1})
	r.calls(topic, 0, 0, 20) // of days ago
	w := r.start(r.config(topic))
	r.accounted(topic, 20)
	w.shows("tracetally_stale_events_total", func(n int64) bool { return n == 20 })
	if n := total(t, w.scrape(), "llm_calls_total"); n != 0 {
		t.Errorf("llm_calls_total is %d", n)
	}
	w.close()
	r.until("20", `select sum(calls)::bigint from tracetally.calls_1m`)
}

func TestEveryOffsetGetsOneVerdict(t *testing.T) {
	t.Parallel()
	r := newRig(t, trafficTopics())
	g := traffic.New(traffic.Config{Seed: 11, Start: time.Now().Add(-time.Minute), Poison: 0.05, Duplicates: 0.1, MaxLate: time.Second})
	records := make([]*kgo.Record, 1500)
	for i := range records {
		records[i] = kafkaRecord(g.Next())
	}
	for _, rec := range g.Finish(time.Now()) {
		records = append(records, kafkaRecord(rec))
	}
	r.produce(records...)
	w := r.start(r.config(topicNames()...))
	r.agree(g.Books())
	w.close()
	r.until("0", `select count(*) from tracetally.partition_progress
where next_offset - start_offset <> counted + duplicate + late + quarantined + ignored + gap`)
	r.until(fmt.Sprint(g.Books().DistinctEvents()), `select count(*) from tracetally.ledger`)
}
