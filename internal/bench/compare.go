package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/tracetally/tracetally/internal/localpg"
)

// compare runs the three workers on the same bytes, size by size, and prints the table.
func compare(ctx context.Context, o options) (err error) {
	server, err := startDatabase(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	fmt.Printf("%s, %d cores, Kafka and PostgreSQL on the same machine; CPU is user+sys of the worker's process\n", runtime.Version(), runtime.NumCPU())
	for _, o.partitions = range o.counts {
		var idle time.Duration
		for _, size := range o.sizes {
			if err := compareSize(ctx, o, server, size, &idle); err != nil {
				return fmt.Errorf("at %d KiB and %d partitions: %w", size, o.partitions, err)
			}
		}
	}
	return nil
}

// compareSize prints one table. idle is what the worker needs to start and stop, measured when it is 0.
func compareSize(ctx context.Context, o options, server *localpg.Server, size int, idle *time.Duration) (err error) {
	b, err := startBroker(ctx, o.partitions)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	l, err := newLedger(ctx, server, fmt.Sprintf("bench_%dk_%d", size, o.partitions))
	if err != nil {
		return err
	}
	defer l.pool.Close()
	if *idle == 0 {
		if *idle, err = idleTally(ctx, o, b, l); err != nil {
			return err
		}
	}
	n := o.eventsOf(size)
	mean, err := b.fill(ctx, newSource(uint64(size), size, o.capture), n, o.record)
	if err != nil {
		return err
	}
	all, err := measureAll(ctx, o, b, server, l, n)
	if err != nil {
		return err
	}
	if o.alone {
		all = all[:1]
	}
	fmt.Printf("\n%d KiB: %d events of %d bytes, lz4, %d partitions\n", size, n, mean, o.partitions)
	if err := printTable(all, n, targetOf(size)); err != nil {
		return err
	}
	fmt.Printf("of the CPU of tracetally, %.2f µs per event are its start and stop (%d ms)\n", perEvent(*idle, n), idle.Milliseconds())
	return nil
}

// measureAll measures the product first, then those it is held against.
func measureAll(ctx context.Context, o options, b *broker, server *localpg.Server, l *ledger, n int) ([]figures, error) {
	all := make([]figures, 3)
	var err error
	if all[0], err = measureTally(ctx, o, b, server, l, n); err != nil || o.alone {
		return all, err
	}
	url, err := createDatabase(ctx, server, "naive_"+strconv.FormatInt(time.Now().UnixNano(), 36))
	if err != nil {
		return all, err
	}
	for i, w := range []struct{ role, name string }{{roleNaive, "written by hand"}, {roleReader, "reader alone"}} {
		if all[i+1], err = measureOther(ctx, w.role, w.name, b, server, url, n); err != nil {
			return all, err
		}
	}
	return all, nil
}

// measureOther lets one of the bench's own workers read n events; it ends by itself.
func measureOther(ctx context.Context, role, name string, b *broker, server *localpg.Server, url string, n int) (figures, error) {
	f := figures{name: name}
	before := treeCPU(server.Pid())
	p, err := startSelf(ctx, []string{urlVariable + "=" + url}, role, b.addr, strconv.Itoa(n))
	if err != nil {
		return f, err
	}
	line, err := p.line()
	if err := errors.Join(err, p.wait()); err != nil {
		return f, fmt.Errorf("run the worker %s: %w", name, err)
	}
	var r report
	if err := json.Unmarshal([]byte(line), &r); err != nil {
		return f, fmt.Errorf("read the report of the worker %s: %w", name, err)
	}
	f.cpu, f.server, f.rate, f.rss, f.allocs = p.cpu(), treeCPU(server.Pid())-before, r.Rate, r.RSS, r.Allocs
	return f, nil
}

// target is what the product wants to reach, as most of what the others need.
type target struct{ naive, reader, rate string }

func targetOf(size int) target {
	switch {
	case size >= 32:
		return target{"0.14", "1.2", ""}
	case size > 1:
		return target{"0.17", "1.4", ""}
	}
	return target{"0.25", "2.2", " (target ≥ 20,000)"}
}

func printTable(all []figures, n int, want target) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "worker\tCPU µs/event\tevents/s\tpeak MiB\tallocs/event\tPostgreSQL µs/event\t")
	for _, f := range all {
		fmt.Fprintf(w, "%s\t%.2f\t%.0f\t%d\t%.2f\t%.2f\t\n", f.name, perEvent(f.cpu, n), f.rate, f.rss>>20, f.allocs, perEvent(f.server, n))
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print the table: %w", err)
	}
	if len(all) == 1 {
		return nil
	}
	fmt.Printf("ratio to the worker written by hand  %.3f  (target ≤ %s)\n", ratio(float64(all[0].cpu), float64(all[1].cpu)), want.naive)
	fmt.Printf("ratio to the reader alone            %.2f   (target ≤ %s)\n", ratio(float64(all[0].cpu), float64(all[2].cpu)), want.reader)
	fmt.Printf("allocations per event                %.2f   (target ≤ 1), peak memory %d MiB (target ≤ 128), %.0f events/s%s\n",
		all[0].allocs, all[0].rss>>20, all[0].rate, want.rate)
	return nil
}

// perEvent is in microseconds.
func perEvent(d time.Duration, n int) float64 { return float64(d.Nanoseconds()) / 1000 / float64(n) }
