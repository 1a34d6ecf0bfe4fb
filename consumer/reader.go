package consumer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
)

// Reader reads one partition from an offset on. It is for one goroutine at a time, needs no closing, and holds no memory
// while it waits for data.
type Reader struct {
	// Before, if set, is called by Next before it takes memory: before it asks for records that are known to be there, and
	// before it unpacks any. It may wait; its error is Next's. While Next waits for news it holds nothing and has not called it.
	Before func(ctx context.Context) error
	// Large, if set, is called by Next before it takes the memory of a batch beyond 4 MiB, so that somebody may see to it
	// that few are in memory at a time. It may wait; its error, which is to be the context's, ends Next.
	Large func(ctx context.Context) error
	// FetchBytes is Config.FetchBytes for this reader; it may be changed between two calls of Next.
	FetchBytes int32

	client    *Client
	topic     string
	partition int32
	offset    int64 // the next one wanted

	// The response being scanned, which was asked for from offset fresh on. rest is what is left of its records.
	body  []byte
	log   fetched
	rest  []byte
	fresh int64

	filter  filter
	decoder decoder
	arena   arena
	swell   int // what batches unpacked to lately, in 1/16 of their packed size

	aligned bool  // offset is where a batch that was read has ended
	suspect int64 // the offset at which a damaged batch was read once already; -1 for none
	want    int   // what to fetch for a batch that came cut off; 0 for the usual

	ctx     context.Context //nolint:containedctx // of the Next that is running, for Large
	stopped error           // what Large answered

	asked    time.Time // when the last request was begun
	gone     *OutOfRange
	failures int
	failed   error // the last failure
	retryAt  time.Time
}

// Reader reads a partition of one of Config.Topics from offset on. It does not ask the broker anything yet.
func (c *Client) Reader(topic string, partition int32, offset int64) *Reader {
	return &Reader{
		client: c, topic: topic, partition: partition, offset: offset, suspect: -1, FetchBytes: c.cfg.FetchBytes,
		decoder: decoder{topic: topic, partition: partition, limit: c.cfg.MaxBatchBytes},
		arena:   arena{memory: &c.memory},
	}
}

// Offset is the next offset that Next will read.
func (r *Reader) Offset() int64 { return r.offset }

// Next reads on. It gives the ranges of the log one after the other, in whole batches, the first one cut to begin at the
// wanted offset: never one twice, and none skipped. When there is nothing new it returns after about Config.MaxWait with
// an empty Chunk.
//
// Errors: *OutOfRange is final. One that is ErrUnavailable will pass: call Next again, which waits before it asks again,
// never longer than about MaxWait at a time. Else the context's. A broker that takes a request and never answers is given
// up after answerTimeout; the context ends that wait too. Beside an error the Chunk is empty, and its watermarks are those
// last heard of.
func (r *Reader) Next(ctx context.Context) (Chunk, error) {
	r.Release()
	if r.gone != nil {
		return r.nothing(), r.gone
	}
	r.ctx, r.stopped = ctx, nil
	defer func() { r.ctx = nil }()
	for {
		if len(r.rest) == 0 {
			if err := r.next(ctx); err != nil {
				return r.nothing(), err
			}
		}
		if len(r.rest) == 0 {
			return r.nothing(), nil
		}
		if err := r.before(ctx); err != nil {
			return r.nothing(), err
		}
		switch c, err := r.scan(); {
		case err == nil:
			return c, nil
		case !errors.Is(err, errAskAgain):
			return r.nothing(), r.fail(ctx, err)
		}
	}
}

// Buffered tells whether the next Next will read on in what was fetched already.
func (r *Reader) Buffered() bool { return len(r.rest) > 0 }

// Expect tells a reader that has not asked yet how far the log goes, so that it calls Before when there is something to read.
func (r *Reader) Expect(end int64) { r.log.highWatermark, r.log.lastStable = end, end }

func (r *Reader) before(ctx context.Context) error {
	if r.Before == nil {
		return nil
	}
	return r.Before(ctx)
}

// next asks the broker, after Before if it will have something. Who had no answer lately does not take the turn of those
// whose brokers answer.
func (r *Reader) next(ctx context.Context) error {
	if r.failures == 0 && r.log.lastStable > r.offset {
		if err := r.before(ctx); err != nil {
			return err
		}
	}
	return r.refill(ctx)
}

// Release gives back the memory of the last Chunk, for a caller that will not call Next for a while.
func (r *Reader) Release() {
	r.decoder.release()
	r.arena.release()
	if len(r.rest) == 0 {
		r.drop()
	}
}

// drop lets go of the response.
func (r *Reader) drop() {
	r.client.memory.give(r.body)
	r.body, r.rest, r.log.records = nil, nil, nil
}

func (r *Reader) nothing() Chunk {
	return Chunk{
		From: r.offset, To: r.offset,
		HighWatermark: max(r.log.highWatermark, r.offset), LastStable: max(r.log.lastStable, r.offset), LogStart: r.log.logStart,
	}
}

// refill asks the broker once and leaves the answer in rest, which stays empty if there is nothing new.
func (r *Reader) refill(ctx context.Context) error {
	if err := r.pace(ctx); err != nil {
		return err
	}
	began := time.Now()
	if last := r.asked; !last.IsZero() && began.Sub(last) > r.client.cfg.MaxWait+lookAway {
		r.asked = time.Time{}
		return fmt.Errorf("%w: nobody has looked for %v", ErrUnavailable, began.Sub(last))
	}
	r.asked = began
	if err := r.fetch(ctx); err != nil {
		return r.fail(ctx, err)
	}
	r.recovered()
	if len(r.rest) > 0 {
		return nil
	}
	r.drop()
	// A broker that has nothing and says so at once (a quota makes it do that) must not make us spin.
	if left := r.client.cfg.MaxWait - time.Since(began); left > 0 {
		wait(ctx, left)
	}
	return context.Cause(ctx)
}

// fetch makes one request and checks what came.
func (r *Reader) fetch(ctx context.Context) error {
	size := max(int(r.FetchBytes), r.want)
	if size > r.ordinary() {
		if err := r.enlarge(); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, r.client.cfg.MaxWait+answerTimeout)
	defer cancel()
	msg, err := r.client.transport.RoundTrip(ctx, r.client.addr, &fetchRequest{
		clientID: r.client.cfg.ClientID, topic: r.topic, partition: r.partition, offset: r.offset,
		maxWait: r.client.cfg.MaxWait, maxBytes: int32(size),
		limit: max(size, r.ordinary()) + fetchOverhead, memory: &r.client.memory,
	})
	var long *cutError
	if errors.As(err, &long) {
		msg, err = long.head, nil
	}
	if err != nil {
		return unavailable(err)
	}
	r.body = msg.(*fetchResponse).body
	log, err := readFetched(r.body, r.topic, r.partition, long != nil)
	if err != nil {
		return unavailable(err)
	}
	if log.code == kafka.OffsetOutOfRange || (log.code == 0 && log.logStart > r.offset) {
		return r.outOfRange(ctx)
	}
	if log.silent { // it has nothing for us now, and what it said before holds
		return nil
	}
	if log.code != 0 {
		return unavailable(r.client.explainFetch(log.code, r.topic)) // whatever it is, an operator may mend it while we wait
	}
	r.log, r.rest, r.fresh = log, log.records, r.offset
	r.filter.reset(log.aborted)
	return nil
}

// outOfRange asks what the log has: the refusal itself does not say (its watermarks are -1). A leader that has just been
// elected may refuse an offset that it turns out to have.
func (r *Reader) outOfRange(ctx context.Context) error {
	b, err := r.client.bounds(ctx, r.topic, r.partition)
	if err != nil {
		return unavailable(err)
	}
	if b.LogStart <= r.offset && r.offset <= b.HighWatermark {
		return unavailable(fmt.Errorf("offset %d was refused, yet the log has %d to %d", r.offset, b.LogStart, b.HighWatermark))
	}
	return &OutOfRange{Topic: r.topic, Partition: r.partition, Wanted: r.offset, Log: b}
}

// pace waits out a pause after a failure, as far as one call may.
func (r *Reader) pace(ctx context.Context) error {
	left := time.Until(r.retryAt)
	if r.failures == 0 || left <= 0 {
		return nil
	}
	if !wait(ctx, min(left, r.client.cfg.MaxWait)) {
		return context.Cause(ctx)
	}
	if left > r.client.cfg.MaxWait {
		return r.failed
	}
	return nil
}

// lookAway is how long a log may go without a request of ours before it counts as one that we were away from. While a
// request waits at the broker, the removal of its topic fails it; between two requests a topic can be deleted, made anew
// and filled unseen.
const lookAway = 500 * time.Millisecond

// noisy is how many failures in a row are worth a word: some seconds' worth. A leader that moves costs one or two, a broker
// that is restarted cleanly a few more.
const noisy = 7

func (r *Reader) fail(ctx context.Context, err error) error {
	r.drop()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.As(err, &r.gone) {
		return r.gone
	}
	r.failures++
	r.retryAt = time.Now().Add(pause(r.failures))
	r.failed = fmt.Errorf("read offset %d of %s/%d: %w", r.offset, r.topic, r.partition, err)
	if r.failures == noisy && !said(err) {
		r.client.log.Warn("partition cannot be read", "topic", r.topic, "partition", r.partition, "err", err)
	}
	return r.failed
}

func (r *Reader) recovered() {
	if r.failures > 0 {
		r.client.door.admit(ofRecords(r.topic))
	}
	if r.failures >= noisy && !said(r.failed) {
		r.client.log.Info("partition can be read again", "topic", r.topic, "partition", r.partition)
	}
	r.failures, r.failed = 0, nil
}
