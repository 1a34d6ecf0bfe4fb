package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/tracetally/tracetally/alerts"
	"github.com/tracetally/tracetally/consumer"
	"github.com/tracetally/tracetally/schemas"
)

// errFenced ends a walk whose partition has another owner now; errUncommitted one whose batch could not be written. After
// either the batch in hand starts at an offset that was not reached, so it is dropped and read again.
var (
	errFenced      = errors.New("partition has another owner")
	errUncommitted = errors.New("batch not committed")
)

// releaseGrace bounds the courtesy of giving a partition back.
const releaseGrace = time.Second

// partition walks one assigned partition from where PostgreSQL says it stands, until its context ends.
type partition struct {
	w        *worker
	assigned consumer.Assigned
	log      *slog.Logger
	metrics  *alerts.PartitionMetrics
	// line is what the partition decodes with while it has its turn, else nil.
	line *Line
	// large is held while the chunk in hand, or a record of it, needs more memory than others may have.
	large *token
	// offset is of the record that is walked; stopped says why its walk was broken off.
	offset  int64
	stopped error

	reader *consumer.Reader
	// logEnd is where the log ended when it was last looked at.
	logEnd  int64
	builder builder
	// away: the log could not be read, and is to be looked at again before it is read on.
	away bool
	// pace is watched, so that a reader that gets stuck is noticed.
	pace *pace
	// topicID is that of the topic that the partition is read from, once it is known; identified is when it was last compared.
	topicID    uuid.UUID
	identified time.Time
	// epoch is the leader's, as it said when the partition was acquired.
	epoch int32
	// suspected is the status of a halt that was seen, since then; it is looked at again before it is recorded.
	suspected string
	since     time.Time
	// ends is what is known of the end of the log.
	ends logEnd
	// pending is the batch that the committer has; there is at most one, and the next is prepared meanwhile.
	pending *offered
}

// walk owns the partition for as long as the context lasts. A fenced owner whose assignment still stands comes back after
// a pause: if it kept silent, a partition could stay without an owner; if it did not pause, two owners would spin.
func (p *partition) walk(ctx context.Context) error {
	defer p.metrics.Delete()
	p.pace = p.w.watchdog.enter(p.assigned.Topic, p.assigned.Partition)
	defer p.pace.leave()
	for failures := 0; ctx.Err() == nil; failures++ {
		began := p.w.now()
		err := p.own(ctx)
		if p.w.now().Sub(began) > time.Minute {
			failures = 0
		}
		switch {
		case ctx.Err() != nil:
			p.end(err)
			return nil
		case p.halted(err):
			p.pace.leave()
			p.halt(ctx, err)
			return nil
		case errors.As(err, new(*haltError)):
			p.log.Warn("log of the partition looks wrong, looking again", "err", err)
		case errors.Is(err, errFenced):
			p.log.Warn("partition fenced, acquiring it again later")
		case p.w.fatal(err):
			return err
		case worthSaying(failures):
			p.log.Warn("partition stopped, starting it again", "failures", failures+1, "err", err)
		}
		rest := p.w.rest(failures)
		pause(ctx, rest+rand.N(rest)) //nolint:gosec // jitter
	}
	return nil
}

// halted tells whether to halt. What Kafka says for a moment may come from a broker that is behind, or that leads no more and
// has not heard of it, so all but what PostgreSQL knows already must be seen again for as long as Config.Suspicion.
func (p *partition) halted(err error) bool {
	var h *haltError
	if !errors.As(err, &h) {
		return false
	}
	if h.recorded {
		return true
	}
	if p.suspected != h.status {
		p.suspected, p.since = h.status, p.w.now()
		return false
	}
	return p.w.now().Sub(p.since) >= p.w.cfg.Suspicion
}

// end says what could not be committed when the walk was told to end; it is read again by the next owner.
func (p *partition) end(err error) {
	if errors.Is(err, errUncommitted) {
		p.log.Warn("partition left with a batch that was not committed", "err", err)
	}
}

// own acquires the partition and walks it until something ends it.
func (p *partition) own(ctx context.Context) error {
	p.pace.asks()
	claim, err := p.acquire(ctx)
	if err != nil {
		return err
	}
	p.log.Info("partition acquired", "next_offset", claim.Next)
	p.metrics.Committed(claim.Next, time.Time{}) // so that a partition without traffic is not behind
	p.builder = builder{claim: claim, room: p.w.room, limit: p.w.cfg.BatchEvents, now: p.w.now, last: claim.Anchor}
	p.away, p.pending = false, nil // what an earlier ownership left is fenced
	p.topicID = uuid.Nil
	p.pace.stands(claim.Next, false)
	p.builder.reset(claim.Next)
	defer func() { p.builder.drop() }()
	if err = p.position(ctx, claim); err == nil {
		err = p.loop(ctx)
	}
	if errors.Is(err, errFenced) || errors.Is(err, errUncommitted) {
		return err
	}
	if err = errors.Join(err, p.drain(ctx)); err == nil {
		p.release(ctx)
	}
	return err
}

// release gives the partition back, so that people see nobody at it; the next owner does not wait for that.
func (p *partition) release(ctx context.Context) {
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseGrace)
	defer cancel()
	if err := p.w.store.Release(grace, p.builder.claim); err != nil {
		p.log.Debug("partition not given back", "err", err)
	}
}

// loop reads, walks and offers until the context ends.
func (p *partition) loop(ctx context.Context) error {
	p.read()
	defer p.turnOver()
	for ctx.Err() == nil {
		if err := p.step(ctx); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// read makes a reader for what comes after the batch in hand.
func (p *partition) read() {
	p.reader = p.w.kafka.Reader(p.assigned.Topic, p.assigned.Partition, p.builder.batch.To)
	p.reader.Before, p.reader.Large = p.turn, p.enlarge
	p.reader.Expect(p.logEnd)
}

// turn waits for the partition's turn, before the reader takes memory for what it fetches or unpacks. What is in hand is
// offered when it is due, turn or not: others may wait for its memory.
func (p *partition) turn(ctx context.Context) error {
	p.pace.busy()
	defer p.pace.asks()
	for p.line == nil {
		var due <-chan time.Time
		if !p.builder.empty() {
			timer := time.NewTimer(p.builder.left(p.w.cfg.BatchAge))
			defer timer.Stop()
			due = timer.C
		}
		select {
		case p.line = <-p.w.room.lines:
		case <-ctx.Done():
			return ctx.Err()
		case <-due:
			if err := p.offer(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// used lets another partition have its turn, unless there is more in what was fetched: it would be held meanwhile.
func (p *partition) used() {
	if !p.reader.Buffered() {
		p.turnOver()
	}
}

// turnOver lets another partition have its turn.
func (p *partition) turnOver() {
	if p.line != nil {
		p.line.Release()
		p.w.room.lines <- p.line
		p.line = nil
	}
	if p.reader != nil {
		p.reader.Release()
	}
	p.large.end()
	p.large = nil
}

// step reads the next range, walks it, and offers the batch if it is due.
func (p *partition) step(ctx context.Context) error {
	p.reader.FetchBytes = p.w.cfg.Kafka.FetchBytes
	if p.logEnd <= p.builder.batch.To { // it waits for news, and so may any number of others, without a turn
		p.reader.FetchBytes = fetchShare(p.reader.FetchBytes, p.w.partitions.Load())
	}
	if p.away { // all ask at once when a broker is back, without a turn, and what comes is thrown away
		p.reader.FetchBytes = min(leastFetch, p.reader.FetchBytes)
	}
	defer p.used()
	p.pace.asks()
	chunk, err := p.reader.Next(ctx)
	p.pace.busy() // walking a chunk waits for memory, and so for PostgreSQL
	var outside *consumer.OutOfRange
	atEnd := false
	switch {
	case errors.As(err, &outside):
		return p.outOfRange(ctx, outside)
	case errors.Is(err, consumer.ErrUnavailable): // it will pass, and the reader paces itself and warns
		p.away = true
	case err != nil:
		return fmt.Errorf("read partition: %w", err)
	default:
		if p.away { // the topic may have been deleted and made anew meanwhile
			return p.returned(ctx)
		}
		if err := p.stillSameTopic(ctx); err != nil {
			return err
		}
		if err := p.chunk(ctx, &chunk); err != nil {
			return err
		}
		p.suspected = "" // the log is there and goes on from where we stand
		atEnd = chunk.To >= chunk.LastStable
		p.pace.stands(chunk.To, atEnd)
		if atEnd {
			p.reachedEnd(ctx, chunk.To)
		}
	}
	// Offer what is old enough, or all there is. While the committer has the last batch, reading goes on instead of waiting.
	if (atEnd || p.builder.aged(p.w.cfg.BatchAge)) && p.ready() {
		return p.offer(ctx)
	}
	return nil
}

// chunk walks one range of offsets, record by record, bad ranges in their place between them.
func (p *partition) chunk(ctx context.Context, c *consumer.Chunk) error {
	bad := c.Bad
	take := p.taker(ctx)
	for i := range c.Records {
		rec := &c.Records[i]
		for len(bad) > 0 && bad[0].From < rec.Offset {
			p.builder.bad(bad[0])
			bad = bad[1:]
		}
		if err := p.record(ctx, rec, take); err != nil {
			return err
		}
		full := p.builder.full()
		if i == len(c.Records)-1 || full {
			p.builder.anchor(rec)
		}
		if full && i < len(c.Records)-1 {
			if err := p.offerNow(ctx); err != nil {
				return err
			}
		}
	}
	for _, r := range bad {
		p.builder.bad(r)
	}
	p.builder.advance(c.To)
	p.builder.batch.LeaderEpoch = p.epoch
	p.logEnd = c.HighWatermark
	p.metrics.Fetched(c.HighWatermark)
	p.used() // whatever waits now waits without the chunk, if it can
	if p.builder.full() {
		return p.offerNow(ctx)
	}
	return nil
}

// taker puts events of the record at p.offset into the batch, until one cannot be: p.stopped is why. It is made once for a
// chunk: a function for each record would be one more allocation.
func (p *partition) taker(ctx context.Context) func(*schemas.Event) {
	return func(e *schemas.Event) {
		if p.stopped == nil && !p.builder.add(p.offset, e) {
			p.stopped = p.enlargeBatch(ctx)
		}
	}
}

// enlarge waits until this partition is the one that may have a chunk of any size.
func (p *partition) enlarge(ctx context.Context) (err error) {
	if err := p.turn(ctx); err != nil { // always in this order: who waits for a turn must not hold up those who have one
		return err
	}
	if p.large == nil {
		p.large, err = p.w.room.enlarge(ctx)
	}
	return err
}

// enlargeBatch lets the batch in hand take whatever its record needs, once the last one is committed.
func (p *partition) enlargeBatch(ctx context.Context) error {
	if err := p.settle(ctx); err != nil {
		return err
	}
	if err := p.enlarge(ctx); err != nil {
		return err
	}
	p.builder.lease.large = p.large.share()
	return nil
}

// record walks one record into the batch.
func (p *partition) record(ctx context.Context, rec *schemas.Record, take func(*schemas.Event)) error {
	if err := p.builder.lease.begin(ctx, p.large); err != nil {
		return err
	}
	p.offset, p.stopped = rec.Offset, nil
	res := p.line.Each(rec, take)
	if p.stopped != nil { // the record is not whole, and is read again
		p.builder.batch.Drop(rec.Offset)
		return p.stopped
	}
	if res.Bug != "" {
		p.log.Error("decoder went wrong, record set aside", "offset", rec.Offset, "at", res.Bug)
	}
	p.builder.record(rec, res)
	return nil
}

// returned looks, after the log was away, whether it is still the one that was read; the reader then starts again.
func (p *partition) returned(ctx context.Context) error {
	if err := p.sameTopic(ctx, 0); err != nil {
		return err
	}
	if err := p.checkAnchor(ctx, p.builder.last); err != nil {
		return err
	}
	p.away = false
	p.read()
	return nil
}
