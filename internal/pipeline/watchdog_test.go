package pipeline

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// stick makes the brokers take fetches and answer none, until the returned function is called: what a client looks like from
// inside that is stuck. Everything else is answered.
func (r *rig) stick() (release func()) {
	fake := r.kafka.Fake()
	var stuck atomic.Bool
	stuck.Store(true)
	done := make(chan struct{})
	fake.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		if stuck.Load() {
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
	lock, err := r.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock.Exec(t.Context(), `lock table tracetally.ledger in access exclusive mode`); err != nil {
		t.Fatal(err)
	}
	r.calls(topic, 0, 1, 30)
	w.shows("tracetally_commit_retries_total", func(n int64) bool { return n > 0 })
	if err := lock.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.accounted(topic, 31)
	w.shows("tracetally_kafka_renewals_total", func(n int64) bool { return n == 0 })
	w.close()
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
		ended = d.watch(ctx, func(context.Context, string, int32) (int64, error) { return end() })
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
