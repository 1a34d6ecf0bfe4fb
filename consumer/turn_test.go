package consumer_test

import (
	"context"
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tracetally/tracetally/consumer"
	"github.com/tracetally/tracetally/internal/kafkatest"
)

// A broker answers who is beyond a quota with no word of the partition, and delays what is asked next. Were it taken for one
// that is away, what is read next would be thrown away and asked for again, beyond the quota.
func TestBrokerThatSaysNothingIsNotAway(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.Run(t, kafkatest.Config{Topics: map[string]int32{"t": 1}})
	must(t, cluster.Produce(patient(t), kafkatest.None, numbered("a", 4)...))
	asked := 0
	fake := cluster.Fake()
	fake.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		if asked++; asked%2 == 0 {
			return nil, nil, false
		}
		return req.ResponseKind(), nil, true
	})
	r := newClient(t, cluster, nil).Reader("t", 0, 0)
	for range 2 {
		if c, err := r.Next(patient(t)); err != nil || c.From != c.To {
			t.Fatalf("next = [%d,%d), %v, want nothing new", c.From, c.To, err)
		}
		c, err := r.Next(patient(t))
		if err != nil || c.To != 4 || c.HighWatermark != 4 {
			t.Fatalf("next = [%d,%d), %v, want all", c.From, c.To, err)
		}
		r = newClient(t, cluster, nil).Reader("t", 0, 0)
	}
}

// Turns are few, and who waits for a broker that does not answer would keep them from those whose brokers do.
func TestWhoHadNoAnswerWaitsWithoutATurn(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.Run(t, kafkatest.Config{Topics: map[string]int32{"t": 1}})
	must(t, cluster.Produce(patient(t), kafkatest.None, numbered("a", 4)...))
	away := cluster.Fake().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: "t", Err: kerr.NotLeaderForPartition, Count: -1})
	turns := 0
	r := newClient(t, cluster, nil).Reader("t", 0, 0)
	r.Before = func(context.Context) error {
		turns++
		return nil
	}
	r.Expect(4)
	for range 6 {
		if _, err := r.Next(patient(t)); !errors.Is(err, consumer.ErrUnavailable) && err != nil {
			t.Fatal(err)
		}
	}
	if turns != 1 {
		t.Errorf("%d turns were taken before anything came, want the first alone", turns)
	}
	away.Remove()
	if got := readTo(t, r, 4); len(got.records) != 4 || turns < 2 {
		t.Errorf("read %v with %d turns", got.values(), turns)
	}
}
