package kafkatest

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
)

// AddPartitions makes topic have as many partitions as given.
func (c *Cluster) AddPartitions(ctx context.Context, topic string, partitions int) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	res, err := kadm.NewClient(client).UpdatePartitions(ctx, partitions, topic)
	if err == nil {
		err = res.Error()
	}
	if err != nil {
		return fmt.Errorf("add partitions to %q: %w", topic, err)
	}
	return nil
}
