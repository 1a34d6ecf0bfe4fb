package consumer_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tracetally/tracetally/consumer"
	"github.com/tracetally/tracetally/internal/kafkatest"
)

func TestTopicMadeAgainHasAnotherID(t *testing.T) {
	t.Parallel()
	cluster := either(t, 1, kafkatest.Config{})
	ctx := patient(t)
	client := cluster.client(t, func(c *consumer.Config) { c.Topics = append(c.Topics, cluster.topic+"-missing") })
	first, err := client.TopicID(ctx, cluster.topic, 0)
	must(t, err)
	if first == uuid.Nil {
		t.Error("the topic has no id")
	}
	if id, err := client.TopicID(ctx, cluster.topic+"-missing", 0); id != uuid.Nil || err != nil {
		t.Errorf("a topic that is missing has the id %v, %v", id, err)
	}
	must(t, cluster.DeleteTopic(ctx, cluster.topic))
	must(t, cluster.CreateTopic(ctx, cluster.topic, 3, nil))
	if old, err := client.TopicID(ctx, cluster.topic, time.Hour); old != first || err != nil {
		t.Errorf("an old answer that will do is %v, %v, want %v", old, err, first)
	}
	second := uuid.Nil
	soon(ctx, t, "made again", func() bool { // Apache Kafka says that it is made before every question finds it
		second, err = client.TopicID(ctx, cluster.topic, 0)
		return second != uuid.Nil || err != nil
	})
	if err != nil || second == first {
		t.Errorf("made again it has the id %v, %v, first %v", second, err, first)
	}
}
