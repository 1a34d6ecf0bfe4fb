package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tracetally/tracetally/internal/traffic"
)

// flushLimit bounds how long the last records may take to be acknowledged by a broker in the same process.
const flushLimit = 5 * time.Second

// producer sends the generated traffic at its pace and counts what the broker acknowledged.
type producer struct {
	client *kgo.Client
	gen    *traffic.Generator

	// sent counts the records that the broker acknowledged.
	sent atomic.Int64
	// done is closed when everything is sent; err, to be read after that, says what was not.
	done chan struct{}
	err  error

	mu      sync.Mutex
	refused error
}

func newProducer(addr string, cfg traffic.Config) (*producer, error) {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(addr), kgo.ClientID("tracetally-demo-producer"),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), // the generator keeps books by partition, so it decides
		kgo.ProducerBatchCompression(kgo.ZstdCompression()),
		kgo.ProducerLinger(20*time.Millisecond),
	)
	if err != nil {
		return nil, fmt.Errorf("make a producer: %w", err)
	}
	return &producer{client: client, gen: traffic.New(cfg), done: make(chan struct{})}, nil
}

// start runs the producer in the background; done says when it has ended.
func (p *producer) start(ctx context.Context, end time.Time) {
	go func() {
		defer close(p.done)
		p.err = p.run(ctx, end)
	}()
}

// run produces until end (the zero time: without end) or until ctx ends, then waits for the last acknowledgements. At the
// planned end it also sends what was still on its way, so that no exception is missing from the count.
func (p *producer) run(ctx context.Context, end time.Time) error {
	for more := true; more; {
		r := p.gen.Next()
		more = sleepUntil(ctx, r.Time) && (end.IsZero() || r.Time.Before(end))
		p.send(ctx, r) // it is in the books already
	}
	if ctx.Err() == nil {
		for _, r := range p.gen.Finish(time.Now()) {
			p.send(ctx, r)
		}
	}
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushLimit)
	defer cancel()
	if err := p.client.Flush(flush); err != nil {
		return fmt.Errorf("send the last records: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.refused
}

// send hands a record to the client, which keeps trying whatever becomes of ctx: the books hold it.
func (p *producer) send(ctx context.Context, r traffic.Record) {
	record := &kgo.Record{Topic: r.Topic, Partition: r.Partition, Key: r.Key, Value: r.Value, Timestamp: r.Time}
	for _, h := range r.Headers {
		record.Headers = append(record.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
	}
	p.client.Produce(context.WithoutCancel(ctx), record, func(r *kgo.Record, err error) {
		if err != nil {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.refused = fmt.Errorf("send a record to %s/%d: %w", r.Topic, r.Partition, err)
			return
		}
		p.sent.Add(1)
	})
}

func (p *producer) close() { p.client.Close() }

// sleepUntil waits for a moment and tells whether it came before ctx ended.
func sleepUntil(ctx context.Context, at time.Time) bool {
	wait := time.Until(at)
	if wait <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
