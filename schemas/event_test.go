package schemas

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestArticlesPayloadIsReadInFull(t *testing.T) {
	got := decodeOne(t, `{
  "event": "llm_request_completed", "distinct_id": "user_8f3a_hash",
  "properties": {
    "trace_id": "trace_01J7ZP8E9K4VQ2", "request_id": "req_01J7ZP8F3N1A6", "prompt_name": "support_answer",
    "prompt_version_id": "pv_2026_06_04_003", "prompt_hash": "sha256:9f2c", "provider": "openai", "model": "gpt-4.1-mini",
    "environment": "production", "task_type": "support_reply", "latency_ms": 1840, "input_tokens": 1284, "output_tokens": 312,
    "estimated_cost_usd": 0.0048, "status": "success", "input_length_bucket": "1k_2k_tokens", "output_category": "answer_with_citation",
    "trace_url": "https://your-llm-platform.example/traces/trace_01J7ZP8E9K4VQ2"}}`)
	want := Event{
		Kind: Call, ID: "events/3/17/0", IDMade: true, Time: now, TraceID: "trace_01J7ZP8E9K4VQ2",
		TraceIDRaw: "trace_01J7ZP8E9K4VQ2", RequestID: "req_01J7ZP8F3N1A6",
		Environment: "production", ProviderRaw: "openai", ModelRaw: "gpt-4.1-mini", Operation: OpChat, PromptName: "support_answer",
		PromptVersion: "pv_2026_06_04_003", PromptHash: "sha256:9f2c", TaskType: "support_reply", OutputCategory: "answer_with_citation",
		Status: StatusOK, Latency: Some(1840 * time.Millisecond), Usage: Usage{InputTokens: CountOf(1284), OutputTokens: CountOf(312)},
		InputBucket: "1k_2k_tokens", EstimatedCostUSD: Some(NewDecimal(48, 4)),
		TraceURL: "https://your-llm-platform.example/traces/trace_01J7ZP8E9K4VQ2", Warnings: WarnBadTime,
	}
	if !reflect.DeepEqual(got.Event, want) {
		t.Errorf("got  %+v\nwant %+v", got.Event, want)
	}
	if got.Sensitive.UserID != "user_8f3a_hash" {
		t.Errorf("user %q", got.Sensitive.UserID)
	}
}

func TestTokenCountsAreKeptExactlyOrMarkedInvalid(t *testing.T) {
	for literal, want := range map[string]string{
		`1284`: "1284", `3.0`: "3", `1e3`: "1000", `"12"`: "12", `0`: "0", `-0`: "0", `2.5`: "2.5", `"3.25"`: "3.25", `"1E2"`: "100",
		`9223372036854775807`: "9223372036854775807", `123456789012345678`: "123456789012345678", `0.1234567890123456789`: "0.1234567890123456789",
		`null`: "absent", `-5`: "invalid", `true`: "invalid", `false`: "invalid", `""`: "invalid", `"0x10"`: "invalid", `"NaN"`: "invalid",
		`"Infinity"`: "invalid", `9223372036854775808`: "invalid", `1e19`: "invalid", `1e399`: "invalid", `1e400000`: "invalid",
		`1e-400`: "invalid", `{}`: "invalid", `{"v":1}`: "invalid", `[1]`: "invalid", `"12 "`: "invalid", `"1_000"`: "invalid", `"twelve"`: "invalid",
	} {
		got := decodeProps(t, "$ai_generation", `"$ai_input_tokens":`+literal).Event.Usage.InputTokens
		text := [...]string{"absent", got.Exact.String(), "invalid"}[got.State]
		if text != want {
			t.Errorf("%s: %s, want %s", literal, text, want)
		}
	}
}

func TestZeroTokensOfAFailedCallAreNoCount(t *testing.T) {
	const zeros = `"$ai_input_tokens":0,"$ai_output_tokens":0`
	if u := decodeProps(t, "$ai_generation", zeros+`,"$ai_is_error":true`).Event.Usage; u.InputTokens.State != CountAbsent || u.OutputTokens.State != CountAbsent {
		t.Errorf("failed: %+v", u)
	}
	if u := decodeProps(t, "$ai_generation", zeros).Event.Usage; !u.InputTokens.Known() || !u.OutputTokens.Known() {
		t.Errorf("succeeded: %+v", u)
	}
	if u := decodeProps(t, "$ai_generation", `"$ai_input_tokens":7,"$ai_output_tokens":0,"$ai_is_error":true`).Event.Usage; !u.InputTokens.Known() || u.OutputTokens.State != CountAbsent {
		t.Errorf("failed after the prompt was counted: %+v", u)
	}
}

func TestLatencyUnitFollowsTheSender(t *testing.T) {
	const guessed = " guessed"
	for props, want := range map[string]string{
		`"latency_ms":1840`:                                     "1.84s",
		`"$ai_latency":0.064,"$ai_lib":"posthog-ai"`:            "64ms",
		`"$ai_latency":100,"$ai_lib":"posthog-ai"`:              "1m40s",
		`"$ai_latency":1000,"$ai_tokens_source":"sdk"`:          "16m40s",
		`"$ai_latency":2,"$ai_framework":"langchain"`:           "2s",
		`"$ai_latency":950,"$ai_time_to_first_token":0.2`:       "15m50s",
		`"$ai_latency":100,"$ai_ingestion_source":"otel"`:       "1m40s",
		`"$ai_latency":100`:                                     "100ms" + guessed,
		`"$ai_latency":100.5`:                                   "1m40.5s" + guessed,
		`"$ai_latency":99`:                                      "1m39s" + guessed,
		`"$ai_latency":900.5`:                                   "900.5ms" + guessed,
		`"$ai_latency":"0.5"`:                                   "500ms" + guessed,
		`"$ai_latency":100,"latency_ms":7`:                      "7ms",
		`"$ai_latency":1,"latency_ms":7,"$ai_lib":"posthog-ai"`: "1s",
		`"latency_ms":-1`:                                       "absent",
		`"latency_ms":86400001`:                                 "absent",
		`"latency_ms":86400000`:                                 "24h0m0s",
		`"latency_ms":"fast"`:                                   "absent",
		`"$ai_latency":86401,"$ai_lib":"posthog-ai"`:            "absent",
		`"$ai_latency":0.0000014,"$ai_lib":"posthog-ai"`:        "1µs",
		`"x":1`: "absent",
	} {
		e := decodeProps(t, "$ai_generation", props).Event
		got := "absent"
		if e.Latency.Ok {
			got = e.Latency.V.String()
		}
		if e.Warnings&WarnLatencyUnitGuessed != 0 {
			got += guessed
		}
		if got != want {
			t.Errorf("%s: %s, want %s", props, got, want)
		}
	}
	for unit, want := range map[LatencyUnit]time.Duration{LatencyMillis: 500 * time.Millisecond, LatencySeconds: 500 * time.Second} {
		d := NewDecoder(DecoderConfig{Topics: map[string]TopicConfig{"events": {LatencyUnit: unit}}})
		e := d.Decode(recordOf([]byte(posthog("$ai_generation", `"$ai_latency":500`)))).Events[0].Event
		if e.Latency != Some(want) || e.Warnings != 0 {
			t.Errorf("a topic of unit %s: %v, %v", unit, e.Latency, e.Warnings.Names())
		}
	}
}

func TestTimeComesFromTheBytesOfTheRecord(t *testing.T) {
	const v7, v4 = "01a20111-3e59-7884-8da0-9ac78c89f968", "bdc174f1-1f36-4f8a-807e-8bcc13bc8534"
	for _, tc := range []struct{ stamp, uuid, want string }{
		{`"2026-11-22T02:23:57.017Z"`, v7, "2026-11-22T02:23:57.017Z"},
		{`"2026-11-22T02:23:57.017123456+00:00"`, v4, "2026-11-22T02:23:57.017123Z"},
		{`"2026-11-22T07:53:57+05:30"`, v4, "2026-11-22T02:23:57Z"},
		{`"2026-11-21T21:23:57-0500"`, v4, "2026-11-22T02:23:57Z"},
		{`"2026-11-22 02:23:57.017000"`, v4, "2026-11-22T02:23:57.017Z"},
		{`"2026-11-22T02:23:57"`, v4, "2026-11-22T02:23:57Z"},
		{`"1970-01-01T00:00:00Z"`, v4, "1970-01-01T00:00:00Z"},
		{`"2024-02-29T00:00:00Z"`, v4, "2024-02-29T00:00:00Z"},
		{`"2026-11-23T01:22:57+23:00"`, v4, "2026-11-22T02:22:57Z"},
		{`"2026-11-23T02:22:57+23:59"`, v4, "2026-11-22T02:23:57Z"},
		{`"2026-11-22T02:23:57+24:00"`, v4, "2026-11-22T02:24:00Z bad_time"},
		{`"2026-11-22T02:23:57+0a:00"`, v4, "2026-11-22T02:24:00Z bad_time"},
		{`"2026-11-22T02:23:57+00:60"`, v4, "2026-11-22T02:24:00Z bad_time"},
		{`"2026-11-22T02:23:57x"`, v4, "2026-11-22T02:24:00Z bad_time"},
		{`"2026-11-22T02:23:57z"`, v4, "2026-11-22T02:23:57Z"},
		{`"2026-11-22T02:23:60Z"`, v4, "2026-11-22T02:24:00Z bad_time"},
		{`"2026-11-22T02:60:00Z"`, v4, "2026-11-22T02:24:00Z bad_time"},
		{`"2026-13-01T00:00:00Z"`, v4, "2026-11-22T02:24:00Z bad_time"},
		{`"2026-00-01T00:00:00Z"`, v4, "2026-11-22T02:24:00Z bad_time"},
		{`"2026/11/22 02:23:57"`, v4, "2026-11-22T02:24:00Z bad_time"},
		{`"2200-01-01T00:00:00Z"`, v4, "2026-11-22T02:24:00Z bad_time"},
		{`"1969-12-31T23:59:59Z"`, v4, "2026-11-22T02:24:00Z bad_time"},
		{`"1970-01-01T00:00:00+01:00"`, v4, "2026-11-22T02:24:00Z bad_time"},
		{`"2026-02-29T00:00:00Z"`, v7, "2026-11-22T02:23:57.017Z bad_time"},
		{`null`, v7, "2026-11-22T02:23:57.017Z bad_time"},
		{`null`, v4, "2026-11-22T02:24:00Z bad_time"},
		{`""`, v4, "2026-11-22T02:24:00Z bad_time"},
		{`"soon"`, v4, "2026-11-22T02:24:00Z bad_time"},
		{`1795314237017`, v4, "2026-11-22T02:24:00Z bad_time"},
		{`{}`, v4, "2026-11-22T02:24:00Z bad_time"},
		{`"2026-11-22T02:23:57+99:00"`, v4, "2026-11-22T02:24:00Z bad_time"},
		{`"9999-11-22T02:23:57Z"`, v4, "2026-11-22T02:24:00Z bad_time"},
		{`"0001-01-01T00:00:00Z"`, v4, "2026-11-22T02:24:00Z bad_time"},
		{`"2026-11-22T24:00:00Z"`, v4, "2026-11-22T02:24:00Z bad_time"},
		{`"2026-11-22T02:23:57."`, v4, "2026-11-22T02:24:00Z bad_time"},
		{`null`, "ffffffff-ffff-7fff-8da0-9ac78c89f968", "2026-11-22T02:24:00Z bad_time"},
	} {
		e := decodeOne(t, fmt.Sprintf(`{"event":"$ai_generation","properties":{},"timestamp":%s,"uuid":%q}`, tc.stamp, tc.uuid)).Event
		got := e.Time.Format(time.RFC3339Nano)
		if e.Warnings&WarnBadTime != 0 {
			got += " bad_time"
		}
		if got != tc.want {
			t.Errorf("%s, %s: %s, want %s", tc.stamp, tc.uuid, got, tc.want)
		}
	}
}

func TestAbsurdRecordTimestampsAreNoTime(t *testing.T) {
	for _, ts := range []time.Time{{}, time.UnixMilli(-1), time.UnixMilli(1 << 62), time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)} {
		rec := recordOf([]byte(`{"event":"$ai_generation","properties":{}}`))
		rec.Timestamp = ts
		if e := NewDecoder(DecoderConfig{}).Decode(rec).Events[0].Event; !e.Time.IsZero() || e.Warnings != WarnBadTime {
			t.Errorf("%v: time %v, warnings %v", ts, e.Time, e.Warnings.Names())
		}
	}
}

func TestSpanThatPostHogTookInIsStampedAtItsEnd(t *testing.T) {
	e := decodeProps(t, "$ai_generation", `"$ai_ingestion_source":"otel","$ai_latency":1.5`).Event
	if want := time.Date(2026, 11, 22, 2, 23, 58, 517_000_000, time.UTC); !e.Time.Equal(want) || e.Usage.Framework != "otel" {
		t.Errorf("time %v, want %v; framework %q", e.Time, want, e.Usage.Framework)
	}
}

func TestParseTimeAgreesWithTheStandardLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := time.UnixMicro(rapid.Int64Range(0, 7_000_000_000_000_000).Draw(t, "us")).
			In(time.FixedZone("", 60*rapid.IntRange(-840, 840).Draw(t, "offset")))
		layout := rapid.SampledFrom([]string{time.RFC3339Nano, "2006-01-02T15:04:05.000000Z07:00", "2006-01-02 15:04:05.000000-0700"}).Draw(t, "layout")
		if got, ok := parseTime([]byte(want.Format(layout))); !ok || !got.Equal(want) || got.Location() != time.UTC {
			t.Fatalf("%s: %v %v", want.Format(layout), got, ok)
		}
	})
}

func TestStatusFollowsTheEvidenceOfTheEvent(t *testing.T) {
	for _, tc := range []struct {
		event, props string
		want         Status
	}{
		{"$ai_generation", ``, StatusOK},
		{"$ai_generation", `"$ai_is_error":true`, StatusError},
		{"$ai_generation", `"$ai_is_error":true,"$ai_http_status":200`, StatusError},
		{"$ai_generation", `"$ai_is_error":"true"`, StatusError},
		{"$ai_generation", `"$ai_is_error":false,"$ai_error":"x","$ai_http_status":500`, StatusOK},
		{"$ai_generation", `"$ai_error":"boom"`, StatusError},
		{"$ai_generation", `"$ai_error":""`, StatusOK},
		{"$ai_generation", `"$ai_error":{"message":"x"}`, StatusError},
		{"$ai_generation", `"$ai_http_status":429`, StatusError},
		{"$ai_generation", `"$ai_http_status":400`, StatusError},
		{"$ai_generation", `"$ai_http_status":399`, StatusOK},
		{"$ai_generation", `"$ai_stop_reason":"content_filter"`, StatusBlocked},
		{"$ai_generation", `"$ai_stop_reason":"failed"`, StatusError},
		{"$ai_generation", `"$ai_stop_reason":"length"`, StatusOK},
		{"llm_request_started", `"status":"error"`, StatusStarted},
		{"llm_request_completed", ``, StatusOK},
		{"llm_request_completed", `"status":"success"`, StatusOK},
		{"llm_request_completed", `"status":"timeout"`, StatusTimeout},
		{"llm_request_completed", `"status":"blocked"`, StatusBlocked},
		{"llm_request_completed", `"status":"Validation_Failed"`, StatusValidationFailed},
		{"llm_request_completed", `"status":"error"`, StatusError},
		{"llm_request_completed", `"status":"whatever"`, StatusOK},
		{"llm_request_failed", ``, StatusError},
		{"llm_request_failed", `"status":"timeout"`, StatusTimeout},
		{"llm_request_failed", `"status":"success"`, StatusError},
		{"$ai_span", `"$ai_is_error":true`, StatusError},
		{"$ai_trace", `"$ai_is_error":false`, StatusOK},
		{"$ai_feedback", ``, NoStatus},
	} {
		if got := decodeProps(t, tc.event, tc.props).Event.Status; got != tc.want {
			t.Errorf("%s {%s}: %v, want %v", tc.event, tc.props, got, tc.want)
		}
	}
}

func TestOperationIsReadFromNameOrProperty(t *testing.T) {
	for _, tc := range []struct {
		event, props string
		want         Operation
	}{
		{"$ai_generation", ``, OpChat},
		{"$ai_embedding", ``, OpEmbedding},
		{"llm_request_completed", ``, OpChat},
		{"llm_request_completed", `"operation":"Completion"`, OpCompletion},
		{"llm_request_completed", `"operation":"embeddings"`, OpEmbedding},
		{"llm_request_completed", `"operation":"rerank"`, OpRerank},
		{"llm_request_completed", `"operation":"image"`, OpImage},
		{"llm_request_completed", `"operation":"audio"`, OpAudio},
		{"llm_request_completed", `"operation":"other"`, OpOther},
		{"$ai_span", `"operation":"rerank"`, NoOperation},
	} {
		if got := decodeProps(t, tc.event, tc.props).Event.Operation; got != tc.want {
			t.Errorf("%s {%s}: %v, want %v", tc.event, tc.props, got, tc.want)
		}
	}
}

func TestTraceURLIsALinkOrNothing(t *testing.T) {
	for url, keep := range map[string]bool{
		"https://llm.example/traces/t1?a=b#c": true, "http://localhost:3000/t": true, "javascript:alert(1)": false, "//llm.example/t": false, "": false,
		"https://user:secret@llm.example/t": false, "https://llm.example/" + strings.Repeat("x", 200): false, "https://llm.example/\u202e": false,
		`https://llm.example/"onclick="x`: false, "https://llm.example/a@b": true, "data:text/html,x": false,
	} {
		got := decodeProps(t, "$ai_generation", `"trace_url":"`+strings.ReplaceAll(url, `"`, `\"`)+`"`).Event.TraceURL
		if want := map[bool]string{true: url}[keep]; got != want {
			t.Errorf("%s: %q", url, got)
		}
	}
}

func TestTopicSettingsReportEveryProblem(t *testing.T) {
	for _, ok := range []TopicConfig{{}, {Format: FormatPostHogBatch, LatencyUnit: LatencyMillis}, {LatencyUnit: LatencyAuto}} {
		if err := ok.Validate(); err != nil {
			t.Errorf("%+v: %v", ok, err)
		}
	}
	err := TopicConfig{Format: "avro", LatencyUnit: "min"}.Validate()
	if err == nil || !strings.Contains(err.Error(), `"avro"`) || !strings.Contains(err.Error(), `"min"`) {
		t.Errorf("%v", err)
	}
}

func TestHTTPStatusIsAsSent(t *testing.T) {
	for literal, want := range map[string]int{`429`: 429, `0`: 0, `"503"`: 503, `200`: 200, `-1`: 0, `70000`: 0, `"x"`: 0, `null`: 0} {
		if got := decodeProps(t, "$ai_generation", `"$ai_http_status":`+literal).Event.HTTPStatus; got != want {
			t.Errorf("%s: %d, want %d", literal, got, want)
		}
	}
}

func TestAttemptsAreReadAsStated(t *testing.T) {
	e := decodeProps(t, "$ai_generation", `"attempt":2,"retry_count":3,"retry":true`).Event
	if e.Attempt != Some[int64](2) || e.Retries != 3 || e.Final != Some(false) {
		t.Errorf("%+v %d %+v", e.Attempt, e.Retries, e.Final)
	}
	e = decodeProps(t, "llm_task_completed", `"trace_id":"t","retry_count":3`).Event
	if e.Retries != 0 || e.Measures.Retries != Some[int64](3) {
		t.Errorf("retries of a task: %d, %+v", e.Retries, e.Measures.Retries)
	}
}

func TestTopicDefaultsStandInForWhatAnEventLacks(t *testing.T) {
	d := NewDecoder(DecoderConfig{Topics: map[string]TopicConfig{"events": {Environment: "staging", Service: "chat", Provider: "azure"}}})
	e := d.Decode(recordOf([]byte(posthog("$ai_generation", `"environment":"production"`)))).Events[0].Event
	if e.Environment != "production" || e.Service != "chat" || e.ProviderRaw != "azure" {
		t.Errorf("%q %q %q", e.Environment, e.Service, e.ProviderRaw)
	}
}

func TestTextIsFitForATableAndATerminal(t *testing.T) {
	const repaired, trimmed = WarnTextRepaired, WarnTextTrimmed
	for _, tc := range []struct {
		literal, want string
		warn          Warnings
	}{
		{`"gpt-4o"`, "gpt-4o", 0},
		{`"  gpt-4o\n"`, "gpt-4o", 0},
		{`"modèle 😀"`, "modèle 😀", 0},
		{`"a\u0000b"`, "a\ufffdb", repaired},
		{`"a\nlevel=info b"`, "a\ufffdlevel=info b", repaired},
		{`"a\u202egpj"`, "a\ufffdgpj", repaired},
		{`"a\ud800b"`, "a\ufffdb", repaired},
		{`"a\ufffdb"`, "a\ufffdb", 0},
		{"\"a\xffb\"", "a\ufffdb", repaired},
		{"\"a\xc3\"", "a\ufffd", repaired},
		{`"` + strings.Repeat("m", 200) + `"`, strings.Repeat("m", 200), 0},
		{`"` + strings.Repeat("m", 201) + `"`, strings.Repeat("m", 200), trimmed},
		{`"` + strings.Repeat("é", 100) + `é"`, strings.Repeat("é", 100), trimmed},
		{`"m` + strings.Repeat("é", 100) + `"`, "m" + strings.Repeat("é", 99), trimmed},
		{`"` + strings.Repeat("m", 50_000) + `"`, strings.Repeat("m", 200), trimmed},
		{`{"name":"gpt-4o"}`, "", 0},
		{`5`, "", 0},
	} {
		e := decodeProps(t, "$ai_generation", `"$ai_model":`+tc.literal).Event
		if e.ModelRaw != tc.want || e.Warnings != tc.warn {
			t.Errorf("%.60s: %q %v, want %q %v", tc.literal, e.ModelRaw, e.Warnings.Names(), tc.want, tc.warn.Names())
		}
	}
}

func TestCharactersThatForgeOrHideAreUnfit(t *testing.T) {
	for _, r := range []rune{0, 0x1f, 0x7f, 0x80, 0x9f, 0x61c, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202e, 0x2066, 0x2069} {
		if !unfit(r) || clean([]byte("é"+string(r))) {
			t.Errorf("%U passes", r)
		}
	}
	for _, r := range []rune{' ', 'a', '~', 0xa0, 0x61b, 0x61d, 0x200d, 0x2010, 0x2027, 0x202f, 0x2065, 0x206a, 0xfffd, 0x1f600} {
		if unfit(r) || !clean([]byte(string(r))) {
			t.Errorf("%U does not pass", r)
		}
	}
}

func TestOfAKeyThatDecidesNoBillTheLastOneCounts(t *testing.T) {
	if got := decodeProps(t, "$ai_generation", `"environment":"a","environment":"b"`).Event.Environment; got != "b" {
		t.Errorf("%q", got)
	}
}

func TestACountRoundsHalfUpAndOnlyIfItIsUsable(t *testing.T) {
	for literal, want := range map[string]Opt[int64]{`2.5`: Some[int64](3), `7`: Some[int64](7), `-1`: {}, `null`: {}} {
		n, ok := decodeProps(t, "$ai_generation", `"$ai_input_tokens":`+literal).Event.Usage.InputTokens.Int()
		if (Opt[int64]{V: n, Ok: ok}) != want {
			t.Errorf("%s: %d %v", literal, n, ok)
		}
	}
}

// Unfit text may stand in every field; none may let it through.
func TestNoFieldLetsUnfitTextThrough(t *testing.T) {
	for _, n := range propertyNames {
		for _, event := range []string{"$ai_generation", "$ai_span", "llm_task_completed", "$ai_metric", "$ai_evaluation"} {
			e := decodeProps(t, event, jsonText(n.name)+`:"\u202ex\u0000`+strings.Repeat("y", 500)+`"`).Event
			for _, s := range stringsOf(reflect.ValueOf(e)) {
				if len(s) > MaxTextBytes || !clean([]byte(s)) {
					t.Errorf("%s in %s: %q", n.name, event, s)
				}
			}
		}
	}
}

// stringsOf is every string that a value holds.
func stringsOf(v reflect.Value) (all []string) {
	switch v.Kind() {
	case reflect.String:
		return []string{v.String()}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() || v.Type() == reflect.TypeFor[Decimal]() {
			return nil
		}
		for i := range v.NumField() {
			all = append(all, stringsOf(v.Field(i))...)
		}
	case reflect.Slice:
		for i := range v.Len() {
			all = append(all, stringsOf(v.Index(i))...)
		}
	}
	return all
}
