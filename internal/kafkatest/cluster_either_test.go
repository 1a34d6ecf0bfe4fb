package kafkatest_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tracetally/tracetally/internal/kafkatest"
)

func TestMain(m *testing.M) { os.Exit(kafkatest.Suite{Tests: m}.Run()) }

func TestRestartKeepsAddressesAndRecords(t *testing.T) {
	t.Parallel()
	topic := kafkatest.Name(t)
	cluster := kafkatest.Either(t, kafkatest.Config{Topics: map[string]int32{topic: 1}, DataDir: t.TempDir(), Own: true})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	before := strings.Join(cluster.Addrs(), ",")
	if err := cluster.Produce(ctx, kafkatest.Zstd, &kgo.Record{Topic: topic, Value: []byte("v")}); err != nil {
		t.Fatal(err)
	}
	for _, end := range []func(){cluster.Stop, cluster.Kill} {
		end()
		if err := cluster.Restart(); err != nil {
			t.Fatal(err)
		}
		if after := strings.Join(cluster.Addrs(), ","); after != before {
			t.Errorf("listens on %s, before on %s", after, before)
		}
		if end, err := cluster.End(ctx, topic, 0); err != nil || end != 1 {
			t.Errorf("log ends at %d, %v, want 1", end, err)
		}
	}
}

func TestTopicsAreMadeTrimmedGrownAndRemoved(t *testing.T) {
	t.Parallel()
	topic := kafkatest.Name(t)
	cluster := kafkatest.Either(t, kafkatest.Config{})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the second time under the name of the first
		must(cluster.CreateTopic(ctx, topic, 1, map[string]string{"cleanup.policy": "delete"}))
		must(cluster.AddPartitions(ctx, topic, 2))
		must(cluster.Produce(ctx, kafkatest.None, &kgo.Record{Topic: topic, Partition: 1, Value: []byte("v")}))
		must(cluster.DeleteRecords(ctx, topic, 1, 1))
		if end, err := cluster.End(ctx, topic, 1); err != nil || end != 1 {
			t.Errorf("log ends at %d, %v, want 1", end, err)
		}
		must(cluster.DeleteTopic(ctx, topic))
	}
}
