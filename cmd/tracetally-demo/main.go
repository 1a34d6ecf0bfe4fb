// Command tracetally-demo shows tracetally at work on a machine that has nothing but Go: an embedded Kafka, an embedded
// PostgreSQL, a worker, and a producer of realistic traffic with incidents, all on loopback. It keeps books of what it
// produced, and holds the tables against them at the end.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/mattn/go-isatty"
)

// version is set by the linker (Makefile).
var version = "dev"

// options is the command line.
type options struct {
	For         time.Duration `help:"How long to produce; then wait for the worker, compare and leave. Default: until Ctrl-C." placeholder:"60s"`
	Rate        float64       `help:"Records per second." default:"100"`
	Seed        uint64        `help:"Seed of the traffic. Default: the clock." placeholder:"N"`
	KafkaPort   int           `help:"Port of Kafka on loopback. Default: 9092, or any that is free." placeholder:"PORT"`
	MetricsPort int           `help:"Port of /metrics on loopback. Default: 9464, or any that is free." placeholder:"PORT"`
	NoWorker    bool          `help:"Start no worker: run one of your own with the line that is printed."`
	Plain       bool          `help:"Print lines even on a terminal."`
	LogLevel    string        `help:"debug, info, warn or error." enum:"debug,info,warn,error" default:"warn"`
}

// exitForced is the exit code after a second Ctrl-C.
const exitForced = 130

func main() {
	var o options
	kong.Parse(&o, kong.Name("tracetally-demo"),
		kong.Description("An embedded Kafka and PostgreSQL, a tracetally worker and realistic LLM traffic, on loopback. Ctrl-C stops everything and leaves nothing behind."))
	os.Exit(run(o, os.Stdout, os.Stderr, isatty.IsTerminal(os.Stdout.Fd())))
}

// run is the program without the process: it returns the exit code. 0 says that every figure agreed.
func run(o options, out, errOut io.Writer, terminal bool) int {
	if o.Rate <= 0 || o.Rate > 20_000 || o.For < 0 {
		say(errOut, "tracetally-demo: rate must be above 0 and at most 20000, for must not be negative")
		return 2
	}
	stop := newStopper()
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE) // PIPE: who read our lines has gone
	listener := make(chan struct{})
	go func() {
		defer close(listener)
		for range signals {
			stop.ask()
		}
	}()
	defer func() {
		signal.Stop(signals)
		close(signals)
		<-listener
	}()
	d := &demo{o: o, out: out, errOut: errOut, stop: stop, terminal: terminal && !o.Plain}
	agreed, err := d.run()
	switch {
	case stop.now.Err() != nil:
		return exitForced
	case err != nil:
		say(errOut, "tracetally-demo: %v", err)
		return 1
	case !agreed:
		return 1
	}
	return 0
}

// stopper turns "please stop" into two contexts: soon ends at the first request, now at the second.
type stopper struct {
	soon, now             context.Context
	cancelSoon, cancelNow context.CancelFunc
}

func newStopper() *stopper {
	s := &stopper{}
	s.now, s.cancelNow = context.WithCancel(context.Background())
	s.soon, s.cancelSoon = context.WithCancel(s.now)
	return s
}

func (s *stopper) ask() {
	if s.soon.Err() != nil {
		s.cancelNow()
	}
	s.cancelSoon()
}
