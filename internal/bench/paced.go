package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tracetally/tracetally/internal/localpg"
)

// settleLimit is how long the worker may take, after the last record, to have everything in the tables.
const settleLimit = 30 * time.Second

// paced produces at a steady rate and prints how long it took from the append of a record, which is its timestamp, to the
// look at the tables that found it there. Looks are 50 ms apart, so a figure is up to that much too long.
func paced(ctx context.Context, o options) (err error) {
	server, err := startDatabase(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	for _, size := range o.sizes {
		if err := pacedSize(ctx, o, server, size); err != nil {
			return fmt.Errorf("at %d KiB: %w", size, err)
		}
	}
	return nil
}

func pacedSize(ctx context.Context, o options, server *localpg.Server, size int) (err error) {
	b, err := startBroker(ctx, o.partitions)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	l, err := newLedger(ctx, server, fmt.Sprintf("paced_%dk", size))
	if err != nil {
		return err
	}
	defer l.pool.Close()
	t, err := startTally(ctx, o, b.addr, topic, l.url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.stop()) }()
	assigned := func(p progress) (bool, error) { return p.partitions == int64(b.partitions), nil }
	if err := l.until(ctx, topic, t.process, assigned); err != nil {
		return err
	}
	before, begun := treeCPU(t.process.pid()), time.Now()
	pace := &pace{source: newSource(uint64(size), size, o.capture), rate: o.paced, appended: make([][]time.Time, b.partitions)}
	delays, err := pace.run(ctx, b, l, t, o.duration)
	if err != nil {
		return err
	}
	slices.Sort(delays)
	at := func(share float64) time.Duration {
		return delays[int(share*float64(len(delays)-1))].Round(time.Millisecond)
	}
	cores := (treeCPU(t.process.pid()) - before).Seconds() / time.Since(begun).Seconds()
	fmt.Printf("%d KiB at %d events/s for %v: visible in PostgreSQL after p50 %v, p99 %v, max %v (%d events; worker %.2f cores, %d MiB)\n",
		size, o.paced, o.duration, at(0.5), at(0.99), at(1), len(delays), cores, peakRSS(t.process.pid())>>20)
	return nil
}

// pace is one steady production and what is known of its records.
type pace struct {
	source *source
	rate   int

	mu sync.Mutex
	// appended is, for each partition, the timestamps of its records by offset; seen is how many of them were found.
	appended [][]time.Time
	done     bool
}

// run produces for a time and waits until everything was found in the tables.
func (p *pace) run(ctx context.Context, b *broker, l *ledger, t *tally, d time.Duration) ([]time.Duration, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	client, err := b.producer()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	produced := make(chan error, 1)
	go func() { produced <- p.produce(ctx, client, d) }()
	delays, err := p.watch(ctx, l, t, d+settleLimit)
	if err != nil {
		cancel()
	}
	if err := errors.Join(err, <-produced); err != nil {
		return nil, err
	}
	return delays, nil
}

// produce sends, every few milliseconds, the records that are due by then.
func (p *pace) produce(ctx context.Context, client *kgo.Client, d time.Duration) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	begun, sent, total := time.Now(), 0, int(float64(p.rate)*d.Seconds())
	for sent < total {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		for due := min(total, int(float64(p.rate)*time.Since(begun).Seconds())); sent < due; sent++ {
			p.send(ctx, client, sent%len(p.appended))
		}
	}
	if err := client.Flush(ctx); err != nil {
		return fmt.Errorf("produce: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = true
	return nil
}

func (p *pace) send(ctx context.Context, client *kgo.Client, partition int) {
	now := time.Now()
	value := p.source.next(now)
	p.mu.Lock()
	p.appended[partition] = append(p.appended[partition], now)
	p.mu.Unlock()
	// The only producer, in order, never giving up: the n-th record of a partition gets offset n.
	client.Produce(ctx, &kgo.Record{Topic: topic, Partition: int32(partition), Timestamp: now, Value: value}, nil)
}

// watch looks at the offsets in PostgreSQL and notes the delay of each record that it finds passed.
func (p *pace) watch(ctx context.Context, l *ledger, t *tally, limit time.Duration) ([]time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var delays []time.Duration
	seen := make([]int64, len(p.appended))
	err := l.until(ctx, topic, t.process, func(progress) (bool, error) {
		next, err := l.offsets(ctx, len(seen))
		if err != nil {
			return false, err
		}
		now := time.Now()
		p.mu.Lock()
		defer p.mu.Unlock()
		left := 0
		for i, times := range p.appended {
			for ; seen[i] < next[i] && seen[i] < int64(len(times)); seen[i]++ {
				delays = append(delays, now.Sub(times[seen[i]]))
			}
			left += len(times) - int(seen[i])
		}
		return p.done && left == 0, nil
	})
	if err == nil && len(delays) == 0 {
		err = errors.New("nothing was produced")
	}
	return delays, err
}
