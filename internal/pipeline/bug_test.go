package pipeline

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TestBugOfOursSetsItsRecordAsideAndStopsNobody runs a worker without a classifier, so that each failure makes it
// panic: the records around it are counted, it is set aside by its coordinates, and the log names the line at fault and no
// word of the record.
func TestBugOfOursSetsItsRecordAsideAndStopsNobody(t *testing.T) {
	t.Parallel()
	const topic, secret = "bug", "words of a prompt"
	event := func(id, name, status string) *kgo.Record {
		return &kgo.Record{Topic: topic, Value: []byte(`{"event":"` + name + `","uuid":"0197a0b0-0000-7000-8000-00000000000` + id +
			`","timestamp":"2026-11-22T02:23:58Z","properties":{"trace_id":"t","model":"gpt-4o","provider":"openai","status":"` + status +
			`","error_message":"` + secret + `","$ai_input":"` + secret + `"}}`)}
	}
	r := newRig(t, map[string]int32{topic: 1})
	r.produce(event("1", "llm_request_completed", "success"), event("2", "llm_request_failed", "error"),
		event("3", "llm_request_completed", "success"))
	cfg := r.config(topic)
	var log bytes.Buffer
	cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	r.rules = nil // an empty one would panic inside sync.Pool, where the race detector is switched off for the goroutine
	w := r.start(cfg)
	r.accounted(topic, 3)
	w.shows(`tracetally_quarantined_records_total{reason="malformed"}`, func(n int64) bool { return n == 1 })
	w.close()
	r.until("2", `select counted from tracetally.partition_progress`)
	r.until("1 malformed 1", `select from_offset || ' ' || reason || ' ' || to_offset - from_offset from tracetally.quarantine`)
	if said := log.String(); strings.Count(said, "at=classify.") != 1 || !strings.Contains(said, "offset=1") {
		t.Errorf("the log does not name the line at fault once: %s", said)
	}
	if strings.Contains(log.String(), secret) {
		t.Error("the log holds a word of the record")
	}
}
