package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"

	"github.com/tracetally/tracetally/classify"
	"github.com/tracetally/tracetally/consumer"
	"github.com/tracetally/tracetally/enrich"
	"github.com/tracetally/tracetally/internal/pipeline"
	"github.com/tracetally/tracetally/internal/secret"
	"github.com/tracetally/tracetally/sink"
)

// runProfiled is the product's worker inside this program, with the defaults of `tracetally run`, under the profilers. It
// writes cpu.pprof and allocs.pprof when it is told to stop. Sampling allocations costs time: figures of such a run are
// no figures of the product.
func runProfiled(ctx context.Context, args []string) (err error) {
	if len(args) != 4 {
		return errors.New("profiled: wants a directory, an address, a topic and where to listen")
	}
	runtime.MemProfileRate = 16 << 10
	debug.SetMemoryLimit(102 << 20) // as the program does for its default --memory-limit
	book, err := enrich.LoadBook(enrich.BookConfig{})
	if err != nil {
		return fmt.Errorf("load prices: %w", err)
	}
	rules, err := classify.New(classify.Config{})
	if err != nil {
		return fmt.Errorf("load rules: %w", err)
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	cfg := pipeline.Config{
		Kafka:       consumer.Config{Brokers: args[1:2], GroupID: "bench-tally", Topics: args[2:3], ClientID: "tracetally", Logger: log},
		Sink:        sink.Config{URL: secret.New(os.Getenv(urlVariable)), Logger: log},
		Line:        pipeline.LineConfig{Enrich: enrich.Config{Book: book, HashKey: secret.New("a key for measurements only")}},
		MetricsAddr: args[3],
		Logger:      log,
	}
	stop, err := startCPUProfile(args[0], args[2])
	if err != nil {
		return err
	}
	err = pipeline.Run(ctx, cfg, rules)
	return errors.Join(err, stop(), writeAllocs(args[0], args[2]))
}

func startCPUProfile(dir, name string) (stop func() error, err error) {
	f, err := os.Create(filepath.Join(dir, name+".cpu.pprof")) //nolint:gosec // the directory of the command line
	if err != nil {
		return nil, fmt.Errorf("write a profile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(fmt.Errorf("start the profiler: %w", err), f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}

func writeAllocs(dir, name string) error {
	f, err := os.Create(filepath.Join(dir, name+".allocs.pprof")) //nolint:gosec // the directory of the command line
	if err != nil {
		return fmt.Errorf("write a profile: %w", err)
	}
	return errors.Join(pprof.Lookup("allocs").WriteTo(f, 0), f.Close())
}
