package pipeline

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tracetally/tracetally/sink"
)

// Start says where the partitions of a topic start that the pipeline meets for the first time. It is resolved once and frozen
// in PostgreSQL, so that "latest" does not move with every restart. It holds for what is there when the worker starts: a
// partition or topic that comes later was born after the pipeline, everything in it is new, and it starts at earliest.
type Start struct {
	// Latest starts at the end. At, when set, starts at the first record of that time or later. Neither is earliest.
	Latest bool
	At     time.Time
}

const (
	// lookTimeout bounds what a partition may take to say where its log begins and ends, when its topic is met.
	lookTimeout = 10 * time.Second
	// looksAtOnce is how many partitions of a topic are asked at a time.
	looksAtOnce = 8
)

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

// awaitTopics notes the partitions of every topic before any of them is read. Each row holds the horizon back until its
// partition has shown a time: if rows came one by one, a topic of old records whose row comes late would find a horizon that
// newer topics have moved, and be late as a whole.
func (w *worker) awaitTopics(ctx context.Context) error {
	return w.insist(ctx, w.log, "meet the topics", func() error { return w.meetTopics(ctx) }, w.fatal)
}

func (w *worker) meetTopics(ctx context.Context) error {
	look, cancel := context.WithTimeout(ctx, lookTimeout) // it would wait for a broker for ever, and say nothing
	cluster, err := w.kafka.ClusterID(look)
	cancel()
	if err != nil {
		return err
	}
	for _, topic := range w.cfg.Kafka.Topics {
		if err := w.meet(ctx, cluster, topic); err != nil {
			return fmt.Errorf("meet topic %s: %w", topic, err)
		}
	}
	return nil
}

// meet notes the partitions of a topic that is new to PostgreSQL, with their starts. One that does not answer in time stops
// nobody: its row says that it was there, and it gets the same start when it is assigned.
func (w *worker) meet(ctx context.Context, cluster, topic string) error {
	look, cancel := context.WithTimeout(ctx, lookTimeout)
	partitions, err := w.kafka.Partitions(look, topic)
	cancel()
	if err != nil {
		return err
	}
	if len(partitions) == 0 {
		w.log.Warn("topic does not exist, it is read when it appears", "topic", topic)
		return nil
	}
	if known, err := w.store.TopicKnown(ctx, topic); known || err != nil {
		return err
	}
	offsets := make([]int64, len(partitions))
	var looks errgroup.Group
	looks.SetLimit(looksAtOnce)
	for i, id := range partitions {
		looks.Go(func() error {
			offsets[i] = w.look(ctx, topic, id)
			return nil
		})
	}
	_ = looks.Wait() // every look has answered for itself
	starts := map[int32]int64{}
	for i, id := range partitions {
		starts[id] = offsets[i]
	}
	return w.store.AddTopic(ctx, topic, cluster, starts)
}

// look asks a partition where it starts, for a while.
func (w *worker) look(ctx context.Context, topic string, partition int32) int64 {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	offset, err := w.resolve(ctx, w.cfg.From, topic, partition)
	if err != nil {
		w.log.Warn("partition does not say where it starts", "topic", topic, "partition", partition, "err", err)
		return sink.Unplaced
	}
	return offset
}

// start is what acquire asks for a partition without a start.
func (p *partition) start(ctx context.Context, met bool) (int64, error) {
	p.pace.asks() // Kafka again
	defer p.pace.busy()
	from := Start{}
	if met {
		from = p.w.cfg.From
	}
	return p.w.resolve(ctx, from, p.assigned.Topic, p.assigned.Partition)
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
		return b.LastStable, nil
	}
	return b.LogStart, nil
}
