package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tracetally/tracetally/consumer"
)

const (
	// probeTimeout bounds what a question on a new connection may take.
	probeTimeout = 10 * time.Second
	// probeBytes is what a probe asks for: enough to see that there is something.
	probeBytes = 1 << 10
	// probesAtOnce bounds how many partitions are asked about in one look: one that stalls is enough.
	probesAtOnce = 4
)

// stallError ends a session with Kafka in which a partition does not get on although its log does, or the group keeps us out
// although its brokers answer. Client libraries were seen to get stuck after brokers restarted (kafka-go #387, #955).
type stallError struct {
	topic     string // empty: the group
	partition int32
	at        int64 // the next offset wanted; -1: it could not even be positioned
	end       int64 // what a new connection says
	waited    time.Duration
}

func (e *stallError) Error() string {
	waited := e.waited.Round(time.Second)
	if e.topic == "" {
		return fmt.Sprintf("the consumer group does not let us in for %v, and its brokers answer on a new connection", waited)
	}
	return fmt.Sprintf("%s/%d stands still at offset %d for %v, and a new connection says that it goes to %d", e.topic, e.partition, e.at, waited, e.end)
}

// same tells whether nothing has changed since an earlier stall.
func (e *stallError) same(earlier *stallError) bool {
	return earlier != nil && e.topic == earlier.topic && e.partition == earlier.partition && e.at == earlier.at
}

// consume walks the partitions that the group gives us until ctx ends. A session that stalls is given up, and with it every
// connection to Kafka; if the next one stands still where this one did, that was no help, and the worker ends, because
// whoever starts it again starts all of it anew.
func (w *worker) consume(ctx context.Context) error {
	var last *stallError
	for {
		began := w.now()
		err := w.session(ctx)
		var stall *stallError
		if !errors.As(err, &stall) || ctx.Err() != nil {
			return err
		}
		if w.watchdog.hopeless(stall, last, w.now().Sub(began)) {
			return fmt.Errorf("new connections to Kafka did not help: %w", stall)
		}
		last = stall
		w.log.Error("Kafka client stands still, it is made anew", "err", stall)
		w.metrics.KafkaRenewed()
		if err := w.kafka.Renew(); err != nil {
			w.log.Warn("old connections to Kafka are not all closed", "err", err)
		}
	}
}

// hopeless tells whether a session stalled where the last one did, without getting anywhere: then it did not last much longer
// than it takes to notice.
func (d *watchdog) hopeless(stall, last *stallError, lasted time.Duration) bool {
	return stall.same(last) && lasted <= 2*(d.group.grace+d.limit)
}

// session is one stay in the group, watched.
func (w *worker) session(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var watching sync.WaitGroup
	watching.Go(func() {
		if stall := w.watchdog.watch(ctx, w.probe); stall != nil {
			stop(stall)
		}
	})
	err := w.kafka.Run(ctx, w.assigned)
	stop(nil)
	watching.Wait()
	if stall := (*stallError)(nil); errors.As(context.Cause(ctx), &stall) {
		return stall
	}
	return err
}

// errThere ends a probe that has got records.
var errThere = errors.New("there is something to read")

// probe asks Kafka on connections of its own whether there is something to read for who stands still, and how far the log
// goes: not every log that goes on can be read. Without a topic it asks whether Kafka answers at all.
func (w *worker) probe(ctx context.Context, s *stallError) (end int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	cfg := w.cfg.Kafka
	cfg.Logger = nil // what it meets is said by who stands still
	client, err := consumer.New(cfg)
	if err != nil {
		return 0, err
	}
	defer client.Close() //nolint:errcheck // it was for one question
	if s.topic == "" {
		if err := w.kafka.Refused(); err != nil {
			return 0, err // it is said who has to be let in; a new connection would not be
		}
		_, err = client.ClusterID(ctx)
		return 0, err
	}
	b, err := client.Bounds(ctx, s.topic, s.partition)
	if err != nil || s.at < 0 || b.LastStable <= s.at {
		return b.LastStable, err
	}
	reader := client.Reader(s.topic, s.partition, s.at)
	reader.FetchBytes = probeBytes
	reader.Before = func(context.Context) error { return errThere } // before anything is unpacked
	switch _, err = reader.Next(ctx); {
	case errors.Is(err, errThere) || errors.As(err, new(*consumer.OutOfRange)):
		return b.LastStable, nil
	case err == nil: // a tail that compaction has emptied, or a quota
		return s.at, nil
	}
	return 0, err
}

// watchdog looks at how the partitions get on.
type watchdog struct {
	now   func() time.Time
	limit time.Duration
	group *membership

	mu    sync.Mutex
	paces map[*pace]struct{}
}

func newWatchdog(now func() time.Time, limit time.Duration, group *membership) *watchdog {
	return &watchdog{now: now, limit: limit, group: group, paces: map[*pace]struct{}{}}
}

// watch returns when something stalls, or nil when ctx ends.
func (d *watchdog) watch(ctx context.Context, probe func(context.Context, *stallError) (int64, error)) *stallError {
	began := d.now()
	for ctx.Err() == nil {
		pause(ctx, d.limit/4)
		for i, s := range d.suspects(began) {
			if i == probesAtOnce {
				break
			}
			end, err := probe(ctx, s)
			if err != nil || s.topic != "" && s.at >= 0 && end <= s.at || !slices.ContainsFunc(d.suspects(began), s.same) {
				continue // Kafka is away, or has nothing, or it got on meanwhile: no stall of ours
			}
			s.end = end
			return s
		}
	}
	return nil
}

// suspects are who has waited too long for Kafka alone.
func (d *watchdog) suspects(began time.Time) []*stallError {
	var found []*stallError
	if out := d.group.outFor(began); out > d.group.grace+d.limit {
		found = append(found, &stallError{waited: out})
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for p := range d.paces {
		if at, waited := p.standing(); waited > d.limit {
			found = append(found, &stallError{topic: p.topic, partition: p.partition, at: at, waited: waited})
		}
	}
	return found
}

// outFor is how long the worker has been out of the group, since began at most.
func (m *membership) outFor(began time.Time) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.in {
		return 0
	}
	since := m.leftAt
	if since.Before(began) {
		since = began
	}
	return m.now().Sub(since)
}

// pace is how one partition gets on: how long it has waited for Kafka since it last moved. Time in which it waits for
// PostgreSQL or for its turn does not count.
type pace struct {
	dog       *watchdog
	topic     string
	partition int32

	mu     sync.Mutex
	at     int64         // the next offset
	waited time.Duration // in stretches that are over
	since  time.Time     // when the present stretch began; zero: it does not wait for Kafka
}

func (d *watchdog) enter(topic string, partition int32) *pace {
	p := &pace{dog: d, topic: topic, partition: partition, at: -1}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.paces[p] = struct{}{}
	return p
}

// leave ends the watch: the partition is halted, or no longer ours.
func (p *pace) leave() {
	p.dog.mu.Lock()
	defer p.dog.mu.Unlock()
	delete(p.dog.paces, p)
}

// asks tells that Kafka is waited for from now on.
func (p *pace) asks() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.since.IsZero() {
		p.since = p.dog.now()
	}
}

// busy tells that something else is waited for from now on.
func (p *pace) busy() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.since.IsZero() {
		p.waited += p.dog.now().Sub(p.since)
		p.since = time.Time{}
	}
}

// stands tells where the partition stands. Another place, or the end of the log, is a reason to count from nothing.
func (p *pace) stands(at int64, end bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at == p.at && !end {
		return
	}
	p.at, p.waited = at, 0
	if !p.since.IsZero() {
		p.since = p.dog.now()
	}
}

func (p *pace) standing() (at int64, waited time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	waited = p.waited
	if !p.since.IsZero() {
		waited += p.dog.now().Sub(p.since)
	}
	return p.at, waited
}
