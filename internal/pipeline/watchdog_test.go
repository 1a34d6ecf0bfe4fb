package pipeline

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// stick makes the brokers take fetches and answer none, until the returned function is called: what a client looks like from
// inside that is stuck. Everything else is answered, and so are probes.
func (r *rig) stick() (release func()) {
	fake := r.kafka.Fake()
	var stuck atomic.Bool
	stuck.Store(true)
	done := make(chan struct{})
	fake.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		if stuck.Load() && req.(*kmsg.FetchRequest).Topics[0].Partitions[0].PartitionMaxBytes > probeBytes {
			fake.SleepControl(func() { <-done })
		}
		return nil, nil, false
	})
	release = func() {
		if stuck.Swap(false) {
			close(done)
		}
	}
	r.t.Cleanup(release)
	return release
}

func TestStuckClientIsMadeAnewAndLosesNothing(t *testing.T) {
	t.Parallel()
	const topic = "stuck"
	r := newRig(t, map[string]int32{topic: 2})
	r.calls(topic, 0, 0, 5)
	cfg := r.config(topic)
	cfg.Stall = time.Second
	w := r.start(cfg)
	r.accounted(topic, 5)
	release := r.stick()
	r.calls(topic, 1, 10, 5)
	w.shows("tracetally_kafka_renewals_total", func(n int64) bool { return n > 0 })
	release()
	r.accounted(topic, 10)
	w.close()
	r.until("10", `select sum(calls)::bigint from tracetally.calls_1m`)
}

func TestClientThatStaysStuckEndsTheWorkerWithTheReason(t *testing.T) {
	t.Parallel()
	const topic = "stuck-for-good"
	r := newRig(t, map[string]int32{topic: 1})
	r.stick()
	r.calls(topic, 0, 0, 5)
	cfg := r.config(topic)
	cfg.Stall = time.Second
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := Run(ctx, cfg, r.rules)
	if !errors.As(err, new(*stallError)) || !strings.Contains(err.Error(), topic+"/0 stands still at offset 0") || !strings.Contains(err.Error(), "goes to 5") {
		t.Errorf("Run = %v, want where it stands still", err)
	}
}

// The commit is refused several times meanwhile, which takes many times as long as a partition may stand still.
func TestPartitionThatWaitsForPostgreSQLIsNoStall(t *testing.T) {
	t.Parallel()
	const topic = "patient"
	r := newRig(t, map[string]int32{topic: 1})
	r.calls(topic, 0, 0, 1)
	cfg := r.config(topic)
	cfg.Stall, cfg.BatchEvents = 200*time.Millisecond, 5
	w := r.start(cfg)
	r.accounted(topic, 1)
	unlock := r.lockLedger()
	r.calls(topic, 0, 1, 30)
	w.shows("tracetally_commit_retries_total", func(n int64) bool { return n > 0 })
	unlock()
	r.accounted(topic, 31)
	w.shows("tracetally_kafka_renewals_total", func(n int64) bool { return n == 0 })
	w.close()
}

// Memory that all partitions share is waited for as long as PostgreSQL takes no commit. One of them has none in hand then.
func TestPartitionThatWaitsForMemoryIsNoStall(t *testing.T) {
	t.Parallel()
	const topic, partitions, n = "crowded", 16, 32_000
	r := newRig(t, map[string]int32{topic: partitions})
	r.produce(agedCalls(topic, partitions, 0, partitions, time.Now())...)
	cfg := r.config(topic)
	cfg.Stall, cfg.MemoryLimit = time.Second, baseBytes // the least that batches are given
	w := r.start(cfg)
	r.accounted(topic, partitions)
	unlock := r.lockLedger()
	r.produce(agedCalls(topic, partitions, partitions, n, time.Now())...)
	w.shows("tracetally_commit_retries_total", func(n int64) bool { return n > 0 })
	unlock()
	r.accounted(topic, partitions+n)
	w.shows("tracetally_kafka_renewals_total", func(n int64) bool { return n == 0 })
	w.close()
}

// What a new client cannot read either is no reason to begin anew, and none to stop those that get on: here a topic whose
// bounds may be asked for and whose records may not be read, and a tail that compaction has emptied.
func TestLogThatNobodyCanReadOnIsNoStall(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]kmsg.FetchResponseTopicPartition{
		"forbidden": {ErrorCode: kerr.TopicAuthorizationFailed.Code, HighWatermark: -1, LastStableOffset: -1, LogStartOffset: -1},
		"hollow":    {HighWatermark: 4, LastStableOffset: 4, RecordBatches: []byte{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			good := name + "-not"
			r := newRig(t, map[string]int32{name: 1, good: 1})
			r.calls(name, 0, 0, 4)
			var asked atomic.Int64 // probes
			fake := r.kafka.Fake()
			fake.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
				fake.KeepControl()
				of := req.(*kmsg.FetchRequest).Topics[0]
				if of.Topic != name {
					return nil, nil, false
				}
				if of.Partitions[0].PartitionMaxBytes == probeBytes {
					asked.Add(1)
				}
				res := req.ResponseKind().(*kmsg.FetchResponse)
				topic := kmsg.NewFetchResponseTopic()
				topic.Topic, topic.Partitions = name, append(topic.Partitions, answer)
				res.Topics = append(res.Topics, topic)
				return res, nil, true
			})
			cfg := r.config(name, good)
			cfg.Stall = 200 * time.Millisecond
			w := r.start(cfg)
			for end := time.Now().Add(patience); asked.Load() < 3; pause(t.Context(), 20*time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("nobody looks whether it is to be read")
				}
			}
			r.calls(good, 0, 10, 4)
			r.accounted(good, 4)
			w.shows("tracetally_kafka_renewals_total", func(n int64) bool { return n == 0 })
			w.close()
		})
	}
}

func TestGroupThatWeMayNotJoinIsNoStall(t *testing.T) {
	t.Parallel()
	const topic = "locked"
	r := newRig(t, map[string]int32{topic: 1})
	forbidden := r.kafka.Fake().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, Err: kerr.GroupAuthorizationFailed, Count: -1})
	cfg := r.config(topic)
	cfg.Stall, cfg.Kafka.SessionTimeout, cfg.Kafka.RebalanceTimeout = 50*time.Millisecond, 6*time.Second, time.Second
	w := r.start(cfg)
	looks := r.kafka.Fake()
	var joins atomic.Int64
	looks.ControlKey(int16(kmsg.JoinGroup), func(kmsg.Request) (kmsg.Response, error, bool) {
		looks.KeepControl()
		joins.Add(1)
		return nil, nil, false
	})
	for end := time.Now().Add(patience); joins.Load() < 10; pause(t.Context(), 20*time.Millisecond) { // longer than a rebalance can take
		if time.Now().After(end) {
			t.Fatal("nobody tries to join")
		}
	}
	w.shows("tracetally_kafka_renewals_total", func(n int64) bool { return n == 0 })
	forbidden.Remove()
	r.calls(topic, 0, 0, 4)
	r.accounted(topic, 4)
	w.close()
}

func TestOnlyWhoGotNowhereInBetweenIsHopeless(t *testing.T) {
	d := newWatchdog(time.Now, time.Minute, &membership{grace: time.Minute})
	at := func(n int64) *stallError { return &stallError{topic: "t", partition: 3, at: n} }
	group := &stallError{waited: 2 * time.Minute}
	for name, test := range map[string]struct {
		stall, last *stallError
		lasted      time.Duration
		want        bool
	}{
		"first":               {at(7), nil, 75 * time.Second, false},
		"there again":         {at(7), at(7), 75 * time.Second, true},
		"elsewhere":           {at(8), at(7), 75 * time.Second, false},
		"group again":         {group, group, 135 * time.Second, true},
		"group, a day later":  {group, group, 24 * time.Hour, false},
		"there, a day later":  {at(7), at(7), 24 * time.Hour, false},
		"group and partition": {group, at(0), 75 * time.Second, false},
	} {
		if got := d.hopeless(test.stall, test.last, test.lasted); got != test.want {
			t.Errorf("%s: hopeless is %v", name, got)
		}
	}
}

func TestWhoGetsOnWhileItIsLookedIntoDoesNotStall(t *testing.T) {
	var p *pace
	got := watched(t, func() (int64, error) {
		p.stands(9, false)
		return 99, nil
	}, func(d *watchdog) {
		p = d.enter("t", 3)
		p.asks()
		p.stands(7, false)
	})
	if got != nil && got.at == 7 {
		t.Errorf("found %v", got)
	}
}

// watched runs a watchdog with a limit of a minute beside a story, on a clock of its own; ended is what the watch found
// within an hour.
func watched(t *testing.T, end func() (int64, error), story func(d *watchdog)) (ended *stallError) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		group := &membership{now: time.Now}
		group.joined(true)
		d := newWatchdog(time.Now, time.Minute, group)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		told := make(chan struct{})
		go func() {
			defer close(told)
			story(d)
		}()
		ended = d.watch(ctx, func(context.Context, *stallError) (int64, error) { return end() })
		<-told
	})
	return ended
}

func TestOnlyWhoWaitsForKafkaInVainStalls(t *testing.T) {
	away := errors.New("away")
	goesTo := func(n int64, err error) func() (int64, error) { return func() (int64, error) { return n, err } }
	at7 := func(d *watchdog) *pace {
		p := d.enter("t", 3)
		p.asks()
		p.stands(7, false)
		return p
	}
	tests := map[string]struct {
		end   func() (int64, error)
		story func(d *watchdog)
		want  *stallError
	}{
		"the log goes on":      {goesTo(9, nil), func(d *watchdog) { at7(d) }, &stallError{topic: "t", partition: 3, at: 7, end: 9}},
		"the log ends there":   {goesTo(7, nil), func(d *watchdog) { at7(d) }, nil},
		"Kafka is away":        {goesTo(0, away), func(d *watchdog) { at7(d) }, nil},
		"it is halted":         {goesTo(9, nil), func(d *watchdog) { at7(d).leave() }, nil},
		"it waits for commits": {goesTo(9, nil), func(d *watchdog) { at7(d).busy() }, nil},
		"it never got a place": {goesTo(0, nil), func(d *watchdog) { d.enter("t", 3).asks() }, &stallError{topic: "t", partition: 3, at: -1}},
		"it moves": {goesTo(99, nil), func(d *watchdog) {
			for p, i := at7(d), int64(8); i < 79; i++ {
				time.Sleep(50 * time.Second)
				p.stands(i, false)
			}
		}, nil},
		"it starts again and again": {goesTo(9, nil), func(d *watchdog) {
			for p, i := at7(d), 0; i < 100; i++ {
				p.busy()
				time.Sleep(time.Second)
				p.asks()
				time.Sleep(time.Second)
				p.stands(7, false)
			}
		}, &stallError{topic: "t", partition: 3, at: 7, end: 9}},
		"the group keeps us out":   {goesTo(0, nil), func(d *watchdog) { d.group.joined(false) }, &stallError{}},
		"the group is not reached": {goesTo(0, away), func(d *watchdog) { d.group.joined(false) }, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := watched(t, test.end, test.story)
			if got != nil {
				got.waited = 0
			}
			if (got == nil) != (test.want == nil) || got != nil && *got != *test.want {
				t.Errorf("found %+v, want %+v", got, test.want)
			}
		})
	}
}
