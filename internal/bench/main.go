// Command bench measures the whole job: `tracetally run` as a process, against the worker that a user would write by hand
// and against a reader that throws the bytes away, on the same bytes of an embedded Kafka. It prints figures and ratios
// and asserts nothing; what counts are the ratios of one run, because absolute figures move with the machine.
//
//	make bench                                 the tables, about four minutes on two cores
//	make bench ARGS="-sizes 1 -events 100000"  quicker
//	make bench ARGS="-paced 10000 -for 20s"    delay from append in Kafka to visible in PostgreSQL
//	make bench ARGS="-profile DIR -sizes 1"    CPU and allocation profiles of the worker
//	make bench ARGS="-alone -events 1000000"   the worker's memory on a backlog; with -record 10000 -stall 15s, on one of
//	                                           huge records while PostgreSQL answers no commit
//
// Kafka, the hand-written worker and the reader are this program again, started as processes of their own under a hidden
// first argument, so that the kernel counts each one's CPU time and memory apart. Figures that come from /proc are absent
// on other systems than Linux.
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

	"github.com/tracetally/tracetally/schemas"
)

// options are what a run can be told.
type options struct {
	worker     string
	sizes      []int // KiB of an event
	events     int   // at the smallest size; larger events are fewer
	counts     []int // of partitions
	partitions int   // of the topic that is measured
	capture    bool
	paced      int // events per second; 0: the table
	duration   time.Duration
	limit      time.Duration
	profile    string
	alone      bool
	record     int           // events of a record
	stall      time.Duration // PostgreSQL takes no commit for so long
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run is the bench, or one of the processes that it starts.
func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case roleBroker:
			return serveBroker(ctx, args[1:])
		case roleNaive:
			return runNaive(ctx, args[1:])
		case roleReader:
			return runReader(ctx, args[1:])
		case roleProfiled:
			return runProfiled(ctx, args[1:])
		}
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.limit)
	defer cancel()
	if o.paced > 0 {
		return paced(ctx, o)
	}
	return compare(ctx, o)
}

func parse(args []string) (o options, err error) {
	var sizes, counts, shape string
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&o.worker, "worker", "bin/tracetally", "the tracetally program to measure")
	f.StringVar(&sizes, "sizes", "1,8,40", "sizes of an event in KiB; those above 1 hold prompt and answer")
	f.IntVar(&o.events, "events", 300_000, "events at 1 KiB; 8 KiB gets a quarter, 40 KiB a twentieth")
	f.StringVar(&counts, "partitions", "4,64", "partitions of the topic: a table for each number")
	f.StringVar(&shape, "shape", "event", "event: as SDKs send it; capture: as PostHog's capture writes it, the event a JSON string inside")
	f.IntVar(&o.paced, "paced", 0, "instead of the table: produce so many events per second and print the delay until they are in PostgreSQL")
	f.DurationVar(&o.duration, "for", 20*time.Second, "how long -paced produces")
	f.DurationVar(&o.limit, "limit", 20*time.Minute, "give up after this time")
	f.StringVar(&o.profile, "profile", "", "directory for cpu and allocs profiles; the worker then runs inside this program")
	f.BoolVar(&o.alone, "alone", false, "measure only tracetally")
	f.IntVar(&o.record, "record", 1, "events of a record: more than 1 make each record a body of PostHog's /batch/; implies -alone")
	f.DurationVar(&o.stall, "stall", 0, "for so long after its first commit PostgreSQL lets no further one through")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.alone = o.alone || o.record > 1
	o.capture = shape == "capture"
	if o.events < 1 || o.paced < 0 || o.record < 1 || o.record > schemas.MaxEvents {
		return o, errors.New("events and record must be positive, record at most 10000")
	}
	if o.sizes, err = numbers(sizes, 512); err != nil {
		return o, fmt.Errorf("sizes: must be KiB from 1 to 512: %w", err)
	}
	if o.counts, err = numbers(counts, 1024); err != nil {
		return o, fmt.Errorf("partitions: must be from 1 to 1024: %w", err)
	}
	o.partitions = o.counts[0]
	return o, nil
}

// numbers reads a list of numbers from 1 to most.
func numbers(list string, most int) ([]int, error) {
	var all []int
	for s := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil || n < 1 || n > most {
			return nil, fmt.Errorf("got %q", s)
		}
		all = append(all, n)
	}
	return all, nil
}

// eventsOf is how many events there are of a size: larger ones are fewer, so that each size takes a like time.
func (o options) eventsOf(sizeKB int) int {
	switch {
	case sizeKB >= 32:
		return max(1, o.events/20)
	case sizeKB > 1:
		return max(1, o.events/4)
	}
	return o.events
}
