package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/tracetally/tracetally/consumer"
	"github.com/tracetally/tracetally/sink"
)

// haltError stops one partition until an operator decides: going on would skip or double records. Others go on.
type haltError struct {
	status, detail string
	recorded       bool // PostgreSQL knows already
}

func (e *haltError) Error() string { return e.status + ": " + e.detail }

// The statuses of a halted partition, as partition_progress shows them.
const (
	statusRegressed = "log_regressed" // the log ends below what was already counted, or its leader's epoch went back
	statusReplaced  = "log_replaced"  // the topic is another one, or holds another record where we stopped
	statusTrimmed   = "log_trimmed"   // deleted before it was read, and halt-on-gap is set
)

// acquire takes the partition in PostgreSQL; at first sight its start is resolved and frozen.
func (p *partition) acquire(ctx context.Context) (sink.Claim, error) {
	cluster, err := p.w.kafka.ClusterID(ctx)
	if err != nil {
		return sink.Claim{}, err
	}
	p.pace.busy()
	claim, err := p.w.store.Acquire(ctx, p.assigned.Topic, p.assigned.Partition, cluster, p.start)
	if err != nil {
		return sink.Claim{}, err
	}
	p.pace.asks()
	if claim.Status != sink.StatusRunning {
		return claim, &haltError{status: claim.Status, detail: "halted earlier, and nobody has decided yet", recorded: true}
	}
	return claim, nil
}

// position checks, before the first read, that the log is the one we stopped in.
func (p *partition) position(ctx context.Context, claim sink.Claim) error {
	b, err := p.w.kafka.Bounds(ctx, p.assigned.Topic, p.assigned.Partition)
	if err != nil {
		return fmt.Errorf("ask Kafka for the bounds of the log: %w", err)
	}
	p.logEnd = b.HighWatermark
	if err := p.sameTopic(ctx, 0); err != nil {
		return err
	}
	if err := p.sameHistory(b, claim.LeaderEpoch); err != nil {
		return err
	}
	if err := p.within(ctx, b); err != nil {
		return err
	}
	return p.checkAnchor(ctx, claim.Anchor)
}

// checkAnchor reads the record below the next offset again: a topic that was deleted and filled anew has another there.
// A record that is gone (compacted, trimmed) proves nothing.
func (p *partition) checkAnchor(ctx context.Context, a sink.Anchor) error {
	if len(a.Hash) == 0 {
		return nil
	}
	reader := p.w.kafka.Reader(p.assigned.Topic, p.assigned.Partition, a.Offset)
	reader.Before, reader.Large, reader.FetchBytes = p.turn, p.enlarge, leastFetch
	defer p.turnOver()
	defer reader.Release()
	if err := p.turn(ctx); err != nil { // first: what is fetched may be large
		return err
	}
	chunk, err := reader.Next(ctx)
	var outside *consumer.OutOfRange
	switch {
	case errors.As(err, &outside) && a.Offset < outside.Log.LogStart:
		return nil
	case errors.As(err, &outside):
		return p.within(ctx, outside.Log)
	case err != nil:
		return fmt.Errorf("read the last counted record again: %w", err)
	}
	if len(chunk.Records) == 0 || chunk.Records[0].Offset != a.Offset {
		return nil
	}
	if !bytes.Equal(anchorHash(&chunk.Records[0]), a.Hash) {
		return &haltError{status: statusReplaced, detail: fmt.Sprintf("offset %d holds another record than the one counted", a.Offset)}
	}
	return nil
}

// outOfRange answers a read that Kafka refused: a gap or a halt, never a silent jump.
func (p *partition) outOfRange(ctx context.Context, o *consumer.OutOfRange) error {
	if err := p.within(ctx, o.Log); err != nil {
		return err
	}
	p.read()
	return nil
}

// within holds the next offset against the log: below its start is a gap (or a halt, if configured), beyond its end the
// log has lost what was counted.
func (p *partition) within(ctx context.Context, b consumer.Bounds) error {
	next := p.builder.batch.To
	switch {
	case next > b.HighWatermark:
		return &haltError{status: statusRegressed, detail: fmt.Sprintf("the log ends at %d, counted up to %d", b.HighWatermark, next)}
	case next >= b.LogStart:
		return nil
	case p.w.cfg.HaltOnGap:
		return &haltError{status: statusTrimmed, detail: fmt.Sprintf("the log starts at %d, counted up to %d", b.LogStart, next)}
	}
	p.log.Warn("records were deleted before they were read", "from_offset", next, "to_offset", b.LogStart)
	p.builder.gap(b.LogStart)
	return p.offer(ctx)
}

// halt marks the partition and keeps still until the assignment ends; the other partitions go on. Until PostgreSQL has heard
// of it, it is told again: a halt that is not recorded looks like a partition that runs.
func (p *partition) halt(ctx context.Context, cause error) {
	var h *haltError
	errors.As(cause, &h)
	p.log.Error("partition halted, it needs a decision", "status", h.status, "err", cause)
	p.metrics.Status(h.status)
	if !h.recorded {
		record := func() error { return p.w.store.Halt(ctx, p.builder.claim, h.status) }
		fenced := func(err error) bool { return errors.Is(err, sink.ErrFenced) } // another owner finds out by itself
		_ = p.w.insist(ctx, p.log, "record the halt", record, fenced)
	}
	<-ctx.Done()
}
