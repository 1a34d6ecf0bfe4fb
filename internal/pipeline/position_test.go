package pipeline

import (
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tracetally/tracetally/internal/kafkatest"
)

func TestPartitionWithoutALeaderKeepsNoOtherFromStarting(t *testing.T) {
	t.Parallel()
	const topic = "half"
	r := newRig(t, map[string]int32{topic: 2})
	r.calls(topic, 0, 0, 3)
	fake := r.kafka.Fake()
	fake.ControlKey(int16(kmsg.ListOffsets), func(req kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		ask := req.(*kmsg.ListOffsetsRequest)
		if ask.Topics[0].Partitions[0].Partition != 1 {
			return nil, nil, false
		}
		res := ask.ResponseKind().(*kmsg.ListOffsetsResponse)
		answer := kmsg.NewListOffsetsResponseTopic()
		answer.Topic = topic
		part := kmsg.NewListOffsetsResponseTopicPartition()
		part.Partition, part.ErrorCode = 1, kerr.LeaderNotAvailable.Code
		answer.Partitions = append(answer.Partitions, part)
		res.Topics = append(res.Topics, answer)
		return res, nil, true
	})
	r.readUpTo(r.config(topic), topic, 3)
}

// Brokers before Kafka 2.8 give topics no ids: what the log holds has to tell.
func TestShrunkLogOfOldBrokersHaltsThePartition(t *testing.T) {
	t.Parallel()
	shrunk(t, kafkatest.Config{NoTopicIDs: true}, statusRegressed)
}

func TestReplacedLogOfOldBrokersHaltsThePartition(t *testing.T) {
	t.Parallel()
	replaced(t, kafkatest.Config{NoTopicIDs: true}, statusReplaced)
}

func TestLogOfOldBrokersReplacedWhileItIsReadHaltsThePartition(t *testing.T) {
	t.Parallel()
	replacedLive(t, kafkatest.Config{NoTopicIDs: true}, statusReplaced)
}

func TestLogOfOldBrokersReplacedWhileCommitsWaitHaltsThePartition(t *testing.T) {
	t.Parallel()
	replacedBlocked(t, kafkatest.Config{NoTopicIDs: true}, statusReplaced)
}

// TestMovedLeaderIsNoLoss: the epoch goes up with each move, and the worker that comes back knows the highest.
func TestMovedLeaderIsNoLoss(t *testing.T) {
	t.Parallel()
	const topic = "moved"
	r := newRigOn(t, kafkatest.Config{Topics: map[string]int32{topic: 1}, Brokers: 3})
	for i := range 3 {
		leader := (r.kafka.Fake().LeaderFor(topic, 0) + 1) % 3
		if err := r.kafka.Fake().MoveTopicPartition(topic, 0, leader); err != nil {
			t.Fatal(err)
		}
		r.calls(topic, 0, 10*i, 2)
		r.readUpTo(r.config(topic), topic, int64(2*i+2))
		r.until(fmt.Sprint(r.kafka.Fake().PartitionInfo(topic, 0).Epoch), `select leader_epoch from tracetally.progress`)
	}
}

// A topic that we are not allowed to see is told of and waited for: were it taken for one that does not exist yet, it would
// start at earliest when the right is given, whatever was asked for.
func TestTopicThatIsForbiddenAtFirstIsNotTakenForOneBornLater(t *testing.T) {
	t.Parallel()
	const topic = "forbidden"
	r := newRig(t, map[string]int32{topic: 1})
	r.calls(topic, 0, 0, 4)
	forbidden := r.kafka.Fake().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: topic, Err: kerr.TopicAuthorizationFailed, Count: -1})
	cfg := r.config(topic)
	cfg.From = Start{Latest: true}
	var log journal
	cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	cfg.Kafka.Logger = cfg.Logger
	w := r.start(cfg)
	for end := time.Now().Add(patience); !strings.Contains(log.String(), topic); pause(t.Context(), 20*time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("nothing is said of it:\n%s", log.String())
		}
	}
	r.until("0", `select count(*) from tracetally.partition_progress`)
	forbidden.Remove()
	r.until("4 4", `select start_offset || ' ' || next_offset from tracetally.partition_progress`)
	r.calls(topic, 0, 10, 2)
	r.accounted(topic, 2)
	w.close()
}

// A broker that leads no more, and has not heard of it, shows a log that ends too early until it is told.
func TestBrokerThatIsBehindForAWhileHaltsNothing(t *testing.T) {
	t.Parallel()
	const topic = "zombie"
	r := newRig(t, map[string]int32{topic: 1})
	r.calls(topic, 0, 0, 4)
	var looks atomic.Int64
	var behind atomic.Bool
	fake := r.kafka.Fake()
	fake.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		if !behind.Load() {
			return nil, nil, false
		}
		p := kmsg.NewFetchResponseTopicPartition()
		p.ErrorCode = kerr.OffsetOutOfRange.Code
		of := kmsg.NewFetchResponseTopic()
		of.Topic, of.Partitions = topic, append(of.Partitions, p)
		res := req.ResponseKind().(*kmsg.FetchResponse)
		res.Topics = append(res.Topics, of)
		return res, nil, true
	})
	fake.ControlKey(int16(kmsg.ListOffsets), func(req kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		if !behind.Load() {
			return nil, nil, false
		}
		looks.Add(1)
		p := kmsg.NewListOffsetsResponseTopicPartition()
		p.Offset = 3 + req.(*kmsg.ListOffsetsRequest).Topics[0].Partitions[0].Timestamp // 2 at its end
		of := kmsg.NewListOffsetsResponseTopic()
		of.Topic, of.Partitions = topic, append(of.Partitions, p)
		res := req.ResponseKind().(*kmsg.ListOffsetsResponse)
		res.Topics = append(res.Topics, of)
		return res, nil, true
	})
	cfg := r.config(topic)
	cfg.Suspicion = patience
	w := r.start(cfg)
	r.accounted(topic, 4)
	behind.Store(true)
	for end := time.Now().Add(patience); looks.Load() < 10; pause(t.Context(), 20*time.Millisecond) { // three for each look of ours
		if time.Now().After(end) {
			t.Fatal("nobody looks again")
		}
	}
	behind.Store(false)
	r.calls(topic, 0, 4, 2)
	r.accounted(topic, 6)
	r.until("running", `select status from tracetally.partition_progress`)
	w.close()
}

// When a broker is back, all partitions ask at once and without a turn: what they fetch is not bounded by turns.
func TestWhoLooksWhetherALogIsBackAsksForLittle(t *testing.T) {
	t.Parallel()
	const topic = "back"
	r := newRig(t, map[string]int32{topic: 1})
	r.calls(topic, 0, 0, 1)
	cfg := r.config(topic)
	w := r.start(cfg)
	r.accounted(topic, 1)
	var away atomic.Bool
	var asks, most atomic.Int64
	fake := r.kafka.Fake()
	fake.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		if !away.Load() {
			return nil, nil, false
		}
		asked := req.(*kmsg.FetchRequest).Topics[0].Partitions[0]
		if asks.Add(1) > 1 {
			most.Store(max(most.Load(), int64(asked.PartitionMaxBytes)))
		}
		p := kmsg.NewFetchResponseTopicPartition()
		p.ErrorCode = kerr.NotLeaderForPartition.Code
		of := kmsg.NewFetchResponseTopic()
		of.Topic, of.Partitions = topic, append(of.Partitions, p)
		res := req.ResponseKind().(*kmsg.FetchResponse)
		res.Topics = append(res.Topics, of)
		return res, nil, true
	})
	away.Store(true)
	for end := time.Now().Add(patience); asks.Load() < 4; pause(t.Context(), 20*time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody looks")
		}
	}
	away.Store(false)
	r.calls(topic, 0, 1, 3)
	r.accounted(topic, 4)
	if got := most.Load(); got == 0 || got > leastFetch {
		t.Errorf("%d bytes were asked for, want %d at most", got, leastFetch)
	}
	w.close()
}
