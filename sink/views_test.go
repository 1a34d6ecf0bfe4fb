package sink

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tracetally/tracetally/schemas"
)

// TestViewsHaveTheColumnsOfTheContract: dashboards and queries of users rely on these names.
func TestViewsHaveTheColumnsOfTheContract(t *testing.T) {
	t.Parallel()
	s := openStore(t, Config{})
	dimensions := "environment service provider model operation prompt_name prompt_version task_type input_length_bucket"
	calls := "time " + dimensions + ` calls failures attempts input_tokens output_tokens cache_read_tokens cache_write_tokens
		reasoning_tokens cost_usd reported_cost_usd estimated_cost_usd wasted_cost_usd unpriced_calls unpriced_tokens
		input_length_sum output_length_sum latency_ms_sum latency_count ttft_ms_sum ttft_count`
	for i := range 60 {
		calls += fmt.Sprintf(" latency_h%02d", i)
	}
	errs := "time " + dimensions + ` category reason error_code http_status retryable step linked failures exceptions wasted_cost_usd`
	want := map[string]string{
		"calls_1m": calls, "calls_1h": calls, "calls_1d": calls, "errors_1m": errs, "errors_1h": errs, "errors_1d": errs,
		"partition_progress": `topic partition status owner start_offset next_offset counted duplicate late quarantined ignored gap
			events_new events_duplicate events_late events_conflicting watermark`,
		"quarantine": "topic partition from_offset to_offset reason", "gaps": "topic partition from_offset to_offset",
		"error_groups": "fingerprint category reason message",
		"failures":     "time " + dimensions + " category reason error_code error_type trace_id trace_url message_hash fingerprint",
		"usage_1h":     "time price_key price_version service_tier kind tokens",
	}
	const ask = `select column_name::text from information_schema.columns where table_schema = 'tracetally' and table_name = $1`
	for view, columns := range want {
		have := " " + strings.Join(column[string](t, s, ask, view), " ") + " "
		for _, c := range strings.Fields(columns) {
			if !strings.Contains(have, " "+c+" ") {
				t.Errorf("view %s has no column %s", view, c)
			}
		}
	}
}

// TestTopicIsNotedOnceWithAllItsPartitions: what is added to the topic later is seen as younger than the pipeline.
func TestTopicIsNotedOnceWithAllItsPartitions(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	known := func() bool {
		t.Helper()
		k, err := s.TopicKnown(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	if known() {
		t.Error("topic known before it was added")
	}
	for _, starts := range []map[int32]int64{{0: 10, 1: 20}, {0: 99, 2: 99}} { // the second worker comes too late
		if err := s.AddTopic(t.Context(), "a", "cluster", starts); err != nil {
			t.Fatal(err)
		}
	}
	if !known() {
		t.Error("topic unknown after it was added")
	}
	const ask = `select partition || ':' || start_offset || ':' || next_offset from tracetally.partition_progress order by partition`
	if got := fmt.Sprint(column[string](t, s, ask)); got != "[0:10:10 1:20:20]" {
		t.Errorf("partitions = %s", got)
	}
	c := acquire(t, s, "a", 1)
	if out := commit(t, s, &Batch{Claim: c, From: 20, To: 21})[0]; out.Fenced {
		t.Error("first commit of a noted partition was fenced")
	}
}

// TestErrorMessageIsKeptOnceWithItsGroup: the redacted message is a sample of the group and in no other table.
func TestErrorMessageIsKeptOnceWithItsGroup(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	e := exception("a", noon())
	e.Failure.Message = "redacted-canary"
	log := []logged{{time: noon(), events: []schemas.Event{e}}}
	commit(t, s, cut(acquire(t, s, "a", 0), log, 0, 1))
	for table, rows := range dump(t, s) {
		has := strings.Contains(strings.Join(rows, "\n"), "canary")
		if has != (table == "error_group") {
			t.Errorf("table %s holds the message: %v", table, has)
		}
	}
}
