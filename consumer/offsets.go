package consumer

import (
	"context"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/listoffsets"
)

// Timestamps with a meaning of their own, and the isolation levels:
// https://kafka.apache.org/protocol#The_Messages_ListOffsets.
const (
	atEnd, atStart = -1, -2

	uncommitted, committed int8 = 0, 1
)

// Bounds asks the leader what the log of a partition of Config.Topics has. It waits for a leader until ctx ends; the error
// is ErrUnavailable then.
func (c *Client) Bounds(ctx context.Context, topic string, partition int32) (Bounds, error) {
	var b Bounds
	err := c.retry(ctx, func() (err error) {
		b, err = c.bounds(ctx, topic, partition)
		return err
	})
	return b, err
}

// OffsetAt is the first offset whose record's timestamp is at or after at. When there is none it is the end of what a
// consumer of committed records can read: the position that Java's consumer takes for "latest".
func (c *Client) OffsetAt(ctx context.Context, topic string, partition int32, at time.Time) (int64, error) {
	var offset int64
	err := c.retry(ctx, func() (err error) {
		offset, _, err = c.listOffset(ctx, topic, partition, max(0, at.UnixMilli()), committed)
		if err == nil && offset < 0 {
			offset, _, err = c.listOffset(ctx, topic, partition, atEnd, committed)
		}
		return err
	})
	return offset, err
}

// bounds asks once. The order of the questions keeps LogStart ≤ LastStable ≤ HighWatermark while all of them grow.
func (c *Client) bounds(ctx context.Context, topic string, partition int32) (b Bounds, err error) {
	if b.LogStart, _, err = c.listOffset(ctx, topic, partition, atStart, uncommitted); err != nil {
		return b, err
	}
	if b.LastStable, _, err = c.listOffset(ctx, topic, partition, atEnd, committed); err != nil {
		return b, err
	}
	b.HighWatermark, b.LeaderEpoch, err = c.listOffset(ctx, topic, partition, atEnd, uncommitted)
	return b, err
}

func (c *Client) listOffset(ctx context.Context, topic string, partition int32, at int64, level int8) (offset int64, epoch int32, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	res, err := c.transport.RoundTrip(ctx, c.addr, &listoffsets.Request{
		ReplicaID:      -1,
		IsolationLevel: level,
		Topics: []listoffsets.RequestTopic{{
			Topic:      topic,
			Partitions: []listoffsets.RequestPartition{{Partition: partition, CurrentLeaderEpoch: -1, Timestamp: at}},
		}},
	})
	if err != nil {
		return 0, -1, fmt.Errorf("list offsets of %s/%d: %w", topic, partition, unavailable(err))
	}
	for _, t := range res.(*listoffsets.Response).Topics {
		for _, p := range t.Partitions {
			if t.Topic == topic && p.Partition == partition {
				return p.Offset, p.LeaderEpoch, c.explain(wrapCode(p.ErrorCode, "list offsets of", topic, partition), topic)
			}
		}
	}
	return 0, -1, fmt.Errorf("list offsets of %s/%d: %w: the answer leaves it out", topic, partition, ErrUnavailable)
}

// wrapCode is nil for code 0. Codes that no waiting will change are not ErrUnavailable.
func wrapCode(code int16, doing, topic string, partition int32) error {
	err := kafka.Error(code)
	switch err {
	case 0:
		return nil
	case kafka.InvalidTopic, kafka.UnsupportedVersion, kafka.InvalidRequest,
		kafka.UnsupportedForMessageFormat:
		return fmt.Errorf("%s %s/%d: %w", doing, topic, partition, err)
	}
	return fmt.Errorf("%s %s/%d: %w", doing, topic, partition, unavailable(err))
}
