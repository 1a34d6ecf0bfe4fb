package kafkatest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// kindVariable names the Kafka that Either starts: "apache", or the fake when it is empty.
const kindVariable = "TRACETALLY_TEST_KAFKA"

// shared is the Apache Kafka of this test binary. It outlives a test because its start takes seconds, and it is the one
// thing here that does.
var shared struct {
	mu     sync.Mutex
	broker *apache
	dir    string
}

// Either starts what the environment asks for, for the duration of a test: an in-process fake, or Apache Kafka. Tests that
// use it stand in files named *_either_test.go, which `make kafka` runs on Apache Kafka. They share one broker, Config.Own
// aside, so topics and groups have names that no other test uses: Name gives one.
//
// What the fake cannot do is a method of Cluster that works on both (Compact, Kill), or the test is no Either test: a broker
// refuses poisoned batches, moves no leader in a cluster of one node, and answers no fetch with made-up bytes.
func Either(t TB, cfg Config) *Cluster {
	t.Helper()
	switch kind := os.Getenv(kindVariable); kind {
	case "", "kfake":
		return Run(t, cfg)
	case "apache":
		if cfg.NoTopicIDs || cfg.Brokers > 1 {
			t.Fatalf("Apache Kafka has topic ids, and here one broker: the test is for the fake alone")
		}
		c, err := onApache(cfg)
		if err != nil {
			t.Fatalf("%v", err)
		}
		t.Cleanup(c.Close)
		if err := c.createTopics(); err != nil {
			t.Fatalf("%v", err)
		}
		return c
	default:
		t.Fatalf("%s must be apache or empty, got %q", kindVariable, kind)
		return nil
	}
}

// Name is a test's name as a topic or group may have it.
func Name(t interface{ Name() string }) string {
	return strings.NewReplacer("/", ".", " ", "_", "#", "-").Replace(t.Name())
}

func onApache(cfg Config) (*Cluster, error) {
	if !cfg.Own {
		broker, err := sharedApache()
		if err != nil {
			return nil, err
		}
		return &Cluster{cfg: cfg, real: broker, shared: true, addrs: []string{broker.addr()}}, nil
	}
	dir := cfg.DataDir
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "kafkatest-"); err != nil {
			return nil, fmt.Errorf("make a folder for Kafka: %w", err)
		}
	}
	broker, err := newApache(filepath.Join(dir, "kafka"), cfg.MaxMessageBytes)
	if err != nil {
		return nil, err
	}
	broker.temporary = dir != cfg.DataDir
	return &Cluster{cfg: cfg, real: broker, addrs: []string{broker.addr()}}, broker.start()
}

// sharedApache starts the shared broker with the first call.
func sharedApache() (*apache, error) {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.broker != nil {
		return shared.broker, nil
	}
	dir, err := os.MkdirTemp("", "kafkatest-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for Kafka: %w", err)
	}
	broker, err := newApache(filepath.Join(dir, "kafka"), sharedMessageBytes)
	if err != nil {
		return nil, err
	}
	if err := broker.start(); err != nil {
		return nil, err
	}
	shared.broker, shared.dir = broker, dir
	return broker, nil
}

// sharedMessageBytes is the most that a test asks of a broker that it shares.
const sharedMessageBytes = 16 << 20

// Suite runs tests and stops the shared broker after the last one:
//
//	func TestMain(m *testing.M) { os.Exit(kafkatest.Suite{Tests: m}.Run()) }
type Suite struct {
	// Tests is the testing.M of the binary.
	Tests interface{ Run() int }
}

// Run is the exit code of the tests.
func (s Suite) Run() int {
	code := s.Tests.Run()
	if err := stopGuarded(); err != nil {
		fmt.Fprintln(os.Stderr, "remove Kafka's folder:", err)
		code = max(code, 1)
	}
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.broker != nil {
		shared.broker.stop(true)
		if err := os.RemoveAll(shared.dir); err != nil {
			fmt.Fprintln(os.Stderr, "remove Kafka's folder:", err)
			return max(code, 1)
		}
		shared.broker = nil
	}
	return code
}

// createTopics makes those of the Config, which the fake is born with.
func (c *Cluster) createTopics() error {
	ctx, cancel := context.WithTimeout(context.Background(), bootTime)
	defer cancel()
	for topic, partitions := range c.cfg.Topics {
		if err := c.CreateTopic(ctx, topic, partitions, nil); err != nil {
			return err
		}
	}
	return nil
}
