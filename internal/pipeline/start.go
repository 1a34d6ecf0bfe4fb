package pipeline

import (
	"context"
	"fmt"
	"time"
)

// Start says where a partition starts at first sight. It is resolved once, for all partitions that the topic then has, and
// frozen in PostgreSQL, so that "latest" does not move with every restart. A partition that joins the topic later starts at
// earliest, whatever Start says: it was born after the pipeline, and everything in it is new.
type Start struct {
	// Latest starts at the end. At, when set, starts at the first record of that time or later. Neither is earliest.
	Latest bool
	At     time.Time
}

// ParseStart reads earliest, latest, or an RFC 3339 time.
func ParseStart(s string) (Start, error) {
	switch s {
	case "", "earliest":
		return Start{}, nil
	case "latest":
		return Start{Latest: true}, nil
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return Start{}, fmt.Errorf("must be earliest, latest or a time such as 2026-11-24T18:00:00Z, got %q", s)
	}
	return Start{At: at}, nil
}

// start is what acquire asks when PostgreSQL has never seen the partition.
func (p *partition) start(ctx context.Context) (int64, error) {
	topic := p.assigned.Topic
	known, err := p.w.store.TopicKnown(ctx, topic)
	if err != nil {
		return 0, err
	}
	if known {
		return p.w.resolve(ctx, Start{}, topic, p.assigned.Partition)
	}
	partitions, err := p.w.kafka.Partitions(ctx, topic)
	if err != nil {
		return 0, err
	}
	starts := map[int32]int64{}
	for _, id := range append(partitions, p.assigned.Partition) {
		if starts[id], err = p.w.resolve(ctx, p.w.cfg.From, topic, id); err != nil {
			return 0, err
		}
	}
	if err := p.w.store.AddTopic(ctx, topic, p.cluster, starts); err != nil {
		return 0, err
	}
	return starts[p.assigned.Partition], nil
}

// resolve asks Kafka for the offset that a start means now.
func (w *worker) resolve(ctx context.Context, s Start, topic string, partition int32) (int64, error) {
	if !s.At.IsZero() {
		return w.kafka.OffsetAt(ctx, topic, partition, s.At)
	}
	b, err := w.kafka.Bounds(ctx, topic, partition)
	if err != nil {
		return 0, err
	}
	if s.Latest {
		return b.HighWatermark, nil
	}
	return b.LogStart, nil
}
