package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tracetally/tracetally/consumer"
	"github.com/tracetally/tracetally/internal/kafkatest"
	"github.com/tracetally/tracetally/internal/secret"
)

// logbook keeps what is logged, and lets a test wait for a line.
type logbook struct {
	mu    sync.Mutex
	lines []string
	more  chan struct{}
}

func newLogbook() *logbook { return &logbook{more: make(chan struct{})} }

// Write takes a line.
func (l *logbook) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(line))
	close(l.more)
	l.more = make(chan struct{})
	return len(line), nil
}

func (l *logbook) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (l *logbook) all() ([]string, chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines), l.more
}

// count is how many lines have all of the texts in them.
func (l *logbook) count(texts ...string) (n int) {
	lines, _ := l.all()
	for _, line := range lines {
		if containsAll(line, texts) {
			n++
		}
	}
	return n
}

// wait waits for a line that has all of the texts in it.
func (l *logbook) wait(t *testing.T, texts ...string) {
	t.Helper()
	ctx := patient(t)
	for {
		lines, more := l.all()
		if slices.ContainsFunc(lines, func(line string) bool { return containsAll(line, texts) }) {
			return
		}
		select {
		case <-more:
		case <-ctx.Done():
			t.Fatalf("no line with %q in\n%s", texts, strings.Join(lines, ""))
		}
	}
}

func containsAll(line string, texts []string) bool {
	return !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(line, text) })
}

// as is the access of user through a mechanism, with the right password.
func as(mechanism, user string) consumer.Access {
	return consumer.Access{Mechanism: mechanism, User: user, Password: secret.Source{Text: secret.New(kafkatest.Password)}}
}

// files are the paths of a CA, a certificate and its key.
type files struct{ ca, cert, key string }

func issue(t *testing.T, ca *kafkatest.CA, leaf kafkatest.Leaf) files {
	t.Helper()
	var f files
	var err error
	f.ca, f.cert, f.key, err = ca.Files(t.TempDir(), "", leaf)
	must(t, err)
	return f
}

func otherCA(t *testing.T) *kafkatest.CA {
	t.Helper()
	ca, err := kafkatest.NewCA("another CA")
	must(t, err)
	return ca
}

// guardedClient is a client of the guarded cluster with a log of its own. Topic and group have the test's name.
func guardedClient(t *testing.T, k *kafkatest.Guarded, access consumer.Access) (*consumer.Client, *logbook) {
	t.Helper()
	log := newLogbook()
	client, err := consumer.New(consumer.Config{
		Brokers: []string{k.Addr}, GroupID: kafkatest.Name(t), Topics: []string{kafkatest.Name(t)}, MaxWait: 20 * time.Millisecond,
		SessionTimeout: 10 * time.Second, PartitionWatch: 50 * time.Millisecond, Logger: log.logger(), Access: access,
	})
	must(t, err)
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client, log
}

// fill puts n records into partition 0 of the test's topic.
func fill(t *testing.T, k *kafkatest.Guarded, n int) {
	t.Helper()
	var records []*kgo.Record
	for i := range n {
		records = append(records, &kgo.Record{Topic: kafkatest.Name(t), Value: fmt.Appendf(nil, "%d", i)})
	}
	must(t, k.Client().ProduceSync(patient(t), records...).FirstErr())
}

// refusal waits until the transport, by which we fetch, is refused with a text, and gives the error.
func refusal(t *testing.T, client *consumer.Client, text string) *consumer.AccessError {
	t.Helper()
	ctx := patient(t)
	for {
		look, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		_, err := client.Partitions(look, kafkatest.Name(t))
		cancel()
		var access *consumer.AccessError
		if errors.As(err, &access) && strings.Contains(access.Error(), text) {
			return access
		}
		if ctx.Err() != nil {
			t.Fatalf("no %q, last: %v", text, err)
		}
	}
}

// admitted waits until a client is in by both ways: its group gives it the one partition, and its reader reads n records.
func admitted(t *testing.T, client *consumer.Client, w *worker, n int) {
	t.Helper()
	w.wait(t, func(held []string) bool { return slices.Equal(held, []string{kafkatest.Name(t) + "/0"}) })
	if got := readTo(t, client.Reader(kafkatest.Name(t), 0, 0), int64(n)); len(got.records) != n {
		t.Errorf("read %d records, want %d", len(got.records), n)
	}
	if err := client.Refused(); err != nil {
		t.Errorf("is in, and yet: %v", err)
	}
}
