package main

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/tracetally/tracetally/internal/traffic"
)

func TestTheBrokerHoldsWhatTheBooksSay(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	b, err := startKafka(t.Context(), 0, demoRetention())
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	// The traffic began a minute ago, so all of that minute is due at once.
	now := time.Now()
	p, err := newProducer(b.addr, traffic.Config{Seed: 1, Start: now.Add(-time.Minute), Incidents: traffic.Schedule(time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	p.start(t.Context(), now)
	<-p.done
	if p.err != nil {
		t.Fatal(p.err)
	}
	ends, err := admin(t, b).ListEndOffsets(t.Context(), topicNames()...)
	if err != nil {
		t.Fatal(err)
	}
	books := p.gen.Books()
	if books.Sent() < 4000 || p.sent.Load() != books.Sent() {
		t.Errorf("%d records acknowledged, the books say %d", p.sent.Load(), books.Sent())
	}
	for _, topic := range traffic.Topics() {
		for n := range topic.Partitions {
			end, _ := ends.Lookup(topic.Name, n)
			if want := books.Partitions[traffic.TopicPartition{Topic: topic.Name, Partition: n}].Sent(); end.Offset != want {
				t.Errorf("%s/%d ends at %d, the books say %d", topic.Name, n, end.Offset, want)
			}
		}
	}
}

func admin(t *testing.T, b *broker) *kadm.Client {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.addr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return kadm.NewClient(client)
}

func TestTheBrokerForgetsWhatIsOld(t *testing.T) {
	b, err := startKafka(t.Context(), 0, retention{age: 15 * time.Minute, bytes: 64 << 20, every: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	// These records say that they are an hour old.
	past := time.Now().Add(-time.Hour)
	p, err := newProducer(b.addr, traffic.Config{Seed: 1, Start: past})
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	p.start(t.Context(), past.Add(10*time.Second))
	<-p.done
	client := admin(t, b)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		starts, err := client.ListStartOffsets(ctx, traffic.TopicEvents)
		if err != nil {
			t.Fatal(err)
		}
		if first, ok := starts.Lookup(traffic.TopicEvents, 0); ok && first.Offset > 0 {
			return
		}
	}
}
