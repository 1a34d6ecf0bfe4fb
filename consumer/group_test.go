package consumer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tracetally/tracetally/consumer"
	"github.com/tracetally/tracetally/internal/kafkatest"
)

// worker is one client that runs; it knows what is assigned to it at the moment.
type worker struct {
	stop context.CancelFunc
	done chan error

	mu     sync.Mutex
	holds  map[string]bool
	mirror map[string]func(int64)
	change chan struct{} // closed and replaced at each change
}

func startWorker(t *testing.T, client *consumer.Client) *worker {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	w := &worker{stop: stop, done: make(chan error, 1), holds: map[string]bool{}, mirror: map[string]func(int64){}, change: make(chan struct{})}
	go func() { w.done <- client.Run(ctx, w.work) }()
	t.Cleanup(func() { w.end(t) })
	return w
}

func (w *worker) work(ctx context.Context, p consumer.Assigned) {
	name := fmt.Sprintf("%s/%d", p.Topic, p.Partition)
	w.set(name, true, p.Mirror)
	<-ctx.Done()
	w.set(name, false, nil)
}

func (w *worker) set(name string, held bool, mirror func(int64)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.holds, name)
	if held {
		w.holds[name] = true
	}
	w.mirror[name] = mirror
	close(w.change)
	w.change = make(chan struct{})
}

func (w *worker) held() ([]string, chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	names := []string{}
	for n := range w.holds {
		names = append(names, n)
	}
	slices.Sort(names)
	return names, w.change
}

// wait waits until the worker holds what ok likes.
func (w *worker) wait(t *testing.T, ok func([]string) bool) []string {
	t.Helper()
	ctx := patient(t)
	for {
		names, change := w.held()
		if ok(names) {
			return names
		}
		select {
		case <-change:
		case <-ctx.Done():
			t.Fatalf("still holds %v", names)
		}
	}
}

func exactly(want ...string) func([]string) bool {
	return func(names []string) bool { return slices.Equal(names, want) }
}

// end stops the worker and waits; a second time it does nothing.
func (w *worker) end(t *testing.T) {
	t.Helper()
	w.stop()
	if err, open := <-w.done; open && err != nil {
		t.Error(err)
	}
	select {
	case <-w.done:
	default:
		close(w.done)
	}
}

func TestCoordinatorThatIsNotThereYetIsWaitedForQuietly(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.Run(t, kafkatest.Config{Topics: map[string]int32{"t": 1}})
	fault := cluster.Fake().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.FindCoordinator}, Err: kerr.CoordinatorNotAvailable, Count: 4})
	var warnings bytes.Buffer
	w := startWorker(t, newClient(t, cluster, func(c *consumer.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&warnings, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}))
	w.wait(t, exactly("t/0"))
	w.end(t)
	if fault.Hits() != 4 || warnings.Len() > 0 {
		t.Errorf("%d refusals, want 4; warnings: %s", fault.Hits(), warnings.String())
	}
}

func TestWorkThatReturnsEarlyCostsTheOthersNothing(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.Run(t, kafkatest.Config{Topics: map[string]int32{"t": 2}})
	client := newClient(t, cluster, nil)
	ctx, stop := context.WithCancel(patient(t))
	returned, calls := make(chan struct{}), make(chan consumer.Assigned, 10)
	err := client.Run(ctx, func(work context.Context, p consumer.Assigned) {
		calls <- p
		if p.Partition == 0 {
			close(returned)
			return
		}
		<-returned
		heartbeats := cluster.Fake().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Observe: true, Count: -1})
		if err := heartbeats.Wait(work, 2); err != nil {
			t.Errorf("the generation ended with the work that returned: %v", err)
		}
		stop()
	})
	if err != nil || len(calls) != 2 {
		t.Errorf("Run = %v after %d calls, want nil after 2", err, len(calls))
	}
}

// muteBroker takes connections and never says a word.
func muteBroker(t *testing.T) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	var accepting sync.WaitGroup
	accepting.Go(func() {
		var conns []net.Conn
		for {
			conn, err := listener.Accept()
			if err != nil {
				break
			}
			conns = append(conns, conn)
		}
		for _, conn := range conns {
			_ = conn.Close()
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		accepting.Wait()
	})
	return listener.Addr().String()
}

func TestShutdownCutsOffABrokerThatNeverAnswers(t *testing.T) {
	t.Parallel()
	mute := muteBroker(t)
	client, err := consumer.New(consumer.Config{Brokers: []string{mute}, GroupID: "g", Topics: []string{"t"}})
	must(t, err)
	ctx, stop := context.WithCancel(patient(t))
	done := make(chan error, 1)
	go func() { done <- client.Run(ctx, func(context.Context, consumer.Assigned) {}) }()
	short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	if _, err := client.Bounds(short, "t", 0); err == nil || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Bounds = %v, want the end of its context", err)
	}
	stop()
	if err := <-done; err != nil {
		t.Errorf("Run = %v", err)
	}
	must(t, client.Close())
}

func TestMovedLeaderIsFollowed(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.Run(t, kafkatest.Config{Topics: map[string]int32{"t": 1}, Brokers: 3})
	ctx := patient(t)
	r := newClient(t, cluster, nil).Reader("t", 0, 0)
	for i := range 3 {
		leader := (cluster.Fake().LeaderFor("t", 0) + 1) % 3
		must(t, cluster.Fake().MoveTopicPartition("t", 0, leader))
		must(t, cluster.Produce(ctx, kafkatest.None, numbered(fmt.Sprint(i), 1)...))
		if got := readTo(t, r, int64(i+1)); !slices.Equal(got.values(), []string{fmt.Sprintf("%d-0", i)}) {
			t.Errorf("after move %d: %v", i, got.values())
		}
	}
}

func TestShutdownWithoutABrokerDoesNotHang(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.Run(t, kafkatest.Config{Topics: map[string]int32{"t": 1}})
	client := newClient(t, cluster, nil)
	w := startWorker(t, client)
	w.wait(t, exactly("t/0"))
	r := client.Reader("t", 0, 0)
	cluster.Stop()
	w.end(t)
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(context.DeadlineExceeded)
	if _, err := r.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Next in an ended context: %v", err)
	}
}
