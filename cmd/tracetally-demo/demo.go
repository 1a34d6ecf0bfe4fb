package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/tracetally/tracetally/internal/audit"
	"github.com/tracetally/tracetally/internal/traffic"
)

// How long things may take at the end. A worker that keeps up needs about two commits; one that was started with a large
// backlog, or far above what the machine can do, gets the longer time of a planned end.
const (
	settlePlanned     = 2 * time.Minute
	settleInterrupted = 15 * time.Second
	drainLimit        = 10 * time.Second
	compareLimit      = 30 * time.Second
	lookEvery         = time.Second
	// maxBlind is how many looks in a row may fail, on a machine with too much to do, before the demo gives up.
	maxBlind = 10
)

// The ports that people expect; any free one is taken if they are not.
const (
	usualKafkaPort   = 9092
	usualMetricsPort = 9464
)

// display shows the numbers while the demo runs.
type display interface {
	show(s sample)
	note(text string)
	close() error
}

// demo is one run of the program: everything that it started, in the order in which it started it.
type demo struct {
	o           options
	out, errOut io.Writer
	stop        *stopper
	terminal    bool

	kafka    *broker
	postgres *database
	worker   *worker
	producer *producer
	begun    time.Time
	logs     *logTail
}

// run starts everything, shows it until the end, and stops everything. agreed says that every figure was held against
// the producer's books and is right.
func (d *demo) run() (agreed bool, err error) {
	defer func() { err = errors.Join(err, d.close()) }()
	if err := d.start(d.stop.soon); err != nil {
		if d.stop.soon.Err() != nil {
			return false, errors.New("interrupted while starting")
		}
		return false, err
	}
	settled, err := d.live()
	if err != nil {
		return false, err
	}
	if !settled {
		say(d.out, "stopped before the worker had read everything: the figures were not held against each other")
		return false, nil
	}
	return d.compare()
}

// start brings up one part after the other and says where it is.
func (d *demo) start(ctx context.Context) error {
	d.logs = newLogTail(d.errOut, d.terminal)
	log := slog.New(slog.NewTextHandler(d.logs, &slog.HandlerOptions{Level: level(d.o.LogLevel)}))
	var err error
	if d.kafka, err = startKafka(ctx, portOr(d.o.KafkaPort, usualKafkaPort), demoRetention()); err != nil {
		return err
	}
	say(d.out, "Kafka       %s   (kcat -b %s -t %s)", d.kafka.addr, d.kafka.addr, traffic.TopicAI)
	if d.postgres, err = startPostgres(ctx, log); err != nil {
		return err
	}
	say(d.out, "PostgreSQL  %s", d.postgres.psql)
	if err := d.startWorker(log); err != nil {
		return err
	}
	return d.startProducer()
}

func (d *demo) startWorker(log *slog.Logger) error {
	if d.o.NoWorker {
		say(d.out, "Worker      none; start one with:\n  %s bin/tracetally run --brokers %s --topics %s --postgres-url '%s' --retention-postgres-url '%s' --no-users",
			d.postgres.passEnv, d.kafka.addr, strings.Join(topicNames(), ","), d.postgres.bareURL, d.postgres.bareRetentionURL)
		return nil
	}
	var err error
	// Not the context that ends with the first Ctrl-C: the worker then still has to read what was sent.
	d.worker, err = startWorker(d.stop.now, d.kafka.addr, d.postgres, portOr(d.o.MetricsPort, usualMetricsPort), log)
	if err == nil {
		say(d.out, "Metrics     http://%s/metrics\n", d.worker.metrics)
	}
	return err
}

func (d *demo) startProducer() error {
	d.begun = time.Now()
	cfg := traffic.Config{
		Seed: d.o.Seed, Start: d.begun, Rate: d.o.Rate, Incidents: traffic.Schedule(d.o.For),
		MaxLate: time.Minute,
	}
	if cfg.Seed == 0 {
		cfg.Seed = uint64(d.begun.UnixNano())
	}
	if d.o.For > 0 {
		cfg.MaxLate = min(cfg.MaxLate, d.o.For/4)
	}
	var err error
	d.producer, err = newProducer(d.kafka.addr, cfg)
	return err
}

// live produces and shows until the end of the time or the first request to stop, then waits until the tables hold
// everything that was sent. settled is false when they did not in time.
func (d *demo) live() (settled bool, err error) {
	view := d.newDisplay()
	defer func() { err = errors.Join(err, view.close()) }()
	w := &watcher{pool: d.postgres.pool, sent: d.producer.sent.Load}
	if d.worker != nil {
		w.metrics = d.worker.metrics
	}
	ctx, cancel := context.WithCancel(d.stop.soon)
	d.producer.start(ctx, d.end())
	defer func() {
		cancel()
		<-d.producer.done
	}()
	never := func(sample) bool { return false }
	if _, err := d.watch(w, view, d.producer.done, never); err != nil {
		return false, err
	}
	if d.stop.now.Err() != nil || d.producer.err != nil {
		return false, d.producer.err
	}
	view.note("no more records; waiting until the worker has read them all …")
	limit, cancelLimit := context.WithTimeout(d.stop.now, d.settleLimit())
	defer cancelLimit()
	return d.watch(w, view, limit.Done(), func(s sample) bool { return s.records.Scanned >= s.sent })
}

// watch looks at the numbers and shows them, each second, until it is told to end or has seen enough.
func (d *demo) watch(w *watcher, view display, until <-chan struct{}, enough func(sample) bool) (bool, error) {
	var ended <-chan struct{}
	if d.worker != nil {
		ended = d.worker.done
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for blind := 0; ; {
		select {
		case <-until:
			return false, nil
		case <-d.stop.now.Done():
			return false, nil
		case <-ended:
			return false, errors.Join(errors.New("the worker ended by itself"), d.worker.err)
		case <-tick.C:
		}
		s, err := w.look(d.stop.now)
		if err != nil {
			if blind++; blind >= maxBlind {
				return false, err
			}
			continue
		}
		blind = 0
		view.show(s)
		if enough(s) {
			return true, nil
		}
	}
}

// end is when to stop producing, or the zero time.
func (d *demo) end() time.Time {
	if d.o.For > 0 {
		return d.begun.Add(d.o.For)
	}
	return time.Time{}
}

// settleLimit is how long the worker may take to read what was sent: someone who asked to stop does not wait long.
func (d *demo) settleLimit() time.Duration {
	if d.stop.soon.Err() != nil {
		return settleInterrupted
	}
	return settlePlanned
}

// header is what stays on top of the screen: where everything is.
func (d *demo) header() []string {
	lines := []string{
		"Kafka       " + d.kafka.addr,
		"PostgreSQL  " + d.postgres.psql,
	}
	if d.worker != nil {
		lines = append(lines, "Metrics     http://"+d.worker.metrics+"/metrics")
	}
	return lines
}

// activeIncidents are those that are on at a time.
func activeIncidents(at, begun time.Time, length time.Duration) []string {
	var on []string
	for _, i := range traffic.Schedule(length) {
		if i.Active(at.Sub(begun)) {
			on = append(on, i.Kind.String())
		}
	}
	return on
}

func (d *demo) newDisplay() display {
	if d.terminal {
		return newScreen(d.out, d.header(), d.begun, d.o.For, d.logs, d.stop.ask)
	}
	return newPlain(d.out, d.begun, d.o.For)
}

// compare holds the tables against the books.
func (d *demo) compare() (bool, error) {
	ctx, cancel := context.WithTimeout(d.stop.now, compareLimit)
	defer cancel()
	found, err := audit.Read(ctx, d.postgres.pool)
	if err != nil {
		return false, err
	}
	return printSummary(d.out, audit.Compare(d.producer.gen.Books(), found)), nil
}

// close stops everything, the last started first. After a second Ctrl-C it does not wait for the worker to drain.
func (d *demo) close() error {
	var errs []error
	if d.producer != nil {
		d.producer.close()
	}
	if d.worker != nil {
		ctx, cancel := context.WithTimeout(d.stop.now, drainLimit+2*time.Second)
		errs = append(errs, d.worker.close(ctx))
		cancel()
	}
	if d.postgres != nil {
		errs = append(errs, d.postgres.close())
	}
	if d.kafka != nil {
		d.kafka.close()
	}
	if d.logs != nil {
		d.logs.release()
	}
	err := errors.Join(errs...)
	if err == nil {
		say(d.out, "everything is stopped, nothing is left behind")
	}
	return err
}

// portOr is the wanted port, or the usual one if nobody has it, or 0: any.
func portOr(wanted, usual int) int {
	if wanted != 0 {
		return wanted
	}
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", usual))
	if err != nil {
		return 0
	}
	_ = l.Close()
	return usual
}

func level(name string) slog.Level {
	var l slog.Level
	_ = l.UnmarshalText([]byte(name)) // the flag admits nothing else
	return l
}
