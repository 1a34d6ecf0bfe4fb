package schemas

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "rewrite testdata/golden.txt; review the diff by hand")

// clickHouseRow is the event as PostHog writes it to clickhouse_events_json.
func clickHouseRow(properties string) []byte {
	return fmt.Appendf(nil, `{"uuid":"01a20111-3e59-7884-8da0-9ac78c89f968","event":"$ai_generation","properties":%s,`+
		`"timestamp":"2026-11-22 02:23:57.017000","team_id":2,"project_id":2,"distinct_id":"user_1","elements_chain":"","person_mode":"full"}`,
		jsonText(properties))
}

// TestCapturedRecordsDecodeAsReviewed pins what every captured record of PostHog's SDKs becomes.
func TestCapturedRecordsDecodeAsReviewed(t *testing.T) {
	var b strings.Builder
	d := NewDecoder(DecoderConfig{})
	for i, c := range capturedRecords(t) {
		res := d.Decode(c.record(i))
		if res.Format != c.Format || res.Reject != "" {
			t.Errorf("record %d: format %q, reject %q, want %q", i, res.Format, res.Reject, c.Format)
		}
		for j := range res.Events {
			fmt.Fprintf(&b, "%d %s%s\n", i, res.Format, summary(&res.Events[j]))
		}
	}
	const file = "testdata/golden.txt"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got, lines := strings.Split(b.String(), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(got), len(lines)) {
		if i >= len(got) || i >= len(lines) || got[i] != lines[i] {
			t.Fatalf("line %d differs (go test -run Reviewed -update rewrites the file):\n%s", i+1, got[min(i, len(got)-1)])
		}
	}
}

// summary is one line with everything that an event says, and of what must not be kept its size.
func summary(out *Decoded) string {
	var b strings.Builder
	write := func(name string, v any) {
		if text := fmt.Sprint(v); text != "" && text != "0" && text != "false" {
			fmt.Fprintf(&b, " %s=%s", name, text)
		}
	}
	e, s := &out.Event, &out.Sensitive
	write("kind", e.Kind)
	write("id", e.ID)
	write("time", e.Time.Format("15:04:05.000000"))
	for _, f := range []struct {
		name string
		v    any
	}{
		{"ignored", out.Ignored}, {"made", e.IDMade}, {"trace", e.TraceID}, {"alt", e.AltTraceID}, {"span", e.SpanID}, {"parent", e.ParentID},
		{"request", e.RequestID}, {"session", e.SessionID}, {"exception", e.ExceptionEventID}, {"env", e.Environment}, {"provider", e.ProviderRaw},
		{"model", e.ModelRaw}, {"prompt", e.PromptName}, {"version", e.PromptVersion}, {"hash", e.PromptHash}, {"task", e.TaskType},
		{"flag", e.Flag}, {"variant", e.Variant}, {"step", e.Step}, {"tool", e.Tool}, {"output", e.OutputCategory}, {"op", e.Operation},
		{"status", e.Status}, {"stop", e.StopReason}, {"tier", e.ServiceTier}, {"http", e.HTTPStatus}, {"retries", e.Retries},
		{"bucket", e.InputBucket}, {"url", e.TraceURL}, {"host", e.Usage.BaseURLHost}, {"framework", e.Usage.Framework}, {"extra", extra(e.Usage)},
		{"warnings", strings.Join(e.Warnings.Names(), ",")},
		{"user", s.UserID}, {"input_bytes", len(s.Input)}, {"error_bytes", len(s.ErrorText)}, {"error_type", s.ErrorType}, {"error_code", s.ErrorCode}, {"stage", s.Stage},
	} {
		write(f.name, f.v)
	}
	writeOptional(&b, e)
	for _, x := range s.Exceptions {
		fmt.Fprintf(&b, " raised=%s/%s/%dB/%d frames", x.Module, x.Type, len(x.Value), len(x.Frames))
	}
	return b.String()
}

// unsaid matches the measures that an event lacks.
var unsaid = regexp.MustCompile(` ?\w+:(\w+ Ok:false}|( |$))`)

func writeOptional(b *strings.Builder, e *Event) {
	u := &e.Usage
	for _, c := range []struct {
		name string
		Count
	}{
		{"in", u.InputTokens}, {"out", u.OutputTokens}, {"cache_read", u.CacheReadTokens}, {"cache_write", u.CacheWriteTokens},
		{"write_5m", u.CacheWrite5mTokens}, {"write_1h", u.CacheWrite1hTokens}, {"reasoning", u.ReasoningTokens},
	} {
		if c.State != CountAbsent {
			fmt.Fprintf(b, " %s=%s", c.name, c.Exact)
		}
	}
	if u.CacheExclusive.Ok {
		fmt.Fprintf(b, " exclusive=%v", u.CacheExclusive.V)
	}
	if e.Latency.Ok {
		fmt.Fprintf(b, " latency=%s", e.Latency.V)
	}
	if e.TTFT.Ok {
		fmt.Fprintf(b, " ttft=%s", e.TTFT.V)
	}
	if e.ReportedCostUSD.Ok {
		fmt.Fprintf(b, " reported=%s", e.ReportedCostUSD.V)
	}
	if e.EstimatedCostUSD.Ok {
		fmt.Fprintf(b, " estimated=%s", e.EstimatedCostUSD.V)
	}
	if e.Measures != (Measures{}) {
		measures := strings.NewReplacer("{V:", "", " Ok:true}", "").Replace(fmt.Sprintf("%+v", e.Measures))
		fmt.Fprintf(b, " measures=%s", strings.Join(strings.Fields(strings.Trim(unsaid.ReplaceAllString(measures, " "), "{}")), ","))
	}
}

// The same event comes bare, in a batch, as text inside of PostHog's own envelopes, in an array, on a line, and escaped
// in whatever way; it must always be the same event.
func TestWrappingDoesNotChangeAnEvent(t *testing.T) {
	names := make([]string, 0, len(propertyNames))
	for _, n := range propertyNames {
		names = append(names, n.name)
	}
	value := rapid.OneOf(anyJSON(2), rapid.SampledFrom([]string{"12", "0.5", "-1", `"gpt-4o"`, `"trace_1"`, "true", `"a\u0000b"`, `"\ud83d\ude00é"`}))
	rapid.Check(t, func(t *rapid.T) {
		var props []string
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 12, rapid.ID).Draw(t, "names") {
			props = append(props, jsonText(name)+": "+value.Draw(t, name))
		}
		properties := "{" + strings.Join(props, " , ") + "}"
		event := `{"event":"$ai_generation","properties":` + properties +
			`,"timestamp":"2026-11-22T02:23:57.017Z","uuid":"01a20111-3e59-7884-8da0-9ac78c89f968","distinct_id":"user_1"}`
		style := rapid.IntRange(0, 2).Draw(t, "style")
		want := fingerprintOf(decodeValue(event))
		for name, wrapped := range map[string]string{
			"batch":       `{"batch":[` + event + `],"api_key":"k"}`,
			"capture":     `{"token":"t","now":"n","data":"` + string(quoted(event, style)) + `"}`,
			"odd":         `{"token":"t","now":"n","data":"` + strings.Replace(string(quoted(event, style)), "{", `\u007b`, 1) + `"}`,
			"clickhouse":  string(clickHouseRow(properties)),
			"array":       "[" + event + "]",
			"row in row":  strings.Replace(event, properties, jsonText(properties), 1),
			"escaped key": strings.Replace(event, `"event"`, `"ev\u0065nt"`, 1),
		} {
			if got := fingerprintOf(decodeValue(wrapped)); got != want {
				t.Fatalf("%s: %s\ngot  %s\nwant %s", name, wrapped, got, want)
			}
		}
	})
}

// fingerprintOf is everything that a result says about its only event.
func fingerprintOf(res *Result) string {
	if res.Reject != "" {
		return string(res.Reject)
	}
	b, err := json.Marshal(res.Events)
	if err != nil {
		panic(err)
	}
	return string(b) + summary(&res.Events[0])
}

// An event outlives the record that it came from: the reader reuses its buffer, the decoder too.
func TestEventsKeepTheirTextAfterTheNextDecode(t *testing.T) {
	d := NewDecoder(DecoderConfig{})
	records := capturedRecords(t)
	var kept []Event
	var before []string
	buffer := make([]byte, 1<<16)
	for i, c := range records {
		rec := c.record(i)
		rec.Value = append(buffer[:0], c.Value...)
		for _, e := range d.Decode(rec).Events {
			kept = append(kept, e.Event)
			before = append(before, strings.Clone(fmt.Sprintf("%+v", e.Event)))
		}
		for j := range buffer {
			buffer[j] = 'X'
		}
	}
	for i := range kept {
		if after := fmt.Sprintf("%+v", kept[i]); after != before[i] {
			t.Fatalf("event %d changed:\n%s\n%s", i, before[i], after)
		}
	}
}

func TestADecodedEventCostsAtMostOneAllocation(t *testing.T) {
	event := generation(8 << 10)
	for name, value := range map[string][]byte{"event": event, "capture": captured(event), "exception": []byte(posthog("$exception",
		`"$ai_trace_id":"0af76519-16cd-43dd-8448-eb211c80319c","$exception_list":[{"type":"E","value":"a\nb","stacktrace":{"frames":[{"function":"f"}]}}]`))} {
		d := NewDecoder(DecoderConfig{})
		rec := recordOf(value)
		if n := testing.AllocsPerRun(500, func() { d.Decode(rec) }); n > 1 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// No field of an event, and nothing of a result that is kept, may hold the words of a prompt, an output or an error.
func TestPromptsOutputsAndErrorsReachNoEvent(t *testing.T) {
	const canary = "CANARY words of a user"
	text := jsonText(canary)
	for _, event := range []string{"$ai_generation", "$ai_embedding", "$ai_span", "$ai_trace", "$ai_feedback", "$exception", "llm_request_failed", "$ai_evaluation"} {
		var props []string
		for _, name := range []string{
			"$ai_input", "$ai_output_choices", "$ai_input_state", "$ai_output_state", "$ai_error", "error_message", "message", "error_details",
			"$ai_feedback_text", "$ai_evaluation_reasoning", "$ai_instructions", "$ai_tools", "prompt", "input", "output", "$exception_message", "$survey_response",
		} {
			props = append(props, jsonText(name)+":"+text)
		}
		props = append(props, `"$ai_is_error":true`, `"$exception_list":[{"type":"E","value":`+text+`,"stacktrace":{"frames":[{"context_line":`+text+`}]}}]`)
		value := posthog(event, strings.Join(props, ","))
		for _, v := range []string{value, string(captured([]byte(value))), `{"api_key":"k","batch":[` + value + `]}`} {
			res := decodeValue(v)
			if res.Reject != "" {
				t.Fatalf("%s: %s", event, res.Reject)
			}
			if kept := fmt.Sprintf("%+v %+v", res.Events[0].Event, res.Wrappers); strings.Contains(kept, "CANARY") {
				t.Errorf("%s: %s", event, kept)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	for i, c := range capturedRecords(f) {
		if i%7 == 0 {
			f.Add(c.Value, "")
		}
	}
	f.Add([]byte(posthog("$ai_generation", `"$ai_usage":{"a":[1,{"b":2}]},"$feature/x":1`)+"\n"+posthog("$exception", `"$exception_list":[{}]`)), "$exception")
	f.Add([]byte("\xef\xbb\xbf[[{}]]"), "")
	f.Add([]byte(`{"token":"t","now":"n","data":"\u007b\"event\":\"x\",\"properties\":{}}"}`), "")
	f.Fuzz(func(t *testing.T, value []byte, header string) {
		d := NewDecoder(DecoderConfig{})
		rec := recordOf(value)
		if header != "" {
			rec.Headers = []Header{{Key: "event", Value: []byte(header)}}
		}
		var res *Result
		if used := allocated(func() { res = d.Decode(rec) }); used > 48*uint64(len(value))+256<<10 {
			t.Fatalf("%d bytes allocated for a value of %d", used, len(value))
		}
		if res.Bug != "" {
			t.Fatalf("bug at %s", res.Bug)
		}
		if res.Reject != "" && len(res.Events) > 0 {
			t.Fatalf("rejected as %s with %d events", res.Reject, len(res.Events))
		}
		for i := range res.Events {
			e := &res.Events[i]
			checkEvent(t, e)
			for _, s := range stringsOf(reflect.ValueOf(e.Event)) {
				if strings.Contains(s, "Tell me a fun fact") {
					t.Fatalf("prompt text in an event: %q", s)
				}
			}
		}
		if again := d.Decode(rec); len(again.Events) != len(res.Events) || again.Reject != res.Reject {
			t.Fatalf("a second decode gives %d events, reject %q", len(again.Events), again.Reject)
		}
	})
}

// checkEvent holds what every stage behind the decoder relies on.
func checkEvent(t testing.TB, out *Decoded) {
	e := &out.Event
	if e.ID == "" || out.Ignored != (e.Kind == 0) {
		t.Fatalf("id %q, kind %v", e.ID, e.Kind)
	}
	if y := e.Time.Year(); (y < minYear || y > maxYear+1) && !e.Time.IsZero() {
		t.Fatalf("time %v", e.Time)
	}
	for _, s := range stringsOf(reflect.ValueOf(*e)) {
		if len(s) > MaxTextBytes || !clean([]byte(s)) {
			t.Fatalf("unfit text %q", s)
		}
	}
	if e.Kind == ExceptionEvent && (len(out.Sensitive.Exceptions) == 0 || len(out.Sensitive.Exceptions) > maxExceptions) {
		t.Fatalf("%d exceptions", len(out.Sensitive.Exceptions))
	}
	if e.Latency.Ok && (e.Latency.V < 0 || e.Latency.V > MaxLatency) {
		t.Fatalf("latency %v", e.Latency.V)
	}
}

// Memory is bounded by the value's size, whatever it holds.
func TestHostileRecordsCostBoundedMemory(t *testing.T) {
	const size = 2 << 20
	fill := func(head, unit, tail string) []byte {
		return append(append([]byte(head), bytes.Repeat([]byte(unit), (size-len(head)-len(tail))/len(unit))...), tail...)
	}
	for name, value := range map[string][]byte{
		"events":  fill(`{"api_key":"k","batch":[`, `{"event":"x"},`, `{"event":"x"}]}`),
		"frames":  fill(`{"event":"$exception","properties":{"$exception_list":[{"stacktrace":{"frames":[`, `{},`, `{}]}}]}}`),
		"links":   fill(`{"event":"$exception","properties":{"$exception_list":[`, `{},`, `{}]}}`),
		"escapes": fill(`{"event":"$ai_generation","properties":{"$ai_model":"`, `\u0000`, `"}}`),
		"usage":   fill(`{"event":"$ai_generation","properties":{"$ai_usage":[`, `1,`, `1]}}`),
		"lines":   fill(``, "{}\n", ``),
		"data":    fill(`{"token":"t","now":"n","data":"{\"event\":\"$ai_generation\",\"properties\":{\"$ai_error\":\"`, `\\u0041`, `\",\"$ai_is_error\":true}}"}`),
	} {
		d := NewDecoder(DecoderConfig{})
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		res := d.Decode(recordOf(value))
		runtime.ReadMemStats(&after)
		if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 80 { // of all allocations, most of it garbage of growing slices
			t.Errorf("%s: %d MiB for a value of 2 MiB (reject %q, %d events)", name, used, res.Reject, len(res.Events))
		}
	}
}

// One huge record must not be remembered in every decoder of the worker.
func TestAHugeRecordLeavesNoMemoryBehind(t *testing.T) {
	d := NewDecoder(DecoderConfig{})
	text := strings.Repeat(`\u0041`, 1<<20)
	d.Decode(recordOf([]byte(posthog("$ai_generation", `"$ai_is_error":true,"$ai_error":"`+text+`"`))))
	d.Decode(recordOf([]byte(`{"api_key":"k","batch":[` + strings.Repeat(`{"event":"x","properties":{}},`, 5000) + posthog("$exception",
		`"$exception_list":[`+strings.Repeat(`{"stacktrace":{"frames":[`+strings.Repeat("{},", 150)+`{}]}},`, 20)+`{}]`) + `]}`)))
	if n := len(d.result.Events); n != 5001 {
		t.Fatalf("%d events", n)
	}
	d.Decode(recordOf([]byte(posthog("$ai_generation", ""))))
	if cap(d.scratch) > maxKeptScratch || cap(d.result.Events) > maxKeptEvents || cap(d.stack.frames) > 4*maxFrames {
		t.Errorf("kept %d bytes, %d events, %d frames", cap(d.scratch), cap(d.result.Events), cap(d.stack.frames))
	}
}
