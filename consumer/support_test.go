package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tracetally/tracetally/consumer"
	"github.com/tracetally/tracetally/internal/kafkatest"
	"github.com/tracetally/tracetally/schemas"
)

// patience bounds every wait of these tests; what it bounds takes milliseconds.
const patience = 2 * time.Minute

func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func newClient(t *testing.T, cluster *kafkatest.Cluster, change func(*consumer.Config)) *consumer.Client {
	t.Helper()
	cfg := consumer.Config{
		Brokers: cluster.Addrs(), GroupID: "g", Topics: []string{"t"}, MaxWait: 20 * time.Millisecond,
		SessionTimeout: 10 * time.Second, PartitionWatch: 50 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	if change != nil {
		change(&cfg)
	}
	client, err := consumer.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client
}

// read is everything from a reader up to offset end, copied. It checks what every chunk promises.
type read struct {
	from, to int64
	records  []schemas.Record
	bad      []consumer.BadRange
	last     consumer.Chunk
}

func readTo(t *testing.T, r *consumer.Reader, end int64) read {
	t.Helper()
	ctx := patient(t)
	got := read{from: r.Offset(), to: r.Offset()}
	for got.to < end {
		c, err := r.Next(ctx)
		if errors.Is(err, consumer.ErrUnavailable) {
			continue
		}
		if err != nil {
			t.Fatalf("next after %d: %v", got.to, err)
		}
		got.add(t, c)
	}
	return got
}

func (got *read) add(t *testing.T, c consumer.Chunk) {
	t.Helper()
	if c.From != got.to || c.To < c.From || c.HighWatermark < c.To || c.LastStable < c.To {
		t.Fatalf("chunk [%d,%d) with watermarks %d, %d comes after %d", c.From, c.To, c.LastStable, c.HighWatermark, got.to)
	}
	at := c.From
	for _, rec := range c.Records {
		if rec.Offset < at || rec.Offset >= c.To {
			t.Fatalf("record %d in chunk [%d,%d), after %d", rec.Offset, c.From, c.To, at)
		}
		at = rec.Offset + 1
		got.records = append(got.records, clone(rec))
	}
	at = c.From
	for _, b := range c.Bad {
		if b.From < at || b.To <= b.From || b.To > c.To {
			t.Fatalf("bad range [%d,%d) in chunk [%d,%d), after %d", b.From, b.To, c.From, c.To, at)
		}
		for _, rec := range c.Records {
			if rec.Offset >= b.From && rec.Offset < b.To {
				t.Fatalf("record %d is inside the bad range [%d,%d)", rec.Offset, b.From, b.To)
			}
		}
		at = b.To
	}
	got.bad = append(got.bad, c.Bad...)
	got.to, got.last = c.To, c
	got.last.Records, got.last.Bad = nil, nil
}

func clone(rec schemas.Record) schemas.Record {
	rec.Key, rec.Value = cloneBytes(rec.Key), cloneBytes(rec.Value)
	headers := make([]schemas.Header, 0, len(rec.Headers))
	for _, h := range rec.Headers {
		headers = append(headers, schemas.Header{Key: h.Key, Value: cloneBytes(h.Value)})
	}
	rec.Headers = headers
	return rec
}

func cloneBytes(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append([]byte{}, b...)
}

func (got *read) values() []string {
	values := []string{}
	for _, r := range got.records {
		values = append(values, string(r.Value))
	}
	return values
}

// numbered are n records "prefix-0" and so on for partition 0 of topic t.
func numbered(prefix string, n int) []*kgo.Record {
	var records []*kgo.Record
	for i := range n {
		records = append(records, &kgo.Record{Topic: "t", Value: fmt.Appendf(nil, "%s-%d", prefix, i)})
	}
	return records
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
