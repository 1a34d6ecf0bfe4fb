package main

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/tracetally/tracetally/internal/traffic"
)

func TestTheBrokerHoldsWhatTheBooksSay(t *testing.T) {
	defer goleak.VerifyNone(t)
	b, err := startKafka(t.Context(), 0)
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
	client, err := kgo.NewClient(kgo.SeedBrokers(b.addr))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(t.Context(), topicNames()...)
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
