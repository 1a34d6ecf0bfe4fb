// Command ledgerbench fills the ledger of a PostgreSQL of its own with the sink's own statement and rows, and prints what a row
// costs the server as the ledger grows: CPU time, WAL, sizes, and what the reads of the join cost. It compares ways to lay
// the ledger out, and asserts nothing about speed: machines differ. docs/decisions/0011-ledger-layout.md has the figures.
//
//	make ledger-bench                                          50 million rows, the layout that is shipped
//	make ledger-bench ARGS="-rows 200k -step 100k"             does it work? half a minute
//	make ledger-bench ARGS="-rows 4m -layouts 24h/key-time,1h/key-time,24h/hour-hash64"
//	make ledger-bench ARGS="-per-day 50m"                      the rows of a backlog: one day holds them all
//
// CPU times come from /proc: it runs on Linux only.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tracetally/tracetally/internal/localpg"
	"github.com/tracetally/tracetally/internal/secret"
	"github.com/tracetally/tracetally/sink"
)

// options are what a run can be told.
type options struct {
	layouts    []layout
	rows, step int64
	perDay     int64
	ids        string
	traces     string
	buffers    string
	limit      time.Duration
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := start(ctx, os.Args[1:])
	stop()
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "ledgerbench:", err)
		os.Exit(1)
	}
}

func start(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	if _, err := backendCPU(os.Getpid()); err != nil {
		return fmt.Errorf("this system has no /proc: %w", err)
	}
	server, err := startServer(ctx, o.buffers)
	if err != nil {
		return err
	}
	defer func() { _ = server.Close() }() // its data are thrown away
	ctx, cancel := context.WithTimeout(ctx, o.limit)
	defer cancel()
	for n, l := range o.layouts {
		if err := measure(ctx, server, o, l, "bench"+strconv.Itoa(n)); err != nil {
			return fmt.Errorf("measure %s: %w", l.name, err)
		}
	}
	return nil
}

func parse(args []string) (options, error) {
	var o options
	var layouts, rows, step, perDay string
	f := flag.NewFlagSet("ledgerbench", flag.ContinueOnError)
	f.StringVar(&layouts, "layouts", "shipped", "one or more of shipped and WIDTH/INDEX, with commas; INDEX is key-time, hashed, hash64, hash64-time, hour-key, hour-hash64 or none")
	f.StringVar(&rows, "rows", "50m", "rows that the ledger shall have, with k or m for thousands or millions")
	f.StringVar(&step, "step", "1m", "rows between two lines of figures")
	f.StringVar(&perDay, "per-day", "7.2m", "rows whose times lie in one day; 50 million in a week are 7.2m, in the backlog of one day 50m")
	f.StringVar(&o.ids, "ids", "v4", "event ids: v4 (random) or v7 (begin with their time)")
	f.StringVar(&o.traces, "traces", "v4", "trace ids: v4 or v7")
	f.StringVar(&o.buffers, "shared-buffers", "1GB", "the server's shared buffers")
	f.DurationVar(&o.limit, "limit", 6*time.Hour, "give up after this time")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	var problems []error
	for name := range strings.SplitSeq(layouts, ",") {
		l, err := parseLayout(strings.TrimSpace(name))
		o.layouts, problems = append(o.layouts, l), append(problems, err)
	}
	var err error
	o.rows, err = parseCount("rows", rows)
	problems = append(problems, err)
	o.step, err = parseCount("step", step)
	problems = append(problems, err)
	o.perDay, err = parseCount("per-day", perDay)
	problems = append(problems, err)
	for _, version := range []string{o.ids, o.traces} {
		if version != "v4" && version != "v7" {
			problems = append(problems, fmt.Errorf("ids, traces: must be v4 or v7, got %q", version))
		}
	}
	return o, errors.Join(problems...)
}

func parseCount(name, text string) (int64, error) {
	digits, unit := strings.TrimRight(strings.ToLower(text), "km"), 1.0
	switch {
	case strings.HasSuffix(strings.ToLower(text), "k"):
		unit = 1e3
	case strings.HasSuffix(strings.ToLower(text), "m"):
		unit = 1e6
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || !(n*unit >= 1 && n*unit <= 1e9) {
		return 0, fmt.Errorf("%s: must be a number such as 500k or 50m, up to 1000m, got %q", name, text)
	}
	return int64(n * unit), nil
}

// begin is when the rows begin: any midnight does.
func begin() time.Time { return time.Date(2026, 3, 9, 0, 0, 0, 0, time.UTC) }

// measure runs one layout in a database of its own, which it drops at the end.
func measure(ctx context.Context, server *localpg.Server, o options, l layout, database string) (err error) {
	admin, err := connect(ctx, server.URL("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = admin.Close(context.WithoutCancel(ctx)) }()
	name := pgx.Identifier{database}.Sanitize()
	if _, err := admin.Exec(ctx, "create database "+name); err != nil {
		return fmt.Errorf("create a database: %w", err)
	}
	r, err := prepare(ctx, o, l, server.URL(database))
	if err == nil {
		err = warm(ctx, server.URL("postgres"))
	}
	if err == nil {
		r.server = server.Pid()
		describe(os.Stdout, o, l, r.ledger.rows)
		err = r.fill(ctx, o)
	}
	if _, dropped := admin.Exec(context.WithoutCancel(ctx), "drop database "+name+" with (force)"); dropped != nil {
		err = errors.Join(err, fmt.Errorf("drop the database: %w", dropped))
	}
	return err
}

// prepare lays the ledger out and opens the sessions; they end with the database.
func prepare(ctx context.Context, o options, l layout, url string) (*run, error) {
	if err := sink.Migrate(ctx, sink.Config{URL: secret.New(url)}); err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	rows, err := templates(ctx, url, begin())
	if err != nil {
		return nil, err
	}
	r := &run{layout: l, laidTo: begin()}
	if r.admin, err = connect(ctx, url); err != nil {
		return nil, err
	}
	if err := l.prepare(ctx, r.admin.Conn); err != nil {
		return nil, err
	}
	gap := 24 * time.Hour / time.Duration(o.perDay)
	s := &stream{seed: 1, start: begin(), gap: gap, orderedIDs: o.ids == "v7", orderedTraces: o.traces == "v7"}
	other := *s
	other.seed = 2
	if r.ledger, err = newFiller(ctx, url, "tracetally.ledger ", s, rows); err != nil {
		return nil, err
	}
	if r.control, err = newFiller(ctx, url, "tracetally.control ", &other, rows); err != nil {
		return nil, err
	}
	r.control.forgets = true
	asker, err := connect(ctx, url)
	if err != nil {
		return nil, err
	}
	r.reader = &reader{session: asker, stream: s, look: l.index.look}
	return r, nil
}

// fill takes all steps and prints each.
func (r *run) fill(ctx context.Context, o options) error {
	var steps []step
	for r.ledger.added < o.rows {
		s, err := r.step(ctx, o.step)
		if err != nil {
			return err
		}
		steps = append(steps, s)
		s.print(os.Stdout)
	}
	summarise(os.Stdout, r.layout, steps)
	return nil
}
