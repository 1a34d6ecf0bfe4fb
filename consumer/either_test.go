package consumer_test

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tracetally/tracetally/consumer"
	"github.com/tracetally/tracetally/internal/kafkatest"
)

// stage is a Kafka, fake or Apache's, with a topic that no other test uses; the group has the topic's name.
type stage struct {
	*kafkatest.Cluster
	topic string
}

// either has a topic with so many partitions; none for 0.
func either(t *testing.T, partitions int32, cfg kafkatest.Config) stage {
	t.Helper()
	s := stage{topic: kafkatest.Name(t)}
	if partitions > 0 {
		cfg.Topics = map[string]int32{s.topic: partitions}
	}
	s.Cluster = kafkatest.Either(t, cfg)
	return s
}

func (s stage) client(t *testing.T, change func(*consumer.Config)) *consumer.Client {
	t.Helper()
	return newClient(t, s.Cluster, func(c *consumer.Config) {
		c.GroupID, c.Topics = s.topic, []string{s.topic}
		if change != nil {
			change(c)
		}
	})
}

// numbered are n records "prefix-0" and so on for partition 0.
func (s stage) numbered(prefix string, n int) []*kgo.Record {
	records := numbered(prefix, n)
	for _, r := range records {
		r.Topic = s.topic
	}
	return records
}

// soon waits until ok is true; what it waits for has no event to wait on.
func soon(ctx context.Context, t *testing.T, what string, ok func() bool) {
	t.Helper()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("still not: %s", what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
