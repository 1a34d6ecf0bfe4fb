package main

import (
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// failureShare is one failed call in so many, each followed by its exception: 1.2 % of the events.
const failureShare = 80

// source invents the events of one run: what @posthog/ai sends of a call ($ai_generation), with 30 scalars, and now and
// then the exception of a call that failed. Equal seeds give equal bytes.
type source struct {
	r       *rand.Rand
	corpus  string
	size    int // bytes of an event, about
	capture bool
	buf     []byte
	// failed is the trace of the last failed call that no exception names yet.
	failed string
}

func newSource(seed uint64, sizeKB int, capture bool) *source {
	r := rand.New(rand.NewPCG(seed, 7)) //nolint:gosec // it must repeat itself, and guards nothing
	return &source{r: r, corpus: corpus(r), size: sizeKB << 10, capture: capture}
}

// app is what stays together in an application: its prompts and the model behind them.
type app struct{ provider, model, url, service, prompt, task string }

func apps() []app {
	return []app{
		{"openai", "gpt-4o-mini", "https://api.openai.com/v1", "support", "support_answer", "answer"},
		{"openai", "gpt-4o", "https://api.openai.com/v1", "support", "support_triage", "classify"},
		{"openai", "gpt-4.1-mini", "https://api.openai.com/v1", "search", "rewrite_query", "rewrite"},
		{"anthropic", "claude-sonnet-4-5", "https://api.anthropic.com", "writer", "draft_reply", "draft"},
		{"anthropic", "claude-3-5-haiku-latest", "https://api.anthropic.com", "writer", "shorten", "rewrite"},
		{"gemini", "gemini-2.5-flash", "https://generativelanguage.googleapis.com", "docs", "extract_invoice", "extract"},
		{"gemini", "gemini-2.5-pro", "https://generativelanguage.googleapis.com", "docs", "summarise", "summarise"},
		{"openai", "gpt-4o-mini", "https://api.openai.com/v1", "docs", "label_ticket", "classify"},
	}
}

// record is the value of a record of n events: the event itself, or a body of PostHog's /batch/.
func (s *source) record(at time.Time, n int) []byte {
	if n == 1 {
		return s.next(at)
	}
	body := []byte(`{"api_key":"phc_bench","batch":[`)
	for i := range n {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, s.next(at.Add(time.Duration(i)*fillSpacing))...)
	}
	return append(body, "]}"...)
}

// next is the value of one more event that happened at a time. It is a copy of its own.
func (s *source) next(at time.Time) []byte {
	if s.failed != "" && s.r.IntN(3) > 0 {
		s.exception(at)
	} else {
		s.generation(at)
	}
	if !s.capture {
		return append([]byte(nil), s.buf...)
	}
	return s.captured(at)
}

// generation writes one call to buf; one in failureShare fails.
func (s *source) generation(at time.Time) {
	a := apps()[s.r.IntN(len(apps()))]
	fails := s.r.IntN(failureShare) == 0
	s.buf = append(s.buf[:0], `{"event":"$ai_generation","properties":{"$ai_lib":"posthog-ai","$ai_lib_version":"8.13.1"`...)
	s.text("$ai_provider", a.provider)
	s.text("$ai_model", a.model)
	s.raw("$ai_model_parameters", `{"temperature":0.2,"max_tokens":900,"stream":true}`)
	trace := s.uuid(at)
	room := s.size - 1100
	if room > 200 {
		s.prompts(room)
	}
	s.outcome(fails)
	s.text("$ai_trace_id", trace)
	s.text("$ai_span_id", s.hex(8))
	s.text("$ai_session_id", "sess_"+strconv.Itoa(s.r.IntN(20_000)))
	s.text("$ai_base_url", a.url)
	s.text("$ai_tokens_source", "sdk")
	s.text("prompt_name", a.prompt)
	s.text("prompt_version_id", "pv_2026_06_04_00"+strconv.Itoa(1+s.r.IntN(2)))
	s.text("task_type", a.task)
	s.text("environment", "production")
	s.text("service", a.service)
	s.text("$feature/"+a.prompt+"-test", []string{"control", "treatment"}[s.r.IntN(2)])
	s.text("request_id", "req_"+s.hex(12))
	s.raw("attempt", "1")
	s.text("$ai_completion_id", "chatcmpl-"+s.hex(10))
	s.text("$lib", "posthog-node")
	s.text("$lib_version", "5.70.0")
	s.raw("$is_server", "true")
	s.raw("$geoip_disable", "true")
	s.end(at)
	if fails {
		s.failed = trace
	}
}

// outcome writes what the provider answered: usage and latency, or an error.
func (s *source) outcome(fails bool) {
	s.raw("$ai_latency", strconv.FormatFloat(float64(200+s.r.IntN(6000))/1000, 'f', 3, 64))
	if fails {
		s.raw("$ai_http_status", "429")
		s.raw("$ai_is_error", "true")
		s.text("$ai_error", "429 Rate limit reached for requests per min (RPM): Limit 500, Used 500, Requested 1.")
		return
	}
	in := 300 + s.r.IntN(4000)
	s.raw("$ai_http_status", "200")
	s.raw("$ai_time_to_first_token", strconv.FormatFloat(float64(50+s.r.IntN(900))/1000, 'f', 3, 64))
	s.raw("$ai_input_tokens", strconv.Itoa(in))
	s.raw("$ai_output_tokens", strconv.Itoa(20+s.r.IntN(700)))
	s.raw("$ai_cache_read_input_tokens", strconv.Itoa(in/4))
	s.raw("$ai_cache_reporting_exclusive", "false")
	s.text("$ai_stop_reason", "stop")
}

// prompts writes a conversation of about room bytes: a few turns of input, a fifth of it answer.
func (s *source) prompts(room int) {
	turns := 1 + room/4000
	s.buf = append(s.buf, `,"$ai_input":[{"role":"system","content":"You answer politely."}`...)
	for range turns {
		s.buf = append(s.buf, `,{"role":"user","content":"`...)
		s.prose(room * 4 / 5 / turns)
		s.buf = append(s.buf, `"}`...)
	}
	s.buf = append(s.buf, `],"$ai_output_choices":[{"role":"assistant","content":"`...)
	s.prose(room / 5)
	s.buf = append(s.buf, `"}]`...)
}

// exception writes what posthog-node captures of the last failed call.
func (s *source) exception(at time.Time) {
	s.buf = append(s.buf[:0], `{"event":"$exception","properties":{"$lib":"posthog-node","$lib_version":"5.70.0"`...)
	s.text("$ai_trace_id", s.failed)
	s.text("environment", "production")
	s.raw("$exception_list", `[{"type":"RateLimitError","value":"429 Rate limit reached for requests per min (RPM)",`+
		`"mechanism":{"handled":true,"type":"generic"},"stacktrace":{"type":"raw","frames":[`+
		`{"filename":"/app/src/answer.js","function":"answer","lineno":41,"colno":9,"in_app":true,"platform":"node:javascript"},`+
		`{"filename":"/app/node_modules/openai/core.js","function":"APIError.generate","lineno":62,"colno":20,"in_app":false,"platform":"node:javascript"}]}}]`)
	s.raw("$exception_level", `"error"`)
	s.end(at)
	s.failed = ""
}

func (s *source) end(at time.Time) {
	s.buf = append(s.buf, `},"timestamp":"`...)
	s.buf = at.UTC().AppendFormat(s.buf, "2006-01-02T15:04:05.000Z")
	s.buf = append(s.buf, `","uuid":"`...)
	s.buf = append(s.buf, s.uuid(at)...)
	s.buf = append(s.buf, `","distinct_id":"user_`...)
	s.buf = strconv.AppendInt(s.buf, int64(s.r.IntN(5_000)), 10)
	s.buf = append(s.buf, `_hash"}`...)
}

// captured is the event in the envelope in which PostHog's capture service writes it: a JSON string among its fields.
// Source: PostHog/posthog rust/common/types/src/event.rs.
func (s *source) captured(at time.Time) []byte {
	data, err := json.Marshal(string(s.buf))
	if err != nil {
		panic(err) // a string always marshals
	}
	out := append(make([]byte, 0, len(data)+300), `{"uuid":"`...)
	out = append(out, s.uuid(at)...)
	out = append(out, `","distinct_id":"user_1_hash","ip":"127.0.0.1","data":`...)
	out = append(out, data...)
	out = append(out, `,"now":"`...)
	out = at.UTC().AppendFormat(out, "2006-01-02T15:04:05.000000Z")
	return append(out, `","token":"phc_bench"}`...)
}

// text writes a member whose value needs no escape.
func (s *source) text(key, value string) {
	s.raw(key, `"`+value+`"`)
}

func (s *source) raw(key, value string) {
	s.buf = append(s.buf, ',', '"')
	s.buf = append(s.buf, key...)
	s.buf = append(s.buf, '"', ':')
	s.buf = append(s.buf, value...)
}

// uuid is of version 7, as posthog-node makes them.
func (s *source) uuid(at time.Time) string {
	var id uuid.UUID
	ms := uint64(at.UnixMilli())
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	hi, lo := s.r.Uint64(), s.r.Uint64()
	for i := range 8 {
		id[8+i] = byte(lo >> (8 * i))
	}
	id[6], id[7] = 0x70|byte(hi)&0x0f, byte(hi>>8)
	id[8] = 0x80 | id[8]&0x3f
	return id.String()
}

func (s *source) hex(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(s.r.Uint32())
	}
	return hex.EncodeToString(b)
}
