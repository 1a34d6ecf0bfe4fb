package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"

	"github.com/tracetally/tracetally/classify"
	"github.com/tracetally/tracetally/consumer"
	"github.com/tracetally/tracetally/enrich"
	"github.com/tracetally/tracetally/internal/pipeline"
	"github.com/tracetally/tracetally/internal/secret"
	"github.com/tracetally/tracetally/sink"
)

// worker is the product itself, run in this process with the defaults of `tracetally run`.
type worker struct {
	// metrics is the address of /metrics.
	metrics string
	// done is closed when the worker has ended, of itself or because it was told to; err is why.
	done chan struct{}
	err  error
	stop context.CancelFunc
}

func startWorker(ctx context.Context, addr string, postgres *database, metricsPort int, log *slog.Logger) (*worker, error) {
	book, err := enrich.LoadBook(enrich.BookConfig{})
	if err != nil {
		return nil, fmt.Errorf("load prices: %w", err)
	}
	rules, err := classify.New(classify.Config{})
	if err != nil {
		return nil, fmt.Errorf("load rules: %w", err)
	}
	listening := make(chan string, 1)
	cfg := pipeline.Config{
		Kafka:       consumer.Config{Brokers: []string{addr}, GroupID: "tracetally", Topics: topicNames(), Logger: log},
		Sink:        sink.Config{URL: secret.New(postgres.workerURL), Logger: log},
		Retention:   sink.RetentionConfig{URL: secret.New(postgres.retentionURL)},
		Line:        pipeline.LineConfig{Enrich: enrich.Config{Book: book, HashKey: secret.New(rand.Text())}},
		MetricsAddr: fmt.Sprintf("127.0.0.1:%d", metricsPort),
		Version:     version,
		Logger:      log,
		Listening:   func(addr string) { listening <- addr },
	}
	w := &worker{done: make(chan struct{})}
	ctx, w.stop = context.WithCancel(ctx)
	go func() {
		defer close(w.done)
		w.err = pipeline.Run(ctx, cfg, rules)
	}()
	select {
	case w.metrics = <-listening:
		return w, nil
	case <-w.done:
		return nil, fmt.Errorf("start the worker: %w", w.err)
	}
}

// close tells the worker to stop and waits until it has drained, or until ctx ends.
func (w *worker) close(ctx context.Context) error {
	w.stop()
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
		return fmt.Errorf("wait for the worker: %w", ctx.Err())
	}
}
