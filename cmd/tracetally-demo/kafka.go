package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tracetally/tracetally/internal/traffic"
)

// The embedded Kafka keeps its log in memory, so a demonstration that runs for days must forget: what is older than
// retentionMillis goes, and a partition never holds more than retentionBytes (as compressed on the wire).
const (
	retentionMillis = 15 * 60 * 1000
	retentionBytes  = 64 << 20
	cleanEvery      = 30 * 1000 // milliseconds between two looks at what may go
)

// broker is the embedded Kafka: one node that speaks the real protocol on a loopback port.
type broker struct {
	cluster *kfake.Cluster
	addr    string
}

// startKafka starts the broker and makes the topics of the traffic.
func startKafka(ctx context.Context, port int) (*broker, error) {
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1), kfake.Ports(port), kfake.ClusterID("tracetally-demo"),
		kfake.BrokerConfigs(map[string]string{"log.cleaner.backoff.ms": strconv.Itoa(cleanEvery)}),
	)
	if err != nil {
		return nil, fmt.Errorf("start kafka on 127.0.0.1:%d: %w", port, err)
	}
	b := &broker{cluster: cluster, addr: cluster.ListenAddrs()[0]}
	if err := b.createTopics(ctx); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *broker) createTopics(ctx context.Context) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(b.addr))
	if err != nil {
		return fmt.Errorf("make an admin client: %w", err)
	}
	defer client.Close()
	ms, size := strconv.Itoa(retentionMillis), strconv.Itoa(retentionBytes)
	for _, t := range traffic.Topics() {
		answer, err := kadm.NewClient(client).CreateTopic(ctx, t.Partitions, 1,
			map[string]*string{"retention.ms": &ms, "retention.bytes": &size}, t.Name)
		if err == nil {
			err = answer.Err
		}
		if err != nil {
			return fmt.Errorf("create topic %s: %w", t.Name, err)
		}
	}
	return nil
}

func (b *broker) close() { b.cluster.Close() }

func topicNames() []string {
	var names []string
	for _, t := range traffic.Topics() {
		names = append(names, t.Name)
	}
	return names
}
