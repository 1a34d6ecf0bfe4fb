package schemas

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// generation is a $ai_generation as @posthog/ai sends it, filled up with prompt text to about size bytes.
func generation(size int) []byte {
	const head = `{"event":"$ai_generation","properties":{"$ai_lib":"posthog-ai","$ai_lib_version":"8.13.1","$ai_provider":"openai",` +
		`"$ai_model":"gpt-4o-mini","$ai_model_parameters":{"temperature":0.2,"max_tokens":300},"$ai_input":[`
	const tail = `],"$ai_http_status":200,"$ai_input_tokens":1284,"$ai_output_tokens":312,"$ai_reasoning_tokens":64,` +
		`"$ai_cache_read_input_tokens":1024,"$ai_latency":0.064,"$ai_trace_id":"01a20111-3e59-7884-8da0-9ac78c89f968",` +
		`"$ai_base_url":"https://api.openai.com/v1","$ai_cache_reporting_exclusive":false,"prompt_name":"support_answer",` +
		`"prompt_version_id":"pv_2026_06_04_003","environment":"production","$ai_session_id":"sess_42",` +
		`"$feature/support-answer-prompt-test":"treatment","$ai_tokens_source":"sdk","$ai_stop_reason":"stop",` +
		`"$ai_completion_id":"chatcmpl-1795314236","$lib":"posthog-node","$lib_version":"5.70.0","$is_server":true},` +
		`"timestamp":"2026-11-22T02:23:57.017Z","uuid":"01a20111-3e59-7884-8da0-9ac78c89f968","distinct_id":"user_8f3a_hash"}`
	const line = `Tell me a fun fact about \"hedgehogs\" and how many spines they carry around.\n`
	var b strings.Builder
	b.WriteString(head)
	for n := 0; b.Len()+len(tail) < size || n == 0; n++ {
		if n > 0 {
			b.WriteByte(',')
		}
		fill := min(25, max(0, (size-b.Len()-len(tail))/len(line)))
		b.WriteString(`{"role":"user","content":"` + strings.Repeat(line, fill) + `"}`)
	}
	b.WriteString(tail)
	return []byte(b.String())
}

// captured is the event as PostHog's capture puts it on a topic.
func captured(event []byte) []byte {
	data, err := json.Marshal(string(event))
	if err != nil {
		panic(err)
	}
	return fmt.Appendf(nil, `{"uuid":"01a20111-3e59-7884-8da0-9ac78c89f968","distinct_id":"user_8f3a_hash","ip":"127.0.0.1","data":%s,`+
		`"now":"2026-11-22T02:24:00.123456Z","token":"phc_x","event":"$ai_generation","timestamp":"2026-11-22T02:23:57.017Z"}`, data)
}

func BenchmarkDecode(b *testing.B) {
	for _, size := range []int{1 << 10, 8 << 10, 40 << 10} {
		event := generation(size)
		for _, in := range []struct {
			name  string
			value []byte
		}{{"event", event}, {"capture", captured(event)}} {
			b.Run(fmt.Sprintf("%s/%dKB", in.name, size>>10), func(b *testing.B) {
				d := NewDecoder(DecoderConfig{SkipInput: true})
				rec := &Record{Topic: "events", Value: in.value}
				b.SetBytes(int64(len(in.value)))
				b.ReportAllocs()
				for b.Loop() {
					if res := d.Decode(rec); res.Reject != "" || len(res.Events) != 1 {
						b.Fatal(res.Reject)
					}
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
			})
		}
	}
}

// BenchmarkScan is the share of Decode that finds and checks the values; the rest makes an event of them.
func BenchmarkScan(b *testing.B) {
	for _, size := range []int{1 << 10, 8 << 10, 40 << 10} {
		event := generation(size)
		for _, in := range []struct {
			name  string
			value []byte
		}{{"event", event}, {"capture", captured(event)}} {
			b.Run(fmt.Sprintf("%s/%dKB", in.name, size>>10), func(b *testing.B) {
				d := NewDecoder(DecoderConfig{})
				b.SetBytes(int64(len(in.value)))
				for b.Loop() {
					s := scanner{buf: in.value}
					if s.next() != '{' || !d.scanShape(&s, &d.outer, &d.inner) {
						b.Fatal(s.reason)
					}
				}
			})
		}
	}
}

// BenchmarkEncodingJSON reads the same values into structs with the standard library: the yardstick of the decision
// record on the scanner.
func BenchmarkEncodingJSON(b *testing.B) {
	type event struct {
		Event, UUID, Timestamp, DistinctID string
		Properties                         struct {
			Lib      string      `json:"$ai_lib"`
			Provider string      `json:"$ai_provider"`
			Model    string      `json:"$ai_model"`
			Status   int         `json:"$ai_http_status"`
			Input    json.Number `json:"$ai_input_tokens"`
			Output   json.Number `json:"$ai_output_tokens"`
			Read     json.Number `json:"$ai_cache_read_input_tokens"`
			Thought  json.Number `json:"$ai_reasoning_tokens"`
			Latency  float64     `json:"$ai_latency"`
			Trace    string      `json:"$ai_trace_id"`
			URL      string      `json:"$ai_base_url"`
			Prompt   string      `json:"prompt_name"`
			Version  string      `json:"prompt_version_id"`
			Env      string      `json:"environment"`
			Session  string      `json:"$ai_session_id"`
			Stop     string      `json:"$ai_stop_reason"`
		}
	}
	for _, size := range []int{1 << 10, 8 << 10, 40 << 10} {
		bare := generation(size)
		wrapped := captured(bare)
		b.Run(fmt.Sprintf("event/%dKB", size>>10), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var e event
				if err := json.Unmarshal(bare, &e); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("capture/%dKB", size>>10), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var c struct{ Data string }
				var e event
				if err := json.Unmarshal(wrapped, &c); err != nil {
					b.Fatal(err)
				}
				if err := json.Unmarshal([]byte(c.Data), &e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
