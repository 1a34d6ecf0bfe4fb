package kafkatest

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// admin is a client for what an operator does. It shares its connections with the producer and is not closed.
func (c *Cluster) admin() (*kadm.Client, error) {
	client, err := c.client()
	if err != nil {
		return nil, err
	}
	return kadm.NewClient(client), nil
}

// CreateTopic makes a topic; configs are those of Kafka, such as cleanup.policy.
func (c *Cluster) CreateTopic(ctx context.Context, topic string, partitions int32, configs map[string]string) error {
	admin, err := c.admin()
	if err != nil {
		return err
	}
	values := map[string]*string{}
	for k, v := range configs {
		values[k] = &v
	}
	if _, err := admin.CreateTopic(ctx, partitions, 1, values, topic); err != nil {
		return fmt.Errorf("create topic %q: %w", topic, err)
	}
	return awaitPartitions(ctx, admin, topic, int(partitions))
}

// awaitPartitions waits until a topic is told to have so many partitions, each with a leader: Apache Kafka says that they are
// made before its brokers tell others of them. None is a topic that is told to be missing.
func awaitPartitions(ctx context.Context, admin *kadm.Client, topic string, partitions int) error {
	for {
		m, err := admin.Metadata(ctx, topic)
		if err != nil {
			return fmt.Errorf("ask for the partitions of %q: %w", topic, err)
		}
		led := 0
		for _, p := range m.Topics[topic].Partitions {
			if p.Err == nil && p.Leader >= 0 {
				led++
			}
		}
		if led == partitions && (partitions > 0) == m.Topics.Has(topic) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %d partitions of %q, there are %d: %w", partitions, topic, led, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// DeleteTopic removes a topic and waits until the brokers no longer name it, so that it can be made again.
func (c *Cluster) DeleteTopic(ctx context.Context, topic string) error {
	admin, err := c.admin()
	if err == nil {
		_, err = admin.DeleteTopic(ctx, topic)
	}
	if err != nil {
		return fmt.Errorf("delete topic %q: %w", topic, err)
	}
	return awaitPartitions(ctx, admin, topic, 0)
}

// AddPartitions makes topic have as many partitions as given.
func (c *Cluster) AddPartitions(ctx context.Context, topic string, partitions int) error {
	admin, err := c.admin()
	if err != nil {
		return err
	}
	res, err := admin.UpdatePartitions(ctx, partitions, topic)
	if err == nil {
		err = res.Error()
	}
	if err != nil {
		return fmt.Errorf("add partitions to %q: %w", topic, err)
	}
	return awaitPartitions(ctx, admin, topic, partitions)
}

// DeleteRecords deletes what a partition holds before an offset, as a retention does that overtakes its readers.
func (c *Cluster) DeleteRecords(ctx context.Context, topic string, partition int32, before int64) error {
	admin, err := c.admin()
	if err != nil {
		return err
	}
	var offsets kadm.Offsets
	offsets.AddOffset(topic, partition, before, -1)
	res, err := admin.DeleteRecords(ctx, offsets)
	if err == nil {
		err = res.Error()
	}
	if err != nil {
		return fmt.Errorf("delete records of %s/%d: %w", topic, partition, err)
	}
	return nil
}

// Compact hurries what a broker would do by itself with a compacted topic: the fake's ticker is slow. Apache Kafka's
// cleaner looks several times a second, at segments that are closed.
func (c *Cluster) Compact() {
	if c.real == nil {
		c.Fake().Compact()
	}
}

// End is the offset behind the last record of a partition, open transactions included.
func (c *Cluster) End(ctx context.Context, topic string, partition int32) (int64, error) {
	admin, err := c.admin()
	if err != nil {
		return 0, err
	}
	ends, err := admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return 0, fmt.Errorf("list the end of %s/%d: %w", topic, partition, err)
	}
	end, ok := ends.Lookup(topic, partition)
	if !ok || end.Err != nil {
		return 0, fmt.Errorf("list the end of %s/%d: known %v, %w", topic, partition, ok, end.Err)
	}
	return end.Offset, nil
}

// Members is how many members a consumer group has.
func (c *Cluster) Members(ctx context.Context, group string) (int, error) {
	admin, err := c.admin()
	if err != nil {
		return 0, err
	}
	groups, err := admin.DescribeGroups(ctx, group)
	if err != nil {
		return 0, fmt.Errorf("describe group %q: %w", group, err)
	}
	return len(groups[group].Members), nil
}

// Committed is the offset that a group has committed of a partition; -1 for none.
func (c *Cluster) Committed(ctx context.Context, group, topic string, partition int32) (int64, error) {
	admin, err := c.admin()
	if err != nil {
		return 0, err
	}
	offsets, err := admin.FetchOffsets(ctx, group)
	if err != nil {
		return 0, fmt.Errorf("fetch offsets of group %q: %w", group, err)
	}
	if o, ok := offsets.Lookup(topic, partition); ok && o.Err == nil {
		return o.At, nil
	}
	return -1, nil
}
