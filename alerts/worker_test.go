package alerts

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tracetally/tracetally/schemas"
)

func TestEveryVerdictAndReasonStartsAtZero(t *testing.T) {
	_, reg := newTest(t, newClock())
	got := gather(t, reg)
	for _, v := range []string{"counted", "duplicate", "late", "quarantined", "ignored", "gap"} {
		want(t, got, map[string]float64{fmt.Sprintf("tracetally_records_total{verdict=%q}", v): 0})
	}
	for _, v := range []string{"new", "duplicate", "late", "conflicting"} {
		want(t, got, map[string]float64{fmt.Sprintf("tracetally_events_total{verdict=%q}", v): 0})
	}
	for _, r := range schemas.Reasons() {
		want(t, got, map[string]float64{fmt.Sprintf("tracetally_quarantined_records_total{reason=%q}", r): 0})
	}
	want(t, got, map[string]float64{"tracetally_fenced_batches_total{}": 0, "tracetally_commit_retries_total{}": 0})
}

func TestEachVerdictIsCountedUnderItsOwnName(t *testing.T) {
	m, reg := newTest(t, newClock())
	v := Verdicts{
		Offsets: 21, Counted: 1, Duplicate: 2, Late: 3, Quarantined: 4, Ignored: 5, Gap: 6,
		EventsNew: 7, EventsDuplicate: 8, EventsLate: 9, EventsConflicting: 10,
		ByReason: map[schemas.Reason]int64{schemas.Malformed: 3, schemas.BadBatch: 1},
	}
	m.Accounted(v)
	m.Accounted(v)
	m.BatchFenced()
	m.CommitRetried()
	want(t, gather(t, reg), map[string]float64{
		`tracetally_records_total{verdict="counted"}`: 2, `tracetally_records_total{verdict="duplicate"}`: 4,
		`tracetally_records_total{verdict="late"}`: 6, `tracetally_records_total{verdict="quarantined"}`: 8,
		`tracetally_records_total{verdict="ignored"}`: 10, `tracetally_records_total{verdict="gap"}`: 12,
		`tracetally_events_total{verdict="new"}`: 14, `tracetally_events_total{verdict="duplicate"}`: 16,
		`tracetally_events_total{verdict="late"}`: 18, `tracetally_events_total{verdict="conflicting"}`: 20,
		`tracetally_quarantined_records_total{reason="malformed"}`: 6,
		`tracetally_quarantined_records_total{reason="bad_batch"}`: 2,
		`tracetally_quarantined_records_total{reason="oversize"}`:  0,
		"tracetally_fenced_batches_total{}":                        1, "tracetally_commit_retries_total{}": 1,
	})
}

func TestAnOffsetWithoutAVerdictShows(t *testing.T) {
	m, reg := newTest(t, newClock())
	m.Accounted(Verdicts{Offsets: 5, Counted: 2, Late: 1, Gap: 2})
	want(t, gather(t, reg), map[string]float64{"tracetally_unaccounted_records{}": 0})
	m.Accounted(Verdicts{Offsets: 5, Counted: 4})
	want(t, gather(t, reg), map[string]float64{"tracetally_unaccounted_records{}": 1})
	m.Accounted(Verdicts{Offsets: 2, Quarantined: 4})
	want(t, gather(t, reg), map[string]float64{"tracetally_unaccounted_records{}": -1})
}

func TestVerdictsBelowZeroAreRefusedWhole(t *testing.T) {
	m, reg := newTest(t, newClock())
	m.Accounted(Verdicts{Counted: 3, Gap: -1})
	m.Accounted(Verdicts{ByReason: map[schemas.Reason]int64{schemas.Malformed: -1}})
	want(t, gather(t, reg), map[string]float64{
		`tracetally_records_total{verdict="counted"}`: 0, "tracetally_metric_refused_total{}": 2,
	})
}

func TestTheLastSuccessStartsWithTheWorker(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	start := float64(c.now().Unix())
	c.advance(90 * time.Second)
	want(t, gather(t, reg), map[string]float64{"tracetally_commit_last_success_timestamp_seconds{}": start})
	m.CommitAcknowledged(250*time.Millisecond, 12)
	c.advance(time.Hour)
	want(t, gather(t, reg), map[string]float64{
		"tracetally_commit_last_success_timestamp_seconds{}": start + 90, "tracetally_start_timestamp_seconds{}": start,
		"tracetally_commit_duration_seconds{} count": 1, "tracetally_commit_duration_seconds{} sum": 0.25,
		"tracetally_commit_events{} count": 1, "tracetally_commit_events{} sum": 12,
	})
}

func TestBuildInfoNamesTheVersion(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	if _, err := New(reg, Config{Version: "v1.2.3", Logger: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	if n := countPrefix(gather(t, reg), `tracetally_build_info{go_version="go1.`); n != 1 {
		t.Errorf("%d series of tracetally_build_info, want 1", n)
	}
}

func TestEveryConfigProblemIsReportedAtOnce(t *testing.T) {
	_, err := New(prometheus.NewRegistry(), Config{FreshWindow: -1, MaxTuples: -1})
	if err == nil || !strings.Contains(err.Error(), "fresh window") || !strings.Contains(err.Error(), "max tuples") {
		t.Errorf("New = %v, want both problems", err)
	}
}

func TestARegistryTakesTheMetricsOnce(t *testing.T) {
	reg := prometheus.NewRegistry()
	if _, err := New(reg, Config{}); err != nil {
		t.Fatal(err)
	}
	if _, err := New(reg, Config{}); err == nil {
		t.Error("a second set was registered")
	}
	if err := RegisterRuntime(reg); err != nil {
		t.Error(err)
	}
}
