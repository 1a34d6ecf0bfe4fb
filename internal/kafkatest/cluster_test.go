package kafkatest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tracetally/tracetally/internal/kafkatest"
)

func TestRestartKeepsAddressesAndRecords(t *testing.T) {
	cluster := kafkatest.Run(t, kafkatest.Config{Topics: map[string]int32{"t": 1}, DataDir: t.TempDir(), Brokers: 2})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	before := strings.Join(cluster.Addrs(), ",")
	if err := cluster.Produce(ctx, kafkatest.Zstd, &kgo.Record{Topic: "t", Value: []byte("v")}); err != nil {
		t.Fatal(err)
	}
	cluster.Stop()
	if err := cluster.Restart(); err != nil {
		t.Fatal(err)
	}
	if after := strings.Join(cluster.Fake().ListenAddrs(), ","); after != before {
		t.Errorf("listens on %s, before on %s", after, before)
	}
	if end := cluster.Fake().PartitionInfo("t", 0).HighWatermark; end != 1 {
		t.Errorf("log ends at %d, want 1", end)
	}
}

func TestEveryListenerIsOnLoopback(t *testing.T) {
	cluster := kafkatest.Run(t, kafkatest.Config{Brokers: 3})
	for _, addr := range cluster.Addrs() {
		if !strings.HasPrefix(addr, "127.0.0.1:") {
			t.Errorf("listens on %s", addr)
		}
	}
	if len(cluster.Addrs()) != 3 {
		t.Errorf("%d brokers, want 3", len(cluster.Addrs()))
	}
}
