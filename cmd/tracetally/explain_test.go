package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// explained is the output of explain, a map per line.
func explained(t *testing.T, stdin string, args ...string) []map[string]any {
	t.Helper()
	code, out, errOut := command(t, stdin, append([]string{"explain"}, args...)...)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errOut)
	}
	var rows []map[string]any
	for line := range strings.Lines(out) {
		var row map[string]any
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		rows = append(rows, row)
	}
	return rows
}

// contract is the keys of explain's output, as docs/explain.md lists them.
const contract = `record event outcome quarantine_reason format wrappers kind event_id trace_id alt_trace_id span_id parent_id request_id
session_id user_hash time latency_ms ttft_ms environment service provider model model_raw operation prompt_name prompt_version
prompt_hash task_type flag variant agent_config step tool status stop_reason service_tier attempt final input_tokens output_tokens
cache_read_tokens cache_write_tokens reasoning_tokens input_length_bucket output_length_bucket input_hash cost_usd
reported_cost_usd estimated_cost_usd cost_status cost_reason price_key price_version category reason error_code error_type
http_status retryable origin recovery rule fingerprint message measures trace_url warnings`

func TestExplainPrintsEveryKeyOfTheContractOnEveryLine(t *testing.T) {
	want := slices.Sorted(slices.Values(strings.Fields(contract)))
	for _, why := range []bool{false, true} {
		keys, args := want, []string{"--input", "records", "../../schemas/testdata/records.jsonl"}
		if why {
			keys, args = slices.Sorted(slices.Values(append(strings.Fields(contract), "cost_detail", "evidence"))), append(args, "--why")
		}
		for _, row := range explained(t, "", args...) {
			var got []string
			for k := range row {
				got = append(got, k)
			}
			slices.Sort(got)
			if !slices.Equal(got, keys) {
				t.Fatalf("line %v has the keys %v, want %v", row["record"], got, keys)
			}
		}
	}
}

func TestExplainDocumentNamesEveryKey(t *testing.T) {
	text, err := os.ReadFile("../../docs/explain.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range append(strings.Fields(contract), "cost_detail", "evidence") {
		if !strings.Contains(string(text), key) {
			t.Errorf("docs/explain.md does not name %s", key)
		}
	}
}

// articleCall is the analytics article's example of a completed call.
const articleCall = `{"event":"llm_request_completed","distinct_id":"user_8f3a_hash","timestamp":"2026-06-06T12:00:00Z","properties":{"trace_id":"trace_01J7ZP8E9K4VQ2","request_id":"req_01J7ZP8F3N1A6","prompt_name":"support_answer","prompt_version_id":"pv_2026_06_04_003","prompt_hash":"sha256:9f2c","provider":"openai","model":"gpt-4.1-mini","environment":"production","task_type":"support_reply","latency_ms":1840,"input_tokens":1284,"output_tokens":312,"estimated_cost_usd":0.0048,"status":"success","input_length_bucket":"1k_2k_tokens","output_category":"answer_with_citation","trace_url":"https://your-llm-platform.example/traces/trace_01J7ZP8E9K4VQ2"}}`

func TestExplainOfTheArticlesCall(t *testing.T) {
	row := explained(t, articleCall+"\n", "--why")[0]
	for key, want := range map[string]any{
		"outcome": "counted", "kind": "call", "status": "ok", "provider": "openai", "model": "gpt-4.1-mini",
		"time": "2026-06-06T12:00:00.000000Z", "latency_ms": 1840.0, "input_tokens": 1284.0, "output_tokens": 312.0,
		"input_length_bucket": "1k_2k_tokens", "estimated_cost_usd": "0.0048", "cost_status": "book", "cost_reason": nil,
		"cost_usd": "0.0010128", // 1284 × 0.4 + 312 × 1.6 USD per million; the caller's estimate is 4.7 times that
		"category": nil, "user_hash": nil, "environment": "production", "prompt_version": "pv_2026_06_04_003",
		"trace_url": "https://your-llm-platform.example/traces/trace_01J7ZP8E9K4VQ2",
	} {
		if row[key] != want {
			t.Errorf("%s = %v, want %v", key, row[key], want)
		}
	}
}

func TestEachLineIsOneRecordWhateverItHolds(t *testing.T) {
	in := articleCall + "\n\nnull\n{\"event\":\"$pageview\",\"properties\":{}}\r\nplain text\n" + articleCall // no newline at the end
	var got []string
	for i, row := range explained(t, in) {
		if row["record"] != float64(i) {
			t.Errorf("line %d has record %v", i, row["record"])
		}
		reason, _ := row["quarantine_reason"].(string)
		got = append(got, strings.TrimSpace(row["outcome"].(string)+" "+reason))
	}
	want := []string{"counted", "quarantined malformed", "quarantined malformed", "ignored", "quarantined malformed", "counted"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOneBadEventMarksEveryLineOfItsRecord(t *testing.T) {
	bad := `{"event":"$exception","properties":{"$exception_list":[]}}`
	batch := `{"api_key":"k","batch":[` + articleCall + `,` + bad + `,{"event":"$pageview","properties":{}}]}`
	rows := explained(t, batch+"\n["+articleCall+","+bad+"]\n"+articleCall[:200]+"\n")
	var got []string
	for _, r := range rows {
		got = append(got, fmt.Sprintf("%v %v %v %v", r["record"], r["event"], r["outcome"], r["quarantine_reason"]))
	}
	want := []string{"0 0 quarantined malformed", "0 1 quarantined malformed", "0 2 quarantined malformed",
		"1 0 quarantined malformed", "1 1 quarantined malformed", "2 0 quarantined malformed"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTraceLinksKeepTheProducersSpelling(t *testing.T) {
	in := `{"event":"llm_output_rated","properties":{"trace_id":"0197A0B0-0000-7000-8000-00000000000A","user_feedback":"positive"}}`
	row := explained(t, in, "--trace-url", "https://t.example/{trace_id}")[0]
	if row["trace_url"] != "https://t.example/0197A0B0-0000-7000-8000-00000000000A" || row["trace_id"] != "0197a0b00000700080000000000000"+"0a" {
		t.Errorf("trace_url %v, trace_id %v", row["trace_url"], row["trace_id"])
	}
}

func TestRecordLinesCarryTopicTimeAndTombstones(t *testing.T) {
	in := `{"topic":"t","key":null,"headers":{},"value_b64":null}
{"topic":"t","key":"k","headers":{"h":null},"value_b64":"","timestamp":1780747200000}
{"topic":"t","key":"k","headers":{},"value_b64":"eyJldmVudCI6ImxsbV9vdXRwdXRfcmF0ZWQiLCJwcm9wZXJ0aWVzIjp7InRyYWNlX2lkIjoidDEiLCJ1c2VyX2ZlZWRiYWNrIjoicG9zaXRpdmUifX0=","partition":3,"offset":17,"timestamp":"2026-06-06T12:00:00Z"}`
	rows := explained(t, in, "--input", "records")
	if rows[0]["outcome"] != "ignored" || rows[1]["quarantine_reason"] != "malformed" {
		t.Errorf("tombstone %v, empty value %v", rows[0]["outcome"], rows[1]["quarantine_reason"])
	}
	last := rows[2]
	if last["time"] != "2026-06-06T12:00:00.000000Z" || last["event_id"] == nil || last["measures"].(map[string]any)["feedback"] != 1.0 {
		t.Errorf("rating %v", last)
	}
}

func TestWhatWasReadBeforeAnUnreadableLineIsShown(t *testing.T) {
	code, out, errOut := command(t, `{"topic":"t","value_b64":null}`+"\nno record line\n", "explain", "--input", "records")
	if code == 0 || strings.Count(out, "\n") != 1 || !strings.Contains(errOut, "read line 1") {
		t.Errorf("exit code %d, %d lines, %q", code, strings.Count(out, "\n"), errOut)
	}
}

func TestUnreadableInputIsTheOnlyFailure(t *testing.T) {
	for _, args := range [][]string{{"explain", "no-such-file"}, {"explain", "--input", "records", "-"}} {
		if code, _, errOut := command(t, "{not a record line}\n", args...); code == 0 || errOut == "" {
			t.Errorf("%v: exit code %d, %q", args, code, errOut)
		}
	}
}
