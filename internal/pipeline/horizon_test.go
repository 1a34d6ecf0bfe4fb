package pipeline

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const month = 30 * 24 * time.Hour

// agedCalls are n records of one call each, as old as their record.
func agedCalls(topic string, partitions int32, first, n int, at time.Time) []*kgo.Record {
	records := make([]*kgo.Record, n)
	for i := range records {
		value := fmt.Sprintf(`{"event":"llm_request_completed","uuid":"0197a0b0-0000-7000-9000-%012d","timestamp":%q,`+
			`"properties":{"trace_id":"t","model":"gpt-4.1-mini","provider":"openai","input_tokens":1,"output_tokens":1}}`,
			first+i, at.UTC().Format(time.RFC3339))
		records[i] = &kgo.Record{Topic: topic, Partition: int32(i) % partitions, Timestamp: at, Value: []byte(value)}
	}
	return records
}

// weekly is a worker that keeps a week and commits as fast as it can, so that the horizon is looked at in between.
func (r *rig) weekly(topics ...string) Config {
	cfg := r.config(topics...)
	cfg.Sink.Retention = 7 * 24 * time.Hour
	cfg.CommitInterval, cfg.BatchAge, cfg.BatchEvents = time.Millisecond, time.Millisecond, 500
	return cfg
}

func TestOldTopicIsNotLateInItsFirstReading(t *testing.T) {
	t.Parallel()
	const topic = "old"
	r := newRig(t, map[string]int32{topic: 2})
	r.produce(agedCalls(topic, 2, 0, 4000, time.Now().Add(-month))...)
	r.readUpTo(r.weekly(topic), topic, 4000)
	r.until("4000", `select sum(calls)::bigint from tracetally.calls_1d`)
}

func TestOldTopicBesideANewOneIsNotLate(t *testing.T) {
	t.Parallel()
	const fresh, old = "aaa", "bbb"
	r := newRig(t, map[string]int32{fresh: 1, old: 16})
	r.produce(agedCalls(fresh, 1, 0, 2000, time.Now())...)
	r.produce(agedCalls(old, 16, 10_000, 1600, time.Now().Add(-month))...)
	w := r.start(r.weekly(fresh, old))
	r.accounted(fresh, 2000)
	r.accounted(old, 1600)
	w.close()
	r.until("3600", `select sum(calls)::bigint from tracetally.calls_1d`)
}

// TestRecordOfAWrongClockDoesNotMakeAnOldTopicLate: its producer's clock was in the next century, or a month ahead, which looks
// like now; and it may be the very first record. The horizon is looked at after the first commit of each worker.
func TestRecordOfAWrongClockDoesNotMakeAnOldTopicLate(t *testing.T) {
	t.Parallel()
	const topic = "wrong-clock"
	r := newRig(t, map[string]int32{topic: 1})
	old := time.Now().Add(-month)
	r.produce(agedCalls(topic, 1, 9000, 1, time.Date(2101, 5, 5, 0, 0, 0, 0, time.UTC))...)
	r.produce(append(agedCalls(topic, 1, 9001, 1, time.Now()), agedCalls(topic, 1, 0, 2000, old)...)...)
	r.produce(agedCalls(topic, 1, 2000, 1000, old)...)
	r.readUpTo(r.weekly(topic), topic, 3002)
	r.until("3001", `select sum(calls)::bigint from tracetally.calls_1d`)
	r.until("1", `select sum(records)::bigint from tracetally.quarantine where reason = 'clock_skew'`)
}

func TestEventsOlderThanTheRetentionAreLateAndCounted(t *testing.T) {
	t.Parallel()
	const topic = "late"
	r := newRig(t, map[string]int32{topic: 1})
	r.produce(agedCalls(topic, 1, 0, 10, time.Now())...)
	late := agedCalls(topic, 1, 100, 3, time.Unix(0, 0)) // payload of 1970, record of now
	for _, rec := range late {
		rec.Timestamp = time.Now()
	}
	r.produce(late...)
	r.readUpTo(r.weekly(topic), topic, 13)
	r.until("3", `select sum(late)::bigint from tracetally.partition_progress`)
	r.until("10", `select sum(calls)::bigint from tracetally.calls_1d`)
}
