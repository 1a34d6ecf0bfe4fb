package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
)

// newReader is a Reader with the sizes and the interval that kafka-go's README shows.
func newReader(addr, group string) *kafka.Reader {
	return kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{addr}, GroupID: group, Topic: topic, MinBytes: 10e3, MaxBytes: 10e6, StartOffset: kafka.FirstOffset,
		CommitInterval: time.Second, // the default commits each message by itself, which costs 20 times the reading
	})
}

// readerArgs are the broker's address and how many events there are.
func readerArgs(args []string) (addr string, n int, err error) {
	if len(args) != 2 {
		return "", 0, errors.New("wants an address and a number of events")
	}
	if n, err = strconv.Atoi(args[1]); err != nil {
		return "", 0, fmt.Errorf("read the number of events: %w", err)
	}
	return args[0], n, nil
}

// runReader reads so many events in a group and throws them away: the least that a worker with this Reader can cost.
func runReader(ctx context.Context, args []string) error {
	addr, n, err := readerArgs(args)
	if err != nil {
		return err
	}
	reader := newReader(addr, "bench-reader")
	defer reader.Close() //nolint:errcheck // at the end
	var r report
	for i := range n {
		if _, err := reader.ReadMessage(ctx); err != nil {
			return fmt.Errorf("read a message: %w", err)
		}
		if i == 0 {
			r.begin()
		}
	}
	return r.print(n)
}

// report is what a worker of the bench says of itself when it is done.
type report struct {
	Rate   float64 `json:"rate"`   // events per second, from the first to the last
	Allocs float64 `json:"allocs"` // per event
	RSS    int64   `json:"rss"`    // bytes, at the peak

	begun   time.Time
	mallocs uint64
}

// begin is to be called when the first event is there.
func (r *report) begin() { r.begun, r.mallocs = time.Now(), countMallocs() }

func (r *report) print(n int) error {
	r.Rate = ratio(float64(n), time.Since(r.begun).Seconds())
	r.Allocs = float64(countMallocs()-r.mallocs) / float64(n)
	r.RSS = peakRSS(os.Getpid())
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	_, err = fmt.Println(string(line))
	return err
}

func countMallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}
