package consumer

import (
	"context"
	"fmt"
	"slices"
)

// Partitions lists the partitions that a topic of ours has now, ascending. It waits for a broker until ctx ends; a topic
// that does not exist has none. One that we may not see is an AccessError.
func (c *Client) Partitions(ctx context.Context, topic string) ([]int32, error) {
	m, err := c.metadata(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the partitions of %s: %w", topic, err)
	}
	if err := c.checkTopics(m, topic); err != nil {
		return nil, fmt.Errorf("list the partitions of %s: %w", topic, err)
	}
	var ids []int32
	for i := range m.Topics {
		if m.Topics[i].Name != topic {
			continue
		}
		for _, p := range m.Topics[i].Partitions {
			ids = append(ids, p.PartitionIndex)
		}
	}
	slices.Sort(ids)
	return ids, nil
}
