package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tracetally/tracetally/internal/traffic"
)

// retention is what the embedded Kafka keeps. It keeps it in memory, so a demonstration that runs for days must forget.
type retention struct {
	// age is how long a record is kept, bytes how much a partition holds, as compressed on the wire.
	age   time.Duration
	bytes int
	// every is the time between two looks at what may go.
	every time.Duration
}

func demoRetention() retention {
	return retention{age: 15 * time.Minute, bytes: 64 << 20, every: 30 * time.Second}
}

// broker is the embedded Kafka: one node that speaks the real protocol on a loopback port.
type broker struct {
	cluster *kfake.Cluster
	addr    string
}

// startKafka starts the broker and makes the topics of the traffic.
func startKafka(ctx context.Context, port int, keep retention) (*broker, error) {
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1), kfake.Ports(port), kfake.ClusterID("tracetally-demo"), kfake.AllowAutoTopicCreation(),
		kfake.BrokerConfigs(map[string]string{"log.cleaner.backoff.ms": milliseconds(keep.every)}),
	)
	if err != nil {
		return nil, fmt.Errorf("start kafka on 127.0.0.1:%d: %w", port, err)
	}
	b := &broker{cluster: cluster, addr: cluster.ListenAddrs()[0]}
	if err := b.createTopics(ctx, keep); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *broker) createTopics(ctx context.Context, keep retention) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(b.addr))
	if err != nil {
		return fmt.Errorf("make an admin client: %w", err)
	}
	defer client.Close()
	age, size := milliseconds(keep.age), strconv.Itoa(keep.bytes)
	for _, t := range traffic.Topics() {
		answer, err := kadm.NewClient(client).CreateTopic(ctx, t.Partitions, 1,
			map[string]*string{"retention.ms": &age, "retention.bytes": &size}, t.Name)
		if err == nil {
			err = answer.Err
		}
		if err != nil {
			return fmt.Errorf("create topic %s: %w", t.Name, err)
		}
	}
	return nil
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func (b *broker) close() { b.cluster.Close() }

func topicNames() []string {
	var names []string
	for _, t := range traffic.Topics() {
		names = append(names, t.Name)
	}
	return names
}
