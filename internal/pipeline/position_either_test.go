package pipeline

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tracetally/tracetally/internal/kafkatest"
)

const anyCall = `{"event":"llm_request_completed","uuid":"0197a0b0-0000-7000-8000-%012d","timestamp":"2026-11-22T02:23:58Z","properties":{"trace_id":"t","model":"gpt-4.1-mini","provider":"openai","input_tokens":1284,"output_tokens":312,"status":"success"}}`

// calls are n records of one call each, in batches of their own.
func (r *rig) calls(topic string, partition int32, first, n int) {
	r.t.Helper()
	for i := range n {
		r.produce(&kgo.Record{Topic: topic, Partition: partition, Value: fmt.Appendf(nil, anyCall, first+i)})
	}
}

func (r *rig) trim(topic string, before int64) {
	r.t.Helper()
	if err := r.kafka.DeleteRecords(r.t.Context(), topic, 0, before); err != nil {
		r.t.Fatal(err)
	}
}

func TestTrimmedOffsetsBecomeAGap(t *testing.T) {
	t.Parallel()
	const topic = "trimmed"
	r := newRig(t, map[string]int32{topic: 1})
	r.calls(topic, 0, 0, 5)
	r.readUpTo(r.config(topic), topic, 5)
	r.calls(topic, 0, 5, 15)
	r.trim(topic, 12)
	r.readUpTo(r.config(topic), topic, 20)
	r.until("5/12", `select string_agg(from_offset || '/' || to_offset, ' ') from tracetally.gaps`)
	r.until("13", `select sum(calls)::bigint from tracetally.calls_1m`)
	r.until("7", `select sum(gap)::bigint from tracetally.partition_progress`)
}

func TestTrimmedOffsetsHaltWhenConfigured(t *testing.T) {
	t.Parallel()
	const topic = "careful"
	r := newRig(t, map[string]int32{topic: 1})
	r.calls(topic, 0, 0, 5)
	r.readUpTo(r.config(topic), topic, 5)
	r.calls(topic, 0, 5, 15)
	r.trim(topic, 12)
	cfg := r.config(topic)
	cfg.HaltOnGap = true
	w := r.start(cfg)
	r.until(statusTrimmed, `select status from tracetally.partition_progress`)
	w.close()
	r.until("5", `select sum(calls)::bigint from tracetally.calls_1m`)
}

// recreate deletes a topic of one partition and makes it again, empty.
func (r *rig) recreate(topic string) {
	r.t.Helper()
	if err := r.kafka.DeleteTopic(r.t.Context(), topic); err != nil {
		r.t.Fatal(err)
	}
	r.create(topic)
}

func (r *rig) create(topic string) {
	r.t.Helper()
	if err := r.kafka.CreateTopic(r.t.Context(), topic, 1, nil); err != nil {
		r.t.Fatal(err)
	}
}

func TestShrunkLogHaltsThePartition(t *testing.T) {
	t.Parallel()
	shrunk(t, kafkatest.Config{}, statusReplaced)
}

func shrunk(t *testing.T, cfg kafkatest.Config, status string) {
	t.Helper()
	const topic, other = "shrunk", "other"
	cfg.Topics = map[string]int32{topic: 1, other: 1}
	r := newRigOn(t, cfg)
	r.calls(topic, 0, 0, 5)
	r.readUpTo(r.config(topic, other), topic, 5)
	r.recreate(topic)
	r.calls(topic, 0, 100, 2)
	r.calls(other, 0, 200, 3)
	w := r.start(r.config(topic, other))
	r.until(status, `select status from tracetally.partition_progress where topic = $1`, topic)
	r.accounted(other, 3) // the halted partition stops nobody
	w.close()
	r.until("8", `select sum(calls)::bigint from tracetally.calls_1m`)
}

func TestReplacedLogHaltsThePartition(t *testing.T) {
	t.Parallel()
	replaced(t, kafkatest.Config{}, statusReplaced)
}

func replaced(t *testing.T, cfg kafkatest.Config, status string) {
	t.Helper()
	const topic = "swapped"
	cfg.Topics = map[string]int32{topic: 1}
	r := newRigOn(t, cfg)
	r.calls(topic, 0, 0, 5)
	r.readUpTo(r.config(topic), topic, 5)
	r.recreate(topic)
	r.calls(topic, 0, 100, 9)
	w := r.start(r.config(topic))
	r.until(status, `select status from tracetally.partition_progress`)
	w.close()
	r.until("5", `select sum(calls)::bigint from tracetally.calls_1m`)
}

func TestLatestIsResolvedOnceAndNewPartitionsStartAtEarliest(t *testing.T) {
	t.Parallel()
	const topic = "late-start"
	r := newRig(t, map[string]int32{topic: 2})
	r.calls(topic, 0, 0, 4)
	r.calls(topic, 1, 10, 4)
	cfg := r.config(topic)
	cfg.From = Start{Latest: true}
	cfg.Kafka.PartitionWatch = cfg.Kafka.MaxWait
	w := r.start(cfg)
	r.until("2", `select count(*) from tracetally.partition_progress where start_offset = 4 and next_offset = 4`)
	w.close()
	r.calls(topic, 0, 20, 1) // while nobody looks
	if err := r.kafka.AddPartitions(t.Context(), topic, 3); err != nil {
		t.Fatal(err)
	}
	r.calls(topic, 2, 30, 3)
	r.readUpTo(cfg, topic, 4)
	r.until("0", `select start_offset from tracetally.partition_progress where partition = 2`)
	r.until("4", `select sum(calls)::bigint from tracetally.calls_1m`)
}

func TestLogReplacedWhileItIsReadHaltsThePartition(t *testing.T) {
	t.Parallel()
	replacedLive(t, kafkatest.Config{}, statusReplaced)
}

func replacedLive(t *testing.T, cfg kafkatest.Config, status string) {
	t.Helper()
	const topic = "swapped-live"
	cfg.Topics = map[string]int32{topic: 1}
	r := newRigOn(t, cfg)
	r.calls(topic, 0, 0, 5)
	w := r.start(r.config(topic))
	r.accounted(topic, 5)
	r.recreate(topic)
	r.produce(agedCalls(topic, 1, 100, 20, time.Now())...) // beyond where the worker stands
	r.until(status, `select status from tracetally.partition_progress`)
	w.close()
	r.until("5", `select sum(calls)::bigint from tracetally.calls_1m`)
}

func TestTopicBornLaterStartsAtEarliest(t *testing.T) {
	t.Parallel()
	const there, later = "there", "later"
	r := newRig(t, map[string]int32{there: 1})
	cfg := r.config(there, later)
	cfg.From = Start{Latest: true}
	cfg.Kafka.PartitionWatch = cfg.Kafka.MaxWait
	r.calls(there, 0, 0, 2)
	w := r.start(cfg)
	r.until("2", `select start_offset from tracetally.partition_progress where topic = $1`, there)
	r.create(later)
	r.calls(later, 0, 10, 5)
	r.accounted(later, 5)
	w.close()
	r.until("0", `select start_offset from tracetally.partition_progress where topic = $1`, later)
}

func TestLogReplacedWhileCommitsWaitHaltsThePartition(t *testing.T) {
	t.Parallel()
	replacedBlocked(t, kafkatest.Config{}, statusReplaced)
}

// The reader asks nothing while its batches cannot be committed, so no request fails when the topic goes.
func replacedBlocked(t *testing.T, cfg kafkatest.Config, status string) {
	t.Helper()
	const topic = "swapped-blocked"
	cfg.Topics = map[string]int32{topic: 1}
	r := newRigOn(t, cfg)
	r.calls(topic, 0, 0, 10)
	work := r.config(topic)
	work.BatchEvents = 10
	w := r.start(work)
	r.accounted(topic, 10)
	lock, err := r.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock.Exec(t.Context(), `lock table tracetally.progress in access exclusive mode`); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		r.calls(topic, 0, 100+10*i, 10)
	}
	pause(t.Context(), 2*time.Second) // what is tested: that long nobody asks
	r.recreate(topic)
	for i := range 40 { // batches begin and end where those of the old log did
		r.calls(topic, 0, 1000+10*i, 10)
	}
	if err := lock.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.until(status, `select status from tracetally.partition_progress`)
	w.close()
}

// The new log begins with the very records that were counted, so nothing in it tells it from the old one.
func TestTopicReplacedByItsOwnRecordsHaltsThePartition(t *testing.T) {
	t.Parallel()
	const topic = "twin"
	r := newRig(t, map[string]int32{topic: 1})
	records := agedCalls(topic, 1, 0, 9, time.Now())
	r.produce(records[:5]...)
	r.readUpTo(r.config(topic), topic, 5)
	r.recreate(topic)
	r.produce(records[:5]...)
	r.produce(records[5:]...)
	w := r.start(r.config(topic))
	r.until(statusReplaced, `select status from tracetally.partition_progress`)
	w.close()
	r.until("5", `select sum(calls)::bigint from tracetally.calls_1m`)
}

// A topic that was made again before anything was read from it is a new one and no loss.
func TestTopicReplacedBeforeItWasReadIsRead(t *testing.T) {
	t.Parallel()
	const topic = "unread"
	r := newRig(t, map[string]int32{topic: 1})
	w := r.start(r.config(topic))
	r.until("0", `select next_offset from tracetally.partition_progress`)
	w.close()
	r.recreate(topic)
	r.calls(topic, 0, 0, 3)
	r.readUpTo(r.config(topic), topic, 3)
}

func TestLeaderWhoseEpochWentBackHaltsThePartition(t *testing.T) {
	t.Parallel()
	const topic = "epochs"
	r := newRig(t, map[string]int32{topic: 1})
	r.calls(topic, 0, 0, 5)
	r.readUpTo(r.config(topic), topic, 5)
	r.until("true", `select leader_epoch >= 0 from tracetally.progress`)
	if _, err := r.db.Exec(t.Context(), `update tracetally.progress set leader_epoch = leader_epoch + 1`); err != nil {
		t.Fatal(err)
	}
	r.calls(topic, 0, 5, 5)
	w := r.start(r.config(topic))
	r.until(statusRegressed, `select status from tracetally.partition_progress`)
	w.close()
	r.until("5", `select sum(calls)::bigint from tracetally.calls_1m`)
}
