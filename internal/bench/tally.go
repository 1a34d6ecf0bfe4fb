package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/tracetally/tracetally/internal/localpg"
)

// figures are what one worker needed for n events. What could not be measured is 0.
type figures struct {
	name   string
	cpu    time.Duration // of the worker's process, user and system, from start to end
	server time.Duration // of PostgreSQL meanwhile
	rate   float64       // events per second, from the first that was through to the last
	rss    int64         // bytes, at the peak
	allocs float64       // per event
}

// tally is `tracetally run` as a process.
type tally struct {
	process *process
	metrics string
	keyFile string
}

// startTally starts the worker with everything on: the ledger, hashes of users and inputs, metrics.
func startTally(ctx context.Context, o options, brokerAddr, consumed, url string) (*tally, error) {
	key, err := writeKey()
	if err != nil {
		return nil, err
	}
	listen, err := freeAddr()
	if err != nil {
		return nil, err
	}
	t := &tally{metrics: listen, keyFile: key}
	env := []string{urlVariable + "=" + url}
	if o.profile != "" {
		t.process, err = startSelf(ctx, env, roleProfiled, o.profile, brokerAddr, consumed, listen)
	} else {
		t.process, err = start(ctx, o.worker, env, "run", "--brokers", brokerAddr, "--topics", consumed, "--group", "bench-tally",
			"--hash-key-file", key, "--listen", listen, "--log-level", "warn")
	}
	if err != nil {
		return nil, errors.Join(err, os.Remove(key))
	}
	return t, nil
}

func (t *tally) stop() error {
	return errors.Join(t.process.stop(), os.Remove(t.keyFile)) //nolint:gosec // the file that writeKey made
}

// writeKey writes a new key for hashing where only this user can read it.
func writeKey() (string, error) {
	f, err := os.CreateTemp("", "tracetally-bench-key-")
	if err != nil {
		return "", fmt.Errorf("write a key: %w", err)
	}
	_, err = f.WriteString(rand.Text() + "\n")
	if err := errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("write a key: %w", err)
	}
	return filepath.Clean(f.Name()), nil
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// measureTally lets the worker read n events until each has its verdict in PostgreSQL.
func measureTally(ctx context.Context, o options, b *broker, server *localpg.Server, l *ledger, n int) (f figures, err error) {
	f.name = "tracetally run"
	before := treeCPU(server.Pid())
	t, err := startTally(ctx, o, b.addr, topic, l.url)
	if err != nil {
		return f, err
	}
	m := meter{record: float64(o.record)}
	records := int64((n + o.record - 1) / o.record)
	stalled := o.stall == 0
	err = l.until(ctx, topic, t.process, func(p progress) (bool, error) {
		if p.offsets == records && p.counted != p.offsets {
			return true, fmt.Errorf("the worker counted %d of %d records", p.counted, records)
		}
		if p.counted > 0 && !stalled {
			stalled = true
			if err := l.stall(ctx, o.stall); err != nil {
				return true, err
			}
		}
		return p.offsets >= records, m.look(ctx, t, p, records)
	})
	if err != nil {
		return f, errors.Join(err, t.stop())
	}
	f.rate, f.allocs, f.rss = m.rate(), m.allocs(), peakRSS(t.process.pid())
	f.server = treeCPU(server.Pid()) - before
	if err := t.stop(); err != nil {
		return f, err
	}
	f.cpu = t.process.cpu()
	return f, nil
}

// idleTally is the CPU time of a worker that starts, finds nothing to read in any partition, and stops.
func idleTally(ctx context.Context, o options, b *broker, l *ledger) (time.Duration, error) {
	t, err := startTally(ctx, o, b.addr, emptyTopic, l.url)
	if err != nil {
		return 0, err
	}
	err = l.until(ctx, emptyTopic, t.process, func(p progress) (bool, error) { return p.partitions == int64(b.partitions), nil })
	if err := errors.Join(err, t.stop()); err != nil {
		return 0, err
	}
	return t.process.cpu(), nil
}

// meter notes the time, the events and the allocations at the first and the last look at which events were through.
type meter struct {
	first, last         progress
	firstAt, lastAt     time.Time
	firstAlloc, lastAll float64
	record              float64 // events of a record
}

// look asks for the allocations at the first and at the last look only: the answer costs thousands of them.
func (m *meter) look(ctx context.Context, t *tally, p progress, all int64) error {
	if p.offsets == m.last.offsets {
		return nil
	}
	m.last, m.lastAt = p, time.Now()
	if m.first.offsets != 0 && p.offsets < all {
		return nil
	}
	n, err := mallocs(ctx, t.metrics)
	if err != nil {
		return err
	}
	m.lastAll = n
	if m.first.offsets == 0 {
		m.first, m.firstAt, m.firstAlloc = m.last, m.lastAt, m.lastAll
	}
	return nil
}

// events is about how many went through between the first and the last look.
func (m *meter) events() float64 { return m.record * float64(m.last.offsets-m.first.offsets) }

func (m *meter) rate() float64 {
	return ratio(m.events(), m.lastAt.Sub(m.firstAt).Seconds())
}

func (m *meter) allocs() float64 {
	return ratio(m.lastAll-m.firstAlloc, m.events())
}

// ratio is 0 where there is nothing to divide by.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// mallocs is how often the worker has allocated since it started, by its own metrics.
func mallocs(ctx context.Context, addr string) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/metrics", http.NoBody) //nolint:gosec // our own child on loopback
	if err != nil {
		return 0, fmt.Errorf("ask for metrics: %w", err)
	}
	res, err := http.DefaultClient.Do(req) //nolint:gosec // our own child on loopback
	if err != nil {
		return 0, fmt.Errorf("ask for metrics: %w", err)
	}
	defer res.Body.Close() //nolint:errcheck // it was read
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if v, ok := strings.CutPrefix(lines.Text(), "go_memstats_mallocs_total "); ok {
			return strconv.ParseFloat(v, 64)
		}
	}
	return 0, errors.Join(errors.New("metrics lack go_memstats_mallocs_total"), lines.Err())
}
