package pipeline

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/tracetally/tracetally/internal/localpg/pgtest"
	"github.com/tracetally/tracetally/internal/secret"
	"github.com/tracetally/tracetally/sink"
)

func TestUnmigratedDatabaseEndsTheWorkerWithTheRemedy(t *testing.T) {
	t.Parallel()
	const topic = "any"
	r := newRig(t, map[string]int32{topic: 1})
	cfg := r.config(topic)
	cfg.Sink.URL = secret.New(pgtest.Database(t))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := Run(ctx, cfg, r.rules)
	if !errors.Is(err, sink.ErrSchemaVersion) || !strings.Contains(err.Error(), "tracetally migrate") {
		t.Errorf("Run = %v, want ErrSchemaVersion and what to do", err)
	}
}

func TestUnreachableDatabaseIsWaitedForAndStopsAtOnce(t *testing.T) {
	t.Parallel()
	const topic = "any"
	r := newRig(t, map[string]int32{topic: 1})
	cfg := r.config(topic)
	cfg.Sink.URL = secret.New("postgres://nobody@127.0.0.1:1/none?sslmode=disable&connect_timeout=1")
	w := r.start(cfg)
	if text := w.scrape(); !strings.Contains(text, "tracetally_build_info") {
		t.Error("no metrics while waiting")
	}
	w.close()
}

func TestLeftPartitionHasNoOwner(t *testing.T) {
	t.Parallel()
	const topic = "left"
	r := newRig(t, map[string]int32{topic: 1})
	r.calls(topic, 0, 0, 3)
	cfg := r.config(topic)
	cfg.Sink.Worker = "me"
	w := r.start(cfg)
	r.accounted(topic, 3)
	r.until("me", `select owner from tracetally.partition_progress`)
	w.close()
	r.until("", `select owner from tracetally.partition_progress`)
}
