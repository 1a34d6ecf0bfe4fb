package consumer_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/tracetally/tracetally/consumer"
	"github.com/tracetally/tracetally/internal/kafkatest"
)

// all is the names of so many partitions of the topic, as a worker holds them.
func (s stage) all(partitions int) []string {
	var names []string
	for i := range partitions {
		names = append(names, fmt.Sprintf("%s/%d", s.topic, i))
	}
	return names
}

// members is how many members the group has; a broker may need a moment to know.
func (s stage) members(t *testing.T, want int) {
	t.Helper()
	ctx := patient(t)
	soon(ctx, t, fmt.Sprintf("%d members", want), func() bool {
		n, err := s.Members(ctx, s.topic)
		return err == nil && n == want
	})
}

func TestEachPartitionIsWorkedByOneClientAndMovesWhenItLeaves(t *testing.T) {
	t.Parallel()
	cluster := either(t, 4, kafkatest.Config{})
	a := startWorker(t, cluster.client(t, nil))
	a.wait(t, exactly(cluster.all(4)...))

	b := startWorker(t, cluster.client(t, nil))
	two := func(names []string) bool { return len(names) == 2 }
	both := append(b.wait(t, two), a.wait(t, two)...)
	if slices.Sort(both); !slices.Equal(both, cluster.all(4)) {
		t.Fatalf("two clients hold %v", both)
	}
	b.end(t)
	if names, _ := b.held(); len(names) > 0 {
		t.Errorf("after its end b holds %v", names)
	}
	cluster.members(t, 1)
	a.wait(t, exactly(cluster.all(4)...))
}

func TestNewPartitionsAndTopicsAreNoticed(t *testing.T) {
	t.Parallel()
	cluster := either(t, 4, kafkatest.Config{})
	later := cluster.topic + "-later"
	w := startWorker(t, cluster.client(t, func(c *consumer.Config) { c.Topics = []string{cluster.topic, later} }))
	w.wait(t, exactly(cluster.all(4)...)) // a topic that is missing keeps the other from nobody
	must(t, cluster.AddPartitions(patient(t), cluster.topic, 8))
	w.wait(t, exactly(cluster.all(8)...))
	must(t, cluster.CreateTopic(patient(t), later, 2, nil))
	w.wait(t, exactly(append([]string{later + "/0", later + "/1"}, cluster.all(8)...)...))
}

func TestMirroredOffsetsReachTheGroup(t *testing.T) {
	t.Parallel()
	cluster := either(t, 1, kafkatest.Config{})
	w := startWorker(t, cluster.client(t, nil))
	w.wait(t, exactly(cluster.all(1)...))
	w.mu.Lock()
	mirror := w.mirror[cluster.all(1)[0]]
	w.mu.Unlock()
	committed := func(want int64) func() bool {
		return func() bool {
			got, err := cluster.Committed(patient(t), cluster.topic, cluster.topic, 0)
			return err == nil && got == want
		}
	}
	mirror(7)
	soon(patient(t), t, "offset 7", committed(7))
	mirror(9)
	w.end(t) // what is left goes out on the way
	if !committed(9)() {
		t.Error("the last offset was not mirrored at the end")
	}
}

// TestRestartedBrokerIsReadOnWithoutLossOrRepeat: a broker that is stopped, and one that is killed.
func TestRestartedBrokerIsReadOnWithoutLossOrRepeat(t *testing.T) {
	t.Parallel()
	cluster := either(t, 1, kafkatest.Config{DataDir: t.TempDir(), Own: true})
	ctx := patient(t)
	must(t, cluster.Produce(ctx, kafkatest.Zstd, cluster.numbered("before", 5)...))
	client := cluster.client(t, nil)
	w := startWorker(t, client)
	w.wait(t, exactly(cluster.all(1)...))
	r := client.Reader(cluster.topic, 0, 0)
	got := readTo(t, r, 5)
	want := []string{"before-0", "before-1", "before-2", "before-3", "before-4"}
	for i, end := range []func(){cluster.Stop, cluster.Kill} {
		at := got.to
		end()
		failed := false
		for range 3 {
			c, err := r.Next(ctx)
			failed = failed || err != nil
			if c.From != at || c.To != at {
				t.Fatalf("without a broker: %+v", c)
			}
		}
		if !failed {
			t.Error("without a broker Next gave no error")
		}
		must(t, cluster.Restart())
		must(t, cluster.Produce(ctx, kafkatest.Gzip, cluster.numbered(fmt.Sprint(i), 2)...))
		more := readTo(t, r, at+2)
		got.records, got.to = append(got.records, more.records...), more.to
		want = append(want, fmt.Sprint(i, "-0"), fmt.Sprint(i, "-1"))
	}
	if !slices.Equal(got.values(), want) {
		t.Errorf("read %v, want %v", got.values(), want)
	}
	w.wait(t, exactly(cluster.all(1)...))
}

func TestShutdownLetsWorkFinishAndLeavesTheGroup(t *testing.T) {
	t.Parallel()
	cluster := either(t, 1, kafkatest.Config{})
	client := cluster.client(t, nil)
	ctx, stop := context.WithCancel(patient(t))
	finished := false
	err := client.Run(ctx, func(ctx context.Context, _ consumer.Assigned) {
		stop()
		<-ctx.Done()
		cluster.members(t, 1) // while work finishes
		finished = true
	})
	if err != nil || !finished {
		t.Errorf("Run = %v, finished %v", err, finished)
	}
	cluster.members(t, 0)
}
