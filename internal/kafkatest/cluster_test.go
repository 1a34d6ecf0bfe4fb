package kafkatest_test

import (
	"strings"
	"testing"

	"github.com/tracetally/tracetally/internal/kafkatest"
)

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
